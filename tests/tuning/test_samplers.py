"""Every sampler keeps one contract; what Optuna and cmaes are fed, and what becomes of it."""

from __future__ import annotations

import math
import os
import random
import statistics
import subprocess
import sys
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import shoal
from shoal.errors import SettingsError
from shoal.genome.genome import Genome
from shoal.genome.search_space import SearchSpace
from shoal.numerics.philox import derive_key
from shoal.settings.search_settings import SearchSettings
from shoal.tuning.operators import initial_genome
from shoal.tuning.samplers import registry
from shoal.tuning.samplers.base import Generation, Past, Sampler
from shoal.tuning.samplers.registry import make_sampler
from shoal.tuning.search import Search
from support.searches import finish, outcome

NAMES = ("genetic", "random", "tpe", "cmaes")
KEY = derive_key(3, 4)
NARROW: dict[str, Any] = {
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
NUMBERS = {gene.name: (gene.start_low, gene.start_low) for gene in SearchSpace().numeric}
FROZEN: dict[str, Any] = {
    "bounds": NUMBERS,
    "choices": {"informant_strategy": ("ring",), "activation": ("relu",)},
    "max_depth": 1,
    "max_width": 1,
}


def settings(sampler: str, **values: Any) -> SearchSettings:
    plain = {"start": (), "extra_genes": (), "racing": "fixed", "finalists": 0}
    return SearchSettings.parse(
        {"sampler": sampler, "population": 6, "elitism": 2, **plain, **values}
    )


def height(genome: Genome) -> float:
    """A hill in all numbers, the first width and a choice: the higher the better."""
    far = (
        abs(math.log2(genome.hidden_layers[0]) - 8) / 10
        + (genome.informant_strategy != "nearest") / 4
    )
    for gene in SearchSpace().numeric:
        low, high, value = gene.low, gene.high, getattr(genome, gene.name)
        if gene.log:
            low, high, value = math.log(low), math.log(high), math.log(value)
        far += abs((value - low) / (high - low) - 0.6)
    return -far


def climb(sampler: Sampler, generations: int, fitness: Any = height) -> list[Generation]:
    past: list[Generation] = []
    for _ in range(generations):
        population = sampler.population(past)
        past.append((population, tuple(fitness(genome) for genome in population)))
    return past


@pytest.mark.parametrize("name", NAMES)
class TestContract:
    @pytest.mark.parametrize("preset", ["modern", "classic"])
    def test_size_and_bounds(self, name: str, preset: str) -> None:
        for limits in ({}, NARROW):
            chosen = settings(name, preset=preset, **limits)
            space = chosen.space
            for population, _ in climb(make_sampler(chosen, KEY), 5):
                assert len(population) == 6
                for genome in population:
                    for gene in space.numeric:
                        assert gene.low <= getattr(genome, gene.name) <= gene.high, gene.name
                    assert genome.num_informants < genome.swarm_size
                    for category, allowed in space.categorical:
                        assert getattr(genome, category) in allowed
                    assert 1 <= len(genome.hidden_layers) <= space.max_depth
                    assert all(1 <= width <= space.max_width for width in genome.hidden_layers)

    def test_new_genomes_every_time(self, name: str) -> None:
        populations = [population for population, _ in climb(make_sampler(settings(name), KEY), 6)]
        new = [set(after) - set(before) for before, after in pairwise(populations)]
        assert all(len(genomes) >= 2 for genomes in new)
        assert make_sampler(settings(name), derive_key(3, 5)).population(()) != populations[0]

    def test_elite_comes_first(self, name: str) -> None:
        for elitism in (0, 1, 4):
            past = climb(make_sampler(settings(name, elitism=elitism), KEY), 4)
            for (before, fitness), (after, _) in pairwise(past):
                order = sorted(range(6), key=lambda i: (-fitness[i], i))
                assert list(after[:elitism]) == [before[i] for i in order[:elitism]]

    def test_pure(self, name: str) -> None:
        """Another instance, or one that was asked for something else in between, gives the same."""
        chosen = settings(name)
        past = climb(make_sampler(chosen, KEY), 6)
        other = climb(make_sampler(chosen, KEY), 6, lambda genome: -height(genome))
        jumpy = make_sampler(chosen, KEY)
        for number in (5, 2, 3, 0, 4, 4, 5, 1):
            jumpy.population(other[:number])
            assert jumpy.population(past[:number]) == past[number][0]
        assert past[2][0] != other[2][0]

    def test_only_the_order_of_fitness_counts(self, name: str) -> None:
        def steep(past: Past) -> Past:
            return [
                (population, tuple(math.exp(3 * value) for value in fitness))
                for population, fitness in past
            ]

        past = climb(make_sampler(settings(name), KEY), 4)
        for number in range(1, 5):
            sampler = make_sampler(settings(name), KEY)
            assert sampler.population(past[:number]) == sampler.population(steep(past[:number]))

    def test_failed_genomes(self, name: str) -> None:
        some = climb(
            make_sampler(settings(name), KEY),
            5,
            lambda g: -math.inf if g.swarm_size % 2 else height(g),
        )
        assert any(-math.inf in fitness for _, fitness in some)
        all_of_them = climb(make_sampler(settings(name), KEY), 5, lambda _: -math.inf)
        assert len(all_of_them[-1][0]) == 6

    def test_nothing_left_to_choose(self, name: str) -> None:
        genomes = {
            genome
            for population, _ in climb(make_sampler(settings(name, **FROZEN), KEY), 4)
            for genome in population
        }
        (genome,) = genomes
        assert genome.hidden_layers == (1,)
        assert all(getattr(genome, gene) == low for gene, (low, _) in NUMBERS.items())

    @pytest.mark.parametrize("free", ["swarm_size", "jump_size", "activation", "depth"])
    def test_one_thing_to_choose(self, name: str, free: str) -> None:
        limits = {**FROZEN, "bounds": {gene: at for gene, at in NUMBERS.items() if gene != free}}
        limits["choices"] = FROZEN["choices"] | (
            {"activation": ("relu", "tanh", "gelu")} if free == "activation" else {}
        )
        limits["max_depth"] = 3 if free == "depth" else 1
        past = climb(
            make_sampler(settings(name, population=8, elitism=0, mutation=0.9, **limits), KEY), 6
        )
        seen = {
            genome.hidden_layers if free == "depth" else getattr(genome, free)
            for p, _ in past
            for genome in p
        }
        assert len(seen) > 1

    @pytest.mark.parametrize("population", [2, 3, 30])
    def test_populations_of_any_size(self, name: str, population: int) -> None:
        past = climb(make_sampler(settings(name, population=population, elitism=1), KEY), 4)
        assert [len(genomes) for genomes, _ in past] == [population] * 4

    def test_interrupted_anywhere(self, name: str) -> None:
        """Replaying what was told, in any order, and going on comes to the same evaluations."""
        chosen = settings(name, generations=4, repeats=2, population=4)
        whole = finish(Search(chosen))
        told = sorted(
            whole.evaluations, key=lambda e: (e.task.generation, e.task.individual, e.task.repeat)
        )
        for cut in (0, 7, 8, 13, len(told)):
            recorded = random.Random(cut).sample(told[:cut], cut)
            assert outcome(finish(Search.replay(chosen, recorded))) == outcome(whole)
        assert max(e.task.repeat for e in told) >= 2  # the elite is trained again

    def test_search(self, name: str, tmp_path: Path) -> None:
        """Real trainings, recorded; read again, the run has the settings that it was given."""
        data = shoal.load_dataset("concrete")
        small = {
            "population": 3,
            "generations": 2,
            "repeats": 1,
            "iterations": 3,
            "workers": 1,
            "max_width": 8,
        }
        result = shoal.search(data, store=tmp_path / "shoal.db", sampler=name, **small)
        assert (result.run.state, result.run.settings.sampler, len(result.generations)) == (
            "finished",
            name,
            2,
        )
        assert result.champion is not None
        replayed = Search.replay(result.run.settings, result.evaluations)
        assert (replayed.done, outcome(replayed)) == (True, result.result_hash)


@pytest.mark.parametrize("name", NAMES)
def test_who_learns_goes_where_fitness_grows(name: str) -> None:
    """Up the hill, and down where down is better. The random one goes nowhere."""
    ends = []
    for sign in (1, -1):
        sampler = make_sampler(settings(name, population=10), KEY)
        population, _ = climb(sampler, 10, lambda genome: sign * height(genome))[-1]  # noqa: B023
        ends.append(statistics.fmean(height(genome) for genome in population[2:]))
    assert (ends[0] == ends[1]) if name == "random" else (ends[0] > ends[1] + 0.5), ends


ELSEWHERE = """
from test_samplers import *
for name in NAMES:
    print(name, *[genome.hash for population, _ in climb(make_sampler(settings(name), KEY), 5) for genome in population])
"""


def test_the_same_in_another_process() -> None:
    """Whatever its hash seed, with warnings as errors; and nothing is said on the way."""
    path = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    said = []
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONPATH": path, "PYTHONHASHSEED": seed}
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", ELSEWHERE],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stderr == ""
        said.append(done.stdout)
    here = [
        [
            name,
            *[
                genome.hash
                for population, _ in climb(make_sampler(settings(name), KEY), 5)
                for genome in population
            ],
        ]
        for name in NAMES
    ]
    assert said == ["".join(" ".join(line) + "\n" for line in here)] * 2


def test_random_covers_the_space_and_the_others_begin_in_the_initial_ranges() -> None:
    chosen = settings("random", population=400)
    genomes = make_sampler(chosen, KEY).population(())
    for gene in chosen.space.numeric:
        values = sorted(getattr(genome, gene.name) for genome in genomes)
        middle = math.sqrt(gene.low * gene.high) if gene.log else (gene.low + gene.high) / 2
        if gene.name != "num_informants":  # below swarm_size
            assert 0.4 < sum(value < middle for value in values) / 400 < 0.6, gene.name
    widths = [width for genome in genomes for width in genome.hidden_layers]
    assert 0.4 < sum(width < 32 for width in widths) / len(widths) < 0.6
    assert {len(genome.hidden_layers) for genome in genomes} == {1, 2, 3}
    informants = [genome.num_informants / genome.swarm_size for genome in genomes]
    assert 0.4 < sum(share < 0.5 for share in informants) / 400 < 0.6
    for name in ("genetic", "tpe"):
        first = make_sampler(settings(name), KEY).population(())
        assert first == tuple(initial_genome(settings(name).space, KEY, i) for i in range(6))


def test_optuna_is_left_as_it_was() -> None:
    import optuna

    before = optuna.logging.get_verbosity()
    climb(make_sampler(settings("tpe"), KEY), 2)
    assert optuna.logging.get_verbosity() == before != optuna.logging.ERROR


@pytest.mark.parametrize(("name", "package"), [("tpe", "optuna"), ("cmaes", "cmaes")])
def test_missing_extra(
    name: str, package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        registry, "find_spec", lambda wanted: None if wanted == package else find_spec(wanted)
    )
    with pytest.raises(
        SettingsError, match=rf"needs the package {package}.*pip install 'shoal\[analysis\]'"
    ):
        make_sampler(settings(name), KEY)
    for others in set(NAMES) - {name}:
        make_sampler(settings(others), KEY)
    data, store = shoal.load_dataset("concrete"), tmp_path / "shoal.db"
    with pytest.raises(SettingsError, match="pip install"):
        shoal.search(data, store=store, sampler=name, generations=1, iterations=1)
    with pytest.raises(SettingsError, match="pip install"):
        shoal.TrainManager(store, sampler=name)
    assert not list(tmp_path.iterdir())


def test_missing_extra_on_the_command_line(tmp_path: Path) -> None:
    code = "import sys; sys.modules['optuna'] = None; from shoal.cli.main import main; main()"
    arguments = [
        "run",
        "--sampler",
        "tpe",
        "--generations",
        "1",
        "--iterations",
        "1",
        "--store",
        str(tmp_path / "shoal.db"),
    ]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "sampler='tpe'" in done.stderr
    assert "pip install 'shoal[analysis]'" in done.stderr
    assert not list(tmp_path.iterdir())


def test_a_run_of_before_is_genetic() -> None:
    recorded = SearchSettings().to_dict()
    assert recorded.pop("sampler") == "genetic"
    assert SearchSettings.parse(recorded).sampler == "genetic"
