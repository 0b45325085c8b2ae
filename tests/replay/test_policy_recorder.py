"""Replays of swarms that trained policies: the recorded loss, and only code of this machine."""

from __future__ import annotations

import json
import shutil
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shoal.errors import CodeChangedError, ReplayError
from shoal.genome.genome import Genome
from shoal.problems.base import evaluate
from shoal.problems.evaluation import Evaluation, Task
from shoal.problems.registry import find_simulation
from shoal.problems.simulation import SimulationProblem
from shoal.pso.engines import get_engine
from shoal.replay.recorder import Replay, Window, replay_training
from shoal.replay.verify import verify
from shoal.replay.worker import ReplayPool, Request
from shoal.settings.search_settings import SearchSettings
from shoal.simulations.registry import get_simulation
from shoal.store import Owner, Store, open_store
from shoal.update_rules import UPDATE_RULES
from support.locations import TESTS
from support.processes import eventually

GENES: dict[str, Any] = {
    "swarm_size": 8,
    "hidden_layers": (3,),
    "weight_scale": 1.0,
    "weight_decay": 1e-4,
    "activation": "tanh",
}
SHORT = {"preset": "simulation", "iterations": 20, "scenarios": 2, "validation_scenarios": 4}
# It prints what looks like an answer of the process that it runs in.
TALKATIVE = """
print('{"replay": 1}')
print('{"done": "never"}')
"""


def make_problem(name: str = "mountain-car", **settings: Any) -> SimulationProblem:
    """A simulation with trainings of 20 iterations, unless ``settings`` say otherwise."""
    brief = {"equal_effort": False, "racing": "fixed"}
    return SimulationProblem(
        get_simulation(name), SearchSettings.parse({**SHORT, **brief, **settings})
    )


def recorded(problem: SimulationProblem, genome: Genome, repeat: int = 1) -> Evaluation:
    """The evaluation that a run would record of this genome and repeat."""
    evaluation = evaluate(problem, Task(genome, repeat), get_engine("cpu"))
    assert evaluation.error is None
    return evaluation


def replay_of(
    problem: SimulationProblem, evaluation: Evaluation, window: Window, **options: Any
) -> Replay:
    return replay_training(
        problem,
        evaluation.task,
        evaluation.iterations,
        window,
        recorded=evaluation.loss,
        **options,
    )


@pytest.mark.parametrize("fresh_scenarios", [True, False])
@pytest.mark.parametrize("rule", UPDATE_RULES)
@pytest.mark.parametrize("kind", ["random", "principal"])
def test_the_very_loss_that_was_recorded(kind: Any, rule: str, fresh_scenarios: bool) -> None:
    problem = make_problem(fresh_scenarios=fresh_scenarios)
    evaluation = recorded(problem, Genome(**GENES, update_rule=rule))

    replay = replay_of(problem, evaluation, Window(last=9, most=4, projection=kind))

    assert replay.exact is True
    assert replay.history == evaluation.curve, "all 20 iterations"
    assert [frame.iteration for frame in replay.frames] == [0, 3, 6, 9]
    assert replay.metric == problem.metric
    assert Replay.from_dict(json.loads(json.dumps(replay.to_dict()))).metric == problem.metric


def test_a_training_that_patience_ended_and_its_policy() -> None:
    problem = make_problem(iterations=300, patience=12)
    evaluation = recorded(problem, Genome(**GENES), repeat=2)
    assert evaluation.iterations < 150

    assert replay_of(problem, evaluation, Window(most=3)).exact is True
    # The same leaders were on the way, so the same policy is chosen.
    again, _ = problem.train(evaluation.task, get_engine("cpu"), evaluation.iterations)
    assert replace(again, seconds=evaluation.seconds) == evaluation


def test_what_frames_show_of_a_policy_swarm(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = make_problem()
    evaluation = recorded(problem, Genome(**GENES))
    held = replay_of(problem, evaluation, Window(most=6))

    steps = [frame.steps for frame in held.frames]
    assert steps[0] == 0
    assert steps[-1] == evaluation.scores.train["steps"]
    assert steps == sorted(steps)

    # Of the first frame nothing has acted yet: the losses are those of the first iteration.
    first = held.frames[0].current
    assert first.min() == pytest.approx(
        replay_of(problem, evaluation, Window(most=2)).history[0][1]
    )

    # Where frames do not fit into memory, the training is made a second time.
    monkeypatch.setattr("shoal.replay.recorder._HELD", 0)
    again = replay_of(problem, evaluation, Window(most=6))
    assert again.to_dict() == held.to_dict()


def test_to_look_at_a_training_changes_nothing() -> None:
    problem = make_problem()
    task = Task(Genome(**GENES), 1)
    with closing(problem.stepwise(task, get_engine("cpu"), 6)) as training:
        looked_at = training.begin()
        for _ in range(6):
            looked_at = training.advance(looked_at, 1)
            training.losses_at(looked_at.positions)
        expected = looked_at.history.copy()

        assert np.array_equal(training.advance(training.begin(), 6).history, expected)


# ---- Code of users -------------------------------------------------------------------------------


@pytest.fixture
def own_file(tmp_path: Path) -> Path:
    """A user's file, which a test may change."""
    return Path(shutil.copy(TESTS / "support" / "thermostat.py", tmp_path / "thermostat.py"))


def stored(store: Store, file: Path) -> Request:
    """Record a training of a run on the file's simulation, and ask for its swarm."""
    simulation = find_simulation(f"{file}:thermostat")
    settings = SearchSettings.parse(SHORT)
    run_id, _ = store.add_run(simulation, settings)
    evaluation = recorded(SimulationProblem(simulation, settings), Genome(**GENES))
    claim = store.claim(Owner.here(), run_id)
    assert claim is not None
    store.record(claim, [evaluation], [], 1.0)
    return Request(run_id, evaluation.task, evaluation.iterations, evaluation.loss, Window(most=3))


def looked_at(store: Store, request: Request) -> Replay:
    """The replay, made in a process of its own."""
    with closing(ReplayPool(store.raw_url)) as pool:
        eventually(lambda: isinstance(pool.look(request), Replay))
        replay = pool.look(request)
    assert isinstance(replay, Replay)
    return replay


def test_a_file_that_prints_lines_of_answers_is_replayed(tmp_path: Path, own_file: Path) -> None:
    own_file.write_text(own_file.read_text() + TALKATIVE)
    with open_store(tmp_path / "shoal.db") as store:
        request = stored(store, own_file)
        assert looked_at(store, request).exact is True
        assert verify(store, 1, request.task.genome.hash, 1).same


def test_a_file_that_changed_is_not_executed_for_a_replay(tmp_path: Path, own_file: Path) -> None:
    trace = tmp_path / "executed"
    with open_store(tmp_path / "shoal.db") as store:
        request = stored(store, own_file)
        text = own_file.read_text()
        own_file.write_text(f"{text}\nopen({str(trace)!r}, 'w')\n")
        with pytest.raises(ReplayError, match=r"has changed since the run began.*shoal code"):
            looked_at(store, request)
        with pytest.raises(CodeChangedError, match="has changed"):
            verify(store, 1, request.task.genome.hash, 1)

        own_file.unlink()
        with pytest.raises(ReplayError, match=r"not on this machine.*shoal code"):
            looked_at(store, request)
        assert not trace.exists()

        own_file.write_text(text)
        assert looked_at(store, request).exact is True
