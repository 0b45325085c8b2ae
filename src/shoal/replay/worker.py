"""Replays in processes of their own, for pages: a page asks again and again, and never waits.

Each replay's process trains at a low priority, so that a search beside it hardly notices. It ends
when nobody has asked for `ABANDONED_SECONDS`, after `LIMIT_SECONDS`, and with the process that
started it. The command line calls `replay_training` itself.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from shoal.errors import ReplayError, ShoalError
from shoal.genome.genome import Genome
from shoal.problems.evaluation import Task
from shoal.pso.engines import get_engine
from shoal.replay.page_processes import PageProcesses, Work
from shoal.replay.process import child_environment, load_problem
from shoal.replay.recorder import Replay, Window, replay_training
from shoal.system.child import ABANDONED_CODE, Entry, Parent, answer, prints_dropped
from shoal.system.process import lower_priority

ABANDONED_SECONDS = 30.0
LIMIT_SECONDS = 600.0
# A tenth of a core that other processes want, too.
NICENESS = 10
# Between two answers that say how far a replay is.
_PROGRESS_SECONDS = 0.2
# Processes at once.
MAX_PROCESSES = 2
# Replays that are kept in memory.
MAX_RESULTS = 24
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Request:
    """Which training is looked at, and how.

    Attributes
    ----------
    run_id, task
        The training.
    iterations, recorded
        What its record says: how long it was, and its last loss.
    window
        What is looked at.
    """

    run_id: int
    task: Task
    iterations: int
    recorded: float | None = None
    window: Window = Window()  # noqa: RUF009  frozen

    def to_dict(self) -> dict[str, Any]:
        """Values that JSON can hold."""
        return {
            "run_id": self.run_id,
            "genome": self.task.genome.to_dict(),
            "repeat": self.task.repeat,
            "iterations": self.iterations,
            "recorded": self.recorded,
            "window": asdict(self.window),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Request:
        """A request from the values of `to_dict`; the task's generation and individual are lost."""
        return cls(
            run_id=values["run_id"],
            task=Task(Genome.from_dict(values["genome"]), values["repeat"]),
            iterations=values["iterations"],
            recorded=values["recorded"],
            window=Window(**values["window"]),
        )


class _Making(Work):
    """One replay in the making."""

    def __init__(self, run_id: int) -> None:
        super().__init__()
        self.run_id = run_id
        # The share that is done, 0 to 1.
        self.done = 0.0
        self.result: Replay | ReplayError | None = None

    def take(self, values: Mapping[str, Any]) -> None:
        if "replay" in values:
            self.result = Replay.from_dict(values["replay"])
        elif "error" in values:
            problem, expected, remedy = values["error"]
            self._fail(ReplayError(problem, expected=expected, remedy=remedy))
        else:
            self.done = values["done"]

    def end(self, reason: str) -> None:
        if self.result is None:
            error = f"The replay's process has ended: {reason}."
            self._fail(ReplayError(error, remedy="try it once more"))

    def _fail(self, error: ReplayError) -> None:
        _log.warning("run %s: no replay: %s", self.run_id, error)
        self.result = error


class ReplayPool(PageProcesses[Request, _Making]):
    """Makes replays of the trainings in one store, for all threads that ask.

    Parameters
    ----------
    store
        The store's address, password included.
    """

    entry = Entry.REPLAY
    most_processes = MAX_PROCESSES
    most_kept = MAX_RESULTS

    def __init__(self, store: str) -> None:
        super().__init__(partial(child_environment, store))

    def look(self, request: Request) -> Replay | float:
        """The replay once it is there, until then the share that is done, 0 to 1.

        To be asked for every second or so, as a replay that nobody asks for is ended.

        Raises
        ------
        ReplayError
            There will be none; `forget` it to try again.
        """
        with self._lock:
            making = self._asked(request, lambda: _Making(request.run_id))
            if making.result is not None:
                self._close(making)
            elif making.child is None:
                self._start(making, request.to_dict())
            else:
                making.child.sign_of_life()

        if isinstance(making.result, ReplayError):
            raise making.result
        return making.done if making.result is None else making.result

    def forget(self, request: Request) -> None:
        """Drop what is known of a replay."""
        with self._lock:
            if request in self._works:
                self._close(self._works.pop(request))


class _Abandoned(Exception):
    """Nobody waits for the replay any more."""


def main(parent: Parent, arguments: Sequence[str]) -> int:
    """The entry of a replay's process: it answers how far it is, at last with the replay."""
    request = Request.from_dict(parent.request())
    try:
        with prints_dropped():
            replay = _replay(request, _Reporter(parent))
    except ShoalError as error:
        answer(error=[error.problem, error.expected, error.remedy])
        return error.exit_code
    except _Abandoned:
        return ABANDONED_CODE

    answer(replay=replay.to_dict())
    return 0


def _replay(request: Request, reporter: _Reporter) -> Replay:
    problem = load_problem(request.run_id)
    engine = get_engine(problem.settings.engine)
    # Only now: until here it is quick, and somebody waits.
    lower_priority(NICENESS)
    return replay_training(
        problem,
        request.task,
        request.iterations,
        request.window,
        recorded=request.recorded,
        engine=engine,
        on_progress=reporter,
    )


class _Reporter:
    """Answers how far a replay is, a few times a second, while somebody waits for it."""

    def __init__(self, parent: Parent, clock: Callable[[], float] = time.monotonic) -> None:
        self._parent = parent
        self._clock = clock
        self._begun = clock()
        self._answered = -math.inf

    def __call__(self, done: float) -> None:
        """Say that a share ``done`` of the replay, 0 to 1, is done.

        Raises
        ------
        ReplayError
            It has taken too long.
        _Abandoned
            Nobody waits for it any more.
        """
        now = self._clock()
        if now - self._parent.last_sign > ABANDONED_SECONDS:
            raise _Abandoned
        if now - self._begun > LIMIT_SECONDS:
            raise ReplayError(
                f"The training takes longer than {LIMIT_SECONDS:g} s to repeat here.",
                remedy="look at a shorter training, or at one of a smaller network",
            )

        if now - self._answered > _PROGRESS_SECONDS:
            self._answered = now
            answer(done=done)
