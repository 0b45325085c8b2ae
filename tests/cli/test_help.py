"""Help: every command in a group, whole sentences, `-h`, `shoal help`, and what shells complete."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main
from typer.testing import CliRunner

from shoal.cli.command_group import GROUPS
from shoal.cli.completion import complete_data, complete_table
from shoal.cli.main import app
from shoal.data import load_dataset
from shoal.settings.search_settings import SearchSettings
from shoal.store import open_store
from shoal.store.glance import newest_runs

COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]


def shown(*arguments: str, columns: int = 80) -> str:
    result = CliRunner().invoke(app, arguments, env={"COLUMNS": str(columns)})
    assert result.exit_code == 0, result.output
    return result.output


def completed(words: str, folder: Path) -> list[str]:
    """What bash offers after these words, of which the last is not complete."""
    program = "import sys; sys.argv[0] = 'shoal'; from shoal.cli.main import main; main()"
    environment = {
        **os.environ,
        "_SHOAL_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split(" ")) - 1),
    }
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert not done.stderr
    return done.stdout.split()


def test_every_command_is_in_a_group_and_only_commands_are() -> None:
    grouped = [command for commands in GROUPS.values() for command in commands]
    assert sorted(grouped) == sorted(COMMANDS)


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_help_has_the_groups_in_order_and_whole_sentences(columns: int) -> None:
    text = shown("--help", columns=columns)
    places = [text.index(f"─ {group} ─") for group in GROUPS]
    assert places == sorted(places)
    assert "..." not in text.split("─ Search ─")[1]
    assert max(map(len, text.splitlines())) <= columns
    # The frame cuts sentences into lines; without it they are as they were written.
    words = " ".join(text.replace("│", " ").split())
    for command in COMMANDS.values():
        first = command.help.split("\n\n")[0].replace("`", "")
        assert " ".join(first.split()) in words


@pytest.mark.parametrize("command", ["show", "run", "access add"])
def test_h_and_help_say_the_same_as_help(command: str) -> None:
    long = shown(*command.split(), "--help")
    assert shown(*command.split(), "-h") == long
    assert shown("help", *command.split()) == long
    assert "<bool>" not in long


def test_help_alone_is_that_of_shoal() -> None:
    assert shown("help") == shown("-h") == shown("--help")


@pytest.mark.parametrize(
    ("words", "meant"), [(["rnus"], "'runs'"), (["help", "exprot"], "'export'")]
)
def test_an_unknown_command_suggests_one(words: list[str], meant: str) -> None:
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 2
    assert f"Did you mean {meant}" in result.output


def test_shells_complete_commands_options_and_runs(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with open_store(path) as store:
        for name in ("churn", "concrete"):
            store.add_run(load_dataset("concrete"), SearchSettings(), name=name)

    assert completed("shoal ru", tmp_path) == ["run", "runs"]
    assert completed("shoal run --gener", tmp_path) == ["--generations"]
    assert completed(f"shoal show --store {path} ", tmp_path) == ["2", "1"]
    assert completed(f"shoal show --store {path} 1", tmp_path) == ["1"]
    assert completed(f"shoal compare --store {path} 2 ", tmp_path) == ["1"]
    assert completed("shoal help ani", tmp_path) == ["animate"]
    assert completed(f"shoal show --store {tmp_path / 'none.db'} ", tmp_path) == []


def test_a_glance_neither_makes_nor_changes_a_store(tmp_path: Path) -> None:
    assert newest_runs(str(tmp_path / "none.db"), 5) == []
    assert not list(tmp_path.iterdir())

    wrong = tmp_path / "wrong.db"
    wrong.write_text("no database")
    assert newest_runs(str(wrong), 5) == []
    assert wrong.read_text() == "no database"


def test_a_glance_is_what_the_store_says(tmp_path: Path) -> None:
    path = tmp_path / "a % store?.db"
    with open_store(path) as store:
        for number in range(3):
            store.add_run(load_dataset("concrete"), SearchSettings(), name=f"run {number}")
        expected = [(run.id, run.name, run.state) for run in store.runs(limit=2)]
    assert newest_runs(str(path), 2) == expected
    assert newest_runs(f"sqlite:///{path}", 2) == expected


def test_tables_and_names_are_completed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("churn.csv", "concrete.parquet", "notes.md", ".hidden.csv"):
        (tmp_path / name).touch()
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "more.csv").touch()
    monkeypatch.chdir(tmp_path)

    assert complete_table("") == ["churn.csv", "concrete.parquet", "data/"]
    assert complete_table("data/") == ["data/more.csv"]
    assert complete_data("c") == ["concrete", "cartpole", "churn.csv", "concrete.parquet"]
    assert complete_data("ras") == ["rastrigin"]
    # Only a folder: the shell goes into it.
    assert complete_data("dat") == []
    assert complete_table("none/") == []
