"""The page Settings: appearance, places, and the defaults that a search has.

The settings of a search are chosen on the page New run.
"""

from __future__ import annotations

import pandas as pd
import streamlit as st

from shoal.dashboard.components.html_table import html_table
from shoal.dashboard.routing import heading
from shoal.dashboard.session.queries import store
from shoal.genome.genes import CATEGORICAL_GENES, NUMERIC_GENES, gene_label
from shoal.settings.presets import PRESETS
from shoal.settings.search_settings import SearchSettings
from shoal.system.paths import writable_log

# Settings without a row of their own: the bounds stand below, the others have no default to show.
_LEFT_OUT = ("preset", "bounds", "choices", "sampler_options")


def page() -> None:
    """Appearance, places, and the defaults of a search."""
    st.title(heading("settings"), anchor=False)
    _appearance()
    _places()
    _defaults()
    _gene_bounds()


def _appearance() -> None:
    st.header("Appearance", anchor=False)
    st.caption(
        f"The theme is {st.context.theme.type or 'light'}. The switch at the foot of the side "
        "bar changes it. Times are shown in your time zone, "
        f"{st.context.timezone or 'UTC'}."
    )


def _places() -> None:
    st.header("Places", anchor=False)
    places = {
        "Store": str(store().path or store().url),
        "Log of the supervisors": str(writable_log() or "standard error of the service"),
    }
    for label, value in places.items():
        with st.container(horizontal=True, gap="small"):
            st.caption(label, width=180)
            st.text(value)
    st.caption(
        "`--store`, or `SHOAL_STORE` in the environment of `shoal serve`, names another store."
    )


def _defaults() -> None:
    """Each setting in each preset."""
    st.header("Defaults of a search", anchor=False)
    presets = {name: SearchSettings.parse({"preset": name}).to_dict() for name in PRESETS}
    rows = []
    for setting in SearchSettings.model_fields:
        if setting not in _LEFT_OUT:
            rows.append([setting, *(_text(values[setting]) for values in presets.values())])
    html_table(pd.DataFrame(rows, columns=["Setting", *presets]), "defaults")


def _gene_bounds() -> None:
    """Each gene with its bounds, and those of the first generation."""
    st.header("Bounds of the genes", anchor=False)
    rows = []
    for gene in NUMERIC_GENES:
        bounds = f"{gene.low:g} to {gene.high:g}"
        start = f"{gene.start_low:g} to {gene.start_high:g}"
        rows.append((gene_label(gene.name), gene.name, bounds, start))
    for name, choices in CATEGORICAL_GENES.items():
        rows.append((gene_label(name), name, ", ".join(choices), ""))
    html_table(pd.DataFrame(rows, columns=["Gene", "Name", "Bounds", "First generation"]), "genes")


def _text(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return str(value)
