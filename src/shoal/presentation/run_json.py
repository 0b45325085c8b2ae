"""A run as a JSON object, the same in the terminal and in the JSON API."""

from __future__ import annotations

from typing import Any

from shoal.store import RunView
from shoal.store.serialization import finite


def run_row(run: RunView) -> dict[str, Any]:
    """One run in `shoal runs --json`, after a command, and in `/api/v1/runs`.

    docs/reference/output.md lists the keys.
    """
    row = {
        "run": run.id,
        "name": run.name,
        "dataset": run.dataset,
        "preset": run.settings.preset,
        "seed": run.seed,
        "state": run.state,
        "pending": list(run.pending),
        "generations": run.generations,
        "evaluations": run.evaluations,
        "iterations": run.iterations,
        "seconds": round(run.seconds, 3),
        "kind": run.kind,
        "metric": run.metric.name,
        "best_score": finite(run.best_score),
        "best_repeats": run.best_repeats,
        "created": run.created,
        "result_hash": run.result_hash,
        "tags": list(run.tags),
        "note": run.note,
        "archived": run.archived,
    }
    # The name until 1.0.
    if run.metric.is_accuracy:
        row["best_accuracy"] = finite(run.best_score)
    return row
