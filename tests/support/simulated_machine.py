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
from shoal.orchestration.runner import MOST_REPLAYS, Runner
from shoal.problems.evaluation import Task
from shoal.problems.table import TableProblem
from shoal.store import LEASE_SECONDS, Owner, Store
from shoal.store import tables as t
from support.fakes import InlineExecutor

# Troubles of a history.
BUDGET = 12
# How often a store may lose what was recorded: a run that meets it again and again gives up.
LOSSES = MOST_REPLAYS - 1
# Owners that may be alive at once, each believing that it is the only one.
DEPTH = 3
# The methods of a store around which a process may die.
_WRITES = ("record", "heartbeat", "finish", "release", "save_artifact", "event", "note_live")
assert all(hasattr(Store, name) for name in _WRITES)


class Crash(BaseException):
    """The process is gone, this instant: no `except` or `finally` of its own counts any more."""


@dataclass
class World:
    """A store with one run, and what may happen to it.

    Attributes
    ----------
    store, run_id
        The run and where it is stored.
    seed
        Of all that happens by chance: the same seed gives the same history.
    budget
        Troubles that may still happen.
    log
        What happened, in words.
    commands
        Kind and key of each command that was given. A command may be given again.
    refused_writes
        Writes that the full disk still refuses.
    depth
        Supervisors that are alive now, each inside a standstill of the one before.
    supervisors
        Supervisors that ever started.
    losses
        How often the store has lost what was recorded.
    now
        Seconds on the clock of every process.
    problem
        The run's problem, prepared once to save time.
    """

    store: Store
    run_id: int
    seed: int
    budget: int = BUDGET
    log: list[str] = field(default_factory=list)
    commands: list[tuple[str, str]] = field(default_factory=list)
    refused_writes: int = 0
    depth: int = 0
    supervisors: int = 0
    losses: int = 0
    now: float = 0.0
    problem: Any = None

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)

    def happens(self, chance: float, trouble: str) -> bool:
        """Whether a trouble happens now. It is logged, and counts against the budget."""
        if self.budget <= 0 or self.random.random() >= chance:
            return False

        self.budget -= 1
        self.log.append(trouble)
        return True

    def clock(self) -> float:
        """Seconds that now and then jump, also backwards."""
        self.now += self.random.choice((0.01, 0.01, 3.0, 40.0, -20.0))
        return self.now

    def person(self) -> None:
        """Somebody gives a command, or clicks once more on one of before."""
        if self.commands and self.random.random() < 0.3:
            kind, key = self.random.choice(self.commands)
        else:
            kind = self.random.choice(("pause", "resume", "stop"))
            key = f"{self.seed}-{len(self.commands)}"
            self.commands.append((kind, key))

        self.log.append(f"{kind} {key}")
        try:
            self.store.command(self.run_id, kind, key=key)  # type: ignore[arg-type]
        except RunStateError:
            # A refused command leaves no trace, so its key is as good as new.
            self.commands = [command for command in self.commands if command != (kind, key)]

    def supervise(self) -> None:
        """A supervisor lives until it lets go of the run, or until it dies."""
        self.supervisors += 1
        owner = Owner(f"host{self.supervisors}", 1, "t")
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
        """The lease ends, as nobody renewed it.

        With ``owner``, it ends only if this is still the owner.
        """
        update = sa.update(t.run).where(t.run.c.id == self.run_id)
        if owner is not None:
            update = update.where(t.run.c.owner == owner)
        update = update.values(heartbeat=t.run.c.heartbeat - LEASE_SECONDS - 1)

        self.store.write(lambda connection: connection.execute(update))

    def stall(self) -> None:
        """The process at work stands still longer than its lease; others go on; then it wakes."""
        self.expire()
        for _ in range(self.random.randint(1, 3)):
            self.supervise()

    def lose(self) -> None:
        """A server fails over to a copy that lags behind: the last evaluations are gone.

        Not of a run that has ended meanwhile, while this process stood still: its end would be gone
        as well, as it was recorded after them.
        """
        self.losses += 1
        if self.store.run(self.run_id).state == "finished":
            return
        mine = t.evaluation.c.run_id == self.run_id
        newest = sa.select(t.evaluation.c.id).where(mine).order_by(t.evaluation.c.id.desc())
        lost = newest.limit(self.random.randint(1, 4))
        deletion = sa.delete(t.evaluation).where(t.evaluation.c.id.in_(lost))
        self.store.write(lambda connection: connection.execute(deletion))

    def history(self) -> None:
        """Trouble until the budget is spent or the run has ended, then a quiet end."""
        for _ in range(40):
            if self.store.run(self.run_id).state in ("finished", "failed"):
                return

            if self.happens(0.3, "a person"):
                self.person()

            if self.store.run(self.run_id).state in ("paused", "stopped"):
                self.log.append("resumed")
                self.store.command(self.run_id, "resume")

            self.supervise()

        raise AssertionError("it does not come to an end")


