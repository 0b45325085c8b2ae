"""Samplers: which genomes a generation has, given the generations before it. One contract, and what keeps it.

    sampler = make_sampler(settings, key)
    past = []
    while True:
        population = sampler.population(past)
        past.append((population, tuple(fitness(genome) for genome in population)))

"genetic" is `shoal.tuning.operators`; "random" draws over the whole bounds; "tpe" is the tree-
structured Parzen estimator (Bergstra et al., "Algorithms for Hyper-Parameter Optimization", NIPS
2011) of Optuna; "cmaes" is the evolution strategy for numbers with categories (Hamano et al.,
"CatCMA: Stochastic Optimization for Mixed-Category Problems", GECCO 2024) of the package cmaes.
Both packages are an extra, and imported by those who ask for them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np

from shoal.errors import SettingsError
from shoal.genome.genome import Gene, Genome, SearchSpace
from shoal.numerics.philox import Key, Purpose, draws
from shoal.numerics.portable_math import exp, log
from shoal.tuning.operators import STEP, first_births, next_generation, repaired
from shoal.tuning.settings import SearchSettings

Generation = tuple[tuple[Genome, ...], tuple[float, ...]]  # a population, and its fitness
Past = Sequence[Generation]

SEARCHES = {"genetic": "Genetic search", "random": "Random search", "tpe": "TPE search", "cmaes": "CMA-ES search"}
_PACKAGES = {"tpe": "optuna", "cmaes": "cmaes"}
_LEAST_BATCH = 4  # solutions in an update of CMA-ES, which learns from the better half: one alone has no spread
_DIGITS = (
    6  # of a number that a library's arithmetic made: its last bit, which differs by processor, makes no other genome
)


class Sampler(ABC):
    """Proposes populations. Its obligations:

    - `population` is a pure function of settings, key and past: in another process, or asked twice, it gives the same
      genomes. An instance may keep what it has worked out, never what changes an answer.
    - It gives ``settings.population`` genomes within the settings' space, the best ``settings.elitism`` of the generation
      before first and unchanged (ties go to the earlier individual), so that these are trained again.
    - Of fitness only the order counts: larger is better, -inf (failed) worst; all of it may be -inf.
    """

    def __init__(self, settings: SearchSettings, key: Key) -> None:
        self.settings, self.space, self.key = settings, settings.space, key

    def population(self, past: Past) -> tuple[Genome, ...]:
        """The genomes of generation ``len(past)``, after those of ``past`` with their fitness, the first one first."""
        elite = _best(past[-1], self.settings.elitism) if past else ()
        return (*elite, *self._fresh(past, range(len(elite), self.settings.population)))

    @abstractmethod
    def _fresh(self, past: Past, individuals: range) -> Sequence[Genome]:
        """A new genome for each of these individuals of generation ``len(past)``."""

    def _first(self, individuals: range) -> Sequence[Genome]:
        """The first generation of samplers that learn from it: half of it from the literature, with each activation in turn."""
        births = first_births(self.space, self.settings.start, self.key, len(individuals))
        return [birth.child for birth in births]

    def _seed(self, number: int) -> int:
        """Of a library's generator in generation ``number``."""
        return int(draws(self.key, Purpose.SAMPLER, number, 0, 1)[0] * 2**32)


def make_sampler(settings: SearchSettings, key: Key) -> Sampler:
    """The sampler that the settings name. Raises `SettingsError` where what it needs is not installed."""
    check_installed(settings.sampler)
    return _SAMPLERS[settings.sampler](settings, key)


def check_installed(sampler: str) -> None:
    """Raises `SettingsError` when what the sampler needs is not installed here."""
    package = _PACKAGES.get(sampler)
    if package is not None and find_spec(package) is None:
        raise SettingsError(
            f"sampler={sampler!r} needs the package {package}, which is not installed.",
            remedy="pip install 'shoal[analysis]'",
        )


class GeneticSampler(Sampler):
    """The genetic algorithm: each generation is bred from the one before."""

    def population(self, past: Past) -> tuple[Genome, ...]:
        """`initial_genome`, then `next_generation`, which keeps the elite itself."""
        if not past:
            return tuple(self._fresh(past, range(self.settings.population)))
        return next_generation(self.space, self.settings, self.key, len(past), *past[-1])

    def _fresh(self, past: Past, individuals: range) -> Sequence[Genome]:
        return self._first(individuals)


class RandomSampler(Sampler):
    """No learning: uniform within the bounds (in the logarithm, where those span decades), from choices and depths."""

    def _fresh(self, past: Past, individuals: range) -> Sequence[Genome]:
        return [random_genome(self.space, self.key, len(past), i) for i in individuals]


def random_genome(space: SearchSpace, key: Key, generation: int, individual: int) -> Genome:
    """A genome from anywhere in the space; widths are uniform in their logarithm."""
    genes = (*space.numeric, *_widths(space))
    u = draws(key, Purpose.SAMPLER, generation, 1 + individual, len(genes) + len(space.categorical) + 1).tolist()
    values = _values(genes, u)
    for (name, choices), share in zip(space.categorical, u[len(genes) :], strict=False):
        values[name] = choices[int(share * len(choices))]
    return _genome(space, values, 1 + int(u[-1] * space.max_depth))


