"""The held-out loss beside the training loss, of recorded trainings by iteration.

    curves = learning_curves(store, run_id, genome.hash)
    curves.of[0].points[-1].held_out

A run records training losses only. A training is a pure function, so it is made once more, and
after each recorded iteration the network that is the swarm's best is judged on the rows that the
repeat did not learn from. The test part is not touched.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from shoal.data import Part
from shoal.errors import ShoalError, StoreError
from shoal.problems.evaluation import Evaluation
from shoal.problems.table import TableProblem, as_table
from shoal.pso.engines import get_engine
from shoal.pso.engines.base import Engine
from shoal.pso.swarm import HeldOut
from shoal.replay.process import MOST_SECONDS, NICENESS, ask_child, load_problem, one_training
from shoal.store import Store, open_store
from shoal.store.genome_lookup import genome_name
from shoal.system.child import Entry, Parent, answer, prints_dropped
from shoal.system.process import lower_priority

# Trainings of a genome whose curves are drawn together, at most.
MOST_CURVES = 12
# Points of a curve besides those that are recorded.
_SPREAD = 32
_PURPOSE = "A curve of the held-out loss"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """The losses of a swarm's best network after an iteration.

    Attributes
    ----------
    iteration
        From 1.
    training
        On the rows that it learns from, without weight decay.
    held_out
        On the rows that validate, by the same measure. Infinite where it is not a number.
    """

    iteration: int
    training: float
    held_out: float


@dataclass(frozen=True, slots=True)
class LearningCurve:
    """The losses of one training.

    Attributes
    ----------
    repeat
        Which training of the genome.
    points
        After the recorded iterations, and some between the first ones.
    same
        Whether the training losses, weight decay included, are the recorded ones to the bit.
    """

    repeat: int
    points: tuple[CurvePoint, ...]
    same: bool


@dataclass(frozen=True, slots=True)
class LearningCurves:
    """The losses of the trainings of one genome.

    Attributes
    ----------
    of
        A curve for each repeat that was trained again.
    loss_name
        What the loss is called.
    left_out
        Trainings that were not repeated, as all together take too long.
    """

    of: tuple[LearningCurve, ...]
    loss_name: str
    left_out: int = 0

    @property
    def same(self) -> bool:
        """Whether all recorded training losses were met again, to the bit."""
        return all(curve.same for curve in self.of)

    def to_dict(self) -> dict[str, Any]:
        """Values that JSON can hold, numbers exactly."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> LearningCurves:
        """Curves from the values of `to_dict`."""
        curves = []
        for own in values["of"]:
            points = tuple(CurvePoint(**point) for point in own["points"])
            curves.append(LearningCurve(own["repeat"], points, own["same"]))
        return cls(tuple(curves), values["loss_name"], values["left_out"])


def has_held_out_loss(evaluation: Evaluation) -> bool:
    """Whether a training came to an end, and rows validated it: then it has such a curve."""
    scores = evaluation.scores
    return scores is not None and scores.validation is not None and bool(evaluation.curve)


def trained_again(
    evaluations: Sequence[Evaluation], most_seconds: float = MOST_SECONDS
) -> list[Evaluation]:
    """The trainings whose curves are computed: the first ones, as long as they are short together.

    Parameters
    ----------
    evaluations
        Of one genome.
    most_seconds
        What they may have taken together.
    """
    chosen: list[Evaluation] = []
    seconds = 0.0
    for evaluation in sorted(evaluations, key=lambda own: own.task.repeat):
        if not has_held_out_loss(evaluation) or len(chosen) == MOST_CURVES:
            continue
        if seconds + evaluation.seconds <= most_seconds:
            seconds += evaluation.seconds
            chosen.append(evaluation)
    return chosen


def learning_curves(
    store: Store, run_id: int, genome: str, most_seconds: float = MOST_SECONDS
) -> LearningCurves:
    """Repeat the trainings of a genome in another process, and judge them on held-out rows.

    It takes as long as these trainings, and a few seconds.

    Parameters
    ----------
    store, run_id
        The run.
    genome
        The genome's hash, or its first digits.
    most_seconds
        What the repeated trainings may have taken together.

    Raises
    ------
    StoreError
        There is no such genome, no rows validate, every training took longer than that,
        or they do not end in time now.
    """
    name = genome_name(store, run_id, genome)
    evaluations = store.evaluations(run_id, genome=name)
    chosen = trained_again(evaluations, most_seconds)
    if not chosen:
        raise StoreError(
            f"No training of genome {name} can be repeated for its held-out loss.",
            expected=f"one that did not fail, took {most_seconds:.0f} s at most, and was validated",
            remedy="choose another genome",
        )

    seconds = sum(evaluation.seconds for evaluation in chosen)
    repeats = [evaluation.task.repeat for evaluation in chosen]
    request = {"run": run_id, "genome": name, "repeats": repeats}
    with one_training:
        answered = ask_child(store, Entry.LEARNING_CURVES, request, "curves", seconds=seconds)
    return LearningCurves.from_dict(answered)


