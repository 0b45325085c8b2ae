"""A supervisor process with a fault of its own, for tests of what the others make of it.

    python faulty_supervisor.py [OPTIONS] -- ARGUMENTS

--die before:7|after:7   kill -9 of itself right before or after its 7th commit
--with-all               of its workers, too
--sleep 7                kill -STOP of itself right after its 7th commit
--rest 3                 kill -STOP of itself right after 3 evaluations were recorded; nothing else
                         is other than usual
--commits FILE           note in a file how many commits there were
--patience SECONDS       how long a transaction is tried again
--asked FILE             note which evaluations were asked for

ARGUMENTS are a supervisor's.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

from shoal.system.forkserver import warm_up


def die(with_all: bool) -> None:
    """Now: nothing after this line happens."""
    if with_all:
        os.killpg(os.getpid(), signal.SIGKILL)
    else:
        os.kill(os.getpid(), signal.SIGKILL)


def arm(moment: str, number: int, with_all: bool) -> Callable[[], int]:
    """Die, or fall asleep, at that commit; returns a function that says how many there were so far.

    Their number is the same in every run: results are handed on one by one, and neither a heartbeat
    nor a note of what trains comes between, but for the first one.
    """
    import shoal.orchestration.live_status
    import shoal.orchestration.owned_run
    import shoal.orchestration.supervisor
    from shoal.executors import LocalExecutor, Outcome
    from shoal.store.connection import Database

    write = Database.write
    poll = LocalExecutor.poll
    numbers = count(1)
    # The number of the last commit that was begun.
    seen = [0]
    waiting: list[Outcome] = []
    shoal.orchestration.owned_run.HEARTBEAT_SECONDS = 3600.0
    shoal.orchestration.supervisor.HEARTBEAT_SECONDS = 3600.0
    shoal.orchestration.live_status.ALONE_SECONDS = 3600.0

    def counted(self: Database, work: Callable[..., Any]) -> Any:
        this = next(numbers)
        seen[0] = this

        def watched(connection: Any) -> Any:
            result = work(connection)
            if (moment, number) == ("before", this):
                die(with_all)
            return result

        result = write(self, watched)
        if (moment, number) == ("after", this):
            die(with_all)
        if (moment, number) == ("asleep", this):
            os.kill(os.getpid(), signal.SIGSTOP)
        return result

    def one_by_one(self: LocalExecutor, timeout: float) -> list[Outcome]:
        if waiting:
            timeout = 0.0
        waiting.extend(poll(self, timeout))
        if not waiting:
            return []
        return [waiting.pop(0)]

    Database.write = counted  # type: ignore[method-assign]
    LocalExecutor.poll = one_by_one  # type: ignore[method-assign]
    return lambda: seen[0]


def rest(evaluations: int) -> None:
    """Fall asleep, once, right after the commit that records so many evaluations."""
    import sqlalchemy as sa

    from shoal.store import tables
    from shoal.store.connection import Database

    write = Database.write
    rested = count()
    recorded = sa.select(sa.func.count()).select_from(tables.evaluation)

    def watched(self: Database, work: Callable[..., Any]) -> Any:
        result = write(self, work)
        if self.read(lambda c: c.scalar(recorded)) >= evaluations and next(rested) == 0:
            os.kill(os.getpid(), signal.SIGSTOP)
        return result

    Database.write = watched  # type: ignore[method-assign]


def note_asked(file: Path) -> None:
    """Write down every evaluation that is handed to the workers."""
    from shoal.executors import Evaluate, Job, LocalExecutor

    submit = LocalExecutor.submit

    def noted(self: LocalExecutor, job: Job) -> None:
        if isinstance(job, Evaluate):
            with file.open("a") as asked:
                asked.write(f"{job.task.id}\n")
        submit(self, job)

    LocalExecutor.submit = noted  # type: ignore[method-assign]


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--die", default="")
    options.add_argument("--sleep", type=int)
    options.add_argument("--rest", type=int)
    options.add_argument("--with-all", action="store_true")
    options.add_argument("--commits", type=Path)
    options.add_argument("--patience", type=float)
    options.add_argument("--asked", type=Path)
    split = sys.argv.index("--")
    given = options.parse_args(sys.argv[1:split])
    warm_up()

    from shoal.orchestration.supervisor import main as supervise
    from shoal.store.connection import Database

    if given.patience is not None:
        made = Database.__init__

        def impatient(self: Database, *arguments: Any) -> None:
            made(self, *arguments, patience=given.patience)

        Database.__init__ = impatient  # type: ignore[method-assign]
    if given.rest:
        rest(given.rest)
    if given.asked:
        note_asked(given.asked)
    commits = None
    if given.sleep:
        given.die = f"asleep:{given.sleep}"
    if given.commits or given.die:
        moment, _, number = given.die.partition(":")
        commits = arm(moment, int(number or 0), given.with_all)
    supervise(sys.argv[split + 1 :])
    if commits and given.commits:
        given.commits.write_text(str(commits()))


if __name__ == "__main__":
    main()
