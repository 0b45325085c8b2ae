"""How far a run is: by all of its work, never full and never without time left before its end."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from shoal.analysis.progress import (
    RECENT_GENERATIONS,
    PhaseMark,
    RunPhase,
    RunProgress,
    run_progress,
)
from shoal.analysis.stages import stages
from shoal.presentation.formatting import time_left_text
from shoal.settings.search_settings import SearchSettings
from shoal.store import GenerationRecord, RunView
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