def curves_of(
    problem: TableProblem, evaluations: Sequence[Evaluation], repeats: Sequence[int]
) -> LearningCurves:
    """Repeat trainings here and now, and judge them on held-out rows.

    Parameters
    ----------
    problem
        What was trained.
    evaluations
        All trainings of one genome, with their curves.
    repeats
        Those to repeat.

    Raises
    ------
    StoreError
        No rows of the table validate.
    """
    if not problem.dataset.validates:
        raise StoreError(
            f"No rows of {problem.name} validate, so there is no held-out loss.",
            expected="a table with a validation part or folds",
            remedy="prepare it with folds",
        )

    engine = get_engine(problem.settings.engine)
    curves = []
    name = ""
    for evaluation in evaluations:
        if evaluation.task.repeat in repeats:
            curve, name = _curve(problem, evaluation, engine)
            curves.append(curve)
    able = sum(has_held_out_loss(evaluation) for evaluation in evaluations)
    return LearningCurves(tuple(curves), name, able - len(curves))


def _curve(
    problem: TableProblem, evaluation: Evaluation, engine: Engine
) -> tuple[LearningCurve, str]:
    """The losses of a training, and what the loss is called."""
    task = evaluation.task
    learned, held_out = problem.dataset.parts(task.repeat)
    assert held_out is not None
    on_learned = _judge(problem, learned)
    on_held_out = _judge(problem, held_out)

    recorded = {iteration for iteration, _ in evaluation.curve}
    points = []
    again = []
    with closing(problem.stepwise(task, engine, evaluation.iterations)) as training:
        # A swarm may be led by another measure than the one that held-out rows are judged by.
        is_judged_so = not task.genome.weight_decay and not task.genome.solves_readout
        state = training.begin()
        for iteration in _moments(evaluation):
            state = training.advance(state, iteration - state.iteration)
            weights = training.best_network(state)
            network = problem.network(task.genome)
            searched = float(state.history[-1])
            loss = searched
            if not is_judged_so:
                loss = on_learned.loss(engine.outputs(network, weights, learned.x))
            other = on_held_out.loss(engine.outputs(network, weights, held_out.x))
            if iteration in recorded:
                again.append((iteration, searched))
            points.append(CurvePoint(iteration, loss, other))

    same = tuple(again) == evaluation.curve
    if not same:
        _log.warning("genome %s, repeat %d: another curve", task.genome.hash, task.repeat)
    return LearningCurve(task.repeat, tuple(points), same), on_learned.objective.name


def _moments(evaluation: Evaluation) -> list[int]:
    """The iterations after which networks are judged.

    Recorded ones are evenly spread, and most is learned at first: some are spread by a logarithm.
    """
    recorded = [iteration for iteration, _ in evaluation.curve]
    between = np.geomspace(recorded[0], recorded[-1], _SPREAD).round().astype(int)
    return sorted({*recorded, *between.tolist()})


def _judge(problem: TableProblem, part: Part) -> HeldOut:
    """What gives the loss of a network on the rows of a part."""
    return HeldOut(problem.objective_on(part), part.x, part.y, every=1, patience=1)


def main(parent: Parent, arguments: Sequence[str]) -> int:
    """The entry of the process that repeats trainings: it answers with their curves."""
    request = parent.request()
    try:
        with open_store(create=False) as store:
            evaluations = store.evaluations(request["run"], genome=request["genome"])
        problem = as_table(load_problem(request["run"]), _PURPOSE)
        # Only now: until here it is quick, and somebody waits.
        lower_priority(NICENESS)
        with prints_dropped():
            curves = curves_of(problem, evaluations, request["repeats"])
    except ShoalError as error:
        answer(error=str(error))
        return error.exit_code

    answer(curves=curves.to_dict())
    return 0
