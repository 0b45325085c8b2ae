"""The genome that a run recommends, its trained networks, and how good they are. No look at the test part comes before this."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shoal.genome.genome import Genome
from shoal.numerics.stats import ci95, mean, probability_better
from shoal.objectives.metrics import Metrics, Scores, mean_metrics
from shoal.problems.evaluation import Evaluation, Task
from shoal.problems.progress import TrainingInfo
from shoal.problems.table import Problem
from shoal.pso.engines.base import Engine
from shoal.tuning.baselines import Baseline
from shoal.tuning.racing import SIGNIFICANT
from shoal.tuning.search import RankedGenome, Search


@dataclass(frozen=True, slots=True)
class Confirmation:
    """How the champion did on random streams that nothing had been selected on: accuracies in percent, one a repeat.

    ``second`` is the genome that came closest, with as many repeats of the same streams. ``probability`` is that of the
    champion being truly better (see `shoal.numerics.stats`); None without a second one.
    """

    accuracies: tuple[float, ...]
    second: Genome | None = None
    second_accuracies: tuple[float, ...] = ()

    @property
    def accuracy(self) -> float:
        """The mean, in percent."""
        return mean(self.accuracies)

    @property
    def ci95(self) -> tuple[float, float] | None:
        """Student's 95 % interval of the mean over trainings (not over other data)."""
        return ci95(self.accuracies)

    @property
    def best_minus_mean(self) -> float:
        """How far the luckiest repeat lies above the mean, in percent points."""
        return max(self.accuracies) - self.accuracy

    @property
    def probability(self) -> float | None:
        """That the champion is truly better than the second."""
        return probability_better(self.accuracies, self.second_accuracies) if self.second else None

    @property
    def resolved(self) -> bool:
        """Whether the champion is better than the second at the 95 % level, or has none beside it."""
        return self.second is None or (self.probability or 0.0) >= SIGNIFICANT

    def to_dict(self) -> dict[str, Any]:
        """As the command line's JSON shows it; `from_dict` reads the same."""
        return {
            "accuracy": self.accuracy,
            "ci95": self.ci95,
            "repeats": len(self.accuracies),
            "best_minus_mean": self.best_minus_mean,
            "luck": self.best_minus_mean,  # its name until 1.0
            "probability_better": self.probability,
            "resolved": self.resolved,
            "accuracies": list(self.accuracies),
            "second": self.second.to_dict() if self.second else None,
            "second_accuracies": list(self.second_accuracies),
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Confirmation:
        """The reverse of `to_dict`."""
        second = values["second"] and Genome.from_dict(values["second"])
        return cls(tuple(values["accuracies"]), second, tuple(values["second_accuracies"]))


@dataclass(frozen=True, slots=True)
class Selection:
    """The genome that a search recommends: what was selected on, and what confirmed it (the best first, if any)."""

    found: RankedGenome
    confirmed: tuple[RankedGenome, ...] = ()

    @property
    def confirmation(self) -> Confirmation | None:
        """See `Confirmation`; None where nothing was confirmed."""
        if not self.confirmed:
            return None
        first, *others = self.confirmed
        if not others or others[0].repeats != first.repeats:
            return Confirmation(_known(first))
        return Confirmation(_known(first), others[0].genome, _known(others[0]))


def select_champion(search: Search) -> Selection | None:
    """What a search recommends by now; None when there is nothing, or all of it failed."""
    if confirmed := search.confirmed:
        return Selection(search.standing(confirmed[0].genome), confirmed)
    return Selection(search.best) if search.best else None


def _known(standing: RankedGenome) -> tuple[float, ...]:
    return tuple(a for a in standing.accuracies if a is not None)


@dataclass(frozen=True, eq=False)
class Champion:
    """The recommended genome with its networks.

    ``accuracies`` are those that the search selected on, one a repeat; ``confirmation`` is what fresh repeats said. ``weights``
    (networks, D): the classic preset keeps the networks that the search trained; the modern one trains those of the
    confirmation anew on train + validation (`refitted`), with the same random streams and lengths. ``scores`` are means over
    the networks, ``ensemble`` is of the mean of their predictions, weighted by ``shares`` (networks,), which add up to 1.
    ``baselines`` are other methods on the same rows, where they were asked for.
    After a refit the validation scores are those of the repeats, as the networks have seen that part.
    """

    genome: Genome
    accuracies: tuple[float, ...]
    refitted: bool
    weights: NDArray[np.float32] = field(repr=False)
    scores: Scores
    ensemble: Scores
    confirmation: Confirmation | None = None
    shares: tuple[float, ...] = ()
    baselines: tuple[Baseline, ...] = ()

    @property
    def accuracy(self) -> float:
        """Mean over the repeats of what the search selected on, in percent."""
        return mean(self.accuracies)

    @property
    def ci95(self) -> tuple[float, float] | None:
        """Student's 95 % interval of `accuracy`. The choice among many genomes makes it optimistic."""
        return ci95(self.accuracies)

    def to_bytes(self) -> bytes:
        """An npz archive without pickle; `from_bytes` reverses it."""
        about = {
            "genome": self.genome.to_dict(),
            "accuracies": list(self.accuracies),
            "refitted": self.refitted,
            "scores": self.scores.to_dict(),
            "ensemble": self.ensemble.to_dict(),
            "confirmation": self.confirmation.to_dict() if self.confirmation else None,
            "shares": list(self.shares),
            "baselines": [baseline.to_dict() for baseline in self.baselines],
        }
        buffer = io.BytesIO()
        np.savez(
            buffer,
            weights=self.weights,
            about=np.frombuffer(json.dumps(about).encode(), dtype=np.uint8),
        )
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
            confirmation=Confirmation.from_dict(told)
            if (told := about.get("confirmation"))
            else None,
            shares=tuple(about.get("shares") or [1 / len(weights)] * len(weights)),
            baselines=tuple(Baseline.from_dict(row) for row in about.get("baselines", ())),
        )


