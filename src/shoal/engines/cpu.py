"""The CPU engine: the reference's steps, compiled, on one thread a swarm or several.

It follows the reference within the rounding of a float32 network: losses within 1e-5 of their size plus 1e-6 of a loss
of 1 (targets of about 1), the same informants unless two distances are that close. Its own bits do not depend on the
number of threads, the chunks or the vector width.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from shoal.engines import kernels
from shoal.engines.base import Engine
from shoal.engines.tile import TILE_SAMPLES
from shoal.genome import INFORMANT_STRATEGIES, Genome
from shoal.losses import Loss, Objective
from shoal.network import ACTIVATIONS, Network
from shoal.philox import Key
from shoal.swarm import SwarmState, TrainingTask, out_of_patience


class CpuEngine(Engine):
    """See the module. ``threads`` share the particles of each swarm; 1 is best where many swarms train at once."""

    name = "cpu"

    def __init__(self, threads: int = 1) -> None:
        self.threads = threads

    def advance(self, task: TrainingTask, state: SwarmState, iterations: int) -> SwarmState:
        """See `Engine.advance`."""
        data, model = _data(task.x, task.y), _model(task.network, task.objective)
        rule, swarm = _rule(task.genome, task.key), _swarm(task.genome, state)
        old, new = state.positions, np.empty_like(state.positions)
        history = np.concatenate([state.history, np.empty(iterations)])
        until, patience = state.iteration + iterations, task.patience or 0
        threads = min(self.threads, len(old))
        scratch = [_scratch(task.network) for _ in range(threads)]
        if threads == 1:
            done, stopped = kernels.advance(
                old, new, swarm, history, state.iteration, until, patience, data, model, rule, scratch[0]
            )
        else:
            done, stopped = state.iteration, False
            cuts = [len(old) * n // threads for n in range(threads + 1)]
            with ThreadPoolExecutor(threads) as pool:

                def share(work: Callable[..., None], *arguments: object) -> None:
                    jobs = [pool.submit(work, *cuts[n : n + 2], *arguments, scratch[n]) for n in range(threads)]
                    for job in jobs:
                        job.result()

                here, there = old, new
                while done < until and not stopped:
                    share(kernels.evaluate, here, swarm, data, model)
                    best = kernels.settle(here, swarm, done, rule)
                    history[done] = swarm.best_losses[best]
                    share(kernels.move, here, there, swarm, best, done, rule)
                    here, there, done = there, here, done + 1
                    stopped = out_of_patience(history, done, patience)
        positions = new if (done - state.iteration) % 2 else old
        return replace(state, iteration=done, positions=positions, history=history[:done], stopped=bool(stopped))

    def outputs(self, network: Network, weights: NDArray[np.float32], x: NDArray[np.float32]) -> NDArray[np.float32]:
        """See `Engine.outputs`."""
        data = _data(x, np.zeros(len(x), np.float32))
        out = np.empty((network.layers[-1], data.padded), np.float32)
        kernels.outputs(weights, data, _model(network, Objective(Loss.MSE)), _scratch(network).work, out)
        return np.ascontiguousarray(out[:, : len(x)].T)


def _data(x: NDArray[np.float32], y: NDArray[np.float32]) -> kernels.Data:
    rows, inputs = x.shape
    padded = -(-rows // TILE_SAMPLES) * TILE_SAMPLES
    columns = np.zeros((inputs, padded), np.float32)
    columns[:, :rows] = x.T
    return kernels.Data(columns.ravel(), np.ascontiguousarray(y, np.float32), rows, padded)


def _model(network: Network, objective: Objective) -> kernels.Model:
    sizes = np.array(network.layers, dtype=np.int64)
    activation = ACTIVATIONS.index(network.activation)
    return kernels.Model(sizes, activation, int(objective.loss), float(objective.gain), float(objective.shift))


def _rule(genome: Genome, key: Key) -> kernels.Rule:
    f = np.float32
    return kernels.Rule(
        w=f(genome.inertia_weight),
        c1=f(genome.cognitive_weight),
        c2=f(genome.social_weight),
        c3=f(genome.global_best_weight),
        jump=f(genome.jump_size),
        vmax=f(genome.max_velocity),
        xmax=f(genome.max_position),
        strategy=INFORMANT_STRATEGIES.index(genome.informant_strategy),
        to_position=genome.attractor == "position",
        key0=key[0],
        key1=key[1],
    )


def _swarm(genome: Genome, state: SwarmState) -> kernels.Swarm:
    particles = genome.swarm_size
    distances = np.empty((particles, particles) if genome.informant_strategy == "nearest" else (1, 1))
    return kernels.Swarm(
        state.velocities,
        state.best_positions,
        state.best_losses,
        state.informants,
        np.empty(particles),
        np.empty(particles, dtype=np.int64),
        distances,
    )


def _scratch(network: Network) -> kernels.Scratch:
    widest, blocks = max(network.layers[1:]), -(-network.size // 4)
    return kernels.Scratch(
        np.zeros((2, widest * kernels.BLOCK), np.float32),
        np.empty(kernels.BLOCK, np.float32),
        np.empty((3, 4, blocks), np.float32),
    )
