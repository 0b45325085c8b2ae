"""Where workers on this machine write how far they are: a private folder, with at most one small file of each.

A worker writes when a training has taken a second, and then once a second; while somebody watches, several times a second and
with a frame of the swarm; less often where that would take more than a fiftieth of its time. Whatever goes wrong with it (no
room, no folder) only means that less is known.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from shoal.executors.base import Job, Progress
from shoal.problems.table import downsample_history
from shoal.pso.snapshot import SwarmSnapshot, take_snapshot
from shoal.pso.swarm import SwarmState, TrainingTask
from shoal.system.private_folder import make_private_folder

NOTE_SECONDS = 1.0  # between two notes of a worker
WATCHED_SECONDS = 0.2  # while somebody watches
SHARE = 0.02  # of a worker's time, at most, that notes take: a frame of 200 particles of 9,473 weights takes 0.04 s
_PREFIX = "shoal-live-"
_FLAG = "watched"  # a file that is there while somebody watches


class ProgressDirectory:
    """The executor's side; it ends with `close`, or, when its process was killed, with the next board that anybody makes."""

    def __init__(self) -> None:
        self.folder: Path | None = None  # where there is no place for one, nothing is known
        self._watched = False
        with suppress(OSError):
            self.folder = make_private_folder(_PREFIX)

    def set_watched(self, watched: bool) -> None:
        """Tell the workers whether somebody watches."""
        if self.folder is None or watched == self._watched:
            return
        with suppress(OSError):
            if watched:
                (self.folder / _FLAG).touch()
            else:
                (self.folder / _FLAG).unlink(missing_ok=True)
            self._watched = watched

    def read(self, jobs: dict[int, Job]) -> dict[int, Progress]:
        """What was written last about these jobs, by their numbers."""
        found = {}
        for file in self._notes():
            with suppress(OSError, ValueError, KeyError, TypeError):
                values = json.loads(file.read_bytes())
                if (job := jobs.get(values["job"])) is not None:
                    found[values["job"]] = _progress(job, values)
        return found

    def clear(self) -> None:
        """Forget what was written: those who wrote it are gone."""
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
    """The worker's side: an engine's observer. ``worker`` is its name.

    ``clock`` gives monotonic seconds, ``effort`` those of this thread's work.
    """

    def __init__(
        self,
        folder: Path,
        worker: str,
        clock: Callable[[], float] = time.monotonic,
        effort: Callable[[], float] = time.thread_time,
    ) -> None:
        self._file, self._flag = folder / f"{os.getpid()}.json", folder / _FLAG
        self._worker, self._clock, self._effort = worker, clock, effort
        self._pause = 0.0  # that the cost of the last note asks for
        self._number = 0
        self._task: TrainingTask | None = None
        self._begun = self._last = 0.0
        self._wrote = False

    @contextmanager
    def about(self, number: int) -> Iterator[None]:
        """While the job with that number is done; what was written about it goes with it."""
        self._number, self._task = number, None
        self._begun = self._last = self._clock()
        try:
            yield
        finally:
            self._task = None
            if self._wrote:
                self._wrote = False
                with suppress(OSError):
                    self._file.unlink(missing_ok=True)

    def __call__(self, task: TrainingTask, state: SwarmState) -> None:
        """One look at a training; see `Engine`."""
        now = self._clock()
        if self._task is not None and task is not self._task:  # the job's next one
            self._begun = now
        self._task = task
        if now - self._last < max(WATCHED_SECONDS, self._pause):
            return
        before = self._effort()
        try:
            watched = self._flag.exists()
            if not watched and now - self._last < NOTE_SECONDS:
                return
            self._last = now
            self._write(
                task, state, now - self._begun, take_snapshot(task, state) if watched else None
            )
        except Exception:  # nobody's training fails because somebody looks at it
            self._last = now
        self._pause = (self._effort() - before) / SHARE

    def _write(
        self, task: TrainingTask, state: SwarmState, seconds: float, frame: SwarmSnapshot | None
    ) -> None:
        values: dict[str, Any] = {
            "job": self._number,
            "worker": self._worker,
            "iteration": state.iteration,
            "iterations": task.iterations,
            "seconds": seconds,
            "curve": downsample_history(state.history),
            "frame": frame and frame.to_dict(),
        }
        part = self._file.with_suffix(".part")
        self._wrote = True
        try:
            part.write_text(json.dumps(values))
            part.replace(self._file)
        except OSError:
            part.unlink(missing_ok=True)
            raise


def _progress(job: Job, values: dict[str, Any]) -> Progress:
    return Progress(
        job,
        worker=values["worker"],
        iteration=values["iteration"],
        iterations=values["iterations"],
        seconds=values["seconds"],
        curve=tuple((iteration, loss) for iteration, loss in values["curve"]),
        frame=values["frame"] and SwarmSnapshot.from_dict(values["frame"]),
    )
