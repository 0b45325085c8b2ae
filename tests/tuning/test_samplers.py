"""Every sampler keeps the contract of `shoal.testing`; what Optuna and cmaes are fed."""

from __future__ import annotations

import math
import os
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
from shoal.numerics.philox import derive_key
from shoal.settings.samplers import SAMPLERS
from shoal.settings.search_settings import SearchSettings
from shoal.testing import FIXED_NUMBERS, FIXED_SPACE, KEY, SamplerContract, climb, height
from shoal.tuning.operators import initial_genome
from shoal.tuning.samplers import registry
from shoal.tuning.samplers.registry import make_sampler
from shoal.tuning.search import Search
from support.searches import finish, outcome

NAMES = tuple(SAMPLERS)
# Those that propose the same genomes whatever the fitness was.
LEARN_NOTHING = ("random",)


def settings(sampler: str, **values: Any) -> SearchSettings:
    plain = {"start": (), "extra_genes": (), "racing": "fixed", "finalists": 0}
    return SearchSettings.parse(
        {"sampler": sampler, "population": 6, "elitism": 2, **plain, **values}
    )


class TestEverySampler(SamplerContract):
    """Each sampler of the registry."""

    @pytest.fixture(autouse=True, params=NAMES)
    def _one_of_them(self, request: pytest.FixtureRequest) -> None:
        self.name: str = request.param

    def sampler(self) -> str:
        return self.name


class TestSamplersOfOptuna(SamplerContract):
    """Optuna's own, by their classes."""

    @pytest.fixture(autouse=True, params=["TPE", "CmaEs", "NSGAII", "QMC", "Random"])
    def _one_of_them(self, request: pytest.FixtureRequest) -> None:
        self.name: str = request.param

    def sampler(self) -> str:
        return f"optuna:{self.name}Sampler"


def test_a_sampler_of_optuna_learns_and_takes_options() -> None:
    options = {"n_startup_trials": 4}
    made = make_sampler(settings("optuna:TPESampler", sampler_options=options), KEY)
    first, *_, last = [max(map(height, population)) for population, _ in climb(made, 12)]
    assert last > first


def test_a_search_by_a_sampler_of_optuna_can_be_replayed() -> None:
    given = settings("optuna:CmaEsSampler", generations=4, repeats=1, iterations=5)
    whole = finish(Search(given))
    again = Search.replay(given, whole.evaluations)
    assert again.done
    assert again.generations == whole.generations
    assert outcome(again) == outcome(whole)


@pytest.mark.parametrize("name", ["Nothing", "BaseSampler2", "create_study"])
def test_a_sampler_that_optuna_lacks_is_refused(name: str) -> None:
    with pytest.raises(SettingsError, match=r"a class of optuna\.samplers"):
        make_sampler(settings(f"optuna:{name}"), KEY)


def test_what_a_sampler_of_optuna_needs_besides_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import optuna

    def lacks(**options: Any) -> None:
        raise ModuleNotFoundError("No module named 'torch'", name="torch")

    monkeypatch.setattr(optuna.samplers.GPSampler, "__init__", lambda self, **_: lacks())
    with pytest.raises(SettingsError, match="needs torch, which is not installed"):
        make_sampler(settings("optuna:GPSampler"), KEY)


@pytest.mark.parametrize("name", NAMES)
class TestBeyondTheContract:
    """What Shoal's own samplers do besides."""

    def test_new_genomes_every_time(self, name: str) -> None:
        populations = [population for population, _ in climb(make_sampler(settings(name), KEY), 6)]
        new = [set(after) - set(before) for before, after in pairwise(populations)]
        assert all(len(genomes) >= 2 for genomes in new)
        assert make_sampler(settings(name), derive_key(3, 5)).population(()) != populations[0]

    def test_fitness_matters(self, name: str) -> None:
        past = climb(make_sampler(settings(name), KEY), 3)
        other = climb(make_sampler(settings(name), KEY), 3, lambda genome: -height(genome))
        assert past[0][0] == other[0][0]
        assert past[2][0] != other[2][0]

    def test_some_fail_in_the_contract(self, name: str) -> None:
        """The contract's odd swarm sizes, whose fitness is -inf there, do occur."""
        past = climb(make_sampler(settings(name), KEY), 5)
        sizes = {genome.swarm_size for population, _ in past for genome in population}
        assert {size % 2 for size in sizes} == {0, 1}

    @pytest.mark.parametrize("free", ["swarm_size", "jump_size", "activation", "depth"])
    def test_one_thing_to_choose(self, name: str, free: str) -> None:
        limits = {
            **FIXED_SPACE,
            "bounds": {gene: at for gene, at in FIXED_NUMBERS.items() if gene != free},
        }
        limits["choices"] = FIXED_SPACE["choices"] | (
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
            "baselines": False,
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
    """Up the hill, and down where down is better. Those that learn nothing go nowhere."""
    ends = []
    for sign in (1, -1):
        sampler = make_sampler(settings(name, population=10), KEY)
        population, _ = climb(sampler, 10, lambda genome: sign * height(genome))[-1]  # noqa: B023
        ends.append(statistics.fmean(height(genome) for genome in population[2:]))

    if name in LEARN_NOTHING:
        assert ends[0] == ends[1]
    else:
        assert ends[0] > ends[1] + 0.5, ends


ELSEWHERE = """
from test_samplers import *
for name in NAMES:
    past = climb(make_sampler(settings(name), KEY), 5)
    print(name, *[genome.hash for population, _ in past for genome in population])
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


def test_optuna_is_told_of_given_genomes_and_cmaes_is_not() -> None:
    own = shoal.Genome(swarm_size=33, hidden_layers=(7,), weight_scale=1 / 3, attractor="best")
    given = {"first_genomes": [own], "elitism": 0, "generations": 3}
    sampler: Any = make_sampler(settings("optuna:TPESampler", **given), KEY)
    climb(sampler, 2)
    first = sampler._study.trials[0]
    assert (first.params["swarm_size"], first.params["weight_scale"]) == (33, 1 / 3)
    assert (first.params["depth"], first.params["width_0"]) == (1, 7)
    assert first.value == height(own)

    # Whatever became of it, the distribution is the same.
    chosen = settings("cmaes", **given)
    genomes, fitness = climb(make_sampler(chosen, KEY), 1)[0]
    after = make_sampler(chosen, KEY).population([(genomes, fitness)])
    other = make_sampler(chosen, KEY).population([(genomes, (fitness[0] + 9, *fitness[1:]))])
    assert genomes[0] == own
    assert after == other


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
