"""`shoal.minimize` and `shoal.Swarm`: laws, results, and all that a function can do wrong."""

from __future__ import annotations

import functools
import pickle
from collections.abc import Callable

import numba
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.optimize import Bounds, LinearConstraint, NonlinearConstraint

import shoal
from shoal.errors import FunctionError, GenomeError
from shoal.functions.box import make_box
from shoal.functions.calls import CheckedFunction
from shoal.functions.constraints import ranks
from shoal.functions.minimization import Progress
from shoal.genome.presets import NAMED_GENOMES, named_genome
from shoal.numerics.philox import derive_key
from shoal.simulations import TrainingPlan, get_simulation, train_policy
from shoal.update_rules import UPDATE_RULES

BOX = [(-5.0, 5.0)] * 4


def sphere(x: np.ndarray) -> np.ndarray:
    return ((x - 1.5) ** 2).sum(axis=1)


def rosenbrock(x: np.ndarray) -> np.ndarray:
    return (100 * (x[:, 1:] - x[:, :-1] ** 2) ** 2 + (1 - x[:, :-1]) ** 2).sum(axis=1)


def sphere_of_one(x: np.ndarray) -> float:
    return float(((x - 1.5) ** 2).sum())


def same(a: shoal.MinimizeResult, b: shoal.MinimizeResult) -> bool:
    numbers = (a.x.tobytes(), a.history.tobytes(), a.fun, a.nit, a.status)
    return numbers == (b.x.tobytes(), b.history.tobytes(), b.fun, b.nit, b.status)


@st.composite
def boxes(draw: st.DrawFn) -> list[tuple[float, float]]:
    dimensions = draw(st.integers(1, 6))
    bounds = []
    for _ in range(dimensions):
        low = draw(st.floats(-1e6, 1e6))
        width = draw(st.floats(0, 1e6))
        bounds.append((low, low + width))
    # A box of one point is refused.
    assume(any(low < high for low, high in bounds))
    return bounds


GENOMES = st.builds(
    lambda rule, size, velocity: shoal.Genome(
        update_rule=rule, swarm_size=size, max_velocity=velocity
    ),
    st.sampled_from(list(UPDATE_RULES)),
    st.integers(4, 12),
    st.floats(0.01, 3.0),
)


# --- laws -----------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=60)
@given(bounds=boxes(), genome=GENOMES, seed=st.integers(0, 2**64 - 1))
def test_points_stay_within_bounds_and_the_history_never_rises(bounds, genome, seed) -> None:
    lower, upper = np.array(bounds).T
    seen = []

    def loss(x: np.ndarray) -> np.ndarray:
        seen.append(x)
        return np.cos(x).sum(axis=1)

    best = shoal.minimize(loss, bounds, iterations=15, seed=seed, genome=genome)
    for x in seen:
        assert x.shape[1] == len(bounds)
        assert ((x >= lower) & (x <= upper)).all()

    assert (np.diff(best.history) <= 0).all()
    assert best.fun == best.history[-1] == np.cos(best.x).sum()
    assert best.nfev == sum(len(x) for x in seen)
    assert (best.nit, best.success, best.status, best.maxcv) == (15, True, 0, 0.0)


@settings(deadline=None, max_examples=25)
@given(genome=GENOMES, seed=st.integers(0, 2**32))
def test_equal_seeds_give_equal_bits(genome, seed) -> None:
    options = {"bounds": BOX, "iterations": 20, "genome": genome}
    first = shoal.minimize(rosenbrock, seed=seed, **options)
    assert same(first, shoal.minimize(rosenbrock, seed=seed, **options))
    assert not same(first, shoal.minimize(rosenbrock, seed=seed + 1, **options))


