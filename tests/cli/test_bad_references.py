"""References to code that cannot be used, wherever a command takes one."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from problems.user_files import write
from shoal.cli.run_input import read_run_input
from shoal.errors import ShoalError
from shoal.problems.check import check_import
from shoal.problems.references import find
from support.processes import shoal as command

pytestmark = pytest.mark.usefixtures("forked_checks")

# Where a reference may stand: as what is solved, and as settings of a table.
PLACES = ("data", "objective", "metric", "decoder")

ALL = """\
import numpy as np
import shoal


@shoal.simulation(inputs=1, outputs=1, compiled=False)
def data(policy, scenario, size=1.0):
    return size * abs(policy.act((scenario.normal(),))[0])


@shoal.objective("maximize", outputs="unscaled")
def objective(predicted, y, *, size=1.0):
    return -size * np.abs(predicted - y).mean(axis=1)


metric = objective


@shoal.decoder
def decoder(positions, *, size=1.0):
    return size * positions


def plain(*arguments): ...
"""


def _folder(path: Path) -> None:
    path.mkdir()


def _binary(path: Path) -> None:
    path.write_bytes(bytes(range(256)))


def _text(text: str) -> Any:
    return lambda path: write(path, text)


# What stands at the path, and what the answer says: the problem, the expectation, the remedy.
FILES = {
    "no-file": (lambda path: None, "No such file", "a Python file that can be read", "check"),
    "a-folder": (_folder, "It is no file", "a Python file that can be read", "check the path"),
    "binary": (_binary, "is not in UTF-8", "a Python file in UTF-8", "save it in that encoding"),
    "zeros": (
        _text("\0" * 8),
        "cannot be imported: ",
        "a file that Python can import",
        "correct that line",
    ),
    "syntax": (
        _text("x = 1\ndef f(:\n"),
        "cannot be imported: line 2: SyntaxError",
        "a file that Python can import",
        "correct that line",
    ),
    "relative-import": (
        _text("from .helpers import size\n"),
        "cannot be imported: line 1: ImportError: attempted relative import",
        "a file that Python can import",
        "correct that line",
    ),
    "a-broken-neighbour": (
        _text("import broken_neighbour\n"),
        "cannot be imported: line 1: ZeroDivisionError",
        "a file that Python can import",
        "correct that line",
    ),
    "ends-python": (
        _text("raise SystemExit(0)\n"),
        "cannot be imported: line 1: SystemExit: 0",
        "a file that Python can import",
        "correct that line",
    ),
    "no-such-name": (_text("import shoal\n"), "defines no ", "a name that stands in", "correct"),
}


def in_two_places(cases: Iterable[Any]) -> list[tuple[Any, ...]]:
    """Each case in two of the places, in turn: they share what reads references."""
    pairs = []
    for number, case in enumerate(cases):
        values = case if isinstance(case, tuple) else (case,)
        for place in (PLACES[number % 4], PLACES[(number + 1) % 4]):
            pairs.append((place, *values))
    return pairs


def given(place: str, reference: str, **options: Any) -> dict[str, Any]:
    """Options of `shoal run`."""
    values = {"data": "concrete", "log_columns": None, place: reference}
    if place == "data":
        values["options"] = [f"{name}={value}" for name, value in options.items()]
    elif options:
        values[f"{place}_options"] = [f"{name}={value}" for name, value in options.items()]
    return values


@pytest.mark.parametrize(("place", "case"), in_two_places(FILES))
def test_a_file_that_cannot_be_used(place: str, case: str, tmp_path: Path) -> None:
    make, problem, expected, remedy = FILES[case]
    make(tmp_path / "mine.py")
    write(tmp_path / "broken_neighbour.py", "1 / 0\n")

    with pytest.raises(ShoalError) as raised:
        read_run_input(given(place, f"{tmp_path / 'mine.py'}:{place}"), None)

    said = str(raised.value)
    assert problem in said
    assert expected in said
    assert remedy in said
    assert raised.value.exit_code == 2


@pytest.mark.parametrize(
    ("place", "name", "options", "problem", "expected"),
    in_two_places(
        [
            ("plain", {}, "is a function, not ", "@shoal."),
            ("np", {}, "is a module, not ", "@shoal."),
            (
                "{place}",
                {"size": "large"},
                "size='large'",
                "a value like the default, which is 1.0",
            ),
            ("{place}", {"size": "true"}, "size=True", "a value like the default, which is 1.0"),
            ("{place}", {"width": "3"}, "has no option 'width'", "one of size"),
        ]
    ),
)
def test_a_name_or_an_option_that_does_not_fit(
    place: str, name: str, options: dict[str, str], problem: str, expected: str, tmp_path: Path
) -> None:
    file = write(tmp_path / "mine.py", ALL)

    with pytest.raises(ShoalError) as raised:
        read_run_input(given(place, f"{file}:{name.format(place=place)}", **options), None)

    assert problem in str(raised.value)
    assert expected in str(raised.value)
    assert raised.value.exit_code == 2


@pytest.mark.parametrize("place", PLACES)
def test_one_thing_is_no_other(place: str, tmp_path: Path) -> None:
    """A decoder is no objective, a simulation is no decoder, and so on."""
    file = write(tmp_path / "mine.py", ALL)
    other = {"data": "decoder", "decoder": "data"}.get(place, "decoder")

    with pytest.raises(ShoalError, match="not a") as raised:
        read_run_input(given(place, f"{file}:{other}"), None)
    assert raised.value.exit_code == 2
    assert raised.value.expected


@pytest.mark.parametrize("place", PLACES)
def test_commands_end_with_2_and_write_nothing(place: str, tmp_path: Path) -> None:
    reference = f"{write(tmp_path / 'mine.py', FILES['syntax'][0](tmp_path / 'a.py').read_text())}"
    chosen = [f"{reference}:{place}"]
    if place != "data":
        chosen = ["concrete", f"--{place}", *chosen]

    done = command("run", *chosen, "--json", store=tmp_path / "shoal.db")

    assert done.returncode == 2, done.stdout + done.stderr
    assert "line 2: SyntaxError" in " ".join(done.stderr.split())
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert not (tmp_path / "shoal.db").exists()


def test_of_a_name_that_exists_twice_the_last_counts(tmp_path: Path) -> None:
    """As in Python."""
    twice = ALL + ALL.split("import shoal\n")[1].replace("size=1.0", "size=2.0")
    file = write(tmp_path / "mine.py", twice)

    for place in PLACES:
        found, _ = find(f"{file}:{place}")
        assert found.options == {"size": 2.0}


def test_a_file_may_import_its_neighbours_and_relatively_within_a_package(tmp_path: Path) -> None:
    write(tmp_path / "neighbour.py", "SIZE = 3.0\n")
    beside = write(tmp_path / "mine.py", "from neighbour import SIZE\n" + ALL)
    write(tmp_path / "package" / "__init__.py", "")
    write(tmp_path / "package" / "neighbour.py", "SIZE = 4.0\n")
    within = write(tmp_path / "package" / "mine.py", "from .neighbour import SIZE\n" + ALL)

    for file in (beside, within):
        found = check_import(f"{file}:objective")
        assert not found.bad, found.findings
