"""Measure how the package is laid out and how dense its lines are.

``python tools/house.py`` prints a table for this checkout, ``--base REV`` adds a column for an
earlier commit, and ``--places KIND`` lists the lines behind one number. Nothing is imported from
the package: every number comes from the text and its syntax tree.

How things are counted
----------------------
entries
    Files and folders directly below ``src/shoal``, without folders that hold only compiled files.
rooms
    Modules and packages directly below ``src/shoal``, without ``__init__`` and ``_version``.
arrows
    Pairs of rooms (A, B) where any file of A imports B, also inside functions and under
    ``TYPE_CHECKING``. A name imported from the package itself counts for the room it is loaded
    from; a name without such a home (or ``import shoal``) counts for the public face, ``shoal``.
    Modules that are named in strings only (process entry points) are not seen.
floors
    Levels of the rooms when each stands above all that it imports. Rooms of a circle share one.
upward arrows
    Arrows from a lower to a higher layer of `LAYERS`. Rooms that have no layer are not judged;
    their number is a row of its own.
circles
    Groups of files, or of rooms and the public face, that import each other directly or
    indirectly.
density
    Per 1,000 physical lines, blank ones included. A line with a comment has a comment token, so a
    colour such as "#fff" is none. Blank lines are a share of all lines from the ``def`` to the end
    of outermost functions, docstrings included. Long lines and the mean length are over all lines
    that are not blank, docstrings and comments included.
nested expressions
    A conditional expression or comprehension that stands inside another of either kind.
wide tuples
    ``tuple[...]`` of more than three positional members in a return annotation.
dense functions
    More than 12 lines below the docstring and none of them blank.
docstrings
    Of public functions, methods and classes: no leading underscore in their own name or that of
    the class around them. Functions inside functions are private. Sections are numpy style, a
    title underlined by dashes.
strategy comparisons
    ``==``, ``!=``, ``in`` or ``match`` against a name of `STRATEGIES`.
log calls
    Calls of a level (``debug`` to ``critical``) on a name such as ``log`` or ``_logger``.
Markdown
    ``README.md`` and everything below ``docs``.
"""

from __future__ import annotations

import argparse
import ast
import io
import json
import re
import statistics
import subprocess
import sys
import tarfile
import tempfile
from collections import Counter
from pathlib import Path

from house_places import KINDS, find_places, public_definitions
from house_tree import LAYERS, PACKAGE, House, Place, Source, find_circles

SECTIONS = ("Parameters", "Returns", "Raises", "Examples", "References")

Number = int | float
Figures = dict[str, dict[str, Number]]


def measure(house: House) -> Figures:
    """Measure a house.

    Parameters
    ----------
    house
        The package of a checkout.

    Returns
    -------
    dict
        Numbers by heading and label. Shares are percentages. The module's docstring says how each
        is counted.
    """
    return {
        "Layout": measure_layout(house),
        "Density, per 1,000 lines": measure_density(house),
        "Hard places": measure_hard_places(house),
        "Docstrings of public definitions": measure_docstrings(house),
        "Prose and logs": measure_prose(house),
    }


def measure_layout(house: House) -> dict[str, Number]:
    """Count rooms, arrows, floors and circles."""
    entries = [entry for entry in house.folder.iterdir() if _is_listed(entry)]
    placed = {room for rooms in LAYERS.values() for room in rooms}

    return {
        f"entries of src/{PACKAGE}": len(entries),
        "rooms": len(house.rooms),
        "rooms without a layer": len(set(house.rooms) - placed),
        "floors": house.floors,
        "arrows between rooms": len(house.arrows),
        "upward arrows": len(house.upward),
        "circles of files": len(find_circles(house.file_graph)),
        "circles of rooms": len(find_circles(house.room_graph)),
    }


def _is_listed(entry: Path) -> bool:
    """Whether an entry holds anything but compiled files, as a folder that was moved away may."""
    if entry.is_file():
        return True
    return any(path.is_file() and path.suffix != ".pyc" for path in entry.rglob("*"))


def measure_density(house: House) -> dict[str, Number]:
    """Measure how much a line carries."""
    lines = [line for source in house.sources for line in source.lines]
    inside = [line for source in house.sources for line in _lines_in_functions(source)]
    written = _written(lines)
    blank_inside = len(inside) - len(_written(inside))

    long_lines = len(find_places(house, "long-line"))

    def per_thousand(kind: str) -> float:
        return _ratio(1000 * len(find_places(house, kind)), len(lines))

    return {
        "lines": len(lines),
        "files": len(house.sources),
        "conditional expressions": per_thousand("conditional"),
        "comprehensions": per_thousand("comprehension"),
        "tuple assignments": per_thousand("tuple-assignment"),
        "lines with a comment": per_thousand("comment"),
        "blank lines inside functions, %": _ratio(100 * blank_inside, len(inside)),
        "code lines over 100 columns, %": _ratio(100 * long_lines, len(written)),
        "mean length of a code line": _ratio(sum(map(len, written)), len(written)),
    }


def _lines_in_functions(source: Source) -> list[str]:
    """Return the lines from the ``def`` to the end of every function, each line once."""
    numbers: set[int] = set()

    for function in source.functions:
        end = function.end_lineno or function.lineno
        numbers.update(range(function.lineno, end + 1))
    return [source.lines[number - 1] for number in sorted(numbers)]


def _written(lines: list[str]) -> list[str]:
    """Return the lines that are not blank."""
    return [line for line in lines if line.strip()]


