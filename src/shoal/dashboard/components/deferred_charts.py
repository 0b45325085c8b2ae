"""Charts in their places on a page. Text goes first, as the first chart takes a browser a second.

with deferred_charts():
    st.title("A page")
    # Its place is here; it is drawn when all else has been sent.
    chart(figure, "history", "Score by generation")
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

# What is still to be drawn in the innermost block; None outside of any.
_waiting: ContextVar[list[Callable[[], object]] | None] = ContextVar(
    "charts that wait", default=None
)


@contextmanager
def deferred_charts() -> Iterator[None]:
    """A block whose charts are drawn at its end, in order.

    A fragment of a page needs a block of its own, as it also runs without the rest of the page.
    Nothing is drawn when the block ends by an exception.
    """
    waiting: list[Callable[[], object]] = []
    token = _waiting.set(waiting)
    try:
        yield
    finally:
        _waiting.reset(token)

    # After the block was reset: a chart that is drawn from here waits for nothing.
    for draw in waiting:
        draw()


def chart(figure: Figure | Spec, key: str, alt: str) -> None:
    """Show a chart here, and draw it at the end of the block of `deferred_charts`.

    Its place is as high as the chart from the beginning, so nothing moves when it is drawn. The
    legend of a Vega-Lite chart stands above it, as HTML.

    Parameters
    ----------
    figure
        Plotly's figure, or what `vega_chart` returned.
    key
        Names it on the page.
    alt
        What a screen reader reads of it.
    """
    if isinstance(figure, Figure):
        place = st.container(height=figure.layout.height, border=False, key=f"chart-{key}")

        def draw() -> None:
            place.plotly_chart(figure, key=key, theme=None, config=PLOTLY_CONFIG, alt=alt)

    else:
        about = figure["usermeta"]
        if about["legend"]:
            st.html(about["legend"])
        # The style sheet leaves room for fixed margins beside charts without this prefix.
        prefix = "chart-fit" if about["fit"] else "chart"
        place = st.container(height=about["height"], border=False, key=f"{prefix}-{key}")

        def draw() -> None:
            rows, spec = _rows_apart(figure)
            place.vega_lite_chart(rows, spec, key=key, theme=None, alt=alt)

    waiting = _waiting.get()
    # Outside of a block nobody would draw it later.
    if waiting is None:
        draw()
    else:
        waiting.append(draw)


def _rows_apart(spec: Spec) -> tuple[pa.Table | None, Spec]:
    """The rows of a chart as an Arrow table, and the rest of its specification.

    Streamlit sends rows as Arrow tables, but takes six times as long to make one of a list.
    """
    rows = spec.get("data", {}).get("values")
    apart = {"usermeta"}
    table = None
    if rows:
        apart.add("data")
        table = pa.Table.from_pylist(rows)

    rest = {name: value for name, value in spec.items() if name not in apart}
    return table, rest
