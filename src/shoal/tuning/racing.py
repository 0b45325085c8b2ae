"""How repeats are spent on the genomes of a generation: races, as generators.

A race yields what it wants: genomes, and how many repeats each shall have. It goes on when they have them (or fewer, when
a budget ran out), and reads their scores from the `RepeatLedger`. Repeat r of every genome has the same random stream, so that
genomes are compared on common ground.

- `fixed`: some more for every genome, as the student system did.
- `halving`: all get the first rung's repeats, the better half the next rung's, and so on, with longer trainings from rung to
  rung (Jamieson and Talwalkar, "Non-stochastic Best Arm Identification and Hyperparameter Optimization", AISTATS 2016).
- `t_race`: one more repeat for all that are not yet significantly worse than the best, by paired t-tests (Birattari et al.,
  "A Racing Algorithm for Configuring Metaheuristics", GECCO 2002).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from shoal.genome.genome import Genome
from shoal.numerics.stats import mean, probability_better
from shoal.problems.evaluation import Evaluation, Task
from shoal.settings.schedule import Schedule

SIGNIFICANT = 0.95
Targets = dict[Genome, int]
Race = Iterator[Targets]


@dataclass
class RepeatLedger:
    """How many repeats each genome was given, from repeat ``first`` on, and what is known of them."""

    told: Mapping[tuple[str, int], Evaluation]
    first: int = 0
    _given: dict[str, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """Repeats given to all genomes."""
        return sum(self._given.values())

    def repeats(self, genome: Genome) -> int:
        """Repeats given to a genome."""
        return self._given.get(genome.hash, 0)

    def give(self, genome: Genome, target: int, generation: int, individual: int) -> Iterator[Task]:
        """Raise a genome's repeats to ``target``; the tasks for those that have no result yet."""
        have, self._given[genome.hash] = self.repeats(genome), target
        for repeat in range(self.first + have, self.first + target):
            if (genome.hash, repeat) not in self.told:
                yield Task(genome, repeat, generation, individual)

    def evaluations(self, genome: Genome, repeats: range) -> tuple[Evaluation, ...]:
        """Those of a genome's repeats (counted from ``first``) that were given and told."""
        numbers = (self.first + r for r in repeats if r < self.repeats(genome))
        return tuple(self.told[genome.hash, n] for n in numbers if (genome.hash, n) in self.told)

    def accuracies(self, genome: Genome, repeats: range) -> list[float]:
        """Their accuracies in percent; -inf for one that failed."""
        return [
            -math.inf if e.accuracy is None else e.accuracy
            for e in self.evaluations(genome, repeats)
        ]

    def mean(self, genome: Genome, repeats: range) -> float:
        """The mean of `accuracies`, -inf when one failed or there is none."""
        return mean(self.accuracies(genome, repeats) or [-math.inf])


def fixed(schedule: Schedule, genomes: Sequence[Genome], tally: RepeatLedger) -> Race:
    """``repeats`` more for each, up to ``max_repeats``."""
    yield {g: min(tally.repeats(g) + schedule.repeats, schedule.max_repeats) for g in genomes}


def halving(schedule: Schedule, genomes: Sequence[Genome], tally: RepeatLedger) -> Race:
    """From rung to rung the better half. Genomes that went further in an earlier generation come along at no cost."""
    racing = list(genomes)
    for rung in schedule.rungs:
        yield {g: rung for g in racing if tally.repeats(g) < rung}
        scores = {
            g: tally.mean(g, schedule.scored_repeats(rung))
            for g in racing
            if tally.repeats(g) == rung
        }
        here = sorted((g for g in scores if scores[g] > -math.inf), key=lambda g: -scores[g])
        racing = [g for g in racing if tally.repeats(g) > rung] + here[
            : schedule.promoted(len(here))
        ]


def t_race(schedule: Schedule, genomes: Sequence[Genome], tally: RepeatLedger) -> Race:
    """After the first ``repeats``, one more at a time for those that may still be the best."""
    racing = list(genomes)
    for n in range(schedule.repeats, schedule.max_repeats + 1):
        yield {g: n for g in racing if tally.repeats(g) < n}
        scores = {g: tally.accuracies(g, range(n)) for g in racing if tally.repeats(g) >= n}
        racing = survivors(scores)
        if len(racing) < 2:
            return


def survivors(scores: Mapping[Genome, Sequence[float]]) -> list[Genome]:
    """Those not significantly worse than the best, in their order; one that failed is."""
    alive = [g for g, values in scores.items() if -math.inf not in values]
    if not alive:
        return []
    best = max(alive, key=lambda g: mean(scores[g]))
    return [
        g
        for g in alive
        if g == best or (probability_better(scores[best], scores[g]) or 0.0) < SIGNIFICANT
    ]


RACES = {"fixed": fixed, "halving": halving, "t-race": t_race}


def finals(schedule: Schedule, finalists: Sequence[Genome], tally: RepeatLedger) -> Race:
    """The confirmation: a fresh repeat for all finalists, more for the better half, then for two until it is resolved."""
    racing = list(finalists)
    for n in schedule.final_rungs:
        yield dict.fromkeys(racing, n)
        scores = {g: tally.accuracies(g, range(n)) for g in racing}
        racing = sorted(
            (g for g in racing if -math.inf not in scores[g]), key=lambda g: -mean(scores[g])
        )
        racing = racing[: schedule.promoted_finalists(len(racing))]
        if (
            len(racing) == 2
            and (probability_better(*(scores[g] for g in racing)) or 0.0) >= SIGNIFICANT
        ):
            return
