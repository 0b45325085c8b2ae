"""Ancestors of a genome as a graph, the oldest on the left. First where everything stands, then the drawing."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from shoal.dashboard.figures.base import axis, layout, palette
from shoal.dashboard.wording import gene_label, gene_text
from shoal.genetic import Change
from shoal.lineage import Relative

BOX_WIDTH, BOX_HEIGHT = 200, 92  # pixels
_GAP_X, _GAP_Y, _MARGIN = 34, 16, 6
_CHANGES = 3  # named in a box
_LONGEST = 33  # characters of a line in a box


@dataclass(frozen=True, slots=True)
class Box:
    """A genome's place: left upper corner in pixels. ``lines`` are what it says, the first one in bold."""

    relative: Relative
    x: float
    y: float
    lines: tuple[str, ...]
    chief: bool


@dataclass(frozen=True, slots=True)
class Edge:
    """From a parent to its child; ``second``: the one from which crossover took the rest."""

    parent: Box
    child: Box
    second: bool


@dataclass(frozen=True, slots=True)
class Graph:
    """Boxes and edges, and the size of the whole in pixels."""

    boxes: tuple[Box, ...]
    edges: tuple[Edge, ...]
    width: int
    height: int


def change_text(change: Change) -> str:
    """A mutation in words."""
    before, after = (gene_text(value) for value in (change.before, change.after))
    return f"{gene_label(change.gene)} {before} → {after}"


def birth_text(relative: Relative) -> str:
    """How it came about, in words."""
    birth = relative.birth
    if birth.how == "named":
        return f"from the swarm {birth.named}"
    if birth.how == "uniform":
        return "drawn at random"
    return "two parents" if birth.second is not None else "one parent"


def graph(relatives: Sequence[Relative], accuracies: Mapping[str, float]) -> Graph:
    """The layout: each genome a column before its first child, in the column near its children."""
    column: dict[str, int] = {}
    known = {r.name: r for r in relatives}
    for relative in sorted(relatives, key=lambda r: (-r.generation, r.distance)):
        column.setdefault(relative.name, 0)
        for parent in relative.parents:
            if parent in known:
                column[parent] = max(column.get(parent, 0), column[relative.name] + 1)
    columns: dict[int, list[str]] = {}
    for name, at in column.items():
        columns.setdefault(at, []).append(name)
    rows: dict[str, float] = {}
    deepest, tallest = max(columns), max(len(names) for names in columns.values())
    for at in range(deepest + 1):
        names = sorted(columns.get(at, ()), key=lambda n: (_beside(n, known, rows), known[n].generation, n))
        first = (tallest - len(names)) / 2
        rows |= {name: first + n for n, name in enumerate(names)}
    boxes = {
        name: Box(
            known[name],
            _MARGIN + (deepest - at) * (BOX_WIDTH + _GAP_X),
            _MARGIN + rows[name] * (BOX_HEIGHT + _GAP_Y),
            _lines(known[name], accuracies.get(name, math.nan)),
            chief=at == 0,
        )
        for name, at in column.items()
    }
    edges = tuple(
        Edge(boxes[parent], boxes[relative.name], second=n == 1)
        for relative in relatives
        for n, parent in enumerate(relative.parents)
        if parent in boxes
    )
    width = 2 * _MARGIN + (deepest + 1) * BOX_WIDTH + deepest * _GAP_X
    return Graph(tuple(boxes.values()), edges, width, 2 * _MARGIN + tallest * (BOX_HEIGHT + _GAP_Y) - _GAP_Y)


def _beside(name: str, known: Mapping[str, Relative], rows: Mapping[str, float]) -> float:
    """The mean row of its children."""
    own = [rows[child] for child, relative in known.items() if name in relative.parents and child in rows]
    return sum(own) / len(own) if own else 0.0


def _lines(relative: Relative, accuracy: float) -> tuple[str, ...]:
    score = "no score" if math.isnan(accuracy) else f"{accuracy:.2f} %"
    changes = [_short(change_text(change)) for change in relative.birth.mutations]
    if len(changes) > _CHANGES:
        changes = [*changes[: _CHANGES - 1], f"and {len(changes) - _CHANGES + 1} more mutations"]
    elif not changes and relative.birth.parents:
        changes = ["no mutation"]
    how = birth_text(relative)
    return (f"{score} · {relative.name[:8]}", _short(f"Gen. {relative.generation}, {how}"), *changes)


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def lineage_figure(drawn: Graph, *, dark: bool = False, revision: str = "") -> go.Figure:
    """Boxes and lines in pixels; a dot in each box says more when it is pointed at, and can be chosen."""
    colours, figure = palette(dark), go.Figure()
    for edge in drawn.edges:
        start, end = (
            (edge.parent.x + BOX_WIDTH, edge.parent.y + BOX_HEIGHT / 2),
            (edge.child.x, edge.child.y + BOX_HEIGHT / 2),
        )
        bend = (start[0] + end[0]) / 2
        figure.add_shape(
            type="path",
            path=f"M {start[0]},{start[1]} C {bend},{start[1]} {bend},{end[1]} {end[0]},{end[1]}",
            line={
                "color": colours.series[1 if edge.second else 0],
                "width": 2,
                "dash": "dot" if edge.second else "solid",
            },
            layer="below",
        )
    for box in drawn.boxes:
        figure.add_shape(
            type="rect",
            x0=box.x,
            x1=box.x + BOX_WIDTH,
            y0=box.y,
            y1=box.y + BOX_HEIGHT,
            fillcolor=colours.surface,
            line={"color": colours.best if box.chief else colours.muted, "width": 2.5 if box.chief else 1},
            layer="below",
        )
        first, *others = box.lines
        figure.add_annotation(
            x=box.x + 10,
            y=box.y + BOX_HEIGHT / 2,
            text="<br>".join((f"<b>{first}</b>", *others)),
            showarrow=False,
            xanchor="left",
            yanchor="middle",
            align="left",
            font={"size": 11.5, "color": colours.text},
        )
    figure.add_scatter(
        x=[box.x + BOX_WIDTH - 12 for box in drawn.boxes],
        y=[box.y + 12 for box in drawn.boxes],
        mode="markers",
        marker={"size": 11, "color": [colours.best if box.chief else colours.muted for box in drawn.boxes]},
        customdata=[box.relative.name for box in drawn.boxes],
        text=[_hover(box.relative) for box in drawn.boxes],
        hovertemplate="%{text}<extra></extra>",
        showlegend=False,
    )
    x = axis(colours, range=[0, drawn.width], visible=False)
    y = axis(colours, range=[drawn.height, 0], visible=False)
    margin = {"l": 0, "r": 0, "t": 0, "b": 0}
    return figure.update_layout(
        layout(colours, height=drawn.height, x=x, y=y, revision=revision, width=drawn.width, margin=margin)
    )


def _hover(relative: Relative) -> str:
    birth = relative.birth
    parts = [
        f"<b>{relative.name}</b>",
        f"generation {relative.generation}, individual {relative.individual}: {birth_text(relative)}",
    ]
    if birth.second is not None:
        taken = ", ".join(map(gene_label, birth.from_second)) or "nothing"
        parts.append(f"from the second parent: {taken}")
    parts += [change_text(change) for change in birth.mutations]
    return "<br>".join(parts)
