"""Numbers and states as people read them, and text of users as text. Pure functions."""

from __future__ import annotations

import datetime
import json
import re
import zoneinfo
from html import escape

from shoal.analysis.cost_estimate import first_trainings
from shoal.analysis.summary import Summary
from shoal.genome.genome import NUMERIC_GENES, Genome
from shoal.store import RunView

# Classes of the style sheet. The word always stands in the badge: colour alone says nothing.
STATE_COLOURS = {
    "queued": "gray",
    "running": "blue",
    "paused": "orange",
    "finished": "green",
    "stopped": "gray",
    "failed": "red",
    "interrupted": "orange",
}
_GENES = {gene.name: gene.label for gene in NUMERIC_GENES} | {
    "hidden_layers": "Topology",
    "update_rule": "Update Rule",
    "activation": "Activation",
    "informant_strategy": "Informants",
    "attractor": "Attractor",
    "initialisation": "Initialisation",
}
_DOING = {"stop": "stopping", "pause": "pausing"}


def state_word(run: RunView) -> str:
    """The state, or what a command that the run's owner has yet to obey makes of it."""
    words = [_DOING[kind] for kind in run.pending if kind in _DOING]
    return words[-1] if words and run.state == "running" else run.state


def state_html(run: RunView) -> str:
    """The state as a badge."""
    return f'<span class="badge {STATE_COLOURS.get(run.state, "gray")}">{escape(state_word(run))}</span>'


def quoted(text: str) -> str:
    """A user's text for Markdown: a code span, in which no character means anything but itself."""
    flat = " ".join(text.split()) or "(no name)"
    fence = "`" * (max((len(ticks) for ticks in re.findall("`+", flat)), default=0) + 1)
    return f"{fence} {flat} {fence}"


def percent(value: float | None) -> str:
    """An accuracy."""
    return "–" if value is None else f"{value:.2f} %"


def half_text(interval: tuple[float, float] | None) -> str:
    """Half of a 95 % interval; empty where there is none."""
    return "" if interval is None else f"± {(interval[1] - interval[0]) / 2:.2f}"


def duration(seconds: float) -> str:
    """Seconds in the two largest units: 45 s, 3 min 12 s, 2 h 05 min, 3 d 4 h."""
    whole = max(0, round(seconds))
    minutes, hours, days = whole // 60, whole // 3600, whole // 86400
    if days:
        return f"{days} d {hours % 24} h"
    if hours:
        return f"{hours} h {minutes % 60:02d} min"
    return f"{minutes} min {whole % 60:02d} s" if minutes else f"{whole} s"


def estimate(seconds: float) -> str:
    """A duration that nobody knows to the second."""
    return f"{round(seconds / 60)} min" if 90 <= seconds < 3600 else duration(seconds)


def moment(time: float, zone: str | None, now: float, *, seconds: bool = False) -> str:
    """A time of day in the viewer's zone, with its date when that is not today's. With seconds it is not for Markdown.

    There, ``:34:`` may be a picture's name, for which a browser loads the names of all of them.
    """
    try:
        place: datetime.tzinfo | None = zoneinfo.ZoneInfo(zone) if zone else None
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        place = None
    there, today = (datetime.datetime.fromtimestamp(t, datetime.UTC).astimezone(place) for t in (time, now))
    day = "" if there.date() == today.date() else "%Y-%m-%d "
    return there.strftime(f"{day}%H:%M:%S" if seconds else f"{day}%H:%M")


def elapsed(run: RunView) -> float:
    """Active seconds so far; between two heartbeats of a running run they go on counting."""
    return run.seconds + (run.heartbeat_age or 0.0) if run.state == "running" else run.seconds


def progress(run: RunView) -> float:
    """The share of the run's budget that is spent, 0 to 1: of the budget that ends it first."""
    if run.state == "finished":
        return 1.0
    settings = run.settings
    shares = [run.generations / settings.generations]
    if settings.evaluations is not None:
        shares.append(run.evaluations / settings.evaluations)
    if settings.max_seconds is not None:
        shares.append(elapsed(run) / settings.max_seconds)
    return min(1.0, max(shares))


def progress_text(summary: Summary) -> str:
    """What stands above the progress bar."""
    run = summary.run
    parts = [f"{100 * progress(run):.0f} %", f"{run.generations:,} of {run.settings.generations:,} generations"]
    if summary.time_left is not None and run.state == "running":
        parts.append(f"about {estimate(summary.time_left)} left")
    return " · ".join(parts)


def waiting_text(run: RunView, supervised: bool, ahead: RunView | None = None) -> tuple[str, str]:
    """A title and a sentence for a run that has no generation yet: what is happening, or what to do."""
    if run.state == "queued" and ahead is not None:
        where = f"{ahead.generations} of {ahead.settings.generations} generations"
        return "Waiting its turn", f"Run {ahead.id} comes first ({where} done). Pause that one to let this one start."
    if run.state == "queued" and supervised:
        return "Waiting its turn", "It starts in a moment."
    if run.state in ("queued", "interrupted"):
        return "Nobody is working on it", "Press Resume to start a supervisor, which takes it from here."
    if run.state != "running":
        return "No generation was completed", "There is nothing to draw. Resume it, or start a new run."
    wanted = first_trainings(run.settings)
    if run.evaluations == 0:
        compiling = "The training code is compiled for this machine, half a minute at most."
        return "Getting ready", f"{compiling} Then {wanted} trainings make the first generation."
    return "First generation", f"{run.evaluations} of at most {wanted} trainings done. The chart begins when it is."


def gene_label(name: str) -> str:
    """What people call a gene."""
    return _GENES[name]


def gene_text(value: object) -> str:
    """A gene's value: four digits of a number, layers with dashes between."""
    if isinstance(value, tuple):
        return "-".join(map(str, value))
    return f"{value:.4g}" if isinstance(value, float) else str(value).replace("_", "-")


def as_python(genome: Genome) -> str:
    """A genome to paste into Python."""
    lines = "".join(
        f"    {name}={tuple(value) if isinstance(value, list) else value!r},\n"
        for name, value in genome.to_dict().items()
    )
    return f"import shoal\n\ngenome = shoal.Genome(\n{lines})"


def as_toml(genome: Genome) -> str:
    """A genome as a TOML table."""
    lines = "".join(f"{name} = {json.dumps(value)}\n" for name, value in genome.to_dict().items())
    return f"[genome]\n{lines}"


def as_json(genome: Genome) -> str:
    """A genome to paste anywhere else."""
    return json.dumps(genome.to_dict(), indent=2)
