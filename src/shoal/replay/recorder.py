"""A recorded training once more, to be looked at.

    replay = replay_training(
        problem,
        evaluation.task,
        evaluation.iterations,
        Window(first=0, last=200),
        recorded=evaluation.loss,
    )
    replay.exact  # it ended with the very loss that was recorded

A training is a pure function of genome and repeat, so nobody had to film it. Whatever ended it (its
length, patience, a clock), the recorded number of iterations repeats it exactly. The training that
was recorded is seen, on the rows or in the scenarios of its repeat. A champion's refit on more rows
is another training.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from shoal.analysis.summary import summarise
from shoal.errors import ReplayError
from shoal.genome.genome import Genome
from shoal.objectives.registry import Metric
from shoal.problems.base import Problem
from shoal.problems.evaluation import Evaluation, Task
from shoal.problems.stepwise import StepwiseTraining
from shoal.pso.engines import Engine, get_engine
from shoal.pso.engines.base import CHUNK_SECONDS
from shoal.pso.snapshot import (
    Projection,
    ProjectionKind,
    SwarmSnapshot,
    principal_projection,
    random_projection,
    take_snapshot,
)
from shoal.pso.swarm import SwarmState
from shoal.store import Store

Spacing = Literal["even", "early"]
MOST_FRAMES = 500
HISTORY_POINTS = 400
# Moments and particles that the principal axes are taken from, at most.
_MOMENTS = 64
_PARTICLES = 12
# Numbers in that sample, at most: it is held in memory.
_SAMPLE = 1 << 23
# Weights of swarms, at most, that are held until the axes are known: 200 MB.
_HELD = 1 << 24
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Window:
    """What part of a training is looked at, and from which side.

    Attributes
    ----------
    first, last
        The first and the last iteration; 0 is the start, None the end.
    most
        How many frames there are at most.
    projection
        The axes: random ones, which are the same for all trainings of a network, or the principal
        ones of this training.
    spacing
        "early" takes most frames where a swarm moves most, at distances that grow in a geometric
        series.
    """

    first: int = 0
    last: int | None = None
    most: int = 120
    projection: ProjectionKind = "principal"
    spacing: Spacing = "even"

    def moments(self, iterations: int) -> list[int]:
        """The iterations of the frames.

        Parameters
        ----------
        iterations
            How many the training has.

        Raises
        ------
        ReplayError
            The window does not fit the training, or has too many frames.
        """
        last = iterations if self.last is None else self.last
        if not 0 <= self.first <= last <= iterations:
            raise ReplayError(
                f"Iterations {self.first} to {last} of a training that has {iterations}.",
                expected=f"first and last between 0 and {iterations}",
            )
        if not 2 <= self.most <= MOST_FRAMES:
            raise ReplayError(f"{self.most} frames.", expected=f"2 to {MOST_FRAMES}")

        span = last - self.first
        count = min(self.most, span + 1)
        if self.spacing == "even" or count < 3:
            steps = np.linspace(0, span, count)
        else:
            # No two at the same iteration.
            steps = np.maximum(np.geomspace(1, span + 1, count) - 1, np.arange(count))
        return [self.first + int(step) for step in steps.round()]


@dataclass(frozen=True, eq=False, slots=True)
class Replay:
    """A training that was repeated, and what was seen of it.

    Attributes
    ----------
    genome, repeat, iterations
        The training.
    window, frames
        What was looked at, and what was seen there.
    history
        At most `HISTORY_POINTS` points (iteration from 1, global best loss) of all iterations.
    loss, loss_name
        The last global best loss.
    recorded
        What the store has as the last loss; None: nothing.
    plane
        The kind of the axes.
    share
        How much of the swarm's variance the axes show, 0 to 1; None: not known.
    metric
        Of the scores that the losses are; None: they are no scores.
    """

    genome: Genome
    repeat: int
    iterations: int
    window: Window
    frames: tuple[SwarmSnapshot, ...]
    history: tuple[tuple[int, float], ...]
    loss: float
    loss_name: str
    recorded: float | None
    plane: ProjectionKind
    share: float | None
    metric: Metric | None = None

    @property
    def exact(self) -> bool | None:
        """Whether it ended with the very loss that was recorded; None when none was."""
        return None if self.recorded is None else self.loss == self.recorded

    def to_dict(self) -> dict[str, Any]:
        """Values that JSON can hold; those of the frames are rounded."""
        return {
            "genome": self.genome.to_dict(),
            "repeat": self.repeat,
            "iterations": self.iterations,
            "window": asdict(self.window),
            "frames": [frame.to_dict() for frame in self.frames],
            "history": [[iteration, _to_json(loss)] for iteration, loss in self.history],
            "loss": _to_json(self.loss),
            "loss_name": self.loss_name,
            "recorded": self.recorded,
            "plane": self.plane,
            "share": self.share,
            "metric": None if self.metric is None else self.metric.to_dict(),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Replay:
        """A replay from the values of `to_dict`."""
        return cls(
            genome=Genome.from_dict(values["genome"]),
            repeat=values["repeat"],
            iterations=values["iterations"],
            window=Window(**values["window"]),
            frames=tuple(SwarmSnapshot.from_dict(frame) for frame in values["frames"]),
            history=tuple((iteration, _from_json(loss)) for iteration, loss in values["history"]),
            loss=_from_json(values["loss"]),
            loss_name=values["loss_name"],
            recorded=values["recorded"],
            plane=values["plane"],
            share=values["share"],
            metric=None if values["metric"] is None else Metric.from_dict(values["metric"]),
        )


def replay_training(
    problem: Problem,
    task: Task,
    iterations: int,
    window: Window = Window(),
    *,
    recorded: float | None = None,
    engine: Engine | None = None,
    on_progress: Callable[[float], None] = lambda _: None,
) -> Replay:
    """Train once more, and look at it through a window.

    It trains to the end, for the loss and the principal axes. Where many large swarms would not fit
    into memory until the axes are known, it then trains a second time, to the window's last
    iteration.

    Parameters
    ----------
    problem, task
        What was trained.
    iterations
        The recorded length of the training.
    window
        What is looked at.
    recorded
        The loss that the record has, for `Replay.exact`.
    engine
        What trains; None: the engine of the settings.
    on_progress
        Is called about ten times a second with the share that is done, 0 to 1. What it raises ends
        the replay.

    Raises
    ------
    ReplayError
        The training has no iterations, as it failed before it began; or the window does not fit.
    """
    if iterations < 1:
        raise ReplayError(
            f"The training of genome {task.genome.hash}, repeat {task.repeat}, made no iteration.",
            expected="one that trained",
            remedy="its record says why it failed; choose another one",
        )

    moments = window.moments(iterations)
    engine = engine or get_engine(problem.settings.engine)
    with closing(problem.stepwise(task, engine, iterations)) as training:
        recorder = _Recorder(training, moments, on_progress)
        if window.projection == "principal":
            recorder.record_on_principal_axes()
        else:
            recorder.record_on(random_projection(training.dimensions))

    return Replay(
        genome=task.genome,
        repeat=task.repeat,
        iterations=iterations,
        window=window,
        frames=tuple(recorder.frames),
        history=_thinned(recorder.history),
        loss=float(recorder.history[-1]),
        loss_name=training.loss_name,
        recorded=recorded,
        plane=recorder.projection.kind,
        share=recorder.projection.share,
        metric=problem.loss_metric,
    )


class _Recorder:
    """Repeats a training, and takes a frame at each of some moments.

    Attributes
    ----------
    frames, projection
        What was seen, and on which axes.
    history
        Global best loss after each iteration, shape (iterations,).
    """

    projection: Projection

    def __init__(
        self,
        training: StepwiseTraining,
        moments: Sequence[int],
        on_progress: Callable[[float], None],
    ) -> None:
        self._training = training
        self._moments = moments
        self._on_progress = on_progress
        # Iterations to make, and how many of them earlier trainings have made.
        self._steps = training.iterations
        self._steps_before = 0
        self.frames: list[SwarmSnapshot] = []
        self.history: NDArray[np.float64] = np.empty(0)

    def record_on(self, projection: Projection) -> None:
        """Record on axes that are known."""
        self.projection = projection
        for state in self._states([*self._moments, self._training.iterations]):
            if state.iteration in self._moments:
                self._take(state)
            self.history = state.history

    def record_on_principal_axes(self) -> None:
        """Record on the principal axes of the training, which are known at its end."""
        swarm_weights = self._training.genome.swarm_size * self._training.dimensions
        if len(self._moments) * swarm_weights <= _HELD:
            held = self._find_axes(hold=True)
            for state in held:
                self._take(state)
            return

        _log.debug("%d swarms do not fit into memory: trained twice", len(self._moments))
        self._steps = self._training.iterations + self._moments[-1]
        self._find_axes(hold=False)
        self._steps_before = self._training.iterations
        for state in self._states(self._moments):
            self._take(state)

    def _find_axes(self, *, hold: bool) -> list[SwarmState]:
        """Train to the end for the axes; return the states at the moments, if they are held."""
        particles, sampled_moments = _sample(self._training)
        sample = []
        held = []
        for state in self._states([*self._moments, *sampled_moments, self._training.iterations]):
            if state.iteration in sampled_moments:
                sample.append(state.positions[particles])
            if hold and state.iteration in self._moments:
                held.append(_copy(state))
            self.history = state.history

        self.projection = principal_projection(np.concatenate(sample))
        return held

    def _take(self, state: SwarmState) -> None:
        training = self._training
        frame = take_snapshot(training, state, self.projection)
        losses = training.losses_at(state.positions)
        steps = training.steps_after(state.iteration)
        self.frames.append(replace(frame, current=losses, steps=steps))

    def _states(self, moments: Iterable[int]) -> Iterator[SwarmState]:
        """The swarm at each of these iterations. A state lasts until the next one is asked for."""
        state = self._training.begin()
        chunk = 1
        for moment in sorted(set(moments)):
            while state.iteration < moment:
                begun = time.perf_counter()
                steps = min(chunk, moment - state.iteration)
                state = self._training.advance(state, steps)

                # As many iterations at once as take about as long as a page can wait.
                if time.perf_counter() - begun < CHUNK_SECONDS / 2:
                    chunk *= 2
                elif chunk > 1:
                    chunk //= 2
                self._on_progress((self._steps_before + state.iteration) / self._steps)
            yield state


def _thinned(history: NDArray[np.float64]) -> tuple[tuple[int, float], ...]:
    """At most `HISTORY_POINTS` points (iteration from 1, loss) of a history."""
    places = np.linspace(0, len(history) - 1, HISTORY_POINTS).round().astype(int)
    return tuple((place + 1, float(history[place])) for place in np.unique(places).tolist())


def recorded_training(
    store: Store, run_id: int | str, genome: str | None = None, repeat: int | None = None
) -> Evaluation:
    """A recorded training that can be replayed.

    Parameters
    ----------
    store, run_id
        The run.
    genome
        The genome's hash, or its first digits; None: the best one.
    repeat
        The repeat; None: the first one.

    Raises
    ------
    ReplayError
        There is no such training.
    """
    run = store.run(run_id)
    if genome is None:
        evaluations = _of_best_genome(store, run.id)
    else:
        evaluations = _of_genome(store, run.id, genome)

    trained = []
    for evaluation in evaluations:
        if evaluation.iterations and repeat in (None, evaluation.task.repeat):
            trained.append(evaluation)
    if trained:
        return min(trained, key=lambda evaluation: evaluation.task.repeat)

    wanted = []
    if genome is not None:
        wanted.append(f"genome {genome!r}")
    if repeat is not None:
        wanted.append(f"repeat {repeat}")
    description = ", ".join(wanted) or "none is recorded"
    remedy = "wait until its first training is done"
    if wanted:
        remedy = "choose another genome or repeat"
    raise ReplayError(
        f"Run {run.id} has no such training that could be repeated: {description}.",
        expected="one that is recorded, and made an iteration",
        remedy=remedy,
    )


def _of_best_genome(store: Store, run_id: int) -> list[Evaluation]:
    """Evaluations of a run's best genome; of the first one, while none is known to be the best."""
    best = summarise(store, run_id).best
    name = best.genome.hash if best else None
    evaluations = store.evaluations(run_id, curves=False, genome=name)
    return [e for e in evaluations if e.task.genome == evaluations[0].task.genome]


