"""The genome that a run recommends, its trained networks, and how good they are.

The order of things: `select_champion` when a search is done, `refit_jobs` to train its networks,
`assemble_champion` to score them. Nothing looks at the test part before that last step.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from shoal.genome.genome import Genome
from shoal.models.model import Model
from shoal.models.predicting import Predicting
from shoal.numerics.stats import ci95, mean, probability_better
from shoal.objectives.metrics import Scores, mean_metrics
from shoal.objectives.registry import ACCURACY, Metric
from shoal.problems.base import Problem
from shoal.problems.evaluation import Evaluation, Task
from shoal.problems.progress import TrainingInfo
from shoal.pso.engines.base import Engine
from shoal.system.shown import Shown
from shoal.tuning.baselines import Baseline
from shoal.tuning.racing import SIGNIFICANT
from shoal.tuning.search import RankedGenome, Search

T = TypeVar("T")

# The kind of the artifact that a run keeps its champion as.
CHAMPION = "champion"


@dataclass(frozen=True, slots=True)
class Confirmation:
    """How the champion did on random streams that nothing had been selected on.

    Attributes
    ----------
    scores
        Of the champion's confirmations, in the metric's unit.
    second
        The genome that came closest in as many confirmations; None where there is none.
    second_scores
        Of the second genome, on the same random streams.
    metric
        What the scores are scores of.
    """

    scores: tuple[float, ...]
    second: Genome | None = None
    second_scores: tuple[float, ...] = ()
    metric: Metric = ACCURACY

    @property
    def score(self) -> float:
        """The mean of the champion's confirmations."""
        return mean(self.scores)

    @property
    def accuracies(self) -> tuple[float, ...]:
        """The name of `scores` until 1.0."""
        return self.scores

    @property
    def second_accuracies(self) -> tuple[float, ...]:
        """The name of `second_scores` until 1.0."""
        return self.second_scores

    @property
    def accuracy(self) -> float:
        """The name of `score` until 1.0."""
        return self.score

    @property
    def ci95(self) -> tuple[float, float] | None:
        """Student's 95 % interval of the mean over trainings (not over other data)."""
        return ci95(self.scores)

    @property
    def best_minus_mean(self) -> float:
        """By how much the luckiest repeat is better than the mean; never negative."""
        if self.metric.maximizes:
            return max(self.scores) - self.score
        return self.score - min(self.scores)

    @property
    def probability(self) -> float | None:
        """The probability that the champion is truly better than the second genome, by pairs.

        Below 0.5 where an incumbent is kept (setting ``incumbent``). See
        `shoal.numerics.stats.probability_better`. None without a second genome.
        """
        if self.second is None:
            return None

        fitness = [self.metric.fitness(score) for score in self.scores]
        second_fitness = [self.metric.fitness(score) for score in self.second_scores]
        return probability_better(fitness, second_fitness)

    @property
    def resolved(self) -> bool:
        """Whether the champion is better than the second at the 95 % level, or has no second."""
        if self.second is None:
            return True
        return self.probability is not None and self.probability >= SIGNIFICANT

    def to_dict(self) -> dict[str, Any]:
        """As the command line's JSON shows it."""
        values = {
            "score": self.score,
            "ci95": self.ci95,
            "repeats": len(self.scores),
            "best_minus_mean": self.best_minus_mean,
            "probability_better": self.probability,
            "resolved": self.resolved,
            "scores": list(self.scores),
            "second": self.second.to_dict() if self.second else None,
            "second_scores": list(self.second_scores),
        }
        # Names until 1.0.
        values["luck"] = self.best_minus_mean
        if self.metric.is_accuracy:
            values["accuracy"] = self.score
            values["accuracies"] = list(self.scores)
            values["second_accuracies"] = list(self.second_scores)
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], metric: Metric = ACCURACY) -> Confirmation:
        """Read what `to_dict` wrote; what follows from the scores is computed anew."""
        second = None
        if values["second"]:
            second = Genome.from_dict(values["second"])

        # The first versions wrote accuracies only.
        scores = values.get("scores", values.get("accuracies", ()))
        second_scores = values.get("second_scores", values.get("second_accuracies", ()))
        return cls(tuple(scores), second, tuple(second_scores), metric)


@dataclass(frozen=True, slots=True)
class Selection:
    """The genome that a search recommends.

    Attributes
    ----------
    ranked
        The genome with the evaluations that it was selected on.
    confirmed
        The confirmed finalists, the best first, which is this genome; empty without a confirmation.
    best_training
        The evaluation with the best score of the whole search, of whichever genome; None where
        there is none.
    """

    ranked: RankedGenome
    confirmed: tuple[RankedGenome, ...] = ()
    # Two selections are equal if they recommend the same.
    best_training: Evaluation | None = field(default=None, compare=False)

    @property
    def genome(self) -> Genome:
        """The recommended genome."""
        return self.ranked.genome

    @property
    def confirmation(self) -> Confirmation | None:
        """The champion's confirmations beside those of the next best; None where there are none."""
        if not self.confirmed:
            return None

        first, *others = self.confirmed
        # A finalist that left the race earlier has fewer repeats, and is no second.
        if not others or others[0].repeats != first.repeats:
            return Confirmation(_known(first), metric=first.metric)

        second = others[0]
        return Confirmation(_known(first), second.genome, _known(second), first.metric)

    def behind_networks(self, problem: Problem) -> tuple[Evaluation, ...]:
        """The evaluations that the champion's networks are trained like.

        These are its confirmations, as many as the setting ``networks``; without a confirmation all
        evaluations that it was selected on. Where a problem keeps the best training, that one.
        """
        if problem.keeps_best_training and self.best_training is not None:
            return (self.best_training,)
        if self.confirmed:
            return self.confirmed[0].evaluations[: problem.settings.networks]
        return self.ranked.evaluations


