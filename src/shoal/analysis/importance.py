"""Which genes matter for the score, and how sure that is.

The measure is permutation importance [1]_ of extremely randomised trees [2]_, over bootstraps. Each
bootstrap draws the genomes anew with replacement. A forest learns the score from genes on them.
It then predicts the genomes that were not drawn, once as they are, and once for each gene with that
gene shuffled. What the shuffling adds to the mean absolute error is the gene's importance. Its unit
is that of a difference of scores, for accuracies percentage points. The spread over bootstraps
gives the interval.

The share of the held-out variance that the forest explains (R2) says whether any of it means
something.

References
----------
.. [1] L. Breiman, "Random Forests", Machine Learning 45, 2001.
.. [2] P. Geurts, D. Ernst and L. Wehenkel, "Extremely randomized trees", Machine Learning 63, 2006.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shoal.analysis.comparable_scores import FlooredScores, floored_scores
from shoal.analysis.gene_features import GeneFeature, gene_features
from shoal.errors import AnalysisError
from shoal.objectives.registry import Metric
from shoal.system.one_import import ONE_IMPORT

# Genomes, below which nothing is said.
LEAST = 20
# Genomes that a forest learns from. More would take longer than a page may.
MOST = 1_000

BOOTSTRAPS = 16
TREES = 16
# Genomes in a leaf of a tree, at least.
_LEAF = 3

# Of `enough_genomes`: the shares of the genomes that are learned from, the fewest of them, by how
# much more is asked for, and how far beyond what there is a line is followed.
_SHARES = (0.25, 0.5, 0.75, 1.0)
_LEAST_OF_CURVE = 10
_CAUTION = 2.0
_FARTHEST = 20.0

# Shares of the held-out variance, below which the importances say nothing, or only their order.
USELESS_R2 = 0.2
_GOOD_R2 = 0.6


@dataclass(frozen=True, slots=True)
class MeanInterval:
    """A mean with its 95 % interval."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class GeneImportance:
    """How much worse scores are predicted without knowledge of a gene.

    Attributes
    ----------
    name, label
        The gene, and what people call it.
    loss
        What not knowing it adds to the mean absolute error, in `Metric.difference_unit`.
    """

    name: str
    label: str
    loss: MeanInterval

    @property
    def clear(self) -> bool:
        """Whether the whole interval lies above zero."""
        return self.loss.low > 0.0


@dataclass(frozen=True, slots=True)
class Importances:
    """The importances of all genes that vary.

    Attributes
    ----------
    genes
        The most important first.
    r2
        Share of the variance that the forest explains of genomes that it has not seen.
    genomes, learned
        How many genomes were recorded, and how many of them were taken, at random.
    failed, worse, floor
        How many failed, how many scored worse than the floor, and the floor, in the metric's unit,
        as which both counted.
    metric
        What the scores are scores of.
    fixed
        Labels of the genes that do not vary.
    enough
        Where the bars mean nothing: how many genomes would probably be enough, see
        `enough_genomes`; None where that cannot be said.
    """

    genes: tuple[GeneImportance, ...]
    r2: MeanInterval
    genomes: int
    learned: int
    failed: int
    worse: int
    floor: float
    metric: Metric
    fixed: tuple[str, ...] = ()
    enough: int | None = None

    @property
    def means_something(self) -> bool:
        """Whether the model explains enough that its bars say anything."""
        return self.r2.mean >= USELESS_R2 and self.r2.low > 0.0

    @property
    def trust(self) -> str:
        """What the R2 means for a reader."""
        share = max(0.0, self.r2.mean)
        explained = (
            f"The model explains {100 * share:.0f} % of the variance of genomes "
            "that it has not seen"
        )
        if not self.means_something:
            return f"{explained}: do not trust the bars."
        if share < _GOOD_R2:
            return f"{explained}: the order of the larger bars means something."
        return f"{explained}: a good model."


