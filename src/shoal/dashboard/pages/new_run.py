"""From a table to a started search. The form stands outside the refreshing fragments, which would take the words from
one's mouth; every choice is an answer to the script, so that checks and cost are those of what is seen."""

from __future__ import annotations

from typing import Any

import streamlit as st

from shoal.analysis.cost_estimate import (
    CostEstimate,
    Throughput,
    estimate_cost,
    recorded_throughput,
)
from shoal.dashboard.components.metric_tiles import metric_tiles
from shoal.dashboard.components.new_run_form import (
    budget,
    columns_and_target,
    preset,
    preview,
    split,
)
from shoal.dashboard.components.search_space_form import bounds_and_choices
from shoal.dashboard.error_box import error_box
from shoal.dashboard.routing import entered, go, parameter
from shoal.dashboard.server.launch import MAX_UPLOAD_MB
from shoal.dashboard.session import new_run_draft
from shoal.dashboard.session.commands import command_service
from shoal.dashboard.session.new_run_draft import key, put, state
from shoal.dashboard.session.queries import store
from shoal.data.diagnostics import Checked, Finding
from shoal.errors import DataError, ShoalError
from shoal.executors import check_executor_installed
from shoal.presentation.formatting import duration, quoted
from shoal.problems.table import Problem
from shoal.settings.search_settings import SearchSettings
from shoal.store import RunView
from shoal.tuning.samplers.registry import check_sampler

_MARKS = {
    "bad": ":red[:material/error:]",
    "look": ":orange[:material/visibility:]",
    "good": ":green[:material/check_circle:]",
}


def page() -> None:
    """The form, and what it comes to; ends by showing the run that it queued."""
    runs = store().runs()
    st.title("New run" if runs else "Start your first run", anchor=False)
    error: ShoalError | None = None
    if entered() or state("key") is None:
        new_run_draft.begin()
        error = new_run_draft.fill_from_address(parameter("like"), parameter("widen"))
    if not runs:
        st.caption(
            "Nothing to prepare: the bundled table has 1,030 mixes of concrete, with the strength to predict."
        )
    with st.container(border=True, key="draft"):
        st.subheader("Data", anchor=False)
        table = _table(runs)
        if isinstance(table, DataError):
            error, table = table, None
        findings = None
        if table is not None:
            new_run_draft.adapt_to(table)
            preview(table)
            columns_and_target(table)
            findings = st.container(key="findings")
    with st.container(border=True, key="search"):
        st.subheader("Search", anchor=False)
        chosen = preset()
        values = budget(chosen)
        options = split(table, chosen) if table is not None else {}
        values |= bounds_and_choices(chosen)
        _carried(chosen)
        st.text_input(
            "Name",
            key=key("name"),
            placeholder=table.name if table else None,
            persist_state="session",
        )
    checked = None
    if table is not None:
        given = tuple((name, tuple(v) if isinstance(v, list) else v) for name, v in options.items())
        checked = new_run_draft.checked(
            table, table.token, tuple(state("leave")), state("target"), chosen, given
        )
        with findings or st.container():
            _findings(checked)
    _start(checked, chosen, values, runs, error)


def _table(runs: list[RunView]) -> new_run_draft.Table | DataError | None:
    kinds = [
        new_run_draft.BUNDLED_TABLE,
        new_run_draft.UPLOAD,
        *([new_run_draft.FROM_RUN] if runs else []),
    ]
    if state("kind") not in kinds:
        put(kind=new_run_draft.BUNDLED_TABLE)
    kind = st.segmented_control(
        "Table",
        kinds,
        required=True,
        key=key("kind"),
        label_visibility="collapsed",
        persist_state="session",
    )
    if kind == new_run_draft.UPLOAD:
        return _uploaded()
    if kind == new_run_draft.FROM_RUN:
        labels = {
            t.run_id: f"{t.name}: {t.rows:,} rows, {t.columns:,} columns (run {t.run_id})"
            for t in store().tables()
        }
        known = {run.id: run for run in runs}
        if (filled := state("filled")) in known and filled not in labels:
            labels = {filled: f"{known[filled].dataset} (run {filled})", **labels}
        if state("table") not in labels:
            put(table=next(iter(labels)))
        run_id = st.selectbox(
            "Table of",
            list(labels),
            format_func=labels.__getitem__,
            key=key("table"),
            persist_state="session",
        )
        try:
            return new_run_draft.stored(run_id)
        except ShoalError as error:
            return DataError(error.problem, expected=error.expected, remedy=error.remedy)
    return new_run_draft.bundled("concrete")


def _uploaded() -> new_run_draft.Table | DataError | None:
    at = key(f"upload-{state('uploads', 0)}")
    types = ["csv", "tsv", "txt", "parquet", "pq"]
    file = st.file_uploader(f"CSV or Parquet, up to {MAX_UPLOAD_MB} MB", type=types, key=at)
    if file is not None:
        with st.spinner("Reading the table …"):
            new_run_draft.read_upload(file)
        st.rerun()
    found: new_run_draft.Table | DataError | None = state("uploaded")
    if found is not None:
        with st.container(horizontal=True, vertical_alignment="center", key="uploaded"):
            if isinstance(found, new_run_draft.Table):
                st.markdown(f":material/table: {quoted(found.name)}", width="content")
            st.button(
                "Remove", icon=":material/close:", key="remove", on_click=lambda: put(uploaded=None)
            )
    return found


