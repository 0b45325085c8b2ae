"""What charts and tables of scores share: titles, formats and ranges, by the metric."""

from __future__ import annotations

from typing import Any

from shoal.objectives.registry import Metric

# The narrowest range that an axis of percentages shows, in percentage points ...
_LEAST_POINTS = 1.0
# ... and that of other scores, as a share of their size.
_LEAST_SHARE = 0.001
# Where scores are 0, an axis has to have some width.
_LEAST_WIDTH = 1e-9


def score_title(metric: Metric, before: str = "") -> str:
    """The title of an axis or a column of scores.

    Parameters
    ----------
    metric
        What they are scores of.
    before
        A word before the metric's label, such as "Best".

    Examples
    --------
    >>> from shoal.objectives.registry import ACCURACY, METRICS
    >>> score_title(ACCURACY), score_title(ACCURACY, "Best"), score_title(METRICS["rmse"])
    ('Accuracy (%)', 'Best accuracy (%)', 'Root mean squared error')
    """
    words = metric.label
    if before:
        words = f"{before} {metric.word}"
    if not metric.unit:
        return words
    return f"{words} ({metric.unit})"


def column_title(words: str, metric: Metric | None) -> str:
    """The head of a column of scores that has a name of its own, such as "Confirmed (%)".

    Only percentages have their unit there, since others may be long. None: the scores of a column
    are of several metrics.
    """
    if metric is None or metric.unit != "%":
        return words
    return f"{words} (%)"


def score_format(metric: Metric | None) -> str:
    """Python's format of a score in a table: two decimals of a percentage, or five digits.

    None: the scores of a column are of several metrics.
    """
    if metric is None or metric.unit != "%":
        return ".5g"
    return ".2f"


def vega_format(metric: Metric) -> str:
    """Vega's format of a score in a tooltip, which is D3's."""
    if metric.unit == "%":
        return ".2f"
    return ".5~g"


def tick_labels(metric: Metric) -> dict[str, Any]:
    """Properties of an axis or a legend without a title: percentages have their sign there."""
    if metric.unit != "%":
        return {}
    return {"labelExpr": "datum.label + ' %'"}


def least_width(metric: Metric, size: float) -> float:
    """The narrowest range of scores that is worth an axis.

    Parameters
    ----------
    metric
        What they are scores of.
    size
        A typical score.
    """
    if metric.unit == "%":
        return _LEAST_POINTS
    return max(_LEAST_SHARE * abs(size), _LEAST_WIDTH)
