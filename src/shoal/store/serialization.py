"""Records to rows and back, exactly: what was a number is the same number, to the bit, when it is read."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Row

from shoal.genome.genome import Genome
from shoal.objectives.metrics import Scores
from shoal.problems.evaluation import Evaluation, GenerationSummary, Task


def sanitise_text(text: str) -> str:
    """Without what PostgreSQL cannot hold: NUL characters and half a surrogate pair."""
    return text.replace("\0", "�").encode("utf-8", "replace").decode()


def finite(value: float | None) -> float | None:
    """None for what JSON cannot hold: infinities and NaN."""
    return value if value is not None and math.isfinite(value) else None


def _jsonable(value: float) -> float | str:
    # JSON has no infinities; as text they survive, and so does the result hash of a run that met one.
    return value if math.isfinite(value) else str(value)


def evaluation_row(
    run_id: int, evaluation: Evaluation, genome: Mapping[str, Any]
) -> dict[str, Any]:
    """A row of the table ``evaluation``; ``genome`` is the genome's own dictionary."""
    task, scores = evaluation.task, evaluation.scores
    return {
        "run_id": run_id,
        "genome_hash": task.genome.hash,
        "repeat": task.repeat,
        "genome": genome,
        "generation": task.generation,
        "individual": task.individual,
        "status": evaluation.status,
        "accuracy": evaluation.accuracy,
        "loss": evaluation.loss,
        "scores": scores
        and {
            part: {k: _jsonable(v) for k, v in values.items()}
            for part, values in scores.to_dict().items()
        },
        "iterations": evaluation.iterations,
        "seconds": evaluation.seconds,
        "curve": [[iteration, _jsonable(loss)] for iteration, loss in evaluation.curve],
        "error": evaluation.error and sanitise_text(evaluation.error),
        "worker": sanitise_text(evaluation.worker),
    }


def read_evaluations(rows: Sequence[Row[Any]], genomes: dict[str, Genome]) -> list[Evaluation]:
    """The reverse of `evaluation_row`, from rows whose JSON is still text; fills ``genomes``, by hash, as it goes."""
    found = []
    for row in rows:
        genome = genomes.get(row.genome_hash)
        if genome is None:
            genome = genomes[row.genome_hash] = Genome.from_dict(json.loads(row.genome))
        found.append(
            Evaluation(
                task=Task(genome, row.repeat, row.generation, row.individual),
                status=row.status,
                scores=None if row.scores is None else _scores(row.scores),
                loss=row.loss,
                iterations=row.iterations,
                seconds=row.seconds,
                curve=tuple(
                    [(iteration, float(loss)) for iteration, loss in json.loads(row.curve)]
                ),
                error=row.error,
                worker=row.worker,
            )
        )
    return found


def _scores(text: str) -> Scores:
    parts = json.loads(text)
    return Scores.from_dict(
        {part: {k: float(v) for k, v in values.items()} for part, values in parts.items()}
    )


def generation_row(run_id: int, summary: GenerationSummary, seconds: float) -> dict[str, Any]:
    """A row of the table ``generation``."""
    return {
        "run_id": run_id,
        "number": summary.number,
        "best": summary.best.to_dict(),
        "best_accuracy": summary.best_accuracy,
        "best_repeats": summary.best_repeats,
        "mean_accuracy": summary.mean_accuracy,
        "evaluations": summary.evaluations,
        "seconds": seconds,
    }


def read_generation(row: Row[Any]) -> GenerationSummary:
    """The reverse of `generation_row`."""
    return GenerationSummary(
        number=row.number,
        best=Genome.from_dict(row.best),
        best_accuracy=row.best_accuracy,
        best_repeats=row.best_repeats,
        mean_accuracy=row.mean_accuracy,
        evaluations=row.evaluations,
    )
