"""The genome that a run recommends: how good it is, how sure that is, what others make of the same rows, and taking it away."""

from __future__ import annotations

import time
from functools import partial

import pandas as pd
import streamlit as st

from shoal.dashboard.charts.leaderboard import leaderboard_chart, leaderboard_data, repeats_data
from shoal.dashboard.components.deferred_charts import chart
from shoal.dashboard.components.genome_card import genome_card, on_demand, scores_card
from shoal.dashboard.components.html_table import Column, html_table
from shoal.dashboard.components.metric_tiles import metric_tiles
from shoal.dashboard.components.predictions_card import champion_predictions_card
from shoal.dashboard.components.run_text import state_html
from shoal.dashboard.routing import address, link
from shoal.dashboard.session.queries import RunSnapshot, evaluation_table, read, run_here, store
from shoal.export import archive, report_page
from shoal.genome.genome import Genome
from shoal.numerics.stats import ci95_half_width
from shoal.presentation.formatting import percent, plus_minus
from shoal.store import ACTIVE
from shoal.tuning.champion import Champion

LEADERS = 10
_MODEL = "Networks, a predict.py that needs NumPy alone, every evaluation, settings and the report, as a zip archive"
_REPORT = "The run on one page, to read, print or send"


def page() -> None:
    """One run's champion, or its best so far."""
    run = run_here()
    reading = read(run.id)
    with st.container(horizontal=True, vertical_alignment="center", key="title"):
        st.title(f"Run {run.id}: champion", anchor=False, width="content")
        st.html(state_html(run), width="content")
    champion = reading.summary.champion
    if champion is None:
        _not_yet(reading)
        if reading.summary.best is None:
            return
    else:
        _verdict(champion)
    with st.container(key="panels"):
        left, right = st.columns([1.4, 1], gap="small")
        with left.container(border=True, key="chart", height="stretch"):
            st.subheader("Leaderboard", anchor=False)
            _leaderboard(run.id, reading)
        with right.container(border=True, key="best", height="stretch"):
            genome_card(reading.summary.best, run.settings.space, st.context.timezone, time.time())
    if champion is not None:
        scores_card(reading.summary)
        champion_predictions_card(run, st.context.theme.type == "dark")
    _take_away(reading)


def _not_yet(reading: RunSnapshot) -> None:
    run = reading.run
    if reading.summary.best is None:
        st.caption("There is no best genome before the first generation is complete.")
    elif run.state in ACTIVE:
        st.caption(
            "The search goes on. At its end the best are confirmed on unused random streams, and one is named."
        )
    else:
        st.caption(
            f"The run is {run.state}, and no champion was named: these are its best so far. Resume it for more."
        )
    link("live", "Back to the run", icon=":material/arrow_back:", run=run.id)


def _verdict(champion: Champion) -> None:
    told, test = champion.confirmation, champion.scores.test
    together = champion.ensemble.test
    shown = [
        (
            "Search",
            champion.accuracy,
            plus_minus(ci95_half_width(champion.accuracies)),
            f"of {len(champion.accuracies)} repeats",
        )
    ]
    if told is not None:
        shown.append(
            (
                "Confirmation",
                told.accuracy,
                plus_minus(ci95_half_width(told.accuracies)),
                f"of {len(told.accuracies)} unused streams",
            )
        )
    if test is not None and together is not None:
        networks = len(champion.weights)
        shown.append(("Test, single networks", test.accuracy, "", f"mean of {networks}"))
        shown.append(("Test, their ensemble", together.accuracy, "", "rows nobody had looked at"))
    if told is not None and told.probability is not None:
        verdict = "resolved" if told.resolved else "unresolved"
        shown.append(("Better than the second", 100 * told.probability, "", verdict))
    metric_tiles(
        (label, percent(value), f"{half} · {below}" if half else below)
        for label, value, half, below in shown
    )


def _leaderboard(run_id: int, reading: RunSnapshot) -> None:
    best, dots = _leaders(run_id, reading.run.evaluations)
    figure = leaderboard_chart(best, dots, dark=st.context.theme.type == "dark")
    alt = f"The repeats of the {len(best)} best genomes, a dot each, with means and intervals; the table below has the figures."
    chart(figure, f"leaders-{run_id}", alt)
    html_table(
        pd.DataFrame(
            {
                "": best["rank"].to_numpy(),
                "Genome": best.index,
                "Search (%)": best["accuracy"].to_numpy(),
                "±": best["half"].to_numpy(),
                "n": best["counted"].to_numpy(),
                "Luck": best["luck"].to_numpy(),
                "Confirmed (%)": best["confirmed"].to_numpy(),
                "Fresh n": best["confirmations"].to_numpy(),
                "Stability": [
                    Genome.from_dict(_genes(row)).stability_margin for _, row in best.iterrows()
                ],
                "Layers": ["-".join(map(str, layers)) for layers in best["hidden_layers"]],
                "Rule": best["update_rule"].to_numpy(),
                "Activation": best["activation"].to_numpy(),
                "Generation": best["generation"].to_numpy(),
            }
        ),
        "leaders",
        {
            "Genome": Column(
                help="Its repeats, curves and parents",
                page=lambda genome: address("evaluation", run=run_id, genome=genome),
                text=lambda genome: genome[:8],
            ),
            "Search (%)": Column(".2f", "Mean of the repeats that were selected on"),
            "±": Column(".2f", "Half of the 95 % interval"),
            "n": Column(".0f", "Repeats that were selected on"),
            "Luck": Column(".2f", "How far the luckiest repeat lies above the mean, in points"),
            "Confirmed (%)": Column(".2f", "Mean on unused random streams"),
            "Fresh n": Column(".0f", "Unused random streams"),
            "Stability": Column("+.2f", "Margin: positive swarms contract"),
            "Generation": Column(",.0f", "In which it was born"),
        },
    )


def _genes(row: pd.Series) -> dict[str, object]:
    return {name: row[name] for name in Genome.__dataclass_fields__}


@st.cache_data(max_entries=16, show_spinner=False)
def _leaders(run_id: int, evaluations: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    del evaluations  # part of the cache's key
    table = evaluation_table(run_id)
    best = leaderboard_data(table, LEADERS)
    return best, repeats_data(table, best)


def _take_away(reading: RunSnapshot) -> None:
    run, champion = reading.run, reading.summary.champion
    st.subheader("Take it away", anchor=False)
    commands = [f"export {run.id} --to model"]
    if champion is None:
        st.caption("There are no networks to download yet.")
        why = "Trains the best genome so far, and writes networks, evaluations, settings and a report."
    else:
        _downloads(run.id)
        why = "The same files; the record of the run; one training again, compared to the bit."
        commands += [f"show {run.id}", f"replay {run.id} {champion.genome.hash[:8]} 0"]
    with on_demand("Commands", ":material/terminal:", "commands") as wanted:
        if wanted:
            st.code("\n".join(f"shoal {command}" for command in commands), language="shell")
            st.caption(why)


def _downloads(run_id: int) -> None:
    with st.container(horizontal=True, gap="small"):
        for label, make, name, mime, help in (
            ("Model", archive, f"shoal-run-{run_id}.zip", "application/zip", _MODEL),
            ("Report", report_page, f"shoal-run-{run_id}.html", "text/html", _REPORT),
        ):
            st.download_button(
                label,
                partial(make, store(), run_id),
                name,
                mime,
                icon=":material/download:",
                on_click="ignore",
                help=help,
                key=f"take-{label}",
            )
