"""Tables in, arrays out: reading, checking, splitting and encoding of tabular data."""

from __future__ import annotations

from shoal.data.dataset import DataOptions, Dataset, Part, Preset, Task
from shoal.data.encoder import (
    CategoricalColumn,
    ClassTarget,
    Column,
    Encoder,
    NumericColumn,
    RegressionTarget,
    Target,
)
from shoal.data.preparation import load_dataset, prepare, recognise_task
from shoal.data.table import BUNDLED, from_parquet, read_table, table_from_bytes, to_parquet

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
    "Task",
    "from_parquet",
    "load_dataset",
    "prepare",
    "read_table",
    "recognise_task",
    "table_from_bytes",
    "to_parquet",
]
