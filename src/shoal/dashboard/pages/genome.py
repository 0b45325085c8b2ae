"""One genome: its trainings, their losses, what a network of it predicts, and where it comes from."""

from __future__ import annotations

import math

import pandas as pd
import streamlit as st

from shoal.dashboard.charts.training_losses import losses_chart, losses_data
from shoal.dashboard.charts.trainings import (
    PhaseMean,
    phase_means,
    repeat_name,
    trainings_chart,
    trainings_data,
)
from shoal.dashboard.components.ancestry_card import ancestry_card
from shoal.dashboard.components.deferred_charts import chart
from shoal.dashboard.components.genome_card import copy_parameters, genes_html, on_demand
from shoal.dashboard.components.html_table import html_table
from shoal.dashboard.components.metric_tiles import metric_tiles
from shoal.dashboard.components.predictions_card import predictions_card
from shoal.dashboard.error_box import error_box
from shoal.dashboard.routing import entered, go, link, parameter
from shoal.dashboard.session.queries import evaluation_table, read, run_here, store
from shoal.errors import ShoalError
from shoal.presentation.formatting import duration, percent, plus_minus, quoted
from shoal.problems.evaluation import Evaluation
from shoal.replay.verify import replay_command
from shoal.settings.phase import Phase
from shoal.store import RunView
from shoal.store.genome_lookup import genome_name

OFFERED = 100  # genomes to choose from; the page of evaluations has all


def page() -> None:
    """The genome that the address names, or a choice."""
    run = run_here()
    wanted = parameter("genome")
    if wanted is None:
        _choose(run)
        return
    try:
        evaluations = store().evaluations(run.id, genome=genome_name(store(), run.id, wanted))
    except ShoalError as error:
        error_box(error)
        _choose(run)
        return
    _tell_address(wanted)
    repeat = _repeat(evaluations)
    chosen = next(e for e in evaluations if e.task.repeat == repeat)
    folds = run.data_options.get("folds", 1)
    frame = trainings_data(evaluations, run.settings, folds)
    genome = evaluations[0].task.genome
    _heading(run, evaluations, frame)
    dark, revision = st.context.theme.type == "dark", f"{run.id}-{genome.hash}"
    left, right = st.columns([1.4, 1], gap="small")
    with left.container(border=True, key="chart", height="stretch"):
        st.subheader("Its trainings", anchor=False)
        figure = trainings_chart(frame, highlight=repeat, dark=dark)
        alt = f"Accuracy of each of its {len(frame)} trainings; the table below has the figures."
        chart(figure, f"trainings-{revision}", alt)
        _table(frame)
    with right.container(border=True, key="best", height="stretch"):
        st.subheader("Parameters", anchor=False)
        st.html(genes_html(genome, run.settings.space))
        copy_parameters(genome)
    with st.container(border=True, key="training"):
        _training(run, evaluations, chosen)
        losses = losses_data(evaluations)
        if len(losses):
            figure = losses_chart(losses, highlight=repeat, dark=dark)
            chart(figure, f"curves-{revision}", "Loss by iteration of each")
            st.caption(
                "The loss of the best particle so far, on the rows trained on; dashed: confirmations; in front: the chosen one."
            )
    if chosen.status == "ok":
        with st.container(border=True, key="fit"):
            predictions_card(run, chosen, dark)
    with st.container(border=True, key="descent"):
        ancestry_card(run, genome.hash, dark)


def _tell_address(genome: str) -> None:
    """Have the browser show it: after a link from one genome to another, the same page, Streamlit leaves the old address."""
    if st.session_state.get("genome_shown") not in (None, genome) and not entered():
        st.query_params.from_dict(st.query_params.to_dict())
    st.session_state["genome_shown"] = genome


def _choose(run: RunView) -> None:
    st.title("Genome", anchor=False)
    ranked = evaluation_table(run.id).ranked().head(OFFERED)
    if not len(ranked):
        st.caption(
            "No genome of this run has been trained to its end yet. It appears here with the first one."
        )
        link("live", "See what the run does", icon=":material/arrow_forward:", run=run.id)
        return
    names = list(ranked.index)
    texts = {
        name: f"{place}. {name[:8]} · {percent(float(accuracy))}"
        for place, (name, accuracy) in enumerate(zip(names, ranked["accuracy"], strict=True), 1)
    }
    chosen = st.selectbox(
        "The best genomes of the run", names, None, texts.__getitem__, placeholder="Choose one"
    )
    if chosen is not None:
        go("evaluation", run=run.id, genome=chosen)
    link("evaluations", "All evaluations", icon=":material/table_rows:", run=run.id)


def _repeat(evaluations: list[Evaluation]) -> int:
    """The training that the address names, or the first that did not fail."""
    numbers = sorted(e.task.repeat for e in evaluations)
    wanted = parameter("repeat") or ""
    if wanted.isdecimal() and len(wanted) < 10 and int(wanted) in numbers:
        return int(wanted)
    good = [e.task.repeat for e in evaluations if e.status == "ok"]
    return min(good, default=numbers[0])


