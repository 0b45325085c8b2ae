"""What a user has as rows to predict: as columns of cells, the form that a model reads."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from shoal.errors import DataError, ModelError
from shoal.inference.standalone import Cells

if TYPE_CHECKING:
    import pandas as pd

# What messages call rows that have no file.
_NAME = "X"


def cells_of(
    rows: Any, inputs: Sequence[str], file_encoding: str | None = None
) -> Mapping[str, Cells]:
    """The columns of rows that a model is to predict, texts as they are written.

    Parameters
    ----------
    rows
        The path of a CSV or Parquet file; a DataFrame, a table of polars, PyArrow and others, a
        dict of columns or of one row's values, or a list of dicts; an array or a list of rows,
        whose columns are in the order of ``inputs``.
    inputs
        The names of the columns that the model reads.
    file_encoding
        The text encoding of a CSV file. None: recognised.

    Returns
    -------
    dict
        Cells (rows,) by the column's name.

    Raises
    ------
    DataError
        If it cannot be read as a table.
    SettingsError
        If there is no such encoding, or one is named for what is no CSV file.
    ModelError
        If it is an array of another number of columns than ``inputs``.
    """
    from shoal.data.file_encoding import parse_file_encoding, refuse_file_encoding
    from shoal.data.table_io import read_cells

    if isinstance(rows, str | os.PathLike):
        return read_cells(rows, file_encoding)
    refuse_file_encoding(parse_file_encoding(file_encoding), "rows in memory")
    return _cells_of_frame(_frame(rows, inputs), inputs)


def _frame(rows: Any, inputs: Sequence[str]) -> pd.DataFrame:
    import pandas as pd

    from shoal.data.other_tables import to_frame

    if isinstance(rows, Mapping) and rows and all(map(_is_scalar, rows.values())):
        return pd.DataFrame({name: [value] for name, value in rows.items()})

    has_names = isinstance(rows, np.ndarray) and rows.dtype.names is not None
    if isinstance(rows, list | tuple) and not (rows and isinstance(rows[0], Mapping)):
        return _in_order(_array(rows), inputs)
    if isinstance(rows, np.ndarray) and not has_names:
        return _in_order(rows, inputs)

    frame = to_frame(rows)
    if frame is None:
        raise DataError(
            f"X is of type {type(rows).__name__}.",
            expected="a DataFrame or another table, a dict of columns, an array, or a path",
            remedy="give one of these",
        )
    return frame


def _is_scalar(value: object) -> bool:
    return value is None or np.ndim(value) == 0  # type: ignore[arg-type]


def _array(rows: Sequence[Any]) -> np.ndarray[Any, Any]:
    try:
        return np.array(rows, dtype=object)
    # Rows of different lengths.
    except ValueError:
        return np.empty(0, dtype=object)


def _in_order(array: np.ndarray[Any, Any], inputs: Sequence[str]) -> pd.DataFrame:
    """An array (rows, inputs) as a DataFrame with the names of the inputs."""
    import pandas as pd

    if array.ndim != 2 or array.shape[1] != len(inputs):
        named = ", ".join(inputs[:10]) + (", ..." if len(inputs) > 10 else "")
        raise ModelError(
            f"X is an array of shape {array.shape}.",
            expected=f"(rows, {len(inputs)}), with the columns in the order {named}",
            remedy="choose and order the columns (`model.inputs`), or give a DataFrame with names; "
            "a single row is X[None]",
        )
    return pd.DataFrame(array, columns=list(inputs))


def _cells_of_frame(frame: pd.DataFrame, inputs: Sequence[str]) -> dict[str, Cells]:
    """The cells of the columns that a model needs; what else is in the table is not looked at."""
    from shoal.data.canonical import CanonicalTable
    from shoal.data.table_io import cells_of_series

    frame = frame.rename(columns=lambda label: str(label).strip())
    index = [name for name in frame.index.names if name is not None]
    named = {str(name).strip() for name in index}
    if named & (set(inputs) - set(frame.columns)):
        frame = frame.reset_index()

    known = set(inputs)
    chosen = frame.loc[:, [label in known for label in frame.columns]]
    missing = [name for name in inputs if name not in chosen.columns]
    if missing:
        # The model says it, with what is there.
        return {str(label): [] for label in frame.columns}
    table = CanonicalTable.from_stored(_NAME, chosen.reset_index(drop=True), written={})
    return {column: cells_of_series(table[column]) for column in table.columns}
