"""A claimed run, as its owner works on it: write down results, stay its owner, obey commands."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TypeVar

from shoal.analysis.progress import PHASE, PhaseMark, RunPhase
from shoal.errors import StoreFullError
from shoal.executors import Executor, Outcome
from shoal.orchestration.lease_keeper import lease_kept
from shoal.orchestration.live_status import LiveStatus
from shoal.problems.base import Problem
from shoal.problems.evaluation import Evaluation, GenerationSummary
from shoal.store import HEARTBEAT_SECONDS, Claim, Command, FinalState, Store

# How soon a command or a signal is noticed.
POLL_SECONDS = 0.2
# Between two looks at a store that takes nothing.
FULL_SECONDS = 2.0
# The state of a run after a command of this kind.
_STATE_AFTER: dict[str, FinalState] = {"stop": "stopped", "pause": "paused"}
_Result = TypeVar("_Result")
_log = logging.getLogger(__name__)


class RunReleasedError(Exception):
    """Ends the work on a run where it is.

    Attributes
    ----------
    commands
        What people asked for; empty when this process has to end.
    """

    def __init__(self, commands: tuple[Command, ...] = ()) -> None:
        self.commands = commands


class OwnedRun:
    """A run whose claim this process has.

    Parameters
    ----------
    store
        Where the run is.
    claim
        The right to write for it.
    seconds
        Active time of the run until now, over all its owners.
    leaving
        Whether this process was asked to end.
    clock
        Gives monotonic seconds.
    wait
        Waits for a number of seconds.
    look
        Called with each `poll`; what it raises ends the work. The lease is renewed meanwhile,
        however long it takes.
    """

    def __init__(
        self,
        store: Store,
        claim: Claim,
        seconds: float,
        leaving: Callable[[], bool],
        clock: Callable[[], float],
        wait: Callable[[float], None],
        look: Callable[[], None] | None = None,
    ) -> None:
        self._store = store
        self._claim = claim
        self._leaving = leaving
        self._clock = clock
        self._wait = wait
        self._look = look
        self._begun = clock() - seconds
        self._next_beat = clock() + HEARTBEAT_SECONDS
        self._live_status: LiveStatus | None = None

    @property
    def seconds(self) -> float:
        """Active time of the run, over all its owners."""
        return self._clock() - self._begun

    def show_live(self, problem: Problem, executor: Executor) -> None:
        """From now on, note what the executor is at."""
        self._live_status = LiveStatus(problem, executor, self._clock)

    def event(self, text: str, level: str = "info") -> None:
        """Tell people something about the run."""
        self._patiently(lambda: self._store.event(text, level, self._claim.run_id))

    def record(
        self, evaluations: Sequence[Evaluation], generations: Sequence[GenerationSummary]
    ) -> None:
        """Write down evaluations, and generations that are complete with them.

        They are on the disk when this returns. While the store takes nothing, it waits.

        Parameters
        ----------
        evaluations
            Results since the last call.
        generations
            Generations that these results have completed.
        """
        assert self._live_status is not None
        trainings = self._live_status.snapshot_if_due()
        self._patiently(
            lambda: self._store.record(
                self._claim, evaluations, generations, self.seconds, trainings
            )
        )
        _log.debug("run %s: %d evaluations recorded", self._claim.run_id, len(evaluations))

    def save_artifact(self, kind: str, content: bytes) -> None:
        """Keep what the run has made."""
        self._patiently(lambda: self._store.save_artifact(self._claim, kind, content))

    def enter(self, phase: RunPhase) -> None:
        """Note, for people, what the run is at from now on."""
        _log.info("run %s: %s", self._claim.run_id, phase)
        self.save_artifact(PHASE, PhaseMark(phase, self.seconds).to_bytes())

    def finish(
        self,
        state: FinalState,
        *,
        error: str | None = None,
        result_hash: str | None = None,
        evaluations: int | None = None,
        best: tuple[float, int] | None = None,
    ) -> bool:
        """Write down that the run has ended; see `Store.finish`."""
        return self._patiently(
            lambda: self._store.finish(
                self._claim,
                state,
                seconds=self.seconds,
                error=error,
                result_hash=result_hash,
                evaluations=evaluations,
                best=best,
            )
        )

    def release(self, commands: Sequence[Command]) -> str:
        """Obey the commands, or without any leave the run to its next owner; return its state.

        The last command counts, but nothing takes back a stop.
        """
        kinds = [command.kind for command in commands]
        if not kinds:
            _log.info("run %s: released, as this process ends", self._claim.run_id)
            self._store.release(self._claim, self.seconds)
            return "interrupted"

        last = kinds[-1]
        if "stop" in kinds:
            last = "stop"
        _log.info("run %s: obeys %s", self._claim.run_id, ", ".join(kinds))
        state = _STATE_AFTER[last]
        self._patiently(
            lambda: self._store.finish(
                self._claim, state, seconds=self.seconds, applied=tuple(commands)
            )
        )
        return state

    def poll(self, executor: Executor) -> list[Outcome]:
        """Look once at everything that may have happened; return the executor's new outcomes.

        Raises
        ------
        RunReleasedError
            The work has to end.
        NotOwnerError
            Another supervisor has taken the run over.
        """
        if self._leaving():
            raise RunReleasedError

        if self._look is not None:
            with lease_kept(self._store, self._claim, lambda: self.seconds):
                self._look()
        flags = self._store.poll_flags(self._claim.run_id)
        executor.set_watched(flags.watched)
        if flags.has_commands or self._clock() >= self._next_beat:
            self._beat()
        else:
            self._note_live()
        return executor.poll(POLL_SECONDS)

    def _beat(self) -> None:
        """Stay the owner, and hear what people have commanded meanwhile."""
        assert self._live_status is not None
        self._next_beat = self._clock() + HEARTBEAT_SECONDS
        trainings = self._live_status.snapshot_if_due()
        commands = self._patiently(
            lambda: self._store.heartbeat(self._claim, self.seconds, trainings)
        )
        if commands:
            raise RunReleasedError(commands)

    def _note_live(self) -> None:
        assert self._live_status is not None
        trainings = self._live_status.snapshot_if_due(alone=True)
        if trainings is None:
            return

        # A store that takes nothing costs the note: nobody waits for it.
        with suppress(StoreFullError):
            self._store.note_live(self._claim, trainings)

    def _patiently(self, write: Callable[[], _Result]) -> _Result:
        """What ``write`` returns. While the store takes nothing, it is tried again.

        A full disk, a quota that is used up and a server that is read-only for a while are alike:
        nothing is lost.
        """
        waits = 0
        while True:
            try:
                result = write()
            except StoreFullError as error:
                if self._leaving():
                    raise
                # Once, and not for every try: a disk may stay full for hours.
                if not waits:
                    _log.warning("run %s waits: %s", self._claim.run_id, error)
                waits += 1
                self._wait(FULL_SECONDS)
            else:
                if waits:
                    self._report_wait(waits * FULL_SECONDS)
                return result

    def _report_wait(self, seconds: float) -> None:
        _log.info("run %s goes on: the store takes writes again", self._claim.run_id)
        # Where it does not any more, the next write waits for it.
        with suppress(StoreFullError):
            text = f"The store could not be written; the run waited {seconds:g} s and goes on."
            self._store.event(text, "warning", self._claim.run_id)
