"""The kinds of problems: what is solved becomes a problem, and a problem's record one again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

from shoal.data import Dataset
from shoal.data.table_io import BUNDLED as BUNDLED_TABLES
from shoal.errors import ProblemError
from shoal.problems.base import Problem
from shoal.problems.table import TableProblem
from shoal.settings.search_settings import SearchSettings

if TYPE_CHECKING:
    from shoal.simulations.definition import Simulation

    # What a search can be asked to solve.
    Subject = Dataset | Simulation


def make_problem(subject: Subject, settings: SearchSettings) -> Problem:
    """The problem of solving a table or a simulation with these settings.

    Raises
    ------
    ProblemError
        It is neither.
    SettingsError
        When the settings do not fit.
    """
    if isinstance(subject, Dataset):
        return TableProblem(subject, settings)

    # Most processes solve tables, and the compiler of simulations is heavy.
    from shoal.problems.simulation import SimulationProblem
    from shoal.simulations.definition import Simulation

    if isinstance(subject, Simulation):
        return SimulationProblem(subject, settings)
    raise ProblemError(
        f"A {type(subject).__name__} cannot be solved.",
        expected="a data set of shoal.load_dataset, or a simulation of @shoal.simulation",
    )


def is_simulation(subject: Any) -> TypeGuard[Simulation]:
    """Whether something is a simulation."""
    from shoal.simulations.definition import Simulation

    return isinstance(subject, Simulation)


def describe(subject: Simulation) -> dict[str, Any]:
    """What a run records of a subject that is no table, as JSON values. Raises `ProblemError`."""
    from shoal.problems.simulation import describe_simulation

    return describe_simulation(subject)


def usual_settings(subject: Subject) -> dict[str, Any]:
    """The settings of a search that follow from what is solved, where a user gives no others."""
    if isinstance(subject, Dataset):
        return {"preset": subject.options.preset}

    from shoal.problems import simulation

    return simulation.usual_settings(subject)


def load_recorded(record: Mapping[str, Any], settings: SearchSettings) -> Problem:
    """The problem of a run that solves no table.

    Raises
    ------
    CodeChangedError
        Its file is missing, or is not the recorded one.
    ProblemError
        It cannot be imported.
    """
    from shoal.problems.simulation import load_simulation_problem

    return load_simulation_problem(record, settings)


def comes_with_shoal(name: str) -> bool:
    """Whether that is the name of a bundled simulation."""
    from shoal.simulations.registry import BUNDLED

    return name in BUNDLED


def names_simulation(text: str) -> bool:
    """Whether a text names a simulation, or tries to, and no table. Nothing is imported."""
    from shoal.problems import references

    if comes_with_shoal(text) or text.startswith("gym:") or text.lower().endswith(".py"):
        return True
    return references.is_reference(text) or _plugin(text) is not None


def find_simulation(text: str) -> Simulation:
    """The simulation that a text names, imported from this machine.

    Parameters
    ----------
    text
        A bundled simulation's name, ``gym:NAME``, the name of an installed plug-in,
        ``module:function`` or ``file.py:function``.

    Raises
    ------
    ProblemError
        It names code that cannot be imported, or that is no simulation.
    SimulationError
        It names none, or an environment that cannot be used.
    """
    from shoal.problems import references
    from shoal.problems.simulation import as_simulation
    from shoal.simulations.registry import get_simulation

    reference: str | None = text
    if not references.is_reference(text):
        reference = _plugin(text)
    if comes_with_shoal(text) or reference is None:
        return get_simulation(text)

    found, code = references.find(reference)
    return as_simulation(found, code.reference)


def offered_simulations() -> tuple[str, ...]:
    """The names that anybody may choose, also in a browser: bundled ones and installed plug-ins."""
    from shoal.problems import references
    from shoal.simulations.registry import BUNDLED

    return (*BUNDLED, *references.plugins(references.PROBLEMS))


def choose_simulation(name: str) -> Simulation:
    """The simulation of that name, for a form that others fill in: no path and no module.

    Parameters
    ----------
    name
        One of `offered_simulations`, or ``gym:NAME``.

    Raises
    ------
    ProblemError
        It is another name.
    SimulationError
        It is an environment that cannot be used.
    """
    if name.startswith("gym:") or name in offered_simulations():
        return find_simulation(name)
    raise ProblemError(
        f"{name!r} cannot be chosen here.",
        expected="one of " + ", ".join(offered_simulations()) + ", or gym:NAME",
        remedy="`shoal run file.py:function` starts a search on code of your own",
    )


def _plugin(name: str) -> str | None:
    """The reference of an installed plug-in; None where none has this name."""
    from shoal.problems import references

    if name.lower().endswith(".py"):
        raise ProblemError(
            f"{name} names no function.",
            expected=f"{name}:NAME, with the name of a simulation in that file",
            remedy="write a colon and the name behind it",
        )
    # Most texts are tables, and reading what is installed takes a while.
    is_name = name.replace("-", "_").isidentifier()
    if not is_name or name in BUNDLED_TABLES or Path(name).exists():
        return None
    return references.plugins(references.PROBLEMS).get(name)
