"""How a champion of classes decides on the test rows: curves, confusions, thresholds, calibration.

All of it is of what the networks predict together. Figures are scikit-learn's, counted by the
weights of the rows where the table has such.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from shoal.analysis.champion_rows import ChampionRows
from shoal.objectives.definition import TableObjective
from shoal.objectives.metrics import classification_metrics
from shoal.objectives.registry import ACCURACY, METRICS, Metric
from shoal.problems.table import TableProblem
from shoal.system.one_import import ONE_IMPORT

if TYPE_CHECKING:
    import pandas as pd

# Thresholds at which scores are known.
THRESHOLDS = tuple(number / 100 for number in range(1, 100))
# Groups of rows whose mean probability is compared with what happened.
_GROUPS = 10
_MATTHEWS = Metric("mcc", "Matthews correlation (MCC)", "maximize", task="classification")


@dataclass(frozen=True, eq=False, slots=True)
class ClassCurves:
    """How well the probability of one class tells its rows from all others.

    Attributes
    ----------
    name
        The class.
    false_positive_rate, true_positive_rate
        (points,): the ROC curve.
    roc_auc
        The area below it; 0.5 for guesses, 1 where all rows are told apart.
    recall, precision
        (points,): the precision-recall curve, by falling recall.
    average_precision
        The area below it, as a sum of steps.
    share
        The share of the rows that are of this class: the average precision of guesses.
    """

    name: str
    false_positive_rate: NDArray[np.float64]
    true_positive_rate: NDArray[np.float64]
    roc_auc: float
    recall: NDArray[np.float64]
    precision: NDArray[np.float64]
    average_precision: float
    share: float


@dataclass(frozen=True, eq=False, slots=True)
class Calibration:
    """Whether a predicted probability of one class is how often it happens.

    Attributes
    ----------
    name
        The class.
    predicted, happened
        (groups,): the mean probability of rows with similar ones, and the share of them that are
        of the class. Groups are tenths of the rows by their probability.
    brier
        The mean square of the probability's error: 0 is perfect.
    """

    name: str
    predicted: NDArray[np.float64]
    happened: NDArray[np.float64]
    brier: float


@dataclass(frozen=True, eq=False)
class ClassDiagnostics:
    """What a champion of classes predicts for the test rows.

    Attributes
    ----------
    classes
        Their names, by index.
    target
        (rows,): indices of the true classes.
    weight
        (rows,): how much each row counts; None: all alike.
    probabilities
        (rows, classes), of the networks together.
    metric
        The run's metric.
    score
        The ensemble's, on the test rows.
    by_threshold
        Scores at each of `THRESHOLDS`; None unless there are two classes. Index ``threshold``, of
        the second class's probability; ``precision``, ``recall`` and ``f1`` of that class, 0 to 1;
        and a column for each of ``threshold_metrics``, in its unit.
    threshold_metrics
        What can be said of decisions, and not of probabilities alone: the run's metric first where
        it is one of them. The run's own objective is among them where it takes decisions.
    """

    classes: tuple[str, ...]
    target: NDArray[np.int64]
    weight: NDArray[np.float32] | None
    probabilities: NDArray[np.float64]
    metric: Metric
    score: float
    by_threshold: pd.DataFrame | None = None
    threshold_metrics: tuple[Metric, ...] = ()

    @property
    def rows(self) -> int:
        """How many test rows there are."""
        return len(self.target)

    @property
    def shown_classes(self) -> tuple[int, ...]:
        """The classes that have curves: those with rows and with others; of two the second."""
        present = set(np.unique(self.target).tolist())
        if len(present) < 2:
            return ()
        if len(self.classes) == 2:
            return (1,)
        return tuple(sorted(present))

    @cached_property
    def curves(self) -> tuple[ClassCurves, ...]:
        """ROC and precision-recall of each of `shown_classes` against all others."""
        return tuple(self._curves_of(number) for number in self.shown_classes)

    @cached_property
    def calibration(self) -> tuple[Calibration, ...]:
        """Of each of `shown_classes`, whether probabilities are what happens."""
        return tuple(self._calibration_of(number) for number in self.shown_classes)

    @cached_property
    def roc_auc(self) -> float | None:
        """The area below the ROC curve; of several classes the mean of their areas.

        None where all rows are of one class.
        """
        if not self.curves:
            return None
        return float(np.mean([curve.roc_auc for curve in self.curves]))

    def chosen(self, threshold: float | None = None) -> NDArray[np.int64]:
        """The predicted classes (rows,), as indices.

        Parameters
        ----------
        threshold
            Of two classes: the second is predicted where its probability is greater. None: the
            class with the largest probability.
        """
        if threshold is None:
            return np.asarray(self.probabilities.argmax(axis=1))
        return (self.probabilities[:, 1] > threshold).astype(np.int64)

    def confusion(self, threshold: float | None = None) -> pd.DataFrame:
        """How many rows of each true class (index) are taken for each class (columns).

        Rows are counted, not weighted. ``threshold`` is as for `chosen`.
        """
        import pandas as pd

        with ONE_IMPORT:
            from sklearn.metrics import confusion_matrix

        labels = range(len(self.classes))
        counts = confusion_matrix(self.target, self.chosen(threshold), labels=list(labels))
        return pd.DataFrame(counts, index=list(self.classes), columns=list(self.classes))

    def per_class(self, threshold: float | None = None) -> pd.DataFrame:
        """Precision, recall and F1 of each class, and how many rows are of it.

        Returns
        -------
        DataFrame
            Index ``class``; ``precision``, ``recall`` and ``f1``, 0 to 1, 0 where nothing was
            predicted; ``support``, the number of rows. ``threshold`` is as for `chosen`.
        """
        import pandas as pd

        with ONE_IMPORT:
            from sklearn.metrics import precision_recall_fscore_support

        precision, recall, f1, _ = precision_recall_fscore_support(
            self.target,
            self.chosen(threshold),
            labels=list(range(len(self.classes))),
            sample_weight=self.weight,
            zero_division=0.0,
        )
        support = np.bincount(self.target, minlength=len(self.classes))
        frame = pd.DataFrame(
            {"precision": precision, "recall": recall, "f1": f1, "support": support},
            index=list(self.classes),
        )
        return frame.rename_axis("class")

    def to_frame(self) -> pd.DataFrame:
        """The table of `per_class`."""
        return self.per_class()

    def to_dict(self) -> dict[str, Any]:
        """As JSON values: figures, without the curves."""
        per_class = self.per_class().reset_index().to_dict("records")
        brier = {own.name: own.brier for own in self.calibration}
        areas = {own.name: own.roc_auc for own in self.curves}
        precisions = {own.name: own.average_precision for own in self.curves}
        return {
            "rows": self.rows,
            "metric": self.metric.to_dict(),
            "score": self.score,
            "roc_auc": areas,
            "average_precision": precisions,
            "brier": brier,
            "per_class": per_class,
            "confusion": self.confusion().to_numpy().tolist(),
        }

    def _curves_of(self, number: int) -> ClassCurves:
        with ONE_IMPORT:
            from sklearn.metrics import (
                average_precision_score,
                precision_recall_curve,
                roc_auc_score,
                roc_curve,
            )

        is_class = self.target == number
        given = self.probabilities[:, number]
        weights: dict[str, Any] = {"sample_weight": self.weight}
        false_rate, true_rate, _ = roc_curve(is_class, given, **weights)
        precision, recall, _ = precision_recall_curve(is_class, given, **weights)
        return ClassCurves(
            name=self.classes[number],
            false_positive_rate=false_rate,
            true_positive_rate=true_rate,
            roc_auc=float(roc_auc_score(is_class, given, **weights)),
            recall=recall,
            precision=precision,
            average_precision=float(average_precision_score(is_class, given, **weights)),
            share=float(np.average(is_class, weights=self.weight)),
        )

    def _calibration_of(self, number: int) -> Calibration:
        with ONE_IMPORT:
            from sklearn.calibration import calibration_curve
            from sklearn.metrics import brier_score_loss

        is_class = self.target == number
        # Sums of shares may be a little above 1.
        given = np.clip(self.probabilities[:, number], 0.0, 1.0)
        happened, predicted = calibration_curve(
            is_class, given, n_bins=_GROUPS, strategy="quantile"
        )
        brier = float(brier_score_loss(is_class, given, sample_weight=self.weight))
        return Calibration(self.classes[number], predicted, happened, brier)


def class_diagnostics(champion: ChampionRows) -> ClassDiagnostics:
    """How a champion of classes decides on the test rows.

    Parameters
    ----------
    champion
        What `shoal.analysis.champion_rows.champion_rows` returned.

    Raises
    ------
    AnalysisError
        A prediction is not finite.
    """
    probabilities = champion.together(champion.predict(champion.part.x))
    # Raises where a prediction is not finite.
    score = champion.score(probabilities)
    found = ClassDiagnostics(
        classes=champion.outputs,
        target=champion.part.target.astype(np.int64),
        weight=champion.part.weight,
        probabilities=probabilities,
        metric=champion.problem.metric,
        score=score,
    )
    if len(found.classes) != 2:
        return found

    import pandas as pd

    own = _own_of_decisions(champion.problem)
    rows = [_scores_at(found, champion, own, threshold) for threshold in THRESHOLDS]
    table = pd.DataFrame(rows, index=pd.Index(THRESHOLDS, name="threshold"))
    metrics = [ACCURACY, METRICS["balanced_accuracy"], METRICS["macro_f1"], _MATTHEWS]
    metrics += [one.metric for one in own]
    # The run's metric first; the others stay in their order.
    metrics.sort(key=lambda metric: metric.name != found.metric.name)
    return replace(found, by_threshold=table, threshold_metrics=tuple(metrics))


def _own_of_decisions(problem: TableProblem) -> list[TableObjective]:
    """The run's own metric and objective, where they are of decisions: a cost matrix is."""
    found: list[TableObjective] = []
    for own in (problem.own_metric, problem.own_objective):
        if not (isinstance(own, TableObjective) and own.outputs == "decision"):
            continue
        if own.name not in [*METRICS, *(other.name for other in found)]:
            found.append(own)
    return found


def _scores_at(
    found: ClassDiagnostics,
    champion: ChampionRows,
    own: Sequence[TableObjective],
    threshold: float,
) -> dict[str, float]:
    """One row of `ClassDiagnostics.by_threshold`."""
    with ONE_IMPORT:
        from sklearn.metrics import matthews_corrcoef

    chosen = found.chosen(threshold)
    decided = np.stack([1.0 - chosen, chosen], axis=1)
    metrics = classification_metrics(decided, champion.part.target, found.weight)
    assert metrics is not None, "shares of 0 and 1 are finite"

    second = found.per_class(threshold).iloc[1]
    scores = {name: float(second[name]) for name in ("precision", "recall", "f1")}
    for name in (ACCURACY.name, "balanced_accuracy", "macro_f1"):
        scores[name] = metrics[name]
    scores[_MATTHEWS.name] = float(
        matthews_corrcoef(found.target, chosen, sample_weight=found.weight)
    )
    for one in own:
        scores[one.name] = champion.problem.own_score(one, decided, champion.part)
    return scores
