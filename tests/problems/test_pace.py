"""What `shoal bench --problem` times, without waiting for the figures to be good ones."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from problems.user_files import GOALS, PLAIN_SHOP, write
from shoal.errors import ProblemError
from shoal.problems import pace
from shoal.problems.pace import problem_paces


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """One turn, in which everything is done once."""
    monkeypatch.setattr(pace, "ROUNDS", 1)
    monkeypatch.setattr(pace, "_ROUND_SECONDS", 0.0)


@pytest.mark.parametrize("name", ["tolerance", "f1", "value_per_row", "pinball"])
def test_objectives_are_timed_beside_the_built_in_loss(name: str) -> None:
    found = problem_paces(name)

    assert [one.what.split()[0] for one in found.paces] == ["an", "the", "an", "the", name]
    assert all(one.milliseconds >= 0 for one in found.paces)
    assert set(found.facts) == {"ratio", "ratio_all_rows"}
    assert json.loads(json.dumps(found.to_dict()))["problem"] == name


def test_code_of_a_file_is_timed(tmp_path: Path) -> None:
    goals = write(tmp_path / "goals.py", GOALS)
    shop = write(tmp_path / "inventory.py", PLAIN_SHOP)

    assert problem_paces(f"{goals}:within").name == "within"
    assert problem_paces(f"{shop}:shop").facts["steps_per_second"] > 0


def test_functions_are_timed() -> None:
    found = problem_paces("rastrigin")
    assert "1,000 points" in found.paces[0].what and found.facts["points_per_second"] > 0


def test_what_cannot_be_timed(tmp_path: Path) -> None:
    goals = write(tmp_path / "goals.py", GOALS)
    with pytest.raises(ProblemError, match="is a int"):
        problem_paces(f"{goals}:number")
