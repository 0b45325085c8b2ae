"""How repeats are spent on the genomes of a generation: races, as generators.

A race yields its targets: genomes, and how many repeats each shall have. It goes on when they have
them (or fewer, when a budget ran out), and reads their scores from the `RepeatLedger`. Repeat r of
every genome has the same random stream, so genomes are compared on common ground.

- `fixed`: some more for every genome, as the student system did.
- `halving`: all get the first rung's repeats, the better half the next rung's, and so on, with
  longer trainings from rung to rung [1]_.
- `t_race`: one more repeat for all that are not yet significantly worse than the best, by paired
  t-tests [2]_.
- `finals`: the confirmation of the best after the last generation.

The numbers (rungs, repeats, how many go on) are those of `shoal.settings.schedule.Schedule`.

References
----------
.. [1] K. Jamieson and A. Talwalkar, "Non-stochastic Best Arm Identification and Hyperparameter
   Optimization", AISTATS 2016.
.. [2] M. Birattari et al., "A Racing Algorithm for Configuring Metaheuristics", GECCO 2002.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from shoal.genome.genome import Genome
from shoal.numerics.stats import mean, probability_better
from shoal.objectives.registry import ACCURACY, Metric
from shoal.problems.evaluation import Evaluation, Task
from shoal.settings.phase import Phase
from shoal.settings.schedule import Schedule

# A genome is better than another when the probability of that is at least this.
SIGNIFICANT = 0.95

# How many repeats each genome shall have.
Targets = dict[Genome, int]
Race = Iterator[Targets]


@dataclass
class RepeatLedger:
    """How many repeats of one phase each genome was given, and what is known of them.

    Repeats are counted from 0 within the phase.

    Attributes
    ----------
    known
        All evaluations of the run by `Task.id`: they may come in any order, and before their repeat
        is given. The ledger reads them; whoever owns the mapping adds to it.
    phase
        The phase of the repeats.
    metric
        What the scores of the evaluations are scores of.
    """

    known: Mapping[tuple[str, int], Evaluation]
    phase: Phase = Phase.SEARCH
    metric: Metric = ACCURACY
    _given: dict[str, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """Repeats given to all genomes together."""
        return sum(self._given.values())

    def repeats(self, genome: Genome) -> int:
        """Repeats given to a genome."""
        return self._given.get(genome.hash, 0)

    def give(self, genome: Genome, target: int, generation: int, individual: int) -> list[Task]:
        """Raise a genome's repeats to ``target``.

        Returns
        -------
        list of Task
            The new repeats that have no evaluation yet, for this generation and individual.
        """
        first = self.phase.first_repeat
        tasks = []
        for repeat in range(first + self.repeats(genome), first + target):
            if (genome.hash, repeat) not in self.known:
                tasks.append(Task(genome, repeat, generation, individual))

        self._given[genome.hash] = target
        return tasks

    def evaluations(self, genome: Genome, repeats: range) -> tuple[Evaluation, ...]:
        """Those evaluations of a genome's ``repeats`` that were given and are known."""
        first = self.phase.first_repeat
        given = self.repeats(genome)
        evaluations = []
        for repeat in repeats:
            task_id = (genome.hash, first + repeat)
            if repeat < given and task_id in self.known:
                evaluations.append(self.known[task_id])
        return tuple(evaluations)

    def fitness(self, genome: Genome, repeats: range) -> list[float]:
        """The fitness of `evaluations`, where larger is better; -inf for one that failed."""
        values = []
        for evaluation in self.evaluations(genome, repeats):
            if evaluation.score is None:
                values.append(-math.inf)
            else:
                values.append(self.metric.fitness(evaluation.score))
        return values

    def mean_fitness(self, genome: Genome, repeats: range) -> float:
        """The mean of `fitness`; -inf when one failed, or when there is none."""
        return mean(self.fitness(genome, repeats) or [-math.inf])


def fixed(schedule: Schedule, genomes: Sequence[Genome], ledger: RepeatLedger) -> Race:
    """``repeats`` more for each genome, up to ``max_repeats``.

    Parameters
    ----------
    schedule
        Gives ``repeats`` and ``max_repeats``.
    genomes
        The genomes of the generation, each once.
    ledger
        How many repeats of the search each genome has; an elite has those of earlier generations.

    Yields
    ------
    dict
        How many repeats each genome shall have.
    """
    targets = {}
    for genome in genomes:
        target = ledger.repeats(genome) + schedule.repeats
        targets[genome] = min(target, schedule.max_repeats)
    yield targets


