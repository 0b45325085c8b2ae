"""The search as a pure state machine: tell results, ask tasks. No clock, no file, no database.

    search = Search(settings)
    while tasks := search.ask():
        for task in tasks:
            search.tell(evaluate(problem, task, engine))

A search is a function of its settings and the evaluations that it was told, in whatever order they came. Resuming is
replaying.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from shoal.evaluation import Evaluation, GenerationSummary, Task
from shoal.genome import Genome
from shoal.philox import derive_key
from shoal.samplers import Generation, make_sampler
from shoal.settings import SearchSettings

_SAMPLER_STREAM = 0xFFFFFFFF  # the sampler's own random stream: no repeat has this number


@dataclass(frozen=True, slots=True)
class Standing:
    """A genome with the evaluations that are counted for it, in order of the repeat."""

    genome: Genome
    evaluations: tuple[Evaluation, ...]

    @property
    def accuracies(self) -> tuple[float | None, ...]:
        """In percent, one a repeat; None for one that failed."""
        return tuple(e.accuracy for e in self.evaluations)

    @property
    def repeats(self) -> int:
        """How many trainings stand behind it."""
        return len(self.evaluations)

    @property
    def accuracy(self) -> float | None:
        """The mean over the repeats, in percent; None if one of them failed."""
        values = [a for a in self.accuracies if a is not None]
        return math.fsum(values) / len(values) if values and len(values) == len(self.accuracies) else None

    @property
    def fitness(self) -> float:
        """What selection compares: the mean accuracy, -inf when a repeat failed."""
        return -math.inf if self.accuracy is None else self.accuracy


class Search:
    """The search of one run.

    In each generation every distinct genome of the population gets ``repeats`` more trainings, until it has
    ``max_repeats``. A genome that was met before keeps those that it has.
    """

    def __init__(self, settings: SearchSettings) -> None:
        self.settings = settings
        self.generations: list[GenerationSummary] = []
        self._sampler = make_sampler(settings, derive_key(settings.seed, _SAMPLER_STREAM))
        self._past: list[Generation] = []
        self._told: dict[tuple[str, int], Evaluation] = {}
        self._repeats: dict[str, int] = {}  # by genome: how many it has, or is to have in this generation
        self._missing: dict[tuple[str, int], Task] = {}
        self._leader: Standing | None = None
        self._done = False
        self._begin(self._sampler.population(self._past))

    @classmethod
    def replay(cls, settings: SearchSettings, evaluations: Iterable[Evaluation]) -> Search:
        """The search as it stood when these evaluations had been told."""
        search = cls(settings)
        for evaluation in evaluations:
            search._told.setdefault(evaluation.task.id, evaluation)
            search._missing.pop(evaluation.task.id, None)
        search._advance()
        return search

    @property
    def population(self) -> tuple[Genome, ...]:
        """The individuals of the generation in progress (of the last one, when done)."""
        return self._population

    @property
    def done(self) -> bool:
        """Whether the budget of generations or evaluations is spent."""
        return self._done

    @property
    def best(self) -> Standing | None:
        """The best individual of the last completed generation; before the first, of what has been told.

        None when there is nothing, or all of it failed.
        """
        if self.generations:
            return self._leader
        standings = [self.standing(genome) for genome in self._population]
        return max((s for s in standings if s.accuracy is not None), key=lambda s: s.fitness, default=None)

    @property
    def evaluations(self) -> tuple[Evaluation, ...]:
        """Everything told, in no particular order."""
        return tuple(self._told.values())

    def ask(self) -> tuple[Task, ...]:
        """The tasks of the generation in progress that have no result yet, in a fixed order; empty when done."""
        return tuple(self._missing.values())

    def tell(self, evaluation: Evaluation) -> None:
        """Take one result, in any order. A second result for the same task changes nothing."""
        self._told.setdefault(evaluation.task.id, evaluation)
        self._missing.pop(evaluation.task.id, None)
        self._advance()

    def standing(self, genome: Genome) -> Standing:
        """What is known of a genome, over the repeats that are counted so far."""
        told = (self._told.get((genome.hash, r)) for r in range(self._repeats.get(genome.hash, 0)))
        return Standing(genome, tuple(e for e in told if e is not None))

    def _asked(self) -> int:
        return sum(self._repeats.values())

    def _begin(self, population: tuple[Genome, ...]) -> None:
        self._population = population
        budget = self.settings.evaluations
        left = self.settings.max_repeats * len(population) if budget is None else budget - self._asked()
        number = len(self.generations) + 1
        for individual, genome in enumerate(population):
            if genome in population[:individual]:
                continue
            have = self._repeats.get(genome.hash, 0)
            target = min(have + min(self.settings.repeats, left), self.settings.max_repeats)
            self._repeats[genome.hash] = target
            left -= target - have
            tasks = (Task(genome, repeat, number, individual) for repeat in range(have, target))
            self._missing |= {task.id: task for task in tasks if task.id not in self._told}

    def _advance(self) -> None:
        while not self._missing and not self._done:
            standings = [self.standing(genome) for genome in self._population]
            self.generations.append(self._summary(standings))
            number, budget = len(self.generations), self.settings.evaluations
            if number >= self.settings.generations or (budget is not None and self._asked() >= budget):
                self._done = True
            else:
                self._past.append((self._population, tuple(s.fitness for s in standings)))
                self._begin(self._sampler.population(self._past))

    def _summary(self, standings: Sequence[Standing]) -> GenerationSummary:
        best = max(standings, key=lambda s: s.fitness)  # the first of equals
        self._leader = best if best.accuracy is not None else None
        values = [s.accuracy for s in standings if s.accuracy is not None]
        return GenerationSummary(
            number=len(self.generations) + 1,
            best=best.genome,
            best_accuracy=best.accuracy,
            best_repeats=best.repeats,
            mean_accuracy=math.fsum(values) / len(values) if values else None,
            evaluations=self._asked(),
        )
