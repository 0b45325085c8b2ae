"""A loss of a row tried out before a search: compiled and in plain Python, on a few rows."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shoal.errors import ObjectiveError, ShoalError
from shoal.objectives.bound import RowObjective
from shoal.objectives.definition import RowLoss
from shoal.objectives.options import line_of, plain_function
from shoal.problems.check import ProblemFinding
from shoal.problems.target_sample import TargetSample
from shoal.problems.trial import (
    RELATIVE,
    OwnCheck,
    close,
    has_bad,
    prints,
    quiet,
    same,
    shown,
)
from shoal.system.printed import Printed

# Rows that a loss is computed on in plain Python.
_PLAIN_ROWS = 60


def check_loss(loss: RowLoss, sample: TargetSample, say: Callable[[str], None]) -> OwnCheck:
    """Try a loss of a row out; see `shoal.problems.own_checks.check_own`."""
    findings: list[ProblemFinding] = []
    facts: dict[str, Any] = {}
    networks = sample.networks()
    outputs, targets = _arguments(sample.bind_loss(loss), networks)
    step = "call"
    say(step)
    try:
        findings += _plain_calls(loss, outputs, targets)

        step = "compile"
        say(step)
        run = _compiled(loss)
        found = run(outputs, targets)

        step = "values"
        say("look")
        begun = time.perf_counter()
        again = run(outputs, targets)
        seconds = time.perf_counter() - begun
        if not same(found, again):
            findings.append(_loss_differs(loss))
        findings += _about_losses(loss, found, outputs, targets)
        findings += _against_plain(loss, found, outputs, targets)
        findings += _about_direction(loss, found.reshape(len(networks), -1).mean(axis=1))
        facts = {"seconds": seconds, "rows": len(targets), "compiled": True}
    except ShoalError as error:
        findings.append(ProblemFinding.of(step, error))

    if not has_bad(findings):
        nanoseconds = 1e9 * facts["seconds"] / len(targets)
        findings += [
            ProblemFinding(
                "good",
                step,
                f"A number for each row, on {sample.text}: the same twice, compiled and in plain "
                "Python.",
            ),
            ProblemFinding("good", "speed", f"Compiled; {nanoseconds:.3g} ns a row."),
        ]
    return OwnCheck(tuple(findings), facts)


def _arguments(
    bound: RowObjective, networks: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[Any]]:
    """What a loss is called with, row by row, of all networks: (n,) or (n, classes), and (n,)."""
    targets = np.broadcast_to(bound.targets, (len(networks), *bound.targets.shape))
    if bound.units.task == "classification":
        return networks.reshape(-1, networks.shape[2]), targets.reshape(-1)
    amounts = bound.units.scale * networks + bound.units.offset
    return np.asarray(amounts).reshape(-1), targets.reshape(-1)


def _plain_calls(
    loss: RowLoss, outputs: NDArray[np.float64], targets: NDArray[Any]
) -> list[ProblemFinding]:
    """What is wrong with the function in plain Python. Raises `ObjectiveError`."""
    printed = Printed()
    changes = False
    with contextlib.redirect_stdout(printed), quiet():
        for row in _some(targets):
            passed = np.array(outputs[row])
            value = _plain(loss, passed if outputs.ndim > 1 else float(passed), targets[row])
            changes = changes or not np.array_equal(passed, outputs[row], equal_nan=True)
            shape = np.asarray(value).shape
            if shape != () or np.asarray(value).dtype.kind not in "biuf":
                raise ObjectiveError(
                    f"The row loss {loss.name} returned {shown(value)}.",
                    expected="one number, the loss of a row",
                    remedy="an objective is handed all rows at once: @shoal.objective",
                )

    findings = []
    if printed.text:
        findings.append(prints(f"The row loss {loss.name}", printed.text))
    if changes:
        findings.append(
            ProblemFinding(
                "bad",
                "input",
                f"The row loss {loss.name} changes its output. Expected: a function that leaves "
                "what it is handed as it is.",
                "work on a copy: output = output.copy()",
            )
        )
    return findings


def _plain(loss: RowLoss, output: Any, target: Any) -> Any:
    function = plain_function(loss.function)
    try:
        return function(output, target, *loss.options.values())
    except Exception as error:
        raise ObjectiveError(
            f"The row loss {loss.name} raised {type(error).__name__}: {error}"
            f"{line_of(error, function)}.",
            expected="a number for any output and target",
            remedy=f"call it by hand: {loss.name}(output, target)",
        ) from None


def _some(targets: NDArray[Any]) -> NDArray[np.int64]:
    """Rows for plain Python, of all networks."""
    count = min(_PLAIN_ROWS, len(targets))
    return np.linspace(0, len(targets) - 1, count).astype(np.int64)


def _compiled(loss: RowLoss) -> Callable[[NDArray[np.float64], NDArray[Any]], NDArray[np.float64]]:
    """The loss of each row, compiled as the engine compiles it."""
    from numba import njit
    from numba.core.errors import NumbaError

    from shoal.pso.engines.compiler_messages import first_cause

    function = njit(plain_function(loss.function), error_model="numpy")
    options = tuple(loss.options.values())

    @njit(error_model="numpy")  # type: ignore[untyped-decorator]
    def of_rows(outputs: Any, targets: Any, options: Any, found: Any) -> None:
        for row in range(len(targets)):
            found[row] = function(outputs[row], targets[row], *options)

    def run(outputs: NDArray[np.float64], targets: NDArray[Any]) -> NDArray[np.float64]:
        found = np.empty(len(targets))
        try:
            # A copy, which the function may not change but can.
            of_rows(outputs.copy(), targets, options, found)
        except NumbaError as error:
            raise ObjectiveError(
                f"The row loss {loss.name} does not compile: {first_cause(error)}",
                expected="a function of two numbers that Numba compiles, which returns a number",
                remedy="leave out what it names, or write an objective: @shoal.objective takes "
                "any Python",
            ) from None
        except Exception as error:
            raise ObjectiveError(
                f"The row loss {loss.name}, compiled, raised {type(error).__name__}: {error}.",
                expected="a number for any output and target",
                remedy=f"call it by hand: {loss.name}(output, target)",
            ) from None
        return found

    return run


def _about_losses(
    loss: RowLoss, found: NDArray[np.float64], outputs: NDArray[np.float64], targets: NDArray[Any]
) -> list[ProblemFinding]:
    finite = np.isfinite(found)
    if not finite.any():
        return [
            ProblemFinding(
                "bad",
                "values",
                f"The row loss {loss.name} is {found[0]:g} for each row. Expected: finite numbers.",
                "look for divisions by 0, and for logarithms of 0",
            )
        ]

    findings = []
    if not finite.all():
        row = int(np.flatnonzero(~finite)[0])
        findings.append(
            ProblemFinding(
                "look",
                "values",
                f"The row loss {loss.name} is {found[row]:g} for the output {shown(outputs[row])} "
                f"and the target {shown(targets[row])}: a network with such a row is lost.",
                "return a large loss instead",
            )
        )
    lowest = int(np.argmin(np.where(finite, found, np.inf)))
    if loss.nonnegative and found[lowest] < 0.0:
        findings.append(
            ProblemFinding(
                "bad",
                "nonnegative",
                f"The row loss {loss.name} says nonnegative=True, and is {found[lowest]:g} for the "
                f"output {shown(outputs[lowest])} and the target {shown(targets[lowest])}. "
                "Expected: no value below 0, as rows are left out on that promise.",
                "leave nonnegative=True out, or correct the function",
            )
        )
    if not loss.nonnegative and found[lowest] >= 0.0:
        findings.append(
            ProblemFinding(
                "look",
                "nonnegative",
                f"No value of the row loss {loss.name} was below 0.",
                "if none ever is, nonnegative=True lets a swarm leave out rows that cannot make a "
                "particle better",
            )
        )
    return findings


def _loss_differs(loss: RowLoss) -> ProblemFinding:
    return ProblemFinding(
        "bad",
        "values",
        f"The row loss {loss.name} returns other values when it is called again. Expected: the "
        "same value for the same output and target.",
        "leave out random numbers; keep nothing from row to row",
    )


def _against_plain(
    loss: RowLoss, found: NDArray[np.float64], outputs: NDArray[np.float64], targets: NDArray[Any]
) -> list[ProblemFinding]:
    """In plain Python, and the rows from the last to the first: no row may read another one's."""
    rows = _some(targets)
    plain = np.empty(len(rows))
    with contextlib.redirect_stdout(Printed()), quiet():
        for place in reversed(range(len(rows))):
            output: Any = np.array(outputs[rows[place]])
            if outputs.ndim == 1:
                output = float(output)
            plain[place] = _plain(loss, output, targets[rows[place]])

    if close(plain, found[rows]):
        return []
    near = np.isclose(plain, found[rows], rtol=RELATIVE, atol=0.0, equal_nan=True)
    place = int(np.flatnonzero(~near)[0])
    return [
        ProblemFinding(
            "bad",
            "values",
            f"The row loss {loss.name} is {found[rows[place]]:g} compiled, and {plain[place]:g} in "
            "plain Python with the rows in another order. Expected: the same value, which depends "
            "on no other row.",
            "keep nothing from row to row; globals that change are constants in compiled code",
        )
    ]


def _about_direction(loss: RowLoss, means: NDArray[np.float64]) -> list[ProblemFinding]:
    """By the means of a perfect network, of a good one, and of noise."""
    noise = means[2:][np.isfinite(means[2:])]
    if not np.isfinite(means[0]) or len(noise) == 0 or means[0] <= noise.max():
        return []
    return [
        ProblemFinding(
            "look",
            "direction",
            f"The mean of the row loss {loss.name} is {means[0]:.6g} for a perfect prediction, and "
            f"{noise.max():.6g} for noise, which is less: a loss is minimised.",
            "look for a wrong sign",
        )
    ]
