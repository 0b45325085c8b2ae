"""The layout and density figures, on small trees whose counts are known."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from shoal.genome.genes import INITIALISATIONS
from shoal.settings.presets import PRESETS
from shoal.settings.samplers import SAMPLERS
from shoal.settings.schedule import SCHEDULES
from shoal.update_rules import UPDATE_RULES
from shoal.update_rules.informants import INFORMANT_STRATEGIES

ROOT = Path(__file__).resolve().parents[2]

# The scripts stand beside the package and are no part of it.
sys.path.insert(0, str(ROOT / "tools"))
tree = importlib.import_module("house_tree")
places = importlib.import_module("house_places")
command = importlib.import_module("house")


@pytest.fixture
def build(tmp_path):
    """Return a function that writes files below src/shoal and gives the house."""

    def write(files: dict[str, str]):
        for name, text in {"__init__.py": "", **files}.items():
            path = tmp_path / "src" / "shoal" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tree.House(tmp_path)

    return write


def _figures(house) -> dict[str, float]:
    """All numbers by their label alone."""
    return {
        label: value for group in command.measure(house).values() for label, value in group.items()
    }


# Layout


@pytest.mark.parametrize(
    ("line", "targets"),
    [
        ("from shoal.data import Dataset", ["data"]),
        ("from shoal.data.splits import Split", ["data"]),
        ("from shoal import data", ["data"]),
        ("import shoal.data.splits", ["data"]),
        ("from .data import Dataset", ["data"]),
        ("from . import data, errors", ["data", "errors"]),
        ("def f():\n    from shoal.data import Dataset", ["data"]),
        ("if TYPE_CHECKING:\n    from shoal.data import Dataset", ["data"]),
        ("from shoal import Dataset", ["data"]),
        ("from shoal import ShoalError", ["errors"]),
        ("from shoal import __version__", ["shoal"]),
        ("import shoal", ["shoal"]),
        ("from shoal._version import __version__", []),
        ("from shoals.data import Dataset", []),
        ("import numpy", []),
    ],
)
def test_an_arrow_is_a_room_that_imports_another(build, line, targets):
    face = (
        "if TYPE_CHECKING:\n    from shoal.data import Dataset\n_HOMES = {'ShoalError': 'errors'}"
    )
    house = build(
        {
            "__init__.py": face,
            "_version.py": "__version__ = '1'",
            "data/__init__.py": "",
            "data/splits.py": "from shoal.data import Dataset",
            "errors.py": "",
            "runner.py": line,
        }
    )

    assert house.rooms == ["data", "errors", "runner"]
    assert house.arrows == [("runner", target) for target in targets]


def test_an_arrow_counts_once_however_many_imports_draw_it(build):
    house = build(
        {
            "errors.py": "",
            "data/__init__.py": "from shoal.errors import A",
            "data/splits.py": "from shoal.errors import A, B",
        }
    )

    assert house.arrows == [("data", "errors")]


@pytest.mark.parametrize("name", ["data/__init__.py", "data/splits.py"])
def test_a_relative_import_climbs_from_its_own_package(build, name):
    house = build({"data/__init__.py": "", "errors.py": "", name: "from ..errors import A"})

    assert house.arrows == [("data", "errors")]


def test_entries_are_what_a_listing_shows(build):
    house = build(
        {
            "py.typed": "",
            "data/__init__.py": "",
            "errors.py": "",
            "__pycache__/errors.pyc": "",
            "moved_away/__pycache__/module.pyc": "",
        }
    )

    assert _figures(house)["entries of src/shoal"] == 4


@pytest.mark.parametrize(
    ("imports", "floors"),
    [
        ({"a": [], "b": [], "c": []}, 1),
        ({"a": ["b"], "b": [], "c": ["b"]}, 2),
        ({"a": ["b", "c"], "b": ["c"], "c": []}, 3),
        ({"a": ["b"], "b": ["a", "c"], "c": []}, 2),
    ],
)
def test_floors_are_the_longest_path_with_circles_drawn_together(build, imports, floors):
    house = build(
        {
            f"{room}.py": "\n".join(f"import shoal.{target}" for target in targets)
            for room, targets in imports.items()
        }
    )

    assert house.floors == floors


def test_an_upward_arrow_leads_to_a_higher_layer(build):
    house = build(
        {
            "numerics/__init__.py": "",
            "numerics/stats.py": "\n\nfrom shoal.tuning.settings import A, B",
            "tuning/__init__.py": "from shoal.numerics import stats",
            "tuning/settings.py": "",
            "store.py": "from shoal import __version__",
            "unheard_of.py": "import shoal.cli",
            "cli.py": "import shoal.unheard_of, shoal.tuning",
        }
    )

    assert house.upward == [("numerics", "tuning"), ("store", "shoal")]
    assert _figures(house)["rooms without a layer"] == 1

    found = places.find_places(house, "upward")
    assert [(place.path, place.line) for place in found] == [
        ("src/shoal/numerics/stats.py", 3),
        ("src/shoal/store.py", 1),
    ]


def test_every_room_of_this_package_has_a_layer():
    house = tree.House(ROOT)

    placed = {room for layer in tree.LAYERS.values() for room in layer}

    assert set(house.rooms) <= placed


def test_layers_follow_the_order_of_the_import_contract():
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    contracts = tomllib.loads(text)["tool"]["importlinter"]["contracts"]
    [contract] = [entry for entry in contracts if entry["type"] == "layers"]

    height: dict[str, int] = {}
    for index, row in enumerate(reversed(contract["layers"])):
        for name in row.split("|"):
            height[name.strip(" ()")] = index

    rooms = [room for layer in tree.LAYERS.values() for room in layer if room != tree.PACKAGE]
    heights = [height[room] for room in rooms]

    assert heights == sorted(heights)


def test_contracts_of_independence_name_every_sampler_and_every_rule():
    """A module that is left out of the list may import the others, and nothing is said."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    contracts = tomllib.loads(text)["tool"]["importlinter"]["contracts"]
    listed = {entry["name"]: set(entry["modules"]) for entry in contracts if "modules" in entry}

    samplers = {entry.path.partition(":")[0] for entry in SAMPLERS.values()}
    rules = {type(rule).__module__ for rule in UPDATE_RULES.values()}

    assert listed["A sampler does not know the others"] == samplers
    assert listed["An update rule does not know the others"] == rules


