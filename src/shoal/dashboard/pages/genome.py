"""The page Genome: its trainings, their losses, what its networks predict, where it comes from."""

from __future__ import annotations

import math

import pandas as pd
import streamlit as st

from shoal.dashboard.charts.scores import score_format, score_title
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
from shoal.dashboard.components.learning_curves_card import learning_curves_card
from shoal.dashboard.components.metric_tiles import metric_tiles
from shoal.dashboard.components.predictions_card import predictions_card
from shoal.dashboard.components.problem_words import topology_ends
from shoal.dashboard.components.run_heading import Badge, run_heading
from shoal.dashboard.error_box import error_box
from shoal.dashboard.routing import entered, go, link, parameter
from shoal.dashboard.session.queries import evaluation_table, read, run_here, store
from shoal.errors import ShoalError
from shoal.objectives.registry import Metric
from shoal.presentation.formatting import (
    duration,
    score_text,
    spread_text,
)
from shoal.problems.evaluation import Evaluation
from shoal.replay.verify import replay_command
from shoal.settings.phase import Phase
from shoal.store import RunView
from shoal.store.genome_lookup import genome_name

# Genomes to choose from. The page of evaluations has all of them.
OFFERED = 100

# Key of Streamlit's session state: the genome that this page showed last.
_SHOWN = "genome_shown"


def page() -> None:
    """The genome that the address names, or a choice."""
    run = run_here()
    wanted = parameter("genome")
    if wanted is None:
        _choose(run)
        return
    try:
        name = genome_name(store(), run.id, wanted)
        evaluations = store().evaluations(run.id, genome=name)
    except ShoalError as error:
        error_box(error)
        _choose(run)
        return

    _update_address(wanted)
    _draw(run, evaluations)


def _draw(run: RunView, evaluations: list[Evaluation]) -> None:
    genome = evaluations[0].task.genome
    repeat = _repeat(evaluations)
    chosen = next(e for e in evaluations if e.task.repeat == repeat)
    folds = run.data_options.get("folds", 1)
    frame = trainings_data(evaluations, run.settings, folds)
    dark = st.context.theme.type == "dark"
    revision = f"{run.id}-{genome.hash}"

    _heading(run, evaluations, frame)

    left, right = st.columns([1.4, 1], gap="small")
    with left.container(border=True, key="chart", height="stretch"):
        st.header("Its trainings", anchor=False)
        figure = trainings_chart(frame, metric=run.metric, highlight=repeat, dark=dark)
        alt = (
            f"{run.metric.label} of each of its {len(frame)} trainings; "
            "the table below has the figures."
        )
        chart(figure, f"trainings-{revision}", alt)
        _table(frame, run)
    with right.container(border=True, key="best", height="stretch"):
        st.header("Parameters", anchor=False)
        st.html(genes_html(genome, run.settings.space, topology_ends(run)))
        copy_parameters(genome)

    with st.container(border=True, key="training"):
        _training(run, evaluations, chosen)
        learning_curves_card(run, evaluations, repeat, dark)

    if chosen.status == "ok" and run.is_table:
        with st.container(border=True, key="fit"):
            predictions_card(run, chosen, dark)
    with st.container(border=True, key="descent"):
        ancestry_card(run, genome.hash, dark)


def _update_address(genome: str) -> None:
    """Have the browser show the genome's address.

    After a link from one genome to another Streamlit stays on the same page, and leaves the old
    address in place.
    """
    if st.session_state.get(_SHOWN) not in (None, genome) and not entered():
        st.query_params.from_dict(st.query_params.to_dict())
    st.session_state[_SHOWN] = genome


def _choose(run: RunView) -> None:
    """The best genomes of the run to choose from."""
    run_heading(run, "evaluation")
    ranked = evaluation_table(run.id).ranked().head(OFFERED)
    if not len(ranked):
        st.caption(
            "No genome of this run has been trained to its end yet. It appears here with the "
            "first one."
        )
        link("live", "See what the run does", icon=":material/arrow_forward:", run=run.id)
        return

    labels = {}
    for rank, (name, score) in enumerate(ranked["score"].items(), 1):
        labels[str(name)] = f"{rank}. {str(name)[:8]} · {score_text(float(score), run.metric)}"
    chosen = st.selectbox(
        "The best genomes of the run",
        list(labels),
        None,
        labels.__getitem__,
        placeholder="Choose one",
    )
    if chosen is not None:
        go("evaluation", run=run.id, genome=chosen)
    link("evaluations", "All evaluations", icon=":material/table_rows:", run=run.id)


def _repeat(evaluations: list[Evaluation]) -> int:
    """The repeat that the address names, or the first that did not fail."""
    repeats = sorted(e.task.repeat for e in evaluations)
    wanted = parameter("repeat") or ""
    if wanted.isdecimal() and len(wanted) < 10 and int(wanted) in repeats:
        return int(wanted)
    succeeded = [e.task.repeat for e in evaluations if e.status == "ok"]
    return min(succeeded, default=repeats[0])


