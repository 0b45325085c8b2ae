"""Python's verbs, and the published results."""

from __future__ import annotations

import gc
import runpy
import sys
from contextlib import suppress
from pathlib import Path
from statistics import fmean
from types import SimpleNamespace

import numpy as np
import pytest

import shoal
from shoal.errors import GenomeError, SettingsError
from shoal.tuning.baselines import KINDS

# Its folder stays off the path: it has modules that are called as packages of these tests.
PUBLISHED = Path(__file__).parent.parent / "benchmarks" / "published.py"
published = SimpleNamespace(**runpy.run_path(str(PUBLISHED)))


@pytest.fixture(scope="module")
def classic() -> shoal.Dataset:
    return shoal.load_dataset("concrete", preset="classic")


def test_train_as_documented(classic: shoal.Dataset) -> None:
    genome = shoal.Genome(
        swarm_size=20, inertia_weight=0.708, hidden_layers=(8, 4), activation="relu"
    )
    result = shoal.train(classic, genome, iterations=50, seed=0, threads=1)
    assert result.history.shape == (50,)
    assert (np.diff(result.history) <= 0).all()
    assert result.loss == result.history[-1]
    assert result.weights.shape == (8 * 8 + 8 + 8 * 4 + 4 + 4 + 1,)

    assert result.scores.test is not None
    assert result.scores.validation is None

    y = classic.train.target
    predicted = classic.unscale(result.network.forward(result.weights[None], classic.train.x)[0])
    assert result.scores.train.accuracy == pytest.approx(
        100 * (1 - np.abs(predicted - y).mean() / np.abs(y).mean()), abs=1e-4
    )

    again = shoal.train(classic, genome, iterations=50, seed=0, threads=2)
    np.testing.assert_array_equal(again.weights, result.weights)
    assert not np.array_equal(
        shoal.train(classic, genome, iterations=50, seed=1).weights, result.weights
    )


def test_train_repeats_a_recorded_evaluation(classic: shoal.Dataset, tmp_path: Path) -> None:
    run = shoal.search(
        classic,
        store=tmp_path / "s.db",
        population=3,
        generations=2,
        iterations=30,
        repeats=2,
        seed=5,
        baselines=False,
    )
    for evaluation in run.evaluations:
        task = evaluation.task
        result = shoal.train(classic, task.genome, iterations=30, seed=5, repeat=task.repeat)
        assert result.scores.train == evaluation.scores.train
        assert result.loss == evaluation.loss


def open_files(folder: Path) -> list[str]:
    """The files in a folder that this process has open; none on systems that do not say."""
    if sys.platform != "linux":
        return []
    files = []
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the folder's own
            files.append(str(descriptor.readlink()))
    return [file for file in files if file.startswith(str(folder))]


def test_search_as_documented(tmp_path: Path) -> None:
    data = shoal.load_dataset("concrete")
    run = shoal.search(
        data, store=tmp_path / "s.db", population=3, generations=2, iterations=30, repeats=2, seed=0
    )
    assert run.run.state == "finished"
    assert run.champion is not None
    assert run.champion.refitted
    assert run.champion.scores.test is not None
    assert run.champion.ensemble.test is not None
    assert run.champion.scores.validation is not None

    # The champion's networks are those of the first confirmations.
    confirmation = run.champion.confirmation
    assert confirmation is not None
    of_networks = confirmation.accuracies[:5]
    assert run.champion.scores.validation.accuracy == pytest.approx(fmean(of_networks))
    assert len(run.champion.weights) == len(of_networks)

    assert {rival.kind for rival in run.champion.baselines if rival.test} == set(KINDS)
    assert len(run.generations) == 2
    assert len(run.result_hash or "") == 64
    assert not open_files(tmp_path)
    with shoal.open_store(tmp_path / "s.db") as store:
        assert len(store.evaluations(run.run.id)) == len(run.evaluations)


def test_a_budget_by_name_stands_below_what_is_given(tmp_path: Path) -> None:
    data = shoal.load_dataset("concrete", folds=1)
    small = {"iterations": 10, "population": 3, "confirmations": 2, "finalists": 1}
    run = shoal.search(data, store=tmp_path / "s.db", budget="quick", baselines=False, **small)
    settings = run.run.settings
    # Half of 2 generations; the population was given.
    assert (settings.generations, settings.population, settings.iterations) == (1, 3, 10)

    with pytest.raises(shoal.errors.SettingsError, match="did you mean 'quick'"):
        shoal.search(data, store=tmp_path / "other.db", budget="quik")
    assert not (tmp_path / "other.db").exists()


def test_a_manager_that_is_gone_leaves_no_connection_open(
    classic: shoal.Dataset, postgres_url: str
) -> None:
    manager = shoal.TrainManager(postgres_url, data=classic)
    assert not manager.is_training()

    del manager
    # psycopg warns of connections that nobody has closed, and warnings are errors here.
    gc.collect()


def test_bad_calls_are_told_what_is_wrong(classic: shoal.Dataset, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="iterations"):
        shoal.train(classic, iterations=0)
    with pytest.raises(GenomeError, match="num_informants"):
        shoal.Genome(swarm_size=4, num_informants=4)
    with pytest.raises(SettingsError, match="generation"):
        shoal.search(classic, store=tmp_path / "s.db", generation=3)
    assert not (tmp_path / "s.db").exists()


def test_linear_network_ends_near_least_squares(classic: shoal.Dataset) -> None:
    # Without a hidden layer the loss has one minimum, the least-squares fit, whose accuracy in
    # training is 76.605 % (76.546 % through the origin, where a short training stands before it has
    # found the constant).
    genome = shoal.Genome(
        swarm_size=60,
        hidden_layers=(),
        max_velocity=0.05,
        weight_scale=0.01,
        bias_scale=0.01,
        num_informants=4,
    )
    result = shoal.train(classic, genome, iterations=3000, seed=0)
    assert result.scores.train.accuracy == pytest.approx(76.6, abs=0.1)


@pytest.mark.parametrize("row", [0, 14])
def test_published_row_is_reproduced(row: int) -> None:
    comparison = published.reproduce(published.rows()[row], seeds=20)
    assert comparison.agrees, published.line(comparison)


@pytest.mark.slow(part="published")
@pytest.mark.parametrize("row", range(0, 37, 4))
def test_published_rows_are_reproduced(row: int) -> None:
    comparison = published.reproduce(published.rows()[row], seeds=40)
    assert comparison.agrees, published.line(comparison)


def test_the_check_of_published_rows_can_fail() -> None:
    row = published.rows()[0]
    # Four times the training is visibly better.
    wrong = row | {"genome": row["genome"] | {"iterations": 400}}
    assert not published.reproduce(wrong, seeds=20).agrees
