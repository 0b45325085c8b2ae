"""A table as a problem: trainings, their length, patience and cost, and their evaluations."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal.data import load_dataset
from shoal.errors import ObjectiveError
from shoal.genome.genome import Genome
from shoal.problems.base import evaluate
from shoal.problems.evaluation import Task, result_hash
from shoal.problems.table import TableProblem
from shoal.pso.engines import get_engine
from shoal.settings.phase import FIRST_CONFIRMATION
from shoal.settings.search_settings import SearchSettings
from support.searches import small_settings

DATA = load_dataset("concrete")
# Trainings are as long as the settings say.
AS_LONG_AS_SAID = {"racing": "fixed", "equal_effort": False}


def test_trainings_of_other_lengths_have_patience_in_proportion() -> None:
    settings = small_settings(
        racing="halving", iterations=800, patience=100, repeats=3, max_repeats=21, final_factor=8
    )
    problem = TableProblem(DATA, settings)
    patience = [
        problem.patience(Task(Genome(), repeat)) for repeat in (0, 3, 6, 12, FIRST_CONFIRMATION)
    ]

    assert patience == [12, 25, 50, 100, 800]
    assert problem.patience(Task(Genome(swarm_size=96), 12)) == 50
    assert SearchSettings(iterations=800).patience is None
    assert SearchSettings(iterations=800, patience_on="validation").patience == 160
    assert (
        TableProblem(DATA, SearchSettings(iterations=800, patience=None)).patience(
            Task(Genome(), 3)
        )
        is None
    )


def test_a_swarm_that_stands_still_ends_early() -> None:
    """One without inertia and pulls never gets better."""
    problem = TableProblem(DATA, SearchSettings(**AS_LONG_AS_SAID, iterations=400, patience=80))
    still = Genome(swarm_size=5, inertia_weight=0.0, cognitive_weight=0.0, social_weight=0.0)
    found = evaluate(problem, Task(still, 0), get_engine("cpu"))
    assert found.iterations == 81  # and one to compare with


def test_scores_are_weighted() -> None:
    """A row without weight changes no score."""
    table = DATA.source
    table["w"] = [1.0, 0.0] * (len(table) // 2)
    data = load_dataset(table, DATA.options.target, weight="w")
    problem = TableProblem(data, small_settings(iterations=20))
    task, engine = Task(Genome(swarm_size=8), 0), get_engine("cpu")
    found = evaluate(problem, task, engine)
    assert found.scores is not None

    weights = problem.train(task, engine)[1]
    _, held_out = data.parts(0)
    assert held_out is not None and held_out.weight is not None
    counted = held_out.select(held_out.weight > 0)
    alone = problem.scores_of(engine, task.genome, weights, replace(counted, weight=None))
    assert alone == found.scores.validation
    everything = problem.scores_of(engine, task.genome, weights, replace(held_out, weight=None))
    assert everything != alone


def _two_targets(**settings: object) -> TableProblem:
    """Concrete with a second target of another size, weights, and a column for objectives."""
    table = DATA.source
    table["other"] = 1e4 - 30 * table["compressive_strength"] + 3 * table["water"]
    table["w"] = table["age"] % 3
    data = load_dataset(table, ["compressive_strength", "other"], weight="w")
    return TableProblem(data, small_settings(**settings))


@pytest.mark.parametrize("loss", [None, "negative_accuracy"])
def test_several_targets_are_trained_together_on_rows_with_weights(loss: str | None) -> None:
    problem = _two_targets(iterations=20, loss=loss)
    task = Task(Genome(swarm_size=8), 0)
    engine = get_engine("cpu")
    training = problem.training(task)
    (result,) = engine.train([training])
    (reference,) = get_engine("reference").train([replace(training, iterations=2)])
    (short,) = engine.train([replace(training, iterations=2)])
    assert short.loss == pytest.approx(reference.loss, rel=1e-4)

    # The loss is the weighted mean over rows of the mean over targets.
    part, _ = problem.dataset.parts(0)
    outputs = engine.outputs(problem.network(task.genome), result.weights, part.x)
    assert outputs.shape == (*part.y.shape,) == (len(part.rows), 2)
    error = np.abs(outputs.astype(np.float64) - part.y)
    mean_abs = np.average(
        np.abs(problem.dataset.train.target), axis=0, weights=problem.dataset.train.weight
    )
    of_rows = {
        None: error**2,
        "negative_accuracy": 100 * error * problem.units.scale / mean_abs - 100,
    }
    expected = np.average(of_rows[loss].mean(axis=1), weights=part.weight)
    assert result.loss == pytest.approx(expected, rel=1e-4)

    found = evaluate(problem, task, engine)
    assert found.status == "ok" and found.scores is not None
    assert found.scores.train == problem.scores_of(engine, task.genome, result.weights, part)
    again = evaluate(problem.for_workers(), task, engine)
    assert result_hash([again]) == result_hash([found])


def test_the_loss_of_weighted_rows_is_that_of_rows_that_stand_as_often() -> None:
    table = DATA.source.iloc[:200]
    table["w"] = np.arange(200) % 4
    data = load_dataset(table, DATA.options.target, weight="w", folds=1)
    task = Task(Genome(swarm_size=8), 0)
    problem = TableProblem(data, small_settings(iterations=20))
    part = data.train
    assert part.weight is not None
    copies = np.repeat(np.arange(len(part.rows)), part.weight.astype(int))
    repeated = replace(
        part,
        x=part.x[copies],
        y=part.y[copies],
        target=part.target[copies],
        rows=part.rows[copies],
        weight=None,
    )
    plain = TableProblem(replace(data, train=repeated), problem.settings)
    trained = [
        get_engine("cpu").train([own.training(task, part=own.dataset.train)])[0]
        for own in (problem, plain)
    ]

    assert trained[0].loss == pytest.approx(trained[1].loss, rel=1e-5)


def test_an_objective_for_one_target_is_refused_where_there_are_several() -> None:
    with pytest.raises(ObjectiveError, match=r"shape \(1, 10, 2\)") as error:
        _two_targets(objective="tolerance")
    assert error.value.expected and error.value.remedy
    assert _two_targets(objective="pinball").metric.name == "pinball"


class BrokenEngine:
    def train(self, tasks: Iterable[object]) -> None:
        raise ArithmeticError("no room")


def test_a_training_that_breaks_is_a_failed_evaluation() -> None:
    problem = TableProblem(
        load_dataset("concrete", preset="classic"), SearchSettings(preset="classic", iterations=3)
    )
    task = Task(Genome(swarm_size=5), 4)
    broken = evaluate(problem, task, BrokenEngine())  # type: ignore[arg-type]

    assert (broken.status, broken.error, broken.accuracy, broken.task) == (
        "failed",
        "ArithmeticError: no room",
        None,
        task,
    )

    blind = replace(
        problem.dataset, train=replace(problem.dataset.train, y=problem.dataset.train.y * math.nan)
    )
    failed = evaluate(TableProblem(blind, problem.settings), task, get_engine("cpu"))
    assert (failed.status, failed.error) == ("failed", "No particle ever had a finite loss.")
    assert failed.iterations == 3


def test_an_evaluation_is_the_training_that_it_says() -> None:
    problem = TableProblem(
        DATA, SearchSettings(**AS_LONG_AS_SAID, iterations=90, seed=5, patience=None)
    )
    task, engine = Task(Genome(swarm_size=8), 2), get_engine("cpu")
    found = evaluate(problem, task, engine)
    training = problem.training(task)
    (result,) = engine.train([training])

    assert (found.loss, found.iterations) == (result.loss, 90)
    assert len(found.curve) <= 64
    assert found.curve[0] == (1, result.history[0])
    assert found.curve[-1] == (90, result.history[-1])
    assert all(result.history[i - 1] == value for i, value in found.curve)

    assert found.scores is not None
    parts = problem.dataset.parts(task.repeat)
    for part, scores in zip(parts, (found.scores.train, found.scores.validation), strict=True):
        assert part is not None
        assert scores == problem.metrics(
            problem.predictions(engine, task.genome, result.weights, part), part
        )

    assert found.scores.test is None
    assert found.accuracy == found.scores.validation.accuracy
    assert result_hash([evaluate(problem, task, engine)]) == result_hash([found])
    assert result_hash([evaluate(problem, replace(task, repeat=3), engine)]) != result_hash([found])


def test_a_training_that_ended_early_is_repeated_with_its_schedules() -> None:
    """They follow the planned iterations and not those that patience left of them."""
    problem = TableProblem(DATA, small_settings(iterations=600, patience=10, equal_effort=False))
    genome = Genome(swarm_size=12, inertia_end=0.2, velocity_end=0.1, max_velocity=0.3)
    found = evaluate(problem, Task(genome, 0), get_engine("cpu"))
    assert 10 < found.iterations < 600
    again = problem.training(found.task, iterations=found.iterations)
    (result,) = get_engine("cpu").train([again])
    assert (result.loss, result.iterations) == (found.loss, found.iterations)


@given(
    st.integers(4, 200),
    st.sampled_from(["informed", "competitive"]),
    st.lists(st.integers(1, 200), max_size=3),
)
def test_all_trainings_of_a_rung_do_as_many_multiply_adds(
    size: int, rule: str, layers: list[int]
) -> None:
    problem = TableProblem(DATA, SearchSettings(iterations=100_000))
    usual, own = (
        Genome(),
        Genome(swarm_size=size, num_informants=1, update_rule=rule, hidden_layers=tuple(layers)),
    )
    repeat = 10**4

    def effort(genome: Genome) -> int:
        moved = genome.swarm_size // 2 if genome.update_rule == "competitive" else genome.swarm_size
        return moved * problem.network(genome).size * problem.iterations_for(Task(genome, repeat))

    most = 8 * problem.iterations_for(Task(usual, repeat))
    if problem.iterations_for(Task(own, repeat)) == most:
        assert effort(own) <= effort(usual)
    else:
        assert effort(own) == pytest.approx(effort(usual), rel=0.01)


def test_effort_is_counted_by_iterations_where_asked_for() -> None:
    wide = Task(Genome(swarm_size=200, hidden_layers=(64, 64)), 0)
    for chosen in (
        SearchSettings(preset="classic"),
        SearchSettings(equal_effort=False, racing="fixed"),
    ):
        assert TableProblem(DATA, chosen).iterations_for(wide) == chosen.iterations

    assert TableProblem(DATA, SearchSettings()).iterations_for(wide) < TableProblem(
        DATA, SearchSettings()
    ).iterations_for(Task(Genome(), 0))
