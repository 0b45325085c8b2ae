"""What networks see of an environment of Gymnasium, and what their outputs mean to it.

A discrete action is the number of the largest output, a box of actions the hyperbolic tangents of
the outputs, stretched over the box. Observations are shifted and scaled by means and deviations of
a random play before the run.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shoal.errors import SimulationError
from shoal.inference.policy import Choice, Numbers, States, Stretched
from shoal.numerics.philox import Key, Purpose
from shoal.simulations.gym_makers import OWN_FUNCTION, first_line, installed_gymnasium
from shoal.simulations.scenario import Scenario

# Steps of random play.
RANDOM_STEPS = 1000
# More numbers than a small network can make something of: pictures.
MOST_INPUTS = 2048
# The random play of an environment is the same in every run.
_KEY: Key = (0, 0)


@dataclass(frozen=True, slots=True)
class Normalisation:
    """How observations are scaled: ``(x - mean) / deviation``, within ±10."""

    mean: tuple[float, ...]
    deviation: tuple[float, ...]


@dataclass(frozen=True, eq=False, slots=True)
class Ends:
    """What networks see of observations, and what their outputs mean."""

    inputs: Numbers | States
    actions: Choice | Stretched

    def to_dict(self) -> dict[str, Any]:
        """As JSON values, from which `shoal.inference.policy` reads it."""
        return {"inputs": self.inputs.to_dict(), "actions": self.actions.to_dict()}


def ends_of(name: str, made: Any, normalisation: Normalisation | None) -> Ends:
    """What a network sees of an environment, and what its outputs mean.

    Parameters
    ----------
    name
        What the environment is called, for messages.
    made
        The environment.
    normalisation
        How observations are scaled; None: as a random play says.

    Raises
    ------
    SimulationError
        If its observations or actions are of a kind that a network cannot have; or as
        `play_at_random`.
    """
    spaces = installed_gymnasium().spaces
    actions = _actions_of(spaces, name, made.action_space)
    return Ends(_inputs_of(spaces, name, made, normalisation), actions)


def play_at_random(name: str, environment: Any, steps: int = RANDOM_STEPS) -> Normalisation:
    """Let random actions play, and measure the observations.

    Parameters
    ----------
    name
        What the environment is called, for messages.
    environment
        Of Gymnasium, with observations that are numbers.
    steps
        Length of the play.

    Returns
    -------
    Normalisation
        An observation that never changed is not scaled.

    Raises
    ------
    SimulationError
        If the environment raises, observes something else than finite numbers of the shape that it
        says, or gives no numbers as rewards.
    """
    try:
        values = _observed_at_random(name, environment, steps)
    except SimulationError:
        raise
    except (Exception, SystemExit) as error:
        text = f"{type(error).__name__}: {first_line(error)}"
        raise _does_not_work(name, f"raised {text}, as random actions played") from error

    if not np.isfinite(values).all():
        raise _does_not_work(name, "observed numbers that are not finite")
    deviation = values.std(axis=0)
    deviation[~(deviation > 1e-8)] = 1.0
    return Normalisation(tuple(values.mean(axis=0).tolist()), tuple(deviation.tolist()))


def _observed_at_random(name: str, environment: Any, steps: int) -> NDArray[np.float64]:
    """What random actions made it observe, (steps, inputs)."""
    shape = environment.observation_space.shape
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
            observation, reward, terminated, truncated, _ = environment.step(action)
            ended = terminated or truncated
            number = np.asarray(reward)
            if number.shape != () or number.dtype.kind not in "biuf":
                raise _does_not_work(name, f"gave the reward {reward!r}, not one number")

        values = np.asarray(observation, np.float64)
        if values.shape != shape:
            raise _does_not_work(
                name,
                f"observed an array of shape {values.shape}, and its space says {shape}",
            )
        seen.append(values.ravel())
    return np.stack(seen)


def _inputs_of(
    spaces: Any, name: str, made: Any, normalisation: Normalisation | None
) -> Numbers | States:
    """What a network sees, scaled as given or as a random play says."""
    space = made.observation_space
    if isinstance(space, spaces.Discrete):
        _check_inputs(name, int(space.n), "one for each state")
        return States(int(space.n), int(space.start))
    if not isinstance(space, (spaces.Box, spaces.MultiBinary, spaces.MultiDiscrete)):
        raise _refusal(name, "observations", type(space).__name__)

    count = math.prod(space.shape)
    _check_inputs(name, count, f"an array of shape {space.shape}")
    if normalisation is None:
        normalisation = play_at_random(name, made)
    mean = np.array(normalisation.mean)
    deviation = np.array(normalisation.deviation)
    fits = mean.shape == deviation.shape == (count,)
    if not fits or not np.isfinite(mean).all() or not (deviation > 0.0).all():
        raise SimulationError(
            f"The observations of {name} cannot be scaled by {len(mean)} means and "
            f"{len(deviation)} deviations.",
            expected=f"{count} of each, finite, deviations larger than 0",
            remedy="install the version of the environment that the run was started with",
        )
    return Numbers(tuple(space.shape), mean, deviation)


def _check_inputs(name: str, count: int, what: str) -> None:
    if not 1 <= count <= MOST_INPUTS:
        raise SimulationError(
            f"The environment {name} observes {count:,} numbers, {what}.",
            expected=f"1 to {MOST_INPUTS:,}, as small networks see no pictures",
            remedy="choose what it observes by an option, if it has one; or wrap it in one that "
            f"observes less: {OWN_FUNCTION}",
        )


def _actions_of(spaces: Any, name: str, space: Any) -> Choice | Stretched:
    """What outputs mean."""
    if isinstance(space, spaces.Discrete):
        return Choice(int(space.n), int(space.start))

    kind = type(space).__name__
    if not isinstance(space, spaces.Box):
        raise _refusal(name, "actions", kind)
    if not np.issubdtype(space.dtype, np.floating):
        raise _refusal(name, "actions", f"{kind} of {space.dtype}")
    if not np.isfinite(space.low).all() or not np.isfinite(space.high).all():
        raise _refusal(name, "actions", f"{kind} without limits")
    return Stretched(space.low, space.high)


def _refusal(name: str, what: str, kind: str) -> SimulationError:
    expected = "Box, Discrete, MultiBinary or MultiDiscrete"
    wrapper = "FlattenObservation"
    if what == "actions":
        expected = "Discrete, or a Box of real numbers with limits"
        wrapper = "TransformAction"
    return SimulationError(
        f"The environment {name} has {what} of the kind {kind}.",
        expected=expected,
        remedy=f"wrap it, by gymnasium.wrappers.{wrapper} for example: {OWN_FUNCTION}",
    )


def _does_not_work(name: str, what: str) -> SimulationError:
    return SimulationError(
        f"The environment {name} {what}.",
        expected="an environment that gymnasium.utils.env_checker.check_env accepts",
        remedy=f"correct it, or wrap it: {OWN_FUNCTION}",
    )