class Faulty:
    """The store as one process sees it, which may die around any write; the disk may be full."""

    def __init__(self, world: World, store: Store) -> None:
        self._world = world
        self._store = store

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)
        if name == "load_problem":
            return self._load_problem
        if name not in _WRITES:
            return method

        def write(*arguments: Any, **options: Any) -> Any:
            self._trouble_before(name)

            result = method(*arguments, **options)
            if name != "finish" and self._world.happens(0.02, f"{name} sent twice"):
                method(*arguments, **options)

            if self._world.happens(0.03, f"death after {name}"):
                raise Crash
            return result

        return write

    def _load_problem(self, run_id: int) -> Any:
        """The prepared problem: its tables are the same each time, and slow to prepare."""
        return self._world.problem or self._store.load_problem(run_id)

    def _trouble_before(self, name: str) -> None:
        """The disk is full, the process dies, or it stands still."""
        world = self._world
        if world.refused_writes:
            world.refused_writes -= 1
            raise StoreFullError("full")

        if world.happens(0.02, f"disk full at {name}"):
            world.refused_writes = world.random.randint(0, 3)
            raise StoreFullError("full")

        if world.happens(0.03, f"death before {name}"):
            raise Crash

        if world.depth < DEPTH and world.happens(0.02, f"standstill before {name}"):
            world.stall()


def some_fail(job: Job) -> str | None:
    """The error of the trainings that fail on every worker: one in eight."""
    if not isinstance(job, Evaluate):
        return None

    number = int(job.task.genome.hash[:2], 16) + job.task.repeat
    if number % 8 == 0:
        return "It has no finite loss."
    return None


class Executor(InlineExecutor):
    """Pretends to train; results come late, in any order, or at the second try (a worker died).

    No evaluation may be asked for that is recorded already.
    """

    def __init__(self, world: World, problem: TableProblem, claim: Any) -> None:
        super().__init__(problem, on_job=some_fail)
        self.world = world
        self.claim = claim

    def submit(self, job: Job) -> None:
        if isinstance(job, Evaluate):
            assert not self._is_recorded(job.task), f"asked for again: {job.task.id}"
        super().submit(job)

    def _is_recorded(self, task: Task) -> bool:
        """Whether the store has this evaluation, while the run is this executor's."""
        query = (
            sa.select(t.run.c.id)
            .join(t.evaluation)
            .where(
                t.run.c.epoch == self.claim.epoch,
                t.run.c.owner == self.claim.owner,
                t.evaluation.c.genome_hash == task.genome.hash,
                t.evaluation.c.repeat == task.repeat,
            )
        )
        row = self.world.store.read(lambda connection: connection.execute(query).first())
        return row is not None

    def poll(self, timeout: float) -> list[Outcome]:
        world = self.world
        self._trouble_at_work()

        world.random.shuffle(self.jobs)
        if world.random.random() < 0.2:
            return []

        outcomes = super().poll(timeout)
        if outcomes and world.happens(0.05, "a worker dies"):
            self.jobs.append(outcomes.pop().job)
        return outcomes

    def _trouble_at_work(self) -> None:
        """The process dies, a person interferes, or it stands still."""
        world = self.world
        if world.happens(0.02, "death at work"):
            raise Crash

        if world.happens(0.03, "a person meanwhile"):
            world.person()

        if world.losses < LOSSES and world.happens(0.02, "the store loses what was recorded last"):
            world.lose()

        # Somebody looks, which is no trouble.
        if world.random.random() < 0.05:
            world.store.announce_viewer(world.run_id)
            note = world.store.live(world.run_id)
            assert note is None or world.store.run(world.run_id).state == "running"

        if world.depth < DEPTH and world.happens(0.03, "standstill at work"):
            world.stall()

    def close(self) -> None:
        self.jobs = []
