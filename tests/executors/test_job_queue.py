"""Which job is blamed for a dead worker, and what is written to the log of it."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import pytest

from shoal.executors import Executor, Outcome
from shoal.executors.job_queue import JobQueue


@dataclass(frozen=True)
class Numbered:
    number: int

    def run(self, problem: Any, engine: Any) -> int:
        return self.number


@pytest.fixture
def jobs() -> list[Numbered]:
    return [Numbered(number) for number in range(4)]


@pytest.fixture
def queue(jobs: list[Numbered]) -> JobQueue:
    filled = JobQueue()
    for job in jobs:
        filled.add(job)
    return filled


def test_jobs_come_in_their_order_within_the_limit(queue: JobQueue, jobs: list[Numbered]) -> None:
    assert queue.take(running=0, limit=1, count=2) == jobs[:2]
    assert queue.take(running=1, limit=1) == []
    queue.put_back(jobs[:2])
    assert queue.take(running=0, limit=1, count=9) == jobs
    assert len(queue) == 0


def test_suspects_run_alone_and_before_the_others(queue: JobQueue, jobs: list[Numbered]) -> None:
    running = queue.take(running=0, limit=2, count=2)
    assert queue.on_worker_death(running, "why") == []
    assert queue.take(running=1, limit=2) == [], "another one still runs"
    assert queue.take(running=0, limit=2, count=2) == [jobs[0]]
    assert queue.take(running=1, limit=2) == []

    queue.done(jobs[0])
    assert queue.take(running=0, limit=2, count=2) == [jobs[1]]

    queue.done(jobs[1])
    assert queue.take(running=0, limit=2, count=2) == jobs[2:]


def test_a_job_that_dies_alone_is_given_up_and_the_log_says_so(
    jobs: list[Numbered], caplog: pytest.LogCaptureFixture
) -> None:
    queue = JobQueue()
    queue.add(jobs[0])
    with caplog.at_level(logging.WARNING, "shoal.executors.job_queue"):
        for _ in range(Executor.MAX_DEATHS - 1):
            assert queue.on_worker_death(queue.take(running=0, limit=1), "why") == []
        outcomes = queue.on_worker_death(queue.take(running=0, limit=1), "why")

    assert outcomes == [Outcome(jobs[0], error="why")]
    assert len(queue) == 0

    levels = [record.levelname for record in caplog.records]
    assert levels == ["WARNING"] * (Executor.MAX_DEATHS - 1) + ["ERROR"]
    assert "given up: why" in caplog.text


def test_jobs_of_lost_machines_are_not_suspects_at_first(jobs: list[Numbered]) -> None:
    queue = JobQueue()
    for job in jobs[:2]:
        queue.add(job)
    for _ in range(Executor.MAX_DEATHS - 1):
        running = queue.take(running=0, limit=2, count=2)
        assert running == jobs[:2]
        assert queue.on_node_loss(running, "why") == []

    assert queue.on_node_loss(queue.take(running=0, limit=2, count=2), "why") == []
    assert queue.take(running=0, limit=2, count=2) == [jobs[0]], "alone, from now on"
