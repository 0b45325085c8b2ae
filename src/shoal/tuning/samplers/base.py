"""The contract of a sampler: which genomes a generation has, given the generations before it.

    sampler = make_sampler(settings, key)
    past = []
    while True:
        population = sampler.population(past)
        past.append((population, tuple(fitness(genome) for genome in population)))

A sampler of your own derives from `Sampler` and defines `propose`. Pass its class, or an object of
it, as the setting ``sampler``. `shoal.testing.SamplerContract` tests that it keeps the contract.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from shoal.genome.genome import Genome
from shoal.genome.search_space import SearchSpace
from shoal.numerics.philox import Key, Purpose, draws
from shoal.settings.search_settings import SearchSettings
from shoal.tuning.operators import best, first_offspring, given_genomes

# A population, and the fitness of each of its genomes.
Generation = tuple[tuple[Genome, ...], tuple[float, ...]]
# The completed generations, the first one first.
Past = Sequence[Generation]


class Sampler(ABC):
    """Proposes populations. Recording, resuming and replaying a search rest on its obligations.

    - `population` is a pure function of the settings, the key and the past: in another process, or
      asked twice, it gives the same genomes. Random numbers come from the key and the number of the
      generation, as ``draws(key, Purpose.SAMPLER, generation, 1 + individual, count)`` of
      `shoal.numerics.philox` (individual 0 there is taken), or from a library's generator that is
      seeded anew for each generation (`library_seed`). An instance may keep what it has worked out,
      never what changes an answer.
    - It gives ``settings.population`` genomes within the settings' space, which may hold one genome
      only. Informants are fewer than particles, and genes that a genome's update rule does not read
      have their default values: `shoal.tuning.operators.repaired` sees to both, and so do
      ``genome_of`` and ``genome_at`` of `shoal.tuning.samplers.encoding`. The first are the best
      ``settings.elitism`` genomes of the generation before, unchanged, so that these are trained
      again; of equals the earlier individual. The first of all are ``settings.first_genomes``.
    - Only the order of fitness counts: larger is better, -inf (failed) is worst. All of it may be
      -inf.
    - The class can be imported by its name, and takes JSON values as keyword arguments, which
      `options` gives back: that is what a run records of a sampler of your own.

    `population` keeps the second obligation for any class that defines `propose`.

    Attributes
    ----------
    settings
        The settings of the search.
    space
        The genomes that may be proposed.
    key
        The random stream of the sampler, which no training uses.

    Examples
    --------
    Genomes of the first generation, with one hidden layer of a width that it is made with:

    >>> from dataclasses import replace
    >>> class Wide(Sampler):
    ...     def __init__(self, width=64):
    ...         self.width = width
    ...
    ...     def propose(self, past, individuals):
    ...         width = min(self.width, self.space.max_width)
    ...         genomes = self.first_generation(individuals)
    ...         return [replace(genome, hidden_layers=(width,)) for genome in genomes]
    >>> Wide(width=8).options()
    {'width': 8}
    """

    settings: SearchSettings
    space: SearchSpace
    key: Key

    def begin(self, settings: SearchSettings, key: Key) -> None:
        """Take the search's settings and random stream. Comes once, before all other calls.

        Override it, and call this one first, to prepare what follows from the settings.
        """
        self.settings = settings
        self.space = settings.space
        self.key = key

    def options(self) -> dict[str, Any]:
        """The keyword arguments that make an equal sampler, as JSON values.

        The default reads an attribute of the same name for each parameter of ``__init__``.
        """
        names = [
            name
            for name, parameter in inspect.signature(type(self)).parameters.items()
            if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        ]
        return {name: getattr(self, name) for name in names}

    def population(self, past: Past) -> tuple[Genome, ...]:
        """The genomes of generation ``len(past)``.

        Parameters
        ----------
        past
            The completed generations, each with the fitness by which its genomes are selected.

        Returns
        -------
        tuple of Genome
            (population,): the elite of the generation before, then new genomes. The first
            generation begins with the genomes that the user gave.
        """
        if past:
            genomes, fitness = past[-1]
            leading = tuple(genomes[i] for i in best(fitness, self.settings.elitism))
        else:
            leading = given_genomes(self.space, self.settings.first_genomes)

        individuals = range(len(leading), self.settings.population)
        if not individuals:
            return leading
        return (*leading, *self.propose(past, individuals))

    @abstractmethod
    def propose(self, past: Past, individuals: range) -> Sequence[Genome]:
        """A new genome for each of these individuals of generation ``len(past)``."""

    def first_generation(self, individuals: range) -> Sequence[Genome]:
        """These individuals of the first generation, for the samplers that learn from it.

        Half of it begins from swarms of the literature, with each activation in turn.
        """
        births = first_offspring(self.space, self.settings.start, self.key, len(individuals))
        return [birth.child for birth in births]

    def library_seed(self, generation: int) -> int:
        """A seed below 2**32 for the random generator of a library, in this generation.

        It is one seed for the whole generation: what is drawn for its individuals comes from it one
        after another. A library draws from a generator of its own, and cannot take our counters. A
        new seed for every generation makes its draws a function of the past, so that a resumed
        search proposes the same genomes.
        """
        (share,) = draws(self.key, Purpose.SAMPLER, generation, 0, 1)
        return int(share * 2**32)
