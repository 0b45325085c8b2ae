"""`TrainManager`: the student system's control object, kept, with a process behind it instead of a thread."""

from __future__ import annotations

import os
import time
from typing import Any

import pandas as pd

from shoal.data import Dataset, load_dataset
from shoal.errors import RunStateError
from shoal.evaluation import Problem
from shoal.settings import SearchSettings
from shoal.store import RunView, Store, open_store
from shoal.summary import summarise
from shoal.supervisor import ensure_supervisor

ACTIVE = ("queued", "running", "interrupted")
_POLL_SECONDS = 0.05


class TrainManager:
    """Starts, watches and stops one search at a time in a store.

    ``store``: a path or URL; None for the default one. ``data``: a `Dataset`, or what `load_dataset` takes. ``settings``
    are those of `SearchSettings` (preset "classic" unless given). The training runs in a supervisor process of
    its own: it goes on when the manager's process ends, and every manager of the same store sees the same run.
    """

    def __init__(
        self,
        store: str | os.PathLike[str] | Store | None = None,
        *,
        data: str | Dataset | pd.DataFrame = "concrete",
        target: str | None = None,
        **settings: Any,
    ) -> None:
        self._settings = SearchSettings.parse({"preset": "classic", **settings})
        if not isinstance(data, Dataset):
            data = load_dataset(data, target, preset=self._settings.preset)
        Problem(data, self._settings)
        self._data = data
        self._store = store if isinstance(store, Store) else open_store(store)
        self._hidden = 0  # runs up to this one are not shown, after `reset_progress`

    def start_training(self) -> int:
        """Queue a run and see that a supervisor process is alive; the run's id.

        When a run is queued or running in this store already, that one's id: nothing is started twice.
        """
        run_id, _ = self._store.add_run(self._data, self._settings, exclusive=True)
        ensure_supervisor(self._store)
        return run_id

    def stop_training(self, timeout: float = 30.0) -> None:
        """Stop the active run and return once it has stopped. Keeps everything; does nothing when none is active.

        Raises `TimeoutError` after ``timeout`` seconds, the command standing.
        """
        active = self._active()
        if active is None:
            return
        try:
            self._store.command(active.id, "stop")
        except RunStateError:
            return  # it ended by itself in between
        deadline = time.monotonic() + timeout
        while self._store.run(active.id).state in ACTIVE:
            if time.monotonic() > deadline:
                raise TimeoutError(
                    f"Run {active.id} has not stopped within {timeout:g} s; it will when its owner answers."
                )
            time.sleep(_POLL_SECONDS)

    def is_training(self) -> bool:
        """Whether a run of this store is queued or running."""
        return self._active() is not None

    def get_progress(self) -> dict[str, Any]:
        """The newest run: the student system's names, and ``run``, ``state``, ``time_left``.

        ``epoch`` (generations done), ``percent`` (0-100), ``best_fitness`` and ``avg_fitness`` (accuracy in percent),
        ``best_repeats``, ``elapsed_time`` (active seconds), ``ga_history`` (DataFrame: best_accuracy, avg_accuracy by
        generation), ``best_genome`` (dict, or None), ``best_genome_timestamp`` (seconds since 1970).
        """
        run = self._shown()
        if run is None:
            return _progress(None, "waiting", 0, 0, 0.0, 0, 0.0, 0.0, None, 0.0, [], None)
        summary = summarise(self._store, run.id)
        run, best = summary.run, summary.best
        history = [(g.summary.best_accuracy, g.summary.mean_accuracy) for g in summary.generations]
        percent = 100 if run.state == "finished" else int(100 * run.generations / run.settings.generations)
        return _progress(
            run.id,
            run.state,
            run.generations,
            percent,
            best.accuracy if best else 0.0,
            best.repeats if best else 0,
            run.avg_accuracy or 0.0,
            run.seconds,
            best.genome.to_dict() if best else None,
            best.found if best else 0.0,
            history,
            summary.time_left,
        )

    def get_best_genome(self) -> dict[str, Any] | None:
        """The best genome of the newest run, as a dict; None before its first generation."""
        genome: dict[str, Any] | None = self.get_progress()["best_genome"]
        return genome

    def reset_progress(self) -> None:
        """Start an empty view: `get_progress` shows only runs that start from now on. Deletes nothing, stops nothing."""
        runs = self._store.runs()
        self._hidden = runs[0].id if runs else 0

    def _shown(self) -> RunView | None:
        runs = self._store.runs()
        return runs[0] if runs and runs[0].id > self._hidden else None

    def _active(self) -> RunView | None:
        return next((run for run in self._store.runs() if run.state in ACTIVE), None)


def _progress(
    run: int | None,
    state: str,
    epoch: int,
    percent: int,
    best_fitness: float,
    best_repeats: int,
    avg_fitness: float,
    elapsed_time: float,
    best_genome: dict[str, Any] | None,
    best_genome_timestamp: float,
    history: list[tuple[float | None, float | None]],
    time_left: float | None,
) -> dict[str, Any]:
    return {
        "run": run,
        "state": state,
        "epoch": epoch,
        "percent": percent,
        "best_fitness": best_fitness,
        "best_repeats": best_repeats,
        "avg_fitness": avg_fitness,
        "elapsed_time": elapsed_time,
        "ga_history": pd.DataFrame(history, columns=["best_accuracy", "avg_accuracy"], dtype=float),
        "best_genome": best_genome,
        "best_genome_timestamp": best_genome_timestamp,
        "time_left": time_left,
    }
