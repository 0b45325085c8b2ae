"""What the pages read: one store for the server process, and what is recorded of a run, computed once a generation."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pandas as pd
import streamlit as st

from shoal.analysis.evaluation_table import EvaluationTable
from shoal.analysis.summary import Summary, summarise
from shoal.dashboard.charts.history import history_data
from shoal.dashboard.error_box import error_box
from shoal.dashboard.routing import link, parameter
from shoal.errors import ShoalError
from shoal.store import RunView, Store, open_store


@dataclass(frozen=True)
class RunSnapshot:
    """A run at one moment, and its history. ``failure``: what the first failed training said, when there is one."""

    summary: Summary
    history: pd.DataFrame
    failed: int
    failure: str | None

    @property
    def run(self) -> RunView:
        """The run as it is now."""
        return self.summary.run


@st.cache_resource(show_spinner=False)
def store() -> Store:
    """The store that SHOAL_STORE names. Raises `StoreError`."""
    return open_store()


def run_here() -> RunView:
    """The run that the address names. Without one, or for one that is not there, says so and ends the script."""
    wanted = parameter("run")
    try:
        if wanted is not None:
            return store().run(wanted)
    except ShoalError as error:
        error_box(error)
    else:
        st.caption("No run is chosen.")
    link("runs", "Choose one among the runs", icon=":material/arrow_back:")
    st.stop()


def read(run_id: int | str) -> RunSnapshot:
    """Raises `RunNotFoundError`."""
    run = store().run(run_id)
    return replace(_recorded(run.id, run.generations, run.state), summary=summary(run))


def summary(run: RunView) -> Summary:
    """Of a run as it is now, without a look at its evaluations. Raises `RunNotFoundError` when it is gone."""
    return replace(_summary(run.id, run.generations, run.state), run=run)


@st.cache_resource(max_entries=200, show_spinner=False)
def _summary(run_id: int, generations: int, state: str) -> Summary:
    del generations, state  # they are the cache's key
    return summarise(store(), run_id)


def evaluation_table(run_id: int) -> EvaluationTable:
    """All evaluations of a run, with what was recorded since the last call."""
    return _table(run_id).refresh()


@st.cache_resource(max_entries=8, show_spinner=False)
def _table(run_id: int) -> EvaluationTable:
    return EvaluationTable(store(), store().run(run_id))


# The page asks each second; all of this is read only when a generation was added.
@st.cache_resource(max_entries=16, show_spinner=False)
def _recorded(run_id: int, generations: int, state: str) -> RunSnapshot:
    summary = _summary(run_id, generations, state)
    frame = evaluation_table(run_id).frame
    lost = frame[frame["status"] == "failed"]
    failure = None
    if len(lost):
        of_it = store().evaluations(run_id, curves=False, genome=lost["genome"].iloc[0])
        failure = next((e.error for e in of_it if e.error is not None), None)
    return RunSnapshot(
        summary,
        history_data(summary.generations, frame, summary.run.settings.schedule.scored_repeats),
        len(lost),
        failure,
    )
