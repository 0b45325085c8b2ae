"""Scores, times and genomes as text, for the terminal, the dashboard and reports alike."""

from __future__ import annotations

import datetime
import itertools
import json
import re
import zoneinfo
from collections.abc import Sequence
from typing import TYPE_CHECKING

from shoal.genome.genes import NETWORK_GENES, NEUTRAL, NUMERIC_GENES, gene_label
from shoal.genome.genome import Genome

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from shoal.analysis.progress import RunPhase, RunProgress
    from shoal.objectives.registry import Metric
    from shoal.store import RunView

_MINUTE = 60
_HOUR = 60 * _MINUTE
_DAY = 24 * _HOUR


# Text of users


def quoted(text: str) -> str:
    """A user's text as a Markdown code span, in which no character has a meaning of its own.

    Examples
    --------
    >>> quoted("my *run*")
    '` my *run* `'
    """
    one_line = " ".join(text.split()) or "(no name)"

    # A code span ends at as many backticks as it began with: one more than the text holds in a row.
    longest = max((len(ticks) for ticks in re.findall("`+", one_line)), default=0)
    fence = "`" * (longest + 1)
    return f"{fence} {one_line} {fence}"


def escaped(text: str) -> str:
    """A user's text in one line of Markdown, in which no character has a meaning of its own.

    Examples
    --------
    >>> escaped("EUR *a* day")
    'EUR \\\\*a\\\\* day'
    """
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", " ".join(text.split()))


def shortened(text: str, most: int) -> str:
    """A text of at most ``most`` characters; what is cut off is marked by an ellipsis."""
    if len(text) <= most:
        return text
    return text[: most - 1] + "…"


# Scores

# Significant digits of a score that is no percentage.
_DIGITS = 5
# Half-widths of intervals are whole numbers from here on, and have an exponent from there on.
_WHOLE = 100.0
_EXPONENT = 1e6


def score_text(score: float | None, metric: Metric) -> str:
    """A score as people read it; a dash where there is none.

    A percentage has its sign. Other units stand in headings (`metric_heading`).

    Examples
    --------
    >>> from shoal.objectives.registry import ACCURACY, Metric
    >>> score_text(91.234, ACCURACY)
    '91.23 %'
    >>> score_text(4.748123, Metric("score", "Score", "minimize", "cost per period"))
    '4.7481'
    """
    if metric.unit == "%":
        return percent(score)
    if score is None:
        return "–"
    return f"{score:.{_DIGITS}g}"


def spread_text(half: float | None, metric: Metric | None) -> str:
    """The half-width of a score's 95 % interval; empty where there is none.

    None as the metric: the scores are of no one metric.

    Examples
    --------
    >>> from shoal.objectives.registry import ACCURACY, Metric
    >>> spread_text(0.456, ACCURACY)
    '± 0.46'
    >>> spread_text(108.4, Metric("score", "Score", "maximize"))
    '± 108'
    """
    if half is None or (metric is not None and metric.unit == "%"):
        return plus_minus(half)
    if _WHOLE <= half < _EXPONENT:
        return f"± {half:,.0f}"
    return f"± {half:.2g}"


def score_with_spread(score: float | None, half: float | None, metric: Metric) -> str:
    """A score, followed by the half-width of its 95 % interval where there is one.

    Examples
    --------
    >>> from shoal.objectives.registry import ACCURACY
    >>> score_with_spread(91.234, 0.456, ACCURACY)
    '91.23 % ± 0.46'
    """
    return f"{score_text(score, metric)} {spread_text(half, metric)}".rstrip()


def difference_text(difference: float, metric: Metric | None) -> str:
    """A difference of scores with its sign, in `Metric.difference_unit`; None: of no one metric.

    Examples
    --------
    >>> from shoal.objectives.registry import ACCURACY, Metric
    >>> difference_text(0.456, ACCURACY)
    '+0.46'
    >>> difference_text(-0.0123456, Metric("score", "Score", "minimize"))
    '-0.0123'
    >>> difference_text(1234.5, None)
    '+1,234'
    """
    if metric is not None and metric.unit == "%":
        return f"{difference:+.2f}"
    if _WHOLE <= abs(difference) < _EXPONENT:
        return f"{difference:+,.0f}"
    return f"{difference:+.3g}"


def metric_heading(metric: Metric) -> str:
    """What a metric's scores are, over a column or beside a chart.

    Examples
    --------
    >>> from shoal.objectives.registry import ACCURACY, Metric
    >>> metric_heading(ACCURACY)
    'Accuracy'
    >>> metric_heading(Metric("score", "Score", "minimize", "cost per period"))
    'Score, cost per period (smaller is better)'
    """
    if metric.is_accuracy:
        return metric.label

    unit = f", {metric.unit}" if metric.unit else ""
    better = "larger" if metric.maximizes else "smaller"
    return f"{metric.label}{unit} ({better} is better)"


