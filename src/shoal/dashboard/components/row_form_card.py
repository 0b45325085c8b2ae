"""The card *One row*: a form with a field for each input, and what the model says of the row."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
import streamlit as st

from shoal.dashboard.components.metric_tiles import metric_tiles
from shoal.dashboard.error_box import error_box
from shoal.dashboard.session.model_in_use import ModelInUse
from shoal.errors import ModelError
from shoal.inference.standalone import Prediction
from shoal.models.model import Model
from shoal.models.row_form import InputField
from shoal.presentation.formatting import quoted, shortened

# Fields that are shown, at most; and in a line.
_MOST_FIELDS = 60
_IN_A_LINE = 3
# Classes whose probabilities are shown, at most.
_MOST_CLASSES = 20
_NO_VALUE = "no value"
_LONGEST_NAME = 28


@st.fragment
def row_form_card(run_id: int, used: ModelInUse) -> None:
    """The form, and the prediction of what stands in it."""
    with st.container(border=True, key="one-row"):
        st.header("One row", anchor=False)
        version = st.session_state.setdefault(f"use-version-{run_id}", 0)
        place = st.container(key="row-prediction")
        row = _row(f"use-{run_id}-{version}", used.fields)
        st.button(
            "The usual row again",
            icon=":material/restart_alt:",
            key=f"use-reset-{run_id}",
            on_click=_begin_again,
            args=(run_id,),
            help="Medians, and what is most frequent among the training rows",
        )
        with place:
            _predict(used, row)


def _begin_again(run_id: int) -> None:
    st.session_state[f"use-version-{run_id}"] += 1


def _row(prefix: str, fields: Sequence[InputField]) -> dict[str, Any]:
    """What stands in the form, by column."""
    row: dict[str, Any] = {field.name: field.usual for field in fields}
    with st.container(key="row-fields"):
        shown = fields[:_MOST_FIELDS]
        for first in range(0, len(shown), _IN_A_LINE):
            columns = st.columns(_IN_A_LINE)
            for place, field in enumerate(shown[first : first + _IN_A_LINE]):
                with columns[place]:
                    row[field.name] = _ask(field, f"{prefix}-{first + place}")
    left = len(fields) - _MOST_FIELDS
    if left > 0:
        st.caption(f"The other {left:,} columns keep their usual values. A file can set them all.")
    return row


def _ask(field: InputField, key: str) -> Any:
    """Draw the widget of a field; its value."""
    label = quoted(shortened(field.name, _LONGEST_NAME * 2))
    if field.kind == "number":
        return _ask_number(field, label, key)
    if field.kind == "date":
        return st.date_input(
            label,
            value=field.usual,  # type: ignore[arg-type]
            min_value="1000-01-01",
            max_value="2999-12-31",
            format="YYYY-MM-DD",
            key=key,
            help=f"In training {field.first} to {field.last}",
        )
    if field.kind == "category":
        # No value is a level, and None would be a field without a choice.
        levels = ["" if level is None else level for level in field.levels]
        return st.selectbox(
            label,
            levels,
            format_func=lambda level: level or _NO_VALUE,
            accept_new_options=True,
            key=key,
            help="The most frequent first. What training never saw can be typed in",
        )
    return st.text_input(
        label, value=str(field.usual or ""), placeholder=_NO_VALUE, key=key, help="As in the table"
    )


def _ask_number(field: InputField, label: str, key: str) -> float | int | None:
    usual = field.usual
    assert isinstance(usual, float)
    about = f"In training {_text(field.low)} to {_text(field.high)}"
    if field.whole:
        return st.number_input(
            label, value=int(usual), step=1, placeholder=_NO_VALUE, key=key, help=about
        )
    span = field.high - field.low
    step = 10.0 ** math.floor(math.log10(span / 20)) if span > 0 else 1.0
    return st.number_input(
        label,
        value=float(f"{usual:.6g}"),
        step=step,
        format="%.10g",
        placeholder=_NO_VALUE,
        key=key,
        help=about,
    )


def _predict(used: ModelInUse, row: dict[str, Any]) -> None:
    """Show what the model says of a row, and what is unusual about the row."""
    cells = {field.name: [field.cell(row[field.name])] for field in used.fields}
    try:
        prediction = used.model.predict_cells(cells, each=True)
    except ModelError as error:
        error_box(error)
        return

    if prediction.classes:
        _say_class(used.model, prediction)
    else:
        _say_amounts(used.model, prediction)
    for sentence in _unusual(used.fields, row, prediction):
        st.text(sentence)


def _say_class(model: Model, prediction: Prediction) -> None:
    assert prediction.probabilities is not None
    assert prediction.each is not None
    assert prediction.spread is not None
    shares = prediction.probabilities[0]
    spread = 100 * float(prediction.spread[0])
    note = f"± {spread:.1f} percentage points over {model.networks} networks"
    if model.networks == 1:
        note = "by one network"
    metric_tiles(
        [
            (f"Predicted {model.targets[0]}", str(prediction.values[0]), ""),
            ("Its probability", f"{100 * float(shares.max()):.1f} %", note),
        ]
    )
    low, high = prediction.each[:, 0].min(axis=0), prediction.each[:, 0].max(axis=0)
    st.html(_probability_bars(prediction.classes, shares, low, high))


def _probability_bars(
    classes: Sequence[str], shares: Any, low: Sequence[float], high: Sequence[float]
) -> str:
    """A bar for each class, the likeliest first; a line over it spans the networks."""
    rows = []
    for place in np.argsort(-shares, kind="stable")[:_MOST_CLASSES]:
        share, least, most = (100 * float(own[place]) for own in (shares, low, high))
        name = classes[place]
        whole = f' title="{escape(name)}"' if len(name) > _LONGEST_NAME else ""
        rows.append(
            f'<tr><th scope="row"{whole}>{escape(shortened(name, _LONGEST_NAME))}</th>'
            f'<td><div><i style="left: 0; width: {share:.2f}%"></i>'
            f'<u style="left: {least:.2f}%; width: {most - least:.2f}%"></u></div></td>'
            f'<td class="n">{share:.1f} %</td><td class="n">{least:.1f} to {most:.1f} %</td></tr>'
        )
    head = '<th>Class</th><td></td><th class="n">Probability</th><th class="n">Networks</th>'
    return (
        f'<table class="grid bars"><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table>"
    )


def _say_amounts(model: Model, prediction: Prediction) -> None:
    assert prediction.each is not None
    assert prediction.spread is not None
    values = np.atleast_1d(prediction.values[0])
    spreads = np.atleast_1d(prediction.spread[0])
    each = prediction.each[:, 0].reshape(model.networks, -1)
    tiles = []
    for place, target in enumerate(model.targets):
        note = "by one network"
        if model.networks > 1:
            low, high = (f"{end(each[:, place]):,.5g}" for end in (np.min, np.max))
            note = f"± {spreads[place]:,.3g} · {model.networks} networks say {low} to {high}"
        tiles.append((f"Predicted {target}", _text(values[place]), note))
    metric_tiles(tiles)


def _unusual(
    fields: Sequence[InputField], row: dict[str, Any], prediction: Prediction
) -> list[str]:
    """What the training rows did not have, in sentences."""
    sentences = []
    kinds = {field.name: field.kind for field in fields}
    for column, unseen in prediction.unseen.items():
        shown = ", ".join(level[:60] or _NO_VALUE for level in unseen.levels)
        if kinds.get(column) == "category":
            sentences.append(
                f"{column}: training has never seen {shown}. It counts as none of the known "
                "categories."
            )
        # How far outside numbers are is said below, of all that are.
        elif kinds.get(column) != "number" or "" in unseen.levels:
            sentences.append(f"{column}: training has never seen {shown}; {unseen.known}.")
    for field in fields:
        value = row[field.name]
        if field.kind == "number" and value is not None and not field.low <= value <= field.high:
            sentences.append(
                f"{field.name}: {_text(value)} is outside of what training had, "
                f"{_text(field.low)} to {_text(field.high)}."
            )
    return sentences


def _text(value: float) -> str:
    return f"{value:,.6g}"
