"""A champion's scores beside those of other methods, and in words how sure they are."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from shoal.analysis.summary import Best
from shoal.numerics.stats import ci95_half_width
from shoal.objectives.metrics import Metrics
from shoal.objectives.registry import ACCURACY, Metric
from shoal.problems.evaluation import GenerationSummary
from shoal.tuning.baselines import Baseline
from shoal.tuning.champion import Champion

# Metrics in the order in which they are shown, and what people call them.
METRIC_NAMES = {
    "accuracy": "Accuracy",
    "mae": "MAE",
    "rmse": "RMSE",
    "r2": "R²",
    "balanced_accuracy": "Balanced",
    "macro_f1": "Macro F1",
    "log_loss": "Log loss",
}

# Metrics in the target's unit, which may be anything, and what of them has no three decimals.
_IN_UNIT_OF_TARGET = ("mae", "rmse")
_SMALL = 0.01
_LARGE = 1e6

# Differences of scores are whole numbers from here on.
_WHOLE = 100.0

# What the champion's line of training is called, by the kind of problem.
_TRAIN_LABELS = {"function": "Best point"}


@dataclass(frozen=True)
class ScoreRow:
    """A line in a table of scores.

    Attributes
    ----------
    label
        What was scored, or on which rows.
    score
        By the run's metric, of single networks on average; None where there is none.
    half
        Half-width of the 95 % interval of ``score``.
    ensemble
        By the run's metric, of what the networks give together.
    metrics
        All metrics of the single networks.
    is_champion
        Whether this is the champion's line among those of other methods.
    error
        Why there is no score.
    """

    label: str
    score: float | None
    half: float | None = None
    ensemble: float | None = None
    metrics: Metrics | None = None
    is_champion: bool = False
    error: str | None = None

    def other(self, name: str) -> str:
        """Another metric than the run's; empty where there is none.

        It has three decimals, or three significant digits where its unit is very small or large.
        """
        value = self.metrics.to_dict().get(name) if self.metrics else None
        if value is None:
            return ""
        if name == ACCURACY.name:
            return f"{value:.2f}"
        is_amount = name in _IN_UNIT_OF_TARGET and value != 0
        if is_amount and not _SMALL <= abs(value) < _LARGE:
            return f"{value:.3g}"
        # Adding 0 turns -0.0 into 0.0, so that no line reads -0.000.
        return f"{round(value, 3) + 0.0:.3f}"


def score_rows(
    champion: Champion,
    competing_runs: Mapping[str, Champion] | None = None,
    kind: str = "table",
) -> tuple[ScoreRow, ...]:
    """The champion in the search, the confirmation and the test, then other methods, best first.

    Parameters
    ----------
    champion
        The champion.
    competing_runs
        Champions of other searches by what to call them. Like the champion's baselines they are
        scored on the same test rows.
    kind
        What kind of problem is solved.
    """
    metric = champion.metric
    rows = [ScoreRow("Search", champion.score, ci95_half_width(champion.selection_scores))]
    confirmation = champion.confirmation
    if confirmation:
        half = ci95_half_width(confirmation.scores)
        rows.append(ScoreRow("Confirmation", confirmation.score, half))
    # A policy is scored in its test scenarios only, so its training has no line of its own.
    if champion.scores.train != champion.scores.test:
        label = _TRAIN_LABELS.get(kind, "Train")
        train = _champion_row(label, metric, champion.scores.train, champion.ensemble.train)
        if train is not None:
            rows.append(replace(train, is_champion=kind in _TRAIN_LABELS))
    test = _champion_row("Test", metric, champion.scores.test, champion.ensemble.test)
    if test is not None:
        rows.append(replace(test, is_champion=True))

    others = [_baseline_row(baseline, metric) for baseline in champion.baselines]
    for label, other in (competing_runs or {}).items():
        part = "train" if kind in _TRAIN_LABELS else "test"
        row = _champion_row(
            label, metric, getattr(other.scores, part), getattr(other.ensemble, part)
        )
        if row is not None:
            others.append(row)
    others.sort(key=lambda row: _from_best_to_failed(row, metric))
    return (*rows, *others)


def shown_metrics(rows: Sequence[ScoreRow], metric: Metric) -> list[str]:
    """Choose the metrics that a table of these rows has columns for, besides the run's own.

    Regression and classification have different metrics; all rows of a champion have the same.

    Parameters
    ----------
    rows
        The rows of the table.
    metric
        The run's metric, which every row has as its score.

    Returns
    -------
    list of str
        Keys of `METRIC_NAMES`, in their order: those of the first row that has any.
    """
    for row in rows:
        if row.metrics:
            known = row.metrics.to_dict()
            return [name for name in METRIC_NAMES if name in known and name != metric.name]
    return []


def _champion_row(
    label: str, metric: Metric, single: Metrics | None, ensemble: Metrics | None
) -> ScoreRow | None:
    """The scores of a champion on some rows; None where there are no such rows."""
    if single is None or ensemble is None:
        return None
    return ScoreRow(label, single[metric.name], ensemble=ensemble[metric.name], metrics=single)


def _baseline_row(baseline: Baseline, metric: Metric) -> ScoreRow:
    if baseline.test is None or baseline.ensemble is None:
        return ScoreRow(baseline.name, None, error=baseline.error)
    # A method that gives the same model each time has no ensemble.
    ensemble = None
    if len(baseline.accuracies) > 1:
        ensemble = baseline.ensemble[metric.name]
    score = baseline.test[metric.name]
    return ScoreRow(baseline.name, score, ensemble=ensemble, metrics=baseline.test)


def _from_best_to_failed(row: ScoreRow, metric: Metric) -> float:
    """Sorts the best score first, and methods without one last."""
    return math.inf if row.score is None else -metric.fitness(row.score)


def confidence_text(
    champion: Champion,
    longer: int = 1,
    *,
    kind: str = "table",
    leader: GenerationSummary | None = None,
) -> str:
    """How sure the choice of the champion is, and what its networks were trained on, in words.

    Parameters
    ----------
    champion
        The champion.
    longer
        How many times as long as in the search the confirmation trained.
    kind
        What kind of problem is solved.
    leader
        The last generation, where its best genome is another one; see `Summary.leader`.
    """
    trained = _TRAINED.get(kind, _policies_text)(champion)
    led = leader_text(leader, champion.metric)
    if led:
        led += " "
    return f"{led}{_confirmation_text(champion, longer)} {trained}"


def leader_text(
    leader: GenerationSummary | None, metric: Metric, champion: Best | None = None
) -> str:
    """A sentence where the confirmation chose another genome than the search led with.

    Parameters
    ----------
    leader
        See `confidence_text`.
    metric
        What the scores are scores of.
    champion
        The champion, for a text beside which it is not named otherwise.

    Returns
    -------
    str
        Empty where the confirmation chose the leader.
    """
    if leader is None or leader.best_score is None:
        return ""
    led = f"The search led with another genome, at {_score_text(leader.best_score, metric)}"
    if champion is None:
        return f"{led}; the confirmation chose this one."
    return (
        f"{led}; the confirmation chose the champion, which had "
        f"{_score_text(champion.score, metric)} in the search."
    )


def _score_text(score: float, metric: Metric) -> str:
    if metric.unit == "%":
        return f"{score:.2f} %"
    return f"{score:.4g}"


def _confirmation_text(champion: Champion, longer: int) -> str:
    confirmation = champion.confirmation
    if confirmation is None:
        return "Not confirmed on unused random streams."

    times = f", {longer} times as long as in the search" if longer > 1 else ""
    count = len(confirmation.scores)
    metric = champion.metric
    side = "above" if metric.maximizes else "below"
    distance = _distance_text(confirmation.best_minus_mean, metric)
    text = (
        f"Confirmed on {count} unused random streams{times}; "
        f"the luckiest lies {distance} {side} their mean."
    )
    if confirmation.probability is None:
        return text

    if confirmation.probability < 0.5:
        behind = min(math.floor(100 * (1.0 - confirmation.probability)), 99)
        return (
            f"{text} The second genome is better with a probability of {behind} %, which is too "
            "little to replace the swarm that the search started from."
        )

    # Never rounded up to what would resolve it, or to certainty.
    percent = min(math.floor(100 * confirmation.probability), 99)
    unresolved = "" if confirmation.resolved else ", which leaves it unresolved"
    return f"{text} Better than the second genome with a probability of {percent} %{unresolved}."


def _distance_text(distance: float, metric: Metric) -> str:
    """A difference of scores, without its unit."""
    if metric.unit == "%":
        return f"{distance:.2f}"
    if distance >= _WHOLE:
        return f"{distance:,.0f}"
    return f"{distance:.2g}"


def _training_text(champion: Champion) -> str:
    count = len(champion.weights)
    networks = f"{count} networks were" if count > 1 else "network was"
    rows = "all rows but the test part" if champion.refitted else "the training part"
    return f"The champion's {networks} trained on {rows}; nothing was chosen by the test part."


def _policies_text(champion: Champion) -> str:
    nothing = "nothing was chosen by the test scenarios."
    if len(champion.episodes) > 1:
        nothing += (
            " All trainings of the search met the same scenarios when they were scored, as did "
            "those of the confirmation, and their ± leaves out the luck with those: believe the "
            "test."
        )
    if len(champion.weights) == 1:
        return f"The champion's policy was trained in scenarios of its own; {nothing}"
    return (
        f"The champion's {len(champion.weights)} policies were trained in scenarios of their own; "
        f"the best of them in validation is the one that acts, and {nothing}"
    )


def _point_text(champion: Champion) -> str:
    return "The best point is the best one of all trainings of the run, whichever swarm found it."


# By the kind of problem.
_TRAINED: dict[str, Callable[[Champion], str]] = {
    "table": _training_text,
    "simulation": _policies_text,
    "function": _point_text,
}
