"""What a check of users' code finds, found in this process: another one takes a second.

Whatever ends its process, or never returns, needs `shoal.problems.check.check_named`.
"""

from __future__ import annotations

from typing import Any

from shoal.errors import ShoalError
from shoal.functions.definition import FunctionProblem
from shoal.objectives.decoders import Decoder
from shoal.problems import check_process
from shoal.problems.check import ProblemFinding


class _Nobody:
    """Stands in for the process that has asked."""

    def say(self, **values: Any) -> None:
        pass


def worst_finding(text: str) -> ProblemFinding:
    """The worst that is found in a simulation, a function or a decoder that a text names."""
    looked: Any = check_process._Looked()
    nobody: Any = _Nobody()
    try:
        subject: Any = check_process.find(text)
        if isinstance(subject, Decoder):
            check_process._look_at_decoder(subject, {}, nobody, looked)
        elif isinstance(subject, FunctionProblem):
            check_process._look_at_function(subject, nobody, looked)
        else:
            check_process._look_at_simulation(subject, nobody, looked)
    except ShoalError as error:
        looked.findings.append(ProblemFinding.of(looked.step, error))

    order = ("bad", "look", "good")
    found: ProblemFinding = min(looked.findings, key=lambda finding: order.index(finding.status))
    return found