def test_strategies_are_the_names_of_the_registries():
    """Code that compares with such a name is found by `python tools/house.py`."""
    registries = (UPDATE_RULES, INFORMANT_STRATEGIES, INITIALISATIONS, SAMPLERS, SCHEDULES, PRESETS)

    names = {name for registry in registries for name in registry}

    assert names <= places.STRATEGIES


def test_layers_name_a_room_once():
    rooms = [room for layer in tree.LAYERS.values() for room in layer]

    assert len(rooms) == len(set(rooms))


def test_a_circle_of_files_inside_a_room_is_none_of_rooms(build):
    house = build(
        {
            "data/__init__.py": "",
            "data/a.py": "from shoal.data.b import B",
            "data/b.py": "from shoal.data import c",
            "data/c.py": "def f():\n    from shoal.data.a import A",
        }
    )

    assert tree.find_circles(house.file_graph) == [{"shoal.data.a", "shoal.data.b", "shoal.data.c"}]
    assert tree.find_circles(house.room_graph) == []
    assert len(places.find_places(house, "file-circle")) == 3


def test_a_circle_of_rooms_needs_none_of_files(build):
    house = build(
        {
            "data/__init__.py": "",
            "data/a.py": "import shoal.store.a",
            "data/b.py": "",
            "store/__init__.py": "",
            "store/a.py": "",
            "store/b.py": "import shoal.data.b, shoal.store.a",
        }
    )

    assert tree.find_circles(house.file_graph) == []
    assert tree.find_circles(house.room_graph) == [{"data", "store"}]
    assert len(places.find_places(house, "room-circle")) == 2


def test_a_circle_can_lead_through_the_public_face(build):
    house = build(
        {
            "__init__.py": "if TYPE_CHECKING:\n    from shoal.api import train",
            "api.py": "import shoal.store",
            "store.py": "from shoal import __version__",
        }
    )

    assert tree.find_circles(house.room_graph) == [{"shoal", "api", "store"}]


