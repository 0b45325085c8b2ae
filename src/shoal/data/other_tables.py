"""Tables of other libraries, and of plain Python, as DataFrames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shoal.errors import DataError


class ArrowStream(Protocol):
    """A table that Arrow can read: of polars, PyArrow, DuckDB and others."""

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """The table as a capsule of Arrow's C interface."""


class ToPandas(Protocol):
    """A table that knows how to become a DataFrame."""

    def to_pandas(self) -> pd.DataFrame:
        """The table as a DataFrame."""


Table: TypeAlias = (
    pd.DataFrame
    | ArrowStream
    | ToPandas
    | NDArray[Any]
    | Mapping[str, Any]
    | Sequence[Mapping[str, Any]]
)
"""What `to_frame` takes."""


def to_frame(data: object) -> pd.DataFrame | None:
    """A table as a DataFrame.

    Parameters
    ----------
    data
        A DataFrame; a table of polars, PyArrow or another library that has Arrow's interface, or
        ``to_pandas``; a NumPy array (rows, columns), whose columns are called 0, 1 and so on; a
        structured one (rows,); a dict of columns; or a list of dicts, a row each.

    Returns
    -------
    DataFrame or None
        None if it is no table.

    Raises
    ------
    DataError
        If it is one that cannot be converted: columns of different lengths, an array of another
        number of dimensions.

    Examples
    --------
    >>> to_frame({"area": [30, 70], "price": [2.5, 5.0]}).shape
    (2, 2)
    """
    if isinstance(data, pd.DataFrame):
        return data

    try:
        return _converted(data)
    except Exception as error:
        # Anything: other libraries convert their tables.
        raise DataError(
            f"data of type {type(data).__name__} cannot be read as a table "
            f"({type(error).__name__}: {str(error)[:200]}).",
            expected="columns of equal length, each with a name",
            remedy="make a DataFrame of pandas of it",
        ) from error


def _converted(data: Any) -> pd.DataFrame | None:
    is_structured = isinstance(data, np.ndarray) and data.dtype.names is not None
    if isinstance(data, np.ndarray) and data.ndim != (1 if is_structured else 2):
        raise ValueError(f"its shape is {data.shape}, and that of a table (rows, columns)")

    # Of pandas and of polars.
    if type(data).__name__ == "Series":
        raise ValueError("it is one column")

    if isinstance(data, np.ndarray | Mapping):
        return pd.DataFrame(data)
    if isinstance(data, list | tuple) and data and all(isinstance(row, Mapping) for row in data):
        return pd.DataFrame(list(data))

    if hasattr(data, "__arrow_c_stream__") or hasattr(data, "__arrow_c_array__"):
        # Imported here, since it takes long to load and most tables are CSV.
        import pyarrow

        # Whole numbers stay whole where others are missing.
        frame: pd.DataFrame = pyarrow.table(data).to_pandas(integer_object_nulls=True)
        return frame
    if hasattr(data, "to_pandas"):
        converted = data.to_pandas()
        return converted if isinstance(converted, pd.DataFrame) else None
    return None
