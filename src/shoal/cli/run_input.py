"""What `shoal run` was given, read and checked: what to solve, the settings and the run's name."""

from __future__ import annotations

import json
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from shoal.data import Preset
    from shoal.problems.registry import Subject, Written
    from shoal.settings.search_settings import SearchSettings

# What `shoal run --demo-simulation` runs.
DEMO_SIMULATION = "lost-sales"

# Options of the data; all others are settings of the search.
_DATA_OPTIONS = (
    "target",
    "task",
    "group",
    "same",
    "folds",
    "log_columns",
    "encoding",
    "columns",
    "weight",
    "drop",
    "order",
    "file_encoding",
    "test_fraction",
    "validation_fraction",
)


@dataclass(frozen=True)
class RunInput:
    """A search that can start. ``name`` is what lists call it; None: the name of its subject."""

    subject: Subject
    settings: SearchSettings
    name: str | None


def read_run_input(given: dict[str, Any], settings_file: Path | None) -> RunInput:
    """Read what to solve and the settings, and check them before the store is opened.

    Bad input is found here, so that it leaves nothing behind in the store.

    Parameters
    ----------
    given
        Options of `shoal run` by name, None where one was not given. They win over the file.
    settings_file
        A TOML file of settings; None: there is none.

    Raises
    ------
    DataError, ProblemError, SettingsError
        The table, the simulation or a setting cannot be used.
    """
    from shoal.orchestration.preflight import check_search
    from shoal.problems.own_code import SETTINGS as CODE_SETTINGS
    from shoal.problems.own_code import (
        call_columns,
        data_options_of,
        objectives_of,
        pin_settings,
    )
    from shoal.problems.registry import fill_settings, names_code, usual_settings
    from shoal.problems.table_input import load_with_columns
    from shoal.settings.budgets import with_budget
    from shoal.settings.first_genomes import read_genomes
    from shoal.settings.search_settings import SearchSettings, read_settings_file

    values: dict[str, Any] = {}
    if settings_file is not None:
        values = read_settings_file(settings_file)
    values |= {key: value for key, value in given.items() if value is not None}
    called: dict[str, str] = {}
    if given.get("role") is not None:
        values, called = _with_roles(values)

    if values.pop("demo_simulation", False):
        _refuse_beside_demo(values.get("data", DEMO_SIMULATION))
        values["data"] = DEMO_SIMULATION
    name = values.pop("name", None)
    budget = values.pop("budget", None)
    source = values.pop("data", "concrete")
    # A file names its table as seen from the file, a command as seen from where it was typed.
    if settings_file is not None and given.get("data") is None:
        source = _beside(settings_file, source)
    data_options = _take_data_options(values)
    for setting in CODE_SETTINGS:
        _name_code(values, setting, settings_file if given.get(setting) is None else None)

    if settings_file is not None and given.get("start_from") is None and "start_from" in values:
        values["start_from"] = _beside(settings_file, values["start_from"])

    if given.get("first_genomes") is not None:
        values["first_genomes"] = read_genomes(given["first_genomes"])

    options = read_options("--option", values.pop("options", {}))
    subject: Subject
    if isinstance(source, str) and names_code(source):
        _refuse_data_options(source, data_options)
        subject = _written(source, options).with_options(**options)
        usual = usual_settings(subject)
        filled = fill_settings(with_budget(budget, pin_settings(values), usual), usual)
        settings = SearchSettings.parse(filled)
    else:
        _refuse_options(source, options)
        for setting in CODE_SETTINGS:
            _check_import(values.get(setting))
        pinned = with_budget(budget, pin_settings(values), {})
        settings = SearchSettings.parse(call_columns(pinned, called))
        data_options = {**data_options_of(settings), **data_options}
        preset = cast("Preset", settings.preset)
        subject = load_with_columns(source, objectives_of(settings), preset=preset, **data_options)
    check_search(subject, settings, name)
    return RunInput(subject, settings, name)


def _refuse_beside_demo(source: Any) -> None:
    """Raise `SettingsError` if something else is to be solved than the simulation to try out."""
    from shoal.errors import SettingsError

    if source != DEMO_SIMULATION:
        raise SettingsError(
            f"--demo-simulation, and {source!r} to solve.",
            expected=f"one of them: --demo-simulation runs {DEMO_SIMULATION}",
            remedy="leave one of them out",
        )


