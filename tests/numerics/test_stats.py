"""Intervals and comparisons against SciPy's, and what they mean."""

from __future__ import annotations

import math
import statistics

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from shoal.genome.genome import Genome
from shoal.genome.search_space import SearchSpace
from shoal.numerics.stats import ci95, mean, paired_difference, probability_better, welch_difference

VALUES = st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=30)


@given(VALUES)
def test_interval_is_student_s(values) -> None:
    deviation = statistics.stdev(values) / math.sqrt(len(values))
    assume(deviation > 1e-6)
    expected = stats.t.interval(0.95, len(values) - 1, mean(values), deviation)
    assert ci95(values) == pytest.approx(expected, rel=1e-6, abs=1e-9)


def test_one_value_has_no_interval() -> None:
    assert ci95([3.0]) is None
    assert ci95([]) is None
    assert ci95([2.0, 2.0]) == (2.0, 2.0)


@given(st.lists(st.tuples(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3)), min_size=2, max_size=30))
def test_probability_is_that_of_the_paired_t_test(pairs) -> None:
    ours, theirs = [a for a, _ in pairs], [b for _, b in pairs]
    differences = [a - b for a, b in pairs]
    assume(
        statistics.stdev(differences) > max(1e-6 * max(map(abs, differences)), 1e-100)
    )  # SciPy squares them
    expected = 1 - stats.ttest_rel(ours, theirs, alternative="greater").pvalue
    found = probability_better(ours, theirs)
    assert found == pytest.approx(expected, abs=1e-6)
    assert found + probability_better(theirs, ours) == pytest.approx(1.0)


def test_probability_at_its_ends() -> None:
    assert probability_better([1.0], [2.0]) is None
    assert probability_better([1.0, 2.0], [1.0, 2.0]) == 0.5
    assert probability_better([2.0, 3.0], [1.0, 2.0]) == 1.0
    assert probability_better([1.0, 2.0], [2.0, 3.0]) == 0.0
    with pytest.raises(ValueError, match="shorter"):
        probability_better([1.0, 2.0], [1.0])


def test_pairs_tell_what_means_do_not() -> None:
    """Common luck hides a difference from two intervals, not from the pairs."""
    luck = [0.0, 5.0, -4.0, 2.0, -6.0, 3.0]
    ours = [80.0 + value for value in luck]
    theirs = [
        79.5 + value + wobble
        for value, wobble in zip(luck, (0.1, -0.1, 0.0, 0.05, 0.0, -0.05), strict=True)
    ]
    low, high = ci95(ours)
    assert low < mean(theirs) < high
    assert probability_better(ours, theirs) > 0.999


@pytest.mark.parametrize(
    ("gene", "bounds", "value", "said"),
    [
        (
            "inertia_weight",
            (0.2, 0.9),
            0.9,
            "inertia_weight 0.9 lies on its upper bound, 0.9; "
            "`bounds.inertia_weight` widens it, to 2 at most",
        ),
        (
            "inertia_weight",
            (0.2, 0.9),
            0.203,
            "inertia_weight 0.203 lies on its lower bound, 0.2; "
            "`bounds.inertia_weight` widens it, to 0 at most",
        ),
        ("max_velocity", (0.01, 10.0), 10.0, "max_velocity 10 lies on its upper bound, 10"),
        (
            "max_velocity",
            (0.01, 10.0),
            9.5,
            "max_velocity 9.5 lies on its upper bound, 10",
        ),  # 0.7 % of the logarithm
        ("max_velocity", (0.01, 10.0), 5.0, None),
        ("inertia_weight", (0.0, 2.0), 0.0, None),  # there is nothing below nothing
        ("inertia_weight", (0.5, 0.5), 0.5, None),  # it may not move
        ("inertia_weight", (0.2, 0.9), 1.5, None),  # not of this search
    ],
)
def test_genes_on_their_bounds_are_named(gene, bounds, value, said) -> None:
    genome = Genome(**{"max_velocity": 0.3, "inertia_weight": 0.7, "swarm_size": 50, gene: value})
    found = SearchSpace().narrowed({gene: bounds}, {}).on_bounds(genome)
    assert [str(alarm) for alarm in found] == ([said] if said else [])
    assert all(math.isfinite(alarm.limit) for alarm in found)


@given(VALUES, VALUES)
def test_welch_is_scipys(values, others) -> None:
    assume(statistics.stdev(values) > 1e-3 and statistics.stdev(others) > 1e-3)
    found, expected = (
        welch_difference(values, others),
        stats.ttest_ind(values, others, equal_var=False),
    )
    assert found is not None
    assert (found.low, found.high) == pytest.approx(tuple(expected.confidence_interval()), abs=1e-6)
    assert min(found.probability, 1 - found.probability) == pytest.approx(
        expected.pvalue / 2, abs=1e-6
    )
    assert found.low <= found.mean <= found.high
    assert found.resolved == (expected.pvalue < 0.05) or abs(expected.pvalue - 0.05) < 1e-9


def test_differences_of_too_few_or_of_constants() -> None:
    assert welch_difference([1.0], [2.0, 3.0]) is None and paired_difference([1.0], [2.0]) is None
    equal, apart = (
        welch_difference([1.0, 1.0], [1.0, 1.0]),
        welch_difference([2.0, 2.0], [1.0, 1.0]),
    )
    assert equal is not None and equal.probability == 0.5 and not equal.resolved
    assert apart is not None and apart.probability == 1.0 and apart.resolved


@pytest.mark.parametrize("odd", [math.inf, -math.inf, math.nan])
def test_what_is_not_finite_has_no_interval_and_is_not_compared(odd: float) -> None:
    assert ci95([1.0, odd]) is None
    assert probability_better([1.0, odd], [1.0, 2.0]) is None
    assert paired_difference([1.0, odd], [1.0, 2.0]) is None
    assert welch_difference([1.0, odd], [1.0, 2.0]) is None
    assert welch_difference([1.0, 2.0], [1.0, odd]) is None


def test_a_value_that_changes_nothing_is_on_no_bound() -> None:
    space = SearchSpace().with_genes({"inertia_end", "velocity_end"})
    assert space.on_bounds(Genome(inertia_end=1.0, velocity_end=0.5)) == ()
    assert [alarm.gene for alarm in space.on_bounds(Genome(inertia_end=0.995))] == ["inertia_end"]
