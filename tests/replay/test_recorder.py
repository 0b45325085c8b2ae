"""Replays: the recorded loss, the right frames, and a process that waits for nobody."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
from shoal.problems.base import evaluate
from shoal.problems.evaluation import Evaluation, GenerationSummary, Task
from shoal.problems.table import TableProblem
from shoal.problems.table_stepwise import losses_at
from shoal.pso.engines import ENGINES, get_engine
from shoal.pso.snapshot import random_projection, take_snapshot
from shoal.pso.swarm import initial_state, penalties, step
from shoal.replay import worker
from shoal.replay.recorder import Replay, Window, recorded_training, replay_training
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


def make_problem(**settings: Any) -> TableProblem:
    """Concrete's strength, with trainings of 40 iterations unless ``settings`` say otherwise."""
    dataset = load_dataset("concrete", preset=settings.get("preset", "modern"))
    brief = {"iterations": 40, "equal_effort": False, "racing": "fixed"}
    return TableProblem(dataset, SearchSettings.parse({**brief, **settings}))


def recorded(problem: TableProblem, genome: Genome, repeat: int = 1) -> Evaluation:
    """The evaluation that a run would record of this genome and repeat."""
    evaluation = evaluate(problem, Task(genome, repeat), get_engine(problem.settings.engine))
    assert evaluation.error is None
    return evaluation


def replay_of(
    problem: TableProblem,
    evaluation: Evaluation,
    window: Window = Window(),  # noqa: B008
    **options: Any,
) -> Replay:
    """The recorded evaluation's training, run again."""
    return replay_training(
        problem,
        evaluation.task,
        evaluation.iterations,
        window,
        recorded=evaluation.loss,
        **options,
    )


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("rule", UPDATE_RULES)
@pytest.mark.parametrize("kind", ["random", "principal"])
def test_the_very_loss_that_was_recorded(kind: Any, rule: str, engine: str) -> None:
    problem = make_problem(engine=engine, iterations=25, patience=25)
    evaluation = recorded(problem, Genome(**GENES, update_rule=rule))

    replay = replay_of(problem, evaluation, Window(last=9, most=4, projection=kind))

    assert replay.exact is True
    assert replay.loss == evaluation.loss
    assert replay.history == evaluation.curve, "all 25 iterations"
    assert [frame.iteration for frame in replay.frames] == [0, 3, 6, 9]
    assert replay.plane == kind

    next_number = float(np.nextafter(replay.loss, 1))
    assert replace(replay, recorded=next_number).exact is False


@pytest.mark.parametrize("preset", ["classic", "modern"])
def test_a_training_that_patience_ended(preset: str) -> None:
    problem = make_problem(preset=preset, iterations=400, patience=5, min_improvement=0.02)
    evaluation = recorded(problem, Genome(**GENES), repeat=3)
    assert evaluation.iterations < problem.iterations_for(evaluation.task) / 2

    replay = replay_of(problem, evaluation, Window(most=3))

    assert replay.exact is True
    assert replay.frames[-1].iteration == replay.iterations == evaluation.iterations


def test_a_training_that_a_clock_ended() -> None:
    problem = make_problem(iterations=100_000, training_seconds=0.05)
    evaluation = recorded(problem, Genome(**GENES))
    assert evaluation.iterations < 100_000

    assert replay_of(problem, evaluation, Window(most=2)).exact is True


def test_frames_are_those_of_the_reference_steps() -> None:
    problem = make_problem(engine="reference")
    evaluation = recorded(problem, Genome(**GENES))
    training = problem.training(evaluation.task, iterations=evaluation.iterations)
    state = initial_state(training)
    for _ in range(5):
        state = step(training, state)
    plane = random_projection(training.network.size)
    expected = take_snapshot(training, state, plane)

    replay = replay_of(problem, evaluation, Window(first=5, last=6, projection="random"))

    frame = replay.frames[0]
    assert frame.current is not None
    assert replace(frame, current=None).to_dict() == expected.to_dict()
    np.testing.assert_array_equal(frame.current, losses_at(training, state.positions))


