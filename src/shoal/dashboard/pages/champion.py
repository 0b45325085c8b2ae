"""The page Champion: the genome that a run recommends.

How good it is, how certain that is, what other methods reach on the same rows, and downloads.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import pandas as pd
import streamlit as st

from shoal.analysis.rank_reasons import Place, RankReason, rank_reasons
from shoal.dashboard.charts.leaderboard import leaderboard_chart, leaderboard_data, repeats_data
from shoal.dashboard.charts.scores import column_title, score_format
from shoal.dashboard.components.best_point_card import best_point_card
from shoal.dashboard.components.deferred_charts import chart
from shoal.dashboard.components.download_buttons import run_downloads
from shoal.dashboard.components.episode_card import episode_card, episode_scores_card
from shoal.dashboard.components.genome_card import genome_card, on_demand, scores_card
from shoal.dashboard.components.html_table import Column, html_table
from shoal.dashboard.components.metric_tiles import metric_tiles
from shoal.dashboard.components.predictions_card import champion_predictions_card
from shoal.dashboard.components.problem_words import (
    ProblemWords,
    problem_words,
    topology_ends,
)
from shoal.dashboard.components.run_heading import run_heading
from shoal.dashboard.components.scorecard_card import scorecard_card
from shoal.dashboard.routing import address, link
from shoal.dashboard.session.queries import RunSnapshot, evaluation_table, read, run_here
from shoal.data.messages import count_of
from shoal.genome.genome import Genome
from shoal.numerics.stats import ci95_half_width, mean
from shoal.objectives.registry import Metric
from shoal.presentation.formatting import difference_text, percent, score_text, spread_text
from shoal.presentation.rank_text import WHY_HERE, WHY_HERE_HELP, rank_text
from shoal.store import ACTIVE, RunView
from shoal.tuning.champion import Champion

LEADERS = 10


def page() -> None:
    """One run's champion, or its best so far."""
    run = run_here()
    snapshot = read(run.id)
    run_heading(run, "champion")

    champion = snapshot.summary.champion
    if champion is None:
        _not_yet(snapshot)
        if snapshot.summary.best is None:
            return
    else:
        _verdict(champion, problem_words(run))

    with st.container(key="panels"):
        left, right = st.columns([1.4, 1], gap="small")
        with left.container(border=True, key="chart", height="stretch"):
            st.header("Leaderboard", anchor=False)
            table = _leaderboard(run, snapshot)
        with right.container(border=True, key="best", height="stretch"):
            zone = st.context.timezone
            genome_card(
                snapshot.summary.best, run.settings.space, zone, time.time(), topology_ends(run)
            )
    # It has more columns than a part of the page has room for.
    with st.container(border=True, key="leaders"):
        st.header("The best genomes", anchor=False)
        html_table(table, "leaders", _leaders_columns(run))

    if champion is not None:
        scores_card(snapshot.summary)
        _in_use(run, champion)
    _take_away(snapshot)


def _not_yet(snapshot: RunSnapshot) -> None:
    """Why there is no champion."""
    run = snapshot.run
    if snapshot.summary.best is None:
        st.caption("There is no best genome before the first generation is complete.")
    elif run.state in ACTIVE:
        st.caption(
            "The search goes on. At its end the best are confirmed on unused random streams, and "
            "one is named."
        )
    else:
        st.caption(
            f"The run is {run.state}, and no champion was named: these are its best so far. "
            "Resume it for more."
        )

    link("live", "Back to the run", icon=":material/arrow_back:", run=run.id)


def _in_use(run: RunView, champion: Champion) -> None:
    """What the champion does: predictions of test rows, episodes, or the best point."""
    dark = st.context.theme.type == "dark"
    if run.is_table:
        scorecard_card(run)
        champion_predictions_card(run, dark)
    elif not run.has_network:
        best_point_card(run, champion)
    else:
        episode_scores_card(run, champion.episodes, dark)
        episode_card(run, champion.episodes, dark)


def _verdict(champion: Champion, words: ProblemWords) -> None:
    """How good the champion is: in the search, confirmed, and in the test."""
    metric = champion.metric
    tiles = [_mean_tile("Search", champion.selection_scores, metric, "repeat")]

    confirmation = champion.confirmation
    if confirmation is not None:
        tiles.append(_mean_tile("Confirmation", confirmation.scores, metric, "unused stream"))

    single = champion.scores.test
    together = champion.ensemble.test
    count = len(champion.weights)
    if single is not None and together is not None and count == 1:
        tiles.append(("Test", score_text(together[metric.name], metric), words.unseen))

    elif single is not None and together is not None:
        networks = f"mean of {count}"
        tiles.append((words.single, score_text(single[metric.name], metric), networks))
        ensemble = score_text(together[metric.name], metric)
        note = words.unseen
        if champion.episodes:
            half = spread_text(ci95_half_width(champion.episodes), metric)
            note = f"{half} · {len(champion.episodes):,} {words.unseen}".removeprefix(" · ")
        tiles.append((words.together, ensemble, note))

    elif not words.together:
        # A point is as good as it is: nothing tests it.
        value = score_text(champion.ensemble.train[metric.name], metric)
        tiles.append((words.single, value, words.unseen))

    if confirmation is not None and confirmation.probability is not None:
        verdict = "resolved" if confirmation.resolved else "unresolved"
        probability = percent(100 * confirmation.probability)
        tiles.append(("Better than the second", probability, verdict))
    metric_tiles(tiles)


