"""The tree-structured Parzen estimator of Optuna.

Optuna is an extra, imported only by searches that ask for it.

References
----------
J. Bergstra, R. Bardenet, Y. Bengio and B. Kégl, "Algorithms for Hyper-Parameter Optimization",
NIPS 2011.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shoal.genome.genome import Genome
from shoal.tuning.samplers.base import Past, Sampler
from shoal.tuning.samplers.encoding import depths, genome_of, width_genes


class TpeSampler(Sampler):
    """Optuna's multivariate TPE. Its first generation is that of the genetic algorithm.

    The study is built anew for each generation, from every genome met, with its latest fitness.
    A layer's width exists only in genomes that have the layer, so widths beyond the first are
    estimated one by one, from the genomes that have them. Genomes of the same generation keep
    apart: those that wait for their fitness count as bad (``constant_liar``).
    """

    def propose(self, past: Past, individuals: range) -> Sequence[Genome]:
        """What Optuna suggests after all genomes of the past."""
        if not past:
            return self.first_generation(individuals)

        import optuna

        latest_fitness: dict[Genome, float] = {}
        for population, fitness in past:
            latest_fitness.update(zip(population, fitness, strict=True))

        # Optuna would log each new study.
        verbosity = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        try:
            sampler = optuna.samplers.TPESampler(
                seed=self.library_seed(len(past)),
                # The first generation stands for Optuna's random trials at the start.
                n_startup_trials=1,
                multivariate=True,
                constant_liar=True,
            )
            study = optuna.create_study(direction="maximize", sampler=sampler)
            study.add_trials(
                [self._trial(genome, fitness) for genome, fitness in latest_fitness.items()]
            )
            return [self._suggested(study.ask()) for _ in individuals]
        finally:
            optuna.logging.set_verbosity(verbosity)

    def _distributions(self) -> dict[str, Any]:
        """Optuna's distributions of what all genomes have: genes, the first width, the depth."""
        from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

        distributions: dict[str, Any] = {}
        for gene in (*self.space.numeric, *width_genes(self.space)[:1]):
            if gene.integer:
                distribution = IntDistribution(int(gene.low), int(gene.high), log=gene.log)
            else:
                distribution = FloatDistribution(float(gene.low), float(gene.high), log=gene.log)
            distributions[gene.name] = distribution

        for name, choices in self.space.categorical:
            distributions[name] = CategoricalDistribution(choices)

        allowed = depths(self.space)
        distributions["depth"] = IntDistribution(allowed[0], allowed[-1])
        return distributions

    def _trial(self, genome: Genome, fitness: float) -> Any:
        """A genome with its fitness, as a finished trial of Optuna."""
        from optuna.trial import create_trial

        genes = genome.to_dict()
        layers = genes.pop("hidden_layers")
        widths = {f"width_{n}": width for n, width in enumerate(layers)}

        distributions = self._distributions()
        for name in widths:
            distributions[name] = distributions["width_0"]

        # In the order of the distributions, which Optuna's estimate depends on.
        params = {name: genes[name] for name in distributions if name in genes}
        params |= widths
        params["depth"] = len(layers)
        return create_trial(params=params, distributions=distributions, value=fitness)

    def _suggested(self, trial: Any) -> Genome:
        """The genome that Optuna suggests for a new trial."""
        distributions = self._distributions()
        values = {
            name: _suggest(trial, name, distribution)
            for name, distribution in distributions.items()
        }

        depth = values.pop("depth")
        for n in range(1, depth):
            name = f"width_{n}"
            values[name] = _suggest(trial, name, distributions["width_0"])
        return genome_of(self.space, values, depth)


def _suggest(trial: Any, name: str, distribution: Any) -> Any:
    from optuna.distributions import CategoricalDistribution, IntDistribution

    if isinstance(distribution, CategoricalDistribution):
        return trial.suggest_categorical(name, distribution.choices)
    if isinstance(distribution, IntDistribution):
        return trial.suggest_int(name, distribution.low, distribution.high, log=distribution.log)
    return trial.suggest_float(name, distribution.low, distribution.high, log=distribution.log)
