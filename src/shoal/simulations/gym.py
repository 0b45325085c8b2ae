"""Environments of Gymnasium as simulations: ``gym:CartPole-v1``.

A discrete action is the number of the largest output, a box of actions the hyperbolic tangents of
the outputs, stretched over the box. The score is the sum of rewards. Observations are shifted and
scaled by means and deviations of a random play before the run, which the run records and which then
stay as they are.

The policies act side by side, each in an environment of its own that was reset with the same seed.
So the networks of all of them are computed in one call.
"""

from __future__ import annotations

import contextlib
import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shoal.errors import SimulationError
from shoal.inference.policy import Choice, Numbers, States, Stretched
from shoal.numerics.philox import Key, Purpose
from shoal.objectives.options import Option, with_values
from shoal.simulations.definition import Simulation
from shoal.simulations.policy import PolicyBatch
from shoal.simulations.scenario import Scenario
from shoal.system.printed import Printed

PREFIX = "gym:"
# Steps of random play, and of an episode whose environment sets no limit.
RANDOM_STEPS = 1000
LIMIT = 10_000
# More numbers than a small network can make something of: pictures.
MOST_INPUTS = 2048
# Environments that stand side by side. More would take memory, and no less time.
MOST_TOGETHER = 48
# The option that every environment has: how long an episode may be.
STEPS_OPTION = "max_episode_steps"
# How an environment is asked for pictures.
_RENDER_MODE = "rgb_array"
_RENDER_OPTION = "render_mode"
# The random play of an environment is the same in every run.
_KEY: Key = (0, 0)

# Gets a picture, (height, width, 3).
OnFrame = Callable[[NDArray[np.uint8]], None]


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


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class GymSimulation(Simulation):
    """An environment of Gymnasium as a simulation; `gym_simulation` makes it.

    Attributes
    ----------
    ends
        What networks see of observations, and what their outputs mean.
    source
        The file that defines the environment; None if there is none.
    """

    ends: Ends
    source: Path | None

    @property
    def file(self) -> Path | None:
        """See ``source``: errors of an environment are in its own file."""
        return self.source

    @property
    def normalisation(self) -> Normalisation | None:
        """How observations are scaled; None for states, which are not."""
        inputs = self.ends.inputs
        if isinstance(inputs, States):
            return None
        return Normalisation(tuple(inputs.mean.tolist()), tuple(inputs.deviation.tolist()))

    def with_options(self, **changes: Option) -> GymSimulation:
        """See `Simulation.with_options`. It is another environment, with a random play of its own.

        The same options are the same environment.
        """
        if not changes:
            return self
        return gym_simulation(self.name, options={**self.options, **changes})

    def filmed(self, on_frame: OnFrame) -> GymSimulation:
        """The same, which draws itself.

        Parameters
        ----------
        on_frame
            Gets a picture, (height, width, 3), of the start and after each step. One policy acts.
        """
        return gym_simulation(
            self.name,
            options=self.options,
            normalisation=self.normalisation,
            on_frame=on_frame,
        )


