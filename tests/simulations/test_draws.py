"""Random numbers of a scenario: functions of a counter, whoever asks, in whatever order."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from shoal.numerics.philox import Purpose
from shoal.simulations.draws import LARGEST_RATE, NORMAL, UNIFORM, draw
from shoal.simulations.memory import ScenarioMemory
from shoal.simulations.scenario import Scenario
from support.scalar_philox import scalar_philox

KEY = (11, 12)
SETS = [
    Purpose.TRAINING_SCENARIO,
    Purpose.VALIDATION_SCENARIO,
    Purpose.CONFIRMATION_SCENARIO,
    Purpose.TEST_SCENARIO,
]
WORD = st.integers(0, 2**32 - 1)


def scenario(number: int = 0, purpose: int = Purpose.TRAINING_SCENARIO) -> Scenario:
    return Scenario(KEY, purpose, number)


@settings(deadline=None, max_examples=50)
@given(key=st.tuples(WORD, WORD), purpose=st.sampled_from(SETS), number=WORD)
def test_uniforms_are_the_words_of_philox(key, purpose, number) -> None:
    drawn = Scenario(key, purpose, number)
    for place in range(4):
        words = scalar_philox((place // 2, 0, number, int(purpose)), key)
        high, low = words[2 * (place % 2) :][:2]
        assert drawn.uniform() == ((high >> 5) * 2**26 + (low >> 6)) / 2**53


def test_a_scenario_begins_anew_with_the_same_numbers() -> None:
    drawn = scenario(3)
    first = [drawn.poisson(5.0), drawn.normal(), drawn.uniform(), drawn.exponential()]

    drawn.begin(4)
    assert [drawn.poisson(5.0), drawn.normal(), drawn.uniform(), drawn.exponential()] != first
    drawn.begin(3)
    assert [drawn.poisson(5.0), drawn.normal(), drawn.uniform(), drawn.exponential()] == first


@settings(deadline=None, max_examples=50)
@given(st.lists(st.sampled_from(["uniform", "normal", "exponential", "poisson"]), max_size=12))
def test_a_draw_does_not_depend_on_what_was_drawn_at_its_place_before(kinds: list[str]) -> None:
    """Policies may ask for other things at the same place: what is remembered must not answer."""

    def draws(drawn: Scenario) -> list[float]:
        return [
            drawn.poisson(3.0) if kind == "poisson" else getattr(drawn, kind)() for kind in kinds
        ]

    used = scenario(5)
    for _ in kinds:
        used.poisson(7.0)
    used.begin(5)

    assert draws(used) == draws(scenario(5))
    used.begin(5)
    assert draws(used) == draws(scenario(5))


@pytest.mark.parametrize("room", [0, 1, 3, 100])
def test_what_is_not_remembered_is_the_same(room: int) -> None:
    small = ScenarioMemory.of(KEY, Purpose.TEST_SCENARIO, remembered=room)
    large = ScenarioMemory.of(KEY, Purpose.TEST_SCENARIO)
    kinds = [UNIFORM, 5.0, NORMAL, 5.0, 200.0]
    assert [draw(small.address, k) for k in kinds] == [draw(large.address, k) for k in kinds]


def test_sets_of_scenarios_have_nothing_in_common() -> None:
    seen = set()
    for purpose in SETS:
        for number in range(50):
            seen.add(scenario(number, purpose).uniform())
            seen.add(scenario(number, purpose).seed)
    assert len(seen) == 2 * 50 * len(SETS)


@pytest.mark.parametrize("rate", [0.3, 5.0, 9.99, 10.0, 10.5, 73.0, 2000.0])
def test_poisson_numbers_are_poisson(rate: float) -> None:
    drawn = scenario(7)
    values = np.array([drawn.poisson(rate) for _ in range(20_000)])

    low, high = stats.poisson.ppf([0.01, 0.99], rate)
    edges = np.unique(np.linspace(low, high, 12).round())
    cumulative = np.concatenate([[0.0], stats.poisson.cdf(edges, rate), [1.0]])
    expected = np.diff(cumulative) * len(values)
    cells = np.searchsorted(edges, values)
    observed = np.bincount(cells, minlength=len(expected))
    kept = expected > 5
    share = expected[kept].sum()
    assert (
        stats.chisquare(observed[kept], expected[kept] * observed[kept].sum() / share).pvalue > 1e-3
    )
    assert values.mean() == pytest.approx(rate, abs=5 * math.sqrt(rate / len(values)))


def test_poisson_numbers_at_the_ends() -> None:
    drawn = scenario()
    assert [drawn.poisson(0.0) for _ in range(5)] == [0] * 5
    large = drawn.poisson(LARGEST_RATE)
    assert abs(large - LARGEST_RATE) < 6 * math.sqrt(LARGEST_RATE)
    for rate in (-1.0, math.nan, math.inf):
        with pytest.raises(ValueError, match="rate"):
            drawn.poisson(rate)


@pytest.mark.parametrize(
    ("kind", "distribution"),
    [("uniform", stats.uniform), ("normal", stats.norm), ("exponential", stats.expon)],
)
def test_continuous_numbers_have_their_distribution(kind: str, distribution) -> None:
    drawn = scenario(9)
    values = [getattr(drawn, kind)() for _ in range(20_000)]
    assert stats.kstest(values, distribution.cdf).pvalue > 1e-3


def test_arguments_move_and_stretch() -> None:
    plain, moved = scenario(1), scenario(1)
    assert moved.uniform(2.0, 6.0) == 2.0 + 4.0 * plain.uniform()
    assert moved.normal(1.0, 3.0) == 1.0 + 3.0 * plain.normal()
    assert moved.exponential(2.0) == 2.0 * plain.exponential()


def test_integers_are_below_their_number() -> None:
    drawn = scenario(2)
    values = [drawn.integers(6) for _ in range(6000)]
    assert set(values) == set(range(6))
    assert np.bincount(values).min() > 880
    with pytest.raises(ValueError, match="at least 1"):
        drawn.integers(0)


def test_the_numbers_of_a_scenario_are_those_of_every_machine() -> None:
    drawn = scenario(1)
    numbers = [drawn.uniform(), drawn.normal(), drawn.exponential(), drawn.poisson(5.0)]
    numbers += [drawn.poisson(50.0), drawn.seed]
    assert [float(number).hex() for number in numbers] == GOLDEN


GOLDEN = [
    "0x1.7ae3faa5a2652p-1",
    "0x1.7c1f95dd3262fp-1",
    "0x1.24a704f877988p-4",
    "0x1.0000000000000p+2",
    "0x1.8800000000000p+5",
    "0x1.8e51866000000p+31",
]
