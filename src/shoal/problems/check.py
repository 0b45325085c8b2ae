"""What users bring, looked at before a search: why could no search start, what to know?

It is a simulation, a function, an objective, a loss of a row or a decoder.

The functions `check_...` are what others call. The code runs in a process of its own
(`shoal.problems.check_process`), so that one that never returns, or that ends its process, costs no
more than the seconds that it is given.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from shoal.errors import ProblemError, ShoalError
from shoal.system.child import Child, Entry

if TYPE_CHECKING:
    from shoal.problems.target_sample import TargetSample
    from shoal.settings.named_code import NamedCode

Status = Literal["good", "look", "bad"]

# How long a first call may take, with the import and the compilation before it.
LIMIT_SECONDS = 60.0
# What a child is at when it is given up, for a message.
_AT = {
    "import": "importing it has not ended",
    "compile": "compiling it has not ended",
    "call": "one call has not returned",
    "look": "it has not returned from a few calls",
}
_POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class ProblemFinding:
    """One thing to know of what users bring.

    Attributes
    ----------
    status
        "bad": no search can start. "look": one can, but see the remedy. "good": all is well.
    check
        What was looked at, in a word or two.
    what
        The finding, in a sentence.
    remedy
        What to do about it.
    """

    status: Status
    check: str
    what: str
    remedy: str = ""

    @classmethod
    def of(cls, check: str, error: ShoalError) -> ProblemFinding:
        """The bad finding that says what a search would say as it refuses."""
        expected = ""
        if error.expected:
            expected = f" Expected: {error.expected}."
        return cls("bad", check, error.problem + expected, error.remedy)


@dataclass(frozen=True, slots=True)
class ProblemCheck:
    """What came of looking at what users bring.

    Attributes
    ----------
    name
        What was looked at.
    findings
        The worst first.
    facts
        Numbers: ``seconds`` and ``steps`` of a call, ``ties``, the share of random policies whose
        score another one has, too, ``compiled``, and ``why_not_compiled``. Of a function, those of
        `shoal.functions.checks.FunctionCheck`. Of an objective, ``seconds`` of a call with
        ``networks`` and ``rows``, and ``ties`` of networks that differ a little. Of a loss of a
        row, ``seconds``, ``rows`` and ``compiled``. Of a decoder, ``seconds`` of a call with
        ``networks`` of so many ``weights``. Empty where it did not come to a score.
    """

    name: str
    findings: tuple[ProblemFinding, ...]
    facts: Mapping[str, Any]

    @property
    def bad(self) -> bool:
        """Whether no search can start."""
        return any(finding.status == "bad" for finding in self.findings)

    def refuse_bad(self) -> None:
        """Raise `ProblemError` if no search can start."""
        for finding in self.findings:
            if finding.status == "bad":
                raise ProblemError(
                    finding.what,
                    remedy=finding.remedy or f"`shoal check-problem {self.name}` says more",
                )

    def to_dict(self) -> dict[str, Any]:
        """The JSON object of `shoal check-problem --json`."""
        findings = [asdict(finding) for finding in self.findings]
        return {"problem": self.name, "facts": dict(self.facts), "findings": findings}


def check_named(
    text: str,
    seconds: float = LIMIT_SECONDS,
    *,
    options: Mapping[str, Any] | None = None,
    table: Mapping[str, Any] | None = None,
    columns: Mapping[str, str] | None = None,
) -> ProblemCheck:
    """Look at what a text names, as a person wrote it.

    Parameters
    ----------
    text
        A simulation or a function (see `shoal.problems.registry.find_written`), or the name of an
        objective or a decoder, or a reference to one.
    seconds
        How long import, compilation and one call may take, and how long a few calls may take.
    options
        Values that differ from the defaults, by name.
    table
        Whose rows an objective is tried out on: arguments of `shoal.load_dataset` as JSON values.
        None: on made-up rows.
    columns
        What the table calls columns that an objective is handed, by the objective's names.
    """
    request = {
        "text": text,
        "options": dict(options or {}),
        "table": table,
        "columns": dict(columns or {}),
    }
    return _check(text, request, seconds)


def check_import(text: str, seconds: float = LIMIT_SECONDS) -> ProblemCheck:
    """Import what a text names, and no more: importing it here first might never end.

    Parameters
    ----------
    text, seconds
        As in `check_named`.
    """
    return _check(text, {"text": text, "options": {}, "imports_only": True}, seconds)


def check_objective_of(
    named: NamedCode, sample: TargetSample, seconds: float = LIMIT_SECONDS
) -> ProblemCheck:
    """Try out an objective or a loss of a row that settings name, as other processes will find it.

    Parameters
    ----------
    named
        In a user's file.
    sample
        The rows.
    seconds
        As in `check_named`.
    """
    request = {"named": named.model_dump(), "sample": sample.to_dict()}
    return _check(named.name, request, seconds)


def check_decoder_of(
    named: NamedCode, layers: Sequence[int], seconds: float = LIMIT_SECONDS
) -> ProblemCheck:
    """Try out a decoder that settings name, as other processes will find it.

    Parameters
    ----------
    named
        In a user's file.
    layers
        Widths of the network whose weights it makes.
    seconds
        As in `check_named`.
    """
    request = {"named": named.model_dump(), "setting": "decoder", "layers": list(layers)}
    return _check(named.name, request, seconds)


def check_recorded(record: Mapping[str, Any], seconds: float = LIMIT_SECONDS) -> ProblemCheck:
    """Look at the simulation or function of a record, as another process will find it.

    Parameters
    ----------
    record
        What `shoal.problems.registry.describe` says.
    seconds
        As in `check_named`.
    """
    # The text is for people, and no process needs it.
    named = {**record, "code": None}
    return _check(record["name"], {"record": named}, seconds)


def _check(name: str, request: Mapping[str, Any], seconds: float) -> ProblemCheck:
    child = Child(Entry.PROBLEM_CHECK, request)
    at = "import"
    until = time.monotonic() + seconds
    try:
        has_ended = False
        while not has_ended and time.monotonic() < until:
            has_ended = child.has_ended(_POLL_SECONDS)
            for answer in child.new_answers():
                if "findings" in answer:
                    return _received(name, answer)
                if answer["at"] == "look":
                    # It has returned once, so it is no endless one.
                    until = time.monotonic() + seconds
                at = answer["at"]
        if has_ended:
            finding = _crashed(name, child.reason())
        else:
            finding = _given_up(name, at, seconds)
    finally:
        child.close()
    return ProblemCheck(name, (finding,), {})


def _received(name: str, answer: Mapping[str, Any]) -> ProblemCheck:
    findings = [ProblemFinding(**finding) for finding in answer["findings"]]
    return ProblemCheck(name, tuple(findings), answer["facts"])


def _crashed(name: str, reason: str) -> ProblemFinding:
    return ProblemFinding(
        "bad",
        "process",
        f"{name} ended the process that it ran in: {reason.rstrip('.')}. Expected: a function that "
        "returns.",
        "leave out what exits or crashes",
    )


def _given_up(name: str, at: str, seconds: float) -> ProblemFinding:
    if at == "look":
        return ProblemFinding(
            "look",
            "speed",
            f"{name} returns, but a few calls take longer than {seconds:g} s.",
            "do less at a time, or let it be compiled; `shoal check-problem --seconds` waits "
            "longer",
        )
    return ProblemFinding(
        "bad",
        "returns",
        f"{name}: {_AT[at]} after {seconds:g} s. Expected: a function that returns soon, "
        "whatever it is handed.",
        "bound its loops; `shoal check-problem --seconds` waits longer",
    )