def gym_simulation(
    name: str,
    *,
    options: Mapping[str, Any] | None = None,
    normalisation: Normalisation | None = None,
    on_frame: OnFrame | None = None,
) -> GymSimulation:
    """Make a simulation of an environment.

    Parameters
    ----------
    name
        Its id, as "CartPole-v1"; the prefix "gym:" may stand before it.
    options
        Those of the environment's parameters that differ from its defaults, numbers, truth values
        and texts; and "max_episode_steps".
    normalisation
        How observations are scaled; None: as a random play says (`play_at_random`). A discrete
        observation is not scaled.
    on_frame
        See `GymSimulation.filmed`. None: nothing is drawn.

    Raises
    ------
    SimulationError
        If Gymnasium is not installed, has no such environment, or one that does not work; if the
        environment has no such option; or if its observations or actions are of a kind that a
        network cannot have.
    """
    gymnasium = _gymnasium()
    maker = _Maker(gymnasium, name.removeprefix(PREFIX), on_frame is not None)
    # What an environment prints belongs to no command's output.
    with contextlib.redirect_stdout(Printed()):
        environment = maker.make()
        values = _options_of(environment)
        if options:
            owner = f"The environment {maker.identity}"
            defaults = values
            values = with_values(defaults, options, owner, SimulationError)
            changed = {key: value for key, value in values.items() if value != defaults[key]}
            if changed:
                maker.options = changed
                environment = maker.make()

        identity = environment.spec.id
        actions = _actions_of(gymnasium, identity, environment.action_space)
        ends = Ends(_inputs_of(gymnasium, environment, normalisation), actions)

    limit = int(values[STEPS_OPTION])
    side_by_side = _SideBySide(maker.make, environment, ends, limit, on_frame)
    return GymSimulation(
        name=PREFIX + identity,
        function=side_by_side.play,
        inputs=ends.inputs.size,
        outputs=ends.actions.size,
        direction="maximize",
        unit="return",
        batched=True,
        steps=limit,
        options=values,
        ends=ends,
        source=_source_of(environment),
    )


class _SideBySide:
    """Environments of one kind, one for each policy that acts at the same time.

    Parameters
    ----------
    make
        Makes another one.
    first
        One of them.
    ends
        What networks see, and what their outputs mean.
    limit
        The most steps of an episode.
    on_frame
        See `GymSimulation.filmed`.
    """

    def __init__(
        self,
        make: Callable[[], Any],
        first: Any,
        ends: Ends,
        limit: int,
        on_frame: OnFrame | None,
    ) -> None:
        self._make = make
        self._environments = [first]
        self._ends = ends
        self._limit = limit
        self._on_frame = on_frame

    def play(
        self, policies: PolicyBatch, scenario: Scenario, *options: Option
    ) -> NDArray[np.float64]:
        """One episode of each policy, all of the same seed; returns the sums of rewards, (P,).

        NaN is the score of a policy in whose episode something is observed that is no number.
        """
        returns = np.empty(policies.particles)
        for start in range(0, policies.particles, MOST_TOGETHER):
            together = range(start, min(start + MOST_TOGETHER, policies.particles))
            returns[start : together.stop] = self._play_together(policies, scenario.seed, together)
        return returns

    def _play_together(self, policies: PolicyBatch, seed: int, together: range) -> list[float]:
        """The returns of a few policies."""
        while len(self._environments) < len(together):
            self._environments.append(self._make())
        returns = [0.0] * len(together)

        # Places of the policies whose episode goes on, and what they observe.
        acting = list(range(len(together)))
        observations = []
        for place in acting:
            observation, _ = self._environments[place].reset(seed=seed)
            observations.append(observation)
        self._draw()

        for _ in range(self._limit):
            seen = self._ends.inputs.seen(np.stack(observations))
            if np.isnan(seen).any():
                lost = np.isnan(seen).any(axis=1)
                for n in np.flatnonzero(lost):
                    returns[acting[n]] = math.nan
                acting = [acting[n] for n in np.flatnonzero(~lost)]
                seen = seen[~lost]
            if not acting:
                break

            outputs = policies.act(seen, np.add(acting, together.start))
            going_on = []
            observations = []
            for place, action in zip(acting, self._ends.actions.actions(outputs), strict=True):
                environment = self._environments[place]
                observation, reward, terminated, truncated, _ = environment.step(action)
                returns[place] += float(reward)
                if not (terminated or truncated):
                    going_on.append(place)
                    observations.append(observation)
            self._draw()

            acting = going_on
            if not acting:
                break
        return returns

    def _draw(self) -> None:
        if self._on_frame is not None:
            self._on_frame(_picture(self._environments[0]))


# ---- Before the run --------------------------------------------------------------------------


