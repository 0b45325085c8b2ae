"""Columns with a role: numbers that are no features, and stay with their rows.

A column of the role "column" is handed to objectives of one's own. The column of the role "weight"
says how much each row counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shoal.data.canonical import CanonicalTable, is_numeric
from shoal.data.dataset import DataOptions
from shoal.data.encoder import finite_numbers
from shoal.data.messages import count_of
from shoal.errors import DataError, SettingsError
from shoal.inference.standalone import to_level, to_number

ROLES = ("column", "weight")
"""What a column can be besides a feature, the target and the group."""


@dataclass(frozen=True, eq=False)
class Roles:
    """The columns with a role, of all rows of a table.

    Attributes
    ----------
    columns
        By name, (rows,) float64 each, as the table has them.
    weight
        (rows,) float32, 0 or more; None where no column is the weight.
    """

    columns: Mapping[str, NDArray[np.float64]]
    weight: NDArray[np.float32] | None = None


def read_roles(name: str, table: CanonicalTable, options: DataOptions) -> Roles:
    """Read the columns with a role.

    Parameters
    ----------
    name
        What messages call the table.
    table
        It has the columns.
    options
        Name them.

    Raises
    ------
    DataError
        If a value is missing, no number, infinite or too large, or a weight is negative.
    """
    columns = {column: _numbers(name, table[column], "column") for column in options.columns}
    if options.weight is None:
        return Roles(columns)

    weights = _numbers(name, table[options.weight], "weight")
    negative = np.flatnonzero(weights < 0)
    if len(negative):
        row = negative[0]
        raise DataError(
            f"{name}: row {row + 2}, column {options.weight!r}: the weight {weights[row]:g} is "
            f"negative ({count_of(len(negative), 'such row')}).",
            expected="0 or more",
            remedy="correct or remove the rows, or weigh by another column",
        )
    return Roles(columns, weights.astype(np.float32))


def _numbers(name: str, series: pd.Series, role: str) -> NDArray[np.float64]:
    """The values (rows,) of a column, all finite. Raises `DataError` where one is not."""
    remedy = f"correct the cell, or drop the role {role} of the column"
    if not is_numeric(series):
        row, cell = _first_word(series)
        is_number = to_number(cell) is not None
        problem = (
            "is infinite, or has more digits than are held" if is_number else "is not a number"
        )
        raise DataError(
            f"{name}: row {row + 2}, column {series.name!r}: {cell[:60]!r} {problem}.",
            expected=f"numbers, for the role {role}",
            remedy=remedy,
        )

    values = finite_numbers(name, series)
    missing = np.flatnonzero(np.isnan(values))
    if len(missing):
        raise DataError(
            f"{name}: row {missing[0] + 2}, column {series.name!r}: no value "
            f"({count_of(len(missing), 'such row')}).",
            expected=f"a number in every row, for the role {role}",
            remedy=remedy,
        )
    return values


def _first_word(series: pd.Series) -> tuple[int, str]:
    """The first cell of a text column that is no number which is held, with its row from 0."""
    cells = [to_level(value) or "" for value in series.tolist()]
    for row, cell in enumerate(cells):
        if to_number(cell) is None:
            return row, cell
    # All are numbers, of which some are infinite, or long identifiers.
    sizes = [abs(to_number(cell) or 0.0) for cell in cells]
    row = int(np.nanargmax(sizes))
    return row, cells[row]


def split_roles(texts: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Part roles from other names for columns that an objective is handed.

    Parameters
    ----------
    texts
        ``COLUMN=ROLE`` or ``COLUMN=NAME`` each.

    Returns
    -------
    list of str
        Those with a role, for `parse_roles`.
    dict
        Of the others, the table's column by the objective's name for it.

    Raises
    ------
    SettingsError
        For a text that is something else, and where two columns have one name.

    Examples
    --------
    >>> split_roles(["w=weight", "price=amount"])
    (['w=weight'], {'amount': 'price'})
    """
    with_role = []
    called: dict[str, str] = {}
    for text in texts:
        column, _, name = text.rpartition("=")
        if not column or not name or name in ROLES:
            with_role.append(text)
        elif name in called:
            raise SettingsError(
                f"role {text!r}, and {called[name]}={name}.",
                expected=f"one column that is {name}",
                remedy="leave one of them out",
            )
        else:
            called[name] = column
    return with_role, called


def parse_roles(texts: Sequence[str]) -> dict[str, Any]:
    """Read the roles that a command was given.

    Parameters
    ----------
    texts
        ``COLUMN=ROLE`` each. A column's name may contain "=".

    Returns
    -------
    dict
        The options ``columns`` and ``weight`` of the data, those that were given.

    Raises
    ------
    SettingsError
        For a text that is something else, another role, and a second weight.

    Examples
    --------
    >>> parse_roles(["amount=column", "w=weight"])
    {'columns': ('amount',), 'weight': 'w'}
    """
    columns = []
    weights = []
    for text in texts:
        column, _, role = text.rpartition("=")
        if not column or role not in ROLES:
            raise SettingsError(
                f"role {text!r}.",
                expected="COLUMN=" + " or COLUMN=".join(ROLES),
                remedy="name the column first, as in amount=column",
            )
        if role == "weight":
            weights.append(column)
        else:
            columns.append(column)

    if len(weights) > 1:
        raise SettingsError(
            f"{len(weights)} columns are the weight: {', '.join(weights)}.",
            expected="one, at most",
            remedy="multiply them into one column",
        )

    options: dict[str, Any] = {}
    if columns:
        options["columns"] = tuple(columns)
    if weights:
        options["weight"] = weights[0]
    return options