def test_losses_where_particles_stand() -> None:
    training = make_problem().training(Task(Genome(**GENES), 0))
    positions = initial_state(training).positions

    outputs = training.network.forward(positions, training.x)
    losses = loss_values(training.objective, outputs, training.y)
    expected = losses + penalties(training, positions)
    np.testing.assert_array_equal(losses_at(training, positions), expected)

    # More rows than a replay reads: the losses are estimates.
    many_rows = replace(training, x=np.tile(training.x, (8, 1)), y=np.tile(training.y, 8))
    np.testing.assert_allclose(losses_at(many_rows, positions), expected, rtol=0.2)

    broken = positions.copy()
    broken[0] = np.nan
    assert np.isinf(losses_at(training, broken)[0])


def test_the_axes_are_those_of_the_whole_training_whatever_the_window() -> None:
    problem = make_problem(iterations=60, patience=60)
    evaluation = recorded(problem, Genome(**GENES))

    early = replay_of(problem, evaluation, Window(0, 2)).frames[0]
    late = replay_of(problem, evaluation, Window(20, 22)).frames[0]
    both = replay_of(problem, evaluation, Window(0, 20, most=21)).frames

    np.testing.assert_array_equal(both[0].positions, early.positions)
    np.testing.assert_array_equal(both[20].positions, late.positions)


def test_the_share_of_the_spread_that_the_axes_show() -> None:
    problem = make_problem(iterations=60, patience=60)
    evaluation = recorded(problem, Genome(**GENES))

    share = replay_of(problem, evaluation, Window(most=2)).share

    assert share is not None
    assert 0.1 < share <= 1


def test_large_swarms_are_trained_twice_and_look_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = make_problem()
    evaluation = recorded(problem, Genome(**GENES))
    window = Window(3, 30, most=10)
    once = replay_of(problem, evaluation, window)

    # No swarm is small enough for its positions to be kept in memory.
    monkeypatch.setattr("shoal.replay.recorder._HELD", 0)
    shares_done: list[float] = []
    twice = replay_of(problem, evaluation, window, on_progress=shares_done.append)

    assert twice.to_dict() == once.to_dict()
    assert twice.exact is True
    assert shares_done[-1] == 1.0


def test_iterations_that_a_window_shows() -> None:
    assert Window(most=5).moments(100) == [0, 25, 50, 75, 100]
    assert Window(10, 13).moments(100) == [10, 11, 12, 13]
    assert Window(7, 7).moments(9) == [7]


def test_early_iterations_may_be_shown_more_closely() -> None:
    early = Window(most=20, spacing="early").moments(1000)

    assert len(set(early)) == 20
    assert early[:5] == [0, 1, 2, 3, 4]
    assert early[-1] == 1000
    assert early[-1] - early[-2] > 200


@pytest.mark.parametrize(
    "window", [Window(5, 3), Window(0, 101), Window(-1), Window(most=1), Window(most=10_000)]
)
def test_windows_that_do_not_fit(window: Window) -> None:
    with pytest.raises(ReplayError, match="Expected"):
        window.moments(100)


def test_a_training_that_never_began() -> None:
    with pytest.raises(ReplayError, match="made no iteration"):
        replay_training(make_problem(), Task(Genome(), 0), 0)


def test_progress_rises_and_what_it_raises_ends_the_replay() -> None:
    problem = make_problem()
    evaluation = recorded(problem, Genome(**GENES))

    shares_done: list[float] = []
    replay_of(problem, evaluation, on_progress=shares_done.append)
    assert shares_done == sorted(shares_done)
    assert shares_done[-1] == 1.0

    def stop_halfway(share_done: float) -> None:
        if share_done > 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        replay_of(problem, evaluation, on_progress=stop_halfway)