@settings(deadline=None, max_examples=25)
@given(
    genome=GENOMES,
    seed=st.integers(0, 2**32),
    pause=st.integers(0, 15),
    integers=st.sampled_from([None, [0, 2]]),
)
def test_ask_and_tell_equal_minimize_also_when_pickled(genome, seed, pause, integers) -> None:
    whole = shoal.minimize(
        rosenbrock, BOX, iterations=15, seed=seed, genome=genome, integers=integers
    )
    swarm = shoal.Swarm(BOX, genome, seed, integers, iterations=15)
    history = []
    for iteration in range(15):
        if iteration == pause:
            swarm = pickle.loads(pickle.dumps(swarm))
        x = swarm.ask()
        assert (x == swarm.ask()).all()
        if iteration == pause:
            swarm = pickle.loads(pickle.dumps(swarm))
        swarm.tell(rosenbrock(x))
        history.append(swarm.best.fun)

    assert swarm.iteration == 15
    assert history == whole.history.tolist()
    assert swarm.best.x.tobytes() == whole.x.tobytes()


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 5), st.floats(1e-3, 1e3), st.floats(-100, 100))
def test_a_box_of_another_size_and_place_changes_nothing_but_the_scale(d, width, middle) -> None:
    """One genome suits all boxes: the swarm lives in [-1, 1]."""
    small = shoal.minimize(lambda x: (x**2).sum(axis=1), [(-1, 1)] * d, iterations=10)
    scaled = shoal.minimize(
        lambda x: (((x - middle) / width) ** 2).sum(axis=1),
        [(middle - width, middle + width)] * d,
        iterations=10,
    )
    np.testing.assert_allclose(
        (scaled.x - middle) / width, small.x, atol=1e-6 * (1 + abs(middle) / width)
    )


@settings(deadline=None, max_examples=40)
@given(boxes(), st.data())
def test_units_are_the_inverse_of_points(bounds, data) -> None:
    integers = data.draw(st.lists(st.integers(0, len(bounds) - 1), unique=True))
    bounds = [(np.floor(low), np.ceil(high)) for low, high in bounds]
    box = make_box(bounds, integers)
    share = data.draw(st.floats(0, 1))
    points = box.lower + share * (box.upper - box.lower)
    points = np.where(box.whole, np.round(points), points)[None]

    again = box.points(box.units(points), np.array([True]))
    np.testing.assert_allclose(again, points, rtol=1e-12, atol=1e-9)
    assert (again[0, box.whole] == points[0, box.whole]).all()


@settings(deadline=None, max_examples=100)
@given(st.lists(st.tuples(st.floats(), st.floats(0, 1e300)), min_size=2, max_size=6))
def test_ranks_keep_the_rule_of_deb(points) -> None:
    losses, violations = np.array(points).T
    ranked = ranks(losses, violations)
    for i in range(len(points)):
        for j in range(len(points)):
            if violations[i] == 0 < violations[j] and abs(losses[i]) < 1e300:
                assert ranked[i] < ranked[j]
            if violations[i] > 1e-12 and violations[j] > 2 * violations[i]:
                assert ranked[i] < ranked[j]
            if violations[i] == violations[j] == 0 and losses[i] < losses[j] < 1e300:
                assert ranked[i] < ranked[j] or losses[i] < -1e300


# --- results --------------------------------------------------------------------------------------


@pytest.mark.parametrize("dimensions", [1, 2, 5, 10, 30])
def test_the_default_swarm_finds_the_minimum_of_a_sphere(dimensions) -> None:
    best = shoal.minimize(sphere, [(-5, 5)] * dimensions, iterations=2000)
    assert best.fun < 1e-6
    np.testing.assert_allclose(best.x, 1.5, atol=1e-3)


@pytest.mark.parametrize("name", NAMED_GENOMES)
def test_named_genomes_minimise_too(name) -> None:
    best = shoal.minimize(sphere, BOX, genome=named_genome(name), iterations=600)
    assert best.fun < 1e-4


def test_a_minimum_on_the_border_is_found_exactly() -> None:
    best = shoal.minimize(lambda x: x.sum(axis=1), [(2, 7), (-3, 4), (0, 0)], iterations=200)
    assert best.x.tolist() == [2.0, -3.0, 0.0]


def test_a_function_of_one_point() -> None:
    rows = shoal.minimize(sphere, BOX, iterations=30)
    single = shoal.minimize(sphere_of_one, BOX, iterations=30, vectorized=False)
    np.testing.assert_allclose(single.x, rows.x)
    assert single.nfev == rows.nfev - shoal.Genome().swarm_size + 2


