"""An executor without processes, and evaluations without training, to test what drives them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import numpy as np

from shoal.executors import Evaluate, Executor, Job, Outcome, Progress
from shoal.objectives.metrics import Metrics, Scores
from shoal.problems.evaluation import Evaluation, Task
from shoal.problems.table import TableProblem
from shoal.pso.engines import get_engine
from shoal.tuning.champion import RefitJob


def pretend(problem: TableProblem, task: Task) -> Evaluation:
    """An evaluation whose accuracy is a hash of genome and repeat."""
    digest = hashlib.sha256(f"{task.genome.hash} {task.repeat}".encode()).digest()
    accuracy = 60.0 + int.from_bytes(digest[:4], "big") / 2**32 * 30.0
    metrics = Metrics(accuracy=accuracy, mae=1.0, rmse=1.0, r2=0.5)
    validation = metrics if problem.dataset.validates else None
    return Evaluation(
        task,
        "ok",
        Scores(metrics, validation),
        loss=0.1,
        iterations=problem.settings.iterations,
        seconds=0.01,
    )


class InlineExecutor(Executor):
    """Runs each job when polled, the last one first.

    ``on_job`` may count a job, raise, or return an error for it.
    """

    def __init__(
        self,
        problem: TableProblem,
        workers: int | None = None,
        on_job: Callable[[Job], str | None] = lambda job: None,
    ) -> None:
        self.problem, self.on_job = problem, on_job
        self.jobs: list[Job] = []
        self.closed = self.watched = False

    @property
    def capacity(self) -> int:
        return 5

    def evaluated(self, task: Task) -> Evaluation:
        return pretend(self.problem, task)

    def submit(self, job: Job) -> None:
        self.jobs.append(job)

    def poll(self, timeout: float) -> list[Outcome]:
        outcomes = []
        for job in reversed(self.jobs[-2:]):
            error = self.on_job(job)
            if error is not None:
                outcomes.append(Outcome(job, error=error))
            elif isinstance(job, Evaluate):
                outcomes.append(Outcome(job, self.evaluated(job.task), worker="inline:1"))
            elif isinstance(job, RefitJob):
                size = self.problem.network(job.task.genome).size
                outcomes.append(Outcome(job, np.zeros(size, np.float32)))
            else:
                outcomes.append(
                    Outcome(job, job.run(self.problem, get_engine(self.problem.settings.engine)))
                )

        self.jobs = self.jobs[:-2]
        return outcomes

    def under_way(self) -> tuple[Progress, ...]:
        return tuple(
            Progress(
                job,
                worker="inline:1",
                iteration=3,
                iterations=7,
                seconds=0.5,
                curve=((1, 0.5), (3, 0.25)),
            )
            for job in self.jobs
        )

    def set_watched(self, watched: bool) -> None:
        self.watched = watched

    def close(self) -> None:
        self.closed = True


class HereExecutor(InlineExecutor):
    """Really runs each job, on this thread: a search without processes."""

    def poll(self, timeout: float) -> list[Outcome]:
        jobs, self.jobs = self.jobs, []
        engine = get_engine(self.problem.settings.engine)
        return [Outcome(job, job.run(self.problem, engine), worker="here:1") for job in jobs]
