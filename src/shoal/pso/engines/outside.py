"""Trainings whose losses come from a function of somebody else's: an objective of a whole table, or
a loss of a row.

The outputs of the networks come from the tiles of all other trainings, and the swarm moves as all
others do (`shoal.pso.engines.kernels.settle_and_move`). Neither threads nor chunks change a bit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, TypeVar
from weakref import WeakKeyDictionary

import numpy as np
from numba.core.errors import NumbaError
from numpy.typing import NDArray

from shoal.errors import ObjectiveError
from shoal.nn.network import Network
from shoal.objectives.bound import RowObjective, WholeObjective, finite_or_infinite
from shoal.objectives.options import plain_function
from shoal.pso.engines import kernels
from shoal.pso.engines import outside_kernels as outside
from shoal.pso.engines.compiler_messages import first_cause
from shoal.pso.engines.intrinsics.memory import aligned
from shoal.pso.engines.intrinsics.tiles import BLOCK
from shoal.pso.engines.llvm_vectors import LANES
from shoal.pso.engines.readout_kernels import Readout
from shoal.pso.engines.readout_setup import scratch_memory
from shoal.pso.swarm import TrainingTask

# What one thread works in.
_Memory = TypeVar("_Memory", outside.Workspace, kernels.Scratch)


class Positions(NamedTuple):
    """Where the particles of a swarm stand.

    Attributes
    ----------
    flat
        In rows of ``stride``, (P * stride,).
    stride
        The length of a row.
    matrix
        A view of them without what fills the rows up, (P, D).
    """

    flat: NDArray[np.float32]
    stride: int
    matrix: NDArray[np.float32]


class OutsideEvaluator:
    """Evaluates the particles of one training.

    Parameters
    ----------
    task
        The training, with an objective that is bound to its rows.
    data, model, readout
        Its rows, its network and its solved output layer for the kernels. The rows are in the order
        ``order``.
    order
        (rows,): which row of the task each of them is.
    threads
        They share the particles.
    abandon
        Whether a particle is left as soon as it cannot improve.
    """

    def __init__(
        self,
        task: TrainingTask,
        data: kernels.Data,
        model: kernels.CompiledNetwork,
        readout: Readout,
        order: NDArray[np.int64],
        *,
        threads: int,
        abandon: bool,
    ) -> None:
        self._task = task
        self._data = data
        self._threads = threads
        self._objective: Any = task.objective

        network = task.network
        # A solved output layer has its ridge.
        decayed = np.zeros(network.size, np.bool_)
        decayed[: task.searched.size] = ~task.searched.bias_mask()
        self._penalty = outside.Penalty(
            decay=task.genome.weight_decay,
            decayed=decayed,
            abandon=abandon and getattr(self._objective, "nonnegative", False),
        )
        self._model = model
        if isinstance(self._objective, RowObjective):
            gain, shift = self._objective.gain, self._objective.shift
            self._model = model._replace(gain=float(gain), shift=float(shift))
            self._rows = _rows(self._objective, network.layers[-1], order)
            self._drive = _driver(self._objective)
            self._options = tuple(self._objective.options.values())
        particles = task.genome.swarm_size
        self._everyone = np.arange(particles)

        rows = 1
        if isinstance(self._objective, WholeObjective):
            rows = data.rows
            self._handing = _handing(self._objective, network.layers[-1])
            # For all particles, used again in each iteration.
            self._handed = _handed(self._handing.kind, particles, network, rows)
            self._penalties = np.zeros(particles)
        self._workspaces = [_workspace(network, rows) for _ in range(threads)]
        self._readout = readout
        if readout.solved:
            # The complete networks, and what a thread solves them with.
            self._completed = np.empty((particles, network.size), np.float32)
            self._scratch = [scratch_memory(network, solved=True) for _ in range(threads)]

    def evaluate(self, positions: Positions, swarm: kernels.Swarm) -> int:
        """Compute the losses of the particles that need one, weight decay included.

        Parameters
        ----------
        positions
            Where the particles stand.
        swarm
            Has their best losses, which decide who needs one. Its ``losses`` are filled: +inf where
            a loss is not finite, where a particle cannot become better, and where none is needed.

        Returns
        -------
        int
            Rows x particles that were left out.

        Raises
        ------
        ObjectiveError
            If the function raises, does not compile, or returns another shape.
        """
        chosen = self._everyone
        rule = self._task.genome.rule
        if not rule.keeps_bests:
            chosen = np.flatnonzero(rule.evaluated(swarm.best_losses))
            swarm.losses.fill(np.inf)
        networks = self._networks(positions, swarm, chosen)

        left_out = self._data.rows * (len(swarm.losses) - len(chosen))
        if isinstance(self._objective, WholeObjective):
            self._whole(networks)
            return left_out
        return left_out + self._by_rows(networks)

    def _networks(
        self, positions: Positions, swarm: kernels.Swarm, chosen: NDArray[np.int64]
    ) -> outside.Networks:
        weights = positions.flat
        stride = positions.stride
        if self._task.decode is not None:
            decoded = np.ascontiguousarray(self._task.decoded(positions.matrix), np.float32)
            weights = decoded.reshape(-1)
            stride = decoded.shape[1]
        elif self._readout.solved:
            weights = self._complete(positions, chosen)
            stride = self._task.network.size
        return outside.Networks(weights, stride, chosen, swarm.best_losses, swarm.losses)

    def _complete(self, positions: Positions, chosen: NDArray[np.int64]) -> NDArray[np.float32]:
        """Solve the output layers of those chosen; all complete networks, flat."""
        networks = self._completed.reshape(-1)
        size = self._task.network.size

        def work(first: int, last: int, scratch: kernels.Scratch) -> int:
            for p in chosen[first:last]:
                kernels.complete(
                    p,
                    p + 1,
                    positions.flat,
                    positions.stride,
                    self._task.searched.size,
                    networks,
                    size,
                    self._data,
                    self._model,
                    self._readout,
                    scratch,
                )
            return 0

        self._share(work, len(chosen), self._scratch)
        return networks

    def _whole(self, networks: outside.Networks) -> None:
        count = len(networks.chosen)
        flat = self._handed.reshape(len(self._handed), -1)

        def work(first: int, last: int, workspace: outside.Workspace) -> int:
            outside.hand_over(
                first,
                last,
                networks,
                self._data,
                self._model,
                self._handing,
                self._penalty,
                workspace,
                flat,
                self._penalties,
            )
            return 0

        self._share(work, count, self._workspaces)
        handed = self._handed[:count]
        if self._handing.kind == outside.RAW:
            losses = self._objective.losses(handed)
        else:
            losses = self._objective.losses_of(handed)

        if self._penalty.decay > 0:
            losses = finite_or_infinite(losses + self._penalties[:count])
        networks.losses[networks.chosen] = losses

    def _by_rows(self, networks: outside.Networks) -> int:
        def work(first: int, last: int, workspace: outside.Workspace) -> int:
            skipped = self._drive(
                first,
                last,
                networks,
                self._data,
                self._rows,
                self._model,
                self._penalty,
                workspace,
                self._options,
            )
            return int(skipped)

        try:
            return self._share(work, len(networks.chosen), self._workspaces)
        except NumbaError as error:
            raise ObjectiveError(
                f"The row loss {self._objective.name} does not compile: {first_cause(error)}",
                expected="a function of two numbers that Numba compiles, which returns a number",
                remedy="leave out what it names, or write an objective: @shoal.objective takes "
                "any Python",
            ) from None
        except Exception as error:
            raise ObjectiveError(
                f"The row loss {self._objective.name} raised {type(error).__name__}: {error}",
                expected="a number for every row",
                remedy=f"call it by hand: {self._objective.name}(output, target)",
            ) from error

    def _share(
        self, work: Callable[[int, int, _Memory], int], count: int, memories: Sequence[_Memory]
    ) -> int:
        """Do the work in all threads, each with a memory; the rows that were left out."""
        threads = min(self._threads, count)
        if threads <= 1:
            return work(0, count, memories[0])

        cuts = np.linspace(0, count, threads + 1).astype(int).tolist()
        parts = list(zip(cuts[:-1], cuts[1:], memories, strict=False))
        with ThreadPoolExecutor(threads - 1) as pool:
            others = [pool.submit(work, *part) for part in parts[1:]]
            skipped = work(*parts[0])
            return skipped + sum(other.result() for other in others)


def _rows(objective: RowObjective, outputs: int, order: NDArray[np.int64]) -> outside.Rows:
    """What the loss of a row reads, in the order of the kernels' rows."""
    targets = objective.targets
    weights = objective.weights
    if weights is None:
        weights = np.ones(len(targets))

    return outside.Rows(
        targets=np.ascontiguousarray(targets.reshape(len(targets), -1)[order]),
        weights=np.ascontiguousarray(weights[order], np.float64),
        total=float(np.sum(weights)),
        scale=_for_each(objective.units.scale, outputs),
        offset=_for_each(objective.units.offset, outputs),
    )


