"""Tables to prepare, and ways to compare what came of them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from shoal.data import DataOptions, Dataset, prepare


def tiny_dataset(rows: int = 30) -> Dataset:
    """A regression on noise, for tests of what happens around trainings."""
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"a": random.normal(size=rows), "y": random.normal(size=rows) + 9})
    return prepare("tiny", frame, DataOptions(target="y"))


def parts(dataset: Dataset) -> list[np.ndarray]:
    """Every array of every part."""
    arrays = []
    for part in (dataset.train, dataset.validation, dataset.test):
        if part is not None:
            arrays += [part.x, part.y, part.target, part.rows]
    return arrays


def same_bits(a: Dataset, b: Dataset) -> bool:
    """Whether all arrays are equal bit for bit."""
    for x, y in zip(parts(a), parts(b), strict=True):
        if x.dtype != y.dtype or x.shape != y.shape or x.tobytes() != y.tobytes():
            return False
    return True


def mixed_table(rows: int = 60, seed: int = 0) -> pd.DataFrame:
    """Numbers, gaps, words, truth values, groups; targets `y` (amounts) and `kind` (classes)."""
    draw = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "size": np.where(draw.random(rows) < 0.2, np.nan, draw.normal(5, 2, rows)),
            "count": draw.integers(0, 1000, rows),
            "colour": draw.choice(["red", "green", "blue, dark", 'a "quote"'], rows),
            "new": draw.random(rows) < 0.5,
            "place": draw.integers(0, 12, rows),
            "kind": draw.choice(["cat", "dog", "-none"], rows),
            "y": draw.normal(100, 20, rows),
        }
    )
