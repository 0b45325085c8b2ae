"""What every door asks of a search before anything of it is written."""

from __future__ import annotations

import math
import reprlib

from shoal.data import Dataset
from shoal.errors import DataError, SettingsError
from shoal.executors import check_executor_installed
from shoal.problems.table import Problem
from shoal.pso.engines import cores
from shoal.settings.search_settings import SearchSettings
from shoal.tuning.samplers.registry import check_sampler
from shoal.tuning.search import Search

FASTEST = (
    1e12  # multiply-adds a second that no core makes; docs/performance.md measures a tenth of it
)


def check_search(data: Dataset, settings: SearchSettings, name: str | None = None) -> None:
    """Raises a `ShoalError` where this makes no search.

    `DataError`: ``data`` is not prepared. `SettingsError`: a loss that does not fit the target, a ``name`` that is no text,
    time that no machine could train one generation in, or a sampler whose package is missing. `ExecutorError`: no Ray.
    """
    check_dataset(data)
    if name is not None and not isinstance(name, str):
        raise SettingsError(
            f"name={reprlib.repr(name)}.", expected="text", remedy="put it in quotes"
        )
    check_executor_installed(settings.executor)
    check_sampler(settings)
    _check_time(Problem(data, settings))


def check_dataset(data: Dataset) -> None:
    """Raises `DataError` for what is no prepared table."""
    if not isinstance(data, Dataset):
        raise DataError(
            f"{reprlib.repr(data)} is no prepared data set.",
            expected="what shoal.load_dataset gives",
            remedy="call shoal.load_dataset(data, target=...) first",
        )


def _check_time(problem: Problem) -> None:
    """Refuses a time in which the fastest machine that we can think of would not train the first genomes once each."""
    settings = problem.settings
    if (
        settings.max_seconds is None
        or settings.training_seconds is not None
        or settings.executor != "local"
    ):
        return
    least = math.fsum(problem.cost(task) for task in Search(settings).ask()) / (FASTEST * cores())
    if settings.max_seconds < least:
        raise SettingsError(
            f"max_seconds={settings.max_seconds:g} is less than one generation.",
            expected=f"more than {least:.2g}, and usually a hundred times as much, for {settings.population} genomes",
            remedy="raise it, or lower iterations or population",
        )
