"""The history of a run: first its data, then its drawing. Knows no Streamlit."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from shoal.dashboard.charts.base import palette
from shoal.dashboard.charts.vega import (
    LegendEntry,
    Spec,
    number_channel,
    pointer_layer,
    records,
    steady_domain,
    tooltip,
    vega_chart,
)
from shoal.numerics.stats import ci95
from shoal.presentation.formatting import half_width, plus_minus
from shoal.settings.phase import is_confirmation
from shoal.store import GenerationRecord

COLUMNS = ("generation", "best", "low", "high", "repeats", "average", "q1", "q3")
HEIGHT = 420
_MANY = 40  # generations; from here on, lines without dots
_MOST = 200  # generations that are drawn: of more, each second, third ... one up to the last


def history_data(
    generations: Sequence[GenerationRecord],
    frame: pd.DataFrame,
    counted: Callable[[int], range] = range,
) -> pd.DataFrame:
    """One row a generation: ``best`` and ``average`` accuracy in percent, NaN when all failed.

    ``low`` and ``high`` bound Student's 95 % interval of the best genome's mean over its ``repeats``; NaN for one. ``q1`` and
    ``q3`` are the quartiles of the trainings that this generation asked for; NaN where it asked for none. ``frame`` has the
    evaluations (`EvaluationTable.frame`); ``counted`` says which repeats a score averages (`Schedule.scored_repeats`).
    """
    leaders = {record.summary.best.hash for record in generations}
    own = frame[frame["genome"].isin(leaders) & frame["accuracy"].notna()]
    known = dict(zip(zip(own["genome"], own["repeat"], strict=True), own["accuracy"], strict=True))
    intervals: dict[tuple[str, int], tuple[float, float] | None] = {}
    rows = []
    for s in (record.summary for record in generations):
        key = (s.best.hash, s.best_repeats)
        repeats = counted(s.best_repeats)
        if key not in intervals:
            intervals[key] = ci95(
                [known[s.best.hash, r] for r in repeats if (s.best.hash, r) in known]
            )
        low, high = intervals[key] or (None, None)
        rows.append((s.number, s.best_accuracy, low, high, len(repeats), s.mean_accuracy))
    search = frame[~is_confirmation(frame["repeat"])]
    by_generation = search.groupby("generation")["accuracy"]
    quartiles = pd.DataFrame(
        {"q1": by_generation.quantile(0.25), "q3": by_generation.quantile(0.75)}
    )
    found = pd.DataFrame(rows, columns=list(COLUMNS[:6])).join(quartiles, on="generation")
    return found.astype(
        dict.fromkeys(COLUMNS, "float64") | {"generation": "int64", "repeats": "int64"}
    )


def accuracy_range(frame: pd.DataFrame) -> tuple[float, float]:
    """The accuracies (percent) that the axis shows: all best ones, and the averages but for a few terrible early ones.

    A swarm that explodes scores far below zero, and one such individual ruins an average; a line that leaves the axis
    below says it better than an axis on which everything else is flat. The rest keeps half of the axis.
    """
    values = frame[["best", "average"]].to_numpy(dtype=np.float64)
    if not np.isfinite(values).any():
        return 0.0, 100.0
    best, average = (column[np.isfinite(column)] for column in values.T)
    top = max(best.max(initial=-np.inf), average.max(initial=-np.inf))
    typical = np.quantile(average, 0.5, method="higher") if len(average) else top
    base = max(min(best.min(initial=np.inf), typical), top - 100.0)
    low = max(float(np.nanmin(values)), 2 * base - top)
    margin = max(0.06 * (top - low), 0.5)
    return steady_domain(float(low - margin), float(min(top + margin, max(100.5, top))))


def history_chart(frame: pd.DataFrame, *, dark: bool = False) -> Spec:
    """Best and average accuracy by generation; pointed at, a generation says its figures."""
    colours = palette(dark)
    last = int(frame["generation"].max()) if len(frame) else 1
    end = steady_domain(0, last)[1] if last > 10 else 10
    bands = {
        "Middle half of the trainings": ("q1", "q3", colours.spread),
        "95 % interval of the best": ("low", "high", colours.band),
    }
    drawn = {
        name: band for name, band in bands.items() if frame[[*band[:2]]].notna().all(axis=1).any()
    }
    y = number_channel(
        "best", "Accuracy (%)", tickCount=7, scale={"domain": list(accuracy_range(frame))}
    )
    layer: list[Spec] = [
        {
            "mark": {"type": "area", "clip": True, "color": colour},
            "encoding": {"y": {**y, "field": low}, "y2": {"field": high}},
        }
        for low, high, colour in drawn.values()
    ]
    lines = (
        ("average", {"color": colours.average, "strokeWidth": 2, "strokeDash": [2, 3]}),
        ("best", {"color": colours.best, "strokeWidth": 2.5}),
    )
    for field, line in lines:
        point = {"size": 24, "color": line["color"]} if len(frame) <= _MANY else False
        layer.append(
            {
                "mark": {"type": "line", "clip": True, "point": point, **line},
                "encoding": {"y": {**y, "field": field}},
            }
        )
    told = tooltip(
        ("generation", "Generation"),
        ("best", "Best (%)", ".2f"),
        ("spread", " "),
        ("average", "Average (%)", ".2f"),
    )
    each = drawn_every(len(frame))
    layer.append(pointer_layer(colours, each / end, told))
    rows = frame[(last - frame["generation"]) % each == 0]
    rows = rows.assign(
        spread=[
            _spread(*row) for row in zip(rows["low"], rows["high"], rows["repeats"], strict=True)
        ]
    )
    x = number_channel(
        "generation",
        "Generation",
        grid=False,
        format="d",
        tickMinStep=1,
        scale={"domain": [0.5, end + 0.5]},
    )
    keys = [LegendEntry("Best", colours.best), LegendEntry("Average", colours.average, dash=(2, 3))]
    keys += [LegendEntry(name, colour, "area") for name, (_, _, colour) in reversed(drawn.items())]
    return vega_chart(
        colours,
        height=HEIGHT,
        layer=layer,
        keys=keys,
        data={"values": records(rows)},
        encoding={"x": x},
    )


def drawn_every(generations: int) -> int:
    """Of so many generations each n-th is drawn, and the last."""
    return -(-generations // _MOST) or 1


def _spread(low: float, high: float, repeats: int) -> str:
    half = "" if np.isnan(low) else f"{plus_minus(half_width((low, high)))}, "
    return f"{half}{repeats} repeat{'' if repeats == 1 else 's'}"


def below_axis_text(frame: pd.DataFrame) -> str:
    """What lies below the axis, in words; empty when nothing does."""
    low = accuracy_range(frame)[0]
    under = frame["average"][frame["average"] < low]
    if not len(under):
        return ""
    many = f"{len(under)} averages lie" if len(under) > 1 else "1 average lies"
    return f"{many} below the axis, the lowest at {under.min():,.0f} %"
