"""The same swarm work through Shoal and its peers, in one go: milliseconds an iteration.

    python -m venv .venv-peers && . .venv-peers/bin/activate
    pip install torch==2.13.0
    pip install -e .
    pip install jax==0.10.2 evosax==0.3.2 evox==1.4.0 pyswarms==1.3.0 pymoo==0.6.2 mealpy==3.0.2
    python benchmarks/peers.py [--rounds 7] [--only shoal,evosax] [--out peers.md] [--json]

One iteration of a swarm is: the mean squared error over all rows for all particles, bests, random numbers, velocities,
positions. Every contender starts from the same positions with the same coefficients and has to agree with `shoal.network` on
the losses, and to lower the best one, before it is timed. Update rules differ in detail: evosax draws two random numbers a
particle and clips nothing, Shoal draws two or three a weight, clips both and has informants besides.

Two figures each. Latency: one swarm alone, on all cores. Throughput: as many swarms at once as cores, each in a process of its
own with one thread (how a search of Shoal trains them), divided by their number. Each contender lives in processes of its own,
which sleep between their turns; in a round each has one turn, in rotating order. The machine's noise hits all alike that way:
compare figures of one run, not of two. torch.compile needs a C++ compiler.
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
from importlib.metadata import PackageNotFoundError, version
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

ROWS, PARTICLES = 721, 48
LAYERS = (8, 32, 16, 1)
INERTIA, PULL = 0.7298, 1.49618  # Clerc and Kennedy's, and Shoal's default genome
MAX_VELOCITY, MAX_POSITION = 0.5, 10.0
TURN_SECONDS = 0.4
UNIT = 10  # turns are multiples of so many iterations: what the PyTorch forms unroll in one compiled call
CHECK_ITERATIONS = 50
TOLERANCE = 1e-4  # of a loss, relative
IDLE_SHARE = 0.02  # of a core, that a process may use between its turns

Floats = NDArray[np.float32]
Run = Callable[[int], float]  # moves a swarm by so many iterations; its best loss


@dataclass(frozen=True)
class Work:
    """What everybody gets. All float32.

    Samples are columns, padded to a multiple of 16, a vector of AVX-512: ``share`` is 1 / rows, and 0 for the padding. Every
    peer's objective gained from both, 1.3 to 2 times in JAX and PyTorch.
    """

    x: Floats  # (rows, inputs)
    y: Floats  # (rows,)
    columns: Floats  # (inputs + 1, padded); the last row is 1, for those who make the bias a weight
    targets: Floats  # (padded,)
    share: Floats  # (padded,)
    positions: Floats  # (particles, weights) of the first iteration
    velocities: Floats
    probes: Floats  # (particles, weights) at which the losses are compared


@dataclass(frozen=True)
class Contender:
    """Somebody's form of the work: the objective (P, D) -> (P,), and a swarm that stands at its start."""

    losses: Callable[[Floats], Any]
    start: Callable[[], Run]


def shoal_task(x: Floats, y: Floats) -> Any:
    """The work as a training of Shoal's."""
    from shoal.genome import Genome
    from shoal.losses import make_objective
    from shoal.network import Network
    from shoal.philox import derive_key
    from shoal.swarm import TrainingTask

    genome = Genome(
        swarm_size=PARTICLES,
        inertia_weight=INERTIA,
        cognitive_weight=PULL,
        social_weight=PULL,
        max_velocity=MAX_VELOCITY,
        max_position=MAX_POSITION,
    )
    return TrainingTask(
        genome, Network(LAYERS), make_objective("mse", "regression"), x, y, derive_key(0, 0), iterations=2**31
    )


