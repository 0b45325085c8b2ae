"""Settings: files of them, genomes, and what a command line is given.

An input is a byte that says which, and then UTF-8 text, or what is none.
"""

from __future__ import annotations

import contextlib
import io
import json
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import typer

from shoal.cli import run_input
from shoal.cli.main import app
from shoal.cli.run_input import read_run_input
from shoal.data import DataOptions
from shoal.errors import ShoalError
from shoal.export.settings_file import settings_toml
from shoal.genome.genome import Genome
from shoal.genome.presets import NAMED_GENOMES, named_genome
from shoal.settings.search_settings import SearchSettings, read_settings_file
from support.damaged_models import HARMFUL
from support.fuzzing.targets import Finding, Target, check_sentence, damaged, scratch

TABLE = "a,b,kind,when,w,y\n" + "".join(
    f"{row},{row * 7 % 13 / 4},{'uvw'[row % 3]},2024-01-{row % 28 + 1:02},{row % 4 + 1},{row}.5\n"
    for row in range(60)
)


# What Typer says of arguments that are none, in one or another version: the parent of its own.
_REFUSAL: Any = typer.BadParameter.__mro__[2]


def run(data: bytes) -> None:
    """Read it as what it is."""
    ways = (_read_file, _read_genome, _read_command)
    way = ways[data[0] % len(ways)] if data else _read_file
    try:
        way(data[1:], scratch())
    except ShoalError as error:
        check_sentence(str(error))


def _read_file(content: bytes, folder: Path) -> None:
    """A settings file, as `shoal run --settings` reads one."""
    path = folder / "settings.toml"
    path.write_bytes(content)
    _check_run({"data": _table(folder)}, path, folder)


def _read_genome(content: bytes, folder: Path) -> None:
    """A genome as JSON: of a named swarm, or whole."""
    try:
        values = json.loads(content)
    except (ValueError, RecursionError):
        return
    if not isinstance(values, dict):
        return
    values.pop("name", None)
    name = values.pop("start", None)
    genome = Genome.from_dict(values) if name is None else named_genome(name, **values)
    text = json.dumps(genome.to_dict(), allow_nan=False)
    again = Genome.from_dict(json.loads(text))
    if again != genome or again.hash != genome.hash or len(genome.hash) != 16:
        raise Finding("a genome that was written is another one")


def _read_command(content: bytes, folder: Path) -> None:
    """The arguments of `shoal run`, a line each."""
    arguments = content.decode("utf-8", "surrogateescape").split("\n")
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            context = _command().make_context("run", [_table(folder), *arguments])
    except (_REFUSAL, typer.Exit):
        # In Typer's own words; or the help.
        return
    others = ("settings", "store", "as_json", "log_level")
    given = {name: value for name, value in context.params.items() if name not in others}
    _check_run(given, None, folder)


@cache
def _command() -> Any:
    group: Any = typer.main.get_command(app)
    return group.commands["run"]


def _table(folder: Path) -> str:
    path = folder / "t.csv"
    path.write_text(TABLE)
    return str(path)


def _check_run(given: dict[str, Any], path: Path | None, folder: Path) -> None:
    """Check that what a run is given is refused, or recorded and exported as it is."""
    if _names_code(given, path):
        return
    search = read_run_input(given, path)
    settings = search.settings
    record = json.loads(json.dumps(settings.to_dict(), allow_nan=False))
    if SearchSettings.recorded(record) != settings:
        raise Finding("recorded settings are others")

    options = getattr(search.subject, "options", None)
    if not isinstance(options, DataOptions):
        return
    exported = folder / "again.toml"
    exported.write_text(settings_toml(settings, options, "t"), encoding="utf-8")
    again = read_run_input({"data": _table(folder)}, exported)
    if again.settings != settings or again.subject.options != options:
        raise Finding("exported settings are others")


def _names_code(given: dict[str, Any], path: Path | None) -> bool:
    """Whether something of a user's own would be executed, which is not what is tried here."""
    values = dict(given)
    if path is not None:
        values |= read_settings_file(path)
    values.pop("data", None)
    return any(":" in text for text in _texts(values))


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for item in value.values() for text in _texts(item)]
    if isinstance(value, list | tuple):
        return [text for item in value for text in _texts(item)]
    return []


# Seeds

