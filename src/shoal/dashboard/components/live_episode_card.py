"""The card *Its best policy acts*: an episode of the best policy so far, once a generation.

Its training is repeated for it in a process beside the server (`shoal.replay.live_episode`), only
while somebody looks, and by itself only if it took a few seconds.
"""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from shoal.analysis.summary import Best
from shoal.dashboard.components.episode_card import episode_charts, episode_text
from shoal.dashboard.error_box import error_box
from shoal.dashboard.session.queries import store
from shoal.errors import ShoalError
from shoal.objectives.registry import Metric
from shoal.presentation.formatting import duration
from shoal.replay.episodes import Episode
from shoal.replay.live_episode import LiveEpisodes
from shoal.settings.phase import Phase
from shoal.store import RunView

# A training that took no longer is repeated without being asked for.
_CHEAP_SECONDS = 15.0

# Keys of Streamlit's session state: the runs whose policies were asked for, and by run, the genome
# and the episode that were seen last.
_ASKED = "live_episodes_asked"
_SEEN = "live_episodes_seen"


@st.cache_resource(show_spinner=False)
def live_episodes() -> LiveEpisodes:
    """The episodes of this server process."""
    return LiveEpisodes(store().raw_url)


@dataclass(frozen=True, slots=True)
class _Training:
    """The best recorded training of a genome: its repeat, and how long it took in seconds."""

    repeat: int
    seconds: float


def live_episode_card(run: RunView, best: Best | None) -> None:
    """What the best policy so far observes and answers, in a scenario of the search.

    Parameters
    ----------
    run
        A run that is worked on; of others nothing is drawn.
    best
        Its best genome.
    """
    is_policy = run.has_network and not run.is_table
    if best is None or not is_policy or run.state != "running":
        return
    training = _best_training(run.id, run.generations, best.genome.hash, run.metric)
    if training is None:
        return

    with st.container(border=True, key="acts"):
        st.header("Its best policy acts", anchor=False)
        asked: set[int] = st.session_state.setdefault(_ASKED, set())
        if training.seconds > _CHEAP_SECONDS and run.id not in asked:
            _offer(run, training, asked)
            return
        try:
            episode = live_episodes().look(run.id, best.genome.hash, training.repeat)
        except ShoalError as error:
            error_box(error)
            return
        _show(run, best, episode)


def _offer(run: RunView, training: _Training, asked: set[int]) -> None:
    st.caption(
        "A search records no weights. To see its best policy act, its training is repeated after "
        "each generation while this page is open, at a low priority beside the search. It takes "
        f"about {duration(training.seconds)} of one core."
    )
    st.button(
        "Let it act after each generation",
        icon=":material/play_circle:",
        key=f"acts-{run.id}",
        on_click=asked.add,
        args=(run.id,),
    )


def _show(run: RunView, best: Best, episode: Episode | None) -> None:
    """Draw the episode, or the one before while this one is being made."""
    seen: dict[int, tuple[str, Episode]] = st.session_state.setdefault(_SEEN, {})
    if episode is not None:
        seen[run.id] = (best.genome.hash, episode)
    if run.id not in seen:
        st.caption("Its training is repeated, in a process that gives way to the search.")
        return

    name, shown = seen[run.id]
    episode_charts(shown, f"live-{run.id}", st.context.theme.type == "dark")
    note = f"Genome {name[:8]} in the first scenario of the search: {episode_text(run, shown)}"
    if episode is None:
        note += f" That of genome {best.genome.hash[:8]}, now the best, is being made."
    st.caption(note)


@st.cache_data(max_entries=64, show_spinner=False)
def _best_training(run_id: int, generations: int, genome: str, _metric: Metric) -> _Training | None:
    """The training of the search in which a genome did best. ``generations`` is part of the key."""
    del generations
    scored = []
    for evaluation in store().evaluations(run_id, curves=False, genome=genome):
        if evaluation.task.phase is Phase.SEARCH and evaluation.score is not None:
            scored.append(evaluation)
    if not scored:
        return None
    best = max(scored, key=lambda evaluation: _metric.fitness(float(evaluation.score or 0.0)))
    return _Training(best.task.repeat, best.seconds)
