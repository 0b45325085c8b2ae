"""The part of a new run's form that says where the search may look: genes, bounds and choices."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import streamlit as st

from shoal.dashboard.components.genome_card import on_demand
from shoal.dashboard.session.bounds_editor import (
    LATER,
    Bounds,
    bounds_frame,
    bounds_of,
    usual_choices,
)
from shoal.dashboard.session.new_run_draft import key, preset_key, put, state
from shoal.genome.genes import CATEGORICAL_GENES, gene_label
from shoal.settings.presets import PRESETS
from shoal.settings.search_settings import SearchSettings

# The genes with choices, those with the longest texts first: two in the first row, then four.
_CHOICES = (
    "informant_strategy",
    "activation",
    "update_rule",
    "initialisation",
    "readout",
    "attractor",
)

# The limits of the network's size: label, the smallest and the largest value.
_SIZES = {
    "max_depth": ("Hidden layers, at most", 0, 3),
    "max_width": ("Neurons in a layer, at most", 1, 1024),
}


def bounds_and_choices(chosen: str) -> dict[str, Any]:
    """Ask which genes are searched, and between which bounds.

    Parameters
    ----------
    chosen
        The preset.

    Returns
    -------
    dict
        Settings by name; of those that are the preset's own, only the sizes of the network.
    """
    usual = SearchSettings.parse({"preset": chosen})
    network = PRESETS[chosen].network
    without = PRESETS[chosen].meaningless_genes
    values: dict[str, Any] = {}
    with on_demand("Bounds and choices of the genes", ":material/tune:", "bounds") as is_open:
        also = st.multiselect(
            "Also search",
            [gene for gene in LATER if gene not in without],
            key=key("also"),
            format_func=gene_label,
            placeholder="none of the later genes",
            help="numbers that otherwise have a value that changes nothing",
            persist_state="session",
        )
        values["bounds"] = _bounds(also, usual.bounds, is_open=is_open, without=without)

        # A later gene with bounds of its own is searched anyway, as are those of the preset.
        searched = {*values["bounds"], *usual.extra_genes}
        extra = [gene for gene in also if gene not in searched]
        if extra:
            values["extra_genes"] = [*usual.extra_genes, *extra]
        values |= _choice_fields(chosen)
        if network:
            values |= _size_fields(chosen, usual)
    return values


def _bounds(
    also: list[str], usual: Collection[str], *, is_open: bool, without: Collection[str]
) -> Bounds:
    """The bounds that are not the limits.

    ``also`` names the later genes that are searched, ``usual`` those that the preset bounds.
    """
    bounds = {}
    for gene, pair in state("bounds", {}).items():
        if gene not in LATER or gene in also:
            bounds[gene] = pair

    if is_open:
        return _edited_bounds(bounds, also, usual, without)
    # So that the editor begins with these bounds when the part is opened.
    put(base_for=None)
    return bounds


def _edited_bounds(
    bounds: Bounds, also: list[str], usual: Collection[str], without: Collection[str]
) -> Bounds:
    """The table in which bounds are edited; what they are now.

    Streamlit keeps the edits of a table by its key. When the rows change, the editor gets another
    key, and begins with what was edited.
    """
    rows = (state("version"), tuple(also))
    if state("base_for") != rows:
        base = bounds_frame(bounds, also, without=without)
        put(base=base, base_for=rows, editor=state("editor", 0) + 1)

    number_column = st.column_config.NumberColumn
    edited = st.data_editor(
        state("base"),
        key=key(f"editor-{state('editor')}"),
        hide_index=True,
        height="content",
        disabled=["gene", "label", "lowest", "highest"],
        column_config={
            "gene": None,
            "label": st.column_config.TextColumn("Gene"),
            "low": number_column("Low", format="%g"),
            "high": number_column("High", format="%g"),
            "lowest": number_column("Lowest", format="%g", help="limit of the low bound"),
            "highest": number_column("Highest", format="%g", help="limit of the high bound"),
        },
    )
    now = bounds_of(edited, usual)
    put(bounds=now)
    return now


def _choice_fields(chosen: str) -> dict[str, Any]:
    """What genes with choices may be: the setting ``choices``, where it is not the preset's."""
    usual = usual_choices(chosen)
    columns = [*st.columns(2, gap="small"), *st.columns(4, gap="small")]

    given: dict[str, list[str]] = {}
    for column, gene in zip(columns, _CHOICES, strict=True):
        if gene not in usual:
            continue
        widget = preset_key(chosen, gene)
        st.session_state.setdefault(widget, list(usual[gene]))
        picked = column.multiselect(
            gene_label(gene), CATEGORICAL_GENES[gene], key=widget, persist_state="session"
        )
        if set(picked) != set(usual[gene]):
            # In the order in which they were picked, which decides what is drawn.
            given[gene] = list(picked)

    if not given:
        return {}
    return {"choices": given}


def _size_fields(chosen: str, usual: SearchSettings) -> dict[str, Any]:
    """The limits of the network's size."""
    values = {}
    for column, (name, (label, low, high)) in zip(
        st.columns(2, gap="small"), _SIZES.items(), strict=True
    ):
        widget = preset_key(chosen, name)
        st.session_state.setdefault(widget, getattr(usual, name))
        values[name] = column.number_input(label, low, high, key=widget, persist_state="session")
    return values
