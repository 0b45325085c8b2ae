"""`minimize`: a function, a box, and the best point that a swarm found."""

from __future__ import annotations

import logging
import operator
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numba.core.errors import NumbaError
from numpy.typing import ArrayLike, NDArray

from shoal.errors import FunctionError
from shoal.functions.calls import CheckedFunction, Function, Mapper
from shoal.functions.constraints import Constraints
from shoal.functions.swarm import Swarm
from shoal.genome.genome import Genome
from shoal.pso.swarm import LEAST_IMPROVEMENT, out_of_patience
from shoal.system.progress_bar import ProgressBar, progress_bar
from shoal.system.shown import Shown

_log = logging.getLogger(__name__)

# Why a minimisation ended: its status, and what it says.
ITERATIONS_DONE = 0
TARGET_REACHED = 1
OUT_OF_PATIENCE = 2
STOPPED = 3
NOTHING_FOUND = 4
INFEASIBLE_ONLY = 5

# Iterations that are done without looking for an interrupt.
COMPILED_ITERATIONS = 256

_MESSAGES = {
    ITERATIONS_DONE: "All iterations are done.",
    TARGET_REACHED: "The target is reached.",
    OUT_OF_PATIENCE: "The best loss hardly improved any more.",
    STOPPED: "The callback ended it.",
    NOTHING_FOUND: "No point had a finite loss.",
    INFEASIBLE_ONLY: "No point kept all constraints.",
}


@dataclass(frozen=True, eq=False, repr=False)
class MinimizeResult(Shown):
    """What `minimize` found, with the names of scipy's ``OptimizeResult``.

    Attributes
    ----------
    x : ndarray of float64, (D,)
        The best point.
    fun : float
        Its loss.
    nfev : int
        Points evaluated, those of the first call's checks included.
    nit : int
        Iterations done.
    success : bool
        Whether ``x`` has a finite loss and keeps all constraints.
    status : int
        Why it ended: 0 iterations done, 1 target reached, 2 out of patience, 3 stopped by the
        callback, 4 no finite loss, 5 no feasible point.
    message : str
        The same in words.
    maxcv : float
        The sum of the violations of constraints at ``x``; 0 if it is feasible.
    history : ndarray of float64, (nit,)
        The best loss after each iteration; +inf before the first feasible point.
    """

    x: NDArray[np.float64]
    fun: float
    nfev: int
    nit: int
    success: bool
    status: int
    message: str
    maxcv: float
    history: NDArray[np.float64] = field(repr=False)


@dataclass(frozen=True, eq=False, slots=True)
class Progress:
    """What a callback gets after an iteration, under the same names.

    Attributes
    ----------
    x : ndarray of float64, (D,), or None
        The best point so far.
    fun : float
        Its loss.
    nfev, nit : int
        Points evaluated, and iterations done.
    """

    x: NDArray[np.float64] | None
    fun: float
    nfev: int
    nit: int


def minimize(
    f: Function,
    bounds: Any,
    *,
    iterations: int = 1000,
    seed: int = 0,
    genome: Genome | None = None,
    vectorized: bool = True,
    integers: ArrayLike | None = None,
    constraints: Any = None,
    x0: ArrayLike | None = None,
    patience: int | None = None,
    target: float | None = None,
    callback: Callable[[Progress], bool | None] | None = None,
    workers: int | Mapper = 1,
    progress: bool | None = None,
) -> MinimizeResult:
    """Minimise a function in a box with a particle swarm.

    Parameters
    ----------
    f
        The function. It takes points (n, D) float64 and returns their losses (n,); n is not the
        same in each call. With ``vectorized=False`` it takes one point (D,) and returns a number.
        NaN and infinite losses are worse than all others. With one that `numba.njit` compiled the
        whole loop is compiled, unless there are constraints or a callback.
    bounds
        A pair (lower, upper) for each of D coordinates, or scipy's ``Bounds``.
    iterations
        It ends after so many.
    seed
        Equal seeds give equal results, to the bit, if the function does.
    genome
        The swarm's hyperparameters, in units of half the box; without it, a swarm that suits the
        number of coordinates. Its topology is not read.
    vectorized
        Whether the function takes all points at once.
    integers
        The coordinates that are whole numbers: their indices, or (D,) of bool. The function is
        given whole numbers.
    constraints
        A function or several, points (n, D) -> (n,) or (n, m): a point is feasible where all
        values are 0 or less. Also scipy's ``LinearConstraint`` and ``NonlinearConstraint``.
        Feasible points are better than all others.
    x0
        Points to start from, (D,) or (n, D).
    patience
        It ends, too, when the best loss improved by less than a ten-thousandth of its size over so
        many iterations.
    target
        It ends, too, when the best loss is so low.
    callback
        Called after each iteration. If it returns True, the minimisation ends.
    workers
        With ``vectorized=False``: the number of processes, or something like `map`.
    progress
        A bar while it takes longer than half a second. None: where a person looks, in a notebook or
        a terminal; True: elsewhere lines on standard error; False: never.

    Returns
    -------
    MinimizeResult
        With the names of scipy's ``OptimizeResult``.

    Raises
    ------
    FunctionError
        If the function cannot be minimised as it is. The message says what to change.
    GenomeError
        If ``genome`` is none.
    SettingsError
        If ``progress`` is something else.

    Examples
    --------
    >>> def sphere(x):
    ...     return ((x - 1) ** 2).sum(axis=1)
    >>> best = minimize(sphere, bounds=[(-5, 5)] * 3, iterations=300)
    >>> best.x.round(3).tolist()
    [1.0, 1.0, 1.0]

    A function of one point, a whole number and a constraint::

        best = minimize(
            lambda x: (x[0] - 2.6) ** 2 + x[1],
            bounds=[(0, 10), (0, 10)],
            integers=[0],
            constraints=lambda x: 1 - x[:, 1],
            vectorized=False,
        )
    """
    _check_counts(iterations, patience)
    function = CheckedFunction(f, vectorized=vectorized, workers=workers)
    rules = None
    if constraints is not None:
        rules = Constraints(constraints)
    swarm = Swarm(bounds, genome, seed, integers, x0=x0, iterations=iterations)
    _log.debug("Minimising with %d particles", swarm.genome.swarm_size)

    history = np.empty(iterations)
    status = None
    with progress_bar(progress) as bar:
        while swarm.iteration < iterations and status is None:
            done = swarm.iteration
            _iterate(swarm, function, rules)
            history[done] = _feasible_loss(swarm)
            status = _why_stopped(history, swarm.iteration, patience, target)

            if callback is not None:
                if callback(_progress(swarm, function)):
                    status = STOPPED
            elif rules is None and status is None and function.compiled is not None:
                _run_compiled(swarm, function, history, patience, target, bar)
                status = _why_stopped(history, swarm.iteration, patience, target)
            _show(bar, swarm, iterations)

    if status is None:
        status = ITERATIONS_DONE
    _log.debug("Minimised in %d iterations: %s", swarm.iteration, _MESSAGES[status])
    return _result(swarm, function, history[: swarm.iteration].copy(), status)


