"""The scores by which runs are compared."""

from __future__ import annotations

from dataclasses import dataclass

from shoal.analysis.summary import Summary
from shoal.objectives.metrics import Scores
from shoal.objectives.registry import Metric

# Attributes of `Row`, in the order in which tests are reported.
MEASURES = ("confirmation", "search", "test", "ensemble")


def measure_text(measure: str, metric: Metric) -> str:
    """What one of `MEASURES` says, in a few words.

    Examples
    --------
    >>> from shoal.objectives.registry import ACCURACY
    >>> measure_text("confirmation", ACCURACY)
    'accuracy on unused random streams'
    """
    word = metric.word
    texts = {
        "confirmation": f"{word} on unused random streams",
        "search": f"{word} as the search saw it",
        "test": f"test {word} of single networks",
        "ensemble": f"test {word} of the ensemble",
    }
    return texts[measure]


@dataclass(frozen=True, slots=True)
class Row:
    """A run in a comparison. Scores are in the metric's unit; None: not known.

    Attributes
    ----------
    run, name, state
        The run.
    search, search_ci95
        Score of the best genome as the search saw it, with Student's 95 % interval.
    confirmation, confirmation_ci95
        The same on random streams on which nothing was selected.
    test, ensemble
        On the test part: of the champion's networks on average, and of what they give together.
    generations, evaluations
        How many were completed.
    seconds
        Active training time.
    metric
        The name of the run's metric.
    """

    run: int
    name: str
    state: str
    search: float | None
    search_ci95: tuple[float, float] | None
    confirmation: float | None
    confirmation_ci95: tuple[float, float] | None
    test: float | None
    ensemble: float | None
    generations: int
    evaluations: int
    seconds: float
    metric: str

    @classmethod
    def of(cls, summary: Summary) -> Row:
        """The row of one run."""
        run = summary.run
        search = search_ci95 = None
        confirmation = confirmation_ci95 = None
        if summary.best:
            search = summary.best.score
            search_ci95 = summary.best.ci95
        if summary.best and summary.best.confirmation:
            confirmation = summary.best.confirmation.score
            confirmation_ci95 = summary.best.confirmation.ci95

        return cls(
            run=run.id,
            name=run.name,
            state=run.state,
            search=search,
            search_ci95=search_ci95,
            confirmation=confirmation,
            confirmation_ci95=confirmation_ci95,
            test=_test_score(summary.scores, run.metric),
            ensemble=_test_score(summary.ensemble, run.metric),
            generations=run.generations,
            evaluations=run.evaluations,
            seconds=round(run.seconds, 3),
            metric=run.metric.name,
        )

    def score(self, measure: str) -> float | None:
        """The score by one of `MEASURES`, in the metric's unit."""
        value: float | None = getattr(self, measure)
        return value


def _test_score(scores: Scores | None, metric: Metric) -> float | None:
    """On the test part; None where there are no scores or no such part."""
    if scores is None or scores.test is None:
        return None
    return scores.test[metric.name]
