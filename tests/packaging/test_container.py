"""The image's steps, and the compose file: what they name exists, and who may do what."""

from __future__ import annotations

import importlib.util
import json
from types import ModuleType

import pytest
import typer.main
import yaml

from shoal.cli.main import app
from support.locations import ROOT

CONTAINER = ROOT / "packaging" / "container"
DOCKERFILE = (CONTAINER / "Dockerfile").read_text()
COMPOSE = yaml.safe_load((CONTAINER / "compose.yaml").read_text())


@pytest.fixture(scope="module")
def rehearsal() -> ModuleType:
    spec = importlib.util.spec_from_file_location("rehearse", CONTAINER / "rehearse.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look their module up.
    import sys

    sys.modules["rehearse"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def steps(rehearsal: ModuleType) -> list[tuple[str, str]]:
    return list(rehearsal.instructions(DOCKERFILE))


def test_what_is_copied_exists_and_is_not_ignored(steps: list[tuple[str, str]]) -> None:
    ignored = (CONTAINER / "Dockerfile.dockerignore").read_text().splitlines()
    copied = []
    for name, rest in steps:
        if name == "COPY" and not rest.startswith("--from"):
            copied += rest.split()[:-1]

    assert "src" in copied and "pyproject.toml" in copied
    for path in copied:
        assert (ROOT / path).exists(), path
        assert f"!{path}" in ignored, path


def test_the_image_serves_as_a_user_without_rights(steps: list[tuple[str, str]]) -> None:
    last = dict(steps)
    # In digits: an engine can see that it is not root.
    assert last["USER"] == "10001:10001"
    command = [*json.loads(last["ENTRYPOINT"]), *json.loads(last["CMD"])]
    assert command[:4] == ["shoal", "serve", "--host", "0.0.0.0"]
    assert_is_a_command(command)
    assert last["VOLUME"] == "/data"
    assert "/_stcore/health" in last["HEALTHCHECK"]

    # No step after USER could give rights back.
    names = [name for name, _ in steps]
    assert "RUN" not in names[len(names) - 1 - names[::-1].index("USER") :]


def test_the_build_has_a_compiler_in_neither_stage() -> None:
    for word in ("gcc", "build-essential", "python3-dev"):
        assert word not in DOCKERFILE


def test_the_extras_of_the_image_exist() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert {"dashboard", "postgres", "ray"} <= set(project["optional-dependencies"])


def test_an_instruction_that_is_not_rehearsed_stops_the_rehearsal(
    rehearsal: ModuleType, steps: list[tuple[str, str]], tmp_path: object
) -> None:
    stage = rehearsal.Stage(tmp_path)
    with pytest.raises(SystemExit, match="ADD is not rehearsed"):
        rehearsal.apply([stage], {}, "ADD", "a b")
    for name, rest in steps:
        if name in ("ENV", "ARG", "USER", "CMD", "HEALTHCHECK"):
            rehearsal.apply([stage], {}, name, rest)
    assert stage.environment["XDG_DATA_HOME"] == "/data"
    assert stage.user == "10001:10001"


def test_compose_builds_this_checkout_and_waits_for_the_database() -> None:
    shoal, database = COMPOSE["services"]["shoal"], COMPOSE["services"]["database"]
    context = (CONTAINER / shoal["build"]["context"]).resolve()
    assert context == ROOT.resolve()
    assert (context / shoal["build"]["dockerfile"]).samefile(CONTAINER / "Dockerfile")

    assert shoal["depends_on"]["database"]["condition"] == "service_healthy"
    assert "pg_isready" in " ".join(database["healthcheck"]["test"])


def test_compose_shows_nothing_to_other_machines_and_holds_no_password() -> None:
    shoal, database = COMPOSE["services"]["shoal"], COMPOSE["services"]["database"]
    assert shoal["ports"] == ["127.0.0.1:8501:8501"]
    assert "ports" not in database

    # Without a password compose stops, with the reason.
    required = "${POSTGRES_PASSWORD:?"
    assert database["environment"]["POSTGRES_PASSWORD"].startswith(required)
    assert required in shoal["environment"]["SHOAL_STORE"]


def test_volumes_of_compose_are_declared() -> None:
    declared = set(COMPOSE["volumes"])
    for service in COMPOSE["services"].values():
        for volume in service["volumes"]:
            assert volume.split(":")[0] in declared
    mounted = COMPOSE["services"]["shoal"]["volumes"]
    assert "shoal-data:/data" in mounted


def assert_is_a_command(words: list[str]) -> None:
    """Whether the command line of ``shoal`` takes these words."""
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    command = commands[words[1]]
    command.make_context(words[1], words[2:], resilient_parsing=False)
