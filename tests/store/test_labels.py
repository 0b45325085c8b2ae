"""Names, tags, notes and the archive of runs, on SQLite and on a real PostgreSQL."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa

from shoal.data import DataOptions, Dataset, prepare
from shoal.errors import RunNotFoundError, RunStateError, SettingsError
from shoal.objectives.registry import Metric
from shoal.settings.search_settings import SearchSettings
from shoal.store import Owner, RunEntry, RunView, Store, open_store
from shoal.store import tables as t
from shoal.store.backup import backup, restore

SETTINGS = SearchSettings(generations=3)
ELSEWHERE = Owner("elsewhere", 1, "token")
ENTRY_FIELDS = tuple(RunEntry.__dataclass_fields__)


@pytest.fixture(scope="module")
def tiny() -> Dataset:
    numbers = np.random.default_rng(0)
    frame = pd.DataFrame({"a": numbers.normal(size=40), "y": numbers.normal(size=40) + 9})
    return prepare("tiny", frame, DataOptions(target="y"))


def stopped(store: Store, dataset: Dataset, settings: SearchSettings = SETTINGS) -> int:
    run_id, _ = store.add_run(dataset, settings)
    store.command(run_id, "stop")
    return run_id


def row_of(store: Store, run_id: int) -> Any:
    query = sa.select(t.run).where(t.run.c.id == run_id)
    return store.read(lambda connection: connection.execute(query).one())


def test_a_new_run_has_none_of_them(store: Store, tiny: Dataset) -> None:
    run = store.run(store.add_run(tiny, SETTINGS)[0])
    assert (run.tags, run.note, run.archived) == ((), "", None)


def test_they_are_kept_and_nothing_else_changes(store: Store, tiny: Dataset) -> None:
    run_id = stopped(store, tiny)
    before = store.run(run_id)

    store.rename(run_id, "  churn, second try ")
    store.tag(run_id, ["good", "for Ada"])
    store.note(run_id, "Bounds were too narrow.\nTry 0.3.")
    after = store.archive(run_id)

    assert after.name == "churn, second try"
    assert after.tags == ("good", "for Ada")
    assert after.note == "Bounds were too narrow.\nTry 0.3."
    assert after.archived is not None
    assert after.archived >= before.created
    assert replace(after, name=before.name, tags=(), note="", archived=None) == before
    assert store.run(run_id) == after
    assert [event.text for event in store.events(run_id)].count("Renamed: it was tiny.") == 1


def test_tags_are_told_apart_without_capitals(store: Store, tiny: Dataset) -> None:
    run_id = stopped(store, tiny)
    store.tag(run_id, ["Good", "good", " \u00dcbung "])
    assert store.run(run_id).tags == ("Good", "\u00dcbung")
    assert store.tag(run_id, ["new"], ["GOOD", "never there"]).tags == ("\u00dcbung", "new")
    assert store.tag(run_id, remove=["new", "\u00fcbung"]).tags == ()
    assert row_of(store, run_id).tags is None, "no tags are NULL, as they are in old stores"


def test_an_empty_note_is_none(store: Store, tiny: Dataset) -> None:
    run_id = stopped(store, tiny)
    store.note(run_id, "something")
    assert store.note(run_id, "  \n ").note == ""
    assert row_of(store, run_id).note is None


BAD: dict[str, Any] = {
    "an empty name": lambda store, run_id: store.rename(run_id, "  "),
    "a name of two lines": lambda store, run_id: store.rename(run_id, "a\nb"),
    "a long name": lambda store, run_id: store.rename(run_id, "x" * 201),
    "an empty tag": lambda store, run_id: store.tag(run_id, ["fine", ""]),
    "a tag with a comma": lambda store, run_id: store.tag(run_id, ["a,b"]),
    "a long tag": lambda store, run_id: store.tag(run_id, ["x" * 33]),
    "13 tags": lambda store, run_id: store.tag(run_id, [f"tag {n}" for n in range(13)]),
    "a tag of two lines": lambda store, run_id: store.tag(run_id, remove=["a\rb"]),
    "a long note": lambda store, run_id: store.note(run_id, "x" * 10_001),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_texts_are_refused_and_nothing_is_written(
    case: str, store: Store, tiny: Dataset
) -> None:
    run_id = stopped(store, tiny)
    before = row_of(store, run_id)
    with pytest.raises(SettingsError):
        BAD[case](store, run_id)
    assert row_of(store, run_id) == before


def test_characters_that_a_database_cannot_hold(store: Store, tiny: Dataset) -> None:
    run_id = stopped(store, tiny)
    store.rename(run_id, "a\0b")
    store.tag(run_id, ["c\ud800"])
    store.note(run_id, "d\0e")
    run = store.run(run_id)
    assert (run.name, run.tags, run.note) == ("a\ufffdb", ("c?",), "d\ufffde")


@pytest.mark.parametrize("method", ["rename", "tag", "note", "archive"])
def test_a_run_that_is_not_there(method: str, store: Store) -> None:
    arguments: dict[str, tuple[Any, ...]] = {"rename": ("x",), "tag": (["x"],), "note": ("x",)}
    with pytest.raises(RunNotFoundError):
        getattr(store, method)("7", *arguments.get(method, ()))


def test_what_is_worked_on_is_not_archived(store: Store, tiny: Dataset) -> None:
    queued, _ = store.add_run(tiny, SETTINGS)
    with pytest.raises(RunStateError, match="queued"):
        store.archive(queued)
    store.claim(ELSEWHERE, queued)
    with pytest.raises(RunStateError, match="running"):
        store.archive(queued)
    assert store.run(queued).archived is None


def test_an_owner_goes_on_whatever_people_note(store: Store, tiny: Dataset) -> None:
    run_id, _ = store.add_run(tiny, SETTINGS)
    claim = store.claim(ELSEWHERE, run_id)
    assert claim
    store.rename(run_id, "mine")
    store.tag(run_id, ["a"])
    store.note(run_id, "b")
    store.heartbeat(claim, 1.0)
    store.finish(claim, "finished", seconds=2.0)
    run = store.run(run_id)
    assert (run.state, run.name, run.tags, run.note) == ("finished", "mine", ("a",), "b")


def test_what_goes_on_leaves_the_archive(store: Store, tiny: Dataset) -> None:
    resumed = stopped(store, tiny)
    store.archive(resumed)
    assert store.command(resumed, "resume").archived is None

    extended, _ = store.add_run(tiny, SETTINGS)
    claim = store.claim(ELSEWHERE, extended)
    assert claim
    store.finish(claim, "finished", seconds=1.0)
    store.archive(extended)
    assert store.resume(extended, {"generations": 9}).archived is None


def test_archived_runs_can_be_left_out(store: Store, tiny: Dataset) -> None:
    first, second = stopped(store, tiny), stopped(store, tiny)
    store.archive(first)
    assert [run.id for run in store.runs()] == [second, first]
    assert [run.id for run in store.runs(archived=False)] == [second]
    since = store.run(first).archived
    assert store.archive(first).archived == since, "again: nothing changes"
    assert store.archive(first, archived=False).archived is None
    assert [run.id for run in store.runs(archived=False)] == [second, first]
    assert [run.id for run in store.runs_of([first, 99])] == [first]


def test_an_entry_says_what_the_run_says(store: Store, tiny: Dataset) -> None:
    """Whatever says the metric: nothing, a setting, or what is recorded of the problem."""
    run_ids = [
        stopped(store, tiny),
        stopped(store, tiny, SearchSettings(generations=3, metric="rmse")),
    ]
    problem = {
        "kind": "simulation",
        "name": "shop",
        "metric": Metric("cost", "Cost", "minimize", "EUR").to_dict(),
    }
    store.write(
        lambda c: c.execute(
            sa.update(t.run).where(t.run.c.id == run_ids[1]).values(best_accuracy=float("nan"))
        )
    )
    run_ids.append(stopped(store, tiny))
    store.write(
        lambda c: c.execute(
            sa.update(t.run).where(t.run.c.id == run_ids[2]).values(problem=problem)
        )
    )
    store.tag(run_ids[0], ["a", "b"])
    store.note(run_ids[0], "c")
    store.archive(run_ids[1])
    claimed, _ = store.add_run(tiny, SETTINGS)
    store.claim(ELSEWHERE, claimed)

    def values(run: RunView | RunEntry) -> dict[str, str]:
        return {name: repr(getattr(run, name)) for name in ENTRY_FIELDS}

    entries = store.run_entries()
    assert [entry.id for entry in entries] == [claimed, *reversed(run_ids)]
    assert [values(entry) for entry in entries] == [values(run) for run in store.runs()]
    assert entries[1].kind == "simulation"
    assert entries[1].metric.unit == "EUR"


def test_backup_and_restore_keep_them(store: Store, tiny: Dataset, tmp_path: Path) -> None:
    run_id = stopped(store, tiny)
    store.rename(run_id, "mine")
    store.tag(run_id, ["a", "\u00df"])
    store.note(run_id, "b\nc")
    known = store.archive(run_id)

    backup(store, tmp_path / "copy.db")
    with open_store(tmp_path / "new.db") as new:
        restore(tmp_path / "copy.db", new)
        kept = new.run(run_id)
    for name in ("name", "tags", "note", "archived"):
        assert getattr(kept, name) == getattr(known, name), name


def test_entries_that_are_read_again_are_those_of_now(store: Store, tiny: Dataset) -> None:
    run_ids = [stopped(store, tiny) for _ in range(3)]
    known = store.run_entries_since(None)
    assert known.newest_first() == store.run_entries()
    assert store.run_entries_since(known).resting is known.resting

    changes = (
        lambda: store.rename(run_ids[0], "other"),
        lambda: store.tag(run_ids[1], ["a"]),
        lambda: store.note(run_ids[1], "b"),
        lambda: store.archive(run_ids[1]),
        lambda: store.archive(run_ids[1], archived=False),
        lambda: store.command(run_ids[2], "resume"),
        lambda: store.claim(ELSEWHERE, run_ids[2]),
        lambda: store.delete(run_ids[0]),
        lambda: store.add_run(tiny, SETTINGS),
    )
    for change in changes:
        before = known
        change()
        known = store.run_entries_since(before)
        assert known.newest_first() == store.run_entries()
        assert known.marker != before.marker


def test_of_comparable_runs_the_newest_with_another_sampler_are_read(
    store: Store, tiny: Dataset
) -> None:
    samplers = ("genetic", "random", "genetic", "random", "random")
    run_ids = []
    for sampler in samplers:
        run_id, _ = store.add_run(tiny, SETTINGS.model_copy(update={"sampler": sampler}))
        run_ids.append(run_id)
    store.write(lambda c: c.execute(sa.update(t.run).values(state="finished")))
    store.add_run(tiny, SETTINGS.model_copy(update={"sampler": "random"}))

    first = store.run(run_ids[0])
    assert [run.id for run in store.comparable(first)] == run_ids[:0:-1]
    others = store.comparable(first, other_sampler=True)
    assert [run.id for run in others] == [run_ids[4], run_ids[3], run_ids[1]]
    assert store.comparable(first, other_sampler=True, limit=2) == others[:2]


def test_several_runs_get_tags_or_none_does(store: Store, tiny: Dataset) -> None:
    run_ids = [stopped(store, tiny) for _ in range(3)]
    store.tag(run_ids[2], [str(number) for number in range(12)])
    with pytest.raises(SettingsError, match="13 tags"):
        store.tag_all(run_ids, ["more"])
    assert store.run(run_ids[0]).tags == ()
    store.tag_all(run_ids[:2], ["a", "b"])
    assert [store.run(run).tags for run in run_ids[:2]] == [("a", "b"), ("a", "b")]


def test_several_runs_are_archived_or_none_is(store: Store, tiny: Dataset) -> None:
    run_ids = [stopped(store, tiny) for _ in range(2)]
    queued, _ = store.add_run(tiny, SETTINGS)
    with pytest.raises(RunStateError, match="queued"):
        store.archive_all([*run_ids, queued])
    assert store.run(run_ids[0]).archived is None
    store.archive_all(run_ids)
    assert all(store.run(run).archived is not None for run in run_ids)
    store.archive_all(run_ids, archived=False)
    assert all(store.run(run).archived is None for run in run_ids)
