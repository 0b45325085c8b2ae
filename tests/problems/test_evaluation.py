"""The hash of a result: equal for equal results, whatever the order and the circumstances."""

from __future__ import annotations

import errno
import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shoal.data import load_dataset
from shoal.errors import SimulationError
from shoal.genome.genome import Genome
from shoal.objectives.metrics import Metrics, Scores
from shoal.problems.base import evaluate
from shoal.problems.evaluation import Evaluation, Task, result_hash
from shoal.problems.table import TableProblem
from shoal.pso.engines import get_engine
from shoal.settings.search_settings import SearchSettings
from shoal.tuning.search import Search
from support.searches import finish, small_settings


@settings(deadline=None, max_examples=25)
@given(st.data())
def test_hash_depends_on_neither_order_nor_circumstances(data) -> None:
    evaluations = finish(Search(small_settings())).evaluations
    expected = result_hash(evaluations)
    changed = [
        replace(
            e,
            seconds=9.9,
            worker="there",
            curve=((1, 2.0),),
            task=replace(e.task, generation=9, individual=9),
        )
        for e in data.draw(st.permutations(evaluations))
    ]

    assert result_hash(changed) == expected
    assert len(expected) == 64


def test_hash_depends_on_every_result() -> None:
    task = Task(Genome(), 0)
    scores = Scores(Metrics(90.0, mae=1.0, rmse=2.0, r2=0.5), Metrics(80.0))
    base = [
        Evaluation(task, "ok", scores),
        Evaluation(Task(Genome(), 1), "failed", error="made up"),
    ]

    def changed(**values: Any) -> list[Evaluation]:
        return [replace(base[0], **values), base[1]]

    others = [
        [],
        base[:1],
        base[1:],
        [*base, base[0]],
        changed(task=Task(Genome(), 2)),
        changed(task=Task(Genome(swarm_size=47), 0)),
        changed(scores=None, status="failed"),
        changed(scores=replace(scores, validation=None)),
        changed(scores=replace(scores, validation=Metrics(math.nextafter(80.0, 90)))),
        changed(scores=replace(scores, validation=None, test=Metrics(80.0))),
    ]
    for name, value in scores.train.to_dict().items():
        others.append(
            changed(
                scores=replace(
                    scores, train=replace(scores.train, **{name: math.nextafter(value, 99)})
                )
            )
        )
    hashes = [result_hash(e) for e in (base, *others)]
    assert len(set(hashes)) == len(hashes) == 15


@pytest.mark.parametrize(
    "shortage",
    [MemoryError("Unable to allocate 78.4 KiB"), OSError(errno.EMFILE, "Too many open files")],
    ids=["memory", "files"],
)
def test_a_shortage_of_the_machine_is_no_result(
    shortage: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem = TableProblem(load_dataset("concrete", preset="classic"), SearchSettings())

    def train(self: TableProblem, *arguments: object) -> None:
        raise SimulationError("It cannot be trained.") from shortage

    monkeypatch.setattr(TableProblem, "train", train)
    task = Task(Genome(), 0)
    with pytest.raises(SimulationError):
        evaluate(problem, task, get_engine("reference"))
