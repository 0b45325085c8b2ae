"""The kinds of problems: what is solved becomes a problem, and a problem's record one again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

from shoal.data import Dataset
from shoal.data.bundled_tables import BUNDLED as BUNDLED_TABLES
from shoal.errors import ProblemError, SettingsError
from shoal.problems.base import Problem
from shoal.problems.table import TableProblem
from shoal.settings.named_code import NamedCode
from shoal.settings.presets import FUNCTION, PRESETS
from shoal.settings.search_settings import SearchSettings
from shoal.system.paths import is_there

if TYPE_CHECKING:
    from shoal.functions.definition import FunctionProblem
    from shoal.simulations.definition import Simulation

    # What a search can be asked to solve: what users write, or a table.
    Written = Simulation | FunctionProblem
    Subject = Dataset | Written

# The kind of problem of a function, as records have it.
_FUNCTION = "function"


def make_problem(subject: Subject, settings: SearchSettings) -> Problem:
    """The problem of solving a table, a simulation or a function with these settings.

    Raises
    ------
    ProblemError
        It is none of these.
    SettingsError
        When the settings do not fit.
    """
    if is_function(subject):
        from shoal.problems.function import MinimisationProblem

        return MinimisationProblem(subject, settings)

    if not PRESETS[settings.preset].network:
        raise SettingsError(
            f"preset={settings.preset!r} is for functions.",
            expected="a preset whose genomes have a network",
            remedy="leave the preset out",
        )
    if isinstance(subject, Dataset):
        return TableProblem(subject, settings)

    if is_simulation(subject):
        # Most processes solve tables, and the compiler of simulations is heavy.
        from shoal.problems.simulation import SimulationProblem

        return SimulationProblem(subject, settings)
    raise ProblemError(
        f"A {type(subject).__name__} cannot be solved.",
        expected="a data set of shoal.load_dataset, a simulation of @shoal.simulation, or a "
        "shoal.FunctionProblem",
    )


def is_simulation(subject: Any) -> TypeGuard[Simulation]:
    """Whether something is a simulation."""
    from shoal.simulations.definition import Simulation

    return isinstance(subject, Simulation)


def is_function(subject: Any) -> TypeGuard[FunctionProblem]:
    """Whether something is a function to search."""
    from shoal.functions.definition import FunctionProblem

    return isinstance(subject, FunctionProblem)


def is_written(subject: Any) -> TypeGuard[Written]:
    """Whether something is code: a simulation or a function."""
    return is_simulation(subject) or is_function(subject)


def describe(subject: Written, settings: SearchSettings | None = None) -> dict[str, Any]:
    """What a run records of a subject that is no table, as JSON values. Raises `ProblemError`.

    Parameters
    ----------
    subject
        A simulation or a function.
    settings
        Those of the run, which may name code of a user's; None: of no run.
    """
    if is_function(subject):
        from shoal.problems.function_record import describe_function

        return describe_function(subject)

    from shoal.problems.simulation import describe_simulation

    assert is_simulation(subject)
    return describe_simulation(subject, settings)


def describe_table(dataset: Dataset, settings: SearchSettings) -> dict[str, Any] | None:
    """What a run records of a table besides its rows and its settings; None: nothing.

    Raises
    ------
    CodeChangedError
        The file of an objective or a decoder is missing, or has changed since.
    """
    named = (settings.objective, settings.metric, settings.decoder)
    if not any(isinstance(own, NamedCode) for own in named):
        return None
    return TableProblem(dataset, settings).to_dict()


def usual_settings(subject: Subject) -> dict[str, Any]:
    """The settings of a search that follow from what is solved, where a user gives no others."""
    if isinstance(subject, Dataset):
        return {"preset": subject.options.preset}
    if is_function(subject):
        return {"preset": FUNCTION.name}

    from shoal.problems import simulation

    assert is_simulation(subject)
    return simulation.usual_settings(subject)


def fill_settings(given: Mapping[str, Any], usual: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that a user gives, and the usual ones for the others.

    Who begins with more repeats than there usually are at the end, gets as many.
    """
    filled = {**usual, **given}
    repeats = given.get("repeats")
    most = usual.get("max_repeats")
    if "max_repeats" not in given and isinstance(repeats, int) and most is not None:
        filled["max_repeats"] = max(most, repeats)
    return filled


def notes_of(subject: Subject, settings: SearchSettings) -> tuple[str, ...]:
    """What a user should know of a search before it begins: of the table, and of its start."""
    notes = tuple(getattr(subject, "notes", ()))
    start = settings.start_from
    if start is not None and start.is_file:
        notes += (
            f"Swarms start from {start.source}. If it learned from rows that validate here, scores "
            "of the search and of the confirmations are too good; the test's are not, unless it "
            "learned from those rows, too.",
        )
    return notes


