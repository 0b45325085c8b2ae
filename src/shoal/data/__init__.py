"""Tables in, arrays out: reading, checking, splitting and encoding of tabular data."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from shoal.data.dataset import DataOptions, Dataset, Part, Preset, TaskType
from shoal.data.encoder import (
    CategoricalColumn,
    ClassTarget,
    Column,
    Encoder,
    NumericColumn,
    RegressionTarget,
    Target,
)

if TYPE_CHECKING:
    from shoal.data.preparation import load_dataset, prepare, prepare_new, recognise_task, resplit
    from shoal.data.table_io import BUNDLED, from_parquet, read_table, table_from_bytes, to_parquet

# What needs pandas is imported on first use: worker processes have only arrays.
_WITH_PANDAS = {
    **dict.fromkeys(
        ("load_dataset", "prepare", "prepare_new", "recognise_task", "resplit"), "preparation"
    ),
    **dict.fromkeys(
        ("BUNDLED", "from_parquet", "read_table", "table_from_bytes", "to_parquet"), "table_io"
    ),
}


def __getattr__(name: str) -> Any:
    if name not in _WITH_PANDAS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value = getattr(import_module(f"{__name__}.{_WITH_PANDAS[name]}"), name)
    return value


__all__ = [
    "BUNDLED",
    "CategoricalColumn",
    "ClassTarget",
    "Column",
    "DataOptions",
    "Dataset",
    "Encoder",
    "NumericColumn",
    "Part",
    "Preset",
    "RegressionTarget",
    "Target",
    "TaskType",
    "from_parquet",
    "load_dataset",
    "prepare",
    "prepare_new",
    "read_table",
    "recognise_task",
    "resplit",
    "table_from_bytes",
    "to_parquet",
]
