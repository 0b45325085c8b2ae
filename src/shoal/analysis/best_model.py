"""The networks that a run's champion consists of."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from shoal.analysis.summary import load_champion
from shoal.errors import StoreError
from shoal.problems.table import Problem
from shoal.pso.engines import cores, get_engine
from shoal.store import Store
from shoal.tuning.champion import Champion, assemble_champion, refit_jobs, select_champion
from shoal.tuning.search import Search


def champion_of(store: Store, run_id: int | str) -> tuple[Champion, Problem]:
    """The champion of a run in whatever state: the one it kept, or the best so far, trained here and now.

    Raises `StoreError` when the run has no completed evaluation yet.
    """
    run = store.run(run_id)
    problem = store.load_problem(run.id)
    if (kept := load_champion(store, run)) is not None:
        return kept, problem
    evaluations = store.evaluations(run.id, curves=False)
    chosen = select_champion(Search.replay(problem.settings, evaluations))
    if chosen is None:
        raise StoreError(
            f"Run {run.id} has no trained network yet.",
            remedy="wait for its first training, or choose another run",
        )
    engine = get_engine(problem.settings.engine)
    jobs = refit_jobs(problem, chosen)
    with ThreadPoolExecutor(cores()) as pool:
        weights = dict(zip(jobs, pool.map(lambda job: job.run(problem, engine), jobs), strict=True))
    return assemble_champion(problem, chosen, weights, engine), problem
