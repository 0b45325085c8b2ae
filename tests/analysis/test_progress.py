"""How far a run is: by all of its work, never full and never without time left before its end."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from shoal.analysis.progress import (
    RECENT_GENERATIONS,
    Pace,
    PhaseMark,
    RunPhase,
    RunProgress,
    pace_of,
    run_progress,
)
from shoal.analysis.stages import stages
from shoal.presentation.formatting import time_left_text
from shoal.settings.search_settings import SearchSettings
from shoal.store import GenerationRecord, RunView
from shoal.store.records import TrainingTime
from support.summaries import summary, view


def records(*seconds: float, evaluations: int = 0) -> tuple[GenerationRecord, ...]:
    """Generations that were completed after so many active seconds."""
    (one,) = summary(1).generations
    made = []
    for number, second in enumerate(seconds, 1):
        trained = evaluations * number // len(seconds)
        told = replace(one.summary, number=number, evaluations=trained)
        made.append(replace(one, seconds=second, summary=told))
    return tuple(made)


def running(settings: dict[str, Any], **values: Any) -> RunView:
    values = {"state": "running", "heartbeat_age": 0.0, "evaluations": 100} | values
    return replace(view(1), settings=SearchSettings.parse(settings), **values)


def finals(settings: SearchSettings) -> dict[str, int]:
    """The work after the search, by phase."""
    schedule = settings.schedule
    work: dict[str, int] = {}
    for stage in stages(settings):
        more = stage.most * schedule.iterations_for(stage.repeat)
        work[stage.name] = work.get(stage.name, 0) + more
    return work


def test_the_time_left_follows_the_pace_of_recent_generations() -> None:
    # The first generation took long, the last five 10 s each.
    ends = tuple(100.0 + 10.0 * number for number in range(RECENT_GENERATIONS + 1))
    settings = {"generations": RECENT_GENERATIONS + 4}
    run = running(settings, generations=len(ends), seconds=ends[-1])
    now = run_progress(run, records(*ends)).seconds_left
    later = run_progress(replace(run, seconds=ends[-1] + 4.0), records(*ends)).seconds_left

    search = {**settings, "finalists": 0, "baselines": False}
    alone = running(search, generations=len(ends), seconds=ends[-1])
    least = run_progress(alone, records(*ends)).seconds_left
    assert now is not None and later is not None and least is not None
    assert 30.0 <= least < now
    assert later != now


def test_a_search_that_spends_a_budget_first_ends_with_it() -> None:
    ends = records(10.0, 20.0, evaluations=100)
    free = run_progress(running({"generations": 100}, generations=2, seconds=20.0), ends)
    timed = {"generations": 100, "max_seconds": 60.0}
    limited = run_progress(running(timed, generations=2, seconds=20.0), ends)
    few = {"generations": 100, "evaluations": 110}
    counted = run_progress(running(few, generations=2, seconds=20.0), ends)
    assert free.seconds_left is not None
    assert limited.seconds_left is not None and limited.seconds_left < free.seconds_left
    assert counted.seconds_left is not None and counted.seconds_left < free.seconds_left
    assert limited.share > free.share


def test_the_first_generation_has_an_estimate() -> None:
    settings = {"generations": 4}
    few = run_progress(running(settings, generations=0, evaluations=3, seconds=10.0), ())
    more = run_progress(running(settings, generations=0, evaluations=6, seconds=20.0), ())
    assert 0 < few.share < more.share
    assert few.seconds_left is not None
    assert run_progress(running(settings, generations=0, evaluations=0, seconds=5.0), ()) == (
        RunProgress(RunPhase.SEARCH, 0.0, None)
    )


def test_each_phase_counts_what_is_left_of_it_and_what_comes_after() -> None:
    settings = {"generations": 2, "preset": "modern"}
    ends = records(100.0, 200.0, evaluations=100)
    run = running(settings, generations=2, seconds=200.0)
    work = finals(run.settings)
    assert work["confirmation"] and work["champion"]

    seen = []
    for phase, seconds, confirmed in (
        (RunPhase.CONFIRMATION, 200.0, 0),
        (RunPhase.CONFIRMATION, 260.0, 4),
        (RunPhase.CHAMPION, 400.0, 20),
        (RunPhase.CHAMPION, 410.0, 20),
        (RunPhase.BASELINES, 450.0, 20),
    ):
        begun = {RunPhase.CHAMPION: 400.0, RunPhase.BASELINES: 450.0}.get(phase, 200.0)
        now = replace(run, seconds=seconds, evaluations=100 + confirmed)
        seen.append(run_progress(now, ends, PhaseMark(phase, begun)))

    assert [each.phase for each in seen] == ["confirmation"] * 2 + ["champion"] * 2 + ["baselines"]
    assert all(0 < each.share < 1 for each in seen)
    assert sorted(each.share for each in seen) == [each.share for each in seen]
    assert all(each.seconds_left and each.seconds_left > 1 for each in seen)


@pytest.mark.parametrize("phase", RunPhase)
@pytest.mark.parametrize("late", [0.0, 60.0, 3600.0])
@pytest.mark.parametrize(
    "settings",
    [{}, {"finalists": 0}, {"baselines": False}, {"max_seconds": 30.0}, {"evaluations": 100}],
    ids=str,
)
def test_it_is_never_full_and_never_at_0_s_before_the_end(
    phase: RunPhase, late: float, settings: dict[str, Any]
) -> None:
    run = running({"generations": 2, **settings}, generations=2, seconds=200.0 + late)
    progress = run_progress(run, records(100.0, 200.0, evaluations=90), PhaseMark(phase, 200.0))
    assert 0 < progress.share < 1
    assert not re.search(r"\b0 s", time_left_text(run, progress))
    assert time_left_text(run, progress)
    assert run_progress(replace(run, state="finished"), ()).share == 1.0
    assert run_progress(replace(run, state="stopped"), ()).seconds_left is None


# The trainings of a real run on two loaded cores: repeat, seconds, when it was recorded in active
# seconds, worker. It began to train after 99 s; two trainings waited for compiled code.
RECORDED = (
    (0, 0.7, 99.8, "a"),
    (0, 1.7, 100.8, "b"),
    (0, 67.1, 168.0, "b"),
    (0, 69.4, 169.2, "a"),
    (0, 2.3, 170.3, "b"),
    (0, 2.8, 172.1, "a"),
    (1, 4.1, 176.3, "a"),
    (1, 4.8, 177.1, "b"),
    (1, 2.6, 178.9, "a"),
    (3, 5.0, 184.0, "a"),
    (2, 5.3, 184.3, "b"),
    (3, 5.3, 189.6, "b"),
    (2, 5.7, 189.7, "a"),
    (10000, 22.5, 212.4, "a"),
    (10000, 26.9, 216.8, "b"),
    (10000, 29.4, 241.8, "a"),
    (10002, 36.9, 278.9, "a"),
    (10001, 37.1, 279.1, "b"),
    (10001, 30.2, 309.2, "b"),
    (10002, 31.7, 310.8, "b"),
    (10004, 26.6, 337.6, "b"),
    (10003, 26.7, 337.7, "a"),
    (10003, 19.5, 357.1, "b"),
    (10004, 19.5, 357.2, "a"),
)
SEARCH_ENDED, CHAMPION_ENDED, ENDED = 189.7, 440.3, 602.7


@pytest.mark.parametrize("at", [152.0, 180.0, 195.0, 225.0, 301.0, 400.0, 452.0])
def test_compiling_is_not_counted_as_if_it_went_on(at: float) -> None:
    settings = {
        "population": 6, "generations": 1, "iterations": 800, "repeats": 1, "max_repeats": 4,
        "finalists": 3, "confirmations": 5, "final_factor": 4, "networks": 5,
    }  # fmt: skip
    known = [row for row in RECORDED if row[2] <= at]
    run = running(settings, generations=int(at > SEARCH_ENDED), evaluations=len(known), seconds=at)
    mark = PhaseMark(RunPhase.SEARCH, 0.0)
    if at > CHAMPION_ENDED:
        mark = PhaseMark(RunPhase.BASELINES, CHAMPION_ENDED)
    elif at > RECORDED[-1][2]:
        mark = PhaseMark(RunPhase.CHAMPION, RECORDED[-1][2])
    elif at > SEARCH_ENDED:
        mark = PhaseMark(RunPhase.CONFIRMATION, SEARCH_ENDED)
    ends = records(SEARCH_ENDED, evaluations=13)[: run.generations]

    pace = pace_of([TrainingTime(row[0], row[1], row[3]) for row in known], run.settings)
    left = run_progress(run, ends, mark, pace).seconds_left
    by_clock = run_progress(run, ends, mark).seconds_left
    assert left is not None and by_clock is not None
    assert 0.5 < left / (ENDED - at) < 2.0
    if at < SEARCH_ENDED:
        assert by_clock > 3 * (ENDED - at), "what the time since the start would say"


def test_a_pace_is_of_trainings_that_had_not_to_compile() -> None:
    settings = SearchSettings.parse({"racing": "fixed", "iterations": 100})
    assert pace_of([], settings) is None
    usual = [TrainingTime(0, 2.0, f"worker {number % 2}") for number in range(6)]
    slow = [TrainingTime(0, 90.0, "worker 0"), TrainingTime(1, 80.0, "worker 1")]
    pace = pace_of([*usual, *slow], settings)
    assert pace == Pace(0.02, 2)
    assert pace.of_all == 0.01
