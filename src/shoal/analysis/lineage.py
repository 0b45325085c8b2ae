"""Who descends from whom in a search. No parent is recorded, and none has to be: births are draws from a counter.

    lineage = Lineage(run, table)
    for relative in lineage.ancestors(genome.hash):
        print(relative.name, relative.birth.how, relative.birth.mutations)

A generation's genomes are known from its evaluations, but for those that it trained no more (the elite, and children that
are genomes met before); their fitness is known from the repeats that they had by then. With both, the birth of any
individual can be drawn again by itself, so that nothing of the search has to be repeated.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from shoal.analysis.evaluation_table import EvaluationTable
from shoal.errors import SettingsError, StoreError
from shoal.genome.genome import Genome
from shoal.settings.phase import is_confirmation
from shoal.settings.samplers import sampler_entry
from shoal.settings.search_settings import SearchSettings
from shoal.store import RunView
from shoal.tuning.operators import Offspring, best, birth, first_offspring, parents
from shoal.tuning.search import fitness_of, sampler_key

DEPTH = 4  # generations of ancestors, where nobody says otherwise


@dataclass(frozen=True, slots=True)
class Relative:
    """A genome, by its hash, at its first birth: ``individual`` of ``generation`` (the first generation is 1).

    ``distance``: births between it and the genome that was asked for.
    """

    name: str
    generation: int
    individual: int
    birth: Offspring
    distance: int

    @property
    def parents(self) -> tuple[str, ...]:
        """Their hashes: none, one or two."""
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

    Raises `SettingsError` for another sampler; its methods raise `StoreError` where this version of Shoal draws other genomes
    than are recorded.
    """

    def __init__(self, run: RunView, table: EvaluationTable) -> None:
        if (reason := without_parents(run.settings)) is not None:
            raise SettingsError(reason, expected="a genetic search", remedy="choose another run")
        self._settings, self._space = run.settings, run.settings.space
        self._key, self._table = sampler_key(run.settings), table
        self._drawn: dict[str, Genome] = {}
        self._populations: list[tuple[str, ...]] = []
        self._fitness: list[tuple[float, ...]] = []
        self._places: dict[str, list[tuple[int, int]]] = defaultdict(list)
        self._rebuild(run.generations)

    @property
    def populations(self) -> tuple[tuple[str, ...], ...]:
        """The hashes of every generation's individuals, the one in progress included."""
        return tuple(self._populations)

    def individuals(self, name: str) -> tuple[tuple[int, int], ...]:
        """Where the genome was an individual: (generation from 1, individual from 0); nothing for an unknown one."""
        return tuple(self._places.get(name, ()))

    def origin(self, name: str, distance: int = 0) -> Relative | None:
        """The genome at its first birth; None for one that was never an individual."""
        places = self._places.get(name)
        return None if not places else Relative(name, *places[0], self.birth(*places[0]), distance)

    def birth(self, generation: int, individual: int) -> Offspring:
        """How this individual of the generation (from 1) came about."""
        found = self._draw(generation, individual)
        if found.child.hash != (recorded := self._populations[generation - 1][individual]):
            raise StoreError(
                f"Individual {individual} of generation {generation} is {recorded} on record, and {found.child.hash} drawn.",
                expected="the genomes of the Shoal that ran this search",
                remedy="look at it with the version that recorded it",
            )
        return found

    def ancestors(self, name: str, depth: int = DEPTH) -> tuple[Relative, ...]:
        """The genome, then its ancestors, each once, the nearest first, as far as ``depth`` births back.

        Elites are born once, when they are first met.
        """
        found: dict[str, Relative] = {}
        names = [name]
        for distance in range(depth + 1):
            nearer = [n for n in dict.fromkeys(names) if n not in found]
            born = [relative for n in nearer if (relative := self.origin(n, distance)) is not None]
            found |= {relative.name: relative for relative in born}
            names = [parent for relative in born for parent in relative.parents]
        return tuple(found.values())

    def children(self, name: str) -> Iterator[Relative]:
        """Those bred from it, in the order of their births: each genome once, and no elite."""
        known = {name}
        for generation, individual in self._places.get(name, ()):
            if generation == len(self._populations):
                return
            fitness = self._fitness[generation - 1]
            for child in range(self._settings.elitism, self._settings.population):
                if individual not in parents(self._settings, self._key, generation, child, fitness):
                    continue  # the tournaments alone are quickly drawn
                born = self._populations[generation][child]
                if born in known or self._places[born][0] != (generation + 1, child):
                    continue
                found = Relative(born, generation + 1, child, self.birth(generation + 1, child), 1)
                if name in found.parents:
                    known.add(born)
                    yield found

    def _draw(self, generation: int, individual: int) -> Offspring:
        if generation == 1:
            return first_offspring(
                self._space, self._settings.start, self._key, self._settings.population
            )[individual]
        before = generation - 2
        population = _Population(self, self._populations[before])
        number = generation - 1  # the genetic algorithm counts from 0
        return birth(
            self._space,
            self._settings,
            self._key,
            number,
            individual,
            population,
            self._fitness[before],
        )

    def genome(self, name: str) -> Genome:
        """The genome of that hash, of any individual."""
        found = self._drawn.get(name) or self._table.genome(name)
        assert found is not None, name
        return found

    def _rebuild(self, completed: int) -> None:
        """All populations, and the fitness that each was selected by, from the first generation on."""
        self._table.genomes()  # reads the genes of all at once
        frame, size = self._table.frame, self._settings.population
        search = frame[~is_confirmation(frame["repeat"])]
        wanted: dict[int, dict[int, str]] = defaultdict(dict)
        histories: dict[str, _History] = defaultdict(_History)
        columns = ("generation", "individual", "genome", "repeat", "accuracy")
        for generation, individual, name, repeat, accuracy in zip(
            *(search[c].tolist() for c in columns), strict=True
        ):
            wanted[generation].setdefault(individual, name)
            histories[name].add(generation, repeat, accuracy)
        for number in range(1, max(completed, *wanted, 1) + 1):
            known = wanted[number]
            if number > 1:
                elite = best(self._fitness[-1], self._settings.elitism)
                known = known | {n: self._populations[-1][i] for n, i in enumerate(elite)}
            population = tuple(known.get(i) or self._missing(number, i) for i in range(size))
            self._populations.append(population)
            self._fitness.append(
                tuple(histories[name].fitness(self._settings, number) for name in population)
            )
            for individual, name in enumerate(population):
                self._places[name].append((number, individual))

    def _missing(self, generation: int, individual: int) -> str:
        child = self._draw(generation, individual).child
        self._drawn[child.hash] = child
        return child.hash


class _Population(Sequence[Genome]):
    """The genomes of a generation, each made when it is looked at: of most births that is one or two."""

    def __init__(self, lineage: Lineage, names: tuple[str, ...]) -> None:
        self._lineage, self._names = lineage, names

    def __len__(self) -> int:
        return len(self._names)

    def __getitem__(self, at: Any) -> Any:
        return self._lineage.genome(self._names[at])


class _History:
    """The accuracies of one genome by repeat, and when each was wanted."""

    __slots__ = ("_accuracies", "_generations")

    def __init__(self) -> None:
        self._accuracies: dict[int, float | None] = {}
        self._generations: list[int] = []

    def add(self, generation: int, repeat: int, accuracy: float) -> None:
        self._generations.append(generation)
        self._accuracies[repeat] = None if math.isnan(accuracy) else accuracy

    def fitness(self, settings: SearchSettings, generation: int) -> float:
        """As it was when that generation was complete. What was recorded later had been wanted later."""
        repeats = bisect_right(sorted(self._generations), generation)
        counted = [
            self._accuracies[r]
            for r in settings.schedule.scored_repeats(repeats)
            if r in self._accuracies and r < repeats
        ]
        return fitness_of(counted, settings.schedule.rung(repeats))
