"""The package of a checkout as text and syntax trees: its files, rooms, imports and circles.

Read `House` first. How each thing is counted is said in ``house.py``.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

PACKAGE = "shoal"

# Lowest layer first, and within a layer the order of `[tool.importlinter]` in pyproject.toml.
# A room may import its own layer and those before it.
LAYERS: dict[str, tuple[str, ...]] = {
    "foundation": ("errors", "inference", "system", "numerics"),
    "domain": (
        "nn",
        "update_rules",
        "objectives",
        "genome",
        "data",
        "models",
        "pso",
        "functions",
        "simulations",
    ),
    "search": ("settings", "problems", "tuning"),
    "infrastructure": ("store", "executors"),
    "application": (
        "auth",
        "analysis",
        "orchestration",
        "replay",
        "presentation",
        "testing",
        "estimators",
        "manager",
        "api",
        "search_estimators",
        "export",
        "trackers",
        PACKAGE,
    ),
    "interfaces": ("dashboard", "cli"),
}
NOT_ROOMS = ("__init__", "_version")

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)

Function = ast.FunctionDef | ast.AsyncFunctionDef
Graph = dict[str, set[str]]


@dataclass(frozen=True)
class Place:
    """One thing found: where it is, and what is written there."""

    path: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.text}"


@dataclass(frozen=True)
class Import:
    """One module that a line imports."""

    module: str
    line: int


class Source:
    """A Python file of the package.

    Parameters
    ----------
    path
        The file.
    root
        The checkout it belongs to; places are given relative to it.
    """

    def __init__(self, path: Path, root: Path) -> None:
        self.path = path.relative_to(root).as_posix()
        self.text = path.read_text(encoding="utf-8")
        self.lines = self.text.splitlines()
        self.tree = ast.parse(self.text, filename=self.path)

        parts = path.relative_to(root / "src").with_suffix("").parts
        self.is_package = parts[-1] == "__init__"
        self.module = ".".join(parts[:-1] if self.is_package else parts)

    @property
    def room(self) -> str:
        """The first-level module that holds this file; the package's own name for its face."""
        return room_of(self.module)

    @cached_property
    def nodes(self) -> list[ast.AST]:
        """Every node of the syntax tree."""
        return list(ast.walk(self.tree))

    @cached_property
    def functions(self) -> list[Function]:
        """Every function and method, nested ones included."""
        return [node for node in self.nodes if isinstance(node, FUNCTIONS)]

    def place(self, line: int, text: str | None = None) -> Place:
        """Return the place of a line, with ``text`` or else what the line says."""
        if text is None:
            text = self.lines[line - 1].strip()
        return Place(self.path, line, text)


