"""The page Swarm: a recorded training again, or what trains right now."""

from __future__ import annotations

import json
import math

import plotly.graph_objects as go
import streamlit as st

from shoal.dashboard.charts.swarm import swarm_chart
from shoal.dashboard.components.deferred_charts import chart
from shoal.dashboard.components.download_buttons import download_button
from shoal.dashboard.components.live_swarm_card import training_now
from shoal.dashboard.components.run_heading import run_heading
from shoal.dashboard.error_box import error_box
from shoal.dashboard.routing import entered, link, parameter
from shoal.dashboard.session.queries import evaluation_table, run_here, store
from shoal.errors import ReplayError, ShoalError
from shoal.presentation.formatting import score_text
from shoal.presentation.gif import gif
from shoal.presentation.shown_loss import shown_loss
from shoal.problems.evaluation import Evaluation
from shoal.pso.snapshot import ProjectionKind
from shoal.replay.recorder import Replay, Spacing, Window, recorded_training
from shoal.replay.worker import ReplayPool, Request
from shoal.store import ACTIVE, RunView

POLL_SECONDS = 0.6

# Genomes to choose from. The address may name any.
BEST = 12

RECORDED = "A recorded training"
NOW = "What trains now"
_SPACINGS: dict[Spacing, str] = {"early": "More at the start", "even": "Even"}
_PLANES: dict[ProjectionKind, str] = {"principal": "Principal axes", "random": "Random axes"}

# Key of Streamlit's session state: by run, the genome that was best when the page was opened.
_BEST_WHEN_OPENED = "best_then"

_PLANE = """
- **The plane**: a particle is a whole network, a point with one coordinate for each weight. Two
  axes of that space are shown. *Principal axes* are the two along which this training spreads most.
  *Random axes* are the same for all networks of this size.
"""
_LOSSES = """
- **Global best loss**: the lowest loss that any particle has met; it never rises.
"""
_SCORES = """
- **Best score**: of each particle's best policy, the mean over all scenarios that it met, and of
  these means the best. It may get worse again: a policy that was lucky does not stay.
- **Score where it stands**: in the scenarios of the first iteration, for all frames alike.
- **Simulated steps**: how often all policies acted, up to an iteration.
"""
_POINTS = """
- **The plane**: a particle is a point of the function's box, in units of half of it. Two axes of
  that space are shown. *Principal axes* are the two along which this training spreads most.
  *Random axes* are the same for all boxes of as many dimensions.
"""
_VALUES = """
- **Best value**: the best value that any particle has met. Points that violate constraints have
  none.
- **Value where it stands**: of the point that a particle has moved to.
"""
_MOTION = """
- **Diversity**: how far the particles are from their centre, on average. It shrinks as a swarm
  converges.
- **Speed**: how far a coordinate's velocity is from 0, on average. A step is that times the jump
  size.
- **At a limit**: the share of all coordinates whose velocity (position) is cut off at its maximum.
  Where it is large, the limit rules rather than the swarm.
- **Stagnation**: iterations since the global best last improved.
"""
# By the kind of problem.
_MEANINGS = {
    "table": _PLANE + _LOSSES,
    "simulation": _PLANE + _SCORES,
    "function": _POINTS + _VALUES,
}


@st.cache_resource(show_spinner=False)
def replay_pool() -> ReplayPool:
    """The replays of this server process."""
    return ReplayPool(store().raw_url)


def page() -> None:
    """A training of one run."""
    run = run_here()
    run_heading(run, "swarm")

    if _shows_now(run):
        training_now(run)
    else:
        _recorded(run)

    with st.expander("What the picture and the numbers mean"):
        st.markdown(_MEANINGS.get(run.kind, _PLANE + _SCORES) + _MOTION)


def _shows_now(run: RunView) -> bool:
    """Whether to show what trains now. While the run is active, the visitor chooses."""
    if run.state not in ACTIVE:
        return False
    asks_for_now = parameter("show") == "now" or not run.evaluations
    shown = st.segmented_control(
        "Show",
        [RECORDED, NOW],
        default=NOW if asks_for_now else RECORDED,
        required=True,
        label_visibility="collapsed",
        key=f"show-{run.id}",
    )
    return shown == NOW


def _recorded(run: RunView) -> None:
    """A recorded training, as soon as it has been repeated."""
    if not run.evaluations:
        st.markdown("**No training is recorded yet.**")
        st.caption("Each is kept as soon as it is done, and can be watched from then on.")
        link("live", "See what the run is doing", icon=":material/arrow_forward:", run=run.id)
        return

    try:
        training = _chosen(run)
    except ShoalError as error:
        error_box(error)
        link("evaluations", "Choose among its trainings", icon=":material/table_rows:", run=run.id)
        link("swarm", "Watch its best genome", icon=":material/bubble_chart:", run=run.id)
        return

    window = _window(training)
    request = Request(run.id, training.task, training.iterations, training.loss, window)
    try:
        film = replay_pool().look(request)
    except ReplayError as error:
        error_box(error)
        st.button("Try again", on_click=replay_pool().forget, args=(request,), key="again")
        return

    if isinstance(film, Replay):
        _show(run, film, request)
    else:
        st.fragment(run_every=POLL_SECONDS)(_wait)(request)


