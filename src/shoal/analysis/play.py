"""An exported policy in its simulation: episodes that nothing was trained or chosen on."""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shoal.analysis.film import Film, film_episode
from shoal.errors import ModelError
from shoal.inference.policy import Numbers, PolicyError, load_policy
from shoal.nn.network import Network
from shoal.numerics.philox import Purpose, derive_key
from shoal.problems.simulation import NORMALISATION, load_simulation
from shoal.simulations.definition import Simulation
from shoal.simulations.evaluation import ScenarioSet, evaluate_policies
from shoal.simulations.trace import Episode, trace_episode

# The random stream of played scenarios: no training has this number.
_PLAY_STREAM = 0xFFFFFFFD


@dataclass(frozen=True, eq=False, slots=True)
class Played:
    """What a policy did.

    Attributes
    ----------
    simulation
        Where it acted.
    scores : ndarray of float64, (episodes,)
        In the simulation's unit and direction.
    steps : ndarray of int64, (episodes,)
        How often it acted in each.
    first
        The first episode, step by step.
    """

    simulation: Simulation
    scores: NDArray[np.float64]
    steps: NDArray[np.int64]
    first: Episode


def play_policy(
    folder: str | os.PathLike[str], episodes: int = 10, seed: int = 0, threads: int = 1
) -> Played:
    """Let an exported policy act.

    Parameters
    ----------
    folder
        What `shoal export` wrote for a run that solves a simulation.
    episodes
        How many scenarios.
    seed
        Which ones.
    threads
        They change no number.

    Raises
    ------
    ModelError
        The folder holds no policy.
    CodeChangedError
        The simulation's file is not on this machine, or is not the one that the policy was trained
        in.
    SimulationError
        The simulation cannot be run.
    """
    loaded = _load(folder, seed)
    simulation = loaded.simulation
    found = evaluate_policies(
        simulation,
        loaded.network,
        loaded.weights[None],
        loaded.scenarios,
        np.arange(episodes),
        threads,
    )

    first = trace_episode(simulation, loaded.network, loaded.weights, loaded.scenarios)
    return Played(simulation, found.scores[0], found.steps[0], first)


def film_policy(folder: str | os.PathLike[str], seed: int = 0) -> Film:
    """Film the first episode that `play_policy` plays with this seed.

    Raises
    ------
    SimulationError
        The simulation draws no pictures. Else as `play_policy`.
    """
    loaded = _load(folder, seed)
    return film_episode(loaded.simulation, loaded.network, loaded.weights, loaded.scenarios)


@dataclass(frozen=True, eq=False, slots=True)
class _Loaded:
    """An exported policy, and where it is to act."""

    simulation: Simulation
    network: Network
    weights: NDArray[np.float32]
    scenarios: ScenarioSet


def _load(folder: str | os.PathLike[str], seed: int) -> _Loaded:
    """Raises as `play_policy`."""
    try:
        policy = load_policy(folder)
    except PolicyError as error:
        raise ModelError(str(error)) from None

    about = policy.about
    # Older exports do not say it: it is measured again.
    normalisation = None
    if isinstance(policy.inputs, Numbers):
        normalisation = policy.inputs.to_dict()
    simulation = load_simulation(
        {
            "reference": about["simulation"],
            "sha256": about["sha256"],
            "options": about["options"],
            NORMALISATION: normalisation,
        }
    )
    network = Network(tuple(about["layers"]), about["activation"])
    scenarios = ScenarioSet(derive_key(seed, _PLAY_STREAM), Purpose.TEST_SCENARIO)
    return _Loaded(simulation, network, policy.weights, scenarios)
