"""A policy taken away: it runs with NumPy alone, and acts in its simulation again."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import shoal
from shoal.analysis.best_model import champion_of
from shoal.analysis.play import play_policy
from shoal.errors import CodeChangedError, ModelError
from shoal.inference.policy import PolicyError, load_policy
from shoal.problems.registry import find_simulation
from shoal.store import open_store
from support.locations import TESTS

SMALL: dict[str, Any] = {
    "population": 2,
    "generations": 1,
    "repeats": 2,
    "max_repeats": 2,
    "iterations": 6,
    "scenarios": 2,
    "validation_scenarios": 4,
    "test_scenarios": 10,
    "finalists": 1,
    "confirmations": 2,
    "final_factor": 1,
    "workers": 1,
}


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any, Any]:
    """An exported policy of a user's simulation; its champion and its problem."""
    folder = tmp_path_factory.mktemp("policy")
    own_file = folder / "thermostat.py"
    own_file.write_bytes((TESTS / "support" / "thermostat.py").read_bytes())
    thermostat = find_simulation(f"{own_file}:thermostat")
    result = shoal.search(thermostat, store=folder / "shoal.db", **SMALL)
    assert result.export(folder / "export") == folder / "export"

    # What the result has at hand is what the export holds.
    read = shoal.load_policy(folder / "export")
    assert (read.weights == result.policy.weights).all()
    assert read.act([0.5]) == result.policy.act([0.5])
    with open_store(folder / "shoal.db") as store:
        return folder / "export", *champion_of(store, 1)


def test_a_folder_without_a_policy_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="holds no policy"):
        shoal.load_policy(tmp_path)


def test_it_answers_as_the_acting_network_without_shoal(exported: tuple[Path, Any, Any]) -> None:
    folder, champion, problem = exported
    observations = np.linspace(-2, 2, 7, dtype=np.float32)[:, None]
    acting = champion.weights[int(np.argmax(champion.shares))]
    expected = problem.network(champion.genome).forward(acting[None], observations)[0]

    # -I leaves Shoal out, wherever it is installed: the folder has to do.
    program = (
        "import sys; sys.modules['shoal'] = None; sys.path.insert(0, sys.argv[1])\n"
        "from policy import load_policy\n"
        "policy = load_policy(sys.argv[1])\n"
        "print([float(policy.act([x])[0]) for x in eval(sys.argv[2])])\n"
        "assert not {'numba', 'pandas', 'scipy'} & set(sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", program, str(folder), str(observations[:, 0].tolist())],
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == pytest.approx(expected[:, 0].tolist(), rel=1e-5)


def test_its_files_say_what_it_is(exported: tuple[Path, Any, Any]) -> None:
    folder, champion, _ = exported
    about = json.loads((folder / "model.json").read_text())
    assert (about["kind"], about["direction"], about["unit"]) == ("policy", "minimize", "degrees")
    assert about["test_score"] == champion.ensemble.test["score"]
    assert json.loads((folder / "problem.json").read_text())["code"].startswith('"""A simulation')
    assert "score" in (folder / "evaluations.csv").read_text().splitlines()[0]


def test_wrong_observations_and_folders_are_refused(
    exported: tuple[Path, Any, Any], tmp_path: Path
) -> None:
    policy = load_policy(exported[0])
    with pytest.raises(PolicyError, match=r"shape \(2,\)\. Expected: \(1,\)"):
        policy.act([1.0, 2.0])
    with pytest.raises(PolicyError, match="holds no policy"):
        load_policy(tmp_path)
    with pytest.raises(ModelError, match="holds no policy"):
        play_policy(tmp_path)


def test_it_plays_the_same_episodes_again(exported: tuple[Path, Any, Any]) -> None:
    first = play_policy(exported[0], episodes=5, seed=3)
    again = play_policy(exported[0], episodes=5, seed=3, threads=2)
    other = play_policy(exported[0], episodes=5, seed=4)

    assert np.array_equal(first.scores, again.scores)
    assert not np.array_equal(first.scores, other.scores)
    assert first.steps.tolist() == [12] * 5
    assert first.first is not None
    assert first.first.score == pytest.approx(first.scores[0])


def test_a_changed_simulation_is_not_executed(exported: tuple[Path, Any, Any]) -> None:
    own_file = Path(
        json.loads((exported[0] / "model.json").read_text())["simulation"].split(":")[0]
    )
    before = own_file.read_text()
    own_file.write_text(f"{before}\nraise SystemExit('executed')\n")

    try:
        with pytest.raises(CodeChangedError, match="has changed"):
            play_policy(exported[0])
    finally:
        own_file.write_text(before)
