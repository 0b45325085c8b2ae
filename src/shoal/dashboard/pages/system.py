"""The page System: supervisors, workers, queue, and whether store, disk and versions are well."""

from __future__ import annotations

import time

import pandas as pd
import streamlit as st

from shoal.dashboard.components.auto_refresh import auto_refresh
from shoal.dashboard.components.html_table import html_table
from shoal.dashboard.error_box import error_box
from shoal.dashboard.routing import heading
from shoal.dashboard.session.queries import store
from shoal.errors import ShoalError
from shoal.presentation.formatting import duration, moment
from shoal.store import ACTIVE, Owner, RunningTraining, RunView, SupervisorView
from shoal.store.diagnostics import Check, examine

REST_SECONDS = 3.0

# Runs that are looked at for owners and queue.
_MOST_RUNS = 200

_MARKS = {"good": ":green[●] good", "look": ":orange[▲] look", "bad": ":red[■] bad"}


def page() -> None:
    """Who works, and the checks of `shoal doctor`."""
    st.title(heading("system"), anchor=False)
    auto_refresh(_working, usual=REST_SECONDS)

    st.header("Checks", anchor=False)
    st.caption("What `shoal doctor` says of this installation and its store.")
    if st.button("Check again", icon=":material/refresh:", key="check"):
        _checks.clear()
    for check in _checks():
        _check(check)


def _check(check: Check) -> None:
    with st.container(horizontal=True, key=f"check-{check.name}", gap="small"):
        st.markdown(_MARKS[check.status], width=72)
        st.text(check.name, width=92)
        with st.container(width="stretch", gap=None):
            st.text(check.finding)
            if check.remedy:
                st.caption(f"What to do: {check.remedy}.")


@st.cache_data(ttl=60.0, show_spinner="Checking …")
def _checks() -> list[Check]:
    return examine(store().raw_url)


def _working() -> None:
    """Supervisors, workers and the queue, as they are now."""
    try:
        supervisors = store().supervisors()
        runs = store().runs(limit=_MOST_RUNS)
    except ShoalError as error:
        error_box(error)
        return

    running = [run for run in runs if run.state == "running"]
    _supervisors(supervisors, running)
    _workers(running)
    # The oldest waits first.
    _queue([run for run in reversed(runs) if run.state in ACTIVE])


def _supervisors(supervisors: list[SupervisorView], running: list[RunView]) -> None:
    st.header("Supervisors", anchor=False)
    if not supervisors:
        st.caption(
            "None is alive: nothing is trained. `shoal serve` starts one; so does Resume, or a new "
            "run."
        )
        return

    run_by_owner = {run.owner: run for run in running}
    rows = []
    for supervisor in supervisors:
        serves = "all runs"
        if supervisor.scope is not None:
            serves = f"run {supervisor.scope}"
        works_on = "nothing, it waits"
        if supervisor.owner in run_by_owner:
            works_on = f"run {run_by_owner[supervisor.owner].id}"
        rows.append(
            {
                "Host": supervisor.host_name,
                "Process": supervisor.pid,
                "Serves": serves,
                "Works on": works_on,
                "Heartbeat": f"{duration(abs(supervisor.heartbeat_age))} ago",
                "Since": moment(supervisor.started, st.context.timezone, time.time()),
            }
        )
    html_table(pd.DataFrame(rows), "supervisors")


def _workers(running: list[RunView]) -> None:
    """What each worker trains, by the live notes of the runs' owners."""
    st.header("Workers", anchor=False)
    rows = []
    for run in running:
        live = store().live(run.id)
        if live is None:
            continue
        rows += [_worker_row(run, training) for training in live.trainings]

    if not rows:
        st.caption("No worker trains at this moment.")
        return
    html_table(pd.DataFrame(rows), "workers")


def _worker_row(run: RunView, training: RunningTraining) -> dict[str, object]:
    iteration = ""
    if training.iteration:
        iteration = f"{training.iteration:,} of {training.iterations:,}"
    return {
        "Worker": training.worker or "not said",
        "Run": run.id,
        "Trains": training.baseline or f"{training.genome.hash[:8]}, repeat {training.repeat}",
        "For": training.kind,
        "Iteration": iteration,
        "Time": duration(training.seconds),
    }


def _queue(active: list[RunView]) -> None:
    st.header("Queue", anchor=False)
    if not active:
        st.caption("Nothing is queued or running.")
        return

    rows = []
    for run in active:
        workers = "one per core"
        if run.settings.workers is not None:
            workers = str(run.settings.workers)
        rows.append(
            {
                "Run": run.id,
                "Name": run.name,
                "State": run.state,
                "Trainings": run.evaluations,
                "Workers": workers,
                "Executor": run.settings.executor,
                "Owner": Owner.parse(run.owner).host_name if run.owner else "nobody",
            }
        )
    html_table(pd.DataFrame(rows), "queue", {"Trainings": ","})
