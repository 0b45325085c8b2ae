"""Where the settings and the data of runs differ, and whether their scores can be compared."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shoal.objectives.registry import Metric
from shoal.store import RunView

# Options of the data that decide which rows are test rows.
_SPLIT_OPTIONS = ("preset", "seed", "test_fraction", "group", "same", "order")
# What a record of a problem says of it, besides its kind and its metric.
_OF_PROBLEMS = ("name", "reference", "sha256", "options", "bounds", "integers")

# The task of a run that did not name one, as long as its data have not been read.
_TASK_NOT_NAMED = "recognised"


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting, or an option of the data as ``data.NAME``, with its value in each run, as text."""

    name: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why runs cannot be compared.

    Attributes
    ----------
    what
        What differs, as the beginning of a sentence: "Another table".
    values
        Each value, with the runs that have it. A value may be a user's text.
    """

    what: str
    values: tuple[tuple[str, tuple[int, ...]], ...]

    def __str__(self) -> str:
        parts = [f"{value} ({runs_text(run_ids)})" for value, run_ids in self.values]
        return f"{self.what}: {', '.join(parts)}"


def differing(runs: Sequence[RunView], ignore: Iterable[str] = ("workers",)) -> tuple[Setting, ...]:
    """The settings and options of the data that are not the same in all runs.

    Parameters
    ----------
    runs
        At least one.
    ignore
        Settings that are left out.
    """
    ignored = set(ignore)
    tables = [settings_of(run) for run in runs]
    # A dictionary keeps the order in which the names are first met.
    names = dict.fromkeys(name for table in tables for name in table)

    differing_settings = []
    for name in names:
        if name in ignored:
            continue
        values = tuple(table.get(name, "none") for table in tables)
        if len(set(values)) > 1:
            differing_settings.append(Setting(name, values))
    return tuple(differing_settings)


def settings_of(run: RunView) -> dict[str, str]:
    """Settings by name, and options of the data as ``data.NAME``, as text."""
    return {name: _text(value) for name, value in setting_values(run).items()}


def setting_values(run: RunView) -> dict[str, Any]:
    """Settings by name, and options of the data as ``data.NAME``, as JSON values.

    Bounds and choices are listed gene by gene: a whole table of them answers no question.
    """
    values = run.settings.to_dict()
    for name in ("bounds", "choices"):
        by_gene = values.pop(name)
        values |= {f"{name}.{gene}": value for gene, value in by_gene.items()}
    if run.problem is not None:
        values["problem.kind"] = run.kind
        for name in _OF_PROBLEMS:
            values[f"problem.{name}"] = run.problem.get(name)
    if run.is_table:
        for name, value in run.data_options.items():
            values[f"data.{name}"] = value
        values["data.table"] = _table_name(run)
    return values


def _table_name(run: RunView) -> str:
    """The table's name, and as much of its hash as tells it from another of that name."""
    return f"{run.dataset} {run.dataset_hash[:8]}".strip()


def _text(value: Any) -> str:
    if value is None or value in ((), [], {}):
        return "none"
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


def obstacles(runs: Sequence[RunView]) -> tuple[Obstacle, ...]:
    """Why the scores of these runs cannot be compared.

    Parameters
    ----------
    runs
        Any number of runs of one store.

    Returns
    -------
    tuple of Obstacle
        Empty if they can be compared: the same kind of problem, the same metric, and the same
        table, target, task, split and selection rows, or the same simulation.
    """
    # What has to be the same in all runs, with its value in each.
    required = {"Another metric": [_metric_text(run.metric) for run in runs]}
    if len({run.kind for run in runs}) > 1:
        required["Another kind of problem"] = [run.kind for run in runs]
    elif all(run.is_table for run in runs):
        required |= _required_of_tables(runs)
    else:
        required |= _required_of_problems(runs)

    met = []
    for what, values in required.items():
        run_ids: dict[str, list[int]] = {}
        for run, value in zip(runs, values, strict=True):
            run_ids.setdefault(value, []).append(run.id)
        if len(run_ids) > 1:
            groups = tuple((value, tuple(ids)) for value, ids in run_ids.items())
            met.append(Obstacle(what, groups))
    return tuple(met)


def _required_of_tables(runs: Sequence[RunView]) -> dict[str, list[str]]:
    """What runs on tables have to share."""
    return {
        "Another table": [_table_name(run) for run in runs],
        "Another target": [str(run.data_options.get("target")) for run in runs],
        "Another task, and so another accuracy": _tasks(runs),
        "Another split": [_split(run.data_options) for run in runs],
        "Other weights of rows": [_text(run.data_options.get("weight")) for run in runs],
        "Selected on other rows": [_selection_rows(run.data_options) for run in runs],
    }


def _required_of_problems(runs: Sequence[RunView]) -> dict[str, list[str]]:
    """What runs on simulations, or on functions, have to share."""
    records: list[dict[str, Any]] = [run.problem or {} for run in runs]
    return {
        f"Another {runs[0].kind}": [str(record.get("name")) for record in records],
        "Other options": [_text(record.get("options")) for record in records],
        "Other bounds": [_bounds_text(record) for record in records],
        "Another version of its code": [_hash_text(record.get("sha256")) for record in records],
    }


def _bounds_text(record: Mapping[str, Any]) -> str:
    """The box of a function, which other problems do not have."""
    bounds = record.get("bounds")
    if not bounds:
        return "none"
    box = {"bounds": bounds, "integers": record.get("integers")}
    digits = hashlib.sha256(json.dumps(box).encode()).hexdigest()[:8]
    return f"{len(bounds)} coordinates, bounds {digits}"


def _metric_text(metric: Metric) -> str:
    """A metric by its name, its unit and what is better."""
    unit = f" in {metric.unit}" if metric.unit else ""
    better = "larger" if metric.maximizes else "smaller"
    return f"{metric.label}{unit}, {better} is better"


def _hash_text(sha256: str | None) -> str:
    """As much of a file's hash as tells it from another."""
    if sha256 is None:
        return "bundled"
    return sha256[:8]


def _tasks(runs: Sequence[RunView]) -> list[str]:
    """The task of each run; all alike if one is not known, which then speaks against nothing."""
    tasks = [str(run.data_options.get("task") or _TASK_NOT_NAMED) for run in runs]
    if _TASK_NOT_NAMED in tasks:
        return [_TASK_NOT_NAMED] * len(runs)
    return tasks


def _split(options: dict[str, Any]) -> str:
    return ", ".join(f"{name} {_text(options.get(name))}" for name in _SPLIT_OPTIONS)


def _selection_rows(options: dict[str, Any]) -> str:
    """The rows by which a search chooses among genomes, in words."""
    if options.get("preset") == "classic":
        return "the training rows"
    folds = options.get("folds", 1)
    if folds > 1:
        return f"{folds} folds in turn"
    share = options.get("validation_fraction", 0.2)
    if not share:
        return "the training rows"
    return f"a validation part of {100 * share:g} %"


def runs_text(run_ids: Sequence[int]) -> str:
    """Runs by their numbers: "run 3", or "runs 3, 5"."""
    word = "run" if len(run_ids) == 1 else "runs"
    return f"{word} {', '.join(map(str, run_ids))}"
