"""The accuracies by which runs are compared."""

from __future__ import annotations

from dataclasses import dataclass

from shoal.analysis.summary import Summary
from shoal.objectives.metrics import Scores

# Attributes of `Row`, in the order in which tests are reported, and what each says.
MEASURES = {
    "confirmation": "accuracy on unused random streams",
    "search": "accuracy as the search saw it",
    "test": "test accuracy of single networks",
    "ensemble": "test accuracy of the ensemble",
}


@dataclass(frozen=True, slots=True)
class Row:
    """A run in a comparison. Accuracies are in percent; None: not known.

    Attributes
    ----------
    run, name, state
        The run.
    search, search_ci95
        Accuracy of the best genome as the search saw it, with Student's 95 % interval.
    confirmation, confirmation_ci95
        The same on random streams on which nothing was selected.
    test, ensemble
        On the test rows: of the champion's networks on average, and of their ensemble.
    generations, evaluations
        How many were completed.
    seconds
        Active training time.
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

    @classmethod
    def of(cls, summary: Summary) -> Row:
        """The row of one run."""
        run = summary.run
        search = search_ci95 = None
        confirmation = confirmation_ci95 = None
        if summary.best:
            search = summary.best.accuracy
            search_ci95 = summary.best.ci95
        if summary.best and summary.best.confirmation:
            confirmation = summary.best.confirmation.accuracy
            confirmation_ci95 = summary.best.confirmation.ci95

        return cls(
            run=run.id,
            name=run.name,
            state=run.state,
            search=search,
            search_ci95=search_ci95,
            confirmation=confirmation,
            confirmation_ci95=confirmation_ci95,
            test=_test_accuracy(summary.scores),
            ensemble=_test_accuracy(summary.ensemble),
            generations=run.generations,
            evaluations=run.evaluations,
            seconds=round(run.seconds, 3),
        )

    def accuracy(self, measure: str) -> float | None:
        """The accuracy by one of `MEASURES`, in percent."""
        value: float | None = getattr(self, measure)
        return value


def _test_accuracy(scores: Scores | None) -> float | None:
    """On the test rows, in percent; None where there are no scores or no such rows."""
    if scores is None or scores.test is None:
        return None
    return scores.test.accuracy
