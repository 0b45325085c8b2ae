"""The CPU engine: the reference's steps, compiled, on one thread a swarm or several.

It follows the reference within the rounding of a float32 network: losses within 1e-5 of their size plus 1e-6 of a loss
of 1 (targets of about 1), the same informants unless two distances are that close. Its own bits do not depend on the
number of threads, the chunks or the vector width.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
from numpy.typing import NDArray

from shoal.nn.activations import ACTIVATIONS
from shoal.nn.network import Network
from shoal.objectives.losses import MSE, Objective
from shoal.pso.engines import kernels
from shoal.pso.engines.base import Engine
from shoal.pso.engines.intrinsics import BLOCK
from shoal.pso.engines.llvm_vectors import LANES
from shoal.pso.swarm import SwarmState, TrainingTask
from shoal.update_rules.informants import INFORMANT_STRATEGIES


class CpuEngine(Engine):
    """See the module. ``threads`` share the particles of each swarm; 1 is best where many swarms train at once."""

    name = "cpu"

    def __init__(self, threads: int = 1, *, abandon: bool = True) -> None:
        self.threads, self.abandon = threads, abandon
        self._prepared: tuple[TrainingTask, kernels.Data] | None = (
            None  # of the last task: a training comes in chunks
        )

    def with_threads(self, threads: int) -> CpuEngine:
        """See `Engine.on`."""
        engine = CpuEngine(threads, abandon=self.abandon)
        engine.observer = self.observer
        return engine

    def advance(self, task: TrainingTask, state: SwarmState, iterations: int) -> SwarmState:
        """See `Engine.advance`."""
        threads = min(self.threads, task.genome.swarm_size)
        scratch = [_scratch(task.network) for _ in range(threads)]
        control = np.zeros(64, np.int64)
        old, swarm = (_rows(state.positions), _rows(state.velocities)), _swarm(task, state)
        new = (_aligned(len(old[0])), _aligned(len(old[1])))
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
            _model(task.network, task.objective),
            _rule(task, self.abandon),
            control,
            threads,
        )
        if threads == 1:
            done = work(scratch[0])
        else:
            with ThreadPoolExecutor(threads - 1) as pool:
                try:
                    others = [pool.submit(work, own) for own in scratch[1:]]
                    done = work(scratch[0])
                    for other in others:
                        other.result()
                finally:
                    control[kernels.ABORTED] = 1  # one that did not come must not be waited for
        positions, velocities = new if (done - state.iteration) % 2 else old
        return SwarmState(
            iteration=done,
            positions=_unpadded(positions, state),
            velocities=_unpadded(velocities, state),
            best_positions=_unpadded(swarm.bests, state),
            best_losses=swarm.best_losses,
            informants=swarm.informants,
            history=history[:done],
            stopped=bool(control[kernels.STOPPED]),
            rows_skipped=state.rows_skipped + sum(int(own.rows_skipped[0]) for own in scratch),
        )

    def _data(self, task: TrainingTask) -> kernels.Data:
        if self._prepared is None or self._prepared[0] is not task:
            self._prepared = task, _data(task.x, task.y, _telling_first(task))
        return self._prepared[1]

    def outputs(
        self, network: Network, weights: NDArray[np.float32], x: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """See `Engine.outputs`."""
        data = _data(x, np.zeros(len(x), np.float32), np.arange(len(x)))
        out = np.empty((network.layers[-1], len(data.y)), np.float32)
        kernels.outputs(weights, data, _model(network, Objective(MSE)), _scratch(network).work, out)
        return np.ascontiguousarray(out[:, : len(x)].T)


def _telling_first(task: TrainingTask) -> NDArray[np.int64]:
    """The order in which rows are evaluated: targets far from the median first, where a bad network is soon found out.

    A function of the targets alone, and exact, so that it is the same on every machine. Classes stay as they are.
    """
    y = task.y if task.objective.loss.task == "regression" else np.zeros_like(task.y)
    return np.argsort(-np.abs(y - np.sort(y)[len(y) // 2]), kind="stable")


def _data(x: NDArray[np.float32], y: NDArray[np.float32], order: NDArray[np.int64]) -> kernels.Data:
    rows, inputs = x.shape
    columns, targets = (_aligned(-(-rows // BLOCK) * BLOCK * width) for width in (inputs, 1))
    blocks = columns.reshape(-1, inputs, BLOCK)
    for n in range(len(blocks)):  # block by block: a large table is not held twice
        part = order[n * BLOCK : (n + 1) * BLOCK]
        blocks[n, :, : len(part)] = x[part].T
    targets[:rows] = y[order]
    return kernels.Data(columns, targets, rows)


def _aligned(count: int) -> NDArray[np.float32]:
    """Zeros that begin on a cache line: vectors across two lines cost twice as much."""
    memory = np.zeros(count + LANES, np.float32)
    start = -(memory.ctypes.data // 4) % LANES
    return memory[start : start + count]


def _model(network: Network, objective: Objective) -> kernels.CompiledNetwork:
    sizes = np.array(network.layers, dtype=np.int64)
    activation = ACTIVATIONS[network.activation].kernel_number
    return kernels.CompiledNetwork(
        sizes,
        activation,
        objective.loss.kernel_number,
        float(objective.gain),
        float(objective.shift),
    )


def _rule(task: TrainingTask, abandon: bool) -> kernels.Rule:
    f, genome, key = np.float32, task.genome, task.key
    rule = genome.rule

    def weight(name: str) -> np.float32:
        """A coefficient; 0 where the rule does not read it."""
        return f(0 if name in genome.unread_genes else getattr(genome, name))

    return kernels.Rule(
        w=genome.inertia_weight,
        w_end=genome.inertia_end,
        vmax=genome.max_velocity,
        vmax_end=genome.velocity_end,
        horizon=task.horizon or task.iterations,
        c1=weight("cognitive_weight"),
        c2=weight("social_weight"),
        c3=weight("global_best_weight"),
        jump=f(genome.jump_size),
        xmax=f(genome.max_position),
        decay=genome.weight_decay,
        key0=key[0],
        key1=key[1],
        strategy=INFORMANT_STRATEGIES[genome.informant_strategy].kernel_number,
        to_position=rule.follows_positions(genome),
        number=rule.kernel_number,
        abandon=abandon,
    )


def _swarm(task: TrainingTask, state: SwarmState) -> kernels.Swarm:
    particles, dimensions = state.positions.shape
    stride = kernels.padded(dimensions)
    decayed = _aligned(stride)
    decayed[:dimensions] = ~task.network.bias_mask()
    measured = task.genome.rule.measures_distances(task.genome)
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
        distances=np.empty((particles, particles) if measured else (1, 1)),
        dimensions=dimensions,
        stride=stride,
    )


def _rows(matrix: NDArray[np.float32]) -> NDArray[np.float32]:
    """Row after row, each filled up with zeros to whole vectors: the memory of the chunk before, or a copy."""
    particles, dimensions = matrix.shape
    stride, memory = kernels.padded(dimensions), matrix.base
    if (
        memory is not None
        and memory.shape == (particles * stride + LANES,)
        and matrix.strides == (4 * stride, 4)
    ):
        start = (matrix.ctypes.data - memory.ctypes.data) // 4
        return memory[start : start + particles * stride]
    flat = _aligned(particles * stride)
    flat.reshape(particles, stride)[:, :dimensions] = matrix
    return flat


def _unpadded(flat: NDArray[np.float32], like: SwarmState) -> NDArray[np.float32]:
    """A view of the rows without what fills them up."""
    particles, dimensions = like.positions.shape
    return flat.reshape(particles, -1)[:, :dimensions]


def _scratch(network: Network) -> kernels.Scratch:
    return kernels.Scratch(
        _aligned(2 * max(network.layers[1:]) * BLOCK),
        np.zeros(1, np.int64),
    )
