"""Objectives of users on the command line: looked at, and refused before anything is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from problems.bad_objectives import BAD
from problems.user_files import write
from support.processes import last_json, shoal

WITHIN = """\
import numpy as np
import shoal


@shoal.objective("maximize", outputs="unscaled", columns=("age",), unit="%")
def within(predicted, y, age, *, tolerance=5.0):
    return 100.0 * (np.abs(predicted - y) <= tolerance).mean(axis=1)
"""
_TINY = ("--population", "2", "--generations", "1", "--repeats", "2", "--iterations", "5")


def test_the_check_of_an_objective_on_a_table(tmp_path: Path) -> None:
    file = write(tmp_path / "mine.py", WITHIN)
    command = ("check-problem", f"{file}:within", "concrete", "--option", "tolerance=2", "--json")

    done = shoal(*command, store=tmp_path / "shoal.db")

    assert done.returncode == 0, done.stdout + done.stderr
    found = last_json(done.stdout)
    assert found["facts"]["rows"] > 500
    assert "the column age; a larger value is better (%)" in str(found["findings"])
    assert not (tmp_path / "shoal.db").exists()


@pytest.mark.parametrize("name", ["another-shape", "loss-does-not-compile"])
def test_the_check_of_a_bad_function_ends_with_2(tmp_path: Path, name: str) -> None:
    file = write(tmp_path / "mine.py", BAD[name].text)

    done = shoal("check-problem", f"{file}:profit", "--json", store=tmp_path / "shoal.db")

    assert done.returncode == 2
    (finding, *_) = last_json(done.stdout)["findings"]
    assert finding["status"] == "bad"
    assert BAD[name].problem in finding["what"]
    assert BAD[name].remedy in finding["remedy"]


def test_options_of_a_table_need_one(tmp_path: Path) -> None:
    done = shoal("check-problem", "f1", "--target", "y", store=tmp_path / "shoal.db")

    assert done.returncode == 2
    assert "--target without a table" in done.stderr


@pytest.mark.parametrize("name", ["nan-for-all", "raises-at-import"])
def test_no_search_starts_on_a_bad_objective(tmp_path: Path, name: str) -> None:
    file = write(tmp_path / "mine.py", BAD[name].text)
    store = tmp_path / "shoal.db"

    done = shoal("run", "concrete", "--objective", f"{file}:profit", *_TINY, "--json", store=store)

    assert done.returncode == 2, done.stdout + done.stderr
    message = " ".join(done.stderr.split())
    assert BAD[name].problem in message.replace("721 rows", "200 rows")
    assert "What to do" in message
    assert "Traceback" not in done.stderr
    assert not store.exists()


def test_no_search_starts_on_an_option_without_meaning(tmp_path: Path) -> None:
    store = tmp_path / "shoal.db"
    chosen = ("--objective", "interval", "--objective-option", "coverage=2")

    done = shoal("run", "concrete", *chosen, *_TINY, "--json", store=store)

    assert done.returncode == 2, done.stdout + done.stderr
    assert "coverage=2. Expected: more than 0, and at most 1" in " ".join(done.stderr.split())
    assert not store.exists()
