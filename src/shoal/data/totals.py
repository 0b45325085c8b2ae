"""Rows of totals, which spreadsheets have below or above the rows that they sum up."""

from __future__ import annotations

from shoal.data.canonical import CanonicalTable, is_numeric
from shoal.errors import DataError
from shoal.inference.standalone import to_level

# What such a row is called, in lower case.
_TOTALS = frozenset(
    (
        *("total", "totals", "grand total", "subtotal", "sum", "average", "mean"),
        *("summe", "gesamt", "gesamtsumme", "insgesamt", "mittelwert", "durchschnitt"),
        *("total général", "somme", "moyenne", "total general", "suma", "promedio", "totale"),
    )
)


def check_no_totals(name: str, table: CanonicalTable) -> None:
    """Check that neither the first nor the last row sums up the others.

    Such a row has one word, which no other row has in its column.

    Raises
    ------
    DataError
        If one does.
    """
    texts = [table[column] for column in table.columns if not is_numeric(table[column])]
    for row in sorted({0, len(table) - 1}):
        if len(table) < 2:
            return

        words = [cells for cells in texts if to_level(cells.iloc[row]) is not None]
        if len(words) != 1:
            continue
        word = str(words[0].iloc[row]).strip()
        is_alone = (words[0] == words[0].iloc[row]).sum() == 1
        if is_alone and word.rstrip(":").casefold() in _TOTALS:
            raise DataError(
                f"{name}: row {row + 2} ({word!r}) seems to sum up the other rows.",
                expected="rows that are alike",
                remedy="remove the row, or write another word if it is a row as all others",
            )
