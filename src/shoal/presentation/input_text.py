"""The importance of inputs in words and figures, for terminal, page and report alike."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shoal.analysis.input_importance import InputImportances
    from shoal.objectives.registry import Metric


def axis_of(found: InputImportances) -> tuple[float, float]:
    """Where the axis of all bars begins, and its length: it holds 0 and all intervals."""
    ends = [0.0]
    for own in found.inputs:
        ends += [own.loss.mean, own.loss.low, own.loss.high]
    low = min(ends)
    return low, max(max(ends) - low, 1e-9)


def loss_number(value: float, axis: float) -> str:
    """A value on an axis of this length, with as many digits as show a hundredth of it.

    Examples
    --------
    >>> loss_number(12.345, 40.0), loss_number(-0.001, 0.05)
    ('12.3', '-0.0010')
    """
    digits = 1
    if 0 < axis < 10:
        digits = min(9, 2 - math.floor(math.log10(axis)))
    return f"{value:z.{digits}f}"


def loss_title(metric: Metric) -> str:
    """The head of the column with what is lost. Units that may be long stand below."""
    if metric.unit != "%":
        return "Lost"
    return f"{metric.difference_unit.capitalize()} lost"


def importance_note(found: InputImportances) -> str:
    """What the importances are, in a few sentences."""
    metric = found.metric
    amount = "how much"
    if metric.unit == "%":
        amount = f"how many {metric.difference_unit}"
    elif metric.unit:
        amount = f"how much, in {metric.unit},"

    rows = f"the {found.rows:,} test rows"
    if found.rows < found.rows_of_test:
        rows = f"{found.rows:,} of {found.rows_of_test:,} test rows, drawn at random"
    networks = "shuffles and networks"
    if found.networks == 1:
        networks = "shuffles"
    return (
        f"By {amount} the {metric.word} gets worse on {rows} when the values of a column are "
        f"shuffled, {found.repeats} times. The 95 % interval is over {networks}. Columns that say "
        "the same share their worth."
    )
