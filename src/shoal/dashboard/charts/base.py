"""What all figures share: fonts, margins, axes, and colours by theme."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shoal.presentation.palette import DARK, LIGHT, Palette

COLOUR_SCALE = "Viridis"  # for what has an order: even in lightness, whatever colours one sees
PLOTLY_CONFIG = {"displayModeBar": False}  # of `st.plotly_chart`


def palette(dark: bool) -> Palette:
    """The colours of the page's theme."""
    return DARK if dark else LIGHT


def plotly_axis(colours: Palette, title: str = "", **more: Any) -> dict[str, Any]:
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


def plotly_layout(
    colours: Palette,
    *,
    height: int,
    x: dict[str, Any],
    y: dict[str, Any],
    revision: str = "",
    **more: Any,
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
        "hoverlabel": {
            "bgcolor": colours.surface,
            "bordercolor": colours.grid,
            "font": {"color": colours.text},
        },
        "dragmode": False,  # a finger that scrolls the page must not be caught
        "uirevision": revision,
        "xaxis": x,
        "yaxis": y,
        **more,
    }


def log_ticks(values: NDArray[np.float64] | pd.Series, most: int = 5) -> list[float]:
    """Round numbers for a logarithmic axis of these: 1, 2 and 5 of each power of ten, or as many as fit.

    Where these are too near to each other for that, their ends. What is not finite, or not above 0, has no place on it.
    """
    shown = np.asarray(values, dtype=np.float64)
    shown = shown[np.isfinite(shown) & (shown > 0)]
    if not len(shown):
        return []
    low, high = math.log10(shown.min()), math.log10(shown.max())
    powers = range(math.floor(low), math.ceil(high) + 1)
    for steps in ((1, 2, 5), (1, 3), (1,)):
        found = [
            m * 10.0**n
            for n in powers
            for m in steps
            if low - 0.05 <= n + math.log10(m) <= high + 0.05
        ]
        if len(found) <= most:
            break
    found = found[:: math.ceil(len(found) / most) or 1]
    return found if len(found) > 1 else sorted({float(f"{10**end:.2g}") for end in (low, high)})
