"""How predictions change with one column of a table: partial dependence and individual lines.

A column is set to one value in all rows, the other columns stay as they are, and the champion
predicts. The mean over the rows is the partial dependence [1]_ at that value, the prediction of one
row over all values its individual line [2]_. Where columns go together, some of these rows exist
nowhere: lines far from the data say what the networks made up.

scikit-learn's function takes one feature for each column of an array, and its grid cannot be
chosen in the oldest version that Shoal works with. A date or a category is several inputs here.

References
----------
.. [1] J. H. Friedman, "Greedy Function Approximation: A Gradient Boosting Machine", Annals of
   Statistics 29, 2001.
.. [2] A. Goldstein, A. Kapelner, J. Bleich and E. Pitkin, "Peeking Inside the Black Box", Journal
   of Computational and Graphical Statistics 24, 2015.
"""

from __future__ import annotations

import datetime
import difflib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from shoal.analysis.champion_rows import ChampionRows, kind_of
from shoal.data import Column, Encoder
from shoal.data.dates import DateColumn
from shoal.data.encoder import CategoricalColumn
from shoal.errors import AnalysisError
from shoal.inference.standalone import encode, read_days, to_level

if TYPE_CHECKING:
    import pandas as pd

# Values of a column that are tried, at most.
MOST_VALUES = 32
# Rows over which predictions are averaged, at most.
MOST_ROWS = 1_000
# Rows whose own line is kept.
LINES = 40

# Percent of the rows that lie beyond either end of the values that are tried: nobody should read
# much into what few rows say.
_BEYOND = 2
_FIRST_DAY = datetime.datetime(1970, 1, 1)

# A value as people read it: a number, a date or a category as text, None where it is missing.
Value = float | str | None


@dataclass(frozen=True, eq=False, slots=True)
class PartialDependence:
    """The champion's predictions by the value of one column.

    Attributes
    ----------
    column, kind
        The column; "number", "category" or "date".
    values
        (values,): numbers in the column's unit, dates as ISO texts, times of day in hours,
        durations in days, categories as text with None for missing.
    outputs
        What is predicted: names of the classes, whose probabilities follow, or of the targets.
    average
        (values, outputs): the mean over rows of what the networks predict together, in the
        target's unit or as a probability.
    by_network
        (networks, values, outputs): the same of each network alone.
    individual
        (lines, values, outputs): predictions for single rows.
    row_numbers
        (lines,): the rows of the table behind the lines, from 0.
    rows
        How many rows the average is over.
    shares
        (values,): the share of the test rows that have each category. Empty for other columns.
    deciles
        (9,): of the column in the test rows, as ``values`` has them. Empty for categories.
    """

    column: str
    kind: str
    values: tuple[Value, ...]
    outputs: tuple[str, ...]
    average: NDArray[np.float64]
    by_network: NDArray[np.float64]
    individual: NDArray[np.float64]
    row_numbers: NDArray[np.int64]
    rows: int
    shares: tuple[float, ...] = ()
    deciles: tuple[Value, ...] = ()

    def to_frame(self) -> pd.DataFrame:
        """One row for each value and output.

        Returns
        -------
        DataFrame
            ``value``, ``output``, ``average``, and ``low`` and ``high``: the least and the largest
            average of a single network.
        """
        import pandas as pd

        rows = []
        lowest = self.by_network.min(axis=0)
        highest = self.by_network.max(axis=0)
        for number, output in enumerate(self.outputs):
            for place, value in enumerate(self.values):
                row = {"value": value, "output": output, "average": self.average[place, number]}
                ends = {"low": lowest[place, number], "high": highest[place, number]}
                rows.append({**row, **ends})
        return pd.DataFrame(rows)

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "column": self.column,
            "kind": self.kind,
            "rows": self.rows,
            "outputs": list(self.outputs),
            "values": list(self.values),
            "average": self.average.tolist(),
            "low": self.by_network.min(axis=0).tolist(),
            "high": self.by_network.max(axis=0).tolist(),
            "individual": self.individual.tolist(),
            "row_numbers": self.row_numbers.tolist(),
            "shares": list(self.shares),
            "deciles": list(self.deciles),
        }


@dataclass(frozen=True, slots=True)
class _Grid:
    """The values that are tried.

    Attributes
    ----------
    cells
        What the encoder reads.
    values
        The same as people read them.
    shares, deciles
        As of `PartialDependence`.
    """

    cells: tuple[Any, ...]
    values: tuple[Value, ...]
    shares: tuple[float, ...] = ()
    deciles: tuple[Value, ...] = ()


def partial_dependence(
    champion: ChampionRows, column: str, *, lines: int = LINES, seed: int = 0
) -> PartialDependence:
    """How the champion's predictions for the test rows change with one column.

    Parameters
    ----------
    champion
        What `shoal.analysis.champion_rows.champion_rows` returned, with the table.
    column
        The name of a column that is an input.
    lines
        Rows whose own predictions are kept, drawn at random.
    seed
        Of what is drawn: the same seed gives the same numbers.

    Raises
    ------
    AnalysisError
        There is no such input, or no test row has a value in it.
    """
    described = _column(champion, column)
    cells = _cells_of(champion, column)
    grid = _grid(described, cells)
    # Chosen only now: the values that are tried are those of all test rows.
    champion = champion.sample(MOST_ROWS, seed)
    part = champion.part

    target = champion.problem.dataset.encoder.target
    alone = Encoder((_plain(described),), target).to_dict()
    encoded = encode({column: grid.cells}, alone)

    block = champion.blocks[column]
    x = part.x.copy()
    together = []
    single = []
    for inputs in encoded:
        x[:, block] = inputs
        predictions = champion.predict(x)
        together.append(_as_columns(champion.together(predictions)))
        single.append([_as_columns(own).mean(axis=0) for own in predictions])

    by_row = np.stack(together)
    _check_finite(by_row)
    drawn = _drawn(len(part.rows), lines, seed)
    return PartialDependence(
        column=column,
        kind=kind_of(described),
        values=grid.values,
        outputs=champion.outputs,
        average=by_row.mean(axis=1),
        by_network=np.array(single).transpose(1, 0, 2),
        individual=by_row[:, drawn].transpose(1, 0, 2),
        row_numbers=part.rows[drawn],
        rows=len(part.rows),
        shares=grid.shares,
        deciles=grid.deciles,
    )