def test_processes_change_no_bit() -> None:
    alone = shoal.minimize(sphere_of_one, BOX, iterations=5, vectorized=False)
    many = shoal.minimize(sphere_of_one, BOX, iterations=5, vectorized=False, workers=2)
    mapped = shoal.minimize(sphere_of_one, BOX, iterations=5, vectorized=False, workers=map)
    assert same(alone, many)
    assert same(alone, mapped)


def test_scipys_bounds() -> None:
    bounds = Bounds([-5] * 4, [5] * 4)
    assert same(
        shoal.minimize(sphere, bounds, iterations=5), shoal.minimize(sphere, BOX, iterations=5)
    )


def test_whole_numbers_are_whole_before_the_function_sees_them() -> None:
    def loss(x: np.ndarray) -> np.ndarray:
        assert (x[:, [0, 2]] == np.round(x[:, [0, 2]])).all()
        assert x[:, 0].min() >= -4 and x[:, 0].max() <= 4
        return ((x - 1.3) ** 2).sum(axis=1)

    mask = [True, False, True, False]
    bounds = [(-4.6, 4.6)] * 4
    best = shoal.minimize(loss, bounds, integers=[0, 2], iterations=300)
    np.testing.assert_allclose(best.x, [1, 1.3, 1, 1.3], atol=1e-4)
    assert same(best, shoal.minimize(loss, bounds, integers=mask, iterations=300))


def test_whole_numbers_are_equally_frequent() -> None:
    x = shoal.Swarm([(0, 3)], shoal.Genome(swarm_size=20_000), integers=[0]).ask()
    values, counts = np.unique(x, return_counts=True)
    assert values.tolist() == [0, 1, 2, 3]
    # The deviation of a count is 61.
    assert np.abs(counts - 5000).max() < 300


def test_the_first_particles_start_where_they_are_told() -> None:
    start = np.array([[1.0, 2.0, 3.0, 4.0], [0.0, -1.0, 5.0, -5.0]])
    np.testing.assert_allclose(shoal.Swarm(BOX, x0=start).ask()[:2], start, atol=1e-12)
    best = shoal.minimize(sphere, BOX, x0=np.full(4, 1.5), iterations=1)
    assert best.fun < 1e-20


def test_patience_ends_what_does_not_improve() -> None:
    best = shoal.minimize(lambda x: np.full(len(x), 3.0), BOX, patience=7)
    assert (best.nit, best.status, best.success) == (8, 2, True)
    assert "hardly improved" in best.message


def test_the_target_ends_it() -> None:
    best = shoal.minimize(sphere, BOX, target=0.01)
    assert best.fun <= 0.01 < best.history[-2]
    assert (best.status, len(best.history)) == (1, best.nit)


def test_the_callback_sees_each_iteration_and_ends_it() -> None:
    seen: list[Progress] = []

    def callback(progress: Progress) -> bool:
        seen.append(progress)
        return progress.nit == 4

    best = shoal.minimize(sphere, BOX, callback=callback)
    assert (best.nit, best.status, best.message) == (4, 3, "The callback ended it.")
    assert [progress.fun for progress in seen] == best.history.tolist()
    assert seen[-1].x.tobytes() == best.x.tobytes()
    assert seen[-1].nfev == best.nfev


def test_a_function_without_a_finite_value() -> None:
    best = shoal.minimize(lambda x: np.full(len(x), np.inf), BOX, iterations=3)
    assert (best.success, best.status, best.fun) == (False, 4, np.inf)
    assert np.isnan(best.x).all()


def test_values_that_are_no_numbers_are_the_worst() -> None:
    def loss(x: np.ndarray) -> np.ndarray:
        return np.where(x[:, 0] > 1.5, sphere(x), np.where(x[:, 1] > 0, np.nan, -np.inf))

    best = shoal.minimize(loss, BOX, iterations=500)
    assert best.success
    assert best.x[0] > 1.5
    assert best.fun < 1e-6


