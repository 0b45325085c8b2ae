"""How fast trainings are on this machine: recorded where there is a record, guessed elsewhere."""

from __future__ import annotations

import logging
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from shoal.problems.evaluation import Evaluation
from shoal.problems.table import TableProblem
from shoal.settings.search_settings import SearchSettings
from shoal.store import RunView, Store

# Trainings of a run from which a pace is taken: fewer say too little, more take long to read.
_LEAST_TRAININGS = 10
_MOST_TRAININGS = 50_000

# Multiply-adds by second and core where nothing was recorded. For the CPU engine: from an old
# laptop to a server (docs/reports/performance.md). For the reference: what NumPy makes of them.
_GUESSED_SPEED = {"cpu": (5e9, 6e10), "reference": (5e8, 1e10)}
# The share of their longest that trainings with a patience last.
_GUESSED_SHARE = (0.3, 1.0)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Throughput:
    """The pace of trainings; each range is (low, high).

    Attributes
    ----------
    seconds
        Of one multiply-add on one core.
    share
        Of its longest that a training lasts, 0 to 1.
    source
        Where this comes from, in words.
    is_measured
        Whether it is of this very problem, so that what is left is chance: then what is unsure does
        not all lie on one side.
    start
        Seconds until a worker begins with its first training, as it compiles code of a user.
    """

    seconds: tuple[float, float]
    share: tuple[float, float]
    source: str
    is_measured: bool = False
    start: tuple[float, float] = (0.0, 0.0)


def recorded_throughput(
    store: Store, settings: SearchSettings, problem: Mapping[str, Any] | None = None
) -> Throughput | None:
    """The pace of the newest run with the same engine that was trained on this host.

    Parameters
    ----------
    store
        Has the runs.
    settings
        Of the search whose pace is wanted.
    problem
        What a run would record of its problem (`Problem.to_dict`); None for a table. Simulations
        are counted in episodes, which last as long as the simulation has them.

    Returns
    -------
    Throughput or None
        None where there is no such run.
    """
    for run in store.runs():
        is_like = _same_work(run.settings, settings) and _same_problem(run, problem)
        if is_like and _LEAST_TRAININGS <= run.evaluations <= _MOST_TRAININGS:
            pace = _throughput_of(store, run)
            if pace is not None:
                _log.debug("the pace is taken %s", pace.source)
                return pace
    return None


def _same_work(one: SearchSettings, other: SearchSettings) -> bool:
    """Whether a multiply-add of both searches takes as long, as far as settings say."""
    return one.engine == other.engine and one.objective == other.objective


def _same_problem(run: RunView, problem: Mapping[str, Any] | None) -> bool:
    """Whether the work of a run is counted in the same unit: any table, or the same simulation."""
    kind = TableProblem.kind
    if problem is not None:
        kind = problem["kind"]
    if run.kind != kind:
        return False
    if run.is_table:
        return True

    own = run.problem or {}
    other = problem or {}
    return all(own.get(name) == other.get(name) for name in ("reference", "options"))


def _throughput_of(store: Store, run: RunView) -> Throughput | None:
    """The pace of a run's trainings on this host; None where there were too few."""
    # Nothing that users wrote is imported for an estimate.
    has_code = bool(run.problem and run.problem.get("codes"))
    if not run.is_table or has_code:
        return None

    trainings = _trainings_here(store, run)
    if len(trainings) < _LEAST_TRAININGS:
        return None

    problem = store.load_problem(run.id)
    costs = np.array([float(problem.cost(training.task)) for training in trainings])
    longest = np.array([problem.iterations_for(training.task) for training in trainings])
    shares = np.array([training.iterations for training in trainings]) / longest
    seconds = np.array([training.seconds for training in trainings])

    work = costs * shares
    share = float(work.sum() / costs.sum())
    middle = float(seconds.sum() / work.sum())
    quartiles = np.quantile(seconds / work, [0.25, 0.75])
    # Another search differs from this one, at least by so much.
    fastest = min(float(quartiles[0]), 0.8 * middle)
    slowest = max(float(quartiles[1]), 1.25 * middle)
    return Throughput(
        seconds=(fastest, slowest),
        share=(0.8 * share, min(1.0, 1.25 * share)),
        source=f"from {len(trainings):,} trainings of run {run.id}",
    )


def _trainings_here(store: Store, run: RunView) -> list[Evaluation]:
    """A run's trainings whose worker was on this host, without those that did not begin."""
    here = f"{socket.gethostname()}:"
    trainings = []
    for evaluation in store.evaluations(run.id, curves=False):
        if evaluation.worker.startswith(here) and evaluation.iterations and evaluation.seconds:
            trainings.append(evaluation)
    return trainings


def guessed_throughput(settings: SearchSettings) -> Throughput:
    """A wide guess that says that it is one, for where nothing was recorded."""
    slow, fast = _GUESSED_SPEED[settings.engine]
    return Throughput(
        seconds=(1 / fast, 1 / slow),
        share=_GUESSED_SHARE,
        source="a guess: no training was recorded here yet",
    )
