"""The life of runs: any order of what two clients, supervisors and crashes may do.

A small model (`Book`) says what a run should be after each step. Whatever was done, what was
recorded is there, and every run that is then driven to its end has the undisturbed result.
"""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import hypothesis.strategies as st
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, seed, settings
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

from shoal.data import Dataset
from shoal.errors import NotOwnerError, RunNotFoundError, RunStateError, SettingsError, StoreError
from shoal.orchestration.runner import Runner
from shoal.problems.evaluation import result_hash
from shoal.problems.table import TableProblem
from shoal.store import LEASE_SECONDS, Claim, Command, Owner, Store, open_store
from shoal.store import tables as t
from shoal.tuning.search import Search
from support.fakes import InlineExecutor, pretend
from support.property_tests import seed_of
from support.searches import BRIEF
from support.tables import tiny_dataset

# Generations of a run after all extensions.
MOST = 4


@cache
def data() -> Dataset:
    return tiny_dataset()


@cache
def undisturbed(generations: int) -> str:
    """The result hash of a search that nothing happens to."""
    problem = TableProblem(data(), BRIEF.model_copy(update={"generations": generations}))
    search = Search.replay(problem.settings, [])
    while tasks := search.ask():
        for task in tasks:
            search.tell(pretend(problem, task))
    return result_hash(search.evaluations)


def after(kind: str, state: str) -> str | None:
    """What a command makes of a run that nobody holds; None: it is refused."""
    if kind == "resume":
        return None if state == "finished" else "queued"
    if kind == "pause":
        return "paused" if state in ("queued", "interrupted", "paused") else None
    if state == "failed":
        return "failed"
    if state == "finished":
        return None
    return "stopped"


@dataclass
class Book:
    """A run as it should be."""

    # The stored state: "running" while somebody holds the run.
    state: str = "queued"
    holder: Claim | None = None
    alive: bool = False
    epoch: int = 0
    generations: int = BRIEF.generations
    waiting: list[str] = field(default_factory=list)
    recorded: set[Any] = field(default_factory=set)

    @property
    def shown(self) -> str:
        return "interrupted" if self.state == "running" and not self.alive else self.state

    def move(self, state: str) -> None:
        self.state, self.holder, self.alive = state, None, False

    def settle(self) -> None:
        """Nobody holds it: what waits happens now."""
        state = self.shown
        for kind in self.waiting:
            state = after(kind, state) or state
        self.waiting = []
        if state != self.shown:
            self.move(state)


