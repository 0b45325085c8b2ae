"""Rows of totals, which spreadsheets have below or above the rows that they sum up."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import pandas as pd

from shoal.data.canonical import CanonicalTable, is_numeric
from shoal.errors import DataError
from shoal.inference.standalone import to_level

# What such a row is called, in lower case.
_SUMS = frozenset(
    (
        *("total", "totals", "grand total", "subtotal", "subtotals", "sub-total", "sum", "overall"),
        *("summe", "gesamt", "gesamtsumme", "insgesamt", "zwischensumme", "gesamtergebnis"),
        *("total général", "sous-total", "somme", "total general", "suma", "totale", "totaal"),
        *("totalt", "summa", "i alt", "razem", "celkem", "toplam", "итого", "всего"),
        *("合计", "合計", "总计", "總計", "小计", "小計", "합계", "σ"),
    )
)
_FIGURES = frozenset(
    (
        *("average", "mean", "mittelwert", "durchschnitt", "moyenne", "promedio", "media"),
        *("count", "min", "max", "minimum", "maximum", "median", "variance"),
        *("std", "std dev", "std. dev.", "stdev", "standard deviation", "standardabweichung"),
    )
)
_TOTALS = _SUMS | _FIGURES

# What may stand behind: "Total (150 rows)".
_REMARK = re.compile(r"\s*[(\[].*")

# Rows at the end, one for each of such figures.
_LAST_ROWS = 8

# Different words of a column in which subtotals are looked for.
_MOST_WORDS = 1_000


def check_no_totals(name: str, table: CanonicalTable) -> None:
    """Check that neither the first nor the last rows sum up the others.

    Such a row has one word, which no other row has in its column; or its numbers are the sums.

    Raises
    ------
    DataError
        If one does.
    """
    if len(table) < 2:
        return
    texts = [table[column] for column in table.columns if not is_numeric(table[column])]
    for row in sorted({0, *range(max(0, len(table) - _LAST_ROWS), len(table))}):
        words = [cells for cells in texts if to_level(cells.iloc[row]) is not None]
        if len(words) != 1:
            continue
        word = str(words[0].iloc[row]).strip()
        is_alone = (words[0] == words[0].iloc[row]).sum() == 1
        if is_alone and _plain(word) in _TOTALS:
            raise _sums_up(name, row, repr(word))

    for row in (0, len(table) - 1):
        if _is_sum_of_others(table, row):
            raise _sums_up(name, row, "all its numbers are the sums of their columns")


def _sums_up(name: str, row: int, why: str) -> DataError:
    return DataError(
        f"{name}: row {row + 2} ({why}) seems to sum up the other rows.",
        expected="rows that are alike",
        remedy="remove the row, or write another word if it is a row as all others",
    )


def _plain(word: str) -> str:
    return _REMARK.sub("", word).rstrip(":. ").casefold()


def _is_sum_of_others(table: CanonicalTable, row: int) -> bool:
    """Whether two numbers of a row or more are the sums of their columns, and none is not."""
    sums = 0
    for column in table.columns:
        if not is_numeric(table[column]):
            continue
        values = table[column].to_numpy(dtype=np.float64)
        value = values[row]
        if np.isnan(value):
            continue
        if np.isinf(values).any():
            return False
        others = np.delete(values, row)
        others = others[~np.isnan(others)]
        # Of few rows, or of one number beside zeros, sums are no surprise.
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            is_sum = np.count_nonzero(others) > 2 and np.isclose(value, others.sum(), rtol=1e-9)
        if not is_sum:
            return False
        sums += 1
    return sums >= 2


def rows_of_subtotals(table: CanonicalTable) -> Iterator[tuple[str, str, int]]:
    """Words that rows of sums are called: the column, the word, and how many rows have it."""
    for column in table.columns:
        cells: pd.Series = table[column]
        if is_numeric(cells):
            continue
        words = [word for word in cells.unique() if isinstance(word, str)]
        if len(words) > _MOST_WORDS:
            continue
        for word in words:
            if _plain(word) in _SUMS:
                yield column, word, int((cells == word).sum())
