"""What pages read.

The server process has one store. What is recorded of a run is computed once for each generation and
shared by all visitors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd
import streamlit as st

from shoal.analysis.evaluation_table import EvaluationTable
from shoal.analysis.progress import Pace, read_pace, read_phase
from shoal.analysis.simple_methods import ReferenceLine
from shoal.analysis.summary import Summary, best_interval, summarise
from shoal.dashboard.charts.history import history_data
from shoal.dashboard.error_box import error_box
from shoal.dashboard.routing import link, parameter
from shoal.errors import ShoalError
from shoal.presentation.formatting import half_width
from shoal.replay.simple_methods import SimpleMethods
from shoal.store import RunEntries, RunEntry, RunView, Store, SupervisorView, open_store


@dataclass(frozen=True)
class RunSnapshot:
    """A run at one moment.

    Attributes
    ----------
    summary
        The run with its generations, best genome and champion.
    history
        The table behind the chart of generations, see `history_data`.
    failed
        The number of trainings that failed.
    failure
        The error of the first failed training; None when none failed.
    """

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
    """The store that SHOAL_STORE names.

    Raises
    ------
    StoreError
        When the store cannot be opened.
    """
    return open_store()


def run_here() -> RunView:
    """The run that the address names.

    Without one, or when there is no such run, the page says so and the script ends.
    """
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
    """The run as it is now, with what it has recorded.

    Raises
    ------
    RunNotFoundError
        When there is no such run.
    """
    run = store().run(run_id)
    recorded = _recorded(run.id, run.generations, run.state)
    return replace(recorded, summary=summary(run))


def summary(run: RunView) -> Summary:
    """The summary of a run as it is now. Its evaluations are not read.

    Raises
    ------
    RunNotFoundError
        When the run is gone.
    """
    recorded = _summary(run.id, run.generations, run.state)
    phase = read_phase(store(), run)
    return replace(recorded, run=run, phase=phase, pace=_pace(run.id, run.evaluations, run))


def reference_lines_of(run: RunView) -> tuple[ReferenceLine, ...]:
    """What simple methods reach where the run is judged, as far as it is known by now.

    Of a table it is computed in a process beside the server, which the first call starts.
    """
    return _simple_methods().lines(run)


def run_entries() -> list[RunEntry]:
    """What lists need of each run, the newest first."""
    known = _known_entries()
    entries = store().run_entries_since(known.entries)
    known.entries = entries
    return entries.newest_first()


def evaluation_table(run_id: int) -> EvaluationTable:
    """All evaluations of a run. Each call adds what was recorded since the last one."""
    return _table(run_id).refresh()


def is_attended(run: RunView, supervisors: Sequence[SupervisorView]) -> bool:
    """Whether one of these supervisors works on a run, or will without being asked."""
    return run.state == "running" or any(one.scope in (None, run.id) for one in supervisors)


def best_half(run: RunView) -> float | None:
    """Half of the width of the 95 % interval of a run's best score; None where there is none."""
    return _best_half(run.id, run.generations, run.state, run)


# Pages ask each second. The functions below are computed anew only when a generation was added or
# the run's state changed: both are part of the cache's key.


@dataclass
class _KnownEntries:
    """The entries of runs that were read last. What another thread puts there is as good."""

    entries: RunEntries | None = None


@st.cache_resource(show_spinner=False)
def _known_entries() -> _KnownEntries:
    return _KnownEntries()


@st.cache_resource(show_spinner=False)
def _simple_methods() -> SimpleMethods:
    return SimpleMethods(store().raw_url)


@st.cache_resource(max_entries=200, show_spinner=False)
def _summary(run_id: int, generations: int, state: str) -> Summary:
    del generations, state
    return summarise(store(), run_id)


@st.cache_data(max_entries=1_000, show_spinner=False)
def _pace(run_id: int, evaluations: int, _run: RunView) -> Pace | None:
    del run_id, evaluations
    return read_pace(store(), _run)


@st.cache_data(max_entries=20_000, show_spinner=False)
def _best_half(run_id: int, generations: int, state: str, _run: RunView) -> float | None:
    del run_id, generations, state
    return half_width(best_interval(store(), _run))


@st.cache_resource(max_entries=8, show_spinner=False)
def _table(run_id: int) -> EvaluationTable:
    return EvaluationTable(store(), store().run(run_id))


@st.cache_resource(max_entries=16, show_spinner=False)
def _recorded(run_id: int, generations: int, state: str) -> RunSnapshot:
    summary = _summary(run_id, generations, state)
    evaluations = evaluation_table(run_id).frame
    scored_repeats = summary.run.settings.schedule.scored_repeats
    failed = evaluations[evaluations["status"] == "failed"]
    return RunSnapshot(
        summary,
        history_data(summary.generations, evaluations, scored_repeats),
        len(failed),
        _first_error(run_id, failed),
    )


def _first_error(run_id: int, failed: pd.DataFrame) -> str | None:
    """The error of the first failed training, which the table of evaluations does not hold."""
    if failed.empty:
        return None
    genome = failed["genome"].iloc[0]
    for evaluation in store().evaluations(run_id, curves=False, genome=genome):
        if evaluation.error is not None:
            return evaluation.error
    return None
