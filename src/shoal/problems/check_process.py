"""The process in which a simulation is looked at; see `shoal.problems.check`.

It says what it is at, ``{"at": ...}``, and in the end what it has found.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from shoal.errors import ShoalError
from shoal.nn.network import Network
from shoal.numerics.philox import Purpose, normals
from shoal.problems.check import ProblemFinding, Status
from shoal.problems.registry import find_simulation
from shoal.problems.simulation import load_simulation
from shoal.simulations.checks import SimulationCheck, check_simulation
from shoal.simulations.compilation import compilation
from shoal.simulations.definition import Simulation
from shoal.simulations.evaluation import Evaluator, ScenarioSet
from shoal.system.child import Parent

_WORST_FIRST = ("bad", "look", "good")
_HIDDEN = 8
# A call that takes longer is slow: it is called fewer times.
_SLOW_SECONDS = 0.2
# Characters of what a simulation printed that are shown.
_SHOWN = 60
# A share of policies with the same score above which a swarm has little to go by.
_MANY_TIES = 0.5


class _Channel:
    """To the parent. What the user's code prints does not get into it."""

    def __init__(self) -> None:
        self._output = os.fdopen(os.dup(1), "w")
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, 1)

    def say(self, **values: Any) -> None:
        print(json.dumps(values), file=self._output, flush=True)


def main(parent: Parent, arguments: Sequence[str]) -> None:
    """The entry of the process."""
    request = parent.request()
    if request is None:
        return

    channel = _Channel()
    findings: list[ProblemFinding] = []
    facts: dict[str, Any] = {}
    step = "import"
    try:
        channel.say(at=step)
        simulation = _load(request)
        findings.append(ProblemFinding("good", step, _text_of(simulation)))

        step = "compile"
        channel.say(at=step)
        compilation(simulation)

        step = "call"
        channel.say(at=step)
        seconds, printed = _call_once(simulation)
        if printed:
            findings.append(_printed(simulation, printed))

        channel.say(at="look")
        if seconds > _SLOW_SECONDS:
            found = check_simulation(simulation, policies=2, scenarios=2)
        else:
            found = check_simulation(simulation)
        findings += _findings(simulation, found)
        facts = _facts(found)
    except ShoalError as error:
        findings.append(ProblemFinding.of(step, error))

    findings.sort(key=lambda finding: _WORST_FIRST.index(finding.status))
    channel.say(findings=[asdict(finding) for finding in findings], facts=facts)


def _load(request: Mapping[str, Any]) -> Simulation:
    if "record" in request:
        return load_simulation(request["record"])

    return find_simulation(request["text"])


def _call_once(simulation: Simulation) -> tuple[float, str]:
    """How long a call of one policy takes, in seconds, and what it prints."""
    network = Network((simulation.input_count, _HIDDEN, simulation.outputs), "tanh")
    weights = normals((0, 0), Purpose.POSITION, 1, network.size)
    scenarios = ScenarioSet((0, 0), Purpose.VALIDATION_SCENARIO)

    with Evaluator(simulation, network) as evaluator:
        begun = time.perf_counter()
        evaluator.scores(weights, scenarios, [0])
        seconds = time.perf_counter() - begun
    return seconds, evaluator.printed


def _text_of(simulation: Simulation) -> str:
    better = {"minimize": "smaller", "maximize": "larger"}[simulation.direction]
    text = (
        f"{simulation.name}: {simulation.input_count} inputs, {simulation.outputs} outputs; a "
        f"{better} score is better"
    )
    if simulation.unit:
        text = f"{text} ({simulation.unit})"
    return f"{text}."


def _printed(simulation: Simulation, text: str) -> ProblemFinding:
    shown = text[:_SHOWN]
    return ProblemFinding(
        "bad",
        "output",
        f"The simulation {simulation.name} prints {shown!r}. Expected: a function that prints "
        "nothing, as it is called many thousand times.",
        "remove what prints",
    )


def _findings(simulation: Simulation, found: SimulationCheck) -> list[ProblemFinding]:
    name = simulation.name
    findings = []
    for error in found.errors:
        findings.append(
            ProblemFinding(
                "bad",
                "scores",
                f"The simulation {name}: {error} Expected: the same score for the same policy and "
                "scenario, a finite one for some policy.",
                "correct the function; simulation(policy, scenario) runs it in plain Python",
            )
        )
    for hint in found.hints:
        findings.append(ProblemFinding("look", "scores", hint))
    if not found.errors:
        findings.append(
            ProblemFinding(
                "good",
                "scores",
                "Numbers; the same twice, alone and among others, and in another order of "
                "scenarios.",
            )
        )

    if found.ties > _MANY_TIES and not found.errors:
        findings.append(
            ProblemFinding(
                "look",
                "ties",
                f"{found.ties:.0%} of random policies have a score that another one has, too.",
                "let the score say how near a policy came, and not only whether it succeeded",
            )
        )
    status: Status = "good"
    if simulation.compiled is None and not simulation.batched:
        status = "look"
    if found.why_not_compiled is None:
        findings.append(ProblemFinding("good", "speed", f"Compiled; {_speed(found)}."))
    else:
        findings.append(
            ProblemFinding(
                status,
                "speed",
                f"Not compiled: {found.why_not_compiled} {_speed(found).capitalize()}.",
                "leave out what Numba does not know, if you can: compiled code is often 100 times "
                "as fast",
            )
        )
    return findings


def _speed(found: SimulationCheck) -> str:
    return f"{found.seconds * 1e3:.3g} ms and {found.steps:,.0f} steps a call"


def _facts(found: SimulationCheck) -> dict[str, Any]:
    return {
        "seconds": found.seconds,
        "steps": found.steps,
        "ties": float(np.round(found.ties, 6)),
        "compiled": found.why_not_compiled is None,
        "why_not_compiled": found.why_not_compiled,
    }
