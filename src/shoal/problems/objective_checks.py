"""An objective of a whole table tried out before a search: a few networks on a few rows."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shoal.errors import ShoalError
from shoal.objectives.bound import WholeObjective
from shoal.objectives.definition import TableObjective
from shoal.problems.check import ProblemFinding
from shoal.problems.target_sample import TargetSample
from shoal.problems.trial import OwnCheck, close, has_bad, prints, quiet, same
from shoal.system.printed import Printed

# Networks of a call whose time is taken, and of one that looks for ties.
_TIMED = 48
_NEIGHBOURS = 16
# How far neighbours are from each other, as differences of their outputs.
_NEAR = 0.05
# A share of neighbours with the same value above which a swarm has little to go by.
_MANY_TIES = 0.5
# A call that takes longer is slow: its time is not taken again.
_SLOW_SECONDS = 0.5


class _Trial:
    """Calls of an objective on some rows. It notes what the function prints and changes.

    Attributes
    ----------
    printed
        The start of what it printed first.
    changed
        Which of its arguments it changed first, "" for none.
    """

    def __init__(self, bound: WholeObjective) -> None:
        self._bound = bound
        self.printed = ""
        self.changed = ""

    def values(
        self, outputs: NDArray[Any], order: NDArray[np.int64] | None = None
    ) -> NDArray[np.float64]:
        """Values (P,) of networks by their raw outputs (P, rows, outputs), rows in some order."""
        bound = self._bound
        handed = bound.units.handed(bound.objective.outputs, outputs)
        given = [handed, bound.y, *bound.columns]
        if order is not None:
            given = [handed[:, order], *(own[order] for own in given[1:])]
        # Copies, which the function may not change but can.
        passed = [np.array(own, order="C") for own in given]

        printed = Printed()
        with contextlib.redirect_stdout(printed), quiet():
            found = bound.objective.values(passed[0], passed[1], tuple(passed[2:]))

        if not self.printed:
            self.printed = printed.text
        names = ["outputs", "y", *bound.objective.columns]
        for name, before, after in zip(names, given, passed, strict=True):
            if not self.changed and not np.array_equal(before, after, equal_nan=True):
                self.changed = name
        return found


def check_objective(
    objective: TableObjective, sample: TargetSample, say: Callable[[str], None]
) -> OwnCheck:
    """Try an objective out; see `shoal.problems.own_checks.check_own`."""
    findings: list[ProblemFinding] = []
    facts: dict[str, Any] = {}
    step = "call"
    say(step)
    try:
        trial = _Trial(sample.bind_objective(objective))
        networks = sample.networks()
        first = trial.values(networks.astype(np.float32))

        step = "values"
        say("look")
        findings += _about_values(objective.name, first)
        # The first call may compile.
        begun = time.perf_counter()
        again = trial.values(networks.astype(np.float32))
        seconds = time.perf_counter() - begun
        if not same(first, again):
            findings.append(_differs(objective.name))
        findings += _about_calls(objective.name, trial)
        if has_bad(findings):
            return OwnCheck(tuple(findings), facts)

        findings += _about_networks_and_rows(objective.name, trial, networks)
        findings += _about_direction(objective, trial.values(networks))
        facts = _facts(trial, sample, seconds)
        findings += _about_ties(facts["ties"])
        findings.append(_about_speed(facts))
    except ShoalError as error:
        findings.append(ProblemFinding.of(step, error))

    if not has_bad(findings):
        findings.append(
            ProblemFinding(
                "good",
                step,
                f"A number for each network, on {sample.text}: the same twice, alone and among "
                "others, and in another order of rows.",
            )
        )
    return OwnCheck(tuple(findings), facts)


def _about_calls(name: str, trial: _Trial) -> list[ProblemFinding]:
    findings = []
    if trial.printed:
        findings.append(prints(f"The objective {name}", trial.printed))
    if trial.changed:
        findings.append(
            ProblemFinding(
                "bad",
                "input",
                f"The objective {name} changes {trial.changed}. Expected: a function that leaves "
                "what it is handed as it is, as others read it, too.",
                f"work on a copy: {trial.changed} = {trial.changed}.copy()",
            )
        )
    return findings


def _about_values(name: str, found: NDArray[np.float64]) -> list[ProblemFinding]:
    finite = np.isfinite(found)
    if not finite.any():
        return [
            ProblemFinding(
                "bad",
                "values",
                f"The objective {name} is {found[0]:g} for each of {len(found)} networks, a "
                "perfect one among them. Expected: a finite number for some network.",
                "look for divisions by 0, and for logarithms of 0",
            )
        ]
    if finite.all():
        return []

    lost = np.count_nonzero(~finite)
    return [
        ProblemFinding(
            "look",
            "values",
            f"The objective {name} is not finite for {lost} of {len(found)} networks.",
            "return a bad value instead, which says how bad a network is",
        )
    ]


def _differs(name: str) -> ProblemFinding:
    return ProblemFinding(
        "bad",
        "values",
        f"The objective {name} returns other values when it is called again. Expected: the same "
        "values for the same outputs.",
        "leave out random numbers, or begin them anew in each call; keep nothing from call to call",
    )


def _about_networks_and_rows(
    name: str, trial: _Trial, networks: NDArray[np.float64]
) -> list[ProblemFinding]:
    """Whether other networks or the order of rows change a value, in double precision."""
    findings = []
    together = trial.values(networks)
    for number in (0, len(networks) - 1):
        alone = trial.values(networks[number : number + 1])
        if not close(alone, together[number : number + 1]):
            findings.append(
                ProblemFinding(
                    "bad",
                    "values",
                    f"The objective {name} gives a network {together[number]:g} among others and "
                    f"{alone[0]:g} alone. Expected: a value that depends on no other network.",
                    "reduce over the rows, the second axis, and over no other",
                )
            )
            break

    # Predictions of the perfect network may be equal in many rows. Then rows count that are
    # somewhere first, and that is no fault.
    some = networks[1:]
    order = np.random.default_rng(1).permutation(networks.shape[1])
    if not close(trial.values(some, order), together[1:]):
        findings.append(
            ProblemFinding(
                "bad",
                "values",
                f"The objective {name} has other values when the rows are in another order. "
                "Expected: the same ones, as splits and folds shuffle the rows.",
                "sort by a column of the table inside the function, if an order has a meaning",
            )
        )
    return findings


def _about_direction(
    objective: TableObjective, values: NDArray[np.float64]
) -> list[ProblemFinding]:
    """By the values of a perfect network, of a good one, and of noise."""
    losses = objective.sign * values
    knowing = losses[:2]
    noise = losses[2:][np.isfinite(losses[2:])]
    if not np.isfinite(knowing).all() or len(noise) == 0 or knowing.min() <= noise.max():
        return []

    other = {"minimize": "maximize", "maximize": "minimize"}[objective.direction]
    return [
        ProblemFinding(
            "look",
            "direction",
            f"The objective {objective.name} says direction={objective.direction!r}, and a perfect "
            f"prediction has {values[0]:.6g}, which is worse than the "
            f"{objective.sign * noise.max():.6g} of noise.",
            f"write direction={other!r}, or look for a wrong sign",
        )
    ]


def _facts(trial: _Trial, sample: TargetSample, call_seconds: float) -> dict[str, Any]:
    """What a search wants to know: ties among neighbours, and seconds a call."""
    neighbours = sample.good_networks(_NEIGHBOURS, _NEAR).astype(np.float32)
    _, counts = np.unique(trial.values(neighbours), return_counts=True)
    ties = float(counts[counts > 1].sum() / len(neighbours))

    timed = neighbours
    if call_seconds < _SLOW_SECONDS:
        timed = sample.good_networks(_TIMED, _NEAR).astype(np.float32)
    begun = time.perf_counter()
    trial.values(timed)
    seconds = time.perf_counter() - begun
    return {
        "seconds": seconds,
        "networks": len(timed),
        "rows": len(sample.y),
        "ties": round(ties, 6),
    }


def _about_ties(ties: float) -> list[ProblemFinding]:
    if ties <= _MANY_TIES:
        return []
    return [
        ProblemFinding(
            "look",
            "ties",
            f"{ties:.0%} of networks that differ a little have the same value, so that a swarm "
            "has little to go by.",
            "train on a smooth loss and select on this objective, as the metric; or let the value "
            "say how near the rows come",
        )
    ]


def _about_speed(facts: Mapping[str, Any]) -> ProblemFinding:
    milliseconds = 1e3 * facts["seconds"]
    return ProblemFinding(
        "good",
        "speed",
        f"{milliseconds:.3g} ms for {facts['networks']} networks on {facts['rows']:,} rows.",
    )