def _findings(checked: Checked) -> None:
    """What the checks say, with what can be done here at once."""
    for number, finding in enumerate(checked.findings):
        with st.container(horizontal=True, gap="small", key=f"finding-{finding.status}-{number}"):
            st.markdown(_MARKS[finding.status], width="content")
            remedy = f"\nWhat to do: {finding.remedy}." if finding.remedy else ""
            st.text(finding.what + remedy, width="stretch")
            _mend(finding, number)


def _mend(finding: Finding, number: int) -> None:
    if finding.leave:
        names = "it" if len(finding.leave) == 1 else "them"
        st.button(
            f"Leave {names} out",
            key=f"mend-{number}",
            on_click=new_run_draft.leave_out,
            args=(finding.leave,),
        )
    if finding.together:
        st.button("Keep them together", key=f"mend-{number}", on_click=new_run_draft.keep_together)


def _carried(chosen: str) -> None:
    """What the duplicated run has beyond the form, and a button that drops it."""
    carried = new_run_draft.carried_over(chosen)
    shown = dict(carried.settings)
    for name, value in carried.data_options.items():
        # With folds there is no validation part of its own.
        if name != "validation_fraction" or state("folds") == 1:
            shown[name] = value
    if carried.run_id is None or not shown:
        return

    text = ", ".join(f"{name} = {value}" for name, value in shown.items())
    with st.container(horizontal=True, vertical_alignment="center", key="carried"):
        st.text(f"As in run {carried.run_id}: {text}")
        st.button("Take the usual values", key="uncarry", on_click=lambda: put(carried=None))


def _start(
    checked: Checked | None,
    chosen: str,
    values: dict[str, Any],
    runs: list[RunView],
    error: ShoalError | None,
) -> None:
    """The cost, the button, and what stands against it."""
    settings, barred = None, None
    try:
        settings = SearchSettings.parse(
            {"preset": chosen, **new_run_draft.carried_over(chosen).settings, **values}
        )
        check_executor_installed(settings.executor)
        check_sampler(settings)
    except ShoalError as refusal:
        error = error or refusal
    try:
        command_service().identity.check_may_act()
    except ShoalError as refusal:
        barred = error = refusal
    with st.container(border=True, key="cost"):
        st.subheader("Before it starts", anchor=False)
        found = None
        if settings is not None and checked is not None and checked.dataset is not None:
            try:
                found = estimate_cost(
                    Problem(checked.dataset, settings), _pace(settings, runs), runs
                )
                _cost(found)
            except ShoalError as refusal:
                error = error or refusal
        pressed = st.button(
            "Start run",
            type="primary",
            icon=":material/play_arrow:",
            key="start",
            disabled=barred is not None,
        )
        ahead = sum(run.state in ("running", "queued") for run in runs)
        if ahead:
            before = "Another run comes" if ahead == 1 else f"{ahead} other runs come"
            st.caption(f"{before} first: this one is queued, and starts by itself after that.")
        run_id = None
        if pressed and error is None and settings is not None:
            try:
                dataset = new_run_draft.prepared(checked).dataset
                assert dataset is not None
                run_id = command_service().add_run(
                    dataset, settings, name=state("name").strip() or None, key=state("key")
                )
            except ShoalError as refusal:
                error = refusal
        if error is not None:
            error_box(error)
        for number, warning in enumerate(found.warnings if found else ()):
            with st.container(horizontal=True, gap="small", key=f"warning-{number}"):
                st.markdown(_MARKS["look"], width="content")
                st.text(f"{warning.what}\nWhat to do: {warning.remedy}.", width="stretch")
    if run_id is not None:
        put(started=True)
        go("live", run=run_id)


def _pace(settings: SearchSettings, runs: list[RunView]) -> Throughput | None:
    ended = next((run.id for run in runs if run.ended), None)
    return _recorded_pace(settings, settings.engine, ended)


@st.cache_resource(max_entries=4, show_spinner=False)
def _recorded_pace(_settings: SearchSettings, engine: str, newest: int | None) -> Throughput | None:
    del engine, newest  # the cache's key
    return recorded_throughput(store(), _settings)


def _cost(found: CostEstimate) -> None:
    low, high = found.trainings
    cells = (
        (
            "Trainings",
            f"{low:,}" if low == high else f"{low:,} to {high:,}",
            f"{_many(found.cost[1])} multiply-adds at most",
        ),
        ("Time", _span(*found.seconds), found.source),
        ("Memory", _bytes(found.memory), f"up to {_bytes(found.largest)} within the bounds"),
    )
    metric_tiles(cells)


def _span(low: float, high: float) -> str:
    first, second = duration(low), duration(high)
    return second if first == second else f"{first} to {second}"


def _bytes(size: float) -> str:
    unit, size = next(
        ((u, size / s) for u, s in (("GB", 1e9), ("MB", 1e6)) if size >= s), ("kB", size / 1e3)
    )
    return f"{size:.3g} {unit}"


def _many(count: float) -> str:
    word, size = next(
        ((w, s) for w, s in (("trillion", 1e12), ("billion", 1e9)) if count >= s), ("million", 1e6)
    )
    return f"{count / size:,.1f} {word}"