def make_work() -> Work:
    """The same in every process: random inputs, and targets that are a smooth function of them in [0, 1]."""
    from shoal.swarm import initial_state

    random = np.random.default_rng(0)
    x = random.standard_normal((ROWS, LAYERS[0]), dtype=np.float32)
    y = np.tanh(x @ random.standard_normal(LAYERS[0], dtype=np.float32) / 3) + np.sin(x[:, 0]) * x[:, 1] / 3
    y = (y - y.min()) / (y.max() - y.min())
    padded = -(-ROWS // 16) * 16
    columns, targets, share = (np.zeros(s, np.float32) for s in ((LAYERS[0] + 1, padded), padded, padded))
    columns[:-1, :ROWS], columns[-1, :ROWS], targets[:ROWS], share[:ROWS] = x.T, 1, y, 1 / ROWS
    state = initial_state(shoal_task(x, y))
    probes = 0.3 * random.standard_normal(state.positions.shape, dtype=np.float32)
    return Work(x, y, columns, targets, share, state.positions, state.velocities, probes)


def reference_losses(work: Work, weights: Floats) -> NDArray[np.float64]:
    """Shoal's definition, in plain NumPy."""
    from shoal.losses import loss_values

    task = shoal_task(work.x, work.y)
    return loss_values(task.objective, task.network.forward(weights, work.x), work.y)


def unpack(w: Any) -> tuple[Any, Any, Any, Any, Any, Any]:
    """W1 (P, 32, 8), b1 (P, 32, 1), W2 (P, 16, 32), b2 (P, 16, 1), w3 (P, 16, 1), b3 (P, 1) of an array of any library."""
    p = w.shape[0]
    return (
        w[:, :256].reshape(p, 32, 8),
        w[:, 256:288].reshape(p, 32, 1),
        w[:, 288:800].reshape(p, 16, 32),
        w[:, 800:816].reshape(p, 16, 1),
        w[:, 816:832].reshape(p, 16, 1),
        w[:, 832:],
    )


# ---- the contenders ----


def shoal(work: Work, threads: int) -> Contender:
    from shoal.engines import get_engine
    from shoal.swarm import initial_state

    engine, task = get_engine("cpu", threads), shoal_task(work.x, work.y)

    def losses(weights: Floats) -> Any:
        return engine.advance(task, replace(initial_state(task), positions=weights.copy()), 1).best_losses

    def start() -> Run:
        state = initial_state(task)

        def run(iterations: int) -> float:
            nonlocal state
            state = engine.advance(task, state, iterations)
            return float(state.best_losses.min())

        return run

    return Contender(losses, start)


def numpy_losses(work: Work, threads: int) -> Callable[[Any], Floats]:
    """The batched objective of all NumPy contenders.

    Pieces of 24 particles in buffers that are kept; biases as weights of a ninth input, so that the first layer of a piece is
    one product. Tried, time relative to this: fresh arrays 1.3, no padding 1.1, one matmul for each layer of all particles
    1.9, einsum 4.6, BLAS's own threads 1.3 (and 30 when the other core is busy, as it spins) against threads over pieces.
    """
    size = min(24, -(-PARTICLES // threads))
    pieces = [slice(n, min(n + size, PARTICLES)) for n in range(0, PARTICLES, size)]
    out = np.empty(PARTICLES, np.float32)
    padded = len(work.targets)

    def piece(where: slice) -> Callable[[Floats], None]:
        count = where.stop - where.start
        shapes = ((count, 32, 9), (count * 32, padded), (count, 16, padded), (count, 1, padded))
        first, hidden1, hidden2, output = (np.empty(shape, np.float32) for shape in shapes)

        def evaluate(weights: Floats) -> None:
            w1, b1, w2, b2, w3, b3 = unpack(weights[where])
            first[:, :, :8], first[:, :, 8:] = w1, b1
            np.matmul(first.reshape(-1, 9), work.columns, out=hidden1)
            np.maximum(hidden1, 0, out=hidden1)
            np.matmul(w2, hidden1.reshape(count, 32, padded), out=hidden2)
            np.add(hidden2, b2, out=hidden2)
            np.maximum(hidden2, 0, out=hidden2)
            np.matmul(w3.transpose(0, 2, 1), hidden2, out=output)
            error = output[:, 0]
            error += b3
            error -= work.targets
            np.square(error, out=error)
            np.matmul(error, work.share, out=out[where])

        return evaluate

    evaluators = [piece(where) for where in pieces]
    pool = ThreadPoolExecutor(threads) if threads > 1 else None

    def losses(weights: Any) -> Floats:
        weights = np.asarray(weights, np.float32)  # some peers move in float64
        list((pool.map if pool else map)(lambda evaluate: evaluate(weights), evaluators))
        return out.copy()

    return losses


def plain_numpy(work: Work, threads: int) -> Contender:
    losses = numpy_losses(work, threads)

    def start() -> Run:
        random = np.random.Generator(np.random.SFC64(0))  # the fastest of NumPy's
        x, v, bests = work.positions.copy(), work.velocities.copy(), work.positions.copy()
        best_losses = np.full(PARTICLES, np.inf, np.float32)
        r, away = np.empty((2, *x.shape), np.float32), np.empty_like(x)
        w, pull = np.float32(INERTIA), np.float32(PULL)

        def run(iterations: int) -> float:
            for _ in range(iterations):
                now = losses(x)
                better = now < best_losses
                best_losses[better], bests[better] = now[better], x[better]
                random.random(out=r, dtype=np.float32)
                np.multiply(r, pull, out=r)
                np.multiply(v, w, out=v)
                for chance, target in zip(r, (bests, bests[best_losses.argmin()]), strict=True):
                    np.subtract(target, x, out=away)
                    np.multiply(away, chance, out=away)
                    np.add(v, away, out=v)
                np.clip(v, -MAX_VELOCITY, MAX_VELOCITY, out=v)
                np.add(x, v, out=x)
                np.clip(x, -MAX_POSITION, MAX_POSITION, out=x)
            return float(best_losses.min())

        return run

    return Contender(losses, start)


def pyswarms(work: Work, threads: int) -> Contender:
    from pyswarms.single import GlobalBestPSO

    losses = numpy_losses(work, threads)

    def start() -> Run:
        # Without bounds, whose handling adds a tenth. It moves in float64 whatever it is given.
        swarm = GlobalBestPSO(
            PARTICLES,
            work.positions.shape[1],
            {"w": INERTIA, "c1": PULL, "c2": PULL},
            velocity_clamp=(-MAX_VELOCITY, MAX_VELOCITY),
            init_pos=work.positions.astype(np.float64),
        )
        return lambda iterations: float(swarm.optimize(losses, iterations, verbose=False)[0])

    return Contender(losses, start)


def pymoo(work: Work, threads: int) -> Contender:
    from pymoo.algorithms.soo.nonconvex.pso import PSO
    from pymoo.core.problem import Problem
    from pymoo.core.termination import NoTermination

    losses = numpy_losses(work, threads)

    class Training(Problem):
        def __init__(self) -> None:
            super().__init__(n_var=work.positions.shape[1], n_obj=1, xl=-MAX_POSITION, xu=MAX_POSITION)

        def _evaluate(self, x: Any, out: dict[str, Any], *_: Any, **__: Any) -> None:
            out["F"] = losses(x)

    def start() -> Run:
        # Its default, adaptive and with the best perturbed, takes 4 times as long: distances between all particles.
        algorithm = PSO(
            PARTICLES,
            sampling=work.positions.astype(np.float64),
            w=INERTIA,
            c1=PULL,
            c2=PULL,
            adaptive=False,
            pertube_best=False,
            max_velocity_rate=MAX_VELOCITY / (2 * MAX_POSITION),
        )
        algorithm.setup(Training(), termination=NoTermination(), seed=1, verbose=False)
        algorithm.next()  # evaluates the first positions only

        def run(iterations: int) -> float:
            for _ in range(iterations):
                algorithm.next()
            return float(algorithm.opt[0].F[0])

        return run

    return Contender(losses, start)


def mealpy(work: Work, threads: int) -> Contender:
    """One thread: OriginalPSO takes no more, and its siblings, which start a pool of threads each iteration, gain nothing."""
    from mealpy import FloatVar
    from mealpy.swarm_based.PSO import OriginalPSO

    columns, targets, share = work.columns[:8, :ROWS], work.targets[:ROWS], 1 / ROWS

    def loss(solution: Any) -> float:
        # Fresh arrays: as fast as kept ones here, where one particle's fit the cache.
        w1, b1, w2, b2, w3, b3 = (a[0] for a in unpack(np.asarray(solution, np.float32)[None]))
        hidden = w1 @ columns
        hidden += b1
        np.maximum(hidden, 0, out=hidden)
        hidden = w2 @ hidden
        hidden += b2
        np.maximum(hidden, 0, out=hidden)
        error = w3[:, 0] @ hidden + (b3 - targets)
        return float(error @ error) * share

    def start() -> Run:
        # Its first velocities span half of its bounds: in +-10 a swarm would need hundreds of iterations to calm down.
        weights = work.positions.shape[1]
        problem = {"bounds": FloatVar((-1.0,) * weights, (1.0,) * weights), "obj_func": loss, "log_to": None}
        positions = list(work.positions.astype(np.float64))

        def run(iterations: int) -> float:
            # It evaluates the first positions before its first epoch; that counts as an iteration.
            swarm = OriginalPSO(iterations - 1, PARTICLES, c1=PULL, c2=PULL, w=INERTIA)
            return float(swarm.solve(problem, starting_solutions=positions, seed=1).target.fitness)

        return run

    return Contender(lambda weights: [loss(w) for w in weights], start)


def evosax(work: Work, threads: int) -> Contender:
    """All iterations of a turn are one jitted call.

    A loop over particles, each with its samples as columns, stays in the cache: XLA's products of a batch are slower. Tried,
    time of a whole iteration relative to this: vmap over rows x features 2.1, einsum over all particles 1.4, loops over
    pieces of 4 to 24 particles 1.0 to 1.3, unrolled 1.2, particles sharded over one XLA device a core 1.1. XLA uses one core
    for most of it; the forms that use two lose as much by splitting products that small.
    """
    import jax
    import jax.numpy as jnp
    from evosax.algorithms import PSO
    from jax import lax

    columns, targets, share = (jnp.asarray(a) for a in (work.columns[:8], work.targets, work.share))

    def loss(w: jax.Array) -> jax.Array:
        w1, b1, w2, b2, w3, b3 = (a[0] for a in unpack(w[None]))
        hidden = jnp.maximum(w1 @ columns + b1, 0)
        hidden = jnp.maximum(w2 @ hidden + b2, 0)
        return ((w3[:, 0] @ hidden + b3 - targets) ** 2 * share).sum()

    def losses(weights: jax.Array) -> jax.Array:
        return lax.map(loss, weights)

    algorithm = PSO(PARTICLES, jnp.zeros(work.positions.shape[1]))
    params = algorithm.default_params.replace(inertia_coeff=INERTIA, cognitive_coeff=PULL, social_coeff=PULL)

    def iteration(_: int, carry: tuple[Any, Any]) -> tuple[Any, Any]:
        state, key = carry
        key, ask, tell = jax.random.split(key, 3)
        population, state = algorithm.ask(ask, state, params)
        state, _ = algorithm.tell(tell, population, losses(population), state, params)
        return state, key

    @jax.jit
    def advance(iterations: int, carry: tuple[Any, Any]) -> tuple[Any, Any]:
        return lax.fori_loop(0, iterations, iteration, carry)

    def start() -> Run:
        positions = jnp.asarray(work.positions)
        state = algorithm.init(jax.random.key(0), positions, losses(positions), params)
        carry = jax.block_until_ready((state.replace(velocity=jnp.asarray(work.velocities)), jax.random.key(0)))

        def run(iterations: int) -> float:
            nonlocal carry
            carry = advance(iterations, carry)
            return float(carry[0].best_fitness)

        return run

    return Contender(jax.jit(losses), start)


def torch_losses(work: Work) -> Callable[[Any], Any]:
    """The batched objective of both PyTorch contenders, for torch.compile.

    Tried, time relative to this: not compiled 1.2 to 6, rows x features with baddbmm 1.2 (the best one not compiled), without
    padding 1.2, the first layer as one product of all particles 1.3, pieces of 8 to 24 particles 1.1 to 1.4, max-autotune 1.1.
    """
    import torch

    columns, targets, share = (torch.from_numpy(a) for a in (work.columns[:8].copy(), work.targets, work.share))

    def losses(weights: Any) -> Any:
        w1, b1, w2, b2, w3, b3 = unpack(weights)
        hidden = torch.relu(torch.matmul(w1, columns) + b1)
        hidden = torch.relu(torch.bmm(w2, hidden) + b2)
        return (((w3 * hidden).sum(1) + b3 - targets) ** 2 * share).sum(1)

    return losses


def torch_contender(losses: Any, state: Any, step: Callable[[Any], Any], best: Callable[[Any], Any]) -> Contender:
    """``UNIT`` steps a compiled call: one a call takes 1.4 times as long in EvoX, 1.1 times in the plain form."""
    import torch

    # PyTorch's own random numbers: those that its compiler generates instead cost the same here, up to twice elsewhere.
    torch._inductor.config.fallback_random = True
    torch._dynamo.config.recompile_limit = 64

    def steps(state: Any) -> Any:
        for _ in range(UNIT):
            state = step(state)
        return state

    compiled, compiled_losses = torch.compile(steps), torch.compile(losses)

    def start() -> Run:
        now = state

        def run(iterations: int) -> float:
            nonlocal now
            with torch.inference_mode():
                for _ in range(iterations // UNIT):
                    now = compiled(now)
                return float(best(now))

        return run

    def checked(weights: Floats) -> Any:
        with torch.inference_mode():
            return compiled_losses(torch.from_numpy(weights)).numpy()

    return Contender(checked, start)


def evox(work: Work, threads: int) -> Contender:
    """Its workflow's step as a function of the state; two swarms in one call by vmap take 1.3 times as long each."""
    import torch
    from evox.algorithms import PSO
    from evox.core import Problem, use_state
    from evox.workflows import StdWorkflow

    torch.set_num_threads(threads)
    losses = torch_losses(work)

    class Training(Problem):
        def evaluate(self, pop: Any) -> Any:
            return losses(pop)

    bounds = torch.full((work.positions.shape[1],), MAX_POSITION)
    algorithm = PSO(PARTICLES, -bounds, bounds, w=INERTIA, phi_p=PULL, phi_g=PULL)
    algorithm.pop, algorithm.velocity = torch.from_numpy(work.positions), torch.from_numpy(work.velocities)
    algorithm.local_best_location = algorithm.pop.clone()
    workflow = StdWorkflow(algorithm, Training())
    workflow.init_step()
    state = {name: value.detach().clone() for name, value in (*workflow.named_parameters(), *workflow.named_buffers())}
    return torch_contender(losses, state, use_state(workflow.step), lambda now: now["algorithm.global_best_fit"])


def plain_torch(work: Work, threads: int) -> Contender:
    import torch

    torch.set_num_threads(threads)
    losses = torch_losses(work)

    def step(state: Any) -> Any:
        x, v, bests, best_losses = state
        now = losses(x)
        better = now < best_losses
        best_losses, bests = torch.where(better, now, best_losses), torch.where(better[:, None], x, bests)
        r1, r2 = torch.rand(x.shape), torch.rand(x.shape)
        v = INERTIA * v + PULL * r1 * (bests - x) + PULL * r2 * (bests[best_losses.argmin()] - x)
        v = v.clamp(-MAX_VELOCITY, MAX_VELOCITY)
        return (x + v).clamp(-MAX_POSITION, MAX_POSITION), v, bests, best_losses

    x, v = torch.from_numpy(work.positions), torch.from_numpy(work.velocities)
    state = (x, v, x.clone(), torch.full((PARTICLES,), math.inf))
    return torch_contender(losses, state, step, lambda now: now[3].min())


@dataclass(frozen=True)
class Entry:
    """A row of the table. ``packages``: whose versions it shows, its own first. ``cores``: a latency on all, or on one."""

    name: str
    packages: tuple[str, ...]
    form: str
    build: Callable[[Work, int], Contender]
    cores: bool = True
    throughput: bool = True


ENTRIES = {
    "shoal": Entry("Shoal", ("shoal",), "CPU engine, one thread a swarm", shoal, cores=False),
    "shoal-cores": Entry("Shoal", ("shoal",), "CPU engine, all cores on one swarm", shoal, throughput=False),
    "evosax": Entry("evosax", ("evosax", "jax"), "PSO; one jitted loop", evosax),
    "evox": Entry("EvoX", ("evox", "torch"), f"PSO; torch.compile, {UNIT} steps a call", evox),
    "torch": Entry("PyTorch", ("torch",), f"own loop; bmm, torch.compile, {UNIT} steps a call", plain_torch),
    "numpy": Entry("NumPy", ("numpy",), "own loop; batched matmul", plain_numpy),
    "pyswarms": Entry("pyswarms", ("pyswarms",), "GlobalBestPSO; batched NumPy objective", pyswarms),
    "pymoo": Entry("pymoo", ("pymoo",), "PSO, not adaptive; batched NumPy objective", pymoo),
    "mealpy": Entry("mealpy", ("mealpy",), "OriginalPSO; NumPy objective a particle", mealpy, cores=False),
}


# ---- a contender's process ----


def environment(threads: int) -> dict[str, str]:
    """For a process of so many threads.

    BLAS has one, as the NumPy contenders bring their own. The allocator keeps what it was given: asking the system anew for
    arrays of megabytes in each iteration made NumPy's forms 1.3 and PyTorch's 1.5 times slower.
    """
    kept = str(2**30)
    return {
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": str(threads),
        "NPROC": str(threads),  # JAX
        "TORCHINDUCTOR_COMPILE_THREADS": "1",  # no pool of compiler processes
        "MALLOC_MMAP_THRESHOLD_": kept,
        "MALLOC_TRIM_THRESHOLD_": kept,
    }


def serve(key: str, threads: int, folder: str, pipe: Connection) -> None:
    """Check, warm up, then run for about as many seconds as the pipe says, again and again, until it closes."""
    os.chdir(folder)  # pyswarms writes a log file where it is
    try:
        work = make_work()
        contender = ENTRIES[key].build(work, threads)
        check(contender, work)
        seconds = one_turn(contender, UNIT)
        pipe.send(seconds)
        while True:
            slept, used = time.perf_counter(), time.process_time()
            turn = pipe.recv()
            idle = (time.process_time() - used) / (time.perf_counter() - slept)
            seconds = one_turn(contender, max(1, round(turn / seconds / UNIT)) * UNIT)
            pipe.send((seconds, idle))
    except EOFError:
        pass
    except Exception as error:
        pipe.send(error)
        raise


def one_turn(contender: Contender, iterations: int) -> float:
    """Seconds an iteration. From the start each time: a swarm that has collapsed moves by denormal numbers, which are slow."""
    run = contender.start()
    start = time.perf_counter()
    run(iterations)
    return (time.perf_counter() - start) / iterations


def check(contender: Contender, work: Work) -> None:
    """Raises `ValueError` unless it computes the losses that Shoal's definition gives, and then lowers the best."""
    losses, expected = np.asarray(contender.losses(work.probes), np.float64), reference_losses(work, work.probes)
    worst = float(np.max(np.abs(losses / expected - 1)))
    if not worst <= TOLERANCE:
        raise ValueError(f"its losses differ from Shoal's by up to {worst:.1e} of their size, more than {TOLERANCE:.0e}")
    before, after = float(reference_losses(work, work.positions).min()), contender.start()(CHECK_ITERATIONS)
    if not after < before:
        raise ValueError(f"its best loss is {after:g} after {CHECK_ITERATIONS} iterations, {before:g} before")


# ---- the race ----


@dataclass
class Team:
    """The processes of one figure of one contender: one for a latency, one a core for a throughput."""

    key: str
    figure: str
    processes: list[BaseProcess]
    pipes: list[Connection]
    busy: float = 0.0  # the largest share of a core used between turns

    def turn(self, seconds: float) -> float:
        """Milliseconds for an iteration of one swarm, all of them counted."""
        for pipe in self.pipes:
            pipe.send(seconds)
        rate = 0.0
        for pipe in self.pipes:
            each, idle = receive(self.key, pipe)
            rate += 1 / each
            self.busy = max(self.busy, idle)
        return 1e3 / rate


def receive(key: str, pipe: Connection) -> Any:
    """What the process says; its error, or its death, is ours."""
    try:
        message = pipe.recv()
    except EOFError:
        message = RuntimeError("its process died")
    if isinstance(message, Exception):
        raise SystemExit(f"{key}: {message}")
    return message


def start_team(key: str, figure: str, cores: int, folder: str) -> Team:
    """Start the processes, and wait until they are warm."""
    entry, context = ENTRIES[key], multiprocessing.get_context("spawn")
    latency = figure == "latency"
    threads = cores if latency and entry.cores else 1
    os.environ.update(environment(threads))  # read by the libraries as they load: this process loads none of them
    team = Team(key, figure, [], [])
    for _ in range(1 if latency else cores):
        ours, theirs = context.Pipe()
        team.processes.append(context.Process(target=serve, args=(key, threads, folder, theirs), daemon=True))
        team.processes[-1].start()
        theirs.close()
        team.pipes.append(ours)
    for pipe in team.pipes:
        receive(key, pipe)
    return team


def race(keys: Iterable[str], rounds: int, cores: int) -> dict[tuple[str, str], list[float]]:
    """Milliseconds an iteration of each round, by contender and figure. A round before them is not counted."""
    with tempfile.TemporaryDirectory() as folder:
        teams = []
        for key in keys:
            print(f"{key}: compiling and checking ...", file=sys.stderr, flush=True)
            figures = ("latency", "throughput") if ENTRIES[key].throughput else ("latency",)
            teams += [start_team(key, figure, cores, folder) for figure in figures]
        times: dict[tuple[str, str], list[float]] = {(team.key, team.figure): [] for team in teams}
        for r in range(rounds + 1):
            for team in teams[r % len(teams) :] + teams[: r % len(teams)]:
                took = team.turn(TURN_SECONDS)
                if r:
                    times[team.key, team.figure].append(took)
        for team in teams:
            if team.busy > IDLE_SHARE:
                print(f"{team.key} used {team.busy:.0%} of a core between its turns.", file=sys.stderr)
            for pipe in team.pipes:
                pipe.close()
            for process in team.processes:
                process.join()
    return times


# ---- the table ----


@dataclass(frozen=True)
class Figure:
    """Milliseconds an iteration, over the rounds; ``ratio`` to Shoal's figure, the median of the rounds' ratios."""

    median: float
    low: float
    high: float
    ratio: float | None


@dataclass(frozen=True)
class Row:
    """One contender's results; no version: not installed."""

    name: str
    version: str | None
    form: str
    latency: Figure | None = None
    throughput: Figure | None = None


def installed(packages: Iterable[str]) -> str | None:
    """Versions, the first package's without its name; None when one is missing."""
    try:
        own, *others = ((package, version(package)) for package in packages)
    except PackageNotFoundError:
        return None
    return ", ".join([own[1], *(" ".join(other) for other in others)])


def make_rows(keys: Iterable[str], times: dict[tuple[str, str], list[float]]) -> list[Row]:
    """Rows in the order of the entries. A ratio's base is Shoal's faster row of that figure."""

    def figure(key: str, name: str) -> Figure | None:
        if (key, name) not in times:
            return None
        own, ours = times[key, name], [t for (k, n), t in times.items() if n == name and k.startswith("shoal")]
        base = min(ours, key=statistics.median, default=None)
        ratio = statistics.median(a / b for a, b in zip(own, base, strict=True)) if base else None
        return Figure(statistics.median(own), min(own), max(own), ratio)

    return [
        Row(e.name, installed(e.packages), e.form, figure(key, "latency"), figure(key, "throughput"))
        for key, e in ((key, ENTRIES[key]) for key in keys)
    ]


def table(rows: Iterable[Row], machine: str, rounds: int) -> str:
    """Markdown."""

    def cells(figure: Figure | None) -> list[str]:
        if figure is None:
            return ["–", "–"]
        ratio = "–" if figure.ratio is None else f"{figure.ratio:.2f}"
        return [f"{figure.median:.3f} ({figure.low:.3f}–{figure.high:.3f})", ratio]

    weights = sum(a * b + b for a, b in zip(LAYERS[:-1], LAYERS[1:], strict=True))
    lines = [
        f"Network {'-'.join(map(str, LAYERS))} ({weights} weights), {ROWS} rows, {PARTICLES} particles, on {machine}.",
        f"Milliseconds an iteration: median of {rounds} rounds (lowest–highest), and how many times Shoal's.",
        "Latency: one swarm. Throughput: a swarm a core at once, divided by their number.",
        "",
        "| contender | version | form | latency, ms | × Shoal | throughput, ms | × Shoal |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        values = [row.name, row.version or "not installed", row.form, *cells(row.latency), *cells(row.throughput)]
        lines.append("| " + " | ".join(values) + " |")
    return "\n".join(lines) + "\n"


def processor() -> str:
    """The processor's name where the system tells it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown processor")


def main() -> None:
    """Run the race; print the table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", default=",".join(ENTRIES), help="contenders, by commas")
    parser.add_argument("--out", type=Path, help="write the table there too")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    keys = options.only.split(",")
    if unknown := set(keys) - set(ENTRIES):
        parser.error(f"--only {','.join(sorted(unknown))}: expected some of {','.join(ENTRIES)}")
    if options.rounds < 1:
        parser.error(f"--rounds {options.rounds}: expected 1 or more")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    times = race([key for key in keys if installed(ENTRIES[key].packages)], options.rounds, cores)
    rows, machine = make_rows(keys, times), f"{cores} cores, {processor()}"
    text = table(rows, machine, options.rounds)
    if options.out:
        options.out.write_text(text)
    report = {"cores": cores, "processor": processor(), "rounds": options.rounds, "rows": [asdict(row) for row in rows]}
    print(json.dumps(report) if options.json else text)


if __name__ == "__main__":
    main()
