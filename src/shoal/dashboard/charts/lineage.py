"""The ancestors of a genome as a graph, the oldest on the left.

The graph in the card *Where it comes from* of the page Genome. It is HTML rather than a chart: each
box is a link to a genome's page.
"""

from __future__ import annotations

import math
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from shoal.analysis.lineage import Relative
from shoal.dashboard.charts.base import palette
from shoal.genome.genes import gene_label
from shoal.objectives.registry import ACCURACY, Metric
from shoal.presentation.formatting import gene_text, score_text
from shoal.presentation.palette import Palette
from shoal.tuning.operators import Change

# Sizes in pixels.
BOX_WIDTH = 200
BOX_HEIGHT = 92
_GAP_X = 34
_GAP_Y = 16
_MARGIN = 6

# The most lines for mutations in a box, and the most characters of a line.
_MOST_CHANGES = 3
_LONGEST_LINE = 33


@dataclass(frozen=True, slots=True)
class Box:
    """A genome in the graph.

    Attributes
    ----------
    relative
        The genome with its birth.
    x, y
        The upper left corner, in pixels.
    lines
        What stands in the box, the first line in bold.
    is_root
        Whether it is the genome whose ancestors are shown.
    """

    relative: Relative
    x: float
    y: float
    lines: tuple[str, ...]
    is_root: bool


@dataclass(frozen=True, slots=True)
class Edge:
    """A line from a parent to its child.

    ``second`` is true for the second parent: the one from which crossover took what it did not
    take from the first.
    """

    parent: Box
    child: Box
    second: bool


@dataclass(frozen=True, slots=True)
class LineageGraph:
    """Boxes and lines between them; ``width`` and ``height`` of the whole in pixels."""

    boxes: tuple[Box, ...]
    edges: tuple[Edge, ...]
    width: int
    height: int


def change_text(change: Change) -> str:
    """A mutation in words, such as "Jump size 0.1 → 0.2"."""
    return f"{gene_label(change.gene)} {gene_text(change.before)} → {gene_text(change.after)}"


def birth_text(relative: Relative) -> str:
    """How a genome came about, in words."""
    birth = relative.birth
    if birth.origin == "given":
        return "given by you"
    if birth.origin == "named":
        return f"from the swarm {birth.named}"
    if birth.origin == "uniform":
        return "drawn at random"
    if birth.parent_b is not None:
        return "two parents"
    return "one parent"


def lineage_data(
    relatives: Sequence[Relative], scores: Mapping[str, float], metric: Metric = ACCURACY
) -> LineageGraph:
    """Where each genome stands in the graph.

    A genome stands in a column left of all its children, near their rows.

    Parameters
    ----------
    relatives
        The genome and its ancestors (`Lineage.ancestors`).
    scores
        The score of each genome, by name; those that have one.
    metric
        What they are scores of.
    """
    known = {relative.name: relative for relative in relatives}
    columns = _columns(relatives)
    names_by_column = _names_by_column(columns)
    deepest = max(names_by_column)
    tallest = max(len(names) for names in names_by_column.values())
    rows = _rows(names_by_column, known, tallest)

    boxes = {}
    for name, column in columns.items():
        boxes[name] = Box(
            relative=known[name],
            # Column 0 is on the right.
            x=_MARGIN + (deepest - column) * (BOX_WIDTH + _GAP_X),
            y=_MARGIN + rows[name] * (BOX_HEIGHT + _GAP_Y),
            lines=_box_lines(known[name], scores.get(name, math.nan), metric),
            is_root=column == 0,
        )

    edges = []
    for relative in relatives:
        for n, parent in enumerate(relative.parents):
            if parent in boxes:
                edges.append(Edge(boxes[parent], boxes[relative.name], second=n == 1))

    width = 2 * _MARGIN + (deepest + 1) * BOX_WIDTH + deepest * _GAP_X
    height = 2 * _MARGIN + tallest * (BOX_HEIGHT + _GAP_Y) - _GAP_Y
    return LineageGraph(tuple(boxes.values()), tuple(edges), width, height)


def _columns(relatives: Sequence[Relative]) -> dict[str, int]:
    """The column of each genome, counted from the right: one more than that of any child."""
    names = {relative.name for relative in relatives}
    columns: dict[str, int] = {}

    # Children before their parents, whose columns follow from theirs.
    youngest_first = sorted(
        relatives, key=lambda relative: (-relative.generation, relative.distance)
    )
    for relative in youngest_first:
        own_column = columns.setdefault(relative.name, 0)
        for parent in relative.parents:
            if parent in names:
                columns[parent] = max(columns.get(parent, 0), own_column + 1)

    return columns


def _names_by_column(columns: Mapping[str, int]) -> dict[int, list[str]]:
    names: dict[int, list[str]] = {}
    for name, column in columns.items():
        names.setdefault(column, []).append(name)
    return names