def test_a_function_may_keep_and_write_what_it_was_given_later() -> None:
    """Only the first call is checked; the swarm does not live in that array."""
    plain = shoal.minimize(sphere, BOX, iterations=10)
    calls = []

    def loss(x: np.ndarray) -> np.ndarray:
        values = sphere(x)
        calls.append(x)
        if len(calls) > 2:
            x[:] = np.nan
        return values

    assert same(plain, shoal.minimize(loss, BOX, iterations=10))


# --- constraints ----------------------------------------------------------------------------------


def test_the_best_feasible_point_wins() -> None:
    # On x + y >= 1 the nearest point to the origin is (1/2, 1/2).
    best = shoal.minimize(
        lambda x: (x**2).sum(axis=1),
        [(-5, 5)] * 2,
        constraints=lambda x: 1 - x.sum(axis=1),
        iterations=500,
    )
    np.testing.assert_allclose(best.x, 0.5, atol=5e-3)
    assert 0.5 <= best.fun < 0.5 + 1e-4
    assert (best.maxcv, best.success) == (0.0, True)
    assert best.x.sum() >= 1

    finite = best.history[np.isfinite(best.history)]
    assert (np.diff(finite) <= 0).all()


def test_several_constraints_and_those_of_scipy() -> None:
    """Rosenbrock in a disc, a problem with a known answer: (0.7864, 0.6177), 0.0457."""
    disc = lambda x: (x**2).sum(axis=1) - 1  # noqa: E731
    scipys = NonlinearConstraint(lambda x: x[0] ** 2 + x[1] ** 2, -np.inf, 1)
    half_plane = LinearConstraint([[1, 1]], -np.inf, 3)
    both = lambda x: np.stack([disc(x), x.sum(axis=1) - 3], axis=1)  # noqa: E731

    for constraints in (disc, scipys, [disc, half_plane], [scipys, half_plane], both):
        best = shoal.minimize(
            rosenbrock, [(-1.5, 1.5)] * 2, constraints=constraints, iterations=1000
        )
        np.testing.assert_allclose(best.x, [0.7864, 0.6177], atol=2e-3)
        assert abs(best.fun - 0.0457) < 1e-3


def test_without_a_feasible_point_the_least_violation_is_told() -> None:
    best = shoal.minimize(sphere, BOX, constraints=lambda x: 7 - x[:, 0], iterations=300)
    assert (best.success, best.status) == (False, 5)
    assert abs(best.maxcv - 2) < 1e-6
    assert (best.history == np.inf).all()
    assert best.message == "No point kept all constraints."


def test_violations_are_told_to_a_swarm() -> None:
    swarm = shoal.Swarm(BOX, shoal.Genome(swarm_size=4))
    x = swarm.ask()
    swarm.tell([1.0, 2.0, 0.5, 3.0], violations=[1.0, 0.0, 2.0, 0.0])
    assert swarm.best.fun == 2.0
    assert swarm.best.x.tolist() == x[1].tolist()


# --- what a function can do wrong -----------------------------------------------------------------


def refused(function, match: str, **options: object) -> FunctionError:
    with pytest.raises(FunctionError, match=match) as caught:
        shoal.minimize(function, BOX, **options)
    assert caught.value.expected
    assert caught.value.remedy
    return caught.value


def test_a_wrong_shape_is_answered_with_both_shapes_and_the_remedy() -> None:
    error = refused(lambda x: (x**2).sum(), r"returned shape \(\) for points of shape \(48, 4\)")
    assert "(48,)" in error.expected
    assert "vectorized=False" in error.remedy
    refused(lambda x: (x**2).sum(axis=0), r"returned shape \(4,\)")
    refused(lambda x: x, r"returned shape \(48, 4\)")
    refused(lambda _: None, "returned NoneType")
    refused(lambda x: ["a"] * len(x), "returned list of <U1")


def test_a_wrong_shape_of_one_point() -> None:
    error = refused(lambda x: x**2, r"returned shape \(4,\) for a point", vectorized=False)
    assert "vectorized=False" in error.remedy
    refused(lambda _: None, "returned NoneType for a point", vectorized=False)
    refused(lambda _: "1", "returned str for a point", vectorized=False)


