"""The same swarm work through Shoal and its peers, in one go: milliseconds an iteration.

    python3 -m venv .venv-peers && . .venv-peers/bin/activate
    pip install torch==2.13.0
    pip install -e .
    pip install jax==0.10.2 evosax==0.3.2 evox==1.4.0 pyswarms==1.3.0 pymoo==0.6.2 mealpy==3.0.2
    python benchmarks/peers.py [--rounds 7] [--only shoal,evosax] [--out peers.md] [--json]

One iteration: the mean squared error of all particles over all rows, bests, random numbers,
velocities, positions. Every contender starts from the same positions with the same coefficients,
and is timed only if it agrees with `shoal.nn.network` on the losses and lowers the best one. Update
rules differ in detail: evosax draws two random numbers a particle and clips nothing, the others
draw two a weight or more; Shoal has informants besides; EvoX, mealpy and pyswarms clip less or
otherwise.

Three figures: one swarm on one thread; one swarm on all cores; and as many swarms at once as cores,
each in a process of one thread (how a search of Shoal trains them), divided by their number.
Contenders live in processes of their own, which sleep between their turns; in a round each figure
has one turn, in rotating order, so that noise meets all alike: compare figures of one run, not of
two. torch.compile needs a C++ compiler.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from itertools import pairwise
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from markdown_tables import fit_tables

ROWS, PARTICLES = 721, 48
LAYERS = (8, 32, 16, 1)
INPUTS, WEIGHTS = LAYERS[0], sum(a * b + b for a, b in pairwise(LAYERS))
INERTIA, PULL = 0.7298, 1.49618  # Clerc and Kennedy's, and those of Shoal's default genome
MAX_VELOCITY, MAX_POSITION = 0.5, 10.0
TURN_SECONDS = 0.4
# Turns are multiples of so many iterations: what the PyTorch forms unroll in one compiled call.
UNIT = 10
CHECK_ITERATIONS = 50
TOLERANCE = 1e-4  # of a loss, relative
IDLE_SHARE = 0.02  # of a core, that a process may use between its turns
ONE, ALL, MANY = FIGURES = ("one thread", "all cores", "a swarm a core")

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Work:
    """What everybody gets.

    Samples are there as columns too, padded to a multiple of 16, a vector of AVX-512; ``share`` is
    1 / rows, 0 for padding.
    """

    x: Floats  # (rows, inputs)
    y: Floats  # (rows,)
    columns: Floats  # (inputs + 1, padded); the last row is 1, for those who make the bias a weight
    targets: Floats  # (padded,)
    share: Floats  # (padded,)
    positions: Floats  # (particles, weights) before the first iteration
    velocities: Floats  # (particles, weights), where the contender takes them
    probes: Floats  # (particles, weights) at which losses are compared


@dataclass(frozen=True)
class Contender:
    """A form of the work.

    The objective (P, D) -> (P,), and a new swarm, which runs n iterations and gives its best loss.
    """

    losses: Callable[[Floats], Any]
    start: Callable[[], Callable[[int], Any]]


def shoal_task(x: Floats, y: Floats) -> Any:
    """The work as a training of Shoal's."""
    from shoal.genome.genome import Genome
    from shoal.nn.network import Network
    from shoal.numerics.philox import derive_key
    from shoal.objectives.losses import make_objective
    from shoal.pso.swarm import TrainingTask

    coefficients = {"inertia_weight": INERTIA, "cognitive_weight": PULL, "social_weight": PULL}
    genome = Genome(PARTICLES, **coefficients, max_velocity=MAX_VELOCITY, max_position=MAX_POSITION)
    objective = make_objective("mse", "regression")
    return TrainingTask(
        genome, Network(LAYERS), objective, x, y, derive_key(0, 0), iterations=2**31
    )


