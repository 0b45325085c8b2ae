"""What charts in Vega-Lite share. Most charts are Vega-Lite's, as its first one is drawn sooner.

A browser is ready for its first Vega-Lite chart a second before it would be for Plotly's
(docs/decisions/0009-dashboard.md has the measurements). A chart is a dictionary of plain values,
which tests read:

    chart = vega_chart(colours, height=300, data={"values": records(frame)}, layers=[...])

Names inside are Vega-Lite's own (https://vega.github.io/vega-lite/docs/).
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, NamedTuple

import pandas as pd

from shoal.dashboard.charts.vega_domains import with_domains
from shoal.presentation.palette import MARGINS, Palette

# A chart, or a part of one, in Vega-Lite's own terms.
Spec = dict[str, Any]
FONT = '"Source Sans", sans-serif'

# The room that `steady_domain` may add at each end, as a share of the data's range.
_STEADY_ROOM = 1 / 20


class LegendEntry(NamedTuple):
    """One entry of a chart's legend.

    Attributes
    ----------
    label
        What the mark stands for.
    colour
        A CSS colour.
    shape
        "line", "area", "circle", "diamond" or "cross": classes of the style sheet.
    dash
        Of a line: lengths of line and gap in turn, in pixels; empty for a solid line.
    hollow
        Draw the outline of the shape only.
    """

    label: str
    colour: str
    shape: str = "line"
    dash: Sequence[float] = ()
    hollow: bool = False


def vega_chart(
    colours: Palette,
    *,
    height: int,
    layers: Sequence[Spec],
    legend: Sequence[LegendEntry] = (),
    fit: bool = False,
    **properties: Any,
) -> Spec:
    """A chart as wide as its container.

    Parameters
    ----------
    colours
        The colours of the page's theme.
    height
        Of the whole chart with its axes, in pixels.
    layers
        What is drawn, the lowest layer first (see `layer`).
    legend
        Entries of its legend. The legend is HTML above the chart: it breaks into lines where the
        page is narrow, and Vega's own takes a tenth of a chart's time.
    fit
        Let Vega find the margins, which takes a second drawing. Only charts with a scale of
        colours beside them need it; others have fixed margins.
    **properties
        Further properties of the top level, such as ``data`` and ``encoding``.

    Returns
    -------
    Spec
        The specification. ``usermeta`` holds what the page needs and Vega does not: height,
        ``fit``, and the legend, as HTML and as its entries.
    """
    chart = {
        "width": "container",
        **_size(height, fit),
        "background": "transparent",
        "usermeta": {
            "height": height,
            "fit": fit,
            "legend": _legend_html(legend),
            "entries": [entry._asdict() for entry in legend],
        },
        "config": _config(colours),
        "layer": list(layers),
        **properties,
    }
    return with_domains(chart)


def _size(height: int, fit: bool) -> Spec:
    if fit:
        return {
            "height": height,
            "autosize": {"type": "fit", "contains": "padding"},
            "padding": {"left": 4, "right": 14, "top": 2, "bottom": 4},
        }

    return {
        "height": height - MARGINS["top"] - MARGINS["bottom"],
        # So a chart is laid out once. With "fit" it is laid out, measured, and laid out again.
        "autosize": "none",
        "padding": MARGINS,
    }


def _config(colours: Palette) -> Spec:
    """Fonts and colours of axes and legends."""
    text = {"labelFont": FONT, "titleFont": FONT, "titleFontWeight": "normal", "titleFontSize": 13}
    axis = {
        **text,
        "labelColor": colours.muted,
        "titleColor": colours.muted,
        "labelFontSize": 12,
        "domainColor": colours.grid,
        "gridColor": colours.grid,
        "tickColor": colours.grid,
        # Labels may stand beyond the ends of the axis, but not too near to each other.
        "titlePadding": 8,
        "labelFlush": False,
        "labelSeparation": 8,
    }
    legend = {
        **text,
        "title": None,
        "labelColor": colours.text,
        "labelFontSize": 13,
        "labelLimit": 0,
    }

    return {
        "view": {"stroke": None},
        # A screen reader reads the chart's own description, not one of each of hundreds of dots.
        "mark": {"aria": False},
        "axis": axis,
        "legend": legend,
    }


def _legend_html(entries: Sequence[LegendEntry]) -> str:
    if not entries:
        return ""

    items = "".join(f"<li>{_legend_mark(entry)}{escape(entry.label)}</li>" for entry in entries)
    return f'<ul class="legend">{items}</ul>'


def _legend_mark(entry: LegendEntry) -> str:
    classes = entry.shape
    if entry.hollow:
        classes += " hollow"

    if entry.shape == "line":
        style = f"background: {_line_background(entry)}"
    else:
        style = f"color: {entry.colour}"
    return f'<i class="{classes}" style="{style}"></i>'


def _line_background(entry: LegendEntry) -> str:
    """The CSS background of a line: its colour, or stripes where it is dashed."""
    if not entry.dash:
        return entry.colour

    stripes = []
    start = 0.0
    for n, length in enumerate(entry.dash):
        colour = "transparent" if n % 2 else entry.colour
        stripes.append(f"{colour} {start:g}px {start + length:g}px")
        start += length
    return f"repeating-linear-gradient(90deg, {', '.join(stripes)})"


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a table as dictionaries. Numbers that are not finite become None.

    JSON has no infinity, and Vega draws nothing where a value is None.
    """
    names = [str(name) for name in frame.columns]
    columns = []
    for _, column in frame.items():
        columns.append([_finite_or_none(value) for value in column.tolist()])

    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def _finite_or_none(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def layer(mark: Spec, encoding: Spec, rows: pd.DataFrame | None = None) -> Spec:
    """One layer of a chart.

    Parameters
    ----------
    mark
        Type and look of its marks.
    encoding
        Which column is shown by which channel.
    rows
        Its data; None for those of the whole chart.
    """
    spec = {"mark": mark, "encoding": encoding}
    if rows is not None:
        spec["data"] = {"values": records(rows)}
    return spec


def number_channel(
    field: str, title: str | None = None, *, scale: Spec | None = None, **axis: Any
) -> Spec:
    """A channel that shows the numbers of a column, with an axis.

    Parameters
    ----------
    field
        The column.
    title
        Of the axis.
    scale
        Properties of the scale. Unless they say otherwise, the axis ends where the data end.
    **axis
        Properties of the axis.
    """
    whole_scale = {"nice": False, **(scale or {})}
    # A logarithmic scale has no 0, so the property does not apply to it.
    if whole_scale.get("type") != "log":
        whole_scale.setdefault("zero", False)

    return {
        "field": field,
        "type": "quantitative",
        "scale": whole_scale,
        "axis": {"title": title, **axis},
    }


def steady_domain(low: float, high: float) -> tuple[float, float]:
    """A domain that stays while the data grow a little: from ``low`` to ``high`` or a bit wider.

    Its ends are round numbers, at most a twentieth of the range beyond the data. While nothing but
    the data of a chart changes, a browser updates it; with another axis it makes it anew.

    Examples
    --------
    >>> steady_domain(0.0, 204.0)
    (0.0, 210.0)
    >>> steady_domain(0.0, 209.0)
    (0.0, 210.0)
    """
    widest_step = (high - low) * _STEADY_ROOM
    power = 10.0 ** math.floor(math.log10(widest_step))
    fitting = [multiple for multiple in (1, 2, 5) if multiple * power <= widest_step]
    # Rounding may leave no multiple: then a power of ten will do.
    step = power * max(fitting, default=1)
    return math.floor(low / step) * step, math.ceil(high / step) * step


def category_channel(field: str, looks: Mapping[str, Any]) -> Spec:
    """A channel that shows the category in a column by colour, dash or shape.

    ``looks`` gives the colour, dash or shape of each category.
    """
    return {
        "field": field,
        "scale": {"domain": list(looks), "range": list(looks.values())},
        "legend": None,
    }


def legend_channels(field: str, legend: Sequence[LegendEntry]) -> tuple[Spec, Spec]:
    """The channels of colour and of shape that show a column's categories as the legend does."""
    colours = {}
    shapes = {}
    for entry in legend:
        colours[entry.label] = entry.colour
        shapes[entry.label] = entry.shape
    return category_channel(field, colours), category_channel(field, shapes)


def word_labels(words: Sequence[str]) -> str:
    """The ``labelExpr`` of an axis whose number n is shown as the n-th of ``words``."""
    return f"{json.dumps(list(words))}[datum.value]"


def tooltip(*columns: tuple[str, str] | tuple[str, str, str]) -> list[Spec]:
    """The lines of a tooltip: (column, title), or (column, title, format of its numbers).

    A title of spaces shows the column's text alone.
    """
    lines = []
    for field, title, *number_format in columns:
        line = {"field": field, "title": title}
        if number_format:
            line["format"] = number_format[0]
        lines.append(line)

    return lines


def pointer_layer(colours: Palette, share: float, tooltips: list[Spec]) -> Spec:
    """A layer that shows ``tooltips`` for the row under the pointer.

    Each row has an invisible stripe, ``share`` of the chart wide, which the style sheet shows when
    it is pointed at. Vega's own search for the nearest row lays a second figure over the chart.
    """
    mark = {
        "type": "rule",
        "color": colours.muted,
        "strokeWidth": {"expr": f"{share:.6g} * width"},
        "opacity": 0,
    }
    return {"name": "pointer", "mark": mark, "encoding": {"tooltip": tooltips}}
