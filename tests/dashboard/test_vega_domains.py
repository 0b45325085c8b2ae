"""Scales of charts say their ends, so that Vega has nothing to warn of."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from shoal.dashboard.charts.vega import layer, number_channel, vega_chart
from shoal.presentation.palette import LIGHT


def domains(spec: dict[str, Any], name: str = "y") -> list[Any]:
    channels = [part["encoding"][name] for part in spec["layer"] if name in part["encoding"]]
    return [channel["scale"].get("domain") for channel in channels]


def drawn(*values: list[float], **scale: Any) -> dict[str, Any]:
    layers = []
    for own in values:
        rows = pd.DataFrame({"v": own}, dtype=float)
        encoding = {"y": number_channel("v", scale=scale)}
        layers.append(layer({"type": "line"}, encoding, rows))
    return vega_chart(LIGHT, height=100, layers=layers)


@pytest.mark.parametrize(
    ("values", "scale", "wanted"),
    [
        (([1.0, 3.0], [2.0, 7.0]), {}, [1.0, 7.0]),
        (([0.0, 0.5, float("inf")],), {"type": "log"}, [0.5, 0.5]),
        (([],), {}, [0.0, 1.0]),
        (([],), {"type": "log"}, [1.0, 10.0]),
        (([1.0, 3.0],), {"domain": [0, 10]}, [0, 10]),
        (([1.0, 3.0],), {"zero": True}, None),
    ],
)
def test_a_scale_ends_where_the_values_of_all_layers_end(
    values: tuple[list[float], ...], scale: dict[str, Any], wanted: list[float] | None
) -> None:
    assert domains(drawn(*values, **scale)) == [wanted] * len(values)


def test_the_ends_of_both_sides_of_a_band_count() -> None:
    rows = pd.DataFrame({"low": [1.0, 2.0], "high": [5.0, 9.0]})
    encoding = {"y": number_channel("low"), "y2": {"field": "high"}}
    spec = vega_chart(LIGHT, height=100, layers=[layer({"type": "area"}, encoding, rows)])
    assert domains(spec) == [[1.0, 9.0]]
