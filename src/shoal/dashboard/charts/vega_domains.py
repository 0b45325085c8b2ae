"""The ends of a chart's scales, as numbers.

Streamlit draws a chart before it hands over the rows. A scale that finds its ends in the rows finds
none then, and Vega warns of an infinite extent. So each scale of numbers says its ends.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

# Channels, and those that share their scale.
_SHARED = {"x": ("x", "x2"), "y": ("y", "y2"), "color": ("color",), "size": ("size",)}
# The ends of a scale without any values.
_EMPTY = {"log": [1.0, 10.0]}
# What computes other values than those in the rows.
_COMPUTED = ("aggregate", "bin", "stack", "timeUnit")


def with_domains(chart: dict[str, Any]) -> dict[str, Any]:
    """The same chart, with the ends of each scale that had none; it is changed in place.

    Parameters
    ----------
    chart
        A specification of Vega-Lite with layers, which share their scales.
    """
    for name, fields in _SHARED.items():
        channels = [channel for channel, _ in _channels(chart, name)]
        if channels and all(map(_wants_domain, channels)):
            domain = _domain(chart, name, fields, channels)
            for channel in channels:
                channel["scale"] = {**channel.get("scale", {}), "domain": domain}
    return chart


def _channels(
    chart: dict[str, Any], name: str
) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """A channel of numbers wherever it is encoded, with the rows that it shows."""
    for part in (chart, *chart["layer"]):
        channel = part.get("encoding", {}).get(name)
        if channel is not None and channel.get("type") == "quantitative":
            yield channel, _rows(chart, part)


def _rows(chart: dict[str, Any], part: dict[str, Any]) -> list[dict[str, Any]]:
    data = part.get("data") or chart.get("data") or {}
    return list(data.get("values", ()))


def _wants_domain(channel: dict[str, Any]) -> bool:
    scale = channel.get("scale", {})
    is_plain = scale is not None and "field" in channel and not any(map(channel.get, _COMPUTED))
    return is_plain and "domain" not in scale and not scale.get("nice") and not scale.get("zero")


def _domain(
    chart: dict[str, Any], name: str, fields: Sequence[str], channels: Sequence[dict[str, Any]]
) -> list[float]:
    """The smallest and the largest value that any layer shows."""
    is_log = any(channel.get("scale", {}).get("type") == "log" for channel in channels)
    values: list[float] = []
    for part in chart["layer"]:
        encoding = {**chart.get("encoding", {}), **part.get("encoding", {})}
        rows = _rows(chart, part)
        for shared in fields:
            column = encoding.get(shared, {}).get("field")
            values += [row[column] for row in rows if _has_place(row.get(column), is_log=is_log)]

    if is_log:
        # A tick may lie just beyond the data, and would not be drawn there.
        for channel in channels:
            ticks = channel.get("axis", {}).get("values", ())
            values += [tick for tick in ticks if values and _has_place(tick, is_log=True)]
    if not values:
        return _EMPTY.get("log" if is_log else "", [0.0, 1.0])
    return [float(min(values)), float(max(values))]


def _has_place(value: Any, *, is_log: bool) -> bool:
    is_number = isinstance(value, int | float) and math.isfinite(value)
    return is_number and (value > 0 or not is_log)
