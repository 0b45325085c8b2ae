"""The parts of the reference that the code writes: commands, settings, genes, public names.

Sphinx calls `setup`. Before it reads the pages, `write_pages` writes Markdown into
docs/reference/generated/, which the pages of docs/reference/ include.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import typer
import typer.cli
import typer.main

from shoal.cli.command_group import GROUPS
from shoal.cli.main import app
from shoal.data import DataOptions
from shoal.genome.genes import CATEGORICAL_GENES, NUMERIC_GENES
from shoal.settings.field_help import DATA
from shoal.settings.presets import PRESETS
from shoal.settings.search_settings import SearchSettings

FOLDER = Path(__file__).resolve().parents[1] / "reference" / "generated"


def setup(sphinx: Any) -> dict[str, Any]:
    """Have Sphinx write the pages before it looks for them."""
    sphinx.connect("builder-inited", lambda _: write_pages(FOLDER))
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def write_pages(folder: Path) -> None:
    """Write all generated pages, those alone that have changed.

    Parameters
    ----------
    folder
        Where to; it is made.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        path = folder / name
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def pages() -> dict[str, str]:
    """The generated pages: Markdown by file name."""
    return {
        "commands.md": commands_page(),
        "data_options.md": data_options_page(),
        "genes.md": genes_page(),
        "settings.md": settings_page(),
    }


def commands_page() -> str:
    """Every command with its arguments and options, as typer's own help has them."""
    group = typer.main.get_command(app)
    context = typer.Context(group, info_name="shoal")
    parts = []
    for title, names in GROUPS.items():
        parts.append(f"## {title}\n")
        for name in names:
            command = group.get_command(context, name)  # type: ignore[attr-defined]
            text = typer.cli.get_docs_for_click(
                obj=command, ctx=context, indent=2, call_prefix="shoal"
            )
            parts.append(_plain(text))
    return "\n".join(parts)


def _plain(text: str) -> str:
    """Leave out the option that all commands have, and name types as people do."""
    text = re.sub(r"^\* `--help`.*\n", "", text, flags=re.MULTILINE)
    text = re.sub(r"\*\*Options\*\*:\n\n(?!\*)", "", text)
    text = re.sub(r"<(?:int|float)(?: range)?>", "NUMBER", text)
    return re.sub(r" ?<list\[str\]>", "", text).replace("<str>", "TEXT").replace("<path>", "PATH")


def settings_page() -> str:
    """The settings of a search: their descriptions, and their defaults by preset."""
    parts = []
    for name, field in SearchSettings.model_fields.items():
        parts.append(_definition(name, _default_of(name), str(field.description)))
        if name == "generations":
            about = "How much is tried, by a name. See [Budgets](#budgets)."
            parts.append(_definition("budget", "none", about))
    return "\n".join(parts)


def _definition(name: str, default: str, description: str) -> str:
    """One entry of a list of definitions."""
    return f"`{name}` (default: {default})\n: {description}\n"


def _default_of(name: str) -> str:
    """The default of a setting; both, where the presets of tables differ."""
    modern, classic = (
        _written(getattr(SearchSettings(preset=preset), name)) for preset in ("modern", "classic")
    )
    if name == "preset" or modern == classic:
        return modern
    return f"modern {modern}, classic {classic}"


def _written(value: Any) -> str:
    """A default as a settings file would have it."""
    if value is None or value in ((), {}):
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    if isinstance(value, dict):
        return "by preset"
    return f"{value:g}" if isinstance(value, float) else str(value)


def data_options_page() -> str:
    """The options of the data, and what a new run of a table takes for them."""
    new = DataOptions.of_new_run("y")
    given = {"data": "concrete", "target": "that of concrete", "task": "recognised"}
    given["data_seed"] = str(new.seed)
    parts = []
    for name, help_text in DATA.items():
        default = given.get(name) or _written(getattr(new, name))
        parts.append(_definition(name, default, help_text.description))
    return "\n".join(parts)


def genes_page() -> str:
    """The genes with their bounds and the ranges of a first generation."""
    rows = ["| gene | bounds | first generation |", "|---|---|---|"]
    for gene in NUMERIC_GENES:
        high = "swarm_size - 1" if gene.name == "num_informants" else f"{gene.high:g}"
        first = f"{gene.start_low:g} to {gene.start_high:g}"
        rows.append(f"| `{gene.name}` | {gene.low:g} to {high} | {first} |")
    for name, choices in CATEGORICAL_GENES.items():
        first = _first_choices(name, choices)
        rows.append(f"| `{name}` | {', '.join(choices)} | {first} |")
    rows.append("| `hidden_layers` | 1 to 3 layers of 1 to 1024 | (32, 16) |")
    return "\n".join(rows) + "\n"


def _first_choices(name: str, choices: tuple[str, ...]) -> str:
    """What a first generation draws a categorical gene from, by preset."""
    texts = []
    for preset in ("modern", "classic"):
        allowed = _allowed(PRESETS[preset], name, choices)
        texts.append("any" if allowed == choices else ", ".join(allowed))
    if texts[0] == texts[1]:
        return texts[0]
    return f"{texts[0]} (modern), {texts[1]} (classic)"


def _allowed(preset: Any, name: str, choices: tuple[str, ...]) -> tuple[str, ...]:
    """The values that a search with a preset draws a gene from."""
    settings = SearchSettings(preset=preset.name)
    return settings.choices.get(name, choices[:1])