def _with_roles(values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """The values with the roles of ``role`` as options of the data, in place of the file's; and
    what columns are called that an objective is handed.
    """
    from shoal.data.roles import parse_roles, split_roles

    others = {name: value for name, value in values.items() if name != "role"}
    texts, called = split_roles(values["role"])
    roles = parse_roles(texts)
    if roles:
        others.pop("columns", None)
        others.pop("weight", None)
    return {**others, **roles}, called


def _name_code(values: dict[str, Any], setting: str, settings_file: Path | None) -> None:
    """Put the options of an objective or a metric beside its name; look for its file beside the
    settings file that names it.
    """
    from shoal.errors import SettingsError
    from shoal.settings.named_code import as_table

    options = read_options(f"--{setting}-option", values.pop(f"{setting}_options", {}))
    named = values.get(setting)
    if options and named is None:
        raise SettingsError(
            f"--{setting}-option {next(iter(options))}, and no {setting}.",
            expected=f"--{setting} NAME",
            remedy="name it, or leave the option out",
        )
    if named is None:
        return

    table = as_table(named)
    if not isinstance(table, dict) or not (options or settings_file):
        return
    if settings_file is not None:
        table["name"] = _beside(settings_file, table.get("name"))
    if options:
        table["options"] = {**table.get("options", {}), **options}
    if table.keys() == {"name"}:
        values[setting] = table["name"]
    else:
        values[setting] = table


def _check_import(named: Any) -> None:
    """Have a user's file imported in another process: importing it here first might never end."""
    from shoal.problems import references
    from shoal.problems.check import check_import
    from shoal.settings.named_code import as_table

    table = as_table(named)
    name = table.get("name") if isinstance(table, dict) else None
    if isinstance(name, str) and references.is_reference(name):
        check_import(name).refuse_bad()


def read_options(option: str, given: Any) -> dict[str, Any]:
    """Options of code: a table of a settings file, or texts NAME=VALUE."""
    from shoal.errors import SettingsError

    if isinstance(given, dict):
        return given
    are_texts = isinstance(given, list | tuple) and all(isinstance(text, str) for text in given)
    if not are_texts:
        raise SettingsError(
            f"options={reprlib.repr(given)}.",
            expected="a table of options, as in options.penalty = 9",
            remedy="write one, or leave it out",
        )

    options: dict[str, Any] = {}
    for text in given:
        name, separator, value = text.partition("=")
        if not separator:
            raise SettingsError(f"{option} {text!r}.", expected="NAME=VALUE, as in penalty=9")
        try:
            options[name] = json.loads(value)
        except ValueError:
            options[name] = value
    return options


def _written(name: str, options: Mapping[str, Any]) -> Written:
    """The simulation or function of that name, which another process called a few times.

    Importing it here first might never end.
    """
    from shoal.problems.check import check_named
    from shoal.problems.registry import comes_with_shoal, find_written

    if not comes_with_shoal(name):
        check_named(name, options=options).refuse_bad()
    return find_written(name)


def _refuse_data_options(source: str, data_options: dict[str, Any]) -> None:
    """Raise `SettingsError` if a simulation or a function was given an option of tables."""
    from shoal.errors import SettingsError

    for name, value in data_options.items():
        raise SettingsError(
            f"{name}={value!r} is an option of tables; {source} is none.",
            expected="settings of the search alone",
            remedy="leave it out",
        )


def _refuse_options(source: Any, options: dict[str, Any]) -> None:
    """Raise `SettingsError` if a table was given an option of simulations or functions."""
    from shoal.errors import SettingsError

    if options:
        raise SettingsError(
            f"options={options!r} belong to a simulation or a function, and {source} is neither.",
            expected="a simulation or a function, such as lost-sales or rastrigin",
            remedy="leave the options out",
        )


def _take_data_options(values: dict[str, Any]) -> dict[str, Any]:
    """Remove the options of the data from ``values`` and return them."""
    options = {key: values.pop(key) for key in _DATA_OPTIONS if key in values}
    if "data_seed" in values:
        options["seed"] = values.pop("data_seed")
    return options


def _beside(settings_file: Path, source: Any) -> Any:
    """The table, or the file of a simulation or function, that a settings file names.

    A relative path is first looked for beside the file.
    """
    from shoal.system.paths import is_there

    if not isinstance(source, str):
        return source

    place, colon, name = source, "", ""
    if ".py:" in source:
        place, colon, name = source.rpartition(":")
    neighbour = settings_file.parent / place
    if not Path(place).is_absolute() and is_there(neighbour):
        return f"{neighbour}{colon}{name}"
    return source