def _heading(run: RunView, evaluations: list[Evaluation], frame: pd.DataFrame) -> None:
    first = evaluations[0].task
    with st.container(horizontal=True, vertical_alignment="center", key="title"):
        st.title(f"Genome {first.genome.hash[:8]}", anchor=False, width="content")
        best = read(run.id).summary.best
        if best is not None and best.genome == first.genome:
            st.badge("champion" if run.state == "finished" else "best so far", color="green")
        failed = int((frame["status"] == "failed").sum())
        if failed:
            st.badge(f"{failed} failed", color="red")
    with st.container(horizontal=True, vertical_alignment="center", key="about"):
        st.markdown(quoted(run.name), width="content")
        where = f"generation {first.generation:,}, individual {first.individual + 1}"
        st.caption(
            f"run {run.id} · first trained in {where} · {first.genome.hash}", width="content"
        )
    found = {m.phase: m for m in phase_means(frame)}
    searched, confirmed = found.get("search"), found.get("confirmation")
    good = frame["accuracy"].dropna()
    luck = f"{good.min():.2f} to {good.max():.2f} %" if len(good) else "–"
    seconds = float(frame["seconds"].sum())
    values = (
        ("In the search", percent(searched.accuracy if searched else None), _spread(searched)),
        ("Confirmed", percent(confirmed.accuracy if confirmed else None), _spread(confirmed)),
        ("Trainings", f"{len(frame)}", luck),
        ("Training time", duration(seconds), f"{frame['iterations'].sum():,} iterations"),
    )
    metric_tiles(values)


def _spread(found: PhaseMean | None) -> str:
    if found is None:
        return "not by now"
    count = f"{found.repeats} trainings" if found.repeats > 1 else "1 training"
    return count if found.half is None else f"{plus_minus(found.half)} (95 %), {count}"


def _table(frame: pd.DataFrame) -> None:
    shown = pd.DataFrame(
        {
            "Training": [repeat_name(r) for r in frame["repeat"]],
            "Accuracy (%)": frame["accuracy"],
            "Fold": frame["fold"].where(frame["fold"] > 0),
            "Loss": frame["loss"],
            "Iterations": frame["iterations"],
            "Seconds": frame["seconds"],
            "Status": frame["status"],
            "In the mean": frame["counted"],
            "Repeat": frame["repeat"],
            "Worker": frame["worker"],
        }
    )
    if shown["Fold"].isna().all():
        shown = shown.drop(columns="Fold")
    forms = {
        "Accuracy (%)": ".2f",
        "Fold": ".0f",
        "Loss": ".4g",
        "Iterations": ",.0f",
        "Seconds": ".2f",
    }
    html_table(shown, "trainings", forms)


def _training(run: RunView, evaluations: list[Evaluation], chosen: Evaluation) -> None:
    """The chosen training: what it came to, how to see it move, how to train it again."""
    name, repeat = chosen.task.genome.hash, chosen.task.repeat
    left, right = st.columns([1, 1.6], gap="medium")

    def choose() -> None:
        st.query_params["repeat"] = str(st.session_state[key])

    key = f"repeat-{run.id}-{name}-{repeat}"
    with left:
        st.subheader("One training", anchor=False)
        st.markdown(_told(chosen))
        st.pills(
            "Training",
            sorted(e.task.repeat for e in evaluations),
            default=repeat,
            required=True,
            format_func=repeat_name,
            key=key,
            on_change=choose,
            label_visibility="collapsed",
            wrap=True,
        )
    with right:
        link(
            "swarm",
            "Watch its swarm",
            icon=":material/bubble_chart:",
            run=run.id,
            genome=name,
            repeat=repeat,
        )
        with on_demand("Replay command", ":material/terminal:", "again") as wanted:
            if wanted:
                st.code(
                    replay_command(store(), run.id, name, repeat), language="bash", wrap_lines=True
                )
                st.caption("Trains it again, and says whether every score is the same to the bit.")
    if chosen.status == "failed":
        error_box(_failure(chosen))


def _told(evaluation: Evaluation) -> str:
    number = evaluation.task.number_in_phase + 1
    if evaluation.task.phase is Phase.CONFIRMATION:
        kind = f"Confirmation {number}"
    else:
        kind = f"Training {number}"
    return f"{kind}: {'failed' if evaluation.accuracy is None else percent(evaluation.accuracy)}"


def _failure(evaluation: Evaluation) -> ShoalError:
    """What its error text says, and what can be done."""
    text = evaluation.error or "It failed without a word."
    if evaluation.loss is not None or "finite" in text:
        remedy = (
            "the swarm left all numbers: nothing has to be done, as it ranks last. If many fail, bound max_position and "
            "weight_scale more narrowly in a new run"
        )
    elif math.isclose(evaluation.seconds, 0.0):
        remedy = (
            "its worker was lost, or took too long: the log of the supervisor says more. The command above shows whether "
            "the training itself can be repeated"
        )
    else:
        remedy = "the command above repeats it"
    return ShoalError(text, remedy=remedy)
