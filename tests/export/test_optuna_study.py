"""A run as a study of Optuna, read back by Optuna."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import optuna
import pandas as pd
import pytest

import shoal
from shoal.analysis.evaluation_table import EvaluationTable
from shoal.errors import SettingsError
from shoal.export.optuna_study import _shared, _trial, export_study
from shoal.settings.phase import Phase
from support.processes import shoal as command


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[shoal.SearchResult, Path]:
    folder = tmp_path_factory.mktemp("study")
    result = shoal.search(
        shoal.load_dataset("concrete", folds=1),
        store=folder / "shoal.db",
        population=4,
        generations=2,
        iterations=5,
        repeats=1,
        max_repeats=2,
        baselines=False,
        workers=1,
        progress=False,
    )
    return result, folder


@pytest.fixture(scope="module")
def study(run: tuple[shoal.SearchResult, Path]) -> optuna.Study:
    result, folder = run
    url = f"sqlite:///{folder / 'study.db'}"
    with shoal.open_store(folder / "shoal.db") as store:
        name = export_study(store, result.run.id, url)
    return optuna.load_study(study_name=name, storage=url)


@pytest.fixture(scope="module")
def genomes(run: tuple[shoal.SearchResult, Path]) -> pd.DataFrame:
    result, folder = run
    with shoal.open_store(folder / "shoal.db") as store:
        found = EvaluationTable(store, store.run(result.run.id)).refresh().genomes()
    return found[found["repeats"] > 0]


def test_a_study_has_a_trial_for_each_genome(
    study: optuna.Study, genomes: pd.DataFrame, run: tuple[shoal.SearchResult, Path]
) -> None:
    result, folder = run
    assert [trial.user_attrs["genome"] for trial in study.trials] == list(genomes.index)
    np.testing.assert_allclose([trial.value for trial in study.trials], genomes["score"])
    pruned = [trial.state is optuna.trial.TrialState.PRUNED for trial in study.trials]
    assert pruned == (genomes["level"] < genomes["level"].max()).tolist()
    assert 0 < sum(pruned) < len(pruned)

    best = genomes[genomes["level"] == genomes["level"].max()]["score"].idxmax()
    assert study.best_trial.user_attrs["genome"] == best
    with (
        shoal.open_store(folder / "shoal.db") as store,
        pytest.raises(SettingsError, match="without a study"),
    ):
        export_study(store, result.run.id, f"sqlite:///{folder / 'study.db'}")


def test_intermediate_values_are_what_the_race_compares(
    study: optuna.Study, run: tuple[shoal.SearchResult, Path]
) -> None:
    """The second repeat trains for longer than the first, so the mean of both is no score."""
    result, _ = run
    schedule = result.run.settings.schedule
    assert schedule.iterations_for(0) < schedule.iterations_for(1)
    scores = {e.task.id: e.score for e in result.evaluations if e.task.phase is Phase.SEARCH}
    for trial in study.trials:
        genome = trial.user_attrs["genome"]
        steps = trial.intermediate_values
        assert steps == {step: scores[genome, step - 1] for step in steps}
        assert trial.value == steps[max(steps)]
    assert {len(trial.intermediate_values) for trial in study.trials} == {1, 2}


def test_a_reader_knows_what_a_value_is_and_when_a_trial_was(
    study: optuna.Study, run: tuple[shoal.SearchResult, Path]
) -> None:
    result, _ = run
    assert study.metric_names == ["accuracy"]
    assert study.user_attrs["value"] == "Accuracy in %"
    assert study.user_attrs["run"] == f"{result.run.id} {result.run.name}"
    assert result.run.ended is not None
    for trial in study.trials:
        assert trial.datetime_start is not None
        assert trial.datetime_complete is not None
        assert trial.datetime_start < trial.datetime_complete
        assert result.run.created - 1 < trial.datetime_start.timestamp()
        assert trial.datetime_complete.timestamp() < result.run.ended + 1


def test_parameters_are_genes_that_differ_within_the_bounds_of_the_search(
    study: optuna.Study, run: tuple[shoal.SearchResult, Path]
) -> None:
    result, _ = run
    assert study.user_attrs["genome.attractor"] == "best"
    for trial in study.trials:
        assert "attractor" not in trial.params
        assert trial.params["width_1"] >= 1
    bounds = {gene.name: gene for gene in result.run.settings.space.numeric}
    ridge = study.trials[0].distributions["ridge"]
    assert (ridge.low, ridge.high, ridge.log) == (bounds["ridge"].low, bounds["ridge"].high, True)


def test_genomes_come_back_the_best_first(
    study: optuna.Study, genomes: pd.DataFrame, run: tuple[shoal.SearchResult, Path]
) -> None:
    complete = genomes[genomes["level"] == genomes["level"].max()]
    ranked = complete.sort_values("score", ascending=False)
    found = shoal.import_study(study)
    assert [genome.hash for genome in found] == list(ranked.index)
    assert shoal.import_study(f"sqlite:///{run[1] / 'study.db'}") == found


def test_a_genome_with_a_failed_training_has_failed() -> None:
    schedule = shoal.SearchSettings(repeats=1, max_repeats=2).schedule
    genome = pd.Series({"score": np.nan, "generation": 2, "confirmations": 0}, name="abc")
    rows = pd.DataFrame({"repeat": [1, 0], "score": [np.nan, 70.0]})
    rows = rows.assign(created=[20.0, 10.0], seconds=[3.0, 4.0])
    trial = _trial(optuna, genome, rows, schedule)
    assert trial.state is optuna.trial.TrialState.FAIL
    assert trial.value is None
    assert trial.intermediate_values == {1: 70.0}
    assert trial.datetime_start.timestamp() == 6.0
    assert trial.datetime_complete.timestamp() == 20.0


def test_one_genome_alone_keeps_its_genes_as_parameters() -> None:
    assert _shared([{"depth": 1}]) == {}
    assert _shared([{"depth": 1, "width_1": 3}, {"depth": 1}]) == {"depth": 1}


def test_the_command_writes_a_study(run: tuple[shoal.SearchResult, Path], tmp_path: Path) -> None:
    _, folder = run
    url = f"sqlite:///{tmp_path / 'study.db'}"
    done = command("export", "1", "--optuna", url, store=folder / "shoal.db")
    assert done.returncode == 0, done.stderr
    assert "the study shoal 1 " in done.stdout
    assert f"optuna-dashboard {url}" in done.stdout
    assert "[I " not in done.stderr
    assert shoal.import_study(url)

    refused = command("export", "1", store=folder / "shoal.db")
    assert refused.returncode == 2
    assert "--optuna URL" in refused.stderr


def test_a_storage_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="a storage of Optuna"):
        shoal.import_study(f"sqlite:///{tmp_path / 'nothing.db'}", "no study")