def test_written_down_and_read_again() -> None:
    problem = make_problem()
    evaluation = recorded(problem, Genome(**GENES))
    replay = replay_of(problem, evaluation, Window(most=3, spacing="early"))

    values = json.loads(json.dumps(replay.to_dict(), allow_nan=False))
    read = Replay.from_dict(values)

    assert read.to_dict() == values
    assert read.window == replay.window
    assert read.genome == replay.genome
    assert read.loss == replay.loss
    assert read.exact is True


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "shoal.db") as store:
        yield store


@pytest.fixture
def pool(opened: Store) -> Iterator[ReplayPool]:
    replays = ReplayPool(opened.raw_url)
    yield replays
    replays.close()


def evaluated(genome: Genome, repeat: int) -> Evaluation:
    """A made-up evaluation."""
    scores = Scores(Metrics(70.0), Metrics(70.0))
    return Evaluation(Task(genome, repeat), "ok", scores, loss=0.25, iterations=3)


def test_which_training_a_run_is_asked_for(opened: Store) -> None:
    problem = make_problem()
    run_id, _ = opened.add_run(problem.dataset, problem.settings)
    with pytest.raises(ReplayError, match="none is recorded"):
        recorded_training(opened, run_id)

    first = Genome(**GENES)
    best = Genome(**GENES, jump_size=0.5)
    evaluations = [
        evaluated(first, 1),
        evaluated(best, 0),
        evaluated(first, 0),
        Evaluation(Task(best, 1), "failed", error="no"),
    ]
    claim = opened.claim(Owner.here())
    assert claim is not None

    # Before a generation is complete: the genome that was evaluated first.
    opened.record(claim, evaluations, [], 1.0)
    assert recorded_training(opened, run_id).task.id == (first.hash, 0)

    # After that: the best one.
    opened.record(claim, [], [GenerationSummary(1, best, 70.0, 1, 60.0, 4)], 1.0)
    assert recorded_training(opened, run_id).task.id == (best.hash, 0)

    # A genome may be asked for by the beginning of its hash, and a repeat by its number.
    assert recorded_training(opened, run_id, first.hash[:6]).task.id == (first.hash, 0)
    assert recorded_training(opened, run_id, first.hash, 1).loss == 0.25

    for genome, repeat in ((best.hash, 1), (best.hash, 9), ("nothing", None), (None, 5)):
        with pytest.raises(ReplayError, match="no such training"):
            recorded_training(opened, run_id, genome, repeat)

    with pytest.raises(ReplayError, match="more digits"):
        recorded_training(opened, run_id, "")


def request_for(opened: Store, **window: Any) -> Request:
    """A request to replay a training of a new run in the store."""
    problem = make_problem()
    run_id, _ = opened.add_run(problem.dataset, problem.settings)
    evaluation = recorded(problem, Genome(**GENES))
    return Request(
        run_id, evaluation.task, evaluation.iterations, evaluation.loss, Window(**window)
    )


def test_a_request_can_be_written_down(opened: Store) -> None:
    request = request_for(opened, most=5)
    assert Request.from_dict(json.loads(json.dumps(request.to_dict()))) == request


def test_a_process_makes_one_for_all_who_ask(opened: Store, pool: ReplayPool) -> None:
    request = request_for(opened, most=5)

    assert pool.look(request) == 0.0, "nobody waits"
    eventually(lambda: isinstance(pool.look(request), Replay))

    replay = pool.look(request)
    assert isinstance(replay, Replay)
    assert replay is pool.look(request)
    assert replay.exact is True
    assert len(replay.frames) == 5


