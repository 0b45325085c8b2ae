"""Objectives and losses of rows by name: those that come with Shoal, and scikit-learn's scorers.

References to code of users, ``my.py:profit``, are found in `shoal.problems.references`.
"""

from __future__ import annotations

import difflib

from shoal.errors import ObjectiveError
from shoal.objectives.built_in import ROW_LOSSES, TABLE_OBJECTIVES
from shoal.objectives.definition import RowLoss, TableObjective
from shoal.objectives.losses import LOSS_NAMES
from shoal.objectives.scorers import SCORER_NAMES, is_scorer, sklearn_objective

# How many names that are like a wrong one a message has.
_HINTS = 3
_ROW_TASK = "regression"


def find_built_in(name: str) -> TableObjective | RowLoss | None:
    """The objective or the loss of that name; None where there is none.

    Where Shoal and scikit-learn both have one, Shoal's is taken: it is compiled.

    Parameters
    ----------
    name
        As `offered_objectives` has it; a scorer's also with its ``neg_``.

    Examples
    --------
    >>> find_built_in("neg_log_loss").name
    'log_loss'
    >>> find_built_in("top_share").with_options(share=0.1).options
    {'share': 0.1}
    """
    if name in TABLE_OBJECTIVES:
        return TABLE_OBJECTIVES[name]
    if name in ROW_LOSSES:
        return ROW_LOSSES[name]
    if is_scorer(name):
        return sklearn_objective(name)
    return None


def get_built_in(name: str, task: str | None = None) -> TableObjective | RowLoss:
    """The objective or the loss of that name.

    Parameters
    ----------
    name
        See `find_built_in`.
    task
        "regression" or "classification", for the hints of the error; None: both.

    Raises
    ------
    ObjectiveError
        There is none.
    """
    found = find_built_in(name)
    if found is None:
        raise unknown_objective(name, task)
    return found


def is_slow(name: str) -> bool:
    """Whether the objective of that name calls scikit-learn once for each network."""
    return name not in TABLE_OBJECTIVES and name not in ROW_LOSSES and is_scorer(name)


def offered_objectives(task: str | None = None) -> tuple[str, ...]:
    """Names that may be chosen, the compiled ones first.

    Parameters
    ----------
    task
        "regression" or "classification"; None: both.
    """
    names = []
    for objective in TABLE_OBJECTIVES.values():
        if task in (None, objective.task):
            names.append(objective.name)
    if task in (None, _ROW_TASK):
        names += ROW_LOSSES
    for name in SCORER_NAMES:
        if name not in names and task in (None, sklearn_objective(name).task):
            names.append(name)
    return tuple(names)


def unknown_objective(name: str, task: str | None = None) -> ObjectiveError:
    """The error that says which names are like this one.

    Parameters
    ----------
    name
        What somebody wrote.
    task
        See `get_built_in`.

    Examples
    --------
    >>> print(unknown_objective("roc_auk").expected)
    one like roc_auc, roc_auc_ovr, roc_auc_ovo
    """
    own_code = "for one of your own, give its file and function, as in my.py:profit"
    if name in LOSS_NAMES:
        return ObjectiveError(
            f"{name!r} is a loss of a row.",
            expected="the name of an objective",
            remedy=f"choose it as the loss, loss={name!r}, instead of as the objective",
        )

    offered = offered_objectives(task)
    near = difflib.get_close_matches(name, offered, _HINTS)
    expected = "one of " + ", ".join(offered)
    if near:
        expected = "one like " + ", ".join(near)
    return ObjectiveError(
        f"There is no objective {name!r}.",
        expected=expected,
        remedy=f"correct the name; {own_code}",
    )
