"""What a user writes: a function that lets a policy act and returns a score."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from shoal.errors import SimulationError
from shoal.objectives.options import Option, options_of, with_values
from shoal.objectives.registry import DIRECTIONS, Direction


@dataclass(frozen=True, eq=False, slots=True)
class Simulation:
    """A simulation: `simulation` makes one of a function.

    Called with a policy and a scenario, it runs the function in plain Python, which is how to test
    it.

    Attributes
    ----------
    name
        What it is called.
    function
        Takes a policy, a scenario and the options; returns the score.
    inputs
        Numbers that the policy observes; or the option that says how many.
    outputs
        Numbers that the policy answers.
    direction
        Whether a smaller or a larger score is better.
    unit
        Of the score.
    deterministic
        Whether every scenario is the same: then a policy's score never changes.
    batched
        Whether one call lets all policies act together: ``act`` takes (particles, inputs), and the
        function returns (particles,).
    compiled
        True: it has to compile. False: it runs in Python. None: it compiles if it can.
    steps
        The most acts of one scenario, if that is known.
    options
        By name, in the order of the function's parameters.
    observations, actions
        Names of inputs and of outputs for people; may be empty.
    """

    name: str
    function: Callable[..., Any]
    inputs: int | str
    outputs: int
    direction: Direction = "minimize"
    unit: str = ""
    deterministic: bool = False
    batched: bool = False
    compiled: bool | None = None
    steps: int | None = None
    options: Mapping[str, Option] = field(default_factory=dict)
    observations: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()

    def __call__(self, policy: Any, scenario: Any) -> Any:
        """Run one scenario in plain Python, and return the score."""
        return self.function(policy, scenario, *self.options.values())

    @property
    def input_count(self) -> int:
        """How many numbers the policy observes, with these options."""
        if isinstance(self.inputs, str):
            return int(self.options[self.inputs])
        return self.inputs

    @property
    def file(self) -> Path | None:
        """The file that defines the function; None if there is none."""
        name = inspect.getsourcefile(self.function)
        return None if name is None else Path(name)

    @property
    def defaults(self) -> dict[str, Option]:
        """The options as the function has them."""
        return _options_of(self.function)

    @property
    def sign(self) -> float:
        """What a score is multiplied by to become a loss: 1, or -1 where larger is better."""
        return 1.0 if self.direction == "minimize" else -1.0

    def with_options(self, **changes: Option) -> Simulation:
        """Give options other values.

        Parameters
        ----------
        **changes
            Values by name, each of the type of its default.

        Raises
        ------
        SimulationError
            For an option that the function does not have, or a value of another type.

        Examples
        --------
        >>> from shoal.simulations.registry import get_simulation
        >>> get_simulation("lost-sales").with_options(penalty=9).options["penalty"]
        9.0
        """
        owner = f"The simulation {self.name}"
        options = with_values(self.options, changes, owner, SimulationError)
        changed = replace(self, options=options)
        _check_inputs(changed)
        return changed


def simulation(
    inputs: int | str,
    outputs: int,
    direction: Direction = "minimize",
    unit: str = "",
    *,
    name: str | None = None,
    deterministic: bool = False,
    batched: bool = False,
    compiled: bool | None = None,
    steps: int | None = None,
    observations: tuple[str, ...] = (),
    actions: tuple[str, ...] = (),
) -> Callable[[Callable[..., Any]], Simulation]:
    """Make a simulation of a function ``f(policy, scenario, option=default, ...)``.

    The function lets the policy act, draws random numbers from the scenario, and returns a score.
    It is compiled by Numba if it can be, and runs in plain Python otherwise, with the same values.

    Parameters
    ----------
    inputs
        Numbers that the policy observes; or the name of the option that says how many.
    outputs
        Numbers that it answers.
    direction
        "minimize" or "maximize" the score.
    unit
        Of the score.
    name, deterministic, batched, compiled, steps, observations, actions
        See `Simulation`. The name is by default that of the function.

    Returns
    -------
    callable
        A decorator that returns a `Simulation`.

    Raises
    ------
    SimulationError
        If the function takes other arguments, or a setting makes no sense.

    Examples
    --------
    >>> @simulation(inputs=1, outputs=1, direction="maximize")
    ... def follow(policy, scenario, steps=10):
    ...     total = 0.0
    ...     for _ in range(steps):
    ...         x = scenario.uniform()
    ...         total -= abs(policy.act((x,))[0] - x)
    ...     return total
    """

    def decorate(function: Callable[..., Any]) -> Simulation:
        made = Simulation(
            name=name or getattr(function, "__name__", "simulation").replace("_", "-"),
            function=function,
            inputs=inputs,
            outputs=outputs,
            direction=direction,
            unit=unit,
            deterministic=deterministic,
            batched=batched,
            compiled=compiled,
            steps=steps,
            options=_options_of(function),
            observations=observations,
            actions=actions,
        )
        _check(made)
        return made

    return decorate


def _options_of(function: Callable[..., Any]) -> dict[str, Option]:
    """The defaults of all parameters but the first two."""
    return options_of(function, "The simulation", ("policy", "scenario"), SimulationError)


def _check(made: Simulation) -> None:
    if made.direction not in DIRECTIONS:
        raise SimulationError(
            f"direction={made.direction!r}.", expected="one of " + ", ".join(DIRECTIONS)
        )
    if not _is_count(made.outputs):
        raise SimulationError(f"outputs={made.outputs!r}.", expected="a whole number from 1 on")
    if made.steps is not None and not _is_count(made.steps):
        raise SimulationError(f"steps={made.steps!r}.", expected="a whole number from 1 on")
    if made.batched and made.compiled:
        raise SimulationError(
            f"The simulation {made.name} is batched and compiled.",
            expected="one of the two: a batched one is written in NumPy",
        )
    if isinstance(made.inputs, str) and made.inputs not in made.options:
        raise SimulationError(
            f"inputs={made.inputs!r}.",
            expected="a whole number, or one of the options " + (", ".join(made.options) or "none"),
        )
    _check_inputs(made)


def _check_inputs(made: Simulation) -> None:
    count = made.inputs
    if isinstance(count, str):
        count = made.options[count]  # type: ignore[assignment]
    if not _is_count(count):
        raise SimulationError(f"inputs={count!r}.", expected="a whole number from 1 on")


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1
