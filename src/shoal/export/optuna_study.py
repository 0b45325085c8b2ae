"""A run as a study of Optuna, and a study's trials as genomes."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from shoal.errors import SettingsError
from shoal.genome.genome import Genome
from shoal.problems.evaluation import Evaluation
from shoal.settings.phase import Phase
from shoal.store import Store

_WIDTH = "width_"


def export_study(store: Store, run_id: int | str, url: str) -> str:
    """Write the search of a run as a study.

    Each genome is a trial: its genes are the parameters, its mean score after each repeat the
    intermediate values. A genome that was left with fewer repeats than another is pruned, and one
    whose trainings all failed has failed.

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
    by_genome: dict[Genome, list[Evaluation]] = {}
    for evaluation in store.evaluations(run.id, curves=False):
        if evaluation.task.phase is Phase.SEARCH:
            by_genome.setdefault(evaluation.task.genome, []).append(evaluation)

    names = sorted({name for genome in by_genome for name in _params(genome)})
    distributions = {
        name: _distribution(optuna, [_params(g)[name] for g in by_genome if name in _params(g)])
        for name in names
    }
    most = max((len(found) for found in by_genome.values()), default=0)
    trials = []
    for genome, found in by_genome.items():
        params = _params(genome)
        trials.append(_trial(optuna, params, distributions, found, len(found) < most))

    name = f"shoal {run.id} {run.name}"
    try:
        study = optuna.create_study(storage=url, study_name=name, direction=run.metric.direction)
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
    return [_genome(trial.params) for trial in complete]


def _optuna() -> Any:
    try:
        import optuna
    except ImportError:
        raise SettingsError(
            "A study needs Optuna, which is not installed.",
            remedy="pip install 'shoal[analysis]'",
        ) from None
    return optuna


def _params(genome: Genome) -> dict[str, Any]:
    """The genes, with the layers as a depth and a width each."""
    params = genome.to_dict()
    layers = params.pop("hidden_layers")
    params |= {f"{_WIDTH}{number}": width for number, width in enumerate(layers)}
    return {**params, "depth": len(layers)}


def _genome(params: dict[str, Any]) -> Genome:
    widths = [params[f"{_WIDTH}{number}"] for number in range(params.get("depth", 0))]
    genes = {
        name: value
        for name, value in params.items()
        if name != "depth" and not name.startswith(_WIDTH)
    }
    return Genome.from_dict({**genes, "hidden_layers": widths})


def _distribution(optuna: Any, values: list[Any]) -> Any:
    """What holds all values of a parameter."""
    kinds = {type(value) for value in values}
    if kinds == {int}:
        return optuna.distributions.IntDistribution(min(values), max(values))
    if kinds <= {int, float}:
        return optuna.distributions.FloatDistribution(float(min(values)), float(max(values)))
    return optuna.distributions.CategoricalDistribution(list(dict.fromkeys(values)))


def _trial(
    optuna: Any,
    params: dict[str, Any],
    distributions: dict[str, Any],
    found: list[Evaluation],
    is_pruned: bool,
) -> Any:
    found = sorted(found, key=lambda evaluation: evaluation.task.repeat)
    scores = [evaluation.score for evaluation in found if evaluation.score is not None]
    means = {step: float(np.mean(scores[:step])) for step in range(1, len(scores) + 1)}
    state = optuna.trial.TrialState.COMPLETE
    if not scores:
        state = optuna.trial.TrialState.FAIL
    elif is_pruned:
        state = optuna.trial.TrialState.PRUNED
    return optuna.trial.create_trial(
        state=state,
        value=means[len(scores)] if scores else None,
        params=params,
        distributions={name: distributions[name] for name in params},
        intermediate_values=means,
    )
