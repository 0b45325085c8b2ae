"""The form New run: what columns are used for, without a browser."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("streamlit", reason="the extra shoal[dashboard] is not installed")

from streamlit.testing.v1 import AppTest

from shoal.dashboard.session import new_run_draft
from shoal.data import DataOptions
from shoal.settings.search_settings import SearchSettings


def _form() -> None:
    import numpy as np
    import pandas as pd
    import streamlit as st

    from shoal.dashboard.components.new_run_form import columns_and_target, split
    from shoal.dashboard.session import new_run_draft
    from shoal.data import CanonicalTable
    from shoal.data.column_profile import column_facts

    rows = np.arange(60)
    frame = pd.DataFrame(
        {
            "a": rows % 7,
            "word": ["no", "yes"] * 30,
            "w": 1 + rows % 3,
            "z": rows * 1.5,
            "y": rows * 2.5,
        }
    )
    source = CanonicalTable.from_frame("t", frame)
    table = new_run_draft.Table("t", "t", source, column_facts(source), "y")
    new_run_draft.adapt_to(table)
    columns_and_target(table)
    st.session_state["options"] = split(table, "modern")


def test_a_duplicated_run_leaves_out_and_orders_what_it_did() -> None:
    options = DataOptions.of_new_run("y", drop="w", order="t").to_dict()
    run = SimpleNamespace(data_options=options, settings=SearchSettings())
    chosen = new_run_draft._column_choices(run)  # type: ignore[arg-type]
    assert (chosen["leave"], chosen["order"]) == (["w"], "t")
    old = SimpleNamespace(data_options={"target": "y"}, settings=SearchSettings())
    chosen = new_run_draft._column_choices(old)  # type: ignore[arg-type]
    assert (chosen["leave"], chosen["order"]) == ([], "")


def _drawn(app: AppTest) -> dict[str, Any]:
    app.run()
    assert not app.exception
    options: dict[str, Any] = app.session_state["options"]
    return options


def test_columns_of_numbers_get_roles_and_are_more_targets() -> None:
    app = AppTest.from_function(_form, default_timeout=300)
    options = _drawn(app)
    assert (options["weight"], options["columns"]) == (None, [])
    assert app.multiselect(key="new-more_targets").options == ["a", "w", "z"]
    assert app.selectbox(key="new-weight").options[1:] == ["a", "w", "z"]
    assert app.multiselect(key="new-columns").options == ["a", "w", "z"]

    app.selectbox(key="new-weight").set_value("w")
    app.multiselect(key="new-columns").set_value(["z"])
    options = _drawn(app)
    assert (options["weight"], options["columns"]) == ("w", ["z"])

    # A column that becomes a target, or is left out, has no role any more.
    app.multiselect(key="new-more_targets").set_value(["z"])
    app.multiselect(key="new-leave").set_value(["w"])
    options = _drawn(app)
    assert (options["weight"], options["columns"]) == (None, [])

    # What is left out is an option of the data, and may still say in which order the rows are.
    assert (options["drop"], options["order"]) == (["w"], None)
    assert app.selectbox(key="new-order").options[1:] == ["a", "word", "w"]
    app.selectbox(key="new-order").set_value("w")
    assert _drawn(app)["order"] == "w"
    app.multiselect(key="new-more_targets").set_value(["z", "w"])
    app.multiselect(key="new-leave").set_value([])
    options = _drawn(app)
    assert (options["drop"], options["order"]) == ([], None)