def test_two_separate_circles_are_two():
    graph = {"a": {"b"}, "b": {"a", "c"}, "c": {"d"}, "d": {"c"}, "e": {"a"}}

    assert tree.find_circles(graph) == [{"c", "d"}, {"a", "b"}]


# Density


def test_density_is_per_thousand_lines(build):
    code = [
        "# a comment",
        'BLUE = "#00f"',
        "",
        "def f(x):  # another",
        "    a, b = x, 1",
        "",
        "    first, second = x",
        "    c = a if b else x",
        "    return [y for y in x], {y: y for y in x}, c",
        "LONG = " + "1" * 100,
    ]
    figures = _figures(build({"a.py": "\n".join(code)}))

    assert figures["lines"] == 10
    assert figures["files"] == 2
    assert figures["conditional expressions"] == 100
    assert figures["comprehensions"] == 200
    assert figures["tuple assignments"] == 100
    assert figures["lines with a comment"] == 200
    assert figures["blank lines inside functions, %"] == pytest.approx(100 / 6, abs=0.05)
    assert figures["code lines over 100 columns, %"] == 12.5
    assert figures["mean length of a code line"] == pytest.approx(sum(map(len, code)) / 8, abs=0.05)


def test_a_line_of_100_columns_is_not_over_100(build):
    house = build({"a.py": "A = " + "1" * 96 + "\nB = " + "1" * 97})

    assert [place.line for place in places.find_places(house, "long-line")] == [2]


@pytest.mark.parametrize(
    ("kind", "code", "lines"),
    [
        ("nested", "a = b if c else d", []),
        ("nested", "a = b if c else (d if e else f)", [1]),
        ("nested", "a = [x for x in y]\nb = [[x for x in y] for y in z]", [2]),
        ("nested", "a = [x if x else y for x in z]", [1]),
        ("nested", "a = [[[x for x in y] for y in z] for z in w]", [1, 1]),
        ("wide-tuple", "def f() -> tuple[int, int, int]: ...", []),
        ("wide-tuple", "def f() -> tuple[int, ...]: ...", []),
        ("wide-tuple", "def f() -> tuple[int, int, int, int]: ...", [1]),
        ("wide-tuple", "def f() -> list[tuple[int, int, int, int]] | None: ...", [1]),
        ("wide-tuple", "def f() -> 'tuple[int, int, int, int]': ...", [1]),
        ("wide-tuple", "def f() -> dict[int, tuple[int, int]]: ...", []),
        ("strategy", "if rule == 'competitive': ...", [1]),
        ("strategy", "if rule in ('other', 'competitive'): ...", [1]),
        ("strategy", "match rule:\n    case 'competitive': ...", [2]),
        ("strategy", "rule = 'competitive'\nif rule == 'other': ...", []),
        ("log-call", "_log.warning('a')\nself.logger.info('b')\nlogging.error('c')", [1, 2, 3]),
        ("log-call", "warnings.warn('a')\n_log = logging.getLogger('b')\ncatalog.info('c')", []),
        (
            "no-docstring",
            "def f(): ...\nclass A:\n    def g(self): ...\n    def _h(self): ...",
            [1, 2, 3],
        ),
        ("no-docstring", "def _f(): ...\ndef g():\n    'Do.'\n    def inner(): ...", []),
        ("one-line-docstring", "def f():\n    'Do.'\ndef g():\n    '''Do.\n\n    More.'''", [1]),
    ],
)
def test_places_lead_to_the_lines(build, kind, code, lines):
    house = build({"a.py": code})

    assert [place.line for place in places.find_places(house, kind)] == lines


@pytest.mark.parametrize(
    ("body", "dense"),
    [
        (["    x = 1"] * 12, False),
        (["    x = 1"] * 13, True),
        (["    x = 1"] * 7 + [""] + ["    x = 1"] * 7, False),
        (['    """One.', "", '    Two."""'] + ["    x = 1"] * 12, False),
        (['    """One.', "", '    Two."""'] + ["    x = 1"] * 13, True),
    ],
)
def test_a_dense_function_has_more_than_12_lines_and_no_blank_one(build, body, dense):
    house = build({"a.py": "\n".join(["def f():", *body])})

    assert bool(places.find_places(house, "dense-function")) == dense


