"""Columns of dates, times of day and durations: recognised, and read as numbers of days.

`shoal.inference.standalone.to_days` reads a cell, both here and in an exported model. What it needs
to know of a column is found here: what its cells are, and whether days come before months.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from shoal.errors import DataError
from shoal.inference.standalone import (
    CYCLES,
    MOMENT,
    TableError,
    phases,
    read_days,
    to_days,
    to_number,
    zone_of,
)

if TYPE_CHECKING:
    import pandas as pd

# From this share of dates on, the other cells of a column are taken for mistakes.
MOSTLY = 0.8

# Cells that tell what a column is.
_FEW_CELLS = 1_000

# A part that comes again has this many different values or more.
_FEW_PHASES = 3

# Cells that are meant as dates, times of day or durations, sound or not.
_LIKE_A_DATE = re.compile(
    r"(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4})(?:[T ]\d.*)?"
    r"|-?\d+ days?\b.*|\d{1,2}:\d{2}(:\d.*)?"
)


@dataclass(frozen=True, slots=True)
class DateColumn:
    """A feature of dates: the days, scaled, and cosine and sine of what comes again.

    Attributes
    ----------
    name
        The column's name.
    reads
        "date" (with or without a time of day), "time" of day, or "duration".
    day_first
        Whether 3/4/2024 is the third of April; None: no cell needs to know.
    cycles
        "day", "week" and "year", those that are inputs.
    days
        Whether the days are an input, as ``(v - mean) / scale``.
    fill
        Stands for missing values, in days.
    mean, scale
        Of the training values, in days.
    missing_indicator
        Whether a last input, 0 or 1, says where values are missing.
    extent
        The first and the last training value, in days; None: there is none.
    zones
        Those of the training values, as +02:00, which are ignored; none if there are very many.
    kind
        "date", the tag in JSON.
    """

    name: str
    reads: str
    day_first: bool | None
    cycles: tuple[str, ...] = ()
    days: bool = True
    fill: float = 0.0
    mean: float = 0.0
    scale: float = 1.0
    missing_indicator: bool = False
    extent: tuple[float, float] | None = None
    zones: tuple[str, ...] = ()
    kind: Literal["date"] = "date"

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the network inputs."""
        names = []
        if self.days:
            names.append(self.name)
        for cycle in self.cycles:
            names += [f"{self.name} ({cycle}, cosine)", f"{self.name} ({cycle}, sine)"]
        if self.missing_indicator:
            names.append(f"{self.name}=missing")
        return tuple(names)

    @property
    def parts(self) -> str:
        """What of the dates is taken, in words: "days, week, year"."""
        parts = [f"time of {cycle}" for cycle in self.cycles]
        if self.days:
            parts.insert(0, "days")
        return ", ".join(parts)


@dataclass(frozen=True, eq=False)
class Days:
    """A column of dates as numbers.

    Attributes
    ----------
    values
        (rows,): days, NaN where missing. Of dates since 1970-01-01.
    reads, day_first
        As in `DateColumn`.
    """

    values: NDArray[np.float64]
    reads: str
    day_first: bool | None


def is_like_a_date(text: str) -> bool:
    """Whether a cell is meant as a date, a time of day or a duration."""
    return _LIKE_A_DATE.fullmatch(text) is not None