def percent(value: float | None) -> str:
    """An accuracy in percent; a dash where there is none.

    Examples
    --------
    >>> percent(91.234)
    '91.23 %'
    """
    if value is None:
        return "–"
    return f"{value:.2f} %"


def half_width(interval: tuple[float, float] | None) -> float | None:
    """Half of the width of an interval, as the number after ±.

    Parameters
    ----------
    interval
        Its lower and upper end; None: there is no interval, and so no width.
    """
    if interval is None:
        return None
    low, high = interval
    return (high - low) / 2


def plus_minus(half: float | None) -> str:
    """The half-width of a 95 % interval, in the unit of its mean; empty where there is none.

    Examples
    --------
    >>> plus_minus(0.456)
    '± 0.46'
    >>> plus_minus(None)
    ''
    """
    if half is None:
        return ""
    return f"± {half:.2f}"


def with_plus_minus(text: str, half: float | None) -> str:
    """``text``, followed by the half-width of its 95 % interval where there is one.

    Examples
    --------
    >>> with_plus_minus(percent(91.234), 0.456)
    '91.23 % ± 0.46'
    """
    return f"{text} {plus_minus(half)}".rstrip()


# Times


def duration(seconds: float) -> str:
    """Seconds in the two largest units that they fill.

    Examples
    --------
    >>> [duration(seconds) for seconds in (45, 192, 7500, 273600)]
    ['45 s', '3 min 12 s', '2 h 05 min', '3 d 4 h']
    """
    whole = max(0, round(seconds))
    if whole >= _DAY:
        return f"{whole // _DAY} d {whole % _DAY // _HOUR} h"
    if whole >= _HOUR:
        return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE:02d} min"
    if whole >= _MINUTE:
        return f"{whole // _MINUTE} min {whole % _MINUTE:02d} s"
    return f"{whole} s"


def estimate(seconds: float) -> str:
    """An estimated duration: no seconds from one and a half minutes on, which would look exact."""
    if 90 <= seconds < _HOUR:
        return f"{round(seconds / _MINUTE)} min"
    return duration(seconds)


# What a run does in each phase.
_PHASE_TEXTS = {
    "search": "searching",
    "confirmation": "confirming the best",
    "champion": "training the champion's networks",
    "baselines": "fitting other methods to compare with",
}


def phase_text(phase: RunPhase) -> str:
    """What a run does in a phase."""
    return _PHASE_TEXTS[phase]


def time_left_text(run: RunView, progress: RunProgress) -> str:
    """How long a running run will go on; "" where that is not known."""
    if run.state != "running":
        return ""
    if progress.seconds_left is not None:
        return f"about {estimate(max(1.0, progress.seconds_left))} left"
    # Something is known, and it is overdue.
    return "finishing" if progress.share else ""


def moment(time: float, zone: str | None, now: float, *, seconds: bool = False) -> str:
    """A time of day in the viewer's zone, with its date when that is not today's.

    Parameters
    ----------
    time, now
        Seconds since 1970.
    zone
        The viewer's time zone, such as "Europe/Berlin". None, or a name that is not known: the
        machine's own.
    seconds
        Show seconds too. Such a text is not for Markdown, where ``:34:`` may be the name of an
        emoji, for which a browser loads the names of all of them.
    """
    viewer_zone = _time_zone(zone)
    shown = datetime.datetime.fromtimestamp(time, datetime.UTC).astimezone(viewer_zone)
    today = datetime.datetime.fromtimestamp(now, datetime.UTC).astimezone(viewer_zone).date()

    pattern = "%H:%M:%S" if seconds else "%H:%M"
    if shown.date() != today:
        pattern = f"%Y-%m-%d {pattern}"
    return shown.strftime(pattern)


def _time_zone(name: str | None) -> datetime.tzinfo | None:
    """The zone of that name; None, the machine's own, where there is no such zone."""
    if not name:
        return None
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        return None


# Counts


def count_text(count: float) -> str:
    """A large number in words.

    Examples
    --------
    >>> [count_text(count) for count in (950, 24e6, 1.25e9)]
    ['950', '24.0 million', '1.2 billion']
    """
    if count >= 1e12:
        return f"{count / 1e12:,.1f} trillion"
    if count >= 1e9:
        return f"{count / 1e9:,.1f} billion"
    if count >= 1e6:
        return f"{count / 1e6:,.1f} million"
    return f"{count:,.0f}"


# Points of functions

# Coordinates of a point, and groups of equal bounds, that a text names.
_MOST_COORDINATES = 8
_MOST_GROUPS = 4


