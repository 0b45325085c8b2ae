"""The tree-structured Parzen estimator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shoal.genome.genome import Genome
from shoal.tuning.samplers.base import Past, Sampler, _genome, _widths


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
            genome: value
            for population, values in past
            for genome, value in zip(population, values, strict=True)
        }
        verbosity = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        try:
            sampler = optuna.samplers.TPESampler(
                seed=self._seed(len(past)),
                n_startup_trials=1,
                multivariate=True,
                constant_liar=True,
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
        found |= {
            name: CategoricalDistribution(choices) for name, choices in self.space.categorical
        }
        return found | {"depth": IntDistribution(1, self.space.max_depth)}

    def _trial(self, genome: Genome, value: float) -> Any:
        """What is known of a genome."""
        from optuna.trial import create_trial

        distributions, genes = self._distributions(), genome.to_dict()
        layers = genes.pop("hidden_layers")
        widths = {f"width_{n}": width for n, width in enumerate(layers)}
        distributions |= dict.fromkeys(widths, distributions["width_0"])
        params = (
            {name: genes[name] for name in distributions if name in genes}
            | widths
            | {"depth": len(layers)}
        )
        return create_trial(params=params, distributions=distributions, value=value)

    def _asked(self, trial: Any) -> Genome:
        from optuna.distributions import CategoricalDistribution, IntDistribution

        def suggest(name: str, distribution: Any) -> Any:
            if isinstance(distribution, CategoricalDistribution):
                return trial.suggest_categorical(name, distribution.choices)
            draw = (
                trial.suggest_int
                if isinstance(distribution, IntDistribution)
                else trial.suggest_float
            )
            return draw(name, distribution.low, distribution.high, log=distribution.log)

        distributions = self._distributions()
        values = {name: suggest(name, distribution) for name, distribution in distributions.items()}
        depth = values.pop("depth")
        values |= {
            f"width_{n}": suggest(f"width_{n}", distributions["width_0"]) for n in range(1, depth)
        }
        return _genome(self.space, values, depth)
