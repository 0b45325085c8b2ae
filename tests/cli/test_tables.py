"""What commands print of runs: the documented JSON, and tables for a terminal of 80 columns."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from rich.console import Console
from typer.testing import CliRunner

from shoal.cli.main import app
from shoal.cli.tables import runs_table
from shoal.data import load_dataset
from shoal.presentation.run_json import run_row
from shoal.settings.search_settings import SearchSettings
from shoal.store import RunView, open_store
from support.locations import ROOT


def make_run(number: int) -> RunView:
    """A run whose every value is about as wide as it gets."""
    return RunView(
        id=number,
        name="Concrete with a long name",
        dataset="concrete",
        state="interrupted",
        settings=SearchSettings(generations=40),
        data_options={},
        seed=7,
        epoch=1,
        owner=None,
        heartbeat_age=None,
        generations=40,
        evaluations=1_500,
        iterations=60_000,
        seconds=192.0,
        best_score=83.25,
        best_repeats=8,
        mean_score=80.0,
        created=1_735_700_000.0,
        started=None,
        ended=None,
        error=None,
        result_hash=None,
    )


def printed(*runs: RunView) -> list[str]:
    """`shoal runs` on 80 columns, line by line."""
    console = Console(width=80)
    with console.capture() as captured:
        console.print(runs_table(runs))
    return captured.get().splitlines()


def test_every_key_of_a_run_is_documented() -> None:
    page = ROOT / "docs" / "reference" / "output.md"
    reference = " ".join(page.read_text(encoding="utf-8").split())
    assert f"each of which has `{', '.join(run_row(make_run(1)))}`" in reference


def test_a_run_keeps_its_number_on_eighty_columns() -> None:
    header, *lines = printed(make_run(112), make_run(9))
    assert header.split()[0] == "Run"
    assert [line.split()[0] for line in lines] == ["112", "9"]
    for line in lines:
        assert len(line) <= 80
        for value in ("40/40", "1,500", "83.25 %", "3 min 12 s"):
            assert value in line


def test_runs_of_different_metrics_name_them_below_their_scores() -> None:
    rmse = SearchSettings(generations=40, metric="balanced_accuracy")
    other = replace(make_run(112), settings=rmse, best_score=0.91234)
    header, *lines = printed(make_run(9), other)
    assert [line.split() for line in lines if len(line.split()) == 1] == [
        ["accuracy"],
        ["balanced…"],
    ]
    assert all(len(line) <= 80 for line in lines)
    (column,) = {line.rstrip().rindex(line.split()[-1][-1]) for line in (lines[1], lines[3])}
    assert lines[0][column] == "%", "the name ends where its score ends"
    assert header.index("Best") < column

    # The same metric in all of them goes without saying.
    assert len(printed(make_run(9), make_run(112))) == 3


def test_no_runs_are_a_header() -> None:
    assert [line.split()[0] for line in printed()] == ["Run"]


def test_names_are_whole_where_there_is_room() -> None:
    run = replace(make_run(7), name="A name of some length, which is whole " + "x" * 40)
    console = Console(width=160)
    with console.capture() as captured:
        console.print(runs_table([run]))
    assert run.name in captured.get()
    assert "…" in "".join(printed(run))


def test_a_pipe_gets_everything(tmp_path: Path) -> None:
    name = "A name of some length, which is whole " + "x" * 80
    path = tmp_path / "store.db"
    with open_store(path) as store:
        store.add_run(load_dataset("concrete"), SearchSettings(), name=name)
    result = CliRunner().invoke(app, ["runs", "--store", str(path)], env={"COLUMNS": "60"})
    header, line = result.output.splitlines()
    assert header.split() == [
        "Run",
        "Name",
        "State",
        "Gen.",
        "Trainings",
        "Best",
        "Time",
        "Started",
    ]
    assert name in line
    assert line.split()[0] == "1"
