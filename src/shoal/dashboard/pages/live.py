"""The page Live: whether a run is alive, how good its best genome is, and what trains now."""

from __future__ import annotations

import time
from collections.abc import Sequence

import pandas as pd
import streamlit as st

from shoal.analysis.progress import elapsed
from shoal.analysis.run_differences import settings_of
from shoal.analysis.score_rows import leader_text
from shoal.analysis.simple_methods import ReferenceLine
from shoal.analysis.summary import blocking_run
from shoal.dashboard.charts.history import (
    HEIGHT,
    HistoryMarks,
    beyond_axis_text,
    drawn_every,
    history_chart,
    planned_generations,
)
from shoal.dashboard.charts.loss_curves import loss_curves_chart, loss_curves_data
from shoal.dashboard.charts.vega import Spec
from shoal.dashboard.components.auto_refresh import auto_refresh
from shoal.dashboard.components.deferred_charts import chart
from shoal.dashboard.components.genome_card import genome_card
from shoal.dashboard.components.html_table import html_table
from shoal.dashboard.components.live_episode_card import live_episode_card
from shoal.dashboard.components.metric_tiles import metric_tiles, progress_bar_html
from shoal.dashboard.components.problem_words import (
    curve_metric,
    problem_text,
    problem_words,
    topology_ends,
)
from shoal.dashboard.components.run_controls import run_controls, show_refusal
from shoal.dashboard.components.run_heading import run_heading
from shoal.dashboard.components.run_text import (
    progress_text,
    state_word,
    waiting_text,
)
from shoal.dashboard.error_box import error_box
from shoal.dashboard.routing import link
from shoal.dashboard.session.queries import (
    RunSnapshot,
    read,
    reference_lines_of,
    run_here,
    store,
)
from shoal.errors import ShoalError
from shoal.numerics.stats import mean
from shoal.objectives.registry import Metric
from shoal.presentation.formatting import (
    count_text,
    duration,
    escaped,
    half_width,
    metric_heading,
    moment,
    score_text,
    spread_text,
)
from shoal.problems.evaluation import Evaluation
from shoal.store import ACTIVE, RunningTraining, RunView

# Between two refreshes of a run that nobody works on.
REST_SECONDS = 5.0

EVENTS = 50

# Recorded trainings whose losses are drawn behind those under way.
RECENT = 8


def page() -> None:
    """One run, refreshed each second while it lives."""
    run = run_here()
    usual = 1.0 if run.state in ACTIVE else REST_SECONDS
    auto_refresh(_view, run.id, run.state, usual=usual)


def _view(run_id: int, state: str) -> None:
    """Draw the run. ``state`` is the state that the rest of the page was drawn for."""
    try:
        snapshot = read(run_id)
    except ShoalError as error:
        error_box(error)
        return

    run = snapshot.run
    if run.state != state:
        # Another state has another pace, and other pages have something to show.
        st.rerun()

    now = time.time()
    zone = st.context.timezone
    supervised = _is_supervised(run)
    _heading(run, supervised, now, zone)
    show_refusal(run)
    _problem(run)
    _failures(snapshot)
    _progress(snapshot)
    _metrics(snapshot)

    with st.container(key="panels"):
        left, right = st.columns([1.4, 1], gap="small")
        with left.container(border=True, key="chart", height="stretch"):
            st.header(f"{escaped(run.metric.label)} by generation", anchor=False)
            _chart(snapshot, supervised)
        with right.container(border=True, key="best", height="stretch"):
            genome_card(snapshot.summary.best, run.settings.space, zone, now, topology_ends(run))

    with st.container(border=True, key="now"):
        _training_now(run)
    live_episode_card(run, snapshot.summary.best)
    _details(run, now, zone)


def _is_supervised(run: RunView) -> bool:
    """Whether a supervisor works on the run, or will come to it."""
    if run.state == "running":
        return True
    return any(supervisor.scope in (None, run.id) for supervisor in store().supervisors())


def _problem(run: RunView) -> None:
    """What is solved, where that is no table."""
    text = problem_text(run)
    if text:
        st.text(text)


def _failures(snapshot: RunSnapshot) -> None:
    run = snapshot.run
    if run.error:
        error_box(run.error)
    elif snapshot.failure and run.generations and run.best_score is None:
        error_box(
            f"Every training of the last generation failed. The first failure: {snapshot.failure}"
        )


