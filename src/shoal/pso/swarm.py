"""One swarm: its task, its state, and the reference step in plain NumPy that every engine follows.

An iteration has four parts (`step`): all particles are evaluated; their bests are updated; the
update rule of the genome computes new velocities (shoal.update_rules); all particles move at once::

    v' = clip(v' of the rule, -vmax, vmax)
    x' = clip(x + jump v', -xmax, xmax)

A loss that is NaN or infinite counts as +inf and never becomes a best. Ties go to the lower
particle number. In the iteration t of T, counted from 0, w and vmax are ``1 + (end - 1) t / (T -
1)`` times their genes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shoal.errors import DataError, GenomeError
from shoal.genome.genome import Genome
from shoal.nn.network import Network
from shoal.nn.readout import ReadoutTargets, class_codes, fit_classes, solve_layer
from shoal.numerics.philox import Key, Purpose, normals
from shoal.objectives.bound import BoundObjective, RowObjective
from shoal.objectives.losses import CROSS_ENTROPY, MSE, Objective, loss_values
from shoal.update_rules import EvaluatedSwarm
from shoal.update_rules.informants import INFORMANT_STRATEGIES

INITIAL_VELOCITY_SCALE = 0.1
# As a share of the loss, over the whole window of patience.
LEAST_IMPROVEMENT = 1e-4


@dataclass(frozen=True, eq=False, slots=True)
class HeldOut:
    """Rows that a training does not learn from, which tell it when to end.

    Attributes
    ----------
    objective, x, y
        As of `TrainingTask`, of these rows.
    every
        Iterations from one look at them to the next.
    patience
        The training ends when no look for so many iterations was better than the best one, and
        keeps the network of that one.
    """

    objective: Objective | BoundObjective
    x: NDArray[np.float32]
    y: NDArray[np.float32]
    every: int
    patience: int

    def loss(self, outputs: NDArray[np.float32]) -> float:
        """The loss of a network that answers ``outputs`` (rows, outputs); +inf if it has none."""
        return float(_judged(self.objective, outputs[None], self.y)[0])


@dataclass(frozen=True, eq=False, slots=True)
class TrainingTask:
    """Everything that one training depends on.

    Attributes
    ----------
    genome : Genome
        The swarm's hyperparameters.
    network : Network
        The network whose weights the swarm looks for; D of them.
    objective : Objective, WholeObjective or RowObjective
        The loss. The last two are bound to the rows.
    x : ndarray of float32, (rows, inputs)
        Encoded inputs.
    y : ndarray of float32, (rows,)
        Scaled targets, or the numbers of classes.
    key : tuple of two int
        The random stream.
    iterations : int
        The training ends after this number of iterations.
    seconds : float, optional
        It ends after this wall time, too.
    patience : int, optional
        It ends, too, when the global best loss improved by less than ``min_improvement`` of its
        size over this number of iterations.
    horizon : int, optional
        Iterations after which the inertia and the velocity limit have their last values
        (``inertia_end``, ``velocity_end``), however early the training ends; None: ``iterations``.
    min_improvement : float
        See ``patience``; a share of the loss.
    decode : callable, optional
        Makes of positions (n, D) the weights (n, D) of the networks that are evaluated. Needs an
        objective that is bound to the rows.
    start : ndarray of float32, (D,), optional
        A complete network: where the first particle starts. The others start around it.
    targets : ReadoutTargets, optional
        What solved output layers are fitted to; None: ``y``, or the codes of its classes.
    held_out : HeldOut, optional
        Ends the training, as ``patience`` does, by rows that it does not learn from.

    Raises
    ------
    DataError
        If ``x``, ``y``, ``start`` and the network do not fit each other.
    GenomeError
        If positions are decoded to networks whose output layer is to be solved.
    """

    genome: Genome
    network: Network
    objective: Objective | BoundObjective
    x: NDArray[np.float32]
    y: NDArray[np.float32]
    key: Key
    iterations: int
    seconds: float | None = None
    patience: int | None = None
    horizon: int | None = None
    min_improvement: float = LEAST_IMPROVEMENT
    decode: Callable[[NDArray[np.float32]], NDArray[np.float32]] | None = None
    start: NDArray[np.float32] | None = None
    targets: ReadoutTargets | None = None
    held_out: HeldOut | None = None

    def __post_init__(self) -> None:
        rows, inputs = self.x.shape
        expected_inputs = self.network.layers[0]
        if len(self.y) != rows or inputs != expected_inputs:
            raise DataError(
                f"x {self.x.shape} and y {self.y.shape} for a network of {expected_inputs} inputs.",
                expected="x of shape (rows, inputs) and as many targets",
            )
        size = self.network.size
        if self.start is not None and self.start.shape != (size,):
            raise DataError(
                f"A start of shape {self.start.shape} for a network of {size} weights.",
                expected=f"shape ({size},)",
            )
        if self.solves_readout and self.decode is not None:
            raise GenomeError(
                'readout="solved" where positions are decoded to networks.',
                expected='readout="searched"',
                remedy="leave the decoder out, or let the swarm search the output layer",
            )

    @property
    def solves_readout(self) -> bool:
        """Whether particles hold the hidden layers only, see `shoal.nn.readout`."""
        return self.genome.solves_readout

    @property
    def searched(self) -> Network:
        """What a particle holds the weights of: the network, or its hidden layers."""
        if self.solves_readout:
            return self.network.hidden
        return self.network

    @property
    def readout_targets(self) -> ReadoutTargets:
        """What solved output layers are fitted to."""
        if self.targets is not None:
            return self.targets
        if isinstance(self.objective, Objective) and self.objective.loss.task == "regression":
            return ReadoutTargets(self.y.reshape(len(self.y), -1))
        return ReadoutTargets(class_codes(self.y, self.network.layers[-1]))

    @property
    def judges_by_squares(self) -> bool:
        """Whether the loss of a solved network is that of its least squares.

        Of classes they are squares of codes, in place of the cross-entropy. By other objectives
        complete networks are judged.
        """
        return self._row_loss in (MSE.row, CROSS_ENTROPY.row)

    @property
    def fits_classes(self) -> bool:
        """Whether the output layer of a network that is kept is fitted by the cross-entropy."""
        return self.solves_readout and self._row_loss is CROSS_ENTROPY.row

    @property
    def _row_loss(self) -> Callable[..., Any] | None:
        """The loss of a row, where the objective is the mean of one."""
        if isinstance(self.objective, Objective):
            return self.objective.loss.row
        if isinstance(self.objective, RowObjective):
            return self.objective.function
        return None

    @property
    def loss_name(self) -> str:
        """What people call the loss that swarms minimise."""
        if self.solves_readout and self.judges_by_squares:
            return MSE.name
        return self.objective.name

    @property
    def schedule_length(self) -> int:
        """Iterations after which the inertia and the velocity limit have their last values."""
        return self.horizon or self.iterations

    def decoded(self, positions: NDArray[np.float32]) -> NDArray[np.float32]:
        """The weights of the networks that positions (n, D) stand for."""
        if self.decode is not None:
            return self.decode(positions)
        if self.solves_readout:
            return completed(self, positions, kept=True)[0]
        return positions


@dataclass(frozen=True, eq=False, slots=True)
class SwarmState:
    """A swarm between two iterations: P particles in D dimensions, with k informants each."""

    # Steps done.
    iteration: int
    # x, (P, D).
    positions: NDArray[np.float32]
    # v, (P, D).
    velocities: NDArray[np.float32]
    # pbest, (P, D).
    best_positions: NDArray[np.float32]
    # The losses of pbest, (P,); +inf where a particle has none.
    best_losses: NDArray[np.float64]
    # (P, k), ascending in each row; see `UpdateRule.knows_informants`.
    informants: NDArray[np.int32]
    # The global best loss after each iteration, (iterations,).
    history: NDArray[np.float64]
    # Whether patience ended the training.
    stopped: bool = False
    # Rows x particles that were not evaluated: a particle could not improve any more, or stood
    # still.
    rows_skipped: int = 0

    @property
    def global_best(self) -> int:
        """The particle whose personal best is the global best."""
        return int(np.argmin(self.best_losses))


def initial_state(task: TrainingTask) -> SwarmState:
    """Make the swarm before its first iteration."""
    genome = task.genome

    positions = initial_positions(genome, task.searched, task.key)
    if task.start is not None:
        start = task.start[: task.searched.size]
        positions = positions_around(start, genome, task.searched, task.key)
    velocities = initial_velocities(task.key, *positions.shape)

    strategy = INFORMANT_STRATEGIES[genome.informant_strategy]
    return SwarmState(
        iteration=0,
        positions=positions,
        velocities=velocities,
        best_positions=positions.copy(),
        best_losses=np.full(genome.swarm_size, np.inf),
        informants=strategy.initial(genome, task.key),
        history=np.empty(0),
    )


def initial_positions(genome: Genome, network: Network, key: Key) -> NDArray[np.float32]:
    """Draw where the particles start.

    Weights are normal with the deviation `Genome.weight_scale`; with ``initialisation`` "fan_in"
    that is divided by the root of the number of their neuron's inputs. Then it is the deviation of
    a neuron's sum, for inputs of size 1, however wide the layer before. Biases are constant.

    Parameters
    ----------
    genome
        Names the number of particles and the scales.
    network
        The network whose weights the particles are; D of them.
    key
        The random stream.

    Returns
    -------
    ndarray of float32, (P, D)
    """
    positions = normals(key, Purpose.POSITION, genome.swarm_size, network.size)
    positions *= _initial_deviations(genome, network)
    positions[:, network.bias_mask()] = genome.bias_scale
    return positions


def positions_around(
    start: NDArray[np.float32], genome: Genome, network: Network, key: Key
) -> NDArray[np.float32]:
    """Draw where the particles start near a network.

    The first one is the network itself. The others are as far from it as `initial_positions` draws
    weights from 0; biases are, too, with the deviation `Genome.bias_scale`.

    Parameters
    ----------
    start
        (D,): the network's weights.
    genome, network, key
        As of `initial_positions`.

    Returns
    -------
    ndarray of float32, (P, D)
    """
    noise = normals(key, Purpose.POSITION, genome.swarm_size, network.size)
    deviations = _initial_deviations(genome, network)
    deviations[network.bias_mask()] = genome.bias_scale

    positions = start + noise * deviations
    positions[0] = start
    return positions


def initial_velocities(key: Key, particles: int, dimensions: int) -> NDArray[np.float32]:
    """Draw how fast the particles start, (P, D): normal, times `INITIAL_VELOCITY_SCALE`."""
    velocities = normals(key, Purpose.VELOCITY, particles, dimensions)
    velocities *= np.float32(INITIAL_VELOCITY_SCALE)
    return velocities


def _initial_deviations(genome: Genome, network: Network) -> NDArray[np.float32]:
    """The standard deviation of each initial weight, (D,)."""
    scale = genome.weight_scale
    if genome.initialisation == "fan_in":
        return (scale / np.sqrt(network.inputs_of_neurons())).astype(np.float32)
    return np.full(network.size, scale, np.float32)


def scheduled(value: float, end: float, iteration: int, horizon: int) -> np.float32:
    """Compute the value of a gene that changes linearly with time, in one iteration.

    The CPU engine compiles this very function.

    Parameters
    ----------
    value
        The gene.
    end
        Its value after ``horizon`` iterations, as a share of the first.
    iteration
        Counted from 0.
    horizon
        Number of iterations.
    """
    progress = min(1.0, iteration / max(1.0, horizon - 1.0))
    return np.float32(value * (1.0 + (end - 1.0) * progress))


def penalties(task: TrainingTask, positions: NDArray[np.float32]) -> NDArray[np.float64]:
    """Compute what weight decay adds to the loss of each particle.

    Parameters
    ----------
    task
        Names the decay, and which dimensions are biases.
    positions
        (P, D).

    Returns
    -------
    ndarray of float64, (P,)
        The decay times the sum of squared weights, biases aside.
    """
    weights = positions[:, ~task.searched.bias_mask()].astype(np.float64)
    return np.asarray(task.genome.weight_decay * (weights * weights).sum(axis=1))


@np.errstate(all="ignore")
def step(task: TrainingTask, state: SwarmState) -> SwarmState:
    """Move a swarm by one iteration: the definition that engines follow.

    Parameters
    ----------
    task
        The training.
    state
        The swarm before the iteration. It is not changed.

    Returns
    -------
    SwarmState
        The swarm after it.
    """
    genome = task.genome
    rule = genome.rule
    x = state.positions

    # Evaluate.
    losses = losses_of(task, x)
    evaluated = rule.evaluated(state.best_losses)

    # Bests.
    improved = evaluated & (losses < state.best_losses)
    best_losses = np.where(improved, losses, state.best_losses)
    best_positions = np.where(improved[:, None], x, state.best_positions)
    global_best = int(np.argmin(best_losses))
    history = np.append(state.history, best_losses[global_best])

    # New velocities, as the rule has it.
    time = state.iteration, task.schedule_length
    swarm = EvaluatedSwarm(
        genes=genome,
        key=task.key,
        iteration=state.iteration,
        inertia=scheduled(genome.inertia_weight, genome.inertia_end, *time),
        positions=x,
        velocities=state.velocities,
        best_positions=best_positions,
        best_losses=best_losses,
        global_best=global_best,
        global_best_improved=bool(best_losses[global_best] < state.best_losses.min()),
        informants=state.informants,
    )
    motion = rule.move(swarm)

    # Move.
    vmax = scheduled(genome.max_velocity, genome.velocity_end, *time)
    xmax = np.float32(genome.max_position)
    velocities = np.clip(motion.velocities, -vmax, vmax)
    positions = np.clip(x + np.float32(genome.jump_size) * velocities, -xmax, xmax)
    moves = motion.moves[:, None]

    skipped = len(task.x) * int(np.count_nonzero(~evaluated))
    return replace(
        state,
        iteration=state.iteration + 1,
        positions=np.where(moves, positions, x),
        velocities=np.where(moves, velocities, state.velocities),
        best_positions=best_positions,
        best_losses=motion.best_losses,
        informants=motion.informants,
        history=history,
        stopped=out_of_patience(history, len(history), task.patience or 0, task.min_improvement),
        rows_skipped=state.rows_skipped + skipped,
    )


def losses_of(task: TrainingTask, positions: NDArray[np.float32]) -> NDArray[np.float64]:
    """Compute the loss of each particle with its weight decay.

    Parameters
    ----------
    task
        The training.
    positions
        (P, D).

    Returns
    -------
    ndarray of float64, (P,)
        +inf where a loss is not finite.
    """
    held = positions
    if task.solves_readout:
        weights, squares = completed(task, positions)
    else:
        weights = held = task.decoded(positions)

    if task.solves_readout and task.judges_by_squares:
        losses = squares
    else:
        losses = _judged(task.objective, task.network.forward(weights, task.x), task.y)
    if task.genome.weight_decay == 0:
        return losses

    penalised = losses + penalties(task, held)
    return np.where(np.isfinite(penalised), penalised, np.inf)


def _judged(
    objective: Objective | BoundObjective, outputs: NDArray[np.float32], y: NDArray[np.float32]
) -> NDArray[np.float64]:
    """The losses (P,) of networks that answer ``outputs`` (P, rows, outputs)."""
    if isinstance(objective, Objective):
        return loss_values(objective, outputs, y)
    return objective.losses(outputs)


def completed(
    task: TrainingTask, positions: NDArray[np.float32], *, kept: bool = False
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Solve the output layers of hidden layers.

    Parameters
    ----------
    task
        The training, with a solved output layer.
    positions
        (n, D): hidden layers.
    kept
        Whether classes are fitted by the cross-entropy after the least squares.

    Returns
    -------
    networks : ndarray of float32, (n, weights)
        Complete ones.
    losses : ndarray of float64, (n,)
        The least squares, see `shoal.nn.readout`.
    """
    networks = []
    losses = []
    solve = solve_layer
    if kept and task.fits_classes:
        solve = fit_classes
    for hidden, features in zip(positions, task.network.features(positions, task.x), strict=True):
        layer = solve(features, task.readout_targets, task.genome.ridge)
        networks.append(np.concatenate([hidden, layer.weights.ravel(), layer.biases]))
        losses.append(layer.loss)
    return np.stack(networks), np.array(losses)


def out_of_patience(
    history: NDArray[np.float64], done: int, patience: int, min_improvement: float
) -> bool:
    """Tell whether a training no longer improves.

    The CPU engine compiles this very function.

    Parameters
    ----------
    history
        The global best loss after each iteration, at least ``done`` of them.
    done
        Iterations done.
    patience
        How many iterations to look back; 0 is endless.
    min_improvement
        The least improvement over these iterations, as a share of the loss before.
    """
    if patience == 0 or done <= patience:
        return False

    before = history[done - 1 - patience]
    now = history[done - 1]
    if not np.isfinite(before):
        return not np.isfinite(now)
    return not before - now > min_improvement * abs(before)
