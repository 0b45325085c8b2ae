"""What is said of a run: its JSON, and how much longer it takes."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from shoal.analysis.summary import Summary, _when_found
from shoal.genome.genome import Genome
from shoal.problems.evaluation import Evaluation, Task
from shoal.store import GenerationRecord
from support.summaries import GOOD, POOR, summary, view


def test_keys_that_got_plainer_names_stand_under_both_until_1_0() -> None:
    own = summary(1, confirmed=GOOD)
    other = summary(2, found=POOR).champion
    assert other is not None
    written = replace(own, competing_runs={"Random search (run 2)": other}).to_dict()

    assert written["competing_runs"] == written["rivals"]
    assert set(written["competing_runs"]) == {"Random search (run 2)"}
    assert set(written["competing_runs"]["Random search (run 2)"]) == {"scores", "ensemble"}

    confirmation = written["best"]["confirmation"]
    assert confirmation["best_minus_mean"] == confirmation["luck"]
    assert confirmation["best_minus_mean"] == pytest.approx(1.0)


def records(*seconds: float) -> tuple[GenerationRecord, ...]:
    """Generations that were completed after so many active seconds."""
    (one,) = summary(1).generations
    made = []
    for number, second in enumerate(seconds, 1):
        made.append(replace(one, seconds=second, summary=replace(one.summary, number=number)))
    return tuple(made)


def test_a_champion_that_never_led_was_found_when_it_was_first_trained() -> None:
    generations = records(10.0, 20.0, 30.0)
    champion = Genome(swarm_size=17)
    assert champion not in [record.summary.best for record in generations]
    trained = [Evaluation(Task(champion, repeat, generation=2), "ok") for repeat in range(2)]
    store: Any = SimpleNamespace(evaluations=lambda run_id, *, curves, genome: trained)

    assert _when_found(store, view(1), generations, champion)[0] == 2
    led = generations[0].summary.best
    assert _when_found(store, view(1), generations, led)[0] == 1


def test_of_a_run_that_is_over_or_has_nothing_yet_no_time_is_known() -> None:
    assert summary(1).time_left is None
    begun = view(1, state="running", generations=0, evaluations=0, iterations=0, seconds=0.0)
    assert Summary(begun, (), None).time_left is None
