"""Tables of reports fit into 100 columns: those that do not become list tables."""

from __future__ import annotations

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
