"""Curves of the held-out loss: they belong to the recorded trainings, and to their networks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import log_loss, mean_squared_error

from shoal.data import load_dataset
from shoal.errors import StoreError
from shoal.genome.genome import Genome
from shoal.orchestration.runner import Runner
from shoal.problems.base import evaluate
from shoal.problems.evaluation import Evaluation, Task
from shoal.problems.table import TableProblem
from shoal.pso.engines import get_engine
from shoal.pso.engines.base import Engine
from shoal.pso.swarm import SwarmState, TrainingTask, initial_state
from shoal.replay.learning_curves import (
    LearningCurves,
    curves_of,
    learning_curves,
    trained_again,
)
from shoal.settings.search_settings import SearchSettings
from shoal.store import Owner, Store, open_store
from support.champions import customers
from support.fakes import HereExecutor

SMALL = {"population": 3, "generations": 2, "iterations": 6, "baselines": False}
ITERATIONS = 90


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with open_store(tmp_path_factory.mktemp("curves") / "shoal.db") as store:
        run_id, _ = store.add_run(load_dataset("concrete"), SearchSettings.parse(SMALL))
        claim = store.claim(Owner.here(), run_id)
        assert claim is not None
        assert Runner(store, claim, make_executor=HereExecutor).drive() == "finished"
        yield store


def test_a_process_of_their_own_meets_the_recorded_losses_again(opened: Store) -> None:
    genome = opened.evaluations(1)[0].task.genome.hash
    recorded = opened.evaluations(1, genome=genome)
    curves = learning_curves(opened, 1, genome[:9])

    assert curves.same
    assert not curves.left_out
    assert [curve.repeat for curve in curves.of] == [own.task.repeat for own in recorded]
    for curve, own in zip(curves.of, recorded, strict=True):
        decay = own.task.genome.weight_decay
        met = {point.iteration: point.training for point in curve.points}
        assert list(met) == sorted(met)
        assert set(met) >= {iteration for iteration, _ in own.curve}
        if not decay and not own.task.genome.solves_readout:
            assert all(met[iteration] == loss for iteration, loss in own.curve)


def _problem(table: str, **settings: object) -> TableProblem:
    dataset = (
        load_dataset("concrete")
        if table == "numbers"
        else load_dataset(customers(), "left", drop="paid")
    )
    brief = {"iterations": ITERATIONS, "equal_effort": False, "racing": "fixed", "patience": None}
    return TableProblem(dataset, SearchSettings.parse({**brief, **settings}))


@pytest.mark.parametrize("table", ["numbers", "classes"])
@pytest.mark.parametrize("decay", [0.0, 0.01])
@pytest.mark.parametrize("rule", ["informed", "competitive"])
def test_held_out_losses_are_those_of_the_weights(table: str, decay: float, rule: str) -> None:
    problem = _problem(table)
    genome = Genome(
        swarm_size=8,
        hidden_layers=(4,),
        weight_decay=decay,
        update_rule=rule,  # type: ignore[arg-type]
    )
    engine = get_engine(problem.settings.engine)
    task = Task(genome, 1)
    evaluation, weights = problem.train(task, engine)
    curves = curves_of(problem, [evaluation], [1])
    (curve,) = curves.of

    assert curve.same
    assert curve.points[-1].iteration == ITERATIONS
    learned, held_out = problem.dataset.parts(1)
    assert held_out is not None
    for part, met in ((learned, curve.points[-1].training), (held_out, curve.points[-1].held_out)):
        outputs = problem.network(genome).forward(weights[None], part.x)[0].astype(np.float64)
        if table == "numbers":
            expected = mean_squared_error(part.y, outputs[:, 0])
        else:
            powers = np.exp(outputs - outputs.max(axis=1, keepdims=True))
            shares = powers / powers.sum(axis=1, keepdims=True)
            expected = log_loss(part.target, shares, labels=range(outputs.shape[1]))
        assert met == pytest.approx(expected, rel=1e-4)
    if not decay:
        by_iteration = {point.iteration: point.training for point in curve.points}
        assert tuple((iteration, by_iteration[iteration]) for iteration, _ in evaluation.curve) == (
            evaluation.curve
        )


def test_points_on_the_way_are_those_of_shorter_trainings() -> None:
    problem = _problem("numbers")
    genome = Genome(swarm_size=8, hidden_layers=(4,))
    task = Task(genome, 0)
    engine = get_engine(problem.settings.engine)
    evaluation = evaluate(problem, task, engine)
    (curve,) = curves_of(problem, [evaluation], [0]).of
    _, held_out = problem.dataset.parts(0)
    assert held_out is not None

    for point in curve.points[5::25]:
        # Inertia and velocity limit may follow the whole length, so it is the same length, cut.
        training = problem.training(task, iterations=ITERATIONS)
        state = _after(training, engine, point.iteration)
        best = state.best_positions[state.global_best]
        outputs = training.network.forward(best[None], held_out.x)[0, :, 0]
        assert point.held_out == pytest.approx(mean_squared_error(held_out.y, outputs), rel=1e-4)


def _after(training: TrainingTask, engine: Engine, iterations: int) -> SwarmState:
    state = initial_state(training)
    for _ in range(iterations):
        state = engine.advance(training, state, 1)
    return state


def test_curves_survive_json() -> None:
    problem = _problem("numbers")
    evaluation = evaluate(
        problem, Task(Genome(swarm_size=8, hidden_layers=(3,)), 0), get_engine("cpu")
    )
    curves = curves_of(problem, [evaluation], [0])
    assert LearningCurves.from_dict(json.loads(json.dumps(curves.to_dict()))) == curves


def test_long_failed_and_unvalidated_trainings_are_left_out(opened: Store) -> None:
    evaluations: list[Evaluation] = opened.evaluations(1)
    first, second, third = evaluations[:3]
    assert first.scores is not None
    unvalidated = replace(first, scores=replace(first.scores, validation=None))
    failed = replace(second, status="failed", scores=None)
    assert trained_again([unvalidated, failed]) == []
    long = [replace(own, seconds=50.0) for own in (first, second, third)]
    assert len(trained_again(long)) == 2


def test_a_table_without_rows_that_validate_has_none(tmp_path: Path) -> None:
    with open_store(tmp_path / "shoal.db") as store:
        settings = SearchSettings.parse({**SMALL, "generations": 1})
        dataset = load_dataset("concrete", folds=1, validation_fraction=0.0)
        run_id, _ = store.add_run(dataset, settings)
        claim = store.claim(Owner.here(), run_id)
        assert claim is not None
        Runner(store, claim, make_executor=HereExecutor).drive()
        with pytest.raises(StoreError, match="held-out loss"):
            learning_curves(store, run_id, store.evaluations(run_id)[0].task.genome.hash)
