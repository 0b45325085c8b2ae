"""What pages ask of a run's model, computed in a process beside the server, for all visitors."""

from __future__ import annotations

import streamlit as st

from shoal.dashboard.session.queries import store
from shoal.replay.model_figures import Known, ModelFigures
from shoal.store import RunView


def known_of_model(run: RunView, column: str | None) -> Known:
    """What is known by now of the champion of a table's run, see `ModelFigures.of`."""
    return _model_figures().of(run, column)


@st.cache_resource(show_spinner=False)
def _model_figures() -> ModelFigures:
    return ModelFigures(store().raw_url)
