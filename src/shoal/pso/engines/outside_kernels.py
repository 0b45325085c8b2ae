"""Compiled pieces for trainings whose losses the kernels do not compute themselves.

`hand_over` takes many networks through the data, and makes of their answers what an objective is
handed. `row_driver` makes, of a loss of one row that somebody else wrote, a compiled loop over
networks and rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from shoal.pso.engines.intrinsics.memory import address_of
from shoal.pso.engines.intrinsics.tiles import BLOCK
from shoal.pso.engines.kernels import compiled, forward_block
from shoal.pso.engines.llvm_vectors import LANES


class Networks(NamedTuple):
    """The networks that the particles of a swarm stand for; P of them."""

    # Their weights, in rows of ``stride``, (P * stride,).
    weights: NDArray[np.float32]
    stride: int
    # Those to evaluate, (n,).
    chosen: NDArray[np.int64]
    # What each has to beat, (P,).
    limits: NDArray[np.float64]
    # Their losses, (P,); filled where they are chosen.
    losses: NDArray[np.float64]


class Rows(NamedTuple):
    """What a loss of a row reads besides the outputs."""

    # (rows, targets), or indices of classes (rows, 1).
    targets: NDArray[Any]
    # (rows,); all 1 where rows count alike.
    weights: NDArray[np.float64]
    # Their sum.
    total: float
    # Of each output, (outputs,): an amount is ``scale * output + offset``.
    scale: NDArray[np.float64]
    offset: NDArray[np.float64]


class Penalty(NamedTuple):
    """What a loss is made of besides the mean of the rows."""

    # The weight decay, and where it counts, (D,).
    decay: float
    decayed: NDArray[np.bool_]
    # Whether a network is left as soon as it cannot beat its limit any more.
    abandon: bool


class Handing(NamedTuple):
    """How answers become what an objective is handed; see `shoal.objectives.bound.Units.handed`."""

    # One of the four numbers below.
    kind: int
    # Of each output, (outputs,): an amount is ``scale * output + offset``.
    scale: NDArray[np.float32]
    offset: NDArray[np.float32]


# The answers themselves, amounts, the second output less the first, and the largest output's index.
RAW = 0
AMOUNTS = 1
SCORE = 2
DECISION = 3


class Workspace(NamedTuple):
    """Memory of one thread."""

    # Activations of two layers of a block, (2 * widest layer * BLOCK,). They begin on a cache line.
    work: NDArray[np.float32]
    # What a network answers, (outputs, rows), if an objective sees all rows at once, else (1, 1).
    answers: NDArray[np.float32]
    # The outputs of one row, (outputs,).
    row: NDArray[np.float64]
    # Sums of the losses so far, one for every sixteenth row, (LANES,).
    sums: NDArray[np.float64]


@compiled
def forward(weights: Any, data: Any, block: Any, vectors: Any, model: Any, work: Any) -> Any:
    """See `shoal.pso.engines.kernels.forward_block`; a function of its own, compiled once."""
    return forward_block(weights, data, block, vectors, model, work, len(model.sizes) - 1)


@compiled
def hand_over(
    first: Any,
    last: Any,
    networks: Any,
    data: Any,
    model: Any,
    handing: Any,
    penalty: Any,
    workspace: Any,
    handed: Any,
    penalties: Any,
) -> None:
    """Take the chosen networks ``first .. last - 1`` through the data.

    ``handed`` (n, numbers) gets a row for each, and ``penalties`` (n,) what weight decay adds to
    its loss.
    """
    work, answers = workspace.work, workspace.answers
    layers = len(model.sizes) - 1

    for n in range(first, last):
        start = networks.chosen[n] * networks.stride
        weights = address_of(networks.weights, start)
        for block in range(-(-data.rows // BLOCK)):
            real = min(BLOCK, data.rows - block * BLOCK)
            place = forward_block(weights, data, block, -(-real // LANES), model, work, layers)
            for c in range(len(answers)):
                row = answers[c]
                for s in range(real):
                    row[block * BLOCK + s] = work[place + c * BLOCK + s]
        _hand(answers, handing, handed[n])

        if penalty.decay > 0:
            own = networks.weights[start : start + len(penalty.decayed)]
            penalties[n] = penalty.decay * decay_of(own, penalty.decayed)


@compiled
def _hand(answers: Any, handing: Any, handed: Any) -> None:
    """Make of a network's answers what is handed of them; the answers may be lost."""
    outputs, rows = answers.shape
    if handing.kind == DECISION:
        _decide(answers, handed)
    elif handing.kind == SCORE:
        for s in range(rows):
            handed[s] = answers[1, s] - answers[0, s]
    elif handing.kind == AMOUNTS:
        for c in range(outputs):
            scale, offset = handing.scale[c], handing.offset[c]
            for s in range(rows):
                handed[s * outputs + c] = answers[c, s] * scale + offset
    else:
        for c in range(outputs):
            for s in range(rows):
                handed[s * outputs + c] = answers[c, s]


@compiled
def _decide(answers: Any, decisions: Any) -> None:
    """Choose the largest output of each row, of equals the first one; the first NaN is larger."""
    largest = answers[0]
    decisions[:] = 0
    for c in range(1, len(answers)):
        for s in range(len(largest)):
            output = answers[c, s]
            if not (output <= largest[s] or math.isnan(largest[s])):
                largest[s] = output
                decisions[s] = c


