"""One repeat of one genome: what is asked for, and the record of it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from shoal.genome.genome import Genome
from shoal.objectives.metrics import Scores
from shoal.settings.phase import Phase, number_in_phase, phase_of

Status = Literal["ok", "failed"]


@dataclass(frozen=True, slots=True)
class Task:
    """One repeat of one genome. ``generation`` and ``individual`` say where it was first wanted; they change no result."""

    genome: Genome
    repeat: int
    generation: int = 0
    individual: int = 0

    @property
    def id(self) -> tuple[str, int]:
        """What makes it unique in a run."""
        return self.genome.hash, self.repeat

    @property
    def phase(self) -> Phase:
        """Whether the search or its confirmation trains this repeat."""
        return phase_of(self.repeat)

    @property
    def number_in_phase(self) -> int:
        """The number of the repeat within its phase, from 0."""
        return number_in_phase(self.repeat)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The record of one repeat. A failed one has no scores and says why in ``error``; it ranks worst.

    ``loss`` is the final global best loss on the training part, weight decay included; ``curve`` holds at most 64 points of
    its history (iteration, loss); ``seconds`` is the training's own time, ``worker`` where it ran. The last two, like
    ``attempts``, do not enter the result hash.
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

    @property
    def accuracy(self) -> float | None:
        """The score that the search selects on, in percent; None when failed."""
        return None if self.scores is None else self.scores.selection.accuracy


@dataclass(frozen=True, slots=True)
class GenerationSummary:
    """One completed generation, for people: scores are over the repeats its genomes had when it completed.

    ``number`` counts from 1. ``best_accuracy`` and ``mean_accuracy`` (over the individuals that did not fail) are in
    percent, None when all failed. ``evaluations`` counts the run's evaluations up to its end.
    """

    number: int
    best: Genome
    best_accuracy: float | None
    best_repeats: int
    mean_accuracy: float | None
    evaluations: int


def result_hash(evaluations: Iterable[Evaluation]) -> str:
    """SHA-256 of the canonical list of evaluations: genome, repeat, status, scores to the bit; no times, hosts or order."""
    lines = []
    for e in evaluations:
        scores = e.scores.to_dict() if e.scores else {}
        text = ",".join(
            f"{part}.{k}={v.hex()}"
            for part, m in sorted(scores.items())
            for k, v in sorted(m.items())
        )
        lines.append(f"{e.task.genome.hash} {e.task.repeat} {e.status} {text}\n")
    return hashlib.sha256("".join(sorted(lines)).encode()).hexdigest()
