"""The best genomes of a run, every repeat a dot: how far one may be luck. First the data, then the drawing."""

from __future__ import annotations

import numpy as np
import pandas as pd

from shoal.analysis.evaluation_table import EvaluationTable
from shoal.dashboard.charts.base import palette
from shoal.dashboard.charts.vega import (
    LegendEntry,
    Spec,
    number_channel,
    records,
    tooltip,
    vega_chart,
)
from shoal.numerics.stats import ci95_half_width
from shoal.settings.phase import phase_of

ROW_HEIGHT = 34
_PHASES = (  # with the shape of its dots, and the columns of their mean and half of its interval
    ("search", "Search", "circle", "accuracy", "half"),
    ("confirmation", "Confirmation", "diamond", "confirmed", "confirmed_half"),
)


def leaderboard_data(table: EvaluationTable, count: int = 10) -> pd.DataFrame:
    """One row a genome, the best first, with those columns of `EvaluationTable.genomes` that a person compares, and

    - ``rank`` from 1; ``half``: half of the 95 % interval of ``accuracy``; ``confirmed_half``: that of ``confirmed``;
    - ``luck``: how far the luckiest counted repeat lies above their mean, in percent points.
    """
    best = table.ranked().head(count)
    dots = repeats_data(table, best)
    counted = dots[dots["counted"]].groupby("genome", sort=False)["accuracy"]
    fresh = dots[dots["phase"] == "confirmation"].groupby("genome", sort=False)["accuracy"]
    return best.assign(
        rank=range(1, len(best) + 1),
        half=counted.agg(_half).reindex(best.index),
        confirmed_half=fresh.agg(_half).reindex(best.index),
        luck=(counted.max() - counted.mean()).reindex(best.index),
    )


def repeats_data(table: EvaluationTable, best: pd.DataFrame) -> pd.DataFrame:
    """Every repeat of these genomes that did not fail.

    ``genome``, ``rank``, ``repeat``, ``phase`` ("search" or "confirmation"), ``counted`` (in the search's mean), ``accuracy``.
    """
    frame = table.frame
    own = frame[frame["genome"].isin(best.index) & frame["accuracy"].notna()][
        ["genome", "repeat", "accuracy"]
    ]
    places = {name: place for place, name in enumerate(best.index, 1)}
    counted = {
        name: table.settings.schedule.scored_repeats(int(n)) for name, n in best["repeats"].items()
    }
    pairs = zip(own["genome"], own["repeat"], strict=True)
    return own.assign(
        rank=own["genome"].map(places),
        phase=[phase_of(repeat).value for repeat in own["repeat"]],
        counted=np.array([r in counted[name] for name, r in pairs], dtype=bool),
    ).sort_values(["rank", "repeat"])


def _half(values: pd.Series) -> float:
    half = ci95_half_width(values.tolist())
    return float("nan") if half is None else half


def leaderboard_chart(best: pd.DataFrame, dots: pd.DataFrame, *, dark: bool = False) -> Spec:
    """A line a genome, the best above: its repeats, and the mean with its interval of what is counted."""
    colours, layer = palette(dark), list[Spec]()
    met = [phase for phase in _PHASES if (dots["phase"] == phase[0]).any()]
    keys: list[LegendEntry] = []
    confirmed = len(met) > 1
    low, high = _shown(best, dots)
    x = number_channel("accuracy", "Accuracy (%)", tickCount=8, scale={"domain": [low, high]})
    ranks = best["rank"].tolist()
    y = number_channel(
        "y",
        None,
        grid=False,
        values=ranks,
        labelExpr="datum.label + '.'",
        domain=False,
        ticks=False,
    )
    y["scale"] |= {"domain": [0.4, len(best) + 0.6], "reverse": True}
    for phase, name, shape, mean, half in met:
        offset = 0.16 * (1 if phase == "confirmation" else -1) if confirmed else 0.0
        own = dots[(dots["phase"] == phase) & (dots["counted"] | (phase == "confirmation"))]
        told = best[best[mean].notna()]
        middle = pd.DataFrame(
            {"accuracy": told[mean], "y": told["rank"] + offset, "half": told[half]}
        )
        middle = middle.assign(
            low=middle["accuracy"] - middle["half"], high=middle["accuracy"] + middle["half"]
        )
        means = {"values": records(middle)}
        key = LegendEntry(
            name, colours.series[phase == "confirmation"], shape, hollow=shape == "circle"
        )
        keys.append(key)
        colour = {"value": key.colour}
        layer += [
            {
                "data": {
                    "values": records(
                        own.assign(y=own["rank"] + offset)[["accuracy", "y", "repeat"]]
                    )
                },
                "mark": {
                    "type": "point",
                    "filled": not key.hollow,
                    "size": 52,
                    "opacity": 0.85,
                    "clip": True,
                },
                "encoding": {
                    "x": x,
                    "y": y,
                    "color": colour,
                    "shape": {"value": shape},
                    "tooltip": tooltip(
                        ("repeat", f"{name}, repeat"), ("accuracy", "Accuracy (%)", ".2f")
                    ),
                },
            },
            {
                "data": means,
                "mark": {"type": "rule", "strokeWidth": 1.6, "clip": True},
                "encoding": {
                    "x": {**x, "field": "low"},
                    "x2": {"field": "high"},
                    "y": y,
                    "color": colour,
                },
            },
            {
                "data": means,
                "mark": {"type": "tick", "thickness": 3, "size": 15, "clip": True},
                "encoding": {
                    "x": x,
                    "y": y,
                    "color": colour,
                    "tooltip": tooltip(
                        ("accuracy", f"{name}, mean (%)", ".2f"), ("half", "± (95 %)", ".2f")
                    ),
                },
            },
        ]
    return vega_chart(colours, height=80 + ROW_HEIGHT * max(len(best), 3), layer=layer, keys=keys)


def _shown(best: pd.DataFrame, dots: pd.DataFrame) -> tuple[float, float]:
    """The axis: every dot, and no more of an interval than as much again."""
    values = dots["accuracy"]
    if values.empty:
        return 0.0, 100.0
    width = max(float(values.max() - values.min()), 1.0)
    ends = pd.concat([best["accuracy"] - best["half"], best["accuracy"] + best["half"]]).dropna()
    low = max(
        float(values.min()) - width,
        min(float(values.min()), float(ends.min()) if len(ends) else 0.0),
    )
    high = min(
        float(values.max()) + width,
        max(float(values.max()), float(ends.max()) if len(ends) else 0.0),
    )
    return low - 0.06 * width, high + 0.06 * width
