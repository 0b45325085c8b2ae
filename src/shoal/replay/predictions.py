"""What the network of a recorded training predicts.

    predictions = predict_recorded(store, run_id, genome.hash, repeat=0)
    predictions.parts["validation"].target, predictions.parts["validation"].predicted

Weights are kept of champions only, as they would fill a store; but a training is a pure function,
so it is done once more, in a process of its own with a low priority. The rows that it was trained
on and those that it was scored on are predicted; the test part is not touched.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shoal.analysis.summary import load_champion
from shoal.errors import ShoalError, StoreError
from shoal.problems.evaluation import Evaluation
from shoal.problems.table import TableProblem, as_table
from shoal.pso.engines import get_engine
from shoal.replay.process import MOST_SECONDS, NICENESS, ask_child, load_problem, one_training
from shoal.replay.verify import recorded_evaluation, retrain
from shoal.store import Store, open_store
from shoal.system.child import Entry, Parent, answer
from shoal.system.process import lower_priority

# Percentage points by which NumPy's sums may move an accuracy.
_NEAR = 0.01


@dataclass(frozen=True, eq=False, slots=True)
class PartPredictions:
    """Predictions for the rows of one part of the data.

    Attributes
    ----------
    target, predicted
        Shape (rows,): values in the target's unit, or class indices. (rows, targets): values of
        several targets.
    """

    target: NDArray[np.float64]
    predicted: NDArray[np.float64]


@dataclass(frozen=True, eq=False, slots=True)
class Predictions:
    """Predictions of one network, or of a champion's networks together.

    Attributes
    ----------
    parts
        By name: "train" and, where there is such a part, "validation"; "test" for a champion.
    classes
        Names of the classes by their index; empty for regression.
    targets
        Names of the predicted columns; one, or several of a regression.
    same
        Whether the scores of these predictions are the recorded ones.
    """

    parts: Mapping[str, PartPredictions]
    classes: tuple[str, ...]
    targets: tuple[str, ...]
    same: bool

    def of_target(self, index: int) -> Mapping[str, PartPredictions]:
        """The parts with the values of one target alone, (rows,) each."""
        if len(self.targets) == 1:
            return self.parts
        alone = {}
        for name, part in self.parts.items():
            alone[name] = PartPredictions(part.target[:, index], part.predicted[:, index])
        return alone

    def to_dict(self) -> dict[str, Any]:
        """Values that JSON can hold, numbers exactly."""
        parts = {}
        for name, part in self.parts.items():
            parts[name] = {"target": part.target.tolist(), "predicted": part.predicted.tolist()}
        return {
            "parts": parts,
            "classes": list(self.classes),
            "targets": list(self.targets),
            "same": self.same,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Predictions:
        """Predictions from the values of `to_dict`."""
        parts = {}
        for name, part in values["parts"].items():
            target = np.asarray(part["target"], dtype=np.float64)
            predicted = np.asarray(part["predicted"], dtype=np.float64)
            parts[name] = PartPredictions(target, predicted)
        return cls(parts, tuple(values["classes"]), tuple(values["targets"]), values["same"])


def predict_recorded(store: Store, run_id: int, genome: str, repeat: int) -> Predictions:
    """Repeat a recorded training in another process, and predict with its network.

    It takes as long as the training, and a few seconds. This process has one such process at a
    time; other threads wait for it.

    Parameters
    ----------
    store, run_id
        The run.
    genome
        The genome's hash, or its first digits.
    repeat
        The repeat.

    Raises
    ------
    StoreError
        The training is not recorded, failed, took longer than `MOST_SECONDS`, or does not end in
        time now.
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

    request = {"run": run_id, "genome": evaluation.task.genome.hash, "repeat": repeat}
    with one_training:
        answered = ask_child(
            store, Entry.PREDICTIONS, request, "predictions", seconds=evaluation.seconds
        )
    return Predictions.from_dict(answered)


def _retrained_predictions(problem: TableProblem, evaluation: Evaluation) -> Predictions:
    again, weights = retrain(problem, evaluation)
    if weights is None:
        raise StoreError(
            f"This time the training failed: {again.error}",
            remedy="`shoal replay` compares the two",
        )

    engine = get_engine(problem.settings.engine)
    data = problem.dataset
    train, held_out = data.parts(evaluation.task.repeat)
    parts = {}
    for name, part in (("train", train), ("validation", held_out)):
        if part is None:
            continue
        predicted = problem.predictions(engine, evaluation.task.genome, weights, part)
        if data.classes:
            predicted = predicted.argmax(axis=1).astype(np.float64)
        parts[name] = PartPredictions(part.target, predicted)

    same = again.scores == evaluation.scores
    return Predictions(parts, data.classes, data.options.targets, same)


def champion_predictions(store: Store, run_id: int) -> Predictions | None:
    """What the networks of a finished run's champion predict together for the test rows.

    In plain NumPy, in this process: figures may differ from the recorded scores in the last digits.

    Returns
    -------
    Predictions or None
        None where there is no champion, or no test part.
    """
    problem = as_table(store.load_problem(run_id), "A picture of predictions")
    data = problem.dataset
    champion = load_champion(store, store.run(run_id))
    if champion is None or data.test is None:
        return None

    # The compiled engine would take seconds to load in a process that only shows pages.
    engine = get_engine("reference")
    weighted = []
    for share, weights in zip(champion.shares, champion.weights, strict=True):
        single = problem.predictions(engine, champion.genome, weights, data.test)
        weighted.append(share * single)
    blend = np.asarray(sum(weighted))

    predicted = blend
    if data.classes:
        predicted = blend.argmax(axis=1).astype(np.float64)

    metrics = problem.metrics(blend, data.test)
    recorded = champion.ensemble.test
    same = False
    if metrics is not None and recorded is not None:
        # An accuracy may be undefined, and only of amounts.
        if recorded.accuracy is None or metrics.accuracy is None:
            same = math.isclose(metrics["rmse"], recorded["rmse"], rel_tol=_NEAR / 100)
        else:
            same = abs(metrics.accuracy - recorded.accuracy) < _NEAR

    parts = {"test": PartPredictions(data.test.target, predicted)}
    return Predictions(parts, data.classes, data.options.targets, same)


def main(parent: Parent, arguments: Sequence[str]) -> int:
    """The entry of the process that repeats a training: it answers with its predictions."""
    request = parent.request()
    try:
        with open_store(create=False) as store:
            evaluation = recorded_evaluation(
                store, request["run"], request["genome"], request["repeat"]
            )
        problem = as_table(load_problem(request["run"]), "A picture of predictions")
        # Only now: until here it is quick, and somebody waits.
        lower_priority(NICENESS)
        predictions = _retrained_predictions(problem, evaluation)
    except ShoalError as error:
        answer(error=str(error))
        return error.exit_code

    answer(predictions=predictions.to_dict())
    return 0
