"""The card *New rows*: a table is uploaded, predicted, looked at and taken away."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice

import pandas as pd
import streamlit as st

from shoal.dashboard.components.download_buttons import download_button
from shoal.dashboard.components.html_table import Column, html_table
from shoal.dashboard.error_box import error_box
from shoal.dashboard.session.commands import permission_hint
from shoal.data.upload import cells_from_upload
from shoal.errors import ShoalError
from shoal.inference.standalone import Cells, Prediction, prediction_lines, to_number
from shoal.models.model import Model
from shoal.presentation.formatting import quoted

_UPLOAD_TYPES = ["csv", "tsv", "txt", "parquet", "pq"]
# Rows that are shown before they are taken away.
_PREVIEW = 8
# Outputs of all networks that are kept, at most: beyond, only their mean is.
_MOST_OUTPUTS = 20_000_000


@dataclass(frozen=True, eq=False)
class _Predicted:
    """An uploaded table with its predictions.

    Attributes
    ----------
    name
        The file's name.
    columns
        The cells (rows,) of each column, as they were written.
    prediction
        What the model says of the rows.
    """

    name: str
    columns: Mapping[str, Cells]
    prediction: Prediction


def new_rows_card(run_id: int, model: Model, most_megabytes: int) -> None:
    """A field for a file, a preview of its predictions, and the download.

    Parameters
    ----------
    run_id
        The run, which the session's state is named by.
    model
        The run's model.
    most_megabytes
        How large a file may be.
    """
    with st.container(border=True, key="new-rows"):
        st.header("New rows", anchor=False)
        hint = permission_hint()
        if hint is not None:
            st.caption(f"{hint} `shoal predict` predicts a file.")
            return

        st.caption(f"A table with the columns {_names(model)}. Others may stay in it.")
        encoding = st.text_input(
            "File encoding",
            key=f"use-encoding-{run_id}",
            placeholder="recognised",
            help="Of the file that is uploaded next, such as cp1250 or cp1251; it may be another "
            "one than that of the training table",
        )
        # The field is emptied once its file is read: what was read belongs to this session.
        key = f"use-file-{run_id}"
        count = st.session_state.setdefault(f"{key}-count", 0)
        file = st.file_uploader(
            f"CSV or Parquet, up to {most_megabytes} MB", type=_UPLOAD_TYPES, key=f"{key}-{count}"
        )
        if file is not None:
            with st.spinner("Reading and predicting the rows …"):
                named = encoding.strip() or None
                st.session_state[key] = _read(model, file.name, file.getvalue(), named)
            st.session_state[f"{key}-count"] = count + 1
            st.rerun()

        found: _Predicted | ShoalError | None = st.session_state.get(key)
        if isinstance(found, ShoalError):
            error_box(found)
        elif found is not None:
            _show(key, found)


def _names(model: Model) -> str:
    shown = ", ".join(map(quoted, model.inputs[:12]))
    if len(model.inputs) > 12:
        return f"{shown} and {len(model.inputs) - 12} more"
    return shown


def _read(
    model: Model, name: str, content: bytes, file_encoding: str | None
) -> _Predicted | ShoalError:
    """The predictions of an uploaded file, or why there are none."""
    try:
        columns = cells_from_upload(name, content, file_encoding)
        rows = len(next(iter(columns.values()), ()))
        outputs = rows * model.networks * max(1, len(model.classes), len(model.targets))
        prediction = model.predict_cells(columns, each=outputs <= _MOST_OUTPUTS)
    except ShoalError as error:
        return error
    # Of each row its spread is kept, and not what each network says.
    return _Predicted(name, columns, replace(prediction, each=None))


def _show(key: str, found: _Predicted) -> None:
    rows = len(found.prediction.values)
    with st.container(horizontal=True, vertical_alignment="center", key="new-rows-file"):
        st.markdown(f":material/table: {quoted(found.name)}, {rows:,} rows", width="content")
        st.button("Remove", icon=":material/close:", key=f"{key}-remove", on_click=_forget(key))
    for column, unseen in found.prediction.unseen.items():
        st.text(unseen.sentence(column))

    kept = st.multiselect(
        "Columns to keep beside the predictions",
        list(found.columns),
        key=f"{key}-kept",
        placeholder="None; choose an ID, or inputs",
    )
    with st.container(horizontal=True):
        spread = found.prediction.spread is not None
        if spread:
            spread = st.checkbox("Spread over the networks", value=True, key=f"{key}-spread")
        else:
            st.caption("So many rows come without the spread over the networks.")
        proba = False
        if found.prediction.classes:
            proba = st.checkbox("Probability of each class", value=True, key=f"{key}-proba")

    prediction = found.prediction
    if not spread:
        prediction = replace(prediction, spread=None)
    chosen = {name: found.columns[name] for name in kept}
    lines = prediction_lines(prediction, proba=proba, kept=chosen)
    header, *shown = islice(lines, _PREVIEW + 1)
    _preview(header, shown, 1 + len(chosen))
    if rows > _PREVIEW:
        st.caption(f"The first {_PREVIEW} of {rows:,} rows.")
    download_button(
        "Predictions",
        partial(_csv, prediction, proba, chosen),
        "predictions.csv",
        "text/csv",
        about="CSV. A row's number is that in the file, where the header is row 1",
    )


def _preview(header: list[str], lines: list[list[str]], first: int) -> None:
    """The first rows of the file; what is predicted begins at the column number ``first``."""
    frame = pd.DataFrame(lines, columns=header)
    formats: dict[str, Column | str] = {}
    for place, name in enumerate(header):
        if place >= first and name.partition(" ")[0] in ("spread", "probability"):
            frame.isetitem(place, frame.iloc[:, place].to_numpy(float))
            formats[name] = ".4f" if name.startswith("probability") else ".4g"
        elif place >= first:
            amounts = [to_number(cell) for cell in frame.iloc[:, place]]
            if None not in amounts:
                frame.isetitem(place, amounts)
                formats[name] = ",.6g"
    html_table(frame, "new-rows", formats)


def _forget(key: str) -> partial[None]:
    return partial(st.session_state.__setitem__, key, None)


def _csv(prediction: Prediction, proba: bool, kept: Mapping[str, Cells]) -> bytes:
    text = io.StringIO()
    lines = prediction_lines(prediction, proba=proba, kept=kept)
    csv.writer(text, lineterminator="\n").writerows(lines)
    return text.getvalue().encode(errors="replace")
