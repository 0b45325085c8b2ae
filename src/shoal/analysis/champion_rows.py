"""A champion's networks together, on the rows that none of them was trained on.

    rows = champion_rows(problem, champion)
    rows.together(rows.predict(rows.part.x))

What is said of a model (`input_importance`, `partial_dependence`, `diagnostics`) is said of what an
export holds: the mean of the networks' predictions, weighted by their shares, on the test part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from shoal.data import Column, Part
from shoal.data.dates import DateColumn
from shoal.data.encoder import CategoricalColumn
from shoal.errors import AnalysisError
from shoal.problems.base import Problem
from shoal.problems.table import TableProblem, as_table
from shoal.pso.engines import get_engine
from shoal.tuning.champion import Champion


@dataclass(frozen=True, eq=False)
class ChampionRows:
    """The networks of a champion, and rows that they were not trained on.

    Attributes
    ----------
    problem
        The table and the settings.
    champion
        The networks with their shares.
    part
        The rows, encoded, with their true targets.
    """

    problem: TableProblem
    champion: Champion
    part: Part

    @property
    def networks(self) -> int:
        """How many networks predict together."""
        return len(self.champion.weights)

    @cached_property
    def columns(self) -> dict[str, Column]:
        """The columns of the table that are inputs, by name."""
        return {column.name: column for column in self.problem.dataset.encoder.columns}

    @cached_property
    def blocks(self) -> dict[str, slice]:
        """By column, the network inputs that it became: one, or several that belong together."""
        blocks = {}
        start = 0
        for name, column in self.columns.items():
            end = start + len(column.inputs)
            blocks[name] = slice(start, end)
            start = end
        return blocks

    @property
    def outputs(self) -> tuple[str, ...]:
        """What is predicted: the names of the classes, or of the targets."""
        dataset = self.problem.dataset
        return dataset.classes or dataset.options.targets

    def predict(self, x: NDArray[np.float32]) -> list[NDArray[np.float64]]:
        """What each network predicts.

        Parameters
        ----------
        x
            Network inputs (rows, inputs).

        Returns
        -------
        list of ndarray
            Of each network (rows,), (rows, targets), or probabilities (rows, classes).
        """
        # Plain NumPy: the compiled engine would take seconds to load in a process that only looks.
        engine = get_engine("reference")
        part = Part(x, self.part.y, self.part.target, self.part.rows)
        genome = self.champion.genome
        weights = self.champion.weights
        return [self.problem.predictions(engine, genome, own, part) for own in weights]

    def together(self, predictions: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
        """What the networks predict together: the mean, weighted by their shares."""
        weighted = []
        for share, own in zip(self.champion.shares, predictions, strict=True):
            weighted.append(share * own)
        return np.asarray(sum(weighted))

    def score(self, predictions: NDArray[np.float64]) -> float:
        """The score of predictions for `part`, in the unit of the run's metric.

        Raises
        ------
        AnalysisError
            A prediction is not finite.
        """
        metrics = self.problem.metrics(predictions, self.part)
        if metrics is None:
            raise AnalysisError(
                "A prediction for the test rows is not finite.",
                remedy="train with standardised inputs (preset modern)",
            )
        return metrics[self.problem.metric.name]

    def sample(self, most: int, seed: int) -> ChampionRows:
        """The same with at most this number of rows, drawn at random."""
        rows = len(self.part.rows)
        if rows <= most:
            return self
        chosen = np.zeros(rows, dtype=np.bool_)
        chosen[np.random.default_rng(seed).choice(rows, most, replace=False)] = True
        return ChampionRows(self.problem, self.champion, self.part.select(chosen))


def kind_of(column: Column) -> str:
    """What a column holds, as people say it: "number", "category" or "date"."""
    if isinstance(column, CategoricalColumn):
        return "category"
    if isinstance(column, DateColumn):
        return "date"
    return "number"


def champion_rows(problem: Problem, champion: Champion) -> ChampionRows:
    """The champion of a run that solves a table, with its test rows.

    Parameters
    ----------
    problem, champion
        As `shoal.analysis.best_model.champion_of` gives them.

    Raises
    ------
    ProblemError
        The run solves no table.
    AnalysisError
        The table has no test rows. The networks were trained on all others.
    """
    table = as_table(problem, "What the inputs of a model do")
    if table.dataset.test is None:
        raise AnalysisError(
            f"The champion of {table.name} was trained on all rows of the table.",
            expected="test rows, which no network was trained on",
            remedy="search again with a test_fraction above 0",
        )
    return ChampionRows(table, champion, table.dataset.test)
