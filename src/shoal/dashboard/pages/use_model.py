"""The page Use the model: one row by a form, many by a file; the model and its test rows."""

from __future__ import annotations

from functools import partial

import pandas as pd
import streamlit as st

from shoal.dashboard.components.download_buttons import download_button, run_downloads
from shoal.dashboard.components.new_rows_card import new_rows_card
from shoal.dashboard.components.row_form_card import row_form_card
from shoal.dashboard.components.run_heading import run_heading
from shoal.dashboard.error_box import error_box
from shoal.dashboard.routing import link
from shoal.dashboard.server.launch import MAX_UPLOAD_MB
from shoal.dashboard.session.downloads import as_csv
from shoal.dashboard.session.model_in_use import ModelInUse, model_in_use
from shoal.dashboard.session.queries import run_here
from shoal.errors import ShoalError
from shoal.store import ACTIVE, RunView


def page() -> None:
    """The champion of one run at work."""
    run = run_here()
    run_heading(run, "use")

    if not run.has_network:
        st.caption("This run solves a function: its result is a point, which predicts nothing.")
        link("champion", "See the point", icon=":material/arrow_forward:", run=run.id)
    elif not run.is_table:
        st.caption(
            "This run solves a simulation: its policy has no rows to predict, it acts. "
            "`shoal play` lets an exported policy act."
        )
        link("champion", "See it act", icon=":material/arrow_forward:", run=run.id)
    elif run.state != "finished":
        text = "It has kept no champion. Resume it for one."
        if run.state in ACTIVE:
            text = "The search goes on. Its model is there when it has ended."
        st.caption(text)
        link("live", "Back to the run", icon=":material/arrow_back:", run=run.id)
    else:
        _draw(run)


def _draw(run: RunView) -> None:
    try:
        with st.spinner("Reading the model …"):
            used = model_in_use(run.id, run.ended)
    except ShoalError as error:
        error_box(error)
        return

    count = used.model.networks
    networks = f"{count} networks together" if count > 1 else "one network"
    st.caption(f"By {networks}, as exported. `shoal predict` says the same.")
    run_downloads(run)
    row_form_card(run.id, used)
    new_rows_card(run.id, used.model, MAX_UPLOAD_MB)
    _test_rows_card(run, used)


def _test_rows_card(run: RunView, used: ModelInUse) -> None:
    """What was predicted for the rows that no network was trained on."""
    with st.container(border=True, key="test-rows"):
        st.header("Test rows", anchor=False)
        if used.test_rows is None:
            st.caption("The table was searched without test rows.")
            return
        rows: pd.DataFrame = used.test_rows
        st.caption(
            f"{len(rows):,} rows that no network was trained on: number, what is true, the "
            "prediction and its spread over the networks."
        )
        download_button(
            "Test predictions", partial(as_csv, rows), f"shoal-run-{run.id}-test.csv", "text/csv"
        )