def halving(schedule: Schedule, genomes: Sequence[Genome], ledger: RepeatLedger) -> Race:
    """From rung to rung the better half.

    Genomes that went further in an earlier generation come along at no cost.

    Parameters
    ----------
    schedule
        Gives the rungs, and how many go on from each.
    genomes
        The genomes of the generation, each once.
    ledger
        The repeats of the search, and the mean scores by which genomes go on.

    Yields
    ------
    dict
        How many repeats each genome that stands below the rung shall have.
    """
    racing = list(genomes)
    for rung in schedule.rungs:
        yield {genome: rung for genome in racing if ledger.repeats(genome) < rung}

        # Genomes that a budget left behind stand at no rung, and are out of the race.
        ahead = [genome for genome in racing if ledger.repeats(genome) > rung]
        standing = [genome for genome in racing if ledger.repeats(genome) == rung]

        scored_repeats = schedule.scored_repeats(rung)
        means = {genome: ledger.mean_fitness(genome, scored_repeats) for genome in standing}
        ranked = _ranked(standing, means)
        racing = ahead + ranked[: schedule.promoted(len(ranked))]


def t_race(schedule: Schedule, genomes: Sequence[Genome], ledger: RepeatLedger) -> Race:
    """After the first ``repeats``, one more at a time for those that may still be the best.

    Parameters
    ----------
    schedule
        Gives ``repeats`` and ``max_repeats``.
    genomes
        The genomes of the generation, each once.
    ledger
        The repeats of the search, and the scores by which `survivors` chooses.

    Yields
    ------
    dict
        How many repeats each genome that lacks one shall have.
    """
    racing = list(genomes)
    for repeats in range(schedule.repeats, schedule.max_repeats + 1):
        yield {genome: repeats for genome in racing if ledger.repeats(genome) < repeats}

        fitness = {
            genome: ledger.fitness(genome, range(repeats))
            for genome in racing
            if ledger.repeats(genome) >= repeats
        }
        racing = survivors(fitness)
        if len(racing) < 2:
            return


def survivors(fitness: Mapping[Genome, Sequence[float]]) -> list[Genome]:
    """The genomes that are not significantly worse than the best, in their order.

    Parameters
    ----------
    fitness
        Of each genome, repeat by repeat; larger is better. A genome with a failed repeat (-inf) is
        no survivor.
    """
    alive = [genome for genome, values in fitness.items() if -math.inf not in values]
    if not alive:
        return []

    best = max(alive, key=lambda genome: mean(fitness[genome]))
    return [
        genome
        for genome in alive
        if genome == best or not is_better(fitness[best], fitness[genome])
    ]


# By the setting ``racing``.
RACES = {"fixed": fixed, "halving": halving, "t-race": t_race}


def finals(
    schedule: Schedule,
    finalists: Sequence[Genome],
    ledger: RepeatLedger,
    incumbent: Genome | None = None,
) -> Race:
    """The confirmation: one repeat for all finalists, then more for the better half.

    It ends early when two are left and one of them is better beyond doubt.

    Parameters
    ----------
    schedule
        Says the rungs, and how many finalists go on.
    finalists
        The genomes to confirm.
    ledger
        The confirmations.
    incumbent
        The finalist that stays in the race unless it fails; None for none.
    """
    racing = list(finalists)
    for rung in schedule.final_rungs:
        yield dict.fromkeys(racing, rung)

        fitness = {genome: ledger.fitness(genome, range(rung)) for genome in racing}
        means = {genome: mean(values or [-math.inf]) for genome, values in fitness.items()}
        ranked = _ranked(racing, means)
        racing = ranked[: schedule.promoted_finalists(len(ranked))]
        if incumbent is not None and incumbent in ranked and incumbent not in racing:
            racing[-1] = incumbent

        if len(racing) == 2:
            first, second = racing
            if is_better(fitness[first], fitness[second]):
                return


def _ranked(genomes: Sequence[Genome], means: Mapping[Genome, float]) -> list[Genome]:
    """The genomes that did not fail, the best first; equals stay in their order."""
    alive = [genome for genome in genomes if means[genome] > -math.inf]
    return sorted(alive, key=lambda genome: -means[genome])


def is_better(fitness: Sequence[float], others: Sequence[float]) -> bool:
    """Whether the first genome is significantly better, by paired repeats."""
    probability = probability_better(fitness, others)
    return probability is not None and probability >= SIGNIFICANT
