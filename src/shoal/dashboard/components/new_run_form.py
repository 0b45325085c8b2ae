"""The fields of the form for a new run. Each is kept for the session; texts of users are options or cells, never Markdown."""

from __future__ import annotations

from typing import Any, cast

import pandas as pd
import streamlit as st

from shoal.dashboard.components.genome_card import on_demand
from shoal.dashboard.components.html_table import html_table
from shoal.dashboard.session import new_run_draft
from shoal.dashboard.session.bounds_editor import LATER, bounds_frame, bounds_of, usual_choices
from shoal.dashboard.session.new_run_draft import key, preset_key, put, state
from shoal.data import Preset, recognise_task
from shoal.data.dataset import MAX_FOLDS
from shoal.genome.genes import CATEGORICAL_GENES
from shoal.settings.samplers import SAMPLERS
from shoal.settings.search_settings import SearchSettings

FIRST_ROWS, FIRST_COLUMNS = 6, 60
_PRESETS: dict[str, str] = {
    "modern": "Scaled inputs, encoded categories, a validation part to select on, an untouched test part.",
    "classic": "The original search: raw numeric inputs, split 70 / 30, fitness on the training part.",
}
_HELP = {
    "generations": "rounds of the genetic algorithm; a finished run can be continued",
    "population": "genomes in a generation",
    "iterations": "steps of the swarm in each training; of the longest ones, where they differ",
    "repeats": "trainings of each genome to begin with, each from another start",
    "seed": "the same seed gives the same result, to the bit",
    "max_seconds": "end after so much active time; new results are then not reproducible to the bit",
    "sampler": "who proposes genomes",
    "workers": "worker processes; one a core where nothing is said; never changes a result",
}
_CHOICES = (
    "informant_strategy",
    "activation",
    "update_rule",
    "attractor",
    "initialisation",
)  # the widest first
_LIMITS: dict[str, tuple[float, float]] = {
    "generations": (1, 1_000_000),
    "population": (2, 10_000),
    "iterations": (1, 100_000_000),
    "repeats": (1, 1_000),
    "seed": (0, 2**53 - 1),
    "max_seconds": (1.0, 1e9),
    "workers": (1, 1_000),
}


def preview(table: new_run_draft.Table) -> None:
    """The first rows, and what each column holds."""
    rows, columns = len(table.source), len(table.facts)
    st.caption(f"{rows:,} rows, {columns:,} columns")
    first, held = st.tabs(["First rows", "Columns"])
    head = table.source.frame.iloc[:FIRST_ROWS, :FIRST_COLUMNS]
    with first:
        html_table(head, "rows")
    if columns > FIRST_COLUMNS:
        first.caption(f"The first {FIRST_COLUMNS} columns.")
    facts = pd.DataFrame(
        {
            "Column": [fact.name for fact in table.facts],
            "Holds": [fact.kind for fact in table.facts],
            "Different": [fact.distinct for fact in table.facts],
            "Missing": [fact.missing for fact in table.facts],
        }
    )
    with held:
        html_table(facts, "columns")


def columns_and_target(table: new_run_draft.Table) -> None:
    """What is predicted, as what, and from which columns."""
    names = [fact.name for fact in table.facts]
    left, middle, right = st.columns([1, 1, 1.4], gap="small")
    target = left.selectbox("Target column", names, key=key("target"), persist_state="session")
    looks = recognise_task(table.source[target])
    middle.selectbox(
        "Task",
        ["", "regression", "classification"],
        format_func=lambda task: task or f"recognised: {looks}",
        key=key("task"),
        persist_state="session",
    )
    others = [name for name in names if name != target]
    if any(name not in others for name in state("leave")):
        put(leave=[name for name in state("leave") if name in others])
    right.multiselect(
        "Columns to leave out",
        others,
        key=key("leave"),
        placeholder="none",
        persist_state="session",
    )


def preset() -> Preset:
    """Modern or classic."""
    chosen = st.radio(
        "Preset",
        list(_PRESETS),
        captions=list(_PRESETS.values()),
        horizontal=True,
        key=key("preset"),
        persist_state="session",
    )
    return cast("Preset", chosen)


def budget(chosen: str) -> dict[str, Any]:
    """How much is searched, and by whom."""
    usual = SearchSettings.parse({"preset": chosen})
    values = {}
    names = list(_HELP)
    for row in (names[:4], names[4:]):
        for column, name in zip(st.columns(4, gap="small"), row, strict=True):
            values[name] = _field(column, chosen, name, getattr(usual, name))
    return values


def _field(column: Any, chosen: str, name: str, usual: Any) -> Any:
    at, label = preset_key(chosen, name), name.replace("_", " ").capitalize()
    st.session_state.setdefault(at, usual)
    if name == "sampler":
        # A run that is repeated may have a sampler of the user's own.
        samplers = list(SAMPLERS)
        if st.session_state[at] not in SAMPLERS:
            samplers.append(st.session_state[at])
        return column.selectbox(label, samplers, help=_HELP[name], key=at, persist_state="session")
    low, high = _LIMITS[name]
    return column.number_input(
        label,
        low,
        high,
        help=_HELP[name],
        key=at,
        placeholder="no limit"
        if name == "max_seconds"
        else "one a core"
        if name == "workers"
        else None,
        persist_state="session",
    )


