"""The history of a run: best and average score by generation, with an interval and quartiles.

The chart of the page Live. The best genome's line has the 95 % interval of its mean as a band; the
average's has the middle half of all trainings of its generation. A diamond marks the champion, and
dotted lines are what the simplest methods reach.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shoal.analysis.simple_methods import ReferenceLine
from shoal.analysis.summary import Best
from shoal.dashboard.charts.base import palette
from shoal.dashboard.charts.scores import column_title, least_width, score_title, vega_format
from shoal.dashboard.charts.vega import (
    LegendEntry,
    Spec,
    layer,
    number_channel,
    pointer_layer,
    records,
    steady_domain,
    tooltip,
    vega_chart,
)
from shoal.data.messages import count_of
from shoal.numerics.stats import ci95
from shoal.objectives.registry import ACCURACY, Metric
from shoal.presentation.formatting import half_width, score_text, spread_text
from shoal.presentation.palette import Palette
from shoal.settings.phase import is_confirmation
from shoal.store import ACTIVE, GenerationRecord, RunView

# The columns of `history_data`, in their order.
COLUMNS = ("generation", "best", "low", "high", "repeats", "average", "q1", "q3")

# The height of the whole chart, in pixels.
HEIGHT = 420

# From this many generations on, lines have no dots.
_MANY_GENERATIONS = 40

# The most generations that are drawn. Of a longer run only each second, third ... is drawn: a mark
# costs a browser time whenever the chart is laid out (docs/decisions/0009-dashboard.md).
_MOST_DRAWN = 200

# How far an interval may widen the axis beyond the scores, as a multiple of their own range: that
# of two repeats may be a hundred times as wide.
_MOST_OF_INTERVAL = 1.0

# The columns of the bands' ends.
_BANDS = (("low", "high"), ("q1", "q3"))

# The dashes of the lines of simple methods.
_REFERENCE_DASHES = ((1, 3), (7, 3), (7, 3, 1, 3), (3, 2))


@dataclass(frozen=True, slots=True)
class HistoryMarks:
    """What a history is drawn with, besides the scores of the search.

    Attributes
    ----------
    champion
        The champion, which gets a diamond; None while there is none.
    lines
        What others reach, a line each.
    planned
        The last generation that the run plans, while it goes on; None where it has ended.
    """

    champion: Best | None = None
    lines: tuple[ReferenceLine, ...] = ()
    planned: int | None = None


_NO_MARKS = HistoryMarks()


def planned_generations(run: RunView) -> int | None:
    """The last generation of a run that goes on; None of one that has ended or is paused."""
    return run.settings.generations if run.state in ACTIVE else None


class _Band(NamedTuple):
    """An area between two columns of the history."""

    label: str
    low: str
    high: str
    colour: str


def history_data(
    generations: Sequence[GenerationRecord],
    frame: pd.DataFrame,
    scored_repeats: Callable[[int], range] = range,
) -> pd.DataFrame:
    """The history of a run, one row for each generation.

    Parameters
    ----------
    generations
        The run's completed generations.
    frame
        Its evaluations (`EvaluationTable.frame`).
    scored_repeats
        Says which of its completed repeats a genome's score averages (`Schedule.scored_repeats`).

    Returns
    -------
    DataFrame
        ``generation``; ``best`` and ``average`` score, NaN when all trainings failed;
        ``low`` and ``high``, the ends of Student's 95 % interval of the best genome's mean, NaN
        for a single repeat; ``repeats``, how many repeats that mean averages; ``q1`` and ``q3``,
        the quartiles of the trainings that this generation asked for, NaN where it asked for none.
    """
    scores = _scores_of_leaders(generations, frame)
    # A leader often stays for many generations; its interval is computed once.
    intervals: dict[tuple[str, int], tuple[float, float] | None] = {}

    rows = []
    for record in generations:
        summary = record.summary
        leader = summary.best.hash
        repeats = scored_repeats(summary.best_repeats)

        key = (leader, summary.best_repeats)
        if key not in intervals:
            known = scores.get(leader, {})
            intervals[key] = ci95([known[repeat] for repeat in repeats if repeat in known])

        low, high = intervals[key] or (None, None)
        rows.append(
            {
                "generation": summary.number,
                "best": summary.best_score,
                "low": low,
                "high": high,
                "repeats": len(repeats),
                "average": summary.mean_score,
            }
        )

    history = pd.DataFrame(rows, columns=list(COLUMNS[:6]))
    history = history.join(_quartiles(frame), on="generation")
    types = dict.fromkeys(COLUMNS, "float64") | {"generation": "int64", "repeats": "int64"}
    return history.astype(types)


def _scores_of_leaders(
    generations: Sequence[GenerationRecord], frame: pd.DataFrame
) -> dict[str, dict[int, float]]:
    """The scores of all genomes that ever led, by genome and repeat; failed ones are absent."""
    leaders = {record.summary.best.hash for record in generations}
    scored = frame[frame["genome"].isin(leaders) & frame["score"].notna()]

    scores: dict[str, dict[int, float]] = {}
    columns = (scored["genome"], scored["repeat"], scored["score"])
    for genome, repeat, score in zip(*columns, strict=True):
        scores.setdefault(genome, {})[repeat] = score
    return scores


def _quartiles(frame: pd.DataFrame) -> pd.DataFrame:
    """The quartiles of the search's trainings, by generation."""
    search = frame[~is_confirmation(frame["repeat"])]
    scores = search.groupby("generation")["score"]
    return pd.DataFrame({"q1": scores.quantile(0.25), "q3": scores.quantile(0.75)})


