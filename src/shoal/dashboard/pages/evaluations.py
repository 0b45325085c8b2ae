"""Every training of a run in a table: filtered here, sorted and scrolled in the browser, taken away as CSV or Parquet."""

from __future__ import annotations

from functools import partial

import pandas as pd
import streamlit as st

from shoal.analysis.evaluation_table import EvaluationTable
from shoal.dashboard.routing import address
from shoal.dashboard.session.downloads import as_csv, as_parquet
from shoal.dashboard.session.queries import evaluation_table, run_here
from shoal.settings.phase import FIRST_CONFIRMATION, is_confirmation

_EVERY, _SEARCH, _CONFIRMING = "All", "Search", "Confirm"
HEIGHT = 560


def page() -> None:
    """Filters, the table, and its downloads."""
    run = run_here()
    st.title(f"Run {run.id}: evaluations", anchor=False)
    table = evaluation_table(run.id)
    if table.frame.empty:
        st.caption("Nothing was trained yet. Each training appears here as soon as it is recorded.")
        return
    shown = _filtered(table)
    left, right = st.columns([2, 1], vertical_alignment="center")
    left.caption(
        f"{len(shown):,} of {len(table.frame):,} trainings. A column's head sorts by it; a genome's link leads to its page."
    )
    with right.container(horizontal=True, horizontal_alignment="right"):
        st.button(
            "Refresh", icon=":material/refresh:", key="refresh", help="Read what was recorded since"
        )
        for label, make, mime in (
            ("CSV", as_csv, "text/csv"),
            ("Parquet", as_parquet, "application/vnd.apache.parquet"),
        ):
            st.download_button(
                label,
                partial(_export, table, shown, make),
                file_name=f"run-{run.id}-evaluations.{label.lower()}",
                mime=mime,
                icon=":material/download:",
                on_click="ignore",
                key=f"download-{label}",
            )
    _table(run.id, shown)


def _filtered(table: EvaluationTable) -> pd.DataFrame:
    frame = table.frame
    last = int(frame["generation"].max())
    with st.container(key="filters"):
        phase, status, generations, accuracy, genome = st.columns(
            [1.9, 1, 1.5, 1.4, 1.4], gap="small"
        )
        kind = phase.segmented_control(
            "Trained for", [_EVERY, _SEARCH, _CONFIRMING], default=_EVERY, required=True
        )
        state = status.selectbox("Status", ["any", "ok", "failed"])
        first, final = generations.slider("Generations", 0, max(last, 1), (0, max(last, 1)))
        least = accuracy.number_input(
            "Accuracy at least (%)", value=None, placeholder="any", step=1.0
        )
        name = genome.text_input("Genome begins with", placeholder="any", max_chars=16)
    keep = frame["generation"].between(first, final)
    if kind != _EVERY:
        keep &= is_confirmation(frame["repeat"]) == (kind == _CONFIRMING)
    if state != "any":
        keep &= frame["status"] == state
    if least is not None:
        keep &= frame["accuracy"] >= least
    if name:
        keep &= frame["genome"].str.startswith(name.strip().lower())
    return frame[keep]


def _table(run_id: int, shown: pd.DataFrame) -> None:
    if shown.empty:
        st.caption("No training fits these filters.")
        return
    newest_first = shown.iloc[::-1]
    every = address(
        "evaluation", run=run_id, genome=""
    )  # quoting each of 100,000 hashes takes a second, for nothing
    whole = pd.DataFrame(
        {
            "Genome": (every + newest_first["genome"]).to_numpy(),
            "Repeat": newest_first["repeat"].to_numpy(),
            "Generation": newest_first["generation"].to_numpy(),
            "Individual": newest_first["individual"].to_numpy(),
            "Status": newest_first["status"].to_numpy(),
            "Accuracy": newest_first["accuracy"].to_numpy(),
            "Loss": newest_first["loss"].to_numpy(),
            "Iterations": newest_first["iterations"].to_numpy(),
            "Seconds": newest_first["seconds"].to_numpy(),
            "Recorded": pd.to_datetime(newest_first["created"].to_numpy(), unit="s", utc=True),
            "Worker": newest_first["worker"].to_numpy(),
        }
    )
    column = st.column_config
    st.dataframe(
        whole,
        lazy=True,
        hide_index=True,
        height=HEIGHT,
        key="evaluations",
        column_config={
            "Genome": column.LinkColumn(
                display_text=r"genome=([0-9a-f]{8})", help="Its first eight digits"
            ),
            "Repeat": column.NumberColumn(
                format="%d", help=f"From {FIRST_CONFIRMATION:,} on: a confirmation"
            ),
            "Accuracy": column.NumberColumn("Accuracy (%)", format="%.2f"),
            "Loss": column.NumberColumn(format="%.5g"),
            "Iterations": column.NumberColumn(format="localized"),
            "Seconds": column.NumberColumn("Time (s)", format="%.2f"),
            "Recorded": column.DatetimeColumn(
                format="YYYY-MM-DD HH:mm:ss", timezone=st.context.timezone
            ),
        },
    )


def _export(table: EvaluationTable, shown: pd.DataFrame, make: object) -> bytes:
    genes = table.genomes().drop(
        columns=[name for name in shown.columns if name in table.genomes().columns]
    )
    genes = genes.drop(
        columns=["repeats", "level", "deviation", "counted", "confirmed", "confirmations"]
    )
    genes["hidden_layers"] = ["-".join(map(str, layers)) for layers in genes["hidden_layers"]]
    assert callable(make)
    content = make(shown.join(genes, on="genome"))
    assert isinstance(content, bytes)
    return content
