"""Several runs side by side: their best score over trainings or active time, and their tests.

The charts and tables of the page Compare.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd

from shoal.analysis.comparison import Comparison
from shoal.analysis.duels import Duel
from shoal.analysis.measures import measure_text
from shoal.dashboard.charts.base import palette
from shoal.dashboard.charts.scores import column_title, least_width, score_title, vega_format
from shoal.dashboard.charts.vega import (
    FONT,
    LegendEntry,
    Spec,
    category_channel,
    layer,
    legend_channels,
    number_channel,
    tooltip,
    vega_chart,
)
from shoal.numerics.stats import Difference
from shoal.objectives.registry import ACCURACY, Metric
from shoal.presentation.formatting import half_width
from shoal.store import GenerationRecord

# The height of the chart of curves, in pixels.
HEIGHT = 400

# An interval lifts the axis by this much at most, in percentage points.
_MOST_POINTS = 5.0

# Patterns of a line: lengths of line and gap in turn, in pixels.
DASHES = ((1, 0), (7, 4), (2, 3), (7, 3, 2, 3), (12, 4), (12, 3, 2, 3))

# By what runs are compared: the axis's title, and how many of the column's units are one of its.
UNITS = {"evaluations": ("Trainings", 1.0), "seconds": ("Active time (minutes)", 60.0)}

# The columns of `curves_data`, in their order.
CURVE_COLUMNS = ["run", "generation", "evaluations", "seconds", "best", "low", "high"]


class RunStyle(NamedTuple):
    """How a run's line looks: ``dash`` is one of `DASHES`."""

    colour: str
    dash: tuple[int, ...]


def curves_data(
    runs: Sequence[tuple[int, Sequence[GenerationRecord], pd.DataFrame]],
) -> pd.DataFrame:
    """What each run had spent by each generation, and how good its best genome was by then.

    Parameters
    ----------
    runs
        Of each run its number, its generations, and their history (`history_data`).

    Returns
    -------
    DataFrame
        A row for each generation of each run: ``run``, ``generation``, ``evaluations``,
        ``seconds`` of active time, and ``best``, ``low`` and ``high`` of the history.
    """
    if not runs:
        return pd.DataFrame(columns=CURVE_COLUMNS)

    curves = []
    for run, generations, history in runs:
        spent = []
        for record in generations:
            summary = record.summary
            spent.append((summary.number, summary.evaluations, record.seconds))

        curve = pd.DataFrame(spent, columns=["generation", "evaluations", "seconds"])
        curve = curve.merge(history[["generation", "best", "low", "high"]], on="generation")
        curves.append(curve.assign(run=run)[CURVE_COLUMNS])

    return pd.concat(curves, ignore_index=True)


def run_style(place: int, colours: Sequence[str]) -> RunStyle:
    """Colour and dash of the run at this place of a comparison.

    The dash moves on by one when the colours are used up, so no two of eight runs look the same.
    """
    # How often the colours have been used up.
    rounds = place // len(colours)
    return RunStyle(colours[place % len(colours)], DASHES[(place + rounds) % len(DASHES)])


def best_range(frame: pd.DataFrame, metric: Metric = ACCURACY) -> tuple[float, float]:
    """The scores that the axis shows: where the runs end, and most of the way.

    The first generations of a run may be so bad that the others would be flat with them on the
    axis. So what is better than the worst end gets at least half of the axis.
    """
    # The larger the fitness, the better, whatever the metric's direction.
    sign = metric.fitness(1.0)
    known = frame.dropna(subset=["best"])
    best = sign * known["best"]
    if not len(best):
        return 0.0, 100.0

    worst_end = float((sign * known.groupby("run")["best"].last()).min())
    top = _top_with_intervals(frame, best, metric)

    usual_low = min(float(best.quantile(0.1)), worst_end) - (top - worst_end)
    low = max(float(best.min()), usual_low)
    margin = max(0.06 * (top - low), 0.2 * least_width(metric, top))
    ends = sorted((sign * (low - margin), sign * (top + margin)))
    return ends[0], ends[1]


