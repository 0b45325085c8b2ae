"""An objective or a loss of a row tried out, on rows of a table or on made-up ones.

`check_own` does all in this process. `shoal.problems.check` has it done in another one, which may
be ended.
"""

from __future__ import annotations

from collections.abc import Callable

from shoal.objectives.definition import RowLoss, TableObjective
from shoal.problems.objective_checks import check_objective
from shoal.problems.row_loss_checks import check_loss
from shoal.problems.target_sample import TargetSample
from shoal.problems.trial import OwnCheck


def check_own(
    own: TableObjective | RowLoss,
    sample: TargetSample | None = None,
    say: Callable[[str], None] = lambda at: None,
) -> OwnCheck:
    """Try an objective or a loss out.

    Parameters
    ----------
    own
        What to try.
    sample
        The rows; None: made-up ones. Where they might be of either task, the task counts that
        shows less to complain of.
    say
        Is told what is begun: "call", "look", and "compile" of a loss.
    """
    samples = _made_up(own)
    if sample is not None:
        samples = [sample]

    tries = []
    for rows in samples:
        if isinstance(own, RowLoss):
            tries.append(check_loss(own, rows, say))
        else:
            tries.append(check_objective(own, rows, say))
    return min(tries, key=lambda tried: tried.badness)


def _made_up(own: TableObjective | RowLoss) -> list[TargetSample]:
    """Rows of each task that it may be for."""
    task = None
    classes = None
    if isinstance(own, TableObjective):
        task = own.task
        classes = own.classes
    if own.outputs == "unscaled":
        task = "regression"

    samples = []
    for each in ("classification", "regression"):
        if task in (None, each):
            samples.append(TargetSample.made_up(each, classes or 2))
    return samples
