"""The page The model: what the exported networks do together, on rows that they never saw.

Text and places come first. What has to be computed fills its place as soon as it is there, and is
kept for all visitors.
"""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from shoal.analysis.champion_rows import ChampionRows
from shoal.analysis.class_diagnostics import ClassDiagnostics
from shoal.dashboard.charts.input_importance import input_bars_html
from shoal.dashboard.charts.partial_dependence import dependence_chart
from shoal.dashboard.components.class_diagnostics_card import (
    calibration_card,
    class_tiles,
    curves_card,
    decisions_card,
)
from shoal.dashboard.components.deferred_charts import chart
from shoal.dashboard.components.network_card import network_card
from shoal.dashboard.components.number_diagnostics_card import (
    MOST_TARGETS,
    errors_card,
    number_tiles,
)
from shoal.dashboard.components.problem_words import topology_ends
from shoal.dashboard.error_box import error_box
from shoal.dashboard.routing import link, parameter
from shoal.dashboard.session.model_queries import (
    model_dependence,
    model_diagnostics,
    model_importances,
    model_rows,
)
from shoal.dashboard.session.queries import read, run_here
from shoal.errors import ShoalError
from shoal.nn.network import Network
from shoal.presentation.formatting import quoted
from shoal.presentation.input_text import importance_note
from shoal.store import ACTIVE, RunView
from shoal.tuning.champion import Champion


def page() -> None:
    """The champion of one run as a model."""
    run = run_here()
    st.title("The model", anchor=False)
    st.markdown(f"Run {run.id} {quoted(run.name)}")

    champion = read(run.id).summary.champion
    if champion is None:
        _not_yet(run)
    elif not run.has_network:
        st.caption("This run solves a function: it found a point, and no network.")
        link("champion", "See the point", icon=":material/arrow_forward:", run=run.id)
    elif run.is_table:
        _draw_model(run, champion)
    else:
        _draw_policy(run, champion)


def _not_yet(run: RunView) -> None:
    text = "It has kept no champion. Resume it for one."
    if run.state in ACTIVE:
        text = "The search goes on. Its networks are there when it has ended."
    st.caption(text)
    link("live", "Back to the run", icon=":material/arrow_back:", run=run.id)


def _draw_policy(run: RunView, champion: Champion) -> None:
    """A policy has no columns and no test rows: its network is all there is."""
    st.caption(
        "This run solves a simulation: its policy has no table whose columns could be shuffled. "
        "Its network:"
    )
    ends = topology_ends(run)
    if ends is None:
        return
    layers = (ends[0], *champion.genome.hidden_layers, ends[1])
    inputs = [f"observation {number}" for number in range(1, ends[0] + 1)]
    outputs = [f"action {number}" for number in range(1, ends[1] + 1)]
    network_card(champion, Network(layers, champion.genome.activation), inputs, outputs, _dark())


def _draw_model(run: RunView, champion: Champion) -> None:
    """Places in their order; the quickest are filled first."""
    about = st.container()
    tiles = st.container(key="model-tiles")
    inputs = st.container(border=True, key="inputs")
    dependence = st.container(border=True, key="dependence")
    errors = st.container(key="model-errors")
    network = st.container(key="model-network")

    try:
        with about, st.spinner("Reading the table …"):
            rows = model_rows(run.id, run.ended)
    except ShoalError as error:
        with about:
            error_box(error)
        return
    _say_rows(about, rows)

    with network:
        encoder = rows.problem.dataset.encoder
        shape = rows.problem.network(champion.genome)
        network_card(champion, shape, encoder.inputs, rows.outputs, _dark())
    _fill_diagnostics(run, tiles, errors)
    with inputs:
        st.header("Which columns it needs", anchor=False)
        order = _draw_importance(run)
    with dependence:
        st.header("How predictions change with a column", anchor=False)
        _draw_dependence(run, rows, order)


def _say_rows(place: DeltaGenerator, rows: ChampionRows) -> None:
    count = rows.networks
    networks = f"{count} networks together, as they are exported"
    if count == 1:
        networks = "its one network, as it is exported"
    place.caption(
        f"All of this is of {networks}, on {len(rows.part.rows):,} test rows that no network was "
        "trained on."
    )


def _fill_diagnostics(run: RunView, tiles: DeltaGenerator, errors: DeltaGenerator) -> None:
    key = str(run.id)
    try:
        with errors, st.spinner("Predicting the test rows …"):
            found = model_diagnostics(run.id, run.ended)
    except ShoalError as error:
        with errors:
            error_box(error)
        return

    if isinstance(found, ClassDiagnostics):
        with tiles:
            class_tiles(found)
        with errors:
            curves_card(found, key, _dark())
            decisions_card(found, key, _dark())
            calibration_card(found, key, _dark())
        return
    with tiles:
        number_tiles(found)
    with errors:
        for number, own in enumerate(found.targets[:MOST_TARGETS]):
            errors_card(own, f"{key}-{number}", _dark())


def _draw_importance(run: RunView) -> list[str]:
    """The bars; returns the columns, the most important first, or none where there is an error."""
    try:
        with st.spinner("Shuffling columns …"):
            found = model_importances(run.id, run.ended)
    except ShoalError as error:
        error_box(error)
        return []
    st.html(input_bars_html(found))
    st.caption(importance_note(found))
    return [own.column for own in found.inputs]


def _draw_dependence(run: RunView, rows: ChampionRows, order: Sequence[str]) -> None:
    columns = list(order) or list(rows.columns)
    left, right = st.columns(2)
    with left:
        column = _choose("column", "Column", columns, columns[0], run)
    output = _usual_output(rows)
    if _asks_for_output(rows):
        with right:
            names = list(rows.outputs)
            output = names.index(_choose("output", "Prediction", names, names[output], run))

    try:
        found = model_dependence(run.id, run.ended, column)
    except ShoalError as error:
        error_box(error)
        return
    is_share = rows.problem.dataset.task == "classification"
    figure = dependence_chart(found, output, is_share=is_share, dark=_dark())
    chart(figure, f"dependence-{run.id}", "Predictions by the value of the column")
    notes = [
        f"The thick line is the mean prediction for {found.rows:,} test rows, if all had the value "
        "and all else stayed. A thin line is a single row. Where columns go together, some of "
        "these rows exist nowhere."
    ]
    if found.kind == "category":
        notes[0] = notes[0].replace("The thick line", "A dot", 1)
    if found.deciles:
        notes.append("The ticks below are tenths of the test rows.")
    st.caption(" ".join(notes))


def _usual_output(rows: ChampionRows) -> int:
    """Of two classes the second: the first says the same, turned around."""
    is_two = rows.problem.dataset.task == "classification" and len(rows.outputs) == 2
    return int(is_two)


def _asks_for_output(rows: ChampionRows) -> bool:
    return len(rows.outputs) > 1 and not _usual_output(rows)


def _choose(name: str, label: str, options: list[str], usual: str, run: RunView) -> str:
    """One of several names; the address has it under ``name``."""
    key = f"model-{name}-{run.id}"
    wanted = parameter(name)
    if wanted not in options:
        wanted = usual

    def choose() -> None:
        st.query_params[name] = st.session_state[key]

    return st.selectbox(label, options, options.index(wanted), key=key, on_change=choose)


def _dark() -> bool:
    return st.context.theme.type == "dark"
