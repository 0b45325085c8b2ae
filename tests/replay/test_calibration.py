"""The pace of a machine that the store knows nothing of, tried in a process of its own."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import count

import numpy as np
import pytest

from shoal.analysis.cost_estimate import estimate_cost
from shoal.analysis.throughput import Throughput
from shoal.problems.evaluation import Task
from shoal.problems.simulation import SimulationProblem
from shoal.problems.table import TableProblem
from shoal.pso.engines import get_engine
from shoal.replay import calibration
from shoal.replay.calibration import Calibrations, calibrate
from shoal.settings.search_settings import SearchSettings
from shoal.simulations.registry import get_simulation
from support.processes import eventually
from support.tables import tiny_dataset


@pytest.fixture
def problem() -> TableProblem:
    settings = SearchSettings.parse(
        {
            "preset": "modern",
            "iterations": 40,
            "population": 4,
            "engine": "reference",
            "patience": 15,
        }
    )
    return TableProblem(tiny_dataset(), settings)


def test_the_pace_is_that_of_the_trainings(
    problem: TableProblem, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A clock that goes on by a hundredth each time it is read: a training takes one.
    ticks = count()
    monkeypatch.setattr(calibration, "SECONDS", 0.2)
    trained: list[tuple[Task, int]] = []
    own = TableProblem.train

    def train(self: TableProblem, task: Task, *rest: object, **named: object) -> object:
        result = own(self, task, *rest, **named)  # type: ignore[arg-type]
        trained.append((task, result[0].iterations))
        return result

    monkeypatch.setattr(TableProblem, "train", train)
    pace = calibrate(problem, get_engine("reference"), lambda: next(ticks) / 100.0)
    assert pace is not None and pace.is_measured

    # The first one compiles.
    work = 0.0
    for task, iterations in trained[1:]:
        work += problem.cost(task) * iterations / problem.iterations_for(task)
    wanted = 0.01 * (len(trained) - 1) / work
    low, high = pace.seconds
    assert low < wanted < high
    assert (low, high) == pytest.approx((0.85 * wanted, 1.2 * wanted))
    assert 0 < pace.share[0] < pace.share[1] <= 1.0
    assert {task.repeat >= 10_000 for task, _ in trained} == {True, False}


def test_a_measured_pace_gives_a_range_below_a_factor_of_three(problem: TableProblem) -> None:
    long = problem.settings.model_copy(update={"generations": 500})
    measured = Throughput((0.85e-9, 1.2e-9), (0.4, 0.55), "tried", is_measured=True)
    low, high = estimate_cost(TableProblem(problem.dataset, long), measured).seconds
    assert 1.0 < high / low < 3.0

    # Half widths of logarithms add up by their squares.
    cost = estimate_cost(TableProblem(problem.dataset, long), measured).cost
    workers = calibration_workers(long)
    ranges = [cost, (0.4, 0.55), (0.85e-9, 1.2e-9), (1 / workers, 1.3 / workers)]
    halves = [math.log(b / a) / 2 for a, b in ranges]
    middle = math.prod(math.sqrt(a * b) for a, b in ranges)
    spread = math.exp(np.linalg.norm(halves))
    assert (low, high) == pytest.approx((middle / spread + 3.0, middle * spread + 8.0))


def calibration_workers(settings: SearchSettings) -> int:
    from shoal.pso.engines import cores

    return min(settings.workers or cores(), cores())


@pytest.fixture
def calibrations() -> Iterator[Calibrations]:
    made = Calibrations(settle=0.0)
    yield made
    made.close()


def test_a_process_tries_it_and_nobody_waits(
    problem: TableProblem, calibrations: Calibrations
) -> None:
    assert calibrations.pace("a", problem) is None
    assert calibrations.is_at_work("a")
    # One at a time: another problem waits for its turn.
    assert calibrations.pace("b", problem) is None
    assert [work.child is not None for work in calibrations._works.values()] == [True, False]

    eventually(lambda: calibrations.pace("a", problem) is not None)
    pace = calibrations.pace("a", problem)
    assert pace is not None and pace.is_measured and "tried on this machine" in pace.source


def test_a_form_that_is_being_filled_in_starts_nothing(problem: TableProblem) -> None:
    now = [0.0]
    made = Calibrations(settle=1.5, clock=lambda: now[0])
    for key in ("a", "b", "c"):
        now[0] += 1.0
        assert made.pace(key, problem) is None
        assert made.is_at_work(key), "whoever asks again gets an answer"
    assert not any(work.is_tried for work in made._works.values())


def test_a_huge_problem_is_not_sent(
    problem: TableProblem, calibrations: Calibrations, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calibration, "MOST_BYTES", 10)
    assert calibrations.pace("a", problem) is None
    assert not calibrations.is_at_work("a")


def test_a_policy_s_training_is_tried_for_longer_and_cut_ones_leave_room_above() -> None:
    """Episodes last longer as policies get better, so the beginning of a training is too quick."""
    settings = SearchSettings.parse(
        {"preset": "simulation", "iterations": 4, "population": 2, "engine": "cpu"}
    )
    own = SimulationProblem(get_simulation("cartpole"), settings)
    assert own.takes_longer_as_it_learns
    assert own.compiles_in_each_process, "its loop is, though the simulation itself is kept"
    # Each look at the clock is three seconds, and every training seems to be cut; or one.
    ticks = count()
    slow = calibrate(own, get_engine("cpu"), lambda: next(ticks) * 3.0)
    quick = calibrate(own, get_engine("cpu"), lambda: next(ticks) * 1.0)
    assert slow is not None and quick is not None
    assert slow.seconds[1] / slow.seconds[0] == pytest.approx(2.0)
    assert quick.seconds[1] / quick.seconds[0] == pytest.approx(1.2 / 0.85)
    assert slow.start == pytest.approx((0.7 * 3.0, 2.0 * 3.0)), "each worker compiles"
    assert quick.start == pytest.approx((0.7, 2.0))


def test_a_table_and_a_batched_simulation_compile_nothing_in_each_process(
    problem: TableProblem,
) -> None:
    assert not problem.compiles_in_each_process
    problem.compile_anew()
    simulation = replace(get_simulation("cartpole"), batched=True)
    settings = SearchSettings.parse({"preset": "simulation", "iterations": 4})
    assert not SimulationProblem(simulation, settings).compiles_in_each_process


def test_what_each_worker_compiles_is_a_part_of_the_estimate(problem: TableProblem) -> None:
    plain = Throughput((1e-9, 2e-9), (0.4, 0.5), "tried", is_measured=True)
    compiled = replace(plain, start=(7.0, 14.0))
    low, high = estimate_cost(problem, plain).seconds
    assert estimate_cost(problem, compiled).seconds == pytest.approx((low + 7.0, high + 14.0))
