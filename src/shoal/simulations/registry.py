"""Simulations by name: those that come with Shoal, and environments of Gymnasium."""

from __future__ import annotations

from importlib import import_module

from shoal.errors import SimulationError
from shoal.objectives.options import Option
from shoal.simulations.definition import Simulation

# What the names of environments of Gymnasium begin with.
_GYM = "gym:"

# Where each stands: they are imported on first use.
_HOMES = {
    "lost-sales": "lost_sales",
    "cartpole": "cartpole",
    "mountain-car": "mountain_car",
    "acrobot": "acrobot",
    "pendulum": "pendulum",
}

BUNDLED = tuple(_HOMES)


def is_bundled(simulation: Simulation) -> bool:
    """Whether it comes with Shoal; one of a user's may have the same name."""
    if simulation.name not in _HOMES:
        return False
    return get_simulation(simulation.name).function is simulation.function


def get_simulation(name: str, **options: Option) -> Simulation:
    """Find a simulation by its name.

    Parameters
    ----------
    name
        One of `BUNDLED`, or "gym:" and the id of an environment of Gymnasium.
    **options
        Values that differ from the defaults.

    Raises
    ------
    SimulationError
        For a name or an option that does not exist.

    Examples
    --------
    >>> get_simulation("lost-sales", penalty=9).options["penalty"]
    9.0
    """
    if name.startswith(_GYM):
        # It brings the compiler, which names and options do not need.
        from shoal.simulations.gym import gym_simulation

        return gym_simulation(name, options=options)
    if name not in _HOMES:
        raise SimulationError(
            f"There is no simulation {name!r}.",
            expected="one of " + ", ".join(BUNDLED) + ", or gym:NAME",
            remedy="for one of your own, give its file and function, as in inventory.py:shop",
        )

    module = import_module(f"shoal.simulations.bundled.{_HOMES[name]}")
    found: Simulation = getattr(module, _HOMES[name])
    return found.with_options(**options)
