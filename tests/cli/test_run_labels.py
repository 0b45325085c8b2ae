"""`shoal rename`, `tag`, `note` and `archive`, and what `shoal runs` then lists."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from shoal.data import load_dataset
from shoal.settings.search_settings import SearchSettings
from shoal.store import open_store
from support.processes import last_json, shoal


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three stopped runs."""
    path = tmp_path_factory.mktemp("labels") / "shoal.db"
    with open_store(path) as store:
        for name in ("one", "two", "three"):
            run_id, _ = store.add_run(load_dataset("concrete"), SearchSettings(), name=name)
            store.command(run_id, "stop")
    return path


def listed(place: Path, *arguments: str) -> list[Any]:
    done = shoal("runs", *arguments, "--json", store=place)
    assert done.returncode == 0, done.stderr
    return [run["run"] for run in last_json(done.stdout)["runs"]]


def test_runs_are_labelled_and_found_again(place: Path) -> None:
    done = shoal("rename", "1", "the first one", store=place)
    assert (done.returncode, done.stdout.strip()) == (0, "Run 1 is called the first one.")
    done = shoal("tag", "1", "good", "for Ada", store=place)
    assert done.stdout.strip() == "Run 1 has good, for Ada."
    done = shoal("tag", "2", "good", "--json", store=place)
    assert last_json(done.stdout)["tags"] == ["good"]
    assert shoal("note", "2", "Look at the bounds.", store=place).returncode == 0
    done = shoal("archive", "3", "--json", store=place)
    assert last_json(done.stdout)["archived"] > 1_700_000_000

    assert listed(place) == [2, 1]
    assert listed(place, "--archived", "--sort", "name") == [1, 3, 2]
    assert listed(place, "--tag", "GOOD", "--reverse") == [1, 2]
    assert listed(place, "--search", "bounds") == [2]
    assert listed(place, "--table", "concrete", "--state", "stopped", "--search", "ada") == [1]
    assert listed(place, "--state", "failed") == []

    shown = shoal("runs", store=place).stdout
    assert "good, for" in shown
    assert "three" not in shown
    shown = shoal("show", "2", store=place).stdout
    assert "Look at the bounds." in shown
    assert "is like that" in shoal("runs", "--state", "failed", store=place).stdout

    assert shoal("tag", "1", "good", "for ada", "--remove", store=place).stdout.strip() == (
        "Run 1 has no tags."
    )
    assert shoal("note", "2", "", store=place).stdout.strip() == "Run 2 has no note."
    assert shoal("archive", "3", "--undo", store=place).stdout.strip() == "Run 3 is listed again."
    assert listed(place) == [3, 2, 1]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["rename", "1", " "], ["name is empty", "200"]),
        (["rename", "9", "x"], ["no run '9'"]),
        (["tag", "1", "a,b"], ["comma", "one by one"]),
        (["tag", "1"], ["TAG"]),
        (["note", "1", "x" * 10_001], ["10,001", "10,000"]),
        (["runs", "--state", "done"], ["'done'", "finished"]),
        (["runs", "--sort", "colour"], ["'colour'", "started"]),
    ],
)
def test_bad_input_writes_nothing(place: Path, arguments: list[str], words: list[str]) -> None:
    with open_store(place) as store:
        before = store.runs()
    done = shoal(*arguments, store=place)
    assert done.returncode == 2
    for word in words:
        assert word in done.stderr
    with open_store(place) as store:
        assert store.runs() == before