def importances(genomes: pd.DataFrame, metric: Metric, *, seed: int = 0) -> Importances:
    """How important every gene is for the score; each layer's width and their number count too.

    Parameters
    ----------
    genomes
        A row for each genome, with a column for each gene and ``score`` (see
        `EvaluationTable.genomes` and `with_comparable_scores`).
    metric
        What the scores are scores of.
    seed
        The same table and seed give the same numbers.

    Raises
    ------
    AnalysisError
        There are fewer than `LEAST` genomes, or scores or genes do not vary.
    """
    model = Model.of(genomes, metric, seed)
    rng = np.random.default_rng(seed)
    bootstraps = []
    for _ in range(BOOTSTRAPS):
        bootstrap = model.bootstrap(rng)
        if bootstrap is not None:
            bootstraps.append(bootstrap)
    if len(bootstraps) < BOOTSTRAPS // 2:
        raise AnalysisError(
            "Nearly all genomes are equally good, so that nothing can be learned from their "
            "differences.",
            remedy="let the search go on",
        )

    losses = np.array([bootstrap.losses for bootstrap in bootstraps])
    ranked = []
    # Of equally important genes the first stays first: the order must not depend on the sort.
    for place in np.argsort(-np.mean(losses, axis=0), kind="stable"):
        feature = model.features[int(place)]
        loss = _mean_interval([float(value) for value in losses[:, place]])
        ranked.append(GeneImportance(feature.name, feature.label, loss))

    found = Importances(
        genes=tuple(ranked),
        r2=_mean_interval([bootstrap.r2 for bootstrap in bootstraps]),
        genomes=len(genomes),
        learned=len(model.y),
        failed=model.scores.failed,
        worse=model.scores.worse,
        floor=model.scores.floor,
        metric=metric,
        fixed=model.fixed,
    )
    if found.means_something:
        return found
    return replace(found, enough=enough_genomes(model, seed=seed))


def enough_genomes(model: Model, *, seed: int = 0) -> int | None:
    """How many genomes would probably be enough for bars that mean something.

    The forest is grown on a quarter, a half, three quarters and all of the genomes, and each time
    predicts those that it has not seen. Through the mean R2 of each size n goes the line
    ``R2 = a - b / n``, by least squares: what a model has to learn falls roughly with the number of
    examples [1]_. The answer is the n at which the line reaches 0.2, times `_CAUTION`, as a run
    seldom explores as evenly as a random half of another does.

    Parameters
    ----------
    model
        The genomes and their scores.
    seed
        The same model and seed give the same number.

    Returns
    -------
    int or None
        Rounded up to two digits. None where more genomes do not raise the R2 beyond two standard
        errors, where it would stay below 0.2 for ever, and where the answer is more than
        `_FARTHEST` times what there is: so far no line of four points can be followed.

    References
    ----------
    .. [1] S. Amari, N. Fujita, S. Shinomoto, "Four Types of Learning Curves", Neural Computation 4,
       1992.
    """
    rng = np.random.default_rng(seed)
    count = len(model.y)
    sizes = []
    reached = []
    errors = []
    for share in _SHARES:
        size = int(share * count)
        if size < _LEAST_OF_CURVE:
            continue
        found = [model.explained(rng, size) for _ in range(BOOTSTRAPS)]
        known = [value for value in found if value is not None]
        if known:
            sizes.append(float(size))
            reached.append(float(np.mean(known)))
            errors.append(float(np.std(known)) / math.sqrt(len(known)))
    if len(sizes) < 3:
        return None

    slope, limit = np.polyfit(1.0 / np.array(sizes), reached, 1)
    # A gain that chance alone explains is none.
    gain = reached[-1] - reached[0]
    if slope >= 0.0 or limit <= USELESS_R2 or gain < 2.0 * math.hypot(errors[0], errors[-1]):
        return None
    # At least what there is: that was not enough.
    wanted = _CAUTION * max(float(count), -slope / (limit - USELESS_R2))
    if wanted > _FARTHEST * count:
        return None
    unit = 10.0 ** (math.floor(math.log10(wanted)) - 1)
    return int(math.ceil(wanted / unit) * unit)


def _mean_interval(values: Sequence[float]) -> MeanInterval:
    middle = float(np.mean(values))
    half = 1.96 * float(np.std(values, ddof=1))
    return MeanInterval(middle, middle - half, middle + half)


