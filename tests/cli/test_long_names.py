"""Names that no file can have, and names longer than a message: sentences, and nothing written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner

from shoal.cli.main import app
from shoal.errors import DataError, ShoalError
from shoal.inference.standalone import TableError
from shoal.problems.own_code import pin_settings
from shoal.problems.warm_start import find_start
from shoal.system.paths import named_path
from support.fuzzing.targets import check_sentence

LONG = "x" * 300
TABLE = "a,y\n" + "".join(f"{row},{row * 2}\n" for row in range(20))

COMMANDS: dict[str, Sequence[str]] = {
    "a table to search": ["run", LONG, "--target", "y"],
    "a table to check": ["check", LONG, "--target", "y"],
    "settings": ["run", "t.csv", "--target", "y", "--settings", LONG],
    "weights to start from": ["run", "t.csv", "--target", "y", "--start-from", LONG],
    "an objective's file": ["run", "t.csv", "--target", "y", "--objective", f"{LONG}.py:f"],
    "an objective's home": ["run", "t.csv", "--target", "y", "--objective", "~no-user/x.py:f"],
    "a simulation's file": ["run", f"{LONG}.py:f"],
    "a model": ["predict", LONG, "t.csv"],
    "a table to predict": ["predict", "m", LONG],
    "predictions": ["predict", "m", "t.csv", "--out", LONG],
    "a policy": ["play", LONG],
    "a film": ["animate", "1", "--to", f"{LONG}/x.gif"],
    "a backup": ["restore", LONG, "--store", "new.db"],
    "a store to list": ["runs", "--store", LONG],
    "a store to examine": ["doctor", "--store", LONG],
    "a store to export": ["export", "1", "--to", "to", "--store", LONG],
    "a certificate": ["serve", "--tls-cert", LONG, "--tls-key", LONG, "--host", "0.0.0.0"],
    "a column": ["run", "t.csv", "--target", "y" * 5000],
}


@pytest.mark.parametrize("what", COMMANDS)
def test_a_command_refuses_a_name_that_is_too_long(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SHOAL_STORE", str(tmp_path / "shoal.db"))
    (tmp_path / "t.csv").write_text(TABLE)

    result = CliRunner().invoke(app, COMMANDS[what])
    assert isinstance(result.exception, ShoalError), result.output
    assert result.exception.exit_code == 2
    check_sentence(str(result.exception))
    assert [path.name for path in tmp_path.iterdir()] == ["t.csv"]


def test_a_copy_and_an_export_refuse_a_name_that_is_too_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from shoal.export import export_run
    from shoal.store import open_store
    from shoal.store.backup import backup

    monkeypatch.chdir(tmp_path)
    with open_store(tmp_path / "shoal.db") as store:
        with pytest.raises(ShoalError, match="cannot be written"):
            backup(store, Path(LONG))
        with pytest.raises(ShoalError):
            export_run(store, "1", Path(LONG))


@pytest.mark.parametrize("name", ["\0", "a\0b.npz", "~no-user/x", LONG])
def test_a_settings_file_may_name_no_such_path(name: str) -> None:
    with pytest.raises(ShoalError) as refused:
        find_start(name)
    check_sentence(str(refused.value))
    with pytest.raises(ShoalError) as refused:
        pin_settings({"objective": f"{name}.py:f"})
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


def test_a_message_of_usual_length_is_as_it_was_written() -> None:
    problem = "t: " + "x" * 500 + "."
    assert DataError(problem, expected="y" * 300).problem == problem
