"""The form for a new run. It stands outside the refreshing fragments, which would take the words from one's mouth."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any, cast

import pandas as pd
import streamlit as st

from shoal.admission import check_search
from shoal.dashboard.controls import problem
from shoal.dashboard.reading import store
from shoal.dashboard.server import MAX_UPLOAD_MB
from shoal.data import Dataset, Preset, load_dataset, prepare_new, recognise_task, table_from_bytes
from shoal.errors import DataError, ShoalError
from shoal.launch import ensure_supervisor
from shoal.settings import SearchSettings

_BUNDLED, _UPLOAD = "Bundled: concrete", "Upload a file"
_KEY, _TABLE = "draft_key", "draft_table"
_PRESETS: dict[str, str] = {
    "modern": "Scaled inputs, encoded categories, a validation part to select on, an untouched test part.",
    "classic": "The original search: raw numeric inputs, split 70 / 30, fitness on the training part.",
}


def begin_draft() -> None:
    """A fresh form: the next start is another run, however often it is pressed."""
    st.session_state[_KEY] = uuid.uuid4().hex
    st.session_state.pop(_TABLE, None)


def new_run() -> None:
    """The form; ends by showing the run that it queued."""
    if _KEY not in st.session_state:
        begin_draft()
    with st.container(border=True, key="draft"):
        kind = st.segmented_control("Data", [_BUNDLED, _UPLOAD], default=_BUNDLED, required=True, key="data")
        uploaded = _uploaded() if kind == _UPLOAD else None
        preset = st.radio("Preset", list(_PRESETS), captions=list(_PRESETS.values()), horizontal=True)
        with st.form("new-run", border=False, enter_to_submit=False):
            values = _numbers(preset)
            ahead = sum(run.state in ("running", "queued") for run in store().runs())
            if ahead:
                before = "Another run comes" if ahead == 1 else f"{ahead} other runs come"
                st.caption(f"{before} first: this one is queued, and starts by itself after that.")
            pressed = st.form_submit_button("Start run", type="primary", icon=":material/play_arrow:")
        if not pressed:
            return
        try:
            settings = SearchSettings.parse({"preset": preset, **values})
            dataset = _dataset(kind == _UPLOAD, uploaded, cast("Preset", preset))
            check_search(dataset, settings)
            run_id, _ = store().add_run(dataset, settings, key=st.session_state[_KEY])
            ensure_supervisor(store())
        except ShoalError as error:
            problem(error)
            return
    st.query_params["run"] = str(run_id)
    st.rerun()


def _numbers(preset: str) -> dict[str, Any]:
    defaults = SearchSettings.parse({"preset": preset})
    asked: tuple[tuple[str, int, int, str | None], ...] = (
        ("generations", 1, 1_000_000, None),
        ("population", 2, 10_000, "genomes in a generation"),
        ("iterations", 1, 100_000_000, "steps of the swarm in each training; of the longest ones, where they differ"),
        ("repeats", 1, 1_000, "trainings of each genome to begin with, each from another start"),
        ("seed", 0, 2**53 - 1, "the same seed gives the same result, to the bit"),
    )
    return {
        name: column.number_input(
            name.capitalize(), low, high, getattr(defaults, name), help=text, key=f"{preset}-{name}"
        )
        for column, (name, low, high, text) in zip(st.columns(len(asked)), asked, strict=True)
    }


def _uploaded() -> tuple[str, pd.DataFrame, str] | None:
    """Name, table and target column, once there is a file that can be read."""
    file = st.file_uploader(f"CSV or Parquet, up to {MAX_UPLOAD_MB} MB", type=["csv", "tsv", "txt", "parquet", "pq"])
    if file is None:
        return None
    known = st.session_state.get(_TABLE)
    if known is None or known[0] != file.file_id:  # each touch of a widget runs the page; the file is parsed once
        try:
            table: pd.DataFrame | DataError = table_from_bytes(file.name, file.getvalue())
        except DataError as error:
            table = error
        known = st.session_state[_TABLE] = (file.file_id, table)
    table = known[1]
    if isinstance(table, DataError):
        problem(table)
        return None
    names = list(map(str, table.columns))
    target = str(st.selectbox("Target column", names, index=len(names) - 1, key="target"))
    task = recognise_task(table[target])
    st.caption(f"{len(table):,} rows, {len(names):,} columns. The target looks like {task}.")
    return Path(file.name).stem, table, target


def _dataset(upload: bool, uploaded: tuple[str, pd.DataFrame, str] | None, preset: Preset) -> Dataset:
    if not upload:
        return load_dataset("concrete", preset=preset)
    if uploaded is None:
        raise DataError(
            "There is no table yet.", expected="a file that can be read", remedy="upload one, or use the bundled data"
        )
    name, table, target = uploaded
    return prepare_new(name, table, target, preset)
