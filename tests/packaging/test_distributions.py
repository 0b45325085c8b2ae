"""Wheel, archive of the source and conda recipe: what they hold and need."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
import venv
from pathlib import Path

import pytest
import yaml

from shoal import __version__
from support.locations import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
RECIPE = yaml.safe_load((ROOT / "packaging" / "conda" / "recipe.yaml").read_text())


def test_one_version_everywhere() -> None:
    assert PROJECT["project"]["version"] == __version__
    assert RECIPE["context"]["version"] == __version__
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == __version__


def test_the_conda_recipe_needs_what_the_package_needs() -> None:
    def plain(requirement: str) -> str:
        return requirement.replace(" ", "").lower()

    needed = {plain(each) for each in PROJECT["project"]["dependencies"]}
    python = plain("python" + PROJECT["project"]["requires-python"])
    assert {plain(each) for each in RECIPE["requirements"]["run"]} == {*needed, python}

    (entry,) = PROJECT["project"]["scripts"].items()
    assert RECIPE["build"]["python"]["entry_points"] == [f"{entry[0]} = {entry[1]}"]


def test_data_files_of_the_package_go_into_the_wheel() -> None:
    """A file beside the code that no pattern of pyproject.toml names would be left out."""
    patterns = PROJECT["tool"]["setuptools"]["package-data"]["shoal"]
    package = ROOT / "src" / "shoal"
    taken: set[Path] = set()
    for pattern in patterns:
        found = set(package.glob(pattern))
        assert found, pattern
        taken |= found

    listed = subprocess.run(
        ["git", "ls-files", "src/shoal"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode != 0:
        pytest.skip("no git checkout")
    beside = {ROOT / name for name in listed.stdout.splitlines() if not name.endswith(".py")}
    assert beside <= taken


def test_the_archive_names_files_that_exist() -> None:
    for line in (ROOT / "MANIFEST.in").read_text().splitlines():
        command, *names = line.split()
        if command in ("include", "graft"):
            for name in names:
                assert (ROOT / name).exists(), name


@pytest.mark.slow(part="packages")
def test_the_wheel_installs_without_a_compiler_and_runs(tmp_path: Path) -> None:
    """As for a stranger: an empty environment, pip, and wheels alone."""
    dist = tmp_path / "dist"
    python = new_environment(tmp_path / "build")
    call(python, "-m", "pip", "install", "--quiet", "build", "twine")
    call(python, "-m", "build", "--outdir", str(dist), str(ROOT))
    files = sorted(dist.iterdir())
    assert [path.suffix for path in files] == [".whl", ".gz"]
    call(python, "-m", "twine", "check", "--strict", *map(str, files))

    python = new_environment(tmp_path / "bare")
    # Nothing of this machine is found beside the environment itself.
    bare = {"PATH": str(python.parent), "XDG_DATA_HOME": str(tmp_path), "HOME": str(tmp_path)}
    pip = {name: value for name, value in os.environ.items() if re.match("(?i)pip_|.*_proxy", name)}
    call(
        python,
        *("-m", "pip", "install", "--quiet", "--only-binary", ":all:", str(files[0])),
        environment={**bare, **pip},
    )
    call(python, "-m", "pip", "check", environment=bare)

    shoal = [str(python.with_name("shoal"))]
    call(*shoal, "run", "--generations", "1", "--json", environment=bare, folder=tmp_path)
    runs = json.loads(call(*shoal, "runs", "--json", environment=bare, folder=tmp_path))
    assert [row["state"] for row in runs["runs"]] == ["finished"]


def new_environment(place: Path) -> Path:
    """An empty environment; its Python."""
    venv.create(place, with_pip=True, clear=True)
    folder = "Scripts" if sys.platform == "win32" else "bin"
    return place / folder / "python"


def call(
    *command: str | Path, environment: dict[str, str] | None = None, folder: Path | None = None
) -> str:
    done = subprocess.run(
        list(map(str, command)),
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