def _heading(run: RunView, evaluations: list[Evaluation], frame: pd.DataFrame) -> None:
    """The genome's name and badges, where it comes from, and its figures."""
    first = evaluations[0].task
    badges = []
    best = read(run.id).summary.best
    if best is not None and best.genome == first.genome:
        badges.append(Badge("champion" if run.state == "finished" else "best so far", "green"))
    failed = int((frame["status"] == "failed").sum())
    if failed:
        badges.append(Badge(f"{failed} failed", "red"))
    where = f"generation {first.generation:,}, individual {first.individual + 1}"
    run_heading(
        run,
        "evaluation",
        detail=first.genome.hash[:8],
        about=f"first trained in {where} · {first.genome.hash}",
        badges=badges,
    )

    means = {mean.phase: mean for mean in phase_means(frame)}
    score_range = _range_text(frame["score"].dropna(), run.metric)
    seconds = float(frame["seconds"].sum())
    metric_tiles(
        [
            _phase_tile("In the search", means.get("search"), run.metric),
            _phase_tile("Confirmed", means.get("confirmation"), run.metric),
            ("Trainings", f"{len(frame)}", score_range),
            ("Training time", duration(seconds), f"{frame['iterations'].sum():,} iterations"),
        ]
    )


def _range_text(scores: pd.Series, metric: Metric) -> str:
    """The smallest and the largest of the scores that did not fail."""
    if not len(scores):
        return "–"
    if metric.unit == "%":
        return f"{scores.min():.2f} to {scores.max():.2f} %"
    return f"{score_text(scores.min(), metric)} to {score_text(scores.max(), metric)}"


def _phase_tile(label: str, mean: PhaseMean | None, metric: Metric) -> tuple[str, str, str]:
    """Label, mean score and interval of the trainings of one phase."""
    if mean is None:
        return label, score_text(None, metric), "not by now"

    count = f"{mean.repeats} trainings" if mean.repeats > 1 else "1 training"
    if mean.half is not None:
        count = f"{spread_text(mean.half, metric)} (95 %), {count}"
    return label, score_text(mean.score, metric), count


def _table(frame: pd.DataFrame, run: RunView) -> None:
    """One row a training."""
    metric = run.metric
    title = score_title(metric)
    shown = pd.DataFrame(
        {
            "Training": [repeat_name(repeat) for repeat in frame["repeat"]],
            title: frame["score"],
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
    # The loss of a function is its value.
    if not run.has_network:
        shown = shown.drop(columns="Loss")

    formats = {
        title: score_format(metric),
        "Fold": ".0f",
        "Loss": ".4g",
        "Iterations": ",.0f",
        "Seconds": ".2f",
    }
    html_table(shown, "trainings", formats)


def _training(run: RunView, evaluations: list[Evaluation], chosen: Evaluation) -> None:
    """The chosen training: its result, its swarm, and the command that trains it again."""
    genome = chosen.task.genome.hash
    repeat = chosen.task.repeat
    key = f"repeat-{run.id}-{genome}-{repeat}"

    def choose() -> None:
        st.query_params["repeat"] = str(st.session_state[key])

    left, right = st.columns([1, 1.6], gap="medium")
    with left:
        st.header("One training", anchor=False)
        st.markdown(_result_text(chosen, run.metric))
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
            genome=genome,
            repeat=repeat,
        )
        with on_demand("Replay command", ":material/terminal:", "again") as wanted:
            if wanted:
                command = replay_command(store(), run.id, genome, repeat)
                st.code(command, language="bash", wrap_lines=True)
                st.caption("Trains it again, and says whether every score is exactly the same.")

    if chosen.status == "failed":
        error_box(_failure(chosen, network=run.has_network))


def _result_text(evaluation: Evaluation, metric: Metric) -> str:
    number = evaluation.task.number_in_phase + 1
    kind = "Training"
    if evaluation.task.phase is Phase.CONFIRMATION:
        kind = "Confirmation"

    result = "failed"
    if evaluation.score is not None:
        result = score_text(evaluation.score, metric)
    return f"{kind} {number}: {result}"


def _failure(evaluation: Evaluation, *, network: bool) -> ShoalError:
    """The error of a failed training, with what can be done.

    ``network`` says whether the swarm looked for the weights of a network.
    """
    text = evaluation.error or "It failed without a word."
    left_all_numbers = evaluation.loss is not None or "finite" in text
    if left_all_numbers and network:
        remedy = (
            "the swarm left all numbers: nothing has to be done, as it ranks last. If many fail, "
            "bound max_position and weight_scale more narrowly in a new run"
        )
    elif math.isclose(evaluation.seconds, 0.0):
        remedy = (
            "its worker was lost, or took too long: the log of the supervisor says more. The "
            "command above shows whether the training itself can be repeated"
        )
    else:
        remedy = "the command above repeats it"

    return ShoalError(text, remedy=remedy)
