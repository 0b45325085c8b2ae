"""The CPU engine: the reference's steps, compiled, on one thread a swarm or several.

It follows the reference within the rounding of a float32 network: losses within 1e-5 of their size
plus 1e-6 of a loss of 1 (targets of about 1), and the same informants unless two distances are that
close. Its own bits depend neither on the number of threads, nor on the chunks, nor on the width of
vectors.
"""

from __future__ import annotations

from collections.abc import Set
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from shoal.errors import SettingsError
from shoal.genome.genome import Genome
from shoal.nn.activations import ACTIVATIONS
from shoal.nn.network import Network
from shoal.nn.readout import LEAST_GRADIENT, MOST_STEPS
from shoal.objectives.bound import RowObjective
from shoal.objectives.losses import MSE, Objective
from shoal.pso.engines import kernels, outside
from shoal.pso.engines.base import Engine
from shoal.pso.engines.intrinsics.memory import aligned
from shoal.pso.engines.intrinsics.tiles import BLOCK
from shoal.pso.engines.llvm_vectors import LANES
from shoal.pso.engines.readout_kernels import Readout
from shoal.pso.engines.readout_setup import NO_READOUT, compiled_readout, scratch_memory
from shoal.pso.swarm import SwarmState, TrainingTask, out_of_patience
from shoal.update_rules.informants import INFORMANT_STRATEGIES


