"""Trainings that end by rows that they do not learn from."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from shoal.data import load_dataset
from shoal.errors import SettingsError
from shoal.genome.genome import Genome
from shoal.problems.evaluation import Task
from shoal.problems.table import TableProblem
from shoal.pso.engines import get_engine
from shoal.pso.engines.base import Engine
from shoal.pso.swarm import HeldOut, TrainingTask
from shoal.settings.search_settings import SearchSettings
from support.tables import tiny_dataset


@pytest.fixture(params=["cpu", "reference"])
def engine(request: pytest.FixtureRequest) -> Engine:
    return get_engine(request.param)


def training(every: int = 5, patience: int = 10, **genes: Any) -> TrainingTask:
    """A swarm that learns 20 rows of noise by heart, so that other rows suffer."""
    random = np.random.default_rng(0)
    problem = TableProblem(tiny_dataset(), SearchSettings(iterations=120))
    task = problem.training(Task(Genome(swarm_size=12, hidden_layers=(6,), **genes), 0))
    noise = random.normal(size=len(task.y)).astype(np.float32)
    held_out = HeldOut(task.objective, task.x, task.y[::-1].copy(), every, patience)
    return replace(task, y=noise, patience=None, held_out=held_out)


@pytest.mark.parametrize("genes", [{}, {"readout": "solved"}], ids=str)
def test_the_network_of_the_best_look_is_kept(engine: Engine, genes: dict[str, Any]) -> None:
    task = training(**genes)
    assert task.held_out is not None
    (result,) = engine.train([task])
    assert result.iterations % 5 == 0
    assert result.iterations < 120, "it ended by patience, or another look was better"

    # The looks, one by one.
    losses = {}
    for iterations in range(5, 125, 5):
        (other,) = engine.train([replace(task, iterations=iterations, horizon=120, held_out=None)])
        outputs = engine.outputs(task.network, other.weights, task.held_out.x)
        losses[iterations] = task.held_out.loss(outputs)
        if other.iterations == result.iterations:
            assert other.weights.tobytes() == result.weights.tobytes()
            assert other.loss == result.loss

    looked = [at for at in losses if at <= result.iterations + 10]
    assert result.iterations == min(looked, key=lambda at: (losses[at], at))


def test_chunks_change_no_look(engine: Engine) -> None:
    task = training()
    (whole,) = engine.train([task])
    # A clock that stands still makes chunks long, one that leaps makes them short.
    ticks = iter(range(10**6))
    (short,) = engine.train([task], clock=lambda: float(next(ticks)))
    assert short.weights.tobytes() == whole.weights.tobytes()
    assert short.history.tobytes() == whole.history.tobytes()


def test_a_champion_s_network_is_trained_for_as_long() -> None:
    settings = SearchSettings(iterations=80, patience=20, patience_on="validation")
    problem = TableProblem(load_dataset("concrete"), settings)
    engine = get_engine()
    task = Task(Genome(swarm_size=20, hidden_layers=(8,), readout="solved"), 0)

    evaluation, weights = problem.train(task, engine)
    again, same = problem.train(task, engine, evaluation.iterations)
    assert weights.tobytes() == same.tobytes()
    assert again.scores == evaluation.scores


def test_rows_that_validate_are_needed() -> None:
    settings = SearchSettings(preset="classic", patience=5, patience_on="validation")
    with pytest.raises(SettingsError, match="no rows validate"):
        TableProblem(load_dataset("concrete", preset="classic"), settings)
    with pytest.raises(SettingsError, match="no rows that validate"):
        SearchSettings.parse({"preset": "simulation", "patience_on": "validation"})