def _mean_tile(
    label: str, scores: tuple[float, ...], metric: Metric, of_what: str
) -> tuple[str, str, str]:
    """Label, mean score, and its interval with the number of trainings behind."""
    note = f"of {count_of(len(scores), of_what)}"
    half = spread_text(ci95_half_width(scores), metric)
    if half:
        note = f"{half} · {note}"
    return label, score_text(mean(scores), metric), note


def _leaderboard(run: RunView, snapshot: RunSnapshot) -> pd.DataFrame:
    """Draw the best genomes; return the table with their figures."""
    champion = snapshot.summary.champion
    name = None if champion is None else champion.genome.hash
    best, dots, reasons = _leaders(run.id, run.evaluations, name)
    figure = leaderboard_chart(best, dots, metric=run.metric, dark=st.context.theme.type == "dark")
    alt = (
        f"The repeats of the {len(best)} best genomes, a dot each, with means and intervals; "
        "the table below has the figures."
    )
    chart(figure, f"leaders-{run.id}", alt)
    table = _leaders_table(best, reasons, run.metric)
    if not run.has_network:
        table = table.drop(columns=["Layers", "Activation"])
    return table


def _leaders_table(
    best: pd.DataFrame, reasons: Sequence[RankReason], metric: Metric
) -> pd.DataFrame:
    """One row a genome, with the columns that people read."""
    named = "the first one"
    if reasons and reasons[0].place is Place.CHAMPION:
        named = "the champion"
    margins = []
    for _, row in best.iterrows():
        genes = {name: row[name] for name in Genome.__dataclass_fields__}
        margins.append(Genome.from_dict(genes).stability_margin)

    return pd.DataFrame(
        {
            "": best["rank"].to_numpy(),
            "Genome": best.index,
            WHY_HERE: [rank_text(reason, metric, named=named) for reason in reasons],
            column_title("Search", metric): best["score"].to_numpy(),
            "±": best["half"].to_numpy(),
            "n": best["counted"].to_numpy(),
            "Best - mean": best["luck"].to_numpy(),
            column_title("Confirmed", metric): best["confirmed"].to_numpy(),
            "Confirmations": best["confirmations"].to_numpy(),
            "Stability": margins,
            "Layers": ["-".join(map(str, layers)) for layers in best["hidden_layers"]],
            "Rule": best["update_rule"].to_numpy(),
            "Activation": best["activation"].to_numpy(),
            "Generation": best["generation"].to_numpy(),
        }
    )


def _leaders_columns(run: RunView) -> dict[str, Column]:
    """How the columns of the leaderboard are shown, and what their heads say."""
    metric = run.metric
    score = score_format(metric)

    def difference(value: float) -> str:
        return difference_text(value, metric).removeprefix("+")

    unit = f", in {metric.difference_unit}" if metric.difference_unit else ""
    return {
        "Genome": Column(
            help="Its repeats, curves and parents",
            page=lambda genome: address("evaluation", run=run.id, genome=genome),
            text=lambda genome: genome[:8],
        ),
        WHY_HERE: Column(help=f"{WHY_HERE_HELP}{unit}"),
        column_title("Search", metric): Column(score, "Mean of the repeats that were selected on"),
        "±": Column(text=difference, help="Half of the 95 % interval"),
        "n": Column(".0f", "Repeats that were selected on"),
        "Best - mean": Column(
            text=difference, help=f"By how much the best repeat is better than the mean{unit}"
        ),
        column_title("Confirmed", metric): Column(score, "Mean on unused random streams"),
        "Confirmations": Column(".0f", "Unused random streams"),
        "Stability": Column("+.2f", "Margin: positive swarms contract"),
        "Generation": Column(",.0f", "In which it was born"),
    }


@st.cache_data(max_entries=16, show_spinner=False)
def _leaders(
    run_id: int, evaluations: int, champion: str | None
) -> tuple[pd.DataFrame, pd.DataFrame, list[RankReason]]:
    """The best genomes, their repeats, and why they stand where they do.

    ``evaluations`` is part of the cache's key.
    """
    del evaluations
    table = evaluation_table(run_id)
    best = leaderboard_data(table, LEADERS, champion)
    return best, repeats_data(table, best), rank_reasons(table, best, champion)


def _take_away(snapshot: RunSnapshot) -> None:
    """Downloads, and the commands that write the same."""
    run = snapshot.run
    champion = snapshot.summary.champion
    commands = [f"shoal export {run.id} --to model"]
    st.header("Download", anchor=False)
    if champion is None:
        st.caption("There is nothing to download yet.")
        note = "Trains the best genome so far, and writes the same files as a finished run's."
    else:
        run_downloads(run)
        note = "The same files; the record of the run; one training again, compared bit for bit."
        commands.append(f"shoal show {run.id}")
        commands.append(f"shoal replay {run.id} {champion.genome.hash[:8]} 0")

    with on_demand("Commands", ":material/terminal:", "commands") as wanted:
        if wanted:
            st.code("\n".join(commands), language="shell")
            st.caption(note)
