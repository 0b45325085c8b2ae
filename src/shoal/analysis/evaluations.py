"""All evaluations of a run as a tuple that shows itself, and becomes a table."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Self

import pandas as pd

from shoal.genome.genome import Genome
from shoal.objectives.registry import ACCURACY, Metric
from shoal.problems.evaluation import Evaluation
from shoal.settings.phase import phase_of
from shoal.system.shown import Shown

# The columns before those of metrics and genes.
_COLUMNS = (
    "genome",
    "repeat",
    "phase",
    "generation",
    "individual",
    "status",
    "score",
    "loss",
    "iterations",
    "seconds",
    "worker",
    "error",
)


class Evaluations(Shown, tuple[Evaluation, ...]):
    """The evaluations of a run, in the order of the search.

    Parameters
    ----------
    evaluations
        The evaluations.
    metric
        What their scores are scores of.
    """

    metric: Metric

    def __new__(cls, evaluations: Iterable[Evaluation] = (), metric: Metric = ACCURACY) -> Self:
        """A tuple with its metric."""
        made = super().__new__(cls, tuple(evaluations))
        made.metric = metric
        return made

    def __getnewargs__(self) -> tuple[tuple[Evaluation, ...], Metric]:
        # A copy by pickle has the metric, too.
        return tuple(self), self.metric

    def to_frame(self) -> pd.DataFrame:
        """The evaluations as a table.

        Returns
        -------
        DataFrame
            A row for each evaluation: ``genome`` (its hash), ``repeat``, ``phase`` ("search" or
            "confirmation"), ``generation``, ``individual``, ``status``, ``score`` in the unit of
            ``metric``, ``loss``, ``iterations``, ``seconds``, ``worker``, ``error``; all metrics by
            part, such as ``train_accuracy`` and ``validation_accuracy``; then a column for each
            gene, ``hidden_layers`` as tuples. Missing numbers are NaN.

        Examples
        --------
        >>> Evaluations().to_frame().columns[:3].tolist()
        ['genome', 'repeat', 'phase']
        """
        rows = [_row(evaluation) for evaluation in self]
        metrics: dict[str, None] = {}
        for row in rows:
            metrics |= dict.fromkeys(name for name in row if name not in _FIXED)
        frame = pd.DataFrame(rows, columns=[*_COLUMNS, *metrics, *_GENES])
        numbers = ["score", "loss", *metrics]
        return frame.astype(dict.fromkeys(numbers, "float64"))


_GENES = tuple(Genome.__dataclass_fields__)
_FIXED = {*_COLUMNS, *_GENES}


def _row(evaluation: Evaluation) -> dict[str, Any]:
    task = evaluation.task
    row: dict[str, Any] = {
        "genome": task.genome.hash,
        "repeat": task.repeat,
        "phase": phase_of(task.repeat).value,
        "generation": task.generation,
        "individual": task.individual,
        "status": evaluation.status,
        "score": evaluation.score,
        "loss": evaluation.loss,
        "iterations": evaluation.iterations,
        "seconds": evaluation.seconds,
        "worker": evaluation.worker,
        "error": evaluation.error,
    }
    if evaluation.scores is not None:
        for part, metrics in evaluation.scores.to_dict().items():
            row |= {f"{part}_{name}": value for name, value in metrics.items()}
    return row | {name: getattr(task.genome, name) for name in _GENES}
