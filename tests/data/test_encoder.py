"""Which columns are taken as logarithms, and what becomes of them."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from shoal.data import NumericColumn, load_dataset
from shoal.data.encoder import LOG_SKEWNESS, skewness
from shoal.inference.standalone import encode

AGES = [3, 7, 14, 28, 56, 90, 365]
SHARES = [0.1, 0.2, 0.1, 0.4, 0.1, 0.08, 0.02]

# Ways to draw a column, by what is special about it.
COLUMNS: dict[str, Callable[[np.random.Generator, int], np.ndarray]] = {
    "lognormal": lambda draw, rows: np.exp(draw.normal(2, 1, rows)),
    "ages": lambda draw, rows: draw.choice(AGES, rows, p=SHARES),
    "normal": lambda draw, rows: draw.normal(100, 5, rows),
    # Its logarithm has a long tail downwards.
    "exponential": lambda draw, rows: draw.exponential(1, rows) + 1e-9,
    "with a zero": lambda draw, rows: np.append(0, np.exp(draw.normal(2, 1, rows - 1))),
    "negative": lambda draw, rows: -np.exp(draw.normal(2, 1, rows)),
    # Any two values are a straight line apart.
    "two values": lambda draw, rows: np.where(draw.random(rows) < 0.05, 9.0, 1.0),
    "constant": lambda draw, rows: np.full(rows, 7.0),
}


def tail(kind: str, rows: int = 400) -> np.ndarray:
    """A column of `COLUMNS`, always the same values."""
    return COLUMNS[kind](np.random.default_rng(3), rows)


@pytest.mark.parametrize(
    ("kind", "logged"),
    [
        ("lognormal", True),
        ("ages", True),
        ("normal", False),
        ("exponential", False),
        ("with a zero", False),
        ("negative", False),
        ("two values", False),
        ("constant", False),
    ],
)
def test_which_columns_are_taken_as_logarithms(kind: str, logged: bool) -> None:
    values = tail(kind)
    table = pd.DataFrame({"a": values, "y": np.arange(len(values)) + 1.0})
    data = load_dataset(table, "y", test_fraction=0, validation_fraction=0)
    (column,) = data.encoder.columns

    assert isinstance(column, NumericColumn)
    assert column.log_floor == (values.min() if logged else None)

    expected = np.log(values) if logged else values.astype(float)
    deviation = expected.std() or 1.0
    np.testing.assert_allclose(
        data.train.x[:, 0], (expected - expected.mean()) / deviation, atol=1e-5
    )
    alone = encode(
        {"a": list(map(repr, values.tolist()))}, json.loads(json.dumps(data.encoder.to_dict()))
    )

    assert alone.tobytes() == data.train.x.tobytes()

    plain = load_dataset(table, "y", log_columns="none")
    assert plain.encoder.columns[0].log_floor is None
    assert not any("logarithm" in note for note in plain.notes)
    assert any("a is taken as its logarithm" in note for note in data.notes) == logged


def test_the_rule_for_logarithms_sees_training_rows_only() -> None:
    table = pd.DataFrame({"a": tail("lognormal"), "y": np.arange(400) + 1.0})
    data = load_dataset(table, "y")
    table.loc[data.test.rows, "a"] = -1
    again = load_dataset(table, "y")

    assert again.encoder == data.encoder and again.train.x.tobytes() == data.train.x.tobytes()

    (column,) = again.encoder.columns
    smallest = (np.log(column.log_floor) - column.mean) / column.scale
    np.testing.assert_allclose(
        again.test.x[:, 0], smallest, rtol=1e-6
    )  # -1 counts as the smallest of training


def test_missing_values_of_a_logarithm_are_the_median_and_marked() -> None:
    values = tail("ages").astype(float)
    values[::10] = np.nan
    table = pd.DataFrame({"a": values, "y": np.arange(400) + 1.0})
    data = load_dataset(table, "y", test_fraction=0, validation_fraction=0)
    (column,) = data.encoder.columns

    assert data.encoder.inputs == ("a", "a=missing") and column.fill == 28.0

    expected = (np.log(28.0) - column.mean) / column.scale
    np.testing.assert_allclose(data.train.x[::10], [[expected, 1.0]] * 40, rtol=1e-6)
    fresh = encode(
        {"a": ["28", "0.001", "-5", "", 1e30]}, json.loads(json.dumps(data.encoder.to_dict()))
    )

    assert (
        fresh[0, 0] == fresh[3, 0]
        and fresh[1, 0] == fresh[2, 0] == data.train.x[:, 0].min()
        and fresh[4, 0] > 0
    )


def test_skewness_is_that_of_the_books() -> None:
    from scipy.stats import skew

    for kind in ("lognormal", "ages", "normal", "exponential"):
        assert skewness(tail(kind).astype(float)) == pytest.approx(skew(tail(kind)))
    assert skewness(np.full(5, 3.0)) == skewness(np.empty(0)) == 0.0
    concrete = load_dataset("concrete")
    assert [c.name for c in concrete.encoder.columns if c.log_floor is not None] == ["age"]
    ages = concrete.source["age"].to_numpy(dtype=float)[concrete.train.rows]
    assert skewness(ages) > LOG_SKEWNESS
