"""A process that trains for a worker of somebody else's pool; see `pool_worker`.

The worker asks by lines of JSON, which name files. The process answers on its standard output by
pickles, each behind its length. What jobs print is dropped.
"""

from __future__ import annotations

import os
import pickle
import struct
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import IO, Any, NamedTuple

from shoal.errors import ProblemError, SimulationError
from shoal.executors.base import Job, shortage_text
from shoal.executors.progress_files import ProgressWriter
from shoal.problems.base import Problem
from shoal.pso.engines import get_engine
from shoal.pso.engines.base import Engine
from shoal.system.child import Parent
from shoal.system.shortage import is_shortage

# Before each pickle: how many bytes it has.
LENGTH = struct.Struct(">Q")


class News(NamedTuple):
    """What became of a job.

    Attributes
    ----------
    result, error
        What the job gave, or how it failed.
    seconds
        How long it took.
    met_shortage
        Whether it failed because the machine was short of something.
    """

    result: Any
    error: str | None
    seconds: float
    met_shortage: bool = False


def serve(parent: Parent, arguments: Sequence[str]) -> None:
    """The entry: load the problem that is asked for first, then run what is asked for.

    Parameters
    ----------
    parent
        The worker.
    arguments
        The worker's name, and the folder of the run's notes where there is one.
    """
    worker, folder = arguments
    answers = os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    os.close(nothing)

    loaded = _loaded(Path(parent.request()["problem"]))
    if isinstance(loaded, Exception):
        _answer(answers, pickle.dumps(loaded))
        return

    problem, engine = loaded
    writer = None
    if folder:
        writer = ProgressWriter(Path(folder), worker)
    engine.observer = writer
    _answer(answers, pickle.dumps(None))

    while (request := parent.request()) is not None:
        jobs = pickle.loads(Path(request["jobs"]).read_bytes())
        for number, pickled in jobs:
            # A job that cannot be read is one that failed.
            try:
                job = pickle.loads(pickled)
            except Exception as error:
                job = _Unread(error)
            # From here on, an end of this process is the doing of the job, and its deadline runs.
            _answer(answers, b"")
            with writer.about(number) if writer else nullcontext():
                _answer(answers, _run(job, problem, engine))


def _loaded(file: Path) -> tuple[Problem, Engine] | Exception:
    """The problem with its engine, or why it cannot be used here."""
    shipped = pickle.loads(file.read_bytes())
    try:
        problem = shipped.in_worker()
    except (ProblemError, SimulationError) as error:
        if is_shortage(error):
            raise
        return error

    # The kernels are loaded before a deadline begins.
    if problem.settings.engine == "cpu":
        import shoal.executors.preload  # noqa: F401
    return problem, get_engine(problem.settings.engine)


class _Unread:
    """In place of a job that could not be read."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def run(self, problem: Problem, engine: Engine) -> None:
        raise self._error


def _run(job: Job, problem: Problem, engine: Engine) -> bytes:
    begun = time.perf_counter()
    # A result that cannot be pickled is an error of the job, too.
    try:
        result = job.run(problem, engine)
        return pickle.dumps(News(result, None, time.perf_counter() - begun))
    except Exception as error:
        seconds = time.perf_counter() - begun
        if is_shortage(error):
            return pickle.dumps(News(None, shortage_text(error), seconds, met_shortage=True))
        return pickle.dumps(News(None, f"{type(error).__name__}: {error}", seconds))


def _answer(answers: IO[bytes], content: bytes) -> None:
    answers.write(LENGTH.pack(len(content)) + content)
    answers.flush()


def read_answers(answers: IO[bytes], take: Callable[[bytes | None], object]) -> None:
    """Hand on each answer of a process, and None at its end."""
    with answers:
        while len(head := answers.read(LENGTH.size)) == LENGTH.size:
            (length,) = LENGTH.unpack(head)
            content = answers.read(length)
            if len(content) < length:
                break
            take(content)
    take(None)
