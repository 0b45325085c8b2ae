"""Tests that extensions of Shoal must pass: derive a class, and pytest finds them.

    from shoal.testing import SamplerContract

    class TestMySampler(SamplerContract):
        def sampler(self):
            return MySampler(width=64)

Shoal's own samplers pass the same tests. This module needs no pytest itself.
"""

from __future__ import annotations

import json
import math
import os
import random
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from shoal.genome.genome import Genome
from shoal.genome.search_space import SearchSpace
from shoal.numerics.philox import derive_key
from shoal.objectives.metrics import Metrics, Scores
from shoal.problems.evaluation import Evaluation, Task, result_hash
from shoal.settings.search_settings import SearchSettings
from shoal.tuning.samplers.base import Generation, Past, Sampler
from shoal.tuning.samplers.random_search import random_genome
from shoal.tuning.samplers.registry import make_sampler
from shoal.tuning.search import Search

# The random stream of the samplers under test.
KEY = derive_key(3, 4)

# A space with narrow and fixed bounds, few choices and small layers.
NARROW_SPACE: dict[str, Any] = {
    "bounds": {
        "swarm_size": (5, 9),
        "num_informants": (2, 6),
        "inertia_weight": (0.5, 0.5),
        "jump_size": (0.01, 0.02),
    },
    "choices": {"activation": ("gelu", "tanh"), "informant_strategy": ("ring",)},
    "max_depth": 2,
    "max_width": 9,
}

# A space of one genome.
FIXED_NUMBERS = {gene.name: (gene.start_low, gene.start_low) for gene in SearchSpace().numeric}
FIXED_SPACE: dict[str, Any] = {
    "bounds": FIXED_NUMBERS,
    "choices": {"informant_strategy": ("ring",), "activation": ("relu",)},
    "max_depth": 1,
    "max_width": 1,
}

# Prints the genomes that a sampler gives in another process; arguments: settings and generations.
_ELSEWHERE = """
import json, sys
from shoal.settings.search_settings import SearchSettings
from shoal.testing import KEY, climb
from shoal.tuning.samplers.registry import make_sampler

settings = SearchSettings.recorded(json.loads(sys.argv[1]))
for population, _ in climb(make_sampler(settings, KEY), int(sys.argv[2])):
    print(*[genome.hash for genome in population])
"""


def height(genome: Genome) -> float:
    """A fitness without any training: a hill in all numbers, the first width and one choice.

    Returns
    -------
    float
        0 at the top, less everywhere else.
    """
    distance = abs(math.log2(genome.hidden_layers[0]) - 8) / 10
    if genome.informant_strategy != "nearest":
        distance += 1 / 4

    for gene in SearchSpace().numeric:
        low = gene.low
        high = gene.high
        value = getattr(genome, gene.name)
        if gene.log:
            low = math.log(low)
            high = math.log(high)
            value = math.log(value)
        distance += abs((value - low) / (high - low) - 0.6)

    return -distance


def climb(
    sampler: Sampler, generations: int, fitness: Callable[[Genome], float] = height
) -> list[Generation]:
    """The first generations of a search whose trainings give ``fitness``."""
    past: list[Generation] = []
    for _ in range(generations):
        population = sampler.population(past)
        past.append((population, tuple(fitness(genome) for genome in population)))
    return past


