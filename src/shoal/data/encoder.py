"""What was learned from the training rows to turn a table into network inputs: frozen, and written as JSON."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from shoal.errors import DataError
from shoal.inference.standalone import log, to_number

if TYPE_CHECKING:
    import pandas as pd

MAX_LEVELS = 100
"""Most levels of a categorical column, and most classes."""

MOSTLY = 0.8  # from this share of numbers (or dates) on, the other cells are taken for mistakes
MAX_CELL = 131_072  # characters, as in a CSV file
LOG_SKEWNESS = 1.5  # from here on a positive column may be taken as its logarithm; an exponential distribution has 2
_FLOAT32_MAX = float(np.finfo(np.float32).max)
_THOUSANDS = re.compile(r"[+-]?\d{1,3}([,.' \u00a0\u2019\u202f])\d{3}(?:\1\d{3})*(?:[.,]\d+)?")
_DATE = re.compile(
    r"(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4})(?:[T ]\d.*)?"
    r"|-?\d+ days?\b.*|\d{1,2}:\d{2}(:\d.*)?"
)


@dataclass(frozen=True, slots=True)
class NumericColumn:
    """One input ``(v - mean) / scale``, missing values ``fill`` (None: an error); one more, 0/1, for missing ones.

    With a ``log_floor``, the smallest value of training (above 0), v stands for ``log(max(v, log_floor))``.
    """

    name: str
    fill: float | None = None
    mean: float = 0.0
    scale: float = 1.0
    missing_indicator: bool = False
    log_floor: float | None = None
    kind: Literal["numeric"] = "numeric"

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the network inputs."""
        return (self.name, f"{self.name}=missing") if self.missing_indicator else (self.name,)


