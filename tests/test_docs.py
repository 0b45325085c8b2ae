"""The documents name what the code has: commands, options, settings, genes, public names."""

from __future__ import annotations

import re

import typer.main

import shoal
from shoal.cli.main import app
from shoal.data import DataOptions
from shoal.genome.genes import CATEGORICAL_GENES, NUMERIC_GENES
from shoal.nn.activations import ACTIVATIONS
from shoal.settings.search_settings import SearchSettings
from shoal.tuning import baselines
from shoal.tuning.baselines import KINDS
from support.locations import ROOT, SOURCE

REFERENCE = (ROOT / "docs" / "reference.md").read_text()
README = (ROOT / "README.md").read_text()
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()


def test_every_command_is_in_the_reference_and_only_those() -> None:
    commands = set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]
    assert set(re.findall(r"^\| `shoal ([\w-]+)", REFERENCE, re.MULTILINE)) == commands


def test_places_that_contributing_names_exist() -> None:
    """In a row of its tables, a place is a path of the checkout, or of the package."""
    rows = "\n".join(line for line in CONTRIBUTING.splitlines() if line.startswith("|"))
    named = set(re.findall(r"`([\w/]+(?:\.py|/))`", rows))
    missing = {
        place for place in named if not (ROOT / place).exists() and not (SOURCE / place).exists()
    }
    assert len(named) > 30
    assert missing == set()


def test_every_setting_with_its_default() -> None:
    rows = dict(re.findall(r"^\| `(\w+)`(?:, `\w+`)? \| ([^|]*) \|", REFERENCE, re.MULTILINE))
    for name, field in SearchSettings.model_fields.items():
        assert f"`{name}`" in REFERENCE, f"setting {name} is not documented"
        if name in rows and isinstance(field.default, int | float) and name != "max_depth":
            assert rows[name].strip() == f"{field.default:g}", name


def test_every_data_option_with_its_default() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| ([^|]*) \|", REFERENCE, re.MULTILINE))
    for field in set(DataOptions.__dataclass_fields__) - {"preset", "seed"}:
        assert field in rows, f"data option {field} is not documented"
    new = DataOptions.of_new_run("y")
    assert rows["data_seed"].strip() == f"{new.seed}" and rows["folds"].strip() == f"{new.folds}"
    assert rows["log_columns"].split()[0] == new.log_columns
    assert rows["test_fraction"].strip() == f"{new.test_fraction}"
    assert rows["validation_fraction"].strip() == f"{new.validation_fraction}"


def test_every_baseline() -> None:
    for kind in KINDS:
        assert f"| `{kind}` |" in REFERENCE, f"baseline {kind} is not documented"


def test_the_activations_that_scikit_learn_lacks() -> None:
    lacking = [name for name in ACTIVATIONS if name not in baselines._ACTIVATIONS]
    prose = " ".join(REFERENCE.split())
    assert f"scikit-learn lacks the activation ({', '.join(lacking)})" in prose


def test_every_gene_with_its_bounds() -> None:
    for gene in NUMERIC_GENES:
        row = next(
            line
            for line in REFERENCE.splitlines()
            if line.startswith(f"| `{gene.name}` | {gene.low:g} to")
        )
        assert f"{gene.start_low:g} to {gene.start_high:g}" in row
        assert gene.name == "num_informants" or f"{gene.low:g} to {gene.high:g}" in row

    for name, choices in CATEGORICAL_GENES.items():
        assert f"| `{name}` | {', '.join(choices)} |" in REFERENCE


def test_every_public_name() -> None:
    for name in set(shoal.__all__) - {"__version__"}:
        assert f"`shoal.{name}" in REFERENCE, f"shoal.{name} is not documented"


def test_every_option_has_help() -> None:
    for name, command in typer.main.get_command(app).commands.items():  # type: ignore[attr-defined]
        assert command.help, name
        for parameter in command.params:
            assert parameter.name == "help" or parameter.help, f"{name} {parameter.name}"


def test_links_of_the_documents_exist() -> None:
    for document in [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name}: {target}"


def test_pictures_are_small_and_no_binary_is_large() -> None:
    for path in (ROOT / "docs").rglob("*"):
        assert path.is_dir() or path.stat().st_size < 200_000, path


def test_commands_that_the_readme_gives_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"^\s*make ([a-z-]+)", README, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    commands = set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]
    assert set(re.findall(r"^\s*shoal (\w+)", README, re.MULTILINE)) <= commands
