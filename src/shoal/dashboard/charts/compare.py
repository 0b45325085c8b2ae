"""The best accuracy of several runs, over trainings or active time. Knows no Streamlit."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from shoal.analysis.comparison import Comparison, Duel
from shoal.dashboard.charts.base import palette
from shoal.dashboard.charts.vega import (
    FONT,
    LegendEntry,
    Spec,
    category_channel,
    number_channel,
    records,
    tooltip,
    vega_chart,
)
from shoal.presentation.formatting import half_width
from shoal.store import GenerationRecord

HEIGHT = 400
DASHES = ((1, 0), (7, 4), (2, 3), (7, 3, 2, 3), (12, 4), (12, 3, 2, 3))  # pixels of line and gap
UNITS = {"evaluations": ("Trainings", 1.0), "seconds": ("Active time (minutes)", 60.0)}
CURVE = ["run", "generation", "evaluations", "seconds", "best", "low", "high"]


def curves_data(
    runs: Sequence[tuple[int, Sequence[GenerationRecord], pd.DataFrame]],
) -> pd.DataFrame:
    """A row for each generation of each run: what it had spent by then, and the best with its interval (`history`).

    Each of ``runs`` is its number, its generations, and their history.
    """
    frames = []
    for run, generations, history in runs:
        spent = [
            (record.summary.number, record.summary.evaluations, record.seconds)
            for record in generations
        ]
        frame = pd.DataFrame(spent, columns=["generation", "evaluations", "seconds"])
        frame = frame.merge(history[["generation", "best", "low", "high"]], on="generation")
        frames.append(frame.assign(run=run)[CURVE])
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=CURVE)


def run_style(place: int, colours: Sequence[str]) -> tuple[str, tuple[int, ...]]:
    """Colour and dash of the run at this place of a comparison: no two of eight are the same in both."""
    return colours[place % len(colours)], DASHES[(place + place // len(colours)) % len(DASHES)]


def best_range(frame: pd.DataFrame) -> tuple[float, float]:
    """The accuracies (percent) that the axis shows: where the runs end, and most of the way there."""
    best = frame["best"].dropna()
    if not len(best):
        return 0.0, 100.0
    ends = frame.dropna(subset=["best"]).groupby("run")["best"].last()
    top = float(max(best.max(), frame["high"].clip(upper=best.max() + 5.0).max()))
    low = max(
        float(best.min()),
        min(float(best.quantile(0.1)), float(ends.min())) - (top - float(ends.min())),
    )
    margin = max(0.06 * (top - low), 0.2)
    return low - margin, top + margin


def curves_chart(frame: pd.DataFrame, unit: str, *, dark: bool = False) -> Spec:
    """A step line a run over ``unit`` ("evaluations" or "seconds"); its band is the interval of the best."""
    colours = palette(dark)
    title, divisor = UNITS[unit]
    rows = frame.assign(spent=frame[unit] / divisor, name=[f"Run {run}" for run in frame["run"]])
    names = rows["name"].unique().tolist()
    looks = {name: run_style(place, colours.series) for place, name in enumerate(names)}
    colour = category_channel("name", {name: colour for name, (colour, _) in looks.items()})
    dash = category_channel("name", {name: list(dash) for name, (_, dash) in looks.items()})
    x = number_channel("spent", title, grid=False, tickCount=7, scale={"domainMin": 0})
    y = number_channel(
        "best", "Best accuracy (%)", tickCount=7, scale={"domain": list(best_range(frame))}
    )
    told = tooltip(("name", " "), ("best", "Best (%)", ".2f"), ("generation", "Generation"))
    step = {"interpolate": "step-after", "clip": True}
    counts = rows["name"].value_counts()
    single, banded = rows[rows["name"].map(counts) == 1], rows.dropna(subset=["low", "high"])
    layer: list[Spec] = [
        {
            "data": {"values": records(banded)},
            "mark": {"type": "area", "opacity": 0.12, **step},
            "encoding": {
                "x": x,
                "y": {**y, "field": "low"},
                "y2": {"field": "high"},
                "color": colour,
            },
        },
        {
            "data": {"values": records(rows)},
            "mark": {"type": "line", "strokeWidth": 2.4, **step},
            "encoding": {"x": x, "y": y, "color": colour, "strokeDash": dash, "tooltip": told},
        },
        {  # a line needs two
            "data": {"values": records(single)},
            "mark": {"type": "point", "filled": True, "size": 70, "opacity": 1},
            "encoding": {"x": x, "y": y, "color": colour, "tooltip": told},
        },
    ]
    keys = [LegendEntry(name, colour, dash=dash) for name, (colour, dash) in looks.items()]
    return vega_chart(colours, height=HEIGHT, layer=layer, keys=keys)


def scores_table(found: Comparison) -> pd.DataFrame:
    """A row a run, in words: what stands in the page's table."""
    rows = []
    for row in found.rows:
        rows.append(
            {
                "Run": row.run,
                "Name": row.name,
                "State": row.state,
                "Best (%)": row.search,
                "± 95 %": half_width(row.search_ci95),
                "Confirmed (%)": row.confirmation,
                "± 95 % ": half_width(row.confirmation_ci95),
                "Test (%)": row.test,
                "Ensemble (%)": row.ensemble,
                "Generations": row.generations,
                "Trainings": row.evaluations,
                "Minutes": row.seconds / 60.0,
            }
        )
    return pd.DataFrame(rows)


