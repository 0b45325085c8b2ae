"""What the page reads: one store for the server process, and what is recorded of a run, computed once a generation."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pandas as pd
import streamlit as st

from shoal.dashboard.figures.history import history
from shoal.store import RunView, Store, open_store
from shoal.summary import Summary, summary_with_evaluations


@dataclass(frozen=True)
class Reading:
    """A run at one moment, and its history. ``failure``: what the first failed training said, when there is one."""

    summary: Summary
    history: pd.DataFrame
    failure: str | None

    @property
    def run(self) -> RunView:
        """The run as it is now."""
        return self.summary.run


@st.cache_resource(show_spinner=False)
def store() -> Store:
    """The store that SHOAL_STORE names. Raises `StoreError`."""
    return open_store()


def read(run_id: int | str) -> Reading:
    """Raises `RunNotFoundError`."""
    run = store().run(run_id)
    known = _recorded(run.id, run.generations, run.state)
    return replace(known, summary=replace(known.summary, run=run))


# The page asks each second; the evaluations of a long run are read only when a generation was added.
@st.cache_resource(max_entries=8, show_spinner=False)
def _recorded(run_id: int, generations: int, state: str) -> Reading:
    del generations, state  # they are the cache's key
    summary, evaluations = summary_with_evaluations(store(), run_id)
    failure = next((e.error for e in evaluations if e.error is not None), None)
    return Reading(summary, history(summary.generations, evaluations, summary.run.settings.counted), failure)
