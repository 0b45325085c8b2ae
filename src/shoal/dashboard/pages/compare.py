"""Runs side by side: their curves, what each found, where they differ, and whether one is truly better."""

from __future__ import annotations

import streamlit as st

from shoal.analysis.comparison import FEWEST, MOST, Comparison, compare
from shoal.dashboard.charts.compare import (
    curves_chart,
    curves_data,
    duels_chart,
    duels_data,
    duels_table,
    scores_table,
    settings_table,
)
from shoal.dashboard.charts.vega import Spec
from shoal.dashboard.components.deferred_charts import chart
from shoal.dashboard.components.html_table import html_table
from shoal.dashboard.error_box import error_box
from shoal.dashboard.routing import link, parameter
from shoal.dashboard.session.queries import RunSnapshot, read, store
from shoal.errors import ShoalError
from shoal.store import RunView

_ADDRESS = "runs"  # of the address: numbers with commas between


def page() -> None:
    """Two to eight runs that the address names, or that are chosen here."""
    st.title("Compare", anchor=False)
    known = {run.id: run for run in store().runs() if run.generations}
    if len(known) < FEWEST:
        st.markdown("**There is nothing to compare yet.**")
        st.caption(
            "Two runs with a completed generation are needed: other settings, another sampler, or another seed."
        )
        link("new", "Start a run", icon=":material/arrow_forward:")
        return
    chosen = _choice(known)
    if len(chosen) < FEWEST:
        st.caption(f"Choose {FEWEST} to {MOST} runs.")
        return
    try:
        readings = [read(run) for run in chosen]
        found = compare([reading.summary for reading in readings], _against(chosen))
    except ShoalError as error:
        error_box(error)
        return
    _obstacles(found)
    with st.container(border=True, key="curves"):
        _curves(readings)
    with st.container(border=True, key="found"):
        _found(found)
    with st.container(border=True, key="tests"):
        _tests(found)
    with st.container(border=True, key="settings"):
        _settings(found)


def _choice(known: dict[int, RunView]) -> list[int]:
    """The chosen runs, which stand in the address: a reload, and whoever is sent it, sees the same ones."""
    named = [
        int(text) for text in (parameter(_ADDRESS) or "").split(",") if text.strip().isdecimal()
    ]
    missing = [run for run in named if run not in known]
    named = list(dict.fromkeys(run for run in named if run in known))[:MOST]
    if missing:
        error_box(
            f"No results of {', '.join(f'run {run}' for run in missing)}: not in this store, or too young."
        )
    chosen: list[int] = st.multiselect(
        "Runs",
        list(known),
        named or list(known)[:FEWEST],
        format_func=lambda run: f"{run} · {known[run].name}",
        max_selections=MOST,
        key=f"compare-{','.join(map(str, named))}",
    )
    if chosen != named:
        st.query_params[_ADDRESS] = ",".join(map(str, chosen))
    return chosen


def _against(chosen: list[int]) -> int | None:
    kept = st.session_state.get("against")
    return kept if kept in chosen else None


def _obstacles(found: Comparison) -> None:
    if found.obstacles:
        with st.container(key="problem"):
            st.text(
                "These accuracies do not compare: they are of other rows, or of something else."
            )
            for obstacle in found.obstacles:
                st.text(f"{obstacle}.")


def _curves(readings: list[RunSnapshot]) -> None:
    left, right = st.columns([2, 1], vertical_alignment="center")
    left.subheader("The best so far", anchor=False)
    over = {"evaluations": "Trainings", "seconds": "Active time"}
    unit = right.segmented_control(
        "Over",
        list(over),
        default="evaluations",
        format_func=over.__getitem__,
        label_visibility="collapsed",
        key="over",
    )
    shown = tuple((reading.run.id, reading.run.generations) for reading in readings)
    chart(
        _figure(readings, shown, unit or "evaluations", _dark()),
        "curves-figure",
        f"The best accuracy so far of {len(readings)} runs",
    )
    st.caption(
        "After each generation, what its best genome had scored in the search; the band is the 95 % interval of its repeats. "
        "Choosing the best of many flatters: the confirmation below does not."
    )


@st.cache_resource(max_entries=32, show_spinner=False)
def _figure(
    _readings: list[RunSnapshot], shown: tuple[tuple[int, int], ...], unit: str, dark: bool
) -> Spec:
    del shown  # part of the cache's key
    frame = curves_data(
        [(reading.run.id, reading.summary.generations, reading.history) for reading in _readings]
    )
    return curves_chart(frame, unit, dark=dark)


def _found(found: Comparison) -> None:
    st.subheader("What each found", anchor=False)
    forms = dict.fromkeys(
        ("Best (%)", "Confirmed (%)", "Test (%)", "Ensemble (%)", "± 95 %", "± 95 % "), ".2f"
    )
    forms |= {"Generations": ",", "Trainings": ",", "Minutes": ",.1f"}
    shown = scores_table(found).dropna(axis="columns", how="all")
    html_table(shown, "scores", forms)
    st.caption(
        "Best: as the search saw it. Confirmed: on random streams that nothing was selected on. Test: rows that nobody had "
        "looked at; of single networks on average, and of their ensemble."
    )


def _tests(found: Comparison) -> None:
    st.subheader("Is one truly better?", anchor=False)
    runs = [row.run for row in found.rows]
    st.selectbox(
        "Test the others against",
        [None, *runs],
        format_func=lambda run: "the run that leads" if run is None else f"run {run}",
        key="against",
    )
    duels = duels_data(found)
    if len(duels):
        chart(
            duels_chart(duels, dark=_dark()),
            "tests-figure",
            "By how much each is ahead, with its interval; the table below has the figures",
        )
    forms = dict.fromkeys(("Ahead by", "Low", "High"), "+.2f") | {"P(better)": ".2f"}
    html_table(duels_table(found), "tests", forms)
    st.caption(
        "Ahead by: percent points, with the 95 % interval from low to high; unresolved when that holds 0. Champions are "
        "compared over the repeats that confirmed them. With the same seed a repeat meets the same random streams and folds in "
        "both runs: the differences are paired. With other seeds nothing is shared: Welch's test. Runs that differ in nothing "
        "but seeds are a method, and are paired by seed. Of many tests, one in twenty resolves by chance."
    )


def _settings(found: Comparison) -> None:
    st.subheader("Settings that differ", anchor=False)
    if not found.settings:
        st.caption("None: these runs had the same settings and data.")
        return
    html_table(settings_table(found), "settings")


def _dark() -> bool:
    return st.context.theme.type == "dark"
