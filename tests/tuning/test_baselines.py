"""Baselines: fitted on the champion's rows, scored on its test rows, never an exception."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from shoal.data import Dataset, load_dataset, resplit
from shoal.executors import make_executor
from shoal.genome.genome import Genome
from shoal.objectives.metrics import Metrics, mean_metrics
from shoal.problems.evaluation import Task
from shoal.problems.table import TableProblem
from shoal.pso.engines import get_engine
from shoal.settings.phase import FIRST_CONFIRMATION
from shoal.settings.search_settings import SearchSettings
from shoal.tuning.baselines import KINDS, NAMES, Baseline, BaselineJob, baseline_jobs, baselines

GENOME = Genome(hidden_layers=(6,), activation="tanh")


def table(rows: int = 150, **columns: object) -> pd.DataFrame:
    """A target that a line explains but for a little."""
    draw = np.random.default_rng(1)
    x = draw.normal(size=(rows, 3))
    y = 20 + 3 * x[:, 0] - 2 * x[:, 1] + 0.3 * draw.normal(size=rows)
    return pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "c": x[:, 2], "y": y, **columns})


def problem(data: Dataset, **settings: object) -> TableProblem:
    return TableProblem(data, SearchSettings(preset=data.options.preset, iterations=30, **settings))


def by_kind(rows: list[Baseline]) -> dict[str, Baseline]:
    return {row.kind: row for row in rows}


@pytest.mark.parametrize(
    "options", [{}, {"folds": 3}, {"preset": "classic"}, {"validation_fraction": 0}]
)
def test_constant_and_line_are_fitted_on_all_rows_that_are_not_test(
    options: dict[str, object],
) -> None:
    data = load_dataset(table(), "y", **options)
    rows = by_kind(baselines(problem(data), GENOME, 2))
    assert list(rows) == list(KINDS) and not [row.error for row in rows.values() if row.error]

    learned = np.setdiff1d(np.arange(150), data.test.rows)
    source, target, unknown = data.source, data.source["y"].to_numpy(), data.test.rows
    inputs = np.column_stack([source[["a", "b", "c"]].to_numpy(), np.ones(150)])
    line = inputs[unknown] @ np.linalg.lstsq(inputs[learned], target[learned], rcond=None)[0]

    for kind, predicted in (("constant", target[learned].mean()), ("linear", line)):
        assert rows[kind].test.mae == pytest.approx(
            np.abs(predicted - target[unknown]).mean(), rel=1e-4
        ), kind
        assert rows[kind].test == rows[kind].ensemble and len(rows[kind].accuracies) == 1

    best = rows["linear"].test.accuracy
    assert rows["constant"].test.accuracy < rows["trees"].test.accuracy < best
    assert all(best - 3 < rows[kind].test.accuracy for kind in ("adam", "lbfgs"))


def test_the_default_swarm_is_trained_as_a_champion_is() -> None:
    data = load_dataset(table(), "y")
    about, engine = problem(data, seed=5), get_engine("cpu")
    row = by_kind(baselines(about, GENOME, 2))["swarm"]
    scores = []

    for repeat in range(2):
        (result,) = engine.train(
            [about.training(Task(Genome(), FIRST_CONFIRMATION + repeat), refit=True)]
        )
        scores.append(
            about.metrics(about.predictions(engine, Genome(), result.weights, data.test), data.test)
        )

    assert row.test == mean_metrics(scores) and row.accuracies == tuple(m.accuracy for m in scores)
    assert row.ensemble != row.test and row.detail == "32-16 relu, 120 iterations"

    other = BaselineJob("swarm", GENOME, 2).run(about, engine)  # of a champion
    assert other.detail.startswith("6 tanh") and other.test != row.test


def test_several_networks_and_their_mean() -> None:
    about = problem(load_dataset(table(), "y"))
    for kind in ("adam", "lbfgs"):
        row = BaselineJob(kind, GENOME, 3).run(about, get_engine("cpu"))
        assert len(row.accuracies) == len(set(row.accuracies)) == 3
        assert row.test.accuracy == pytest.approx(np.mean(row.accuracies))
        assert row.ensemble.rmse < row.test.rmse  # a mean is never worse in squares
        again = BaselineJob(kind, GENOME, 3).run(about, get_engine("cpu"))
        assert replace(again, seconds=0.0) == replace(row, seconds=0.0)
        other = BaselineJob(kind, GENOME, 3).run(problem(about.dataset, seed=1), get_engine("cpu"))
        assert other.accuracies != row.accuracies


def test_classes() -> None:
    frame = table()
    frame["y"] = np.where(frame["y"] > 23, "high", np.where(frame["y"] > 18, "middle", "low"))
    data = load_dataset(frame, "y", folds=3)
    rows = by_kind(baselines(problem(data), GENOME, 2))

    assert not [row.error for row in rows.values() if row.error]

    common = np.bincount(data.train.target.astype(int)).argmax()
    assert rows["constant"].test.accuracy == pytest.approx(
        100 * (data.test.target == common).mean()
    )
    assert rows["constant"].test.balanced_accuracy == pytest.approx(1 / 3)

    for kind in ("linear", "adam", "lbfgs", "trees"):
        assert rows[kind].test.accuracy > rows["constant"].test.accuracy + 20, kind
        assert rows[kind].test.log_loss < rows["constant"].test.log_loss, kind


def test_rows_that_weigh_nothing_are_neither_learned_from_nor_scored_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Half of the rows say the opposite; they have no weight.
    other = np.arange(150) % 2
    frame = table(w=1.0 - other)
    frame["y"] = np.where(other, 40 - frame["y"], frame["y"])
    for target in ("y", "kind"):
        frame["kind"] = np.where(frame["y"] > 20, "high", "low")
        left_out = {"y": "kind", "kind": "y"}[target]
        data = load_dataset(frame.drop(columns=left_out), target, weight="w")
        weighted = by_kind(baselines(problem(data), GENOME))
        assert not [row.error for row in weighted.values() if row.error]

        parts = {}
        for part in ("train", "test"):
            own = getattr(data, part)
            parts[part] = own.select(own.weight > 0)
        alone = replace(data, **parts, fold_numbers=data.fold_numbers[data.train.weight > 0])
        expected = by_kind(baselines(problem(alone), GENOME))
        assert weighted["linear"].test.to_dict() == pytest.approx(
            expected["linear"].test.to_dict(), rel=1e-3
        )
        without = replace(data, train=replace(data.train, weight=None))
        unweighted = by_kind(baselines(problem(without), GENOME))
        for kind in ("linear", "adam", "lbfgs", "trees"):
            assert weighted[kind].test.accuracy > unweighted[kind].test.accuracy + 3, kind

    monkeypatch.setattr("sklearn.utils.validation.has_fit_parameter", lambda *arguments: False)
    row = BaselineJob("adam", GENOME).run(problem(data), get_engine("cpu"))
    assert "scikit-learn lacks weights" in row.detail and row.error is None
    assert row.test == by_kind(baselines(problem(without), GENOME))["adam"].test


@pytest.mark.parametrize("weight", [None, "w"])
def test_several_targets(weight: str | None) -> None:
    frame = table(w=1.0 + np.arange(150) % 2)
    frame["z"] = 1000 - 50 * frame["a"] + frame["c"]
    if weight is None:
        frame = frame.drop(columns="w")
    data = load_dataset(frame, ["y", "z"], weight=weight)
    rows = by_kind(baselines(problem(data), GENOME, 2))
    assert list(rows) == list(KINDS) and not [row.error for row in rows.values() if row.error]
    assert "one model a target" in rows["trees"].detail
    assert rows["linear"].test.r2 > 0.95
    assert rows["constant"].test.r2 == pytest.approx(0, abs=0.1)

    # Of trees and lines each target is predicted as if it were alone.
    alone = []
    for target, other in (("y", "z"), ("z", "y")):
        one = load_dataset(frame.drop(columns=other), target, weight=weight)
        alone.append(by_kind(baselines(problem(one), GENOME, 2)))
    for kind in ("constant", "linear", "trees"):
        for name in ("accuracy", "mae", "r2"):
            expected = np.mean([own[kind].test[name] for own in alone])
            assert rows[kind].test[name] == pytest.approx(expected, abs=1e-6), (kind, name)


def test_what_scikit_learn_lacks_is_named() -> None:
    about = problem(load_dataset(table(), "y"))
    swish = BaselineJob("lbfgs", Genome(hidden_layers=(6, 4), activation="gelu")).run(
        about, get_engine("cpu")
    )
    plain = BaselineJob("lbfgs", Genome(hidden_layers=(6, 4), activation="relu")).run(
        about, get_engine("cpu")
    )

    assert (
        swish.test == plain.test and "6-4 gelu" in swish.detail and "relu instead" in swish.detail
    )
    assert plain.detail == "6-4 relu"

    none = BaselineJob("lbfgs", Genome(hidden_layers=(), activation="gelu")).run(
        about, get_engine("cpu")
    )
    assert none.detail == "no hidden layer"


def test_a_baseline_that_fails_is_a_row_that_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    data = load_dataset(table(), "y")
    about, engine = problem(data), get_engine("cpu")

    def broken(*arguments: object) -> object:
        raise ArithmeticError("no room")

    monkeypatch.setattr("shoal.tuning.baselines._estimator", broken)
    rows = by_kind(baselines(about, GENOME))
    assert (
        rows["adam"].error == "ArithmeticError: no room"
        and rows["adam"].test is None
        and rows["swarm"].error is None
    )
    monkeypatch.undo()
    monkeypatch.setattr(TableProblem, "metrics", lambda *arguments: None)
    assert "not finite" in BaselineJob("linear", GENOME).run(about, engine).error
    monkeypatch.undo()
    huge = Genome(weight_scale=1e30, max_position=1e38, max_velocity=1e38)
    assert "finite loss" in BaselineJob("swarm", huge).run(about, engine).error
    without = problem(load_dataset(table(), "y", test_fraction=0))
    assert baseline_jobs(without, GENOME) == () and baselines(without, GENOME) == []
    assert "no test part" in BaselineJob("trees", GENOME).run(without, engine).error


def test_json_gives_the_same_row() -> None:
    scored = Baseline(
        "adam", "6 tanh", (80.5, 81.0), Metrics(80.75, mae=0.1), Metrics(81.5, mae=0.1), 1.5
    )
    for row in (scored, BaselineJob("trees", GENOME).failed("lost")):
        assert Baseline.from_dict(json.loads(json.dumps(row.to_dict()))) == row
        assert row.name == NAMES[row.kind]


def test_workers_give_the_same_rows() -> None:
    about = problem(load_dataset(table(), "y", folds=2), workers=1)
    jobs = baseline_jobs(about, GENOME, 2)
    with make_executor(about, 1) as executor:
        for job in jobs:
            executor.submit(job)
        outcomes = []
        while len(outcomes) < len(jobs):
            outcomes += executor.poll(1.0)

    here = by_kind(baselines(about, GENOME, 2))
    for outcome in outcomes:
        assert outcome.result.error is None
        assert outcome.result.test.accuracy == pytest.approx(
            here[outcome.job.kind].test.accuracy, abs=1e-6
        )


def test_other_splits_of_the_same_table() -> None:
    data = load_dataset(table(), "y", folds=3)
    splits = list(resplit(data, [42, 1, 2]))
    assert splits[0].test.rows.tolist() == data.test.rows.tolist()
    assert len({tuple(split.test.rows) for split in splits}) == 3
    assert all(
        split.options == replace(data.options, seed=seed)
        for split, seed in zip(splits, [42, 1, 2], strict=True)
    )

    scores = [
        BaselineJob("swarm", GENOME).run(problem(split), get_engine("cpu")).test.accuracy
        for split in splits
    ]
    assert len(set(scores)) == 3
