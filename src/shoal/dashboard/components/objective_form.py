"""The fields of the form for a new run that say what swarms optimise, and what is better.

A browser chooses names: of what comes with Shoal, of scikit-learn's scorers, and of installed
plug-ins. It never names a file.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from shoal.dashboard.components.option_fields import option_fields
from shoal.dashboard.session.installed_code import check_plugin, plugins
from shoal.dashboard.session.new_run_draft import PRESETS_OF_CODE, key, preset_key, put, state
from shoal.objectives.built_in_decoders import DECODERS, find_decoder
from shoal.objectives.lookup import find_built_in, is_slow, offered_objectives
from shoal.objectives.registry import METRICS, Metric
from shoal.problems import references
from shoal.problems.own_code import choose_decoder, choose_objective, pinned
from shoal.settings import field_help
from shoal.settings.presets import PRESETS
from shoal.settings.search_settings import SearchSettings
from shoal.settings.start import SOLVERS

_log = logging.getLogger(__name__)

# What swarms optimise if nobody says anything else.
_USUAL = {"regression": "squared error", "classification": "log loss"}
# Nothing has an empty name, so this one can stand for what is usual.
_NONE = ""
# What a position stands for, by the decoder, in a few words.
_DECODERS = {
    _NONE: "a network",
    "sign": "sign: weights of one bit",
    "ternary": "ternary: weights of three values",
    "int8": "int8: weights of 8 bits",
    "scorecard": "scorecard: points for yes/no questions",
}
_STARTS = {_NONE: "at random", "adam": "trained by Adam", "lbfgs": "trained by L-BFGS"}


def objective_and_metric(task: str) -> dict[str, Any]:
    """Ask what swarms optimise, what the search selects on, and where swarms start.

    Parameters
    ----------
    task
        "regression" or "classification".

    Returns
    -------
    dict
        The settings ``objective``, ``metric``, ``decoder`` and ``start_from``.

    Raises
    ------
    ShoalError
        When an option makes no sense, or a plug-in cannot be imported.
    """
    first, second = st.columns(2, gap="small"), st.columns(2, gap="small")
    decoder = _decoder_field(second[0], tuple(DECODERS))
    _follow_decoder(decoder)

    installed = tuple(plugins(references.OBJECTIVES))
    offered = (*offered_objectives(task), *installed)
    # A scorecard is never trained on a loss.
    has_own = "objective" in _defaults_of(decoder)
    objective = _choice(
        first[0],
        "objective",
        "What swarms optimise",
        offered if has_own else (_NONE, *offered),
        lambda name: _objective_text(name, task),
        f"{field_help.OBJECTIVE}. Rivals that learn by gradients, with a tuned threshold, are "
        "fitted beside it",
    )
    metric = _metric_field(first[1], objective, task, offered)
    start = _choice(
        second[1],
        "start_from",
        "Swarms start",
        (_NONE, *SOLVERS),
        _STARTS.__getitem__,
        field_help.START_FROM,
    )

    return {
        "objective": _chosen(objective),
        "metric": _metric(metric, objective),
        "decoder": _chosen_decoder(decoder),
        "start_from": start or None,
    }


def decoder_of_policy() -> dict[str, Any]:
    """Ask what networks the positions of a simulation's swarms stand for.

    Returns
    -------
    dict
        The setting ``decoder``.

    Raises
    ------
    ShoalError
        As `objective_and_metric`.
    """
    # Those that prepare a table are for tables.
    usable = tuple(name for name, own in DECODERS.items() if not own.data_options)
    with st.container():
        name = _decoder_field(st.columns(2, gap="small")[0], usable)
        return {"decoder": _chosen_decoder(name)}


def _choice(
    place: DeltaGenerator,
    name: str,
    label: str,
    offered: Sequence[str],
    text: Callable[[str], str],
    about: str,
) -> str:
    """A field for a name; the first one that is offered where the draft has another."""
    if state(name) not in offered:
        if state(name) is not None:
            _log.info("the %s %r is not offered here", name, state(name))
        put(**{name: offered[0]})
    chosen: str = place.selectbox(
        label,
        offered,
        format_func=text,
        key=key(name),
        help=about,
        persist_state="session",
    )
    return chosen


# ---- Decoders --------------------------------------------------------------------------------


def _decoder_field(place: DeltaGenerator, usable: tuple[str, ...]) -> str:
    return _choice(
        place,
        "decoder",
        "A position stands for",
        (_NONE, *usable, *plugins(references.DECODERS)),
        lambda name: _DECODERS.get(name, name),
        field_help.DECODER,
    )


def _follow_decoder(decoder: str) -> None:
    """Choose what goes with another decoder than before, before its fields are drawn."""
    before = state("decoder_for", _NONE)
    if before == decoder:
        return
    put(decoder_for=decoder)
    defaults = _defaults_of(decoder)
    if defaults == _defaults_of(before):
        return

    put(objective=defaults.get("objective", _NONE))
    for preset in PRESETS:
        if preset not in PRESETS_OF_CODE.values():
            usual = SearchSettings.parse({"preset": preset}).max_depth
            depth = defaults.get("max_depth", usual)
            st.session_state[preset_key(preset, "max_depth")] = depth


def _defaults_of(decoder: str) -> Mapping[str, Any]:
    """Settings that a decoder means by itself."""
    known = find_decoder(decoder)
    return {} if known is None else known.defaults


def _chosen_decoder(name: str) -> dict[str, Any] | None:
    """The setting ``decoder``, with the options that stand below."""
    if not name:
        return None
    check_plugin(references.DECODERS, name)
    own = choose_decoder(name)
    setting: dict[str, Any] = pinned(own.with_options(**option_fields(name, own.options)))
    return setting


# ---- Objectives and metrics ------------------------------------------------------------------


def _metric_field(
    place: DeltaGenerator, objective: str, task: str, offered: tuple[str, ...]
) -> str:
    metrics = [name for name, metric in METRICS.items() if metric.task in (None, task)]
    others = [name for name in offered if name not in METRICS]
    first = [_NONE] if objective else []
    if state("metric_for") != objective:
        # Another objective has another metric of its own.
        put(metric=None, metric_for=objective)
    return _choice(
        place,
        "metric",
        "What is better",
        (*first, *metrics, *others),
        _metric_text,
        field_help.METRIC,
    )


def _chosen(name: str) -> dict[str, Any] | None:
    """What a setting holds for a name and the options that stand below it."""
    if not name:
        return None
    check_plugin(references.OBJECTIVES, name)
    own = choose_objective(name)
    setting: dict[str, Any] = pinned(own.with_options(**option_fields(name, own.options)))
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
    own = find_built_in(name)
    if own is None:
        return name
    if is_slow(name):
        return f"{own.metric.label} (slow)"
    return own.metric.label


def _metric_text(name: str) -> str:
    if not name:
        return "the objective itself"
    if name in METRICS:
        return _better_text(METRICS[name])
    own = find_built_in(name)
    # Nothing is imported to say what it is.
    return name if own is None else _better_text(own.metric)


def _better_text(metric: Metric) -> str:
    better = "larger" if metric.maximizes else "smaller"
    return f"{metric.label}: {better} is better"
