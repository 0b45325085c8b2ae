"""The card *An episode of its policy*: what the champion's policy observes and answers.

The simulation runs in a process beside the server (`shoal.replay.episodes`), when asked to.
"""

from __future__ import annotations

import logging

import streamlit as st

from shoal.dashboard.charts.episode import MOST_LINES, episode_chart, episode_data
from shoal.dashboard.components.deferred_charts import chart
from shoal.dashboard.error_box import error_box
from shoal.dashboard.session.queries import store
from shoal.errors import ShoalError
from shoal.presentation.formatting import score_text
from shoal.replay.episodes import Episode, champion_episode
from shoal.store import RunView

_log = logging.getLogger(__name__)

# In the session's state: the runs whose episode was asked for.
_ASKED = "episodes_asked"


def episode_card(run: RunView, dark: bool) -> None:
    """An episode of the champion's policy, on demand.

    Parameters
    ----------
    run
        A run that has a champion and solves a simulation.
    dark
        Draw for the dark theme.
    """
    with st.container(border=True, key="episode"):
        st.subheader("An episode of its policy", anchor=False)
        asked: set[int] = st.session_state.setdefault(_ASKED, set())
        if run.id not in asked:
            _offer(run, asked)
            return

        try:
            with st.spinner("The policy acts …"):
                episode = _episode(run.id, run.ended)
        except ShoalError as error:
            # So that the button is there again.
            asked.discard(run.id)
            error_box(error)
            return
        if episode is not None:
            _draw(run, episode, dark)


def _offer(run: RunView, asked: set[int]) -> None:
    st.caption(
        "What the policy observes and what it answers, step by step, in a scenario of the test. "
        "The simulation runs once more for it, in a process of its own."
    )
    st.button(
        "Let it act and look",
        icon=":material/play_circle:",
        key=f"episode-{run.id}",
        on_click=asked.add,
        args=(run.id,),
    )


def _draw(run: RunView, episode: Episode, dark: bool) -> None:
    left, right = st.columns(2, gap="small")
    parts = (
        (left, "Observed", episode.observations),
        (right, "Answered", episode.actions),
    )
    for column, title, columns in parts:
        with column:
            figure = episode_chart(episode_data(columns), title, dark=dark)
            alt = f"{title} by step: {', '.join(columns)}"
            chart(figure, f"episode-{title.lower()}-{run.id}", alt)

    st.caption(_about(run, episode))


def _about(run: RunView, episode: Episode) -> str:
    """How long the episode was, what it scored, and what is not drawn of it."""
    unit = f" {run.metric.unit}" if run.metric.unit else ""
    notes = [
        f"The first scenario of the test: {episode.steps:,} steps, "
        f"score {score_text(episode.score, run.metric)}{unit}."
    ]
    kept = len(next(iter(episode.observations.values()), ()))
    if kept < episode.steps:
        notes.append(f"The first {kept:,} steps are drawn.")
    most = max(len(episode.observations), len(episode.actions))
    if most > MOST_LINES:
        notes.append(f"Of {most} numbers the first {MOST_LINES} are drawn.")
    return " ".join(notes)


@st.cache_data(max_entries=32, show_spinner=False)
def _episode(run_id: int, ended: float | None) -> Episode | None:
    # A part of the cache's key only: a finished run may have gone on and ended again.
    del ended
    _log.info("Run %d: its champion's policy acts once more for a viewer", run_id)
    return champion_episode(store(), run_id)
