"""What the columns of a table hold, counted: for a preview, and for the checks before a search."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from shoal.data.canonical import CanonicalTable
from shoal.data.dates import holds_dates

# By the kind of a canonical column's dtype.
_KINDS = {"i": "whole numbers", "f": "numbers", "O": "text"}
_NUMBERS = (_KINDS["i"], _KINDS["f"])


@dataclass(frozen=True, slots=True)
class ColumnFacts:
    """Counts of one column of a canonical table.

    Attributes
    ----------
    name
        The column's name.
    kind
        "whole numbers", "numbers", "dates" (times of day and durations are such), "text" or
        "categories".
    missing
        Cells without a value.
    distinct
        Different values, missing ones not counted.
    """

    name: str
    kind: str
    missing: int
    distinct: int

    @property
    def constant(self) -> bool:
        """Whether all rows are alike: one value everywhere, or none at all."""
        one_value_everywhere = self.distinct == 1 and self.missing == 0
        return self.distinct == 0 or one_value_everywhere

    @property
    def holds_numbers(self) -> bool:
        """Whether its cells are numbers, whole ones or not."""
        return self.kind in _NUMBERS


def column_facts(table: CanonicalTable) -> tuple[ColumnFacts, ...]:
    """The facts of each column, in the table's order.

    Parameters
    ----------
    table
        The table with all its rows; facts are counted, and not estimated from a sample.
    """
    facts = []
    for name in table.columns:
        column = table[name]
        missing = int(column.isna().sum())
        distinct = int(column.nunique())
        facts.append(ColumnFacts(name, _kind(column), missing, distinct))
    return tuple(facts)


def _kind(column: pd.Series) -> str:
    if isinstance(column.dtype, pd.CategoricalDtype):
        return "categories"
    if holds_dates(column):
        return "dates"
    return _KINDS.get(column.dtype.kind, "text")