_FILES = (
    "target = 'y'\n",
    """# The same search again
target = "y"
task = "regression"
drop = ["when"]
folds = 3
test_fraction = 0.25
data_seed = 7
seed = 5
population = 8
generations = 3
evaluations = 100
max_seconds = 1e6
sampler = "genetic"
mutation = 0.25
crossover = 0.5
elitism = 1
racing = "halving"
repeats = 2
iterations = 50
patience = 20
patience_on = "validation"
finalists = 2
confirmations = 3
ensemble = "weighted"
baselines = false
metric = "mae"
loss = "huber"
bounds.swarm_size = [10, 30]
bounds.max_velocity = [1e-3, 0.5]
choices.activation = ["relu", "tanh"]
extra_genes = ["weight_decay"]
max_depth = 2
max_width = 64
workers = 2
""",
    """target = "kind"
order = "when"
weight = "w"
columns = "a"
metric = {name = "f1", average = "macro"}
objective = {name = "top_share", share = 0.2}
sampler = "cmaes"
sampler_options = {}
start = ["constriction", "local"]
incumbent = true
""",
    """target = "y"
preset = "classic"
racing = "fixed"
max_repeats = 9
training_seconds = 2.5
deadline = 60.0
engine = "reference"
""",
    """target = "y"
drop = "when"
encoding = "questions"
decoder = "scorecard"
same = "all"
group = "w"
""",
    """target = "y"
start_from = "adam"
[bounds]
swarm_size = [4, 9]
[choices]
readout = ["solved"]
""",
    """target = "y"
population = 3
[[first_genomes]]
swarm_size = 9
hidden_layers = [3]
[[first_genomes]]
readout = "solved"
""",
)
_COMMANDS = (
    "--target\ny\n--drop\nwhen\n--population\n8\n--iterations\n50\n--seed\n3",
    "--target=kind\n--metric\nmacro_f1\n--role\nw=weight\n--order\nwhen\n--racing\nt-race",
    "--target\na,y\n--folds\n2\n--loss\nmae\n--max-seconds\n1e9\n--workers\n3\n--name\nx",
    "--target\nkind\n--objective\nf1\n--objective-option\naverage=macro\n--encoding\nquestions",
    "--preset\nclassic\n--target\ny\n--group\nw\n--task\nregression\n--decoder\nsign",
)
# What stands in files instead of a value.
VALUES = (
    *("0", "-1", "1", "2", "3", "0.5", "1.0", "1e308", "-0.0", "nan", "inf", "-inf", "1e-320"),
    *("9" * 400, "9007199254740993", "9223372036854775807", "true", "false", '""', '"x"', "[]"),
    *("{}", "[[]]", '["x"]', "[1, 2]", "[nan, inf]", '[""]', "{a = 1}", "1979-05-27", "07:32:00"),
    *('"\\u0000"', '"\\n"', '"\U0001f41f"', '"y"', '"kind"', '"a,y"', "'all'", "[2, 1]", "1_000"),
    *('"a"', '["a", "y"]', '["a", "a"]', "{name = 1}", '{name = "f1"}', '{name = "f1", x = nan}'),
    *('"adam"', '"cpu"', '"ray"', '"tpe"', '"auto"', '"' + "x" * 5000 + '"', "[" * 3000),
)


def seeds() -> list[bytes]:
    """Files of settings, commands, and the genomes that have names."""
    genomes = [named_genome(name).to_dict() for name in NAMED_GENOMES]
    genomes += [{"start": "local", "hidden_layers": [4]}, {"swarm_size": 30}]
    return [
        *(b"\0" + text.encode() for text in _FILES),
        *(b"\1" + json.dumps(genome).encode() for genome in genomes),
        *(b"\2" + text.encode() for text in _COMMANDS),
    ]


def mutate(data: bytes, random: Random) -> bytes:
    """Other values of settings, genes and options; other lines; other bytes."""
    kind, text = data[:1] or b"\0", data[1:].decode("utf-8", "replace")
    way = random.randrange(6)
    if way == 0:
        return kind + damaged(data[1:], random)
    if kind[0] % 3 == 1:
        return kind + _other_gene(text, random).encode("utf-8", "replace")

    lines = text.split("\n")
    place = random.randrange(len(lines))
    name, equals, _ = lines[place].partition("=")
    value = random.choice(VALUES)
    if way == 1:
        del lines[place]
    elif way == 2:
        other = random.choice(random.choice(seeds())[1:].decode().split("\n"))
        lines.insert(place, other)
    elif way == 3 and kind[0] % 3 == 0:
        lines.insert(0, f"{random.choice(_NAMES)} = {value}")
    elif way == 3:
        lines[place:place] = [f"--{random.choice(_NAMES).replace('_', '-')}", value.strip("\"'")]
    elif equals:
        lines[place] = f"{name}= {value}"
    else:
        lines[place] = value.strip("\"'")
    return kind + "\n".join(lines).encode("utf-8", "replace")


def _other_gene(text: str, random: Random) -> str:
    """A genome with another value."""
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict):
        values = {}
    gene = random.choice([*Genome().to_dict(), "start", "x"])
    choices = [*HARMFUL, "solved", "competitive", "local", [8, 4], 200, 3]
    return json.dumps({**values, gene: random.choice(choices)})


_NAMES = (*SearchSettings.model_fields, *run_input._DATA_OPTIONS, "data_seed", "name", "options")

TARGET = Target(
    "settings",
    run,
    seeds,
    mutate,
    words=tuple(text.encode() for text in (*_NAMES, *VALUES[:60], "bounds.", "choices.")),
)
