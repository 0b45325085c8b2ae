"""One repeat of one genome: what is asked for, and the record of it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from numpy.typing import NDArray

from shoal.genome.genome import Genome
from shoal.objectives.metrics import Scores
from shoal.settings.phase import Phase, number_in_phase, phase_of
from shoal.system.shown import Shown

Status = Literal["ok", "failed"]


@dataclass(frozen=True, slots=True)
class Task:
    """One repeat of one genome, to be trained.

    Attributes
    ----------
    genome
        The swarm and the network.
    repeat
        Chooses the random stream and the fold, and says the phase (`shoal.settings.phase`).
    generation, individual
        Where the repeat was first wanted: the generation from 1, the individual from 0. They
        change no result.
    """

    genome: Genome
    repeat: int
    generation: int = 0
    individual: int = 0

    @property
    def id(self) -> tuple[str, int]:
        """What makes it unique in a run: the hash of the genome, and the repeat."""
        return self.genome.hash, self.repeat

    @property
    def phase(self) -> Phase:
        """Whether the search or its confirmation trains this repeat."""
        return phase_of(self.repeat)

    @property
    def number_in_phase(self) -> int:
        """The number of the repeat within its phase, from 0."""
        return number_in_phase(self.repeat)


@dataclass(frozen=True, slots=True, repr=False)
class Evaluation(Shown):
    """The record of one repeat.

    Attributes
    ----------
    task
        What was trained.
    status
        "ok", or "failed": then it has no scores, says why in ``error``, and ranks worst.
    scores
        All metrics, on the training part and, where there is one, on the validation part.
    score
        What the search selects on: the run's metric, in that metric's unit. Without it the accuracy
        is taken out of ``scores``.
    loss
        The final global best loss on the training part, weight decay included.
    iterations
        How many iterations the swarm made.
    seconds
        The training's own time. It does not enter the result hash.
    curve
        At most 64 points (iteration, loss) of the history of the global best loss.
    error
        Why it failed.
    worker
        Where it ran, "host:pid". It does not enter the result hash.
    weights
        (D,): what a confirmation found that the champion would only find again. Never recorded, so
        a resumed run trains it once more.
    """

    task: Task
    status: Status
    scores: Scores | None = None
    loss: float | None = None
    iterations: int = 0
    seconds: float = 0.0
    curve: tuple[tuple[int, float], ...] = field(default=(), repr=False)
    error: str | None = None
    worker: str = ""
    score: float | None = None
    weights: NDArray[Any] | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.score is None and self.scores is not None:
            # The dataclass is frozen.
            object.__setattr__(self, "score", self.scores.selection.accuracy)

    @property
    def accuracy(self) -> float | None:
        """The accuracy on the part that the search selects by, in percent; None without one."""
        if self.scores is None:
            return None
        return self.scores.selection.accuracy


@dataclass(frozen=True, slots=True, repr=False)
class GenerationSummary(Shown):
    """One completed generation, for people.

    Scores are over the repeats that its genomes had when it was complete.

    Attributes
    ----------
    number
        From 1.
    best
        The genome that ranks first.
    best_score
        Of the best genome, in the metric's unit; None when all failed.
    best_repeats
        Repeats that the best genome had.
    mean_score
        Over the individuals that did not fail; None when all failed.
    evaluations
        Evaluations of the run up to the end of the generation.
    """

    number: int
    best: Genome
    best_score: float | None
    best_repeats: int
    mean_score: float | None
    evaluations: int

    @property
    def best_accuracy(self) -> float | None:
        """The name of `best_score` until 1.0."""
        return self.best_score

    @property
    def mean_accuracy(self) -> float | None:
        """The name of `mean_score` until 1.0."""
        return self.mean_score


def result_hash(evaluations: Iterable[Evaluation]) -> str:
    """SHA-256 of all evaluations in a canonical order.

    It covers genome, repeat, status and scores, to the bit. Times, hosts and the order in which the
    evaluations came do not enter it.
    """
    lines = sorted(_hashed_line(evaluation) for evaluation in evaluations)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _hashed_line(evaluation: Evaluation) -> str:
    parts = {}
    if evaluation.scores:
        parts = evaluation.scores.to_dict()

    values = []
    for part, metrics in sorted(parts.items()):
        for name, value in sorted(metrics.items()):
            values.append(f"{part}.{name}={value.hex()}")

    task = evaluation.task
    return f"{task.genome.hash} {task.repeat} {evaluation.status} {','.join(values)}\n"
