"""Objectives by name."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from shoal.errors import ObjectiveError
from shoal.objectives.built_in import ROW_LOSSES, TABLE_OBJECTIVES
from shoal.objectives.definition import RowLoss
from shoal.objectives.lookup import (
    find_built_in,
    get_built_in,
    offered_objectives,
    unknown_objective,
)
from shoal.objectives.options import with_values
from shoal.objectives.scorers import SCORER_NAMES


def test_every_name_is_found_and_is_its_own() -> None:
    offered = offered_objectives()

    assert len(set(offered)) == len(offered)
    assert set(offered) == {*TABLE_OBJECTIVES, *ROW_LOSSES, *SCORER_NAMES}
    for name in offered:
        assert find_built_in(name).name == name
        assert get_built_in(name).name == name


def test_what_is_compiled_comes_first() -> None:
    assert find_built_in("f1") is TABLE_OBJECTIVES["f1"]
    assert find_built_in("pinball") is ROW_LOSSES["pinball"]
    assert find_built_in("neg_log_loss").name == "log_loss"


@pytest.mark.parametrize("task", ["regression", "classification"])
def test_a_task_has_its_own(task) -> None:
    other = {"regression": "classification", "classification": "regression"}[task]
    names = set(offered_objectives(task))

    assert names | set(offered_objectives(other)) == set(offered_objectives())
    assert not names & set(offered_objectives(other))
    for name in names:
        found = find_built_in(name)
        assert isinstance(found, RowLoss) or found.task == task


def test_a_wrong_name_gets_the_names_that_are_like_it() -> None:
    assert find_built_in("roc_auk") is None
    with pytest.raises(ObjectiveError, match="no objective 'roc_auk'") as caught:
        get_built_in("roc_auk", "classification")
    assert caught.value.expected == "one like roc_auc, roc_auc_ovr, roc_auc_ovo"
    assert "my.py:profit" in caught.value.remedy

    far = unknown_objective("zzz", "regression")
    assert far.expected.startswith("one of concordance, ")
    assert "roc_auc" not in far.expected


def test_the_name_of_a_loss_is_no_name_of_an_objective() -> None:
    error = unknown_objective("cross_entropy", "classification")

    assert error.problem == "'cross_entropy' is a loss of a row."
    assert "loss='cross_entropy'" in error.remedy


def test_names_cost_neither_compiler_nor_scikit_learn() -> None:
    program = """
import sys
from shoal.objectives.lookup import find_built_in, offered_objectives
for name in offered_objectives():
    find_built_in(name).with_options()
assert not {"numba", "sklearn"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.parametrize("number", [float("inf"), float("nan"), 2 * 10**308, "1"])
@pytest.mark.parametrize(("default", "other"), [(3, 2**63), (0.5, None)])
def test_options_are_numbers_that_compiled_code_has(
    number: Any, default: float, other: Any
) -> None:
    assert with_values({"n": default}, {"n": 4}, "It", ObjectiveError) == {"n": 4}
    for value in (number, other):
        with pytest.raises(ObjectiveError, match=r"n=.*like the default"):
            with_values({"n": default}, {"n": value}, "It", ObjectiveError)
