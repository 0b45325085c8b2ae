"""A clock for the tests of what never returns: they need not wait for the end of a limit."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import pytest

from shoal.problems import check
from shoal.system.child import Child

_AN_HOUR = 3600.0


def limit_ends_at(step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the limit of a check be over as soon as its process says that it is at this step.

    Parameters
    ----------
    step
        As `shoal.problems.check` names it: "import", "compile", "call" or "look".
    monkeypatch
        Of the test.
    """
    gone = 0.0
    is_there = False

    class Heard(Child):
        def new_answers(self) -> list[dict[str, Any]]:
            nonlocal is_there
            answers = super().new_answers()
            is_there = is_there or any(answer.get("at") == step for answer in answers)
            return answers

    def monotonic() -> float:
        # An hour goes by at each look, so that a limit that begins anew ends, too.
        nonlocal gone
        if is_there:
            gone += _AN_HOUR
        return time.monotonic() + gone

    monkeypatch.setattr(check, "Child", Heard)
    monkeypatch.setattr(check, "time", SimpleNamespace(monotonic=monotonic))