def _run_compiled(
    swarm: Swarm,
    function: CheckedFunction,
    history: NDArray[np.float64],
    patience: int | None,
    target: float | None,
    bar: ProgressBar,
) -> None:
    """Do what is left of the iterations in compiled code, as far as it comes.

    It ends early where the function cannot be compiled with the loop, or returned something odd;
    the next iteration in Python says what.
    """
    while swarm.iteration < len(history):
        done = swarm.iteration
        # Between two chunks Python sees an interrupt.
        chunk = min(COMPILED_ITERATIONS, len(history) - done)
        try:
            evaluations = swarm.run_compiled(
                function.compiled, chunk, patience=patience, target=target
            )
        except NumbaError as error:
            _log.info("The loop is not compiled with the function: %s", error)
            function.compiled = None
            return
        except Exception as error:
            raise function.refusal(error, swarm.ask()) from error

        function.evaluations += evaluations
        history[done : swarm.iteration] = swarm.history[done:]
        _show(bar, swarm, len(history))
        if swarm.iteration < done + chunk:
            return


def _show(bar: ProgressBar, swarm: Swarm, iterations: int) -> None:
    if bar.is_due:
        best = _feasible_loss(swarm)
        text = f"iteration {swarm.iteration:,} of {iterations:,}, best {best:.6g}"
        bar.show(swarm.iteration / iterations, text)


def _check_counts(iterations: int, patience: int | None) -> None:
    for name, count in (("iterations", iterations), ("patience", patience)):
        if count is None and name == "patience":
            continue
        try:
            valid = operator.index(count) >= 1  # type: ignore[arg-type]
        except TypeError:
            valid = False
        if not valid:
            raise FunctionError(f"{name}={count!r}.", expected="a whole number, 1 or more")


def _iterate(swarm: Swarm, function: CheckedFunction, rules: Constraints | None) -> None:
    """One iteration: ask, evaluate, tell."""
    points = swarm.ask()
    violations = None
    if rules is not None:
        violations = rules.violations(points)

    if swarm.iteration == 0:
        losses = function.first(points)
    else:
        losses = function(points)
    swarm.tell(losses, violations)


def _feasible_loss(swarm: Swarm) -> float:
    """The best loss; +inf as long as no point is feasible."""
    best = swarm.best
    if best is None or best.violation > 0:
        return np.inf
    return best.fun


def _why_stopped(
    history: NDArray[np.float64], done: int, patience: int | None, target: float | None
) -> int | None:
    """The status with which a minimisation ends after so many iterations, if it does."""
    if target is not None and history[done - 1] <= target:
        return TARGET_REACHED
    # Without a feasible point there is nothing that could have improved.
    known = done > (patience or 0) and np.isfinite(history[done - 1 - (patience or 0)])
    if known and out_of_patience(history, done, patience or 0, LEAST_IMPROVEMENT):
        return OUT_OF_PATIENCE
    return None


def _progress(swarm: Swarm, function: CheckedFunction) -> Progress:
    best = swarm.best
    if best is None:
        return Progress(None, np.inf, function.evaluations, swarm.iteration)
    return Progress(best.x, best.fun, function.evaluations, swarm.iteration)


def _result(
    swarm: Swarm, function: CheckedFunction, history: NDArray[np.float64], status: int
) -> MinimizeResult:
    best = swarm.best
    x = np.full(swarm.dimensions, np.nan)
    loss = np.inf
    violation = 0.0
    if best is None:
        status = NOTHING_FOUND
    else:
        x = best.x
        loss = best.fun
        violation = best.violation
        if violation > 0:
            status = INFEASIBLE_ONLY

    return MinimizeResult(
        x=x,
        fun=loss,
        nfev=function.evaluations,
        nit=swarm.iteration,
        success=status not in {NOTHING_FOUND, INFEASIBLE_ONLY},
        status=status,
        message=_MESSAGES[status],
        maxcv=violation,
        history=history,
    )
