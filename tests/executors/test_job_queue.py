"""Which job is blamed for a dead worker, and what is written to the log of it."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import pytest

from shoal.executors import Executor, Outcome
from shoal.executors.job_queue import PAUSES, JobQueue


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
    now = [0.0]
    queue = JobQueue(lambda: now[0])
    queue.add(jobs[0])
    with caplog.at_level(logging.WARNING, "shoal.executors.job_queue"):
        for _ in range(Executor.MAX_DEATHS - 1):
            assert queue.on_worker_death(queue.take(running=0, limit=1), "why") == []
            now[0] += max(PAUSES)
        outcomes = queue.on_worker_death(queue.take(running=0, limit=1), "why")

    assert outcomes == [Outcome(jobs[0], error="why")]
    assert len(queue) == 0

    levels = [record.levelname for record in caplog.records]
    assert levels == ["WARNING"] * (Executor.MAX_DEATHS - 1) + ["ERROR"]
    assert "given up: why" in caplog.text


def test_a_job_that_died_alone_waits_while_others_run(jobs: list[Numbered]) -> None:
    now = [0.0]
    queue = JobQueue(lambda: now[0])
    for job in jobs[:3]:
        queue.add(job)
    for pause, other in zip(PAUSES, jobs[1:], strict=False):
        assert queue.on_worker_death(queue.take(running=0, limit=1), "why") == []
        assert queue.take(running=0, limit=1) == [other], "the machine does not stand still"
        now[0] += pause - 0.1
        assert queue.take(running=1, limit=1) == []
        now[0] += 0.1
        assert queue.take(running=1, limit=9) == [], "it has no company"
        assert len(queue) == 3 - jobs.index(other)
        queue.done(other)
        assert queue.take(running=0, limit=1) == [jobs[0]]
        queue.put_back([jobs[0]])

    queue.take(running=0, limit=1)
    assert queue.on_worker_death([jobs[0]], "why") == [Outcome(jobs[0], error="why")]
    assert len(queue) == 0


def test_a_job_that_hung_is_tried_again_at_once(jobs: list[Numbered]) -> None:
    queue = JobQueue(lambda: 0.0)
    assert queue.count_failure(jobs[0], "why") == []
    assert queue.take(running=0, limit=1) == [jobs[0]]


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
