"""What a worker trains, and how far it is: what executors report, and what a store shows of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from shoal.problems.evaluation import Task
from shoal.pso.snapshot import SwarmSnapshot

TrainingKind = Literal["search", "confirmation", "champion", "baseline"]


@dataclass(frozen=True, slots=True)
class TrainingInfo:
    """What a job trains, for people.

    Attributes
    ----------
    task
        The genome and the repeat.
    kind
        What the training is for.
    iterations
        How many are planned; 0 where that is not known.
    baseline
        Name of the method, for a training of that kind; the genome then gives the shape.
    """

    task: Task
    kind: TrainingKind
    iterations: int = 0
    baseline: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingProgress:
    """How far a worker is with a training.

    Attributes
    ----------
    worker
        Where it is trained, "host:pid"; "" while that is not known.
    iteration, iterations
        How many are done, and how many are planned. Both are 0 while the worker has not said how
        far it is. It does so after a second, but never on Ray, and never in a baseline that is
        no swarm.
    seconds
        Since the training began.
    curve
        At most 64 points (iteration, global best loss).
    frame
        The swarm, while somebody watches.
    """

    worker: str = ""
    iteration: int = 0
    iterations: int = 0
    seconds: float = 0.0
    curve: tuple[tuple[int, float], ...] = ()
    frame: SwarmSnapshot | None = None
