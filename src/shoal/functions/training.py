"""One minimisation of a search: a swarm with its own random stream looks for the best point."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shoal.errors import FunctionError
from shoal.functions.definition import FunctionProblem
from shoal.functions.swarm import BestPoint, Swarm
from shoal.genome.genome import Genome
from shoal.numerics.philox import Key
from shoal.pso.swarm import LEAST_IMPROVEMENT, SwarmState, out_of_patience
from shoal.system.printed import Printed

_log = logging.getLogger(__name__)

# Gets the swarm about ten times a second; keeps and changes no array.
Observer = Callable[[SwarmState], None]

_OBSERVED_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class MinimisationPlan:
    """What ends a minimisation.

    Attributes
    ----------
    iterations
        It ends after so many.
    seconds
        It ends after so much wall time, too; None: never.
    patience
        It ends, too, when the best loss improved by less than ``min_improvement`` of its size over
        so many iterations; None: never.
    horizon
        What changes with time comes to its end after so many iterations.
    min_improvement
        See ``patience``.
    """

    iterations: int
    seconds: float | None
    patience: int | None
    horizon: int
    min_improvement: float = LEAST_IMPROVEMENT


@dataclass(frozen=True, eq=False, slots=True)
class Minimisation:
    """What a minimisation leaves.

    Attributes
    ----------
    x : ndarray of float64, (D,)
        The best feasible point.
    value : float
        What the function returns there, in its own direction.
    history : ndarray of float64, (iterations,)
        The loss of the best feasible point after each iteration; +inf before there is one.
    evaluations : int
        Points evaluated.
    """

    x: NDArray[np.float64]
    value: float
    history: NDArray[np.float64]
    evaluations: int


def minimise_once(
    problem: FunctionProblem,
    genome: Genome,
    key: Key,
    plan: MinimisationPlan,
    *,
    observer: Observer | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> Minimisation:
    """Let one swarm look for the best point of a function.

    Where a larger value is better, the negative is minimised.

    Parameters
    ----------
    problem
        The function, its box and its constraints.
    genome
        The swarm, in units of half the box.
    key
        The random stream of the swarm.
    plan
        How long it lasts.
    observer
        See `Observer`.
    clock
        Seconds.

    Raises
    ------
    FunctionError
        If the function raises or returns no number for each point, if no point had a finite value,
        or none kept all constraints.
    """
    run = Minimiser(problem, genome, key, plan.horizon)
    history = run.minimise(plan, observer, clock)
    best = _feasible(problem, run.swarm.best)
    return Minimisation(best.x, problem.sign * best.fun, history, run.evaluations)


class Minimiser:
    """A minimisation under way.

    Parameters
    ----------
    problem, genome, key
        See `minimise_once`.
    horizon
        See `MinimisationPlan`.

    Attributes
    ----------
    swarm
        The swarm.
    """

    def __init__(self, problem: FunctionProblem, genome: Genome, key: Key, horizon: int) -> None:
        self._box = problem.box
        self._function = problem.checked()
        self._rules = problem.rules
        self._sign = problem.sign
        self._name = problem.name
        self.swarm = Swarm(
            np.column_stack([self._box.lower, self._box.upper]),
            genome,
            integers=self._box.whole,
            iterations=horizon,
            key=key,
        )

    @property
    def evaluations(self) -> int:
        """Points evaluated."""
        return self._function.evaluations

    def minimise(
        self, plan: MinimisationPlan, observer: Observer | None, clock: Callable[[], float]
    ) -> NDArray[np.float64]:
        """Go on to the end of the plan; the history, see `Minimisation`."""
        begun = clock()
        observed = begun
        history = np.full(plan.iterations, np.inf)

        with self._quiet():
            for done in range(1, plan.iterations + 1):
                self._iterate()
                history[done - 1] = _loss(self.swarm.best)

                now = clock()
                if observer is not None and now - observed >= _OBSERVED_SECONDS:
                    observed = now
                    observer(self.swarm.state())
                if plan.seconds is not None and now - begun >= plan.seconds:
                    break
                if _out_of_patience(history, done, plan):
                    break
        return history[: self.swarm.iteration]

    def iterate(self, iterations: int) -> None:
        """Make a number of iterations."""
        with self._quiet():
            for _ in range(iterations):
                self._iterate()

    def losses_at(self, units: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """The losses where particles stand; +inf where a point violates constraints.

        Parameters
        ----------
        units
            (P, D), in units of half the box.

        Returns
        -------
        ndarray of float64, (P,)
        """
        points = self._box.points(np.asarray(units, np.float64), np.ones(len(units), bool))
        with self._quiet():
            losses = self._sign * self._function(points)
            allowed = np.isfinite(losses)
            if self._rules is not None:
                allowed &= self._rules.violations(points) == 0
        return np.where(allowed, losses, np.inf)

    def _iterate(self) -> None:
        """Ask, evaluate, tell."""
        points = self.swarm.ask()
        violations = None
        if self._rules is not None:
            violations = self._rules.violations(points)

        values = self._function(points)
        self.swarm.tell(self._sign * values, violations)

    @contextlib.contextmanager
    def _quiet(self) -> Iterator[None]:
        """Within the block, what the function prints and warns of is dropped."""
        printed = Printed()
        with contextlib.redirect_stdout(printed), np.errstate(all="ignore"):
            yield
        if printed.text:
            _log.warning("The function %s prints %r, which is dropped", self._name, printed.text)


def _loss(best: BestPoint | None) -> float:
    """The loss of a feasible point; +inf as long as there is none."""
    if best is None or best.violation > 0:
        return np.inf
    return best.fun


def _out_of_patience(history: NDArray[np.float64], done: int, plan: MinimisationPlan) -> bool:
    patience = plan.patience
    # Without a feasible point there is nothing that could have improved.
    if patience is None or done <= patience or not np.isfinite(history[done - 1 - patience]):
        return False
    return out_of_patience(history, done, patience, plan.min_improvement)


def _feasible(problem: FunctionProblem, best: BestPoint | None) -> BestPoint:
    """The best point; refused if there is none that may be used."""
    if best is None:
        raise FunctionError(
            f"No point had a finite value of {problem.name}.",
            expected="a number that is not NaN or infinite, for some points",
            remedy="narrow the bounds",
        )
    if best.violation > 0:
        raise FunctionError(
            f"No point kept all constraints of {problem.name}; the nearest one violates them by "
            f"{best.violation:.3g}.",
            expected="points that keep them",
            remedy="train for more iterations, or widen the bounds",
        )
    return best
