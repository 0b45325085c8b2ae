"""A run as it goes: is it alive, how good is the best and how sure is that, what does it do now."""

from __future__ import annotations

import time
from collections.abc import Sequence
from html import escape

import pandas as pd
import streamlit as st

from shoal.analysis.run_differences import settings_of
from shoal.analysis.summary import blocking_run
from shoal.dashboard.charts.history import HEIGHT, below_axis_text, drawn_every, history_chart
from shoal.dashboard.charts.loss_curves import loss_curves_chart, loss_curves_data
from shoal.dashboard.charts.vega import Spec
from shoal.dashboard.components.auto_refresh import auto_refresh
from shoal.dashboard.components.deferred_charts import chart
from shoal.dashboard.components.genome_card import genome_card
from shoal.dashboard.components.html_table import html_table
from shoal.dashboard.components.metric_tiles import metric_tiles, progress_bar_html
from shoal.dashboard.components.run_controls import run_controls, show_refusal
from shoal.dashboard.components.run_text import (
    elapsed,
    progress,
    progress_text,
    state_html,
    state_word,
    waiting_text,
)
from shoal.dashboard.error_box import error_box
from shoal.dashboard.routing import link
from shoal.dashboard.session.queries import RunSnapshot, read, run_here, store
from shoal.errors import ShoalError
from shoal.presentation.formatting import duration, half_width, moment, percent, plus_minus
from shoal.store import ACTIVE, RunningTraining, RunView

REST_SECONDS = 5.0  # between two looks at a run that nobody works on
EVENTS = 50
RECENT = 8  # recorded trainings whose losses are shown behind those under way


def page() -> None:
    """One run, refreshed each second while it lives."""
    run = run_here()
    auto_refresh(_view, run.id, run.state, usual=1.0 if run.state in ACTIVE else REST_SECONDS)


def _view(run_id: int, state: str) -> None:
    try:
        reading = read(run_id)
    except ShoalError as error:
        error_box(error)
        return
    run, now, zone = reading.run, time.time(), st.context.timezone
    if run.state != state:
        st.rerun()  # another pace, and other pages have something to show
    supervised = run.state == "running" or any(
        s.scope in (None, run.id) for s in store().supervisors()
    )
    _heading(run, supervised, now, zone)
    show_refusal(run)
    if run.error:
        error_box(run.error)
    elif reading.failure and run.generations and run.best_accuracy is None:
        error_box(
            f"Every training of the last generation failed. The first failure: {reading.failure}"
        )
    _progress(reading)
    _metrics(reading)
    with st.container(key="panels"):
        left, right = st.columns([1.4, 1], gap="small")
        with left.container(border=True, key="chart", height="stretch"):
            st.subheader("Accuracy by generation", anchor=False)
            _chart(reading, supervised)
        with right.container(border=True, key="best", height="stretch"):
            genome_card(reading.summary.best, run.settings.space, zone, now)
    with st.container(border=True, key="now"):
        _now(run)
    _details(run, now, zone)


def _heading(run: RunView, supervised: bool, now: float, zone: str | None) -> None:
    """Number, name and state of a run, with the buttons that fit."""
    s = run.settings
    begun = (
        f"started {moment(run.started, zone, now)}"
        if run.started
        else f"queued {moment(run.created, zone, now)}"
    )
    shape = f"population {s.population} · {s.repeats} repeat{'' if s.repeats == 1 else 's'} · {s.iterations:,} iterations"
    about = f"{s.preset} · {shape} · seed {s.seed} · {begun}"
    with st.container(key="heading"):
        left, right = st.columns([2, 1], vertical_alignment="center")
        left.html(
            f'<header class="run"><h1>Run {run.id}</h1>{state_html(run)}'
            f"<p><bdi>{escape(run.name)}</bdi> {escape(about)}</p></header>"
        )
        with right.container(horizontal=True, horizontal_alignment="right", gap="small"):
            run_controls(run, supervised)


def _progress(reading: RunSnapshot) -> None:
    run = reading.run
    said = []
    if run.state == "running" and run.heartbeat_age is not None:
        said.append(f'<i class="green">●</i> Alive, heartbeat {duration(run.heartbeat_age)} ago')
    else:
        then = "Resume continues it" if run.state == "interrupted" else "nothing is being trained"
        said.append(f"<i>●</i> {state_word(run).capitalize()}, {then}")
    if (pace := reading.summary.trainings_per_minute) is not None:
        said.append(
            f"{pace:,.0f} trainings a minute" if pace >= 10 else f"{pace:.1f} trainings a minute"
        )
    said.append(f"{run.evaluations:,} trainings, {run.iterations:,} iterations recorded")
    if reading.failed:
        said.append(f'<i class="red">{reading.failed:,} failed</i>')
    st.html(progress_bar_html(progress(run), progress_text(reading.summary), "  ·  ".join(said)))


