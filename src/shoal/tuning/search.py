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

from shoal.genome.genome import Genome
from shoal.numerics.philox import Key, derive_key
from shoal.numerics.stats import mean
from shoal.problems.evaluation import Evaluation, GenerationSummary, Task
from shoal.settings.phase import FIRST_CONFIRMATION, is_confirmation
from shoal.settings.schedule import Schedule
from shoal.settings.search_settings import SearchSettings
from shoal.tuning.racing import RACES, Race, RepeatLedger, Targets, finals
from shoal.tuning.samplers.base import Generation
from shoal.tuning.samplers.registry import make_sampler

_SAMPLER_STREAM = 0xFFFFFFFF  # the sampler's own random stream: no repeat has this number
_LEVEL = (
    1000.0  # percent: whoever came further in a race ranks higher, whatever the others' accuracies
)


@dataclass(frozen=True, slots=True)
class RankedGenome:
    """A genome with the evaluations that are counted for it, in order of the repeat.

    ``level`` says how far it came in its race: scores of different levels are not compared (their trainings may differ in
    length), the higher level is the better one.
    """

    genome: Genome
    evaluations: tuple[Evaluation, ...]
    level: int = 0

    @property
    def accuracies(self) -> tuple[float | None, ...]:
        """In percent, one a repeat; None for one that failed."""
        return tuple(e.accuracy for e in self.evaluations)

    @property
    def repeats(self) -> int:
        """How many trainings stand behind its score."""
        return len(self.evaluations)

    @property
    def accuracy(self) -> float | None:
        """The mean over the counted repeats, in percent; None if one of them failed."""
        return _mean_of(self.accuracies)

    @property
    def fitness(self) -> float:
        """What selection compares: `fitness_of` what is counted."""
        return fitness_of(self.accuracies, self.level)


def fitness_of(accuracies: Sequence[float | None], level: int) -> float:
    """What selection compares: the mean accuracy, raised by the level of the race; -inf when a repeat failed (None)."""
    accuracy = _mean_of(accuracies)
    return -math.inf if accuracy is None else accuracy + _LEVEL * level


def _mean_of(accuracies: Sequence[float | None]) -> float | None:
    values = [a for a in accuracies if a is not None]
    return mean(values) if values and len(values) == len(accuracies) else None


def sampler_key(settings: SearchSettings) -> Key:
    """The random stream that a search's sampler draws from."""
    return derive_key(settings.seed, _SAMPLER_STREAM)


