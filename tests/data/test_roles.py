"""Columns with a role: numbers that are no features, and stay with their rows."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal.data import DataOptions, Dataset, Part, load_dataset
from shoal.data.diagnostics import check_table
from shoal.data.roles import parse_roles
from shoal.errors import DataError, SettingsError
from support.tables import mixed_table, same_bits


def _table(rows: int = 60) -> pd.DataFrame:
    """The mixed table, with an amount and a weight for each row."""
    table = mixed_table(rows)
    table["amount"] = np.arange(rows) * 1.1 + 1e-9
    table["w"] = np.arange(rows) % 3
    return table


def _load(table: pd.DataFrame, target: str = "y", **options: Any) -> Dataset:
    return load_dataset(table, target, columns=("amount",), weight="w", **options)


def _parts(data: Dataset) -> list[Part]:
    """Every part that a training or a champion may be given."""
    parts = [data.train, data.validation, data.test, data.fit_part(True)]
    for repeat in range(data.options.folds):
        parts += data.parts(repeat)
    return [part for part in parts if part is not None]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"folds": 1},
        {"group": "place"},
        {"same": "all"},
        {"target": "kind"},
        {"preset": "classic", "table": ["count", "place", "y", "amount", "w"]},
    ],
    ids=str,
)
def test_roles_stay_with_their_rows_through_splits_and_folds(options: dict[str, Any]) -> None:
    table = _table()
    chosen = table[options.pop("table", list(table.columns))]
    data = _load(chosen, **options)

    assert "amount" not in data.encoder.inputs and "w" not in data.encoder.inputs
    for part in _parts(data):
        amounts = part.columns["amount"]
        assert list(part.columns) == ["amount"] and amounts.dtype == np.float64
        assert amounts.tolist() == table["amount"].to_numpy()[part.rows].tolist()
        assert part.weight is not None and part.weight.dtype == np.float32
        assert part.weight.tolist() == table["w"].to_numpy()[part.rows].tolist()


def test_roles_change_nothing_else() -> None:
    table = _table()
    plain = load_dataset(table.drop(columns=["amount", "w"]), "y")
    assert same_bits(_load(table), plain)
    assert plain.train.weight is None and not plain.train.columns
    assert plain.train.followed_by(plain.train).weight is None


def test_a_record_without_roles_is_what_it_was_before_there_were_roles() -> None:
    before = {
        "target": "y",
        "preset": "modern",
        "task": None,
        "group": None,
        "test_fraction": 0.3,
        "validation_fraction": 0.2,
        "seed": 42,
        "same": [],
        "folds": 1,
        "log_columns": "none",
    }
    assert DataOptions("y").to_dict() == before
    assert DataOptions.from_dict(before) == DataOptions("y")


@given(
    st.lists(st.sampled_from(["a", "b=c", "d, e"]), unique=True, max_size=3),
    st.sampled_from([None, "w", "w=1"]),
)
def test_roles_survive_a_record_and_a_command(columns: list[str], weight: str | None) -> None:
    options = DataOptions("y", columns=tuple(columns), weight=weight)
    assert DataOptions.from_dict(json.loads(json.dumps(options.to_dict()))) == options
    assert options.no_features == ("y", *options.with_roles)

    texts = [f"{column}=column" for column in columns]
    if weight is not None:
        texts.insert(0, f"{weight}=weight")
    assert DataOptions.of_new_run("y", **parse_roles(texts)).with_roles == options.with_roles


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"weight": "y"}, "column 'y' is named 2 times: as target, weight"),
        ({"columns": ("y",)}, "as target, column"),
        ({"columns": ("a", "a")}, "as column, column"),
        ({"columns": ("a",), "weight": "a"}, "as column, weight"),
        ({"columns": ("a",), "group": "a"}, "as group, column"),
        ({"weight": "a", "same": ("a",)}, "as weight, same"),
        ({"weight": ""}, "column with a role ''"),
        ({"weight": 3}, "column with a role 3"),
        ({"columns": ("",)}, "column with a role ''"),
    ],
)
def test_roles_that_contradict_each_other_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError, match=words) as error:
        DataOptions("y", **options)
    assert error.value.expected and error.value.remedy
    with pytest.raises(SettingsError, match="columns 5"):
        load_dataset("concrete", columns=5)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (["amount"], "role 'amount'"),
        (["amount=colum"], "role 'amount=colum'"),
        (["=weight"], "role '=weight'"),
        (["a=weight", "b=weight"], "2 columns are the weight: a, b"),
    ],
)
def test_texts_that_are_no_roles_are_refused(text: list[str], words: str) -> None:
    with pytest.raises(SettingsError, match=words) as error:
        parse_roles(text)
    assert error.value.expected and error.value.remedy


def _with(column: str, row: int, value: Any) -> pd.DataFrame:
    table = _table()
    table[column] = table[column].astype(object)
    table.loc[row, column] = value
    return table


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (_table().drop(columns="w"), "there is no column 'w'"),
        (_table().drop(columns="amount"), "there is no column 'amount'"),
        (_with("amount", 3, "much"), "row 5, column 'amount': 'much' is not a number"),
        (_with("w", 3, None), r"row 5, column 'w': no value \(1 such row\)"),
        (_with("amount", 3, np.nan), "row 5, column 'amount': no value"),
        (_with("amount", 3, np.inf), "row 5, column 'amount': inf is too large"),
        (_with("w", 3, -0.5), "row 5, column 'w': the weight -0.5 is negative"),
        (_table().assign(w=_table()["kind"]), "row 2, column 'w': .* is not a number"),
        (_table().assign(w=0.0), "the training part has only weights of 0 in 'w'"),
        # Smaller than a float32 holds.
        (_table().assign(w=1e-60), "the training part has only weights of 0 in 'w'"),
    ],
)
def test_columns_that_cannot_have_a_role_are_refused(table: pd.DataFrame, words: str) -> None:
    with pytest.raises(DataError, match=words) as error:
        _load(table)
    assert error.value.expected and error.value.remedy

    found = check_table("table", table, "y", columns=("amount",), weight="w")
    assert found.bad and re.search(words, found.findings[0].what)


def test_each_part_and_each_fold_has_a_row_that_counts() -> None:
    table = _table()
    data = _load(table)
    assert data.test is not None
    for rows, part in (
        (data.test.rows, "test"),
        (data.parts(3)[1].rows, r"validation \(fold 4\)"),  # type: ignore[union-attr]
    ):
        weights = np.ones(len(table))
        weights[rows] = 0.0
        with pytest.raises(DataError, match=f"the {part} part has only weights of 0 in 'w'"):
            _load(table.assign(w=weights), folds=5)


def test_checks_and_notes_name_the_roles() -> None:
    found = check_table("table", _table(), "y", columns=["amount"], weight="w")
    texts = [finding.what for finding in found.findings]
    assert "No features, and stay with their rows: 'amount'." in texts
    assert "'w' says how much each row counts, and is no feature." in texts
    assert any("60 rows, 6 features" in text for text in texts)

    assert found.dataset is not None
    assert found.dataset.notes[:2] == (
        "w says how much each row counts, and is no feature.",
        "amount stays with its rows, and is no feature.",
    )

    # Options that contradict each other are a finding, too.
    contradiction = check_table("table", _table(), "y", weight="y")
    assert contradiction.bad and "named 2 times" in contradiction.findings[0].what
