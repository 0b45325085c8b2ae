"""Environments of Gymnasium as simulations: ``gym:CartPole-v1``.

A discrete action is the number of the largest output, a box of actions the hyperbolic tangents of
the outputs, stretched over the box. The score is the sum of rewards. Observations are shifted and
scaled by means and deviations of a random play before the run, which then stay as they are.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shoal.errors import SimulationError
from shoal.numerics.philox import Key, Purpose
from shoal.simulations.definition import Simulation
from shoal.simulations.scenario import Scenario

PREFIX = "gym:"
# Steps of random play, and of an episode whose environment sets no limit.
RANDOM_STEPS = 1000
LIMIT = 10_000
# Observations further from the mean are cut off, in deviations.
_FURTHEST = 10.0
# How an environment is asked for pictures.
_RENDER_MODE = "rgb_array"
# The random play of an environment is the same in every run.
_KEY: Key = (0, 0)


@dataclass(frozen=True, slots=True)
class Normalisation:
    """How observations are scaled: ``(x - mean) / deviation``, within ±10."""

    mean: tuple[float, ...]
    deviation: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class _Actions:
    """How outputs become an action."""

    # Outputs that the policy needs.
    outputs: int
    # From outputs (outputs,) to an action.
    of: Callable[[NDArray[np.float64]], Any]


def gym_simulation(
    name: str,
    *,
    options: Mapping[str, Any] | None = None,
    normalisation: Normalisation | None = None,
    on_frame: Callable[[NDArray[np.uint8]], None] | None = None,
) -> Simulation:
    """Make a simulation of an environment.

    Parameters
    ----------
    name
        Its id, as "CartPole-v1"; the prefix "gym:" may stand before it.
    options
        What `gymnasium.make` is given for it.
    normalisation
        How observations are scaled; None: as a random play says (`play_at_random`). A discrete
        observation is not scaled.
    on_frame
        Gets a picture, (height, width, 3), of the start and after each step. None: nothing is
        drawn.

    Raises
    ------
    SimulationError
        If Gymnasium is not installed, has no such environment, or if its observations or actions
        are of a kind that a network cannot have.
    """
    gymnasium = _gymnasium()
    identity = name.removeprefix(PREFIX)
    wanted = dict(options or {})
    if on_frame is not None:
        wanted["render_mode"] = _RENDER_MODE
    environment = _made(gymnasium, identity, wanted)

    inputs, encode = _observations_of(gymnasium, identity, environment.observation_space)
    actions = _actions_of(gymnasium, identity, environment.action_space)
    is_state = isinstance(environment.observation_space, gymnasium.spaces.Discrete)
    if normalisation is None and is_state:
        normalisation = Normalisation((0.0,) * inputs, (1.0,) * inputs)
    if normalisation is None:
        normalisation = play_at_random(environment, encode)
    mean = np.array(normalisation.mean)
    deviation = np.array(normalisation.deviation)
    limit = LIMIT
    if environment.spec is not None and environment.spec.max_episode_steps:
        limit = environment.spec.max_episode_steps

    def episode(policy: Any, scenario: Any) -> float:
        """One episode; returns the sum of its rewards."""
        observation, _ = environment.reset(seed=scenario.seed)
        draw()
        total = 0.0
        for _ in range(limit):
            scaled = (np.asarray(encode(observation), np.float64).ravel() - mean) / deviation
            action = actions.of(policy.act(np.clip(scaled, -_FURTHEST, _FURTHEST)))
            observation, reward, terminated, truncated, _ = environment.step(action)
            total += float(reward)
            draw()
            if terminated or truncated:
                break
        return total

    def draw() -> None:
        if on_frame is not None:
            on_frame(_picture(environment, identity))

    return Simulation(
        name=PREFIX + identity,
        function=episode,
        inputs=inputs,
        outputs=actions.outputs,
        direction="maximize",
        unit="return",
        compiled=False,
        steps=limit,
    )


def play_at_random(
    environment: Any, encode: Callable[[Any], Any], steps: int = RANDOM_STEPS
) -> Normalisation:
    """Let random actions play, and measure the observations.

    Parameters
    ----------
    environment
        Of Gymnasium.
    encode
        From an observation to numbers.
    steps
        Length of the play.

    Returns
    -------
    Normalisation
        An observation that never changed is not scaled.
    """
    seeds = Scenario(_KEY, Purpose.RANDOM_PLAY, 0)
    environment.action_space.seed(seeds.integers(2**31))
    seen = []
    ended = True
    for _ in range(steps):
        if ended:
            observation, _ = environment.reset(seed=seeds.integers(2**31))
            ended = False
        else:
            action = environment.action_space.sample()
            observation, _, terminated, truncated, _ = environment.step(action)
            ended = terminated or truncated
        seen.append(np.asarray(encode(observation), np.float64).ravel())

    values = np.stack(seen)
    deviation = values.std(axis=0)
    deviation[~(deviation > 1e-8)] = 1.0
    return Normalisation(tuple(values.mean(axis=0).tolist()), tuple(deviation.tolist()))


def _gymnasium() -> Any:
    try:
        return import_module("gymnasium")
    except ImportError as error:
        raise SimulationError(
            "Gymnasium is not installed.",
            expected="the extra gym",
            remedy="pip install 'shoal[gym]'",
        ) from error


def _made(gymnasium: Any, identity: str, options: Mapping[str, Any]) -> Any:
    # Gymnasium would import what stands before a colon, and an id may come from anybody's store.
    if ":" in identity:
        raise SimulationError(
            f"The environment {identity!r} names a module.",
            expected="the id of an installed environment, such as CartPole-v1",
            remedy="import that module in a simulation of your own, which makes the environment",
        )
    try:
        return gymnasium.make(identity, **options)
    # Whatever an environment's own code raises, it cannot be used.
    except Exception as error:
        text = str(error).splitlines()
        cause = text[0] if text else type(error).__name__
        raise SimulationError(
            f"Gymnasium cannot make the environment {identity!r}: {cause.rstrip('.')}.",
            expected="the id of an installed environment, such as CartPole-v1",
            remedy="gymnasium.pprint_registry() lists them; some need a package of their own",
        ) from error


def _picture(environment: Any, identity: str) -> NDArray[np.uint8]:
    """What an environment looks like now, (height, width, 3)."""
    cause = "its picture is no array of red, green and blue"
    try:
        picture = np.asarray(environment.render())
    # Most environments draw with a package of their own.
    except Exception as error:
        picture = np.empty(0)
        text = str(error).splitlines()
        cause = text[0] if text else type(error).__name__

    is_picture = picture.ndim == 3 and picture.shape[-1] == 3 and picture.dtype == np.uint8
    if not is_picture:
        raise SimulationError(
            f"The environment {identity} cannot be drawn: {cause.rstrip('.')}.",
            expected="one that renders pictures (rgb_array)",
            remedy="pip install 'gymnasium[classic-control]', or look at what the policy observes",
        )
    return picture


def _observations_of(gymnasium: Any, identity: str, space: Any) -> tuple[int, Callable[[Any], Any]]:
    """How many numbers an observation has, and how to get them."""
    spaces = gymnasium.spaces
    if isinstance(space, spaces.Discrete):
        # One number for each state: 1 for the state that is observed.
        return int(space.n), functools.partial(_one_hot, int(space.start), int(space.n))
    if isinstance(space, (spaces.Box, spaces.MultiBinary, spaces.MultiDiscrete)):
        return math.prod(space.shape), np.asarray
    raise _refusal(identity, "observations", space)


def _one_hot(start: int, count: int, observation: Any) -> NDArray[np.float64]:
    row = np.zeros(count)
    row[int(observation) - start] = 1.0
    return row


def _actions_of(gymnasium: Any, identity: str, space: Any) -> _Actions:
    spaces = gymnasium.spaces
    if isinstance(space, spaces.Discrete):
        return _Actions(int(space.n), lambda outputs: int(space.start) + int(outputs.argmax()))
    is_box = isinstance(space, spaces.Box) and np.issubdtype(space.dtype, np.floating)
    if is_box and np.isfinite(space.low).all() and np.isfinite(space.high).all():
        middle = (space.high + space.low) / 2.0
        reach = (space.high - space.low) / 2.0

        def stretched(outputs: NDArray[np.float64]) -> Any:
            share = np.tanh(outputs).reshape(space.shape)
            return np.clip(middle + reach * share, space.low, space.high).astype(space.dtype)

        return _Actions(math.prod(space.shape), stretched)
    raise _refusal(identity, "actions", space)


def _refusal(identity: str, what: str, space: Any) -> SimulationError:
    expected = "Box, Discrete, MultiBinary or MultiDiscrete"
    if what == "actions":
        expected = "Discrete, or a Box of real numbers with limits"
    return SimulationError(
        f"The environment {identity} has {what} of the kind {type(space).__name__}.",
        expected=expected,
        remedy="wrap it, by gymnasium.wrappers.FlattenObservation for example, and write a "
        "simulation of your own around it: @shoal.simulation(inputs=..., outputs=...)",
    )
