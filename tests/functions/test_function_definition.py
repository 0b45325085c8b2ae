"""What a user writes: a function of points with its box, whole coordinates and options."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest

import shoal
from shoal.errors import FunctionError
from shoal.functions.default_genome import default_genome
from shoal.functions.registry import BUNDLED, get_function
from shoal.functions.training import MinimisationPlan, minimise_once
from shoal.genome.genome import Genome

# Where each bundled function has its minimum, and what it is there.
MINIMA: dict[str, tuple[list[float], float]] = {
    "sphere": ([0.0] * 10, 0.0),
    "rosenbrock": ([1.0] * 10, 0.0),
    "rastrigin": ([0.0] * 10, 0.0),
    "pressure-vessel": ([13.0, 7.0, 42.098445, 176.636598], 6059.7143),
}
PLAN = MinimisationPlan(iterations=60, seconds=None, patience=None, horizon=60)


def bowl(x: Any) -> Any:
    return ((x - 1.0) ** 2).sum(axis=1)


def test_every_bundled_function_has_a_known_minimum() -> None:
    assert set(MINIMA) == set(BUNDLED)


@pytest.mark.parametrize("name", BUNDLED)
def test_a_bundled_function_at_its_minimum_and_around_it(name: str) -> None:
    problem = get_function(name)
    place, value = MINIMA[name]
    at = np.array([place])
    assert problem(at)[0] == pytest.approx(value, abs=1e-3)
    assert problem.name == name

    box = problem.box
    if problem.rules is not None:
        assert problem.rules.violations(at)[0] == pytest.approx(0.0, abs=1e-6)
        return
    around = np.random.default_rng(0).uniform(box.lower, box.upper, (100, box.dimensions))
    assert (problem(around) > value).all()


@pytest.mark.parametrize("dimensions", [1, 2, 30])
def test_an_option_says_how_many_coordinates_there_are(dimensions: int) -> None:
    problem = get_function("rastrigin", dimensions=dimensions)
    box = problem.box
    assert (box.dimensions, box.lower[0], box.upper[-1]) == (dimensions, -5.12, 5.12)
    assert problem(np.zeros((2, dimensions))).tolist() == [0.0, 0.0]


def test_options_are_what_the_function_gets() -> None:
    @shoal.function(bounds=[(-1, 1)] * 2, name="ramp")
    def slope(x: Any, factor: float = 2.0, offset: int = 1) -> Any:
        return factor * x[:, 0] + offset

    assert slope.name == "ramp"
    assert slope(np.ones((1, 2))).tolist() == [3.0]
    changed = slope.with_options(factor=5)
    assert changed(np.ones((1, 2))).tolist() == [6.0]
    assert changed.options == {"factor": 5.0, "offset": 1}
    assert slope.options["factor"] == 2.0


def test_the_usual_name_is_that_of_the_function() -> None:
    assert shoal.FunctionProblem(bowl, [(0, 1)]).name == "bowl"
    assert shoal.FunctionProblem(lambda x: x[:, 0], [(0, 1)]).name == "lambda"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"bounds": [(1, 0)]}, r"bounds\[0\] is \(1, 0\)"),
        ({"bounds": [(0, 1)], "direction": "up"}, "minimize, maximize"),
        ({"bounds": [(0, 1)], "integers": [3]}, "indices from 0 to 0"),
        ({"bounds": [(0, 1)], "constraints": "x > 0"}, "0 or less where a point is feasible"),
        ({"bounds": [(0, 1)], "options": {"b": 1}}, "has no option 'b'"),
        ({"bounds": (0, 1), "dimensions": 0}, "a whole number from 1 on"),
        ({"bounds": (0, 1), "dimensions": "n"}, "one of the options none"),
        ({"bounds": [(0, 1)] * 2, "dimensions": 2}, "one pair"),
        ({"bounds": (0, 1)}, "a pair"),
    ],
)
def test_what_makes_no_sense_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(FunctionError, match=message):
        shoal.FunctionProblem(bowl, **settings)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (3, "3 is no function"),
        (lambda: 0, "takes"),
        (lambda x, y: 0, "has the default none"),
        (lambda x, *more: 0, "takes"),
        (lambda x, y=None: 0, "a number, a truth value or a text"),
    ],
)
def test_a_function_that_takes_other_arguments_is_refused(function: Any, message: str) -> None:
    with pytest.raises(FunctionError, match=message):
        shoal.FunctionProblem(function, [(0, 1)])


# ---- One minimisation of a search ----------------------------------------------------------------


def test_a_minimisation_is_that_of_minimize_with_the_same_stream() -> None:
    from shoal.functions.swarm import _STREAM
    from shoal.numerics.philox import derive_key

    problem = shoal.FunctionProblem(bowl, [(-5, 5)] * 3)
    genome = default_genome(3)
    found = minimise_once(problem, genome, derive_key(4, _STREAM), PLAN)
    known = shoal.minimize(bowl, [(-5, 5)] * 3, iterations=60, seed=4, genome=genome)

    assert found.x.tolist() == known.x.tolist()
    assert found.value == known.fun
    assert found.history.tolist() == known.history.tolist()
    assert found.evaluations == 60 * genome.swarm_size


def test_maximising_is_minimising_the_negative() -> None:
    up = shoal.FunctionProblem(lambda x: -bowl(x), [(-5, 5)] * 3, direction="maximize")
    down = shoal.FunctionProblem(bowl, [(-5, 5)] * 3)
    highest = minimise_once(up, Genome(), (1, 2), PLAN)
    lowest = minimise_once(down, Genome(), (1, 2), PLAN)

    assert highest.x.tolist() == lowest.x.tolist()
    assert highest.value == -lowest.value
    assert highest.history.tolist() == lowest.history.tolist()


def test_whole_coordinates_and_constraints_are_kept() -> None:
    problem = shoal.FunctionProblem(
        bowl, [(-5, 5)] * 3, integers=[2], constraints=lambda x: 2.5 - x[:, 0]
    )
    found = minimise_once(problem, Genome(max_velocity=1.0), (1, 2), PLAN)
    assert found.x[0] >= 2.5
    assert found.x[2] == 1.0
    assert found.value == pytest.approx(2.25, abs=1e-2)


def test_what_it_prints_is_dropped(capsys: pytest.CaptureFixture[str]) -> None:
    def chatty(x: Any) -> Any:
        print("called")
        return bowl(x)

    minimise_once(shoal.FunctionProblem(chatty, [(-5, 5)]), Genome(), (1, 2), PLAN)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("function", "constraints", "message"),
    [
        (lambda x: np.full(len(x), np.nan), None, "No point had a finite value"),
        (bowl, lambda x: x[:, 0] ** 2 + 1.0, "No point kept all constraints"),
        (lambda x: 1 / 0, None, "ZeroDivisionError"),
        (lambda x: sys.exit(3), None, "SystemExit"),
        (lambda x: x, None, "returned shape"),
    ],
)
def test_a_minimisation_that_finds_nothing_says_why(
    function: Any, constraints: Any, message: str
) -> None:
    problem = shoal.FunctionProblem(function, [(-5, 5)] * 2, constraints=constraints)
    with pytest.raises(FunctionError, match=message):
        minimise_once(problem, Genome(), (1, 2), PLAN)


def test_patience_ends_it_early_and_the_clock_too() -> None:
    problem = shoal.FunctionProblem(lambda x: np.zeros(len(x)), [(-5, 5)])
    patient = MinimisationPlan(iterations=60, seconds=None, patience=5, horizon=60)
    assert len(minimise_once(problem, Genome(), (1, 2), patient).history) == 6

    ticks = iter(range(100))
    hurried = MinimisationPlan(iterations=60, seconds=3.0, patience=None, horizon=60)
    found = minimise_once(problem, Genome(), (1, 2), hurried, clock=lambda: float(next(ticks)))
    assert len(found.history) == 3
