"""Searches that are played to their end."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import Any

from shoal.objectives.metrics import Metrics, Scores
from shoal.problems.evaluation import Evaluation, Task, result_hash
from shoal.settings.search_settings import SearchSettings
from shoal.tuning.search import Search

# A search in all its phases that is over in a moment: two generations, races, a confirmation.
BRIEF = SearchSettings(
    population=3,
    generations=2,
    repeats=2,
    elitism=1,
    iterations=5,
    max_repeats=3,
    finalists=2,
    confirmations=3,
    baselines=False,
)


def fake(task: Task) -> Evaluation:
    """A cheap stand-in for a training; one in nine fails.

    Its accuracy is a hash of the genome and the repeat.
    """
    digest = hashlib.sha256(repr(task.id).encode()).digest()
    if digest[0] % 9 == 0:
        return Evaluation(task, "failed", error="made up")
    accuracy = 50 + int.from_bytes(digest[1:5]) / 2**32 + digest[5] / 10
    return Evaluation(
        task,
        "ok",
        Scores(Metrics(accuracy, mae=1.0)),
        0.5,
        7,
        digest[6] / 10,
        worker=str(digest[7]),
    )


def finish(search: Search, evaluation: Callable[[Task], Evaluation] = fake) -> Search:
    """Run to the end, one generation after another."""
    while tasks := search.ask():
        for task in tasks:
            search.tell(evaluation(task))
    return search


def outcome(search: Search) -> str:
    return result_hash(search.evaluations)


def small_settings(**values: Any) -> SearchSettings:
    """Small, and as the classic preset spends its repeats, unless ``values`` say otherwise."""
    plain = {
        "racing": "fixed",
        "finalists": 0,
        "population": 5,
        "generations": 4,
        "repeats": 2,
        "max_repeats": 5,
    }
    return SearchSettings(**{**plain, "elitism": 1, **values})


def scored_by(quality: Callable[[Task], float]) -> Callable[[Task], Evaluation]:
    """Evaluations whose accuracy is this quality of the task."""
    return lambda task: Evaluation(task, "ok", Scores(Metrics(quality(task))))


def by_rank(search: Search) -> Callable[[Task], float]:
    """A quality: the first individual of the first generation is the best, and so on.

    Repeats differ a little. Genomes of later generations are worse than all of the first.
    """
    first = search.population

    def quality(task: Task) -> float:
        place = 50
        if task.genome in first:
            place = first.index(task.genome)
        return 90.0 - place + 0.1 * (task.repeat % 3)

    return quality


def batches_of(
    search: Search, evaluation: Callable[[Task], Evaluation]
) -> Iterator[tuple[Task, ...]]:
    """What a search asks for, batch after batch, until it is done."""
    while tasks := search.ask():
        yield tasks
        for task in tasks:
            search.tell(evaluation(task))
