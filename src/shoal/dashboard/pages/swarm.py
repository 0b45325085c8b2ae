"""Watching a swarm: any recorded training again, and what trains right now."""

from __future__ import annotations

import json
import math

import plotly.graph_objects as go
import streamlit as st

from shoal.dashboard.charts.swarm import swarm_chart
from shoal.dashboard.components.deferred_charts import chart
from shoal.dashboard.components.live_swarm_card import training_now
from shoal.dashboard.components.run_text import state_html
from shoal.dashboard.error_box import error_box
from shoal.dashboard.routing import entered, link, parameter
from shoal.dashboard.session.queries import evaluation_table, run_here, store
from shoal.errors import ReplayError, ShoalError
from shoal.presentation.formatting import percent, quoted
from shoal.presentation.gif import gif
from shoal.problems.evaluation import Evaluation
from shoal.pso.snapshot import ProjectionKind
from shoal.replay.recorder import Replay, Spacing, Window, recorded_training
from shoal.replay.worker import ReplayPool, Request
from shoal.store import ACTIVE, RunView

POLL_SECONDS = 0.6
BEST = 12  # genomes to choose from; the address may name any
RECORDED, NOW = "A recorded training", "What trains now"
_SPACINGS: dict[Spacing, str] = {"early": "More at the start", "even": "Even"}
_PLANES: dict[ProjectionKind, str] = {"principal": "Principal axes", "random": "Random axes"}
_MEANINGS = """
- **The plane**: a particle is a whole network, a point with one coordinate for each weight; two axes of that space are shown.
  *Principal axes* are the two along which this training spreads most, *random axes* are the same for all such networks.
- **Global best loss**: the lowest loss that any particle has met; it never rises.
- **Diversity**: how far the particles are from their centre, on average: it shrinks as a swarm converges.
- **Speed**: how far a weight's velocity is from 0, on average; a step is that times the jump size.
- **At a limit**: the share of all weights whose velocity (position) is cut off at its maximum. Where it is large, the limit
  rules rather than the swarm.
- **Stagnation**: iterations since the global best last improved.
"""


@st.cache_resource(show_spinner=False)
def projector() -> ReplayPool:
    """The replays of this server process."""
    return ReplayPool(store().raw_url)


def page() -> None:
    """A training of one run."""
    run = run_here()
    with st.container(horizontal=True, vertical_alignment="center", key="title"):
        st.title("Swarm", anchor=False, width="content")
        st.markdown(f"Run {run.id} {quoted(run.name)}", width="content")
        st.html(state_html(run), width="content")
    shown = RECORDED
    if run.state in ACTIVE:
        default = NOW if parameter("show") == "now" or not run.evaluations else RECORDED
        shown = st.segmented_control(
            "Show",
            [RECORDED, NOW],
            default=default,
            required=True,
            label_visibility="collapsed",
            key=f"show-{run.id}",
        )
    if shown == NOW:
        training_now(run)
    else:
        _recorded(run)
    with st.expander("What the picture and the numbers mean"):
        st.markdown(_MEANINGS)


def _recorded(run: RunView) -> None:
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
    request = Request(run.id, training.task, training.iterations, training.loss, _window(training))
    try:
        film = projector().look(request)
    except ReplayError as error:
        error_box(error)
        st.button("Try again", on_click=projector().forget, args=(request,), key="again")
        return
    if isinstance(film, Replay):
        _show(run, film, request)
    else:
        st.fragment(run_every=POLL_SECONDS)(_wait)(request)


def _chosen(run: RunView) -> Evaluation:
    """The training that the address names, with the means to choose another."""
    repeat = parameter("repeat")
    if repeat is not None and not repeat.isdecimal():
        raise ReplayError(f"Repeat {repeat!r}.", expected="a whole number")
    # The best when the page was opened: while a search goes on, another best may come before its swarm is drawn.
    named, kept = parameter("genome"), st.session_state.setdefault("best_then", {})
    wanted = named or (None if entered() else kept.get(run.id))
    training = recorded_training(store(), run.id, wanted, None if repeat is None else int(repeat))
    own = training.task.genome.hash
    if named is None:
        kept[run.id] = own
    table = evaluation_table(run.id)
    ranked = table.ranked()
    best = ranked["accuracy"].head(BEST)
    names = {
        name: f"No. {n} · {percent(accuracy)}" for n, (name, accuracy) in enumerate(best.items(), 1)
    }
    names = names if own in names else {own: "This one", **names}
    frame = table.frame
    trained = frame[(frame["genome"] == own) & (frame["iterations"] > 0)].sort_values("repeat")
    columns = (trained[name].tolist() for name in ("repeat", "accuracy", "iterations"))
    repeats = {
        repeat: f"{repeat} · {'failed' if math.isnan(accuracy) else percent(accuracy)} · {iterations:,} iterations"
        for repeat, accuracy, iterations in zip(*columns, strict=True)
    }
    left, right = st.columns(2)
    key = f"{run.id}-{own}-{training.task.repeat}"
    left.selectbox(
        "Genome, from the best one down",
        list(names),
        list(names).index(own),
        lambda name: f"{names[name]} · {name}",
        key=f"genome-{key}",
        on_change=_choose_genome,
        args=(f"genome-{key}",),
    )
    right.selectbox(
        "Repeat",
        list(repeats),
        list(repeats).index(training.task.repeat),
        repeats.__getitem__,
        key=f"repeat-{key}",
        on_change=_choose_repeat,
        args=(own, f"repeat-{key}"),
    )
    return training


def _choose_genome(key: str) -> None:
    st.query_params["genome"] = st.session_state[key]
    st.query_params.pop("repeat", None)


def _choose_repeat(genome: str, key: str) -> None:
    st.query_params["genome"] = genome
    st.query_params["repeat"] = str(st.session_state[key])


def _window(training: Evaluation) -> Window:
    key, last = f"{training.task.genome.hash}-{training.task.repeat}", training.iterations
    with st.container(key="window"):
        left, middle, right = st.columns([2, 1.2, 1.2], gap="medium")
        first, end = left.slider("Iterations", 0, last, (0, last), key=f"window-{key}")
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
    """Asks until it is there; then the page draws it."""
    try:
        film = projector().look(request)
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
        name = f"run-{run.id}-{film.genome.hash}-{film.repeat}.gif"
        st.download_button(
            "GIF",
            lambda: gif(film, dark),
            name,
            "image/gif",
            icon=":material/download:",
            on_click="ignore",
            help="The same frames as a picture that moves, for a page or a talk",
        )
    link("evaluation", "This genome: its repeats, its curve", run=run.id, genome=film.genome.hash)


@st.cache_resource(max_entries=12, show_spinner=False)
def _figure(_film: Replay, key: str, dark: bool) -> go.Figure:
    return swarm_chart(_film, dark=dark, revision=key)


def _exactness(film: Replay) -> None:
    genome = film.genome
    share = (
        f" · the plane holds {100 * film.share:.0f} % of the swarm's variance"
        if film.share is not None
        else ""
    )
    what = f"{genome.swarm_size} particles, {genome.update_rule} rule{share}"
    if film.exact:
        st.caption(
            f":green[:material/check:] Ended with the recorded loss, {film.loss:.6g}, to the bit · {what}"
        )
    elif film.exact is None:
        st.caption(f"No loss is recorded to compare with · {what}")
    else:
        st.caption(
            f":orange[:material/warning: Ended with a loss of {film.loss:.9g}, recorded were {film.recorded:.9g}: "
            f"it was trained by another version of Shoal, or of its libraries] · {what}"
        )
