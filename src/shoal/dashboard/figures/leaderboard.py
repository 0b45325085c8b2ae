"""The best genomes of a run, every repeat a dot: how far one may be luck. First the data, then the drawing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from shoal.dashboard.figures.base import axis, layout, palette
from shoal.evaluation_table import EvaluationTable
from shoal.settings import CONFIRMATION
from shoal.uncertainty import half95

ROW_HEIGHT = 34
_PHASES = (("search", "Search", "circle-open"), ("confirmation", "Confirmation", "diamond"))


def leaders(table: EvaluationTable, count: int = 10) -> pd.DataFrame:
    """One row a genome, the best first, with those columns of `EvaluationTable.genomes` that a person compares, and

    - ``rank`` from 1; ``half``: half of the 95 % interval of ``accuracy``; ``confirmed_half``: that of ``confirmed``;
    - ``luck``: how far the luckiest counted repeat lies above their mean, in percent points.
    """
    best = table.ranked().head(count)
    dots = repeats(table, best)
    counted = dots[dots["counted"]].groupby("genome", sort=False)["accuracy"]
    fresh = dots[dots["phase"] == "confirmation"].groupby("genome", sort=False)["accuracy"]
    return best.assign(
        rank=range(1, len(best) + 1),
        half=counted.agg(_half).reindex(best.index),
        confirmed_half=fresh.agg(_half).reindex(best.index),
        luck=(counted.max() - counted.mean()).reindex(best.index),
    )


def repeats(table: EvaluationTable, best: pd.DataFrame) -> pd.DataFrame:
    """Every repeat of these genomes that did not fail.

    ``genome``, ``rank``, ``repeat``, ``phase`` ("search" or "confirmation"), ``counted`` (in the search's mean), ``accuracy``.
    """
    frame = table.frame
    own = frame[frame["genome"].isin(best.index) & frame["accuracy"].notna()][["genome", "repeat", "accuracy"]]
    places = {name: place for place, name in enumerate(best.index, 1)}
    counted = {name: table.settings.counted(int(n)) for name, n in best["repeats"].items()}
    pairs = zip(own["genome"], own["repeat"], strict=True)
    return own.assign(
        rank=own["genome"].map(places),
        phase=["confirmation" if r >= CONFIRMATION else "search" for r in own["repeat"]],
        counted=np.array([r in counted[name] for name, r in pairs], dtype=bool),
    ).sort_values(["rank", "repeat"])


def _half(values: pd.Series) -> float:
    half = half95(values.tolist())
    return float("nan") if half is None else half


def leaderboard_figure(best: pd.DataFrame, dots: pd.DataFrame, *, dark: bool = False, revision: str = "") -> go.Figure:
    """A line a genome, the best above: its repeats, and the mean with its interval of what is counted."""
    colours, figure = palette(dark), go.Figure()
    for n, (phase, name, symbol) in enumerate(_PHASES):
        own = dots[(dots["phase"] == phase) & (dots["counted"] | (phase == "confirmation"))]
        if own.empty:
            continue
        offset = 0.16 * (1 if phase == "confirmation" else -1) if (dots["phase"] == "confirmation").any() else 0.0
        figure.add_scatter(
            x=own["accuracy"].tolist(),
            y=(own["rank"] + offset).tolist(),
            name=f"{name}: repeats",
            mode="markers",
            marker={"size": 7, "symbol": symbol, "color": colours.series[n], "opacity": 0.85},
            customdata=own["repeat"].tolist(),
            hovertemplate=f"{name}, repeat %{{customdata}}: %{{x:.2f}} %<extra></extra>",
        )
        mean, half = ("confirmed", "confirmed_half") if phase == "confirmation" else ("accuracy", "half")
        told = best[best[mean].notna()]
        figure.add_scatter(
            x=told[mean].tolist(),
            y=(told["rank"] + offset).tolist(),
            name="mean, 95 % interval",
            mode="markers",
            marker={"size": 15, "symbol": "line-ns", "line": {"width": 3, "color": colours.series[n]}},
            error_x={"array": told[half].tolist(), "color": colours.series[n], "thickness": 1.6, "width": 4},
            hovertemplate=f"{name}, mean %{{x:.2f}} %<extra></extra>",
        )
    low, high = _shown(best, dots)
    x = axis(colours, "Accuracy (%)", range=[low, high], nticks=8)
    y = axis(
        colours,
        range=[len(best) + 0.6, 0.4],
        tickvals=best["rank"].tolist(),
        ticktext=[f"{rank}." for rank in best["rank"]],
        showgrid=False,
    )
    height = 110 + ROW_HEIGHT * max(len(best), 3)
    margin = {"l": 34, "r": 14, "t": 58, "b": 44}
    return figure.update_layout(layout(colours, height=height, x=x, y=y, revision=revision, margin=margin))


def _shown(best: pd.DataFrame, dots: pd.DataFrame) -> tuple[float, float]:
    """The axis: every dot, and no more of an interval than as much again."""
    values = dots["accuracy"]
    if values.empty:
        return 0.0, 100.0
    width = max(float(values.max() - values.min()), 1.0)
    ends = pd.concat([best["accuracy"] - best["half"], best["accuracy"] + best["half"]]).dropna()
    low = max(float(values.min()) - width, min(float(values.min()), float(ends.min()) if len(ends) else 0.0))
    high = min(float(values.max()) + width, max(float(values.max()), float(ends.max()) if len(ends) else 0.0))
    return low - 0.06 * width, high + 0.06 * width
