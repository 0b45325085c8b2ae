"""Intervals and comparisons against SciPy's, and what they mean."""

from __future__ import annotations

import math
import statistics

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from shoal.numerics.stats import ci95, mean, paired_difference, probability_better, welch_difference

NUMBERS = st.floats(-1e3, 1e3)
VALUES = st.lists(NUMBERS, min_size=2, max_size=30)
PAIRS = st.lists(st.tuples(NUMBERS, NUMBERS), min_size=2, max_size=30)


@given(VALUES)
def test_interval_is_student_s(values: list[float]) -> None:
    deviation = statistics.stdev(values) / math.sqrt(len(values))
    assume(deviation > 1e-6)

    expected = stats.t.interval(0.95, len(values) - 1, mean(values), deviation)
    assert ci95(values) == pytest.approx(expected, rel=1e-6, abs=1e-9)


def test_one_value_has_no_interval() -> None:
    assert ci95([3.0]) is None
    assert ci95([]) is None
    assert ci95([2.0, 2.0]) == (2.0, 2.0)


@given(PAIRS)
def test_probability_is_that_of_the_paired_t_test(pairs: list[tuple[float, float]]) -> None:
    ours = [a for a, _ in pairs]
    theirs = [b for _, b in pairs]
    differences = [a - b for a, b in pairs]
    # SciPy squares the differences.
    largest = max(map(abs, differences))
    assume(statistics.stdev(differences) > max(1e-6 * largest, 1e-100))

    expected = 1 - stats.ttest_rel(ours, theirs, alternative="greater").pvalue
    probability = probability_better(ours, theirs)
    opposite = probability_better(theirs, ours)
    assert probability is not None
    assert opposite is not None
    assert probability == pytest.approx(expected, abs=1e-6)
    assert probability + opposite == pytest.approx(1.0)


def test_probability_at_its_ends() -> None:
    assert probability_better([1.0], [2.0]) is None
    assert probability_better([1.0, 2.0], [1.0, 2.0]) == 0.5
    assert probability_better([2.0, 3.0], [1.0, 2.0]) == 1.0
    assert probability_better([1.0, 2.0], [2.0, 3.0]) == 0.0
    with pytest.raises(ValueError, match="shorter"):
        probability_better([1.0, 2.0], [1.0])


def test_pairs_tell_what_means_do_not() -> None:
    """Luck that both share hides a difference from two intervals, not from the pairs."""
    luck = [0.0, 5.0, -4.0, 2.0, -6.0, 3.0]
    own_luck = [0.1, -0.1, 0.0, 0.05, 0.0, -0.05]
    ours = [80.0 + shared for shared in luck]
    theirs = [79.5 + shared + own for shared, own in zip(luck, own_luck, strict=True)]

    interval = ci95(ours)
    assert interval is not None
    low, high = interval
    assert low < mean(theirs) < high
    probability = probability_better(ours, theirs)
    assert probability is not None
    assert probability > 0.999


@given(VALUES, VALUES)
def test_welch_is_scipys(values: list[float], others: list[float]) -> None:
    assume(statistics.stdev(values) > 1e-3)
    assume(statistics.stdev(others) > 1e-3)

    difference = welch_difference(values, others)
    expected = stats.ttest_ind(values, others, equal_var=False)

    assert difference is not None
    interval = tuple(expected.confidence_interval())
    assert (difference.low, difference.high) == pytest.approx(interval, abs=1e-6)
    assert difference.low <= difference.mean <= difference.high
    one_sided = min(difference.probability, 1 - difference.probability)
    assert one_sided == pytest.approx(expected.pvalue / 2, abs=1e-6)
    at_the_border = abs(expected.pvalue - 0.05) < 1e-9
    assert difference.resolved == (expected.pvalue < 0.05) or at_the_border


def test_a_sample_of_one_is_not_compared() -> None:
    assert welch_difference([1.0], [2.0, 3.0]) is None
    assert paired_difference([1.0], [2.0]) is None


def test_samples_without_spread() -> None:
    equal = welch_difference([1.0, 1.0], [1.0, 1.0])
    assert equal is not None
    assert equal.probability == 0.5
    assert not equal.resolved

    above = welch_difference([2.0, 2.0], [1.0, 1.0])
    assert above is not None
    assert above.probability == 1.0
    assert above.resolved

    below = welch_difference([1.0, 1.0], [2.0, 2.0])
    assert below is not None
    assert below.probability == 0.0
    assert below.resolved


@pytest.mark.parametrize("unusual", [math.inf, -math.inf, math.nan])
def test_what_is_not_finite_has_no_interval_and_is_not_compared(unusual: float) -> None:
    assert ci95([1.0, unusual]) is None
    assert probability_better([1.0, unusual], [1.0, 2.0]) is None
    assert paired_difference([1.0, unusual], [1.0, 2.0]) is None
    assert welch_difference([1.0, unusual], [1.0, 2.0]) is None
    assert welch_difference([1.0, 2.0], [1.0, unusual]) is None
