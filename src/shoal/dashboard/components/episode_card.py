"""The cards of a policy: its score in each scenario of the test, and what it does in one of them.

The scores are recorded. For an episode the simulation runs in a process beside the server
(`shoal.replay.episodes`), when asked to.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from html import escape

import streamlit as st

from shoal.analysis.known_scores import reference_scores
from shoal.dashboard.charts.episode import MOST_LINES, episode_chart, episode_data
from shoal.dashboard.charts.episode_scores import MOST_DOTS, episode_scores_chart, scores_data
from shoal.dashboard.components.deferred_charts import chart
from shoal.dashboard.error_box import error_box
from shoal.dashboard.session.queries import store
from shoal.errors import ShoalError
from shoal.numerics.stats import ci95_half_width, mean
from shoal.objectives.registry import Metric
from shoal.presentation.formatting import escaped, score_text, score_with_spread
from shoal.replay.episodes import Episode, champion_episode
from shoal.store import RunView

_log = logging.getLogger(__name__)

# In the session's state: the runs whose episode was asked for.
_ASKED = "episodes_asked"
# The first scenario of the test, by what it is called.
_FIRST = "The first"


def episode_scores_card(run: RunView, scores: Sequence[float], dark: bool) -> None:
    """The score of the policy that acts in each scenario of the test.

    Parameters
    ----------
    run
        A run that has a champion and solves a simulation.
    scores
        By scenario; empty where the record has none.
    dark
        Draw for the dark theme.
    """
    with st.container(border=True, key="test-episodes"):
        st.header("Its episodes in the test", anchor=False)
        if not scores:
            st.caption(
                "The record of this run has the mean of the test alone: it was made by a version "
                "of Shoal that did not keep the score of each episode."
            )
            return

        figure = episode_scores_chart(
            scores_data(scores), scores, run.metric, reference_scores(run), dark=dark
        )
        about = scores_text(scores, run.metric)
        chart(figure, f"test-episodes-{run.id}", f"A dot for each episode. {about}")
        st.caption(about)


def scores_text(scores: Sequence[float], metric: Metric) -> str:
    """Mean, interval and range of the scores of episodes, in a few sentences."""
    finite = sorted(score for score in scores if math.isfinite(score))
    average = score_with_spread(mean(scores), ci95_half_width(scores), metric)
    sentences = [f"{len(scores):,} scenarios that nothing else has met: {average} on average."]
    if finite and finite[0] == finite[-1]:
        sentences.append("All scores are equal.")
    elif finite:
        quarter = len(finite) // 4
        low, high = finite[quarter], finite[-1 - quarter]
        best, worst = finite[-1], finite[0]
        if not metric.maximizes:
            best, worst = worst, best
        sentences.append(
            f"The middle half lies between {score_text(low, metric)} and "
            f"{score_text(high, metric)}, the best is {score_text(best, metric)}, the worst "
            f"{score_text(worst, metric)}."
        )
    if len(scores) > MOST_DOTS:
        sentences.append(f"The first {MOST_DOTS:,} are drawn.")
    return " ".join(sentences)


def episode_card(run: RunView, scores: Sequence[float], dark: bool) -> None:
    """An episode of the champion's policy, on demand.

    Parameters
    ----------
    run
        A run that has a champion and solves a simulation.
    scores
        By scenario of the test; empty where the record has none.
    dark
        Draw for the dark theme.
    """
    with st.container(border=True, key="episode"):
        st.header("An episode of its policy", anchor=False)
        asked: set[int] = st.session_state.setdefault(_ASKED, set())
        if run.id not in asked:
            _offer(run, asked)
            return

        called, number = _chosen_scenario(run, scores)
        try:
            with st.spinner("The policy acts …"):
                episode = _episode(run.id, number, run.ended)
        except ShoalError as error:
            # So that the button is there again.
            asked.discard(run.id)
            error_box(error)
            return
        if episode is not None:
            _draw(run, called, episode, dark)


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


def _chosen_scenario(run: RunView, scores: Sequence[float]) -> tuple[str, int]:
    """The scenario that the visitor chose: what it is called, and its number."""
    numbers = {_FIRST: 0, **_notable(scores, run.metric)}
    if len(numbers) == 1:
        return _FIRST, 0

    called = st.segmented_control(
        "Scenario of the test",
        list(numbers),
        default=_FIRST,
        required=True,
        key=f"scenario-{run.id}",
    )
    return called, numbers[called]


def _notable(scores: Sequence[float], metric: Metric) -> dict[str, int]:
    """Scenarios that are worth a look, by what they are called; none where all scores are equal."""
    finite = [number for number, score in enumerate(scores) if math.isfinite(score)]
    order = sorted(finite, key=lambda number: metric.fitness(scores[number]))
    if not order or scores[order[0]] == scores[order[-1]]:
        return {}
    return {
        "The worst": order[0],
        "The middle one": order[len(order) // 2],
        "The best": order[-1],
    }


def _draw(run: RunView, called: str, episode: Episode, dark: bool) -> None:
    if episode.film:
        # As an element of Streamlit it would be a file that the server keeps.
        alt = f"{called} of the test's scenarios as a film"
        source = f"data:image/gif;base64,{episode.film}"
        st.html(f'<img src="{source}" alt="{escape(alt)}" style="max-width: 100%">')
    elif episode.no_film:
        st.caption(episode.no_film)

    episode_charts(episode, f"{run.id}", dark)
    st.caption(_about(run, called, episode))


def episode_charts(episode: Episode, key: str, dark: bool) -> None:
    """What a policy observed and what it answered, step by step, side by side.

    Parameters
    ----------
    episode
        What it did.
    key
        Tells this episode's charts from others of the page.
    dark
        Draw for the dark theme.
    """
    left, right = st.columns(2, gap="small")
    parts = (
        (left, "Observed", episode.observations),
        (right, "Answered", episode.actions),
    )
    for column, title, columns in parts:
        with column:
            figure = episode_chart(episode_data(columns), title, dark=dark)
            alt = f"{title} by step: {', '.join(columns)}"
            chart(figure, f"episode-{title.lower()}-{key}", alt)


def _about(run: RunView, called: str, episode: Episode) -> str:
    """Which scenario it was, and `episode_text`."""
    return f"{called} of the test's scenarios: {episode_text(run, episode)}"


def episode_text(run: RunView, episode: Episode) -> str:
    """How long an episode was, what it scored, and what is not drawn of it."""
    unit = f" {escaped(run.metric.unit)}" if run.metric.unit else ""
    score = score_text(episode.score, run.metric)
    notes = [f"{episode.steps:,} steps, score {score}{unit}."]
    kept = len(next(iter(episode.observations.values()), ()))
    if kept < episode.steps:
        notes.append(f"The first {kept:,} steps are drawn.")
    most = max(len(episode.observations), len(episode.actions))
    if most > MOST_LINES:
        notes.append(f"Of {most} numbers the first {MOST_LINES} are drawn.")
    return " ".join(notes)


@st.cache_data(max_entries=32, show_spinner=False)
def _episode(run_id: int, number: int, ended: float | None) -> Episode | None:
    # A part of the cache's key only: a finished run may have gone on and ended again.
    del ended
    _log.info("Run %d: its champion's policy acts in scenario %d for a viewer", run_id, number)
    return champion_episode(store(), run_id, number, film=True)
