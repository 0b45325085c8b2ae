"""`shoal replay`: a recorded training again, compared to the bit."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from shoal.cli.main import app
from shoal.data import load_dataset, prepare
from shoal.data.dataset import DataOptions
from shoal.errors import SettingsError, StoreError
from shoal.objectives.metrics import regression_metrics
from shoal.orchestration.runner import Runner
from shoal.replay.predictions import predict_recorded
from shoal.replay.verify import replay_command, verify
from shoal.settings.phase import Phase
from shoal.settings.search_settings import SearchSettings
from shoal.store import Owner, Store, open_store
from shoal.store.genome_lookup import genome_name
from shoal.store.tables import evaluation
from support.fakes import HereExecutor

SMALL = {"population": 3, "generations": 2, "iterations": 6, "baselines": False}


def searched(store: Store, **given: object) -> int:
    settings = SearchSettings.parse({**SMALL, **given})
    run_id, _ = store.add_run(load_dataset("concrete", preset=settings.preset), settings)
    claim = store.claim(Owner.here(), run_id)
    assert claim is not None
    assert Runner(store, claim, make_executor=HereExecutor).drive() == "finished"
    return run_id


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with open_store(tmp_path_factory.mktemp("replay") / "shoal.db") as store:
        assert searched(store) == 1
        yield store


def test_every_training_of_a_search_is_the_same_again(opened: Store) -> None:
    found = opened.evaluations(1)
    assert any(e.task.phase is Phase.CONFIRMATION for e in found)
    for recorded in found:
        verdict = verify(opened, 1, recorded.task.genome.hash, recorded.task.repeat)
        assert verdict.same, (recorded.task.id, verdict.differences)
        assert verdict.again.scores == recorded.scores
        assert verdict.again.curve == recorded.curve


def test_a_repetition_says_how_far_it_is_and_stays_the_same(opened: Store) -> None:
    recorded = opened.evaluations(1)[0]
    shares: list[float] = []
    name, repeat = recorded.task.genome.hash, recorded.task.repeat
    assert verify(opened, 1, name, repeat, on_progress=shares.append).same
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_the_command_says_so_and_takes_a_shortened_name(opened: Store) -> None:
    task = opened.evaluations(1)[0].task
    assert opened.path is not None
    command = replay_command(opened, 1, task.genome.hash, task.repeat)
    place = shlex.quote(str(opened.path))

    assert command == f"shoal replay 1 {task.genome.hash[:8]} {task.repeat} --store {place}"

    done = CliRunner().invoke(app, shlex.split(command)[1:])
    assert done.exit_code == 0, done.output
    assert "The same" in " ".join(done.output.split())

    done = CliRunner().invoke(app, [*shlex.split(command)[1:], "--json"])
    told = json.loads(done.stdout.splitlines()[-1])
    assert (told["same"], told["genome"], told["differences"]) == (True, task.genome.hash, [])
    assert told["accuracy"] == opened.evaluations(1)[0].accuracy


@pytest.mark.parametrize("name", ["loss", "accuracy of validation", "curve"])
def test_what_is_not_the_same_is_named_and_exits_1(name: str, tmp_path: Path) -> None:
    with open_store(tmp_path / "shoal.db") as store:
        run_id = searched(store, finalists=0)
        task = store.evaluations(run_id)[0].task
        own = (evaluation.c.genome_hash == task.genome.hash) & (evaluation.c.repeat == task.repeat)
        row = store.read(lambda c: c.execute(sa.select(evaluation).where(own)).one())
        up = float(np.nextafter(row.loss, 9.0))
        if name == "loss":
            values: dict[str, object] = {"loss": up}
        elif name == "curve":
            values = {"curve": [*row.curve[:-1], [row.curve[-1][0], up]]}
        else:
            scores = row.scores | {
                "validation": row.scores["validation"] | {"accuracy": row.accuracy + 1e-13}
            }
            values = {"scores": scores}
        store.write(lambda c: c.execute(sa.update(evaluation).where(own).values(values)))
        verdict = verify(store, run_id, task.genome.hash, task.repeat)
        assert not verdict.same
        assert len(verdict.differences) == 1, "by one bit, in one place"
        arguments = [
            "replay",
            str(run_id),
            task.genome.hash,
            str(task.repeat),
            "--store",
            str(store.path),
        ]
        done = CliRunner().invoke(app, arguments)
        assert done.exit_code == 1
        assert "Not the same" in " ".join(done.output.split())


def test_a_failed_training_fails_the_same_way(tmp_path: Path) -> None:
    table = load_dataset("concrete").source
    assert table is not None
    huge = table.assign(cement=table["cement"] * 1e32)
    dataset = prepare("huge", huge, DataOptions("compressive_strength", "classic"))
    settings = SearchSettings.parse({**SMALL, "preset": "classic", "repeats": 1})

    with open_store(tmp_path / "shoal.db") as store:
        run_id, _ = store.add_run(dataset, settings)
        claim = store.claim(Owner.here(), run_id)
        assert claim is not None
        Runner(store, claim, make_executor=HereExecutor).drive()
        failed = next(e for e in store.evaluations(run_id) if e.status == "failed")
        verdict = verify(store, run_id, failed.task.genome.hash, failed.task.repeat)
        assert verdict.same, verdict.differences
        assert verdict.again.error == failed.error
        arguments = [
            "replay",
            str(run_id),
            failed.task.genome.hash,
            "0",
            "--store",
            str(store.path),
        ]
        done = CliRunner().invoke(app, arguments)
        assert done.exit_code == 0
        assert "The same failure" in " ".join(done.output.split())
        with pytest.raises(StoreError, match="This training failed"):
            predict_recorded(store, run_id, failed.task.genome.hash, failed.task.repeat)


def test_a_training_that_the_clock_ended_is_repeated_at_its_recorded_length(tmp_path: Path) -> None:
    with open_store(tmp_path / "shoal.db") as store:
        run_id = searched(
            store,
            iterations=100_000_000,
            training_seconds=0.01,
            finalists=0,
            patience=None,
            generations=1,
        )
        for recorded in store.evaluations(run_id):
            verdict = verify(store, run_id, recorded.task.genome.hash, recorded.task.repeat)
            assert verdict.same, verdict.differences
            assert verdict.again.iterations == recorded.iterations
        task = store.evaluations(run_id)[0].task
        own = (evaluation.c.genome_hash == task.genome.hash) & (evaluation.c.repeat == task.repeat)
        lost = {"iterations": 0, "status": "failed", "error": "lost"}
        store.write(lambda c: c.execute(sa.update(evaluation).where(own).values(lost)))
        with pytest.raises(SettingsError, match="its length was the clock's"):
            verify(store, run_id, task.genome.hash, task.repeat)


def test_what_is_not_there_is_named(opened: Store) -> None:
    name = opened.evaluations(1)[0].task.genome.hash
    assert genome_name(opened, 1, f" {name[:5].upper()} ") == name

    for beginning in ("", "%", "_", "xyz", "0" * 17, "' or 1=1"):
        with pytest.raises(StoreError, match="has trained no genome"):
            genome_name(opened, 1, beginning)

    with pytest.raises(StoreError, match=r"has no repeat 77\. Expected: one of 0, 1"):
        verify(opened, 1, name, 77)
    with pytest.raises(StoreError, match="There is no run '9'"):
        verify(opened, 9, name, 0)


def test_a_beginning_that_several_share_is_refused(store: Store) -> None:
    """On both databases: names begin with 16 digits, so that 17 genomes or more share one."""
    settings = SearchSettings.parse(
        {"population": 20, "generations": 1, "iterations": 1, "finalists": 0}
    )
    run_id, _ = store.add_run(load_dataset("concrete"), settings)
    claim = store.claim(Owner.here(), run_id)
    assert claim is not None
    Runner(store, claim, make_executor=HereExecutor).drive()
    names = sorted({e.task.genome.hash for e in store.evaluations(run_id)})
    shared = next(a[0] for a, b in pairwise(names) if a[0] == b[0])

    with pytest.raises(
        StoreError, match=f"Several genomes of run {run_id} begin with {shared}.*more of its digits"
    ):
        genome_name(store, run_id, shared)

    assert genome_name(store, run_id, names[0][:12]) == names[0]


def test_predictions_come_from_a_process_of_their_own(opened: Store) -> None:
    recorded = opened.evaluations(1)[0]
    fits = predict_recorded(opened, 1, recorded.task.genome.hash[:9], recorded.task.repeat)
    assert fits.same

    assert recorded.scores is not None
    for part, fit in fits.parts.items():
        scores = regression_metrics(fit.predicted, fit.target)
        assert scores == getattr(recorded.scores, part), "what is drawn is what was scored"

    assert set(fits.parts) == {"train", "validation"}

    dataset = opened.load_problem(1).dataset
    assert dataset.test is not None
    assert sum(len(fit.target) for fit in fits.parts.values()) == len(dataset.train.rows)
