"""The best accuracy of several runs, over trainings or active time. Knows no Streamlit."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go

from shoal.comparison import Comparison, Duel
from shoal.dashboard.figures.base import axis, layout, palette
from shoal.store import GenerationRecord

HEIGHT = 400
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
UNITS = {"evaluations": ("Trainings", 1.0), "seconds": ("Active time (minutes)", 60.0)}
CURVE = ["run", "generation", "evaluations", "seconds", "best", "low", "high"]


def curves(
    runs: Sequence[tuple[int, Sequence[GenerationRecord], pd.DataFrame]],
) -> pd.DataFrame:
    """A row for each generation of each run: what it had spent by then, and the best with its interval (`history`).

    Each of ``runs`` is its number, its generations, and their history.
    """
    frames = []
    for run, generations, history in runs:
        spent = [(record.summary.number, record.summary.evaluations, record.seconds) for record in generations]
        frame = pd.DataFrame(spent, columns=["generation", "evaluations", "seconds"])
        frame = frame.merge(history[["generation", "best", "low", "high"]], on="generation")
        frames.append(frame.assign(run=run)[CURVE])
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=CURVE)


def look(place: int, colours: Sequence[str]) -> tuple[str, str]:
    """Colour and dash of the run at this place of a comparison: no two of eight are the same in both."""
    return colours[place % len(colours)], DASHES[(place + place // len(colours)) % len(DASHES)]


def best_range(frame: pd.DataFrame) -> tuple[float, float]:
    """The accuracies (percent) that the axis shows: where the runs end, and most of the way there."""
    best = frame["best"].dropna()
    if not len(best):
        return 0.0, 100.0
    ends = frame.dropna(subset=["best"]).groupby("run")["best"].last()
    top = float(max(best.max(), frame["high"].clip(upper=best.max() + 5.0).max()))
    low = max(float(best.min()), min(float(best.quantile(0.1)), float(ends.min())) - (top - float(ends.min())))
    margin = max(0.06 * (top - low), 0.2)
    return low - margin, top + margin


def curves_figure(frame: pd.DataFrame, unit: str, *, dark: bool = False, revision: str = "") -> go.Figure:
    """A step line a run over ``unit`` ("evaluations" or "seconds"); its band is the interval of the best."""
    colours, figure = palette(dark), go.Figure()
    title, divisor = UNITS[unit]
    for place, (run, own) in enumerate(frame.groupby("run", sort=False)):
        colour, dash = look(place, colours.series)
        name, x = f"Run {run}", (own[unit] / divisor)
        banded = own.dropna(subset=["low", "high"])
        for edge, fill in (("high", None), ("low", "tonexty")) if len(banded) > 1 else ():
            figure.add_scatter(
                x=(banded[unit] / divisor).tolist(),
                y=banded[edge].tolist(),
                mode="lines",
                line={"width": 0, "shape": "hv"},
                fill=fill,
                fillcolor=_pale(colour),
                hoverinfo="skip",
                showlegend=False,
                legendgroup=name,
            )
        figure.add_scatter(
            x=x.tolist(),
            y=own["best"].tolist(),
            name=name,
            legendgroup=name,
            mode="lines" if len(own) > 1 else "markers",
            line={"color": colour, "dash": dash, "width": 2.4, "shape": "hv"},
            marker={"color": colour, "size": 8},
            customdata=own["generation"].tolist(),
            hovertemplate=f"{name}: %{{y:.2f}} %, generation %{{customdata}}<extra></extra>",
        )
    return figure.update_layout(
        layout(
            colours,
            height=HEIGHT,
            x=axis(colours, title, rangemode="tozero", showgrid=False, showline=True, nticks=7),
            y=axis(colours, "Best accuracy (%)", range=list(best_range(frame)), nticks=7),
            revision=revision,
            hovermode="closest",
        )
    )


def _pale(colour: str) -> str:
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.12)"


def scores_table(found: Comparison) -> pd.DataFrame:
    """A row a run, in words: what stands in the page's table."""
    rows = []
    for row in found.rows:
        rows.append(
            {
                "Run": row.run,
                "Name": row.name,
                "State": row.state,
                "Best": row.search,
                "± 95 %": _half(row.search_ci95),
                "Confirmed": row.confirmation,
                "± 95 % ": _half(row.confirmation_ci95),
                "Test": row.test,
                "Test, ensemble": row.ensemble,
                "Generations": row.generations,
                "Trainings": row.evaluations,
                "Minutes": row.seconds / 60.0,
            }
        )
    return pd.DataFrame(rows)


def settings_table(found: Comparison) -> pd.DataFrame:
    """A row a setting that differs, a column a run."""
    columns = {f"Run {row.run}": [setting.values[n] for setting in found.settings] for n, row in enumerate(found.rows)}
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


def _half(interval: tuple[float, float] | None) -> float | None:
    return None if interval is None else (interval[1] - interval[0]) / 2


def duels_figure(found: Comparison, *, dark: bool = False, revision: str = "") -> go.Figure | None:
    """By how much the first of each test is ahead, with its interval; None where nothing could be tested."""
    duels = [duel for duel in (*found.duels, *found.methods) if duel.difference is not None]
    if not duels:
        return None
    colours, figure = palette(dark), go.Figure()
    for resolved, name in ((True, "Resolved"), (False, "Unresolved")):
        own = [(d, d.difference) for d in duels if d.difference is not None and d.difference.resolved == resolved]
        figure.add_scatter(
            x=[difference.mean for _, difference in own],
            y=[_title(duel) for duel, _ in own],
            name=name,
            mode="markers",
            marker={
                "size": 10,
                "symbol": "diamond" if resolved else "diamond-open",
                "color": colours.best if resolved else colours.muted,
                "line": {"width": 1.6, "color": colours.best if resolved else colours.muted},
            },
            error_x={
                "type": "data",
                "symmetric": False,
                "array": [difference.high - difference.mean for _, difference in own],
                "arrayminus": [difference.mean - difference.low for _, difference in own],
                "color": colours.best if resolved else colours.muted,
                "thickness": 1.6,
                "width": 4,
            },
            customdata=[[difference.low, difference.high, difference.probability] for _, difference in own],
            hovertemplate="%{x:+.2f} [%{customdata[0]:+.2f}, %{customdata[1]:+.2f}], "
            "better with a probability of %{customdata[2]:.2f}<extra></extra>",
        )
    names = [_title(duel) for duel in reversed(duels)]
    # Above their lines, as beside them they would leave no room for the lines on a narrow page.
    labels = [
        {
            "text": name,
            "x": 0,
            "y": name,
            "xref": "paper",
            "xanchor": "left",
            "yshift": 16,
            "showarrow": False,
            "bgcolor": colours.surface,
        }
        for name in names
    ]
    return figure.update_layout(
        layout(
            colours,
            height=110 + 46 * len(duels),
            x=axis(colours, "Ahead by (percent points)", zeroline=True, zerolinecolor=colours.text, zerolinewidth=1.5),
            y=axis(colours, categoryorder="array", categoryarray=names, showticklabels=False, showgrid=False),
            revision=revision,
            margin={"l": 12, "r": 20, "t": 34, "b": 48},
            annotations=labels,
        )
    )


def _title(duel: Duel) -> str:
    return f"{duel.first} – {duel.second}, {duel.measure}"
