"""Functions on the command line: searched, shown, exported; refused before anything is written."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import numpy as np
import pytest

import shoal
from shoal.functions.registry import get_function
from shoal.genome.genome import Genome
from shoal.problems.function_record import load_function
from support.locations import TESTS
from support.processes import last_json
from support.processes import shoal as command

TINY = [
    *("--population", "3", "--generations", "1", "--repeats", "2", "--iterations", "20"),
    *("--workers", "1"),
]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, object]]:
    """A store with a finished run on the pressure vessel, and what `shoal run` said of it."""
    store = tmp_path_factory.mktemp("function") / "shoal.db"
    done = command("run", "pressure-vessel", *TINY, "--json", store=store)
    assert done.returncode == 0, done.stderr
    return store, last_json(done.stdout)


def test_a_bundled_function_is_searched_by_its_name(
    recorded: tuple[Path, dict[str, object]],
) -> None:
    _, said = recorded
    assert (said["kind"], said["state"]) == ("function", "finished")
    assert said["metric"]["name"] == "value"
    assert said["settings"]["preset"] == "function"

    vessel = get_function("pressure-vessel")
    point = np.array([said["point"]])
    assert vessel(point)[0] == said["ensemble"]["train"]["value"]
    assert vessel.rules.violations(point)[0] == 0.0
    assert point[0, :2].tolist() == point[0, :2].round().tolist()


def test_it_is_listed_and_shown(recorded: tuple[Path, dict[str, object]]) -> None:
    store, said = recorded
    listed = command("runs", "--json", store=store)
    (row,) = last_json(listed.stdout)["runs"]
    assert (row["kind"], row["metric"], row["dataset"]) == ("function", "value", "pressure-vessel")

    shown = " ".join(command("show", "1", store=store).stdout.split())
    assert "pressure-vessel" in shown
    assert "2 coordinates in (1, 99), 2 in (10, 200)" in shown
    assert "Value (USD, smaller is better)" in shown or "Value, USD (smaller is better)" in shown
    assert f"Best point ({said['point'][0]:g}, {said['point'][1]:g}," in shown
    for absent in ("layers", "policies", "policy", "weight_scale", "max_position", "relu"):
        assert absent not in shown


def test_its_export_has_the_point_with_all_its_digits(
    recorded: tuple[Path, dict[str, object]], tmp_path: Path
) -> None:
    store, said = recorded
    done = command("export", "1", "--to", str(tmp_path / "out"), "--json", store=store)
    assert last_json(done.stdout)["champion"]
    assert done.stderr == ""
    assert last_json(done.stdout)["files"] == [
        "README.md",
        "evaluations.csv",
        "function.json",
        "genome.json",
        "problem.json",
        "report.html",
        "settings.toml",
    ]

    folder = tmp_path / "out"
    about = json.loads((folder / "function.json").read_text())
    assert about["x"] == said["point"]
    assert about["value"] == said["ensemble"]["train"]["value"]
    assert (about["function"], about["direction"]) == ("pressure-vessel", "minimize")
    assert about["integers"] == [0, 1]
    assert about["constraints"] == ["vessel_limits"]
    assert Genome.from_dict(json.loads((folder / "genome.json").read_text())).hidden_layers == ()
    assert load_function(json.loads((folder / "problem.json").read_text())).name == about["name"]

    readme = (folder / "README.md").read_text()
    assert "# pressure-vessel: the best point of run 1" in readme
    assert "Best value" in readme

    # The settings start the same search.
    settings = tomllib.loads((folder / "settings.toml").read_text())
    assert (settings["data"], settings["preset"]) == ("pressure-vessel", "function")
    again = command(
        "run", "--settings", str(folder / "settings.toml"), "--json", store=tmp_path / "again.db"
    )
    assert last_json(again.stdout)["result_hash"] == said["result_hash"]


def test_a_training_is_replayed_to_the_bit(recorded: tuple[Path, dict[str, object]]) -> None:
    store, said = recorded
    genome = Genome.from_dict(said["best"]["genome"]).hash
    done = command("replay", "1", genome[:8], "0", store=store)
    assert done.returncode == 0
    assert "exactly those recorded" in " ".join(done.stdout.split())


def test_a_problem_of_a_file_is_searched_and_its_code_shown(tmp_path: Path) -> None:
    file = TESTS / "support" / "beam.py"
    store = tmp_path / "shoal.db"
    done = command("run", f"{file}:beam", "--option", "height=5", *TINY, "--json", store=store)
    assert done.returncode == 0, done.stderr
    said = last_json(done.stdout)
    assert said["problem"]["options"] == {"dimensions": 3, "height": 5.0}
    assert 0.0 < said["ensemble"]["train"]["value"] <= 5.0

    code = last_json(command("show", "1", "--code", "--json", store=store).stdout)
    assert code["code"] == file.read_text()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["sphere", "--option", "depth=3"], "has no option 'depth'"),
        (["sphere", "--option", "dimensions=0"], "a whole number from 1 on"),
        (["sphere", "--target", "y"], "is an option of tables"),
        (["sphere", "--metric", "rmse"], "what it returns is minimised or maximised"),
        (["sphere", "--loss", "mse"], "what it returns is minimised or maximised"),
        (["sphere", "--preset", "modern"], "whose genomes have no network"),
        (["{file}:bowl"], "a shoal.FunctionProblem"),
        (["{file}:nothing"], "defines no 'nothing'"),
    ],
)
def test_bad_input_is_answered_in_a_sentence_and_nothing_is_written(
    arguments: list[str], words: str, tmp_path: Path
) -> None:
    file = TESTS / "support" / "beam.py"
    store = tmp_path / "shoal.db"
    done = command("run", *(text.format(file=file) for text in arguments), store=store)
    assert done.returncode == 2, done.stdout + done.stderr
    assert words in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert not store.exists()


def test_the_result_of_a_search_has_the_point(tmp_path: Path) -> None:
    result = shoal.search(
        get_function("sphere", dimensions=2),
        store=tmp_path / "shoal.db",
        population=2,
        generations=1,
        repeats=2,
        max_repeats=2,
        iterations=20,
        finalists=0,
        workers=1,
    )
    assert result.x is not None
    assert result.x.dtype == np.float64
    assert float((result.x**2).sum()) == result.fun
