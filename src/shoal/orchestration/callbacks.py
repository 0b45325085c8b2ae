"""What a caller of `shoal.search` is told while the run goes on, by functions of the caller."""

from __future__ import annotations

import time
from collections.abc import Callable

from shoal.errors import SettingsError
from shoal.problems.evaluation import Evaluation, GenerationSummary
from shoal.store import Store

OnEvaluation = Callable[[Evaluation], object]
OnGeneration = Callable[[GenerationSummary], object]

# Between two looks at the store.
_LOOK_SECONDS = 0.2


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
    ) -> None:
        _check_callable("on_evaluation", on_evaluation)
        _check_callable("on_generation", on_generation)
        self._on_evaluation = on_evaluation
        self._on_generation = on_generation
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
        if self._on_evaluation is None and self._on_generation is None:
            return
        if not at_once and self._clock() < self._next:
            return

        # Generations first: each is complete with evaluations that are recorded by now.
        summaries = []
        if self._on_generation is not None:
            for record in store.generations(run_id):
                if record.summary.number > self._last_generation:
                    summaries.append(record.summary)
        evaluations = store.evaluations_after(run_id, self._last_id)

        try:
            for evaluation_id, evaluation in evaluations:
                # A generation that was complete before this evaluation comes before it.
                while summaries and summaries[0].evaluations <= self._told:
                    self._tell_generation(summaries.pop(0))
                self._last_id = evaluation_id
                self._told += 1
                if self._on_evaluation is not None:
                    self._on_evaluation(evaluation)
            for summary in summaries:
                self._tell_generation(summary)
        except Exception as error:
            raise CallbackFailedError(error) from error
        self._next = self._clock() + _LOOK_SECONDS

    def _tell_generation(self, summary: GenerationSummary) -> None:
        assert self._on_generation is not None
        self._last_generation = summary.number
        self._on_generation(summary)


def _check_callable(name: str, value: object) -> None:
    if value is not None and not callable(value):
        raise SettingsError(
            f"{name}={value!r}.",
            expected="a function of one argument, or None",
            remedy=f"give a function as {name}",
        )
