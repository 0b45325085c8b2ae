"""Environments of Gymnasium as simulations: ``gym:CartPole-v1``, or what a user's function makes.

The score is the sum of rewards. The policies act side by side, each in an environment of its own
that was reset with the same seed. So the networks of all of them are computed in one call.
"""

from __future__ import annotations

import contextlib
import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shoal.errors import SimulationError
from shoal.inference.policy import States
from shoal.objectives.options import Option, with_values
from shoal.simulations.definition import Simulation
from shoal.simulations.gym_makers import (
    PREFIX,
    Installed,
    Written,
    first_line,
    limit_of,
    new_environment,
    source_of,
)
from shoal.simulations.gym_spaces import Ends, Normalisation, ends_of
from shoal.simulations.policy import PolicyBatch
from shoal.simulations.scenario import Scenario
from shoal.system.printed import Printed

# Environments that stand side by side. More would take memory, and no less time.
MOST_TOGETHER = 48

# Gets a picture, (height, width, 3).
OnFrame = Callable[[NDArray[np.uint8]], None]


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
        How observations are scaled; None: as a random play says
        (`shoal.simulations.gym_spaces.play_at_random`). A discrete observation is not scaled.

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
    drawn = on_frame is not None
    # What an environment prints belongs to no command's output.
    with contextlib.redirect_stdout(Printed()):
        made = new_environment(maker, {}, drawn)
        defaults = maker.defaults(made)
        values = with_values(defaults, options, f"The environment {maker.name}", SimulationError)
        changed = {name: value for name, value in values.items() if value != defaults[name]}
        if changed:
            made = new_environment(maker, changed, drawn)

        name = maker.full_name(made)
        ends = ends_of(name, made, normalisation)

    limit = limit_of(made)
    another = functools.partial(new_environment, maker, changed, drawn)
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
        source=source_of(made),
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


def _picture(name: str, environment: Any) -> NDArray[np.uint8]:
    """What an environment looks like now, (height, width, 3)."""
    cause = "its picture is no array of red, green and blue"
    try:
        picture = np.asarray(environment.render())
    # Most environments draw with a package of their own.
    except Exception as error:
        picture = np.empty(0)
        cause = first_line(error)

    is_picture = picture.ndim == 3 and picture.shape[-1] == 3 and picture.dtype == np.uint8
    if not is_picture:
        raise SimulationError(
            f"The environment {name} cannot be drawn: {cause}.",
            expected="one that renders pictures (rgb_array)",
            remedy="pip install 'gymnasium[classic-control]', or look at what the policy observes",
        )
    return picture
