"""The page Runs: what is worked on, and all runs in a table that is searched, sorted and grouped.

What the table shows stands in the address: the keys of the fields are its parameters.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import pandas as pd
import streamlit as st

from shoal.analysis.run_list import (
    SORTS,
    STATES,
    RunFilter,
    matching,
    ordered,
    tables_of,
    tags_of,
)
from shoal.dashboard.charts.scores import column_title, score_format
from shoal.dashboard.components.active_runs import active_runs
from shoal.dashboard.components.run_panel import run_panel
from shoal.dashboard.components.run_text import state_word
from shoal.dashboard.routing import address, go, heading, link, parameter
from shoal.dashboard.session.queries import best_half, run_entries, store
from shoal.objectives.registry import Metric
from shoal.presentation.formatting import (
    duration,
    metric_heading,
    quoted,
    score_text,
    score_with_spread,
)
from shoal.store import RunEntry, RunView

# Rows of a page of the table.
ROWS = 50
# The parameter of the address that says which page of the table is shown, from 1.
_PAGE = "page"

# Pixels: a row of the table, and what frames it.
_ROW_HEIGHT = 35
_FRAME_HEIGHT = 3
# Rows that are seen at once, so that what can be done with them stands near: of one table, and of
# each of several.
_SEEN = 14
_SEEN_OF_GROUP = 6

# The columns that can be chosen, in their order: what each shows of a run. The best score and the
# number, which is always there, are made apart.
_COLUMNS: dict[str, Callable[[RunView], Any]] = {
    "Name": lambda run: run.name,
    "State": state_word,
    "Best": lambda run: run.best_score,
    "Table": lambda run: run.dataset,
    "Started": lambda run: run.created,
    "Duration": lambda run: duration(run.seconds),
    "Tags": lambda run: list(run.tags),
    "Note": lambda run: run.note,
    "Generations": lambda run: f"{run.generations:,} of {run.settings.generations:,}",
    "Trainings": lambda run: run.evaluations,
    "Metric": lambda run: run.metric.label,
    "Preset": lambda run: run.settings.preset,
    "Sampler": lambda run: run.settings.sampler,
    "Seed": lambda run: str(run.seed),
}
_USUAL = ["Name", "State", "Best", "Table", "Started", "Duration", "Tags"]
_SORT_WORDS = {
    "run": "Newest",
    "name": "Name",
    "state": "State",
    "best": "Best score",
    "table": "Table",
    "trainings": "Trainings",
    "time": "Duration",
    "started": "Started",
    "tags": "Tags",
}


@dataclass(frozen=True, slots=True)
class _View:
    """How the table shows the runs that it shows.

    Attributes
    ----------
    sort
        One of `SORTS`.
    reverse
        Whether it is sorted the other way round.
    columns
        Names of `_COLUMNS`.
    grouped
        Whether runs on one table stand together.
    """

    sort: str
    reverse: bool
    columns: tuple[str, ...]
    grouped: bool


def page() -> None:
    """What is worked on, the table, and what can be done with the rows that are chosen."""
    left, right = st.columns([3, 1], vertical_alignment="center")
    left.title(heading("runs"), anchor=False)
    with right.container(horizontal=True, horizontal_alignment="right"):
        if st.button("New run", type="primary", icon=":material/add:", key="new"):
            go("new")

    entries = run_entries()
    if not entries:
        st.markdown("**There is no run yet.**")
        st.caption(
            "A run is one search: a table, settings, a budget. The bundled Concrete data need "
            "nothing prepared."
        )
        link("new", "Start your first run", icon=":material/arrow_forward:")
        return

    active_runs()
    wanted, view = _controls(entries)
    listed = ordered(matching(entries, wanted), view.sort, reverse=view.reverse)
    if view.grouped:
        # The groups in the order in which their first runs come.
        places = {name: place for place, name in enumerate(dict.fromkeys(_tables(listed)))}
        listed.sort(key=lambda entry: places[entry.dataset])
    if not listed:
        st.caption(_nothing_text(entries, wanted))
        return

    shown = _page_of(listed)
    chosen = _groups(shown, listed, view)
    if chosen:
        run_panel(chosen, tags_of(entries))
    else:
        st.caption("Choose rows by the boxes on their left, to compare, tag or manage them.")


def _tables(entries: Sequence[RunEntry]) -> list[str]:
    return [entry.dataset for entry in entries]


def _controls(entries: Sequence[RunEntry]) -> tuple[RunFilter, _View]:
    """The fields above the table."""
    with st.container(key="filters", horizontal=True, vertical_alignment="bottom", gap="small"):
        text = st.text_input(
            "Search", key="q", type="search", placeholder="Name, note, number", bind="query-params"
        )
        state = _choice("State", "state", STATES)
        table = _choice("Table", "table", tables_of(entries))
        tag = _choice("Tag", "tag", tags_of(entries))
        sort = st.selectbox(
            "Sort by",
            list(SORTS),
            key="sort",
            format_func=_SORT_WORDS.__getitem__,
            bind="query-params",
        )
        with st.popover("View", icon=":material/tune:"):
            reverse = st.toggle("The other way round", key="reverse", bind="query-params")
            grouped = st.toggle("Group by table", key="grouped", bind="query-params")
            archived = st.toggle("Show archived runs", key="archived", bind="query-params")
            columns = st.multiselect(
                "Columns", list(_COLUMNS), _USUAL, key="columns", bind="query-params"
            )

    wanted = RunFilter(text or "", state, tag, table, archived)
    # In the order of the table, whatever the order of choosing.
    names = tuple(name for name in _COLUMNS if name in columns)
    return wanted, _View(sort or "run", reverse, names, grouped)


def _choice(label: str, key: str, options: Sequence[str]) -> str | None:
    """A field that chooses one of some texts, or none."""
    chosen: str | None = st.selectbox(
        label, list(options), index=None, key=key, placeholder="Any", bind="query-params"
    )
    return chosen


def _nothing_text(entries: Sequence[RunEntry], wanted: RunFilter) -> str:
    hidden = sum(entry.archived is not None for entry in entries)
    text = f"None of {len(entries):,} runs is like that."
    if hidden and not wanted.archived:
        text += f" {hidden:,} of them are archived; *View* shows them."
    return text


def _page_of(listed: list[RunEntry]) -> list[RunEntry]:
    """The runs of the page that the address names, with the means to turn pages."""
    last = (len(listed) - 1) // ROWS + 1
    named = parameter(_PAGE) or "1"
    number = min(max(int(named), 1), last) if named.isdecimal() else 1
    first = (number - 1) * ROWS
    shown = listed[first : first + ROWS]
    if last == 1:
        st.caption(f"{len(listed):,} runs" if len(listed) > 1 else "1 run")
        return shown

    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="pages"):
        st.caption(f"{first + 1:,} to {first + len(shown):,} of {len(listed):,} runs")
        for label, icon, target in (
            ("Previous", ":material/chevron_left:", number - 1),
            ("Next", ":material/chevron_right:", number + 1),
        ):
            st.button(
                label,
                icon=icon,
                key=f"page-{label}",
                disabled=not 1 <= target <= last,
                on_click=_turn_to,
                args=(target,),
            )
    return shown


def _turn_to(number: int) -> None:
    st.query_params[_PAGE] = str(number)


def _groups(shown: Sequence[RunEntry], listed: Sequence[RunEntry], view: _View) -> list[RunView]:
    """Draw the table, or one for each group; the chosen runs."""
    views = {run.id: run for run in store().runs_of(entry.id for entry in shown)}
    if not view.grouped:
        return _table([views[entry.id] for entry in shown if entry.id in views], view)

    chosen = []
    groups = groupby(shown, key=lambda entry: entry.dataset)
    for place, (name, group) in enumerate(groups):
        everything = [entry for entry in listed if entry.dataset == name]
        with st.container(key=f"group-{place}"):
            st.markdown(f"**{quoted(name)}** :small[{_group_text(everything)}]")
        chosen += _table([views[entry.id] for entry in group if entry.id in views], view)
    return chosen


def _group_text(runs: Sequence[RunEntry]) -> str:
    """How many runs a group has, and its best score where all have one metric."""
    text = f"{len(runs):,} runs" if len(runs) > 1 else "1 run"
    best = ordered(runs, "best")[0]
    if len({run.metric for run in runs}) == 1 and best.best_score is not None:
        text += f" · best {score_text(best.best_score, best.metric)} (run {best.id})"
    return text


def _table(runs: Sequence[RunView], view: _View) -> list[RunView]:
    """Draw a table of runs; those that are chosen in it."""
    if not runs:
        return []
    metrics = {run.metric for run in runs if run.best_score is not None}
    metric = next(iter(metrics)) if len(metrics) == 1 else None
    frame = _frame(runs, view, metric)
    # Another list is another table: what was chosen in one says nothing of another.
    numbers = ",".join(str(run.id) for run in runs)
    digest = hashlib.sha256(numbers.encode()).hexdigest()[:12]
    seen = min(len(runs), _SEEN_OF_GROUP if view.grouped else _SEEN)
    event = st.dataframe(
        frame,
        hide_index=True,
        height=_ROW_HEIGHT * (seen + 1) + _FRAME_HEIGHT,
        row_height=_ROW_HEIGHT,
        placeholder="",
        column_config=_column_config(metric),
        on_select="rerun",
        selection_mode="multi-row",
        key=f"runs-{digest}",
        alt="Runs",
    )
    return [runs[row] for row in event.selection.rows if row < len(runs)]


def _frame(runs: Sequence[RunView], view: _View, metric: Metric | None) -> pd.DataFrame:
    columns: dict[str, Any] = {"Run": [address("live", run=run.id) for run in runs]}
    for name in view.columns:
        columns[name] = [_COLUMNS[name](run) for run in runs]

    if "Best" in columns:
        halves = [best_half(run) for run in runs]
        if metric is None:
            scores = []
            for run, half in zip(runs, halves, strict=True):
                scores.append(_score_of_its_metric(run, half))
            columns["Best"] = scores
        else:
            # Beside each other, whatever the order of the columns after them.
            before = list(columns)
            values = {**columns, "±": pd.array(halves, dtype="Float64")}
            before.insert(before.index("Best") + 1, "±")
            columns = {name: values[name] for name in before}
            columns["Best"] = pd.array(columns["Best"], dtype="Float64")
    if "Started" in columns:
        columns["Started"] = pd.to_datetime(columns["Started"], unit="s", utc=True)
    return pd.DataFrame(columns)


def _score_of_its_metric(run: RunView, half: float | None) -> str:
    """A score among those of other metrics."""
    if run.best_score is None:
        return ""
    text = score_with_spread(run.best_score, half, run.metric)
    if run.metric.unit == "%":
        return text
    return f"{text} {metric_heading(run.metric)}"


def _column_config(metric: Metric | None) -> dict[str, Any]:
    """How the table's columns are shown."""
    column = st.column_config
    config: dict[str, Any] = {
        "Run": column.LinkColumn(display_text=r"run=(\d+)", pinned=True, width=60),
        "Name": column.TextColumn(width=170),
        "State": column.TextColumn(width=95),
        "Started": column.DatetimeColumn(
            format="YYYY-MM-DD HH:mm", timezone=st.context.timezone, width=135
        ),
        "Duration": column.TextColumn(width=95),
        "Tags": column.ListColumn(width="medium"),
        "Trainings": column.NumberColumn(format="localized"),
    }
    if metric is not None:
        form = f"%{score_format(metric)}"
        title = column_title("Best", metric)
        if metric.unit != "%":
            title = f"Best {metric.word}"
        config["Best"] = column.NumberColumn(title, format=form, width=90)
        config["±"] = column.NumberColumn(
            format=form, width=55, help="Half of the width of the 95 % interval"
        )
    return config
