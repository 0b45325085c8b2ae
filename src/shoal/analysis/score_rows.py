"""A champion's scores beside those of other methods, and in words how sure they are."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shoal.numerics.stats import ci95_half_width
from shoal.objectives.metrics import Metrics
from shoal.tuning.baselines import Baseline
from shoal.tuning.champion import Champion

# Metrics in the order in which they are shown, and what people call them.
METRIC_NAMES = {
    "mae": "MAE",
    "rmse": "RMSE",
    "r2": "R²",
    "balanced_accuracy": "Balanced",
    "macro_f1": "Macro F1",
    "log_loss": "Log loss",
}


@dataclass(frozen=True)
class ScoreRow:
    """A line in a table of scores.

    Attributes
    ----------
    label
        What was scored, or on which rows.
    accuracy
        In percent, of single networks on average; None where there is none.
    half
        Half-width of the 95 % interval of ``accuracy``, in percentage points.
    ensemble
        In percent, of the mean of the networks' predictions.
    metrics
        All metrics of the single networks.
    is_champion
        Whether this is the champion's line among those of other methods.
    error
        Why there is no accuracy.
    """

    label: str
    accuracy: float | None
    half: float | None = None
    ensemble: float | None = None
    metrics: Metrics | None = None
    is_champion: bool = False
    error: str | None = None

    def metric(self, name: str) -> str:
        """A metric with three decimals; empty where there is none."""
        value = self.metrics.to_dict().get(name) if self.metrics else None
        if value is None:
            return ""
        # Adding 0 turns -0.0 into 0.0, so that no line reads -0.000.
        return f"{round(value, 3) + 0.0:.3f}"


def score_rows(
    champion: Champion, competing_runs: Mapping[str, Champion] | None = None
) -> tuple[ScoreRow, ...]:
    """The champion in the search, the confirmation and the test, then other methods, best first.

    Parameters
    ----------
    champion
        The champion.
    competing_runs
        Champions of other searches by what to call them. Like the champion's baselines they are
        scored on the same test rows.
    """
    rows = [ScoreRow("Search", champion.accuracy, ci95_half_width(champion.accuracies))]
    confirmation = champion.confirmation
    if confirmation:
        half = ci95_half_width(confirmation.accuracies)
        rows.append(ScoreRow("Confirmation", confirmation.accuracy, half))
    train = _champion_row("Train", champion.scores.train, champion.ensemble.train)
    test = _champion_row("Test", champion.scores.test, champion.ensemble.test, is_champion=True)
    rows += [row for row in (train, test) if row is not None]

    others = [_baseline_row(baseline) for baseline in champion.baselines]
    for label, other in (competing_runs or {}).items():
        row = _champion_row(label, other.scores.test, other.ensemble.test)
        if row is not None:
            others.append(row)
    others.sort(key=_from_best_to_failed)
    return (*rows, *others)


def shown_metrics(rows: Sequence[ScoreRow]) -> list[str]:
    """Choose the metrics that a table of these rows has columns for.

    Regression and classification have different metrics; all rows of a champion have the same.

    Returns
    -------
    list of str
        Keys of `METRIC_NAMES`, in their order: those of the first row that has any.
    """
    for row in rows:
        if row.metrics:
            known = row.metrics.to_dict()
            return [name for name in METRIC_NAMES if name in known]
    return []


def _champion_row(
    label: str, single: Metrics | None, ensemble: Metrics | None, *, is_champion: bool = False
) -> ScoreRow | None:
    """The scores of a champion on some rows; None where there are no such rows."""
    if single is None or ensemble is None:
        return None
    return ScoreRow(
        label,
        single.accuracy,
        ensemble=ensemble.accuracy,
        metrics=single,
        is_champion=is_champion,
    )


def _baseline_row(baseline: Baseline) -> ScoreRow:
    if baseline.test is None or baseline.ensemble is None:
        return ScoreRow(baseline.name, None, error=baseline.error)
    # A method that gives the same model each time has no ensemble.
    ensemble = baseline.ensemble.accuracy if len(baseline.accuracies) > 1 else None
    return ScoreRow(baseline.name, baseline.test.accuracy, ensemble=ensemble, metrics=baseline.test)


def _from_best_to_failed(row: ScoreRow) -> float:
    """Sorts the highest accuracy first, and methods without one last."""
    return math.inf if row.accuracy is None else -row.accuracy


def confidence_text(champion: Champion, longer: int = 1) -> str:
    """How sure the choice of the champion is, and what its networks were trained on, in words.

    Parameters
    ----------
    champion
        The champion.
    longer
        How many times as long as in the search the confirmation trained.
    """
    return f"{_confirmation_text(champion, longer)} {_training_text(champion)}"


def _confirmation_text(champion: Champion, longer: int) -> str:
    confirmation = champion.confirmation
    if confirmation is None:
        return "Not confirmed on unused random streams."

    times = f", {longer} times as long as in the search" if longer > 1 else ""
    count = len(confirmation.accuracies)
    above = f"{confirmation.best_minus_mean:.2f}"
    text = (
        f"Confirmed on {count} unused random streams{times}; "
        f"the luckiest lies {above} above their mean."
    )
    if confirmation.probability is None:
        return text

    # Never rounded up to what would resolve it, or to certainty.
    percent = min(math.floor(100 * confirmation.probability), 99)
    unresolved = "" if confirmation.resolved else ", which leaves it unresolved"
    return f"{text} Better than the second genome with a probability of {percent} %{unresolved}."


def _training_text(champion: Champion) -> str:
    count = len(champion.weights)
    networks = f"{count} networks were" if count > 1 else "network was"
    rows = "all rows but the test part" if champion.refitted else "the training part"
    return f"The champion's {networks} trained on {rows}; nothing was chosen by the test part."
