"""Replays in processes of their own, for pages: one asks again and again, never waits, and is forgotten when one stops.

The process trains at a low priority, so that a search beside it hardly notices; it ends when nobody has asked for
`ABANDONED_SECONDS`, after `LIMIT_SECONDS`, and with the process that started it. The command line calls
`replay_training` itself.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from shoal.errors import ReplayError, ShoalError
from shoal.genome.genome import Genome
from shoal.problems.evaluation import Task
from shoal.pso.engines import get_engine
from shoal.replay.recorder import Replay, Window, replay_training
from shoal.system.process import SINGLE_THREADED, gc_paused, lower_priority

ABANDONED_SECONDS = 30.0
LIMIT_SECONDS = 600.0
NICENESS = 10  # a tenth of a core that others want, too
AT_ONCE, KEPT = 2, 24  # processes; results in memory
_COMMAND = [sys.executable, "-c", "from shoal.replay.worker import main; main()"]


@dataclass(frozen=True, slots=True)
class Request:
    """Which training is looked at, and how; what its record says of it: ``iterations`` and ``recorded`` loss."""

    run_id: int
    task: Task
    iterations: int
    recorded: float | None = None
    window: Window = Window()  # noqa: RUF009  frozen

    def to_dict(self) -> dict[str, Any]:
        """JSON-able; `from_dict` reverses it."""
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
        """The reverse of `to_dict`; the task's place in a generation is not part of it."""
        task = Task(Genome.from_dict(values["genome"]), values["repeat"])
        return cls(
            values["run_id"],
            task,
            values["iterations"],
            values["recorded"],
            Window(**values["window"]),
        )


@dataclass(eq=False)
class _Show:
    """One process, and what it has said so far."""

    process: subprocess.Popen[bytes]
    said: Path
    read: int = 0
    done: float = 0.0
    result: Replay | ReplayError | None = None

    def look(self) -> None:
        """Tell the process that somebody is there, and hear what is new."""
        ended = self.process.poll() is not None
        with suppress(OSError):
            assert self.process.stdin is not None
            self.process.stdin.write(b".")
            self.process.stdin.flush()
        with self.said.open("rb") as file:
            file.seek(self.read)
            lines = file.read().splitlines(keepends=True)
        other = b""
        for line in lines:
            if not line.endswith(b"\n"):
                break
            self.read += len(line)
            if line.startswith(b"{"):
                self._hear(json.loads(line))
            else:
                other = line
        if ended and self.result is None:
            reason = (
                other.decode(errors="replace").strip() or f"exit code {self.process.returncode}"
            )
            self.result = ReplayError(
                f"The replay's process has ended: {reason}.", remedy="try it once more"
            )

    def _hear(self, told: Mapping[str, Any]) -> None:
        if "replay" in told:
            self.result = Replay.from_dict(told["replay"])
        elif "error" in told:
            problem, expected, remedy = told["error"]
            self.result = ReplayError(problem, expected=expected, remedy=remedy)
        else:
            self.done = told["done"]

    def close(self) -> None:
        """End the process; the file goes with it."""
        self.process.kill()
        self.process.wait()
        with suppress(OSError):
            assert self.process.stdin is not None
            self.process.stdin.close()
        self.said.unlink(missing_ok=True)


