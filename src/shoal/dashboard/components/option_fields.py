"""Fields for the options of a simulation or an objective."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from shoal.dashboard.session.new_run_draft import option_key

# Options that stand side by side.
_COLUMNS = 4


def option_fields(owner: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Ask for the values of options.

    Parameters
    ----------
    owner
        Whose options they are.
    options
        Their defaults by name, which the fields show at first.
    """
    values = {}
    names = list(options)
    for start in range(0, len(names), _COLUMNS):
        row = names[start : start + _COLUMNS]
        for column, name in zip(st.columns(_COLUMNS, gap="small"), row, strict=False):
            values[name] = _field(column, option_key(owner, name), name, options[name])
    return values


def _field(column: DeltaGenerator, widget: str, name: str, default: Any) -> Any:
    st.session_state.setdefault(widget, default)
    label = name.replace("_", " ").capitalize()

    # A truth value is an int too, so it is asked first.
    if isinstance(default, bool):
        return column.checkbox(label, key=widget, persist_state="session")
    if isinstance(default, int):
        return column.number_input(label, step=1, key=widget, persist_state="session")
    if isinstance(default, float):
        return column.number_input(
            label, step=None, format="%g", key=widget, persist_state="session"
        )
    return column.text_input(label, key=widget, persist_state="session")
