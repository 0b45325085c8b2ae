"""One machine's year in a second: supervisors, crashes, full disks, stale owners, impatient people.

A history is a run on a real store, driven by real `Runner`s one inside the other, with an executor
that only pretends to train. At every step (a job polled, a store written to) a seeded scheduler may
let something happen. The same seed gives the same history. In the manner of FoundationDB's and
TigerBeetle's simulators.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from shoal.errors import NotOwnerError, RunStateError, StoreFullError
from shoal.executors import Evaluate, Job, Outcome
from shoal.orchestration.runner import Runner
from shoal.problems.table import Problem
from shoal.store import LEASE_SECONDS, Owner, Store
from shoal.store import tables as t
from support.fakes import InlineExecutor

# Troubles of a history.
BUDGET = 12
# Owners that may be alive at once, each believing that it is the only one.
DEPTH = 3
# The methods of a store around which a process may die.
_WRITES = ("record", "heartbeat", "finish", "release", "save_artifact", "event", "note_live")
assert all(hasattr(Store, name) for name in _WRITES)


class Crash(BaseException):
    """The process is gone, this instant: no `except` or `finally` of its own counts any more."""


@dataclass
class World:
    """A store with one run, and what may happen to it: at most ``budget`` troubles, in ``log``."""

    store: Store
    run_id: int
    seed: int
    budget: int = BUDGET
    log: list[str] = field(default_factory=list)
    keys: list[tuple[str, str]] = field(default_factory=list)
    full: int = 0  # writes that the disk still refuses
    depth: int = 0
    number: int = 0
    problem: Any = None  # prepared, to save time

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)

    def happens(self, chance: float, what: str) -> bool:
        """Whether it happens now; within the budget."""
        if self.budget <= 0 or self.random.random() >= chance:
            return False
        self.budget -= 1
        self.log.append(what)
        return True

    def clock(self) -> float:
        """Seconds that now and then jump, also backwards."""
        self.now = getattr(self, "now", 0.0) + self.random.choice((0.01, 0.01, 3.0, 40.0, -20.0))
        return self.now

    def person(self) -> None:
        """A command, or the same click once more."""
        if self.keys and self.random.random() < 0.3:
            kind, key = self.random.choice(self.keys)
        else:
            kind, key = (
                self.random.choice(("pause", "resume", "stop")),
                f"{self.seed}-{len(self.keys)}",
            )
            self.keys.append((kind, key))
        self.log.append(f"{kind} {key}")
        try:
            self.store.command(self.run_id, kind, key=key)  # type: ignore[arg-type]
        except RunStateError:
            self.keys = [known for known in self.keys if known != (kind, key)]

    def supervise(self) -> None:
        """A supervisor that lives until the run is let go of, or until it dies."""
        self.number += 1
        owner = Owner(f"host{self.number}", 1, "t")
        claim = self.store.claim(owner, self.run_id)
        if claim is None:
            return
        self.depth += 1
        self.log.append(f"{owner.host} takes it, epoch {claim.epoch}")
        store: Any = Faulty(self, self.store)
        runner = Runner(
            store,
            claim,
            clock=self.clock,
            wait=lambda _: None,
            make_executor=lambda problem, workers: Executor(self, problem, claim),
        )
        try:
            state = runner.drive()
            self.log.append(f"{owner.host} leaves it {state}")
        except Crash:
            self.log.append(f"{owner.host} dies")
            self.expire(str(owner))
        except NotOwnerError:
            self.log.append(f"{owner.host} is not its owner any more")
        finally:
            self.depth -= 1

    def expire(self, owner: str | None = None) -> None:
        """The lease ends, as nobody renewed it: of that owner only, if it is still the owner."""
        late = sa.update(t.run).where(t.run.c.id == self.run_id)
        if owner is not None:
            late = late.where(t.run.c.owner == owner)
        late = late.values(heartbeat=t.run.c.heartbeat - LEASE_SECONDS - 1)
        self.store.write(lambda c: c.execute(late))

    def stall(self) -> None:
        """The process at work stands still longer than its lease; others go on; then it wakes."""
        self.expire()
        for _ in range(self.random.randint(1, 3)):
            self.supervise()

    def history(self) -> None:
        """Trouble until the budget is spent or the run has ended, then a quiet end."""
        for _ in range(40):
            if self.store.run(self.run_id).state in ("finished", "failed"):
                return
            if self.happens(0.3, "a person"):
                self.person()
            state = self.store.run(self.run_id).state
            if state in ("paused", "stopped"):
                self.log.append("resumed")
                self.store.command(self.run_id, "resume")
            self.supervise()
        raise AssertionError("it does not come to an end")


class Faulty:
    """The store as one process sees it, which may die around any write; the disk may be full."""

    def __init__(self, world: World, store: Store) -> None:
        self._world, self._store = world, store

    def __getattr__(self, name: str) -> Any:
        world, method = self._world, getattr(self._store, name)
        if name == "load_problem":  # the same tables each time, and slow to prepare
            return lambda run_id: world.problem or method(run_id)
        if name not in _WRITES:
            return method

        def write(*arguments: Any, **options: Any) -> Any:
            if world.full:
                world.full -= 1
                raise StoreFullError("full")
            if world.happens(0.02, f"disk full at {name}"):
                world.full = world.random.randint(0, 3)
                raise StoreFullError("full")
            if world.happens(0.03, f"death before {name}"):
                raise Crash
            if world.depth < DEPTH and world.happens(0.02, f"standstill before {name}"):
                world.stall()
            result = method(*arguments, **options)
            if name != "finish" and world.happens(0.02, f"{name} sent twice"):
                method(*arguments, **options)
            if world.happens(0.03, f"death after {name}"):
                raise Crash
            return result

        return write


def some_fail(job: Job) -> str | None:
    """Trainings that fail whoever does them: one in eight."""
    fails = (
        isinstance(job, Evaluate) and (int(job.task.genome.hash[:2], 16) + job.task.repeat) % 8 == 0
    )
    return "It has no finite loss." if fails else None


class Executor(InlineExecutor):
    """Pretends to train; results come late, in any order, or at the second try (a worker died).

    Notes what was asked for although it was recorded.
    """

    def __init__(self, world: World, problem: Problem, claim: Any) -> None:
        super().__init__(problem, on_job=some_fail)
        self.world, self.claim = world, claim

    def submit(self, job: Job) -> None:
        if isinstance(job, Evaluate):
            recorded = (
                sa.select(t.run.c.id)
                .join(t.evaluation)
                .where(
                    t.run.c.epoch == self.claim.epoch,
                    t.run.c.owner == self.claim.owner,
                    t.evaluation.c.genome_hash == job.task.genome.hash,
                    t.evaluation.c.repeat == job.task.repeat,
                )
            )
            found = self.world.store.read(lambda c: c.execute(recorded).first())
            assert found is None, f"asked for again: {job.task.id}"
        super().submit(job)

    def poll(self, timeout: float) -> list[Outcome]:
        world = self.world
        if world.happens(0.02, "death at work"):
            raise Crash
        if world.happens(0.03, "a person meanwhile"):
            world.person()
        if world.random.random() < 0.05:  # somebody looks, which is no trouble
            world.store.announce_viewer(world.run_id)
            note = world.store.live(world.run_id)
            assert note is None or world.store.run(world.run_id).state == "running"
        if world.depth < DEPTH and world.happens(0.03, "standstill at work"):
            world.stall()
        world.random.shuffle(self.jobs)
        if world.random.random() < 0.2:
            return []
        outcomes = super().poll(timeout)
        if outcomes and world.happens(0.05, "a worker dies"):
            self.jobs.append(outcomes.pop().job)
        return outcomes

    def close(self) -> None:
        self.jobs = []
