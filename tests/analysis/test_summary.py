"""What is said of a run: its JSON, and how much longer it takes."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from shoal.analysis.summary import Summary, _when_found
from shoal.analysis.time_left import RECENT_GENERATIONS, active_seconds_left
from shoal.genome.genome import Genome
from shoal.problems.evaluation import Evaluation, Task
from shoal.settings.search_settings import SearchSettings
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


def seconds_left(ends: tuple[float, ...], settings: dict[str, Any], **run: Any) -> float | None:
    parsed = SearchSettings.parse(settings)
    running = view(1, state="running", settings=parsed, generations=len(ends), **run)
    return active_seconds_left(running, records(*ends))


def test_the_time_left_follows_the_pace_of_recent_generations() -> None:
    # The first generation took long, the last five 10 s each; iterations 0: nothing comes after.
    seconds = tuple(100.0 + 10.0 * n for n in range(RECENT_GENERATIONS + 1))
    settings = {"generations": RECENT_GENERATIONS + 4}
    left = seconds_left(seconds, settings, seconds=seconds[-1], iterations=0)
    assert left == pytest.approx(30.0)

    later = seconds_left(seconds, settings, seconds=seconds[-1] + 4.0, iterations=0)
    assert later == pytest.approx(26.0), (
        "what this generation has taken so far is not still to come"
    )


def test_the_budget_that_is_spent_first_ends_the_run() -> None:
    budgets = {"generations": 100, "max_seconds": 25.0}
    assert seconds_left((10.0, 20.0), budgets, seconds=20.0, iterations=0) == pytest.approx(5.0)
    few = {"generations": 100, "evaluations": 30}
    left = seconds_left((10.0, 20.0), few, seconds=20.0, iterations=0, evaluations=20)
    assert left == pytest.approx(10.0)
    assert seconds_left((10.0,), {"max_seconds": 25.0}, seconds=99.0, iterations=0) == 0.0


def test_of_a_run_that_is_over_or_has_nothing_yet_no_time_is_known() -> None:
    assert summary(1).time_left is None
    begun = view(1, state="running", generations=0, evaluations=0, iterations=0, seconds=0.0)
    assert Summary(begun, (), None).time_left is None


def test_the_confirmation_is_still_to_come_after_the_last_generation() -> None:
    settings = SearchSettings(generations=2)
    running = view(1, state="running", settings=settings, seconds=20.0, iterations=1000)
    left = active_seconds_left(running, records(10.0, 20.0))
    schedule = settings.schedule
    iterations = schedule.last_trainings * schedule.iterations_for(10_000)
    assert left == pytest.approx(20.0 / 1000 * iterations)
