"""The fields of the form for a new run that say what swarms optimise, and what is better.

A browser chooses names: of objectives that come with Shoal, of scikit-learn's scorers, and of
installed plug-ins. It never names a file.
"""

from __future__ import annotations

import logging
from typing import Any

import streamlit as st

from shoal.dashboard.components.option_fields import option_fields
from shoal.dashboard.session.new_run_draft import key, put, state
from shoal.errors import ShoalError
from shoal.objectives.lookup import is_slow
from shoal.objectives.registry import METRICS, Metric
from shoal.problems.own_code import choose_objective, offered_names, pinned

_log = logging.getLogger(__name__)

# What swarms optimise if nobody says anything else.
_USUAL = {"regression": "squared error", "classification": "log loss"}
# No objective has an empty name, so this one can stand for the usual one.
_NONE = ""


def objective_and_metric(task: str) -> dict[str, Any]:
    """Ask what swarms optimise, and what the search selects on.

    Parameters
    ----------
    task
        "regression" or "classification".

    Returns
    -------
    dict
        The settings ``objective`` and ``metric``.

    Raises
    ------
    ShoalError
        When an option makes no sense, or a plug-in cannot be imported.
    """
    offered = offered_names(task)
    left, right = st.columns(2, gap="small")

    _keep_known("objective", (_NONE, *offered))
    with left:
        objective = st.selectbox(
            "What swarms optimise",
            [_NONE, *offered],
            format_func=lambda name: _objective_text(name, task),
            key=key("objective"),
            help="Rivals that learn by gradients, with a tuned threshold, are fitted beside it",
            persist_state="session",
        )

    metrics = [name for name, metric in METRICS.items() if metric.task in (None, task)]
    others = [name for name in offered if name not in METRICS]
    first = [_NONE] if objective else []
    if state("metric_for") != objective:
        # Another objective has another metric of its own.
        put(metric=None, metric_for=objective)
    _keep_known("metric", (*first, *metrics, *others))
    with right:
        metric = st.selectbox(
            "What is better",
            [*first, *metrics, *others],
            format_func=_metric_text,
            key=key("metric"),
            help="What the search selects, confirms and reports on",
            persist_state="session",
        )
    return {"objective": _chosen(objective), "metric": _metric(metric, objective)}


def _keep_known(name: str, known: tuple[str, ...]) -> None:
    """Put the first value where the draft has one that is not offered, whoever sent it."""
    if state(name) in known:
        return
    if state(name) is not None:
        _log.info("the %s %r is not offered here", name, state(name))
    put(**{name: known[0]})


def _chosen(name: str) -> dict[str, Any] | None:
    """What a setting holds for a name and the options that stand below it."""
    if not name:
        return None
    own = choose_objective(name)
    options = option_fields(name, own.options)
    setting: dict[str, Any] = pinned(own.with_options(**options))
    return setting


def _metric(name: str, objective: str) -> Any:
    """The setting ``metric``; None for the objective's own, and for the accuracy without one."""
    if not name:
        return None
    if name in METRICS:
        return None if METRICS[name].is_accuracy and not objective else name
    if name == objective:
        return None
    return _chosen(name)


def _objective_text(name: str, task: str) -> str:
    if not name:
        return f"the usual loss: {_USUAL[task]}"
    if is_slow(name):
        return f"{_words(name)} (slow)"
    return _words(name)


def _metric_text(name: str) -> str:
    if not name:
        return "the objective itself"
    if name in METRICS:
        return _better_text(METRICS[name])
    try:
        return _better_text(choose_objective(name).metric)
    except ShoalError:
        return name


def _words(name: str) -> str:
    try:
        return choose_objective(name).metric.label
    except ShoalError:
        return name


def _better_text(metric: Metric) -> str:
    better = "larger" if metric.maximizes else "smaller"
    return f"{metric.label}: {better} is better"
