"""Tables to take away. Text that a spreadsheet would take for a formula gets an apostrophe. Knows no Streamlit."""

from __future__ import annotations

import io

import pandas as pd

from shoal.inference.standalone import escape


def as_csv(frame: pd.DataFrame) -> bytes:
    """UTF-8, a header, no index; floats to the bit."""
    safe = frame.copy(deep=False)
    for name in safe.columns:
        if safe[name].dtype.kind not in "iufbM":
            safe[name] = [
                escape(value) if isinstance(value, str) else value for value in safe[name]
            ]
    return safe.to_csv(index=False, lineterminator="\n").encode()


def as_parquet(frame: pd.DataFrame) -> bytes:
    """Typed columns, no index."""
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False)
    return buffer.getvalue()
