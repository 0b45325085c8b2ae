"""What this installation is made of and whether all is well: supervisors, workers, store, disk, versions."""

from __future__ import annotations

import time

import pandas as pd
import streamlit as st

from shoal.dashboard.components.auto_refresh import auto_refresh
from shoal.dashboard.components.html_table import html_table
from shoal.dashboard.error_box import error_box
from shoal.dashboard.session.queries import store
from shoal.errors import ShoalError
from shoal.presentation.formatting import duration, moment
from shoal.store import ACTIVE, Owner, RunView
from shoal.store.diagnostics import Check, examine

REST_SECONDS = 3.0
_MARKS = {"good": ":green[●] good", "look": ":orange[▲] look", "bad": ":red[■] bad"}


def page() -> None:
    """Who works, and the checks of `shoal doctor`."""
    st.title("System", anchor=False)
    auto_refresh(_working, usual=REST_SECONDS)
    st.subheader("Checks", anchor=False)
    st.caption("What `shoal doctor` says of this installation and its store.")
    if st.button("Check again", icon=":material/refresh:", key="check"):
        _checks.clear()
    for check in _checks():
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
    try:
        supervisors, runs = store().supervisors(), store().runs(limit=200)
    except ShoalError as error:
        error_box(error)
        return
    st.subheader("Supervisors", anchor=False)
    if not supervisors:
        st.caption(
            "None is alive: nothing is trained. `shoal serve` starts one; so does Resume, or a new run."
        )
    else:
        of = {run.owner: run for run in runs if run.state == "running"}
        rows = [
            {
                "Host": s.host,
                "Process": s.pid,
                "Serves": "all runs" if s.scope is None else f"run {s.scope}",
                "Works on": f"run {of[s.owner].id}" if s.owner in of else "nothing, it waits",
                "Heartbeat": f"{duration(abs(s.heartbeat_age))} ago",
                "Since": moment(s.started, st.context.timezone, time.time()),
            }
            for s in supervisors
        ]
        html_table(pd.DataFrame(rows), "supervisors")
    _workers([run for run in runs if run.state == "running"])
    st.subheader("Queue", anchor=False)
    waiting = [run for run in reversed(runs) if run.state in ACTIVE]
    if not waiting:
        st.caption("Nothing is queued or running.")
        return
    html_table(
        pd.DataFrame(
            [
                {
                    "Run": run.id,
                    "Name": run.name,
                    "State": run.state,
                    "Trainings": run.evaluations,
                    "Workers": "one a core"
                    if run.settings.workers is None
                    else str(run.settings.workers),
                    "Executor": run.settings.executor,
                    "Owner": Owner.parse(run.owner).host if run.owner else "nobody",
                }
                for run in waiting
            ]
        ),
        "queue",
        {"Trainings": ","},
    )


def _workers(running: list[RunView]) -> None:
    """Who trains what now, by the notes of the runs' owners."""
    st.subheader("Workers", anchor=False)
    noted = [(run, live) for run in running if (live := store().live(run.id)) is not None]
    rows = [
        {
            "Worker": training.worker or "not said",
            "Run": run.id,
            "Trains": training.baseline or f"{training.genome.hash[:8]}, repeat {training.repeat}",
            "For": training.kind,
            "Iteration": f"{training.iteration:,} of {training.iterations:,}"
            if training.iteration
            else "",
            "Time": duration(training.seconds),
        }
        for run, live in noted
        for training in live.trainings
    ]
    if rows:
        html_table(pd.DataFrame(rows), "workers")
    else:
        st.caption("No worker trains at this moment.")
