"""What the simplest methods reach where a search is judged: lines to compare its history with.

    for line in simple_methods(problem):
        print(line.label, line.score)

Of a table, a constant and a linear model are fitted on the rows that repeats train on, and scored
on the rows that those repeats are scored on, with the run's metric. With folds, the score is the
mean over all folds. The test part is not looked at. Of a simulation or a function the lines are
what is known of it without any training (`reference_lines`).
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from shoal.analysis.known_scores import reference_scores
from shoal.numerics.stats import mean
from shoal.problems.table import TableProblem
from shoal.store import RunView
from shoal.system.shortage import is_shortage
from shoal.tuning.baselines import NAMES, Kind, score_of_simple_method

# The methods, the cheapest first.
KINDS: tuple[Kind, ...] = ("constant", "linear")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ReferenceLine:
    """A score to compare a search with.

    Attributes
    ----------
    label
        Who reaches it, such as "Linear model".
    score
        In the metric's unit.
    """

    label: str
    score: float

    def to_dict(self) -> dict[str, Any]:
        """Values that JSON can hold."""
        return {"label": self.label, "score": self.score}


def simple_methods(problem: TableProblem) -> Iterator[ReferenceLine]:
    """Fit a constant and a linear model, one after the other.

    Parameters
    ----------
    problem
        The table and the metric.

    Yields
    ------
    ReferenceLine
        The score of each method on the rows that repeats are scored on. A method that cannot be
        fitted, or that has no finite score, is left out.
    """
    for kind in KINDS:
        try:
            score = _mean_over_folds(problem, kind)
        # Whatever a library raises: a line is missing, and the page goes on.
        except Exception as error:
            if is_shortage(error):
                raise
            _log.info("no line of the method %s: %r", kind, error)
            continue
        if score is not None:
            yield ReferenceLine(NAMES[kind], score)


def reference_lines(run: RunView) -> tuple[ReferenceLine, ...]:
    """What is known of a run's simulation without any computation, the best first."""
    known = reference_scores(run)
    return tuple(ReferenceLine(score.label, score.score) for score in known)


def _mean_over_folds(problem: TableProblem, kind: Kind) -> float | None:
    """The score of a method, as the search scores a genome whose repeats meet each fold once."""
    data = problem.dataset
    folds = data.options.folds if data.fold_numbers is not None else 1
    scores = []
    for fold in range(folds):
        train_part, validation_part = data.parts(fold)
        # Without rows that validate, a search is judged by the training rows.
        scored_part = validation_part or train_part
        score = score_of_simple_method(kind, problem, train_part, scored_part)
        if score is None or not math.isfinite(score):
            return None
        scores.append(score)
    return mean(scores)
