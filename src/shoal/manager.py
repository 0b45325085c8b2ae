"""`TrainManager`: the student system's control object, kept, with a process behind it instead of a thread."""

from __future__ import annotations

import os
import time
from typing import Any

import pandas as pd

from shoal.analysis.summary import summarise
from shoal.data import Dataset, load_dataset
from shoal.errors import RunStateError
from shoal.orchestration.launcher import ensure_supervisor
from shoal.orchestration.preflight import check_search
from shoal.settings.search_settings import SearchSettings
from shoal.store import ACTIVE, RunView, Store, open_store

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
        check_search(data, self._settings)
        self._data = data
        self._store = store if isinstance(store, Store) else open_store(store)
        self._hidden = 0  # runs up to this one are not shown, after `reset_progress`

    def start_training(self) -> int:
        """Queue a run and see that a supervisor process is alive; the run's id.

        When a run is queued or running in this store already, that one's id, whoever started it: nothing is started
        twice. To queue another search behind it, use `shoal.search` or the command line.
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
        """The active run, or else the newest: the student system's names, and ``run``, ``state``, ``time_left``.

        ``epoch`` (generations done), ``percent`` (0-100), ``best_fitness`` and ``avg_fitness`` (accuracy in percent),
        ``best_repeats``, ``elapsed_time`` (active seconds), ``ga_history`` (DataFrame: best_accuracy, avg_accuracy by
        generation), ``best_genome`` (dict, or None), ``best_genome_timestamp`` (seconds since 1970).
        """
        progress: dict[str, Any] = {
            "run": None,
            "state": "waiting",
            "epoch": 0,
            "percent": 0,
            "best_fitness": 0.0,
        }
        progress |= {"best_repeats": 0, "avg_fitness": 0.0, "elapsed_time": 0.0, "time_left": None}
        progress |= {"best_genome": None, "best_genome_timestamp": 0.0}
        history: list[tuple[float | None, float | None]] = []
        shown = self._shown()
        if shown is not None:
            summary = summarise(self._store, shown.id)
            run, best = summary.run, summary.best
            history = [
                (g.summary.best_accuracy, g.summary.mean_accuracy) for g in summary.generations
            ]
            progress |= {
                "run": run.id,
                "state": run.state,
                "epoch": run.generations,
                "percent": 100
                if run.state == "finished"
                else 100 * run.generations // run.settings.generations,
                "avg_fitness": run.avg_accuracy or 0.0,
                "elapsed_time": run.seconds,
                "time_left": summary.time_left,
            }
            if best is not None:
                progress |= {"best_fitness": best.accuracy, "best_repeats": best.repeats}
                progress |= {
                    "best_genome": best.genome.to_dict(),
                    "best_genome_timestamp": best.found,
                }
        columns = ["best_accuracy", "avg_accuracy"]
        return progress | {"ga_history": pd.DataFrame(history, columns=columns, dtype=float)}

    def get_best_genome(self) -> dict[str, Any] | None:
        """The best genome of the newest run, as a dict; None before its first generation."""
        genome: dict[str, Any] | None = self.get_progress()["best_genome"]
        return genome

    def reset_progress(self) -> None:
        """Start an empty view: `get_progress` shows only runs that start from now on. Deletes nothing, stops nothing."""
        runs = self._store.runs()
        self._hidden = runs[0].id if runs else 0

    def _shown(self) -> RunView | None:
        newest = next(iter(self._store.runs()), None)
        shown = self._active() or newest
        return shown if shown is not None and shown.id > self._hidden else None

    def _active(self) -> RunView | None:
        """The run that is running, or else the next of those that wait."""
        waiting = [run for run in reversed(self._store.runs()) if run.state in ACTIVE]
        return min(waiting, key=lambda run: run.state != "running", default=None)
