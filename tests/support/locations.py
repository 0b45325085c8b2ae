"""Where things are in a checkout, for tests that read files of it or start processes that import tests."""

from __future__ import annotations

from pathlib import Path

TESTS = Path(__file__).parents[1]
ROOT = TESTS.parent
SOURCE = ROOT / "src" / "shoal"
