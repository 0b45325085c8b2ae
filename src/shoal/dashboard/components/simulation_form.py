"""The fields of the form for a new run that say what to solve: a table, or code by its name."""

from __future__ import annotations

import streamlit as st

from shoal.dashboard.components.option_fields import option_fields
from shoal.dashboard.session import new_run_draft
from shoal.dashboard.session.new_run_draft import key, put, state
from shoal.errors import ShoalError
from shoal.functions.definition import FunctionProblem
from shoal.functions.registry import BUNDLED as BUNDLED_FUNCTIONS
from shoal.presentation.formatting import bounds_text
from shoal.simulations.definition import Simulation
from shoal.simulations.registry import BUNDLED

# What each kind of problem is, in a few words.
_CAPTIONS = {
    new_run_draft.TABLE: "A network predicts a column of a table from the others.",
    new_run_draft.SIMULATION: "A network is a policy: it observes, and answers what to do.",
    new_run_draft.FUNCTION: "A swarm looks for the best point of a box, and is tuned for it.",
}


def what_to_solve() -> str:
    """Ask for the kind of problem: `new_run_draft.TABLE`, ``SIMULATION`` or ``FUNCTION``."""
    if state("what") not in _CAPTIONS:
        put(what=new_run_draft.TABLE)
    chosen = st.segmented_control(
        "What to solve",
        list(_CAPTIONS),
        required=True,
        key=key("what"),
        label_visibility="collapsed",
        persist_state="session",
    )
    what = chosen or new_run_draft.TABLE
    st.caption(_CAPTIONS[what])
    return what


def simulation_and_options() -> Simulation | ShoalError:
    """Ask for a bundled simulation and its options; return it, or what is wrong with the options.

    A name that is not bundled is never looked for, wherever it comes from.
    """
    if state("simulation") not in BUNDLED:
        put(simulation=BUNDLED[0])
    name = st.selectbox("Simulation", BUNDLED, key=key("simulation"), persist_state="session")

    try:
        simulation = new_run_draft.bundled_simulation(name)
        options = option_fields(simulation.name, simulation.options)
        simulation = simulation.with_options(**options)
    except ShoalError as error:
        return error

    st.caption(_about(simulation))
    return simulation


def function_and_options() -> FunctionProblem | ShoalError:
    """Ask for a bundled function and its options; see `simulation_and_options`."""
    if state("function") not in BUNDLED_FUNCTIONS:
        put(function=BUNDLED_FUNCTIONS[0])
    name = st.selectbox("Function", BUNDLED_FUNCTIONS, key=key("function"), persist_state="session")

    try:
        function = new_run_draft.bundled_function(name)
        options = option_fields(function.name, function.options)
        function = function.with_options(**options)
    except ShoalError as error:
        return error

    box = function.box
    bounds = bounds_text(list(zip(box.lower, box.upper, strict=True)))
    kept = ", with constraints" if function.rules is not None else ""
    unit = f", {function.unit}" if function.unit else ""
    better = "smaller" if function.direction == "minimize" else "larger"
    st.caption(f"{bounds}{kept}. What is better: {better} values{unit}.")
    return function


def _about(simulation: Simulation) -> str:
    """What a policy sees and answers, and which scores are better."""
    unit = f", {simulation.unit}" if simulation.unit else ""
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
    return f"{count} {plural} ({', '.join(names)})"
