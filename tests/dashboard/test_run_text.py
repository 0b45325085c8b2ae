"""What the pages say of a run's state and progress."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from shoal.analysis.progress import PhaseMark, RunPhase, elapsed
from shoal.analysis.summary import Summary
from shoal.dashboard.components.run_text import (
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


def test_progress_in_words_names_the_phase_and_the_time_left_while_a_run_trains() -> None:
    # 20 trainings in 60 s, of 100; nothing comes after them.
    settings = SearchSettings.parse(
        {"generations": 50, "evaluations": 100, "finalists": 0, "baselines": False}
    )
    run = running(
        settings=settings, generations=0, evaluations=20, seconds=60.0, heartbeat_age=None
    )
    text = progress_text(Summary(run, (), None))
    assert "0 of 50 generations · searching · about " in text
    assert text.endswith(" min left")

    champion = PhaseMark(RunPhase.CHAMPION, 50.0)
    text = progress_text(Summary(replace(run, seconds=9_999.0), (), None, phase=champion))
    assert text == "99 % · 0 of 50 generations · training the champion's networks · finishing"

    text = progress_text(Summary(replace(run, state="paused"), (), None))
    assert text.endswith("0 of 50 generations")


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
