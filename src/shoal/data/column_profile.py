"""What a table's columns hold, counted: for a preview, and for the checks before a search."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

KINDS = {"i": "whole numbers", "f": "numbers", "O": "text"}


@dataclass(frozen=True, slots=True)
class ColumnFacts:
    """A column of a canonical table. ``distinct`` counts its values without missing ones; ``missing`` the cells without one."""

    name: str
    kind: str
    missing: int
    distinct: int

    @property
    def constant(self) -> bool:
        """Whether every row has the same value, or none has one."""
        return self.distinct == 0 or (self.distinct == 1 and self.missing == 0)


def column_facts(source: pd.DataFrame) -> tuple[ColumnFacts, ...]:
    """The facts of each column, in order."""
    return tuple(
        ColumnFacts(str(name), _kind(column), int(column.isna().sum()), int(column.nunique()))
        for name, column in source.items()
    )


def _kind(column: pd.Series) -> str:
    return (
        "categories"
        if isinstance(column.dtype, pd.CategoricalDtype)
        else KINDS.get(column.dtype.kind, "text")
    )
