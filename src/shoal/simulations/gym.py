"""Environments of Gymnasium as simulations: ``gym:CartPole-v1``, or what a user's function makes.

A discrete action is the number of the largest output, a box of actions the hyperbolic tangents of
the outputs, stretched over the box. The score is the sum of rewards. Observations are shifted and
scaled by means and deviations of a random play before the run, which the run records and which then
stay as they are.

The policies act side by side, each in an environment of its own that was reset with the same seed.
So the networks of all of them are computed in one call.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shoal.errors import SimulationError
from shoal.inference.policy import Choice, Numbers, States, Stretched
from shoal.numerics.philox import Key, Purpose
from shoal.objectives.options import Option, name_of, with_values
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
_OWN_FUNCTION = (
    "write a function that makes it into a file, with @shoal.environment above it, and give "
    "FILE.py:FUNCTION"
)

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
    """An environment of Gymnasium as a simulation; `gym_simulation` and `environment` make it.

    Attributes
    ----------
    maker
        Makes environments of the kind.
    together
        Environments of the kind, in which policies act.
    ends
        What networks see of observations, and what their outputs mean.
    source
        The file that defines the environment; None if there is none.
    """

    maker: Installed | Written
    together: _SideBySide
    ends: Ends
    source: Path | None

    def __call__(self, policy: Any, scenario: Any) -> NDArray[np.float64]:
        """Let the policies of a `PolicyBatch` act; returns their scores, (particles,)."""
        return self.together.play(policy, scenario)

    @property
    def file(self) -> Path | None:
        """See ``source``: errors of an environment are in its own file."""
        return self.source

    @property
    def is_installed(self) -> bool:
        """Whether its name alone finds it; else a user's function makes it."""
        return isinstance(self.maker, Installed)

    @property
    def normalisation(self) -> Normalisation | None:
        """How observations are scaled; None for states, which are not."""
        inputs = self.ends.inputs
        if isinstance(inputs, States):
            return None
        return Normalisation(tuple(inputs.mean.tolist()), tuple(inputs.deviation.tolist()))

    def with_options(self, **changes: Option) -> GymSimulation:
        """See `Simulation.with_options`. It is another environment, with a random play of its own.

        No changes are the same environment.
        """
        if not changes:
            return self
        return self.remade({**self.options, **changes})

    def remade(
        self,
        options: Mapping[str, Option],
        normalisation: Normalisation | None = None,
        on_frame: OnFrame | None = None,
    ) -> GymSimulation:
        """Make it again.

        Parameters
        ----------
        options, normalisation
            See `gym_simulation`.
        on_frame
            Gets a picture, (height, width, 3), of the start and after each step of the first
            policy that acts. None: nothing is drawn.
        """
        return _simulation_of(self.maker, options, normalisation, on_frame)


def gym_simulation(
    name: str,
    *,
    options: Mapping[str, Any] | None = None,
    normalisation: Normalisation | None = None,
) -> GymSimulation:
    """Make a simulation of an environment that Gymnasium knows by its id.

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

    Raises
    ------
    SimulationError
        If Gymnasium is not installed, has no such environment, or one that does not work; if the
        environment has no such option; or if its observations or actions are of a kind that a
        network cannot have.
    """
    return _simulation_of(Installed(name.removeprefix(PREFIX)), options or {}, normalisation)


def environment(make: Callable[..., Any]) -> GymSimulation:
    """Make a simulation of a function that makes an environment of Gymnasium.

    It is for environments that are not part of Gymnasium, and for wrapped ones.

    Parameters
    ----------
    make
        Returns a new environment. Its parameters are options with defaults; one that is called
        ``render_mode`` gets "rgb_array" where pictures are wanted.

    Raises
    ------
    SimulationError
        If the function takes something else, or as `gym_simulation`.

    Examples
    --------
    ::

        @shoal.environment
        def long_cartpole(steps=1000):
            return gymnasium.make("CartPole-v1", max_episode_steps=steps)
    """
    return _simulation_of(Written(make), {})


