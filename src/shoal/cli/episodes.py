"""Episodes of a policy on the terminal."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from shoal.analysis.play import Played
from shoal.numerics.stats import ci95_half_width, mean
from shoal.presentation.formatting import (
    metric_heading,
    score_text,
    spread_text,
)
from shoal.presentation.sparkline import sparkline
from shoal.problems.simulation import simulation_metric

# Characters that a value's course over an episode takes.
_WIDTH = 36


def played_to_dict(played: Played) -> dict[str, Any]:
    """The JSON of `shoal play`."""
    scores = played.scores.tolist()
    return {
        "simulation": played.simulation.name,
        "options": dict(played.simulation.options),
        "direction": played.simulation.direction,
        "unit": played.simulation.unit,
        "score": mean(scores),
        "ci95": ci95_half_width(scores),
        "scores": scores,
        "steps": played.steps.tolist(),
    }


def episode_view(played: Played) -> RenderableType:
    """The scores of all episodes, and the first one step by step."""
    metric = simulation_metric(played.simulation)
    scores = played.scores.tolist()
    spread = spread_text(ci95_half_width(scores), metric)
    average = f"{score_text(mean(scores), metric)} {spread}".rstrip()
    head = Text.assemble(
        (f"{played.simulation.name}  ", "bold"),
        f"{metric_heading(metric)}: ",
        (average, "bold green"),
        f" in {len(scores)} episodes of {int(played.steps.mean()):,} steps on average",
    )

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("First episode", no_wrap=True)
    table.add_column("Lowest", justify="right", no_wrap=True)
    table.add_column("Over time", no_wrap=True)
    table.add_column("Highest", justify="right", no_wrap=True)
    names = played.simulation.observations
    for number, values in enumerate(played.first.observations.T):
        table.add_row(*_row(_name("sees", names, number), values))
    names = played.simulation.actions
    for number, values in enumerate(played.first.outputs.T):
        table.add_row(*_row(_name("answers", names, number), values))
    return Group(head, "", table)


def _name(verb: str, names: tuple[str, ...], number: int) -> str:
    if number < len(names):
        return f"{verb} {names[number]}"
    return f"{verb} {number + 1}"


def _row(name: str, values: NDArray[Any]) -> tuple[str, str, str, str]:
    """A value's course over an episode, thinned to the width of the drawing."""
    low = float(values.min())
    high = float(values.max())
    places = np.linspace(0, len(values) - 1, min(_WIDTH, len(values))).round().astype(int)

    return name, f"{low:.3g}", sparkline(values[places].tolist(), _WIDTH), f"{high:.3g}"
