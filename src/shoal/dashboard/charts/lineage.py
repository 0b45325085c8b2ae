"""Ancestors of a genome as a graph, the oldest on the left. First where everything stands, then the drawing."""

from __future__ import annotations

import math
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from shoal.analysis.lineage import Relative
from shoal.dashboard.charts.base import palette
from shoal.genome.genes import GENE_LABELS
from shoal.presentation.formatting import gene_text
from shoal.tuning.operators import Change

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
    is_root: bool


@dataclass(frozen=True, slots=True)
class Edge:
    """From a parent to its child; ``second``: the one from which crossover took the rest."""

    parent: Box
    child: Box
    second: bool


@dataclass(frozen=True, slots=True)
class LineageGraph:
    """Boxes and edges, and the size of the whole in pixels."""

    boxes: tuple[Box, ...]
    edges: tuple[Edge, ...]
    width: int
    height: int


def change_text(change: Change) -> str:
    """A mutation in words."""
    before, after = (gene_text(value) for value in (change.before, change.after))
    return f"{GENE_LABELS[change.gene]} {before} → {after}"


def birth_text(relative: Relative) -> str:
    """How it came about, in words."""
    birth = relative.birth
    if birth.origin == "named":
        return f"from the swarm {birth.named}"
    if birth.origin == "uniform":
        return "drawn at random"
    return "two parents" if birth.parent_b is not None else "one parent"


def lineage_data(relatives: Sequence[Relative], accuracies: Mapping[str, float]) -> LineageGraph:
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
        names = sorted(
            columns.get(at, ()), key=lambda n: (_beside(n, known, rows), known[n].generation, n)
        )
        first = (tallest - len(names)) / 2
        rows |= {name: first + n for n, name in enumerate(names)}
    boxes = {
        name: Box(
            known[name],
            _MARGIN + (deepest - at) * (BOX_WIDTH + _GAP_X),
            _MARGIN + rows[name] * (BOX_HEIGHT + _GAP_Y),
            _lines(known[name], accuracies.get(name, math.nan)),
            is_root=at == 0,
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
    return LineageGraph(
        tuple(boxes.values()), edges, width, 2 * _MARGIN + tallest * (BOX_HEIGHT + _GAP_Y) - _GAP_Y
    )


def _beside(name: str, known: Mapping[str, Relative], rows: Mapping[str, float]) -> float:
    """The mean row of its children."""
    own = [
        rows[child]
        for child, relative in known.items()
        if name in relative.parents and child in rows
    ]
    return sum(own) / len(own) if own else 0.0


def _lines(relative: Relative, accuracy: float) -> tuple[str, ...]:
    score = "no score" if math.isnan(accuracy) else f"{accuracy:.2f} %"
    changes = [_short(change_text(change)) for change in relative.birth.mutations]
    if len(changes) > _CHANGES:
        changes = [*changes[: _CHANGES - 1], f"and {len(changes) - _CHANGES + 1} more mutations"]
    elif not changes and relative.birth.parents:
        changes = ["no mutation"]
    how = birth_text(relative)
    return (
        f"{score} · {relative.name[:8]}",
        _short(f"Gen. {relative.generation}, {how}"),
        *changes,
    )


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def lineage_html(drawn: LineageGraph, addresses: Mapping[str, str], *, dark: bool = False) -> str:
    """Boxes, each a link to its genome's page that says more when it is pointed at, on a picture of the lines."""
    colours = palette(dark)
    paths, boxes = [], []
    for edge in drawn.edges:
        x1, y1 = edge.parent.x + BOX_WIDTH, edge.parent.y + BOX_HEIGHT / 2
        x2, y2 = edge.child.x, edge.child.y + BOX_HEIGHT / 2
        bend = (x1 + x2) / 2
        look = (
            f'stroke="{colours.series[1]}" stroke-dasharray="2 4"'
            if edge.second
            else f'stroke="{colours.series[0]}"'
        )
        paths.append(
            f'<path d="M{x1},{y1}C{bend},{y1} {bend},{y2} {x2},{y2}" fill="none" stroke-width="2" {look}/>'
        )
    for box in drawn.boxes:
        first, *others = (escape(line) for line in box.lines)
        words = "<br>".join((f"<b>{first}</b>", *others))
        edge_of = f"2px solid {colours.best}" if box.is_root else f"1px solid {colours.muted}"
        place = f"left:{box.x}px;top:{box.y}px;width:{BOX_WIDTH}px;height:{BOX_HEIGHT}px;border:{edge_of}"
        boxes.append(
            f'<a href="{escape(addresses[box.relative.name])}" target="_self" title="{escape(_more(box.relative))}" '
            f'style="{place};background:{colours.surface};color:{colours.text}">{words}</a>'
        )
    size = f"width:{drawn.width}px;height:{drawn.height}px"
    return f'<div class="descent"><div style="{size};{_background(paths, drawn)}">{"".join(boxes)}</div></div>'


def _background(paths: Sequence[str], drawn: LineageGraph) -> str:
    """The lines as a picture: a page's HTML may hold no SVG, but its style may name one."""
    lines = f'<svg xmlns="http://www.w3.org/2000/svg" width="{drawn.width}" height="{drawn.height}">{"".join(paths)}</svg>'
    return f"background:url(data:image/svg+xml;base64,{b64encode(lines.encode()).decode()})"


def _more(relative: Relative) -> str:
    birth = relative.birth
    parts = [
        relative.name,
        f"generation {relative.generation}, individual {relative.individual}: {birth_text(relative)}",
    ]
    if birth.parent_b is not None:
        taken = ", ".join(GENE_LABELS[gene] for gene in birth.from_second) or "nothing"
        parts.append(f"from the second parent: {taken}")
    parts += [change_text(change) for change in birth.mutations]
    return "\n".join(parts)
