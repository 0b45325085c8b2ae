"""What the rest of Shoal sees of a table: its options, its parts, and the prepared whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from shoal.data.encoder import ClassTarget, Encoder
from shoal.data.splits import SEEDS
from shoal.errors import SettingsError
from shoal.predictor import unscale

if TYPE_CHECKING:
    import pandas as pd

Preset = Literal["modern", "classic"]
Task = Literal["regression", "classification"]


@dataclass(frozen=True, slots=True)
class DataOptions:
    """Everything that `prepare` needs besides the table. Raises SettingsError for values that make no split.

    ``task`` None: recognised. ``group``: a column, not a feature, whose equal values stay in one part. ``seed`` is of
    the splits. ``validation_fraction`` is of the rows that are not test; classic has no validation.
    """

    target: str
    preset: Preset = "modern"
    task: Task | None = None
    group: str | None = None
    test_fraction: float = 0.3
    validation_fraction: float = 0.2
    seed: int = 42

    def __post_init__(self) -> None:
        for field, allowed in (("preset", ("modern", "classic")), ("task", ("regression", "classification", None))):
            if getattr(self, field) not in allowed:
                expected = ", ".join(str(value) for value in allowed if value)
                raise SettingsError(
                    f"{field} {getattr(self, field)!r}.", expected=expected, remedy="choose one of them"
                )
        for field in ("test_fraction", "validation_fraction"):
            if not 0 <= getattr(self, field) < 1:
                problem = f"{field} {getattr(self, field)!r}."
                raise SettingsError(problem, expected="0 <= fraction < 1", remedy="0.3 and 0.2 are usual")
        if not 0 <= self.seed < SEEDS:
            raise SettingsError(f"data seed {self.seed}.", expected="0 to 2**32 - 1", remedy="choose a smaller one")
        if self.group is not None and (self.preset == "classic" or self.group == self.target):
            problem = f"group {self.group!r} with preset {self.preset!r} and target {self.target!r}."
            raise SettingsError(problem, expected="modern, and not the target", remedy="drop the group, or use modern")

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> DataOptions:
        """The reverse of `to_dict`."""
        return cls(**values)


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


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """A prepared table. ``source`` is the whole table as read, None in worker processes; ``options.task`` is filled in."""

    name: str
    source: pd.DataFrame | None
    options: DataOptions
    encoder: Encoder
    train: Part
    validation: Part | None
    test: Part | None

    def __repr__(self) -> str:
        target = self.options.target
        rows = sum(len(part.rows) for part in (self.train, self.validation, self.test) if part is not None)
        return f"Dataset({self.name!r}, {rows} rows, {self.inputs} inputs, {self.task} of {target!r})"

    @property
    def task(self) -> Task:
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

    def fit_part(self, refit: bool) -> Part:
        """The rows to train on: train, and validation after it when refitting (with the encoder of train)."""
        if not refit or self.validation is None:
            return self.train
        both = (self.train, self.validation)
        return Part(
            np.concatenate([part.x for part in both]),
            np.concatenate([part.y for part in both]),
            np.concatenate([part.target for part in both]),
            np.concatenate([part.rows for part in both]),
        )

    def unscale(self, outputs: NDArray[Any]) -> NDArray[np.float64]:
        """Network outputs (rows, outputs) in the target's unit (rows,); for classes (rows, classes) as they are."""
        return unscale(outputs, asdict(self.encoder.target))