def _metrics(reading: RunSnapshot) -> None:
    run, best = reading.run, reading.summary.best
    half = half_width(best.ci95) if best else None
    counted = run.settings.schedule.scored_repeats(run.settings.max_repeats)
    values = (
        ("Current Generation", f"{run.generations:,}", f"of {run.settings.generations:,}"),
        (
            "Best Accuracy",
            percent(best.accuracy if best else None),
            f"{plus_minus(half)} (95 %)"
            if half is not None
            else "of one repeat"
            if best
            else "not known yet",
        ),
        ("Best Repeats", f"{best.repeats}" if best else "–", f"of at most {len(counted)}"),
        (
            "Average Accuracy",
            percent(run.avg_accuracy),
            f"of {run.settings.population} individuals",
        ),
        ("Elapsed Time", duration(elapsed(run)), "of active training"),
    )
    metric_tiles(values)


def _chart(reading: RunSnapshot, supervised: bool) -> None:
    run = reading.run
    if not len(reading.history):
        title, text = waiting_text(run, supervised, blocking_run(store(), run))
        with st.container(
            key="waiting",
            height=HEIGHT,
            border=False,
            vertical_alignment="center",
            horizontal_alignment="center",
        ):
            st.markdown(f"**{title}**")
            st.caption(text)
        return
    figure = _figure(reading.history, run.id, run.generations, st.context.theme.type == "dark")
    alt = f"Best and average accuracy of {run.generations} generations; the last best is {percent(run.best_accuracy)}."
    chart(figure, f"history-{run.id}", alt)
    notes = [below_axis_text(reading.history)]
    if (each := drawn_every(len(reading.history))) > 1:
        notes.append(f"One generation in {each} is drawn, and the last")
    note = ". ".join(filter(None, notes))
    st.caption(
        f"{note}." if note else "\u00a0"
    )  # a line for it, so that nothing moves when there is something to say


@st.cache_resource(max_entries=32, show_spinner=False)
def _figure(_history: pd.DataFrame, run_id: int, generations: int, dark: bool) -> Spec:
    del run_id, generations  # the cache's key
    return history_chart(_history, dark=dark)


def _now(run: RunView) -> None:
    """What trains, each with its bar; and the losses of these and of what was recorded last."""
    st.subheader("Training now", anchor=False)
    noted = store().live(run.id) if run.state == "running" else None
    trainings = noted.trainings if noted else ()
    left, right = st.columns([1, 1.4], gap="medium")
    with left:
        if not trainings:
            st.caption(
                "Between two trainings."
                if run.state == "running"
                else f"Nothing: the run is {state_word(run)}."
            )
        for n, training in enumerate(trainings):
            with st.container(key=f"training-{n}", gap=None):
                name = training.baseline or f"{training.genome.hash[:8]} · repeat {training.repeat}"
                layers = "-".join(map(str, training.genome.hidden_layers))
                said = (
                    f"{training.iteration:,} of {training.iterations:,} iterations"
                    if training.iteration
                    else "under way"
                )
                share = training.iteration / training.iterations if training.iterations else 0.0
                st.progress(
                    min(1.0, share),
                    text=f":small[**{name}** · {training.kind} · {layers} · {said}]",
                )
        if trainings:
            link("swarm", "Watch the swarm", icon=":material/bubble_chart:", run=run.id, show="now")
    with right:
        told = tuple((training.worker, training.kind, training.iteration) for training in trainings)
        figure = _losses(run.id, run.evaluations, told, st.context.theme.type == "dark", trainings)
        if figure is not None:
            alt = f"Losses of {len(trainings)} trainings under way, and of the last {RECENT} recorded."
            chart(figure, f"now-{run.id}", alt)
            st.caption(
                f"Losses on the training rows: what trains for longer than a second, and the last {RECENT} recorded."
            )


@st.cache_resource(max_entries=32, show_spinner=False)
def _losses(
    run_id: int,
    evaluations: int,
    told: tuple[object, ...],
    dark: bool,
    _trainings: Sequence[RunningTraining],
) -> Spec | None:
    del evaluations, told  # the cache's key, for all who look at it
    frame = loss_curves_data(_trainings, store().latest_evaluations(run_id, RECENT))
    return loss_curves_chart(frame, dark=dark) if len(frame) else None


def _details(run: RunView, now: float, zone: str | None) -> None:
    log, settings = st.tabs(["Recent events", "Settings"])
    with log:
        found = store().events(run.id, EVENTS)
        texts = [
            event.text if event.level == "info" else f"{event.level}: {event.text}"
            for event in found
        ]
        events = [
            (moment(e.time, zone, now, seconds=True), text)
            for e, text in zip(found, texts, strict=True)
        ]
        html_table(pd.DataFrame(events, columns=["Time", "Event"]), "events")
    with settings:
        told = settings_of(run) | ({"result hash": run.result_hash} if run.result_hash else {})
        html_table(pd.DataFrame(list(told.items()), columns=["Setting", "Value"]), "run")
    if run.state == "finished":
        link(
            "champion",
            "The champion: how good, how sure, and what others make of the same rows",
            run=run.id,
        )
