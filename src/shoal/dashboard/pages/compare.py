"""The page Compare: runs side by side, where they differ, and whether one is truly better."""

from __future__ import annotations

import streamlit as st

from shoal.analysis.comparison import FEWEST, MOST, Comparison, comparable_pair, compare
from shoal.dashboard.charts.compare import (
    curves_chart,
    curves_data,
    duels_chart,
    duels_data,
    duels_table,
    scores_table,
    settings_table,
)
from shoal.dashboard.charts.scores import column_title, score_format
from shoal.dashboard.charts.vega import Spec
from shoal.dashboard.components.deferred_charts import chart
from shoal.dashboard.components.html_table import Column, html_table
from shoal.dashboard.error_box import error_box
from shoal.dashboard.routing import heading, link, parameter
from shoal.dashboard.session.queries import RunSnapshot, read, run_entries, store
from shoal.errors import ShoalError
from shoal.objectives.registry import ACCURACY, Metric
from shoal.presentation.formatting import (
    difference_text,
    escaped,
    metric_heading,
    spread_text,
)
from shoal.store import RunEntry, RunView

# The parameter of the address with the chosen runs, numbers with commas between.
_RUNS = "runs"

# Key of Streamlit's session state, and of the select box: the run that others are tested against.
_AGAINST = "against"


def page() -> None:
    """Two to eight runs that the address names, or that are chosen here."""
    st.title(heading("compare"), anchor=False)
    known = {run.id: run for run in run_entries() if run.generations}
    if len(known) < FEWEST:
        st.markdown("**There is nothing to compare yet.**")
        st.caption(
            "Two runs with a completed generation are needed: other settings, another sampler, or "
            "another seed."
        )
        link("new", "Start a run", icon=":material/arrow_forward:")
        return

    chosen = _chosen_runs(known)
    if len(chosen) < FEWEST:
        st.caption(f"Choose {FEWEST} to {MOST} runs.")
        return
    try:
        snapshots = [read(run) for run in chosen]
        summaries = [snapshot.summary for snapshot in snapshots]
        finished = [summary.run.id for summary in summaries if summary.champion is not None]
        comparison = compare(summaries, _against(finished))
    except ShoalError as error:
        error_box(error)
        return

    _obstacles(comparison)
    with st.container(border=True, key="curves"):
        _curves(snapshots, comparison.metric)
    with st.container(border=True, key="found"):
        _scores(comparison, [snapshot.run for snapshot in snapshots])
    with st.container(border=True, key="tests"):
        _tests(comparison)
    with st.container(border=True, key="settings"):
        _settings(comparison)


def _chosen_runs(known: dict[int, RunEntry]) -> list[int]:
    """The chosen runs, with the means to choose others.

    They stand in the address, so that a reload or a shared link shows the same runs.
    """
    named = []
    missing = []
    for text in (parameter(_RUNS) or "").split(","):
        if not text.strip().isdecimal():
            continue
        run = int(text)
        if run not in known:
            missing.append(f"run {run}")
        elif run not in named:
            named.append(run)
    named = named[:MOST]
    if missing:
        error_box(f"No results of {', '.join(missing)}: not in this store, or too young.")

    chosen: list[int] = st.multiselect(
        "Runs",
        list(known),
        named or comparable_pair(store(), list(known.values())),
        format_func=lambda run: f"{run} · {known[run].name}",
        max_selections=MOST,
        # Streamlit keeps a choice by its key. Another address is another choice.
        key=f"compare-{','.join(map(str, named))}",
    )
    if chosen != named:
        st.query_params[_RUNS] = ",".join(map(str, chosen))
    return chosen


def _against(finished: list[int]) -> int | None:
    """The run that the others are tested against; None for the leading one."""
    run: int | None = st.session_state.get(_AGAINST)
    return run if run in finished else None


def _obstacles(comparison: Comparison) -> None:
    """What keeps these runs from being compared, in one line: somebody chose them, to see them."""
    if comparison.obstacles:
        found = "; ".join(map(str, comparison.obstacles))
        st.caption(escaped(f"{_reservation(comparison.metric)}. {found}."))


def _reservation(metric: Metric | None) -> str:
    if metric is not None and metric.is_accuracy:
        return "These accuracies cannot be compared"
    return "These scores cannot be compared"