def _simulation_of(
    maker: Installed | Written,
    options: Mapping[str, Any],
    normalisation: Normalisation | None = None,
    on_frame: OnFrame | None = None,
) -> GymSimulation:
    gymnasium = _gymnasium()
    drawn = on_frame is not None
    # What an environment prints belongs to no command's output.
    with contextlib.redirect_stdout(Printed()):
        made = _made(gymnasium, maker, {}, drawn)
        defaults = maker.defaults(made)
        values = with_values(defaults, options, f"The environment {maker.name}", SimulationError)
        changed = {name: value for name, value in values.items() if value != defaults[name]}
        if changed:
            made = _made(gymnasium, maker, changed, drawn)

        name = maker.full_name(made)
        actions = _actions_of(gymnasium, name, made.action_space)
        ends = Ends(_inputs_of(gymnasium, name, made, normalisation), actions)

    limit = _limit_of(made)
    another = functools.partial(_made, gymnasium, maker, changed, drawn)
    together = _SideBySide(name, another, made, ends, limit, on_frame)
    return GymSimulation(
        name=name,
        function=maker.function,
        together=together,
        inputs=ends.inputs.size,
        outputs=ends.actions.size,
        direction="maximize",
        unit="return",
        batched=True,
        steps=limit,
        options=values,
        maker=maker,
        ends=ends,
        source=_source_of(made),
    )


class _SideBySide:
    """Environments of one kind, one for each policy that acts at the same time.

    Parameters
    ----------
    name
        What they are called.
    make
        Makes another one.
    first
        One of them.
    ends
        What networks see, and what their outputs mean.
    limit
        The most steps of an episode.
    on_frame
        See `GymSimulation.remade`.
    """

    def __init__(
        self,
        name: str,
        make: Callable[[], Any],
        first: Any,
        ends: Ends,
        limit: int,
        on_frame: OnFrame | None,
    ) -> None:
        self._name = name
        self._make = make
        self._environments = [first]
        self._ends = ends
        self._limit = limit
        self._on_frame = on_frame

    def play(self, policies: PolicyBatch, scenario: Scenario) -> NDArray[np.float64]:
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
            self._on_frame(_picture(self._name, self._environments[0]))


# ---- Before the run --------------------------------------------------------------------------


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
        text = f"{type(error).__name__}: {_first_line(error)}"
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


@dataclass(frozen=True, slots=True)
class Installed:
    """Makes an environment that Gymnasium knows.

    Attributes
    ----------
    name
        Its id.
    """

    name: str

    @property
    def function(self) -> Callable[..., Any]:
        """What makes it."""
        make: Callable[..., Any] = _gymnasium().make
        return make

    def make(self, options: Mapping[str, Any], drawn: bool) -> Any:
        """Make one, with options that differ from the defaults."""
        # Gymnasium would import what stands before a colon, and an id may come from anybody's
        # store.
        if ":" in self.name:
            raise SimulationError(
                f"The environment {self.name!r} names a module.",
                expected="the id of an environment of Gymnasium, such as CartPole-v1",
                remedy=_OWN_FUNCTION,
            )
        wanted = dict(options)
        if drawn:
            wanted[_RENDER_OPTION] = _RENDER_MODE
        return self.function(self.name, **wanted)

    def full_name(self, made: Any) -> str:
        """What the simulation is called: an id without a version means the latest one."""
        return f"{PREFIX}{made.spec.id}"

    def defaults(self, made: Any) -> dict[str, Option]:
        """The parameters that a record can hold, with the values that an environment has."""
        options: dict[str, Option] = {}
        for name, default in _parameters_of(made.spec.entry_point).items():
            value = made.spec.kwargs.get(name, default)
            if name != _RENDER_OPTION and isinstance(value, Option):
                options[name] = value
        options[STEPS_OPTION] = _limit_of(made)
        return options


