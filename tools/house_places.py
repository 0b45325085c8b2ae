"""Find the lines behind the numbers of ``house.py``: one function for each kind of thing.

`KINDS` is the list of them. Each takes a house and yields places.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Callable, Iterable, Iterator

from house_tree import Function, House, Place, Source, find_circles, room_of

# Names by which code chooses between strategies; comparing with them spreads a choice over files.
STRATEGIES = {
    *("informed", "competitive"),
    *("modern", "classic", "simulation", "function"),
    *("halving", "t-race", "fixed"),
    *("genetic", "random", "tpe", "cmaes"),
    *("nearest", "ring", "rewired"),
    *("plain", "fan_in"),
    *("regression", "classification"),
}

CODE_COLUMNS = 100
MARKDOWN_COLUMNS = 100
TUPLE_MEMBERS = 3
DENSE_LINES = 12

LOG_LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}
LOGGER_NAME = re.compile(r"_*(log|logger|logging)", re.IGNORECASE)

COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
Finder = Callable[[House], Iterator[Place]]


def find_conditionals(house: House) -> Iterator[Place]:
    """Conditional expressions, ``a if b else c``."""
    return _expressions(house, (ast.IfExp,))


def find_comprehensions(house: House) -> Iterator[Place]:
    """Comprehensions and generator expressions."""
    return _expressions(house, COMPREHENSIONS)


def _expressions(house: House, kinds: tuple[type[ast.expr], ...]) -> Iterator[Place]:
    """Expressions of some kinds, in all files."""
    for source in house.sources:
        for node in source.nodes:
            if isinstance(node, kinds):
                yield source.place(node.lineno)


def find_tuple_assignments(house: House) -> Iterator[Place]:
    """Assignments of several values at once, ``a, b = x, y``."""
    for source in house.sources:
        for node in source.nodes:
            if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.Tuple):
                continue
            if any(isinstance(target, ast.Tuple) for target in node.targets):
                yield source.place(node.lineno)


def find_nested(house: House) -> Iterator[Place]:
    """Conditional expressions and comprehensions that stand inside another of either kind."""
    kinds = (ast.IfExp, *COMPREHENSIONS)

    for source in house.sources:
        outer = [node for node in source.nodes if isinstance(node, kinds)]
        inner: dict[int, ast.expr] = {}  # by identity: one can stand in several others

        for node in outer:
            for child in ast.walk(node):
                if child is not node and isinstance(child, kinds):
                    inner[id(child)] = child

        for child in inner.values():
            yield source.place(child.lineno)


def find_wide_tuples(house: House) -> Iterator[Place]:
    """Functions that return a positional tuple of more than three members."""
    for source in house.sources:
        for function in source.functions:
            returns = function.returns
            if returns is not None and _has_wide_tuple(returns):
                yield source.place(function.lineno, f"{function.name} -> {ast.unparse(returns)}")


def _has_wide_tuple(annotation: ast.expr) -> bool:
    """Whether an annotation names a wide tuple, alone or as in ``list[tuple[...]]``."""
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        annotation = ast.parse(annotation.value, mode="eval").body

    for node in ast.walk(annotation):
        if not isinstance(node, ast.Subscript) or not isinstance(node.slice, ast.Tuple):
            continue
        if ast.unparse(node.value).rpartition(".")[2].lower() != "tuple":
            continue
        if len(node.slice.elts) > TUPLE_MEMBERS:
            return True
    return False


def find_dense_functions(house: House) -> Iterator[Place]:
    """Functions of more than 12 lines below their docstring without a blank one among them."""
    for source in house.sources:
        for function in source.functions:
            body = _body_lines(function, source)
            if len(body) > DENSE_LINES and all(line.strip() for line in body):
                yield source.place(function.lineno, f"{function.name}: {len(body)} lines")


def _body_lines(function: Function, source: Source) -> list[str]:
    """Return the lines of a function after its signature and docstring."""
    first = function.body[0]
    start = first.lineno - 1
    if ast.get_docstring(function) is not None:
        start = first.end_lineno or first.lineno
    return source.lines[start : function.end_lineno]


def find_comments(house: House) -> Iterator[Place]:
    """Lines with a comment."""
    for source in house.sources:
        tokens = tokenize.generate_tokens(io.StringIO(source.text).readline)
        for token in tokens:
            if token.type == tokenize.COMMENT:
                yield source.place(token.start[0])


def find_long_lines(house: House) -> Iterator[Place]:
    """Lines of code over 100 columns."""
    for source in house.sources:
        for number, line in enumerate(source.lines, start=1):
            if len(line) > CODE_COLUMNS:
                yield source.place(number)


def find_long_markdown(house: House) -> Iterator[Place]:
    """Lines of Markdown over 100 columns."""
    for page in house.markdown:
        path = house.relative(page)
        lines = page.read_text(encoding="utf-8").splitlines()
        for number, line in enumerate(lines, start=1):
            if len(line) > MARKDOWN_COLUMNS:
                yield Place(path, number, line)


def find_strategy_comparisons(house: House) -> Iterator[Place]:
    """Comparisons with the name of a strategy."""
    for source in house.sources:
        for node in source.nodes:
            if isinstance(node, ast.Compare):
                operands = [node.left, *node.comparators]
            elif isinstance(node, ast.MatchValue):
                operands = [node.value]
            else:
                continue

            words = set().union(*map(_words, operands))
            if words & STRATEGIES:
                yield source.place(node.lineno, ast.unparse(node))


def _words(operand: ast.expr) -> set[str]:
    """Return the string constants of an operand that is one, or is a tuple, list or set of them."""
    members = [operand]
    if isinstance(operand, ast.Tuple | ast.List | ast.Set):
        members = operand.elts

    constants = [member.value for member in members if isinstance(member, ast.Constant)]
    return {value for value in constants if isinstance(value, str)}


def find_log_calls(house: House) -> Iterator[Place]:
    """Calls that write to a log."""
    for source in house.sources:
        for node in source.nodes:
            if isinstance(node, ast.Call) and _is_log_call(node.func):
                yield source.place(node.lineno)


def _is_log_call(called: ast.expr) -> bool:
    """Whether what is called is a level of a logger."""
    if not isinstance(called, ast.Attribute) or called.attr not in LOG_LEVELS:
        return False

    owner = ast.unparse(called.value).rpartition(".")[2]
    return LOGGER_NAME.fullmatch(owner) is not None


def find_without_docstring(house: House) -> Iterator[Place]:
    """Public definitions without a docstring."""
    for source, definition in public_definitions(house):
        if ast.get_docstring(definition) is None:
            yield source.place(definition.lineno, definition.name)


def find_one_line_docstrings(house: House) -> Iterator[Place]:
    """Public definitions whose docstring is a single line."""
    for source, definition in public_definitions(house):
        docstring = ast.get_docstring(definition)
        if docstring is not None and "\n" not in docstring:
            yield source.place(definition.lineno, f"{definition.name}: {docstring}")


def public_definitions(house: House) -> Iterator[tuple[Source, Definition]]:
    """Yield the public functions, methods and classes of a house, each with its file."""
    for source in house.sources:
        for definition in _public(source.tree.body):
            yield source, definition


def _public(body: Iterable[ast.stmt]) -> Iterator[Definition]:
    """Yield the public definitions of a body, and those of its public classes."""
    for node in body:
        if not isinstance(node, Definition) or node.name.startswith("_"):
            continue

        yield node
        if isinstance(node, ast.ClassDef):
            yield from _public(node.body)


def find_upward_imports(house: House) -> Iterator[Place]:
    """Imports of a room from a higher layer."""
    upward = set(house.upward)
    return _imports_where(house, lambda source, target: (source.room, room_of(target)) in upward)


def find_file_circles(house: House) -> Iterator[Place]:
    """Imports between files of one circle."""
    circle = _numbered(find_circles(house.file_graph))
    return _imports_where(
        house,
        lambda source, target: circle.get(source.module, -1) == circle.get(target, -2),
    )


def find_room_circles(house: House) -> Iterator[Place]:
    """Imports between rooms of one circle."""
    circle = _numbered(find_circles(house.room_graph))

    def within(source: Source, target: str) -> bool:
        other = room_of(target)
        return source.room != other and circle.get(source.room, -1) == circle.get(other, -2)

    return _imports_where(house, within)


def _imports_where(house: House, chosen: Callable[[Source, str], bool]) -> Iterator[Place]:
    """Imports for which ``chosen(file, imported module)`` holds."""
    for source in house.sources:
        for found in house.imports(source):
            if chosen(source, found.module):
                yield source.place(found.line, f"{source.module} imports {found.module}")


def _numbered(groups: list[set[str]]) -> dict[str, int]:
    """Return the index of the group that each member belongs to."""
    return {member: index for index, group in enumerate(groups) for member in group}


KINDS: dict[str, Finder] = {
    "conditional": find_conditionals,
    "comprehension": find_comprehensions,
    "tuple-assignment": find_tuple_assignments,
    "nested": find_nested,
    "comment": find_comments,
    "long-line": find_long_lines,
    "long-markdown": find_long_markdown,
    "dense-function": find_dense_functions,
    "wide-tuple": find_wide_tuples,
    "strategy": find_strategy_comparisons,
    "log-call": find_log_calls,
    "no-docstring": find_without_docstring,
    "one-line-docstring": find_one_line_docstrings,
    "upward": find_upward_imports,
    "file-circle": find_file_circles,
    "room-circle": find_room_circles,
}


def find_places(house: House, kind: str) -> list[Place]:
    """Find all things of one kind, in the order of their places.

    Parameters
    ----------
    house
        Where to look.
    kind
        A key of `KINDS`.

    Returns
    -------
    list of Place
        Sorted by path and line.
    """
    return sorted(KINDS[kind](house), key=lambda place: (place.path, place.line))