def holds_dates(series: pd.Series) -> bool:
    """Whether a canonical column is text, and most of its cells are meant as dates.

    Examples
    --------
    >>> import pandas as pd
    >>> holds_dates(pd.Series(["2024-01-31", None, "31.01.2024 12:30"], dtype=object))
    True
    """
    if series.dtype.name != "object":
        return False
    # A few cells tell most columns of words.
    some = series.iloc[:: -(-len(series) // _FEW_CELLS) or 1].tolist()
    if not any(isinstance(cell, str) and is_like_a_date(cell) for cell in some):
        return False

    counts = _values(series)
    dates = sum(count for text, count in counts.items() if is_like_a_date(text))
    return dates > 0 and dates >= MOSTLY * sum(counts.values())


def _values(series: pd.Series) -> dict[str, int]:
    """How often each text stands in a column, the most frequent first; none of "no value"."""
    counts = Counter(series.dropna()).most_common()
    return {text: count for text, count in counts if not _means_nothing(text)}


def _means_nothing(text: str) -> bool:
    number = to_number(text)
    return number is not None and math.isnan(number)


def dates_as_days(name: str, series: pd.Series) -> Days:
    """Read a column of dates.

    Parameters
    ----------
    name
        What messages call the table.
    series
        A column that `holds_dates`.

    Raises
    ------
    DataError
        If a cell is none, or is of another kind than most, or nobody can say which number is the
        day.
    """
    column = str(series.name)
    texts = [*_values(series)]
    day_first = _day_first(name, column, texts)

    some = [to_days(text, day_first) for text in texts[:_FEW_CELLS]]
    kinds = Counter(found[0] for found in some if found is not None)
    if not kinds:
        raise DataError(
            f"{name}: column {column!r} has dates that cannot be read, such as {texts[0][:60]!r}.",
            expected="dates such as 2024-01-31 or 2024-01-31 12:30",
            remedy="write the years with four digits, or drop the column",
        )
    reads = kinds.most_common(1)[0][0]
    try:
        values = read_days(column, series.tolist(), reads, day_first)
    except TableError as error:
        raise DataError(
            f"{name}: {error.problem}", expected=error.expected, remedy=error.remedy
        ) from None
    return Days(values, reads, day_first)


# More zones than two countries and their summers have say nothing.
_MOST_ZONES = 6


def zones_of(cells: Iterable[object]) -> tuple[str, ...]:
    """The zones of dates, sorted; none if there are very many."""
    zones = {zone_of(cell) for cell in set(cells) if isinstance(cell, str)} - {""}
    return tuple(sorted(zones)) if len(zones) <= _MOST_ZONES else ()


def _day_first(name: str, column: str, texts: Sequence[str]) -> bool | None:
    """Whether days come before months, where cells with the year at the end leave it open."""
    firsts = []
    seconds = []
    for text in texts:
        # A year at the beginning is no date in question.
        found = None if text[:4].isdecimal() else MOMENT.fullmatch(text)
        if found and found["mark"] in ("-", "/"):
            firsts.append(int(found["first"]))
            seconds.append(int(found["second"]))
    if not firsts:
        return None

    day_first = max(firsts) > 12
    month_first = max(seconds) > 12
    if day_first == month_first:
        raise DataError(
            f"{name}: column {column!r}: nobody can say whether day or month comes first in its "
            f"dates, such as {texts[0]!r}.",
            expected="dates such as 2024-01-31 or 31.01.2024",
            remedy="write them so, or drop the column",
        )
    return day_first


def cycles_of(days: NDArray[np.float64], reads: str) -> tuple[str, ...]:
    """The parts of dates that come again: times of the day, days of the week, times of the year.

    Parameters
    ----------
    days
        (n,): training values that are not missing.
    reads
        As in `DateColumn`.

    Returns
    -------
    tuple of str
        Those cycles that the values go through more than once, and of which they have at least
        three phases. Days of the week only where there are as many days of the month: dates of
        months have none that means anything. Times of day always go in a circle.

    Examples
    --------
    >>> cycles_of(np.arange(60.0), "date")
    ('week',)
    """
    if reads == "time":
        return ("day",)
    if reads == "duration" or not len(days):
        return ()

    found = []
    for cycle, length in CYCLES.items():
        comes_again = days.max() - days.min() > length
        several = len(np.unique(phases(days, cycle))) >= _FEW_PHASES
        means_nothing = cycle == "week" and _are_months(days)
        if comes_again and several and not means_nothing:
            found.append(cycle)
    return tuple(found)


def _are_months(days: NDArray[np.float64]) -> bool:
    """Whether dates are of few days of the month, as those of monthly figures are."""
    dates = days.astype("datetime64[D]")
    day_of_month = (dates - dates.astype("datetime64[M]")).astype(int)
    # The last days of months are four: the 28th to the 31st.
    return len(np.unique(day_of_month)) <= 4