def split(table: new_run_draft.Table, chosen: str) -> dict[str, Any]:
    """How rows are shared out: options of `shoal.data.prepare_new`."""
    names = [
        fact.name for fact in table.facts if fact.name not in (state("target"), *state("leave"))
    ]
    options: dict[str, Any] = {
        "task": state("task") or None,
        **new_run_draft.carried_over(chosen).data_options,
    }
    if state("group") not in ("", *names):
        put(group="")
    if any(name not in names for name in state("same")):
        put(same=[name for name in state("same") if name in names])
    with st.expander(
        "Rows: test part, folds, groups",
        icon=":material/call_split:",
        key="rows",
        on_change="rerun",
    ):
        left, right = st.columns(2, gap="small")
        options["test_fraction"] = left.number_input(
            "Test fraction",
            0.0,
            0.9,
            step=0.05,
            key=key("test_fraction"),
            help="share of the rows that nobody looks at before the end",
            persist_state="session",
        )
        options["seed"] = right.number_input(
            "Data seed",
            0,
            2**32 - 1,
            key=key("data_seed"),
            help="of the split",
            persist_state="session",
        )
        if chosen == "classic":
            options.pop("validation_fraction", None)
            st.caption("Classic has no folds, groups or logarithms.")
            return options
        options["folds"] = left.number_input(
            "Folds",
            1,
            MAX_FOLDS,
            key=key("folds"),
            placeholder="5, or 1 where rows are too few",
            help="each part validates in turn; 1: one part validates all",
            persist_state="session",
        )
        options["log_columns"] = right.selectbox(
            "Log columns",
            ["auto", "none"],
            key=key("logs"),
            help="features with a long tail are taken as logarithms",
            persist_state="session",
        )
        group = left.selectbox(
            "Group column",
            ["", *names],  # no column has an empty name
            format_func=lambda name: name or "none",
            key=key("group"),
            help="rows with equal values stay in one part; the column is no feature",
            persist_state="session",
        )
        options["group"] = group or None
        kept = right.selectbox(
            "Rows that stay together",
            [new_run_draft.SAME_NO, new_run_draft.SAME_ALL, new_run_draft.SAME_SOME],
            key=key("kept"),
            help="so that no part is tested on copies of rows that it has learned",
            persist_state="session",
        )
        if kept == new_run_draft.SAME_SOME:
            right.multiselect("Equal in", names, key=key("same"), persist_state="session")
        options["same"] = (
            "all"
            if kept == new_run_draft.SAME_ALL
            else state("same", [])
            if kept == new_run_draft.SAME_SOME
            else []
        )
    if options["folds"] not in (None, 1):
        options.pop("validation_fraction", None)
    return options


def bounds_and_choices(chosen: str) -> dict[str, Any]:
    """Where the search may look: settings that are not the preset's own."""
    usual = SearchSettings.parse({"preset": chosen})
    values: dict[str, Any] = {}
    with on_demand("Bounds and choices of the genes", ":material/tune:", "bounds") as open_now:
        also = st.multiselect(
            "Also search",
            list(LATER),
            key=key("also"),
            placeholder="none of the later genes",
            help="numbers that otherwise have a value that changes nothing",
            persist_state="session",
        )
        kept = {
            name: pair
            for name, pair in state("bounds", {}).items()
            if name not in LATER or name in also
        }
        values["bounds"] = _bounds_editor(kept, also) if open_now else kept
        if not open_now:
            put(base_for=None)  # which has it begin with these when it is opened
        if later := [name for name in also if name not in values["bounds"]]:
            values["extra_genes"] = [*usual.extra_genes, *later]
        values |= _choices(chosen)
        left, right = st.columns(2, gap="small")
        for column, name, high in ((left, "max_depth", 3), (right, "max_width", 1024)):
            at = preset_key(chosen, name)
            st.session_state.setdefault(at, getattr(usual, name))
            values[name] = column.number_input(
                "Hidden layers, at most" if name == "max_depth" else "Neurons in a layer, at most",
                1,
                high,
                key=at,
                persist_state="session",
            )
    return values


def _bounds_editor(
    bounds: dict[str, tuple[float, float]], also: list[str]
) -> dict[str, tuple[float, float]]:
    """The editor keeps its edits by its key, so it gets another one, and what was edited as its start, with other rows."""
    if state("base_for") != (state("version"), tuple(also)):
        put(
            base=bounds_frame(bounds, also),
            base_for=(state("version"), tuple(also)),
            editor=state("editor", 0) + 1,
        )
    number = st.column_config.NumberColumn
    edited = st.data_editor(
        state("base"),
        key=key(f"editor-{state('editor')}"),
        hide_index=True,
        height="content",
        disabled=["gene", "lowest", "highest"],
        column_config={
            "gene": st.column_config.TextColumn("Gene"),
            "low": number("Low", format="%g"),
            "high": number("High", format="%g"),
            "lowest": number("Lowest", format="%g", help="limit of the low bound"),
            "highest": number("Highest", format="%g", help="limit of the high bound"),
        },
    )
    found = bounds_of(edited)
    put(bounds=found)
    return found


def _choices(chosen: str) -> dict[str, Any]:
    usual: dict[str, tuple[str, ...]] = usual_choices(chosen)
    given: dict[str, list[str]] = {}
    for column, name in zip(
        [*st.columns(2, gap="small"), *st.columns(3, gap="small")], _CHOICES, strict=True
    ):
        allowed = CATEGORICAL_GENES[name]
        at = preset_key(chosen, name)
        st.session_state.setdefault(at, list(usual[name]))
        picked = column.multiselect(
            name.replace("_", " ").capitalize(), allowed, key=at, persist_state="session"
        )
        if set(picked) != set(usual[name]):
            given[name] = list(picked)  # in their order, which decides what is drawn
    return {"choices": given} if given else {}
