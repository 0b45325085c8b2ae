"""What the best policy of a search does: its training is repeated in a process of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from shoal.errors import ProblemError, StoreError
from shoal.genome.genome import Genome
from shoal.problems.base import evaluate
from shoal.problems.evaluation import Task
from shoal.problems.registry import find_simulation
from shoal.problems.simulation import SimulationProblem
from shoal.pso.engines import get_engine
from shoal.replay import live_episode, page_processes
from shoal.replay.live_episode import LiveEpisodes, best_episode
from shoal.settings.search_settings import SearchSettings
from shoal.simulations.evaluation import evaluate_policies
from shoal.store import Owner, Store, open_store
from shoal.system.child import ABANDONED_CODE
from support.processes import eventually
from support.tables import tiny_dataset

# A simulation of a user, in plain Python, of seven steps.
OWN = """
import shoal

print('{"episode": "what it prints is no answer"}')

@shoal.simulation(inputs=1, outputs=1, compiled=False, observations=("x",))
def follow(policy, scenario):
    return sum(abs(float(policy.act((x,))[0]) - x) for x in (scenario.uniform() for _ in range(7)))
"""
BRIEF = {"preset": "simulation", "iterations": 4, "scenarios": 1, "validation_scenarios": 3}
GENOME = Genome(swarm_size=5, hidden_layers=(2,), activation="tanh")


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, Path]]:
    """A store with a recorded training of run 1, and the file of its simulation."""
    folder = tmp_path_factory.mktemp("live-episode")
    own = folder / "follow.py"
    own.write_text(OWN)
    simulation = find_simulation(f"{own}:follow")
    settings = SearchSettings.parse(BRIEF)

    with open_store(folder / "shoal.db") as store:
        store.add_run(simulation, settings)
        claim = store.claim(Owner.here())
        assert claim is not None
        problem = SimulationProblem(simulation, settings)
        store.record(claim, [evaluate(problem, Task(GENOME, 0), get_engine("cpu"))], [], 1.0)
        yield store, own


def test_the_episode_is_that_of_the_policy_that_was_recorded(opened: tuple[Store, Path]) -> None:
    store, _ = opened
    problem = store.load_problem(1)
    assert isinstance(problem, SimulationProblem)
    (evaluation,) = store.evaluations(1)
    episode = best_episode(problem, evaluation)

    _, weights = problem.train(evaluation.task, get_engine("cpu"))
    scores = evaluate_policies(
        problem.simulation,
        problem.network(GENOME),
        weights[None],
        problem.search_scenarios,
        range(3),
    ).scores[0]
    assert episode.score == scores[0]
    assert scores.mean() == evaluation.score, "the scenarios that compare trainings"
    assert (episode.steps, list(episode.observations)) == (7, ["x"])


def test_an_episode_needs_a_policy(opened: tuple[Store, Path]) -> None:
    store, _ = opened
    table, _ = store.add_run(tiny_dataset(), SearchSettings())
    (evaluation,) = store.evaluations(1)
    with pytest.raises(ProblemError, match="needs a simulation"):
        best_episode(store.load_problem(table), evaluation)


def looked_at(pool: LiveEpisodes, genome: str) -> Any:
    eventually(lambda: pool.look(1, genome, 0) is not None)
    return pool.look(1, genome, 0)


def test_a_process_makes_it_from_code_of_this_machine_only(opened: tuple[Store, Path]) -> None:
    store, own = opened
    problem = store.load_problem(1)
    (evaluation,) = store.evaluations(1)
    with closing(LiveEpisodes(store.raw_url)) as pool:
        assert pool.look(1, GENOME.hash, 0) is None, "nobody waits"
        assert looked_at(pool, GENOME.hash) == best_episode(problem, evaluation)

    own.write_text(f"{OWN}\nraise SystemExit('executed')\n")
    with (
        closing(LiveEpisodes(store.raw_url)) as pool,
        pytest.raises(StoreError, match="has changed since the run began"),
    ):
        looked_at(pool, GENOME.hash)
    own.write_text(OWN)


class Idle:
    """A process that never answers."""

    made: list[Idle] = []  # noqa: RUF012

    def __init__(self, entry: str, request: dict[str, Any], env: dict[str, str]) -> None:
        self.request = request
        self.process = SimpleNamespace(pid=1)
        self.signs = 0
        self.closed = False
        self.ended = False
        Idle.made.append(self)

    def has_ended(self) -> bool:
        return self.ended

    def new_answers(self) -> list[dict[str, Any]]:
        return []

    def was_abandoned(self) -> bool:
        return self.ended

    def sign_of_life(self) -> None:
        self.signs += 1

    def close(self) -> None:
        self.closed = True


def test_one_process_at_a_time_and_the_newest_generation_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(page_processes, "Child", Idle)
    pool = LiveEpisodes("store")
    assert pool.look(1, "a", 0) is pool.look(1, "a", 0) is None
    (first,) = Idle.made
    assert first.signs == 1

    assert pool.look(2, "a", 0) is None, "another run waits"
    assert len(Idle.made) == 1
    assert pool.look(1, "b", 0) is None
    assert first.closed
    assert Idle.made[-1].request == {"run": 1, "genome": "b", "repeat": 0}

    # One that was abandoned is made anew for whoever comes back.
    Idle.made[-1].ended = True
    assert pool.look(1, "b", 0) is None
    assert len(Idle.made) == 3
    pool.close()
    assert Idle.made[-1].closed


@pytest.mark.parametrize("ends", ["nobody asks", "too long"])
def test_it_ends_when_nobody_asks_and_when_it_takes_too_long(ends: str) -> None:
    now = [0.0]
    parent = SimpleNamespace(last_sign=0.0)
    left: list[int] = []

    def clock() -> float:
        now[0] += 1.0
        if ends == "too long":
            parent.last_sign = now[0]
        return now[0]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(live_episode, "_WATCH_SECONDS", 0.0)
        live_episode._end_when_abandoned(parent, clock, left.append)  # type: ignore[arg-type]
    assert left == [{"nobody asks": ABANDONED_CODE, "too long": 1}[ends]]
    limits = {
        "nobody asks": live_episode.ABANDONED_SECONDS,
        "too long": live_episode.LIMIT_SECONDS,
    }
    assert now[0] == pytest.approx(limits[ends], abs=3)
