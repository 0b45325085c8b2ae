"""Inputs that are answers to yes/no questions: learned from training rows, the same in exports."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import shoal
from shoal.data import DataOptions, Encoder, QuestionColumn
from shoal.data.encoder import fit_questions
from shoal.errors import DataError, SettingsError
from shoal.inference.standalone import encode


def column(values: list[Any], train: int | None = None) -> QuestionColumn:
    series = pd.Series(values, name="age", dtype=float)
    made = fit_questions("people", series, np.arange(train or len(values)))
    assert isinstance(made, QuestionColumn)
    return made


def test_numbers_are_compared_with_quantiles_of_the_training_rows() -> None:
    made = column([*range(101), 10_000], train=101)
    assert made.thresholds == (10, 25, 50, 75, 90)
    assert made.inputs[0] == "age > 10" and not made.missing_question


def test_a_question_that_all_rows_answer_alike_is_not_asked() -> None:
    assert column([0, 1] * 10).thresholds == (0,)
    assert column([3] * 9).thresholds == ()
    assert column([1, 1, 1, 1, 1, 1, 1, 1, 1, 2]).thresholds == (1,)


def test_missing_values_are_a_question() -> None:
    made = column([1, 2, None, 3])
    assert made.missing_question and made.inputs[-1] == "age=missing"
    found = encode({"age": [1.5, None, 9.0, "n/a"]}, {"columns": [vars_of(made)]})
    assert found.tolist() == [[1, 0, 0], [0, 0, 1], [1, 1, 0], [0, 0, 1]]


def vars_of(made: QuestionColumn) -> dict[str, Any]:
    return Encoder((made,), shoal.load_dataset("concrete").encoder.target).to_dict()["columns"][0]


@given(st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=40))
def test_each_question_parts_the_training_rows(values: list[float]) -> None:
    made = column(values)
    assert list(made.thresholds) == sorted(set(made.thresholds))
    answers = encode({"age": values}, {"columns": [vars_of(made)]})
    shares = answers.mean(axis=0)
    assert ((shares > 0) & (shares < 1)).all()
    # A larger value is answered yes wherever a smaller one is.
    order = np.argsort(values, kind="stable")
    assert (np.diff(answers[order], axis=0) >= 0).all()


def test_a_table_of_questions_is_recorded_and_prepared_again() -> None:
    data = shoal.load_dataset("concrete", encoding="questions")
    assert set(np.unique(data.train.x)) == {0.0, 1.0}
    assert data.inputs == len(data.encoder.inputs) == len(set(data.encoder.inputs))

    options = DataOptions.from_dict(data.options.to_dict())
    assert options == data.options and options.encoding == "questions"
    assert Encoder.from_dict(data.encoder.to_dict()) == data.encoder
    # Other tables are recorded as they were before.
    assert "encoding" not in shoal.load_dataset("concrete").options.to_dict()


def test_text_is_asked_by_its_levels() -> None:
    frame = pd.DataFrame({"kind": ["a", "b", None] * 10, "y": range(30)})
    data = shoal.load_dataset(frame, "y", encoding="questions", folds=1)
    assert data.encoder.inputs == ("kind=a", "kind=b", "kind=missing")


def test_questions_are_for_modern_tables_with_something_to_ask() -> None:
    with pytest.raises(SettingsError, match="encoding 'questions' with preset 'classic'"):
        shoal.load_dataset("concrete", preset="classic", encoding="questions")
    with pytest.raises(SettingsError, match="encoding 'answers'") as raised:
        shoal.load_dataset("concrete", encoding="answers")  # type: ignore[arg-type]
    assert raised.value.expected == "values, questions"
    frame = pd.DataFrame({"x": [1.0] * 30, "y": range(30)})
    with pytest.raises(DataError, match="no column has different values"):
        shoal.load_dataset(frame, "y", encoding="questions", folds=1)
