"""What all figures share: fonts, margins, axes, and colours by theme."""

from __future__ import annotations

from typing import Any

from shoal.dashboard.theme import DARK, LIGHT, Palette

SCALE = "Viridis"  # for what has an order: even in lightness, whatever colours one sees
CONFIG = {"displayModeBar": False}  # of `st.plotly_chart`


def palette(dark: bool) -> Palette:
    """The colours of the page's theme."""
    return DARK if dark else LIGHT


def axis(colours: Palette, title: str = "", **more: Any) -> dict[str, Any]:
    """An axis; ``more`` are Plotly's own names."""
    return {
        "color": colours.muted,
        "gridcolor": colours.grid,
        "zeroline": False,
        "fixedrange": True,
        "linecolor": colours.grid,
        "title": {"text": title, "standoff": 8, "font": {"size": 13}},
        **more,
    }


def layout(
    colours: Palette, *, height: int, x: dict[str, Any], y: dict[str, Any], revision: str = "", **more: Any
) -> dict[str, Any]:
    """A figure's layout. The same ``revision`` keeps what a viewer has hidden or zoomed."""
    return {
        "template": "none",
        "height": height,
        "margin": {"l": 58, "r": 14, "t": 34, "b": 44},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": '"Source Sans", sans-serif', "size": 13, "color": colours.text},
        "colorway": list(colours.series),
        "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
        "hoverlabel": {"bgcolor": colours.surface, "bordercolor": colours.grid, "font": {"color": colours.text}},
        "dragmode": False,  # a finger that scrolls the page must not be caught
        "uirevision": revision,
        "xaxis": x,
        "yaxis": y,
        **more,
    }