@dataclass(eq=False)
class ReplayPool:
    """Shows replays of the trainings in one store to many threads that ask. ``store`` is its address, password included."""

    store: str
    _shows: dict[Request, _Show] = field(default_factory=dict)
    _results: dict[Request, Replay | ReplayError] = field(default_factory=dict)  # the oldest first
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def look(self, request: Request) -> Replay | float:
        """The replay, once it is there; until then what share is done, 0 to 1. To be asked for every second or so.

        Raises `ReplayError` when there will be none; `forget` it for another try.
        """
        with self._lock:
            if (known := self._known(request)) is None:
                show = self._shows.get(request) or self._start(request)
                if show is None:
                    return 0.0
                show.look()
                if show.result is None:
                    return show.done
                known = self._results[request] = show.result
                self._shows.pop(request).close()
                while len(self._results) > KEPT:
                    del self._results[next(iter(self._results))]
        if isinstance(known, ReplayError):
            raise known
        return known

    def forget(self, request: Request) -> None:
        """Drop what is known of it."""
        with self._lock:
            self._results.pop(request, None)

    def close(self) -> None:
        """End all processes."""
        with self._lock:
            while self._shows:
                self._shows.popitem()[1].close()

    def _known(self, request: Request) -> Replay | ReplayError | None:
        if (known := self._results.pop(request, None)) is not None:
            self._results[request] = known  # the newest again
        return known

    def _start(self, request: Request) -> _Show | None:
        for other, show in list(self._shows.items()):
            if show.process.poll() is not None:  # nobody asked for it any more
                self._shows.pop(other).close()
        if len(self._shows) >= AT_ONCE:
            return None
        with tempfile.NamedTemporaryFile(prefix="shoal-replay-", delete=False) as said:
            process = subprocess.Popen(
                _COMMAND,
                stdin=subprocess.PIPE,
                stdout=said,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={
                    **os.environ,
                    **{k: v for k, v in SINGLE_THREADED.items() if v},
                    "SHOAL_STORE": self.store,
                },
            )
        show = self._shows[request] = _Show(process, Path(said.name))
        with suppress(OSError):
            assert process.stdin is not None
            process.stdin.write(json.dumps(request.to_dict()).encode() + b"\n")
            process.stdin.flush()
        return show


class _Nobody(Exception):
    """Nobody waits for it any more."""


class _Audience:
    """Whether somebody still asks: each time, a byte arrives at that file descriptor."""

    def __init__(self, descriptor: int) -> None:
        self.begun = self._heard = time.monotonic()
        self._there = True
        threading.Thread(target=self._listen, args=(descriptor,), daemon=True).start()

    def _listen(self, descriptor: int) -> None:
        while os.read(
            descriptor, 64
        ):  # not by sys.stdin: a thread that waits in there aborts the interpreter's end
            self._heard = time.monotonic()
        self._there = False

    def check(self) -> None:
        """Raises `_Nobody`, or `ReplayError` when it has taken too long."""
        now = time.monotonic()
        if not self._there or now - self._heard > ABANDONED_SECONDS:
            raise _Nobody
        if now - self.begun > LIMIT_SECONDS:
            raise ReplayError(
                f"The training takes longer than {LIMIT_SECONDS:g} s to repeat here.",
                remedy="look at a shorter training, or at one of a smaller network",
            )


def main() -> None:
    """The entry of the process: a request as one line of JSON on standard input, lines of JSON on standard output."""
    request = Request.from_dict(json.loads(sys.stdin.buffer.readline()))
    try:
        _tell(replay=_shown(request, _Audience(sys.stdin.fileno())).to_dict())
    except ShoalError as error:
        _tell(error=[error.problem, error.expected, error.remedy])
    except _Nobody:
        sys.exit(1)


def _shown(request: Request, audience: _Audience) -> Replay:
    with gc_paused():
        from shoal.store import open_store
    with open_store(create=False) as store:
        problem = store.load_problem(request.run_id)
    engine = get_engine(problem.settings.engine)
    lower_priority(NICENESS)  # only now: till here it is quick, and somebody waits
    return replay_training(
        problem,
        request.task,
        request.iterations,
        request.window,
        recorded=request.recorded,
        engine=engine,
        on_progress=_paced(audience.check),
    )


def _paced(check: Callable[[], None]) -> Callable[[float], None]:
    """Says what share is done, a few times a second."""
    told = 0.0

    def progress(done: float) -> None:
        nonlocal told
        check()
        if (now := time.monotonic()) - told > 0.2:
            told = now
            _tell(done=done)

    return progress


def _tell(**values: Any) -> None:
    print(json.dumps(values), flush=True)
