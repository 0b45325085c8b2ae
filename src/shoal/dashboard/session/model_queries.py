"""What pages ask of a run's model. Each answer is computed once for a champion, for all visitors.

``ended`` is part of the caches' keys only: a finished run may have gone on and ended again.
"""

from __future__ import annotations

import streamlit as st

from shoal.analysis.champion_rows import ChampionRows, champion_rows
from shoal.analysis.diagnostics import Diagnostics, diagnostics
from shoal.analysis.input_importance import InputImportances, input_importances, usual_repeats
from shoal.analysis.partial_dependence import PartialDependence, partial_dependence
from shoal.analysis.summary import load_champion
from shoal.dashboard.session.queries import store
from shoal.errors import RunStateError


@st.cache_resource(max_entries=4, show_spinner=False)
def model_rows(run_id: int, ended: float | None) -> ChampionRows:
    """The champion of a finished run with its test rows.

    Raises
    ------
    RunStateError
        It has kept no champion.
    AnalysisError
        The table has no test rows.
    """
    del ended
    champion = load_champion(store(), store().run(run_id))
    if champion is None:
        raise RunStateError(f"Run {run_id} has kept no champion.", expected="a finished run")
    return champion_rows(store().load_problem(run_id), champion)


@st.cache_resource(max_entries=32, show_spinner=False)
def model_importances(run_id: int, ended: float | None) -> InputImportances:
    """See `input_importances`."""
    rows = model_rows(run_id, ended)
    return input_importances(rows, repeats=usual_repeats(rows))


@st.cache_resource(max_entries=64, show_spinner=False)
def model_dependence(run_id: int, ended: float | None, column: str) -> PartialDependence:
    """See `partial_dependence`."""
    return partial_dependence(model_rows(run_id, ended), column)


@st.cache_resource(max_entries=16, show_spinner=False)
def model_diagnostics(run_id: int, ended: float | None) -> Diagnostics:
    """See `diagnostics`."""
    return diagnostics(model_rows(run_id, ended))
