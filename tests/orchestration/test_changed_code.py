"""A run whose code is missing or has changed waits for a person, and then goes on as if nothing
had happened.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from problems.user_files import PLAIN_SHOP, TINY_SEARCH, write
from shoal.executors import Executor, LocalExecutor
from shoal.orchestration.runner import Runner
from shoal.orchestration.supervisor import Supervisor
from shoal.problems.base import Problem
from shoal.problems.registry import find_simulation
from shoal.settings.search_settings import SearchSettings
from shoal.store import Owner, Store, open_store

SETTINGS = SearchSettings.parse(TINY_SEARCH)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write(tmp_path / "inventory.py", PLAIN_SHOP)


@pytest.fixture
def store(tmp_path: Path, file: Path) -> Iterator[Store]:
    """A store with one run, of the file."""
    with open_store(tmp_path / "shoal.db") as opened:
        _add_run(opened, file)
        yield opened


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The result hash of the run."""
    folder = tmp_path_factory.mktemp("undisturbed")
    with open_store(folder / "shoal.db") as opened:
        _add_run(opened, write(folder / "inventory.py", PLAIN_SHOP))
        assert _drive(opened) == "finished"
        result_hash = opened.run(1).result_hash
    assert result_hash is not None
    return result_hash


def _add_run(store: Store, file: Path) -> None:
    shop = find_simulation(f"{file}:shop")
    assert shop is not None
    store.add_run(shop, SETTINGS)


def _drive(
    store: Store,
    make_executor: Callable[[Problem, int | None], Executor] = LocalExecutor,
    leaving: Callable[[], bool] = lambda: False,
) -> str:
    claim = store.claim(Owner.here())
    assert claim is not None
    return Runner(store, claim, leaving, make_executor=make_executor).drive()


def _remove(file: Path) -> None:
    file.unlink()


def _change(file: Path) -> None:
    write(file, PLAIN_SHOP.replace("price=2.0", "price=3.0"))


@pytest.mark.parametrize(
    ("damage", "reason"),
    [(_remove, "is not on this machine"), (_change, "has changed since the run began")],
)
def test_it_is_paused_with_the_reason_and_goes_on_to_the_same_result(
    store: Store, file: Path, undisturbed: str, damage: Callable[[Path], None], reason: str
) -> None:
    damage(file)

    assert _drive(store) == "paused"

    run = store.run(1)
    assert run.state == "paused"
    assert reason in (run.error or "")
    assert "`shoal code RUN --to" in (run.error or "")
    event = store.events(1)[0]
    assert event.level == "warning"
    assert reason in event.text
    # No supervisor takes it up again by itself.
    assert store.claim(Owner.here()) is None

    write(file, PLAIN_SHOP)
    store.command(1, "resume")
    assert _drive(store) == "finished"
    assert store.run(1).result_hash == undisturbed
    assert store.run(1).error is None


def test_it_is_paused_again_as_long_as_nobody_has_put_the_file_back(
    store: Store, file: Path
) -> None:
    file.unlink()
    _drive(store)
    store.command(1, "resume")

    assert _drive(store) == "paused"
    assert store.run(1).state == "paused"


def test_a_file_that_changes_in_the_middle_of_a_run(
    store: Store, file: Path, undisturbed: str
) -> None:
    assert _drive(store, leaving=lambda: bool(store.run(1).evaluations)) == "interrupted"
    recorded = store.run(1).evaluations
    _change(file)

    assert _drive(store) == "paused"
    assert store.run(1).evaluations == recorded > 0

    write(file, PLAIN_SHOP)
    store.command(1, "resume")
    assert _drive(store) == "finished"
    assert store.run(1).result_hash == undisturbed


def test_a_file_that_changes_before_a_worker_starts(
    store: Store, file: Path, undisturbed: str
) -> None:
    """The supervisor has imported it, and its workers find another one."""

    def make_late(problem: Problem, workers: int | None) -> Executor:
        _change(file)
        return LocalExecutor(problem, workers)

    assert _drive(store, make_late) == "paused"
    assert "has changed since the run began" in (store.run(1).error or "")
    assert not store.evaluations(1)

    write(file, PLAIN_SHOP)
    store.command(1, "resume")
    assert _drive(store) == "finished"
    assert store.run(1).result_hash == undisturbed


def test_a_supervisor_goes_on_with_other_runs(store: Store, file: Path, tmp_path: Path) -> None:
    other = write(tmp_path / "other" / "inventory.py", PLAIN_SHOP)
    _add_run(store, other)
    file.unlink()

    supervisor = Supervisor(store, idle_exit=0.0)
    supervisor.loop()

    assert [store.run(number).state for number in (1, 2)] == ["paused", "finished"]