class Search:
    """The search of one run: generations, each a race (see `shoal.tuning.racing`), then the confirmation of the best.

    The finalists, of all generations the best genome of each kind (see `Genome.kind`), then the second of each and so on,
    get fresh repeats that nothing was selected on, of the champion's length: kinds differ in how fast they learn, so that
    the search's shorter trainings compare within a kind better than across.
    """

    def __init__(self, settings: SearchSettings) -> None:
        self.settings = settings
        self.generations: list[GenerationSummary] = []
        self._sampler = make_sampler(settings, sampler_key(settings))
        self._past: list[Generation] = []
        self._told: dict[tuple[str, int], Evaluation] = {}
        self._tally, self._fresh = (
            RepeatLedger(self._told),
            RepeatLedger(self._told, FIRST_CONFIRMATION),
        )
        self._missing: dict[tuple[str, int], Task] = {}
        self._leader: RankedGenome | None = None
        self._leaders: list[
            RankedGenome
        ] = []  # the best of each kind, of all completed generations
        self._finalists: tuple[Genome, ...] | None = None
        self._done = False
        self._begin(self._sampler.population(self._past))
        self._advance()

    @classmethod
    def replay(cls, settings: SearchSettings, evaluations: Iterable[Evaluation]) -> Search:
        """The search as it stood when these evaluations had been told."""
        search = cls(settings)
        for evaluation in evaluations:
            search._take(evaluation)
        search._advance()
        return search

    @property
    def population(self) -> tuple[Genome, ...]:
        """The individuals of the generation in progress (of the last one, when done)."""
        return self._population

    @property
    def confirming(self) -> bool:
        """Whether the generations are over, and the finalists are being confirmed or were."""
        return self._finalists is not None

    @property
    def done(self) -> bool:
        """Whether the budget is spent and the finalists are confirmed."""
        return self._done

    @property
    def best(self) -> RankedGenome | None:
        """The best individual of the last completed generation; before the first, of what has been told.

        None when there is nothing, or all of it failed.
        """
        if self.generations:
            return self._leader
        return max(self._scored(self._population), key=lambda s: s.fitness, default=None)

    @property
    def confirmed(self) -> tuple[RankedGenome, ...]:
        """The finalists with their fresh repeats, the best first; without those that failed."""
        found = [self._confirmation(genome) for genome in self._finalists or ()]
        return tuple(sorted((s for s in found if s.accuracy is not None), key=lambda s: -s.fitness))

    @property
    def evaluations(self) -> tuple[Evaluation, ...]:
        """Everything told that belongs to the search as it stands, in no particular order.

        Confirmations that a finished run had asked for, and would not ask for since it was continued, do not.
        """
        fresh = {genome.hash: self._fresh.repeats(genome) for genome in self._finalists or ()}
        return tuple(
            e for (name, n), e in self._told.items() if n < FIRST_CONFIRMATION + fresh.get(name, 0)
        )

    def ask(self) -> tuple[Task, ...]:
        """The tasks that have no result yet and are wanted now, in a fixed order; empty when done."""
        return tuple(self._missing.values())

    def tell(self, evaluation: Evaluation) -> None:
        """Take one result, in any order. A second result for the same task changes nothing."""
        self._take(evaluation)
        self._advance()

    def close(self, finals: Schedule | None = None) -> None:
        """No more generations: the time is up. The one in progress is left, the finalists of the others are confirmed.

        ``finals``: a schedule with as many finalists and confirmations as there is time for; what was begun is kept.
        """
        if not self.confirming:
            self._missing.clear()
            self._begin_finals(finals or self.settings.schedule)
            self._advance()

    def standing(self, genome: Genome) -> RankedGenome:
        """What is known of a genome, over the repeats that are counted so far."""
        repeats = self._tally.repeats(genome)
        found = self._tally.evaluations(genome, self.settings.schedule.scored_repeats(repeats))
        return RankedGenome(genome, found, self.settings.schedule.rung(repeats))

    def _confirmation(self, genome: Genome) -> RankedGenome:
        repeats = self._fresh.repeats(genome)
        return RankedGenome(genome, self._fresh.evaluations(genome, range(repeats)), repeats)

    def _scored(self, genomes: Iterable[Genome]) -> list[RankedGenome]:
        return [s for s in map(self.standing, genomes) if s.accuracy is not None]

    def _take(self, evaluation: Evaluation) -> None:
        self._told.setdefault(evaluation.task.id, evaluation)
        self._missing.pop(evaluation.task.id, None)

    def _begin(self, population: tuple[Genome, ...]) -> None:
        self._population = population
        self._race: Race = RACES[self.settings.racing](
            self.settings.schedule, tuple(dict.fromkeys(population)), self._tally
        )

    def _begin_finals(self, schedule: Schedule) -> None:
        best = self._leaders or sorted(self._scored(self._population), key=lambda s: -s.fitness)
        by_turns = sorted(
            best, key=lambda s: _place_in_kind(s, best)
        )  # stable: the better kinds first
        begun = len({name for name, repeat in self._told if is_confirmation(repeat)})
        wanted = min(max(schedule.finalists, begun), self.settings.finalists)
        self._finalists = tuple(standing.genome for standing in by_turns[:wanted])
        self._race = finals(schedule, self._finalists, self._fresh) if self._finalists else iter(())

    def _advance(self) -> None:
        while not self._missing and not self._done:
            if (targets := next(self._race, None)) is not None:
                self._want(targets)
            elif self.confirming:
                self._done = True
            else:
                self._complete()

    def _want(self, targets: Targets) -> None:
        """Ask for what a race wants; less, when the budget of evaluations runs out."""
        tally, number = (
            (self._fresh, len(self.generations))
            if self.confirming
            else (self._tally, len(self.generations) + 1)
        )
        budget = self.settings.evaluations
        left = math.inf if budget is None or self.confirming else budget - tally.total
        for genome, target in targets.items():
            more = min(target - tally.repeats(genome), left)
            if more > 0:
                left -= more
                individual = self._population.index(genome) if genome in self._population else 0
                tasks = tally.give(genome, tally.repeats(genome) + int(more), number, individual)
                self._missing |= {task.id: task for task in tasks}

    def _complete(self) -> None:
        standings = [self.standing(genome) for genome in self._population]
        self.generations.append(self._summary(standings))
        known = {s.genome: s for s in (*self._leaders, *standings) if s.accuracy is not None}
        ranked = sorted(known.values(), key=lambda s: -s.fitness)
        self._leaders = [s for s in ranked if _place_in_kind(s, ranked) < self.settings.finalists]
        number, budget = len(self.generations), self.settings.evaluations
        if number >= self.settings.generations or (
            budget is not None and self._tally.total >= budget
        ):
            self._begin_finals(self.settings.schedule)
        else:
            self._past.append((self._population, tuple(s.fitness for s in standings)))
            self._begin(self._sampler.population(self._past))

    def _summary(self, standings: Sequence[RankedGenome]) -> GenerationSummary:
        best = max(standings, key=lambda s: s.fitness)  # the first of equals
        self._leader = best if best.accuracy is not None else None
        values = [s.accuracy for s in standings if s.accuracy is not None]
        return GenerationSummary(
            number=len(self.generations) + 1,
            best=best.genome,
            best_accuracy=best.accuracy,
            best_repeats=self._tally.repeats(best.genome),
            mean_accuracy=mean(values) if values else None,
            evaluations=self._tally.total,
        )


def _place_in_kind(standing: RankedGenome, ranked: Sequence[RankedGenome]) -> int:
    """How many of its kind stand before it."""
    own = [s for s in ranked if s.genome.kind == standing.genome.kind]
    return own.index(standing)
