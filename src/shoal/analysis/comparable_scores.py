"""Scores of genomes on equal terms: from the same trainings, and without runaway outliers."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shoal.errors import AnalysisError
from shoal.objectives.registry import Metric
from shoal.settings.search_settings import SearchSettings

# The floor is this many times as far on the bad side of the median as the best twentieth is on the
# good side ...
_REACH = 3.0
# ... and at least this far, where nearly all genomes are alike: in percentage points ...
_LEAST_DISTANCE = 0.1
# ... or, for a metric that is no percentage, as a share of the median's size.
_LEAST_SHARE = 0.001


@dataclass(frozen=True, slots=True, eq=False)
class FlooredScores:
    """Scores of genomes, none worse than a floor.

    Swarms that explode have terrible scores, by chance an accuracy of -200 or -1e6. Left alone, one
    of them would outweigh all other genomes.

    Attributes
    ----------
    values
        Scores in the metric's unit, (genomes,). A failure counts as the floor.
    floored
        Which genomes failed, or scored worse than the floor, (genomes,).
    floor
        The worst score that counts. Where smaller scores are better, it is the largest one.
    failed, worse
        How many genomes failed, and how many scored worse than the floor.
    metric
        What the scores are scores of.
    """

    values: NDArray[np.float64] = field(repr=False)
    floored: NDArray[np.bool_] = field(repr=False)
    floor: float
    failed: int
    worse: int
    metric: Metric


def with_comparable_scores(
    genomes: pd.DataFrame, evaluations: pd.DataFrame, settings: SearchSettings
) -> pd.DataFrame:
    """The genomes, with ``score`` over the trainings that all of them had.

    A race trains the better genomes more often and for longer. Their means over everything would
    compare genomes and the length of their trainings at once.

    Parameters
    ----------
    genomes, evaluations
        As in `EvaluationTable`: `EvaluationTable.genomes` and `EvaluationTable.frame`.
    settings
        Of the run; its first ``settings.repeats`` trainings of each genome count.

    Returns
    -------
    DataFrame
        Without genomes that have not had all of these trainings yet. ``score`` is NaN where one of
        them failed.
    """
    first = evaluations[evaluations["repeat"] < settings.repeats]
    by_genome = first.groupby("genome")["score"].agg(["mean", "count", "size"])
    by_genome = by_genome.reindex(genomes.index)

    # pandas counts no failures among "count"; "size" has them.
    none_failed = by_genome["count"] == by_genome["size"]
    complete = by_genome["size"] >= settings.repeats
    return genomes.assign(score=by_genome["mean"].where(none_failed))[complete]


def floored_scores(scores: pd.Series, metric: Metric) -> FlooredScores:
    """Scores, NaN for a failure, with the floor that they suggest.

    Parameters
    ----------
    scores
        (genomes,), in the metric's unit.
    metric
        What they are scores of.

    Raises
    ------
    AnalysisError
        All of them failed.
    """
    raw = scores.to_numpy(dtype=np.float64, na_value=np.nan)
    is_finite = np.isfinite(raw)
    if not is_finite.any():
        raise AnalysisError(
            f"None of {len(raw):,} genomes has {_with_article(metric)}.",
            expected="trainings that did not fail",
            remedy="look at what they said in the list of evaluations",
        )

    # The larger the fitness, the better, whatever the metric's direction.
    sign = metric.fitness(1.0)
    fitness = sign * raw
    finite = fitness[is_finite]
    median = np.quantile(finite, 0.5)
    best_twentieth = np.quantile(finite, 0.95)
    distance = max(_REACH * (best_twentieth - median), _least_distance(metric, median))
    lowest = max(float(finite.min()), float(median - distance))

    floored = ~is_finite | (fitness < lowest)
    floor = metric.score(lowest)
    return FlooredScores(
        values=np.where(floored, floor, raw),
        floored=floored,
        floor=floor,
        failed=int((~is_finite).sum()),
        worse=int((finite < lowest).sum()),
        metric=metric,
    )


def _least_distance(metric: Metric, median: float) -> float:
    """The least distance of the floor from the median, in the metric's unit."""
    if metric.unit == "%":
        return _LEAST_DISTANCE
    return _LEAST_SHARE * abs(median)


def _with_article(metric: Metric) -> str:
    return "an accuracy" if metric.is_accuracy else "a score"
