"""The JSON API and its OpenAPI document: every answer is as the document says it is."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("streamlit", reason="the extra shoal[dashboard] is not installed")
pytest.importorskip("openapi_spec_validator", reason="openapi-spec-validator is not installed")

from jsonschema import Draft202012Validator
from openapi_spec_validator import validate
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from shoal.analysis.summary import summarise
from shoal.auth import Account, change_accounts, new_token, token_digest
from shoal.auth.sessions import SessionManager
from shoal.cli.main import app as command_line
from shoal.dashboard.network_access import LOOPBACK
from shoal.dashboard.server import api, openapi
from shoal.dashboard.server.auth_middleware import AuthMiddleware
from shoal.dashboard.server.open_stores import SharedStore
from shoal.dashboard.server.programs import ProgramsMiddleware
from shoal.data import load_dataset
from shoal.orchestration.runner import Runner
from shoal.settings.search_settings import SearchSettings
from shoal.store import EVALUATION_COLUMNS, Owner, Store, open_store
from support.asgi import Client
from support.fakes import InlineExecutor

DATA = load_dataset("concrete")
SETTINGS = SearchSettings(
    population=3, generations=2, repeats=1, iterations=20, confirmations=2, baselines=False
)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A finished run, one that waits, and an archived one."""
    with open_store(tmp_path_factory.mktemp("api") / "shoal.db") as store:
        run_id, _ = store.add_run(DATA, SETTINGS, name="prices")
        claim = store.claim(Owner.here(), run_id)
        assert claim
        assert Runner(store, claim, make_executor=InlineExecutor).drive() == "finished"
        store.add_run(DATA, SETTINGS, name="waits")
        old, _ = store.add_run(DATA, SETTINGS, name="old")
        claim = store.claim(Owner.here(), old)
        assert claim
        store.finish(claim, "stopped", seconds=0.0)
        store.archive(old)
        yield store


@pytest.fixture(scope="module")
def shared(filled: Store) -> Iterator[SharedStore]:
    """What the server reads."""
    opened = SharedStore(filled.raw_url)
    yield opened
    opened.close()


def server(shared: SharedStore, sessions: SessionManager | None = None) -> Starlette:
    """The middlewares of the real server, before a page that stands for Streamlit."""
    return Starlette(
        routes=[Route("/", lambda request: PlainTextResponse("a page"))],
        middleware=[
            Middleware(AuthMiddleware, sessions=sessions, names=(*LOOPBACK, "testserver")),
            Middleware(ProgramsMiddleware, store=shared),
        ],
    )


@pytest.fixture(scope="module")
def client(shared: SharedStore) -> Client:
    return Client(server(shared))


def read(client: Client, path: str, schema: str, status: int = 200) -> Any:
    """An answer of the API, checked against the document."""
    answer = client.get(f"/api/v1{path}")
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"

    document = openapi.document()
    reference = {"$ref": f"#/components/schemas/{schema}", "components": document["components"]}
    content = answer.json()
    Draft202012Validator(reference).validate(content)
    return content


def test_the_document_is_valid_and_served(client: Client) -> None:
    served = client.get("/api/v1/openapi.json").json()
    validate(served)
    assert served == json.loads(json.dumps(openapi.document()))


def test_the_document_has_every_path_and_no_other(filled: Store) -> None:
    routes = {route.path.removeprefix("/api/v1") for route in api.routes(lambda: filled)}
    assert set(openapi.document()["paths"]) == routes - {"/openapi.json"}


def test_limits_of_the_document_are_those_that_hold(client: Client) -> None:
    paths = openapi.document()["paths"]
    limits = {"/runs": api.RUNS_OF_A_PAGE, "/runs/{run}/evaluations": api.EVALUATIONS_OF_A_PAGE}
    for path, (usual, most) in limits.items():
        (limit,) = [each for each in paths[path]["get"]["parameters"] if each["name"] == "limit"]
        assert (limit["schema"]["default"], limit["schema"]["maximum"]) == (usual, most)
        real = path.replace("{run}", "1")
        read(client, f"{real}?limit={most + 1}", "Problem", 400)