def play_at_random(environment: Any, steps: int = RANDOM_STEPS) -> Normalisation:
    """Let random actions play, and measure the observations.

    Parameters
    ----------
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
        values = _observed_at_random(environment, steps)
    except SimulationError:
        raise
    except (Exception, SystemExit) as error:
        text = f"{type(error).__name__}: {_first_line(error)}"
        raise _does_not_work(environment, f"raised {text}, as random actions played") from error

    if not np.isfinite(values).all():
        raise _does_not_work(environment, "observed numbers that are not finite")
    deviation = values.std(axis=0)
    deviation[~(deviation > 1e-8)] = 1.0
    return Normalisation(tuple(values.mean(axis=0).tolist()), tuple(deviation.tolist()))


def _observed_at_random(environment: Any, steps: int) -> NDArray[np.float64]:
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
            if np.shape(reward) != ():
                raise _does_not_work(environment, f"gave the reward {reward!r}, not one number")

        values = np.asarray(observation, np.float64)
        if values.shape != shape:
            raise _does_not_work(
                environment,
                f"observed an array of shape {values.shape}, and its space says {shape}",
            )
        seen.append(values.ravel())
    return np.stack(seen)


# ---- Making environments ---------------------------------------------------------------------


def _gymnasium() -> Any:
    try:
        return import_module("gymnasium")
    except ImportError as error:
        raise SimulationError(
            "Gymnasium is not installed.",
            expected="the extra gym",
            remedy="pip install 'shoal[gym]'",
        ) from error


@dataclass(slots=True)
class _Maker:
    """Makes environments of one kind."""

    gymnasium: Any
    # Its id.
    identity: str
    # Whether they draw themselves.
    drawn: bool
    # Parameters that differ from their defaults.
    options: Mapping[str, Any] = field(default_factory=dict)

    def make(self) -> Any:
        """Make one. Raises `SimulationError`."""
        # Gymnasium would import what stands before a colon, and an id may come from anybody's
        # store.
        if ":" in self.identity:
            raise SimulationError(
                f"The environment {self.identity!r} names a module.",
                expected="the id of an installed environment, such as CartPole-v1",
                remedy="import that module in a simulation of your own, which makes the "
                "environment",
            )
        wanted = dict(self.options)
        if self.drawn:
            wanted[_RENDER_OPTION] = _RENDER_MODE
        try:
            return self.gymnasium.make(self.identity, **wanted)
        # Whatever an environment's own code raises, it cannot be used.
        except (Exception, SystemExit) as error:
            raise SimulationError(
                f"Gymnasium cannot make the environment {self.identity!r}: {_first_line(error)}.",
                expected="the id of an installed environment, such as CartPole-v1",
                remedy="gymnasium.pprint_registry() lists them; some need a package of their own",
            ) from error


def _options_of(environment: Any) -> dict[str, Option]:
    """The environment's parameters that a record can hold, with the values that it has."""
    spec = environment.spec
    options: dict[str, Option] = {}
    for name, default in _parameters_of(spec.entry_point).items():
        value = spec.kwargs.get(name, default)
        if name != _RENDER_OPTION and isinstance(value, Option):
            options[name] = value
    options[STEPS_OPTION] = spec.max_episode_steps or LIMIT
    return options


def _parameters_of(entry_point: Any) -> dict[str, Any]:
    """The parameters of what makes an environment, with their defaults."""
    if isinstance(entry_point, str):
        module, _, name = entry_point.partition(":")
        # It was imported when the environment was made.
        entry_point = getattr(import_module(module), name)
    try:
        parameters = inspect.signature(entry_point).parameters
    # What is written in C may have none.
    except ValueError:
        return {}
    return {name: parameter.default for name, parameter in parameters.items()}


def _source_of(environment: Any) -> Path | None:
    try:
        name = inspect.getsourcefile(type(environment.unwrapped))
    # Built-in classes have none.
    except TypeError:
        return None
    return None if name is None else Path(name)


def _picture(environment: Any) -> NDArray[np.uint8]:
    """What an environment looks like now, (height, width, 3)."""
    cause = "its picture is no array of red, green and blue"
    try:
        picture = np.asarray(environment.render())
    # Most environments draw with a package of their own.
    except Exception as error:
        picture = np.empty(0)
        cause = _first_line(error)

    is_picture = picture.ndim == 3 and picture.shape[-1] == 3 and picture.dtype == np.uint8
    if not is_picture:
        raise SimulationError(
            f"The environment {environment.spec.id} cannot be drawn: {cause}.",
            expected="one that renders pictures (rgb_array)",
            remedy="pip install 'gymnasium[classic-control]', or look at what the policy observes",
        )
    return picture