def point_text(x: Sequence[float] | NDArray[np.float64]) -> str:
    """A point with six digits for each coordinate; of many coordinates the first ones.

    Examples
    --------
    >>> point_text([1.5, 2.0, 1 / 3])
    '(1.5, 2, 0.333333)'
    >>> point_text([0.0] * 30)
    '(0, 0, 0, 0, 0, 0, 0, 0, ...), 30 coordinates'
    """
    # Adding 0 turns -0.0 into 0.0.
    shown = ", ".join(f"{float(value) + 0.0:.6g}" for value in x[:_MOST_COORDINATES])
    if len(x) <= _MOST_COORDINATES:
        return f"({shown})"
    return f"({shown}, ...), {len(x)} coordinates"


def bounds_text(bounds: Sequence[Sequence[float]]) -> str:
    """Bounds of coordinates, each pair once for all that follow each other.

    Examples
    --------
    >>> bounds_text([(-5, 5)] * 10)
    '10 coordinates in (-5, 5)'
    >>> bounds_text([(1, 99), (1, 99), (10, 200)])
    '2 coordinates in (1, 99), 1 in (10, 200)'
    """
    groups = []
    for pair, members in itertools.groupby(tuple(map(float, pair)) for pair in bounds):
        groups.append((len(list(members)), pair))

    parts: list[str] = []
    for count, (low, high) in groups[:_MOST_GROUPS]:
        word = " coordinates" if not parts and count > 1 else ""
        if not parts and count == 1:
            word = " coordinate"
        parts.append(f"{count}{word} in ({low:g}, {high:g})")
    if len(groups) > _MOST_GROUPS:
        parts.append(f"..., {len(bounds)} in all")
    return ", ".join(parts)


# Genomes


def layers_text(widths: tuple[int, ...]) -> str:
    """Widths of layers with dashes between: 32-16."""
    return "-".join(map(str, widths))


def gene_text(value: object) -> str:
    """A gene's value: four digits of a number, layers with dashes between, words as in prose."""
    if isinstance(value, tuple):
        return layers_text(value)
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value).replace("_", "-")


def as_python(genome: Genome) -> str:
    """A genome to paste into Python."""
    lines = []
    for name, value in genome.to_dict().items():
        # Layers are a list in JSON, and a tuple in Python.
        written = tuple(value) if isinstance(value, list) else value
        lines.append(f"    {name}={written!r},\n")
    return f"import shoal\n\ngenome = shoal.Genome(\n{''.join(lines)})"


def as_toml(genome: Genome) -> str:
    """A genome as a TOML table."""
    lines = [f"{name} = {json.dumps(value)}\n" for name, value in genome.to_dict().items()]
    return f"[genome]\n{''.join(lines)}"


def as_json(genome: Genome) -> str:
    """A genome to paste anywhere else."""
    return json.dumps(genome.to_dict(), indent=2)


def genome_text(genome: Genome, *, network: bool = True) -> str:
    """A genome in a few lines, two values on each; only genes that its update rule reads.

    Parameters
    ----------
    genome
        The genome.
    network
        Whether its swarm finds the weights of a network. Otherwise genes of networks are left out.
    """
    cells = [*_choices(genome, network), *_numbers(genome, network)]
    lines = [", ".join(cells[start : start + 2]) for start in range(0, len(cells), 2)]
    return "\n".join(lines)


def _choices(genome: Genome, network: bool) -> list[str]:
    """The genes that are no numbers, in words."""
    words = []
    if network:
        words += [f"layers {layers_text(genome.hidden_layers) or 'none'}", genome.activation]
    words += genome.rule.describe(genome)
    if network and genome.initialisation == "fan_in":
        words.append("weights by fan-in")
    if network and genome.solves_readout:
        words.append(f"output layer solved with ridge {genome.ridge:.4g}")
    return words


def _numbers(genome: Genome, network: bool) -> list[str]:
    """Numeric genes with their values, without those whose value changes nothing."""
    # The ridge stands beside the output layer.
    left_out = {*genome.unread_genes, "ridge"}
    if not network:
        left_out |= set(NETWORK_GENES)

    shown = []
    for gene in NUMERIC_GENES:
        if gene.name in left_out:
            continue
        value = getattr(genome, gene.name)
        if value != NEUTRAL.get(gene.name):
            shown.append(f"{gene_label(gene.name).lower()} {value:.4g}")
    return shown


def stability_text(genome: Genome) -> str:
    """A genome's stability margin, and what the margin means."""
    margin = genome.stability_margin
    side = "inside" if margin > 0 else "outside"
    return f"margin {margin:.2f}: {side} the region of stable swarms, limits ignored"


# Runs


def blocking_run_text(ahead: RunView, how_to_pause: str) -> str:
    """Which run comes before a queued one, how far it is, and how to let the queued one start.

    Parameters
    ----------
    ahead
        The run that is being worked on.
    how_to_pause
        What a person does to pause ``ahead``, as an imperative: "Pause that one", or a command.
    """
    done = f"{ahead.generations} of {ahead.settings.generations} generations done"
    return f"Run {ahead.id} comes first ({done}). {how_to_pause} to let this one start."
