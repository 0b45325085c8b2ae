"""A run as a study of Optuna, read back by Optuna."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import optuna
import pytest

import shoal
from shoal.errors import SettingsError
from shoal.export.optuna_study import export_study
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


def test_a_study_has_a_trial_for_each_genome(run: tuple[shoal.SearchResult, Path]) -> None:
    result, folder = run
    url = f"sqlite:///{folder / 'study.db'}"
    with shoal.open_store(folder / "shoal.db") as store:
        name = export_study(store, result.run.id, url)
    study = optuna.load_study(study_name=name, storage=url)

    scores: dict[shoal.Genome, list[float]] = {}
    for evaluation in result.evaluations:
        if evaluation.task.phase is Phase.SEARCH:
            assert evaluation.score is not None
            scores.setdefault(evaluation.task.genome, []).append(evaluation.score)
    assert len(study.trials) == len(scores)
    most = max(map(len, scores.values()))
    states = [t.state is optuna.trial.TrialState.PRUNED for t in study.trials]
    assert states == [len(found) < most for found in scores.values()]
    values = [trial.intermediate_values[1] for trial in study.trials]
    np.testing.assert_allclose(values, [found[0] for found in scores.values()])

    complete = [genome for genome, found in scores.items() if len(found) == most]
    best = max(complete, key=lambda genome: np.mean(scores[genome]))
    genomes = shoal.import_study(url)
    assert genomes[0] == best
    assert set(genomes) == set(complete)
    assert shoal.import_study(study) == genomes

    with (
        shoal.open_store(folder / "shoal.db") as store,
        pytest.raises(SettingsError, match="without a study"),
    ):
        export_study(store, result.run.id, url)


def test_the_command_writes_a_study(run: tuple[shoal.SearchResult, Path], tmp_path: Path) -> None:
    _, folder = run
    url = f"sqlite:///{tmp_path / 'study.db'}"
    done = command("export", "1", "--optuna", url, store=folder / "shoal.db")
    assert done.returncode == 0, done.stderr
    assert "the study shoal 1 " in done.stdout
    assert shoal.import_study(url)

    refused = command("export", "1", store=folder / "shoal.db")
    assert refused.returncode == 2
    assert "--optuna URL" in refused.stderr


def test_a_storage_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="a storage of Optuna"):
        shoal.import_study(f"sqlite:///{tmp_path / 'nothing.db'}", "no study")
