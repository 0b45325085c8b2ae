"""Budgets by name stand for settings, and what a user gives wins."""

from __future__ import annotations

from pathlib import Path

import pytest

from shoal.cli.run_input import read_run_input
from shoal.errors import SettingsError
from shoal.settings.budgets import BUDGETS, DEFAULT, find_budget, with_budget
from shoal.settings.search_settings import SearchSettings

SET = ("generations", "population", "iterations", "max_seconds")


def settings(name: str | None, **given: object) -> SearchSettings:
    return SearchSettings.parse(with_budget(name, given, {}))


def test_the_default_budget_is_what_a_search_does_without_one() -> None:
    assert settings(DEFAULT) == settings(None) == SearchSettings.parse({})


@pytest.mark.parametrize("preset", ["modern", "classic", "simulation", "function"])
@pytest.mark.parametrize("name", list(BUDGETS))
def test_each_budget_makes_settings_of_each_preset(name: str, preset: str) -> None:
    got = settings(name, preset=preset)
    usual = SearchSettings.parse({"preset": preset})
    changed = {n for n, value in got.to_dict().items() if usual.to_dict()[n] != value}
    assert changed <= {*SET, "elitism"}
    # A record says what was done, and reads back as that.
    assert SearchSettings.recorded(got.to_dict()) == got


def test_budgets_are_what_the_reference_says() -> None:
    table = {name: tuple(getattr(settings(name), setting) for setting in SET) for name in BUDGETS}
    assert table == {
        "quick": (1, 6, 800, None),
        "default": (2, 12, 1600, None),
        "thorough": (10, 24, 1600, None),
        "overnight": (100_000, 24, 1600, 28_800.0),
    }


def test_what_is_given_wins_over_the_budget() -> None:
    got = settings("quick", generations=7)
    assert (got.generations, got.population) == (7, 6)


def test_an_unknown_budget_is_refused_by_name() -> None:
    with pytest.raises(SettingsError, match="did you mean 'quick'") as refused:
        find_budget("quik")
    assert "overnight" in str(refused.value)
    with pytest.raises(SettingsError):
        find_budget(3)


def test_the_command_line_and_a_file_take_a_budget(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text('budget = "quick"\npopulation = 9\n')
    from_file = read_run_input({"data": "concrete"}, file).settings
    assert (from_file.generations, from_file.population, from_file.iterations) == (1, 9, 800)
    given = read_run_input({"data": "concrete", "budget": "thorough"}, file).settings
    assert (given.generations, given.population) == (10, 9)
    simulation = read_run_input({"data": "lost-sales", "budget": "quick"}, None).settings
    assert (simulation.generations, simulation.population, simulation.iterations) == (1, 4, 25)