@dataclass(frozen=True, slots=True, eq=False)
class _Bootstrap:
    """What one bootstrap says: ``losses`` (features,) in the metric's unit, and the forest's R2."""

    losses: NDArray[np.float64]
    r2: float


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """What a forest learns from.

    Attributes
    ----------
    x
        The features in columns, (genomes, columns): one for a number, one for each value of a
        choice.
    y
        Scores in the metric's unit, none worse than the floor, (genomes,).
    columns
        The columns of ``x`` that belong to each feature.
    features
        The features that vary, of these genomes.
    fixed
        Labels of the features that do not vary.
    scores
        The scores of the whole table.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    columns: tuple[NDArray[np.int64], ...]
    features: tuple[GeneFeature, ...]
    fixed: tuple[str, ...]
    scores: FlooredScores

    @classmethod
    def of(cls, genomes: pd.DataFrame, metric: Metric, seed: int = 0) -> Model:
        """Take at most `MOST` genomes of the table, drawn at random.

        Raises `AnalysisError`; see `importances`.
        """
        if len(genomes) < LEAST:
            raise AnalysisError(
                f"{len(genomes)} genomes are too few to say which gene matters.",
                expected=f"{LEAST} or more, and better a hundred",
                remedy="let the search go on, or raise its generations or population",
            )

        scores = floored_scores(genomes["score"], metric)
        rng = np.random.default_rng(seed)
        rows = np.arange(len(genomes))
        if len(rows) > MOST:
            rows = np.sort(rng.choice(rows, MOST, replace=False))

        everything = [feature.of(rows) for feature in gene_features(genomes)]
        varying = tuple(feature for feature in everything if feature.varies)
        y = scores.values[rows]
        if not varying or np.ptp(y) == 0.0:
            same = _scores_word(metric) if varying else "genes"
            raise AnalysisError(
                f"The {same} of all {len(genomes):,} genomes are the same.",
                remedy="search more widely",
            )

        blocks = []
        columns = []
        start = 0
        for feature in varying:
            block = _columns_of(feature, rng)
            end = start + block.shape[1]
            blocks.append(block)
            columns.append(np.arange(start, end))
            start = end

        fixed = tuple(
            feature.label for feature in everything if not feature.varies and feature.used.any()
        )
        return cls(np.hstack(blocks), y, tuple(columns), varying, fixed, scores)

    def forest(self, rows: NDArray[np.int64], seed: int, trees: int = TREES) -> Any:
        """A forest that has learned the score from the genes of some genomes.

        Parameters
        ----------
        rows
            The genomes to learn from, by row; a row may occur twice (bootstrap).
        seed
            Of the forest's own random generator: equal seeds give equal forests.
        trees
            How many trees it has.

        Returns
        -------
        sklearn.ensemble.ExtraTreesRegressor
            Fitted; it predicts scores in the metric's unit.
        """
        # scikit-learn takes a second to load, and few commands need it.
        with ONE_IMPORT:
            from sklearn.ensemble import ExtraTreesRegressor

        learner = ExtraTreesRegressor(
            trees, min_samples_leaf=_LEAF, max_features=0.5, random_state=seed
        )
        return learner.fit(self.x[rows], self.y[rows])

    def explained(self, rng: np.random.Generator, size: int) -> float | None:
        """The R2 of a forest for genomes that it has not seen, when it learned from some others.

        Parameters
        ----------
        rng
            Draws the genomes.
        size
            How many genomes are drawn without replacement; a bootstrap of these is learned from.

        Returns
        -------
        float or None
            None where the genomes that were not drawn are all alike.
        """
        chosen = rng.choice(len(self.y), size, replace=False)
        drawn = rng.choice(chosen, size)
        left_out = np.setdiff1d(chosen, drawn)
        truth = self.y[left_out]
        if len(left_out) < 2 or np.ptp(truth) == 0.0:
            return None
        forest = self.forest(drawn, int(rng.integers(2**31)))
        residual = ((forest.predict(self.x[left_out]) - truth) ** 2).sum()
        return 1.0 - float(residual / ((truth - truth.mean()) ** 2).sum())

    def bootstrap(self, rng: np.random.Generator) -> _Bootstrap | None:
        """Learn from genomes drawn with replacement, and predict those that were not drawn.

        Returns None where the genomes that were not drawn are all alike.
        """
        count = len(self.y)
        drawn = rng.integers(count, size=count)
        left_out = np.setdiff1d(np.arange(count), drawn)
        truth = self.y[left_out]
        if len(left_out) < 2 or np.ptp(truth) == 0.0:
            return None

        # The first copy stays as it is. In each of the others one feature is shuffled.
        copies = np.repeat(self.x[None, left_out], len(self.features) + 1, axis=0)
        for copy, columns in zip(copies[1:], self.columns, strict=True):
            copy[:, columns] = copy[rng.permutation(len(left_out))][:, columns]

        forest = self.forest(drawn, int(rng.integers(2**31)))
        predicted = forest.predict(copies.reshape(-1, self.x.shape[1]))
        predicted = predicted.reshape(len(copies), len(left_out))

        errors = np.abs(predicted - truth).mean(axis=1)
        residual = ((predicted[0] - truth) ** 2).sum()
        variance = ((truth - truth.mean()) ** 2).sum()
        return _Bootstrap(losses=errors[1:] - errors[0], r2=1.0 - float(residual / variance))


def _scores_word(metric: Metric) -> str:
    return "accuracies" if metric.is_accuracy else "scores"


def _columns_of(feature: GeneFeature, rng: np.random.Generator) -> NDArray[np.float64]:
    """The columns of a feature, (genomes, columns): one for each choice that occurs, or one number.

    The width of a layer that a genome has not got is drawn from those of the others. Any fixed
    value would betray the number of layers, which has a column of its own.
    """
    if feature.choices:
        is_chosen: NDArray[np.bool_] = feature.values[:, None] == np.unique(feature.values)
        return is_chosen.astype(np.float64)

    values = feature.scaled.copy()
    if feature.name.startswith("width") and not feature.used.all():
        missing = ~feature.used
        values[missing] = rng.choice(values[feature.used], int(missing.sum()))
    return values[:, None]
