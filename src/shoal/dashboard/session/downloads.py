"""Tables to download. Text that a spreadsheet would run as a formula gets an apostrophe.

Knows no Streamlit.
"""

from __future__ import annotations

import io

import pandas as pd

from shoal.inference.standalone import escape

# NumPy's kinds of integers, unsigned integers, floats, booleans and times: they need no escape.
_KINDS_WITHOUT_TEXT = "iufbM"


def as_csv(frame: pd.DataFrame) -> bytes:
    """The table as CSV in UTF-8, with a header and without the index; floats keep every bit."""
    safe = frame.copy(deep=False)
    for name in safe.columns:
        if safe[name].dtype.kind not in _KINDS_WITHOUT_TEXT:
            safe[name] = safe[name].map(_escaped)
    return safe.to_csv(index=False, lineterminator="\n").encode()


def _escaped(value: object) -> object:
    return escape(value) if isinstance(value, str) else value


def as_parquet(frame: pd.DataFrame) -> bytes:
    """The table as Parquet, with typed columns and without the index."""
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False)
    return buffer.getvalue()
