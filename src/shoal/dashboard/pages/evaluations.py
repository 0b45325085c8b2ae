"""The page Evaluations: every training of a run in a table, with filters and downloads.

The server filters and sorts, and says in the address how; the browser scrolls.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import streamlit as st

from shoal.analysis.evaluation_table import EvaluationTable
from shoal.analysis.gene_columns import Range, gene_columns, genomes_within, is_numeric
from shoal.dashboard.charts.scores import column_title, score_format, score_title
from shoal.dashboard.components.download_buttons import download_button
from shoal.dashboard.components.run_heading import run_heading
from shoal.dashboard.routing import address
from shoal.dashboard.session.downloads import as_csv, as_parquet
from shoal.dashboard.session.queries import evaluation_table, run_here
from shoal.genome.genes import GENE_LABELS, gene_label
from shoal.objectives.registry import Metric
from shoal.presentation.formatting import escaped
from shoal.settings.phase import FIRST_CONFIRMATION, is_confirmation
from shoal.store import RunView

_EVERY = "All"
_SEARCH = "Search"
_CONFIRMING = "Confirm"

# The height of the table, in pixels.
HEIGHT = 560
# Filters of genes beside each other.
_FILTERS_A_LINE = 3

# Columns of `EvaluationTable.genomes` that follow from evaluations. Downloads leave them out.
_COMPUTED = ["repeats", "level", "deviation", "counted", "confirmed", "confirmations"]


# Columns that rows can be sorted by, with what people call them; beside them the genes.
_SORTS = {
    "id": "Recorded",
    "score": "Score",
    "loss": "Loss",
    "generation": "Generation",
    "iterations": "Iterations",
    "seconds": "Time",
}
# Which rows and columns a download has.
_WHOLE = "Whole"
_AS_SHOWN = "As shown"


def page() -> None:
    """Filters, the table, and its downloads. The keys of the fields are parameters of the address.

    Genes are read when the first of them is asked for.
    """
    run = run_here()
    run_heading(run, "evaluations")
    table = evaluation_table(run.id)
    if table.frame.empty:
        st.caption("Nothing was trained yet. Each training appears here as soon as it is recorded.")
        return

    shown = _filtered(table)
    shown, chosen = _with_chosen_genes(table, shown, list(GENE_LABELS))
    left, right = st.columns([1.3, 2], vertical_alignment="center")
    left.caption(
        f"{len(shown):,} of {len(table.frame):,} trainings. A genome's link leads to its page."
    )
    with right.container(
        horizontal=True, horizontal_alignment="right", vertical_alignment="center"
    ):
        st.button(
            "Refresh", icon=":material/refresh:", key="refresh", help="Read what was recorded since"
        )
        part = st.segmented_control(
            "Download",
            [_WHOLE, _AS_SHOWN],
            default=_WHOLE,
            required=True,
            key="take",
            bind="query-params",
            label_visibility="collapsed",
            help="All trainings with all genes, or the rows and columns of the table",
        )
        _download(run.id, table, part, shown, "CSV", as_csv, "text/csv")
        parquet = "application/vnd.apache.parquet"
        _download(run.id, table, part, shown, "Parquet", as_parquet, parquet)
    _table(run, shown, chosen)


def _download(
    run_id: int,
    table: EvaluationTable,
    part: str | None,
    shown: pd.DataFrame,
    label: str,
    write: Callable[[pd.DataFrame], bytes],
    mime: str,
) -> None:
    def content() -> bytes:
        if part == _AS_SHOWN:
            return write(_named(table, shown))
        return write(_with_genes(table, table.frame))

    download_button(label, content, f"run-{run_id}-evaluations.{label.lower()}", mime)


def _filtered(table: EvaluationTable) -> pd.DataFrame:
    """The evaluations that the visitor's filters keep; those of genes come after."""
    frame = table.frame
    # A slider needs two ends that differ.
    first, last = int(frame["generation"].min()), max(int(frame["generation"].max()), 2)
    with st.container(key="filters"):
        columns = st.columns([1.9, 1, 1.5, 1.4, 1.4], gap="small")
        phase_column, status_column, generation_column, score_column, genome_column = columns
        phase = phase_column.segmented_control(
            "Trained for",
            [_EVERY, _SEARCH, _CONFIRMING],
            default=_EVERY,
            required=True,
            key="phase",
            bind="query-params",
        )
        status = status_column.selectbox(
            "Status", ["any", "ok", "failed"], key="status", bind="query-params"
        )
        low, high = generation_column.slider(
            "Generations", first, last, (first, last), key="generations", bind="query-params"
        )
        limit = score_column.number_input(
            _limit_label(table.metric),
            value=None,
            placeholder="any",
            key="limit",
            bind="query-params",
            **_limit_steps(table.metric),
        )
        name = genome_column.text_input(
            "Genome begins with",
            placeholder="any",
            max_chars=16,
            key="begins",
            bind="query-params",
        )

    keep = frame["generation"].between(low, high)
    if phase != _EVERY:
        keep &= is_confirmation(frame["repeat"]) == (phase == _CONFIRMING)
    if status != "any":
        keep &= frame["status"] == status
    if limit is not None:
        keep &= table.metric.fitness(1.0) * frame["score"] >= table.metric.fitness(limit)
    if name:
        keep &= frame["genome"].str.startswith(name.strip().lower())
    return frame[keep]


