"""What is checked of a search before anything of it is written, wherever it comes from."""

from __future__ import annotations

import math
import reprlib
from typing import TYPE_CHECKING

from shoal.data import Dataset
from shoal.errors import DataError, SettingsError
from shoal.executors import check_executor_installed
from shoal.problems.base import Problem
from shoal.problems.check import (
    LIMIT_SECONDS,
    ProblemCheck,
    check_decoder_of,
    check_objective_of,
    check_recorded,
)
from shoal.problems.own_checks import check_own
from shoal.problems.own_code import find_named
from shoal.problems.registry import describe, is_simulation, is_written, make_problem
from shoal.problems.table import TableProblem
from shoal.problems.target_sample import TargetSample
from shoal.pso.engines import cores
from shoal.settings.named_code import NamedCode
from shoal.settings.samplers import is_own_sampler
from shoal.settings.search_settings import SearchSettings
from shoal.tuning.samplers.registry import check_sampler
from shoal.tuning.search import Search

if TYPE_CHECKING:
    from shoal.problems.registry import Subject

# Multiply-adds a second that no core makes; docs/reports/performance.md measures a tenth of it.
FASTEST = 1e12

# Of a first generation, to estimate its work.
_SOME_GENOMES = 100

# What only a simulation has: what its swarms meet, and how many steps they simulate.
_OF_SIMULATIONS = (
    "scenarios",
    "fresh_scenarios",
    "validation_scenarios",
    "test_scenarios",
    "steps",
)

# Networks that a user's decoder is tried on: widths of the layers.
_SMALL = (5, 8, 2)
_SMALL_LINEAR = (5, 2)


def check_search(subject: Subject, settings: SearchSettings, name: str | None = None) -> None:
    """Check that these make a search, before anything is written.

    Objectives, metrics and decoders of users are tried out in another process. What comes with
    Shoal is tried here, as an option may make no sense.

    Parameters
    ----------
    subject
        A prepared table, a simulation or a function.
    settings
        The settings of the search.
    name
        The name of the run; None: it has none.

    Raises
    ------
    DataError
        ``subject`` is nothing that can be solved.
    ProblemError
        No other process could import the simulation or function. Or an objective, a metric, a
        decoder or a sampler does not work: it raises, hangs, prints, changes what it is handed,
        returns something else than it should, or something else when it is called again.
    SettingsError
        The loss does not fit the target, a setting is one of simulations and this is none, the name
        is no text, no machine could train one generation in the given time, or the sampler's
        package is missing.
    ExecutorError
        Ray is asked for, and not installed.
    """
    check_subject(subject)
    if name is not None and not isinstance(name, str):
        raise SettingsError(
            f"name={reprlib.repr(name)}.", expected="text", remedy="put it in quotes"
        )

    _check_kind(subject, settings)
    check_executor_installed(settings.executor)
    check_sampler(settings)
    # Code that may not return is tried out in another process before it is called in this one.
    _probe_decoder(settings)
    # Making the problem checks the loss and the metric.
    problem = make_problem(subject, settings)
    if is_own_sampler(settings.sampler):
        # It proposes the first generation.
        Search(settings, problem.metric)
    _check_time(problem)
    _probe_objectives(subject, settings)


def check_subject(subject: Subject) -> None:
    """Check that this can be solved, and found again by other processes.

    Raises
    ------
    DataError
        It is neither a prepared table nor a simulation nor a function.
    ProblemError
        It is code that no other process could import.
    """
    if is_written(subject):
        describe(subject)
        return
    if callable(subject):
        name = _function_name(subject)
        raise DataError(
            f"The function {name} is no problem yet.",
            expected="a prepared data set, a shoal.FunctionProblem or a simulation",
            remedy=f"shoal.FunctionProblem({name}, bounds) makes it one; where a policy acts in "
            "it, write @shoal.simulation above it",
        )
    check_dataset(subject)


