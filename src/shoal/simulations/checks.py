"""Looks at a simulation before it is trained on: a few random policies act in a few scenarios."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from shoal.nn.network import Network
from shoal.numerics.philox import Key, Purpose, normals
from shoal.simulations.definition import Simulation
from shoal.simulations.evaluation import Evaluator, PolicyScores, ScenarioSet

POLICIES = 8
SCENARIOS = 3
_HIDDEN = 8
_KEY: Key = (0, 0)
# Plain Python is compared with compiled code up to so many acts.
_COMPARED_ACTS = 20_000


@dataclass(frozen=True, slots=True)
class SimulationCheck:
    """What came of it.

    Attributes
    ----------
    errors
        What has to be mended before a training, a sentence each.
    hints
        What is worth knowing.
    seconds, steps
        Of one policy in one scenario, on average.
    lengths_differ
        Whether some policies act longer than others.
    ties
        The share of the policies whose mean score another one has, too.
    why_not_compiled
        A sentence; None if it is compiled.
    """

    errors: tuple[str, ...]
    hints: tuple[str, ...]
    seconds: float
    steps: float
    lengths_differ: bool
    ties: float
    why_not_compiled: str | None


def check_simulation(
    simulation: Simulation,
    policies: int = POLICIES,
    scenarios: int = SCENARIOS,
    clock: Callable[[], float] = time.perf_counter,
) -> SimulationCheck:
    """Let random policies act, and tell what is wrong.

    Parameters
    ----------
    simulation
        What to look at.
    policies, scenarios
        How many.
    clock
        Seconds.

    Raises
    ------
    SimulationError
        If it raises, or returns something else than a number.
    """
    network = Network((simulation.input_count, _HIDDEN, simulation.outputs), "tanh")
    weights = normals(_KEY, Purpose.POSITION, policies, network.size)
    chosen = ScenarioSet(_KEY, Purpose.VALIDATION_SCENARIO)
    numbers = np.arange(scenarios)

    with Evaluator(simulation, network) as evaluator:
        start = clock()
        first = evaluator.scores(weights, chosen, numbers)
        seconds = (clock() - start) / first.scores.size
        again = evaluator.scores(weights, chosen, numbers)
        alone = evaluator.scores(weights[-1:], chosen, numbers[::-1])
        why_not_compiled = evaluator.why_not_compiled

    errors = _differences(first, again, alone)
    if not np.isfinite(first.scores).any():
        errors.append("No score is finite.")
    if not first.steps.any():
        errors.append("It never asks the policy: no score depends on the weights.")
    if simulation.steps is not None and first.steps.max() > simulation.steps:
        errors.append(
            f"A policy acted {first.steps.max()} times; it says steps={simulation.steps}."
        )
    errors += _about_randomness(simulation, first)
    if why_not_compiled is None and first.steps.max() <= _COMPARED_ACTS:
        errors += _against_python(simulation, network, weights, chosen, first)

    return SimulationCheck(
        errors=tuple(errors),
        hints=tuple(_hints(simulation, first)),
        seconds=seconds,
        steps=float(first.steps.mean()),
        lengths_differ=bool(np.ptp(first.steps) > 0),
        ties=_ties(first),
        why_not_compiled=why_not_compiled,
    )


def _differences(first: PolicyScores, again: PolicyScores, alone: PolicyScores) -> list[str]:
    if not _same(first.scores, again.scores):
        return [
            "It returns other scores when it is called again: its random numbers have to come from "
            "the scenario, and nothing may be left from one call to the next."
        ]
    if not _same(first.scores[-1:, ::-1], alone.scores):
        return ["A policy has another score alone than among others, or in another order."]
    return []


def _about_randomness(simulation: Simulation, found: PolicyScores) -> list[str]:
    changes = not _same(found.scores, np.repeat(found.scores[:, :1], found.scores.shape[1], axis=1))
    if simulation.deterministic and changes:
        return ["It says deterministic=True, and its scores differ from scenario to scenario."]
    return []


def _against_python(
    simulation: Simulation,
    network: Network,
    weights: NDArray[np.float32],
    scenarios: ScenarioSet,
    found: PolicyScores,
) -> list[str]:
    with Evaluator(replace(simulation, compiled=False), network) as evaluator:
        plain = evaluator.scores(weights[:1], scenarios, [0])
    if _same(plain.scores, found.scores[:1, :1]):
        return []
    return [
        f"Compiled it returns {found.scores[0, 0]!r} and in plain Python {plain.scores[0, 0]!r}: "
        "float32 arrays and globals that change mean other things there."
    ]


def _hints(simulation: Simulation, found: PolicyScores) -> list[str]:
    hints = []
    lost = np.count_nonzero(~np.isfinite(found.scores))
    if lost:
        hints.append(f"{lost} of {found.scores.size} scores of random policies are not finite.")

    same = _same(found.scores, np.repeat(found.scores[:, :1], found.scores.shape[1], axis=1))
    if same and not simulation.deterministic:
        hints.append("Scenarios do not differ: deterministic=True saves most of the work.")

    different = len(np.unique(found.mean))
    if different == 1:
        hints.append("All random policies have the same score: a swarm has nothing to go by.")
    return hints


def _ties(found: PolicyScores) -> float:
    _, counts = np.unique(found.mean, return_counts=True)
    return float(counts[counts > 1].sum() / len(found.mean))


def _same(a: NDArray[np.float64], b: NDArray[np.float64]) -> bool:
    return bool(np.array_equal(a, b, equal_nan=True))
