"""Which genes matter for the accuracy, and how sure that is.

Permutation importance (Breiman, "Random Forests", Machine Learning 45, 2001) of extremely randomised trees (Geurts, Ernst
and Wehenkel, Machine Learning 63, 2006), over bootstraps: each time the genomes are drawn anew with replacement, a forest
learns accuracy from genes on them, and the genomes that were not drawn are predicted, once as they are and once for each gene
with that gene shuffled. What the shuffling adds to the mean absolute error is the gene's importance, in percent points of
accuracy; what bootstraps disagree by is the interval. The share of the held-out variance that the forest explains (R2) says
whether any of it means something.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shoal.analysis.gene_features import GeneFeature, factors
from shoal.errors import AnalysisError
from shoal.settings.search_settings import SearchSettings

LEAST = 20  # genomes, below which nothing is said
MOST = 1_000  # genomes that a forest learns from: more take longer than a page may
BOOTSTRAPS = 16
TREES = 16
_LEAF = 3  # genomes in a tree's leaf at least
_REACH = 3.0  # how many times further below the median than the best twentieth lies above it an accuracy may count
_NARROWEST = 0.1  # percent points: the same, where nearly all genomes are alike


@dataclass(frozen=True, slots=True)
class MeanInterval:
    """A mean over bootstraps with its 95 % interval."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class GeneImportance:
    """By how many percent points predictions of the accuracy get worse without knowledge of the gene."""

    name: str
    label: str
    loss: MeanInterval

    @property
    def clear(self) -> bool:
        """Whether the interval lies above nothing at all."""
        return self.loss.low > 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """Accuracies fit for comparison (genomes,): in percent, none below ``floor``, at which failures count too.

    Swarms that explode score far below zero, by chance -200 or -1e6; left alone, one of them would outweigh all others.
    """

    values: NDArray[np.float64] = field(repr=False)
    floored: NDArray[np.bool_] = field(repr=False)  # which failed, or lie below
    floor: float
    failed: int
    below: int


@dataclass(frozen=True, slots=True)
class Importances:
    """The genes, the most important first, ``r2`` of the forest on genomes that it had not seen, and what was left out.

    Of ``genomes`` recorded ones ``learned`` were taken, at random; ``floor`` (percent) is what the ``failed`` ones, and the
    ``below`` ones that scored less, counted as. ``fixed`` are the labels of what did not vary.
    """

    genes: tuple[GeneImportance, ...]
    r2: MeanInterval
    genomes: int
    learned: int
    failed: int
    below: int
    floor: float
    fixed: tuple[str, ...] = ()

    @property
    def trust(self) -> str:
        """What the R2 means for a reader."""
        share = max(0.0, self.r2.mean)
        text = f"The model explains {100 * share:.0f} % of the variance of genomes that it has not seen"
        if share < 0.2 or self.r2.low <= 0.0:
            return f"{text}: do not trust the bars."
        return (
            f"{text}: the order of the larger bars means something."
            if share < 0.6
            else f"{text}: a good model."
        )


def comparable(
    genomes: pd.DataFrame, evaluations: pd.DataFrame, settings: SearchSettings
) -> pd.DataFrame:
    """``genomes`` with ``accuracy`` over the trainings that all of them had: the first ``settings.repeats`` of each.

    A race trains the better genomes more often and for longer, so that other means would compare genomes and the length
    of their trainings at once. Both tables as in `EvaluationTable`; NaN where one of these trainings failed. Genomes that
    have not had all of them yet are left out.
    """
    first = evaluations[evaluations["repeat"] < settings.repeats]
    told = first.groupby("genome")["accuracy"].agg(["mean", "count", "size"]).reindex(genomes.index)
    means = told["mean"].where(told["count"] == told["size"])
    return genomes.assign(accuracy=means)[told["size"] >= settings.repeats]


