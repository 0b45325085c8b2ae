"""Where a search of policies begins lies within how far it looks."""

from __future__ import annotations

from typing import Any

import pytest

import shoal
from shoal.problems.registry import fill_settings
from shoal.problems.simulation import usual_settings
from shoal.settings.search_settings import SearchSettings
from shoal.simulations.defaults import PLANS, SEARCHES, START_GENOMES, USUAL_PLAN, usual_plan
from shoal.simulations.registry import BUNDLED, get_simulation

SETTINGS = SearchSettings.parse({"preset": "simulation"})


@pytest.mark.parametrize("gene", SETTINGS.space.numeric, ids=lambda gene: gene.name)
def test_first_generations_lie_within_the_bounds(gene: Any) -> None:
    assert gene.low <= gene.start_low <= gene.start_high <= gene.high


@pytest.mark.parametrize("genome", START_GENOMES)
def test_start_genomes_lie_within_the_bounds(genome: Any) -> None:
    for gene in SETTINGS.space.numeric:
        assert gene.low <= getattr(genome, gene.name) <= gene.high, gene.name
    assert len(genome.hidden_layers) <= SETTINGS.max_depth
    assert max(genome.hidden_layers) <= SETTINGS.max_width


def test_what_a_user_bounds_is_bounded_beside_the_usual_bounds() -> None:
    settings = SearchSettings.parse({"preset": "simulation", "bounds": {"weight_scale": (1, 3)}})
    assert settings.bounds["weight_scale"] == (1, 3)
    assert settings.bounds["max_velocity"] == SETTINGS.bounds["max_velocity"]


def test_plans_belong_to_bundled_simulations() -> None:
    assert set(PLANS) <= set(BUNDLED)
    assert set(SEARCHES) <= set(BUNDLED)
    assert usual_plan("gym:CartPole-v1") == USUAL_PLAN


@pytest.mark.parametrize("name", BUNDLED)
def test_a_search_takes_the_plan_of_its_simulation(name: str) -> None:
    settings = SearchSettings.parse(usual_settings(get_simulation(name)))
    plan = usual_plan(name)
    own = SEARCHES.get(name, {})

    assert settings.scenarios == plan.scenarios
    assert settings.iterations == own.get("iterations", plan.iterations)
    assert {setting: getattr(settings, setting) for setting in own} == own


def test_a_simulation_of_the_same_name_is_another_one() -> None:
    def pendulum(policy: Any, scenario: Any) -> float:
        return float(policy.act((1.0,))[0])

    own = shoal.simulation(inputs=1, outputs=1)(pendulum)
    usual = usual_settings(own)
    assert own.name == "pendulum"
    assert usual["iterations"] == USUAL_PLAN.iterations != usual_plan("pendulum").iterations


def test_the_confirmations_of_a_short_search_are_as_long_as_a_training() -> None:
    for name in SEARCHES:
        settings = SearchSettings.parse(usual_settings(get_simulation(name)))
        assert settings.iterations * settings.final_factor >= usual_plan(name).iterations


@pytest.mark.parametrize(
    ("given", "most"),
    [({}, 2), ({"repeats": 1}, 2), ({"repeats": 3}, 3), ({"repeats": 3, "max_repeats": 6}, 6)],
)
def test_who_begins_with_more_repeats_gets_them(given: dict[str, int], most: int) -> None:
    usual = usual_settings(get_simulation("lost-sales"))
    settings = SearchSettings.parse(fill_settings(given, usual))
    assert settings.max_repeats == most