def _top_with_intervals(frame: pd.DataFrame, best: pd.Series, metric: Metric) -> float:
    """The fitness at the good end of the axis. A wide interval lifts it a little only."""
    highest = float(best.max())
    reach = _MOST_POINTS
    if metric.unit != "%":
        reach = max(highest - float(best.quantile(0.1)), least_width(metric, highest))

    ends = frame["high"] if metric.maximizes else -frame["low"]
    lifted = float(ends.clip(upper=highest + reach).max())
    # Without any interval it is not a number.
    return max(highest, lifted)


def curves_chart(
    frame: pd.DataFrame, unit: str, *, metric: Metric = ACCURACY, dark: bool = False
) -> Spec:
    """A step line for each run, with the interval of its best genome as a band.

    Parameters
    ----------
    frame
        What `curves_data` returned.
    unit
        What the horizontal axis shows: "evaluations" or "seconds".
    metric
        What the scores of all runs are scores of.
    dark
        Draw for the dark theme.
    """
    colours = palette(dark)
    title, divisor = UNITS[unit]
    rows = frame.assign(spent=frame[unit] / divisor, name=[f"Run {run}" for run in frame["run"]])

    styles = {}
    for place, name in enumerate(rows["name"].unique().tolist()):
        styles[name] = run_style(place, colours.series)
    # By colour and dash, so that runs are told apart without colours.
    colour = category_channel("name", {name: style.colour for name, style in styles.items()})
    dash = category_channel("name", {name: list(style.dash) for name, style in styles.items()})

    x = number_channel("spent", title, grid=False, tickCount=7, scale={"domainMin": 0})
    y = number_channel(
        "best",
        score_title(metric, "Best"),
        tickCount=7,
        scale={"domain": list(best_range(frame, metric))},
    )
    tooltips = tooltip(
        ("name", " "),
        ("best", column_title("Best", metric), vega_format(metric)),
        ("generation", "Generation"),
    )
    band_encoding = {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}, "color": colour}
    encoding = {"x": x, "y": y, "color": colour, "tooltip": tooltips}

    banded = rows.dropna(subset=["low", "high"])
    # A line needs two points, so a run of one generation is drawn as a point.
    generations = rows["name"].map(rows["name"].value_counts())
    single = rows[generations == 1]

    step = {"interpolate": "step-after", "clip": True}
    point = {"type": "point", "filled": True, "size": 70, "opacity": 1}
    layers = [
        layer({"type": "area", "opacity": 0.12, **step}, band_encoding, banded),
        layer({"type": "line", "strokeWidth": 2.4, **step}, {**encoding, "strokeDash": dash}, rows),
        layer(point, encoding, single),
    ]
    legend = [LegendEntry(name, style.colour, dash=style.dash) for name, style in styles.items()]
    return vega_chart(colours, height=HEIGHT, layers=layers, legend=legend)


def scores_table(comparison: Comparison) -> pd.DataFrame:
    """What each run found, one row each, with the column names of the page's table."""
    metric = comparison.metric
    rows = []
    for row in comparison.rows:
        rows.append(
            {
                "Run": row.run,
                "Name": row.name,
                "State": row.state,
                column_title("Best", metric): row.search,
                "± 95 %": half_width(row.search_ci95),
                column_title("Confirmed", metric): row.confirmation,
                # The space at the end makes it another column than the one above.
                "± 95 % ": half_width(row.confirmation_ci95),
                column_title("Test", metric): row.test,
                column_title("Ensemble", metric): row.ensemble,
                "Generations": row.generations,
                "Trainings": row.evaluations,
                "Minutes": row.seconds / 60.0,
            }
        )

    return pd.DataFrame(rows)


def settings_table(comparison: Comparison) -> pd.DataFrame:
    """The settings that differ, one row each, with a column for each run."""
    columns = {"Setting": [setting.name for setting in comparison.settings]}
    for n, row in enumerate(comparison.rows):
        columns[f"Run {row.run}"] = [setting.values[n] for setting in comparison.settings]
    return pd.DataFrame(columns)


def duels_table(comparison: Comparison) -> pd.DataFrame:
    """The tests of runs and of methods against each other, one row each."""
    rows = []
    for duel in _all_duels(comparison):
        rows.append(
            {
                "Test": f"{duel.first} – {duel.second}",
                "Verdict": duel.verdict,
                **_difference_cells(duel.difference),
                "Measure": _measure_words(duel, comparison.metric),
                "Based on": duel.how,
            }
        )

    return pd.DataFrame(rows)