@dataclass(frozen=True, slots=True)
class CategoricalColumn:
    """One 0/1 input a level, sorted as text; None, last, is the level of missing values."""

    name: str
    levels: tuple[str | None, ...]
    kind: Literal["categorical"] = "categorical"

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the network inputs."""
        return tuple(
            f"{self.name}={'missing' if level is None else level}" for level in self.levels
        )


@dataclass(frozen=True, slots=True)
class RegressionTarget:
    """The network learns ``(t - offset) / scale``."""

    name: str
    offset: float
    scale: float
    kind: Literal["regression"] = "regression"


@dataclass(frozen=True, slots=True)
class ClassTarget:
    """The network has one output a class."""

    name: str
    classes: tuple[str, ...]
    kind: Literal["classification"] = "classification"


Column = NumericColumn | CategoricalColumn
Target = RegressionTarget | ClassTarget


@dataclass(frozen=True, slots=True)
class Encoder:
    """How a table becomes network inputs, and outputs the target. Applied by `shoal.inference.standalone`."""

    columns: tuple[Column, ...]
    target: Target

    _KINDS: ClassVar[dict[str, type[Any]]] = {
        "numeric": NumericColumn,
        "categorical": CategoricalColumn,
        "regression": RegressionTarget,
        "classification": ClassTarget,
    }

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the network inputs, in order."""
        return tuple(name for column in self.columns for name in column.inputs)

    def to_dict(self) -> dict[str, Any]:
        """As JSON values; floats survive JSON exactly."""
        return {
            "columns": [_listed(asdict(column)) for column in self.columns],
            "target": _listed(asdict(self.target)),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Encoder:
        """The reverse of `to_dict`."""
        return cls(
            tuple(cls._read(column) for column in values["columns"]), cls._read(values["target"])
        )

    @classmethod
    def _read(cls, values: Mapping[str, Any]) -> Any:
        return cls._KINDS[values["kind"]](
            **{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
        )


def _listed(values: dict[str, Any]) -> dict[str, Any]:
    return {
        key: list(value) if isinstance(value, tuple) else value for key, value in values.items()
    }


def mean_and_scale(values: NDArray[np.float64]) -> tuple[float, float]:
    """Mean and population standard deviation, exactly rounded sums, so that every machine has the same bits.

    A constant has itself and 1, and so becomes exactly zero.
    """
    if not len(values) or values.min() == values.max():
        return (float(values[0]) if len(values) else 0.0), 1.0
    mean = math.fsum(values) / len(values)
    scale = math.sqrt(math.fsum((values - mean) ** 2) / len(values))
    return mean, scale or 1.0


def skewness(values: NDArray[np.float64]) -> float:
    """Third moment about the mean in standard deviations cubed; 0 of a constant. The same bits on every machine."""
    mean, scale = mean_and_scale(values)
    z = (values - mean) / scale
    return math.fsum(z * z * z) / max(1, len(z))


def log_floor(values: NDArray[np.float64]) -> float | None:
    """The smallest of ``values`` if they are better taken as logarithms, else None.

    They are when all are positive, their skewness is above `LOG_SKEWNESS`, and the logarithm at least halves its size:
    otherwise a long tail upwards would only be given for one downwards.
    """
    if not len(values) or values.min() <= 0 or (skewed := skewness(values)) <= LOG_SKEWNESS:
        return None
    return float(values.min()) if abs(skewness(log(values))) <= skewed / 2 else None


def fit_column(
    name: str, series: pd.Series, train: NDArray[np.int64], *, logs: bool = False
) -> Column:
    """The modern encoding of a feature, from its training rows; with ``logs``, `log_floor` decides on a logarithm.

    Raises DataError (for any row of the table).
    """
    import pandas as pd

    column = str(series.name)
    if series.dtype.kind in "if":
        values = finite_numbers(name, series)
        if np.isnan(values).all():
            raise DataError(
                f"{name}: column {column!r} has no value.",
                expected="some",
                remedy="drop the column",
            )
        seen = values[train]
        known = seen[~np.isnan(seen)]
        fill = float(np.median(known)) if len(known) else 0.0
        floor = log_floor(known) if logs else None
        mean, scale = mean_and_scale(known if floor is None else log(known))
        return NumericColumn(column, fill, mean, scale, len(known) < len(seen), floor)
    texts = series.tolist()
    if not isinstance(series.dtype, pd.CategoricalDtype):
        check_text(name, column, texts)
    levels = [text if isinstance(text, str) else None for text in (texts[row] for row in train)]
    known_levels = sorted({level for level in levels if level is not None})
    if len(known_levels) > MAX_LEVELS:
        problem = f"{name}: column {column!r} has {len(known_levels)} different texts in the training rows."
        remedy = "drop the column, or group its rare texts"
        raise DataError(problem, expected=f"at most {MAX_LEVELS}", remedy=remedy)
    if any(len(level) > MAX_CELL for level in known_levels):
        problem = f"{name}: column {column!r} has a cell of over {MAX_CELL:,} characters."
        raise DataError(problem, expected="short cells", remedy="drop the column")
    return CategoricalColumn(column, (*known_levels, *([None] if None in levels else [])))


def finite_numbers(name: str, series: pd.Series) -> NDArray[np.float64]:
    """Values (rows,), NaN where missing. Raises DataError for infinity, or beyond what float32 holds."""
    values = series.to_numpy(dtype=np.float64)
    bad = np.flatnonzero(np.abs(values) > _FLOAT32_MAX)
    if len(bad):
        problem = (
            f"{name}: row {bad[0] + 2}, column {series.name!r}: {values[bad[0]]:g} is too large."
        )
        raise DataError(
            problem,
            expected=f"numbers within ±{_FLOAT32_MAX:.3g}",
            remedy="correct or remove the row",
        )
    return values


def check_text(name: str, column: str, texts: Sequence[object]) -> None:
    """Raises DataError if a text column holds dates, or numbers with something wrong; names the first such cell."""
    known = [
        (row, text, to_number(text)) for row, text in enumerate(texts, 2) if isinstance(text, str)
    ]
    known = [
        (row, text, number)
        for row, text, number in known
        if number is None or not math.isnan(number)
    ]
    words = [(row, text) for row, text, number in known if number is None]
    grouped = [(row, text) for row, text in words if _THOUSANDS.fullmatch(text)]
    numbers = len(known) - len(words)
    if grouped and numbers + len(grouped) >= MOSTLY * len(known):
        row, text = grouped[0]
        problem = f"{name}: row {row}, column {column!r}: {text!r} has a thousands separator or a decimal comma."
        remedy = (
            "remove the separators, or save the table with semicolons if these are decimal commas"
        )
        raise DataError(problem, expected="numbers such as 1234.5", remedy=remedy)
    if words and numbers >= MOSTLY * len(known):
        row, text = words[0]
        problem = f"{name}: row {row}, column {column!r}: {text[:60]!r} is not a number, but most of the column is."
        remedy = "correct the cell, or leave it empty if its value is missing"
        raise DataError(problem, expected="a number", remedy=remedy)
    if known and not words:  # numbers all, but `canonical` could not keep them as such
        row, text, number = next((cell for cell in known if math.isinf(cell[2] or 0)), known[0])
        if math.isinf(number or 0):
            problem = (
                f"{name}: row {row}, column {column!r}: {text[:60]!r} is infinite or too large."
            )
            raise DataError(
                problem, expected="finite numbers", remedy="correct the cell, or leave it empty"
            )
        row, text, _ = next(
            cell
            for cell in known
            if cell[2] is not None and abs(cell[2]) >= 2**53 and "." not in cell[1]
        )
        problem = f"{name}: row {row}, column {column!r}: {text[:60]!r} has more digits than a number holds exactly."
        remedy = "drop the column if it is an identifier, or round it"
        raise DataError(problem, expected="integers below 2**53", remedy=remedy)
    dates = [(row, text) for row, text in words if _DATE.fullmatch(text)]
    if dates and len(dates) >= MOSTLY * len(words):
        row, text = dates[0]
        problem = f"{name}: row {row}, column {column!r}: {text!r} is a date or a time."
        remedy = "turn the column into numbers (days since a first day, month, hour), or drop it"
        raise DataError(problem, expected="numbers or categories", remedy=remedy)