# ---- Spaces ----------------------------------------------------------------------------------


def _inputs_of(
    gymnasium: Any, environment: Any, normalisation: Normalisation | None
) -> Numbers | States:
    """What a network sees, scaled as given or as a random play says."""
    identity = environment.spec.id
    space = environment.observation_space
    spaces = gymnasium.spaces
    if isinstance(space, spaces.Discrete):
        _check_inputs(identity, int(space.n), "one for each state")
        return States(int(space.n), int(space.start))
    if not isinstance(space, (spaces.Box, spaces.MultiBinary, spaces.MultiDiscrete)):
        raise _refusal(identity, "observations", type(space).__name__)

    count = math.prod(space.shape)
    _check_inputs(identity, count, f"an array of shape {space.shape}")
    if normalisation is None:
        normalisation = play_at_random(environment)
    mean = np.array(normalisation.mean)
    deviation = np.array(normalisation.deviation)
    fits = mean.shape == deviation.shape == (count,)
    if not fits or not np.isfinite(mean).all() or not (deviation > 0.0).all():
        raise SimulationError(
            f"The observations of {identity} cannot be scaled by {len(mean)} means and "
            f"{len(deviation)} deviations.",
            expected=f"{count} of each, finite, deviations larger than 0",
            remedy="install the version of the environment that the run was started with",
        )
    return Numbers(tuple(space.shape), mean, deviation)


def _check_inputs(identity: str, count: int, what: str) -> None:
    if not 1 <= count <= MOST_INPUTS:
        raise SimulationError(
            f"The environment {identity} observes {count:,} numbers, {what}.",
            expected=f"1 to {MOST_INPUTS:,}, as small networks see no pictures",
            remedy="choose what it observes by an option, if it has one; or let a simulation of "
            "your own reduce what the policy sees: @shoal.simulation(inputs=..., outputs=...)",
        )


def _actions_of(gymnasium: Any, identity: str, space: Any) -> Choice | Stretched:
    spaces = gymnasium.spaces
    if isinstance(space, spaces.Discrete):
        return Choice(int(space.n), int(space.start))

    kind = type(space).__name__
    if not isinstance(space, spaces.Box):
        raise _refusal(identity, "actions", kind)
    if not np.issubdtype(space.dtype, np.floating):
        raise _refusal(identity, "actions", f"{kind} of {space.dtype}")
    if not np.isfinite(space.low).all() or not np.isfinite(space.high).all():
        raise _refusal(identity, "actions", f"{kind} without limits")
    return Stretched(space.low, space.high)


# ---- Words of messages -----------------------------------------------------------------------


def _refusal(identity: str, what: str, kind: str) -> SimulationError:
    expected = "Box, Discrete, MultiBinary or MultiDiscrete"
    wrapper = "FlattenObservation"
    if what == "actions":
        expected = "Discrete, or a Box of real numbers with limits"
        wrapper = "TransformAction"
    return SimulationError(
        f"The environment {identity} has {what} of the kind {kind}.",
        expected=expected,
        remedy=f"wrap it, by gymnasium.wrappers.{wrapper} for example, and write a simulation of "
        "your own around it: @shoal.simulation(inputs=..., outputs=...)",
    )


def _does_not_work(environment: Any, what: str) -> SimulationError:
    return SimulationError(
        f"The environment {environment.spec.id} {what}.",
        expected="an environment that gymnasium.utils.env_checker.check_env accepts",
        remedy="correct it, or wrap it in a simulation of your own",
    )


def _first_line(error: BaseException) -> str:
    """What an error says, without the full stop."""
    text = str(error).splitlines()
    if not text:
        return type(error).__name__
    return text[0].rstrip(".")
