"""Which genome descends from which in a search.

No parent is recorded, and none has to be, since births are draws from a counter::

    lineage = Lineage(run, table)
    for relative in lineage.ancestors(genome.hash):
        print(relative.name, relative.birth.origin, relative.birth.mutations)

The genomes of a generation are known from its evaluations, except for those that it did not train
again: the elite, and children that are genomes met before. Their fitness is known from the repeats
that they had by then. With both, the birth of any individual can be drawn again by itself, so that
nothing of the search has to be repeated.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shoal.analysis.evaluation_table import EvaluationTable
from shoal.errors import SettingsError, StoreError
from shoal.genome.genome import Genome
from shoal.objectives.registry import Metric
from shoal.settings.phase import is_confirmation
from shoal.settings.samplers import sampler_entry
from shoal.settings.search_settings import SearchSettings
from shoal.store import RunView
from shoal.tuning.operators import Offspring, best, birth, first_generation, parents
from shoal.tuning.search import fitness_of, sampler_key

# Births that `Lineage.ancestors` goes back by default.
DEPTH = 4


@dataclass(frozen=True, slots=True)
class Relative:
    """A genome at its first birth.

    Attributes
    ----------
    name
        The genome's hash.
    generation, individual
        Where it was born; the first generation is 1, the first individual 0.
    birth
        How it came about.
    distance
        Births between it and the genome that was asked for.
    """

    name: str
    generation: int
    individual: int
    birth: Offspring
    distance: int

    @property
    def parents(self) -> tuple[str, ...]:
        """The hashes of its parents: none, one or two."""
        return tuple(parent.hash for parent in self.birth.parents)


def without_parents(settings: SearchSettings) -> str | None:
    """Why a search's genomes have no parents, in a sentence; None where they have some."""
    sampler = sampler_entry(settings.sampler)
    if sampler.proposal is None:
        return None
    return (
        f"{sampler.label} {sampler.proposal}: none has parents. "
        "The best of a generation are trained again in the next."
    )