class TpeSampler(Sampler):
    """Optuna's multivariate TPE; its first generation is that of the genetic algorithm.

    The study is built anew each time, from every genome met, with its latest fitness. A layer's width exists where the
    depth has it, so widths beyond the first are estimated one by one, from the genomes that have them. Genomes of the same
    generation keep apart: those that wait for their fitness count as bad.
    """

    def _fresh(self, past: Past, individuals: range) -> Sequence[Genome]:
        if not past:
            return self._first(individuals)
        import optuna

        fitness = {
            genome: value for population, values in past for genome, value in zip(population, values, strict=True)
        }
        verbosity = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        try:
            sampler = optuna.samplers.TPESampler(
                seed=self._seed(len(past)), n_startup_trials=1, multivariate=True, constant_liar=True
            )
            study = optuna.create_study(direction="maximize", sampler=sampler)
            study.add_trials([self._trial(genome, value) for genome, value in fitness.items()])
            return [self._asked(study.ask()) for _ in individuals]
        finally:
            optuna.logging.set_verbosity(verbosity)

    def _distributions(self) -> dict[str, Any]:
        """Of the genes that every genome has, and of a width."""
        from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

        found: dict[str, Any] = {}
        for gene in (*self.space.numeric, *_widths(self.space)[:1]):
            kind, number = (IntDistribution, int) if gene.integer else (FloatDistribution, float)
            found[gene.name] = kind(number(gene.low), number(gene.high), log=gene.log)
        found |= {name: CategoricalDistribution(choices) for name, choices in self.space.categorical}
        return found | {"depth": IntDistribution(1, self.space.max_depth)}

    def _trial(self, genome: Genome, value: float) -> Any:
        """What is known of a genome."""
        from optuna.trial import create_trial

        distributions, genes = self._distributions(), genome.to_dict()
        layers = genes.pop("hidden_layers")
        widths = {f"width_{n}": width for n, width in enumerate(layers)}
        distributions |= dict.fromkeys(widths, distributions["width_0"])
        params = {name: genes[name] for name in distributions if name in genes} | widths | {"depth": len(layers)}
        return create_trial(params=params, distributions=distributions, value=value)

    def _asked(self, trial: Any) -> Genome:
        from optuna.distributions import CategoricalDistribution, IntDistribution

        def suggest(name: str, distribution: Any) -> Any:
            if isinstance(distribution, CategoricalDistribution):
                return trial.suggest_categorical(name, distribution.choices)
            draw = trial.suggest_int if isinstance(distribution, IntDistribution) else trial.suggest_float
            return draw(name, distribution.low, distribution.high, log=distribution.log)

        distributions = self._distributions()
        values = {name: suggest(name, distribution) for name, distribution in distributions.items()}
        depth = values.pop("depth")
        values |= {f"width_{n}": suggest(f"width_{n}", distributions["width_0"]) for n in range(1, depth)}
        return _genome(self.space, values, depth)