@dataclass(frozen=True, slots=True)
class RefitJob:
    """One network of the champion: a recorded training again, or the same one on train + validation."""

    task: Task
    iterations: int
    refit: bool
    threads: int = 1

    def run(self, problem: Problem, engine: Engine) -> NDArray[np.float32]:
        """The trained weights (D,)."""
        (result,) = engine.with_threads(self.threads).train(
            [problem.training(self.task, refit=self.refit, iterations=self.iterations)]
        )
        return result.weights

    def describe(self, problem: Problem) -> TrainingInfo:
        """What it trains, for people."""
        return TrainingInfo(self.task, "champion", iterations=self.iterations)


def refit_jobs(problem: Problem, choice: Selection) -> tuple[RefitJob, ...]:
    """What has to be trained for the champion: a network for each repeat that confirmed it, up to as many as are wanted.

    Without a confirmation, one for each repeat that it was selected on.
    """
    refit = problem.dataset.validates
    return tuple(RefitJob(e.task, e.iterations, refit) for e in _behind(problem, choice))


@dataclass(frozen=True, eq=False, slots=True)
class AssembleChampion:
    """The last of a champion's jobs, `assemble_champion`: in a worker, so that who drives a run never loads compiled code."""

    selection: Selection
    weights: Mapping[RefitJob, NDArray[np.float32]]

    def run(self, problem: Problem, engine: Engine) -> Champion:
        """The champion."""
        return assemble_champion(problem, self.selection, self.weights, engine)

    def describe(self, problem: Problem) -> TrainingInfo:
        """What it is about, for people; it trains nothing."""
        return TrainingInfo(Task(self.selection.found.genome, 0), "champion")


def _behind(problem: Problem, choice: Selection) -> tuple[Evaluation, ...]:
    if not choice.confirmed:
        return choice.found.evaluations
    return choice.confirmed[0].evaluations[: problem.settings.networks]


def assemble_champion(
    problem: Problem,
    choice: Selection,
    weights: Mapping[RefitJob, NDArray[np.float32]],
    engine: Engine,
) -> Champion:
    """The champion from the ``weights`` of its `refit_jobs`; a few may be missing."""
    data, genome = problem.dataset, choice.found.genome
    behind = {e.task.id: e for e in _behind(problem, choice)}
    kept = [(behind[job.task.id].scores, w) for job, w in weights.items()]
    found, networks = [scores for scores, _ in kept if scores], [w for _, w in kept]
    shares = _shares(problem, found)
    parts = {"train": data.fit_part(data.validates), "test": data.test}
    single: dict[str, Metrics] = {}
    together: dict[str, Metrics] = {}
    for name, part in parts.items():
        if part is not None:
            each = [problem.predictions(engine, genome, w, part) for w in networks]
            single[name] = mean_metrics(
                [m for p in each if (m := problem.metrics(p, part)) is not None]
            )
            blend = sum(share * p for share, p in zip(shares, each, strict=True))
            together[name] = problem.metrics(np.asarray(blend), part) or single[name]
    if data.validates:
        single["validation"] = mean_metrics(
            [s.validation for s in found if s.validation is not None]
        )
    return Champion(
        genome,
        _known(choice.found),
        data.validates,
        np.stack(networks),
        Scores(**single),
        Scores(**together),
        choice.confirmation,
        shares,
    )


def _shares(problem: Problem, found: Sequence[Scores]) -> tuple[float, ...]:
    """What each network counts in the ensemble: alike, or in inverse proportion to its error on the rows it did not see.

    The error is the mean square, or the log loss: for independent errors without bias the inverse variance is the best weight.
    """
    weights = [1.0] * len(found)
    if problem.settings.ensemble == "weighted":
        selected = [scores.selection for scores in found]
        weights = [1.0 / max(m.log_loss or (m.rmse or 0.0) ** 2, 1e-12) for m in selected]
    total = math.fsum(weights)
    return tuple(w / total for w in weights)


CHAMPION = "champion"  # the kind of the artifact
