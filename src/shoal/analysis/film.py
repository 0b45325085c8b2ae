"""An episode of an environment of Gymnasium as pictures, and as an animated GIF."""

from __future__ import annotations

import io
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TypeGuard

import numpy as np
from numpy.typing import NDArray

from shoal.errors import SimulationError
from shoal.nn.network import Network
from shoal.simulations.definition import Simulation
from shoal.simulations.evaluation import ScenarioSet
from shoal.simulations.gym import GymSimulation
from shoal.simulations.policy import PolicyBatch
from shoal.simulations.scenario import Scenario

# Pictures of a film: those of the first steps.
MOST_FRAMES = 250
FRAME_MILLISECONDS = 40
LAST_MILLISECONDS = 1200
# In pixels: larger pictures are reduced.
WIDTH = 320


@dataclass(frozen=True, eq=False, slots=True)
class Film:
    """An episode in pictures.

    Attributes
    ----------
    frames : tuple of ndarray of uint8, (height, width, 3) each
        The start, and what followed the first steps; at most `MOST_FRAMES`.
    score
        What the simulation returned for the whole episode.
    steps
        All steps.
    """

    frames: tuple[NDArray[np.uint8], ...]
    score: float
    steps: int

    def gif(self) -> bytes:
        """The pictures as an animated GIF, at most `WIDTH` wide.

        Raises
        ------
        SimulationError
            Pillow is not installed.
        """
        check_pictures_installed()
        from PIL import Image

        pictures = []
        for frame in self.frames:
            picture = Image.fromarray(frame)
            picture.thumbnail((WIDTH, picture.height), Image.Resampling.BOX)
            pictures.append(picture)

        durations = [FRAME_MILLISECONDS] * (len(pictures) - 1) + [LAST_MILLISECONDS]
        buffer = io.BytesIO()
        pictures[0].save(
            buffer,
            "GIF",
            save_all=True,
            append_images=pictures[1:],
            duration=durations,
            loop=0,
        )
        return buffer.getvalue()


def check_pictures_installed() -> None:
    """Raise `SimulationError` where Pillow, which writes pictures, is not installed."""
    if find_spec("PIL") is None:
        raise SimulationError(
            "A film needs Pillow, which is not installed.", remedy="pip install 'shoal[dashboard]'"
        )


def can_be_filmed(simulation: Simulation) -> TypeGuard[GymSimulation]:
    """Whether a simulation is an environment of Gymnasium, which may draw itself."""
    return isinstance(simulation, GymSimulation)


def film_episode(
    simulation: Simulation,
    network: Network,
    weights: NDArray[np.float32],
    scenarios: ScenarioSet,
    number: int = 0,
) -> Film:
    """Let a policy act in an environment that draws itself.

    Parameters
    ----------
    simulation
        An environment of Gymnasium.
    network, weights
        The policy.
    scenarios, number
        The scenario.

    Raises
    ------
    SimulationError
        It is no environment, or draws no pictures.
    """
    if not can_be_filmed(simulation):
        raise SimulationError(
            f"The simulation {simulation.name} draws no pictures.",
            expected="an environment of Gymnasium, gym:NAME",
            remedy="look at what its policy observes and answers, step by step",
        )

    frames: list[NDArray[np.uint8]] = []

    def keep(frame: NDArray[np.uint8]) -> None:
        if len(frames) < MOST_FRAMES:
            frames.append(frame.copy())

    drawn = simulation.remade(simulation.options, simulation.normalisation, keep)
    policies = PolicyBatch(network, weights[None])
    scores = drawn(policies, Scenario(scenarios.key, scenarios.purpose, number))
    return Film(tuple(frames), float(scores[0]), int(policies.acts[0]))
