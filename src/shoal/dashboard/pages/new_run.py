"""The page New run: from a table to a started search.

The form stands outside the refreshing fragments, which would overwrite what a visitor types. Every
choice runs the script, so that checks and cost are those of what is seen.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import streamlit as st

from shoal.analysis.cost_estimate import CostEstimate, estimate_cost
from shoal.analysis.throughput import Throughput, recorded_throughput
from shoal.dashboard.components.metric_tiles import metric_tiles
from shoal.dashboard.components.new_run_form import (
    budget,
    columns_and_target,
    preset,
    preview,
    split,
)
from shoal.dashboard.components.objective_form import decoder_of_policy
from shoal.dashboard.components.search_space_form import bounds_and_choices
from shoal.dashboard.components.simulation_form import (
    function_and_options,
    plugin_and_options,
    simulation_and_options,
    what_to_solve,
)
from shoal.dashboard.error_box import error_box
from shoal.dashboard.routing import entered, go, heading, parameter
from shoal.dashboard.server.launch import MAX_UPLOAD_MB
from shoal.dashboard.session import new_run_draft
from shoal.dashboard.session.commands import command_service
from shoal.dashboard.session.new_run_draft import key, put, state
from shoal.dashboard.session.queries import store
from shoal.data.diagnostics import Checked, Finding
from shoal.errors import DataError, ShoalError
from shoal.executors import check_executor_installed
from shoal.presentation.formatting import duration, quoted
from shoal.problems.base import Problem
from shoal.problems.registry import fill_settings, is_simulation, make_problem
from shoal.problems.table import TableProblem
from shoal.replay.calibration import Calibrations
from shoal.settings import field_help
from shoal.settings.search_settings import SearchSettings
from shoal.store import RunView
from shoal.tuning.samplers.registry import check_sampler

if TYPE_CHECKING:
    from shoal.problems.registry import Subject, Written

_MARKS = {
    "bad": ":red[:material/error:]",
    "look": ":orange[:material/visibility:]",
    "good": ":green[:material/check_circle:]",
}
# What work is counted in, by the kind of problem, where it is no multiply-adds.
_COUNTED = {"simulation": "episodes", "function": "evaluations"}
_UPLOAD_TYPES = ["csv", "tsv", "txt", "parquet", "pq"]


def page() -> None:
    """The form, what it comes to, and the button; a start leads to the run's page."""
    runs = store().runs()
    st.title(heading("new"), anchor=False)

    error: ShoalError | None = None
    if entered() or state("key") is None:
        new_run_draft.begin()
        error = new_run_draft.fill_from_address(parameter("like"), parameter("widen"))
    if not runs:
        st.caption(
            "Nothing to prepare: the bundled table has 1,030 mixes of concrete, with the strength "
            "to predict."
        )

    with st.container(border=True, key="what"):
        st.header("What to solve", anchor=False)
        what = what_to_solve()
        code: Written | ShoalError | None = None
        if what == new_run_draft.SIMULATION:
            code = simulation_and_options()
        elif what == new_run_draft.FUNCTION:
            code = function_and_options()
        elif what == new_run_draft.PLUGIN:
            code = plugin_and_options()

    if code is None:
        _new_table_run(runs, error)
    else:
        _new_code_run(code, new_run_draft.preset_of_code(what, code), runs, error)


def _new_table_run(runs: list[RunView], error: ShoalError | None) -> None:
    """The rest of the form for a table."""
    with st.container(border=True, key="draft"):
        st.header("Data", anchor=False)
        table = _table(runs)
        if isinstance(table, DataError):
            error = table
            table = None
        findings = None
        values: dict[str, Any] = {}
        if table is not None:
            new_run_draft.adapt_to(table)
            preview(table)
            try:
                values = columns_and_target(table)
            except ShoalError as refusal:
                error = error or refusal
            # The findings stand here, but are known only when the rest of the form was read.
            findings = st.container(key="findings")

    with st.container(border=True, key="search"):
        st.header("Search", anchor=False)
        chosen = preset()
        new_run_draft.adapt_bounds(chosen)
        usual = new_run_draft.Usual.of(chosen)
        values |= budget(usual)
        options = split(table, chosen) if table is not None else {}
        values |= bounds_and_choices(chosen)
        _carried(chosen)
        _name(table.name if table else None)

    checked = None
    if table is not None:
        checked = _checked(table, chosen, options)
        with findings or st.container():
            _findings(checked)

    def subject() -> Subject:
        dataset = new_run_draft.prepared(checked).dataset
        assert dataset is not None
        return dataset

    shown = None if checked is None else checked.dataset
    _start(_Start(shown, subject, usual, values), runs, error)