@dataclass(frozen=True, slots=True)
class Written:
    """Makes an environment by a user's function.

    Raises
    ------
    SimulationError
        If it has parameters that are no options.
    """

    function: Callable[..., Any]

    def __post_init__(self) -> None:
        for name, default in _parameters_of(self.function).items():
            if name != _RENDER_OPTION and not isinstance(default, Option):
                raise SimulationError(
                    f"The environment {self.name} takes {inspect.signature(self.function)}.",
                    expected="options with defaults: numbers, truth values or texts",
                )

    @property
    def name(self) -> str:
        """What the simulation is called."""
        return name_of(self.function).replace("_", "-")

    def make(self, options: Mapping[str, Any], drawn: bool) -> Any:
        """Make one, with options that differ from the defaults."""
        wanted = dict(options)
        if drawn and _RENDER_OPTION in _parameters_of(self.function):
            wanted[_RENDER_OPTION] = _RENDER_MODE
        return self.function(**wanted)

    def full_name(self, made: Any) -> str:
        """What the simulation is called."""
        return self.name

    def defaults(self, made: Any) -> dict[str, Option]:
        """The options of the function."""
        parameters = _parameters_of(self.function)
        return {name: value for name, value in parameters.items() if name != _RENDER_OPTION}


def _made(
    gymnasium: Any, maker: Installed | Written, options: Mapping[str, Any], drawn: bool
) -> Any:
    """A new environment. Raises `SimulationError`."""
    try:
        made = maker.make(options, drawn)
    except SimulationError:
        raise
    # Whatever an environment's own code raises, it cannot be used.
    except (Exception, SystemExit) as error:
        raise SimulationError(
            f"The environment {maker.name!r} cannot be made: {_first_line(error)}.",
            expected="the id of an environment of Gymnasium, such as CartPole-v1, or a function "
            "that returns one",
            remedy="gymnasium.pprint_registry() lists them, and some need a package of their own. "
            f"For others, {_OWN_FUNCTION}",
        ) from error

    if not isinstance(made, gymnasium.Env):
        raise SimulationError(
            f"The function {maker.name} returned {type(made).__name__}.",
            expected="a gymnasium.Env",
            remedy="return the environment",
        )
    return made


def _limit_of(made: Any) -> int:
    """The most steps of an episode."""
    if made.spec is None:
        return LIMIT
    return made.spec.max_episode_steps or LIMIT


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


def _picture(name: str, environment: Any) -> NDArray[np.uint8]:
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
            f"The environment {name} cannot be drawn: {cause}.",
            expected="one that renders pictures (rgb_array)",
            remedy="pip install 'gymnasium[classic-control]', or look at what the policy observes",
        )
    return picture


# ---- Spaces ----------------------------------------------------------------------------------


def _inputs_of(
    gymnasium: Any, name: str, made: Any, normalisation: Normalisation | None
) -> Numbers | States:
    """What a network sees, scaled as given or as a random play says."""
    space = made.observation_space
    spaces = gymnasium.spaces
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
            f"observes less: {_OWN_FUNCTION}",
        )


def _actions_of(gymnasium: Any, name: str, space: Any) -> Choice | Stretched:
    spaces = gymnasium.spaces
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


# ---- Words of messages -----------------------------------------------------------------------


def _refusal(name: str, what: str, kind: str) -> SimulationError:
    expected = "Box, Discrete, MultiBinary or MultiDiscrete"
    wrapper = "FlattenObservation"
    if what == "actions":
        expected = "Discrete, or a Box of real numbers with limits"
        wrapper = "TransformAction"
    return SimulationError(
        f"The environment {name} has {what} of the kind {kind}.",
        expected=expected,
        remedy=f"wrap it, by gymnasium.wrappers.{wrapper} for example: {_OWN_FUNCTION}",
    )


def _does_not_work(name: str, what: str) -> SimulationError:
    return SimulationError(
        f"The environment {name} {what}.",
        expected="an environment that gymnasium.utils.env_checker.check_env accepts",
        remedy=f"correct it, or wrap it: {_OWN_FUNCTION}",
    )


def _first_line(error: BaseException) -> str:
    """What an error says, without the full stop."""
    text = str(error).splitlines()
    if not text:
        return type(error).__name__
    return text[0].rstrip(".")
