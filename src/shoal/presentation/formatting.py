"""Numbers, times and genes as text."""

from __future__ import annotations

import datetime
import json
import re
import zoneinfo

from shoal.genome.genes import INFORMED_ONLY, NEUTRAL, NUMERIC_GENES
from shoal.genome.genome import Genome

_GENES = {gene.name: gene.label for gene in NUMERIC_GENES} | {
    "hidden_layers": "Topology",
    "update_rule": "Update Rule",
    "activation": "Activation",
    "informant_strategy": "Informants",
    "attractor": "Attractor",
    "initialisation": "Initialisation",
}


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
    there, today = (
        datetime.datetime.fromtimestamp(t, datetime.UTC).astimezone(place) for t in (time, now)
    )
    day = "" if there.date() == today.date() else "%Y-%m-%d "
    return there.strftime(f"{day}%H:%M:%S" if seconds else f"{day}%H:%M")


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


def genome_text(genome: Genome) -> str:
    """A genome in a few lines."""
    informed = genome.update_rule != "competitive"
    read = [gene.name for gene in NUMERIC_GENES if informed or gene.name not in INFORMED_ONLY]
    values = {name: getattr(genome, name) for name in read}
    numbers = [
        f"{name} {value:.4g}" for name, value in values.items() if value != NEUTRAL.get(name)
    ]
    layers = "-".join(map(str, genome.hidden_layers)) or "none"
    kinds = [
        f"layers {layers}",
        genome.activation,
        *(
            [f"{genome.informant_strategy} informants", f"attractor {genome.attractor}"]
            if informed
            else ["competitive rule"]
        ),
        *(["weights by fan-in"] if genome.initialisation == "fan_in" else []),
    ]
    cells = kinds + numbers
    return "\n".join(", ".join(cells[at : at + 2]) for at in range(0, len(cells), 2))


def stability_text(genome: Genome) -> str:
    """Its stability margin, and what that means."""
    margin = genome.stability_margin
    where = "inside the region of" if margin > 0 else "outside the region of"
    return f"margin {margin:.2f}: {where} stable swarms, limits ignored"