def select_champion(search: Search) -> Selection | None:
    """What a search recommends by now.

    Parameters
    ----------
    search
        Finished or under way. The best of the confirmed genomes is recommended; without
        confirmations, the best of the last completed generation.

    Returns
    -------
    Selection or None
        None when there is nothing yet, or when all of it failed.
    """
    confirmed = search.confirmed
    best_training = _best_training(search)
    if confirmed:
        return Selection(search.standing(confirmed[0].genome), confirmed, best_training)
    if search.best:
        return Selection(search.best, best_training=best_training)
    return None


def _best_training(search: Search) -> Evaluation | None:
    """The evaluation with the best score; of equals the first by genome and repeat."""
    scored = [evaluation for evaluation in search.evaluations if evaluation.score is not None]
    if not scored:
        return None

    def place(evaluation: Evaluation) -> tuple[float, tuple[str, int]]:
        assert evaluation.score is not None
        return -search.metric.fitness(evaluation.score), evaluation.task.id

    return min(scored, key=place)


def _known(ranked: RankedGenome) -> tuple[float, ...]:
    return tuple(_present(ranked.scores))


@dataclass(frozen=True, eq=False, repr=False)
class Champion(Predicting, Shown):
    """The recommended genome with its networks.

    Attributes
    ----------
    genome
        The genome.
    selection_scores
        What the search selected on, one for each repeat, in the metric's unit.
    refitted
        Whether the networks were trained on train + validation. Otherwise they are those that the
        search trained (the classic preset).
    weights
        (networks, D): the networks, float32, in the layout of `shoal.nn.network`. Refitted networks
        have the random streams and lengths of the confirmations. Of a function, the best point that
        any training found, (1, D) float64.
    scores
        Means over the networks. After a refit the validation scores are those of the repeats, since
        the networks have seen that part.
    ensemble
        Scores of the mean of the networks' predictions, weighted by ``shares``.
    confirmation
        How it did in fresh repeats; None without a confirmation.
    shares
        (networks,): the weight of each network in the ensemble; they add up to 1.
    baselines
        Other methods on the same rows, where they were asked for.
    metric
        What the scores are scores of.
    episodes
        What the policy that acts scored in each scenario of the test, in their order. Empty for a
        table, and in records of versions that did not keep it.
    model
        The networks together, and how they read a table: what `predict` asks. None for a policy and
        for a function, and where no table was at hand. It is not part of the record.
    """

    genome: Genome
    selection_scores: tuple[float, ...]
    refitted: bool
    weights: NDArray[Any] = field(repr=False)
    scores: Scores
    ensemble: Scores
    confirmation: Confirmation | None = None
    shares: tuple[float, ...] = ()
    baselines: tuple[Baseline, ...] = ()
    metric: Metric = ACCURACY
    episodes: tuple[float, ...] = ()
    model: Model | None = field(repr=False, default=None)

    @property
    def chosen_weights(self) -> NDArray[Any]:
        """The network with the largest share, (D,): the policy that acts, or the best point."""
        chosen = int(np.argmax(self.shares))
        return np.asarray(self.weights[chosen])

    @property
    def score(self) -> float:
        """Mean over the repeats of what the search selected on."""
        return mean(self.selection_scores)

    @property
    def accuracies(self) -> tuple[float, ...]:
        """The name of `selection_scores` until 1.0."""
        return self.selection_scores

    @property
    def accuracy(self) -> float:
        """The name of `score` until 1.0."""
        return self.score

    @property
    def ci95(self) -> tuple[float, float] | None:
        """Student's 95 % interval of `score`. It is optimistic: the best of many was chosen."""
        return ci95(self.selection_scores)

    def to_bytes(self) -> bytes:
        """An npz archive without pickle: weights, test episodes, and a JSON text of all else."""
        about = {
            "genome": self.genome.to_dict(),
            # The name in the archives of all versions.
            "accuracies": list(self.selection_scores),
            "metric": self.metric.to_dict(),
            "refitted": self.refitted,
            "scores": self.scores.to_dict(),
            "ensemble": self.ensemble.to_dict(),
            "confirmation": self.confirmation.to_dict() if self.confirmation else None,
            "shares": list(self.shares),
            "baselines": [baseline.to_dict() for baseline in self.baselines],
        }

        # As bytes, since NumPy would store a text with four bytes for each character.
        text = np.frombuffer(json.dumps(about).encode(), dtype=np.uint8)
        buffer = io.BytesIO()
        arrays: dict[str, Any] = {"weights": self.weights, "about": text}
        if self.episodes:
            arrays["episodes"] = np.array(self.episodes)
        np.savez(buffer, **arrays)
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes) -> Champion:
        """Read what `to_bytes` wrote, also in older versions."""
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            weights = archive["weights"]
            about = json.loads(archive["about"].tobytes())
            episodes: list[float] = []
            if "episodes" in archive:
                episodes = archive["episodes"].tolist()

        # The first versions knew no metric but the accuracy, neither shares nor baselines.
        metric = ACCURACY
        if "metric" in about:
            metric = Metric.from_dict(about["metric"])

        confirmation = None
        if about.get("confirmation"):
            confirmation = Confirmation.from_dict(about["confirmation"], metric)

        shares = about.get("shares") or [1 / len(weights)] * len(weights)
        baselines = [Baseline.from_dict(row) for row in about.get("baselines", ())]
        return cls(
            genome=Genome.from_dict(about["genome"]),
            selection_scores=tuple(about["accuracies"]),
            refitted=about["refitted"],
            weights=weights,
            scores=Scores.from_dict(about["scores"]),
            ensemble=Scores.from_dict(about["ensemble"]),
            confirmation=confirmation,
            shares=tuple(shares),
            baselines=tuple(baselines),
            metric=metric,
            episodes=tuple(episodes),
        )


