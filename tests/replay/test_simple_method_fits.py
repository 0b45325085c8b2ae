"""Who goes on asking for the lines of simple methods gets them, though a process may fail."""

from __future__ import annotations

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
