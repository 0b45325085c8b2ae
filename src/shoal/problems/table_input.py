"""Reads a table together with the columns that objectives are handed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shoal.data import Dataset
from shoal.data.canonical import CanonicalTable
from shoal.data.dataset import parse_names
from shoal.data.messages import list_columns
from shoal.data.preparation import prepare_new, table_and_target
from shoal.errors import ObjectiveError
from shoal.objectives.definition import TableObjective


def load_with_columns(data: Any, objectives: Sequence[TableObjective], **options: Any) -> Dataset:
    """Read a table as `shoal.load_dataset` does; what objectives are handed are no features.

    Parameters
    ----------
    data
        The table.
    objectives
        Their columns get their role, where they have none yet.
    options
        Of `shoal.load_dataset`, by name.

    Raises
    ------
    DataError, SettingsError
        As `shoal.load_dataset`.
    ObjectiveError
        The table has no such column.
    """
    options = dict(options)
    encoding = options.get("file_encoding")
    name, table, target = table_and_target(data, options.pop("target", None), encoding)
    columns = list(parse_names("columns", options.pop("columns", ())))

    for objective in objectives:
        _check_columns(name, table, objective)
        for column in objective.table_columns:
            if column not in (*columns, options.get("weight")):
                columns.append(column)
    return prepare_new(name, table, target, **options, columns=columns)


def _check_columns(name: str, table: CanonicalTable, objective: TableObjective) -> None:
    for own, column in zip(objective.columns, objective.table_columns, strict=True):
        if column not in table:
            raise ObjectiveError(
                f"{name}: there is no column {column!r}, which the objective {objective.name} is "
                "handed.",
                expected=f"one of {list_columns(table)}",
                remedy=f"`--role COLUMN={own}` says which column it is",
            )