def _with_chosen_genes(
    table: EvaluationTable, shown: pd.DataFrame, names: list[str]
) -> tuple[pd.DataFrame, list[str]]:
    """The rows that genes keep, in the order that is asked for, and the genes that are shown.

    Newest first, unless another order is asked for.
    """
    with st.container(key="genes"):
        columns = st.columns([2.2, 2.2, 1.6, 1], gap="small", vertical_alignment="bottom")
        chosen = columns[0].multiselect(
            "Show genes",
            names,
            format_func=gene_label,
            key="show",
            placeholder="None",
            bind="query-params",
        )
        by = columns[1].multiselect(
            "Filter by genes",
            names,
            format_func=gene_label,
            key="by",
            placeholder="None",
            bind="query-params",
        )
        sort = columns[2].selectbox(
            "Sort by",
            [*_SORTS, *names],
            format_func=lambda name: _SORTS.get(name) or gene_label(name),
            key="order",
            bind="query-params",
        )
        rising = columns[3].toggle("Smallest first", key="rising", bind="query-params")
        ranges, choices = _gene_filters(table, by)

    wanted = list(dict.fromkeys([*chosen, *(name for name in (sort,) if name in names)]))
    if wanted or by:
        genomes = table.genomes()
        kept = genomes.index[genomes_within(genomes, ranges, choices)]
        if len(kept) < len(genomes):
            shown = shown[shown["genome"].isin(kept)]
        if wanted:
            shown = shown.join(gene_columns(genomes, wanted), on="genome")

    if sort not in (None, "id"):
        # Equals stay in the order of their recording, the newest first.
        shown = shown.iloc[::-1].sort_values(sort, ascending=rising, kind="stable")
    elif not rising:
        shown = shown.iloc[::-1]
    return shown, wanted


def _gene_filters(
    table: EvaluationTable, by: list[str]
) -> tuple[dict[str, Range], dict[str, list[str]]]:
    """Fields for each gene that is filtered by; what they keep."""
    ranges: dict[str, Range] = {}
    choices: dict[str, list[str]] = {}
    if not by:
        return ranges, choices

    genomes = table.genomes()
    places = st.columns(min(len(by), _FILTERS_A_LINE), gap="small")
    for place, name in enumerate(by):
        with places[place % len(places)]:
            label = gene_label(name)
            if is_numeric(name):
                ranges[name] = _range(name, label)
            else:
                words = sorted(gene_columns(genomes, [name])[name].unique())
                choices[name] = st.multiselect(
                    label, words, key=f"in-{name}", placeholder="Any", bind="query-params"
                )
    return ranges, choices


