"""Any sampler of Optuna, by its class: ``sampler = "optuna:CmaEsSampler"``.

Optuna is an extra, imported only by searches that ask for it.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from shoal.errors import SettingsError
from shoal.genome.genome import Genome
from shoal.numerics.philox import Key
from shoal.settings.search_settings import SearchSettings
from shoal.tuning.operators import given_genomes
from shoal.tuning.samplers.base import Generation, Past, Sampler
from shoal.tuning.samplers.encoding import depths, genome_of, width_genes


class OptunaSampler(Sampler):
    """Asks a study for new genomes, and tells it the fitness of each, generation by generation.

    The study lives in memory, and is made again from the past: the same calls with the same seed
    bring every sampler to where it was. Elites are not told again, as the study did not ask for
    them. Each trial has a width for every layer that there may be, so that all trials have the same
    parameters; the genome leaves out those beyond its depth. Genomes that a user gave are enqueued.

    Parameters
    ----------
    name
        The class in `optuna.samplers`.
    options
        Its other keyword arguments.
    """

    def __init__(self, name: str, **options: Any) -> None:
        self.name = name
        self._options = options
        self._made(0)

    def options(self) -> dict[str, Any]:
        """See `Sampler.options`."""
        return self._options

    def begin(self, settings: SearchSettings, key: Key) -> None:
        """See `Sampler.begin`."""
        super().begin(settings, key)
        self._restart()

    def propose(self, past: Past, individuals: range) -> Sequence[Genome]:
        """What the study asks for after all generations of the past."""
        with _quiet():
            told = self._told
            if len(past) < len(told) or list(past[: len(told)]) != told:
                self._restart()
            for generation in past[len(self._told) :]:
                self._tell(generation)
            if past:
                return self._asked_for(len(past), len(individuals))
            return self._asked_for(0, individuals.stop)[individuals.start :]

    def _restart(self) -> None:
        import optuna

        with _quiet():
            self._told: list[Generation] = []
            # Of each generation: trials with their genomes.
            self._asked: list[list[tuple[Any, Genome]]] = []
            sampler = self._made(self.library_seed(0))
            self._study = optuna.create_study(direction="maximize", sampler=sampler)
            for genome in given_genomes(self.space, self.settings.first_genomes):
                self._study.enqueue_trial(self._parameters(genome))

    def _made(self, seed: int) -> Any:
        """A sampler of Optuna, with a seed unless it takes none."""
        import optuna

        made = getattr(optuna.samplers, self.name, None)
        if not (isinstance(made, type) and issubclass(made, optuna.samplers.BaseSampler)):
            raise SettingsError(
                f"sampler='optuna:{self.name}'.",
                expected="a class of optuna.samplers, as TPESampler, CmaEsSampler or QMCSampler",
                remedy="correct the name",
            )
        try:
            with _quiet():
                return made(**{"seed": seed, **self._options})
        except ImportError as error:
            package = error.name or str(error)
            raise SettingsError(
                f"sampler='optuna:{self.name}' needs {package}, which is not installed.",
                remedy=f"pip install {package}",
            ) from None

    def _asked_for(self, generation: int, count: int) -> list[Genome]:
        """The new genomes of a generation; asked again, the same."""
        if generation == len(self._asked):
            trials = [self._study.ask() for _ in range(count)]
            self._asked.append([(trial, self._suggested(trial)) for trial in trials])
        return [genome for _, genome in self._asked[generation]]

    def _tell(self, generation: Generation) -> None:
        import optuna

        genomes, fitness = generation
        number = len(self._told)
        elite = min(self.settings.elitism, len(genomes)) if number else 0
        self._asked_for(number, len(genomes) - elite)
        for (trial, _), value in zip(self._asked[number], fitness[elite:], strict=True):
            if math.isfinite(value):
                self._study.tell(trial, value)
            else:
                self._study.tell(trial, state=optuna.trial.TrialState.FAIL)
        self._told.append(generation)

    def _parameters(self, genome: Genome) -> dict[str, Any]:
        """What a trial of the genome has; layers that it lacks are as wide as at the start."""
        genes = genome.to_dict()
        layers = genes.pop("hidden_layers")
        searched = {gene.name for gene in self.space.numeric} | dict(self.space.categorical).keys()
        parameters = {name: value for name, value in genes.items() if name in searched}
        for number, gene in enumerate(width_genes(self.space)):
            parameters[gene.name] = layers[number] if number < len(layers) else int(gene.start_low)
        return {**parameters, "depth": len(layers)}

    def _suggested(self, trial: Any) -> Genome:
        values: dict[str, Any] = {}
        for gene in (*self.space.numeric, *width_genes(self.space)):
            if gene.integer:
                low, high = int(gene.low), int(gene.high)
                values[gene.name] = trial.suggest_int(gene.name, low, high, log=gene.log)
            else:
                values[gene.name] = trial.suggest_float(
                    gene.name, float(gene.low), float(gene.high), log=gene.log
                )
        for name, choices in self.space.categorical:
            values[name] = trial.suggest_categorical(name, list(choices))
        allowed = depths(self.space)
        return genome_of(self.space, values, trial.suggest_int("depth", allowed[0], allowed[-1]))


@contextmanager
def _quiet() -> Iterator[None]:
    """Optuna would log each trial, and warns of what is experimental."""
    import optuna

    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        optuna.logging.set_verbosity(verbosity)