def _column(champion: ChampionRows, name: str) -> Column:
    if name in champion.columns:
        return champion.columns[name]

    near = difflib.get_close_matches(str(name), champion.columns, n=1)
    remedy = "choose one of these"
    if near:
        remedy = f"did you mean {near[0]!r}?"
    shown = ", ".join(list(champion.columns)[:20])
    raise AnalysisError(
        f"{name!r} is no input of the model.", expected=f"one of {shown}", remedy=remedy
    )


def _cells_of(champion: ChampionRows, column: str) -> pd.Series:
    """The column of the table, test rows only."""
    table = champion.problem.dataset.table
    assert table is not None, "a worker's dataset has no table"
    return table[column].iloc[champion.part.rows]


def _plain(column: Column) -> Column:
    """The column as its cells are in a table that was read: numbers are numbers."""
    if isinstance(column, CategoricalColumn | DateColumn):
        return column
    return replace(column, notation=None)


def _drawn(rows: int, lines: int, seed: int) -> NDArray[np.int64]:
    """Places of some rows, in ascending order."""
    rng = np.random.default_rng([seed, 1])
    return np.sort(rng.choice(rows, min(lines, rows), replace=False))


def _as_columns(predictions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Predictions (rows, outputs), also of one target."""
    return predictions.reshape(len(predictions), -1)


def _check_finite(predictions: NDArray[np.float64]) -> None:
    if not np.isfinite(predictions).all():
        raise AnalysisError(
            "A prediction is not finite for some values of this column.",
            remedy="choose another column",
        )


# The values that are tried


def _grid(column: Column, cells: pd.Series) -> _Grid:
    if isinstance(column, CategoricalColumn):
        return _categories(column, cells)
    if isinstance(column, DateColumn):
        return _moments(column, cells)
    numbers = cells.to_numpy(dtype=np.float64)
    values = _spread(column.name, numbers)
    deciles = _deciles(numbers)
    return _Grid(tuple(values.tolist()), tuple(values.tolist()), deciles=tuple(deciles.tolist()))


def _categories(column: CategoricalColumn, cells: pd.Series) -> _Grid:
    """The levels of training, the most frequent of the test rows where there are many."""
    counts = Counter(to_level(cell) for cell in cells.tolist())
    levels = list(column.levels)
    if len(levels) > MOST_VALUES:
        most_frequent = sorted(levels, key=lambda level: -counts[level])[:MOST_VALUES]
        levels = [level for level in levels if level in most_frequent]
    shares = [counts[level] / len(cells) for level in levels]
    return _Grid(tuple(levels), tuple(levels), shares=tuple(shares))


def _moments(column: DateColumn, cells: pd.Series) -> _Grid:
    days = read_days(column.name, cells.tolist(), column.reads, column.day_first)
    tried = _spread(column.name, days)
    texts = [_moment_text(day, column.reads) for day in tried.tolist()]
    values = _shown_moments(tried, column.reads)
    deciles = _shown_moments(_deciles(days), column.reads)
    return _Grid(tuple(texts), values, deciles=deciles)


def _shown_moments(days: NDArray[np.float64], reads: str) -> tuple[Value, ...]:
    """Dates as text, times of day in hours, durations in days."""
    if reads == "date":
        return tuple(_moment_text(day, reads) for day in days.tolist())
    if reads == "time":
        return tuple((24 * days).tolist())
    return tuple(days.tolist())


def _moment_text(days: float, reads: str) -> str:
    """Days as a text that the encoder reads, to the second."""
    moment = _FIRST_DAY + datetime.timedelta(seconds=round(86_400 * days))
    if reads == "date":
        return moment.isoformat(sep=" ").removesuffix(" 00:00:00")
    if reads == "time":
        return moment.time().isoformat()
    whole = (moment - _FIRST_DAY).days
    return f"{whole} days {moment.time().isoformat()}"


def _spread(column: str, numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    """All values where they are few, otherwise even steps over all but the outermost rows."""
    known = numbers[np.isfinite(numbers)]
    if not len(known):
        raise AnalysisError(
            f"No test row has a value in the column {column!r}.", remedy="choose another column"
        )
    different = np.unique(known)
    if len(different) <= MOST_VALUES:
        return different
    low, high = np.percentile(known, [_BEYOND, 100 - _BEYOND])
    if low == high:
        low, high = different[0], different[-1]
    tried = np.linspace(low, high, MOST_VALUES)
    # Of whole numbers, and of whole days, nothing in between exists.
    if (different == np.round(different)).all():
        tried = np.unique(np.round(tried))
    return tried


def _deciles(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    known = numbers[np.isfinite(numbers)]
    return np.asarray(np.percentile(known, _tenths()))


def _tenths() -> Sequence[int]:
    return range(10, 100, 10)
