"""Who goes on asking for the lines of simple methods gets them, though a process may fail."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from shoal.replay import page_processes
from shoal.replay.simple_methods import MOST_TRIES, SimpleMethods
from support.summaries import view

LINES = [{"label": "Constant", "score": 75.0}, {"label": "Linear model", "score": 82.0}]


class Process:
    """Stands for a child process and its number."""

    pid = 1


class FakeChild:
    """Answers at once, and has ended."""

    answers: Iterator[list[dict[str, Any]]]

    def __init__(self, entry: object, request: object, environment: object) -> None:
        self.process = Process()
        self._answers = next(self.answers)

    def has_ended(self) -> bool:
        return True

    def was_abandoned(self) -> bool:
        return False

    def reason(self) -> str:
        return "exit code 1"

    def new_answers(self) -> list[dict[str, Any]]:
        taken, self._answers = self._answers, []
        return taken

    def close(self) -> None:
        pass


@pytest.fixture
def methods(monkeypatch: pytest.MonkeyPatch) -> SimpleMethods:
    monkeypatch.setattr(page_processes, "Child", FakeChild)
    return SimpleMethods("sqlite:///none.db")


def test_a_process_that_fails_is_followed_by_another(methods: SimpleMethods) -> None:
    FakeChild.answers = iter([[{"error": "the store is busy"}], LINES])
    run = replace(view(1), state="running")
    assert methods.lines(run) == ()
    assert [line.label for line in methods.lines(run)] == ["Constant", "Linear model"]
    assert len(methods.lines(run)) == 2, "they are kept, and not computed again"


def test_a_table_without_lines_is_given_up(methods: SimpleMethods) -> None:
    begun: list[list[dict[str, Any]]] = [[] for _ in range(MOST_TRIES)]
    FakeChild.answers = iter(begun)
    for _ in range(MOST_TRIES + 3):
        assert methods.lines(view(1)) == ()
    assert next(FakeChild.answers, None) is None, "each try has had its process"


# What a process of simple methods does, in a process of this test's: it says which modules of
# scikit-learn it has when it gives way to others, and which it has at its end.
ORDER = """
import sys

import shoal
from shoal.problems.table import TableProblem
from shoal.replay import simple_methods
from shoal.settings.search_settings import SearchSettings

class Parent:
    def request(self):
        return {"run": 1}

def loaded(niceness=None):
    names = sorted(name for name in sys.modules if name.startswith("sklearn"))
    print(names, file=sys.__stdout__, flush=True)

problem = TableProblem(shoal.load_dataset("concrete"), SearchSettings.parse({"preset": "modern"}))
simple_methods.load_problem = lambda run: problem
simple_methods.lower_priority = loaded
simple_methods.main(Parent(), [])
loaded()
"""


def test_a_process_gives_way_only_when_all_is_imported() -> None:
    """An import at a tenth of a core takes longer than the fits."""
    done = subprocess.run(
        [sys.executable, "-c", ORDER], capture_output=True, text=True, check=True, timeout=300
    )
    before, constant, linear, after = done.stdout.splitlines()
    assert "'sklearn.linear_model'" in before
    assert before == after, "the fits import nothing more"
    assert json.loads(constant)["label"] == "Constant"
    assert json.loads(linear)["label"] == "Linear model"