def probe_subject(subject: Subject, seconds: float = LIMIT_SECONDS) -> None:
    """Call a user's code a few times, in another process, before anything is written.

    What comes with Shoal is known, and tables do not run.

    Parameters
    ----------
    subject
        What is to be solved.
    seconds
        How long the other process may take to import it and to call it once.

    Raises
    ------
    ProblemError
        No search could start: another process cannot import it, or it raises, hangs, prints,
        returns something else than a number, or other numbers when it is called again.
    """
    if not is_written(subject):
        return
    record = describe(subject)
    comes_with_shoal = record["sha256"] is None and not record["reference"].startswith("gym:")
    if not comes_with_shoal:
        check_recorded(record, seconds).refuse_bad()


def _check_kind(subject: Subject, settings: SearchSettings) -> None:
    """Refuse what only a simulation has; a record of an earlier version may have it anyway."""
    if is_simulation(subject):
        return

    usual = SearchSettings.model_fields
    for setting in _OF_SIMULATIONS:
        value = getattr(settings, setting)
        if value != usual[setting].default:
            raise SettingsError(
                f"{setting}={value!r}, and {subject.name} is no simulation.",
                expected="a simulation, as lost-sales or FILE.py:NAME",
                remedy="leave it out",
            )


def _probe_decoder(settings: SearchSettings) -> None:
    """Try out a user's decoder on a small network, with hidden layers if genomes have some."""
    if settings.decoder is not None and settings.decoder.is_reference:
        layers = _SMALL_LINEAR if settings.max_depth == 0 else _SMALL
        check_decoder_of(settings.decoder, layers).refuse_bad()


def _probe_objectives(subject: Subject, settings: SearchSettings) -> None:
    """Try out the objective and the metric on some rows of a table."""
    if not isinstance(subject, Dataset):
        return
    problem = TableProblem(subject, settings)
    named: list[str | NamedCode | None] = [settings.objective]
    if settings.metric != settings.objective:
        named.append(settings.metric)
    for own in named:
        if isinstance(own, NamedCode):
            _probe_objective(own, problem)


def _probe_objective(named: NamedCode, problem: TableProblem) -> None:
    sample = TargetSample.of_table(problem)
    if named.is_reference:
        check_objective_of(named, sample).refuse_bad()
        return

    found = check_own(find_named(named), sample)
    ProblemCheck(named.name, found.findings, found.facts).refuse_bad()


def check_dataset(data: object) -> None:
    """Check that this is a prepared table.

    Raises
    ------
    DataError
        It is not.
    """
    if callable(data):
        name = _function_name(data)
        raise DataError(
            f"The function {name} is no prepared data set.",
            expected="what shoal.load_dataset gives",
            remedy=f"shoal.minimize({name}, bounds) minimises a function of points",
        )
    if not isinstance(data, Dataset):
        raise DataError(
            f"{reprlib.repr(data)} is no prepared data set.",
            expected="what shoal.load_dataset gives",
            remedy="call shoal.load_dataset(data, target=...) first",
        )


def _function_name(function: object) -> str:
    """What a remedy calls a function; f where it has no name."""
    name = getattr(function, "__name__", type(function).__name__)
    return name if name.isidentifier() else "f"


def _check_time(problem: Problem) -> None:
    """Refuse a time in which even the fastest machine would not train the first genomes once."""
    settings = problem.settings
    if settings.max_seconds is None or settings.training_seconds is not None:
        return
    # Of a cluster, nobody knows here how fast it is.
    if settings.executor != "local":
        return

    # A population may have thousands of genomes. Some say enough of all.
    some = min(settings.population, _SOME_GENOMES)
    first_tasks = Search(settings.model_copy(update={"population": some}), problem.metric).ask()
    work = math.fsum(problem.cost(task) for task in first_tasks) * settings.population / some
    least = work / (FASTEST * cores())
    if settings.max_seconds < least:
        raise SettingsError(
            f"max_seconds={settings.max_seconds:g} is less than one generation.",
            expected=f"more than {least:.2g}, and usually a hundred times as much,"
            f" for {settings.population} genomes",
            remedy="raise it, or lower iterations or population",
        )
