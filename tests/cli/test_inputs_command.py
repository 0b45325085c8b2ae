"""`shoal inputs`: which columns matter, in the terminal and as JSON."""

from __future__ import annotations

from pathlib import Path

import pytest

import shoal
from shoal.functions.registry import get_function
from support.champions import customers
from support.processes import last_json
from support.processes import shoal as command

_TINY = {"population": 2, "generations": 1, "repeats": 2, "iterations": 20, "baselines": False}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("inputs") / "s.db"
    data = shoal.load_dataset(customers(), "left", drop="paid", folds=1)
    shoal.search(data, store=path, **_TINY)
    shoal.search(get_function("sphere", dimensions=2), store=path, **_TINY)
    return path


def _run(store: Path, *arguments: str) -> str:
    done = command("inputs", *arguments, store=store)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_table_has_bars_and_intervals(store: Path) -> None:
    shown = _run(store, "1", "--repeats", "3")
    assert "Accuracy" in shown and "test rows" in shown
    for column in ("usage", "plan", "since", "noise"):
        assert column in shown
    assert "95 % interval" in shown and " to " in shown
    assert all(len(line) <= 80 for line in shown.splitlines())


def test_json_is_one_line(store: Path) -> None:
    found = last_json(_run(store, "1", "--repeats", "3", "--json"))
    assert found["run"] == 1 and found["repeats"] == 3
    assert {own["column"] for own in found["inputs"]} == {"usage", "plan", "since", "noise"}
    losses = [own["loss"] for own in found["inputs"]]
    assert losses == sorted(losses, reverse=True)


def test_a_column_shows_its_partial_dependence(store: Path) -> None:
    shown = _run(store, "1", "--column", "plan")
    assert "P(yes)" in shown and "basic" in shown and "Lowest" in shown
    found = last_json(_run(store, "1", "--column", "usage", "--json"))
    assert len(found["average"]) == len(found["values"]) and found["kind"] == "number"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("1", "--column", "usages"), "did you mean 'usage'?"),
        (("2",), "needs a table"),
        (("1", "--repeats", "1"), "repeats"),
    ],
)
def test_what_cannot_be_is_said(store: Path, arguments: tuple[str, ...], says: str) -> None:
    done = command("inputs", *arguments, store=store)
    assert done.returncode == 2
    assert says in done.stderr