class Life(RuleBasedStateMachine):
    """Two clients of one store; supervisors hold claims, some of them stale."""

    place: Any  # makes an empty store for each example; a context

    orders = Bundle("orders")  # a claim, with the commands that it has seen
    clients = st.integers(0, 1)
    which = st.sampled_from([1, 1, 1, 2])
    # Which owner of a run: the last one, mostly.
    late = st.sampled_from([0, 0, 0, 1, 2])
    seldom = st.sampled_from([False, False, False, True])
    kinds = st.sampled_from(["pause", "resume", "stop"])

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        url = self.stack.enter_context(self.place())
        self.stores = [self.stack.enter_context(open_store(url)) for _ in range(2)]
        self.book: dict[int, Book] = {}
        self.keys: dict[str, tuple[str, int]] = {}
        # The claims on each run, the last one first.
        self.claims: dict[int, list[tuple[int, Claim]]] = defaultdict(list)
        self.made = 0
        self.owners = 0

    @property
    def held(self) -> bool:
        """Whether somebody is at work."""
        return any(run.shown == "running" for run in self.book.values())

    @initialize(held=st.booleans())
    def begin(self, held: bool) -> None:
        self.create(0, None, False)
        if held:
            self.claim(0, 1)

    @precondition(lambda self: self.made < 3)
    @rule(client=clients, key=st.sampled_from("ab") | st.none(), exclusive=st.booleans())
    def create(self, client: int, key: str | None, exclusive: bool) -> None:
        store = self.stores[client]
        if key in self.keys and self.keys[key][0] != "start":
            with pytest.raises(StoreError):
                store.add_run(data(), BRIEF, key=key)
            return

        run_id, created = store.add_run(data(), BRIEF, key=key, exclusive=exclusive)
        active = [i for i, run in self.book.items() if run.state in ("queued", "running")]
        if key in self.keys:
            assert (run_id, created) == (self.keys[key][1], False)
        elif exclusive and active:
            assert run_id in active and not created
        else:
            assert (run_id, created) == (self.made + 1, True), "a number was used twice"
            self.made += 1
            self.book[run_id] = Book()

        if key is not None:
            self.keys.setdefault(key, ("start", run_id))

    @rule(
        client=clients,
        run_id=which,
        kind=kinds,
        key=st.sampled_from([None, None, None, "a", "b", "c"]),
    )
    def command(self, client: int, run_id: int, kind: Any, key: str | None) -> None:
        """A person's word, or the same click once more."""
        run = self.book.get(run_id)
        give = partial(self.stores[client].command, run_id, kind, key)
        if run is None:
            with pytest.raises(RunNotFoundError):
                give()
        elif key in self.keys:
            if self.keys[key] == (kind, run_id):
                give()
            else:
                with pytest.raises(StoreError):
                    give()
        elif self._possible(run, kind):
            give()
            if key is not None:
                self.keys[key] = (kind, run_id)
        else:
            with pytest.raises(RunStateError):
                give()

    def _possible(self, run: Book, kind: str) -> bool:
        """Whether the run's state allows it; then it is entered."""
        if run.shown == "running":
            if kind == "resume":
                run.waiting = []
            elif kind not in run.waiting and "stop" not in run.waiting:
                run.waiting.append(kind)
            return True
        state = run.shown
        if kind != "resume":
            for waiting in run.waiting:
                state = after(waiting, state) or state
        if after(kind, state) is None:
            return False

        if kind == "resume":
            run.waiting = [kind]
        else:
            run.waiting.append(kind)
        run.settle()
        return True

    @precondition(
        lambda self: self.held or any(run.state == "finished" for run in self.book.values())
    )
    @rule(client=clients, run_id=which, more=st.sampled_from([1, 1, 1, 0]))
    def extend(self, client: int, run_id: int, more: int) -> None:
        run, store = self.book.get(run_id), self.stores[client]
        if run is None:
            return
        wanted = run.generations + more
        if wanted > MOST:
            return

        if run.shown == "running" or not more:
            with pytest.raises((RunStateError, SettingsError)):
                store.extend(run_id, {"generations": wanted})
            return

        store.extend(run_id, {"generations": wanted})
        run.generations = wanted
        if run.state == "finished":
            run.move("queued")

    @precondition(
        lambda self: any(run.shown in ("queued", "interrupted") for run in self.book.values())
    )
    @rule(client=clients, run_id=which | st.none())
    def claim(self, client: int, run_id: int | None) -> None:
        """A supervisor looks for work."""
        self.owners += 1
        owner = Owner(f"host{self.owners}", 1, "t")
        claim = self.stores[client].claim(owner, run_id)

        for number in sorted(self.book) if run_id is None else [run_id]:
            run = self.book.get(number)
            if run is None or run.shown not in ("queued", "interrupted"):
                continue
            run.settle()
            if run.shown in ("queued", "interrupted"):
                run.epoch += 1
                assert claim == Claim(number, str(owner), run.epoch)
                run.state, run.holder, run.alive = "running", claim, True
                self.claims[number].insert(0, (client, claim))
                return

        assert claim is None

    @precondition(lambda self: self.claims)
    @rule(run_id=which, late=late, count=st.integers(1, 4))
    def record(self, run_id: int, late: int, count: int) -> None:
        """Some of the results that are wanted, by whoever believes to own the run."""
        held = self._owner(run_id, late)
        if held is None:
            return
        store, claim, run = self._of(held)

        if run is None or run.holder != claim:
            self._refused(lambda: store.record(claim, [], [], 1.0))
            return

        problem = TableProblem(data(), store.run(claim.run_id).settings)
        search = Search.replay(problem.settings, store.evaluations(claim.run_id))
        known = len(search.generations)
        done = [pretend(problem, task) for task in search.ask()[:count]]
        for evaluation in done:
            search.tell(evaluation)
        store.record(claim, done, search.generations[known:], 1.0)
        run.recorded |= {evaluation.task.id for evaluation in done}
        run.alive = True

    @precondition(lambda self: self.claims)
    @rule(target=orders, run_id=which, late=late)
    def beat(self, run_id: int, late: int) -> Any:
        held = self._owner(run_id, late)
        if held is None:
            return multiple()
        store, claim, run = self._of(held)

        if run is None or run.holder != claim:
            self._refused(lambda: store.heartbeat(claim, 1.0))
            return multiple()

        seen = store.heartbeat(claim, 1.0)
        assert [command.kind for command in seen] == run.waiting

        run.alive = True
        return (held, seen) if seen else multiple()

    @rule(order=consumes(orders))
    def obey(self, order: tuple[tuple[int, Claim], tuple[Command, ...]]) -> None:
        """An owner does what it was told, perhaps long ago."""
        store, claim, run = self._of(order[0])
        state: Any = "stopped" if "stop" in [c.kind for c in order[1]] else "paused"
        if run is None or run.holder != claim:
            self._refused(lambda: store.finish(claim, state, seconds=1.0, applied=order[1]))
            return

        waiting = {c.id for c in store.heartbeat(claim, 1.0)}
        obeyed = [c for c in order[1] if c.id in waiting]
        store.finish(claim, state, seconds=1.0, applied=order[1])
        run.waiting = run.waiting[len(obeyed) :]
        run.move(state if obeyed else "queued")
        run.settle()

    @precondition(lambda self: self.held)
    @rule(run_id=which, late=late, error=st.booleans())
    def leave(self, run_id: int, late: int, error: bool) -> None:
        """An owner ends: with a defect, or because its machine is switched off."""
        held = self._owner(run_id, late)
        if held is None:
            return
        store, claim, run = self._of(held)
        act = (
            partial(store.finish, claim, "failed", error="x")
            if error
            else partial(store.release, claim)
        )

        if run is None or run.holder != claim:
            self._refused(lambda: act(seconds=1.0))
            return

        act(seconds=1.0)
        if error:
            run.move("failed")
        else:
            run.holder, run.alive = None, False

        run.settle()

    @precondition(lambda self: self.held)
    @rule(run_id=which, late=late)
    def drive(self, run_id: int, late: int) -> None:
        """A supervisor works on it until it is done or told otherwise."""
        held = self._owner(run_id, late)
        if held is None:
            return
        store, claim, run = self._of(held)
        runner = Runner(store, claim, clock=lambda: 0.0, make_executor=InlineExecutor)
        if run is None or run.holder != claim:
            self._refused(runner.drive)
            return
        expected = "finished"
        if "stop" in run.waiting:
            expected = "stopped"
        elif run.waiting:
            expected = "paused"
        run.waiting = []

        state = runner.drive()
        assert state == expected
        run.move(state)
        run.recorded = {e.task.id for e in store.evaluations(claim.run_id)}
        if state == "finished":
            assert store.run(claim.run_id).result_hash == undisturbed(run.generations)

    @precondition(lambda self: self.held)
    @rule(run_id=which, now=st.booleans())
    def crash(self, run_id: int, now: bool) -> None:
        """The owner is gone: its lease ends."""
        run = self.book.get(run_id)
        if now and run is not None and run.holder is not None:
            late = sa.update(t.run).where(t.run.c.id == run_id)
            self.stores[0].write(
                lambda c: c.execute(late.values(heartbeat=t.run.c.heartbeat - LEASE_SECONDS - 1))
            )
            run.alive = False

    @precondition(lambda self: self.made > 1 or 1 not in self.book)
    @rule(client=clients, run_id=which, now=seldom)
    def delete(self, client: int, run_id: int, now: bool) -> None:
        run = self.book.get(run_id)
        if not now:
            return
        if run is None:
            with pytest.raises(RunNotFoundError):
                self.stores[client].delete(run_id)
        elif run.shown == "running":
            with pytest.raises(RunStateError):
                self.stores[client].delete(run_id)
        else:
            self.stores[client].delete(run_id)
            del self.book[run_id]
            self.keys = {key: use for key, use in self.keys.items() if use[1] != run_id}

    @invariant()
    def everything_is_by_the_book(self) -> None:
        views = {view.id: view for view in self.stores[0].runs()}
        assert views.keys() == self.book.keys()

        for number, run in self.book.items():
            view = views[number]
            assert (view.state, view.epoch, list(view.pending)) == (
                run.shown,
                run.epoch,
                run.waiting,
            )
            assert view.owner == (run.holder.owner if run.holder else None)
            assert view.evaluations == len(run.recorded)
            assert (view.result_hash is not None) == (run.state == "finished")

    def teardown(self) -> None:
        try:
            for number, run in self.book.items():
                store = self.stores[number % 2]
                assert {e.task.id for e in store.evaluations(number)} == run.recorded
                if run.state == "finished":
                    continue
                self.crash(number, True)
                store.command(number, "resume")
                claim = store.claim(Owner("last", 1, "t"), number)
                assert claim
                assert Runner(store, claim, make_executor=InlineExecutor).drive() == "finished"
                assert run.recorded <= {e.task.id for e in store.evaluations(number)}
                assert store.run(number).result_hash == undisturbed(run.generations)
        finally:
            self.stack.close()

    def _owner(self, run_id: int, late: int) -> tuple[int, Claim] | None:
        known = self.claims[run_id]
        return known[late] if late < len(known) else None

    def _of(self, held: tuple[int, Claim]) -> tuple[Store, Claim, Book | None]:
        client, claim = held
        return self.stores[client], claim, self.book.get(claim.run_id)

    @staticmethod
    def _refused(write: Any) -> None:
        with pytest.raises((NotOwnerError, RunNotFoundError)):
            write()


