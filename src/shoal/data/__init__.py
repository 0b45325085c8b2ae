"""Tables in, arrays out: read, check, split and encode tabular data.

May import: `shoal.errors`, `shoal.inference`, `shoal.numerics`.

Start reading with `load_dataset` in `preparation`, whose helpers are the phases of preparing a
table. `canonical` says what form every table has before that, `dataset` what comes out.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from shoal.data.bundled_tables import BUNDLED
from shoal.data.dataset import DataOptions, Dataset, Part, Preset, TaskType
from shoal.data.dates import DateColumn
from shoal.data.encoder import (
    CategoricalColumn,
    ClassTarget,
    Column,
    Encoder,
    NumericColumn,
    QuestionColumn,
    RegressionTarget,
    RegressionTargets,
    Target,
)

if TYPE_CHECKING:
    from shoal.data.canonical import CanonicalTable
    from shoal.data.preparation import load_dataset, prepare, prepare_new, resplit
    from shoal.data.table_io import from_parquet, read_table, table_from_bytes, to_parquet
    from shoal.data.target import recognise_task

# What needs pandas, by the module that has it. It is imported on first use: worker processes have
# only arrays.
_WITH_PANDAS = {
    "CanonicalTable": "canonical",
    "load_dataset": "preparation",
    "prepare": "preparation",
    "prepare_new": "preparation",
    "resplit": "preparation",
    "from_parquet": "table_io",
    "read_table": "table_io",
    "table_from_bytes": "table_io",
    "to_parquet": "table_io",
    "recognise_task": "target",
}


def __getattr__(name: str) -> Any:
    if name not in _WITH_PANDAS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    module = import_module(f"{__name__}.{_WITH_PANDAS[name]}")
    value = getattr(module, name)
    globals()[name] = value
    return value


__all__ = [
    "BUNDLED",
    "CanonicalTable",
    "CategoricalColumn",
    "ClassTarget",
    "Column",
    "DataOptions",
    "Dataset",
    "DateColumn",
    "Encoder",
    "NumericColumn",
    "Part",
    "Preset",
    "QuestionColumn",
    "RegressionTarget",
    "RegressionTargets",
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