def test_every_kind_of_place_can_be_asked_for(build):
    house = build({"a.py": "x = 1"})

    for kind in places.KINDS:
        assert places.find_places(house, kind) == []


def test_figures_of_docstrings(build):
    code = '''
def f(x):
    """Add.

    Parameters
    ----------
    x
        A number.

    Returns
    -------
    int
        A number.
    """


def g():
    """Parameters and Returns are words here."""


class Open:
    def h(self):
        pass


class _Hidden:
    def i(self):
        pass
'''
    figures = _figures(build({"a.py": code}))

    assert figures["public definitions"] == 4
    assert figures["with a docstring, %"] == 50
    assert figures["one line, % of docstrings"] == 50
    assert figures["Parameters sections"] == 1
    assert figures["Returns sections"] == 1
    assert figures["Raises sections"] == 0


def test_markdown_of_readme_and_docs(build, tmp_path):
    house = build({})
    (tmp_path / "docs" / "decisions").mkdir(parents=True)
    (tmp_path / "README.md").write_text("x" * 100 + "\n" + "x" * 101 + "\n")
    (tmp_path / "docs" / "decisions" / "1.md").write_text("short\n" + "x" * 200)
    (tmp_path / "OTHER.md").write_text("x" * 200)
    figures = _figures(house)

    assert figures["lines of Markdown"] == 4
    assert figures["Markdown lines over 100 columns"] == 2


def test_an_empty_package_has_no_density(build):
    figures = _figures(build({}))

    assert figures["lines"] == 0
    assert figures["conditional expressions"] == 0


# The command


def _git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=Somebody", "-c", "user.email=somebody@example.org"]
    subprocess.run(
        ["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True
    )


def test_base_measures_an_earlier_commit_beside_this_tree(build, tmp_path, capsys):
    build({"a.py": "import shoal.b", "b.py": ""})
    _git(tmp_path, "init", "--quiet")
    _git(tmp_path, "add", ".")
    _git(tmp_path, "commit", "--quiet", "--message", "First")
    build({"b.py": "import shoal.a", "c.py": ""})

    command.main(["--root", str(tmp_path), "--base", "HEAD", "--json"])
    columns = json.loads(capsys.readouterr().out)
    assert list(columns) == ["before", "now"]
    assert columns["before"]["Layout"]["rooms"] == 2
    assert columns["now"]["Layout"]["rooms"] == 3
    assert columns["before"]["Layout"]["circles of rooms"] == 0
    assert columns["now"]["Layout"]["circles of rooms"] == 1

    command.main(["--root", str(tmp_path), "--base", "HEAD"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["before", "now"]
    assert ["rooms", "2", "3"] in [line.split() for line in lines]


def test_an_unknown_commit_is_named(build, tmp_path):
    build({})
    _git(tmp_path, "init", "--quiet")

    with pytest.raises(SystemExit, match="git archive nowhere"):
        command.main(["--root", str(tmp_path), "--base", "nowhere"])


def test_a_folder_without_the_package_is_refused(tmp_path):
    with pytest.raises(SystemExit, match="Give a checkout with --root"):
        command.main(["--root", str(tmp_path)])


def test_places_are_printed_with_their_line_or_by_file(build, tmp_path, capsys):
    build({"a.py": "a = b if c else d", "b.py": "\n".join(["a = b if c else d"] * 2)})

    command.main(["--root", str(tmp_path), "--places", "conditional"])
    assert capsys.readouterr().out.splitlines()[0] == "src/shoal/a.py:1: a = b if c else d"

    command.main(["--root", str(tmp_path), "--places", "conditional", "--by-file"])
    assert capsys.readouterr().out.split() == ["2", "src/shoal/b.py", "1", "src/shoal/a.py"]


def test_this_checkout_can_be_measured(capsys):
    command.main(["--json"])
    now = json.loads(capsys.readouterr().out)["now"]

    assert "errors" in tree.House(ROOT).rooms
    assert now["Layout"]["arrows between rooms"] > 0
    assert now["Density, per 1,000 lines"]["lines"] > 0
