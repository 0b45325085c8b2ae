"""The search as a pure state machine: tell results, ask tasks. No clock, no file, no database.

    search = Search(settings)
    while tasks := search.ask():
        for task in tasks:
            search.tell(evaluate(problem, task, engine))

A search is a function of its settings and the evaluations that it was told, in whatever order they
came. Resuming is replaying.
"""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from shoal.errors import ProblemError, ShoalError
from shoal.genome.genome import Genome
from shoal.numerics.philox import Key, derive_key
from shoal.numerics.stats import mean
from shoal.objectives.options import line_of
from shoal.objectives.registry import ACCURACY, Metric
from shoal.problems.evaluation import Evaluation, GenerationSummary, Task
from shoal.settings.phase import Phase, number_in_phase, phase_of
from shoal.settings.schedule import Schedule
from shoal.settings.search_settings import SearchSettings
from shoal.tuning.operators import first_generation
from shoal.tuning.racing import RACES, Race, RepeatLedger, Targets, finals, is_better
from shoal.tuning.samplers.base import Generation
from shoal.tuning.samplers.registry import make_sampler

# The sampler's own random stream: no repeat has this number.
_SAMPLER_STREAM = 0xFFFFFFFF

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RankedGenome:
    """A genome with the evaluations that are its score.

    Attributes
    ----------
    genome
        The genome.
    evaluations
        The scored evaluations, in order of the repeat.
    level
        How far it came in its race. Scores of different levels are not compared, since their
        trainings may differ in length: the higher level is the better one.
    metric
        What the scores are scores of.
    """

    genome: Genome
    evaluations: tuple[Evaluation, ...]
    level: int = 0
    metric: Metric = ACCURACY

    @property
    def scores(self) -> tuple[float | None, ...]:
        """One for each repeat; None for one that failed."""
        return tuple(evaluation.score for evaluation in self.evaluations)

    @property
    def repeats(self) -> int:
        """How many trainings stand behind its score."""
        return len(self.evaluations)

    @property
    def score(self) -> float | None:
        """The mean over the scored repeats; None if one of them failed."""
        return _mean_score(self.scores)

    @property
    def fitness(self) -> float:
        """What selection compares: see `fitness_of`."""
        return fitness_of(self.scores, self.level, self.metric)


def fitness_of(scores: Sequence[float | None], level: int, metric: Metric = ACCURACY) -> float:
    """What selection compares.

    Parameters
    ----------
    scores
        Of the scored repeats; None for one that failed.
    level
        How far the genome came in its race.
    metric
        What the scores are scores of.

    Returns
    -------
    float
        The mean score, ranked by the level; -inf when a repeat failed, or when there is none.

    Examples
    --------
    >>> fitness_of([80.0, 82.0], level=1), fitness_of([99.0, None], level=2)
    (1081.0, -inf)
    """
    score = _mean_score(scores)
    if score is None:
        return -math.inf
    return metric.rank(metric.fitness(score), level)


def _mean_score(scores: Sequence[float | None]) -> float | None:
    known = [score for score in scores if score is not None]
    if not known or len(known) < len(scores):
        return None
    return mean(known)


def sampler_key(settings: SearchSettings) -> Key:
    """The random stream that a search's sampler draws from."""
    return derive_key(settings.seed, _SAMPLER_STREAM)


