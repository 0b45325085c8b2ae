"""The OpenAPI document of the JSON API: its paths, parameters and answers."""

from __future__ import annotations

from functools import cache
from typing import Any

from shoal._version import __version__
from shoal.dashboard.server.program_paths import API
from shoal.store.measures import STATES

Schema = dict[str, Any]

_INTEGER: Schema = {"type": "integer"}
_NUMBER: Schema = {"type": "number"}
_TEXT: Schema = {"type": "string"}
_OBJECT: Schema = {"type": "object"}


@cache
def document() -> dict[str, Any]:
    """The document, as `/api/v1/openapi.json` serves it."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Shoal",
            "version": __version__,
            "summary": "What is recorded of runs",
            "description": (
                "Read-only. Times are seconds since 1970 by the database's clock, durations are "
                "seconds, and scores are in the unit of the run's metric. New fields may come; "
                "none goes, and none changes its meaning, within v1."
            ),
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": API}],
        # Nothing at all, where the server asks nobody to log in.
        "security": [{"token": []}, {"session": []}, {}],
        "paths": _paths(),
        "components": {
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A token of `shoal access token NAME --viewer`.",
                },
                "session": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": "shoal-8501",
                    "description": "A browser's login; the cookie's name ends with the port.",
                },
            },
            "schemas": _schemas(),
        },
    }


# --- paths ------------------------------------------------------------------------------------


def _paths() -> dict[str, Any]:
    run = _parameter("run", "path", _TEXT, "The run's number.")
    return {
        "/runs": _get(
            "list_runs",
            "The runs, newest first, as `shoal runs --json` has them",
            "Runs",
            [
                _parameter("limit", "query", _range(50, 500), "How many, at most."),
                _parameter(
                    "before",
                    "query",
                    _INTEGER,
                    "Only runs with a smaller number: `next` of the page before.",
                ),
                _parameter(
                    "archived",
                    "query",
                    {"type": "boolean", "default": False},
                    "Whether archived ones are among them.",
                ),
            ],
        ),
        "/runs/{run}": _get(
            "read_run", "One run, as `shoal show RUN --json` has it", "Run", [run], may_miss=True
        ),
        "/runs/{run}/evaluations": _get(
            "list_evaluations",
            "The trainings of a run, in the order of their recording",
            "Evaluations",
            [
                run,
                _parameter("limit", "query", _range(1_000, 5_000), "How many, at most."),
                _parameter(
                    "after",
                    "query",
                    _INTEGER,
                    "Only trainings that were recorded later: `next` of the page before.",
                ),
            ],
            may_miss=True,
        ),
        "/runs/{run}/generations": _get(
            "list_generations",
            "The completed generations of a run, in order",
            "Generations",
            [run],
            may_miss=True,
        ),
        "/runs/{run}/champion": _get(
            "read_champion",
            "The genome that a finished run recommends, and its scores",
            "Champion",
            [run],
            may_miss=True,
        ),
    }


def _get(
    name: str, summary: str, answer: str, parameters: list[Schema], *, may_miss: bool = False
) -> Schema:
    answers = {
        "200": _answer("What was asked for.", answer),
        "400": _answer("A parameter that cannot be used.", "Problem"),
        "401": _answer("Nobody is logged in.", "Problem"),
        "503": _answer("The store cannot be read now.", "Problem"),
    }
    if may_miss:
        answers["404"] = _answer("There is no such run, or it has no champion.", "Problem")
    return {
        "get": {
            "operationId": name,
            "summary": summary,
            "parameters": parameters,
            "responses": answers,
        }
    }


def _answer(description: str, schema: str) -> Schema:
    return {
        "description": description,
        "content": {"application/json": {"schema": _reference(schema)}},
    }


def _parameter(name: str, place: str, schema: Schema, description: str) -> Schema:
    return {
        "name": name,
        "in": place,
        "required": place == "path",
        "schema": schema,
        "description": description,
    }


def _range(default: int, most: int) -> Schema:
    return {"type": "integer", "minimum": 1, "maximum": most, "default": default}


# --- what answers look like -------------------------------------------------------------------


def _schemas() -> dict[str, Schema]:
    genome = _open("A genome: the swarm's hyperparameters and the network's shape.", {})
    metric = _closed(
        "What scores are scores of.",
        {
            "name": _TEXT,
            "label": _TEXT,
            "direction": {"enum": ["maximize", "minimize"]},
            "unit": _TEXT,
            "task": _or_null(_TEXT),
        },
    )
    scores = _open("Metrics by part of the data.", {"train": _OBJECT}, required=())
    return {
        "Problem": _closed(
            "What is wrong, what would have been right, and what to do.",
            {"error": _TEXT, "expected": _TEXT, "remedy": _TEXT},
        ),
        "Genome": genome,
        "Metric": metric,
        "Scores": scores,
        "RunRow": _run_row(),
        "Runs": _page("runs", _reference("RunRow"), {}),
        "Best": _open(
            "The best genome so far.",
            {
                "genome": _reference("Genome"),
                "score": _or_null(_NUMBER),
                "repeats": _INTEGER,
                "ci95": _or_null({"type": "array", "items": _NUMBER}),
                "stability_margin": _or_null(_NUMBER),
                "generation": _INTEGER,
                "confirmation": _or_null(_OBJECT),
                "on_bounds": {"type": "array", "items": _OBJECT},
            },
        ),
        "Run": _run(),
        "Evaluation": _evaluation(),
        "Evaluations": _page("evaluations", _reference("Evaluation"), {"run": _INTEGER}),
        "Generation": _closed(
            "A completed generation.",
            {
                "number": _INTEGER,
                "genome": _reference("Genome"),
                "best_score": _or_null(_NUMBER),
                "best_repeats": _INTEGER,
                "mean_score": _or_null(_NUMBER),
                "evaluations": _INTEGER,
                "seconds": _NUMBER,
                "created": _NUMBER,
            },
        ),
        "Generations": _closed(
            "All of a run.",
            {"run": _INTEGER, "generations": _list(_reference("Generation"))},
        ),
        "Champion": _open(
            "The genome that a finished run recommends.",
            {
                "run": _INTEGER,
                "metric": _reference("Metric"),
                "best": _or_null(_reference("Best")),
                "scores": _reference("Scores"),
                "ensemble": _OBJECT,
                "baselines": _list(_OBJECT),
                "result_hash": _or_null(_TEXT),
            },
        ),
    }


def _run_row() -> Schema:
    return _open(
        "A run in a list.",
        {
            "run": _INTEGER,
            "name": _TEXT,
            "dataset": _TEXT,
            "preset": _TEXT,
            "seed": _INTEGER,
            "state": {"enum": list(STATES)},
            "pending": _list({"enum": ["pause", "resume", "stop"]}),
            "generations": _INTEGER,
            "evaluations": _INTEGER,
            "iterations": _INTEGER,
            "seconds": _NUMBER,
            "kind": {"enum": ["table", "simulation", "function"]},
            "metric": _TEXT,
            "best_score": _or_null(_NUMBER),
            "best_repeats": _or_null(_INTEGER),
            "created": _NUMBER,
            "result_hash": _or_null(_TEXT),
            "tags": _list(_TEXT),
            "note": _TEXT,
            "archived": _or_null(_NUMBER),
        },
    )


def _run() -> Schema:
    return _open(
        "A run with its best genome and, once it has finished, its champion's scores.",
        {
            "run": _INTEGER,
            "state": {"enum": list(STATES)},
            "kind": {"enum": ["table", "simulation", "function"]},
            "metric": _reference("Metric"),
            "generations": _INTEGER,
            "evaluations": _INTEGER,
            "iterations": _INTEGER,
            "seconds": _NUMBER,
            "best": _or_null(_reference("Best")),
            "scores": _or_null(_reference("Scores")),
            "ensemble": _or_null(_OBJECT),
            "baselines": _list(_OBJECT),
            "competing_runs": _OBJECT,
            "result_hash": _or_null(_TEXT),
            "dataset": _TEXT,
            "settings": _OBJECT,
            "data_options": _or_null(_OBJECT),
            "problem": _or_null(_OBJECT),
            "error": _or_null(_TEXT),
        },
    )


def _evaluation() -> Schema:
    return _closed(
        "One training.",
        {
            "id": _INTEGER,
            "genome": {"type": "string", "pattern": "^[0-9a-f]{16}$"},
            "repeat": _INTEGER,
            "generation": _INTEGER,
            "individual": _INTEGER,
            "status": {"enum": ["ok", "failed"]},
            "score": _or_null(_NUMBER),
            "loss": _or_null(_NUMBER),
            "iterations": _INTEGER,
            "seconds": _NUMBER,
            "created": _NUMBER,
            "worker": _TEXT,
        },
    )


def _page(name: str, items: Schema, further: dict[str, Schema]) -> Schema:
    following = {
        **_or_null(_INTEGER),
        "description": "What the next page is asked with; null: there is none.",
    }
    return _closed("One page.", {**further, name: _list(items), "next": following})


def _open(
    description: str, properties: dict[str, Schema], required: tuple[str, ...] | None = None
) -> Schema:
    """An object that may have further properties. All that are named are required by default."""
    if required is None:
        required = tuple(properties)
    schema: Schema = {"type": "object", "description": description, "properties": properties}
    if required:
        schema["required"] = list(required)
    return schema


def _closed(description: str, properties: dict[str, Schema]) -> Schema:
    """An object with exactly these properties."""
    return {**_open(description, properties), "additionalProperties": False}


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def _reference(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}
