"""The export folder, written beside its place and moved there when it is whole."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

import shoal
from shoal import predictor
from shoal.api import champion_of
from shoal.champion import Champion
from shoal.errors import StoreError
from shoal.evaluation import Evaluation, Problem
from shoal.store import Store

FILES = ("genome.json", "model.json", "weights.npz", "predict.py", "evaluations.csv")


def export_run(store: Store, run_id: int | str, to: str | os.PathLike[str], *, force: bool = False) -> Path:
    """Write the run's champion and evaluations to the folder ``to``; returns its path.

    A run that has not finished gives its best so far. Raises `StoreError` when there is none, or when the folder exists and
    is not empty (unless ``force``, which replaces the files of an earlier export and leaves others alone).
    """
    target = Path(to)
    if target.exists() and not target.is_dir():
        raise StoreError(f"{target} is a file.", expected="a folder", remedy="choose another name")
    if target.is_dir() and any(target.iterdir()) and not force:
        raise StoreError(f"The folder {target} is not empty.", remedy="choose another one, or add --force")
    run = store.run(run_id)
    champion, problem = champion_of(store, run_id)
    contents = {
        "genome.json": _json(champion.genome.to_dict()),
        "model.json": _json(_model(champion, problem, run.id)),
        "weights.npz": _weights(champion),
        "predict.py": Path(predictor.__file__).read_bytes(),
        "evaluations.csv": _csv(_rows(store.evaluations(run_id, curves=False))),
    }
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
        raise StoreError(f"{target}: {error.strerror}.", remedy="choose a folder that you may write to") from None
    return target


def _model(champion: Champion, problem: Problem, run_id: int) -> dict[str, object]:
    data = problem.dataset
    return {
        "format": max(predictor.FORMATS),
        "shoal": shoal.__version__,
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
            f"{part}_{k}": v for part, m in (e.scores.to_dict() if e.scores else {}).items() for k, v in m.items()
        }
        genes = e.task.genome.to_dict() | {"hidden_layers": "-".join(map(str, e.task.genome.hidden_layers))}
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
            "worker": predictor.escape(e.worker),
            "error": predictor.escape(e.error or ""),
            **scores,
            **genes,
        }
