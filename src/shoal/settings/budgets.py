"""Budgets by name: how much a search tries, from a first look to a night.

A name stands for a few settings, which follow from those that the search would have without it. A
record holds the settings, and not the name: it replays whatever a later version makes of the names.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shoal.errors import SettingsError
from shoal.settings.search_settings import SearchSettings

# The name of a budget that changes nothing.
DEFAULT = "default"
# Of a night, in seconds.
NIGHT = 8 * 3600.0
# Generations that no night is long enough for.
_ENDLESS = 100_000


@dataclass(frozen=True, slots=True)
class Budget:
    """A budget.

    Attributes
    ----------
    name
        What people call it, in settings files and on the command line.
    about
        What it is for, in a few words.
    generations, population, iterations
        Of the search, as a multiple of what it would have without the budget.
    max_seconds
        After which the search ends; None: never by time. Then ``generations`` is without end.
    """

    name: str
    about: str
    generations: float = 1.0
    population: float = 1.0
    iterations: float = 1.0
    max_seconds: float | None = None

    def settings(self, usual: SearchSettings) -> dict[str, Any]:
        """The settings that it stands for.

        Parameters
        ----------
        usual
            The settings of the search without a budget.

        Returns
        -------
        dict
            By name; only those that the budget changes.
        """
        values: dict[str, Any] = {}
        for name, least in (("generations", 1), ("population", 4), ("iterations", 20)):
            share = getattr(self, name)
            before = getattr(usual, name)
            if share != 1.0:
                values[name] = max(min(least, before), round(share * before))
        if self.max_seconds is not None:
            values |= {"generations": _ENDLESS, "max_seconds": self.max_seconds}
        return values


BUDGETS = {
    budget.name: budget
    for budget in (
        Budget("quick", "a first look", generations=0.5, population=0.5, iterations=0.5),
        Budget(DEFAULT, "what most searches need"),
        Budget("thorough", "for a result to keep", generations=5.0, population=2.0),
        Budget("overnight", "until eight hours are over", population=2.0, max_seconds=NIGHT),
    )
}


def find_budget(name: Any) -> Budget:
    """The budget of that name.

    Raises
    ------
    SettingsError
        There is none.
    """
    if isinstance(name, str) and name in BUDGETS:
        return BUDGETS[name]
    close = difflib.get_close_matches(str(name), BUDGETS, 1)
    remedy = f"did you mean {close[0]!r}?" if close else "leave it out for the usual one"
    raise SettingsError(f"budget={name!r}.", expected=f"one of {', '.join(BUDGETS)}", remedy=remedy)


def with_budget(name: Any, given: Mapping[str, Any], usual: Mapping[str, Any]) -> dict[str, Any]:
    """Settings that a user gives, with those of a budget where none was given.

    Parameters
    ----------
    name
        Of the budget; None: no budget.
    given
        Settings by name; they win over the budget's.
    usual
        Settings that follow from what is solved, such as its preset.

    Raises
    ------
    SettingsError
        There is no budget of that name.
    """
    if name is None:
        return dict(given)
    before = SearchSettings.parse({"preset": given["preset"]} if "preset" in given else usual)
    return {**find_budget(name).settings(before), **given}
