"""A recorded training, again: is every number of it the same to the bit?

    verdict = verify(store, run_id, "1a2b3c", repeat=0)
    verdict.same, verdict.differences

An evaluation is a pure function of data, settings, genome and repeat, so it can be checked at any time, by anybody who has
the store. One that the clock ended (``training_seconds``) is repeated at its recorded length.
"""

from __future__ import annotations

import math
import shlex
from dataclasses import dataclass
from typing import Any

from shoal.errors import SettingsError, StoreError
from shoal.problems.evaluation import Evaluation
from shoal.problems.table import Problem, train_and_score
from shoal.pso.engines import cores, get_engine
from shoal.settings.phase import FIRST_CONFIRMATION
from shoal.store import Store, default_path
from shoal.store.genome_lookup import genome_name
from shoal.store.serialization import sanitise_text

_NAME_DIGITS = 8  # of a genome's name in a command: enough for any run that fits a disk


@dataclass(frozen=True, slots=True)
class Difference:
    """A value that is not what was recorded; both as text, numbers exactly."""

    name: str
    recorded: str
    again: str


@dataclass(frozen=True, slots=True)
class ReplayCheck:
    """The training as it was ``recorded``, and what it was ``again``; ``differences`` are between the two."""

    recorded: Evaluation
    again: Evaluation
    differences: tuple[Difference, ...]

    @property
    def same(self) -> bool:
        """Whether every value is the same to the bit."""
        return not self.differences

    def to_dict(self, run_id: int) -> dict[str, Any]:
        """As the command line's JSON shows it."""
        task, again = self.recorded.task, self.again
        return {
            "run": run_id,
            "genome": task.genome.hash,
            "repeat": task.repeat,
            "same": self.same,
            "status": self.recorded.status,
            "error": self.recorded.error,
            "accuracy": self.recorded.accuracy,
            "iterations": self.recorded.iterations,
            "seconds": round(again.seconds, 3),
            "differences": [
                {"name": d.name, "recorded": d.recorded, "again": d.again} for d in self.differences
            ],
        }


def replay_command(store: Store, run_id: int, genome: str, repeat: int) -> str:
    """What to type to train a recorded evaluation again; the store is named where it is not the default one."""
    command = f"shoal replay {run_id} {genome[:_NAME_DIGITS]} {repeat}"
    if store.path is not None and store.path != default_path():
        command += f" --store {shlex.quote(str(store.path))}"
    return command


def recorded_evaluation(store: Store, run_id: int | str, genome: str, repeat: int) -> Evaluation:
    """The evaluation of the genome whose hash begins with ``genome``. Raises `StoreError` where there is no such one."""
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
    store: Store, run_id: int | str, genome: str, repeat: int, threads: int | None = None
) -> ReplayCheck:
    """Train it again, here and now, on so many ``threads`` (None: one a core; they change no bit), and compare.

    Raises `StoreError` for what is not recorded, and `SettingsError` for what failed before the clock said how long it was.
    """
    evaluation = recorded_evaluation(store, run_id, genome, repeat)
    problem = store.load_problem(run_id)
    again = retrain(problem, evaluation, threads or cores())[0]
    return ReplayCheck(evaluation, again, _differences(evaluation, again))


def retrain(problem: Problem, evaluation: Evaluation, threads: int = 1) -> tuple[Evaluation, Any]:
    """What the training gives now, and its network's weights (D,); None where it fails before it has any."""
    timed = problem.settings.training_seconds is not None
    if timed and not evaluation.iterations:
        raise SettingsError(
            "This training failed before its length was recorded, and its length was the clock's (training_seconds).",
            expected="a training of known length",
            remedy="replay another repeat, or search with an iteration budget, where every training can be repeated",
        )
    engine = get_engine(problem.settings.engine, threads)
    try:
        return train_and_score(
            problem, evaluation.task, engine, evaluation.iterations if timed else None
        )
    except Exception as error:  # as `evaluate` records it
        return Evaluation(evaluation.task, "failed", error=f"{type(error).__name__}: {error}"), None


def _differences(recorded: Evaluation, again: Evaluation) -> tuple[Difference, ...]:
    one, other = _values(recorded), _values(again)
    names = [
        name for name in dict.fromkeys((*one, *other)) if one.get(name, "-") != other.get(name, "-")
    ]
    return tuple(Difference(name, one.get(name, "-"), other.get(name, "-")) for name in names)


def _values(evaluation: Evaluation) -> dict[str, str]:
    """Everything that a training determines, as text that tells any two numbers apart."""
    found = {"status": evaluation.status, "iterations": str(evaluation.iterations)}
    if evaluation.error is not None:
        found["error"] = sanitise_text(evaluation.error)
    if evaluation.loss is not None and math.isfinite(
        evaluation.loss
    ):  # older stores keep no others
        found["loss"] = repr(evaluation.loss)
    for part, metrics in (evaluation.scores.to_dict() if evaluation.scores else {}).items():
        found |= {f"{part}.{name}": repr(value) for name, value in metrics.items()}
    found |= {
        f"loss after {iteration:,} iterations": repr(loss) for iteration, loss in evaluation.curve
    }
    return found
