"""The page The model: what the exported networks do together, on rows that they never saw.

Headings and explanations come first. What has to be computed fills its place as soon as a process
beside the server has answered (`shoal.replay.model_figures`), and is kept for all visitors.
"""

from __future__ import annotations

import streamlit as st

from shoal.analysis.class_diagnostics import ClassDiagnostics
from shoal.analysis.diagnostics import Diagnostics
from shoal.analysis.partial_dependence import PartialDependence
from shoal.dashboard.charts.input_importance import input_bars_html
from shoal.dashboard.charts.partial_dependence import dependence_chart
from shoal.dashboard.components.class_diagnostics_card import (
    calibration_card,
    class_tiles,
    curves_card,
    decisions_card,
)
from shoal.dashboard.components.deferred_charts import chart, deferred_charts
from shoal.dashboard.components.network_card import network_card
from shoal.dashboard.components.number_diagnostics_card import (
    MOST_TARGETS,
    errors_card,
    number_tiles,
)
from shoal.dashboard.components.problem_words import topology_ends
from shoal.dashboard.components.run_heading import run_heading
from shoal.dashboard.error_box import error_box
from shoal.dashboard.routing import link, parameter
from shoal.dashboard.session.model_queries import known_of_model
from shoal.dashboard.session.queries import read, run_here
from shoal.nn.network import Network
from shoal.presentation.input_text import importance_note
from shoal.replay.model_figures import Known, ModelFacts
from shoal.store import ACTIVE, RunView
from shoal.tuning.champion import Champion

# Between two questions to the process that computes figures.
_SECONDS = 0.8


def page() -> None:
    """The champion of one run as a model."""
    run = run_here()
    run_heading(run, "model")

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
    """Headings at once; figures as they come from the process that computes them."""
    wait = None
    if not known_of_model(run, parameter("column")).is_all:
        wait = _SECONDS

    def figures() -> None:
        with deferred_charts():
            known = known_of_model(run, parameter("column"))
            _draw_figures(run, champion, known)
        # The whole page, so that it begins or ceases to ask.
        if known.is_all != (wait is None):
            st.rerun()

    st.fragment(figures, run_every=wait)()


def _draw_figures(run: RunView, champion: Champion, known: Known) -> None:
    if known.error is not None:
        error_box(known.error)
    st.caption(_rows_text(champion, known.facts))
    found = known.diagnostics
    with st.container(key="model-tiles"):
        if isinstance(found, ClassDiagnostics):
            class_tiles(found)
        elif found is not None:
            number_tiles(found)
        elif known.error is None:
            st.caption("Predicting the test rows …")

    if known.error is None or known.importances is not None:
        with st.container(border=True, key="inputs"):
            _draw_importance(known)
        with st.container(border=True, key="dependence"):
            _draw_dependence(run, known)
    if found is not None:
        with st.container(key="model-errors"):
            _draw_diagnostics(found, str(run.id))
    if known.facts is not None:
        network = Network(known.facts.layers, champion.genome.activation)
        with st.container(key="model-network"):
            network_card(champion, network, known.facts.inputs, known.facts.outputs, _dark())


def _rows_text(champion: Champion, facts: ModelFacts | None) -> str:
    count = len(champion.weights)
    networks = f"{count} networks together, as they are exported"
    if count == 1:
        networks = "its one network, as it is exported"
    rows = "test rows"
    if facts is not None:
        rows = f"{facts.rows:,} test rows"
    return f"All of this is of {networks}, on {rows} that no network was trained on."


def _draw_diagnostics(found: Diagnostics, key: str) -> None:
    if isinstance(found, ClassDiagnostics):
        curves_card(found, key, _dark())
        decisions_card(found, key, _dark())
        calibration_card(found, key, _dark())
        return
    for number, own in enumerate(found.targets[:MOST_TARGETS]):
        errors_card(own, f"{key}-{number}", _dark())


def _draw_importance(known: Known) -> None:
    st.header("Which columns it needs", anchor=False)
    st.caption(
        "A bar says how much worse the predictions get when the values of a column are mixed up "
        "among the rows. A long bar: the model relies on the column. A bar near zero: it could do "
        "without. The thin line is the 95 % interval; where it reaches zero, the column may not "
        "matter at all."
    )
    if known.importances is None:
        st.caption("Shuffling columns …")
        return
    st.html(input_bars_html(known.importances))
    st.caption(importance_note(known.importances))


def _draw_dependence(run: RunView, known: Known) -> None:
    st.header("How predictions change with a column", anchor=False)
    st.caption(
        "What the model would predict if all test rows had the same value in one column and all "
        "else stayed. Where the line rises, larger values go with larger predictions; where it is "
        "flat, the column makes no difference."
    )
    facts = known.facts
    columns = _columns_in_order(known)
    if facts is None or not columns:
        st.caption("Predicting …")
        return

    left, right = st.columns(2)
    with left:
        _choose("column", "Column", columns, columns[0], run)
    output = _usual_output(facts)
    if _asks_for_output(facts):
        with right:
            names = list(facts.outputs)
            output = names.index(_choose("output", "Prediction", names, names[output], run))

    if known.dependence_error is not None:
        error_box(known.dependence_error)
    elif known.dependence is None:
        st.caption("Predicting …")
    else:
        _draw_dependence_chart(run, known.dependence, output, is_share=facts.is_share)


def _columns_in_order(known: Known) -> list[str]:
    """The most important first; none before that is known, unless the address names one."""
    if known.importances is not None:
        return [own.column for own in known.importances.inputs]
    if known.facts is not None and parameter("column") in known.facts.columns:
        return list(known.facts.columns)
    return []


def _draw_dependence_chart(
    run: RunView, found: PartialDependence, output: int, *, is_share: bool
) -> None:
    figure = dependence_chart(found, output, is_share=is_share, dark=_dark())
    chart(figure, f"dependence-{run.id}", "Predictions by the value of the column")
    mean = "The thick line"
    if found.kind == "category":
        mean = "A dot"
    notes = [
        f"{mean} is the mean prediction for {found.rows:,} test rows. A thin line is a single "
        "row. Where columns go together, some of these rows exist nowhere."
    ]
    if found.deciles:
        notes.append("The ticks below are tenths of the test rows.")
    st.caption(" ".join(notes))


def _usual_output(facts: ModelFacts) -> int:
    """Of two classes the second: the first says the same, turned around."""
    return int(facts.is_share and len(facts.outputs) == 2)


def _asks_for_output(facts: ModelFacts) -> bool:
    return len(facts.outputs) > 1 and not _usual_output(facts)


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