def score_range(
    frame: pd.DataFrame, metric: Metric = ACCURACY, marks: HistoryMarks = _NO_MARKS
) -> tuple[float, float]:
    """The scores that the axis shows, in the metric's unit.

    It shows all best scores, their intervals, and the averages but for a few terrible early ones. A
    swarm that explodes scores terribly, and one such individual ruins an average. A line that
    leaves the axis at its bad end is better than an axis on which everything else is flat, so the
    rest keeps at least half of the axis. A line of `HistoryMarks.lines` is shown where that leaves
    the rest half of the axis, too.

    Parameters
    ----------
    frame
        What `history_data` returned.
    metric
        What the scores are scores of.
    marks
        The champion and the lines.
    """
    # The larger the fitness, the better, whatever the metric's direction.
    sign = metric.fitness(1.0)
    fitness = sign * frame[["best", "average"]].to_numpy(dtype=np.float64)
    if not np.isfinite(fitness).any():
        return _range_of_lines(marks.lines, metric)

    best = fitness[:, 0][np.isfinite(fitness[:, 0])]
    average = fitness[:, 1][np.isfinite(fitness[:, 1])]
    if marks.champion is not None and np.isfinite(marks.champion.score):
        best = np.append(best, sign * marks.champion.score)
    top = max(best.max(initial=-np.inf), average.max(initial=-np.inf))

    typical_average = top
    if len(average):
        typical_average = np.quantile(average, 0.5, method="higher")
    base = min(best.min(initial=np.inf), typical_average)
    if metric.unit == "%":
        # No axis shows more than 100 percentage points above its base.
        base = max(base, top - 100.0)
    # What lies above `base` gets half of the axis at least.
    lowest = min(float(np.nanmin(fitness)), best.min(initial=np.inf))
    low = max(lowest, 2 * base - top)
    least = least_width(metric, top)
    low, top = _with_bands(sign * _band_ends(frame, metric), low, float(top), least)
    low, top = _with_lines([sign * line.score for line in marks.lines], low, top, least)

    margin = max(0.06 * (top - low), 0.5 * least)
    high = top + margin
    if metric.is_accuracy:
        # An accuracy cannot exceed 100 %, so the margin above it is small.
        high = min(high, max(100.5, top))
    ends = sorted((sign * (low - margin), sign * high))
    return steady_domain(float(ends[0]), float(ends[1]))


def _range_of_lines(lines: Sequence[ReferenceLine], metric: Metric) -> tuple[float, float]:
    """The scores that the axis shows while there are only lines."""
    if not lines:
        return 0.0, 100.0
    scores = [line.score for line in lines]
    low, high = min(scores), max(scores)
    # A search ends near the lines, and is seldom within a hair of them.
    room = max(0.5 * (high - low), 5 * least_width(metric, metric.fitness(high)))
    top = high + room
    if metric.is_accuracy:
        top = min(top, max(100.5, high))
    return steady_domain(low - room, top)


def _band_ends(frame: pd.DataFrame, metric: Metric) -> NDArray[np.float64]:
    """All ends of the bands, as they are drawn."""
    values = _possible(frame, metric)[["low", "high", "q1", "q3"]].to_numpy(dtype=np.float64)
    return np.asarray(values[np.isfinite(values)])


def _possible(frame: pd.DataFrame, metric: Metric) -> pd.DataFrame:
    """The history with intervals that end where scores end: no accuracy is above 100 %."""
    if not metric.is_accuracy:
        return frame
    return frame.assign(low=frame["low"].clip(upper=100.0), high=frame["high"].clip(upper=100.0))


def _within(frame: pd.DataFrame, domain: tuple[float, float]) -> pd.DataFrame:
    """The history without those ends of bands that would be cut off: a cut band says nothing."""
    low, high = domain
    for lower, upper in _BANDS:
        beyond = (frame[lower] < low) | (frame[upper] > high)
        frame = frame.assign(**{lower: frame[lower].mask(beyond), upper: frame[upper].mask(beyond)})
    return frame


