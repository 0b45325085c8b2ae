"""What figures in Vega-Lite share. A browser is ready for the first of them a second before it would be for Plotly's.

    figure = vega(colours, height=300, data={"values": records(frame)}, layer=[...])

Names are Vega-Lite's own (https://vega.github.io/vega-lite/docs/).
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, NamedTuple

import pandas as pd

from shoal.presentation.palette import MARGINS, Palette

Spec = dict[str, Any]
FONT = '"Source Sans", sans-serif'


class LegendEntry(NamedTuple):
    """What a legend says of one kind of mark; ``dash`` in pixels of line and gap."""

    label: str
    colour: str
    shape: str = "line"  # or "area", "circle", "diamond", "cross": classes of the style sheet
    dash: Sequence[float] = ()
    hollow: bool = False


def vega_chart(
    colours: Palette,
    *,
    height: int,
    layer: Sequence[Spec],
    keys: Sequence[LegendEntry] = (),
    fit: bool = False,
    **more: Any,
) -> Spec:
    """A figure as wide as its place and ``height`` pixels high, axes included.

    Its margins are fixed: those that just ``fit`` take a second drawing to find. ``keys`` make its legend, which is HTML and
    stands above it: it breaks into lines where the place is narrow, and Vega's takes a tenth of a figure's time.
    """
    text = {"labelFont": FONT, "titleFont": FONT, "titleFontWeight": "normal", "titleFontSize": 13}
    muted = {"labelColor": colours.muted, "titleColor": colours.muted, "labelFontSize": 12}
    lines = {"domainColor": colours.grid, "gridColor": colours.grid, "tickColor": colours.grid}
    legend = {"title": None, "labelColor": colours.text, "labelFontSize": 13, "labelLimit": 0}
    if fit:
        size = {
            "height": height,
            "autosize": {"type": "fit", "contains": "padding"},
            "padding": {"left": 4, "right": 14, "top": 2, "bottom": 4},
        }
    else:
        size = {
            "height": height - MARGINS["top"] - MARGINS["bottom"],
            "autosize": "none",
            "padding": MARGINS,
        }
    return {
        "width": "container",
        **size,
        "background": "transparent",
        "usermeta": {"height": height, "fit": fit, "legend": _legend_html(keys)},
        "config": {
            "view": {"stroke": None},
            "mark": {
                "aria": False
            },  # a reader hears what the figure is, not each of hundreds of dots
            "axis": {
                **text,
                **muted,
                **lines,
                "titlePadding": 8,
                "labelFlush": False,
                "labelSeparation": 8,
            },
            "legend": {**text, **legend},
        },
        "layer": list(layer),
        **more,
    }


def _legend_html(keys: Sequence[LegendEntry]) -> str:
    items = []
    for key in keys:
        look = f"color: {key.colour}" if key.shape != "line" else f"background: {_dashed(key)}"
        mark = f'<i class="{key.shape}{" hollow" if key.hollow else ""}" style="{look}"></i>'
        items.append(f"<li>{mark}{escape(key.label)}</li>")
    return f'<ul class="legend">{"".join(items)}</ul>' if items else ""


def _dashed(key: LegendEntry) -> str:
    stops, at = [], 0.0
    for n, length in enumerate(key.dash):
        stops.append(f"{'transparent' if n % 2 else key.colour} {at:g}px {at + length:g}px")
        at += length
    return f"repeating-linear-gradient(90deg, {', '.join(stops)})" if stops else key.colour


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a table; what is not finite is None, and where None stands nothing is drawn."""
    columns = {
        str(name): [_plain(value) for value in column.tolist()] for name, column in frame.items()
    }
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def number_channel(field: str, title: str | None = None, **axis: Any) -> Spec:
    """A channel of numbers with its axis; ``axis`` are its properties, and ``scale`` the scale's."""
    scale = {"nice": False, **axis.pop("scale", {})}
    if scale.get("type") != "log":
        scale.setdefault("zero", False)
    return {
        "field": field,
        "type": "quantitative",
        "scale": scale,
        "axis": {"title": title, **axis},
    }


def steady_domain(low: float, high: float) -> tuple[float, float]:
    """The domain from low to high, up to a twentieth wider at each end, for data that grow.

    It stays while they grow a little: as long as nothing but its data changes, a browser does not make a figure anew.
    """
    widest = (high - low) / 20
    power = 10.0 ** math.floor(math.log10(widest))
    step = power * max((m for m in (1, 2, 5) if m * power <= widest), default=1)
    return math.floor(low / step) * step, math.ceil(high / step) * step


def category_channel(field: str, looks: Mapping[str, Any]) -> Spec:
    """The colour, dash or shape of each row by its value in ``field``; ``looks`` by value."""
    return {
        "field": field,
        "scale": {"domain": list(looks), "range": list(looks.values())},
        "legend": None,
    }


def word_labels(words: Sequence[str]) -> str:
    """An axis's ``labelExpr``: instead of the number n, the n-th word."""
    return f"{json.dumps(list(words))}[datum.value]"


def tooltip(*columns: tuple[str, str] | tuple[str, str, str]) -> list[Spec]:
    """(field, title), or with a format of numbers; a title of spaces shows the text alone."""
    return [
        {"field": c[0], "title": c[1], **({"format": c[2]} if len(c) > 2 else {})} for c in columns
    ]


def pointer_layer(colours: Palette, share: float, told: list[Spec]) -> Spec:
    """A layer: what is ``told`` of the row that is pointed at. Each has a stripe, ``share`` of the figure wide.

    The style sheet shows the stripe under the pointer: Vega's own way to find the nearest row costs a second figure.
    """
    mark = {
        "type": "rule",
        "color": colours.muted,
        "strokeWidth": {"expr": f"{share:.6g} * width"},
        "opacity": 0,
    }
    return {"name": "pointer", "mark": mark, "encoding": {"tooltip": told}}
