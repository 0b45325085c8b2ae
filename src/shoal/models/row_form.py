"""What a form asks for a row of a table: a field for each input, as training rows suggest it."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shoal.data import Dataset
from shoal.data.dates import DateColumn
from shoal.data.encoder import CategoricalColumn, Column, NumericColumn, QuestionColumn
from shoal.inference.standalone import Notation, Prediction, read_days, to_level

if TYPE_CHECKING:
    from shoal.models.model import Model

Kind = Literal["number", "category", "date", "text"]

# The day that days are counted from.
_FIRST_DAY = datetime.date(1970, 1, 1)


@dataclass(frozen=True)
class InputField:
    """What a form asks for one column.

    Attributes
    ----------
    name
        The column.
    kind
        "number", "category", "date", or "text" for a time of day and a duration.
    usual
        What the form begins with: the median of numbers and dates, the most frequent level or text;
        None where most rows have no value.
    low, high
        The least and the largest training value of a number.
    whole
        Whether all numbers are whole.
    first, last
        The first and the last training day of a date.
    levels
        Of a category, the most frequent first; None stands for no value.
    may_be_missing
        Whether a row without a value can be predicted.
    notation
        How numbers are written; None: plainly.
    """

    name: str
    kind: Kind
    usual: float | str | datetime.date | None
    low: float = 0.0
    high: float = 0.0
    whole: bool = False
    first: datetime.date | None = None
    last: datetime.date | None = None
    levels: tuple[str | None, ...] = ()
    may_be_missing: bool = True
    notation: Notation | None = None

    def cell(self, value: float | str | datetime.date | None) -> object:
        """A value of the form as a cell of a table, which a model reads as training's cells."""
        if value is None or value == "":
            return None
        if isinstance(value, datetime.date):
            return value.isoformat()
        if self.notation is None or isinstance(value, str):
            return value
        text = f"{value:.15g}".replace(".", self.notation.decimal)
        return f"{text} {self.notation.unit}".strip()


def input_fields(data: Dataset) -> tuple[InputField, ...]:
    """The fields of a form for the columns of a prepared table, in their order.

    Parameters
    ----------
    data
        With its table. Only rows that are not test are looked at.
    """
    assert data.table is not None, "a worker's dataset has no table"
    rows = data.train.rows
    if data.validation is not None:
        rows = np.sort(np.concatenate([rows, data.validation.rows]))
    return tuple(_field(column, data.table[column.name], rows) for column in data.encoder.columns)


def _field(column: Column, series: pd.Series, rows: NDArray[np.int64]) -> InputField:
    trained = series.iloc[rows]
    if isinstance(column, CategoricalColumn):
        return _category(column, trained)
    if isinstance(column, DateColumn):
        return _date(column, trained)
    return _number(column, trained)


def _number(column: NumericColumn | QuestionColumn, trained: pd.Series) -> InputField:
    known = trained.dropna().to_numpy(np.float64)
    whole = bool(len(known)) and bool((known == np.floor(known)).all())
    usual = low = high = 0.0
    if len(known):
        usual, low, high = float(np.median(known)), float(known.min()), float(known.max())
    if whole:
        usual = float(np.floor(usual))
    may_be_missing = True
    if isinstance(column, NumericColumn):
        may_be_missing = column.fill is not None
    return InputField(
        column.name,
        "number",
        usual,
        low=low,
        high=high,
        whole=whole,
        may_be_missing=may_be_missing,
        notation=column.notation,
    )


def _category(column: CategoricalColumn, trained: pd.Series) -> InputField:
    counts = Counter(to_level(cell) for cell in trained.tolist())
    levels = sorted(column.levels, key=lambda level: (-counts[level], level or ""))
    return InputField(column.name, "category", levels[0], levels=tuple(levels))


def _date(column: DateColumn, trained: pd.Series) -> InputField:
    cells = trained.tolist()
    days = read_days(column.name, cells, column.reads, column.day_first)
    known = days[~np.isnan(days)]
    if column.reads != "date" or not len(known):
        texts = Counter(text for text in map(to_level, cells) if text is not None)
        usual = max(texts, key=lambda text: texts[text], default=None)
        return InputField(column.name, "text", usual)

    def day(number: float) -> datetime.date:
        return _FIRST_DAY + datetime.timedelta(days=int(np.floor(number)))

    return InputField(
        column.name,
        "date",
        day(float(np.median(known))),
        first=day(float(known.min())),
        last=day(float(known.max())),
    )


def predict_test_rows(model: Model, data: Dataset) -> pd.DataFrame | None:
    """What a model says of the test rows of its table, beside what is true.

    Parameters
    ----------
    model
        The model.
    data
        The table that it was searched on.

    Returns
    -------
    DataFrame or None
        A row for each test row, in the table's order: ``row`` (the header is row 1), ``actual``,
        ``prediction``, ``spread`` and, of classes, a probability each. None without a test part.
    """
    test = data.test
    if test is None:
        return None
    prediction = model.predict_inputs(test.x)
    columns: dict[str, NDArray[np.generic]] = {"row": test.rows + 2}
    names = _suffixes(prediction)
    if data.classes:
        columns["actual"] = np.array(data.classes, dtype=object)[test.target.astype(np.int64)]
    else:
        columns |= _named("actual", names, test.target)
    columns |= _named("prediction", names, prediction.values)
    assert prediction.spread is not None
    columns |= _named("spread", names, prediction.spread)
    if prediction.probabilities is not None:
        for name, shares in zip(prediction.classes, prediction.probabilities.T, strict=True):
            columns[f"probability {name}"] = shares
    return pd.DataFrame(columns).sort_values("row", ignore_index=True)


def _suffixes(prediction: Prediction) -> Sequence[str]:
    return [f" {name}" for name in prediction.targets] or [""]


def _named(
    what: str, suffixes: Sequence[str], values: NDArray[np.generic]
) -> dict[str, NDArray[np.generic]]:
    """One column for each target."""
    columns = values.reshape(len(values), -1).T
    return {f"{what}{suffix}": column for suffix, column in zip(suffixes, columns, strict=True)}
