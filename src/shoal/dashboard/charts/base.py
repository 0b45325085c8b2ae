"""What all charts share: the theme's colours, Plotly's axes and layout."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shoal.presentation.palette import DARK, LIGHT, Palette

# For values that have an order. Its lightness rises evenly, so it is read without colours too.
COLOUR_SCALE = "Viridis"

# The argument ``config`` of `st.plotly_chart`.
PLOTLY_CONFIG = {"displayModeBar": False}


def palette(dark: bool) -> Palette:
    """The colours of the page's theme."""
    if dark:
        return DARK
    return LIGHT


def plotly_axis(colours: Palette, title: str = "", **properties: Any) -> dict[str, Any]:
    """An axis of a Plotly figure; ``properties`` are Plotly's own and win over ours."""
    return {
        "color": colours.muted,
        "gridcolor": colours.grid,
        "zeroline": False,
        "fixedrange": True,
        "linecolor": colours.grid,
        "title": {"text": title, "standoff": 8, "font": {"size": 13}},
        **properties,
    }


def plotly_layout(
    colours: Palette,
    *,
    height: int,
    x: dict[str, Any],
    y: dict[str, Any],
    revision: str = "",
    **properties: Any,
) -> dict[str, Any]:
    """The layout of a Plotly figure.

    Parameters
    ----------
    colours
        The colours of the page's theme.
    height
        Of the whole figure, in pixels.
    x, y
        Its axes, made by `plotly_axis`.
    revision
        While this stays the same, a redrawn figure keeps what a viewer has hidden or zoomed.
    **properties
        Further properties, by Plotly's names.
    """
    label = {
        "bgcolor": colours.surface,
        "bordercolor": colours.grid,
        "font": {"color": colours.text},
    }

    return {
        "template": "none",
        "height": height,
        "margin": {"l": 58, "r": 14, "t": 34, "b": 44},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": '"Source Sans", sans-serif', "size": 13, "color": colours.text},
        "colorway": list(colours.series),
        "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
        "hoverlabel": label,
        # Dragging does nothing, so that a figure does not catch a finger that scrolls the page.
        "dragmode": False,
        "uirevision": revision,
        "xaxis": x,
        "yaxis": y,
        **properties,
    }


def extent(
    values: NDArray[np.float64] | pd.Series, empty: tuple[float, float]
) -> tuple[float, float]:
    """The smallest and the largest of ``values``; ``empty`` where there are none."""
    if not len(values):
        return empty
    return float(values.min()), float(values.max())
