"""The fields of the form for a new run that say what to solve: a table, or a simulation by name."""

from __future__ import annotations

from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from shoal.dashboard.session import new_run_draft
from shoal.dashboard.session.new_run_draft import key, put, state
from shoal.errors import ShoalError
from shoal.objectives.registry import METRICS, Metric
from shoal.simulations.definition import Simulation
from shoal.simulations.registry import BUNDLED

# Options of a simulation that stand side by side.
_COLUMNS = 4

# What each kind of problem is, in a few words.
_CAPTIONS = {
    new_run_draft.TABLE: "A network predicts a column of a table from the others.",
    new_run_draft.SIMULATION: "A network is a policy: it observes, and answers what to do.",
}


def what_to_solve() -> str:
    """Ask for the kind of problem: `new_run_draft.TABLE` or `new_run_draft.SIMULATION`."""
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
        options = _options(simulation)
        simulation = simulation.with_options(**options)
    except ShoalError as error:
        return error

    st.caption(_about(simulation))
    return simulation


def _options(simulation: Simulation) -> dict[str, Any]:
    """The values of a simulation's options, its defaults at first."""
    values = {}
    names = list(simulation.options)
    for start in range(0, len(names), _COLUMNS):
        row = names[start : start + _COLUMNS]
        for column, name in zip(st.columns(_COLUMNS, gap="small"), row, strict=False):
            values[name] = _option_field(column, simulation, name)
    return values


def _option_field(column: DeltaGenerator, simulation: Simulation, name: str) -> Any:
    widget = new_run_draft.option_key(simulation.name, name)
    default = simulation.options[name]
    st.session_state.setdefault(widget, default)

    label = name.replace("_", " ").capitalize()
    # A truth value is an int too, so it is asked first.
    if isinstance(default, bool):
        return column.checkbox(label, key=widget, persist_state="session")
    if isinstance(default, int):
        return column.number_input(label, step=1, key=widget, persist_state="session")
    if isinstance(default, float):
        return column.number_input(
            label, step=None, format="%g", key=widget, persist_state="session"
        )
    return column.text_input(label, key=widget, persist_state="session")


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


def what_is_better(task: str) -> str | None:
    """Ask for the metric of a table whose target makes this task; None for the accuracy."""
    fitting = [metric.name for metric in METRICS.values() if metric.task in (None, task)]
    if state("metric") not in fitting:
        put(metric=fitting[0])
    name = st.selectbox(
        "What is better",
        fitting,
        format_func=lambda name: _better_text(METRICS[name]),
        key=key("metric"),
        help="What the search selects, confirms and reports on",
        persist_state="session",
    )
    if METRICS[name].is_accuracy:
        return None
    return str(name)


def _better_text(metric: Metric) -> str:
    better = "larger" if metric.maximizes else "smaller"
    return f"{metric.label}: {better} is better"