def _for_each(value: Any, outputs: int) -> NDArray[np.float64]:
    return np.broadcast_to(np.asarray(value, np.float64), outputs).copy()


def _workspace(network: Network, rows: int) -> outside.Workspace:
    widest = max(network.layers[1:])
    outputs = network.layers[-1]
    return outside.Workspace(
        work=aligned(2 * widest * BLOCK),
        answers=np.empty((outputs, rows), np.float32),
        row=np.empty(outputs),
        sums=np.empty(LANES),
    )


def _handing(objective: WholeObjective, outputs: int) -> outside.Handing:
    """What the kernels make of answers for it. Probabilities are made of the answers later on."""
    units = objective.units
    asked = objective.objective.outputs
    kind = {"score": outside.SCORE, "decision": outside.DECISION}.get(asked, outside.RAW)
    if units.task == "regression" and asked != "raw":
        kind = outside.AMOUNTS

    return outside.Handing(
        kind,
        scale=_for_each(units.scale, outputs).astype(np.float32),
        offset=_for_each(units.offset, outputs).astype(np.float32),
    )


def _handed(kind: int, particles: int, network: Network, rows: int) -> NDArray[Any]:
    """Memory for what the kernels write, (P, rows) or (P, rows, outputs)."""
    outputs = network.layers[-1]
    if kind == outside.DECISION:
        return np.empty((particles, rows), np.int64)
    if kind == outside.SCORE or (kind == outside.AMOUNTS and outputs == 1):
        return np.empty((particles, rows), np.float32)
    return np.empty((particles, rows, outputs), np.float32)


# Compiled loops by function, as compiling takes a second.
_drivers: WeakKeyDictionary[Callable[..., Any], dict[tuple[bool, bool], Any]] = WeakKeyDictionary()


def _driver(objective: RowObjective) -> Any:
    function = plain_function(objective.function)
    classes = objective.units.task == "classification"
    several = objective.targets.ndim > 1

    known = _drivers.setdefault(function, {})
    if (classes, several) not in known:
        known[classes, several] = outside.row_driver(function, classes=classes, several=several)
    return known[classes, several]
