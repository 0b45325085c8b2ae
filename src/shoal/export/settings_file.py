"""A run's settings and data options as the TOML file that `shoal run --settings` reads."""

from __future__ import annotations

import json
from typing import Any

from shoal.data import DataOptions
from shoal.settings.search_settings import SearchSettings

_ELSEWHERE = {"preset", "seed"}  # of the data options: the search's own preset, and data_seed


def settings_toml(settings: SearchSettings, options: DataOptions, data: str) -> str:
    """The file's text. ``data`` is what the table was called: only of the bundled one it says where it is."""
    values = {name: value for name, value in settings.to_dict().items() if value is not None}
    if settings.patience is None:
        values["patience"] = (
            settings.iterations
        )  # TOML has no "none": no training is longer than that, so it never ends one
    about = {
        name: value
        for name, value in options.to_dict().items()
        if name not in _ELSEWHERE and value is not None
    }
    about["data_seed"] = options.seed
    if data == "concrete":
        about = {"data": data} | about
        lines = ["# The same search again: shoal run --settings settings.toml"]
    else:
        lines = [
            "# The same search again: shoal run TABLE --settings settings.toml",
            f"# TABLE is the file that was searched; it was called {_toml(data)}.",
        ]
    lines += ["", *(f"{name} = {_toml(value)}" for name, value in about.items()), ""]
    lines += [
        f"{name} = {_toml(value)}" for name, value in values.items() if not isinstance(value, dict)
    ]
    for name in ("bounds", "choices"):
        lines += [f"{name}.{gene} = {_toml(value)}" for gene, value in values[name].items()]
    for option, value in settings.sampler_options.items():
        lines.append(f"sampler_options.{_toml(option)} = {_toml(value)}")
    return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    """A value of TOML; texts and numbers are written as JSON writes them, of which TOML's are a superset."""
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, dict):
        pairs = [f"{_toml(key)} = {_toml(item)}" for key, item in value.items()]
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, str):
        # JSON would escape a character beyond the first plane in halves, and leaves one control character as it is.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return json.dumps(value)
