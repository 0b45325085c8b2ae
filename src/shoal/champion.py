"""The genome that a run recommends, its trained networks, and how good they are: the only look at the test part."""

from __future__ import annotations

import io
import json
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from shoal.engines.base import Engine
from shoal.evaluation import Problem, Task
from shoal.evolution import Standing
from shoal.genome import Genome
from shoal.metrics import mean_metrics
from shoal.records import Metrics, Scores


def interval95(values: Sequence[float]) -> tuple[float, float] | None:
    """Student's 95 % confidence interval of the mean of ``values``; None for fewer than two."""
    if len(values) < 2:
        return None
    from scipy.stats import t  # slow to import, and not needed to run a search

    half = float(t.ppf(0.975, len(values) - 1)) * statistics.stdev(values) / math.sqrt(len(values))
    mean = math.fsum(values) / len(values)
    return mean - half, mean + half


@dataclass(frozen=True, eq=False)
class Champion:
    """The recommended genome with its networks.

    ``accuracies`` are those that the search selected on, one a repeat. ``weights`` (networks, D): the classic preset
    keeps the networks that the search trained; the modern one trains them anew on train + validation (`refitted`), with
    the same random streams and lengths. ``scores`` are means over the networks, ``ensemble`` is the mean of their predictions.
    After a refit the validation scores are those of the search, as the networks have seen that part.
    """

    genome: Genome
    accuracies: tuple[float, ...]
    refitted: bool
    weights: NDArray[np.float32] = field(repr=False)
    scores: Scores
    ensemble: Scores

    @property
    def accuracy(self) -> float:
        """Mean over the repeats of what the search selected on, in percent."""
        return math.fsum(self.accuracies) / len(self.accuracies)

    @property
    def ci95(self) -> tuple[float, float] | None:
        """Student's 95 % interval of `accuracy`. The choice among many genomes makes it optimistic."""
        return interval95(self.accuracies)

    def to_bytes(self) -> bytes:
        """An npz archive without pickle; `from_bytes` reverses it."""
        about = {
            "genome": self.genome.to_dict(),
            "accuracies": list(self.accuracies),
            "refitted": self.refitted,
            "scores": self.scores.to_dict(),
            "ensemble": self.ensemble.to_dict(),
        }
        buffer = io.BytesIO()
        np.savez(buffer, weights=self.weights, about=np.frombuffer(json.dumps(about).encode(), dtype=np.uint8))
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes) -> Champion:
        """The reverse of `to_bytes`."""
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            weights, about = archive["weights"], json.loads(archive["about"].tobytes())
        return cls(
            genome=Genome.from_dict(about["genome"]),
            accuracies=tuple(about["accuracies"]),
            refitted=about["refitted"],
            weights=weights,
            scores=Scores.from_dict(about["scores"]),
            ensemble=Scores.from_dict(about["ensemble"]),
        )


@dataclass(frozen=True, slots=True)
class Retraining:
    """One network of the champion: a recorded training again, or the same one on train + validation."""

    task: Task
    iterations: int
    refit: bool
    threads: int = 1

    def run(self, problem: Problem, engine: Engine) -> NDArray[np.float32]:
        """The trained weights (D,)."""
        (result,) = engine.on(self.threads).train(
            [problem.training(self.task, refit=self.refit, iterations=self.iterations)]
        )
        return result.weights


def retrainings(problem: Problem, standing: Standing) -> tuple[Retraining, ...]:
    """What has to be trained for the champion: one network for each of its recorded repeats."""
    return tuple(Retraining(e.task, e.iterations, problem.dataset.validates) for e in standing.evaluations)


def crown(problem: Problem, standing: Standing, weights: Sequence[NDArray[np.float32]], engine: Engine) -> Champion:
    """The champion from the weights of its `retrainings`, in their order."""
    data, genome = problem.dataset, standing.genome
    found = [e.scores for e in standing.evaluations if e.scores]
    parts = {"train": data.fit_part(data.validates), "test": data.test}
    single: dict[str, Metrics] = {}
    together: dict[str, Metrics] = {}
    for name, part in parts.items():
        if part is not None:
            each = [problem.predictions(engine, genome, w, part) for w in weights]
            single[name] = mean_metrics([m for p in each if (m := problem.metrics(p, part)) is not None])
            together[name] = problem.metrics(sum(each[1:], each[0]) / len(each), part) or single[name]
    if data.validates:
        single["validation"] = mean_metrics([s.validation for s in found if s.validation is not None])
    accuracies = tuple(a for a in standing.accuracies if a is not None)
    return Champion(genome, accuracies, data.validates, np.stack(weights), Scores(**single), Scores(**together))
