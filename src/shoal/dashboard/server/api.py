"""The JSON API: what is recorded of runs, for programs; see docs/reference/json-api.md."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from shoal.analysis.summary import summarise
from shoal.dashboard.server.openapi import document
from shoal.dashboard.server.program_paths import API
from shoal.errors import RunNotFoundError, SettingsError, ShoalError
from shoal.presentation.run_json import run_row
from shoal.store import EVALUATION_COLUMNS, Store

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

# What a page of a list has, unless the request says otherwise, and what it has at most.
RUNS_OF_A_PAGE = (50, 500)
EVALUATIONS_OF_A_PAGE = (1_000, 5_000)
_MOST_DIGITS = 18
# Keys of `Summary.to_dict` that are about the champion.
_OF_CHAMPION = ("run", "metric", "best", "scores", "ensemble", "baselines", "result_hash", "point")

Answer = dict[str, Any]


def routes(store: Callable[[], Store]) -> list[Route]:
    """The routes of the API.

    Parameters
    ----------
    store
        Gives the store; it may raise a `StoreError`.
    """
    answers: dict[str, Callable[[Store, Request], Answer]] = {
        "/runs": _runs,
        "/runs/{run}": _run,
        "/runs/{run}/evaluations": _evaluations,
        "/runs/{run}/generations": _generations,
        "/runs/{run}/champion": _champion,
    }
    made = [Route(f"{API}/openapi.json", _openapi)]
    for path, answer in answers.items():
        made.append(Route(API + path, _endpoint(store, answer)))
    return made


def error_answer(error: ShoalError) -> Response:
    """A problem as JSON, with the status that fits it."""
    status = 503
    if isinstance(error, RunNotFoundError):
        status = 404
    elif isinstance(error, SettingsError):
        status = 400
    content = {"error": error.problem, "expected": error.expected, "remedy": error.remedy}
    return _json(content, status)


async def not_found(scope: Scope, receive: Receive, send: Send) -> None:
    """ASGI application for paths that are not there."""
    content = {
        "error": "There is nothing at this path.",
        "expected": f"a path of {API}/openapi.json",
        "remedy": "",
    }
    await _json(content, 404)(scope, receive, send)


def not_allowed(methods: Sequence[str]) -> Response:
    """The answer to a request that would write: nothing here does."""
    content = {
        "error": "Nothing can be changed here.",
        "expected": " or ".join(methods),
        "remedy": "commands are given on the pages, and by the terminal: shoal -h",
    }
    answer = _json(content, 405)
    answer.headers["Allow"] = ", ".join(methods)
    return answer


def _endpoint(
    store: Callable[[], Store], answer: Callable[[Store, Request], Answer]
) -> Callable[[Request], Response]:
    # Not asynchronous: Starlette calls it in a thread, and no page waits for the store.
    def endpoint(request: Request) -> Response:
        try:
            return _json(answer(store(), request))
        except ShoalError as error:
            return error_answer(error)

    return endpoint


def _json(content: Mapping[str, Any], status: int = 200) -> Response:
    text = json.dumps(_finite(content), allow_nan=False)
    headers = {"Cache-Control": "no-store"}
    return Response(text, status, headers, media_type="application/json")


def _finite(value: Any) -> Any:
    """The value with null for numbers that JSON does not have."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    return value


def _number(request: Request, name: str, default: int, most: int | None = None) -> int:
    """A parameter of the request's address, from 0 or, where there is a most, from 1.

    Raises
    ------
    SettingsError
        It is no such number.
    """
    text = request.query_params.get(name)
    if text is None:
        return default

    is_number = text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS
    least = 0 if most is None else 1
    if is_number and int(text) >= least and (most is None or int(text) <= most):
        return int(text)
    expected = f"a whole number from {least}"
    if most is not None:
        expected += f" to {most:,}"
    raise SettingsError(f"{name}={text[:40]!r} cannot be used.", expected=expected)


def _flag(request: Request, name: str) -> bool:
    text = request.query_params.get(name, "false")
    if text not in ("true", "false"):
        raise SettingsError(f"{name}={text[:40]!r} cannot be used.", expected="true or false")
    return text == "true"


# --- answers ----------------------------------------------------------------------------------


def _openapi(request: Request) -> Response:
    return _json(document())


def _runs(store: Store, request: Request) -> Answer:
    limit = _number(request, "limit", *RUNS_OF_A_PAGE)
    before = _number(request, "before", 0) or None
    archived = _flag(request, "archived")

    # One more than is shown says whether there is another page.
    found = store.runs(limit + 1, archived=archived, before=before)
    shown = found[:limit]
    following = None
    if len(found) > limit:
        following = shown[-1].id
    return {"runs": [run_row(view) for view in shown], "next": following}


def _run(store: Store, request: Request) -> Answer:
    return summarise(store, request.path_params["run"]).to_dict()


def _evaluations(store: Store, request: Request) -> Answer:
    limit = _number(request, "limit", *EVALUATIONS_OF_A_PAGE)
    after = _number(request, "after", 0)
    run = store.run(request.path_params["run"])

    found = store.evaluation_rows(run.id, after, limit + 1)
    shown = []
    for row in found[:limit]:
        values = dict(zip(EVALUATION_COLUMNS, row, strict=True))
        # The column is named after the first metric.
        values["score"] = values.pop("accuracy")
        shown.append(values)

    following = None
    if len(found) > limit:
        following = shown[-1]["id"]
    return {"run": run.id, "evaluations": shown, "next": following}


def _generations(store: Store, request: Request) -> Answer:
    run = store.run(request.path_params["run"])
    shown = []
    for record in store.generations(run.id):
        summary = record.summary
        shown.append(
            {
                "number": summary.number,
                "genome": summary.best.to_dict(),
                "best_score": summary.best_score,
                "best_repeats": summary.best_repeats,
                "mean_score": summary.mean_score,
                "evaluations": summary.evaluations,
                "seconds": round(record.seconds, 3),
                "created": record.created,
            }
        )
    return {"run": run.id, "generations": shown}


def _champion(store: Store, request: Request) -> Answer:
    summary = summarise(store, request.path_params["run"])
    if summary.champion is None:
        raise RunNotFoundError(
            f"Run {summary.run.id} has no champion; it is {summary.run.state}.",
            expected="a finished run",
            remedy=f"its best genome so far: {API}/runs/{summary.run.id}",
        )
    values = summary.to_dict()
    return {name: values[name] for name in _OF_CHAMPION if name in values}
