"""Names that no file can have, and names longer than a message: sentences, and nothing written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from shoal.cli.main import app
from shoal.cli.run_input import read_run_input
from shoal.errors import DataError, ShoalError
from shoal.inference.standalone import TableError
from shoal.problems.references import find
from shoal.problems.warm_start import find_start
from shoal.store import open_store
from shoal.store.backup import backup
from shoal.system.paths import named_path
from support.fuzzing.targets import check_sentence

LONG = "x" * 300
TABLE = "a,y\n" + "".join(f"{row},{row * 2}\n" for row in range(20))

RUNS: dict[str, dict[str, Any]] = {
    "a table": {"data": LONG},
    "weights to start from": {"start_from": LONG},
    "an objective's file": {"objective": f"{LONG}.py:f"},
    "an objective's home": {"objective": "~no-user/x.py:f"},
    "a simulation's file": {"data": f"{LONG}.py:f", "target": None},
    "a column": {"target": "y" * 5000},
}
COMMANDS: dict[str, Sequence[str]] = {
    "a table to check": ["check", LONG, "--target", "y"],
    "a model": ["predict", LONG, "t.csv"],
    "a table to predict": ["predict", "m", LONG],
    "predictions": ["predict", "m", "t.csv", "--out", LONG],
    "a policy": ["play", LONG],
    "a film": ["animate", "1", "--to", f"{LONG}/x.gif"],
    "a backup": ["restore", LONG, "--store", "new.db"],
    "a store to export": ["export", "1", "--to", "to", "--store", LONG],
    "a certificate": ["serve", "--tls-cert", LONG, "--tls-key", LONG, "--host", "0.0.0.0"],
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where names are looked for; with a table."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SHOAL_STORE", str(tmp_path / "shoal.db"))
    (tmp_path / "t.csv").write_text(TABLE)
    return tmp_path


@pytest.mark.parametrize("what", COMMANDS)
def test_a_command_refuses_a_name_that_is_too_long(what: str, folder: Path) -> None:
    result = CliRunner().invoke(app, COMMANDS[what])
    assert isinstance(result.exception, ShoalError), result.output
    assert result.exception.exit_code == 2
    check_sentence(str(result.exception))
    assert [path.name for path in folder.iterdir()] == ["t.csv"]


@pytest.mark.parametrize("command", ["runs", "doctor"])
def test_a_store_that_cannot_be_there_is_none(command: str, folder: Path) -> None:
    result = CliRunner().invoke(app, [command, "--store", LONG])
    assert result.exception is None and result.exit_code == 0
    assert [path.name for path in folder.iterdir()] == ["t.csv"]


@pytest.mark.parametrize("what", RUNS)
def test_a_run_refuses_a_name_that_is_too_long(what: str, folder: Path) -> None:
    with pytest.raises(ShoalError) as refused:
        read_run_input({"data": "t.csv", "target": "y", **RUNS[what]}, None)
    check_sentence(str(refused.value))


@pytest.mark.parametrize("setting", ["data", "objective", "start_from", "decoder"])
@pytest.mark.parametrize("name", [LONG, "a\\u0000b"])
def test_a_settings_file_refuses_a_name_that_no_file_has(
    setting: str, name: str, folder: Path
) -> None:
    settings = folder / "settings.toml"
    data = "" if setting == "data" else 'data = "t.csv"\n'
    settings.write_text(f'target = "y"\n{data}{setting} = "{name}"\n')
    with pytest.raises(ShoalError) as refused:
        read_run_input({}, settings)
    check_sentence(str(refused.value))


def test_a_copy_refuses_a_name_that_is_too_long(folder: Path) -> None:
    with open_store(folder / "shoal.db") as store, pytest.raises(ShoalError) as refused:
        backup(store, Path(LONG))
    check_sentence(str(refused.value))


@pytest.mark.parametrize("name", ["\0", "a\0b.npz", "~no-user/x", LONG])
def test_python_refuses_a_name_that_no_file_has(name: str) -> None:
    with pytest.raises(ShoalError) as refused:
        find_start(name)
    check_sentence(str(refused.value))
    with pytest.raises(ShoalError) as refused:
        find(f"{name}.py:f")
    check_sentence(str(refused.value))


def test_a_home_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert named_path("~/x") == tmp_path / "x"


def test_the_longest_part_of_a_long_message_loses_its_middle() -> None:
    error = DataError(f"t: {'x' * 5000} is bad.", expected="one of a, b", remedy="rename it")
    check_sentence(str(error))
    assert error.problem.startswith("t: xxx") and error.problem.endswith("xxx is bad.")
    assert (error.expected, error.remedy) == ("one of a, b", "rename it")

    error = DataError("x" * 5000, expected="y" * 3000, remedy="z" * 2000)
    assert len(str(error)) < 1000 and min(map(len, (error.problem, error.remedy))) > 200
    assert len(str(TableError("x" * 5000, "a number", "correct it"))) < 1000


def test_a_message_is_one_line_whatever_it_quotes() -> None:
    error = DataError("a\nb\r\u2028c is bad.", remedy="rename a\nb")
    assert str(error) == r"a\nb\r\u2028c is bad. What to do: rename a\nb."


def test_a_message_of_usual_length_is_as_it_was_written() -> None:
    problem = "t: " + "x" * 500 + "."
    assert DataError(problem, expected="y" * 300).problem == problem