@pytest.fixture
def entry(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Has the pool's processes run another entry than the one that replays."""
    child_entries.let_children_find(monkeypatch)
    return lambda name: monkeypatch.setattr(ReplayPool, "entry", name)


def test_what_cannot_be_replayed_says_why_until_it_is_forgotten(
    opened: Store, pool: ReplayPool, entry: Callable[[str], None]
) -> None:
    request = request_for(opened)

    entry(child_entries.REFUSE)
    for _ in range(2):
        with pytest.raises(ReplayError, match="a shorter one"):
            eventually(lambda: pool.look(request) == 1.0)
        assert pool._works[request].child is None, "it is not tried again and again"

    pool.forget(request)
    entry(child_entries.FAIL)
    with pytest.raises(ReplayError, match="has ended: MemoryError: no room left"):
        eventually(lambda: pool.look(request) == 1.0)


def test_one_that_nobody_waited_for_is_made_anew_for_whoever_comes_back(
    opened: Store, pool: ReplayPool, entry: Callable[[str], None]
) -> None:
    request = request_for(opened)
    entry(child_entries.GIVE_UP)
    assert pool.look(request) == 0.0
    gave_up = pool._works[request].child
    assert gave_up is not None
    gave_up.process.wait()
    assert gave_up.has_ended(timeout=60)

    entry(child_entries.SILENT)
    assert pool.look(request) == 0.0
    assert pool._works[request].child not in (None, gave_up)


def test_a_number_of_processes_at_once(
    opened: Store, pool: ReplayPool, entry: Callable[[str], None]
) -> None:
    entry(child_entries.SILENT)
    request = request_for(opened)
    for repeat in range(5):
        task = replace(request.task, repeat=repeat)
        assert pool.look(replace(request, task=task)) == 0.0
    children = [work.child for work in pool._works.values() if work.child is not None]
    first, second = children

    # The place of a dead process is free.
    first.process.kill()
    assert first.has_ended(timeout=60)
    assert pool.look(replace(request, run_id=99)) == 0.0
    at_work = {work.run_id for work in pool._works.values() if work.child is not None}
    assert at_work == {request.run_id, 99}

    pool.close()
    assert second.process.returncode is not None


@contextmanager
def parent_and_pipe() -> Iterator[tuple[Parent, int]]:
    """A process that asked for a replay, and the pipe through which it gives signs of life."""
    reading, writing = os.pipe()
    parent = Parent(reading)
    parent.when_gone(lambda: None)
    yield parent, writing

    os.close(writing)
    parent.wait_until_gone()
    os.close(reading)


def test_a_replay_that_nobody_waits_for_ends() -> None:
    with parent_and_pipe() as (parent, pipe):
        now = [parent.last_sign]
        reporter = worker._Reporter(parent, clock=lambda: now[0])

        now[0] += worker.ABANDONED_SECONDS
        reporter(0.5)
        now[0] += 0.1
        with pytest.raises(worker._Abandoned):
            reporter(0.5)

        # Somebody waits again.
        before = parent.last_sign
        os.write(pipe, b"\n")
        eventually(lambda: parent.last_sign > before)
        now[0] = parent.last_sign
        reporter(0.5)


def test_a_replay_that_takes_too_long_ends() -> None:
    with parent_and_pipe() as (parent, _):
        now = [parent.last_sign]
        reporter = worker._Reporter(parent, clock=lambda: now[0])
        reporter(0.5)

        # Somebody still waits.
        now[0] += worker.LIMIT_SECONDS + 1.0
        parent.last_sign = now[0]
        with pytest.raises(ReplayError, match="shorter training"):
            reporter(0.5)


def test_it_ends_with_who_started_it(opened: Store) -> None:
    endless = replace(request_for(opened), iterations=10**7)
    environment = {**os.environ, "SHOAL_STORE": opened.raw_url}
    process = start(Entry.REPLAY, env=environment, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None

    send(process, endless.to_dict())
    assert b"done" in process.stdout.readline()
    assert alive(process.pid)
    lowered = os.getpriority(os.PRIO_PROCESS, 0) + worker.NICENESS
    assert os.getpriority(os.PRIO_PROCESS, process.pid) == min(lowered, 19)

    process.stdin.close()
    assert process.wait(60) == 1
    process.stdout.close()
