"""CatCMA: an evolution strategy for numbers with categories."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from shoal.genome.genome import Genome
from shoal.numerics.philox import Key
from shoal.settings.search_settings import SearchSettings
from shoal.tuning.operators import STEP
from shoal.tuning.samplers.base import (
    _LEAST_BATCH,
    Generation,
    Past,
    Sampler,
    _genome,
    _share,
    _values,
    _widths,
)


class CmaesSampler(Sampler):
    """CatCMA: a normal distribution of the numbers in shares of their ranges, and one of each choice and of the depth.

    It starts in the middle of the initial ranges, as wide as they are. The elite is not told again: it was drawn from
    earlier distributions. What does not exist (the width of a layer that a genome lacks) pulls nowhere.
    """

    def __init__(self, settings: SearchSettings, key: Key) -> None:
        super().__init__(settings, key)
        space = self.space
        self._fixed = {
            gene.name: gene.low
            for gene in (*space.numeric, *_widths(space))
            if gene.low == gene.high
        }
        self._genes = [
            gene for gene in (*space.numeric, *_widths(space)) if gene.name not in self._fixed
        ]
        choices: dict[str, Sequence[Any]] = dict(space.categorical) | {
            "depth": range(1, space.max_depth + 1)
        }
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
                self._optimizer.tell(
                    [(self._coordinates(genome), -value) for genome, value in self._waiting[:size]]
                )
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
                [
                    _share(gene, at, starts)
                    for gene, at in ((g, getattr(g, end)) for g in self._genes)
                ]
                + [0.5] * idle
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
        for (name, allowed), at in zip(
            self._choices.items(), one_hot.argmax(axis=1).tolist(), strict=False
        ):
            values[name] = allowed[at]
        return _genome(self.space, values, values.pop("depth"))
