"""The fields of the form for a new run that say what to solve: a table, or code by its name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import streamlit as st

from shoal.dashboard.components.option_fields import option_fields
from shoal.dashboard.session import new_run_draft
from shoal.dashboard.session.installed_code import installed_problem, problem_plugins
from shoal.dashboard.session.new_run_draft import key, put, state
from shoal.errors import ShoalError
from shoal.functions.definition import FunctionProblem
from shoal.functions.registry import BUNDLED as BUNDLED_FUNCTIONS
from shoal.presentation.formatting import bounds_text, escaped
from shoal.problems.registry import is_function, is_simulation
from shoal.simulations.definition import Simulation
from shoal.simulations.registry import BUNDLED

if TYPE_CHECKING:
    from shoal.problems.registry import Written

# What each kind of problem is, in a few words.
_CAPTIONS = {
    new_run_draft.TABLE: "A network predicts a column of a table from the others.",
    new_run_draft.SIMULATION: "A network is a policy: it observes, and answers what to do.",
    new_run_draft.FUNCTION: "A swarm looks for the best point of a box, and is tuned for it.",
}
_PLUGIN_CAPTION = "A simulation or a function that an installed package offers."


def what_to_solve() -> str:
    """Ask for the kind of problem.

    Returns
    -------
    str
        `new_run_draft.TABLE`, ``SIMULATION``, ``FUNCTION`` or, where there are some, ``PLUGIN``.
    """
    captions = dict(_CAPTIONS)
    if problem_plugins():
        captions[new_run_draft.PLUGIN] = _PLUGIN_CAPTION
    if state("what") not in captions:
        put(what=new_run_draft.TABLE)
    chosen = st.segmented_control(
        "What to solve",
        list(captions),
        required=True,
        key=key("what"),
        label_visibility="collapsed",
        persist_state="session",
    )
    what = chosen or new_run_draft.TABLE
    st.caption(captions[what])
    return what


def simulation_and_options() -> Written | ShoalError:
    """Ask for a bundled simulation and its options; return it, or what is wrong with the options.

    A name that is not bundled is never looked for, wherever it comes from.
    """
    name = _name_field("Simulation", "simulation", BUNDLED)
    return _with_options(name, lambda: new_run_draft.bundled_simulation(name))


def function_and_options() -> Written | ShoalError:
    """Ask for a bundled function and its options; see `simulation_and_options`."""
    name = _name_field("Function", "function", BUNDLED_FUNCTIONS)
    return _with_options(name, lambda: new_run_draft.bundled_function(name))


def plugin_and_options() -> Written | ShoalError:
    """Ask for an installed simulation or function and its options; see `simulation_and_options`."""
    name = _name_field("Plug-in", "plugin", problem_plugins())
    return _with_options(name, lambda: installed_problem(name))


def _name_field(label: str, name: str, offered: Sequence[str]) -> str:
    if state(name) not in offered:
        put(**{name: offered[0]})
    chosen: str = st.selectbox(label, offered, key=key(name), persist_state="session")
    return chosen


def _with_options(name: str, find: Callable[[], Written]) -> Written | ShoalError:
    """What ``find`` finds, with the options that a visitor gives; or what is wrong with it."""
    try:
        found = find()
        found = found.with_options(**option_fields(name, found.options))
    except ShoalError as error:
        return error

    if is_function(found):
        st.caption(_about_function(found))
    elif is_simulation(found):
        st.caption(_about(found))
    return found


def _about_function(function: FunctionProblem) -> str:
    """The box of a function, and which values are better."""
    box = function.box
    bounds = bounds_text(list(zip(box.lower, box.upper, strict=True)))
    kept = ", with constraints" if function.rules is not None else ""
    unit = f", {escaped(function.unit)}" if function.unit else ""
    better = "smaller" if function.direction == "minimize" else "larger"
    return f"{bounds}{kept}. What is better: {better} values{unit}."


def _about(simulation: Simulation) -> str:
    """What a policy sees and answers, and which scores are better."""
    unit = f", {escaped(simulation.unit)}" if simulation.unit else ""
    better = "smaller" if simulation.direction == "minimize" else "larger"
    return (
        f"A policy observes {_numbers(simulation.input_count, simulation.observations)} and "
        f"answers {_numbers(simulation.outputs, simulation.actions)}. "
        f"What is better: {better} scores{unit}."
    )


def _numbers(count: int, names: tuple[str, ...]) -> str:
    plural = "number" if count == 1 else "numbers"
    if not names:
        return f"{count} {plural}"
    return f"{count} {plural} ({escaped(', '.join(names))})"
