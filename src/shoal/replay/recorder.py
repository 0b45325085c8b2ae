"""A recorded training once more, to be looked at. It is a pure function of (genome, repeat), so nobody had to film it.

    film = replay(problem, evaluation.task, evaluation.iterations, Window(first=0, last=200), recorded=evaluation.loss)
    film.exact  # it ended with the very loss that was recorded

Whatever ended the training (its length, patience, a clock), the recorded number of iterations repeats it exactly. What is
seen is the training that was recorded, on the rows of its repeat; a champion's refit on more rows is another one.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from shoal.analysis.summary import summarise
from shoal.errors import ReplayError
from shoal.genome.genome import Genome
from shoal.objectives.losses import loss_values
from shoal.problems.evaluation import Evaluation, Task
from shoal.problems.table import Problem
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
from shoal.pso.swarm import SwarmState, TrainingTask, initial_state, penalties
from shoal.store import Store

Spacing = Literal["even", "early"]
MOST_FRAMES = 500
MOST_ROWS = 2048  # on which the losses of where particles stand are computed
HISTORY_POINTS = 400
_MOMENTS, _PARTICLES = 64, 12  # that the principal axes are taken from, at most
_SAMPLE = 1 << 23  # numbers in that sample, at most: it is held in memory
_HELD = 1 << 24  # weights of swarms, at most, that are held until the axes are known: 200 MB


@dataclass(frozen=True, slots=True)
class Window:
    """What is looked at: at most ``most`` frames of the iterations ``first`` to ``last`` (None: the end), 0 being the start.

    ``spacing`` "early" takes most of them where a swarm moves most, its distances growing in a geometric series.
    ``projection``: random axes, which are the same for all trainings of a network, or the principal ones of this training.
    """

    first: int = 0
    last: int | None = None
    most: int = 120
    projection: ProjectionKind = "principal"
    spacing: Spacing = "even"

    def moments(self, iterations: int) -> list[int]:
        """The iterations of a training that has so many. Raises `ReplayError` where there are none, or too many."""
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
            steps = np.maximum(np.geomspace(1, span + 1, count) - 1, np.arange(count))
        return [self.first + int(step) for step in steps.round()]


@dataclass(frozen=True, eq=False, slots=True)
class Replay:
    """A training that was repeated, and what was seen of it.

    ``history`` holds at most `HISTORY_POINTS` points (iteration from 1, global best loss) of all its ``iterations``;
    ``loss`` is the last one, ``recorded`` what the store has (None: nothing). ``plane`` names the axes and ``share`` how
    much of the swarm's variance they show (None: not known).
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

    @property
    def exact(self) -> bool | None:
        """Whether it ended with the very loss that was recorded; None when none was."""
        return None if self.recorded is None else self.loss == self.recorded

    def to_dict(self) -> dict[str, Any]:
        """JSON-able values; `from_dict` reverses it but for the frames' rounding."""
        return {
            "genome": self.genome.to_dict(),
            "repeat": self.repeat,
            "iterations": self.iterations,
            "window": asdict(self.window),
            "frames": [frame.to_dict() for frame in self.frames],
            "history": [[iteration, _told(loss)] for iteration, loss in self.history],
            "loss": _told(self.loss),
            "loss_name": self.loss_name,
            "recorded": self.recorded,
            "plane": self.plane,
            "share": self.share,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Replay:
        """The reverse of `to_dict`."""
        return cls(
            genome=Genome.from_dict(values["genome"]),
            repeat=values["repeat"],
            iterations=values["iterations"],
            window=Window(**values["window"]),
            frames=tuple(SwarmSnapshot.from_dict(frame) for frame in values["frames"]),
            history=tuple((iteration, _heard(loss)) for iteration, loss in values["history"]),
            loss=_heard(values["loss"]),
            loss_name=values["loss_name"],
            recorded=values["recorded"],
            plane=values["plane"],
            share=values["share"],
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
    """Train ``task`` again for its recorded ``iterations``, and look at it through ``window``.

    It trains to the end, for the loss and the principal axes; where many large swarms would not fit into memory, then once
    more to the window's last iteration. ``on_progress`` hears about ten times a second what share is done, 0 to 1; what
    it raises ends the replay. Raises `ReplayError` for a training without iterations (it failed before it began) and
    for a window that does not fit.
    """
    if iterations < 1:
        raise ReplayError(
            f"The training of genome {task.genome.hash}, repeat {task.repeat}, made no iteration.",
            expected="one that trained",
            remedy="its record says why it failed; choose another one",
        )
    moments = window.moments(iterations)
    engine = engine or get_engine(problem.settings.engine)
    training = problem.training(task, iterations=iterations)
    size = training.genome.swarm_size * training.network.size
    plane = None if window.projection == "principal" else random_projection(training.network.size)
    chosen, sampled = _sample(training) if plane is None else (np.empty(0, int), set[int]())
    hold = plane is None and len(moments) * size <= _HELD
    again = plane is None and not hold
    steps = iterations + (moments[-1] if again else 0)
    frames, held, sample, history = [], [], [], np.empty(0)
    for state in _states(
        engine, training, sorted({*moments, *sampled, iterations}), lambda n: on_progress(n / steps)
    ):
        if state.iteration in sampled:
            sample.append(state.positions[chosen])
        if state.iteration in moments and plane is not None:
            frames.append(_seen(training, state, plane))
        elif state.iteration in moments and hold:
            held.append(_copy(state))
        history = state.history
    if plane is None:
        plane = principal_projection(np.concatenate(sample))
        states = (
            held
            if hold
            else _states(engine, training, moments, lambda n: on_progress((iterations + n) / steps))
        )
        frames = [_seen(training, state, plane) for state in states]
    at = np.unique(np.linspace(0, iterations - 1, HISTORY_POINTS).round().astype(int)).tolist()
    return Replay(
        genome=task.genome,
        repeat=task.repeat,
        iterations=iterations,
        window=window,
        frames=tuple(frames),
        history=tuple((i + 1, float(history[i])) for i in at),
        loss=float(history[-1]),
        loss_name=problem.objective.loss.name,
        recorded=recorded,
        plane=plane.kind,
        share=plane.share,
    )


def recorded_training(
    store: Store, run_id: int | str, genome: str | None = None, repeat: int | None = None
) -> Evaluation:
    """What a run recorded of a training that can be replayed: of the genome of that hash (its first digits will do), or of
    the best one; that repeat, or the first. Raises `ReplayError` where there is none.
    """
    run = store.run(run_id)
    if genome is None:
        best = summarise(store, run.id).best
        found = store.evaluations(run.id, curves=False, genome=best.genome.hash if best else None)
        found = [e for e in found if e.task.genome == found[0].task.genome]
    else:
        whole = store.evaluations(run.id, curves=False, genome=genome)
        found = whole or [
            e
            for e in store.evaluations(run.id, curves=False)
            if e.task.genome.hash.startswith(genome)
        ]
    names = {e.task.genome.hash for e in found}
    if len(names) > 1:
        raise ReplayError(
            f"{len(names)} genomes of run {run.id} begin with {genome!r}.", expected="more digits"
        )
    trained = [e for e in found if e.iterations and repeat in (None, e.task.repeat)]
    if not trained:
        which = [f"genome {genome!r}"] if genome is not None else []
        which += [f"repeat {repeat}"] if repeat is not None else []
        raise ReplayError(
            f"Run {run.id} has no such training that could be repeated: {', '.join(which) or 'none is recorded'}.",
            expected="one that is recorded, and made an iteration",
            remedy="choose another genome or repeat"
            if which
            else "wait until its first training is done",
        )
    return min(trained, key=lambda e: e.task.repeat)


def _states(
    engine: Engine, training: TrainingTask, moments: Sequence[int], on_step: Callable[[int], None]
) -> Iterator[SwarmState]:
    """The swarm after so many iterations each, ascending. A state lasts until the next one is asked for."""
    state, chunk = initial_state(training), 1
    for moment in moments:
        while state.iteration < moment:
            begun = time.perf_counter()
            state = engine.advance(training, state, min(chunk, moment - state.iteration))
            if time.perf_counter() - begun < CHUNK_SECONDS / 2:
                chunk *= 2
            elif chunk > 1:
                chunk //= 2
            on_step(state.iteration)
        yield state


def _sample(training: TrainingTask) -> tuple[NDArray[np.int64], set[int]]:
    """Which particles the principal axes are taken from, and after which iterations of the whole training."""
    particles = training.genome.swarm_size
    each = min(_PARTICLES, particles)
    moments = max(3, min(_MOMENTS, _SAMPLE // (each * training.network.size)))
    at = np.linspace(0, training.iterations, moments).round().astype(int).tolist()
    return np.linspace(0, particles - 1, each).round().astype(int), set(at)


def _copy(state: SwarmState) -> SwarmState:
    """A state that lasts: an engine may go on in the memory of the one that it gave."""
    arrays = ("positions", "velocities", "best_positions", "best_losses", "informants", "history")
    return replace(state, **{name: getattr(state, name).copy() for name in arrays})


def _seen(training: TrainingTask, state: SwarmState, plane: Projection) -> SwarmSnapshot:
    return replace(
        take_snapshot(training, state, plane), current=losses_at(training, state.positions)
    )


@np.errstate(all="ignore")
def losses_at(training: TrainingTask, positions: NDArray[np.float32]) -> NDArray[np.float64]:
    """The loss of each of these weights (P, D), on every n-th row where there are more than `MOST_ROWS`."""
    every = -(-len(training.x) // MOST_ROWS)
    outputs = training.network.forward(positions, training.x[::every])
    losses = loss_values(training.objective, outputs, training.y[::every]) + penalties(
        training, positions
    )
    return np.where(np.isfinite(losses), losses, np.inf)


def _told(loss: float) -> float | None:
    return loss if math.isfinite(loss) else None


def _heard(loss: float | None) -> float:
    return math.inf if loss is None else loss