def make_work() -> Work:
    """The same in every process.

    Random inputs, and targets that are a smooth function of them in [0, 1].
    """
    from shoal.pso.swarm import initial_state

    random = np.random.default_rng(0)
    x = random.standard_normal((ROWS, INPUTS), dtype=np.float32)
    y = (
        np.tanh(x @ random.standard_normal(INPUTS, dtype=np.float32) / 3)
        + np.sin(x[:, 0]) * x[:, 1] / 3
    )
    y = (y - y.min()) / (y.max() - y.min())
    padded = -(-ROWS // 16) * 16
    columns, targets, share = (
        np.zeros(shape, np.float32) for shape in ((INPUTS + 1, padded), padded, padded)
    )
    columns[:-1, :ROWS], columns[-1], targets[:ROWS], share[:ROWS] = x.T, 1, y, 1 / ROWS
    state = initial_state(shoal_task(x, y))
    probes = 0.3 * random.standard_normal((PARTICLES, WEIGHTS), dtype=np.float32)
    return Work(x, y, columns, targets, share, state.positions, state.velocities, probes)


def reference_losses(work: Work, weights: Floats) -> NDArray[np.float64]:
    """Shoal's definition, in plain NumPy."""
    from shoal.objectives.losses import loss_values

    task = shoal_task(work.x, work.y)
    return loss_values(task.objective, task.network.forward(weights, work.x), work.y)


def unpack(w: Any) -> tuple[Any, Any, Any, Any, Any, Any]:
    """W1 (P, 32, 8), b1 (P, 32, 1), W2 (P, 16, 32), b2 (P, 16, 1), w3 (P, 16, 1), b3 (P, 1) of any
    library's array (P, D).
    """
    p = w.shape[0]
    return (
        w[:, :256].reshape(p, 32, 8),
        w[:, 256:288].reshape(p, 32, 1),
        w[:, 288:800].reshape(p, 16, 32),
        w[:, 800:816].reshape(p, 16, 1),
        w[:, 816:832].reshape(p, 16, 1),
        w[:, 832:],
    )


def shoal(work: Work, threads: int, abandon: bool = True) -> Contender:
    """``abandon`` as always: a particle's rows are left out once they cannot make it better.

    No peer can do that.
    """
    from shoal.pso.engines.cpu import CpuEngine
    from shoal.pso.swarm import initial_state

    engine, task = CpuEngine(threads, abandon=abandon), shoal_task(work.x, work.y)

    def start() -> Callable[[int], Any]:
        state = initial_state(task)
        return lambda iterations: engine.advance(task, state, iterations).best_losses.min()

    def losses(weights: Floats) -> Any:
        return engine.advance(
            task, replace(initial_state(task), positions=weights.copy()), 1
        ).best_losses

    return Contender(losses, start)


def numpy_losses(work: Work, threads: int) -> Callable[[Any], Floats]:
    """The batched objective of the NumPy contenders.

    Pieces of 24 particles in arrays that are kept, biases as weights of a ninth input, so that a
    piece's first layer is one product; threads take pieces. Tried, time relative to this: new
    arrays 1.1, no ninth input 1.1, all particles at once 1.2, rows x features 1.6, einsum 1.6 to
    3.7, threads inside BLAS 1.0 on an idle machine and 8 beside other work (they spin).
    """
    size, padded = min(24, -(-PARTICLES // threads)), len(work.targets)
    out = np.empty(PARTICLES, np.float32)

    def evaluator(first: int) -> Callable[[Floats], None]:
        last = min(first + size, PARTICLES)
        count = last - first
        shapes = ((count, 32, 9), (count * 32, padded), (count, 16, padded), (count, 1, padded))
        layer1, hidden1, hidden2, output = (np.empty(shape, np.float32) for shape in shapes)
        error = output[:, 0]

        def evaluate(weights: Floats) -> None:
            layer1[:, :, :8], layer1[:, :, 8:], w2, b2, w3, b3 = unpack(weights[first:last])
            np.matmul(layer1.reshape(-1, 9), work.columns, out=hidden1)
            np.maximum(hidden1, 0, out=hidden1)
            np.matmul(w2, hidden1.reshape(count, 32, padded), out=hidden2)
            np.add(hidden2, b2, out=hidden2)
            np.maximum(hidden2, 0, out=hidden2)
            np.matmul(w3.transpose(0, 2, 1), hidden2, out=output)
            np.add(error, b3, out=error)
            np.subtract(error, work.targets, out=error)
            np.square(error, out=error)
            np.matmul(error, work.share, out=out[first:last])

        return evaluate

    evaluators = [evaluator(first) for first in range(0, PARTICLES, size)]
    each = ThreadPoolExecutor(threads).map if threads > 1 else map

    def losses(weights: Any) -> Floats:
        weights = np.asarray(weights, np.float32)  # some peers move in float64
        list(each(lambda evaluate: evaluate(weights), evaluators))
        return out.copy()

    return losses


def plain_numpy(work: Work, threads: int) -> Contender:
    losses = numpy_losses(work, threads)

    def run(iterations: int) -> Any:
        random = np.random.Generator(np.random.SFC64(0))  # the fastest of NumPy's
        x, v, bests = work.positions.copy(), work.velocities.copy(), work.positions.copy()
        best_losses = np.full(PARTICLES, np.inf, np.float32)
        chances, away = np.empty((2, *x.shape), np.float32), np.empty_like(x)
        for _ in range(iterations):
            now = losses(x)
            better = now < best_losses
            best_losses[better], bests[better] = now[better], x[better]
            random.random(out=chances, dtype=np.float32)
            np.multiply(chances, np.float32(PULL), out=chances)
            np.multiply(v, np.float32(INERTIA), out=v)
            for chance, target in zip(chances, (bests, bests[best_losses.argmin()]), strict=True):
                np.subtract(target, x, out=away)
                np.multiply(away, chance, out=away)
                np.add(v, away, out=v)
            np.clip(v, -MAX_VELOCITY, MAX_VELOCITY, out=v)
            np.add(x, v, out=x)
            np.clip(x, -MAX_POSITION, MAX_POSITION, out=x)
        return best_losses.min()

    return Contender(losses, lambda: run)


def pyswarms(work: Work, threads: int) -> Contender:
    """Without bounds on positions, whose handling adds a tenth.

    It moves in float64 whatever it is given.
    """
    from pyswarms.single import GlobalBestPSO

    losses, options = numpy_losses(work, threads), {"w": INERTIA, "c1": PULL, "c2": PULL}
    limits, positions = (-MAX_VELOCITY, MAX_VELOCITY), work.positions.astype(np.float64)

    def start() -> Callable[[int], Any]:
        swarm = GlobalBestPSO(
            PARTICLES, WEIGHTS, options, velocity_clamp=limits, init_pos=positions
        )
        return lambda iterations: swarm.optimize(losses, iterations, verbose=False)[0]

    return Contender(losses, start)


def pymoo(work: Work, threads: int) -> Contender:
    """Its default, adaptive, takes 4 times as long.

    Distances between all particles in each iteration.
    """
    from pymoo.algorithms.soo.nonconvex.pso import PSO
    from pymoo.core.problem import Problem
    from pymoo.core.termination import NoTermination

    losses, positions = numpy_losses(work, threads), work.positions.astype(np.float64)
    rate = MAX_VELOCITY / (2 * MAX_POSITION)

    class Training(Problem):
        def __init__(self) -> None:
            super().__init__(n_var=WEIGHTS, n_obj=1, xl=-MAX_POSITION, xu=MAX_POSITION)

        def _evaluate(self, x: Any, out: dict[str, Any], *_: Any, **__: Any) -> None:
            out["F"] = losses(x)

    def start() -> Callable[[int], Any]:
        plain = {"adaptive": False, "pertube_best": False}
        swarm = PSO(
            PARTICLES, positions, w=INERTIA, c1=PULL, c2=PULL, max_velocity_rate=rate, **plain
        )
        swarm.setup(Training(), termination=NoTermination(), seed=1, verbose=False)
        swarm.next()  # evaluates the first positions, and moves nothing

        def run(iterations: int) -> Any:
            for _ in range(iterations):
                swarm.next()
            return swarm.opt[0].F[0]

        return run

    return Contender(losses, start)


def mealpy(work: Work, threads: int) -> Contender:
    """One thread.

    OriginalPSO takes no more, and its siblings that start a pool of threads each iteration gain
    nothing.
    """
    from mealpy import FloatVar
    from mealpy.swarm_based.PSO import OriginalPSO

    columns, targets = work.columns[:INPUTS, :ROWS], work.targets[:ROWS]
    # Its first velocities span half of its bounds: within +-10 the swarm would need hundreds of
    # iterations to calm down.
    bounds, positions = (
        FloatVar((-1.0,) * WEIGHTS, (1.0,) * WEIGHTS),
        list(work.positions.astype(np.float64)),
    )

    def loss(
        solution: Any,
    ) -> float:  # new arrays: as fast as kept ones, a particle's fit the cache
        w1, b1, w2, b2, w3, b3 = (a[0] for a in unpack(np.asarray(solution, np.float32)[None]))
        hidden = w1 @ columns
        hidden += b1
        hidden = w2 @ np.maximum(hidden, 0, out=hidden)
        hidden += b2
        error = w3[:, 0] @ np.maximum(hidden, 0, out=hidden) + (b3 - targets)
        return float(error @ error) / ROWS

    def run(iterations: int) -> Any:
        # It evaluates the first positions before its first epoch; that counts as an iteration.
        swarm = OriginalPSO(iterations - 1, PARTICLES, c1=PULL, c2=PULL, w=INERTIA)
        problem = {"bounds": bounds, "obj_func": loss, "log_to": None}
        return swarm.solve(problem, starting_solutions=positions, seed=1).target.fitness

    return Contender(lambda weights: [loss(w) for w in weights], lambda: run)


def evosax(work: Work, threads: int, usual: bool = False) -> Contender:
    """All iterations of a turn are one jitted call. ``usual``: a forward pass over the rows, by
    vmap over the particles.

    A loop over particles with samples as columns stays in the cache. Tried, time of a whole
    iteration relative to this: without padding 1.1, pieces of 4 to 24 particles 1.0 to 1.4, all at
    once 1.2, unrolled 1.2, vmap over rows x features 1.9, particles sharded over one XLA device a
    core 1.1; two swarms in one process by vmap 1.2 for each, by two loops 1.0. One core does nearly
    all of it: splitting products of this size costs what it gains.
    """
    import jax
    import jax.numpy as jnp
    from evosax.algorithms import PSO
    from jax import lax

    columns, targets, share = (
        jnp.asarray(a) for a in (work.columns[:INPUTS], work.targets, work.share)
    )

    def loss(w: jax.Array) -> jax.Array:
        w1, b1, w2, b2, w3, b3 = (a[0] for a in unpack(w[None]))
        hidden = jnp.maximum(w1 @ columns + b1, 0)
        hidden = jnp.maximum(w2 @ hidden + b2, 0)
        return ((w3[:, 0] @ hidden + b3 - targets) ** 2 * share).sum()

    def usual_loss(w: jax.Array) -> jax.Array:
        w1, b1, w2, b2, w3, b3 = (a[0] for a in unpack(w[None]))
        hidden = jnp.maximum(x @ w1.T + b1[:, 0], 0)
        hidden = jnp.maximum(hidden @ w2.T + b2[:, 0], 0)
        return (((hidden @ w3)[:, 0] + b3 - y) ** 2).mean()

    x, y = jnp.asarray(work.x), jnp.asarray(work.y)
    losses = jax.jit(jax.vmap(usual_loss) if usual else lambda weights: lax.map(loss, weights))
    swarm = PSO(PARTICLES, jnp.zeros(WEIGHTS))
    params = swarm.default_params.replace(
        inertia_coeff=INERTIA, cognitive_coeff=PULL, social_coeff=PULL
    )

    def iteration(_: int, carry: tuple[Any, Any]) -> tuple[Any, Any]:
        state, key = carry
        key, ask, tell = jax.random.split(key, 3)
        population, state = swarm.ask(ask, state, params)
        state, _ = swarm.tell(tell, population, losses(population), state, params)
        return state, key

    advance = jax.jit(lambda iterations, carry: lax.fori_loop(0, iterations, iteration, carry))
    positions, key = jnp.asarray(work.positions), jax.random.key(0)
    first = swarm.init(key, positions, losses(positions), params).replace(
        velocity=jnp.asarray(work.velocities)
    )
    return Contender(
        losses, lambda: lambda iterations: advance(iterations, (first, key))[0].best_fitness
    )


def torch_losses(work: Work) -> Callable[[Any], Any]:
    """The batched objective of both PyTorch contenders, for torch.compile.

    Tried, time relative to this: without padding 1.1, rows x features 1.0 to 1.1, all particles'
    first layer as one product 1.3, pieces of 24 particles 1.7, max-autotune 1.1; not compiled 1.3
    at best (rows x features with baddbmm), else 2 to 6.
    """
    import torch

    columns, targets, share = (
        torch.from_numpy(a.copy()) for a in (work.columns[:INPUTS], work.targets, work.share)
    )

    def losses(weights: Any) -> Any:
        w1, b1, w2, b2, w3, b3 = unpack(weights)
        hidden = torch.relu(torch.matmul(w1, columns) + b1)
        hidden = torch.relu(torch.bmm(w2, hidden) + b2)
        return (((w3 * hidden).sum(1) + b3 - targets) ** 2 * share).sum(1)

    return losses


def torch_contender(losses: Any, state: dict[str, Any], step: Any, best: str) -> Contender:
    """``UNIT`` steps in one compiled call: one a call takes 1.2 times as long."""
    import torch

    def steps(now: dict[str, Any]) -> dict[str, Any]:
        for _ in range(UNIT):
            now = step(now)
        return now

    compiled, compiled_losses = (
        torch.compile(steps, fullgraph=True),
        torch.compile(losses, fullgraph=True),
    )

    @torch.inference_mode()
    def run(iterations: int) -> Any:
        now = {name: value.clone() for name, value in state.items()}
        for _ in range(iterations // UNIT):
            now = compiled(now)
        return now[best].min()

    return Contender(
        torch.inference_mode()(lambda weights: compiled_losses(torch.tensor(weights)).numpy()),
        lambda: run,
    )


def evox(work: Work, threads: int) -> Contender:
    """Its workflow's step as a function of the state.

    Two swarms in one process by vmap take 1.3 times as long each.
    """
    import torch
    from evox.algorithms import PSO
    from evox.core import Problem, use_state
    from evox.workflows import StdWorkflow

    torch.set_num_threads(threads)
    losses = torch_losses(work)

    class Training(Problem):
        def evaluate(self, pop: Any) -> Any:
            return losses(pop)

    bounds = torch.full((WEIGHTS,), MAX_POSITION)
    swarm = PSO(PARTICLES, -bounds, bounds, w=INERTIA, phi_p=PULL, phi_g=PULL)
    swarm.pop, swarm.velocity = torch.from_numpy(work.positions), torch.from_numpy(work.velocities)
    swarm.local_best_location = swarm.pop.clone()
    workflow = StdWorkflow(swarm, Training())
    workflow.init_step()
    state = dict([*workflow.named_parameters(), *workflow.named_buffers()])
    return torch_contender(losses, state, use_state(workflow.step), "algorithm.global_best_fit")


def plain_torch(work: Work, threads: int) -> Contender:
    import torch

    torch.set_num_threads(threads)
    losses = torch_losses(work)

    def step(now: dict[str, Any]) -> dict[str, Any]:
        x, found = now["x"], losses(now["x"])
        better = found < now["best losses"]
        best_losses = torch.where(better, found, now["best losses"])
        bests = torch.where(better[:, None], x, now["bests"])
        best = bests[
            best_losses.argmin(0, keepdim=True)
        ]  # a scalar index would break the compiled graph
        v = (
            INERTIA * now["v"]
            + PULL * torch.rand(x.shape) * (bests - x)
            + PULL * torch.rand(x.shape) * (best - x)
        )
        v = v.clamp(-MAX_VELOCITY, MAX_VELOCITY)
        return {
            "x": (x + v).clamp(-MAX_POSITION, MAX_POSITION),
            "v": v,
            "bests": bests,
            "best losses": best_losses,
        }

    x, v = torch.from_numpy(work.positions), torch.from_numpy(work.velocities)
    state = {"x": x, "v": v, "bests": x, "best losses": torch.full((PARTICLES,), math.inf)}
    return torch_contender(losses, state, step, "best losses")


@dataclass(frozen=True)
class Entry:
    """A row of the table. ``packages``: whose versions it shows, its own first.

    ``shares``: several cores can do one swarm.
    """

    name: str
    packages: tuple[str, ...]
    form: str
    build: Callable[[Work, int], Contender]
    shares: bool = True


ENTRIES = {
    "shoal": Entry("Shoal", ("shoal",), "CPU engine", shoal),
    "shoal-rows": Entry(
        "Shoal, every row", ("shoal",), "CPU engine", partial(shoal, abandon=False)
    ),
    "evosax": Entry("evosax, tuned", ("evosax", "jax"), "PSO; one jitted loop", evosax),
    "evosax-vmap": Entry(
        "evosax, usual",
        ("evosax", "jax"),
        "PSO; vmap over particles and rows",
        partial(evosax, usual=True),
    ),
    "evox": Entry("EvoX", ("evox", "torch"), f"PSO; torch.compile, {UNIT} steps a call", evox),
    "torch": Entry(
        "PyTorch", ("torch",), f"own loop; bmm, torch.compile, {UNIT} steps a call", plain_torch
    ),
    "numpy": Entry("NumPy", ("numpy",), "own loop; batched matmul", plain_numpy),
    "pyswarms": Entry(
        "pyswarms", ("pyswarms",), "GlobalBestPSO; batched NumPy objective", pyswarms
    ),
    "pymoo": Entry("pymoo", ("pymoo",), "PSO, not adaptive; batched NumPy objective", pymoo),
    "mealpy": Entry(
        "mealpy", ("mealpy",), "OriginalPSO; NumPy objective a particle", mealpy, shares=False
    ),
}


def environment(threads: int) -> dict[str, str]:
    """For a process of so many threads; read by the libraries as they load.

    The allocator keeps what it has: asking the system anew for megabytes each iteration made NumPy
    and PyTorch forms 1.1 to 1.4 times slower.
    """
    return {
        "OPENBLAS_NUM_THREADS": "1",  # the NumPy contenders bring threads of their own
        "OMP_NUM_THREADS": str(threads),
        # PyTorch: its default gains little alone, and takes many times as long beside other work.
        "GOMP_SPINCOUNT": "2000",
        "NPROC": str(threads),  # JAX
        "TORCHINDUCTOR_COMPILE_THREADS": "1",  # no pool of compiling processes
        "MALLOC_MMAP_THRESHOLD_": str(2**30),
        "MALLOC_TRIM_THRESHOLD_": str(2**30),
    }


def serve(key: str, threads: int, folder: str, pipe: Connection) -> None:
    """A contender's process.

    Check, warm up, and run for about as many seconds as the pipe says until it closes.
    """
    os.chdir(folder)  # pyswarms writes a log file where it is
    try:
        work = make_work()
        contender = ENTRIES[key].build(work, threads)
        check(contender, work)
        seconds = seconds_an_iteration(contender, UNIT)
        pipe.send("ready")
        ready, idle = (
            time.perf_counter(),
            0.0,
        )  # processor seconds used between turns: by threads that spin
        while True:
            used = time.process_time()
            turn = pipe.recv()
            idle += time.process_time() - used
            seconds = seconds_an_iteration(contender, max(1, round(turn / seconds / UNIT)) * UNIT)
            pipe.send((seconds, idle / (time.perf_counter() - ready)))
    except EOFError:
        return
    except Exception as error:
        pipe.send(f"{type(error).__name__}: {error}")
        raise


def check(contender: Contender, work: Work) -> None:
    """Raises `ValueError` unless it computes the losses of Shoal's definition, and then lowers the
    best.
    """
    losses, expected = (
        np.asarray(contender.losses(work.probes), np.float64),
        reference_losses(work, work.probes),
    )
    worst = float(np.max(np.abs(losses / expected - 1)))
    if not worst <= TOLERANCE:
        raise ValueError(
            f"losses differ from Shoal's by up to {worst:.1e} of their size; expected "
            f"{TOLERANCE:.0e} or less"
        )
    before = float(reference_losses(work, work.positions).min())
    after = float(contender.start()(CHECK_ITERATIONS))
    if not after < before:
        raise ValueError(
            f"the best loss is {after:g} after {CHECK_ITERATIONS} iterations; expected less "
            f"than {before:g}"
        )


def seconds_an_iteration(contender: Contender, iterations: int) -> float:
    """From a new swarm each time, so that all turns do the same."""
    run = contender.start()
    start = time.perf_counter()
    float(run(iterations))
    return (time.perf_counter() - start) / iterations


def receive(key: str, pipe: Connection) -> Any:
    """What a process says; its failure ends the race."""
    try:
        message = pipe.recv()
    except EOFError:
        message = "its process died"
    if isinstance(message, str) and message != "ready":
        raise SystemExit(f"{key}: {message}")
    return message


def start_processes(key: str, threads: int, count: int, folder: str) -> list[Connection]:
    """Pipes to ``count`` warm processes."""
    context, pipes = multiprocessing.get_context("spawn"), []
    os.environ.update(environment(threads))  # inherited; this process itself computes nothing
    for _ in range(count):
        ours, theirs = context.Pipe()
        context.Process(target=serve, args=(key, threads, folder, theirs), daemon=True).start()
        theirs.close()
        pipes.append(ours)
    for pipe in pipes:
        receive(key, pipe)
    return pipes


def turn(key: str, pipes: list[Connection]) -> tuple[float, float]:
    """Milliseconds an iteration of one swarm, all of the processes at work.

    The share of a core they used between turns.
    """
    for pipe in pipes:
        pipe.send(TURN_SECONDS)
    answers = [receive(key, pipe) for pipe in pipes]
    return 1e3 / sum(1 / seconds for seconds, _ in answers), max(idle for _, idle in answers)


def race(keys: Iterable[str], rounds: int, cores: int) -> dict[tuple[str, str], list[float]]:
    """Milliseconds an iteration, by contender and figure, of each round.

    A round before them is not counted.
    """
    runners: dict[tuple[str, str], list[Connection]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for key in keys:
            print(f"{key}: compiling and checking ...", file=sys.stderr, flush=True)
            pipes = start_processes(key, 1, cores, folder)
            runners |= {(key, ONE): pipes[:1], (key, MANY): pipes}
            if ENTRIES[key].shares:
                runners[key, ALL] = start_processes(key, cores, 1, folder)
        order, times, idle = list(runners), {runner: [] for runner in runners}, {}
        for r in range(rounds + 1):
            for runner in order[r % len(order) :] + order[: r % len(order)]:
                took, idle[runner] = turn(runner[0], runners[runner])
                times[runner].append(took)
    for (key, figure), share in idle.items():
        if share > IDLE_SHARE:
            print(
                f"{key}, {figure}: used {share:.0%} of a core between its turns.", file=sys.stderr
            )
    return {runner: took[1:] for runner, took in times.items()}


@dataclass(frozen=True)
class Figure:
    """Milliseconds an iteration over the rounds.

    ``ratio`` to Shoal's same figure, the median of the rounds' ratios.
    """

    median: float
    low: float
    high: float
    ratio: float | None

    def __str__(self) -> str:
        return f"{self.median:.3f} ({self.low:.3f}–{self.high:.3f})"

    @property
    def times_shoal(self) -> str:
        """How many times Shoal's time it is."""
        return "–" if self.ratio is None else f"{self.ratio:.2f} ×"


@dataclass(frozen=True)
class Row:
    """One contender's results; ``version`` None: not installed."""

    name: str
    version: str | None
    form: str
    figures: dict[str, Figure]

    @property
    def ratios(self) -> str:
        """The row of the table of ratios."""
        measured = (self.figures.get(name) for name in FIGURES)
        ratios = ("–" if figure is None else figure.times_shoal for figure in measured)
        return f"| {self.name} | {self.form} | {' | '.join(ratios)} |"

    @property
    def milliseconds(self) -> str:
        """The row of the table of times."""
        figures = (str(self.figures.get(name, "–")) for name in FIGURES)
        return f"| {self.name} | {' | '.join(figures)} |"


def installed(packages: Iterable[str]) -> str | None:
    """The versions, without a name for the first; None when one is missing."""
    try:
        own, *others = ((package, version(package)) for package in packages)
    except PackageNotFoundError:
        return None
    return ", ".join([own[1], *(" ".join(other) for other in others)])


def make_row(key: str, times: dict[tuple[str, str], list[float]]) -> Row:
    """The figures that the race gave for a contender."""
    entry, figures = ENTRIES[key], {}
    for name in FIGURES:
        if took := times.get((key, name)):
            base = times.get(("shoal", name))
            ratio = (
                statistics.median(a / b for a, b in zip(took, base, strict=True)) if base else None
            )
            figures[name] = Figure(statistics.median(took), min(took), max(took), ratio)
    return Row(entry.name, installed(entry.packages), entry.form, figures)


def processor() -> str:
    """The processor's name where the system tells it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    return next(
        (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")),
        "unknown processor",
    )


def main() -> None:
    """Run the race; print the table, or JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", default=",".join(ENTRIES), help="contenders, by commas")
    parser.add_argument("--out", type=Path, help="write the table there too")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    keys = options.only.split(",")
    if options.rounds < 1 or not set(keys) <= set(ENTRIES):
        parser.error(f"expected 1 or more rounds, and only some of {','.join(ENTRIES)}")
    cores = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    times = race([key for key in keys if installed(ENTRIES[key].packages)], options.rounds, cores)
    rows = [make_row(key, times) for key in keys]
    machine = f"{cores} cores, {processor()}"
    network = "-".join(map(str, LAYERS))
    versions = {row.name.split(",")[0]: row.version or "not installed" for row in rows}
    lines = [
        f"Network {network} ({WEIGHTS} weights), {ROWS} rows, {PARTICLES} particles,",
        f"on {machine}. Versions: "
        + "; ".join(f"{name} {own}" for name, own in versions.items())
        + ".",
        "",
        "How many times Shoal's time:",
        "",
        f"| contender | form | {' | '.join(FIGURES)} |",
        "|---|---|---|---|---|",
        *(row.ratios for row in rows),
        "",
        f"Milliseconds an iteration of one swarm: median of {options.rounds} rounds "
        "(lowest–highest):",
        "",
        f"| contender | {' | '.join(FIGURES)} |",
        "|---|---|---|---|",
        *(row.milliseconds for row in rows),
        "",
    ]
    text = "\n".join(lines)
    if options.out:
        options.out.write_text(fit_tables(text))
    report = {
        "cores": cores,
        "processor": processor(),
        "rounds": options.rounds,
        "rows": [asdict(row) for row in rows],
    }
    print(json.dumps(report) if options.json else text)


if __name__ == "__main__":
    main()
