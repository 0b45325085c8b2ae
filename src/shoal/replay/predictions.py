"""What the network of a recorded training predicts: trained again, in a process of its own that is slow to ask for a core.

    fits = fits_of(store, run_id, genome.hash, repeat=0)
    fits.parts["validation"].target, fits.parts["validation"].predicted

Weights are kept of champions only, as they would fill a store; but a training is a pure function. Its own rows and those that
it was scored on are predicted, the test part is not touched.
"""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shoal.analysis.summary import load_champion
from shoal.errors import ShoalError, StoreError
from shoal.problems.evaluation import Evaluation
from shoal.problems.table import Problem
from shoal.pso.engines import get_engine
from shoal.replay.verify import recorded_evaluation, retrain
from shoal.store import Store, open_store
from shoal.system.process import lower_priority

MOST_SECONDS = 120.0  # of a recorded training that is repeated for a look
_STARTING_SECONDS = 120.0  # of a process on a busy machine, with its compiled code
_SLOWER = 20  # than the recorded training, on a machine that has other work
_NICENESS = 5  # as the page's that asks: somebody waits for it, once
_NEAR = 0.01  # percent points by which NumPy's sums may move an accuracy
_one_at_a_time = threading.Lock()


@dataclass(frozen=True, eq=False, slots=True)
class PartPredictions:
    """A part's rows: ``target`` and ``predicted`` (rows,), in the target's unit, or class indices."""

    target: NDArray[np.float64]
    predicted: NDArray[np.float64]


@dataclass(frozen=True, eq=False, slots=True)
class Predictions:
    """Predictions of one network, of "train" and, where there is such a part, "validation"; or of a champion, of "test".

    ``classes`` are their names by index, none for regression; ``same``: whether its scores are the recorded ones.
    """

    parts: Mapping[str, PartPredictions]
    classes: tuple[str, ...]
    target: str
    same: bool


def predict_recorded(store: Store, run_id: int, genome: str, repeat: int) -> Predictions:
    """Train it again, in another process, and predict. It takes as long as the training, and a few seconds.

    One at a time in this process. Raises `StoreError` for what is not recorded, failed, takes longer than `MOST_SECONDS`, or
    does not end in time.
    """
    evaluation = recorded_evaluation(store, run_id, genome, repeat)
    if evaluation.status == "failed":
        raise StoreError(
            f"This training failed: {evaluation.error}",
            remedy="choose a repeat that was trained to its end",
        )
    if evaluation.seconds > MOST_SECONDS:
        raise StoreError(
            f"This training took {evaluation.seconds:.0f} seconds.",
            expected=f"at most {MOST_SECONDS:.0f}, to be repeated for a look",
            remedy="train it with shoal.train in a process of your own",
        )
    limit = _STARTING_SECONDS + _SLOWER * evaluation.seconds
    asked = {"run": run_id, "genome": evaluation.task.genome.hash, "repeat": repeat, "limit": limit}
    environment = os.environ | {"SHOAL_STORE": store.raw_url}
    command = [sys.executable, "-m", "shoal.replay.predictions"]
    with _one_at_a_time:
        try:
            done = subprocess.run(
                command,
                input=json.dumps(asked).encode(),
                capture_output=True,
                timeout=limit,
                env=environment,
                check=False,
                start_new_session=True,
            )
        except subprocess.TimeoutExpired:
            raise StoreError(
                f"The training did not end within {limit:.0f} seconds.",
                remedy="try again when the machine is less busy",
            ) from None
    if done.returncode or not done.stdout:
        said = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise StoreError(
            f"The training could not be repeated: {said or 'its process ended'}.",
            remedy="`shoal doctor`",
        )
    return _unpacked(done.stdout)


def _fits(problem: Problem, evaluation: Evaluation) -> Predictions:
    again, weights = retrain(problem, evaluation)
    if weights is None:
        raise StoreError(
            f"This time the training failed: {again.error}",
            remedy="`shoal replay` compares the two",
        )
    engine, data = get_engine(problem.settings.engine), problem.dataset
    train, held_out = data.parts(evaluation.task.repeat)
    parts = {}
    for name, part in (("train", train), ("validation", held_out)):
        if part is not None:
            predicted = problem.predictions(engine, evaluation.task.genome, weights, part)
            if data.classes:
                predicted = predicted.argmax(axis=1).astype(np.float64)
            parts[name] = PartPredictions(part.target, predicted)
    same = again.scores == evaluation.scores
    return Predictions(parts, data.classes, data.options.target, same)


def champion_predictions(store: Store, run_id: int) -> Predictions | None:
    """What the networks of a finished run's champion say together of the test rows; None where there is no such part.

    Plain NumPy: its figures may differ from the recorded scores in the last digits.
    """
    problem = store.load_problem(run_id)
    champion, data = load_champion(store, store.run(run_id)), problem.dataset
    if champion is None or data.test is None:
        return None
    engine = get_engine("reference")
    each = (
        problem.predictions(engine, champion.genome, weights, data.test)
        for weights in champion.weights
    )
    blend = np.asarray(sum(share * said for share, said in zip(champion.shares, each, strict=True)))
    predicted = blend.argmax(axis=1).astype(np.float64) if data.classes else blend
    metrics = problem.metrics(blend, data.test)
    kept = champion.ensemble.test
    same = (
        metrics is not None and kept is not None and abs(metrics.accuracy - kept.accuracy) < _NEAR
    )
    return Predictions(
        {"test": PartPredictions(data.test.target, predicted)},
        data.classes,
        data.options.target,
        same,
    )


def _packed(fits: Predictions) -> bytes:
    about = json.dumps({"classes": fits.classes, "target": fits.target, "same": fits.same})
    arrays: dict[str, Any] = {"about": np.frombuffer(about.encode(), dtype=np.uint8)}
    for name, fit in fits.parts.items():
        arrays[name] = np.stack([fit.target, fit.predicted])
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def _unpacked(content: bytes) -> Predictions:
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        about = json.loads(archive["about"].tobytes())
        parts = {name: PartPredictions(*archive[name]) for name in archive.files if name != "about"}
    return Predictions(parts, tuple(about["classes"]), about["target"], about["same"])


def main() -> int:
    """The process: what is asked comes on standard input, the answer goes to standard output."""
    asked = json.loads(sys.stdin.buffer.read())
    if hasattr(signal, "alarm"):
        signal.alarm(int(asked["limit"]) + 1)  # also when nobody waits for it any more
    try:
        with open_store(create=False) as store:
            evaluation = recorded_evaluation(store, asked["run"], asked["genome"], asked["repeat"])
            problem = store.load_problem(asked["run"])
        lower_priority(_NICENESS)
        fits = _fits(problem, evaluation)
    except ShoalError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    sys.stdout.buffer.write(_packed(fits))
    return 0


if __name__ == "__main__":
    sys.exit(main())