def _rows(
    names_by_column: Mapping[int, list[str]], known: Mapping[str, Relative], tallest: int
) -> dict[str, float]:
    """The row of each genome: columns are centred, and sorted by the rows of the children."""
    rows: dict[str, float] = {}
    for column in range(max(names_by_column) + 1):
        names = names_by_column.get(column, [])
        order = {}
        for name in names:
            order[name] = (_mean_row_of_children(name, known, rows), known[name].generation, name)

        # Half rows are possible: a column of one stands between two of its neighbour's.
        first = (tallest - len(names)) / 2
        for n, name in enumerate(sorted(names, key=order.__getitem__)):
            rows[name] = first + n

    return rows


def _mean_row_of_children(
    name: str, known: Mapping[str, Relative], rows: Mapping[str, float]
) -> float:
    children = []
    for child, relative in known.items():
        if name in relative.parents and child in rows:
            children.append(rows[child])

    if not children:
        return 0.0
    return sum(children) / len(children)


def _box_lines(relative: Relative, value: float, metric: Metric) -> tuple[str, ...]:
    """What stands in a box: score and name, birth, and mutations as far as there is room."""
    score = "no score" if math.isnan(value) else score_text(value, metric)

    changes = [_shortened(change_text(change)) for change in relative.birth.mutations]
    if len(changes) > _MOST_CHANGES:
        named = _MOST_CHANGES - 1
        changes = [*changes[:named], f"and {len(changes) - named} more mutations"]
    elif not changes and relative.birth.parents:
        changes = ["no mutation"]

    return (
        f"{score} · {relative.name[:8]}",
        _shortened(f"Gen. {relative.generation}, {birth_text(relative)}"),
        *changes,
    )


def _shortened(text: str) -> str:
    if len(text) <= _LONGEST_LINE:
        return text
    return text[: _LONGEST_LINE - 1] + "…"


def lineage_html(graph: LineageGraph, addresses: Mapping[str, str], *, dark: bool = False) -> str:
    """The graph as HTML: boxes on a picture of the lines.

    Parameters
    ----------
    graph
        What `lineage_data` returned.
    addresses
        By a genome's name, the address of its page, to which its box leads.
    dark
        Draw for the dark theme.
    """
    colours = palette(dark)
    boxes = "".join(_box_html(box, addresses[box.relative.name], colours) for box in graph.boxes)
    size = f"width:{graph.width}px;height:{graph.height}px"
    background = _background(graph, colours)
    return f'<div class="descent"><div style="{size};{background}">{boxes}</div></div>'


def _box_html(box: Box, address: str, colours: Palette) -> str:
    """A box as a link, which says more when it is pointed at."""
    first, *others = (escape(line) for line in box.lines)
    words = "<br>".join((f"<b>{first}</b>", *others))
    border = f"1px solid {colours.muted}"
    if box.is_root:
        border = f"2px solid {colours.best}"

    style = (
        f"left:{box.x}px;top:{box.y}px;width:{BOX_WIDTH}px;height:{BOX_HEIGHT}px;"
        f"border:{border};background:{colours.surface};color:{colours.text}"
    )
    return (
        f'<a href="{escape(address)}" target="_self" title="{escape(_title(box.relative))}" '
        f'style="{style}">{words}</a>'
    )


def _background(graph: LineageGraph, colours: Palette) -> str:
    """The lines as a picture: a page's HTML may hold no SVG, but its style may name one."""
    paths = "".join(_path(edge, colours) for edge in graph.edges)
    lines = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{graph.width}" '
        f'height="{graph.height}">{paths}</svg>'
    )
    encoded = b64encode(lines.encode()).decode()
    return f"background:url(data:image/svg+xml;base64,{encoded})"


def _path(edge: Edge, colours: Palette) -> str:
    """A curve from the right side of a parent's box to the left side of its child's."""
    x1 = edge.parent.x + BOX_WIDTH
    y1 = edge.parent.y + BOX_HEIGHT / 2
    x2 = edge.child.x
    y2 = edge.child.y + BOX_HEIGHT / 2
    # The control points lie halfway, so the curve leaves and meets the boxes horizontally.
    bend = (x1 + x2) / 2

    stroke = f'stroke="{colours.series[0]}"'
    if edge.second:
        stroke = f'stroke="{colours.series[1]}" stroke-dasharray="2 4"'
    return (
        f'<path d="M{x1},{y1}C{bend},{y1} {bend},{y2} {x2},{y2}" fill="none" '
        f'stroke-width="2" {stroke}/>'
    )


def _title(relative: Relative) -> str:
    """What a box says when it is pointed at."""
    birth = relative.birth
    place = f"generation {relative.generation}, individual {relative.individual + 1}"
    lines = [relative.name, f"{place}: {birth_text(relative)}"]

    if birth.parent_b is not None:
        taken = ", ".join(gene_label(gene) for gene in birth.from_second) or "nothing"
        lines.append(f"from the second parent: {taken}")
    for change in birth.mutations:
        lines.append(change_text(change))

    return "\n".join(lines)