def _curves(snapshots: list[RunSnapshot], metric: Metric | None) -> None:
    """The best so far, by trainings or by time."""
    left, right = st.columns([2, 1], vertical_alignment="center")
    left.header("The best so far", anchor=False)

    if metric is None:
        st.caption("These runs have different metrics: one axis cannot show their scores.")
        return

    units = {"evaluations": "Trainings", "seconds": "Active time"}
    unit = right.segmented_control(
        "Over",
        list(units),
        default="evaluations",
        format_func=units.__getitem__,
        label_visibility="collapsed",
        key="over",
    )

    generations = tuple((snapshot.run.id, snapshot.run.generations) for snapshot in snapshots)
    figure = _curves_figure(snapshots, generations, unit or "evaluations", metric, _dark())
    chart(figure, "curves-figure", f"The best {metric.word} so far of {len(snapshots)} runs")
    st.caption(
        "After each generation, what its best genome had scored in the search; the band is the "
        "95 % interval of its repeats. Choosing the best of many flatters: the confirmation below "
        "does not."
    )


@st.cache_resource(max_entries=32, show_spinner=False)
def _curves_figure(
    _snapshots: list[RunSnapshot],
    generations: tuple[tuple[int, int], ...],
    unit: str,
    metric: Metric,
    dark: bool,
) -> Spec:
    """The chart. ``generations`` by run are the snapshots' part of the cache's key."""
    del generations
    runs = []
    for snapshot in _snapshots:
        runs.append((snapshot.run.id, snapshot.summary.generations, snapshot.history))
    return curves_chart(curves_data(runs), unit, metric=metric, dark=dark)


def _scores(comparison: Comparison, runs: list[RunView]) -> None:
    st.header("What each found", anchor=False)
    metric = comparison.metric
    half = Column(text=lambda value: spread_text(value, metric).removeprefix("± "))
    formats: dict[str, Column | str] = dict.fromkeys(("± 95 %", "± 95 % "), half)
    for words in ("Best", "Confirmed", "Test", "Ensemble"):
        formats[column_title(words, metric)] = score_format(metric)
    formats |= {"Generations": ",", "Trainings": ",", "Minutes": ",.1f"}
    shown = scores_table(comparison).dropna(axis="columns", how="all")
    html_table(shown, "scores", formats)
    st.caption(
        f"{_scores_text(metric)}Best: as the search saw it. Confirmed: on random streams that "
        f"nothing was selected on. {_test_text(runs)}"
    )


def _scores_text(metric: Metric | None) -> str:
    """What the scores are; nothing for accuracies, whose columns say it."""
    if metric is None or metric.is_accuracy:
        return ""
    return f"{escaped(metric_heading(metric))}. "


def _test_text(runs: list[RunView]) -> str:
    """What the scores of the test are of; nothing where no run has a test."""
    if not any(run.has_network for run in runs):
        return ""
    if all(run.is_table for run in runs):
        return (
            "Test: rows that the search did not use; of single networks on average, and of their "
            "ensemble."
        )
    return (
        "Test: rows or scenarios that the search did not use; of single networks on average, and "
        "of what they give together."
    )


def _tests(comparison: Comparison) -> None:
    """Whether one run is better than the others by more than chance."""
    st.header("Is one truly better?", anchor=False)
    if comparison.untested:
        st.caption(comparison.untested_text)
    runs = [row.run for row in comparison.rows if row.run not in comparison.untested]
    if len(runs) < FEWEST:
        st.caption("Two finished runs are needed for a test.")
        return
    st.selectbox(
        "Test the others against",
        [None, *runs],
        format_func=lambda run: "the run that leads" if run is None else f"run {run}",
        key=_AGAINST,
    )

    duels = duels_data(comparison)
    if len(duels):
        alt = "By how much each is ahead, with its interval; the table below has the figures"
        metric = comparison.metric or ACCURACY
        chart(duels_chart(duels, metric=metric, dark=_dark()), "tests-figure", alt)

    difference = Column(text=lambda value: difference_text(value, comparison.metric))
    formats: dict[str, Column | str] = dict.fromkeys(("Ahead by", "Low", "High"), difference)
    formats["P(better)"] = ".2f"
    html_table(duels_table(comparison), "tests", formats)
    st.caption(
        f"Ahead by: {_ahead_unit(comparison.metric)}, with the 95 % interval from low to high; "
        "unresolved when that holds 0. Champions are compared over the repeats that confirmed "
        "them. With the same seed a repeat meets the same random streams and folds in both runs: "
        "the differences are paired. With other seeds nothing is shared: Welch's test. Runs that "
        "differ in nothing but seeds are a method, and are paired by seed. Of many tests, one in "
        "twenty resolves by chance."
    )


def _ahead_unit(metric: Metric | None) -> str:
    if metric is None:
        return "how much better it is"
    return metric.difference_unit or "how much better it is"


def _settings(comparison: Comparison) -> None:
    st.header("Settings that differ", anchor=False)
    if not comparison.settings:
        st.caption("None: these runs had the same settings and data.")
        return
    html_table(settings_table(comparison), "settings")


def _dark() -> bool:
    return st.context.theme.type == "dark"