def test_a_plain_function_that_happens_to_return_the_right_shape() -> None:
    """With as many coordinates as particles the shape is right, and the values are not."""

    def plain(x):
        return x[0] ** 2 + x[1]

    with pytest.raises(FunctionError, match=r"another order.*vectorized=False"):
        shoal.minimize(plain, [(-5, 5)] * 48, genome=shoal.Genome())


def test_a_function_that_raises() -> None:
    def broken(x):
        raise ValueError("no such thing")

    error = refused(broken, r"broken raised ValueError: no such thing.*\(48, 4\)")
    assert isinstance(error.__cause__, ValueError)
    refused(broken, r"broken raised ValueError: no such thing.*\(4,\)", vectorized=False)


def test_a_function_that_raises_later() -> None:
    calls = []

    def late(x):
        calls.append(x)
        if len(calls) == 5:
            raise KeyError("later")
        return sphere(x)

    refused(late, "late raised KeyError")
    assert len(calls) == 5


def test_nan_for_all() -> None:
    refused(lambda x: np.full(len(x), np.nan), "returns NaN for all of the first 48 points")


def test_a_function_that_changes_its_input() -> None:
    def careless(x):
        x -= 1
        return (x**2).sum(axis=1)

    error = refused(careless, "careless changes its input")
    assert "x.copy()" in error.remedy
    refused(lambda x: float(np.square(x, out=x).sum()), "changes its input", vectorized=False)


def test_a_function_that_differs_from_call_to_call() -> None:
    random = np.random.default_rng(0)
    noisy = lambda x: sphere(x) + random.normal(size=len(x))  # noqa: E731
    error = refused(noisy, "returns .* and then .* for the same point")
    assert "seed" in error.remedy
    refused(lambda x: sphere_of_one(x) + random.normal(), "for the same point", vectorized=False)


def test_a_function_whose_rows_depend_on_their_order() -> None:
    refused(lambda x: sphere(x) + np.arange(len(x)), "other values when the points come")


def test_rounding_in_another_order_is_no_difference() -> None:
    def loss(x: np.ndarray) -> np.ndarray:
        return sphere(x) * (1 + 1e-12 * np.arange(len(x)))

    assert shoal.minimize(loss, BOX, iterations=3).success


def test_what_is_no_function() -> None:
    with pytest.raises(FunctionError, match="3 is not a function"):
        shoal.minimize(3, BOX)
    assert shoal.minimize(functools.partial(np.sum, axis=1), BOX, iterations=2).success


@pytest.mark.parametrize(
    "bounds",
    [
        [],
        [1, 2, 3],
        [(1, 2, 3)],
        ([-1, -1, -1], [1, 1, 1]),
        None,
        "ab",
        [("a", "b")],
        [(1,), (1, 2)],
    ],
)
def test_bounds_of_another_shape(bounds) -> None:
    with pytest.raises(FunctionError, match=r"a pair \(lower, upper\) for each coordinate"):
        shoal.minimize(sphere, bounds)


@pytest.mark.parametrize("pair", [(1, 0), (0, np.inf), (np.nan, 1), (-1e301, 0)])
def test_bounds_that_are_no_box(pair) -> None:
    with pytest.raises(FunctionError, match=r"bounds\[1\] is .*lower <= upper"):
        shoal.minimize(sphere, [(0, 1), pair])


@pytest.mark.parametrize("integers", [[4], [-1], [0.5], [True, False], "a", [[0]]])
def test_integers_that_are_no_coordinates(integers) -> None:
    with pytest.raises(FunctionError, match="indices from 0 to 3"):
        shoal.minimize(sphere, BOX, integers=integers)


def test_bounds_without_a_whole_number() -> None:
    with pytest.raises(FunctionError, match="without a whole number"):
        shoal.minimize(sphere, [(0.2, 0.8)], integers=[0])


@pytest.mark.parametrize(
    ("x0", "match"),
    [
        (np.zeros(3), r"x0 of shape \(3,\) for 4 coordinates"),
        (np.zeros((49, 4)), "up to 48 rows"),
        ([0, 0, 9, 0], "x0 has 9 in coordinate 2.*-5 to 5"),
        ([0, np.nan, 0, 0], "x0 has nan in coordinate 1"),
    ],
)
def test_starts_that_are_none(x0, match) -> None:
    with pytest.raises(FunctionError, match=match):
        shoal.minimize(sphere, BOX, x0=x0)


