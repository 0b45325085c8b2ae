"""`TrainManager`: the student system's control object, with a process instead of a thread."""

from __future__ import annotations

import logging
import os
import time
import weakref
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import pandas as pd

from shoal.analysis.summary import Summary, summarise
from shoal.data import Dataset, load_dataset
from shoal.errors import RunStateError
from shoal.orchestration.launcher import ensure_supervisor
from shoal.orchestration.preflight import check_search
from shoal.problems.own_code import pin_settings
from shoal.settings.search_settings import SearchSettings
from shoal.store import ACTIVE, RunView, Store, open_store

if TYPE_CHECKING:
    from shoal.data import Preset
    from shoal.data.other_tables import Table

_log = logging.getLogger(__name__)

_POLL_SECONDS = 0.05
# The columns of a history of accuracies, which have their names from the student system, and of one
# of scores by another metric.
_ACCURACY_COLUMNS = ["best_accuracy", "avg_accuracy"]
_SCORE_COLUMNS = ["best_score", "mean_score"]


class TrainManager:
    """Start, watch and stop one search at a time in a store.

    The search runs in a supervisor process of its own: it goes on when the manager's process ends,
    and every manager of the same store sees the same run.

    Parameters
    ----------
    store
        Where runs are recorded: a path, the URL of a PostgreSQL database, or an open `shoal.Store`.
        None: the default store, which the command line and the dashboard use, too.
    data
        A prepared `shoal.Dataset`, or a table to prepare, as `shoal.load_dataset` takes it.
    target
        Column to predict, or several, for a table that is not bundled.
    settings
        Those of `shoal.SearchSettings`, by name. The preset is "classic" unless it is among them.

    Raises
    ------
    SettingsError, DataError, ProblemError, ExecutorError, StoreError
        As `shoal.search` does; nothing is written then.

    Examples
    --------
    ``folder`` is a `pathlib.Path`:

    >>> import shoal
    >>> manager = shoal.TrainManager(folder / "manager.db", generations=5, population=6)
    >>> manager.is_training(), manager.get_best_genome()
    (False, None)
    >>> manager.get_progress()["state"]
    'waiting'

    From here ``manager.start_training()`` starts the search, and ``manager.stop_training()`` ends
    it before its time.
    """

    def __init__(
        self,
        store: str | os.PathLike[str] | Store | None = None,
        *,
        data: str | Dataset | Table = "concrete",
        target: str | Sequence[str] | None = None,
        **settings: Any,
    ) -> None:
        self._settings = SearchSettings.parse({"preset": "classic", **pin_settings(settings)})
        # Everything that may be wrong is found before the store is opened.
        if not isinstance(data, Dataset):
            data = load_dataset(data, target, preset=cast("Preset", self._settings.preset))
        check_search(data, self._settings)
        self._data = data

        if not isinstance(store, Store):
            store = open_store(store)
            # It is ours, and nobody else can close it.
            weakref.finalize(self, store.close)
        self._store = store

        # Runs up to this number are not shown, after `reset_progress`.
        self._hidden = 0

    def start_training(self) -> int:
        """Queue a run, and see that a supervisor process is alive to drive it.

        Nothing is started twice: when a run is queued or running in this store already, whoever
        started it, that one is taken. To queue another search behind it, use `shoal.search` or the
        command line.

        Returns
        -------
        int
            The run's number.

        Raises
        ------
        StoreError
            If the store cannot be written to, or no supervisor can be started.
        """
        run_id, is_new = self._store.add_run(self._data, self._settings, exclusive=True)
        if not is_new:
            _log.info("run %s is queued or running already; no other is started", run_id)
        ensure_supervisor(self._store)
        return run_id

    def stop_training(self, timeout: float = 30.0) -> None:
        """Stop the active run, and return once it has stopped.

        Everything that was recorded is kept. Does nothing when no run is active.

        Parameters
        ----------
        timeout
            Seconds to wait for the run to stop.

        Raises
        ------
        TimeoutError
            If the run has not stopped by then. The command stands, and the run's owner will obey it
            when it answers.
        """
        active = self._active()
        if active is None:
            return
        try:
            self._store.command(active.id, "stop")
        except RunStateError:
            _log.info("run %s ended by itself before it could be stopped", active.id)
            return

        # The command is recorded, and the run's owner obeys it at its next look.
        deadline = time.monotonic() + timeout
        while self._store.run(active.id).state in ACTIVE:
            if time.monotonic() > deadline:
                raise TimeoutError(
                    f"Run {active.id} has not stopped within {timeout:g} s; it will when its owner "
                    "answers."
                )
            time.sleep(_POLL_SECONDS)

    def is_training(self) -> bool:
        """Whether a run of this store is queued or running."""
        return self._active() is not None

    def get_progress(self) -> dict[str, Any]:
        """How far the active run is, or else the newest one.

        Returns
        -------
        dict
            The names are the student system's, and a few more:

            ``run``
                The run's number; None before the first one.
            ``state``
                "waiting" before the first run, else the run's state.
            ``epoch``
                Generations that are completed.
            ``percent``
                Share of the estimated work of all phases, a whole number from 0 to 100; 100 is
                only a run that has finished.
            ``phase``
                What it is at: "search", "confirmation", "champion" or "baselines"; None before the
                first run.
            ``best_fitness``, ``avg_fitness``
                Score of the best genome by the run's metric, and the mean of the last generation.
            ``best_repeats``
                Trainings that the best genome's score is the mean of.
            ``best_genome``
                The best genome as a dict of genes; None before the first generation is completed.
            ``best_genome_timestamp``
                When it was found, in seconds since 1970.
            ``elapsed_time``
                Seconds that the run was active.
            ``time_left``
                Estimated seconds to the end; None where there is no estimate.
            ``ga_history``
                DataFrame (generations, 2): best_accuracy and avg_accuracy in percent. By another
                metric than the accuracy: best_score and mean_score.

        Raises
        ------
        StoreError
            If the store cannot be read.
        """
        shown = self._shown()
        if shown is None:
            return _no_progress()
        return _progress_of(summarise(self._store, shown.id))

    def get_best_genome(self) -> dict[str, Any] | None:
        """The best genome of the run that `get_progress` shows.

        Returns
        -------
        dict or None
            Genes by name, which ``shoal.Genome.from_dict`` takes. None before the run's first
            generation is completed.
        """
        genome: dict[str, Any] | None = self.get_progress()["best_genome"]
        return genome

    def rename(self, name: str) -> None:
        """Give the run that `get_progress` shows another name.

        Raises
        ------
        RunStateError
            If there is no such run.
        SettingsError
            If the name is empty, too long, or of several lines. Nothing is written then.
        """
        self._store.rename(self._shown_id(), name)

    def tag(self, *tags: str, remove: bool = False) -> tuple[str, ...]:
        """Add tags to the run that `get_progress` shows, or take them away.

        Parameters
        ----------
        *tags
            A few short words each, without commas.
        remove
            Whether they are taken away.

        Returns
        -------
        tuple of str
            The run's tags afterwards.

        Raises
        ------
        RunStateError
            If there is no such run.
        SettingsError
            If one of them is no tag, or there would be too many. Nothing is written then.
        """
        if remove:
            return self._store.tag(self._shown_id(), remove=tags).tags
        return self._store.tag(self._shown_id(), tags).tags

    def note(self, text: str) -> None:
        """Note something about the run that `get_progress` shows; an empty text removes the note.

        Raises
        ------
        RunStateError
            If there is no such run.
        SettingsError
            If the text is too long. Nothing is written then.
        """
        self._store.note(self._shown_id(), text)

    def archive(self, *, archived: bool = True) -> None:
        """Leave the run that `get_progress` shows out of lists, or list it again.

        Raises
        ------
        RunStateError
            If there is no such run, or it is queued or running.
        """
        self._store.archive(self._shown_id(), archived=archived)

    def reset_progress(self) -> None:
        """Have `get_progress` show only runs that start from now on.

        Deletes nothing and stops nothing. Other managers of the store go on showing the run.
        """
        newest = self._newest()
        self._hidden = 0
        if newest is not None:
            self._hidden = newest.id

    def _newest(self) -> RunView | None:
        return next(iter(self._store.runs()), None)

    def _shown_id(self) -> int:
        """The number of the run that is shown; raises `RunStateError` where there is none."""
        shown = self._shown()
        if shown is None:
            raise RunStateError(
                "This manager shows no run yet.", remedy="start one with start_training()"
            )
        return shown.id

    def _shown(self) -> RunView | None:
        shown = self._active() or self._newest()
        if shown is None or shown.id <= self._hidden:
            return None
        return shown

    def _active(self) -> RunView | None:
        """The run that is running, or else the one that has waited longest."""
        # The store gives the newest run first.
        longest_waiting_first = reversed(self._store.runs())
        active = [run for run in longest_waiting_first if run.state in ACTIVE]
        for run in active:
            if run.state == "running":
                return run
        return next(iter(active), None)