def _range(name: str, label: str) -> Range:
    """Two fields for the bounds of a gene of numbers."""
    columns = st.columns(2, gap="small")
    low = columns[0].number_input(
        f"{label} from",
        value=None,
        format="%g",
        placeholder="any",
        key=f"from-{name}",
        bind="query-params",
    )
    high = columns[1].number_input(
        "to",
        value=None,
        format="%g",
        placeholder="any",
        key=f"to-{name}",
        bind="query-params",
    )
    return low, high


def _limit_label(metric: Metric) -> str:
    """What the filter of scores asks for: the worst that is shown."""
    word = "least" if metric.maximizes else "most"
    return escaped(column_title(f"{metric.label} at {word}", metric))


def _limit_steps(metric: Metric) -> dict[str, Any]:
    """Percentages go up by one; of other scores nobody knows the size."""
    if metric.unit == "%":
        return {"step": 1.0}
    return {"format": "%g"}


def _table(run: RunView, shown: pd.DataFrame, genes: list[str]) -> None:
    """The rows in the order in which they come, with some genes beside the score."""
    if shown.empty:
        st.caption("No training fits these filters.")
        return

    # Quoting each of 100,000 hashes for an address would take a second, for nothing.
    genome_address = address("evaluation", run=run.id, genome="")
    recorded = pd.to_datetime(shown["created"].to_numpy(), unit="s", utc=True)
    rows = pd.DataFrame(
        {
            "Genome": (genome_address + shown["genome"]).to_numpy(),
            "Repeat": shown["repeat"].to_numpy(),
            "Generation": shown["generation"].to_numpy(),
            # As generations, people count them from 1.
            "Individual": shown["individual"].to_numpy() + 1,
            "Status": shown["status"].to_numpy(),
            "Score": shown["score"].to_numpy(),
            "Loss": shown["loss"].to_numpy(),
            "Iterations": shown["iterations"].to_numpy(),
            "Seconds": shown["seconds"].to_numpy(),
            "Recorded": recorded,
            "Worker": shown["worker"].to_numpy(),
        }
    )
    for place, name in enumerate(genes):
        after_score = list(rows.columns).index("Score") + 1 + place
        rows.insert(after_score, gene_label(name), shown[name].to_numpy())
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
            format="%d",
            help=f"Its number on record, from 0; from {FIRST_CONFIRMATION:,} on: a confirmation",
        ),
        "Individual": column.NumberColumn(
            format="%d", help="Its place in the generation, from 1; in files and JSON from 0"
        ),
        "Score": column.NumberColumn(score_title(metric), format=f"%{score_format(metric)}"),
        "Loss": column.NumberColumn(format="%.5g"),
        "Iterations": column.NumberColumn(format="localized"),
        "Seconds": column.NumberColumn("Time (s)", format="%.2f"),
        "Recorded": column.DatetimeColumn(
            format="YYYY-MM-DD HH:mm:ss", timezone=st.context.timezone
        ),
    }


def _named(table: EvaluationTable, shown: pd.DataFrame) -> pd.DataFrame:
    """The rows with the names of columns that downloads have."""
    # An accuracy has had this name from the first version on.
    if table.metric.is_accuracy:
        return shown.rename(columns={"score": "accuracy"})
    return shown


def _with_genes(table: EvaluationTable, shown: pd.DataFrame) -> pd.DataFrame:
    """The evaluations with the genes of their genomes, for a download."""
    shown = _named(table, shown)
    genes = table.genomes().drop(columns=_COMPUTED)
    genes = genes.drop(columns=[name for name in shown.columns if name in genes.columns])
    genes["hidden_layers"] = ["-".join(map(str, layers)) for layers in genes["hidden_layers"]]
    return shown.join(genes, on="genome")