@pytest.mark.parametrize(
    "options", [{"iterations": 0}, {"iterations": 1.5}, {"patience": 0}, {"workers": 0}]
)
def test_counts_that_are_none(options) -> None:
    name, value = next(iter(options.items()))
    with pytest.raises(FunctionError, match=f"{name}={value}"):
        shoal.minimize(sphere, BOX, **options)


def test_processes_for_a_function_of_all_points() -> None:
    for workers in (2, map):
        with pytest.raises(FunctionError, match=r"workers=.*one point.*vectorized=False"):
            shoal.minimize(sphere, BOX, workers=workers)


@pytest.mark.parametrize(
    ("genome", "remedy"),
    [
        ("spso2007", 'shoal.named_genome("spso2007")'),
        ("pso", "shoal.named_genome(NAME)"),
        ({"swarm_size": 20}, "shoal.Genome.from_dict"),
        (3, "shoal.Genome(...)"),
    ],
)
def test_genomes_that_are_none(genome, remedy) -> None:
    data = shoal.load_dataset("concrete")
    key = derive_key(0, 0)
    calls = (
        lambda: shoal.minimize(sphere, BOX, genome=genome),
        lambda: shoal.Swarm(BOX, genome),
        lambda: shoal.train(data, genome),
        lambda: shoal.SwarmRegressor(genome=genome).fit(np.eye(9), np.arange(9.0)),
        lambda: train_policy(get_simulation("cartpole"), genome, key, TrainingPlan(iterations=1)),
    )
    for call in calls:
        with pytest.raises(GenomeError) as caught:
            call()
        assert repr(genome) in str(caught.value)
        assert remedy in caught.value.remedy


def test_constraints_that_are_none() -> None:
    with pytest.raises(FunctionError, match="constraints=3"):
        shoal.minimize(sphere, BOX, constraints=3)

    def f(x):
        return 1.0

    with pytest.raises(FunctionError, match=r"The constraint f returned shape \(\) for points"):
        shoal.minimize(sphere, BOX, constraints=f)


def test_constraints_of_truth_values_are_refused() -> None:
    """True would read as violated by 1: the search would look where the rule does not hold."""
    with pytest.raises(FunctionError, match="returned truth values"):
        shoal.minimize(sphere, BOX, constraints=lambda x: x[:, 0] >= 1)


def test_a_constraint_that_raises() -> None:
    def rule(x):
        return 1 / 0

    with pytest.raises(FunctionError, match="The constraint rule raised ZeroDivisionError"):
        shoal.minimize(sphere, BOX, constraints=rule)


def test_a_violation_that_is_no_number_is_none_of_a_feasible_point() -> None:
    assert ranks(np.array([1.0]), np.array([np.nan])) == np.inf


@pytest.mark.parametrize("seed", [1.5, "a", None, -1, 2**64])
def test_seeds_that_are_none(seed) -> None:
    with pytest.raises(FunctionError, match=f"seed={seed!r}"):
        shoal.minimize(sphere, BOX, seed=seed)


def test_two_arrays_are_no_pairs() -> None:
    """Bounds of two coordinates have that form in pyswarms, and pairs have the same shape."""
    with pytest.raises(FunctionError, match=r"in 2 arrays.*list\(zip\(lower, upper\)\)"):
        shoal.minimize(sphere, (np.array([-2.0, -1.0]), np.array([1.0, 2.0])))


def test_a_box_of_one_point_is_refused() -> None:
    with pytest.raises(FunctionError, match="nothing to search"):
        shoal.minimize(sphere, [(-1, -1), (1, 1)])


def test_other_numbers_of_losses_are_refused() -> None:
    swarm = shoal.Swarm(BOX)
    for count in (0, 47, 49):
        with pytest.raises(FunctionError, match=rf"losses of shape \({count},\).*\(48,\)"):
            swarm.tell(np.zeros(count))
    with pytest.raises(FunctionError, match=r"violations of shape \(1,\)"):
        swarm.tell(np.zeros(48), violations=[0])
    assert (swarm.iteration, swarm.best) == (0, None)