@dataclass(frozen=True, slots=True)
class RefitJob:
    """A job for an executor: train one network of the champion.

    Attributes
    ----------
    task
        The recorded training that the network repeats.
    iterations
        How many iterations the recorded training made.
    refit
        Whether it is trained on train + validation; otherwise it is the recorded training itself.
    threads
        Cores to use; they change no result.
    """

    task: Task
    iterations: int
    refit: bool
    threads: int = 1

    def run(self, problem: Problem, engine: Engine) -> NDArray[Any]:
        """The trained weights (D,)."""
        engine = engine.with_threads(self.threads)
        return problem.refit(self.task, engine, self.iterations, refit=self.refit)

    def describe(self, problem: Problem) -> TrainingInfo:
        """What it trains, for people."""
        return TrainingInfo(self.task, "champion", iterations=self.iterations)


def refit_jobs(problem: Problem, selection: Selection) -> tuple[RefitJob, ...]:
    """What has to be trained for the champion.

    One network for each repeat of `Selection.behind_networks`.
    """
    refit = problem.refits
    behind = selection.behind_networks(problem)
    return tuple(RefitJob(e.task, e.iterations, refit) for e in behind)


@dataclass(frozen=True, eq=False, slots=True)
class AssembleChampion:
    """The last of a champion's jobs: `assemble_champion`.

    It runs in a worker, so that the process that drives a run never loads compiled code.

    Attributes
    ----------
    selection
        What the search recommends.
    weights
        The network (D,) that each refit job trained.
    """

    selection: Selection
    weights: Mapping[RefitJob, NDArray[Any]]

    def run(self, problem: Problem, engine: Engine) -> Champion:
        """The champion."""
        return assemble_champion(problem, self.selection, self.weights, engine)

    def describe(self, problem: Problem) -> TrainingInfo:
        """What it is about, for people; it trains nothing."""
        return TrainingInfo(Task(self.selection.genome, 0), "champion")


def assemble_champion(
    problem: Problem,
    selection: Selection,
    weights: Mapping[RefitJob, NDArray[Any]],
    engine: Engine,
) -> Champion:
    """Score the champion's networks, one by one and together, on all parts of the data.

    Parameters
    ----------
    problem
        The data and the settings of the run.
    selection
        What the search recommends.
    weights
        The network (D,) of each of the `refit_jobs`; a few may be missing.
    engine
        Computes the networks' outputs.
    """
    behind = selection.behind_networks(problem)
    scores_of = {evaluation.task.id: evaluation.scores for evaluation in behind}

    # Of each network, the scores of the repeat that it was trained like.
    recorded = [scores_of[job.task.id] for job in weights]
    recorded_scores = _present(recorded)
    networks = list(weights.values())
    shares = problem.shares(recorded_scores)
    scores = problem.score_champion(engine, selection.genome, networks, shares)

    # After a refit the networks have seen the validation part.
    single = scores.single
    if problem.refits:
        validation = _present([own.validation for own in recorded_scores])
        single = replace(single, validation=mean_metrics(validation))

    return Champion(
        genome=selection.genome,
        selection_scores=_known(selection.ranked),
        refitted=problem.refits,
        weights=np.stack(networks),
        scores=single,
        ensemble=scores.together,
        confirmation=selection.confirmation,
        shares=shares,
        metric=problem.metric,
        episodes=scores.episodes,
    )


def _present(values: Iterable[T | None]) -> list[T]:
    """The values that are not None."""
    return [value for value in values if value is not None]
