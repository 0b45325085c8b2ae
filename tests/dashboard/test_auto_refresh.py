"""How often pages look again, and in which order they draw: no browser needed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("streamlit", reason="the extra shoal[dashboard] is not installed")

import plotly.graph_objects as go

from shoal.dashboard.components import deferred_charts
from shoal.dashboard.components.auto_refresh import LONGEST, SHARE, RefreshBudget


@given(st.integers(1, 200), st.integers(1, 64), st.floats(1e-4, 0.4))
def test_all_refreshes_together_keep_to_their_share(sessions: int, cores: int, cost: float) -> None:
    budget = RefreshBudget(cores)
    for n in range(1, 301):
        budget.record_refresh(n * cost)
    seconds = [budget.interval(1.0, LONGEST, f"session {n}", 0.0) for n in range(sessions)][-1]
    assert 1.0 <= seconds <= LONGEST
    if 1.0 < seconds < LONGEST:
        assert sessions * cost / seconds <= 1.001 * SHARE * cores


def test_who_left_is_forgotten_and_a_page_alone_looks_as_usual() -> None:
    budget = RefreshBudget(2)
    for n in range(100):
        crowded = budget.interval(1.0, LONGEST, f"session {n}", 0.0)
    assert crowded == LONGEST
    assert budget.interval(1.0, 4.0, "session 0", 1.0) == 4.0, "where a page cannot wait as long"
    assert budget.interval(1.0, LONGEST, "session 0", 1000.0) == 1.0
    assert budget.interval(5.0, LONGEST, "session 0", 1001.0) == 5.0


def test_who_closed_the_page_is_gone_at_once() -> None:
    here = {f"session {n}" for n in range(100)}
    budget = RefreshBudget(2, here.__contains__)
    assert [budget.interval(1.0, LONGEST, name, 0.0) for name in sorted(here)][-1] == LONGEST
    here -= {f"session {n}" for n in range(1, 100)}
    assert budget.interval(1.0, LONGEST, "session 0", 1.0) == 1.0


class Places:
    """Stands for Streamlit: notes places as they are made, and charts as they are drawn."""

    def __init__(self) -> None:
        self.noted: list[str] = []

    def container(self, **options: Any) -> Any:
        assert options["height"] == 200
        self.noted.append(f"place {options['key']}")
        return self

    def plotly_chart(self, figure: go.Figure, *, key: str, **_: Any) -> None:
        self.noted.append(f"draw {key}")


def test_charts_are_drawn_last_and_where_they_belong(monkeypatch: pytest.MonkeyPatch) -> None:
    places, figure = Places(), go.Figure(layout={"height": 200})
    monkeypatch.setattr(deferred_charts, "st", places)
    with deferred_charts.deferred_charts():
        deferred_charts.chart(figure, "one", "a figure")
        with deferred_charts.deferred_charts():  # a fragment, which draws its own
            deferred_charts.chart(figure, "two", "a figure")
            places.noted.append("text of the fragment")
        places.noted.append("text")
    deferred_charts.chart(figure, "three", "a figure")
    assert places.noted == [
        "place chart-one",
        "place chart-two",
        "text of the fragment",
        "draw two",
        "text",
        "draw one",
        "place chart-three",
        "draw three",
    ]

    @deferred_charts.deferred_charts()
    def stopped() -> None:
        deferred_charts.chart(figure, "four", "a figure")
        raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        stopped()
    assert places.noted[-1] == "place chart-four", "a page that stops draws nothing more"
