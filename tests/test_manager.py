"""`TrainManager`: the student system's control object, with a process behind it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean

import pytest

from shoal.errors import RunStateError, SettingsError
from shoal.genome.genome import Genome
from shoal.manager import TrainManager
from shoal.settings.phase import Phase
from shoal.store import Store, open_store
from support.processes import alive, eventually

SMALL = {"population": 4, "generations": 500, "iterations": 50, "repeats": 2}
NAMES = {
    "epoch",
    "percent",
    "best_fitness",
    "best_repeats",
    "avg_fitness",
    "elapsed_time",
    "ga_history",
    "best_genome",
    "best_genome_timestamp",
}


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    with open_store(tmp_path / "shoal.db") as opened:
        yield opened
        for supervisor in opened.supervisors():
            os.kill(supervisor.pid, signal.SIGTERM)
            eventually(lambda pid=supervisor.pid: not alive(pid))


def test_the_best_genome_is_that_of_the_run_shown(store: Store) -> None:
    manager = TrainManager(store, **{**SMALL, "generations": 2, "baselines": False})
    assert manager.get_best_genome() is None

    run_id = manager.start_training()
    eventually(lambda: store.run(run_id).state == "finished")
    found = manager.get_best_genome()
    assert found is not None
    genome = Genome.from_dict(found)
    assert genome.to_dict() == found

    # It is a genome of the run, and its accuracy is the one shown beside it: the mean of its
    # repeats, the best of all genomes.
    accuracies = defaultdict(list)
    for evaluation in store.evaluations(run_id):
        if evaluation.task.phase is Phase.SEARCH:
            accuracies[evaluation.task.genome].append(evaluation.accuracy)
    means = {tried: fmean(values) for tried, values in accuracies.items()}
    assert means[genome] == max(means.values())
    assert manager.get_progress()["best_fitness"] == pytest.approx(means[genome])

    # Another manager of the store sees it; one that was reset does not.
    manager.reset_progress()
    assert manager.get_best_genome() is None
    assert TrainManager(store, **SMALL).get_best_genome() == found


def test_empty_view_before_the_first_run(store: Store) -> None:
    progress = TrainManager(store, **SMALL).get_progress()
    assert set(progress) >= NAMES
    assert (progress["epoch"], progress["percent"], progress["best_genome"]) == (0, 0, None)
    assert list(progress["ga_history"].columns) == ["best_accuracy", "avg_accuracy"]
    assert progress["ga_history"].empty


def test_start_watch_stop_reset(store: Store) -> None:
    manager = TrainManager(store, **SMALL)
    assert not manager.is_training()
    run_id = manager.start_training()
    second = TrainManager(str(store.path), **SMALL)
    assert manager.start_training() == second.start_training() == run_id
    assert second.is_training()
    assert len(store.runs()) == 1

    eventually(lambda: manager.get_progress()["epoch"] >= 2)
    (supervisor,) = store.supervisors()
    assert supervisor.pid != os.getpid()
    progress = second.get_progress()
    assert 0 < progress["best_fitness"] <= 100
    assert progress["best_repeats"] >= 2
    assert progress["avg_fitness"] <= progress["best_fitness"]
    assert len(progress["ga_history"]) == progress["epoch"]
    assert progress["ga_history"]["best_accuracy"].iloc[-1] == progress["best_fitness"]
    assert (
        progress["best_genome"] == second.get_progress()["best_genome"]
        or second.get_progress()["epoch"] > progress["epoch"]
    )
    assert {"swarm_size", "max_velocity", "max_position", "hidden_layers"} <= set(
        progress["best_genome"]
    )
    assert progress["elapsed_time"] > 0
    assert progress["best_genome_timestamp"] > 1.7e9

    second.stop_training()
    assert not manager.is_training()
    stopped = manager.get_progress()
    assert stopped["state"] == "stopped"
    assert stopped["epoch"] >= progress["epoch"]
    kept = len(store.evaluations(run_id))
    assert kept > 0

    manager.reset_progress()
    assert manager.get_progress()["epoch"] == 0
    assert len(store.evaluations(run_id)) == kept
    assert second.get_progress()["epoch"] == stopped["epoch"]
    # There is nothing to stop, which is no error.
    manager.stop_training()


def test_training_outlives_its_starter(store: Store, tmp_path: Path) -> None:
    code = """
import sys, shoal
manager = shoal.TrainManager(sys.argv[1], population=4, generations=500, iterations=50)
manager.start_training()
"""
    subprocess.run([sys.executable, "-c", code, str(store.path)], check=True)
    eventually(lambda: store.run(1).evaluations >= 3)
    (supervisor,) = store.supervisors()

    assert alive(supervisor.pid)

    TrainManager(store).stop_training()
    os.kill(supervisor.pid, signal.SIGTERM)
    eventually(lambda: not alive(supervisor.pid))

    assert store.supervisors() == []


def test_bad_settings_write_nothing(store: Store) -> None:
    with pytest.raises(SettingsError, match="generations"):
        TrainManager(store, generations=0)
    assert store.runs() == []


def test_the_run_that_is_shown_can_be_labelled(store: Store) -> None:
    manager = TrainManager(store, **SMALL)
    with pytest.raises(RunStateError, match="no run yet"):
        manager.rename("mine")

    run_id, _ = store.add_run(manager._data, manager._settings)
    store.command(run_id, "stop")
    manager.rename("mine")
    assert manager.tag("good", "new") == ("good", "new")
    assert manager.tag("Good", remove=True) == ("new",)
    manager.note("Look again.")
    manager.archive()
    run = store.run(run_id)
    assert (run.name, run.tags, run.note) == ("mine", ("new",), "Look again.")
    assert run.archived is not None
    manager.archive(archived=False)
    assert store.run(run_id).archived is None


def test_the_active_run_is_the_one_shown_and_stopped(store: Store) -> None:
    manager = TrainManager(store, **SMALL)
    first = manager.start_training()
    # Somebody queues another run behind it.
    store.add_run(manager._data, manager._settings)
    eventually(lambda: store.run(first).state == "running")

    assert manager.get_progress()["run"] == first

    manager.stop_training()
    assert store.run(first).state == "stopped"

    store.command(2, "stop")
