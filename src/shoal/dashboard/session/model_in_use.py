"""The model of a run as the page *Use the model* asks it, read once for all visitors."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
import streamlit as st

from shoal.analysis.best_model import with_model_of
from shoal.analysis.summary import load_champion
from shoal.dashboard.session.queries import store
from shoal.errors import RunStateError
from shoal.models.model import Model
from shoal.models.row_form import InputField, input_fields, predict_test_rows


@dataclass(frozen=True, eq=False)
class ModelInUse:
    """A run's model, and what its table says of it.

    Attributes
    ----------
    model
        The champion's networks together, as they are exported.
    fields
        What a form asks for each input.
    test_rows
        The predictions of the test rows, see `predict_test_rows`; None without such rows.
    """

    model: Model
    fields: tuple[InputField, ...]
    test_rows: pd.DataFrame | None


@st.cache_resource(max_entries=4, show_spinner=False)
def model_in_use(run_id: int, ended: float | None) -> ModelInUse:
    """The model of a finished run on a table.

    ``ended`` is part of the cache's key only: a finished run may have gone on and ended again.

    Raises
    ------
    RunStateError
        It has kept no champion.
    StoreError
        The stored table is damaged.
    """
    del ended
    champion = load_champion(store(), store().run(run_id))
    if champion is None:
        raise RunStateError(f"Run {run_id} has kept no champion.", expected="a finished run")
    data = store().load_dataset(run_id)
    model = with_model_of(champion, data).model
    assert model is not None
    return ModelInUse(model, input_fields(data), predict_test_rows(model, data))
