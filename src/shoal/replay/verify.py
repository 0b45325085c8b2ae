"""A recorded training, again: is every number of it the same to the bit?

    check = verify(store, run_id, "1a2b3c", repeat=0)
    check.same, check.differences

An evaluation is a pure function of data, settings, genome and repeat, so anybody who has the store
can check it at any time. One that the clock ended (``training_seconds``) is repeated at its
recorded length.
"""

from __future__ import annotations

import logging
import math
import shlex
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shoal.errors import SettingsError, StoreError
from shoal.problems.base import Problem
from shoal.problems.evaluation import Evaluation
from shoal.pso.engines import cores, get_engine
from shoal.pso.swarm import SwarmState, TrainingTask
from shoal.settings.phase import FIRST_CONFIRMATION
from shoal.store import Store, default_path
from shoal.store.genome_lookup import genome_name
from shoal.store.serialization import sanitise_text

_log = logging.getLogger(__name__)
# Digits of a genome's hash in a command: enough for any run that fits a disk.
_NAME_DIGITS = 8
# What a value is that one of two evaluations does not have.
_MISSING = "-"


@dataclass(frozen=True, slots=True)
class Difference:
    """A value that is not what was recorded.

    Attributes
    ----------
    name
        Which value.
    recorded, again
        Both values as text, numbers exactly; "-" where there is none.
    """

    name: str
    recorded: str
    again: str


@dataclass(frozen=True, slots=True)
class ReplayCheck:
    """A recorded training compared with its repetition.

    Attributes
    ----------
    recorded, again
        The training as it was recorded, and as it is now.
    differences
        Values that are not the same.
    """

    recorded: Evaluation
    again: Evaluation
    differences: tuple[Difference, ...]

    @property
    def same(self) -> bool:
        """Whether every value is the same to the bit."""
        return not self.differences

    def to_dict(self, run_id: int) -> dict[str, Any]:
        """Values for the command line's JSON."""
        task = self.recorded.task
        values = {
            "run": run_id,
            "genome": task.genome.hash,
            "repeat": task.repeat,
            "same": self.same,
            "status": self.recorded.status,
            "error": self.recorded.error,
            "score": self.recorded.score,
            "iterations": self.recorded.iterations,
            "seconds": round(self.again.seconds, 3),
            "differences": [asdict(difference) for difference in self.differences],
        }
        # A table's own metric, the name until 1.0.
        if self.recorded.accuracy is not None:
            values["accuracy"] = self.recorded.accuracy
        return values


def replay_command(store: Store, run_id: int, genome: str, repeat: int) -> str:
    """The command that trains a recorded evaluation again.

    It names the store where that is not the default one.
    """
    command = f"shoal replay {run_id} {genome[:_NAME_DIGITS]} {repeat}"
    if store.path is not None and store.path != default_path():
        command += f" --store {shlex.quote(str(store.path))}"
    return command


def recorded_evaluation(store: Store, run_id: int | str, genome: str, repeat: int) -> Evaluation:
    """The evaluation of the genome whose hash begins with ``genome``.

    Raises
    ------
    StoreError
        There is no such genome, or no such repeat of it.
    """
    name = genome_name(store, run_id, genome)
    evaluations = {e.task.repeat: e for e in store.evaluations(run_id, genome=name)}
    if repeat not in evaluations:
        raise StoreError(
            f"Genome {name} of run {store.run(run_id).id} has no repeat {repeat}.",
            expected="one of " + ", ".join(map(str, sorted(evaluations))),
            remedy=f"choose one of these; those from {FIRST_CONFIRMATION} on are confirmations",
        )
    return evaluations[repeat]


def verify(
    store: Store,
    run_id: int | str,
    genome: str,
    repeat: int,
    threads: int | None = None,
    on_progress: Callable[[float], None] | None = None,
) -> ReplayCheck:
    """Train a recorded evaluation again, here and now, and compare.

    Parameters
    ----------
    store, run_id
        The run.
    genome
        The genome's hash, or its first digits.
    repeat
        The repeat.
    threads
        How many threads train; None: one for each core. They change no bit.
    on_progress
        Is called now and then with the share that is done, 0 to 1.

    Raises
    ------
    StoreError
        It is not recorded.
    SettingsError
        It failed before its length was recorded, which the clock decided.
    """
    evaluation = recorded_evaluation(store, run_id, genome, repeat)
    problem = store.load_problem(run_id)
    again, _ = retrain(problem, evaluation, threads or cores(), on_progress)
    check = ReplayCheck(evaluation, again, _differences(evaluation, again))
    if not check.same:
        names = ", ".join(difference.name for difference in check.differences)
        _log.warning("genome %s, repeat %d: not the same: %s", genome, repeat, names)
    return check


def retrain(
    problem: Problem,
    evaluation: Evaluation,
    threads: int = 1,
    on_progress: Callable[[float], None] | None = None,
) -> tuple[Evaluation, NDArray[np.float32] | None]:
    """Train a recorded evaluation again.

    Parameters
    ----------
    problem, evaluation
        What was trained.
    threads
        How many threads train. They change no bit.
    on_progress
        Is called now and then with the share that is done, 0 to 1.

    Returns
    -------
    Evaluation
        What the training gives now.
    NDArray or None
        Weights of its network, shape (weights,); None where it failed before it had any.

    Raises
    ------
    SettingsError
        It failed before its length was recorded, which the clock decided.
    """
    length = None
    if problem.settings.training_seconds is not None:
        length = evaluation.iterations
        if not length:
            raise SettingsError(
                "This training failed before its length was recorded, and its length was the"
                " clock's (training_seconds).",
                expected="a training of known length",
                remedy="replay another repeat, or search with an iteration budget, where every"
                " training can be repeated",
            )

    engine = get_engine(problem.settings.engine, threads)
    if on_progress is not None:
        engine.observer = _observer(on_progress)
    try:
        return problem.train(evaluation.task, engine, length)
    except Exception as error:
        # As `evaluate` records it.
        message = f"{type(error).__name__}: {error}"
        return Evaluation(evaluation.task, "failed", error=message), None


def _observer(on_progress: Callable[[float], None]) -> Callable[[TrainingTask, SwarmState], None]:
    def observe(task: TrainingTask, state: SwarmState) -> None:
        on_progress(state.iteration / max(1, task.iterations))

    return observe


def _differences(recorded: Evaluation, again: Evaluation) -> tuple[Difference, ...]:
    recorded_values = _values(recorded)
    new_values = _values(again)
    # In the order of the record; what only the new training has comes last.
    names = dict.fromkeys([*recorded_values, *new_values])

    differences = []
    for name in names:
        old = recorded_values.get(name, _MISSING)
        new = new_values.get(name, _MISSING)
        if old != new:
            differences.append(Difference(name, old, new))
    return tuple(differences)


def _values(evaluation: Evaluation) -> dict[str, str]:
    """Everything that a training determines, as text that tells any two numbers apart."""
    values = {"status": evaluation.status, "iterations": str(evaluation.iterations)}
    if evaluation.error is not None:
        values["error"] = sanitise_text(evaluation.error)

    # Older stores keep only finite losses.
    if evaluation.loss is not None and math.isfinite(evaluation.loss):
        values["loss"] = repr(evaluation.loss)

    if evaluation.scores is not None:
        for part, metrics in evaluation.scores.to_dict().items():
            for name, value in metrics.items():
                values[f"{part}.{name}"] = repr(value)

    for iteration, loss in evaluation.curve:
        values[f"loss after {iteration:,} iterations"] = repr(loss)
    return values
