"""What a caller of `shoal.search` is told while the run goes on, by functions of the caller."""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from shoal.errors import SettingsError, ShoalWarning
from shoal.problems.evaluation import Evaluation, GenerationSummary
from shoal.store import RunView, Store

_log = logging.getLogger(__name__)
OnEvaluation = Callable[[Evaluation], object]
OnGeneration = Callable[[GenerationSummary], object]

# Between two looks at the store.
_LOOK_SECONDS = 0.2


class Callback:
    """What a search tells an object of the caller's; derive from it, and override what you need.

    Attributes
    ----------
    is_harmless
        Whether what it raises is no more than a warning, after which it is told nothing more.
        Otherwise it ends the search, as with the functions `on_evaluation` and `on_generation`.
    """

    is_harmless = False

    def on_start(self, run: RunView) -> None:
        """Once, before all others: the run, new or resumed."""

    def on_evaluation(self, evaluation: Evaluation) -> None:
        """Each evaluation that is recorded, in the recorded order, also those before a resume."""

    def on_generation(self, summary: GenerationSummary) -> None:
        """Each generation that is complete, also those before a resume."""

    def on_end(self, result: Any) -> None:
        """Once, after all others: the `shoal.api.SearchResult`, whatever the run's state.

        Its champion is None unless the run has finished. Where the run was left by an interrupt, it
        can be resumed.
        """


class CallbackFailedError(Exception):
    """A function of the caller has raised something.

    Attributes
    ----------
    error
        What it raised.
    """

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


class Callbacks:
    """Calls functions for what a run records, once for each record, in the recorded order.

    It reads the store, so it does not matter which process drives the run, or whether the run was
    interrupted and resumed meanwhile.

    Parameters
    ----------
    on_evaluation
        Called for each evaluation.
    on_generation
        Called for each generation, after the evaluations that completed it.
    objects
        Told the same, and when the run begins and ends.
    warn
        Told why an object that is harmless is told nothing more; None: it is a `ShoalWarning`.

    Raises
    ------
    SettingsError
        For what cannot be called.
    """

    def __init__(
        self,
        on_evaluation: OnEvaluation | None = None,
        on_generation: OnGeneration | None = None,
        clock: Callable[[], float] = time.monotonic,
        *,
        objects: Sequence[Callback] = (),
        warn: Callable[[str], object] | None = None,
    ) -> None:
        _check_callable("on_evaluation", on_evaluation)
        _check_callable("on_generation", on_generation)
        for item in objects:
            _check_callback(item)
        self._on_evaluation = on_evaluation
        self._on_generation = on_generation
        self._objects = list(objects)
        self._warn = warn or _warn
        self._is_started = False
        self._clock = clock
        self._next = clock()
        # What has been told: the id of the last evaluation, their number, the last generation.
        self._last_id = 0
        self._told = 0
        self._last_generation = 0

    def look(self, store: Store, run_id: int, *, at_once: bool = False) -> None:
        """Call the functions for what is new.

        Parameters
        ----------
        store, run_id
            The run.
        at_once
            Look even if the last look was a moment ago.

        Raises
        ------
        CallbackFailedError
            A function has raised something.
        """
        if not self._is_asked:
            return
        if not at_once and self._clock() < self._next:
            return

        # Generations first: each is complete with evaluations that are recorded by now.
        summaries = []
        if self._on_generation is not None or self._objects:
            for record in store.generations(run_id):
                if record.summary.number > self._last_generation:
                    summaries.append(record.summary)
        evaluations = store.evaluations_after(run_id, self._last_id)

        try:
            if self._objects and not self._is_started:
                self._is_started = True
                run = store.run(run_id)
                self._tell(lambda item: item.on_start(run))
            for evaluation_id, evaluation in evaluations:
                # A generation that was complete before this evaluation comes before it.
                while summaries and summaries[0].evaluations <= self._told:
                    self._tell_generation(summaries.pop(0))
                self._last_id = evaluation_id
                self._told += 1
                self._tell_evaluation(evaluation)
            for summary in summaries:
                self._tell_generation(summary)
        except Exception as error:
            raise CallbackFailedError(error) from error
        self._next = self._clock() + _LOOK_SECONDS

    def end(self, result: Callable[[], Any]) -> None:
        """Tell the objects that nothing more will come.

        Parameters
        ----------
        result
            Gives what has become of the run; it is asked if there is somebody to tell.

        Raises
        ------
        CallbackFailedError
            An object that is not harmless has raised something.
        """
        if not (self._objects and self._is_started):
            return
        value = result()
        try:
            self._tell(lambda item: item.on_end(value))
        except Exception as error:
            raise CallbackFailedError(error) from error

    @property
    def _is_asked(self) -> bool:
        return bool(self._on_evaluation or self._on_generation or self._objects)

    def _tell_evaluation(self, evaluation: Evaluation) -> None:
        if self._on_evaluation is not None:
            self._on_evaluation(evaluation)
        self._tell(lambda item: item.on_evaluation(evaluation))

    def _tell_generation(self, summary: GenerationSummary) -> None:
        self._last_generation = summary.number
        if self._on_generation is not None:
            self._on_generation(summary)
        self._tell(lambda item: item.on_generation(summary))

    def _tell(self, say: Callable[[Callback], None]) -> None:
        for item in list(self._objects):
            try:
                say(item)
            except Exception as error:
                if not item.is_harmless:
                    raise
                self._objects.remove(item)
                _log.debug("a callback has failed", exc_info=True)
                self._warn(
                    f"{type(item).__name__} has failed and is told nothing more of this run, which "
                    f"goes on: {type(error).__name__}: {error}"
                )


def _warn(text: str) -> None:
    warnings.warn(text, ShoalWarning, stacklevel=2)


def _check_callable(name: str, value: object) -> None:
    if value is not None and not callable(value):
        raise SettingsError(
            f"{name}={value!r}.",
            expected="a function of one argument, or None",
            remedy=f"give a function as {name}",
        )


def _check_callback(value: object) -> None:
    if not isinstance(value, Callback):
        raise SettingsError(
            f"callbacks=[{value!r}].",
            expected="objects that derive from shoal.Callback, such as shoal.trackers.MLflow()",
            remedy="give a function as on_evaluation or on_generation",
        )
