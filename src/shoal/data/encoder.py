"""How a table becomes network inputs: learned from the training rows, frozen, and written as JSON.

An `Encoder` only describes. `shoal.inference.standalone.encode` applies the description, both here
and in an exported model. Reading order: the column types, then `fit_column`, which learns one.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from shoal.data.dates import (
    DateColumn,
    cycles_of,
    dates_as_days,
    holds_dates,
    is_like_a_date,
    zones_of,
)
from shoal.errors import DataError
from shoal.inference.standalone import Notation, are_truths, log, to_number, truth_of

if TYPE_CHECKING:
    import pandas as pd

MAX_LEVELS = 100
"""Most levels of a categorical column, and most classes."""

# From this share of numbers (or dates) on, the other cells of a text column are taken for mistakes.
MOSTLY = 0.8

# Characters of a cell, as in a CSV file.
MAX_CELL = 131_072

# From this skewness on a positive column may be taken as its logarithm; an exponential distribution
# has 2.
LOG_SKEWNESS = 1.5

# Which quantiles a column of numbers is compared with, where it is asked questions, in percent.
QUESTIONED_PERCENT = (10, 25, 50, 75, 90)

# A float64 holds every integer below this one.
_EXACT_INTEGERS = 2**53

FLOAT32_MAX = float(np.finfo(np.float32).max)


@dataclass(frozen=True, slots=True)
class NumericColumn:
    """A feature that is one network input ``(v - mean) / scale``.

    Attributes
    ----------
    name
        The column's name.
    fill
        Stands for missing values, in the column's unit; None: a missing value is an error.
    mean, scale
        Of the training values, or of their logarithms.
    missing_indicator
        Whether a second input, 0 or 1, says where values are missing.
    log_floor
        Smallest training value, above 0. Then v stands for ``log(max(v, log_floor))``. None: no
        logarithm.
    notation
        How the column was written in training; None: plainly.
    extent
        The smallest and the largest training value; None: there is none.
    whole
        Whether all training values are whole numbers.
    kind
        "numeric", the tag in JSON.
    """

    name: str
    fill: float | None = None
    mean: float = 0.0
    scale: float = 1.0
    missing_indicator: bool = False
    log_floor: float | None = None
    notation: Notation | None = None
    extent: tuple[float, float] | None = None
    whole: bool = False
    kind: Literal["numeric"] = "numeric"

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the network inputs."""
        if self.missing_indicator:
            return (self.name, f"{self.name}=missing")
        return (self.name,)


@dataclass(frozen=True, slots=True)
class CategoricalColumn:
    """A feature that is one network input, 0 or 1, for each level.

    Attributes
    ----------
    name
        The column's name.
    levels
        Sorted as text; None, last, is the level of missing values.
    truth
        Whether the levels are truth values, so that TRUE is the level True.
    kind
        "categorical", the tag in JSON.
    """

    name: str
    levels: tuple[str | None, ...]
    truth: bool = False
    kind: Literal["categorical"] = "categorical"

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the network inputs."""
        names = []
        for level in self.levels:
            shown = level
            if level is None:
                shown = "missing"
            names.append(f"{self.name}={shown}")
        return tuple(names)


@dataclass(frozen=True, slots=True)
class QuestionColumn:
    """A numeric feature that is one network input, 0 or 1, for each of some questions.

    Attributes
    ----------
    name
        The column's name.
    thresholds
        Ascending, in the column's unit. A question is whether a value is greater.
    missing_question
        Whether the last question is whether the value is missing. Where it is, the answer to all
        others is no.
    notation
        How the column was written in training; None: plainly.
    kind
        "questions", the tag in JSON.
    """

    name: str
    thresholds: tuple[float, ...]
    missing_question: bool = False
    notation: Notation | None = None
    kind: Literal["questions"] = "questions"

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the network inputs."""
        names = [f"{self.name} > {number_text(own)}" for own in self.thresholds]
        if self.missing_question:
            names.append(f"{self.name}=missing")
        return tuple(names)


def number_text(value: float) -> str:
    """A number as people write it, exact.

    Examples
    --------
    >>> number_text(28.0), number_text(0.1)
    ('28', '0.1')
    """
    return repr(float(value)).removesuffix(".0")


