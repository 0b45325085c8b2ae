"""Texts that look alike are one category; those that may mean the same are said."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from shoal.data import Dataset, from_parquet, load_dataset, prepare, to_parquet
from shoal.data.canonical import CanonicalTable
from shoal.data.diagnostics import check_table
from shoal.inference.standalone import Inputs, are_truths, count_unseen, encode, look_of

ROWS = 60
ALIKE = [
    ["Köln", "Ko\u0308ln", "Köln"],
    ["New York", "New\u00a0York", "New York"],
    ["New York", "New  York", "New York"],
    ["Bonn", "Bonn\u200b", "Bonn"],
    ["nach\u00adher", "nachher", "nachher"],
]


def frame(words: list[str], **columns: object) -> pd.DataFrame:
    """A table with a column x of words, each in as many rows."""
    rows = {"x": words * (ROWS // len(words)), "y": range(ROWS)} | columns
    return pd.DataFrame(rows)


def dataset_of(words: list[str]) -> Dataset:
    return load_dataset(frame(words), target="y")


@pytest.mark.parametrize("words", ALIKE)
def test_texts_that_look_alike_are_one_category_the_commonest(words: list[str]) -> None:
    data = dataset_of([*words, "Ulm"])
    assert data.encoder.columns[0].inputs == tuple(sorted([f"x={words[2]}", "x=Ulm"]))

    labels = load_dataset(frame(["a"], k=[*words, "Ulm"] * (ROWS // 4)), target="k", drop="x")
    assert sorted(labels.classes) == sorted([words[2], "Ulm"])


@pytest.mark.parametrize("words", ALIKE)
def test_new_rows_are_read_by_the_look_of_their_words(words: list[str]) -> None:
    encoder = dataset_of([words[2], "Ulm"]).encoder.to_dict()
    assert count_unseen({"x": words}, encoder) == {}
    assert Inputs({"x": words}, encoder, by_look=True).of_rows(slice(None)).tolist() == [
        encode({"x": [words[2]]}, encoder)[0].tolist()
    ] * len(words)
    assert count_unseen({"x": ["ulm"]}, encoder)["x"].levels == ("ulm",)


def test_a_recorded_table_keeps_its_words_apart() -> None:
    """Results of runs that told them apart are made again to the bit."""
    words = ["Köln", "Ko\u0308ln", "Ulm"]
    old = CanonicalTable.from_stored("t", frame(words), {})
    data = load_dataset(frame(["a", "b", "c"]), target="y")
    again = prepare("t", from_parquet(to_parquet(old)), data.options)
    assert len(again.encoder.columns[0].inputs) == 3
    # Which of the two a third spelling is, nobody knows.
    encoder = again.encoder.to_dict()
    assert count_unseen({"x": [*words, "Ko\u0308ln\u200b"]}, encoder)["x"].cells == 1


def test_what_is_seen_is_kept() -> None:
    assert [look_of(text) for text in ("A b", "A-b", "a b", "A\u0301", "²")] == [
        *("A b", "A-b", "a b", "\u00c1", "²"),
    ]


def findings_of(table: pd.DataFrame, target: str = "y") -> str:
    checked = check_table("t", table, target)
    return " ".join(found.what for found in checked.findings if found.status == "look")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["Berlin", "BERLIN", "Ulm"], "'BERLIN' and 'Berlin'"),
        (["New York", "New-York", "new_york"], "'New York' and 'New-York' and 'new_york'"),
        (["yes", "Y", "no", "N"], "'N' and 'no', 'Y' and 'yes'"),
        (["H2O", "H₂O", "CO"], "'H2O' and 'H₂O'"),
    ],
)
def test_words_that_may_mean_the_same_are_said(words: list[str], said: str) -> None:
    where = f"Words in 'x' that may mean the same: {said}."
    assert where in findings_of(frame(words))
    table = frame(["a", "b"], k=(words * ROWS)[:ROWS])
    assert where.replace("'x'", "'k'") in findings_of(table, "k")


@pytest.mark.parametrize("words", [["A+", "A", "A-"], ["1-2", "12", "x"], ["T", "N"], ["a", "b"]])
def test_other_words_are_other_words(words: list[str]) -> None:
    assert "may mean the same" not in findings_of(frame(words))


@pytest.mark.parametrize("mark", ["?", "-", "unknown", "k.A.", "#DIV/0!"])
def test_a_class_for_rows_that_nobody_labelled_is_said(mark: str) -> None:
    table = frame(["a", "b"], k=["ham", "spam", mark] * (ROWS // 3))
    assert f"The class '{mark}' of 'k' may stand for a missing value." in findings_of(table, "k")


# Truth values


def test_letters_and_codes_are_no_truth_values() -> None:
    """T and N are a tumour and a node, NO and ON are Norway and Ontario: F is not N."""
    assert not any(map(are_truths, (["T", "N"], ["NO", "ON"], ["no"], ["y"], ["1"], [], ["x"])))
    assert all(map(are_truths, (["T", "F"], ["NO", "yes"], ["True"], ["on", "off"])))

    encoder = dataset_of(["T", "N"]).encoder.to_dict()
    assert count_unseen({"x": ["T", "F", "Y", "N"]}, encoder)["x"].levels == ("F", "Y")


@pytest.mark.parametrize("words", [["yes", "yEs"], ["no", "NO"], ["yes", "yEs", "no"], ["T", "t"]])
def test_rows_have_the_inputs_in_use_that_they_had_in_training(words: list[str]) -> None:
    """Words of one truth value alone are words: their case counts in training, too."""
    data = dataset_of(words)
    cells = frame(words)["x"].tolist()
    inputs = encode({"x": cells}, data.encoder.to_dict())
    assert np.array_equal(inputs[data.train.rows], data.train.x)


def test_messages_name_the_beginning_of_a_long_name() -> None:
    column = "x" * 3000
    table = pd.DataFrame({column: [f"{number},5" for number in range(60)], "y": range(60)})
    found = check_table("t", table, "y").findings
    assert any("not written plainly" in finding.what for finding in found)
    assert all(len(finding.what) < 1000 for finding in found)