def measure_hard_places(house: House) -> dict[str, Number]:
    """Count constructions that make a reader stop."""
    strategies = find_places(house, "strategy")

    return {
        "nested conditionals or comprehensions": len(find_places(house, "nested")),
        "functions over 12 lines without a blank": len(find_places(house, "dense-function")),
        "returned tuples of more than three": len(find_places(house, "wide-tuple")),
        "comparisons with a strategy's name": len(strategies),
        "files with such comparisons": len({place.path for place in strategies}),
        'comparisons with "competitive"': sum("competitive" in place.text for place in strategies),
    }


def measure_docstrings(house: House) -> dict[str, Number]:
    """Measure the docstrings of public definitions."""
    definitions = [definition for _, definition in public_definitions(house)]
    docstrings = [text for text in map(ast.get_docstring, definitions) if text is not None]
    one_line = [text for text in docstrings if "\n" not in text]
    lengths = [len(text) for text in docstrings]

    figures: dict[str, Number] = {
        "public definitions": len(definitions),
        "with a docstring, %": _ratio(100 * len(docstrings), len(definitions)),
        "one line, % of docstrings": _ratio(100 * len(one_line), len(docstrings)),
        "median length": statistics.median(lengths) if lengths else 0,
    }
    for section in SECTIONS:
        title = re.compile(rf"^{section}\n-{{3,}}$", re.MULTILINE)
        figures[f"{section} sections"] = sum(bool(title.search(text)) for text in docstrings)
    return figures


def measure_prose(house: House) -> dict[str, Number]:
    """Count long lines of the documentation, and calls of the log."""
    pages = [page.read_text(encoding="utf-8").splitlines() for page in house.markdown]

    return {
        "lines of Markdown": sum(map(len, pages)),
        "Markdown lines over 100 columns": len(find_places(house, "long-markdown")),
        "log calls": len(find_places(house, "log-call")),
    }


def _ratio(part: float, whole: float) -> float:
    """Divide, to one decimal; an empty tree has no lines, and 0 of anything."""
    return round(part / whole, 1) if whole else 0.0


def measure_commit(root: Path, revision: str) -> Figures:
    """Measure an earlier commit of the same repository.

    Parameters
    ----------
    root
        A checkout of the repository.
    revision
        Anything that ``git archive`` takes as a commit.

    Returns
    -------
    dict
        As `measure` gives it.

    Raises
    ------
    SystemExit
        Git does not know the revision.
    """
    archived = subprocess.run(
        ["git", "-C", str(root), "archive", "--format=tar", revision],
        capture_output=True,
        check=False,
    )
    if archived.returncode:
        sys.exit(f"git archive {revision}: {archived.stderr.decode().strip()}")

    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(fileobj=io.BytesIO(archived.stdout)) as tar:
            # Python had no filters before 3.11.4.
            if hasattr(tarfile, "data_filter"):
                tar.extractall(folder, filter="data")
            else:
                tar.extractall(folder)
        return measure(House(Path(folder)))


def format_table(columns: dict[str, Figures]) -> str:
    """Lay out the numbers as a table.

    Parameters
    ----------
    columns
        The numbers of one or more trees, by the column's title.

    Returns
    -------
    str
        One line for each number, a heading above each group.
    """
    layout = next(iter(columns.values()))
    width = max(len(label) for group in layout.values() for label in group)
    lines = [_row("", list(columns), width)]

    for heading, group in layout.items():
        lines += ["", heading]
        for label in group:
            cells = [_shown(figures[heading][label]) for figures in columns.values()]
            lines.append(_row(f"  {label}", cells, width))
    return "\n".join(lines)


def _row(label: str, cells: list[str], width: int) -> str:
    """Lay out one line of the table."""
    return f"{label:<{width + 2}}" + "".join(f"{cell:>10}" for cell in cells)


def _shown(value: Number) -> str:
    """Write a count without decimals and anything else with one."""
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.1f}"


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description="Measure how the package is laid out and how dense its lines are.",
        epilog="The docstring of this file says how each number is counted.",
    )
    parser.add_argument(
        "--root",
        type=Path,
        default=Path(__file__).resolve().parent.parent,
        help="the checkout to measure (default: the one that holds this file)",
    )
    parser.add_argument("--base", metavar="REV", help="add a column for an earlier commit")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--places",
        metavar="KIND",
        choices=sorted(KINDS),
        help=f"list file:line of one kind of thing: {', '.join(sorted(KINDS))}",
    )
    parser.add_argument(
        "--by-file",
        action="store_true",
        help="with --places: how many there are in each file",
    )
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    """Run the command.

    Parameters
    ----------
    arguments
        The command line without the program's name (default: that of the process).
    """
    options = parse_arguments(arguments)
    house = House(options.root)

    if options.places:
        print_places(find_places(house, options.places), by_file=options.by_file)
        return

    columns = {"now": measure(house)}
    if options.base:
        columns = {"before": measure_commit(options.root, options.base), **columns}

    if options.json:
        print(json.dumps(columns, indent=2))
    else:
        print(format_table(columns))


def print_places(places: list[Place], *, by_file: bool) -> None:
    """Print places one a line, or how many each file has, the fullest file first."""
    if not by_file:
        for place in places:
            print(place)
        return

    for path, count in Counter(place.path for place in places).most_common():
        print(f"{count:5} {path}")


if __name__ == "__main__":
    main()
