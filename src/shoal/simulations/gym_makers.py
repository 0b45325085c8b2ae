"""What makes environments of Gymnasium: an id that is installed, or a user's function."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

from shoal.errors import SimulationError
from shoal.objectives.options import Option, name_of

PREFIX = "gym:"
# The most steps of an episode whose environment sets no limit.
LIMIT = 10_000
# The option that every environment has: how long an episode may be.
STEPS_OPTION = "max_episode_steps"
# How an environment is asked for pictures.
_RENDER_MODE = "rgb_array"
_RENDER_OPTION = "render_mode"
# A remedy.
OWN_FUNCTION = (
    "write a function that makes it into a file, with @shoal.environment above it, and give "
    "FILE.py:FUNCTION"
)


def installed_gymnasium() -> Any:
    """The package, which only those have who want it. Raises `SimulationError`."""
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
    # For messages.
    expected: ClassVar = "the id of an environment of Gymnasium, such as CartPole-v1"
    remedy: ClassVar = f"gymnasium.pprint_registry() lists them; for others, {OWN_FUNCTION}"

    @property
    def function(self) -> Callable[..., Any]:
        """What makes it."""
        make: Callable[..., Any] = installed_gymnasium().make
        return make

    def make(self, options: Mapping[str, Any], drawn: bool) -> Any:
        """Make one, with options that differ from the defaults."""
        # Gymnasium would import what stands before a colon, and an id may come from anybody's
        # store.
        if ":" in self.name:
            raise SimulationError(
                f"The environment {self.name!r} names a module.",
                expected=self.expected,
                remedy=OWN_FUNCTION,
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
        for name, default in parameters_of(made.spec.entry_point).items():
            value = made.spec.kwargs.get(name, default)
            if name != _RENDER_OPTION and isinstance(value, Option):
                options[name] = value
        options[STEPS_OPTION] = limit_of(made)
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
    # For messages.
    expected: ClassVar = "a function that returns an environment of Gymnasium"
    remedy: ClassVar = "correct the function"

    def __post_init__(self) -> None:
        for name, default in parameters_of(self.function).items():
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
        if drawn and _RENDER_OPTION in parameters_of(self.function):
            wanted[_RENDER_OPTION] = _RENDER_MODE
        return self.function(**wanted)

    def full_name(self, made: Any) -> str:
        """What the simulation is called."""
        return self.name

    def defaults(self, made: Any) -> dict[str, Option]:
        """The options of the function."""
        parameters = parameters_of(self.function)
        return {name: value for name, value in parameters.items() if name != _RENDER_OPTION}


def new_environment(maker: Installed | Written, options: Mapping[str, Any], drawn: bool) -> Any:
    """A new environment.

    Parameters
    ----------
    maker
        Makes it.
    options
        Those that differ from the defaults.
    drawn
        Whether it draws itself.

    Raises
    ------
    SimulationError
        If Gymnasium is not installed, or the environment cannot be made.
    """
    gymnasium = installed_gymnasium()
    try:
        made = maker.make(options, drawn)
    except SimulationError:
        raise
    # Whatever an environment's own code raises, it cannot be used.
    except (Exception, SystemExit) as error:
        raise SimulationError(
            f"The environment {maker.name!r} cannot be made: {first_line(error)}.",
            expected=maker.expected,
            remedy=maker.remedy,
        ) from error

    if not isinstance(made, gymnasium.Env):
        raise SimulationError(
            f"The function {maker.name} returned {type(made).__name__}.",
            expected="a gymnasium.Env",
            remedy="return the environment",
        )
    return made


def limit_of(made: Any) -> int:
    """The most steps of an episode."""
    if made.spec is None:
        return LIMIT
    return made.spec.max_episode_steps or LIMIT


def parameters_of(entry_point: Any) -> dict[str, Any]:
    """The parameters of what makes an environment, with their defaults."""
    if isinstance(entry_point, str):
        module, _, name = entry_point.partition(":")
        # It was imported when the environment was made.
        entry_point = getattr(sys.modules[module], name)
    try:
        parameters = inspect.signature(entry_point).parameters
    # What is written in C may have none.
    except ValueError:
        return {}
    return {name: parameter.default for name, parameter in parameters.items()}


def source_of(environment: Any) -> Path | None:
    """The file that defines an environment; None if there is none."""
    try:
        name = inspect.getsourcefile(type(environment.unwrapped))
    # Built-in classes have none.
    except TypeError:
        return None
    if name is None:
        return None
    return Path(name)


def first_line(error: BaseException) -> str:
    """What an error says, without the last stop."""
    text = str(error).splitlines()
    if not text:
        return type(error).__name__
    return text[0].rstrip(".?")
