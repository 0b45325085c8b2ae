"""The process in which what users bring is looked at; see `shoal.problems.check`.

It says what it is at, ``{"at": ...}``, and in the end what it has found. What looks at one kind of
problem is imported for that kind: the compiler and pandas take longer than most looks.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from shoal.errors import ProblemError, ShoalError
from shoal.functions.definition import FunctionProblem
from shoal.nn.network import Network
from shoal.numerics.philox import Purpose, normals
from shoal.objectives.built_in_decoders import find_decoder
from shoal.objectives.decoders import Decoder
from shoal.objectives.definition import RowLoss, TableObjective
from shoal.objectives.lookup import find_built_in
from shoal.problems import references
from shoal.problems.check import ProblemFinding, Status
from shoal.problems.own_code import Own, find_named, find_named_decoder, with_columns
from shoal.problems.registry import find_written, is_function, is_simulation, load_written
from shoal.problems.table import TableProblem
from shoal.problems.target_sample import TargetSample
from shoal.problems.trial import prints
from shoal.settings.named_code import NamedCode
from shoal.settings.search_settings import SearchSettings
from shoal.simulations.definition import Simulation
from shoal.system.child import Parent
from shoal.system.printed import Printed

if TYPE_CHECKING:
    from shoal.functions.checks import FunctionCheck
    from shoal.problems.registry import Written
    from shoal.simulations.checks import SimulationCheck

    Subject = Written | Own | Decoder

_WORST_FIRST = ("bad", "look", "good")
_HIDDEN = 8
# Inputs and outputs of networks that a decoder is tried on without a table.
_MADE_UP_ENDS = (5, 2)
# A call that takes longer is slow: it is called fewer times.
_SLOW_SECONDS = 0.2
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
    looked = _Looked()
    try:
        looked.step = "import"
        channel.say(at=looked.step)
        subject = _load(request)
        if request.get("imports_only"):
            looked.findings.append(ProblemFinding("good", looked.step, "It can be imported."))
        elif isinstance(subject, Own):
            _look_at_own(subject, request, channel, looked)
        elif isinstance(subject, Decoder):
            _look_at_decoder(subject, request, channel, looked)
        elif request.get("table") is not None:
            raise _needs_no_table(subject)
        elif is_function(subject):
            _look_at_function(subject, channel, looked)
        elif is_simulation(subject):
            _look_at_simulation(subject, channel, looked)
    except ShoalError as error:
        looked.findings.append(ProblemFinding.of(looked.step, error))

    findings = sorted(looked.findings, key=lambda finding: _WORST_FIRST.index(finding.status))
    channel.say(findings=[asdict(finding) for finding in findings], facts=looked.facts)


@dataclass(slots=True)
class _Looked:
    """What was found by now, and what the process is at."""

    step: str = "import"
    findings: list[ProblemFinding] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)


def _load(request: Mapping[str, Any]) -> Subject:
    if "record" in request:
        return load_written(request["record"])
    if "named" in request:
        named = NamedCode(**request["named"])
        if request.get("setting") == "decoder":
            return find_named_decoder(named)
        return find_named(named)

    found = with_columns(find(request["text"]), request.get("columns", {}))
    return found.with_options(**request["options"])


def find(text: str) -> Subject:
    """What a text names, imported from this machine."""
    own = find_built_in(text) or find_decoder(text)
    if own is not None:
        return own

    reference = text
    if not references.is_reference(text):
        plugins = {
            **references.plugins(references.DECODERS),
            **references.plugins(references.OBJECTIVES),
        }
        reference = plugins.get(text, "")
    if not reference:
        return find_written(text)

    found, code = references.find(reference)
    if isinstance(found, Own | Decoder) or is_function(found) or is_simulation(found):
        return found
    raise ProblemError(
        f"{code.reference} is a {type(found).__name__}, not a simulation, a function to minimise, "
        "an objective, a loss of a row or a decoder.",
        expected="a function under @shoal.simulation(inputs=..., outputs=...), "
        "@shoal.objective(...), @shoal.row_loss(...) or @shoal.decoder, or a shoal.FunctionProblem",
        remedy="write that line above the function",
    )


def _better(direction: str) -> str:
    return {"minimize": "smaller", "maximize": "larger"}[direction]


def _needs_no_table(subject: Written) -> ProblemError:
    return ProblemError(
        f"{subject.name} is solved without a table.",
        expected="a table beside an objective, a loss of a row or a decoder only",
        remedy="leave the table out",
    )


# ---- Objectives ------------------------------------------------------------------------------


def _look_at_own(own: Own, request: Mapping[str, Any], channel: _Channel, looked: _Looked) -> None:
    from shoal.problems.own_checks import check_own

    looked.findings.append(ProblemFinding("good", looked.step, _text_of_own(own)))

    looked.step = "table"
    sample = None
    if request.get("sample") is not None:
        sample = TargetSample.from_dict(request["sample"])
    elif request.get("table") is not None:
        sample = TargetSample.of_table(_table_problem(own, request["table"]))

    found = check_own(own, sample, lambda at: channel.say(at=at))
    looked.findings += found.findings
    looked.facts = dict(found.facts)


def _table_problem(own: Own | Decoder, table: Mapping[str, Any]) -> TableProblem:
    """The table, prepared for an objective with its columns, or for a decoder."""
    from shoal.problems.table_input import load_with_columns

    arguments = {**getattr(own, "data_options", {}), **table}
    objectives = [own] if isinstance(own, TableObjective) else []
    dataset = load_with_columns(arguments.pop("data"), objectives, **arguments)
    return TableProblem(dataset, SearchSettings())


def _text_of_own(own: Own) -> str:
    if isinstance(own, RowLoss):
        return f"{own.name}: a loss of a row, handed {own.outputs} outputs; smaller is better."

    text = f"{own.name}: an objective of all rows, handed outputs={own.outputs!r}"
    if own.columns:
        columns = "column" if len(own.columns) == 1 else "columns"
        text = f"{text} and the {columns} {', '.join(own.table_columns)}"
    text = f"{text}; a {_better(own.direction)} value is better"
    if own.unit:
        text = f"{text} ({own.unit})"
    return f"{text}."


# ---- Decoders --------------------------------------------------------------------------------


def _look_at_decoder(
    decoder: Decoder, request: Mapping[str, Any], channel: _Channel, looked: _Looked
) -> None:
    from shoal.problems.decoder_checks import check_decoder

    text = f"{decoder.name}: a decoder of positions."
    looked.findings.append(ProblemFinding("good", looked.step, text))

    looked.step = "table"
    networks = [Network(layers, "tanh") for layers in _layers_for(decoder, request)]
    found = check_decoder(decoder, networks, lambda at: channel.say(at=at))
    looked.findings += found.findings
    looked.facts = dict(found.facts)


def _layers_for(decoder: Decoder, request: Mapping[str, Any]) -> list[tuple[int, ...]]:
    """Widths of the layers of networks to try: the one that is asked for, or two."""
    if "layers" in request:
        return [tuple(request["layers"])]

    inputs, outputs = _MADE_UP_ENDS
    if request.get("table") is not None:
        dataset = _table_problem(decoder, request["table"]).dataset
        inputs, outputs = dataset.inputs, dataset.outputs
    return [(inputs, _HIDDEN, outputs), (inputs, outputs)]


# ---- Functions -------------------------------------------------------------------------------


def _look_at_function(problem: FunctionProblem, channel: _Channel, looked: _Looked) -> None:
    from shoal.functions.checks import call_once, check_function

    looked.findings.append(ProblemFinding("good", looked.step, _text_of_function(problem)))

    looked.step = "call"
    channel.say(at=looked.step)
    printed = Printed()
    with contextlib.redirect_stdout(printed):
        call_once(problem)
    if printed.text:
        looked.findings.append(prints(f"The function {problem.name}", printed.text))

    looked.step = "values"
    channel.say(at="look")
    with contextlib.redirect_stdout(printed):
        found = check_function(problem)
    looked.findings += _function_findings(problem, found)
    looked.facts = asdict(found)


def _text_of_function(problem: FunctionProblem) -> str:
    box = problem.box
    text = f"{problem.name}: {box.dimensions} coordinates"
    whole = int(box.whole.sum())
    if whole:
        text = f"{text}, {whole} of them whole numbers"
    if problem.rules is not None:
        text = f"{text}, with constraints"
    text = f"{text}; a {_better(problem.direction)} value is better"
    if problem.unit:
        text = f"{text} ({problem.unit})"
    return f"{text}."


def _function_findings(problem: FunctionProblem, found: FunctionCheck) -> list[ProblemFinding]:
    from shoal.functions.checks import POINTS

    findings = [
        ProblemFinding(
            "good",
            "values",
            "Numbers; the same twice, alone and among others, and in another order of points.",
        )
    ]
    if found.finite < 1.0:
        findings.append(
            ProblemFinding(
                "look",
                "values",
                f"{1.0 - found.finite:.0%} of random points have no finite value.",
                "narrow the bounds, if these points are of no use",
            )
        )
    if found.ties > _MANY_TIES:
        findings.append(
            ProblemFinding(
                "look",
                "ties",
                f"{found.ties:.0%} of random points have a value that another one has, too.",
                "let the value say how near a point came",
            )
        )
    if problem.rules is not None:
        findings.append(_feasibility(found))

    calls = f"{POINTS} points" if problem.vectorized else "one point"
    how = "Compiled" if found.compiled else "NumPy or Python"
    text = f"{how}; {found.seconds * 1e3:.3g} ms a call with {calls}."
    if problem.vectorized or found.compiled:
        findings.append(ProblemFinding("good", "speed", text))
    else:
        remedy = "let it take all points at once, (n, D) -> (n,), if it can"
        findings.append(ProblemFinding("look", "speed", text, remedy))
    return findings


def _feasibility(found: FunctionCheck) -> ProblemFinding:
    from shoal.functions.checks import FEASIBILITY_POINTS

    if found.feasible > 0:
        text = f"{found.feasible:.2g} of random points keep all constraints."
        return ProblemFinding("good", "constraints", text)
    return ProblemFinding(
        "look",
        "constraints",
        f"None of {FEASIBILITY_POINTS} random points keeps all constraints.",
        "narrow the bounds, so that a swarm finds points that do",
    )


# ---- Simulations -----------------------------------------------------------------------------


def _look_at_simulation(simulation: Simulation, channel: _Channel, looked: _Looked) -> None:
    from shoal.simulations.checks import check_simulation
    from shoal.simulations.compilation import compilation

    looked.findings.append(ProblemFinding("good", looked.step, _text_of(simulation)))

    looked.step = "compile"
    channel.say(at=looked.step)
    compilation(simulation)

    looked.step = "call"
    channel.say(at=looked.step)
    seconds, printed = _call_once(simulation)
    if printed:
        looked.findings.append(prints(f"The simulation {simulation.name}", printed))

    channel.say(at="look")
    if seconds > _SLOW_SECONDS:
        found = check_simulation(simulation, policies=2, scenarios=2)
    else:
        found = check_simulation(simulation)
    looked.findings += _findings(simulation, found)
    looked.facts = _facts(found)


def _call_once(simulation: Simulation) -> tuple[float, str]:
    """How long a call of one policy takes, in seconds, and what it prints."""
    from shoal.simulations.evaluation import Evaluator, ScenarioSet

    network = Network((simulation.input_count, _HIDDEN, simulation.outputs), "tanh")
    weights = normals((0, 0), Purpose.POSITION, 1, network.size)
    scenarios = ScenarioSet((0, 0), Purpose.VALIDATION_SCENARIO)

    with Evaluator(simulation, network) as evaluator:
        begun = time.perf_counter()
        evaluator.scores(weights, scenarios, [0])
        seconds = time.perf_counter() - begun
    return seconds, evaluator.printed


def _text_of(simulation: Simulation) -> str:
    text = (
        f"{simulation.name}: {simulation.input_count} inputs, {simulation.outputs} outputs; a "
        f"{_better(simulation.direction)} score is better"
    )
    if simulation.unit:
        text = f"{text} ({simulation.unit})"
    return f"{text}."


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
    remedy = ""
    if simulation.compiled is None and not simulation.batched:
        status = "look"
        remedy = (
            "leave out what Numba does not know, if you can: compiled code is often 100 times as "
            "fast"
        )
    if found.why_not_compiled is None:
        findings.append(ProblemFinding("good", "speed", f"Compiled; {_speed(found)}."))
    else:
        findings.append(
            ProblemFinding(
                status,
                "speed",
                f"Not compiled: {found.why_not_compiled} {_speed(found).capitalize()}.",
                remedy,
            )
        )
    return findings


def _speed(found: SimulationCheck) -> str:
    text = f"{found.seconds * 1e3:.3g} ms and {found.steps:,.0f} steps a call"
    if found.lengths_differ:
        return f"{text} by policies that know nothing; better ones may act longer"
    return text


def _facts(found: SimulationCheck) -> dict[str, Any]:
    return {
        "seconds": found.seconds,
        "steps": found.steps,
        "ties": float(np.round(found.ties, 6)),
        "compiled": found.why_not_compiled is None,
        "why_not_compiled": found.why_not_compiled,
    }
