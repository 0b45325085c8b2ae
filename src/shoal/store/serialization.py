"""Records to rows and back, exactly: a number comes back as the same number, to the bit."""

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
    """Replace what PostgreSQL cannot hold: NUL characters, and half a surrogate pair.

    Examples
    --------
    >>> sanitise_text("a" + chr(0) + "b") == "a" + chr(0xFFFD) + "b"
    True
    """
    return text.replace("\0", "�").encode("utf-8", "replace").decode()


def finite(value: float | None) -> float | None:
    """None for what JSON cannot hold: infinities and NaN.

    Examples
    --------
    >>> finite(0.5)
    0.5
    >>> finite(float("inf")) is None
    True
    """
    if value is None or not math.isfinite(value):
        return None
    return value


# --- evaluations ------------------------------------------------------------------------------


def evaluation_row(
    run_id: int, evaluation: Evaluation, genome: Mapping[str, Any]
) -> dict[str, Any]:
    """A row of the table ``evaluation``.

    Parameters
    ----------
    run_id
        The run that it belongs to.
    evaluation
        The record.
    genome
        The genome's own dictionary. The caller makes it once for all repeats of a genome.
    """
    task = evaluation.task
    scores = None
    if evaluation.scores:
        scores = _scores_to_json(evaluation.scores)
    error = None
    if evaluation.error is not None:
        error = sanitise_text(evaluation.error)

    return {
        "run_id": run_id,
        "genome_hash": task.genome.hash,
        "repeat": task.repeat,
        "genome": genome,
        "generation": task.generation,
        "individual": task.individual,
        "status": evaluation.status,
        "accuracy": evaluation.score,
        "loss": evaluation.loss,
        "scores": scores,
        "iterations": evaluation.iterations,
        "seconds": evaluation.seconds,
        "curve": [[iteration, _number_to_json(loss)] for iteration, loss in evaluation.curve],
        "error": error,
        "worker": sanitise_text(evaluation.worker),
    }


def read_evaluations(rows: Sequence[Row[Any]], genomes: dict[str, Genome]) -> list[Evaluation]:
    """Evaluations from rows of the table ``evaluation``.

    Parameters
    ----------
    rows
        The rows. Their JSON is still text.
    genomes
        The genomes that were read before, by hash. New ones are added, so that each genome is
        read once.
    """
    return [_read_evaluation(row, genomes) for row in rows]


def _read_evaluation(row: Row[Any], genomes: dict[str, Genome]) -> Evaluation:
    genome = genomes.get(row.genome_hash)
    if genome is None:
        genome = Genome.from_dict(json.loads(row.genome))
        genomes[row.genome_hash] = genome

    scores = None
    if row.scores is not None:
        scores = _scores_from_json(row.scores)

    # A list inside tuple(): it is faster than a generator, and a run has many points.
    curve = tuple([(iteration, float(loss)) for iteration, loss in json.loads(row.curve)])
    return Evaluation(
        task=Task(genome, row.repeat, row.generation, row.individual),
        status=row.status,
        scores=scores,
        loss=row.loss,
        iterations=row.iterations,
        seconds=row.seconds,
        curve=curve,
        error=row.error,
        worker=row.worker,
        score=row.accuracy,
    )


def _number_to_json(value: float) -> float | str:
    # JSON has no infinities and no NaN. As text they survive, and so does the result hash of a run
    # that met one. float() reads both forms.
    if math.isfinite(value):
        return value
    return str(value)


def _scores_to_json(scores: Scores) -> dict[str, dict[str, float | str]]:
    parts = {}
    for part, metrics in scores.to_dict().items():
        parts[part] = {name: _number_to_json(value) for name, value in metrics.items()}
    return parts


def _scores_from_json(text: str) -> Scores:
    parts = {}
    for part, metrics in json.loads(text).items():
        parts[part] = {name: float(value) for name, value in metrics.items()}
    return Scores.from_dict(parts)


# --- generations ------------------------------------------------------------------------------


def generation_row(run_id: int, summary: GenerationSummary, seconds: float) -> dict[str, Any]:
    """A row of the table ``generation``.

    Parameters
    ----------
    run_id
        The run.
    summary
        The completed generation.
    seconds
        The run's active training time at its end, in seconds.
    """
    return {
        "run_id": run_id,
        "number": summary.number,
        "best": summary.best.to_dict(),
        "best_accuracy": summary.best_score,
        "best_repeats": summary.best_repeats,
        "mean_accuracy": summary.mean_score,
        "evaluations": summary.evaluations,
        "seconds": seconds,
    }


def read_generation(row: Row[Any]) -> GenerationSummary:
    """A generation from a row of the table ``generation``."""
    return GenerationSummary(
        number=row.number,
        best=Genome.from_dict(row.best),
        best_score=row.best_accuracy,
        best_repeats=row.best_repeats,
        mean_score=row.mean_accuracy,
        evaluations=row.evaluations,
    )