class SamplerContract(ABC):
    """What every sampler must do (see `shoal.tuning.samplers.base.Sampler`), as test methods.

    Derive a class whose name begins with ``Test``, and say in `sampler` which sampler it tests.
    """

    @abstractmethod
    def sampler(self) -> Sampler | type[Sampler] | str:
        """What a user passes as the setting ``sampler``: an object, a class or a name."""

    def settings(self, **values: Any) -> SearchSettings:
        """The settings of a small search with the sampler; ``values`` replace some of them."""
        small = {
            "population": 6,
            "elitism": 2,
            "start": (),
            "extra_genes": (),
            "racing": "fixed",
            "finalists": 0,
        }
        return SearchSettings.parse({"sampler": self.sampler(), **small, **values})

    def made(self, **values: Any) -> Sampler:
        """The sampler at the beginning of a search with these settings."""
        return make_sampler(self.settings(**values), KEY)

    def test_size_and_bounds(self) -> None:
        """Each generation has the size of the population, and lies within the search space."""
        for preset in ("modern", "classic"):
            for limits in ({}, NARROW_SPACE):
                settings = self.settings(preset=preset, **limits)
                _check_populations(settings)

    def test_the_usual_space(self) -> None:
        """So does each generation of a search that a user starts with this sampler alone."""
        settings = SearchSettings.parse({"sampler": self.sampler(), "population": 6})
        _check_populations(settings)

    def test_elite_comes_first(self) -> None:
        """The best of a generation lead the next one unchanged."""
        for elitism in (0, 1, 4):
            past = climb(self.made(elitism=elitism), 4)
            for (before, fitness), (after, _) in pairwise(past):
                order = sorted(range(len(before)), key=lambda i: (-fitness[i], i))
                assert list(after[:elitism]) == [before[i] for i in order[:elitism]]

    def test_pure(self) -> None:
        """Another instance, or one that was asked something else in between, gives the same."""
        past = climb(self.made(), 6)
        other_past = climb(self.made(), 6, lambda genome: -height(genome))
        restless = self.made()
        for number in (5, 2, 3, 0, 4, 4, 5, 1):
            restless.population(other_past[:number])
            assert restless.population(past[:number]) == past[number][0]

    def test_only_the_order_of_fitness_counts(self) -> None:
        """A steeper fitness with the same order gives the same genomes."""
        past = climb(self.made(), 4)
        for number in range(1, 5):
            sampler = self.made()
            plain = sampler.population(past[:number])
            assert plain == sampler.population(_steeper(past[:number]))

    def test_failed_genomes(self) -> None:
        """Some or all genomes may have failed: their fitness is -inf."""

        def fails_often(genome: Genome) -> float:
            if genome.swarm_size % 2:
                return -math.inf
            return height(genome)

        climb(self.made(), 5, fails_often)
        all_failed = climb(self.made(), 5, lambda _: -math.inf)
        given = len(all_failed[-1][0])
        wanted = self.settings().population
        assert given == wanted, f"{given} genomes, expected {wanted}"

    def test_given_genomes_come_first(self) -> None:
        """A search begins with the genomes that its user gave, and goes on by itself."""
        space = self.settings().space
        own = [random_genome(space, KEY, 99, number) for number in range(6)]
        for count in (1, 3, 6):
            settings = self.settings(first_genomes=own[:count], generations=4, repeats=2)
            _check_populations(settings)
            first = make_sampler(settings, KEY).population([])
            assert list(first[:count]) == own[:count], "the genomes that were given are not first"

            whole = _finished(Search(settings))
            recorded = whole.evaluations[: len(whole.evaluations) // 2]
            resumed = _finished(Search.replay(settings, recorded))
            assert result_hash(resumed.evaluations) == result_hash(whole.evaluations)

    def test_nothing_left_to_choose(self) -> None:
        """A space of one genome gives that genome."""
        past = climb(self.made(**FIXED_SPACE), 4)
        proposed = {genome for population, _ in past for genome in population}
        assert len(proposed) == 1, f"{len(proposed)} genomes in a space of one: {proposed}"

        (genome,) = proposed
        assert genome.hidden_layers == (1,), f"hidden_layers {genome.hidden_layers}, expected (1,)"
        for gene, (value, _) in FIXED_NUMBERS.items():
            actual = getattr(genome, gene)
            assert actual == value, f"{gene} {actual}, expected {value}"

    def test_populations_of_any_size(self) -> None:
        """Small and large populations are filled."""
        for size in (2, 3, 30):
            past = climb(self.made(population=size, elitism=1), 4)
            sizes = [len(population) for population, _ in past]
            assert sizes == [size] * 4, f"populations of {sizes}, expected {size} each"

    def test_interrupted_anywhere(self) -> None:
        """Replaying what is recorded, in any order, and going on gives the same evaluations."""
        settings = self.settings(generations=4, repeats=2, population=4)
        whole = _finished(Search(settings))
        recorded = sorted(
            whole.evaluations, key=lambda e: (e.task.generation, e.task.individual, e.task.repeat)
        )
        for cut in (0, 7, 8, 13, len(recorded)):
            shuffled = random.Random(cut).sample(recorded[:cut], cut)
            resumed = _finished(Search.replay(settings, shuffled))
            assert result_hash(resumed.evaluations) == result_hash(whole.evaluations)

        # The elite is trained again.
        assert max(e.task.repeat for e in recorded) >= 2

    def test_a_record_gives_the_same_sampler(self) -> None:
        """What a run records of the sampler is enough to make it again."""
        settings = self.settings()
        recorded = SearchSettings.recorded(json.loads(json.dumps(settings.to_dict())))
        assert recorded == settings
        assert climb(make_sampler(recorded, KEY), 4) == climb(self.made(), 4)

    def test_the_same_in_another_process(self) -> None:
        """A process that only knows the record gives the same genomes, with another hash seed."""
        settings = self.settings()
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(sys.path),
            "PYTHONHASHSEED": "1",
        }
        generations = 5
        arguments = [json.dumps(settings.to_dict()), str(generations)]
        process = subprocess.run(
            [sys.executable, "-P", "-c", _ELSEWHERE, *arguments],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert process.returncode == 0, process.stderr

        lines = []
        for population, _ in climb(self.made(), generations):
            lines.append(" ".join(genome.hash for genome in population))
        assert process.stdout.splitlines() == lines


def _check_populations(settings: SearchSettings) -> None:
    """Check the first generations of a search with these settings."""
    for population, _ in climb(make_sampler(settings, KEY), 5):
        wanted = settings.population
        assert len(population) == wanted, f"{len(population)} genomes, expected {wanted}"
        for genome in population:
            _check_within(genome, settings.space)


def _check_within(genome: Genome, space: SearchSpace) -> None:
    for gene in space.numeric:
        value = getattr(genome, gene.name)
        assert gene.low <= value <= gene.high, f"{gene.name} {value}, not {gene.low}..{gene.high}"
    assert genome.num_informants < genome.swarm_size, "as many informants as particles"

    for name, allowed in space.categorical:
        value = getattr(genome, name)
        assert value in allowed, f"{name} {value!r}, not one of {allowed}"

    depth = len(genome.hidden_layers)
    assert 1 <= depth <= space.max_depth, f"{depth} hidden layers, at most {space.max_depth}"
    assert all(1 <= width <= space.max_width for width in genome.hidden_layers)


def _steeper(past: Past) -> Past:
    """The same generations, with a fitness of the same order on another scale."""
    generations = []
    for population, fitness in past:
        generations.append((population, tuple(math.exp(3 * value) for value in fitness)))
    return generations


def _finished(search: Search) -> Search:
    """Play a search to its end, with made-up evaluations."""
    while tasks := search.ask():
        for task in tasks:
            search.tell(_evaluation(task))
    return search


def _evaluation(task: Task) -> Evaluation:
    """A stand-in for a training. It depends on the task alone; one in nine fails."""
    number = random.Random(f"{task.genome.hash} {task.repeat}").random()
    if number < 1 / 9:
        return Evaluation(task, "failed", error="made up")
    return Evaluation(task, "ok", Scores(Metrics(50 + number)))