def _heading(run: RunView, supervised: bool, now: float, zone: str | None) -> None:
    """Number, name and state of a run, with the buttons that fit."""
    settings = run.settings
    if run.started:
        begun = f"started {moment(run.started, zone, now)}"
    else:
        begun = f"queued {moment(run.created, zone, now)}"

    plural = "" if settings.repeats == 1 else "s"
    about = " · ".join(
        (
            settings.preset,
            f"population {settings.population}",
            f"{settings.repeats} repeat{plural}",
            f"{settings.iterations:,} iterations",
            f"seed {settings.seed}",
            begun,
        )
    )
    with st.container(key="heading"):
        left, right = st.columns([2, 1], vertical_alignment="center")
        with left:
            run_heading(run, "live", about=about)
        with right.container(horizontal=True, horizontal_alignment="right", gap="small"):
            run_controls(run, supervised)


def _progress(snapshot: RunSnapshot) -> None:
    """The bar, and under it the heartbeat, the pace and the counts."""
    run = snapshot.run
    notes = []
    if run.state == "running" and run.heartbeat_age is not None:
        age = duration(run.heartbeat_age)
        notes.append(f'<i class="green">●</i> Alive, heartbeat {age} ago')
    else:
        then = "nothing is being trained"
        if run.state == "interrupted":
            then = "Resume continues it"
        notes.append(f"<i>●</i> {state_word(run).capitalize()}, {then}")

    pace = snapshot.summary.trainings_per_minute
    if pace is not None:
        digits = 0 if pace >= 10 else 1
        notes.append(f"{pace:,.{digits}f} trainings a minute")
    notes.append(f"{run.evaluations:,} trainings, {run.iterations:,} iterations recorded")
    if snapshot.failed:
        notes.append(f'<i class="red">{snapshot.failed:,} failed</i>')

    text = progress_text(snapshot.summary)
    st.html(progress_bar_html(snapshot.summary.progress.share, text, "  ·  ".join(notes)))


def _metrics(snapshot: RunSnapshot) -> None:
    """Five figures of the run."""
    run = snapshot.run
    best = snapshot.summary.best
    best_score = None
    best_repeats = "–"
    sureness = "not known yet"
    if best is not None:
        best_score = best.score
        best_repeats = f"{best.repeats}"
        sureness = "of one repeat"
        half = half_width(best.ci95)
        if half is not None:
            sureness = f"{spread_text(half, run.metric)} (95 %)"

    most_repeats = len(run.settings.schedule.scored_repeats(run.settings.max_repeats))
    average_of = f"of {run.settings.population} individuals"
    kind = run.metric.word
    metric_tiles(
        [
            ("Generations", f"{run.generations:,}", f"complete of {run.settings.generations:,}"),
            (f"Best {kind}", score_text(best_score, run.metric), sureness),
            ("Best repeats", best_repeats, f"of at most {most_repeats}"),
            (f"Average {kind}", score_text(run.mean_score, run.metric), average_of),
            ("Elapsed time", duration(elapsed(run)), "of active training"),
        ]
    )


def _chart(snapshot: RunSnapshot, supervised: bool) -> None:
    """The history, or what the run waits for."""
    run = snapshot.run
    # Asked for before there is anything else to draw: fitting the methods takes some seconds.
    lines = reference_lines_of(run)
    begun = bool(len(snapshot.history))
    if not begun and (run.state != "running" or not lines):
        _waiting(run, supervised)
        return

    dark = st.context.theme.type == "dark"
    best = snapshot.summary.best
    marks = HistoryMarks(
        champion=best if snapshot.summary.champion is not None else None,
        lines=lines,
        planned=planned_generations(run),
    )
    figure = _history_figure(
        snapshot.history, marks, run.id, run.generations, run.state, marks.lines, run.metric, dark
    )
    alt = f"The {run.metric.word} of the simplest methods; no generation is complete yet."
    if begun:
        alt = (
            f"Best and average {run.metric.word} of {run.generations} generations; "
            f"the last best is {score_text(run.best_score, run.metric)}."
        )
    chart(figure, f"history-{run.id}", alt)

    notes = [escaped(leader_text(snapshot.summary.leader, run.metric, best))]
    if not begun:
        title, text = waiting_text(run, supervised)
        notes.append(f"{title}: {text[0].lower()}{text[1:]}")
    if not run.metric.is_accuracy:
        notes.append(f"{escaped(metric_heading(run.metric))}.")
    beyond_axis = beyond_axis_text(snapshot.history, run.metric, marks)
    if beyond_axis:
        notes.append(f"{beyond_axis}.")
    step = drawn_every(len(snapshot.history))
    if step > 1:
        notes.append(f"One generation in {step} is drawn, and the last.")
    # A line is kept for the notes, so that nothing moves when there is something to say.
    st.caption(" ".join(filter(None, notes)) or "\u00a0")


def _waiting(run: RunView, supervised: bool) -> None:
    title, text = waiting_text(run, supervised, blocking_run(store(), run))
    box = st.container(
        key="waiting",
        height=HEIGHT,
        border=False,
        vertical_alignment="center",
        horizontal_alignment="center",
    )
    with box:
        st.markdown(f"**{title}**")
        st.caption(text)