def settings_table(found: Comparison) -> pd.DataFrame:
    """A row a setting that differs, a column a run."""
    columns = {
        f"Run {row.run}": [setting.values[n] for setting in found.settings]
        for n, row in enumerate(found.rows)
    }
    return pd.DataFrame({"Setting": [setting.name for setting in found.settings], **columns})


def duels_table(found: Comparison) -> pd.DataFrame:
    """A row a test."""
    rows = []
    for duel in (*found.duels, *found.methods):
        told = duel.difference
        rows.append(
            {
                "Test": f"{duel.first} – {duel.second}",
                "Verdict": duel.verdict,
                "Ahead by": told.mean if told else None,
                "Low": told.low if told else None,
                "High": told.high if told else None,
                "P(better)": told.probability if told else None,
                "Of": duel.measure,
                "By": duel.how,
            }
        )
    return pd.DataFrame(rows)


def duels_chart(found: Comparison, *, dark: bool = False) -> Spec | None:
    """By how much the first of each test is ahead, with its interval; None where nothing could be tested."""
    rows = [
        {
            "title": _title(duel),
            "ahead": difference.mean,
            "low": difference.low,
            "high": difference.high,
            "probability": difference.probability,
            "verdict": "Resolved" if difference.resolved else "Unresolved",
        }
        for duel in (*found.duels, *found.methods)
        if (difference := duel.difference) is not None
    ]
    if not rows:
        return None
    colours = palette(dark)
    keys = [
        LegendEntry("Resolved", colours.best, "diamond"),
        LegendEntry("Unresolved", colours.muted, "circle"),
    ]
    x = number_channel("ahead", "Ahead by (percent points)", tickCount=7, scale={"padding": 16})
    order = [row["title"] for row in rows]
    y = {
        "field": "title",
        "type": "nominal",
        "sort": order,
        "axis": None,
        "scale": {"paddingOuter": 0.4},
    }
    colour = category_channel("verdict", {key.label: key.colour for key in keys})
    told = tooltip(
        ("title", " "),
        ("ahead", "Ahead by", "+.2f"),
        ("low", "From", "+.2f"),
        ("high", "To", "+.2f"),
        ("probability", "Better with a probability of", ".2f"),
    )
    shape = category_channel("verdict", {key.label: key.shape for key in keys})
    layer: list[Spec] = [
        {
            "data": {"values": [{"ahead": 0}]},
            "mark": {"type": "rule", "color": colours.text},
            "encoding": {"x": x},
        },
        {
            "mark": {"type": "rule", "strokeWidth": 1.6},
            "encoding": {
                "x": {**x, "field": "low"},
                "x2": {"field": "high"},
                "y": y,
                "color": colour,
                "tooltip": told,
            },
        },
        {
            "mark": {"type": "point", "filled": True, "size": 110, "opacity": 1},
            "encoding": {"x": x, "y": y, "color": colour, "shape": shape, "tooltip": told},
        },
        {  # above the line: beside it, it would leave no room for the line on a narrow page
            "mark": {
                "type": "text",
                "align": "left",
                "dy": -16,
                "fontSize": 13,
                "color": colours.text,
                "font": FONT,
            },
            "encoding": {"x": {"value": 2}, "y": y, "text": {"field": "title"}},
        },
    ]
    return vega_chart(
        colours, height=80 + 46 * len(rows), layer=layer, keys=keys, data={"values": rows}
    )


def _title(duel: Duel) -> str:
    return f"{duel.first} – {duel.second}, {duel.measure}"