def _chosen(run: RunView) -> Evaluation:
    """The training that the address names, with the means to choose another.

    Raises
    ------
    ReplayError
        When the address names no recorded training.
    """
    repeat = parameter("repeat")
    if repeat is not None and not repeat.isdecimal():
        raise ReplayError(f"Repeat {repeat!r}.", expected="a whole number")

    # Without a genome in the address it is the best one. It stays the one that was best when the
    # page was opened: while a search goes on, another may be best before its swarm is drawn.
    named = parameter("genome")
    kept: dict[int, str] = st.session_state.setdefault(_BEST_WHEN_OPENED, {})
    wanted = named
    if wanted is None and not entered():
        wanted = kept.get(run.id)
    number = None if repeat is None else int(repeat)
    training = recorded_training(store(), run.id, wanted, number)
    genome = training.task.genome.hash
    if named is None:
        kept[run.id] = genome

    key = f"{run.id}-{genome}-{training.task.repeat}"
    left, right = st.columns(2)
    with left:
        _choose_genome(run, genome, f"genome-{key}")
    with right:
        _choose_repeat(run, training, f"repeat-{key}")
    return training


def _choose_genome(run: RunView, shown: str, key: str) -> None:
    """The best genomes of the run, and the one that is shown."""
    scores = evaluation_table(run.id).ranked()["score"].head(BEST)
    labels = {}
    for rank, (name, score) in enumerate(scores.items(), 1):
        labels[str(name)] = f"No. {rank} · {score_text(score, run.metric)}"
    if shown not in labels:
        labels = {shown: "This one", **labels}

    def choose() -> None:
        st.query_params["genome"] = st.session_state[key]
        st.query_params.pop("repeat", None)

    st.selectbox(
        "Genome, from the best one down",
        list(labels),
        list(labels).index(shown),
        lambda name: f"{labels[name]} · {name}",
        key=key,
        on_change=choose,
    )


def _choose_repeat(run: RunView, shown: Evaluation, key: str) -> None:
    """The repeats of the genome that trained at all."""
    genome = shown.task.genome.hash
    frame = evaluation_table(run.id).frame
    trained = frame[(frame["genome"] == genome) & (frame["iterations"] > 0)]
    labels = {}
    for row in trained.sort_values("repeat").to_dict("records"):
        result = "failed"
        if not math.isnan(row["score"]):
            result = score_text(row["score"], run.metric)
        repeat = int(row["repeat"])
        labels[repeat] = f"{repeat} · {result} · {row['iterations']:,} iterations"

    def choose() -> None:
        st.query_params["genome"] = genome
        st.query_params["repeat"] = str(st.session_state[key])

    st.selectbox(
        "Repeat",
        list(labels),
        list(labels).index(shown.task.repeat),
        labels.__getitem__,
        key=key,
        on_change=choose,
    )


def _window(training: Evaluation) -> Window:
    """Which iterations to show, how densely, and on which plane."""
    last = training.iterations
    key = f"window-{training.task.genome.hash}-{training.task.repeat}"

    with st.container(key="window"):
        left, middle, right = st.columns([2, 1.2, 1.2], gap="medium")
        first, end = left.slider("Iterations", 0, last, (0, last), key=key)

        spacing = middle.segmented_control(
            "Frames",
            list(_SPACINGS),
            format_func=_SPACINGS.__getitem__,
            default="early",
            required=True,
            key="spacing",
        )

        plane = right.segmented_control(
            "Plane",
            list(_PLANES),
            format_func=_PLANES.__getitem__,
            default="principal",
            required=True,
            key="plane",
        )

    return Window(first, end, projection=plane, spacing=spacing)


def _wait(request: Request) -> None:
    """Draw the progress of a replay; when it is done, or failed, the page draws the result."""
    try:
        film = replay_pool().look(request)
    except ReplayError:
        st.rerun()
    if isinstance(film, Replay):
        st.rerun()
    st.progress(film, text="The training is repeated, in a process that gives way to the search.")


def _show(run: RunView, film: Replay, request: Request) -> None:
    dark = st.context.theme.type == "dark"
    key = json.dumps(request.to_dict())
    with st.container(border=True, key="film"):
        alt = f"The swarm at {len(film.frames)} iterations, and its numbers by iteration"
        chart(_figure(film, key, dark), "swarm", alt)

    with st.container(horizontal=True, vertical_alignment="center", key="about-film"):
        _exactness(film)
        download_button(
            "GIF",
            lambda: gif(film, dark),
            f"run-{run.id}-{film.genome.hash}-{film.repeat}.gif",
            "image/gif",
            about="The same frames as a picture that moves, for a page or a talk",
        )
    link("evaluation", "This genome: its repeats, its curve", run=run.id, genome=film.genome.hash)


@st.cache_resource(max_entries=12, show_spinner=False)
def _figure(_film: Replay, key: str, dark: bool) -> go.Figure:
    return swarm_chart(_film, dark=dark, revision=key)


def _exactness(film: Replay) -> None:
    """Whether the training ended with the recorded loss, and what was trained."""
    genome = film.genome
    shown = shown_loss(film.metric)
    about = f"{genome.swarm_size} particles, {genome.update_rule} rule"
    if film.share is not None:
        about += f" · the plane holds {100 * film.share:.0f} % of the swarm's variance"

    if film.exact is None:
        st.caption(f"No {shown.one} is recorded to compare with · {about}")
        return
    if film.exact:
        st.caption(
            f":green[:material/check:] The same {shown.one} as recorded, "
            f"{shown.number(film.loss):.6g} · {about}"
        )
        return
    recorded = math.nan if film.recorded is None else film.recorded
    st.caption(
        f":orange[:material/warning: Ended with a {shown.one} of {shown.number(film.loss):.9g}, "
        f"recorded were {shown.number(recorded):.9g}: it was trained by another version of Shoal, "
        f"or of its libraries] · {about}"
    )