def _no_progress() -> dict[str, Any]:
    """What `get_progress` shows before the first run."""
    return {
        "run": None,
        "state": "waiting",
        "epoch": 0,
        "percent": 0,
        "phase": None,
        "best_fitness": 0.0,
        "best_repeats": 0,
        "avg_fitness": 0.0,
        "elapsed_time": 0.0,
        "time_left": None,
        "best_genome": None,
        "best_genome_timestamp": 0.0,
        # Typed like a history with rows, so that callers may compute with it.
        "ga_history": pd.DataFrame([], columns=_ACCURACY_COLUMNS, dtype=float),
    }


def _progress_of(summary: Summary) -> dict[str, Any]:
    run = summary.run
    done = summary.progress
    history = []
    for generation in summary.generations:
        history.append((generation.summary.best_score, generation.summary.mean_score))
    columns = _ACCURACY_COLUMNS if run.metric.is_accuracy else _SCORE_COLUMNS

    progress = _no_progress()
    progress.update(
        run=run.id,
        state=run.state,
        epoch=run.generations,
        percent=int(100 * done.share),
        phase=str(done.phase),
        avg_fitness=run.mean_score or 0.0,
        elapsed_time=run.seconds,
        time_left=done.seconds_left,
        ga_history=pd.DataFrame(history, columns=columns, dtype=float),
    )

    best = summary.best
    if best is not None:
        progress.update(
            best_fitness=best.score,
            best_repeats=best.repeats,
            best_genome=best.genome.to_dict(),
            best_genome_timestamp=best.found,
        )
    return progress
