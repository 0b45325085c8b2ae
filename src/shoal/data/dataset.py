"""What the rest of Shoal sees of a table: its options, its parts, and the prepared whole."""

from __future__ import annotations

import numbers
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from shoal.data.encoder import ClassTarget, Encoder, NumericColumn
from shoal.data.splits import SEEDS, repeated_rows
from shoal.errors import SettingsError
from shoal.inference.standalone import unscale

if TYPE_CHECKING:
    import pandas as pd

Preset = Literal["modern", "classic"]
TaskType = Literal["regression", "classification"]
Logs = Literal["auto", "none"]

MAX_FOLDS = 100
# What a new run has where nothing is said. `DataOptions` itself has the values of runs recorded before there was a choice.
NEW_RUN: dict[str, dict[str, Any]] = {"modern": {"log_columns": "auto", "folds": 5}, "classic": {}}
_ALLOWED: dict[str, tuple[str | None, ...]] = {
    "preset": ("modern", "classic"),
    "task": ("regression", "classification", None),
    "log_columns": ("auto", "none"),
}


@dataclass(frozen=True, slots=True)
class DataOptions:
    """Everything that `prepare` needs besides the table. Raises SettingsError for values that make no split.

    ``task`` None: recognised. ``group``: a column, not a feature, whose equal values stay in one part. ``same``: columns
    that stay features, or "all" of them; rows that are equal in each of these stay in one part. ``folds`` 1: one
    validation part, ``validation_fraction`` of the rows that are not test; k: those rows are cut into k, and each
    validates in turn. ``log_columns`` "auto": columns with a long tail are taken as logarithms (`encoder.log_floor`).
    ``seed`` is of the splits. Classic has none of these but test part, task and seed.
    """

    target: str
    preset: Preset = "modern"
    task: TaskType | None = None
    group: str | None = None
    test_fraction: float = 0.3
    validation_fraction: float = 0.2
    seed: int = 42
    same: Literal["all"] | tuple[str, ...] = ()
    folds: int = 1
    log_columns: Logs = "none"

    def __post_init__(self) -> None:
        for field, column in (("target", self.target), ("group", self.group)):
            if not (isinstance(column, str) and column) and (field, column) != ("group", None):
                raise SettingsError(
                    f"{field} {column!r}.",
                    expected="the name of a column, as text",
                    remedy=f"name one {field}",
                )
        for field, allowed in _ALLOWED.items():
            if getattr(self, field) not in allowed:
                expected = ", ".join(str(value) for value in allowed if value)
                raise SettingsError(
                    f"{field} {getattr(self, field)!r}.",
                    expected=expected,
                    remedy="choose one of them",
                )
        for field in ("test_fraction", "validation_fraction"):
            if not (_is_number(getattr(self, field)) and 0 <= getattr(self, field) < 1):
                problem = f"{field} {getattr(self, field)!r}."
                raise SettingsError(
                    problem, expected="0 <= fraction < 1", remedy="0.3 and 0.2 are usual"
                )
        if not (_is_number(self.seed, numbers.Integral) and 0 <= self.seed < SEEDS):
            raise SettingsError(
                f"data seed {self.seed!r}.",
                expected="a whole number, 0 to 2**32 - 1",
                remedy="choose another one",
            )
        if not (_is_number(self.folds, numbers.Integral) and 1 <= self.folds <= MAX_FOLDS):
            expected = (
                f"a whole number of parts, 2 to {MAX_FOLDS}, or 1 for a single validation part"
            )
            raise SettingsError(
                f"folds {self.folds!r}.", expected=expected, remedy="3 and 5 are usual"
            )
        if self.group is not None and (self.preset == "classic" or self.group == self.target):
            problem = (
                f"group {self.group!r} with preset {self.preset!r} and target {self.target!r}."
            )
            raise SettingsError(
                problem,
                expected="modern, and not the target",
                remedy="drop the group, or use modern",
            )
        if self.same and (
            self.group is not None or (self.same != "all" and self.target in self.same)
        ):
            problem = f"same {self.same!r} with group {self.group!r} and target {self.target!r}."
            remedy = "drop the group, or name only features"
            raise SettingsError(
                problem, expected="features, and no group beside them", remedy=remedy
            )
        if self.preset == "classic" and (self.same or self.folds > 1 or self.log_columns != "none"):
            problem = f"same {self.same!r}, folds {self.folds} and log_columns {self.log_columns!r} with preset 'classic'."
            raise SettingsError(
                problem, expected="none of them", remedy="leave them out, or use modern"
            )

    @classmethod
    def of_new_run(
        cls,
        target: str,
        preset: Preset = "modern",
        *,
        same: str | Sequence[str] = (),
        folds: int | None = None,
        log_columns: Logs | None = None,
        **others: Any,
    ) -> DataOptions:
        """The options of a run that begins now: what is None is what its preset has now (`NEW_RUN`).

        Who names a ``validation_fraction`` and no folds has one validation part.

        ``same`` is "all", a list of columns, or a text that names them with commas between.
        """
        if isinstance(same, str):
            same = (
                "all"
                if same.strip() == "all"
                else tuple(name.strip() for name in same.split(",") if name.strip())
            )
        elif not (isinstance(same, Sequence) and all(isinstance(name, str) for name in same)):
            raise SettingsError(
                f"same {same!r}.", expected="names of columns, or 'all'", remedy="correct the list"
            )
        if folds is None and "validation_fraction" in others:
            folds = 1
        given = {"folds": folds, "log_columns": log_columns}
        chosen = NEW_RUN.get(preset, {}) | {
            name: value for name, value in given.items() if value is not None
        }
        return cls(target, preset, same="all" if same == "all" else tuple(same), **chosen, **others)

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self) | {"same": self.same if self.same == "all" else list(self.same)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> DataOptions:
        """The reverse of `to_dict`, also of one by an older version."""
        same = values.get("same", ())
        return cls(**{**values, "same": same if same == "all" else tuple(same)})


def _is_number(value: object, kind: type = numbers.Real) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)


