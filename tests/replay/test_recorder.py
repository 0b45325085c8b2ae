"""Replays: the recorded loss, the right frames, and a process that waits for nobody."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shoal.data import load_dataset
from shoal.errors import ReplayError
from shoal.genome.genome import Genome
from shoal.objectives.losses import loss_values
from shoal.objectives.metrics import Metrics, Scores
from shoal.problems.evaluation import Evaluation, GenerationSummary, Task
from shoal.problems.table import Problem, evaluate
from shoal.pso.engines import ENGINES, get_engine
from shoal.pso.snapshot import random_projection, take_snapshot
from shoal.pso.swarm import initial_state, penalties, step
from shoal.replay import worker
from shoal.replay.recorder import Replay, Window, losses_at, recorded_training, replay_training
from shoal.replay.worker import ReplayPool, Request
from shoal.settings.search_settings import SearchSettings
from shoal.store import Owner, Store, open_store
from shoal.system.child import Entry, Parent, send, start
from shoal.update_rules import UPDATE_RULES
from support import child_entries
from support.processes import alive, eventually

GENES: dict[str, Any] = {
    "swarm_size": 8,
    "hidden_layers": (4,),
    "weight_decay": 1e-4,
    "velocity_end": 0.3,
}


def problem(**settings: Any) -> Problem:
    data = load_dataset("concrete", preset=settings.get("preset", "modern"))
    return Problem(
        data,
        SearchSettings.parse(
            {"iterations": 40, "equal_effort": False, "racing": "fixed", **settings}
        ),
    )


def recorded(of: Problem, genome: Genome, repeat: int = 1) -> Evaluation:
    found = evaluate(of, Task(genome, repeat), get_engine(of.settings.engine))
    assert found.error is None
    return found


def again(
    of: Problem,
    evaluation: Evaluation,
    window: Window = Window(),  # noqa: B008
    **options: Any,
) -> Replay:
    return replay_training(
        of, evaluation.task, evaluation.iterations, window, recorded=evaluation.loss, **options
    )


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("rule", UPDATE_RULES)
@pytest.mark.parametrize("kind", ["random", "principal"])
def test_the_very_loss_that_was_recorded(kind: Any, rule: str, engine: str) -> None:
    of = problem(engine=engine, iterations=25, patience=25)
    evaluation = recorded(of, Genome(**GENES, update_rule=rule))
    film = again(of, evaluation, Window(last=9, most=4, projection=kind))
    assert film.exact is True
    assert film.loss == evaluation.loss
    assert film.history == evaluation.curve, "all 25 iterations"
    assert [frame.iteration for frame in film.frames] == [0, 3, 6, 9]
    assert film.plane == kind
    assert replace(film, recorded=float(np.nextafter(film.loss, 1))).exact is False


@pytest.mark.parametrize("preset", ["classic", "modern"])
def test_a_training_that_patience_ended(preset: str) -> None:
    of = problem(preset=preset, iterations=400, patience=5, min_improvement=0.02)
    evaluation = recorded(of, Genome(**GENES), repeat=3)
    assert evaluation.iterations < of.iterations_for(evaluation.task) / 2
    film = again(of, evaluation, Window(most=3))
    assert film.exact is True
    assert film.frames[-1].iteration == film.iterations == evaluation.iterations


def test_a_training_that_a_clock_ended() -> None:
    of = problem(iterations=100_000, training_seconds=0.05)
    evaluation = recorded(of, Genome(**GENES))
    assert evaluation.iterations < 100_000
    assert again(of, evaluation, Window(most=2)).exact is True


def test_frames_are_those_of_the_reference_steps() -> None:
    of = problem(engine="reference")
    evaluation = recorded(of, Genome(**GENES))
    training = of.training(evaluation.task, iterations=evaluation.iterations)
    state, plane = initial_state(training), random_projection(training.network.size)
    for _ in range(5):
        state = step(training, state)
    film = again(of, evaluation, Window(first=5, last=6, projection="random"))
    wanted, seen = take_snapshot(training, state, plane), film.frames[0]
    assert seen.current is not None
    assert replace(seen, current=None).to_dict() == wanted.to_dict()
    np.testing.assert_array_equal(seen.current, losses_at(training, state.positions))


def test_losses_where_particles_stand() -> None:
    of = problem()
    training = of.training(Task(Genome(**GENES), 0))
    positions = initial_state(training).positions
    outputs = training.network.forward(positions, training.x)
    wanted = loss_values(training.objective, outputs, training.y) + penalties(training, positions)
    np.testing.assert_array_equal(losses_at(training, positions), wanted)
    many = replace(training, x=np.tile(training.x, (8, 1)), y=np.tile(training.y, 8))
    np.testing.assert_allclose(losses_at(many, positions), wanted, rtol=0.2)
    broken = positions.copy()
    broken[0] = np.nan
    assert np.isinf(losses_at(training, broken)[0])


def test_the_axes_are_those_of_the_whole_training_whatever_the_window() -> None:
    of = problem(iterations=60, patience=60)
    evaluation = recorded(of, Genome(**GENES))
    early, late = (again(of, evaluation, Window(first, first + 2)).frames[0] for first in (0, 20))
    both = again(of, evaluation, Window(0, 20, most=21)).frames
    np.testing.assert_array_equal(both[0].positions, early.positions)
    np.testing.assert_array_equal(both[20].positions, late.positions)
    share = again(of, evaluation, Window(most=2)).share
    assert share is not None and 0.1 < share <= 1


def test_large_swarms_are_trained_twice_and_look_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    of, heard = problem(), []
    evaluation = recorded(of, Genome(**GENES))
    window = Window(3, 30, most=10)
    once = again(of, evaluation, window).to_dict()
    monkeypatch.setattr("shoal.replay.recorder._HELD", 0)
    twice = again(of, evaluation, window, on_progress=heard.append)
    assert twice.to_dict() == once
    assert heard[-1] == 1.0 and twice.exact is True


def test_moments() -> None:
    assert Window(most=5).moments(100) == [0, 25, 50, 75, 100]
    assert Window(10, 13).moments(100) == [10, 11, 12, 13]
    early = Window(most=20, spacing="early").moments(1000)
    assert (early[0], early[-1], len(set(early))) == (0, 1000, 20)
    assert early[:5] == [0, 1, 2, 3, 4] and early[-1] - early[-2] > 200
    assert Window(7, 7).moments(9) == [7]


@pytest.mark.parametrize(
    "window", [Window(5, 3), Window(0, 101), Window(-1), Window(most=1), Window(most=10_000)]
)
def test_windows_that_do_not_fit(window: Window) -> None:
    with pytest.raises(ReplayError, match="Expected"):
        window.moments(100)


def test_a_training_that_never_began() -> None:
    with pytest.raises(ReplayError, match="made no iteration"):
        replay_training(problem(), Task(Genome(), 0), 0)


def test_progress_rises_and_what_it_raises_ends_the_replay() -> None:
    of, heard = problem(), []
    evaluation = recorded(of, Genome(**GENES))
    again(of, evaluation, on_progress=heard.append)
    assert heard == sorted(heard) and heard[-1] == 1.0

    def enough(done: float) -> None:
        if done > 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        again(of, evaluation, on_progress=enough)


def test_written_down_and_read_again() -> None:
    of = problem()
    film = again(of, recorded(of, Genome(**GENES)), Window(most=3, spacing="early"))
    values = json.loads(json.dumps(film.to_dict(), allow_nan=False))
    read = Replay.from_dict(values)
    assert read.to_dict() == values
    assert (read.window, read.genome, read.loss, read.exact) == (
        film.window,
        film.genome,
        film.loss,
        True,
    )


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "shoal.db") as store:
        yield store


@pytest.fixture
def pool(opened: Store) -> Iterator[ReplayPool]:
    replays = ReplayPool(opened.raw_url)
    yield replays
    replays.close()


def test_which_training_a_run_is_asked_for(opened: Store) -> None:
    of = problem()
    run_id, _ = opened.add_run(of.dataset, of.settings)
    with pytest.raises(ReplayError, match="none is recorded"):
        recorded_training(opened, run_id)
    one, other = Genome(**GENES), Genome(**GENES, jump_size=0.5)
    told = [
        evaluated(one, 1),
        evaluated(other, 0),
        evaluated(one, 0),
        Evaluation(Task(other, 1), "failed", error="no"),
    ]
    claim = opened.claim(Owner.here())
    assert claim is not None
    opened.record(claim, told, [], 1.0)
    assert recorded_training(opened, run_id).task.id == (one.hash, 0), (
        "no generation yet: the first that was met"
    )
    opened.record(claim, [], [GenerationSummary(1, other, 70.0, 1, 60.0, 4)], 1.0)
    assert recorded_training(opened, run_id).task.id == (other.hash, 0), "the best one"
    assert recorded_training(opened, run_id, one.hash[:6]).task.id == (one.hash, 0)
    assert recorded_training(opened, run_id, one.hash, 1).loss == 0.25
    for genome, repeat in ((other.hash, 1), (other.hash, 9), ("nothing", None), (None, 5)):
        with pytest.raises(ReplayError, match="no such training"):
            recorded_training(opened, run_id, genome, repeat)
    with pytest.raises(ReplayError, match="more digits"):
        recorded_training(opened, run_id, "")


def evaluated(genome: Genome, repeat: int) -> Evaluation:
    return Evaluation(
        Task(genome, repeat), "ok", Scores(Metrics(70.0), Metrics(70.0)), loss=0.25, iterations=3
    )


def request_for(opened: Store, **window: Any) -> Request:
    of = problem()
    run_id, _ = opened.add_run(of.dataset, of.settings)
    evaluation = recorded(of, Genome(**GENES))
    return Request(
        run_id, evaluation.task, evaluation.iterations, evaluation.loss, Window(**window)
    )


def test_a_process_makes_one_for_all_who_ask(opened: Store, pool: ReplayPool) -> None:
    request = request_for(opened, most=5)
    assert Request.from_dict(json.loads(json.dumps(request.to_dict()))) == request
    first = pool.look(request)
    assert first == 0.0, "nobody waits"
    eventually(lambda: isinstance(pool.look(request), Replay))
    replay = pool.look(request)
    assert isinstance(replay, Replay)
    assert replay is pool.look(request)
    assert replay.exact is True
    assert len(replay.frames) == 5


@pytest.fixture
def entry(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Has the pool's processes run another entry than that of replays."""
    tests = str(Path(__file__).parents[1])
    paths = [tests, *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    return lambda name: monkeypatch.setattr(worker, "_ENTRY", name)


def test_what_cannot_be_replayed_says_why_until_it_is_forgotten(
    opened: Store, pool: ReplayPool, entry: Callable[[str], None]
) -> None:
    request = request_for(opened)
    entry(child_entries.REFUSE)
    for _ in range(2):
        with pytest.raises(ReplayError, match="a shorter one"):
            eventually(lambda: pool.look(request) == 1.0)
        assert not pool._running, "it is not tried again and again"
    pool.forget(request)
    entry(child_entries.FAIL)
    with pytest.raises(ReplayError, match="has ended: MemoryError: no room left"):
        eventually(lambda: pool.look(request) == 1.0)


def test_a_number_of_processes_at_once(
    opened: Store, pool: ReplayPool, entry: Callable[[str], None]
) -> None:
    entry(child_entries.SILENT)
    request = request_for(opened)
    for repeat in range(5):
        assert pool.look(replace(request, task=replace(request.task, repeat=repeat))) == 0.0
    first, second = [running.child.process for running in pool._running.values()]
    first.kill()
    first.wait()
    assert pool.look(replace(request, run_id=99)) == 0.0
    assert {r.run_id for r in pool._running} == {request.run_id, 99}, (
        "the place of a dead one is free"
    )
    pool.close()
    assert second.returncode is not None


def test_a_replay_that_nobody_waits_for_or_that_takes_too_long_ends() -> None:
    reading, writing = os.pipe()
    parent = Parent(reading)
    parent.when_gone(lambda: None)
    now = [parent.last_sign]
    reporter = worker._Reporter(parent, clock=lambda: now[0])
    now[0] += worker.ABANDONED_SECONDS
    reporter(0.5)
    now[0] += 0.1
    with pytest.raises(worker._Abandoned):
        reporter(0.5)

    before = parent.last_sign
    os.write(writing, b"\n")
    eventually(lambda: parent.last_sign > before)
    now[0] = parent.last_sign
    reporter(0.5)
    now[0] += worker.LIMIT_SECONDS + 1.0
    parent.last_sign = now[0]
    with pytest.raises(ReplayError, match="shorter training"):
        reporter(0.5)
    os.close(writing)
    parent.wait_until_gone()
    os.close(reading)


def test_it_ends_with_who_started_it(opened: Store) -> None:
    request = replace(request_for(opened), iterations=10**7).to_dict()
    environment = {**os.environ, "SHOAL_STORE": opened.raw_url}
    process = start(Entry.REPLAY, env=environment, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    send(process, request)
    assert b"done" in process.stdout.readline()
    assert alive(process.pid)
    lowered = os.getpriority(os.PRIO_PROCESS, 0) + worker.NICENESS
    assert os.getpriority(os.PRIO_PROCESS, process.pid) == min(lowered, 19)
    process.stdin.close()
    assert process.wait(60) == 1
    process.stdout.close()
