"""How long the page *What matters* shows what was computed before."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("streamlit", reason="the extra shoal[dashboard] is not installed")

from shoal.dashboard.pages import importance
from shoal.dashboard.session.staleness import is_recent


@pytest.mark.parametrize(
    ("then", "now", "recent"),
    [(100, 100, True), (95, 100, True), (94, 100, False), (0, 1, False), (0, 0, True)],
)
def test_what_was_computed_may_be_shown_while_little_has_come_since(
    then: int, now: int, recent: bool
) -> None:
    assert is_recent(then, now) == recent


class Visit:
    """Opens the page with a number of trainings, and says how many it looks at."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.last: dict[int, int] = {}
        self.trainings = 0
        self.patch = monkeypatch
        monkeypatch.setattr(importance, "_last_looked_at", lambda: self.last)
        monkeypatch.setattr(
            importance,
            "evaluation_table",
            lambda run_id: SimpleNamespace(frame=range(self.trainings)),
        )

    def __call__(self, trainings: int) -> int:
        self.trainings = trainings
        self.patch.setattr(importance, "st", SimpleNamespace(session_state={}))
        self.patch.setattr(importance, "entered", lambda: True)
        run: Any = SimpleNamespace(id=7, evaluations=0)
        return importance._trainings_to_look_at(run)


def test_a_page_that_is_opened_again_looks_at_the_same_trainings_for_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    visit = Visit(monkeypatch)
    assert visit(100) == 100
    assert visit(105) == 100
    assert visit(106) == 106


def test_a_run_without_trainings_has_nothing_to_look_at(monkeypatch: pytest.MonkeyPatch) -> None:
    visit = Visit(monkeypatch)
    assert visit(0) == 0
    assert visit(1) == 1
