"""A run's settings and data options as the TOML file that `shoal run --settings` reads."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from shoal.data import DataOptions
from shoal.settings.named_code import NamedCode
from shoal.settings.search_settings import SearchSettings
from shoal.settings.start import StartFrom

# Options of the data that stand elsewhere: the search's own preset, and ``data_seed``.
_STANDS_ELSEWHERE = {"preset", "seed"}


def settings_toml(settings: SearchSettings, options: DataOptions, data: str) -> str:
    """The text of a settings file.

    Parameters
    ----------
    settings, options
        Of the search and of its data.
    data
        What the table was called. Only of the bundled one does the name say where it is.
    """
    data_lines = []
    if data == "concrete":
        lines = ["# The same search again: shoal run --settings settings.toml"]
        data_lines.append(f"data = {_toml(data)}")
    else:
        lines = [
            "# The same search again: shoal run TABLE --settings settings.toml",
            f"# TABLE is the file that was searched; it was called {_toml(data)}.",
        ]
    for name, value in options.to_dict().items():
        if name not in _STANDS_ELSEWHERE and value is not None:
            data_lines.append(f"{name} = {_toml(value)}")
    data_lines.append(f"data_seed = {_toml(options.seed)}")

    return "\n".join([*lines, "", *data_lines, "", *_search_lines(settings)]) + "\n"


def simulation_settings_toml(settings: SearchSettings, record: Mapping[str, Any]) -> str:
    """The text of a settings file for a simulation or a function.

    Parameters
    ----------
    settings
        Of the search.
    record
        What the run recorded of its simulation or function.
    """
    lines = ["# The same search again: shoal run --settings settings.toml", ""]
    if record.get("on_the_fly"):
        lines = [
            "# The search was started by the function's own file: run that file again. A",
            "# shoal.FunctionProblem at its top level could be named here instead.",
            "",
        ]
    lines.append(f"data = {_toml(record['reference'])}")
    for name, value in record["options"].items():
        lines.append(f"options.{name} = {_toml(value)}")
    return "\n".join([*lines, "", *_search_lines(settings)]) + "\n"


def _search_lines(settings: SearchSettings) -> list[str]:
    """The settings of the search, then bounds and choices, a line for each gene."""
    # TOML has no "none", and every setting that may be none is that by default.
    values = {name: value for name, value in settings.to_dict().items() if value is not None}
    if settings.patience is None and settings.patience_on == "validation":
        # Without a patience it would get one. No training is longer than this.
        values["patience"] = settings.iterations

    lines = []
    for name, value in values.items():
        named = getattr(settings, name)
        if isinstance(named, NamedCode | StartFrom):
            lines.append(f"{name} = {_toml(named.model_dump(exclude_defaults=True))}")
        elif not isinstance(value, dict):
            lines.append(f"{name} = {_toml(value)}")
    for name in ("bounds", "choices"):
        for gene, value in values[name].items():
            lines.append(f"{name}.{gene} = {_toml(value)}")
    for option, value in settings.sampler_options.items():
        lines.append(f"sampler_options.{_toml(option)} = {_toml(value)}")
    return lines


def _toml(value: Any) -> str:
    """A value of TOML. Texts and numbers are written as JSON writes them, which TOML reads, too."""
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, dict):
        pairs = [f"{_toml(key)} = {_toml(item)}" for key, item in value.items()]
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, str):
        # JSON would escape a character beyond the first plane in halves, which TOML forbids, and
        # leaves one control character as it is, which TOML forbids, too.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return json.dumps(value)