def _with_bands(
    ends: NDArray[np.float64], low: float, top: float, least: float
) -> tuple[float, float]:
    """The range with the bands, as far as these may widen it; ``ends`` are fitness."""
    if not len(ends):
        return low, top
    room = _MOST_OF_INTERVAL * max(top - low, least)
    wide_low = min(low, max(float(ends.min()), low - room))
    wide_top = max(top, min(float(ends.max()), top + room))
    return wide_low, wide_top


def _with_lines(
    scores: Sequence[float], low: float, top: float, least: float
) -> tuple[float, float]:
    """The range with those lines that leave what is there half of the axis."""
    room = max(top - low, least)
    near = [score for score in scores if low - room <= score <= top + room]
    return min([low, *near]), max([top, *near])


def history_chart(
    frame: pd.DataFrame,
    *,
    metric: Metric = ACCURACY,
    marks: HistoryMarks = _NO_MARKS,
    dark: bool = False,
) -> Spec:
    """Best and average score by generation.

    Parameters
    ----------
    frame
        What `history_data` returned.
    metric
        What the scores are scores of.
    marks
        The champion, the lines of other methods, and the planned end.
    dark
        Draw for the dark theme.
    """
    colours = palette(dark)
    domain = score_range(frame, metric, marks)
    frame = _within(_possible(frame, metric), domain)
    bands = _bands(frame, colours)
    last = int(frame["generation"].max()) if len(frame) else 1
    end = _axis_end(last, marks.planned)
    each = drawn_every(len(frame))

    x = number_channel(
        "generation",
        "Generation",
        grid=False,
        format="d",
        tickMinStep=1,
        scale={"domain": [0.5, end + 0.5]},
    )
    y = number_channel("best", score_title(metric), tickCount=7, scale={"domain": list(domain)})

    lines = [line for line in marks.lines if domain[0] <= line.score <= domain[1]]
    layers = [_band_layer(band, y) for band in bands]
    layers += [_reference_layer(line, n, y, colours) for n, line in enumerate(lines)]
    layers += _line_layers(y, colours, len(frame))
    tooltips = tooltip(
        ("generation", "Generation"),
        ("best", column_title("Best", metric), vega_format(metric)),
        ("spread", " "),
        ("average", column_title("Average", metric), vega_format(metric)),
    )
    layers.append(pointer_layer(colours, each / end, tooltips))
    if marks.champion is not None:
        layers.append(_champion_layer(marks.champion, x, y, colours))

    # Counted from the last generation, which is always drawn.
    drawn = frame[(last - frame["generation"]) % each == 0]
    drawn = drawn.assign(spread=_spread_texts(drawn, metric))
    return vega_chart(
        colours,
        height=HEIGHT,
        layers=layers,
        legend=_legend(bands, colours, marks, lines, metric),
        data={"values": records(drawn)},
        encoding={"x": x},
    )


def _axis_end(last: int, planned: int | None) -> float:
    """The last generation on the axis.

    While a run goes on, its axis has room for some of the generations to come: for all of a short
    run, so that nothing moves. Where it has ended, the axis ends with what is there.
    """
    if planned is None or planned <= last:
        return last
    room = 10.0 if last <= 10 else steady_domain(0, last)[1]
    return min(float(planned), room)


def _reference_layer(line: ReferenceLine, number: int, y: Spec, colours: Palette) -> Spec:
    """A level line over the whole width."""
    mark = {
        "type": "rule",
        "color": colours.muted,
        "strokeWidth": 1.5,
        "strokeDash": list(_REFERENCE_DASHES[number % len(_REFERENCE_DASHES)]),
    }
    # A place without a field would be the middle; a rule from 0 to the width spans the chart.
    ends = {"x": {"value": 0}, "x2": {"value": "width"}}
    rows = pd.DataFrame({"score": [line.score]})
    return layer(mark, {**ends, "y": {**y, "field": "score"}}, rows)


def _champion_layer(champion: Best, x: Spec, y: Spec, colours: Palette) -> Spec:
    """A diamond where the champion was found, at its score in the search."""
    mark = {
        "type": "point",
        "shape": "diamond",
        "filled": True,
        "size": 190,
        "color": colours.series[2],
        "stroke": colours.surface,
        "strokeWidth": 1.5,
        "opacity": 1,
    }
    metric = champion.metric
    tooltips = tooltip(
        ("name", "Champion"),
        ("generation", "Found in generation"),
        ("score", column_title("Score in the search", metric), vega_format(metric)),
    )
    rows = pd.DataFrame(
        {
            "generation": [champion.generation],
            "score": [champion.score],
            "name": [champion.genome.hash[:8]],
        }
    )
    encoding = {"x": x, "y": {**y, "field": "score"}, "tooltip": tooltips}
    return layer(mark, encoding, rows)


