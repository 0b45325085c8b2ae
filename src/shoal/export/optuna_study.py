"""A run as a study of Optuna, and a study's trials as genomes."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from shoal._version import __version__
from shoal.analysis.evaluation_table import EvaluationTable
from shoal.errors import SettingsError
from shoal.genome.genes import DEPTH, WIDTH
from shoal.genome.genome import Genome
from shoal.genome.search_space import SearchSpace
from shoal.settings.phase import is_confirmation
from shoal.settings.schedule import Schedule
from shoal.store import RunView, Store

# Before the names of genes that all genomes share, among the attributes of a study.
_SHARED = "genome."


def export_study(store: Store, run_id: int | str, url: str) -> str:
    """Write the search of a run as a study.

    Each genome is a trial, from the beginning of its first training to the end of its last. Its
    genes are the parameters; those that are the same in all genomes are attributes of the study.
    The intermediate values are its score after each repeat, and the last of them, by which the
    search ranks it, is the value. A genome that was left on a lower rung of the race than another
    is pruned, and one with a failed training has failed.

    Parameters
    ----------
    store, run_id
        The run.
    url
        A storage of Optuna, such as "sqlite:///study.db".

    Returns
    -------
    str
        The study's name.

    Raises
    ------
    SettingsError
        Optuna is not installed, the storage cannot be used, or it has such a study already.
    """
    optuna = _optuna()
    run = store.run(run_id)
    table = EvaluationTable(store, run).refresh()
    genomes = table.genomes()
    # The swarm that others are compared with may have been confirmed without having been searched.
    genomes = genomes[genomes["repeats"] > 0]
    params = _params_by_genome(table, genomes.index.tolist())
    shared = _shared(params.values())

    searched = table.frame[~is_confirmation(table.frame["repeat"])]
    rows = dict(iter(searched.groupby("genome", sort=False)))
    trials = []
    for _, genome in genomes.iterrows():
        name = str(genome.name)
        varied = {gene: value for gene, value in params[name].items() if gene not in shared}
        trial = _trial(optuna, genome, rows[name], run.settings.schedule)
        trial.params = varied
        trials.append(trial)
    if genomes["level"].nunique() > 1:
        _prune(optuna, trials, genomes["level"])

    distributions = _distributions(optuna, run.settings.space, [trial.params for trial in trials])
    for trial in trials:
        trial.distributions = {gene: distributions[gene] for gene in trial.params}

    name = f"shoal {run.id} {run.name}"
    try:
        with _quiet(optuna):
            study = optuna.create_study(
                storage=url, study_name=name, direction=run.metric.direction
            )
            study.set_metric_names([run.metric.name])
            for key, value in (_about(run) | _as_attributes(shared)).items():
                study.set_user_attr(key, value)
            study.add_trials(trials)
    except Exception as error:
        raise SettingsError(
            f"optuna={url!r}: {type(error).__name__}: {str(error).partition(chr(10))[0]}",
            expected=f"a storage of Optuna without a study {name!r}, such as sqlite:///study.db",
            remedy="name another one",
        ) from error
    return name


def import_study(study: Any, name: str | None = None) -> list[Genome]:
    """The genomes of a study that `export_study` wrote, and of trials that were added to it.

    Parameters
    ----------
    study
        A study of Optuna, or the storage that has it.
    name
        Which of the storage's studies; None: its only one.

    Returns
    -------
    list of Genome
        Of the trials that are complete, the best first.

    Raises
    ------
    SettingsError
        Optuna is not installed, or there is no such study.
    GenomeError
        A trial's parameters are no genes.
    """
    optuna = _optuna()
    if isinstance(study, str | os.PathLike):
        try:
            with _quiet(optuna):
                study = optuna.load_study(study_name=name, storage=str(study))
        except Exception as error:
            raise SettingsError(
                f"study={study!r}: {type(error).__name__}: {str(error).partition(chr(10))[0]}",
                expected="a storage of Optuna, and the name of a study if it has several",
                remedy="correct it",
            ) from error

    complete = study.get_trials(states=(optuna.trial.TrialState.COMPLETE,))
    is_largest_first = study.direction == optuna.study.StudyDirection.MAXIMIZE
    complete.sort(key=lambda trial: trial.value, reverse=is_largest_first)
    shared = _from_attributes(study.user_attrs)
    return [_genome({**shared, **trial.params}) for trial in complete]


def _optuna() -> Any:
    try:
        import optuna
    except ImportError:
        raise SettingsError(
            "A study needs Optuna, which is not installed.",
            remedy="pip install 'shoal[analysis]'",
        ) from None
    return optuna


@contextmanager
def _quiet(optuna: Any) -> Iterator[None]:
    """Without Optuna's lines of log, and without its word that names of values are experimental."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(before)


def _params_by_genome(table: EvaluationTable, names: Iterable[str]) -> dict[str, dict[str, Any]]:
    params = {}
    for name in names:
        genome = table.genome(name)
        assert genome is not None
        params[name] = _params(genome)
    return params


