"""How fast this machine trains, tried for some seconds in a process beside the pages.

It is for stores that know nothing of this machine. The first genomes of the search are trained as
the search would train them, short and long trainings in turn. So the pace is that of the very table
or simulation, and how early trainings end by their patience is known, too.

    calibrations = Calibrations()
    calibrations.pace(key, problem)    # None at first, and a `Throughput` some seconds later
"""

from __future__ import annotations

import base64
import logging
import os
import pickle
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from shoal.analysis.cost_estimate import first_genomes
from shoal.analysis.stages import stages
from shoal.analysis.throughput import Throughput, guessed_throughput
from shoal.errors import ShoalError
from shoal.problems.base import Problem, ShippedProblem
from shoal.problems.evaluation import Task
from shoal.pso.engines import get_engine
from shoal.pso.engines.base import Engine
from shoal.replay.page_processes import PageProcesses, Work
from shoal.system.child import Entry, Parent, answer, prints_dropped
from shoal.system.process import SINGLE_THREADED

# Seconds of training, and of one training at most.
SECONDS = 2.0
_LONGEST = 0.8
# The same where iterations take longer as a swarm learns: its beginnings are too quick.
_SECONDS_OF_LEARNING = 5.0
_LONGEST_OF_LEARNING = 2.5
# A process that takes longer gives no pace. The first one on a machine compiles for a minute or two
# where a search has all cores.
LIMIT_SECONDS = 240.0
# Bytes of a problem that is sent to another process for this.
MOST_BYTES = 30_000_000
# How far a search's own pace and share are from those of a few trainings: factors, down and up.
_PACE = (0.85, 1.2)
_SHARE = (0.85, 1.2)
# The pace's where iterations take longer as a swarm learns, and a training was cut off early.
_PACE_OF_BEGINNINGS = (0.9, 1.8)
# How long a worker compiles, beside how long this took here.
_START = (0.7, 2.0)
_MOST_RESULTS = 32
_log = logging.getLogger(__name__)


def calibrate(
    problem: Problem, engine: Engine, clock: Callable[[], float] = time.perf_counter
) -> Throughput | None:
    """Train some genomes of the first generation, and say how fast that was.

    Parameters
    ----------
    problem
        What would be searched.
    engine
        What trains, on one core.
    clock
        Seconds that only rise.

    Returns
    -------
    Throughput or None
        None where no training came to an end of its own or of its time.
    """
    settings = problem.settings
    genomes = first_genomes(settings)
    planned = [stage for stage in stages(settings) if stage.name != "champion" and stage.most]
    # Compiling is no training.
    _warm_up(problem, engine, Task(genomes[0], planned[0].repeat))
    start = (0.0, 0.0)
    if problem.compiles_in_each_process:
        # The first time on a machine takes far longer: what is kept on disk is there now.
        started = clock()
        problem.compile_anew()
        compiled = clock() - started
        start = (_START[0] * compiled, _START[1] * compiled)
    longest_seconds, limit = _limits(problem)

    seconds: list[float] = []
    work: list[float] = []
    shares: list[tuple[float, int]] = []
    begun = clock()
    number = 0
    some_cut = False
    while clock() - begun < limit or not work:
        stage = planned[number % len(planned)]
        task = Task(genomes[number % len(genomes)], stage.repeat)
        longest = problem.iterations_for(task)
        started = clock()
        evaluation, _ = problem.train(task, engine)
        took = clock() - started
        number += 1
        if evaluation.iterations:
            share = evaluation.iterations / longest
            seconds.append(took)
            work.append(float(problem.cost(task)) * share)
            # A long stage is more of the search than a short one.
            if took < 0.9 * longest_seconds:
                shares.append((share, stage.most * longest))
            else:
                some_cut = True
        if number >= len(genomes) and not work:
            return None
    pace = sum(seconds) / sum(work)
    # Of trainings that were cut off nobody knows when their patience would have ended them.
    between = guessed_throughput(settings).share
    if shares:
        weights = [weight for _, weight in shares]
        share = float(np.average([share for share, _ in shares], weights=weights))
        between = (_SHARE[0] * share, min(1.0, _SHARE[1] * share))
    unsure = _PACE
    if some_cut and problem.takes_longer_as_it_learns:
        unsure = _PACE_OF_BEGINNINGS
    return Throughput(
        seconds=(unsure[0] * pace, unsure[1] * pace),
        share=between,
        source=f"from {len(work)} trainings tried on this machine",
        is_measured=True,
        start=start,
    )