def _bands(frame: pd.DataFrame, colours: Palette) -> list[_Band]:
    """The bands that have data, the lowest first."""
    bands = (
        _Band("Middle half of the trainings", "q1", "q3", colours.spread),
        _Band("95 % interval of the best", "low", "high", colours.band),
    )
    return [band for band in bands if frame[[band.low, band.high]].notna().all(axis=1).any()]


def _band_layer(band: _Band, y: Spec) -> Spec:
    mark = {"type": "area", "clip": True, "color": band.colour}
    return layer(mark, {"y": {**y, "field": band.low}, "y2": {"field": band.high}})


def _line_layers(y: Spec, colours: Palette, generations: int) -> list[Spec]:
    """The lines of average and best."""
    with_dots = generations <= _MANY_GENERATIONS
    # Of a single generation there is no line, only its dots.
    dot = 24 if generations > 1 else 90
    styles: dict[str, Spec] = {
        # Dashed, so that the two lines are told apart without colours.
        "average": {"color": colours.average, "strokeWidth": 2, "strokeDash": [2, 3]},
        "best": {"color": colours.best, "strokeWidth": 2.5},
    }

    layers = []
    for field, style in styles.items():
        point: Spec | bool = False
        if with_dots:
            point = {"size": dot, "color": style["color"]}
        mark = {"type": "line", "clip": True, "point": point, **style}
        layers.append(layer(mark, {"y": {**y, "field": field}}))

    return layers


def _legend(
    bands: Sequence[_Band],
    colours: Palette,
    marks: HistoryMarks,
    lines: Sequence[ReferenceLine],
    metric: Metric,
) -> list[LegendEntry]:
    entries = [
        LegendEntry("Best", colours.best),
        LegendEntry("Average", colours.average, dash=(2, 3)),
    ]
    if marks.champion is not None:
        entries.append(LegendEntry("Champion", colours.series[2], "diamond"))
    for number, line in enumerate(lines):
        label = f"{line.label} {score_text(line.score, metric)}"
        dash = _REFERENCE_DASHES[number % len(_REFERENCE_DASHES)]
        entries.append(LegendEntry(label, colours.muted, dash=dash))
    for band in reversed(bands):
        entries.append(LegendEntry(band.label, band.colour, "area"))
    return entries


def drawn_every(generations: int) -> int:
    """Of a run of ``generations``, each n-th generation is drawn; this n.

    The last generation is always drawn, so they are counted from the end.
    """
    return -(-generations // _MOST_DRAWN) or 1


def _spread_texts(frame: pd.DataFrame, metric: Metric) -> list[str]:
    """The best genome's interval and number of repeats, such as "± 1.20, 4 repeats"."""
    texts = []
    for low, high, repeats in zip(frame["low"], frame["high"], frame["repeats"], strict=True):
        text = count_of(repeats, "repeat")
        if not np.isnan(low):
            text = f"{spread_text(half_width((low, high)), metric)}, {text}"
        texts.append(text)
    return texts


def beyond_axis_text(
    frame: pd.DataFrame, metric: Metric = ACCURACY, marks: HistoryMarks = _NO_MARKS
) -> str:
    """Sentences about averages, intervals and lines beyond the axis; empty where none is."""
    low, high = score_range(frame, metric, marks)
    texts = [_averages_beyond(frame["average"], low, high, metric)]

    ends = _possible(frame, metric)
    if not ends.equals(_within(ends, (low, high))):
        texts.append("A band is left out where it is wider than the axis")

    for line in marks.lines:
        side = "below" if line.score < low else "above"
        if not low <= line.score <= high:
            texts.append(f"{line.label} lies {side} the axis, at {score_text(line.score, metric)}")
    return ". ".join(filter(None, texts))


def _averages_beyond(averages: pd.Series, low: float, high: float, metric: Metric) -> str:
    if metric.maximizes:
        beyond = averages[averages < low]
        where = "below the axis, the lowest"
    else:
        beyond = averages[averages > high]
        where = "above the axis, the highest"
    if not len(beyond):
        return ""

    subject = f"{len(beyond)} averages lie"
    if len(beyond) == 1:
        subject = "1 average lies"
    return f"{subject} {where} at {_rough_text(beyond, metric)}"


def _rough_text(scores: pd.Series, metric: Metric) -> str:
    """The worst of some scores; of a percentage that is terrible, no decimals are of interest."""
    worst = scores.min() if metric.maximizes else scores.max()
    if metric.unit == "%":
        return f"{worst:,.0f} %"
    return score_text(worst, metric)