def test_a_competitive_swarm_asks_for_the_losers_only() -> None:
    swarm = shoal.Swarm(BOX, named_genome("competitive"))
    swarm.tell(sphere(swarm.ask()))
    assert len(swarm.ask()) == 24
    with pytest.raises(FunctionError, match=r"losses of shape \(48,\).*\(24,\)"):
        swarm.tell(np.zeros(48))


# --- functions that Numba compiled ----------------------------------------------------------------


@numba.njit
def compiled_sphere(x):
    out = np.zeros(len(x))
    for i in range(len(x)):
        for d in range(x.shape[1]):
            # A power has another last bit in plain Python than compiled.
            difference = x[i, d] - 1.5
            out[i] += difference * difference
        if x[i, 0] < -4:
            out[i] = np.nan

    return out


@settings(deadline=None, max_examples=25)
@given(
    genome=GENOMES,
    seed=st.integers(0, 2**32),
    integers=st.sampled_from([None, [1]]),
    patience=st.sampled_from([None, 5]),
    target=st.sampled_from([None, 0.5]),
)
def test_a_compiled_loop_changes_no_bit(genome, seed, integers, patience, target) -> None:
    options = {
        "bounds": BOX,
        "genome": genome,
        "seed": seed,
        "integers": integers,
        "patience": patience,
        "target": target,
        "iterations": 300,
    }
    compiled = shoal.minimize(compiled_sphere, **options)
    plain = shoal.minimize(compiled_sphere.py_func, **options)

    assert same(compiled, plain)
    assert compiled.nfev == plain.nfev


def test_the_loop_is_compiled_with_such_a_function(monkeypatch) -> None:
    calls = []
    monkeypatch.setattr(CheckedFunction, "__call__", counting(CheckedFunction.__call__, calls))
    shoal.minimize(compiled_sphere, BOX, iterations=50)
    # The first iteration and its check.
    assert len(calls) == 2

    calls.clear()
    shoal.minimize(compiled_sphere, BOX, iterations=50, callback=lambda _: None)
    assert len(calls) == 51


def counting(method: Callable, calls: list) -> Callable:
    def counted(self, points):
        calls.append(len(points))
        return method(self, points)

    return counted


def test_a_compiled_function_that_fails_later_is_refused() -> None:
    @numba.njit
    def raises(x):
        if x.shape[0] < 40:
            raise ValueError("few points")
        return x[:, 0].copy()

    @numba.njit
    def short(x):
        return x[:40, 0].copy()

    competitive = named_genome("competitive", swarm_size=40)
    with pytest.raises(FunctionError, match="raises raised ValueError: few points"):
        shoal.minimize(raises, BOX, genome=competitive)
    with pytest.raises(FunctionError, match=r"short returned shape \(40,\)"):
        shoal.minimize(short, BOX, genome=named_genome("competitive", swarm_size=90))


def test_a_compiled_function_that_does_not_fit_the_loop_is_called() -> None:
    @numba.njit
    def single_precision(x):
        return x[:, 0].astype(np.float32)

    @numba.njit
    def as_list(x):
        return [x[i, 0] for i in range(len(x))]

    for function in (single_precision, as_list):
        best = shoal.minimize(function, BOX, iterations=60)
        assert best.fun == -5.0
        assert best.nit == 60


def test_a_function_that_no_loop_can_call_is_tried_once(monkeypatch) -> None:
    @numba.jit(forceobj=True)
    def in_object_mode(x):
        return (x**2).sum(axis=1)

    attempts = []
    compiled = shoal.Swarm.run_compiled

    def attempt(self, function, iterations, **options):
        attempts.append(iterations)
        return compiled(self, function, iterations, **options)

    monkeypatch.setattr(shoal.Swarm, "run_compiled", attempt)
    best = shoal.minimize(in_object_mode, BOX, iterations=300)
    assert (best.nit, len(attempts)) == (300, 1)
    assert best.fun < 1e-3