def _new_code_run(
    code: Written | ShoalError, chosen: str, runs: list[RunView], error: ShoalError | None
) -> None:
    """The rest of the form for a simulation or a function, or for options that make none."""
    refusal = code if isinstance(code, ShoalError) else None
    shown = None if isinstance(code, ShoalError) else code

    with st.container(border=True, key="search"):
        st.header("Search", anchor=False)
        new_run_draft.adapt_bounds(chosen)
        usual = new_run_draft.Usual.of(chosen, shown)
        values = budget(usual)
        if shown is not None and is_simulation(shown):
            try:
                values |= decoder_of_policy()
            except ShoalError as wrong:
                refusal = refusal or wrong
        values |= bounds_and_choices(chosen)
        _carried(usual.owner)
        _name(shown.name if shown else None)

    def subject() -> Subject:
        assert shown is not None
        return shown

    _start(_Start(shown, subject, usual, values), runs, error or refusal)


def _name(placeholder: str | None) -> None:
    st.text_input("Name", key=key("name"), placeholder=placeholder, persist_state="session")


@dataclass(frozen=True, slots=True)
class _Start:
    """What a press of the button starts.

    Attributes
    ----------
    shown
        What is solved, for the estimate of the cost; None while there is nothing.
    subject
        Gives what is solved, or raises what stands against it.
    usual
        Settings that nobody is asked for.
    values
        Settings by name.
    """

    shown: Subject | None
    subject: Callable[[], Subject]
    usual: new_run_draft.Usual
    values: dict[str, Any]

    @property
    def settings(self) -> SearchSettings:
        """The settings of the run. Raises `SettingsError`."""
        carried = new_run_draft.carried_over(self.usual.owner).settings
        usual = {**self.usual.settings, **carried}
        return SearchSettings.parse(fill_settings(self.values, usual))


def _checked(table: new_run_draft.Table, chosen: str, options: dict[str, Any]) -> Checked:
    """The checks of the table. A cache's key has to be hashable, so lists become tuples."""
    hashable = []
    for name, value in options.items():
        hashable.append((name, tuple(value) if isinstance(value, list) else value))
    target = (state("target"), *state("more_targets"))
    return new_run_draft.checked(table, table.token, target, chosen, tuple(hashable))


def _table(runs: list[RunView]) -> new_run_draft.Table | DataError | None:
    """The table that the visitor chose, the error that it met, or None before an upload."""
    sources = [new_run_draft.BUNDLED_TABLE, new_run_draft.UPLOAD]
    if any(run.is_table for run in runs):
        sources.append(new_run_draft.FROM_RUN)
    if state("kind") not in sources:
        put(kind=new_run_draft.BUNDLED_TABLE)

    source = st.segmented_control(
        "Table",
        sources,
        required=True,
        key=key("kind"),
        label_visibility="collapsed",
        persist_state="session",
    )

    if source == new_run_draft.UPLOAD:
        return _uploaded()
    if source == new_run_draft.FROM_RUN:
        return _table_of_run(runs)
    return new_run_draft.bundled("concrete")


def _table_of_run(runs: list[RunView]) -> new_run_draft.Table | DataError:
    labels = {}
    for table in store().tables():
        size = f"{table.rows:,} rows, {table.columns:,} columns"
        labels[table.run_id] = f"{table.name}: {size} (run {table.run_id})"

    # Runs that share a table have one entry; the duplicated run is offered by its own number.
    duplicated = state("filled")
    if duplicated not in labels:
        for run in runs:
            if run.id == duplicated:
                labels = {run.id: f"{run.dataset} (run {run.id})", **labels}

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


