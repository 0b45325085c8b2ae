"""Champions of small tables, trained in a moment, for what is said of models."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

import shoal
from shoal.analysis.champion_rows import ChampionRows, champion_rows
from shoal.objectives.metrics import Metrics, Scores
from shoal.problems.table import TableProblem
from shoal.settings.search_settings import SearchSettings
from shoal.tuning.champion import Champion

_GENOME = shoal.Genome(hidden_layers=(4,))


def customers(rows: int = 400) -> pd.DataFrame:
    """Customers: `left` follows plan and usage, `noise` says nothing, dates and gaps are there."""
    random = np.random.default_rng(5)
    days = pd.to_datetime("2023-01-01") + pd.to_timedelta(random.integers(0, 600, rows), "D")
    frame = pd.DataFrame(
        {
            "usage": random.normal(50, 10, rows).round(1),
            "plan": random.choice(["basic", "plus", "pro"], rows),
            "since": days.strftime("%Y-%m-%d"),
            "noise": random.normal(size=rows),
        }
    )
    pull = 0.25 * (frame["usage"] - 50) + 3 * (frame["plan"] == "basic") - 2
    frame["left"] = np.where(pull + random.logistic(0, 0.6, rows) > 0, "yes", "no")
    frame["paid"] = 3 * frame["usage"] + 40 * (frame["plan"] == "pro")
    frame.loc[random.choice(rows, 15, replace=False), "usage"] = np.nan
    return frame


def champion_of_table(
    frame: pd.DataFrame,
    target: Any,
    *,
    networks: int = 3,
    metric: str | None = None,
    objective: Any = None,
    **options: Any,
) -> ChampionRows:
    """The test rows with networks that were trained for a moment, each on its own stream."""
    data = shoal.load_dataset(frame, target, folds=1, **options)
    trained = []
    for repeat in range(networks):
        trained.append(shoal.train(data, _GENOME, iterations=150, seed=1, repeat=repeat))

    problem = TableProblem(data, SearchSettings(metric=metric, objective=objective))
    scores = Scores(train=Metrics(accuracy=0.0))
    champion = Champion(
        genome=_GENOME,
        selection_scores=(0.0,),
        refitted=False,
        weights=np.stack([own.weights for own in trained]),
        scores=scores,
        ensemble=scores,
        shares=(0.5, *[0.5 / (networks - 1)] * (networks - 1)) if networks > 1 else (1.0,),
        metric=problem.metric,
    )
    return champion_rows(problem, champion)