class CmaesSampler(Sampler):
    """CatCMA: a normal distribution of the numbers in shares of their ranges, and one of each choice and of the depth.

    It starts in the middle of the initial ranges, as wide as they are. The elite is not told again: it was drawn from
    earlier distributions. What does not exist (the width of a layer that a genome lacks) pulls nowhere.
    """

    def __init__(self, settings: SearchSettings, key: Key) -> None:
        super().__init__(settings, key)
        space = self.space
        self._fixed = {gene.name: gene.low for gene in (*space.numeric, *_widths(space)) if gene.low == gene.high}
        self._genes = [gene for gene in (*space.numeric, *_widths(space)) if gene.name not in self._fixed]
        choices: dict[str, Sequence[Any]] = dict(space.categorical) | {"depth": range(1, space.max_depth + 1)}
        self._fixed |= {name: allowed[0] for name, allowed in choices.items() if len(allowed) == 1}
        self._choices = {name: allowed for name, allowed in choices.items() if len(allowed) > 1}
        # What the optimizer has been told, so that a long search does not tell it everything for every generation.
        self._heard: list[Generation] = []
        self._waiting: list[tuple[Genome, float]] = []
        self._optimizer: Any = None

    def _fresh(self, past: Past, individuals: range) -> Sequence[Genome]:
        if not self._heard or list(past[: len(self._heard)]) != self._heard:
            self._heard, self._waiting = [], []
            self._optimizer = self._start(self.settings.population - self.settings.elitism)
        size = self._optimizer.population_size
        for population, fitness in past[len(self._heard) :]:
            self._heard.append((population, fitness))
            self._waiting += list(zip(population, fitness, strict=True))[self.settings.elitism :]
            while len(self._waiting) >= size:
                self._optimizer.tell([(self._coordinates(genome), -value) for genome, value in self._waiting[:size]])
                del self._waiting[:size]
        self._optimizer.reseed_rng(self._seed(len(past)))
        return [self._asked(*self._optimizer.ask()) for _ in individuals]

    def _start(self, fresh: int) -> Any:
        """The distribution of the first generation, which whole generations of so many fresh individuals update.

        The package wants two numbers and a choice: where a space has fewer, there are idle ones.
        """
        from cmaes import CatCMA

        idle = max(0, 2 - len(self._genes))
        starts = {gene.name: (gene.start_low + gene.start_high) / 2 for gene in self.space.numeric}
        low, high = (
            np.array(
                [_share(gene, at, starts) for gene, at in ((g, getattr(g, end)) for g in self._genes)] + [0.5] * idle
            )
            for end in ("start_low", "start_high")
        )
        spread = np.maximum((high - low) / np.sqrt(12.0), STEP)
        return CatCMA(
            mean=(low + high) / 2,
            sigma=1.0,
            cov=np.diag(spread**2),
            bounds=np.tile([0.0, 1.0], (len(low), 1)),
            cat_num=np.array([len(allowed) for allowed in self._choices.values()] or [2]),
            population_size=fresh * -(-_LEAST_BATCH // fresh),
            seed=0,
        )

    def _coordinates(self, genome: Genome) -> tuple[Any, Any]:
        """Shares of the ranges, and one-hot rows of the choices."""
        values: dict[str, Any] = genome.to_dict()
        layers = values.pop("hidden_layers")
        values |= {f"width_{n}": width for n, width in enumerate(layers)} | {"depth": len(layers)}
        x = self._optimizer.mean.copy()
        for n, gene in enumerate(self._genes):
            if gene.name in values:
                x[n] = _share(gene, values[gene.name], values)
        at = [allowed.index(values[name]) for name, allowed in self._choices.items()] or [0]
        most = max((len(allowed) for allowed in self._choices.values()), default=2)
        return x, np.arange(most) == np.array(at)[:, None]

    def _asked(self, x: Any, one_hot: Any) -> Genome:
        values = self._fixed | _values(self._genes, x.tolist(), self._fixed)
        for (name, allowed), at in zip(self._choices.items(), one_hot.argmax(axis=1).tolist(), strict=False):
            values[name] = allowed[at]
        return _genome(self.space, values, values.pop("depth"))


_SAMPLERS: dict[str, type[Sampler]] = {
    "genetic": GeneticSampler,
    "random": RandomSampler,
    "tpe": TpeSampler,
    "cmaes": CmaesSampler,
}


def _best(generation: Generation, count: int) -> tuple[Genome, ...]:
    population, fitness = generation
    order = sorted(range(len(population)), key=lambda i: (-fitness[i], i))
    return tuple(population[i] for i in order[:count])


def _widths(space: SearchSpace) -> tuple[Gene, ...]:
    """The hidden layers' widths as genes, as many as there may be."""
    start = (*space.start_layers, *[space.start_layers[-1]] * space.max_depth)
    return tuple(
        Gene(f"width_{n}", "Width", 1, space.max_width, start[n], start[n], integer=True, log=True)
        for n in range(space.max_depth)
    )


def _range(gene: Gene, values: Mapping[str, Any]) -> tuple[float, float]:
    """Where a share of the gene's range lies: a whole number has the unit from it on; informants are fewer than particles."""
    high = gene.high
    if gene.name == "num_informants":
        high = max(gene.low, min(high, int(values["swarm_size"]) - 1))
    return gene.low, high + 1 if gene.integer else high


def _values(genes: Sequence[Gene], shares: Sequence[float], known: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The genes at these shares of their ranges, in [0, 1]; ``known`` are values beside them."""
    values = dict(known or {})
    for gene, share in zip(genes, shares, strict=False):
        low, high = _range(gene, values)
        if gene.log:
            value = float(exp(np.array([_log(low) + share * (_log(high) - _log(low))]))[0])
        else:
            value = low + share * (high - low)
        values[gene.name] = min(int(value), high - 1) if gene.integer else value
    return values


def _share(gene: Gene, value: float, values: Mapping[str, Any]) -> float:
    """The reverse of `_values` for one gene."""
    low, high = _range(gene, values)
    value += 0.5 if gene.integer else 0.0
    share = _log(value / low) / _log(high / low) if gene.log else (value - low) / (high - low)
    return min(max(share, 0.0), 1.0)


def _log(value: float) -> float:
    return float(log(np.array([value]))[0])


def _genome(space: SearchSpace, values: Mapping[str, Any], depth: int) -> Genome:
    """The genome of these values, of which widths beyond ``depth`` are left out."""
    genes = {
        name: float(f"{value:.{_DIGITS}g}") if isinstance(value, float) else value
        for name, value in values.items()
        if not name.startswith("width_")
    }
    return repaired(space, genes | {"hidden_layers": [values[f"width_{n}"] for n in range(depth)]})
