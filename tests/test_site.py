"""The site of docs/: it builds without a warning, loads nothing from elsewhere, and its links hold.

External addresses are not visited: `python -m support.documents` lists them.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
import typer.main

import shoal
from shoal.cli.main import app
from shoal.data import DataOptions
from shoal.genome.genes import CATEGORICAL_GENES, NUMERIC_GENES
from shoal.settings.field_help import DATA
from shoal.settings.search_settings import SearchSettings
from support.documents import broken_links, documents, external_links, place_of
from support.locations import ROOT

DOCS = ROOT / "docs"
# What a browser loads by itself, in contrast to links, which a reader follows.
_LOADED = {"script": "src", "link": "href", "img": "src", "iframe": "src", "source": "src"}


class _Loaded(HTMLParser):
    """Collects what a page loads."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        # An address of the page itself, or of the next one, is no file that is loaded.
        if tag == "link" and values.get("rel") not in {"stylesheet", "preload", "icon"}:
            return
        address = values.get(_LOADED.get(tag, ""))
        if address:
            self.addresses.append(address)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-b", "html", "-W", "--keep-going", "-n", "-q"]
    command += ["-d", str(folder / "doctrees"), str(DOCS), str(folder / "html")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    built = subprocess.run(
        command, capture_output=True, text=True, env=environment, cwd=ROOT, check=False
    )
    assert built.returncode == 0, built.stderr
    return folder / "html"


def test_pages_load_nothing_from_elsewhere(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 40
    elsewhere = set()
    for page in pages:
        parser = _Loaded()
        parser.feed(page.read_text(encoding="utf-8"))
        elsewhere |= {text for text in parser.addresses if re.match(r"(https?:)?//", text)}
    assert elsewhere == set()


def test_styles_load_nothing_from_elsewhere(site: Path) -> None:
    elsewhere = set()
    for style in site.rglob("*.css"):
        elsewhere |= set(re.findall(r"(?:url|@import)\W*(https?:[^)\"']*)", style.read_text()))
    assert elsewhere == set()


def test_every_command_and_option_is_in_the_reference(site: Path) -> None:
    text = (site / "reference" / "commands.html").read_text(encoding="utf-8")
    for name, command in typer.main.get_command(app).commands.items():  # type: ignore[attr-defined]
        assert f'id="shoal-{name}"' in text, name
        for parameter in command.params:
            for option in parameter.opts:
                shown = option.startswith("--") and option != "--help" and not parameter.hidden
                assert not shown or option in text, f"{name} {option}"


def test_every_gene_is_in_the_reference(site: Path) -> None:
    text = (site / "reference" / "genes.html").read_text(encoding="utf-8")
    for gene in NUMERIC_GENES:
        assert f">{gene.name}</span>" in text
        assert f"<p>{gene.start_low:g} to {gene.start_high:g}</p>" in text
    for name, choices in CATEGORICAL_GENES.items():
        assert f">{name}</span>" in text
        assert ", ".join(choices) in text


def test_every_setting_is_in_the_reference_with_its_default(site: Path) -> None:
    page = (site / "reference" / "settings.html").read_text(encoding="utf-8")
    text = " ".join(re.sub(r"<[^>]*>", "", page).split())
    for name, field in SearchSettings.model_fields.items():
        assert field.description, name
        assert f"{name} (default: " in text, name
    for name in DATA:
        assert f"{name} (default: " in text, name
    assert "iterations (default: modern 1600, classic 500)" in text
    assert "test_fraction (default: 0.3)" in text


def test_no_option_of_the_data_is_missing() -> None:
    fields = set(DataOptions.__dataclass_fields__) - {"preset", "seed"}
    assert fields <= set(DATA)


def test_defaults_that_options_name_are_those_of_the_presets() -> None:
    options = typer.main.get_command(app).commands["run"].params  # type: ignore[attr-defined]
    checked = 0
    for option in options:
        for preset, value in re.findall(r"\b(modern|classic) (\d+)", option.help or ""):
            if option.name in SearchSettings.model_fields:
                assert getattr(SearchSettings(preset=preset), option.name) == int(value)
                checked += 1
    assert checked >= 6


def test_every_public_name_is_in_the_reference(site: Path) -> None:
    text = (site / "reference" / "api.html").read_text(encoding="utf-8")
    for name in set(shoal.__all__) - {"__version__"}:
        assert f'id="shoal.{name}"' in text, name


@pytest.mark.parametrize("document", documents(), ids=place_of)
def test_links_of_a_document_lead_somewhere(document: Path) -> None:
    assert broken_links(document) == []


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A heading\n\n[a](#a-heading) [b](#none) [c](missing.md) [d](page.md#none)\n")
    assert broken_links(page) == ["#none", "missing.md", "page.md#none"]


def test_external_addresses_are_secure_or_of_this_machine() -> None:
    addresses = external_links()
    assert len(addresses) > 2
    for address in addresses:
        assert address.startswith(("https://", "mailto:", "http://127.0.0.1")), address


@pytest.mark.parametrize("document", documents(), ids=place_of)
def test_lines_of_a_document_end_at_column_100(document: Path) -> None:
    lines = document.read_text(encoding="utf-8").splitlines()
    long = [number for number, line in enumerate(lines, 1) if len(line) > 100]
    assert long == []


def test_every_page_is_in_the_tree() -> None:
    """Two pages stand at the top of docs/; all others are of one kind, and in its folder."""
    assert {path.name for path in DOCS.glob("*.md")} == {"index.md", "architecture.md"}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The figures of the concepts, drawn anew."""
    folder = tmp_path_factory.mktemp("figures")
    command = [sys.executable, str(ROOT / "tools" / "figures.py"), "--out", str(folder)]
    subprocess.run(command, check=True, env={**os.environ, "PYTHONPATH": str(ROOT / "src")})
    return folder


def test_figures_are_what_the_code_draws(drawn: Path) -> None:
    kept = DOCS / "pictures" / "figures"
    assert {path.name for path in drawn.iterdir()} == {path.name for path in kept.iterdir()}
    for path in drawn.iterdir():
        assert path.read_text() == (kept / path.name).read_text(), f"{path.name}: `make figures`"