def _lives(place: Any, examples: int, own_seed: int | None = None) -> None:
    class Here(Life):
        pass

    Here.place = staticmethod(place)
    if own_seed is not None:
        seed(own_seed)(Here)
    run_state_machine_as_test(
        Here,
        settings=settings(
            max_examples=examples,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )


@pytest.fixture
def files(tmp_path: Path) -> Any:
    """Copies of an empty store."""
    empty = tmp_path / "empty.db"
    open_store(empty).close()

    @contextmanager
    def place() -> Iterator[str]:
        with TemporaryDirectory(dir=tmp_path) as folder:
            yield shutil.copy(empty, folder)

    return place


@pytest.fixture
def schemas(postgres_server: Any) -> Any:
    @contextmanager
    def place() -> Iterator[str]:
        yield postgres_server.new_url()

    return place


def test_any_life_on_sqlite(files: Any) -> None:
    _lives(files, 12)


def test_any_life_on_postgresql(schemas: Any) -> None:
    _lives(schemas, 5)


@pytest.mark.slow(part="lives")
@pytest.mark.parametrize("chunk", range(8))
def test_two_thousand_lives_on_sqlite(files: Any, chunk: int, pytestconfig: pytest.Config) -> None:
    _lives(files, 250, seed_of(pytestconfig) + chunk)


@pytest.mark.slow(part="lives")
@pytest.mark.parametrize("chunk", range(3))
def test_three_hundred_lives_on_postgresql(
    schemas: Any, chunk: int, pytestconfig: pytest.Config
) -> None:
    _lives(schemas, 100, seed_of(pytestconfig) + 100 + chunk)