@dataclass(frozen=True, slots=True)
class RegressionTarget:
    """A target that the network learns as ``(t - offset) / scale``.

    Attributes
    ----------
    name
        The column's name.
    offset, scale
        In the target's unit.
    kind
        "regression", the tag in JSON.
    """

    name: str
    offset: float
    scale: float
    kind: Literal["regression"] = "regression"
    task: ClassVar[Literal["regression"]] = "regression"

    @property
    def names(self) -> tuple[str, ...]:
        """The column's name, alone."""
        return (self.name,)

    def scaled(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """What a network learns of targets (rows,)."""
        return (values - self.offset) / self.scale


@dataclass(frozen=True, slots=True)
class RegressionTargets:
    """Several targets, each of which the network learns as ``(t - offset) / scale`` with its own.

    Attributes
    ----------
    names
        The columns' names, in the order of the network's outputs.
    offsets, scales
        In each target's unit.
    kind
        "regressions", the tag in JSON.
    """

    names: tuple[str, ...]
    offsets: tuple[float, ...]
    scales: tuple[float, ...]
    kind: Literal["regressions"] = "regressions"
    task: ClassVar[Literal["regression"]] = "regression"

    @classmethod
    def of(cls, targets: Sequence[RegressionTarget]) -> RegressionTargets:
        """Several targets as one."""
        names = tuple(target.name for target in targets)
        offsets = tuple(target.offset for target in targets)
        scales = tuple(target.scale for target in targets)
        return cls(names, offsets, scales)

    def scaled(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """What a network learns of targets (rows, targets)."""
        return np.asarray((values - np.array(self.offsets)) / np.array(self.scales))


@dataclass(frozen=True, slots=True)
class ClassTarget:
    """A target for which the network has one output a class.

    Attributes
    ----------
    name
        The column's name.
    classes
        Names, by index.
    kind
        "classification", the tag in JSON.
    """

    name: str
    classes: tuple[str, ...]
    kind: Literal["classification"] = "classification"
    task: ClassVar[Literal["classification"]] = "classification"

    @property
    def names(self) -> tuple[str, ...]:
        """The column's name, alone."""
        return (self.name,)


Column = NumericColumn | CategoricalColumn | QuestionColumn | DateColumn
Target = RegressionTarget | RegressionTargets | ClassTarget


@dataclass(frozen=True, slots=True)
class Encoder:
    """How a table becomes network inputs, and network outputs the target.

    Attributes
    ----------
    columns
        The features, in the order of their network inputs.
    target
        The column to predict.
    """

    columns: tuple[Column, ...]
    target: Target

    _KINDS: ClassVar[dict[str, type[Any]]] = {
        "numeric": NumericColumn,
        "categorical": CategoricalColumn,
        "questions": QuestionColumn,
        "date": DateColumn,
        "regression": RegressionTarget,
        "regressions": RegressionTargets,
        "classification": ClassTarget,
    }

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the network inputs, in order."""
        names: list[str] = []
        for column in self.columns:
            names.extend(column.inputs)
        return tuple(names)

    def to_dict(self) -> dict[str, Any]:
        """As JSON values; floats survive JSON exactly."""
        return {
            "columns": [_to_json(column) for column in self.columns],
            "target": _to_json(self.target),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Encoder:
        """Read what `to_dict` wrote."""
        columns = [cls._from_json(column) for column in values["columns"]]
        return cls(tuple(columns), cls._from_json(values["target"]))

    def written_as(self, notations: Mapping[str, Notation]) -> Encoder:
        """The encoder of a table whose numbers are written in these notations."""
        columns: list[Column] = []
        for column in self.columns:
            if isinstance(column, NumericColumn | QuestionColumn) and column.name in notations:
                columns.append(replace(column, notation=notations[column.name]))
            else:
                columns.append(column)
        return Encoder(tuple(columns), self.target)

    @classmethod
    def _from_json(cls, values: Mapping[str, Any]) -> Any:
        arguments = dict(values)
        for key, value in values.items():
            if isinstance(value, list):
                arguments[key] = tuple(value)
            if key == "notation":
                arguments[key] = Notation(**value)
        return cls._KINDS[values["kind"]](**arguments)


def _to_json(described: Column | Target) -> dict[str, Any]:
    values = asdict(described)
    # Not there where there is nothing to say, so that older readers know all that is there.
    unsaid = (
        *(("notation", None), ("truth", False), ("extent", None), ("whole", False)),
        ("zones", ()),
    )
    for key, nothing in unsaid:
        if key in values and values[key] == nothing:
            del values[key]

    for key, value in values.items():
        if isinstance(value, tuple):
            values[key] = list(value)
    return values


def mean_and_deviation(
    values: NDArray[np.float64], weight: NDArray[np.floating] | None = None
) -> tuple[float, float]:
    """Mean and population standard deviation of ``values`` (n,), each counted by its weight (n,).

    The sums are rounded once (`math.fsum`), so that every machine has the same bits. For a constant
    they are the constant and exactly 0, though the sums of most constants are rounded; without
    values they are 0 and 0. Both are infinite where a sum is too large.

    Examples
    --------
    >>> mean_and_deviation(np.array([1.0, 3.0])), mean_and_deviation(np.full(120, 0.1))
    ((2.0, 1.0), (0.1, 0.0))
    """
    if not len(values):
        return 0.0, 0.0
    if values.min() == values.max():
        return float(values[0]), 0.0

    weights: NDArray[np.floating] | float = 1.0
    total: float = len(values)
    if weight is not None:
        weights = weight
        total = math.fsum(weight)
    try:
        # Standard deviation of the population: sqrt(mean((v - mean)^2))
        # Of lists, whose numbers Python need not make first.
        mean = math.fsum((weights * values).tolist()) / total
        squares = weights * (values - mean) ** 2
        return mean, math.sqrt(math.fsum(squares.tolist()) / total)
    except OverflowError:
        return math.inf, math.inf


def mean_and_scale(
    values: NDArray[np.float64], weight: NDArray[np.floating] | None = None
) -> tuple[float, float]:
    """What ``values`` (n,) are standardised with: `mean_and_deviation`, but 1 in place of 0.

    So a constant becomes zero, and a new value of its column is no giant.

    Examples
    --------
    >>> mean_and_scale(np.array([1.0, 3.0])), mean_and_scale(np.full(120, 36.6))
    ((2.0, 1.0), (36.6, 1.0))
    """
    mean, deviation = mean_and_deviation(values, weight)
    return mean, deviation or 1.0


def skewness(values: NDArray[np.float64]) -> float:
    """Third moment about the mean of ``values`` (n,), in standard deviations cubed.

    It is 0 for a constant, 2 for an exponential distribution. Every machine has the same bits.
    """
    mean, scale = mean_and_scale(values)
    # mean(z^3) where z = (v - mean) / standard deviation
    z = (values - mean) / scale
    return math.fsum((z * z * z).tolist()) / max(1, len(z))


def log_floor(values: NDArray[np.float64]) -> float | None:
    """The smallest of ``values`` (n,) if they are better taken as logarithms, else None.

    They are when all are positive, their skewness is above `LOG_SKEWNESS`, and the logarithm at
    least halves its size: otherwise a long tail upwards would only be exchanged for one downwards.
    """
    if not len(values) or values.min() <= 0:
        return None

    skewness_as_is = skewness(values)
    if skewness_as_is <= LOG_SKEWNESS:
        return None

    if abs(skewness(log(values))) > skewness_as_is / 2:
        return None
    return float(values.min())


def fit_column(
    name: str, series: pd.Series, train: NDArray[np.int64], *, logs: bool = False
) -> Column:
    """Learn the modern encoding of a feature.

    Parameters
    ----------
    name
        What messages call the table.
    series
        A canonical column (rows,).
    train
        Row numbers of the training part. Only these are learned from; all rows are checked.
    logs
        Whether `log_floor` decides on a logarithm.

    Raises
    ------
    DataError
        If the column, in any row, cannot be encoded.
    """
    if series.dtype.kind in "if":
        return _fit_numeric(name, series, train, logs)
    if holds_dates(series):
        return fit_dates(name, series, train)
    return _fit_categorical(name, series, train)


def fit_questions(name: str, series: pd.Series, train: NDArray[np.int64]) -> Column:
    """Learn which yes/no questions a feature is asked.

    Of numbers: whether a value is greater than some quantiles of the training rows
    (`QUESTIONED_PERCENT`), and whether it is missing. Of text: whether it is this or that level.

    Parameters and errors are those of `fit_column`.
    """
    if series.dtype.kind not in "if":
        return _fit_categorical(name, series, train)

    values = _known_numbers(name, series)[train]
    known = np.sort(values[~np.isnan(values)])
    thresholds: list[float] = []
    if len(known):
        # Values of the column itself, which people can read.
        places = [(len(known) - 1) * percent // 100 for percent in QUESTIONED_PERCENT]
        quantiles = sorted({float(known[place]) for place in places})
        # A question that all rows answer alike asks nothing.
        thresholds = [value for value in quantiles if value < known[-1]]
    return QuestionColumn(str(series.name), tuple(thresholds), len(known) < len(values))


def _fit_numeric(
    name: str, series: pd.Series, train: NDArray[np.int64], logs: bool
) -> NumericColumn:
    column = str(series.name)
    values = _known_numbers(name, series)

    # The median stands for missing values: a long tail does not move it.
    train_values = values[train]
    known = train_values[~np.isnan(train_values)]
    fill = 0.0
    if len(known):
        fill = float(np.median(known))

    floor = None
    if logs:
        floor = log_floor(known)
    if floor is None:
        mean, scale = mean_and_scale(known)
    else:
        mean, scale = mean_and_scale(log(known))

    any_missing = len(known) < len(train_values)
    all_whole = len(known) > 0 and bool((known == np.floor(known)).all())
    return NumericColumn(
        column, fill, mean, scale, any_missing, floor, extent=extent_of(known), whole=all_whole
    )


def extent_of(values: NDArray[np.float64]) -> tuple[float, float] | None:
    """The smallest and the largest of values (n,); None of none."""
    if not len(values):
        return None
    return float(values.min()), float(values.max())


def fit_dates(name: str, series: pd.Series, train: NDArray[np.int64]) -> DateColumn:
    """Learn the encoding of a feature that `holds_dates`.

    Parameters and errors are those of `fit_column`.
    """
    days = dates_as_days(name, series)
    train_values = days.values[train]
    known = train_values[~np.isnan(train_values)]
    fill = 0.0
    if len(known):
        fill = float(np.median(known))

    mean, scale = mean_and_scale(known)
    return DateColumn(
        name=str(series.name),
        reads=days.reads,
        day_first=days.day_first,
        cycles=cycles_of(known, days.reads),
        fill=fill,
        mean=mean,
        scale=scale,
        missing_indicator=len(known) < len(train_values),
        extent=extent_of(known),
        zones=zones_of(series.iloc[train].tolist()) if days.reads == "date" else (),
    )


def _known_numbers(name: str, series: pd.Series) -> NDArray[np.float64]:
    """Values (rows,) of a numeric column, NaN where missing. Refused if all are missing."""
    values = finite_numbers(name, series)
    if np.isnan(values).all():
        raise DataError(
            f"{name}: column {str(series.name)!r} has no value.",
            expected="some",
            remedy="drop the column",
        )
    return values


def _fit_categorical(name: str, series: pd.Series, train: NDArray[np.int64]) -> CategoricalColumn:
    import pandas as pd

    column = str(series.name)
    texts = series.tolist()
    if not isinstance(series.dtype, pd.CategoricalDtype):
        check_text(name, column, texts)

    # All rows were checked above; levels are learned from the training rows alone.
    of_train = set(series.iloc[train].unique().tolist())
    known = {text for text in of_train if isinstance(text, str)}
    levels: list[str | None] = [*sorted(known)]
    if len(levels) > MAX_LEVELS:
        raise DataError(
            f"{name}: column {column!r} has {len(levels)} different texts in the training rows.",
            expected=f"at most {MAX_LEVELS}",
            remedy="drop the column, or group its rare texts",
        )

    longest = max(map(len, known), default=0)
    if longest > MAX_CELL:
        raise DataError(
            f"{name}: column {column!r} has a cell of over {MAX_CELL:,} characters.",
            expected="short cells",
            remedy="drop the column",
        )

    # Missing values are a level of their own, the last one.
    if len(known) < len(of_train):
        levels.append(None)

    # In all rows, so that no row that was another level becomes one of these.
    everywhere = {text for text in texts if isinstance(text, str)}
    # Of "yes" and "Y" nobody knows which one TRUE would be.
    are_different = len({truth_of(text) for text in everywhere}) == len(everywhere)
    return CategoricalColumn(column, tuple(levels), truth=are_different and are_truths(everywhere))


def finite_numbers(name: str, series: pd.Series) -> NDArray[np.float64]:
    """Values (rows,) of a canonical numeric column, NaN where missing.

    Raises
    ------
    DataError
        For infinity, and for what is beyond the range of a float32.
    """
    values = series.to_numpy(dtype=np.float64)
    too_large = np.flatnonzero(np.abs(values) > FLOAT32_MAX)
    if len(too_large):
        row = too_large[0]
        raise DataError(
            f"{name}: row {row + 2}, column {series.name!r}: {values[row]:g} is too large.",
            expected=f"numbers within ±{FLOAT32_MAX:.3g}",
            remedy="correct or remove the row",
        )
    return values


class _TextColumn(NamedTuple):
    """Where a cell is, for messages."""

    table: str
    column: str
    texts: Sequence[object]

    def cell(self, text: str) -> str:
        """How a message about the first cell with a text begins."""
        # Row 1 is the header.
        return f"{self.table}: row {self.texts.index(text) + 2}, column {self.column!r}:"


def check_text(name: str, column: str, texts: Sequence[object]) -> None:
    """Check that a text column holds words, and not numbers or dates with something wrong.

    Parameters
    ----------
    name
        What messages call the table.
    column
        The column's name.
    texts
        (rows,): its cells; what is no text is taken for missing.

    Raises
    ------
    DataError
        Naming the first cell that is wrong.
    """
    words: Counter[str] = Counter()
    numbers: dict[str, float] = {}
    count_of_numbers = 0
    # In the order that they come.
    for text, count in Counter(text for text in texts if isinstance(text, str)).items():
        number = to_number(text)
        if number is None:
            words[text] = count
        elif not math.isnan(number):
            numbers[text] = number
            count_of_numbers += count

    where = _TextColumn(name, column, texts)
    if words:
        _check_words_are_no_numbers(where, words, count_of_numbers)
        _check_words_are_no_dates(where, words)
    elif numbers:
        _check_numbers_are_exact(where, numbers)


def _check_words_are_no_numbers(where: _TextColumn, words: Counter[str], numbers: int) -> None:
    """Raise DataError if most cells are numbers; ``numbers`` counts those that read as such."""
    mostly = MOSTLY * (words.total() + numbers)

    if numbers >= mostly:
        text = next(iter(words))
        raise DataError(
            f"{where.cell(text)} {text[:60]!r} is not a number, but most of the column is.",
            expected="a number",
            remedy="correct the cell, or leave it empty if its value is missing",
        )


def _check_words_are_no_dates(where: _TextColumn, words: Counter[str]) -> None:
    dates = [text for text in words if is_like_a_date(text)]
    if dates and sum(words[text] for text in dates) >= MOSTLY * words.total():
        text = dates[0]
        raise DataError(
            f"{where.cell(text)} {text!r} is a date or a time.",
            expected="numbers or categories",
            remedy="turn the column into numbers (days since a first day, month, hour), or drop it",
        )


def _check_numbers_are_exact(where: _TextColumn, numbers: Mapping[str, float]) -> None:
    """Raise DataError for the first number that a float64 does not hold: infinite, or too long."""
    for text, value in numbers.items():
        if math.isinf(value):
            raise DataError(
                f"{where.cell(text)} {text[:60]!r} is infinite or too large.",
                expected="finite numbers",
                remedy="correct the cell, or leave it empty",
            )

    for text, value in numbers.items():
        # With a point it is a measured amount, whose last digits mean nothing. Without one it may
        # be an identifier, and two of them would become one number.
        if abs(value) >= _EXACT_INTEGERS and "." not in text:
            raise DataError(
                f"{where.cell(text)} {text[:60]!r} has more digits than a number holds exactly.",
                expected="integers below 2**53",
                remedy="drop the column if it is an identifier, or round it",
            )
