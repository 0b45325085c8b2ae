"""The networks that a run's champion consists of."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from shoal.analysis.summary import load_champion
from shoal.data import Dataset
from shoal.errors import StoreError
from shoal.models.model import Model, describe_model
from shoal.problems.base import Problem
from shoal.problems.table import TableProblem
from shoal.pso.engines import cores, get_engine
from shoal.store import Store
from shoal.tuning.champion import Champion, assemble_champion, refit_jobs, select_champion
from shoal.tuning.search import Search

_log = logging.getLogger(__name__)


def champion_of(store: Store, run_id: int | str) -> tuple[Champion, Problem]:
    """The champion of a run in any state, and the problem that it solves.

    A finished run kept its champion. Of any other run the best genome so far is trained here.

    Raises
    ------
    RunNotFoundError
        There is no such run.
    StoreError
        The run has no completed evaluation yet.
    """
    run = store.run(run_id)
    problem = store.load_problem(run.id)
    kept = load_champion(store, run)
    if kept is not None:
        return with_model(kept, problem), problem

    evaluations = store.evaluations(run.id, curves=False)
    selection = select_champion(Search.replay(problem.settings, evaluations, problem.metric))
    if selection is None:
        raise StoreError(
            f"Run {run.id} has no trained network yet.",
            remedy="wait for its first training, or choose another run",
        )

    engine = get_engine(problem.settings.engine)
    jobs = refit_jobs(problem, selection)
    _log.info("run %s kept no champion: %d networks are trained here", run.id, len(jobs))
    # Compiled engines let other threads run, so that threads train side by side without new
    # processes.
    with ThreadPoolExecutor(cores()) as pool:
        results = list(pool.map(lambda job: job.run(problem, engine), jobs))
    weights = dict(zip(jobs, results, strict=True))
    champion = assemble_champion(problem, selection, weights, engine)
    return with_model(champion, problem), problem


def with_model(champion: Champion, problem: Problem) -> Champion:
    """A champion whose `Champion.model` predicts rows; of a policy or a point as it is."""
    if not isinstance(problem, TableProblem):
        return champion
    return with_model_of(champion, problem.dataset)


def with_model_of(champion: Champion, data: Dataset) -> Champion:
    """A champion of a prepared table, with its `Champion.model`."""
    genome = champion.genome
    description = describe_model(
        data.name,
        data.encoder,
        (data.inputs, *genome.hidden_layers, data.outputs),
        genome.activation,
        champion.shares,
    )
    description |= {"metric": champion.metric.to_dict(), "score": champion.score}
    return replace(champion, model=Model(description, champion.weights))
