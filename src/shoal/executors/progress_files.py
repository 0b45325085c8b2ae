"""Where workers on this machine write how far they are: a folder with one small file of each.

A worker writes when a training has taken a second, and then once a second. While somebody watches,
it writes several times a second and with a frame of the swarm, but less often where that would take
more than a fiftieth of its time. Whatever goes wrong with it (no room, no folder) only means that
less is known.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from shoal.executors.base import Job, Progress
from shoal.problems.base import downsample_history
from shoal.pso.snapshot import SwarmSnapshot, take_snapshot
from shoal.pso.swarm import SwarmState, TrainingTask
from shoal.system.private_folder import make_private_folder

# Between two notes of a worker.
NOTE_SECONDS = 1.0
# Between two notes while somebody watches.
WATCHED_SECONDS = 0.2
# Of a worker's time, what notes may take. A frame of 200 particles of 9,473 weights takes 0.04 s.
SHARE = 0.02
_PREFIX = "shoal-live-"
# A file that is there while somebody watches.
_FLAG = "watched"
_log = logging.getLogger(__name__)


class ProgressDirectory:
    """The executor's side of the folder.

    It is removed by `close` or, when its process was killed, when the next one is made.

    Parameters
    ----------
    place
        The folder in which to make it; None: the system's place for temporary files. Elsewhere the
        folder of a process that was killed stays.

    Attributes
    ----------
    folder
        The folder; None where there is no place for one, so that nothing is known.
    """

    def __init__(self, place: Path | None = None) -> None:
        self.folder: Path | None = None
        self._watched = False
        try:
            if place is None:
                self.folder = make_private_folder(_PREFIX)
            else:
                self.folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=place))
        except OSError as error:
            _log.warning("nobody can see how far workers are: %s", error)

    def set_watched(self, watched: bool) -> None:
        """Let the workers know whether somebody watches."""
        if self.folder is None or watched == self._watched:
            return

        flag = self.folder / _FLAG
        with suppress(OSError):
            if watched:
                flag.touch()
            else:
                flag.unlink(missing_ok=True)
            self._watched = watched

    def read(self, jobs: Mapping[int, Job]) -> dict[int, Progress]:
        """What was written last about these jobs, by their numbers."""
        progress = {}
        for file in self._notes():
            # A file may be gone, and one of a foreign version may be anything.
            with suppress(OSError, ValueError, KeyError, TypeError):
                values = json.loads(file.read_bytes())
                job = jobs.get(values["job"])
                if job is not None:
                    progress[values["job"]] = _progress(job, values)
        return progress

    def clear(self) -> None:
        """Forget what was written: its writers are gone."""
        for file in self._notes():
            with suppress(OSError):
                file.unlink()

    def close(self) -> None:
        """Remove the folder."""
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder = None

    def _notes(self) -> Iterator[Path]:
        if self.folder is not None:
            with suppress(OSError):
                yield from self.folder.glob("*.json")


class ProgressWriter:
    """The worker's side of the folder, and an engine's observer.

    Parameters
    ----------
    folder
        Where to write.
    worker
        The worker's name.
    clock
        Gives monotonic seconds.
    effort
        Gives the seconds of work of this thread.
    """

    def __init__(
        self,
        folder: Path,
        worker: str,
        clock: Callable[[], float] = time.monotonic,
        effort: Callable[[], float] = time.thread_time,
    ) -> None:
        self._file = folder / f"{os.getpid()}.json"
        self._flag = folder / _FLAG
        self._worker = worker
        self._clock = clock
        self._effort = effort

        # How long the cost of the last note asks to wait for the next one, in seconds.
        self._pause = 0.0
        # The job, and its training that was seen last.
        self._number = 0
        self._task: TrainingTask | None = None
        # When that training began, and when something was written last.
        self._begun = 0.0
        self._last = 0.0
        # Whether there is a file.
        self._wrote = False

    @contextmanager
    def about(self, number: int) -> Iterator[None]:
        """While a job with this number is done; what was written about it goes with it."""
        self._number = number
        self._task = None
        self._begun = self._clock()
        self._last = self._begun
        try:
            yield
        finally:
            self._task = None
            self._remove()

    def __call__(self, task: TrainingTask, state: SwarmState) -> None:
        """Look at a training; see `Engine.observer`."""
        now = self._clock()
        # The job's next training.
        if self._task is not None and task is not self._task:
            self._begun = now
        self._task = task
        if now - self._last < max(WATCHED_SECONDS, self._pause):
            return

        before = self._effort()
        # Nobody's training fails because somebody looks at it.
        try:
            self._note(task, state, now)
        except Exception:
            _log.debug("a note of worker %s failed", self._worker, exc_info=True)
            self._last = now
        self._pause = (self._effort() - before) / SHARE

    def _note(self, task: TrainingTask, state: SwarmState, now: float) -> None:
        watched = self._flag.exists()
        if not watched and now - self._last < NOTE_SECONDS:
            return

        self._last = now
        frame = None
        if watched:
            frame = take_snapshot(task, state).to_dict()
        self._write(
            {
                "job": self._number,
                "worker": self._worker,
                "iteration": state.iteration,
                "iterations": task.iterations,
                "seconds": now - self._begun,
                "curve": downsample_history(state.history),
                "frame": frame,
            }
        )

    def _write(self, values: Mapping[str, Any]) -> None:
        """Write the file in one step, so that a reader sees the old or the new one."""
        part = self._file.with_suffix(".part")
        self._wrote = True
        try:
            part.write_text(json.dumps(values))
            part.replace(self._file)
        except OSError:
            part.unlink(missing_ok=True)
            raise

    def _remove(self) -> None:
        if self._wrote:
            self._wrote = False
            with suppress(OSError):
                self._file.unlink(missing_ok=True)


def _progress(job: Job, values: Mapping[str, Any]) -> Progress:
    frame = None
    if values["frame"]:
        frame = SwarmSnapshot.from_dict(values["frame"])
    return Progress(
        job,
        worker=values["worker"],
        iteration=values["iteration"],
        iterations=values["iterations"],
        seconds=values["seconds"],
        curve=tuple((iteration, loss) for iteration, loss in values["curve"]),
        frame=frame,
    )