class Search:
    """The search of one run: generations, each a race, then the confirmation of the best.

    The races are those of `shoal.tuning.racing`. The finalists are, of all generations, the best
    genome of each kind (see `Genome.kind`), then the second of each, and so on. Kinds differ in
    how fast they learn, so the search's shorter trainings compare better within a kind than across
    kinds. Finalists get fresh repeats that nothing was selected on, of the champion's length.

    With the setting ``incumbent`` the first swarm of ``start`` is a finalist to the end, and is
    recommended unless another one is significantly better.

    Parameters
    ----------
    settings
        The settings of the run. `SettingsError` is raised when its sampler cannot be made here.
    metric
        What is searched for.

    Attributes
    ----------
    settings, metric
        The settings of the run, and what is searched for.
    generations
        Summaries of the completed generations.
    """

    def __init__(self, settings: SearchSettings, metric: Metric = ACCURACY) -> None:
        self.settings = settings
        self.metric = metric
        self.generations: list[GenerationSummary] = []

        self._schedule = settings.schedule
        self._sampler = make_sampler(settings, sampler_key(settings))
        # What the sampler sees: the completed generations, but for the last of the search.
        self._past: list[Generation] = []

        # Everything that was told, by Task.id, and the repeats that were given of each phase.
        self._evaluations: dict[tuple[str, int], Evaluation] = {}
        self._search_ledger = RepeatLedger(self._evaluations, Phase.SEARCH, metric)
        self._final_ledger = RepeatLedger(self._evaluations, Phase.CONFIRMATION, metric)
        # Tasks that were given and have no evaluation yet, in the order in which they are asked.
        self._missing: dict[tuple[str, int], Task] = {}

        # The best of the last generation, and the best of each kind of all completed ones.
        self._best_of_last: RankedGenome | None = None
        self._best_of_kinds: list[RankedGenome] = []
        self._finalists: tuple[Genome, ...] | None = None
        self._done = False

        self._begin_generation(self._proposed())
        self._incumbent = self._first_named_swarm() if settings.incumbent else None
        self._advance()

    @classmethod
    def replay(
        cls,
        settings: SearchSettings,
        evaluations: Iterable[Evaluation],
        metric: Metric = ACCURACY,
    ) -> Search:
        """The search as it stood when it had been told these evaluations, in any order."""
        search = cls(settings, metric)
        for evaluation in evaluations:
            search._take(evaluation)
        search._advance()
        _log.debug(
            "replayed %d evaluations: %d generations are complete",
            len(search._evaluations),
            len(search.generations),
        )
        return search

    # ---- What a search shows ---------------------------------------------------------------------

    @property
    def population(self) -> tuple[Genome, ...]:
        """The individuals of the generation in progress; of the last one, when done."""
        return self._population

    @property
    def confirming(self) -> bool:
        """Whether the generations are over, and the confirmation has begun or ended."""
        return self._finalists is not None

    @property
    def done(self) -> bool:
        """Whether the budget is spent and the finalists are confirmed."""
        return self._done

    @property
    def best(self) -> RankedGenome | None:
        """The best individual of the last completed generation.

        Before the first generation is complete, the best of what has been told. None when there is
        nothing, or when all of it failed.
        """
        if self.generations:
            return self._best_of_last
        return max(self._scored(self._population), key=lambda ranked: ranked.fitness, default=None)

    @property
    def confirmed(self) -> tuple[RankedGenome, ...]:
        """The finalists with their confirmations, without those that failed.

        The best is the first, but for an incumbent that no other is significantly better than.
        """
        confirmed = []
        for genome in self._finalists or ():
            finalist = self._finalist(genome)
            if finalist.score is not None:
                confirmed.append(finalist)
        confirmed.sort(key=lambda ranked: -ranked.fitness)

        for finalist in confirmed[1:]:
            if finalist.genome == self._incumbent and not self._is_better(confirmed[0], finalist):
                confirmed.remove(finalist)
                return (finalist, *confirmed)
        return tuple(confirmed)

    @property
    def evaluations(self) -> tuple[Evaluation, ...]:
        """Everything told that belongs to the search as it stands, in no particular order."""
        return self.belonging(self._evaluations.values())

    def belonging(self, evaluations: Iterable[Evaluation]) -> tuple[Evaluation, ...]:
        """Of evaluations of the run, told or not, those that belong to the search as it stands.

        A finished run that was given a larger budget may have confirmations that it would not ask
        for any more. These do not belong to it.
        """
        confirmations = {
            genome.hash: self._final_ledger.repeats(genome) for genome in self._finalists or ()
        }

        belonging = []
        for evaluation in evaluations:
            name, repeat = evaluation.task.id
            if phase_of(repeat) is Phase.SEARCH or number_in_phase(repeat) < confirmations.get(
                name, 0
            ):
                belonging.append(evaluation)
        return tuple(belonging)

    @property
    def is_behind(self) -> bool:
        """Whether it was told of trainings that come later than those that it still asks for.

        Their record had gaps then, and the search has yet to come to where it was.
        """
        if self.confirming:
            return False
        latest = max(map(_stage, self._evaluations.values()), default=0)
        return latest > len(self.generations) + 1

    def standing(self, genome: Genome) -> RankedGenome:
        """What is known of a genome in the search, over the repeats that are its score so far.

        Confirmations do not count here: their random streams are none that the search selects on.
        """
        repeats = self._search_ledger.repeats(genome)
        scored_repeats = self._schedule.scored_repeats(repeats)
        evaluations = self._search_ledger.evaluations(genome, scored_repeats)
        return RankedGenome(genome, evaluations, self._schedule.rung(repeats), self.metric)

    # ---- Ask and tell ----------------------------------------------------------------------------

    def ask(self) -> tuple[Task, ...]:
        """The tasks that are wanted now and have no result yet, in a fixed order.

        Returns
        -------
        tuple of Task
            Empty when the search is done.
        """
        return tuple(self._missing.values())

    def tell(self, evaluation: Evaluation) -> None:
        """Take one result, in any order. A second result for the same task changes nothing."""
        self._take(evaluation)
        self._advance()

    def close(self, schedule: Schedule | None = None) -> None:
        """End the generations, since the time is up.

        The generation in progress is left, and the finalists of the others are confirmed.

        Parameters
        ----------
        schedule
            With as many finalists and confirmations as there is time for; None for the settings'
            own. Confirmations that had begun are finished in any case.
        """
        if self.confirming:
            return

        _log.info("time is up after %d generations", len(self.generations))
        self._missing.clear()
        self._begin_finals(schedule or self._schedule)
        self._advance()

    # ---- The state machine -----------------------------------------------------------------------

    def _take(self, evaluation: Evaluation) -> None:
        self._evaluations.setdefault(evaluation.task.id, evaluation)
        self._missing.pop(evaluation.task.id, None)

    def _advance(self) -> None:
        """Go on until tasks are missing, or until the search is done."""
        while not self._missing and not self._done:
            targets = next(self._race, None)
            if targets is not None:
                self._give(targets)
            elif self.confirming:
                self._done = True
            else:
                self._complete_generation()

    def _give(self, targets: Targets) -> None:
        """Give the repeats that a race wants; fewer, when the budget of evaluations runs out."""
        ledger = self._search_ledger
        # The confirmation counts to the last generation.
        generation = len(self.generations) + 1
        if self.confirming:
            ledger = self._final_ledger
            generation = len(self.generations)

        left = self._evaluations_left()
        for genome, target in targets.items():
            given = ledger.repeats(genome)
            more = min(target - given, left)
            if more <= 0:
                continue

            left -= more
            individual = self._places.get(genome, 0)
            for task in ledger.give(genome, given + int(more), generation, individual):
                self._missing[task.id] = task

    def _evaluations_left(self) -> float:
        """Trainings that the budget still allows; the confirmation is not limited."""
        budget = self.settings.evaluations
        if budget is None or self.confirming:
            return math.inf
        return budget - self._search_ledger.total

    def _begin_generation(self, population: tuple[Genome, ...]) -> None:
        self._population = population
        genomes = tuple(dict.fromkeys(population))
        # Of each genome the first place.
        self._places = {genome: place for place, genome in reversed([*enumerate(population)])}
        race = RACES[self.settings.racing]
        self._race: Race = race(self._schedule, genomes, self._search_ledger)

    def _complete_generation(self) -> None:
        """Take stock of the generation, and begin the next one or the confirmation."""
        standings = [self.standing(genome) for genome in self._population]
        self._best_of_last = _best_of(standings)
        self._best_of_kinds = self._with_best_of_kinds(standings)
        self.generations.append(self._summary(standings))
        _log.debug("generation %d is complete", len(self.generations))

        # The generation in which the budget runs out is kept: its genomes are ranked by what they
        # have.
        budget_is_spent = self._evaluations_left() <= 0
        if len(self.generations) >= self.settings.generations or budget_is_spent:
            self._begin_finals(self._schedule)
            return

        fitness = tuple(ranked.fitness for ranked in standings)
        self._past.append((self._population, fitness))
        self._begin_generation(self._proposed())

    def _proposed(self) -> tuple[Genome, ...]:
        """The genomes of the next generation. Raises `ProblemError` where the sampler fails."""
        name = self.settings.sampler
        expected = f"{self.settings.population} genomes for each generation"
        remedy = "shoal.testing.SamplerContract tests a sampler; mend it, then resume the run"
        try:
            genomes = tuple(self._sampler.population(self._past))
        # It says what to do by itself.
        except ShoalError:
            raise
        except Exception as error:
            raise ProblemError(
                f"The sampler {name} raised {type(error).__name__}: {error}"
                f"{line_of(error, self._sampler.propose)}.",
                expected=expected,
                remedy=remedy,
            ) from error

        others = [genome for genome in genomes if not isinstance(genome, Genome)]
        if others or len(genomes) != self.settings.population:
            seen = f"{len(genomes)} values"
            if others:
                seen = f"a {type(others[0]).__name__}"
            raise ProblemError(
                f"The sampler {name} proposed {seen}.", expected=expected, remedy=remedy
            )
        return genomes

    def _first_named_swarm(self) -> Genome | None:
        """The genome of the first generation that begins from the first swarm of ``start``."""
        settings = self.settings
        births = first_generation(
            settings.space,
            settings.first_genomes,
            settings.start,
            sampler_key(settings),
            settings.population,
        )
        named = (birth.child for birth in births if birth.named is not None)
        return next((genome for genome in named if genome in self._population), None)

    def _with_best_of_kinds(self, standings: Sequence[RankedGenome]) -> list[RankedGenome]:
        """The genomes of all completed generations that may become finalists, the best first."""
        # The latest standing of a genome counts, at the place of its first.
        latest = {}
        for ranked in (*self._best_of_kinds, *standings):
            if ranked.score is not None:
                latest[ranked.genome] = ranked

        candidates = sorted(latest.values(), key=lambda ranked: -ranked.fitness)
        places = _places_in_kind(candidates)
        return [
            ranked
            for ranked in candidates
            if ranked.genome == self._incumbent or places[ranked.genome] < self._schedule.finalists
        ]

    def _begin_finals(self, schedule: Schedule) -> None:
        candidates = self._best_of_kinds
        if not candidates:
            # A population may hold a genome more than once.
            in_progress = self._scored(dict.fromkeys(self._population))
            candidates = sorted(in_progress, key=lambda ranked: -ranked.fitness)

        # The best of each kind, then the second of each; of equal places the better one first.
        places = _places_in_kind(candidates)
        by_turns = sorted(
            candidates,
            key=lambda ranked: (ranked.genome != self._incumbent, places[ranked.genome]),
        )

        # Those that had begun when a run was interrupted are confirmed however short the time is.
        begun = {
            name for name, repeat in self._evaluations if phase_of(repeat) is Phase.CONFIRMATION
        }
        wanted = min(max(schedule.finalists, len(begun)), self._schedule.finalists)
        self._finalists = tuple(ranked.genome for ranked in by_turns[:wanted])
        _log.debug("%d finalists are confirmed", len(self._finalists))

        self._race = iter(())
        if self._finalists:
            self._race = finals(schedule, self._finalists, self._final_ledger, self._incumbent)

    def _finalist(self, genome: Genome) -> RankedGenome:
        """What is known of a finalist. Its level is how often it was confirmed."""
        repeats = self._final_ledger.repeats(genome)
        evaluations = self._final_ledger.evaluations(genome, range(repeats))
        return RankedGenome(genome, evaluations, repeats, self.metric)

    def _is_better(self, one: RankedGenome, other: RankedGenome) -> bool:
        """Whether the confirmations of one genome are significantly better than another's."""
        repeats = range(min(one.repeats, other.repeats))
        return is_better(
            self._final_ledger.fitness(one.genome, repeats),
            self._final_ledger.fitness(other.genome, repeats),
        )

    def _scored(self, genomes: Iterable[Genome]) -> list[RankedGenome]:
        """The standings of those genomes that have a score."""
        standings = [self.standing(genome) for genome in genomes]
        return [ranked for ranked in standings if ranked.score is not None]

    def _summary(self, standings: Sequence[RankedGenome]) -> GenerationSummary:
        # The first of equals, and the first individual where all failed.
        best = max(standings, key=lambda ranked: ranked.fitness)
        scores = [ranked.score for ranked in standings if ranked.score is not None]
        return GenerationSummary(
            number=len(self.generations) + 1,
            best=best.genome,
            best_score=best.score,
            best_repeats=self._search_ledger.repeats(best.genome),
            mean_score=mean(scores) if scores else None,
            evaluations=self._search_ledger.total,
        )


def _stage(evaluation: Evaluation) -> int:
    """The generation for which it was trained; for a confirmation, the one after the last."""
    task = evaluation.task
    return task.generation + (task.phase is Phase.CONFIRMATION)


def _best_of(standings: Sequence[RankedGenome]) -> RankedGenome | None:
    """The first of the fittest; None when all failed."""
    best = max(standings, key=lambda ranked: ranked.fitness)
    if best.score is None:
        return None
    return best


def _places_in_kind(standings: Sequence[RankedGenome]) -> dict[Genome, int]:
    """How many of its kind stand before each genome."""
    places: dict[Genome, int] = {}
    count = Counter[object]()
    for ranked in standings:
        places.setdefault(ranked.genome, count[ranked.genome.kind])
        count[ranked.genome.kind] += 1
    return places