def _of_genome(store: Store, run_id: int, name: str) -> list[Evaluation]:
    """Evaluations of the genome of that hash, or of the one whose hash begins with it."""
    evaluations = list(store.evaluations(run_id, curves=False, genome=name))
    if evaluations:
        return evaluations

    for evaluation in store.evaluations(run_id, curves=False):
        if evaluation.task.genome.hash.startswith(name):
            evaluations.append(evaluation)

    hashes = {evaluation.task.genome.hash for evaluation in evaluations}
    if len(hashes) > 1:
        raise ReplayError(
            f"{len(hashes)} genomes of run {run_id} begin with {name!r}.", expected="more digits"
        )
    return evaluations


def _sample(training: StepwiseTraining) -> tuple[NDArray[np.int64], set[int]]:
    """Which particles the principal axes are taken from, and after which iterations."""
    swarm_size = training.genome.swarm_size
    count = min(_PARTICLES, swarm_size)
    moments = max(3, min(_MOMENTS, _SAMPLE // (count * training.dimensions)))
    iterations = np.linspace(0, training.iterations, moments).round().astype(int)
    particles = np.linspace(0, swarm_size - 1, count).round().astype(int)
    return particles, set(iterations.tolist())


def _copy(state: SwarmState) -> SwarmState:
    """A state that lasts: an engine may go on in the memory of the one that it gave."""
    names = ("positions", "velocities", "best_positions", "best_losses", "informants", "history")
    return replace(state, **{name: getattr(state, name).copy() for name in names})


def _to_json(loss: float) -> float | None:
    """A loss for JSON, which has no infinity."""
    return loss if math.isfinite(loss) else None


def _from_json(loss: float | None) -> float:
    return math.inf if loss is None else loss
