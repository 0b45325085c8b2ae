"""A policy of an environment of Gymnasium, taken away: it acts as the run's policy acted."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("gymnasium", reason="the extra shoal[gym] is not installed")

from shoal.analysis.acting_policy import acting_weights, policy_model
from shoal.analysis.play import play_policy
from shoal.export.policy_files import policy_programs
from shoal.inference.policy import Choice, ExportedPolicy, PolicyError, load_policy
from shoal.nn.network import Network
from shoal.numerics.philox import Purpose
from shoal.objectives.metrics import Metrics, Scores
from shoal.problems.simulation import SCORE, SimulationProblem
from shoal.settings.search_settings import SearchSettings
from shoal.simulations.definition import Simulation
from shoal.simulations.evaluation import ScenarioSet
from shoal.simulations.gym import GymSimulation, gym_simulation
from shoal.simulations.gym_spaces import Normalisation
from shoal.simulations.registry import get_simulation
from shoal.simulations.scenario import Scenario
from shoal.simulations.trace import trace_episode
from shoal.tuning.champion import Champion

SCENARIOS = ScenarioSet((3, 4), Purpose.TEST_SCENARIO)


def exported(folder: Path, simulation: Simulation) -> Path:
    """A folder as `shoal export` writes it; the policy is of no training."""
    problem = SimulationProblem(simulation, SearchSettings.parse({"preset": "simulation"}))
    genome = problem.default_genome
    network = problem.network(genome)
    weights = np.random.default_rng(4).standard_normal((1, network.size)).astype(np.float32)
    scores = Scores(Metrics(others={SCORE: 1.0}))
    champion = Champion(genome, (1.0,), False, weights, scores, scores, shares=(1.0,))

    (folder / "model.json").write_text(json.dumps(policy_model(champion, problem, run_id=1)))
    np.savez(folder / "weights.npz", weights=acting_weights(champion))
    for name, content in policy_programs().items():
        (folder / name).write_bytes(content)
    return folder


# An episode as somebody plays it who has NumPy and Gymnasium, and neither Shoal nor Numba.
PROGRAM = """
import sys
sys.modules["shoal"] = None
sys.path.insert(0, sys.argv[1])
import json
import gymnasium
from policy import load_policy

policy = load_policy(sys.argv[1])
made = gymnasium.make(sys.argv[2])
observation, _ = made.reset(seed=int(sys.argv[3]))
total, actions, ended = 0.0, [], False
while not ended:
    action = policy.action(observation)
    actions.append(action if isinstance(action, int) else action.tolist())
    observation, reward, terminated, truncated, _ = made.step(action)
    total += float(reward)
    ended = terminated or truncated
assert "numba" not in sys.modules
print(json.dumps([total, actions]))
"""


@pytest.mark.parametrize("name", ["CartPole-v1", "Acrobot-v1", "FrozenLake-v1", "Pendulum-v1"])
def test_it_acts_as_the_policy_of_the_run(tmp_path: Path, name: str) -> None:
    simulation = get_simulation(f"gym:{name}")
    assert isinstance(simulation, GymSimulation)
    folder = exported(tmp_path, simulation)
    policy = load_policy(folder)
    network = Network(tuple(policy.about["layers"]), policy.about["activation"])
    episode = trace_episode(simulation, network, policy.weights, SCENARIOS, number=1)

    seed = Scenario(SCENARIOS.key, SCENARIOS.purpose, 1).seed
    command = [sys.executable, "-c", PROGRAM, str(folder), name, str(seed)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    total, actions = json.loads(done.stdout)
    expected = simulation.ends.actions.actions(episode.outputs)
    assert len(actions) == episode.steps

    if isinstance(simulation.ends.actions, Choice):
        assert actions == expected
        assert total == episode.score
    else:
        # The exported network adds in another order: float32 rounding.
        np.testing.assert_allclose(actions, expected, rtol=1e-3, atol=1e-4)
        assert total == pytest.approx(episode.score, rel=1e-3)


def test_observations_come_alone_or_together_as_the_environment_gives_them(tmp_path: Path) -> None:
    pendulum = load_policy(exported(tmp_path, get_simulation("gym:Pendulum-v1")))
    rows = np.array([[1.0, 0.0, 2.0], [0.0, -1.0, 8.0]], np.float32)
    np.testing.assert_allclose(pendulum.act(rows)[1], pendulum.act(rows[1]), rtol=1e-6)
    assert pendulum.action(rows[0]).dtype == np.float32
    with pytest.raises(PolicyError, match=r"shape \(2,\)\. Expected: \(3,\), or \(rows, 3\)"):
        pendulum.act([1.0, 2.0])

    lake = load_policy(exported(tmp_path, get_simulation("gym:FrozenLake-v1")))
    np.testing.assert_allclose(lake.act([3, 15])[1], lake.act(15), rtol=1e-5)
    assert lake.action(15) in range(4)
    with pytest.raises(PolicyError, match=r"states \[16\] are observed.*from 0 to 15"):
        lake.action(16)


def test_a_policy_of_another_simulation_has_no_actions_of_gymnasium(tmp_path: Path) -> None:
    policy = ExportedPolicy({"name": "cartpole", "layers": [4, 2]}, np.zeros(10, np.float32))
    with pytest.raises(PolicyError, match="cartpole is no environment of Gymnasium"):
        policy.action([0.0] * 4)


def test_it_is_played_with_its_options_and_its_scaling(tmp_path: Path) -> None:
    scaling = Normalisation((0.1, 0.2, 0.3), (2.0, 2.0, 4.0))
    light = gym_simulation("Pendulum-v1", options={"g": 2.0}, normalisation=scaling)
    folder = exported(tmp_path, light)
    played = play_policy(folder, episodes=3)
    assert isinstance(played.simulation, GymSimulation)
    assert played.simulation.options["g"] == 2.0
    assert played.simulation.normalisation == scaling


def test_an_older_export_is_played_with_the_scaling_of_a_random_play(tmp_path: Path) -> None:
    folder = exported(tmp_path, get_simulation("gym:Pendulum-v1"))
    now = play_policy(folder, episodes=3)

    model = json.loads((folder / "model.json").read_text())
    del model["environment"]
    older = {**model, "format": 1, "options": {}}
    (folder / "model.json").write_text(json.dumps(older))
    assert (play_policy(folder, episodes=3).scores == now.scores).all()

    # Its own policy.py was handed what the network sees.
    seen = load_policy(folder).act([0.5, -0.5, 1.0])
    assert seen.shape == (1,)
