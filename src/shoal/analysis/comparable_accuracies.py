"""Accuracies of genomes on equal terms: from the same trainings, and without runaway outliers."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shoal.errors import AnalysisError
from shoal.settings.search_settings import SearchSettings

# The floor lies this many times as far below the median as the best twentieth lies above it ...
_REACH = 3.0
# ... and at least this far, in percentage points, where nearly all genomes are alike.
_LEAST_DISTANCE = 0.1


@dataclass(frozen=True, slots=True, eq=False)
class FlooredAccuracies:
    """Accuracies of genomes, none below a floor.

    Swarms that explode score far below zero, by chance -200 or -1e6. Left alone, one of them
    would outweigh all other genomes.

    Attributes
    ----------
    values
        Accuracies in percent, (genomes,). A failure counts as the floor.
    floored
        Which genomes failed, or scored below the floor, (genomes,).
    floor
        In percent.
    failed, below
        How many genomes failed, and how many scored below the floor.
    """

    values: NDArray[np.float64] = field(repr=False)
    floored: NDArray[np.bool_] = field(repr=False)
    floor: float
    failed: int
    below: int


def with_comparable_accuracies(
    genomes: pd.DataFrame, evaluations: pd.DataFrame, settings: SearchSettings
) -> pd.DataFrame:
    """The genomes, with ``accuracy`` over the trainings that all of them had.

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
        Without genomes that have not had all of these trainings yet. ``accuracy`` is NaN where
        one of them failed.
    """
    first = evaluations[evaluations["repeat"] < settings.repeats]
    by_genome = first.groupby("genome")["accuracy"].agg(["mean", "count", "size"])
    by_genome = by_genome.reindex(genomes.index)

    # pandas counts no failures among "count"; "size" has them.
    none_failed = by_genome["count"] == by_genome["size"]
    complete = by_genome["size"] >= settings.repeats
    return genomes.assign(accuracy=by_genome["mean"].where(none_failed))[complete]


def floored_accuracies(accuracies: pd.Series) -> FlooredAccuracies:
    """Accuracies in percent, NaN for a failure, with the floor that they suggest.

    Raises
    ------
    AnalysisError
        All of them failed.
    """
    raw = accuracies.to_numpy(dtype=np.float64, na_value=np.nan)
    is_finite = np.isfinite(raw)
    finite = raw[is_finite]
    if not len(finite):
        raise AnalysisError(
            f"None of {len(raw):,} genomes has an accuracy.",
            expected="trainings that did not fail",
            remedy="look at what they said in the list of evaluations",
        )

    median = np.quantile(finite, 0.5)
    best_twentieth = np.quantile(finite, 0.95)
    distance = max(_REACH * (best_twentieth - median), _LEAST_DISTANCE)
    floor = max(float(finite.min()), float(median - distance))

    floored = ~is_finite | (raw < floor)
    return FlooredAccuracies(
        values=np.where(floored, floor, raw),
        floored=floored,
        floor=floor,
        failed=int((~is_finite).sum()),
        below=int((finite < floor).sum()),
    )
