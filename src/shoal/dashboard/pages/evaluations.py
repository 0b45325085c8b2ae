"""The page Evaluations: every training of a run in a table, with filters and downloads.

The server filters; the browser sorts and scrolls.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import streamlit as st

from shoal.analysis.evaluation_table import EvaluationTable
from shoal.dashboard.charts.scores import column_title, score_format, score_title
from shoal.dashboard.routing import address
from shoal.dashboard.session.downloads import as_csv, as_parquet
from shoal.dashboard.session.queries import evaluation_table, run_here
from shoal.objectives.registry import Metric
from shoal.presentation.formatting import escaped
from shoal.settings.phase import FIRST_CONFIRMATION, is_confirmation
from shoal.store import RunView

_EVERY = "All"
_SEARCH = "Search"
_CONFIRMING = "Confirm"

# The height of the table, in pixels.
HEIGHT = 560

# Columns of `EvaluationTable.genomes` that follow from evaluations. Downloads leave them out.
_COMPUTED = ["repeats", "level", "deviation", "counted", "confirmed", "confirmations"]


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
        f"{len(shown):,} of {len(table.frame):,} trainings. A column's head sorts by it; a "
        "genome's link leads to its page."
    )
    with right.container(horizontal=True, horizontal_alignment="right"):
        st.button(
            "Refresh", icon=":material/refresh:", key="refresh", help="Read what was recorded since"
        )
        _download(run.id, table, shown, "CSV", as_csv, "text/csv")
        _download(run.id, table, shown, "Parquet", as_parquet, "application/vnd.apache.parquet")
    _table(run, shown)


def _download(
    run_id: int,
    table: EvaluationTable,
    shown: pd.DataFrame,
    label: str,
    write: Callable[[pd.DataFrame], bytes],
    mime: str,
) -> None:
    st.download_button(
        label,
        lambda: write(_with_genes(table, shown)),
        file_name=f"run-{run_id}-evaluations.{label.lower()}",
        mime=mime,
        icon=":material/download:",
        on_click="ignore",
        key=f"download-{label}",
    )


def _filtered(table: EvaluationTable) -> pd.DataFrame:
    """The evaluations that the visitor's filters keep."""
    frame = table.frame
    last = max(int(frame["generation"].max()), 1)
    with st.container(key="filters"):
        columns = st.columns([1.9, 1, 1.5, 1.4, 1.4], gap="small")
        phase_column, status_column, generation_column, score_column, genome_column = columns
        phase = phase_column.segmented_control(
            "Trained for", [_EVERY, _SEARCH, _CONFIRMING], default=_EVERY, required=True
        )
        status = status_column.selectbox("Status", ["any", "ok", "failed"])
        first, final = generation_column.slider("Generations", 0, last, (0, last))
        limit = score_column.number_input(
            _limit_label(table.metric), value=None, placeholder="any", **_limit_steps(table.metric)
        )
        name = genome_column.text_input("Genome begins with", placeholder="any", max_chars=16)

    keep = frame["generation"].between(first, final)
    if phase != _EVERY:
        keep &= is_confirmation(frame["repeat"]) == (phase == _CONFIRMING)
    if status != "any":
        keep &= frame["status"] == status
    if limit is not None:
        keep &= table.metric.fitness(1.0) * frame["score"] >= table.metric.fitness(limit)
    if name:
        keep &= frame["genome"].str.startswith(name.strip().lower())
    return frame[keep]


def _limit_label(metric: Metric) -> str:
    """What the filter of scores asks for: the worst that is shown."""
    word = "least" if metric.maximizes else "most"
    return escaped(column_title(f"{metric.label} at {word}", metric))


def _limit_steps(metric: Metric) -> dict[str, Any]:
    """Percentages go up by one; of other scores nobody knows the size."""
    if metric.unit == "%":
        return {"step": 1.0}
    return {"format": "%g"}


def _table(run: RunView, shown: pd.DataFrame) -> None:
    """The newest evaluation first."""
    if shown.empty:
        st.caption("No training fits these filters.")
        return

    newest_first = shown.iloc[::-1]
    # Quoting each of 100,000 hashes for an address would take a second, for nothing.
    genome_address = address("evaluation", run=run.id, genome="")
    recorded = pd.to_datetime(newest_first["created"].to_numpy(), unit="s", utc=True)
    rows = pd.DataFrame(
        {
            "Genome": (genome_address + newest_first["genome"]).to_numpy(),
            "Repeat": newest_first["repeat"].to_numpy(),
            "Generation": newest_first["generation"].to_numpy(),
            "Individual": newest_first["individual"].to_numpy(),
            "Status": newest_first["status"].to_numpy(),
            "Score": newest_first["score"].to_numpy(),
            "Loss": newest_first["loss"].to_numpy(),
            "Iterations": newest_first["iterations"].to_numpy(),
            "Seconds": newest_first["seconds"].to_numpy(),
            "Recorded": recorded,
            "Worker": newest_first["worker"].to_numpy(),
        }
    )
    # The loss of a function is its value.
    if not run.has_network:
        rows = rows.drop(columns="Loss")
    st.dataframe(
        rows,
        lazy=True,
        hide_index=True,
        height=HEIGHT,
        key="evaluations",
        column_config=_columns(run.metric),
    )


def _columns(metric: Metric) -> dict[str, Any]:
    """How the table's columns are shown."""
    column = st.column_config
    return {
        "Genome": column.LinkColumn(
            display_text=r"genome=([0-9a-f]{8})", help="Its first eight digits"
        ),
        "Repeat": column.NumberColumn(
            format="%d", help=f"From {FIRST_CONFIRMATION:,} on: a confirmation"
        ),
        "Score": column.NumberColumn(score_title(metric), format=f"%{score_format(metric)}"),
        "Loss": column.NumberColumn(format="%.5g"),
        "Iterations": column.NumberColumn(format="localized"),
        "Seconds": column.NumberColumn("Time (s)", format="%.2f"),
        "Recorded": column.DatetimeColumn(
            format="YYYY-MM-DD HH:mm:ss", timezone=st.context.timezone
        ),
    }


def _with_genes(table: EvaluationTable, shown: pd.DataFrame) -> pd.DataFrame:
    """The evaluations with the genes of their genomes, for a download."""
    # An accuracy has had this name from the first version on.
    if table.metric.is_accuracy:
        shown = shown.rename(columns={"score": "accuracy"})
    genes = table.genomes().drop(columns=_COMPUTED)
    genes = genes.drop(columns=[name for name in shown.columns if name in genes.columns])
    genes["hidden_layers"] = ["-".join(map(str, layers)) for layers in genes["hidden_layers"]]
    return shown.join(genes, on="genome")