def _limits(problem: Problem) -> tuple[float, float]:
    """Seconds of one training, and of all."""
    if problem.takes_longer_as_it_learns:
        return _LONGEST_OF_LEARNING, _SECONDS_OF_LEARNING
    return _LONGEST, SECONDS


def _warm_up(problem: Problem, engine: Engine, task: Task) -> None:
    problem.train(task, engine, iterations=2)


class _Try(Work):
    """What came of one problem."""

    def __init__(self, asked: float) -> None:
        super().__init__()
        # When it was asked for first.
        self.asked = asked
        # Whether there was a process, or it is known that there will be none.
        self.is_tried = False
        self.pace: Throughput | None = None

    def take(self, values: Mapping[str, Any]) -> None:
        if "seconds" in values:
            self.pace = _from_answer(values)
        else:
            _log.info("no calibration: %s", values.get("error"))


class Calibrations(PageProcesses[str, _Try]):
    """The paces of problems that nobody has searched yet, for all threads that ask.

    Parameters
    ----------
    settle
        Seconds after the first question, before which no process starts: a form that is being
        filled in is another problem each moment.
    clock
        Seconds that only rise.
    """

    entry = Entry.CALIBRATION
    most_kept = _MOST_RESULTS
    limit_seconds = LIMIT_SECONDS

    def __init__(self, settle: float = 4.0, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(lambda: {**os.environ, **SINGLE_THREADED}, clock)
        self._settle = settle

    def pace(self, key: str, problem: Problem) -> Throughput | None:
        """What is known by now; who goes on asking for a key has a process started.

        Parameters
        ----------
        key
            Names what decides about the pace. Problems with the same key have one.
        problem
            What would be searched.
        """
        with self._lock:
            known = self._asked(key, lambda: _Try(self._clock()))
            is_settled = self._clock() - known.asked >= self._settle
            if is_settled and not known.is_tried and self._has_room(known):
                self._try(known, problem)
            return known.pace

    def is_at_work(self, key: str) -> bool:
        """Whether a pace may still come."""
        with self._lock:
            known = self._works.get(key)
            return known is not None and (known.child is not None or not known.is_tried)

    def _try(self, known: _Try, problem: Problem) -> None:
        known.is_tried = True
        content = pickle.dumps(problem.for_workers())
        if len(content) <= MOST_BYTES:
            self._start(known, {"problem": base64.b64encode(content).decode()})


def _from_answer(values: Mapping[str, Any]) -> Throughput:
    fastest, slowest = values["seconds"]
    least, most = values["share"]
    first, last = values["start"]
    return Throughput(
        (fastest, slowest), (least, most), values["source"], is_measured=True, start=(first, last)
    )


def main(parent: Parent, arguments: Sequence[str]) -> int:
    """The entry of the process that trains: it answers with the pace."""
    request = parent.request()
    try:
        with prints_dropped():
            # What our own parent has packed.
            shipped: ShippedProblem = pickle.loads(base64.b64decode(request["problem"]))
            problem = shipped.in_worker()
            pace = calibrate(_briefly(problem), get_engine(problem.settings.engine).with_threads(1))
    except ShoalError as error:
        answer(error=str(error))
        return error.exit_code
    if pace is None:
        answer(error="no training came to its end")
    else:
        answer(seconds=pace.seconds, share=pace.share, source=pace.source, start=pace.start)
    return 0


def _briefly(problem: Problem) -> Problem:
    """The problem with trainings that end after a moment: a huge one must not take minutes."""
    limit = problem.settings.training_seconds
    longest, _ = _limits(problem)
    seconds = longest if limit is None else min(limit, longest)
    changed = problem.settings.model_copy(update={"training_seconds": seconds})
    return replace(problem, settings=changed)  # type: ignore[type-var]