def _uploaded() -> new_run_draft.Table | DataError | None:
    """The uploaded table, with the field for another one."""
    file = st.file_uploader(
        f"CSV or Parquet, up to {MAX_UPLOAD_MB} MB",
        type=_UPLOAD_TYPES,
        key=key(f"upload-{state('uploads', 0)}"),
    )
    if file is not None:
        new_run_draft.take_upload(file)
        st.rerun()

    st.text_input(
        "File encoding",
        key=key("file_encoding"),
        placeholder="recognised",
        help=f"{field_help.FILE_ENCODING}, such as cp1250, cp1251, gb18030 or shift_jis",
        persist_state="session",
    )
    table = new_run_draft.uploaded()
    if table is None:
        return None
    with st.container(horizontal=True, vertical_alignment="center", key="uploaded"):
        if isinstance(table, new_run_draft.Table):
            st.markdown(f":material/table: {quoted(table.name)}", width="content")
        st.button(
            "Remove",
            icon=":material/close:",
            key="remove",
            on_click=new_run_draft.remove_upload,
        )
    return table


def _findings(checked: Checked) -> None:
    """What the checks say, with what can be done here at once."""
    for number, finding in enumerate(checked.findings):
        with st.container(horizontal=True, gap="small", key=f"finding-{finding.status}-{number}"):
            st.markdown(_MARKS[finding.status], width="content")
            text = finding.what
            if finding.remedy:
                text = f"{finding.what}\nWhat to do: {finding.remedy}."
            st.text(text, width="stretch")
            _remedy_button(finding, number)


def _remedy_button(finding: Finding, number: int) -> None:
    if finding.leave:
        them = "it" if len(finding.leave) == 1 else "them"
        st.button(
            f"Leave {them} out",
            key=f"mend-{number}",
            on_click=new_run_draft.leave_out,
            args=(finding.leave,),
        )
    if finding.together:
        st.button("Keep them together", key=f"mend-{number}", on_click=new_run_draft.keep_together)
    if finding.order:
        st.button(
            "Split in this order",
            key=f"mend-{number}",
            on_click=new_run_draft.put_in_order,
            args=(finding.order,),
        )
    if finding.file_encoding:
        st.button(
            f"Read it as {finding.file_encoding}",
            key=f"mend-{number}",
            on_click=new_run_draft.read_in,
            args=(finding.file_encoding,),
        )


def _carried(owner: str) -> None:
    """What the duplicated run has beyond the form, and a button that drops it."""
    carried = new_run_draft.carried_over(owner)
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


def _start(start: _Start, runs: list[RunView], error: ShoalError | None) -> None:
    """The cost, the button, and what stands against it; the first error is shown."""
    settings = None
    try:
        settings = start.settings
        check_executor_installed(settings.executor)
        check_sampler(settings)
    except ShoalError as refusal:
        error = error or refusal

    may_act = True
    try:
        command_service().identity.check_may_act()
    except ShoalError as refusal:
        may_act = False
        error = refusal

    run_id = None
    with st.container(border=True, key="cost"):
        st.header("Before it starts", anchor=False)
        cost = None
        if settings is not None and start.shown is not None:
            try:
                problem = make_problem(start.shown, settings)
                pace = _throughput(problem, runs)
                cost = estimate_cost(problem, pace, runs)
                _cost_of(problem, pace, runs, cost)
            except ShoalError as refusal:
                error = error or refusal

        pressed = st.button(
            "Start run",
            type="primary",
            icon=":material/play_arrow:",
            key="start",
            disabled=not may_act,
        )
        _queue_note(runs)

        if pressed and error is None and settings is not None:
            try:
                # A plug-in is called a few times before anything is written.
                with st.spinner("Trying it out …"):
                    run_id = _add_run(start.subject(), settings)
            except ShoalError as refusal:
                error = refusal
        if error is not None:
            error_box(error)
        if cost is not None:
            _warnings(cost)

    if run_id is not None:
        put(started=True)
        go("live", run=run_id)


def _add_run(subject: Subject, settings: SearchSettings) -> int:
    name = (state("name") or "").strip() or None
    return command_service().add_run(subject, settings, name=name, key=state("key"))


def _queue_note(runs: list[RunView]) -> None:
    ahead = sum(run.state in ("running", "queued") for run in runs)
    if not ahead:
        return
    others = "Another run comes" if ahead == 1 else f"{ahead} other runs come"
    st.caption(f"{others} first: this one is queued, and starts by itself after that.")


