"""DataFrames for estimators: words, dates, truth values and gaps, encoded as tables are."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

from shoal.data.encoder import Encoder, RegressionTarget, fit_column
from shoal.errors import DataError, ShoalWarning
from shoal.inference import standalone
from shoal.models.cells import cells_of
from shoal.models.model import as_model_error

if TYPE_CHECKING:
    import pandas as pd

# What messages call the table.
_NAME = "X"


def frame_to_encode(X: Any) -> pd.DataFrame | None:
    """``X`` as a DataFrame if it has columns that are no plain numbers; else None.

    Parameters
    ----------
    X
        What `fit` was given. Arrays and lists are never encoded.

    Raises
    ------
    DataError
        If it is a table that cannot be converted.
    """
    import pandas as pd

    from shoal.data.other_tables import to_frame

    is_frame = isinstance(X, pd.DataFrame)
    # A sparse matrix may be a dict, of its places.
    is_mapping = isinstance(X, Mapping) and not issparse(X)
    if not is_frame and not is_mapping and not hasattr(X, "__arrow_c_stream__"):
        return None
    frame = to_frame(X)
    if frame is None:
        return None
    if is_frame and all(_is_plain(frame.iloc[:, place]) for place in range(frame.shape[1])):
        return None
    return frame


def _is_plain(column: pd.Series) -> bool:
    """Whether all cells of a column are numbers."""
    import pandas as pd

    dtype = column.dtype
    is_number = pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_bool_dtype(dtype)
    return is_number and not column.isna().any()


@dataclass(frozen=True, eq=False)
class FrameEncoder:
    """How the columns of a DataFrame become network inputs.

    Attributes
    ----------
    encoder
        As of a table; numbers are never taken as logarithms.
    """

    encoder: Encoder

    @classmethod
    def fit(cls, frame: pd.DataFrame, rows: NDArray[np.int64]) -> FrameEncoder:
        """Learn it from some rows of a DataFrame; all rows are checked.

        Raises
        ------
        DataError
            If a column, in any row, cannot be encoded.
        """
        from shoal.data.canonical import CanonicalTable

        table = CanonicalTable.from_frame(_NAME, frame.reset_index(drop=True))
        columns = []
        for name in table.columns:
            table.check_readable(_NAME, name)
            columns.append(fit_column(_NAME, table[name], rows))
        # What is predicted is none of the encoder's business here.
        encoder = Encoder(tuple(columns), RegressionTarget("", 0.0, 1.0))
        if not encoder.inputs:
            raise DataError(
                f"{_NAME}: no column has different values.", remedy="add columns that vary"
            )
        return cls(encoder.written_as(table.notations))

    @property
    def names(self) -> list[str]:
        """The columns, in their order."""
        return [column.name for column in self.encoder.columns]

    def inputs(self, X: Any, *, warns: bool = True) -> NDArray[np.float64]:
        """Network inputs (rows, inputs) of a DataFrame, or of what else `shoal.Model` predicts.

        ``warns`` says whether what training has never seen is worth a warning.

        Raises
        ------
        ModelError
            If a column is missing, or a cell cannot be read as training read it.
        DataError
            If ``X`` is no table.

        Warns
        -----
        ShoalWarning
            For what training has never seen.
        """
        columns = cells_of(X, self.names)
        described = self.encoder.to_dict()
        try:
            inputs = standalone.Inputs(columns, described, by_look=True)
        except standalone.TableError as error:
            raise as_model_error(error) from None
        if warns:
            for column, unseen in inputs.unseen.items():
                warnings.warn(unseen.sentence(column), ShoalWarning, stacklevel=2)
        return inputs.of_rows(slice(None)).astype(np.float64)