class CpuEngine(Engine):
    """See the module's head.

    Parameters
    ----------
    threads
        They share the particles of each swarm; 1 is best where many swarms train at once.
    abandon
        Whether the evaluation of a particle ends as soon as it cannot improve. Changes no result.
    """

    name = "cpu"

    def __init__(self, threads: int = 1, *, abandon: bool = True) -> None:
        self.threads = threads
        self.abandon = abandon
        # The last task with its data: a training comes in chunks.
        self._prepared: tuple[TrainingTask, kernels.Data] | None = None
        self._fitted: tuple[TrainingTask, Readout] | None = None
        self._evaluators: tuple[TrainingTask, outside.OutsideEvaluator] | None = None

    def with_threads(self, threads: int) -> CpuEngine:
        """See `Engine.with_threads`."""
        engine = CpuEngine(threads, abandon=self.abandon)
        engine.observer = self.observer
        return engine

    def advance(self, task: TrainingTask, state: SwarmState, iterations: int) -> SwarmState:
        """See `Engine.advance`."""
        # Least squares need no objective.
        objective = task.objective
        if task.solves_readout and task.judges_by_squares:
            objective = Objective(MSE)
        if not isinstance(objective, Objective):
            return self._advance_outside(task, state, iterations)

        threads = min(self.threads, task.genome.swarm_size)
        scratch = [scratch_memory(task.network, task.solves_readout) for _ in range(threads)]
        control = np.zeros(kernels.CONTROL_SIZE, np.int64)

        old = _rows(state.positions), _rows(state.velocities)
        new = aligned(len(old[0])), aligned(len(old[1]))
        swarm = _swarm(task, state)
        history = np.concatenate([state.history, np.empty(iterations)])

        work = partial(
            kernels.advance,
            old,
            new,
            swarm,
            history,
            state.iteration,
            state.iteration + iterations,
            task.patience or 0,
            task.min_improvement,
            self._data(task),
            _compiled_network(task.network, objective),
            self._readout(task),
            _rule(task, self.abandon),
            control,
            threads,
        )
        done = _run_team(work, scratch, control)

        # The kernel swaps the pairs in each iteration.
        positions, velocities = old
        if (done - state.iteration) % 2 == 1:
            positions, velocities = new
        skipped = sum(int(own.rows_skipped[0]) for own in scratch)
        return SwarmState(
            iteration=done,
            positions=_unpadded(positions, state),
            velocities=_unpadded(velocities, state),
            best_positions=_unpadded(swarm.bests, state),
            best_losses=swarm.best_losses,
            informants=swarm.informants,
            history=history[:done],
            stopped=bool(control[kernels.STOPPED]),
            rows_skipped=state.rows_skipped + skipped,
        )

    def _data(self, task: TrainingTask) -> kernels.Data:
        if self._prepared is None or self._prepared[0] is not task:
            self._prepared = task, _data(task.x, _single_targets(task), _evaluation_order(task))
        return self._prepared[1]

    def _readout(self, task: TrainingTask) -> Readout:
        if not task.solves_readout:
            return NO_READOUT
        if self._fitted is None or self._fitted[0] is not task:
            self._fitted = task, compiled_readout(task, _evaluation_order(task))
        return self._fitted[1]

    def networks(self, task: TrainingTask, positions: NDArray[np.float32]) -> NDArray[np.float32]:
        """See `Engine.networks`. Solved output layers have the same bits on every machine."""
        if not task.solves_readout:
            return super().networks(task, positions)

        count, dimensions = positions.shape
        found = np.empty((count, task.network.size), np.float32)
        if task.fits_classes:
            found[:, :dimensions] = positions
            for network in found:
                kernels.fit_classes(
                    network,
                    dimensions,
                    self._data(task),
                    _compiled_network(task.network, Objective(MSE)),
                    self._readout(task),
                    scratch_memory(task.network, solved=True),
                    MOST_STEPS,
                    LEAST_GRADIENT,
                )
            return found
        kernels.complete(
            0,
            count,
            np.ascontiguousarray(positions).reshape(-1),
            dimensions,
            dimensions,
            found.reshape(-1),
            task.network.size,
            self._data(task),
            _compiled_network(task.network, Objective(MSE)),
            self._readout(task),
            scratch_memory(task.network, solved=True),
        )
        return found

    def _advance_outside(
        self, task: TrainingTask, state: SwarmState, iterations: int
    ) -> SwarmState:
        """Go on with a training whose losses the kernels do not compute themselves."""
        evaluator = self._evaluator(task)
        control = np.zeros(kernels.CONTROL_SIZE, np.int64)
        old = _rows(state.positions), _rows(state.velocities)
        new = aligned(len(old[0])), aligned(len(old[1]))
        swarm = _swarm(task, state)
        rule = _rule(task, self.abandon)
        history = np.concatenate([state.history, np.empty(iterations)])

        done = state.iteration
        until = done + iterations
        skipped = state.rows_skipped
        stopped = False
        # A function may divide by zero: its value then is no best.
        with np.errstate(all="ignore"):
            while done < until and not stopped:
                positions = outside.Positions(old[0], swarm.stride, _unpadded(old[0], state))
                skipped += evaluator.evaluate(positions, swarm)
                kernels.settle_and_move(old, new, swarm, history, done, rule, control)
                old, new = new, old
                done += 1
                stopped = out_of_patience(history, done, task.patience or 0, task.min_improvement)

        return SwarmState(
            iteration=done,
            positions=_unpadded(old[0], state),
            velocities=_unpadded(old[1], state),
            best_positions=_unpadded(swarm.bests, state),
            best_losses=swarm.best_losses,
            informants=swarm.informants,
            history=history[:done],
            stopped=stopped,
            rows_skipped=skipped,
        )

    def _evaluator(self, task: TrainingTask) -> outside.OutsideEvaluator:
        if self._evaluators is None or self._evaluators[0] is not task:
            order = _evaluation_order(task)
            evaluator = outside.OutsideEvaluator(
                task,
                _data(task.x, np.zeros(len(task.x), np.float32), order),
                _compiled_network(task.network, Objective(MSE)),
                self._readout(task),
                order,
                threads=min(self.threads, task.genome.swarm_size),
                abandon=self.abandon,
            )
            self._evaluators = task, evaluator
        return self._evaluators[1]

    def outputs(
        self, network: Network, weights: NDArray[np.float32], x: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """See `Engine.outputs`. Its bits are the same on every machine."""
        rows = len(x)
        data = _data(x, np.zeros(rows, np.float32), np.arange(rows))
        compiled = _compiled_network(network, Objective(MSE))

        out = np.empty((network.layers[-1], len(data.y)), np.float32)
        kernels.outputs(weights, data, compiled, scratch_memory(network).work, out)
        return np.ascontiguousarray(out[:, :rows].T)


def _single_targets(task: TrainingTask) -> NDArray[np.float32]:
    """The targets that losses of rows are computed with, (rows,); of several they are not read."""
    if task.y.ndim == 1:
        return task.y
    return np.zeros(len(task.y), np.float32)


def _run_team(
    work: partial[Any], scratch: list[kernels.Scratch], control: NDArray[np.int64]
) -> int:
    """Run the work once for each scratch, all at the same time.

    Returns how many iterations are done then.
    """
    if len(scratch) == 1:
        return int(work(scratch[0]))

    with ThreadPoolExecutor(len(scratch) - 1) as pool:
        try:
            others = [pool.submit(work, own) for own in scratch[1:]]
            done = int(work(scratch[0]))
            for other in others:
                other.result()
        finally:
            # A thread that did not start must not be waited for.
            control[kernels.ABORTED] = 1
    return done


def _evaluation_order(task: TrainingTask) -> NDArray[np.int64]:
    """The order in which rows are evaluated: those first that soon show that a network is bad.

    They are those whose targets are far from the median. It is a function of the targets alone, and
    exact, so that it is the same on every machine. Classes stay in their order, and so do the rows
    of an objective that sees all of them at once.
    """
    objective = task.objective
    if isinstance(objective, Objective):
        is_regression = objective.loss.task == "regression"
    else:
        is_regression = isinstance(objective, RowObjective) and objective.units.task == "regression"

    y = np.zeros(len(task.y), np.float32)
    if is_regression and task.y.ndim == 1:
        y = task.y

    median = np.sort(y)[len(y) // 2]
    return np.argsort(-np.abs(y - median), kind="stable")


def _data(x: NDArray[np.float32], y: NDArray[np.float32], order: NDArray[np.int64]) -> kernels.Data:
    """The rows in that order, in blocks of which each holds its features one after another."""
    rows, inputs = x.shape
    padded_rows = -(-rows // BLOCK) * BLOCK
    columns = aligned(padded_rows * inputs)
    targets = aligned(padded_rows)

    # Block by block: a large table is not held twice.
    blocks = columns.reshape(-1, inputs, BLOCK)
    for n, block in enumerate(blocks):
        part = order[n * BLOCK : (n + 1) * BLOCK]
        block[:, : len(part)] = x[part].T
    targets[:rows] = y[order]
    return kernels.Data(columns, targets, rows)


class _Numbered(Protocol):
    """A registered activation, loss, update rule or informant strategy."""

    @property
    def name(self) -> str: ...
    @property
    def kernel_number(self) -> int: ...


def _kernel_number(kind: str, variant: _Numbered, handled: Set[int]) -> int:
    """The variant's number. Refused unless it is ``handled``: it would train something else."""
    if variant.kernel_number not in handled:
        raise SettingsError(
            f"{kind}={variant.name!r} has no kernel: its number, {variant.kernel_number}, is not "
            "known to shoal/pso/engines/kernels.py.",
            expected="one of the numbers " + ", ".join(map(str, sorted(handled))),
            remedy='write its kernel (CONTRIBUTING.md says where), or choose engine="reference"',
        )
    return variant.kernel_number


def _compiled_network(network: Network, objective: Objective) -> kernels.CompiledNetwork:
    activation = ACTIVATIONS[network.activation]

    return kernels.CompiledNetwork(
        sizes=np.array(network.layers, dtype=np.int64),
        activation=_kernel_number("activation", activation, kernels.ACTIVATIONS),
        loss=_kernel_number("loss", objective.loss, kernels.LOSSES),
        gain=float(objective.gain),
        shift=float(objective.shift),
    )


def _rule(task: TrainingTask, abandon: bool) -> kernels.Rule:
    genome = task.genome
    rule = genome.rule
    strategy = INFORMANT_STRATEGIES[genome.informant_strategy]
    key0, key1 = task.key

    return kernels.Rule(
        number=_kernel_number("update_rule", rule, kernels.RULES),
        w=genome.inertia_weight,
        w_end=genome.inertia_end,
        vmax=genome.max_velocity,
        vmax_end=genome.velocity_end,
        horizon=task.schedule_length,
        c1=_weight(genome, "cognitive_weight"),
        c2=_weight(genome, "social_weight"),
        c3=_weight(genome, "global_best_weight"),
        jump=np.float32(genome.jump_size),
        xmax=np.float32(genome.max_position),
        decay=genome.weight_decay,
        key0=key0,
        key1=key1,
        strategy=_kernel_number("informant_strategy", strategy, kernels.STRATEGIES),
        to_position=rule.follows_positions(genome),
        abandon=abandon,
    )


def _weight(genome: Genome, name: str) -> np.float32:
    """A coefficient; 0 if the rule does not read it."""
    if name in genome.unread_genes:
        return np.float32(0)
    return np.float32(getattr(genome, name))


def _swarm(task: TrainingTask, state: SwarmState) -> kernels.Swarm:
    particles, dimensions = state.positions.shape
    stride = kernels.padded(dimensions)
    network_stride = kernels.padded(task.network.size)

    decayed = aligned(stride)
    decayed[:dimensions] = ~task.searched.bias_mask()

    # A rule that measures no distances gets the smallest array that Numba takes for one.
    measured = 1
    if task.genome.rule.measures_distances(task.genome):
        measured = particles

    networks = 0
    if task.solves_readout and not task.judges_by_squares:
        networks = particles

    return kernels.Swarm(
        bests=_rows(state.best_positions),
        best_losses=state.best_losses.copy(),
        informants=state.informants.copy(),
        losses=np.empty(particles),
        shifts=np.empty(particles),
        winners=np.empty(particles, np.int64),
        order=np.empty(particles, np.int64),
        decayed=decayed,
        sums=np.empty(particles * LANES),
        distances=np.empty((measured, measured)),
        dimensions=dimensions,
        stride=stride,
        networks=aligned(networks * network_stride),
        network_stride=network_stride,
    )


def _rows(matrix: NDArray[np.float32]) -> NDArray[np.float32]:
    """Row after row, each filled up with zeros to whole vectors.

    If ``matrix`` is a view that `_unpadded` made in the chunk before, this is the memory behind it;
    otherwise a copy.
    """
    particles, dimensions = matrix.shape
    stride = kernels.padded(dimensions)
    count = particles * stride

    memory = matrix.base
    if (
        memory is not None
        and memory.shape == (count + LANES,)
        and matrix.strides == (4 * stride, 4)
    ):
        start = (matrix.ctypes.data - memory.ctypes.data) // 4
        return memory[start : start + count]

    flat = aligned(count)
    flat.reshape(particles, stride)[:, :dimensions] = matrix
    return flat


def _unpadded(flat: NDArray[np.float32], like: SwarmState) -> NDArray[np.float32]:
    """A view of the rows without what fills them up."""
    particles, dimensions = like.positions.shape
    return flat.reshape(particles, -1)[:, :dimensions]