class House:
    """The package of one checkout.

    Parameters
    ----------
    root
        The checkout's folder, the one that holds ``src``.

    Raises
    ------
    SystemExit
        There is no such package below ``root``.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = root / "src" / PACKAGE
        if not self.folder.is_dir():
            sys.exit(f"There is no src/{PACKAGE} in {root}. Give a checkout with --root.")

        self.sources = [Source(path, root) for path in sorted(self.folder.rglob("*.py"))]
        self.modules = {source.module: source for source in self.sources}

    @cached_property
    def rooms(self) -> list[str]:
        """First-level modules and packages."""
        names = {source.room for source in self.sources}
        return sorted(names - {PACKAGE} - set(NOT_ROOMS))

    @cached_property
    def homes(self) -> dict[str, str]:
        """The module that each public name of the face is loaded from."""
        face = self.modules.get(PACKAGE)
        if face is None:
            return {}

        homes: dict[str, str] = {}
        trees = [face.tree]
        stub = self.folder / "__init__.pyi"
        if stub.exists():
            trees.append(ast.parse(stub.read_text(encoding="utf-8")))

        for tree in trees:
            for node in ast.walk(tree):
                if isinstance(node, ast.ImportFrom):
                    homes.update(self._homes_imported(node))
                elif isinstance(node, ast.Dict):
                    homes.update(self._homes_listed(node))
        return homes

    def _homes_imported(self, node: ast.ImportFrom) -> Iterator[tuple[str, str]]:
        """Names that the face imports from a module of the package."""
        module = _imported_from(node, self.modules[PACKAGE])
        if module not in self.modules or module == PACKAGE:
            return

        for alias in node.names:
            yield alias.asname or alias.name, module

    def _homes_listed(self, node: ast.Dict) -> Iterator[tuple[str, str]]:
        """Entries of a table of names and modules, such as ``{"train": "api"}``."""
        for key, value in zip(node.keys, node.values, strict=True):
            if not isinstance(key, ast.Constant) or not isinstance(value, ast.Constant):
                continue

            module = f"{PACKAGE}.{value.value!s}"
            if module in self.modules:
                yield str(key.value), module

    def imports(self, source: Source) -> Iterator[Import]:
        """Find the modules of the package that a file imports, itself left out.

        Parameters
        ----------
        source
            A file of this house.

        Returns
        -------
        Iterator of Import
            One for each module that a statement imports, in the order of the syntax tree.
        """
        for node in source.nodes:
            if isinstance(node, ast.Import):
                targets = [self._module(alias.name) for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                base = _imported_from(node, source)
                targets = [self._name(base, alias.name) for alias in node.names]
            else:
                continue

            for target in dict.fromkeys(targets):
                if target and target != source.module:
                    yield Import(target, node.lineno)

    def _module(self, dotted: str) -> str | None:
        """Return the innermost module of the package that a dotted name leads to."""
        while dotted:
            if dotted in self.modules:
                return dotted
            dotted = dotted.rpartition(".")[0]
        return None

    def _name(self, base: str, name: str) -> str | None:
        """Return the module that ``from base import name`` uses."""
        inner = f"{base}.{name}"
        if inner in self.modules:
            return inner
        if base == PACKAGE and name in self.homes:
            return self.homes[name]
        return self._module(base)

    @cached_property
    def file_graph(self) -> Graph:
        """The modules that each module imports."""
        graph: Graph = {}
        for source in self.sources:
            graph[source.module] = {found.module for found in self.imports(source)}
        return graph

    @cached_property
    def room_graph(self) -> Graph:
        """The rooms that each room imports; the public face is among them, under its own name."""
        known = {*self.rooms, PACKAGE}
        graph: Graph = {name: set() for name in sorted(known)}

        for module, targets in self.file_graph.items():
            room = room_of(module)
            if room in known:
                graph[room] |= {room_of(target) for target in targets} & known - {room}
        return graph

    @cached_property
    def arrows(self) -> list[tuple[str, str]]:
        """Pairs of rooms, the importing one first. The face is imported but imports nothing."""
        found: list[tuple[str, str]] = []
        for room in self.rooms:
            found += [(room, target) for target in sorted(self.room_graph[room])]
        return found

    @cached_property
    def upward(self) -> list[tuple[str, str]]:
        """Arrows from a lower to a higher layer."""
        height: dict[str, int] = {}
        for index, rooms in enumerate(LAYERS.values()):
            height.update(dict.fromkeys(rooms, index))

        judged = [pair for pair in self.arrows if pair[0] in height and pair[1] in height]
        return [(room, target) for room, target in judged if height[room] < height[target]]

    @cached_property
    def floors(self) -> int:
        """Number of levels of the rooms, with circles drawn together."""
        graph = {room: self.room_graph[room] - {PACKAGE} for room in self.rooms}
        return count_levels(graph)

    @cached_property
    def markdown(self) -> list[Path]:
        """The pages for readers: the readme and what people write below docs."""
        pages = [self.root / "README.md", *sorted((self.root / "docs").rglob("*.md"))]
        written = [page for page in pages if page.parent.name != "generated"]
        return [page for page in written if page.is_file()]

    def relative(self, path: Path) -> str:
        """Return a path as places show it."""
        return path.relative_to(self.root).as_posix()


def room_of(module: str) -> str:
    """Return the first-level part of a dotted module name, or the package for its face."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else parts[0]


def _imported_from(node: ast.ImportFrom, source: Source) -> str:
    """Return the absolute module of a ``from`` import."""
    if not node.level:
        return node.module or ""

    parts = source.module.split(".")
    climbs = node.level - 1 if source.is_package else node.level
    parts = parts[: len(parts) - climbs]
    if node.module:
        parts.append(node.module)
    return ".".join(parts)


def find_components(graph: Graph) -> list[set[str]]:
    """Find the strongly connected components of a graph.

    Parameters
    ----------
    graph
        The nodes that each node points to.

    Returns
    -------
    list of set
        Each node is in exactly one. What a component points to comes before it.

    References
    ----------
    R. Tarjan, "Depth-first search and linear graph algorithms", SIAM J. Comput. 1 (1972).
    """
    order: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    components: list[set[str]] = []

    def visit(node: str) -> None:
        order[node] = len(order)
        lowest[node] = order[node]
        stack.append(node)

        for target in sorted(graph[node]):
            if target not in graph:
                continue
            if target not in order:
                visit(target)
                lowest[node] = min(lowest[node], lowest[target])
            elif target in stack:
                lowest[node] = min(lowest[node], order[target])

        if lowest[node] == order[node]:
            start = stack.index(node)
            components.append(set(stack[start:]))
            del stack[start:]

    for node in sorted(graph):
        if node not in order:
            visit(node)
    return components


def find_circles(graph: Graph) -> list[set[str]]:
    """Return the components of more than one node: those that import each other."""
    return [component for component in find_components(graph) if len(component) > 1]


def count_levels(graph: Graph) -> int:
    """Count the nodes on the longest path of a graph whose circles are drawn together."""
    level: dict[str, int] = {}

    for component in find_components(graph):
        below = set().union(*(graph[node] for node in component)) & graph.keys() - component
        height = 1 + max((level[node] for node in below), default=0)
        level.update(dict.fromkeys(component, height))
    return max(level.values(), default=0)
