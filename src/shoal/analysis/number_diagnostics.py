"""How a champion predicts numbers for the test rows: residuals, and the error by range."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from shoal.analysis.champion_rows import ChampionRows
from shoal.objectives.metrics import Metrics, regression_metrics

if TYPE_CHECKING:
    import pandas as pd

# Ranges of the target whose errors are told apart, at most; and rows that one has, at least.
_RANGES = 8
_LEAST_ROWS = 10


@dataclass(frozen=True, eq=False, slots=True)
class TargetDiagnostics:
    """What a champion predicts for one target. Errors are predicted - true, in its unit.

    Attributes
    ----------
    name
        The target.
    target, predicted
        (rows,): the true values, and those that the networks predict together.
    metrics
        MAE, RMSE, R2 and accuracy of the ensemble.
    ranges
        By range of the true value, of about as many rows each: ``from``, ``to``, ``rows``,
        ``mae``, ``rmse`` and ``mean_error``.
    """

    name: str
    target: NDArray[np.float64]
    predicted: NDArray[np.float64]
    metrics: Metrics
    ranges: pd.DataFrame

    @property
    def residuals(self) -> NDArray[np.float64]:
        """(rows,): predicted - true."""
        return self.predicted - self.target


@dataclass(frozen=True, eq=False, slots=True)
class NumberDiagnostics:
    """What a champion of numbers predicts for the test rows.

    Attributes
    ----------
    targets
        One, or several that are predicted together.
    rows
        How many test rows there are.
    """

    targets: tuple[TargetDiagnostics, ...]
    rows: int

    def to_frame(self) -> pd.DataFrame:
        """Index ``target``; ``mae``, ``rmse`` in the target's unit, ``r2``, ``accuracy`` in %."""
        import pandas as pd

        rows = []
        for own in self.targets:
            rows.append({"target": own.name, **_figures(own.metrics)})
        return pd.DataFrame(rows).set_index("target").astype(float)

    def to_dict(self) -> dict[str, Any]:
        """As JSON values: figures, and the errors by range."""
        targets = []
        for own in self.targets:
            ranges = own.ranges.to_dict("records")
            targets.append({"target": own.name, **_figures(own.metrics), "ranges": ranges})
        return {"rows": self.rows, "targets": targets}


def number_diagnostics(champion: ChampionRows) -> NumberDiagnostics:
    """What the networks predict together for each target of the test rows."""
    part = champion.part
    together = champion.together(champion.predict(part.x))
    # Raises where a prediction is not finite.
    champion.score(together)

    rows = len(part.rows)
    true = part.target.reshape(rows, -1)
    predicted = together.reshape(rows, -1)
    targets = []
    for number, name in enumerate(champion.outputs):
        targets.append(_of_target(name, true[:, number], predicted[:, number], part.weight))
    return NumberDiagnostics(tuple(targets), rows)


def _of_target(
    name: str,
    target: NDArray[np.float64],
    predicted: NDArray[np.float64],
    weight: NDArray[np.float32] | None,
) -> TargetDiagnostics:
    metrics = regression_metrics(predicted, target, weight)
    assert metrics is not None, "checked as all targets were scored"
    return TargetDiagnostics(name, target, predicted, metrics, _ranges(target, predicted, weight))


def _ranges(
    target: NDArray[np.float64],
    predicted: NDArray[np.float64],
    weight: NDArray[np.float32] | None,
) -> pd.DataFrame:
    """The errors by quantiles of the target."""
    import pandas as pd

    count = max(1, min(_RANGES, len(target) // _LEAST_ROWS))
    bounds = np.unique(np.quantile(target, np.linspace(0.0, 1.0, count + 1)))
    # A constant target is one range.
    places = np.searchsorted(bounds[1:-1], target, side="right")
    errors = predicted - target

    rows = []
    for place in np.unique(places).tolist():
        inside = places == place
        if weight is not None and not weight[inside].any():
            continue
        own = errors[inside]
        own_weight = None if weight is None else weight[inside]
        squared = float(np.average(own * own, weights=own_weight))
        rows.append(
            {
                "from": float(target[inside].min()),
                "to": float(target[inside].max()),
                "rows": int(inside.sum()),
                "mae": float(np.average(np.abs(own), weights=own_weight)),
                "rmse": squared**0.5,
                "mean_error": float(np.average(own, weights=own_weight)),
            }
        )
    return pd.DataFrame(rows)


def _figures(metrics: Metrics) -> dict[str, float | None]:
    # There is no accuracy where all targets are 0.
    values = metrics.to_dict()
    return {name: values.get(name) for name in ("mae", "rmse", "r2", "accuracy")}
