"""What share of the peak do the parts of a solved output layer reach, each alone?

    python benchmarks/products.py [--rows 721] [--rounds 25]

Prints a Markdown table. For some numbers of hidden neurons: the sums of products of one particle,
and the factorisation of its equations, in turns with the peak's kernel, on one core. "Needed"
counts the multiply-adds that the equations need; "done" also those below the diagonal, which
vectors of 16 make anyway. Times are of the thread, medians of the rounds. The peak is that of
float32, of which float64 has half.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
from numba import njit

from shoal.nn.network import Network
from shoal.pso.benchmark import peak_operations
from shoal.pso.engines import kernels, readout_kernels
from shoal.pso.engines.intrinsics.tiles import BLOCK
from shoal.pso.engines.llvm_vectors import LANES
from shoal.pso.engines.readout_setup import scratch_memory

NEURONS = (32, 64, 96, 128)
SPINS = 1_000_000


@njit(nogil=True)
def products(times, work, neurons, rows, readout, scratch):  # type: ignore[no-untyped-def]
    stride = readout_kernels.matrix_stride(neurons, 1)
    for _ in range(times):
        scratch.matrix[:] = 0.0
        for start in range(0, rows, BLOCK):
            readout_kernels.append(work, 0, neurons, start // BLOCK, readout)
            real = min(BLOCK, rows - start)
            readout_kernels.add_products(work, 0, neurons, real, stride, readout, scratch)


@njit(nogil=True)
def factorise(times, equations, neurons, scratch):  # type: ignore[no-untyped-def]
    stride = readout_kernels.matrix_stride(neurons, 1)
    for _ in range(times):
        scratch.matrix[:] = equations
        readout_kernels.factorise(scratch.matrix, neurons, stride, scratch.own)


def seconds(work: Callable[[int], object], units: int) -> float:
    """Seconds of this thread for a unit."""
    start = time.thread_time()
    work(units)
    return (time.thread_time() - start) / units


def measured(neurons: int, rows: int, rounds: int) -> str:
    """A line of the table."""
    random = np.random.default_rng(0)
    scratch = scratch_memory(Network((8, neurons, 1), "relu"), solved=True)
    features = np.maximum(random.standard_normal(neurons * BLOCK), 0)
    scratch.work[: neurons * BLOCK] = features
    readout = readout_kernels.Readout(
        solved=True,
        judged=False,
        weighted=False,
        outputs=1,
        ridge=1e-3,
        total=float(rows),
        target_sums=np.ones(1),
        squares=float(rows),
        targets=np.ones(-(-rows // BLOCK) * 2 * BLOCK, np.float32),
    )
    equations = np.zeros_like(scratch.matrix)
    stride = int(readout_kernels.matrix_stride(neurons, 1))
    square = random.standard_normal((neurons, 3 * neurons))
    for row, values in enumerate(square @ square.T):
        equations[row * stride : row * stride + neurons] = values

    def sums(times: int) -> None:
        products(times, scratch.work, neurons, rows, readout, scratch)

    def solution(times: int) -> None:
        factorise(times, equations, neurons, scratch)

    sums(1), solution(1), kernels.spin(1)
    units = max(1, 40_000_000 // (rows * neurons**2))
    taken = []
    for _ in range(rounds):
        taken.append((seconds(sums, units), seconds(solution, units), seconds(kernels.spin, SPINS)))
    summed, solved, spun = (statistics.median(column) for column in zip(*taken, strict=True))

    peak = peak_operations(1) / spun
    vectors = neurons // LANES
    done = LANES * LANES * vectors * (vectors + 1) / 2 + 2 * neurons
    needed = neurons * (neurons + 1) / 2 + 2 * neurons
    shares = [f"{100 * 2 * rows * count / summed / peak:.0f} %" for count in (needed, done)]
    share = 100 * neurons**3 / 3 / solved / peak
    return (
        f"| {neurons} | {1e6 * summed:.1f} | {' | '.join(shares)} | {1e6 * solved:.1f} "
        f"| {share:.0f} % | {1e-9 * peak:.0f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=721)
    parser.add_argument("--rounds", type=int, default=25)
    options = parser.parse_args()

    print(
        "| neurons | products, us | needed, of the peak | done, of the peak | factorisation, us "
        "| of the peak | peak, GFLOP/s |"
    )
    print("|---" * 7 + "|")
    for neurons in NEURONS:
        print(measured(neurons, options.rows, options.rounds), flush=True)


if __name__ == "__main__":
    main()
