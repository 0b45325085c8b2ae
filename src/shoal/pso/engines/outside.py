"""Trainings whose losses come from a function of somebody else's: an objective of a whole table, or
a loss of a row.

The swarm moves as `AskTell` does, which is the reference's step. The outputs of the networks come
from the same tiles as elsewhere. Neither threads nor chunks change a bit.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numba.core.errors import NumbaError
from numpy.typing import NDArray

from shoal.errors import ObjectiveError
from shoal.objectives.bound import RowObjective, WholeObjective, finite_or_infinite
from shoal.objectives.options import plain_function
from shoal.pso.ask_tell import AskTell
from shoal.pso.engines import kernels
from shoal.pso.engines import outside_kernels as outside
from shoal.pso.engines.compiler_messages import first_cause
from shoal.pso.engines.intrinsics.tiles import BLOCK
from shoal.pso.swarm import SwarmState, TrainingTask, out_of_patience

# Fills the losses of the networks first .. last - 1 in a thread's memory; returns the rows that
# were left out.
_Work = Callable[[int, int, outside.Workspace], int]


class OutsideEvaluator:
    """Evaluates the particles of one training.

    Parameters
    ----------
    task
        The training, with an objective that is bound to its rows.
    data, model
        Its rows and its network for the kernels. The rows are in the order ``order``.
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
        self._decay = outside.Penalty(
            decay=task.genome.weight_decay,
            decayed=~network.bias_mask(),
            abandon=abandon and getattr(self._objective, "nonnegative", False),
        )
        self._model = model
        if isinstance(self._objective, RowObjective):
            gain, shift = self._objective.gain, self._objective.shift
            self._model = model._replace(gain=float(gain), shift=float(shift))
            self._rows = _rows(self._objective, network.layers[-1], order)
            self._drive = _driver(self._objective)
            self._options = tuple(self._objective.options.values())
        self._workspaces = [_workspace(task) for _ in range(threads)]

    def losses(
        self, positions: NDArray[np.float32], limits: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], int]:
        """The losses of networks, weight decay included.

        Parameters
        ----------
        positions
            (n, D).
        limits
            (n,): what each has to beat. The loss of one that cannot may be +inf.

        Returns
        -------
        ndarray of float64, (n,)
            +inf where a loss is not finite.
        int
            Rows x networks that were left out.

        Raises
        ------
        ObjectiveError
            If the function raises, does not compile, or returns another shape.
        """
        positions = np.ascontiguousarray(self._task.decoded(positions))
        networks = outside.Networks(
            weights=positions.reshape(-1),
            dimensions=positions.shape[1],
            limits=limits,
            losses=np.empty(len(positions)),
        )
        if isinstance(self._objective, WholeObjective):
            return self._whole(networks), 0
        return self._by_rows(networks)

    def _whole(self, networks: outside.Networks) -> NDArray[np.float64]:
        count = len(networks.losses)
        outputs = self._task.network.layers[-1]
        out = np.empty((count, outputs, self._data.rows), np.float32)

        def work(first: int, last: int, workspace: outside.Workspace) -> int:
            outside.outputs_of_many(
                first, last, networks, self._data, self._model, workspace.work, out
            )
            return 0

        self._share(work, count)
        with np.errstate(all="ignore"):
            losses = self._objective.losses(np.ascontiguousarray(out.transpose(0, 2, 1)))
        if self._decay.decay == 0:
            return np.asarray(losses)

        weights = networks.weights.reshape(count, -1)
        for p in range(count):
            losses[p] += self._decay.decay * outside.decay_of(weights[p], self._decay.decayed)
        return finite_or_infinite(losses)

    def _by_rows(self, networks: outside.Networks) -> tuple[NDArray[np.float64], int]:
        def work(first: int, last: int, workspace: outside.Workspace) -> int:
            skipped = self._drive(
                first,
                last,
                networks,
                self._data,
                self._rows,
                self._model,
                self._decay,
                workspace,
                self._options,
            )
            return int(skipped)

        try:
            skipped = self._share(work, len(networks.losses))
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
        return networks.losses, skipped

    def _share(self, work: _Work, count: int) -> int:
        """Do the work in all threads; the rows that were left out."""
        threads = min(self._threads, count)
        if threads <= 1:
            return work(0, count, self._workspaces[0])

        cuts = np.linspace(0, count, threads + 1).astype(int).tolist()
        parts = list(zip(cuts[:-1], cuts[1:], self._workspaces, strict=False))
        with ThreadPoolExecutor(threads - 1) as pool:
            others = [pool.submit(work, *part) for part in parts[1:]]
            skipped = work(*parts[0])
            return skipped + sum(other.result() for other in others)


def advance(
    task: TrainingTask, state: SwarmState, iterations: int, evaluator: OutsideEvaluator
) -> SwarmState:
    """Do at most ``iterations`` more steps of a swarm; see `Engine.advance`."""
    swarm = AskTell.resumed(task.genome, task.key, task.schedule_length, state)
    rows = len(task.x)
    left_out = state.rows_skipped
    stopped = False
    done = 0

    while done < iterations and not stopped:
        needed = swarm.needed
        losses = np.full(len(needed), np.inf)
        losses[needed], skipped = evaluator.losses(
            swarm.ask()[needed], np.asarray(swarm.best_losses)[needed]
        )
        left_out += skipped + rows * int(np.count_nonzero(~needed))

        swarm.tell(losses)
        done += 1
        if task.patience:
            history = swarm.state().history
            stopped = out_of_patience(history, len(history), task.patience, task.min_improvement)

    return replace(swarm.state(), history=swarm.history, stopped=stopped, rows_skipped=left_out)


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


def _workspace(task: TrainingTask) -> outside.Workspace:
    widest = max(task.network.layers[1:])
    return outside.Workspace(
        work=np.zeros(2 * widest * BLOCK, np.float32),
        row=np.empty(task.network.layers[-1]),
        sums=np.empty(16),
    )


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
