"""What the pages say of a run's state and progress."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from shoal.dashboard.components.run_text import (
    elapsed,
    progress,
    progress_text,
    state_html,
    state_word,
    waiting_text,
)
from shoal.settings.search_settings import SearchSettings
from shoal.store import RunView
from support.summaries import view


def running(**values: Any) -> RunView:
    return replace(view(7), **({"state": "running", "ended": None} | values))


def test_a_run_that_has_yet_to_obey_a_command_says_so() -> None:
    assert state_word(running()) == "running"
    assert state_word(running(pending=("pause",))) == "pausing"
    assert state_word(running(pending=("pause", "stop"))) == "stopping", "the last command counts"
    assert state_word(running(pending=("resume",))) == "running"
    assert state_word(running(state="paused", pending=("stop",))) == "paused"
    assert state_html(running()) == '<span class="badge blue">running</span>'


def test_time_goes_on_between_two_heartbeats_of_a_running_run() -> None:
    assert elapsed(running(seconds=60.0, heartbeat_age=2.0)) == 62.0
    assert elapsed(running(seconds=60.0, heartbeat_age=None)) == 60.0
    assert elapsed(running(state="paused", seconds=60.0, heartbeat_age=2.0)) == 60.0


@pytest.mark.parametrize(
    ("settings", "share"),
    [
        ({"generations": 10}, 0.2),
        ({"generations": 10, "evaluations": 40}, 0.5),
        ({"generations": 10, "evaluations": 40, "max_seconds": 100.0}, 0.6),
        ({"generations": 1}, 1.0),
    ],
)
def test_progress_is_that_of_the_budget_that_ends_first(
    settings: dict[str, Any], share: float
) -> None:
    run = running(
        settings=SearchSettings(**settings),
        generations=2,
        evaluations=20,
        seconds=60.0,
        heartbeat_age=None,
    )
    assert progress(run) == pytest.approx(share)
    assert progress(replace(run, state="finished")) == 1.0


def test_progress_in_words_has_the_time_left_while_a_run_trains() -> None:
    run = running(settings=SearchSettings(generations=10), generations=2, seconds=0.0)
    summary: Any = SimpleNamespace(run=run, time_left=300.0)
    assert progress_text(summary) == "20 % · 2 of 10 generations · about 5 min left"

    summary.run = replace(run, state="paused")
    assert progress_text(summary) == "20 % · 2 of 10 generations"


def test_a_run_without_a_generation_says_what_it_waits_for() -> None:
    queued = running(state="queued", generations=0, evaluations=0)
    title, sentence = waiting_text(queued, supervised=True, ahead=view(3))
    assert title == "Waiting its turn" and "Run 3" in sentence
    assert waiting_text(queued, supervised=True)[1] == "It starts in a moment."
    assert "Press Resume" in waiting_text(queued, supervised=False)[1]
    assert "Press Resume" in waiting_text(replace(queued, state="interrupted"), supervised=True)[1]
    assert "Resume it" in waiting_text(replace(queued, state="stopped"), supervised=False)[1]

    started = replace(queued, state="running")
    assert waiting_text(started, supervised=True)[0] == "Getting ready"
    title, sentence = waiting_text(replace(started, evaluations=3), supervised=True)
    assert title == "First generation" and sentence.startswith("3 of at most ")