def load_recorded(record: Mapping[str, Any], settings: SearchSettings) -> Problem:
    """The problem of a run that solves no table.

    Raises
    ------
    CodeChangedError
        Its file is missing, or is not the recorded one.
    ProblemError
        It cannot be imported.
    """
    if record.get("kind") == _FUNCTION:
        from shoal.problems.function import load_function_problem

        return load_function_problem(record, settings)

    from shoal.problems.simulation import load_simulation_problem

    return load_simulation_problem(record, settings)


def load_written(record: Mapping[str, Any]) -> Written:
    """The simulation or the function of a record. Raises as `load_recorded`."""
    if record.get("kind") == _FUNCTION:
        from shoal.problems.function_record import load_function

        return load_function(record)

    from shoal.problems.simulation import load_simulation

    return load_simulation(record)


def comes_with_shoal(name: str) -> bool:
    """Whether that is the name of a bundled simulation or function."""
    from shoal.functions.registry import BUNDLED as BUNDLED_FUNCTIONS
    from shoal.simulations.registry import BUNDLED as BUNDLED_SIMULATIONS

    return name in BUNDLED_SIMULATIONS or name in BUNDLED_FUNCTIONS


def names_code(text: str) -> bool:
    """Whether a text names a simulation or a function, or tries to. Nothing is imported."""
    from shoal.problems import references

    if comes_with_shoal(text) or text.startswith("gym:") or text.lower().endswith(".py"):
        return True
    return references.is_reference(text) or _plugin(text) is not None


def find_written(text: str) -> Written:
    """The simulation or the function that a text names, imported from this machine.

    Parameters
    ----------
    text
        A bundled one's name, ``gym:NAME``, the name of an installed plug-in, ``module:name`` or
        ``file.py:name``.

    Raises
    ------
    ProblemError
        It names code that cannot be imported, or that is neither.
    SimulationError
        It names none, or an environment that cannot be used.
    """
    from shoal.functions.registry import BUNDLED as BUNDLED_FUNCTIONS
    from shoal.functions.registry import get_function
    from shoal.problems import references
    from shoal.problems.simulation import as_simulation
    from shoal.simulations.registry import get_simulation

    if text in BUNDLED_FUNCTIONS:
        return get_function(text)

    reference: str | None = text
    if not references.is_reference(text):
        reference = _plugin(text)
    if comes_with_shoal(text) or reference is None:
        return get_simulation(text)

    found, code = references.find(reference)
    if is_function(found):
        return found
    return as_simulation(found, code.reference)


def find_simulation(text: str) -> Simulation:
    """The simulation that a text names. Raises as `find_written`, also for a function."""
    from shoal.problems.simulation import as_simulation

    return as_simulation(find_written(text), text)


def offered_names() -> tuple[str, ...]:
    """The names that anybody may choose, also in a browser: bundled ones and installed plug-ins."""
    from shoal.functions.registry import BUNDLED as BUNDLED_FUNCTIONS
    from shoal.problems import references
    from shoal.simulations.registry import BUNDLED as BUNDLED_SIMULATIONS

    plugins = references.plugins(references.PROBLEMS)
    return (*BUNDLED_SIMULATIONS, *BUNDLED_FUNCTIONS, *plugins)


def choose_written(name: str) -> Written:
    """The one of that name, for a form that others fill in: no path and no module.

    Parameters
    ----------
    name
        One of `offered_names`, or ``gym:NAME``.

    Raises
    ------
    ProblemError
        It is another name.
    SimulationError
        It is an environment that cannot be used.
    """
    if name.startswith("gym:") or name in offered_names():
        return find_written(name)
    raise ProblemError(
        f"{name!r} cannot be chosen here.",
        expected="one of " + ", ".join(offered_names()) + ", or gym:NAME",
        remedy="`shoal run file.py:function` starts a search on code of your own",
    )


def _plugin(name: str) -> str | None:
    """The reference of an installed plug-in; None where none has this name."""
    from shoal.problems import references

    if name.lower().endswith(".py"):
        raise ProblemError(
            f"{name} names no function.",
            expected=f"{name}:NAME, with the name of a simulation or a function in that file",
            remedy="write a colon and the name behind it",
        )
    # Most texts are tables, and reading what is installed takes a while.
    is_name = name.replace("-", "_").isidentifier()
    if not is_name or name in BUNDLED_TABLES or is_there(Path(name)):
        return None
    return references.plugins(references.PROBLEMS).get(name)
