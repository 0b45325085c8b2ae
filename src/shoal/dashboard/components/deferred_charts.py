"""Charts of a page. What stands in text goes first: a browser takes a second to learn how to draw its first chart.

with charts_last():
    st.title("A page")
    chart(figure, "accuracy", "Accuracy by generation")  # its place is here, and it comes when all else is there
    st.caption("What it shows")
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import pyarrow as pa
import streamlit as st
from plotly.graph_objects import Figure

from shoal.dashboard.charts.base import PLOTLY_CONFIG
from shoal.dashboard.charts.vega import Spec

_waiting: ContextVar[list[Callable[[], object]] | None] = ContextVar(
    "charts that wait", default=None
)


@contextmanager
def deferred_charts() -> Iterator[None]:
    """At its end the charts of the block are drawn. Fragments have blocks of their own, as they run by themselves."""
    waiting: list[Callable[[], object]] = []
    before = _waiting.set(waiting)
    try:
        yield
    finally:
        _waiting.reset(before)
    for draw in waiting:
        draw()


def chart(figure: Figure | Spec, key: str, alt: str) -> None:
    """The figure, Plotly's or Vega-Lite's, in a place as high as it is. ``alt`` is what a reader hears of it."""
    place = {"height": figure.layout.height} if isinstance(figure, Figure) else figure["usermeta"]
    if place.get("legend"):
        st.html(place["legend"])
    fit = "fit-" if place.get("fit") else ""
    box = st.container(height=int(place["height"]), border=False, key=f"chart-{fit}{key}")

    def draw() -> None:
        if isinstance(figure, Figure):
            box.plotly_chart(figure, key=key, theme=None, config=PLOTLY_CONFIG, alt=alt)
        else:
            box.vega_lite_chart(*_table(figure), key=key, theme=None, alt=alt)

    waiting = _waiting.get()
    if waiting is None:
        draw()
    else:
        waiting.append(draw)


def _table(figure: Spec) -> tuple[pa.Table | None, Spec]:
    """The rows of a figure as Streamlit sends them, which it makes of a list in six times the time; and the rest of it."""
    rows = figure.get("data", {}).get("values")
    apart = ("usermeta", "data") if rows else ("usermeta",)
    return pa.Table.from_pylist(rows) if rows else None, {
        k: v for k, v in figure.items() if k not in apart
    }
