"""What a search may look at: up to the champion's networks, nothing depends on the test rows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from shoal.data import Dataset, load_dataset
from shoal.problems.base import evaluate
from shoal.problems.evaluation import Evaluation
from shoal.problems.table import TableProblem
from shoal.pso.engines import get_engine
from shoal.settings.search_settings import SearchSettings
from shoal.tuning.champion import Champion, assemble_champion, refit_jobs, select_champion
from shoal.tuning.search import Search
from support.searches import finish

ROWS = 90
QUICK: dict[str, Any] = {
    "population": 3,
    "generations": 2,
    "iterations": 24,
    "finalists": 2,
    "confirmations": 2,
}
SMALL = {"swarm_size": (6, 8)}


def table() -> pd.DataFrame:
    """Two numbers (one has a long tail and gaps), a word, groups of three rows, a target."""
    random = np.random.default_rng(5)
    frame = pd.DataFrame({"a": random.normal(size=ROWS)})
    frame["long"] = np.exp(2 * random.normal(size=ROWS))
    frame["g"] = np.arange(ROWS) // 3
    frame["word"] = random.choice(["x", "y", "z"], ROWS)
    frame["y"] = 20 + 3 * frame.a + frame.long.clip(upper=5) + (frame.word == "x")
    frame.loc[::7, "long"] = np.nan
    return frame


def with_other_test_rows(frame: pd.DataFrame, rows: np.ndarray) -> pd.DataFrame:
    """The same table with nonsense in these rows: other numbers, words and targets, no gaps."""
    other = frame.copy()
    other.loc[rows, "a"] = 1000.0 + np.arange(len(rows))
    if "long" in other:
        other.loc[rows, "long"] = -5.0
        other.loc[rows, "word"] = "never seen"
    if other.y.dtype.kind == "f":
        other.loc[rows, "y"] = 1e4 + np.arange(len(rows))
    return other


@dataclass(frozen=True)
class Outcome:
    """What a search of a table gives.

    Attributes
    ----------
    evaluations
        All of them, without their times.
    champion
        The champion, with networks trained for it.
    untrained
        The same genome with networks whose weights are all 0.
    """

    evaluations: list[Evaluation]
    champion: Champion
    untrained: Champion


def searched(problem: TableProblem) -> Search:
    """A whole search of the problem."""
    engine = get_engine("cpu")
    return finish(Search(problem.settings), lambda task: evaluate(problem, task, engine))


def outcome(data: Dataset, preset: str) -> Outcome:
    """A whole search of the table, and its champion."""
    settings = SearchSettings.parse({"preset": preset, "bounds": SMALL, **QUICK})
    problem = TableProblem(data, settings)
    engine = get_engine("cpu")

    search = searched(problem)
    evaluations = [replace(evaluation, seconds=0.0) for evaluation in search.evaluations]
    evaluations.sort(key=lambda evaluation: evaluation.task.id)

    selected = select_champion(search)
    assert selected is not None
    weights = {job: job.run(problem, engine) for job in refit_jobs(problem, selected)}
    zeros = {job: np.zeros_like(trained) for job, trained in weights.items()}

    return Outcome(
        evaluations,
        assemble_champion(problem, selected, weights, engine),
        assemble_champion(problem, selected, zeros, engine),
    )


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"folds": 1},
        {"folds": 3, "group": "g"},
        {"folds": 1, "group": "g", "log_columns": "none"},
        {"preset": "classic"},
        {"task": "classification"},
    ],
    ids=str,
)
def test_up_to_the_champion_s_networks_nothing_depends_on_the_test_rows(
    options: dict[str, Any],
) -> None:
    frame = table()
    preset = options.get("preset", "modern")
    if preset == "classic":
        # The classic preset takes numbers alone.
        frame = frame[["a", "y"]]
    if options.get("task"):
        frame = frame.assign(y=np.where(frame.a > 0, "p", "q"))

    data = load_dataset(frame, "y", **options)
    assert data.test is not None
    other_data = load_dataset(with_other_test_rows(frame, data.test.rows), "y", **options)
    assert other_data.test is not None
    assert other_data.test.rows.tolist() == data.test.rows.tolist()

    first = outcome(data, preset)
    second = outcome(other_data, preset)

    assert first.evaluations == second.evaluations
    for evaluation in first.evaluations:
        assert evaluation.status == "ok"
        assert evaluation.scores is not None
        assert evaluation.scores.test is None

    champion = first.champion
    other = second.champion
    assert champion.genome == other.genome
    assert champion.accuracies == other.accuracies
    assert champion.confirmation == other.confirmation
    np.testing.assert_array_equal(champion.weights, other.weights)
    assert champion.scores.train == other.scores.train
    assert champion.scores.validation == other.scores.validation

    # The one thing that depends on them.
    assert champion.scores.test != other.scores.test
    assert champion.scores.test != first.untrained.scores.test


@dataclass(frozen=True)
class Blend:
    """An ensemble of a search's champion.

    Attributes
    ----------
    shares
        How much each network counts.
    errors
        The root mean square error of each network in validation.
    champion
        The champion whose networks they are.
    """

    shares: tuple[float, ...]
    errors: list[float]
    champion: Champion


def blended(data: Dataset, ensemble: str) -> Blend:
    """The champion's ensemble, whose test metrics are those of its networks' weighted mean."""
    settings = SearchSettings.parse(
        {**QUICK, "bounds": SMALL, "ensemble": ensemble, "generations": 1}
    )
    problem = TableProblem(data, settings)
    engine = get_engine("cpu")

    selected = select_champion(searched(problem))
    assert selected is not None
    weights = {job: job.run(problem, engine) for job in refit_jobs(problem, selected)}
    champion = assemble_champion(problem, selected, weights, engine)

    assert data.test is not None
    blend = 0.0
    for share, network in zip(champion.shares, champion.weights, strict=True):
        blend = blend + share * problem.predictions(engine, champion.genome, network, data.test)
    assert champion.ensemble.test == problem.metrics(np.asarray(blend), data.test)

    evaluations = selected.confirmed[0].evaluations
    errors = [evaluation.scores.validation.rmse for evaluation in evaluations]
    return Blend(champion.shares, errors, champion)


def test_a_weighted_ensemble_counts_networks_by_their_validation_error() -> None:
    data = load_dataset(table(), "y")

    mean = blended(data, "mean")
    weighted = blended(data, "weighted")

    # A network's share is inversely proportional to the square of its error.
    assert sum(weighted.shares) == pytest.approx(1.0)
    assert len(set(weighted.errors)) > 1
    products = np.array(weighted.shares) * np.array(weighted.errors) ** 2
    assert np.ptp(products) == pytest.approx(0.0, abs=1e-9)

    networks = len(weighted.shares)
    assert mean.shares == (1 / networks,) * networks
    assert mean.champion.ensemble.test != weighted.champion.ensemble.test
