"""Elementary functions of one number: exact enough, and the same compiled or not."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from shoal.numerics import portable_math, scalar_math

FUNCTIONS = ["exp", "log", "sin", "cos", "tanh"]
USUAL = st.floats(-50, 50)


@njit
def compiled(number: int, x: float) -> float:
    if number == 0:
        return scalar_math.exp(x)
    if number == 1:
        return scalar_math.log(x)
    if number == 2:
        return scalar_math.sin(x)
    if number == 3:
        return scalar_math.cos(x)
    return scalar_math.tanh(x)


def same(a: float, b: float) -> bool:
    return a == b or (math.isnan(a) and math.isnan(b))


@pytest.mark.parametrize("name", FUNCTIONS)
@settings(deadline=None)
@given(x=st.floats(allow_nan=True, allow_infinity=True))
def test_compiled_and_plain_have_the_same_bits(name: str, x: float) -> None:
    assert same(getattr(scalar_math, name)(x), compiled(FUNCTIONS.index(name), x))


@pytest.mark.parametrize("name", ["exp", "sin", "cos", "tanh"])
@settings(deadline=None)
@given(x=USUAL)
def test_it_is_what_the_library_says(name: str, x: float) -> None:
    expected = getattr(math, name)(x)
    assert getattr(scalar_math, name)(x) == pytest.approx(expected, rel=3e-15, abs=1e-15)


@settings(deadline=None)
@given(x=st.floats(1e-300, 1e300))
def test_the_logarithm_is_what_the_library_says(x: float) -> None:
    assert scalar_math.log(x) == pytest.approx(math.log(x), rel=3e-15, abs=1e-15)


@settings(deadline=None)
@given(x=st.floats(1e-3, 700))
def test_it_has_the_bits_of_the_form_for_arrays(x: float) -> None:
    assert scalar_math.exp(x) == portable_math.exp(np.array(x))
    assert scalar_math.log(x) == portable_math.log(np.array(x))


@pytest.mark.parametrize("angle", [1e3, 1e5, -1e6])
def test_large_angles_are_reduced(angle: float) -> None:
    assert scalar_math.sin(angle) == pytest.approx(math.sin(angle), abs=2e-15)
    assert scalar_math.cos(angle) == pytest.approx(math.cos(angle), abs=2e-15)


def test_the_ends_of_the_line() -> None:
    assert scalar_math.exp(-math.inf) == 0.0
    assert scalar_math.tanh(math.inf) == 1.0
    assert scalar_math.tanh(-math.inf) == -1.0
    for x in (0.0, -1.0, math.inf, math.nan):
        assert math.isnan(scalar_math.log(x))
    assert math.isnan(scalar_math.sin(math.inf))