# Streamlit leaves arguments that begin with an underscore out of a cache's key; the others are it.


@st.cache_resource(max_entries=32, show_spinner=False)
def _history_figure(
    _history: pd.DataFrame,
    _marks: HistoryMarks,
    run_id: int,
    generations: int,
    state: str,
    lines: tuple[ReferenceLine, ...],
    metric: Metric,
    dark: bool,
) -> Spec:
    del run_id, generations, state, lines
    return history_chart(_history, metric=metric, marks=_marks, dark=dark)


def _training_now(run: RunView) -> None:
    """What trains, each with its bar; and the losses of these and of what was recorded last."""
    st.header("Training now", anchor=False)
    trainings: tuple[RunningTraining, ...] = ()
    if run.state == "running":
        live = store().live(run.id)
        if live is not None:
            trainings = live.trainings

    left, right = st.columns([1, 1.4], gap="medium")
    with left:
        _training_bars(run, trainings)
    with right:
        dark = st.context.theme.type == "dark"
        progress_key = tuple((t.worker, t.kind, t.iteration) for t in trainings)
        figure = _losses_figure(
            run.id, run.evaluations, progress_key, curve_metric(run), dark, trainings
        )
        if figure is not None:
            alt = (
                f"{problem_words(run).curve} of {len(trainings)} trainings under way, "
                f"and of the last {RECENT} recorded."
            )
            chart(figure, f"now-{run.id}", alt)
            st.caption(
                f"{problem_words(run).curve}: what trains for longer than a second, and the last "
                f"{RECENT} recorded.{_steps_text(run)}"
            )


def _training_bars(run: RunView, trainings: Sequence[RunningTraining]) -> None:
    if not trainings:
        text = f"Nothing: the run is {state_word(run)}."
        if run.state == "running":
            text = "Between two trainings."
        st.caption(text)
        return

    for number, training in enumerate(trainings):
        with st.container(key=f"training-{number}", gap=None):
            _training_bar(training)
    link("swarm", "Watch the swarm", icon=":material/bubble_chart:", run=run.id, show="now")


def _training_bar(training: RunningTraining) -> None:
    name = training.baseline or f"{training.genome.hash[:8]} · repeat {training.repeat}"
    layers = "-".join(map(str, training.genome.hidden_layers))
    words = " · ".join(filter(None, [training.kind, layers]))
    done = "under way"
    if training.iteration:
        done = f"{training.iteration:,} of {training.iterations:,} iterations"
    share = 0.0
    if training.iterations:
        share = min(1.0, training.iteration / training.iterations)
    st.progress(share, text=f":small[**{name}** · {words} · {done}]")


@st.cache_resource(max_entries=32, show_spinner=False)
def _latest(run_id: int, evaluations: int) -> list[Evaluation]:
    """The trainings recorded last, read once for all visitors."""
    del evaluations
    return store().latest_evaluations(run_id, RECENT)


def _steps_text(run: RunView) -> str:
    """A sentence about what the last trainings of a simulation simulated; empty for a table."""
    steps = []
    for evaluation in _latest(run.id, run.evaluations):
        if evaluation.scores is not None and "steps" in evaluation.scores.train.others:
            steps.append(evaluation.scores.train.others["steps"])
    if not steps:
        return ""
    return f" Those took {count_text(mean(steps))} simulated steps each, on average."


@st.cache_resource(max_entries=32, show_spinner=False)
def _losses_figure(
    run_id: int,
    evaluations: int,
    progress_key: tuple[object, ...],
    metric: Metric | None,
    dark: bool,
    _trainings: Sequence[RunningTraining],
) -> Spec | None:
    """The losses, computed once for all visitors; None when there is none to draw."""
    del progress_key
    frame = loss_curves_data(_trainings, _latest(run_id, evaluations), metric)
    return loss_curves_chart(frame, metric=metric, dark=dark) if len(frame) else None


def _details(run: RunView, now: float, zone: str | None) -> None:
    """Recent events and all settings."""
    log, settings = st.tabs(["Recent events", "Settings"])
    with log:
        events = []
        for event in store().events(run.id, EVENTS):
            text = event.text
            if event.level != "info":
                text = f"{event.level}: {event.text}"
            events.append((moment(event.time, zone, now, seconds=True), text))
        html_table(pd.DataFrame(events, columns=["Time", "Event"]), "events")

    with settings:
        values = dict(settings_of(run))
        if run.result_hash:
            values["result hash"] = run.result_hash
        html_table(pd.DataFrame(list(values.items()), columns=["Setting", "Value"]), "run")

    if run.state == "finished":
        link(
            "champion",
            problem_words(run).champion,
            run=run.id,
        )