@compiled
def decay_of(weights: Any, decayed: Any) -> Any:
    """The sum of squared weights where ``decayed``, in double precision."""
    even = 0.0
    odd = 0.0
    for d in range(0, len(weights) - 1, 2):
        left = np.float64(weights[d]) * decayed[d]
        right = np.float64(weights[d + 1]) * decayed[d + 1]
        even += left * left
        odd += right * right
    if len(weights) % 2 == 1:
        last = np.float64(weights[-1]) * decayed[-1]
        even += last * last
    return even + odd


# Each of these makes a function that adds the losses of a block's first ``real`` rows to the sums
# of a workspace. The outputs begin at ``place`` in its ``work``; ``before`` is the first row.


def _adding_one_amount(loss_of: Any) -> Callable[..., None]:
    def add_rows(
        place: Any, before: Any, real: Any, rows: Any, workspace: Any, options: Any
    ) -> None:
        work, sums = workspace.work, workspace.sums
        targets, weights = rows.targets, rows.weights
        scale, offset = rows.scale[0], rows.offset[0]

        # Vectors of rows, which the compiler does at once, then the rest.
        whole = real - real % LANES
        for start in range(0, whole, LANES):
            for lane in range(LANES):
                s = start + lane
                amount = scale * np.float64(work[place + s]) + offset
                loss = loss_of(amount, targets[before + s, 0], *options)
                sums[lane] += weights[before + s] * loss
        for s in range(whole, real):
            amount = scale * np.float64(work[place + s]) + offset
            loss = loss_of(amount, targets[before + s, 0], *options)
            sums[s - whole] += weights[before + s] * loss

    return add_rows


def _adding_amounts(loss_of: Any) -> Callable[..., None]:
    def add_rows(
        place: Any, before: Any, real: Any, rows: Any, workspace: Any, options: Any
    ) -> None:
        work = workspace.work
        count = len(rows.scale)
        for s in range(real):
            row = before + s
            total = 0.0
            for c in range(count):
                output = np.float64(work[place + c * BLOCK + s])
                amount = rows.scale[c] * output + rows.offset[c]
                total += loss_of(amount, rows.targets[row, c], *options)
            workspace.sums[s % LANES] += rows.weights[row] * (total / count)

    return add_rows


def _adding_classes(loss_of: Any) -> Callable[..., None]:
    def add_rows(
        place: Any, before: Any, real: Any, rows: Any, workspace: Any, options: Any
    ) -> None:
        work, outputs = workspace.work, workspace.row
        for s in range(real):
            row = before + s
            for c in range(len(outputs)):
                outputs[c] = work[place + c * BLOCK + s]
            loss = loss_of(outputs, rows.targets[row, 0], *options)
            workspace.sums[s % LANES] += rows.weights[row] * loss

    return add_rows


def row_driver(function: Callable[..., Any], *, classes: bool, several: bool) -> Any:
    """Compile a loss of one row, with the loop around it.

    Parameters
    ----------
    function
        ``f(output, target, *options)``; Python that Numba can compile.
    classes
        Whether ``output`` are the outputs of a row, (classes,), and ``target`` is an index.
        Otherwise ``output`` and ``target`` are amounts.
    several
        Whether a row has several amounts; its loss is the mean over them.

    Returns
    -------
    callable
        ``drive(first, last, networks, data, rows, model, penalty, workspace, options)`` fills the
        losses of the chosen networks ``first .. last - 1``, and returns how many rows it left out.
        Numba compiles it at the first call, and raises what it raises.
    """
    # An index out of bounds would read whatever lies there.
    loss_of = njit(nogil=True, error_model="numpy", boundscheck=True)(function)
    # Not kept on disk: they are compiled anew for each function.
    compiled_here: Callable[[Any], Any] = njit(nogil=True, error_model="numpy")

    if classes:
        add_rows = compiled_here(_adding_classes(loss_of))
    elif several:
        add_rows = compiled_here(_adding_amounts(loss_of))
    else:
        add_rows = compiled_here(_adding_one_amount(loss_of))

    @compiled_here
    def drive(
        first: Any,
        last: Any,
        networks: Any,
        data: Any,
        rows: Any,
        model: Any,
        penalty: Any,
        workspace: Any,
        options: Any,
    ) -> Any:
        sums = workspace.sums
        blocks = -(-data.rows // BLOCK)
        skipped = 0

        for n in range(first, last):
            p = networks.chosen[n]
            start = p * networks.stride
            weights = address_of(networks.weights, start)
            shift = model.shift
            if penalty.decay > 0:
                own = networks.weights[start : start + len(penalty.decayed)]
                shift += penalty.decay * decay_of(own, penalty.decayed)

            sums[:] = 0.0
            loss = np.inf
            for block in range(blocks):
                before = block * BLOCK
                real = min(BLOCK, data.rows - before)
                place = forward(weights, data, block, -(-real // LANES), model, workspace.work)
                add_rows(place, before, real, rows, workspace, options)

                # The loss if no row followed: without negative values the rest can only add to it.
                total = 0.0
                for lane in range(LANES):
                    total += sums[lane]
                loss = model.gain * (total / rows.total) + shift
                if penalty.abandon and block < blocks - 1 and not loss < networks.limits[p]:
                    loss = np.inf
                    skipped += data.rows - before - real
                    break

            networks.losses[p] = loss if math.isfinite(loss) else np.inf
        return skipped

    return drive
