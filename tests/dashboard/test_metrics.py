"""What Prometheus reads, by its own parser, against what the store holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("starlette", reason="the extra shoal[dashboard] is not installed")
pytest.importorskip("prometheus_client", reason="the extra shoal[dashboard] is not installed")

import sqlalchemy as sa
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as read_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as read_text
from starlette.applications import Starlette

from shoal import __version__
from shoal.dashboard.server.metrics import ServiceMetrics
from shoal.dashboard.server.open_stores import SharedStore
from shoal.dashboard.server.programs import ProgramsMiddleware
from shoal.data import load_dataset
from shoal.settings.search_settings import SearchSettings
from shoal.store import Owner, Store
from shoal.store import tables as t
from support import records
from support.asgi import Client

DATA = load_dataset("concrete")
HERE = Owner.here()


def values(metrics: ServiceMetrics, accept: str = "", parse: Any = read_text) -> dict[str, float]:
    text, kind = metrics.exposition(accept)
    assert kind.startswith(("text/plain", "application/openmetrics-text"))
    found = {}
    for family in parse(text.decode()):
        assert family.documentation
        for sample in family.samples:
            label = ",".join(sample.labels.values())
            found[sample.name + (f" {label}" if label else "")] = sample.value
    return found


def test_an_empty_store(store: Store) -> None:
    found = values(ServiceMetrics(lambda: store))
    assert found.pop("shoal_store_bytes") > 0
    assert found.pop(f"shoal_info {__version__}") == 1
    assert len(found) == 12
    assert set(found.values()) == {0}


def test_runs_trainings_supervisors_and_messages(store: Store) -> None:
    metrics = ServiceMetrics(lambda: store)
    before = values(metrics)

    run_id, _ = store.add_run(DATA, SearchSettings())
    store.add_run(DATA, SearchSettings())
    lost, _ = store.add_run(DATA, SearchSettings())
    claim = store.claim(HERE, run_id)
    assert claim
    # A run of a machine that is not heard of any more.
    assert store.claim(Owner("elsewhere", 1, "token"), lost)
    old = sa.update(t.run).where(t.run.c.id == lost).values(heartbeat=t.run.c.heartbeat - 600)
    store.write(lambda c: c.execute(old))
    store.register_supervisor(HERE)

    failed = records.evaluation(3, status="failed", scores=None, loss=None, error="made up")
    recorded = [records.evaluation(1), records.evaluation(2), failed]
    store.record(claim, recorded, (), seconds=1.0)

    found = values(metrics)
    assert found["shoal_runs running"] == 1
    assert found["shoal_runs queued"] == 1
    assert found["shoal_runs interrupted"] == 1
    assert found["shoal_trainings_total"] == before["shoal_trainings_total"] + 3
    assert found["shoal_trainings_per_second"] == pytest.approx(3 / 60)
    assert found["shoal_failed_trainings_total"] == 1
    assert found["shoal_supervisors"] == 1

    store.finish(claim, "finished", seconds=1.0, result_hash="abc")
    found = values(metrics)
    assert found["shoal_runs finished"] == 1
    assert found["shoal_messages_waiting"] == 1
    # What was counted stays counted.
    assert found["shoal_failed_trainings_total"] == 1

    # Trainings of more than a minute ago are none of this minute.
    older = sa.update(t.evaluation).values(created=t.evaluation.c.created - 61)
    store.write(lambda c: c.execute(older))
    assert values(metrics)["shoal_trainings_per_second"] == 0


def test_failures_before_the_server_started_are_not_read(store: Store) -> None:
    run_id, _ = store.add_run(DATA, SearchSettings())
    claim = store.claim(HERE, run_id)
    assert claim
    failed = records.evaluation(1, status="failed", scores=None, loss=None, error="made up")
    store.record(claim, [failed], (), seconds=1.0)

    metrics = ServiceMetrics(lambda: store)
    assert values(metrics)["shoal_failed_trainings_total"] == 0
    assert values(metrics)["shoal_trainings_total"] == 1


def test_the_server_answers_with_the_figures_of_its_store(store: Store) -> None:
    store.add_run(DATA, SearchSettings())
    shared = SharedStore(store.raw_url)
    answer = Client(ProgramsMiddleware(Starlette(), shared)).get("/metrics")
    shared.close()
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert answer.headers["cache-control"] == "no-store"
    assert 'shoal_runs{state="queued"} 1.0' in answer.text.splitlines()


def test_a_store_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    (tmp_path / "shoal.db").write_text("no database")
    programs = ProgramsMiddleware(Starlette(), SharedStore(str(tmp_path / "shoal.db")))
    answer = Client(programs).get("/metrics")
    assert answer.status_code == 503
    assert answer.json()["error"]


def test_openmetrics_for_those_who_ask(store: Store) -> None:
    metrics = ServiceMetrics(lambda: store)
    wanted = "application/openmetrics-text; version=1.0.0"
    plain = values(metrics)
    assert values(metrics, wanted, read_openmetrics) == plain