def _measure_words(duel: Duel, metric: Metric | None) -> str:
    """What a test compared; empty where nothing was tested."""
    if metric is None or not duel.measure:
        return ""
    return measure_text(duel.measure, metric)


def _difference_cells(difference: Difference | None) -> dict[str, float | None]:
    if difference is None:
        return dict.fromkeys(("Ahead by", "Low", "High", "P(better)"))

    return {
        "Ahead by": difference.mean,
        "Low": difference.low,
        "High": difference.high,
        "P(better)": difference.probability,
    }


def _all_duels(comparison: Comparison) -> tuple[Duel, ...]:
    return (*comparison.duels, *comparison.methods)


def duels_data(comparison: Comparison) -> pd.DataFrame:
    """The tests that could be made, one row each.

    Returns
    -------
    DataFrame
        ``title`` of the test; ``ahead``, by how much the first is ahead, with its interval from
        ``low`` to ``high``; ``probability`` that it is better; ``verdict``,
        "Resolved" or "Unresolved". Empty where nothing could be tested.
    """
    rows = []
    for duel in _all_duels(comparison):
        difference = duel.difference
        # Nothing was tested; the table beside the chart says why.
        if difference is None:
            continue
        rows.append(
            {
                "title": f"{duel.first} – {duel.second}, {_measure_words(duel, comparison.metric)}",
                "ahead": difference.mean,
                "low": difference.low,
                "high": difference.high,
                "probability": difference.probability,
                "verdict": "Resolved" if difference.resolved else "Unresolved",
            }
        )

    return pd.DataFrame(rows)


def duels_chart(frame: pd.DataFrame, *, metric: Metric = ACCURACY, dark: bool = False) -> Spec:
    """By how much the first of each test is ahead, with its interval, and a line at 0.

    Parameters
    ----------
    frame
        What `duels_data` returned, with one row at least.
    metric
        What was compared.
    dark
        Draw for the dark theme.
    """
    colours = palette(dark)
    legend = [
        LegendEntry("Resolved", colours.best, "diamond"),
        LegendEntry("Unresolved", colours.muted, "circle"),
    ]
    colour, shape = legend_channels("verdict", legend)

    x = number_channel("ahead", _ahead_title(metric), tickCount=7, scale={"padding": 16})
    y = {
        "field": "title",
        "type": "nominal",
        "sort": frame["title"].tolist(),
        "axis": None,
        "scale": {"paddingOuter": 0.4},
    }
    signed = f"+{vega_format(metric)}"
    tooltips = tooltip(
        ("title", " "),
        ("ahead", "Ahead by", signed),
        ("low", "From", signed),
        ("high", "To", signed),
        ("probability", "Better with a probability of", ".2f"),
    )
    interval = {"x": {**x, "field": "low"}, "x2": {"field": "high"}, "y": y}
    # The title stands above its line: beside it, a narrow page would have no room for the line.
    title = {
        "type": "text",
        "align": "left",
        "dy": -16,
        "fontSize": 13,
        "color": colours.text,
        "font": FONT,
    }

    layers = [
        layer({"type": "rule", "color": colours.text}, {"x": x}, pd.DataFrame({"ahead": [0]})),
        layer(
            {"type": "rule", "strokeWidth": 1.6}, {**interval, "color": colour, "tooltip": tooltips}
        ),
        layer(
            {"type": "point", "filled": True, "size": 110, "opacity": 1},
            {"x": x, "y": y, "color": colour, "shape": shape, "tooltip": tooltips},
        ),
        layer(title, {"x": {"value": 2}, "y": y, "text": {"field": "title"}}),
    ]
    return vega_chart(
        colours,
        height=80 + 46 * len(frame),
        layers=layers,
        legend=legend,
        data={"values": frame.to_dict("records")},
    )


def _ahead_title(metric: Metric) -> str:
    if not metric.difference_unit:
        return "Ahead by"
    return f"Ahead by ({metric.difference_unit})"
