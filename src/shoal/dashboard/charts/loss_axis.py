"""The axis of losses by iteration: losses, or scores where a loss is one.

A simulation's loss is its score, with the sign turned where larger scores are better. People read
the score.
"""

from __future__ import annotations

import pandas as pd

from shoal.dashboard.charts.scores import least_width, score_title, vega_format
from shoal.dashboard.charts.vega import Spec, number_channel
from shoal.objectives.registry import Metric
from shoal.presentation.log_ticks import log_ticks

# The column that the axis shows.
SHOWN = "shown"

# The share of scores that a linear axis leaves out, at its bad end.
_LEFT_OUT = 0.1

# Scores that differ by more than this factor have a logarithmic axis, as losses always have.
_WIDE = 20.0


def with_shown(frame: pd.DataFrame, metric: Metric | None) -> pd.DataFrame:
    """The rows with the column `SHOWN`: ``loss``, or the score that it is.

    Parameters
    ----------
    frame
        Has the column ``loss``.
    metric
        Of the scores; None: losses are no scores.
    """
    if metric is None:
        return frame.assign(**{SHOWN: frame["loss"]})
    # A loss is a fitness with its sign turned.
    return frame.assign(**{SHOWN: -metric.fitness(1.0) * frame["loss"]})


def loss_channel(rows: pd.DataFrame, title: str, metric: Metric | None) -> Spec:
    """The vertical channel of what `with_shown` returned; ``title`` is that of losses."""
    if metric is not None:
        title = score_title(metric)
    if metric is not None and not _is_wide(rows[SHOWN]):
        domain = list(_domain(rows[SHOWN], metric))
        return number_channel(SHOWN, title, tickCount=6, scale={"domain": domain})

    ticks = log_ticks(rows[SHOWN], most=8)
    return number_channel(SHOWN, title, format="~r", values=ticks, scale={"type": "log"})


def loss_tooltip(metric: Metric | None) -> tuple[str, str, str]:
    """The line of a tooltip with what the axis shows."""
    if metric is None:
        return SHOWN, "Loss", ".4g"
    return SHOWN, score_title(metric), vega_format(metric)


def has_place(loss: float, metric: Metric | None) -> bool:
    """Whether a loss has a place on the axis: on a logarithmic one it is above 0."""
    if metric is None:
        return 0.0 < loss < float("inf")
    return abs(loss) < float("inf")


def _domain(scores: pd.Series, metric: Metric) -> tuple[float, float]:
    """The scores that a linear axis shows: without the worst tenth, which is met at the start."""
    if not len(scores):
        return 0.0, 1.0
    # The larger the fitness, the better, whatever the metric's direction.
    sign = metric.fitness(1.0)
    fitness = sign * scores
    worst = float(fitness.quantile(_LEFT_OUT))
    best = float(fitness.max())
    margin = max(0.06 * (best - worst), 0.2 * least_width(metric, best))
    low, high = sorted((sign * (worst - margin), sign * (best + margin)))
    return low, high


def _is_wide(values: pd.Series) -> bool:
    if not len(values):
        return False
    smallest = float(values.min())
    return smallest > 0.0 and float(values.max()) / smallest > _WIDE