def _params(genome: Genome) -> dict[str, Any]:
    """The genes, with the layers as a depth and a width each, from 1."""
    params = genome.to_dict()
    layers = params.pop("hidden_layers")
    params |= {f"{WIDTH}{number}": width for number, width in enumerate(layers, 1)}
    return {**params, DEPTH: len(layers)}


def _genome(params: Mapping[str, Any]) -> Genome:
    genes = {}
    widths = {}
    for name, value in params.items():
        if name.startswith(WIDTH):
            widths[int(name.removeprefix(WIDTH))] = value
        elif name != DEPTH:
            genes[name] = value
    layers = [widths[number] for number in sorted(widths)]
    return Genome.from_dict({**genes, "hidden_layers": layers[: params.get(DEPTH, 0)]})


def _shared(params: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The parameters that have one value in all genomes."""
    all_params = list(params)
    if len(all_params) < 2:
        return {}
    first = all_params[0]
    return {
        name: value
        for name, value in first.items()
        if all(name in other and other[name] == value for other in all_params)
    }


def _about(run: RunView) -> dict[str, str]:
    """What a reader of the study may ask for."""
    unit = run.metric.unit and f" in {run.metric.unit}"
    return {
        "run": f"{run.id} {run.name}",
        "value": f"{run.metric.label}{unit}",
        "shoal_version": __version__,
    }


def _as_attributes(shared: Mapping[str, Any]) -> dict[str, Any]:
    return {f"{_SHARED}{name}": value for name, value in shared.items()}


def _from_attributes(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name.removeprefix(_SHARED): value
        for name, value in attributes.items()
        if name.startswith(_SHARED)
    }


def _distributions(
    optuna: Any, space: SearchSpace, params: Iterable[Mapping[str, Any]]
) -> dict[str, Any]:
    """By parameter, where the search may look, widened to hold all values."""
    values: dict[str, list[Any]] = {}
    for own in params:
        for name, value in own.items():
            values.setdefault(name, []).append(value)
    return {name: _distribution(optuna, space, name, own) for name, own in values.items()}


def _distribution(optuna: Any, space: SearchSpace, name: str, values: list[Any]) -> Any:
    if isinstance(values[0], str):
        choices = [*dict(space.categorical).get(name, ()), *values]
        return optuna.distributions.CategoricalDistribution(list(dict.fromkeys(choices)))

    low = min(values)
    high = max(values)
    genes = {gene.name: gene for gene in space.numeric}
    if name == DEPTH:
        return optuna.distributions.IntDistribution(min(low, 1), max(high, space.max_depth))
    if name.startswith(WIDTH):
        return optuna.distributions.IntDistribution(1, max(high, space.max_width))
    is_log = False
    if name in genes:
        low = min(low, genes[name].low)
        high = max(high, genes[name].high)
        is_log = genes[name].log and low > 0
    if all(isinstance(value, int) for value in values):
        return optuna.distributions.IntDistribution(int(low), int(high))
    return optuna.distributions.FloatDistribution(float(low), float(high), log=is_log)


def _trial(optuna: Any, genome: pd.Series, rows: pd.DataFrame, schedule: Schedule) -> Any:
    """A genome as a trial, without its parameters.

    Parameters
    ----------
    optuna
        The package.
    genome
        A row of `EvaluationTable.genomes`.
    rows
        Its repeats in the search, of `EvaluationTable.frame`.
    schedule
        Says which repeats are its score.
    """
    rows = rows.sort_values("repeat")
    scores = rows["score"].to_numpy(float)
    steps = {}
    for step in range(1, len(scores) + 1):
        scored = schedule.scored_repeats(step)
        mean = float(scores[scored.start : scored.stop].mean())
        # Not a number: one of them has failed.
        if not np.isnan(mean):
            steps[step] = mean

    has_failed = bool(np.isnan(genome["score"]))
    states = optuna.trial.TrialState
    attributes = {"genome": str(genome.name), "generation": int(genome["generation"])}
    if genome["confirmations"]:
        attributes["confirmed"] = float(genome["confirmed"])
    trial = optuna.trial.create_trial(
        state=states.FAIL if has_failed else states.COMPLETE,
        value=None if has_failed else float(genome["score"]),
        user_attrs=attributes,
        intermediate_values=steps,
    )
    trial.datetime_start = datetime.fromtimestamp((rows["created"] - rows["seconds"]).min())
    trial.datetime_complete = datetime.fromtimestamp(rows["created"].max())
    return trial


def _prune(optuna: Any, trials: list[Any], levels: pd.Series) -> None:
    """Call those pruned that the race left below the highest rung."""
    states = optuna.trial.TrialState
    for trial, level in zip(trials, levels, strict=True):
        if level < levels.max() and trial.state is states.COMPLETE:
            trial.state = states.PRUNED