@dataclass(frozen=True, eq=False, repr=False)
class Part:
    """One part of the split.

    ``x`` (rows, inputs) float32, C-contiguous. ``y`` (rows,): scaled target, or class index 0..k-1, as float32.
    ``target`` (rows,): unscaled target, or class index, as float64. ``rows`` (rows,): row numbers
    in the source, from 0.
    """

    x: NDArray[np.float32]
    y: NDArray[np.float32]
    target: NDArray[np.float64]
    rows: NDArray[np.int64]

    def of(self, chosen: NDArray[np.bool_]) -> Part:
        """A copy of some of its rows: ``chosen`` (rows,)."""
        return Part(*(getattr(self, field.name)[chosen] for field in fields(self)))


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """A prepared table. ``source`` is the whole table as read, None in worker processes; ``options.task`` is filled in.

    With folds ``train`` is all rows that are not test, ``fold_numbers`` (rows of train,) says which fold each is in, and
    ``validation`` is None; without, ``fold_numbers`` is None. Encoder and target's scaling are learned from ``train``.
    """

    name: str
    source: pd.DataFrame | None
    options: DataOptions
    encoder: Encoder
    train: Part
    validation: Part | None
    test: Part | None
    fold_numbers: NDArray[np.int64] | None = None

    def __repr__(self) -> str:
        target = self.options.target
        rows = sum(
            len(part.rows) for part in (self.train, self.validation, self.test) if part is not None
        )
        return (
            f"Dataset({self.name!r}, {rows} rows, {self.inputs} inputs, {self.task} of {target!r})"
        )

    @property
    def task(self) -> TaskType:
        """What kind of target it is."""
        return self.encoder.target.kind

    @property
    def inputs(self) -> int:
        """Network inputs: encoded columns."""
        return int(self.train.x.shape[1])

    @property
    def outputs(self) -> int:
        """Network outputs: 1, or the number of classes."""
        return len(self.classes) or 1

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names by index; none for regression."""
        return self.encoder.target.classes if isinstance(self.encoder.target, ClassTarget) else ()

    @property
    def validates(self) -> bool:
        """Whether a search selects on rows that a training has not seen."""
        return self.validation is not None or self.fold_numbers is not None

    def parts(self, repeat: int) -> tuple[Part, Part | None]:
        """What this repeat trains on, and what it is scored on besides, if anything: the same for every genome.

        With folds, fold ``repeat mod k`` is what it is scored on. Parts of folds are cut anew for each call, so that a
        process never holds more of a large table than the training at hand needs.
        """
        if self.fold_numbers is None:
            return self.train, self.validation
        held_out = self.fold_numbers == repeat % self.options.folds
        return self.train.of(~held_out), self.train.of(held_out)

    def fit_part(self, refit: bool) -> Part:
        """What a champion trains on: train, and validation after it when refitting (with the encoder of train)."""
        if not refit or self.validation is None:
            return self.train
        both = (self.train, self.validation)
        return Part(
            np.concatenate([part.x for part in both]),
            np.concatenate([part.y for part in both]),
            np.concatenate([part.target for part in both]),
            np.concatenate([part.rows for part in both]),
        )

    @cached_property
    def notes(self) -> tuple[str, ...]:
        """What a person should know of how the table is used, in plain sentences; none in worker processes."""
        if self.source is None:
            return ()
        notes = [
            f"{column.name} is taken as its logarithm, as its values have a long tail."
            for column in self.encoder.columns
            if isinstance(column, NumericColumn) and column.log_floor is not None
        ]
        if astray := self.rows_with_twins():
            each = "1 row has" if astray == 1 else f"{astray:,} rows have"
            mend = (
                ""
                if self.options.preset == "classic"
                else " same = all (--same all) keeps such rows in one part."
            )
            notes.append(
                f"{each} the same features as a row of another part, so scores may be too good.{mend}"
            )
        return tuple(notes)

    def rows_with_twins(self) -> int:
        """How many rows have the features of a row in another part, or in another fold. Not in worker processes."""
        assert self.source is not None
        place = np.zeros(len(self.source), dtype=np.int64)  # train, or its first fold
        place[self.train.rows] = self.fold_numbers if self.fold_numbers is not None else 0
        for part, number in ((self.validation, -1), (self.test, -2)):
            if part is not None:
                place[part.rows] = number
        groups = repeated_rows(self.source, [column.name for column in self.encoder.columns])
        lowest, highest = (
            np.full(groups.max() + 1, MAX_FOLDS),
            np.full(groups.max() + 1, -MAX_FOLDS),
        )
        np.minimum.at(lowest, groups, place)
        np.maximum.at(highest, groups, place)
        return int((lowest < highest)[groups].sum())

    def unscale(self, outputs: NDArray[Any]) -> NDArray[np.float64]:
        """Network outputs (rows, outputs) in the target's unit (rows,); for classes (rows, classes) as they are."""
        return unscale(outputs, asdict(self.encoder.target))
