"""Tables of reports fit into 100 columns: turned, parted, or as list tables."""

from __future__ import annotations

import re
import sys

from markdown_it import MarkdownIt

from support.locations import ROOT

sys.path.insert(0, str(ROOT / "benchmarks"))
from markdown_tables import fit_tables

sys.path.remove(str(ROOT / "benchmarks"))

NARROW = "Before\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\nAfter\n"
WIDE = f"| a | b | c |\n|---|---|---|\n| 1 | {'word ' * 30}| x \\| y |\n| 2 | | 3 |\n"


def test_a_narrow_table_stays() -> None:
    assert fit_tables(NARROW) == NARROW


def test_a_wide_table_keeps_its_cells() -> None:
    fitted = fit_tables(f"{NARROW}\n{WIDE}\n")
    assert fitted.startswith(NARROW)
    assert max(map(len, fitted.splitlines())) <= 100

    (fence,) = [token for token in MarkdownIt().parse(fitted) if token.type == "fence"]
    assert fence.info == "{list-table}"
    rows = fence.content.split("* - ")[1:]
    assert [row.split()[0] for row in rows] == ["a", "1", "2"]
    assert "x | y" in rows[1]
    assert rows[1].count("word") == 30
    # An empty cell stays one.
    assert rows[2] == "2\n  -\n  - 3\n"


# Six methods on three tables of data, and the other way round, with cells of 20 characters.
METHODS = [f"method {number}" for number in range(6)]
DATA = ["concrete", "wine", "iris"]


def table(columns: list[str], rows: list[str]) -> str:
    """A table of Markdown whose cells name their row and column."""
    lines = ["| score | " + " | ".join(columns) + " |", "|---" * (1 + len(columns)) + "|"]
    for row in rows:
        cells = [f"{row} by {column}".ljust(20, ".") for column in columns]
        lines.append(f"| {row} | " + " | ".join(cells) + " |")
    return "\n".join([*lines, ""])


def cells_of(text: str) -> dict[tuple[str, str], str]:
    """The cells of all tables of a text, by row and column."""
    found: dict[tuple[str, str], str] = {}
    for part in text.strip().split("\n\n"):
        head, _, *rows = [line.strip("| ").split(" | ") for line in part.splitlines()]
        for row in rows:
            found |= {
                (row[0], column): cell for column, cell in zip(head[1:], row[1:], strict=True)
            }
    return found


def test_a_wide_table_is_turned() -> None:
    fitted = fit_tables(table(METHODS, DATA))
    assert max(map(len, fitted.splitlines())) <= 100
    turned = {(column, row): cell for (row, column), cell in cells_of(fitted).items()}
    assert turned == cells_of(table(METHODS, DATA))
    # One table of all methods: nothing was parted.
    assert fitted.count("| score |") == 1


def test_a_wide_table_of_many_rows_is_parted() -> None:
    text = table(METHODS, [f"table {number}" for number in range(20)])
    fitted = fit_tables(text)
    assert max(map(len, fitted.splitlines())) <= 100
    assert cells_of(fitted) == cells_of(text)
    # Both parts have as many columns.
    assert fitted.count("\n|---|---|---|---|\n") == 2


def test_rows_of_one_name_are_numbered() -> None:
    text = table(METHODS, ["wine"] * 20)
    fitted = fit_tables(text.replace("| method 5 |", "| method 4 |"))
    assert max(map(len, fitted.splitlines())) <= 100
    numbers = re.findall(r"^\| (\d+) \|", fitted, re.MULTILINE)
    assert [int(number) for number in numbers] == 2 * list(range(1, 21))


def test_a_table_of_sentences_is_neither_turned_nor_parted() -> None:
    text = table(METHODS, ["iris " * 10])
    assert fit_tables(text).startswith("```{list-table}")
