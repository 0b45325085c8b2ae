"""Where things are in a checkout, for tests that read its files or import tests elsewhere."""

from __future__ import annotations

from pathlib import Path

TESTS = Path(__file__).parents[1]
ROOT = TESTS.parent
SOURCE = ROOT / "src" / "shoal"
