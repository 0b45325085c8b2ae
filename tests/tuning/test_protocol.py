"""What a search may look at: up to the champion's networks, nothing depends on the test rows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from shoal.data import Dataset, load_dataset
from shoal.problems.evaluation import Evaluation
from shoal.problems.table import Problem, evaluate
from shoal.pso.engines import get_engine
from shoal.settings.search_settings import SearchSettings
from shoal.tuning.champion import Champion, assemble_champion, refit_jobs, select_champion
from shoal.tuning.search import Search

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
    frame = pd.DataFrame(
        {"a": random.normal(size=ROWS), "long": np.exp(2 * random.normal(size=ROWS))}
    )
    frame["g"], frame["word"] = np.arange(ROWS) // 3, random.choice(["x", "y", "z"], ROWS)
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


def search(data: Dataset, preset: str) -> tuple[list[Evaluation], Champion, Champion]:
    """All evaluations, without times; the champion; and one whose weights are all 0."""
    settings = SearchSettings.parse({"preset": preset, "bounds": SMALL, **QUICK})
    problem, engine, found = Problem(data, settings), get_engine("cpu"), Search(settings)
    while tasks := found.ask():
        for task in tasks:
            found.tell(evaluate(problem, task, engine))
    chosen = select_champion(found)
    assert chosen is not None
    weights = {job: job.run(problem, engine) for job in refit_jobs(problem, chosen)}
    told = sorted((replace(e, seconds=0.0) for e in found.evaluations), key=lambda e: e.task.id)
    nothing = {job: np.zeros_like(w) for job, w in weights.items()}
    return (
        told,
        assemble_champion(problem, chosen, weights, engine),
        assemble_champion(problem, chosen, nothing, engine),
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
    frame, preset = table(), options.get("preset", "modern")
    if preset == "classic":  # which takes numbers alone
        frame = frame[["a", "y"]]
    if options.get("task"):
        frame = frame.assign(y=np.where(frame.a > 0, "p", "q"))
    data = load_dataset(frame, "y", **options)
    assert data.test is not None
    other = load_dataset(with_other_test_rows(frame, data.test.rows), "y", **options)
    assert other.test is not None and other.test.rows.tolist() == data.test.rows.tolist()
    (evaluations, champion, nothing), (again, same, _) = search(data, preset), search(other, preset)
    assert evaluations == again
    assert all(
        e.status == "ok" and e.scores is not None and e.scores.test is None for e in evaluations
    )
    assert (champion.genome, champion.accuracies, champion.confirmation) == (
        same.genome,
        same.accuracies,
        same.confirmation,
    )
    np.testing.assert_array_equal(champion.weights, same.weights)
    assert (
        champion.scores.train == same.scores.train
        and champion.scores.validation == same.scores.validation
    )
    assert champion.scores.test != same.scores.test  # the one thing that does
    assert champion.scores.test != nothing.scores.test


def test_a_weighted_ensemble_counts_networks_by_their_validation_error() -> None:
    data, found = load_dataset(table(), "y"), {}
    for ensemble in ("mean", "weighted"):
        settings = SearchSettings.parse(
            {**QUICK, "bounds": SMALL, "ensemble": ensemble, "generations": 1}
        )
        problem, engine, search = Problem(data, settings), get_engine("cpu"), Search(settings)
        while tasks := search.ask():
            for task in tasks:
                search.tell(evaluate(problem, task, engine))
        chosen = select_champion(search)
        assert chosen is not None and data.test is not None
        weights = {job: job.run(problem, engine) for job in refit_jobs(problem, chosen)}
        champion = assemble_champion(problem, chosen, weights, engine)
        each = [
            problem.predictions(engine, champion.genome, w, data.test) for w in champion.weights
        ]
        blend = sum(share * p for share, p in zip(champion.shares, each, strict=True))
        assert champion.ensemble.test == problem.metrics(np.asarray(blend), data.test)
        errors = [e.scores.validation.rmse for e in chosen.confirmed[0].evaluations]
        found[ensemble] = champion.shares, errors, champion.ensemble.test
    shares, errors, _ = found["weighted"]
    assert sum(shares) == pytest.approx(1.0) and len(set(errors)) > 1
    assert np.ptp(
        [share * error**2 for share, error in zip(shares, errors, strict=True)]
    ) == pytest.approx(0.0, abs=1e-9)
    assert found["mean"][0] == (1 / len(shares),) * len(shares)
    assert found["mean"][2] != found["weighted"][2]
