"""scikit-learn's scorers as objectives of tables.

`sklearn_objective` makes an objective of a scorer's name. A name that begins with ``neg_`` loses
that: the value is then the loss itself, and smaller is better. scikit-learn is imported with the
first call.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from shoal.errors import ObjectiveError
from shoal.objectives.definition import Handed, TableObjective
from shoal.objectives.registry import ACCURACY, METRICS
from shoal.system.one_import import ONE_IMPORT

_NEGATED = "neg_"

# What a scorer is of, and how many classes it takes; None: any number.
_REGRESSION = (
    "r2",
    "explained_variance",
    "d2_absolute_error_score",
    "neg_max_error",
    "neg_mean_absolute_error",
    "neg_mean_absolute_percentage_error",
    "neg_mean_gamma_deviance",
    "neg_mean_poisson_deviance",
    "neg_mean_squared_error",
    "neg_mean_squared_log_error",
    "neg_median_absolute_error",
    "neg_root_mean_squared_error",
    "neg_root_mean_squared_log_error",
)
_DECISIONS = (
    "accuracy",
    "balanced_accuracy",
    "matthews_corrcoef",
    *(
        f"{score}_{mean}"
        for score in ("f1", "jaccard", "precision", "recall")
        for mean in ("macro", "micro", "weighted")
    ),
)
_DECISIONS_OF_TWO = ("f1", "jaccard", "precision", "recall")
_SCORES_OF_TWO = ("average_precision", "roc_auc")
_PROBABILITIES = (
    "d2_brier_score",
    "d2_log_loss_score",
    "neg_brier_score",
    "neg_log_loss",
    "roc_auc_ovo",
    "roc_auc_ovo_weighted",
    "roc_auc_ovr",
    "roc_auc_ovr_weighted",
    "top_k_accuracy",
)

# Labels that do not follow from the name.
_LABELS = {
    "d2_absolute_error_score": "D², absolute error",
    "d2_brier_score": "D², Brier score",
    "d2_log_loss_score": "D², log loss",
    "brier_score": "Brier score",
    "mean_gamma_deviance": "Mean gamma deviance",
    "mean_poisson_deviance": "Mean Poisson deviance",
    "matthews_corrcoef": "Matthews correlation",
    "roc_auc": "ROC AUC",
    "roc_auc_ovo": "ROC AUC, one against one",
    "roc_auc_ovo_weighted": "ROC AUC, one against one, weighted",
    "roc_auc_ovr": "ROC AUC, one against the rest",
    "roc_auc_ovr_weighted": "ROC AUC, one against the rest, weighted",
    "top_k_accuracy": "Accuracy of the top 2",
}
_MEANS = ("macro", "micro", "weighted")


@dataclass(frozen=True, slots=True)
class _Scorer:
    """What is known of a scorer before scikit-learn is asked.

    Attributes
    ----------
    name
        scikit-learn's.
    handed
        What it needs of a network.
    classes
        The number of classes that it is for; None: any.
    """

    name: str
    handed: Handed
    classes: int | None = None

    @property
    def own_name(self) -> str:
        """Ours: without the sign."""
        return self.name.removeprefix(_NEGATED)

    @property
    def task(self) -> Literal["regression", "classification"]:
        """Of the target."""
        return "regression" if self.handed == "unscaled" else "classification"

    @property
    def is_negated(self) -> bool:
        """Whether scikit-learn turns its sign, so that larger is better."""
        return self.name.startswith(_NEGATED)


@dataclass(frozen=True, slots=True)
class _ByNetwork:
    """The function of an objective: asks a scorer about each network."""

    scorer: _Scorer

    def __call__(self, outputs: NDArray[Any], y: NDArray[Any]) -> NDArray[np.float64]:
        """Values (P,), in the objective's own direction."""
        with ONE_IMPORT:
            from shoal.objectives import scorer_calls

        found = scorer_calls.scores(self.scorer.name, self.scorer.handed, outputs, y)
        if self.scorer.name == ACCURACY.name:
            # Ours is in percent.
            return np.asarray(100.0 * found)
        if self.scorer.is_negated:
            return np.asarray(-found)
        return found


def _table() -> dict[str, _Scorer]:
    kinds: tuple[tuple[tuple[str, ...], Handed, int | None], ...] = (
        (_REGRESSION, "unscaled", None),
        (_DECISIONS, "decision", None),
        (_DECISIONS_OF_TWO, "decision", 2),
        (_SCORES_OF_TWO, "score", 2),
        (_PROBABILITIES, "probability", None),
    )
    scorers = {}
    for names, handed, classes in kinds:
        for name in names:
            scorer = _Scorer(name, handed, classes)
            scorers[scorer.own_name] = scorer
    return scorers


# By our name.
_SCORERS = _table()

# The names that `sklearn_objective` knows, without "neg_".
SCORER_NAMES: tuple[str, ...] = tuple(sorted(_SCORERS))


def is_scorer(name: str) -> bool:
    """Whether a scorer has this name, with or without its ``neg_``."""
    scorer = _SCORERS.get(name.removeprefix(_NEGATED))
    return scorer is not None and name in (scorer.name, scorer.own_name)


def sklearn_objective(name: str) -> TableObjective:
    """Make an objective of one of scikit-learn's scorers.

    It asks the scorer about one network after the other: some hundred microseconds each, where a
    compiled objective takes a few. As a metric, which is computed once a training, that does not
    matter.

    Its bits are those of the installed versions of scikit-learn and NumPy on this machine.

    Parameters
    ----------
    name
        As `sklearn.metrics.get_scorer_names` has it, with or without ``neg_``. "accuracy" is in
        percent, as everywhere in Shoal.

    Returns
    -------
    TableObjective
        Named without ``neg_``. Losses are minimised.

    Raises
    ------
    ObjectiveError
        There is no such scorer, or it is for clusterings, for several labels a row, or a ratio of
        likelihoods, which has no value for a perfect prediction.

    Examples
    --------
    >>> loss = sklearn_objective("neg_log_loss")
    >>> loss.name, loss.direction, loss.outputs
    ('log_loss', 'minimize', 'probability')
    """
    if not is_scorer(name):
        raise _unknown(name)

    scorer = _SCORERS[name.removeprefix(_NEGATED)]
    return TableObjective(
        name=scorer.own_name,
        function=_ByNetwork(scorer),
        direction="minimize" if scorer.is_negated else "maximize",
        outputs=scorer.handed,
        unit=ACCURACY.unit if name == ACCURACY.name else "",
        label=_label(scorer.own_name),
        task=scorer.task,
        classes=scorer.classes,
    )


def _label(name: str) -> str:
    if name in METRICS:
        return METRICS[name].label
    if name in _LABELS:
        return _LABELS[name]

    score, _, mean = name.rpartition("_")
    if mean in _MEANS:
        score = score.replace("f1", "F1")
        return f"{mean.capitalize()} {score}"
    return name.replace("_", " ").capitalize()


def _unknown(name: str) -> ObjectiveError:
    with ONE_IMPORT:
        from sklearn.metrics import get_scorer_names

    if name in get_scorer_names():
        return ObjectiveError(
            f"scikit-learn's scorer {name!r} is none for networks that predict one amount or one "
            "class a row: it is for clusterings, for several labels a row, or has no value for a "
            "perfect prediction.",
            expected="a scorer of a regression or a classification",
            remedy="roc_auc, f1_macro and r2 are some",
        )
    return ObjectiveError(
        f"scikit-learn has no scorer {name!r}.",
        expected="one of " + ", ".join(SCORER_NAMES),
        remedy="correct the name",
    )