def scores(accuracies: pd.Series) -> Scores:
    """`Scores` of accuracies in percent, NaN for a failure. The floor lies three times as far below the median as the best
    twentieth lies above it. Raises `AnalysisError` where all failed."""
    raw = accuracies.to_numpy(dtype=np.float64, na_value=np.nan)
    finite = raw[np.isfinite(raw)]
    if not len(finite):
        raise AnalysisError(
            f"None of {len(raw):,} genomes has an accuracy.",
            expected="trainings that did not fail",
            remedy="look at what they said in the list of evaluations",
        )
    median, top = np.quantile(finite, 0.5), np.quantile(finite, 0.95)
    floor = max(float(finite.min()), float(median - max(_REACH * (top - median), _NARROWEST)))
    known = np.isfinite(raw)
    floored = ~known | (raw < floor)
    values = np.where(floored, floor, raw)
    return Scores(values, floored, floor, int((~known).sum()), int((finite < floor).sum()))


def importances(genomes: pd.DataFrame, *, seed: int = 0) -> Importances:
    """The importance of every gene for ``accuracy`` in a table of genomes (see `EvaluationTable.genomes`).

    Each width counts, and the number of layers. The same table and seed give the same numbers. Raises `AnalysisError` for
    fewer than `LEAST` genomes, and where accuracy or genes do not vary.
    """
    model = Model.of(genomes, seed)
    rng = np.random.default_rng(seed)
    losses, explained = [], []
    for _ in range(BOOTSTRAPS):
        found = model.bootstrap(rng)
        if found is not None:
            losses.append(found[0])
            explained.append(found[1])
    if len(losses) < BOOTSTRAPS // 2:
        raise AnalysisError(
            "Nearly all genomes are equally good, so that nothing can be learned from their differences.",
            remedy="let the search go on",
        )
    order = np.argsort(-np.mean(losses, axis=0), kind="stable")
    ranked = [
        GeneImportance(f.name, f.label, _estimate([own[k] for own in losses]))
        for k, f in ((int(k), model.factors[int(k)]) for k in order)
    ]
    told = model.scores
    return Importances(
        genes=tuple(ranked),
        r2=_estimate(explained),
        genomes=len(genomes),
        learned=len(model.y),
        failed=told.failed,
        below=told.below,
        floor=told.floor,
        fixed=model.fixed,
    )


