"""Thousands of troubled histories, each of which ends in the undisturbed result.

The seed of one that fails is printed, and replays it.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from shoal.orchestration.runner import Runner
from shoal.store import Owner, Store, open_store
from support.fakes import InlineExecutor
from support.long_parts import HISTORIES
from support.searches import BRIEF
from support.simulated_machine import BUDGET, World, some_fail
from support.tables import tiny_dataset


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, int, Any]:
    """A store with one queued run; its undisturbed hash, and how many evaluations that has."""
    data = tiny_dataset()
    folder = tmp_path_factory.mktemp("simulation")
    with open_store(folder / "whole.db") as store:
        store.add_run(data, BRIEF)
        claim = store.claim(Owner.here())
        assert claim
        assert (
            Runner(store, claim, make_executor=partial(InlineExecutor, on_job=some_fail)).drive()
            == "finished"
        )
        run = store.run(1)
        assert run.result_hash

    with open_store(folder / "queued.db") as store:
        store.add_run(data, BRIEF)
        return folder / "queued.db", run.result_hash, run.evaluations, store.load_problem(1)


@pytest.fixture
def workplace(template: tuple[Path, str, int, Any], tmp_path: Path) -> Iterator[Store]:
    """A store that is reset for each history.

    It need not outlive a loss of power, so it does not wait for the disk.
    """
    file = tmp_path / "shoal.db"
    shutil.copy(template[0], file)
    with open_store(file) as store:
        sa.event.listen(store._database.engine, "connect", _hurried)
        store.close()
        yield store


def _hurried(raw: sqlite3.Connection, _record: object) -> None:
    raw.execute("PRAGMA synchronous = OFF")
    raw.execute("PRAGMA journal_mode = MEMORY")


def replay(store: Store, template: tuple[Path, str, int, Any], seed: int) -> World:
    """One history, from its seed alone."""
    store.close()
    assert store.path

    shutil.copy(template[0], store.path)
    world = World(store, 1, seed, problem=template[3])
    try:
        world.history()
        run, evaluations = store.run(1), store.evaluations(1)
        assert (run.state, run.result_hash) == ("finished", template[1])
        assert (
            len(evaluations)
            == len({e.task.id for e in evaluations})
            == run.evaluations
            == template[2]
        )
        assert store.artifact(1, "champion")
        assert [g.summary.number for g in store.generations(1)] == [1, 2]
    except BaseException as error:
        told = "\n".join(world.log)
        raise AssertionError(
            f"history {seed} (replay(workplace, template, {seed})):\n{told}"
        ) from error

    return world


BLOCK = 50
IN_SUITE, IN_ALL = 100, 100_000


def _block(store: Store, template: tuple[Path, str, int, Any], first: int) -> None:
    troubles = sum(
        BUDGET - replay(store, template, seed).budget for seed in range(first, first + BLOCK)
    )
    assert troubles > BLOCK, "so little happened that nothing was tested"


@pytest.mark.parametrize("first", range(0, IN_SUITE, BLOCK))
def test_every_history_ends_in_the_undisturbed_result(
    workplace: Store, template, first: int
) -> None:
    _block(workplace, template, first)


def _with_its_part(first: int) -> Any:
    number = 1 + (first - IN_SUITE) * HISTORIES // (IN_ALL - IN_SUITE)
    return pytest.param(first, marks=pytest.mark.slow(part=f"histories-{number}"))


@pytest.mark.parametrize(
    "first", [_with_its_part(first) for first in range(IN_SUITE, IN_ALL, BLOCK)]
)
def test_a_hundred_thousand_histories(workplace: Store, template, first: int) -> None:
    _block(workplace, template, first)


def test_a_seed_replays(workplace: Store, template) -> None:
    assert replay(workplace, template, 7).log == replay(workplace, template, 7).log