class Lineage:
    """The births of one genetic search, from its recorded evaluations.

    Its methods raise `StoreError` where this version of Shoal draws other genomes than are
    recorded.

    Parameters
    ----------
    run
        The run.
    table
        Its evaluations.

    Raises
    ------
    SettingsError
        The run's sampler breeds no genomes.
    """

    def __init__(self, run: RunView, table: EvaluationTable) -> None:
        reason = without_parents(run.settings)
        if reason is not None:
            raise SettingsError(reason, expected="a genetic search", remedy="choose another run")

        self._settings = run.settings
        self._space = run.settings.space
        self._key = sampler_key(run.settings)
        self._table = table
        # Genomes that were drawn here, since no evaluation names them.
        self._drawn: dict[str, Genome] = {}
        # By generation: the hashes of its individuals, and the fitness by which they were selected.
        self._populations: list[tuple[str, ...]] = []
        self._fitness: list[tuple[float, ...]] = []
        # By hash: (generation, individual) of each place where the genome was an individual.
        self._places: dict[str, list[tuple[int, int]]] = defaultdict(list)
        self._rebuild(run.generations)

    @property
    def populations(self) -> tuple[tuple[str, ...], ...]:
        """The hashes of every generation's individuals, including the one in progress."""
        return tuple(self._populations)

    def individuals(self, name: str) -> tuple[tuple[int, int], ...]:
        """Where a genome was an individual: (generation from 1, individual from 0).

        Nothing for a genome that is not known.
        """
        return tuple(self._places.get(name, ()))

    def origin(self, name: str, distance: int = 0) -> Relative | None:
        """A genome at its first birth.

        Parameters
        ----------
        name
            The genome's hash.
        distance
            What the relative says of its own distance, in births.

        Returns
        -------
        Relative or None
            None for a genome that was never an individual.
        """
        places = self._places.get(name)
        if not places:
            return None
        generation, individual = places[0]
        return Relative(name, generation, individual, self.birth(generation, individual), distance)

    def birth(self, generation: int, individual: int) -> Offspring:
        """How an individual came about.

        No birth is recorded. It is drawn again, from the random stream that bred the individual.

        Parameters
        ----------
        generation
            From 1.
        individual
            Its place in the generation, from 0.

        Raises
        ------
        StoreError
            When the genome drawn is not the one on record: another version of Shoal ran the search.
        """
        offspring = self._draw(generation, individual)
        recorded = self._populations[generation - 1][individual]
        drawn = offspring.child.hash
        if drawn != recorded:
            raise StoreError(
                f"Individual {individual + 1} of generation {generation} is {recorded} on record, "
                f"and {drawn} drawn.",
                expected="the genomes of the Shoal that ran this search",
                remedy="look at it with the version that recorded it",
            )
        return offspring

    def ancestors(self, name: str, depth: int = DEPTH) -> tuple[Relative, ...]:
        """A genome, then its ancestors, each once, the nearest first.

        Parameters
        ----------
        name
            The genome's hash.
        depth
            How many births to go back. An elite is born once, when it is first met.
        """
        relatives: dict[str, Relative] = {}
        names: Sequence[str] = [name]

        for distance in range(depth + 1):
            parents_of_these: list[str] = []
            for nearer in names:
                if nearer in relatives:
                    continue

                relative = self.origin(nearer, distance)
                if relative is not None:
                    relatives[nearer] = relative
                    parents_of_these += relative.parents
            names = parents_of_these

        return tuple(relatives.values())

    def children(self, name: str) -> Iterator[Relative]:
        """The genomes bred from one, each once, in the order of their births; no elite."""
        known = {name}
        for generation, individual in self._places.get(name, ()):
            if generation == len(self._populations):
                return

            for child in range(self._settings.elitism, self._settings.population):
                # The tournaments alone are quickly drawn; most children have other parents.
                if individual not in self._parents(generation, child):
                    continue

                child_name = self._populations[generation][child]
                first_place = self._places[child_name][0]
                if child_name in known or first_place != (generation + 1, child):
                    continue

                birth = self.birth(generation + 1, child)
                relative = Relative(child_name, generation + 1, child, birth, distance=1)
                if name in relative.parents:
                    known.add(child_name)
                    yield relative

    def _parents(self, generation: int, child: int) -> tuple[int, int]:
        """The individuals of a generation that the tournaments of a child of it chose."""
        fitness = self._fitness[generation - 1]
        return parents(self._settings, self._key, generation, child, fitness)

    def genome(self, name: str) -> Genome:
        """The genome of that hash, of any individual."""
        genome = self._drawn.get(name) or self._table.genome(name)
        assert genome is not None, name
        return genome

    def _draw(self, generation: int, individual: int) -> Offspring:
        """Draw an individual of a generation (from 1) again."""
        if generation == 1:
            settings = self._settings
            births = first_generation(
                self._space,
                settings.first_genomes,
                settings.start,
                self._key,
                settings.population,
            )
            return births[individual]

        # Both lists begin with generation 1, and the genetic algorithm counts from 0.
        previous = generation - 2
        return birth(
            self._space,
            self._settings,
            self._key,
            generation - 1,
            individual,
            _Population(self, self._populations[previous]),
            self._fitness[previous],
        )

    def _rebuild(self, completed: int) -> None:
        """Find all populations, and the fitness by which each was selected, from the first on."""
        self._table.genomes()  # reads the genes of all genomes at once
        frame = self._table.frame
        search = frame[~is_confirmation(frame["repeat"])]

        # By generation and individual: the genome that was trained for it.
        trained: dict[int, dict[int, str]] = defaultdict(dict)
        histories: dict[str, _History] = defaultdict(_History)
        columns = ("generation", "individual", "genome", "repeat", "score")
        rows = zip(*(search[column].tolist() for column in columns), strict=True)
        for generation, individual, name, repeat, score in rows:
            trained[generation].setdefault(individual, name)
            histories[name].add(generation, repeat, score)

        last = max(completed, *trained, 1)
        for generation in range(1, last + 1):
            population = self._population(generation, trained[generation])
            fitness = []
            for name in population:
                history = histories[name]
                fitness.append(history.fitness(self._settings, self._table.metric, generation))
            self._populations.append(population)
            self._fitness.append(tuple(fitness))
            for individual, name in enumerate(population):
                self._places[name].append((generation, individual))

    def _population(self, generation: int, trained: Mapping[int, str]) -> tuple[str, ...]:
        """The hashes of a generation: its elite, those it trained, and those drawn again."""
        known = dict(trained)
        if generation > 1:
            elite = best(self._fitness[-1], self._settings.elitism)
            for place, individual in enumerate(elite):
                known[place] = self._populations[-1][individual]

        names = []
        for individual in range(self._settings.population):
            name = known.get(individual)
            if name is None:
                name = self._drawn_again(generation, individual)
            names.append(name)
        return tuple(names)

    def _drawn_again(self, generation: int, individual: int) -> str:
        """The hash of an individual that no evaluation names."""
        child = self._draw(generation, individual).child
        self._drawn[child.hash] = child
        return child.hash


class _Population(Sequence[Genome]):
    """The genomes of a generation, each made when it is looked at.

    Most births look at one or two of them.
    """

    def __init__(self, lineage: Lineage, names: tuple[str, ...]) -> None:
        self._lineage = lineage
        self._names = names

    def __len__(self) -> int:
        return len(self._names)

    def __getitem__(self, place: Any) -> Any:
        return self._lineage.genome(self._names[place])


class _History:
    """The scores of one genome by repeat, and the generations that wanted them."""

    __slots__ = ("_generations", "_scores")

    def __init__(self) -> None:
        # None: it failed.
        self._scores: dict[int, float | None] = {}
        self._generations: list[int] = []

    def add(self, generation: int, repeat: int, score: float) -> None:
        """Record a training; NaN for a failure."""
        self._generations.append(generation)
        self._scores[repeat] = None if math.isnan(score) else score

    def fitness(self, settings: SearchSettings, metric: Metric, generation: int) -> float:
        """The fitness as it was when that generation was complete.

        What was recorded later had been wanted later.
        """
        repeats = bisect_right(sorted(self._generations), generation)
        scores = []
        for repeat in settings.schedule.scored_repeats(repeats):
            if repeat in self._scores and repeat < repeats:
                scores.append(self._scores[repeat])
        return fitness_of(scores, settings.schedule.rung(repeats), metric)