def _estimate(values: Sequence[float]) -> MeanInterval:
    middle, half = float(np.mean(values)), 1.96 * float(np.std(values, ddof=1))
    return MeanInterval(middle, middle - half, middle + half)


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """What a forest learns from: ``x`` (genomes, columns), ``y`` (genomes,) in percent, and the columns of each factor."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    columns: tuple[NDArray[np.int64], ...]
    factors: tuple[GeneFeature, ...]
    fixed: tuple[str, ...]
    scores: Scores

    @classmethod
    def of(cls, genomes: pd.DataFrame, seed: int = 0) -> Model:
        """Of at most `MOST` genomes of the table, drawn at random. Raises `AnalysisError`, see `importances`."""
        if len(genomes) < LEAST:
            raise AnalysisError(
                f"{len(genomes)} genomes are too few to say which gene matters.",
                expected=f"{LEAST} or more, and better a hundred",
                remedy="let the search go on, or raise its generations or population",
            )
        told, rng = scores(genomes["accuracy"]), np.random.default_rng(seed)
        rows = np.arange(len(genomes))
        if len(rows) > MOST:
            rows = np.sort(rng.choice(rows, MOST, replace=False))
        everything = [factor.of(rows) for factor in factors(genomes)]
        varying = tuple(factor for factor in everything if factor.varies)
        y = told.values[rows]
        if not varying or np.ptp(y) == 0.0:
            what = "genes" if not varying else "accuracies"
            raise AnalysisError(
                f"The {what} of all {len(genomes):,} genomes are the same.",
                remedy="search more widely",
            )
        blocks = [_block(factor, rng) for factor in varying]
        ends = np.cumsum([block.shape[1] for block in blocks])
        columns = tuple(
            np.arange(end - block.shape[1], end) for end, block in zip(ends, blocks, strict=True)
        )
        fixed = tuple(f.label for f in everything if not f.varies and f.used.any())
        return cls(np.hstack(blocks), y, columns, varying, fixed, told)

    def forest(self, rows: NDArray[np.int64], seed: int, trees: int = TREES) -> Any:
        """A forest that has learned from these genomes."""
        from sklearn.ensemble import ExtraTreesRegressor

        learner = ExtraTreesRegressor(
            trees, min_samples_leaf=_LEAF, max_features=0.5, random_state=seed
        )
        return learner.fit(self.x[rows], self.y[rows])

    def bootstrap(self, rng: np.random.Generator) -> tuple[NDArray[np.float64], float] | None:
        """(importance of each factor, R2) on the genomes that were not drawn; None where these are all alike."""
        count = len(self.y)
        drawn = rng.integers(count, size=count)
        out = np.setdiff1d(np.arange(count), drawn)
        truth = self.y[out]
        if len(out) < 2 or np.ptp(truth) == 0.0:
            return None
        copies = np.repeat(self.x[None, out], len(self.factors) + 1, axis=0)
        for copy, own in zip(copies[1:], self.columns, strict=True):
            copy[:, own] = copy[rng.permutation(len(out))][:, own]
        forest = self.forest(drawn, int(rng.integers(2**31)))
        told = forest.predict(copies.reshape(-1, self.x.shape[1])).reshape(len(copies), len(out))
        errors = np.abs(told - truth).mean(axis=1)
        unexplained = float(((told[0] - truth) ** 2).sum() / ((truth - truth.mean()) ** 2).sum())
        return errors[1:] - errors[0], 1.0 - unexplained


def _block(factor: GeneFeature, rng: np.random.Generator) -> NDArray[np.float64]:
    """The factor's columns: one for a number, one for each choice that occurs.

    A width that a genome has not got is drawn from those of the others: any fixed value would tell the number of layers,
    which has a column of its own.
    """
    if factor.choices:
        chosen: NDArray[np.bool_] = factor.values[:, None] == np.unique(factor.values)
        return chosen.astype(np.float64)
    values = factor.scaled.copy()
    if factor.name.startswith("width") and not factor.used.all():
        values[~factor.used] = rng.choice(values[factor.used], int((~factor.used).sum()))
    return values[:, None]


SURFACE = 24  # points along each axis
_BACKGROUND = 80  # genomes over which a surface averages all other genes
_NEAR = 0.12  # of the plot's diagonal: no surface further than that from a genome


@dataclass(frozen=True, slots=True, eq=False)
class Surface:
    """The accuracy by two factors: ``z`` (len(y), len(x)) in percent over places ``x`` and ``y`` on `GeneFeature.scaled`.

    NaN where no genome is near: a model knows nothing there.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    z: NDArray[np.float64]


def surface(model: Model, one: str, other: str, *, seed: int = 0) -> Surface | None:
    """The forest's partial dependence (Friedman 2001) on two numeric factors; None where one is a choice or unknown."""
    places = {factor.name: k for k, factor in enumerate(model.factors) if not factor.choices}
    if one not in places or other not in places or one == other:
        return None
    a, b = (int(model.columns[places[name]][0]) for name in (one, other))
    grid_x, grid_y = (
        np.linspace(model.x[:, k].min(), model.x[:, k].max(), SURFACE) for k in (a, b)
    )
    rng = np.random.default_rng(seed)
    behind = model.x[rng.choice(len(model.x), min(_BACKGROUND, len(model.x)), replace=False)]
    at_x, at_y = (grid.ravel() for grid in np.meshgrid(grid_x, grid_y))
    points = np.repeat(behind[None], len(at_x), axis=0)
    points[:, :, a], points[:, :, b] = at_x[:, None], at_y[:, None]
    forest = model.forest(np.arange(len(model.y)), seed, 4 * TREES)
    z = (
        forest.predict(points.reshape(-1, model.x.shape[1]))
        .reshape(len(at_x), len(behind))
        .mean(axis=1)
    )
    used = model.factors[places[one]].used & model.factors[places[other]].used
    span_x, span_y = max(np.ptp(grid_x), 1e-12), max(np.ptp(grid_y), 1e-12)
    gaps = np.hypot(
        (at_x[:, None] - model.x[used][:, a]) / span_x,
        (at_y[:, None] - model.x[used][:, b]) / span_y,
    ).min(axis=1, initial=np.inf)
    return Surface(grid_x, grid_y, np.where(gaps <= _NEAR, z, np.nan).reshape(SURFACE, SURFACE))
