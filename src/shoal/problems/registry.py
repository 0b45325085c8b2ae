"""The kinds of problems: what is solved becomes a problem, and a problem's record one again."""

from __future__ import annotations

from shoal.data import Dataset
from shoal.problems.base import Problem
from shoal.problems.table import TableProblem
from shoal.settings.search_settings import SearchSettings

# What a search can be asked to solve.
Subject = Dataset


def make_problem(subject: Subject, settings: SearchSettings) -> Problem:
    """The problem of solving that with these settings.

    Raises
    ------
    SettingsError
        When the settings do not fit.
    """
    return TableProblem(subject, settings)
