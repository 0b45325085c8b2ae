"""The export folder, written beside its place and moved there when it is whole."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from shoal._version import __version__
from shoal.analysis.best_model import champion_of
from shoal.analysis.evaluation_table import EvaluationTable
from shoal.analysis.summary import load_champion, summarise
from shoal.errors import RunStateError, StoreError
from shoal.export.report import Report
from shoal.export.settings_file import settings_toml
from shoal.inference import standalone
from shoal.problems.evaluation import Evaluation
from shoal.problems.table import Problem
from shoal.store import RunView, Store
from shoal.tuning.champion import Champion

FILES = (
    "genome.json",
    "settings.toml",
    "model.json",
    "weights.npz",
    "predict.py",
    "evaluations.csv",
    "report.html",
)


def export_run(
    store: Store, run_id: int | str, to: str | os.PathLike[str], *, force: bool = False
) -> Path:
    """Write the run's champion and evaluations to the folder ``to``; returns its path.

    A run that has not finished gives its best so far. Raises `StoreError` when there is none, or when the folder exists and
    is not empty (unless ``force``, which replaces the files of an earlier export and leaves others alone).
    """
    target = Path(to)
    if target.exists() and not target.is_dir():
        raise StoreError(f"{target} is a file.", expected="a folder", remedy="choose another name")
    if target.is_dir() and any(target.iterdir()) and not force:
        raise StoreError(
            f"The folder {target} is not empty.", remedy="choose another one, or add --force"
        )
    contents = _contents(store, store.run(run_id), *champion_of(store, run_id))
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".shoal-export-") as folder:
            for name, content in contents.items():
                with (Path(folder) / name).open("wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
            target.mkdir(exist_ok=True)
            for name in contents:
                shutil.move(Path(folder) / name, target / name)
    except OSError as error:
        raise StoreError(
            f"{target}: {error.strerror}.", remedy="choose a folder that you may write to"
        ) from None
    return target


def archive(store: Store, run_id: int | str) -> bytes:
    """The export folder of a finished run as a zip archive.

    Raises `RunStateError` for a run that has kept no champion: it would have to be trained first, which takes its time.
    """
    run, champion = _finished(store, run_id)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in _contents(store, run, champion, store.load_problem(run.id)).items():
            about = zipfile.ZipInfo(f"shoal-run-{run.id}/{name}")
            about.external_attr = (
                0o644 << 16
            )  # else some programs unpack files that nobody may read
            file.writestr(about, content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def report_page(store: Store, run_id: int | str) -> bytes:
    """The report of a finished run alone, HTML. Raises `RunStateError` as `archive` does."""
    run, champion = _finished(store, run_id)
    return _report(store, run, champion, store.load_problem(run.id))


def _finished(store: Store, run_id: int | str) -> tuple[RunView, Champion]:
    run = store.run(run_id)
    champion = load_champion(store, run)
    if champion is None:
        raise RunStateError(
            f"Run {run.id} is {run.state}, and has kept no champion yet.",
            expected="a finished run",
            remedy=f"`shoal export {run.id} --to DIR` trains the best genome so far, and writes the same files",
        )
    return run, champion


def _report(store: Store, run: RunView, champion: Champion, problem: Problem) -> bytes:
    summary = replace(summarise(store, run.id), champion=champion)
    table = EvaluationTable(store, run).refresh()
    return Report(summary, champion, problem.dataset, table).html().encode(errors="replace")


def _contents(store: Store, run: RunView, champion: Champion, problem: Problem) -> dict[str, bytes]:
    """The files, by name."""
    data = problem.dataset
    contents = (
        _json(champion.genome.to_dict()),
        settings_toml(run.settings, data.options, data.name).encode(errors="replace"),
        _json(_model(champion, problem, run.id)),
        _weights(champion),
        Path(standalone.__file__).read_bytes(),
        _csv(_rows(store.evaluations(run.id, curves=False))),
        _report(store, run, champion, problem),
    )
    return dict(zip(FILES, contents, strict=True))


def _model(champion: Champion, problem: Problem, run_id: int) -> dict[str, object]:
    data = problem.dataset
    return {
        "format": max(standalone.FORMATS),
        "shoal": __version__,
        "name": data.name,
        "run": run_id,
        "task": data.task,
        "layers": list(problem.network(champion.genome).layers),
        "activation": champion.genome.activation,
        "networks": len(champion.weights),
        "shares": champion.shares,
        "trained_on": "all rows but the test part" if champion.refitted else "train",
        "accuracy": champion.accuracy,
        "ci95": champion.ci95,
        "confirmation": champion.confirmation.to_dict() if champion.confirmation else None,
        "scores": champion.scores.to_dict(),
        "ensemble": champion.ensemble.to_dict(),
        "encoder": data.encoder.to_dict(),
    }


def _json(value: object) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()


def _weights(champion: Champion) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, weights=champion.weights)
    return buffer.getvalue()


def _csv(rows: Iterator[dict[str, object]]) -> bytes:
    table = list(rows)
    buffer = io.StringIO()
    columns = list(dict.fromkeys(name for row in table for name in row))
    writer = csv.DictWriter(buffer, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(table)
    return buffer.getvalue().encode()


def _rows(evaluations: Sequence[Evaluation]) -> Iterator[dict[str, object]]:
    for e in evaluations:
        scores = {
            f"{part}_{k}": v
            for part, m in (e.scores.to_dict() if e.scores else {}).items()
            for k, v in m.items()
        }
        genes = e.task.genome.to_dict() | {
            "hidden_layers": "-".join(map(str, e.task.genome.hidden_layers))
        }
        yield {
            "generation": e.task.generation,
            "individual": e.task.individual,
            "genome": e.task.genome.hash,
            "repeat": e.task.repeat,
            "status": e.status,
            "accuracy": e.accuracy,
            "loss": e.loss,
            "iterations": e.iterations,
            "seconds": e.seconds,
            "worker": standalone.escape(e.worker),
            "error": standalone.escape(e.error or ""),
            **scores,
            **genes,
        }
