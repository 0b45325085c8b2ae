"""The documents name what the code has: commands, baselines, public names."""

from __future__ import annotations

import re

import typer.main

import shoal
from shoal.cli.main import app
from shoal.nn.activations import ACTIVATIONS
from shoal.tuning import baselines
from shoal.tuning.baselines import KINDS
from support.locations import ROOT, SOURCE

# The pages of the reference that people write. What the code writes is tested in test_site.py.
REFERENCE = "\n".join(
    path.read_text(encoding="utf-8") for path in sorted((ROOT / "docs" / "reference").glob("*.md"))
)
README = (ROOT / "README.md").read_text()
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()


def test_places_that_contributing_names_exist() -> None:
    """In its tables and lists, a place is a path of the checkout, or of the package."""
    lines = CONTRIBUTING.splitlines()
    rows = "\n".join(line for line in lines if line.startswith(("|", "- **", "  ")))
    named = set(re.findall(r"`([\w/]+(?:\.py|/))`", rows))
    missing = {
        place for place in named if not (ROOT / place).exists() and not (SOURCE / place).exists()
    }
    assert len(named) > 30
    assert missing == set()


def test_every_baseline() -> None:
    for kind in KINDS:
        assert f"- `{kind}`: " in REFERENCE, f"baseline {kind} is not documented"


def test_the_activations_that_scikit_learn_lacks() -> None:
    lacking = [name for name in ACTIVATIONS if name not in baselines._ACTIVATIONS]
    prose = " ".join(REFERENCE.split())
    assert f"scikit-learn lacks the activation ({', '.join(lacking)})" in prose


def test_every_public_name() -> None:
    for name in set(shoal.__all__) - {"__version__"}:
        assert f"`shoal.{name}" in REFERENCE, f"shoal.{name} is not documented"


def test_every_option_has_help() -> None:
    for name, command in typer.main.get_command(app).commands.items():  # type: ignore[attr-defined]
        assert command.help, name
        for parameter in command.params:
            assert parameter.name == "help" or parameter.help, f"{name} {parameter.name}"


def test_pictures_are_small_and_no_binary_is_large() -> None:
    for path in (ROOT / "docs").rglob("*"):
        assert path.is_dir() or path.stat().st_size < 200_000, path


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) < 120


def test_commands_that_the_readme_gives_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"^\s*make ([a-z-]+)", README, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    commands = set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]
    assert set(re.findall(r"^\s*shoal (\w+)", README, re.MULTILINE)) <= commands