def _warnings(cost: CostEstimate) -> None:
    for number, warning in enumerate(cost.warnings):
        with st.container(horizontal=True, gap="small", key=f"warning-{number}"):
            st.markdown(_MARKS["look"], width="content")
            st.text(f"{warning.what}\nWhat to do: {warning.remedy}.", width="stretch")


def _throughput(problem: Problem, runs: list[RunView]) -> Throughput | None:
    """How fast this machine trains, by what the store has recorded; None without records."""
    newest_ended = None
    for run in runs:
        if run.ended:
            newest_ended = run.id
            break
    record = problem.to_dict()
    return _recorded_throughput(problem, str(record), problem.settings.engine, newest_ended)


@st.cache_resource(max_entries=4, show_spinner=False)
def _recorded_throughput(
    _problem: Problem, record: str, engine: str, newest_ended: int | None
) -> Throughput | None:
    """What is recorded. The problem's record, engine and newest run are the cache's key."""
    del record, engine, newest_ended
    return recorded_throughput(store(), _problem.settings, _problem.to_dict())


def _cost_of(
    problem: Problem, pace: Throughput | None, runs: list[RunView], cost: CostEstimate
) -> None:
    """The cost, with the pace of the store, or that of a few trainings tried beside the page."""
    if pace is not None:
        _cost(cost, None)
        return

    key = _calibration_key(problem)
    _calibrations().pace(key, problem)
    wait = 1.5 if _calibrations().is_at_work(key) else None

    def tiles() -> None:
        tried = _calibrations().pace(key, problem)
        if tried is not None:
            _cost(estimate_cost(problem, tried, runs), None)
        else:
            _cost(cost, _COUNTED.get(problem.kind))
        if _calibrations().is_at_work(key):
            st.caption("Some trainings are tried, to say how long it takes on this machine …")

    # It goes on asking, quietly. To make the whole page anew would lose what a visitor just types.
    st.fragment(tiles, run_every=wait)()


def _calibration_key(problem: Problem) -> str:
    """What decides about the pace of a problem: not how much of it is searched."""
    settings = problem.settings.to_dict()
    for name in ("generations", "population", "elitism", "max_seconds", "seed", "workers"):
        settings.pop(name, None)
    size = ""
    if isinstance(problem, TableProblem):
        train = problem.dataset.train
        size = f"{train.x.shape} {problem.dataset.outputs} {problem.dataset.name}"
    return f"{problem.name} {size} {problem.to_dict()} {settings}"


@st.cache_resource(show_spinner=False)
def _calibrations() -> Calibrations:
    return Calibrations()


def _cost(cost: CostEstimate, counted: str | None) -> None:
    """Trainings, time and memory of the search.

    ``counted`` is what its work is counted in where nobody knows how long that takes.
    """
    fewest, most = cost.trainings
    trainings = f"{fewest:,}"
    if fewest != most:
        trainings = f"{fewest:,} to {most:,}"

    _, most_operations = cost.cost
    operations = f"{_count_text(most_operations)} multiply-adds at most"
    seconds = _time_text(*cost.seconds)
    source = cost.source
    if counted is not None:
        # An episode, or an evaluation, may take a microsecond or a minute.
        operations = f"{_count_text(most_operations)} {counted} at most"
        seconds = "–"
        source = "known once it has been run here"
    largest = f"up to {_bytes_text(cost.largest)} within the bounds"
    metric_tiles(
        [
            ("Trainings", trainings, operations),
            ("Time", seconds, source),
            ("Memory", _bytes_text(cost.memory), largest),
        ]
    )


def _time_text(low: float, high: float) -> str:
    shortest = duration(low)
    longest = duration(high)
    if shortest == longest:
        return longest
    return f"{shortest} to {longest}"


def _bytes_text(size: float) -> str:
    if size >= 1e9:
        return f"{size / 1e9:.3g} GB"
    if size >= 1e6:
        return f"{size / 1e6:.3g} MB"
    return f"{size / 1e3:.3g} kB"


def _count_text(count: float) -> str:
    if count >= 1e12:
        return f"{count / 1e12:,.1f} trillion"
    if count >= 1e9:
        return f"{count / 1e9:,.1f} billion"
    return f"{count / 1e6:,.1f} million"