def test_runs_are_those_of_the_command_line(
    client: Client, filled: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = read(client, "/runs", "Runs")
    assert [row["name"] for row in answer["runs"]] == ["waits", "prices"]
    assert answer["next"] is None

    command_line(["runs", "--json", "--store", filled.raw_url], standalone_mode=False)
    assert answer["runs"] == json.loads(capsys.readouterr().out)["runs"]


def test_runs_come_in_pages(client: Client) -> None:
    names = []
    following: int | None = 0
    while following is not None:
        page = read(client, f"/runs?limit=1&archived=true&before={following}", "Runs")
        names += [row["name"] for row in page["runs"]]
        following = page["next"]
    assert names == ["old", "waits", "prices"]


@pytest.mark.parametrize("run", [1, 2])
def test_a_run_is_that_of_the_command_line(
    client: Client, filled: Store, run: int, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = read(client, f"/runs/{run}", "Run")
    command_line(["show", str(run), "--json", "--store", filled.raw_url], standalone_mode=False)
    assert answer == json.loads(capsys.readouterr().out)


def test_evaluations_come_in_pages(client: Client, filled: Store) -> None:
    recorded = filled.evaluation_rows(1)
    whole = read(client, "/runs/1/evaluations", "Evaluations")
    assert len(whole["evaluations"]) == len(recorded) > 7

    seen: list[dict[str, Any]] = []
    after: int | None = 0
    while after is not None:
        page = read(client, f"/runs/1/evaluations?limit=7&after={after}", "Evaluations")
        assert len(page["evaluations"]) <= 7
        seen += page["evaluations"]
        after = page["next"]
    assert seen == whole["evaluations"]

    columns = ["score" if name == "accuracy" else name for name in EVALUATION_COLUMNS]
    for shown, row in zip(seen, recorded, strict=True):
        assert shown == dict(zip(columns, row, strict=True))


def test_generations_and_champion(client: Client, filled: Store) -> None:
    summary = summarise(filled, 1)
    assert summary.champion is not None
    generations = read(client, "/runs/1/generations", "Generations")["generations"]
    assert [each["number"] for each in generations] == [1, 2]
    assert generations[-1]["best_score"] == summary.generations[-1].summary.best_score

    champion = read(client, "/runs/1/champion", "Champion")
    assert champion["scores"] == summary.champion.scores.to_dict()
    assert champion["best"]["genome"] == summary.champion.genome.to_dict()
    assert champion["result_hash"] == filled.run(1).result_hash


def test_a_run_that_waits_has_neither(client: Client) -> None:
    assert read(client, "/runs/2/generations", "Generations")["generations"] == []
    assert read(client, "/runs/2/evaluations", "Evaluations")["evaluations"] == []
    problem = read(client, "/runs/2/champion", "Problem", 404)
    assert problem["error"] == "Run 2 has no champion; it is queued."


@pytest.mark.parametrize("rest", ["", "/evaluations", "/generations", "/champion"])
@pytest.mark.parametrize("run", ["99", "twelve", "%00", "-1", "9" * 400])
def test_a_run_that_is_not_there(client: Client, run: str, rest: str) -> None:
    problem = read(client, f"/runs/{run}{rest}", "Problem", 404)
    assert "There is no run" in problem["error"]


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=-1", "limit=many", "limit=1e3", "before=x", "archived=yes"]
)
def test_parameters_that_cannot_be_used(client: Client, query: str) -> None:
    problem = read(client, f"/runs?{query}", "Problem", 400)
    assert query.partition("=")[0] in problem["error"]
    assert problem["expected"]


def test_other_paths_and_methods(client: Client) -> None:
    read(client, "/nothing", "Problem", 404)
    assert client.get("/api").status_code == 404
    assert client.get("/api/v2/runs").status_code == 404
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        for path in ("/api/v1/runs", "/metrics"):
            answer = client.request(method, path)
            assert answer.status_code == 405
            assert answer.headers["allow"] == "GET, HEAD"
    assert client.request("HEAD", "/api/v1/runs").status_code == 200
    assert client.get("/").text == "a page"


def test_a_store_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "shoal.db").write_text("no database")
    unreadable = SharedStore(str(tmp_path / "shoal.db"))
    broken = Client(Starlette(middleware=[Middleware(ProgramsMiddleware, store=unreadable)]))
    answer = broken.get("/api/v1/runs")
    assert answer.status_code == 503
    assert answer.json()["error"]


def test_numbers_that_json_does_not_have_are_null() -> None:
    content = {"a": [math.nan, 1.5, {"b": -math.inf}], "c": (math.inf, "NaN")}
    answer = api._json(content)
    assert json.loads(bytes(answer.body)) == {"a": [None, 1.5, {"b": None}], "c": [None, "NaN"]}


# --- who may read -----------------------------------------------------------------------------

PATHS = ["/api/v1/runs", "/api/v1/runs/1/champion", "/api/v1/openapi.json", "/api", "/metrics"]


@pytest.fixture
def guarded(shared: SharedStore, tmp_path: Path) -> tuple[Client, str, Path]:
    """A server that asks for a login, a viewer's token, and the file of accounts."""
    token = new_token()
    accounts = tmp_path / "access.json"
    viewer = Account("wall", "viewer", token=token_digest(token))
    change_accounts(accounts, lambda known: replace(known, accounts=(viewer,)))
    client = Client(server(shared, SessionManager(accounts)))
    return client, token, accounts


@pytest.mark.parametrize("path", PATHS)
def test_a_stranger_gets_nothing(guarded: tuple[Client, str, Path], path: str) -> None:
    client, token, _ = guarded
    wrong = [
        {},
        {"Accept": "text/html"},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer wrong"},
        {"Authorization": f"Basic {token}"},
        {"Cookie": f"shoal-80={token}"},
    ]
    for headers in wrong:
        for method in ("GET", "HEAD", "POST"):
            answer = client.request(method, path, headers=headers)
            assert answer.status_code == 401, headers
            assert answer.headers["www-authenticate"] == "Bearer"
    # In an address a token would stand in logs, so that it opens nothing there.
    assert client.get(f"{path}?token={token}").status_code == 401


def test_a_token_reads_until_it_is_removed(guarded: tuple[Client, str, Path]) -> None:
    client, token, accounts = guarded
    headers = {"Authorization": f"Bearer {token}"}
    assert client.get("/api/v1/runs", headers=headers).status_code == 200
    assert client.get("/metrics", headers=headers).status_code != 401
    # It begins no session, and opens no page.
    assert not client.cookies
    assert client.get("/", headers=headers).status_code == 401

    change_accounts(accounts, lambda known: replace(known, accounts=()))
    assert client.get("/api/v1/runs", headers=headers).status_code == 401


def test_a_browser_that_is_logged_in_reads(guarded: tuple[Client, str, Path]) -> None:
    client, token, _ = guarded
    assert client.get(f"/?token={token}").status_code == 303
    assert client.get("/api/v1/runs").status_code == 200


def test_another_host_name_is_refused(client: Client) -> None:
    """A web site whose name leads to this machine reads nothing, though nobody logs in here."""
    for path in ("/api/v1/runs", "/metrics"):
        assert client.get(path, headers={"Host": "evil.example"}).status_code == 421
