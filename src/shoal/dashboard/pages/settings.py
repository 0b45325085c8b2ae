"""What a person may want to know or change of the pages themselves; searches have their own settings, on the page New run."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from shoal.dashboard.components.html_table import html_table
from shoal.dashboard.session.queries import store
from shoal.genome.genes import CATEGORICAL_GENES, NUMERIC_GENES
from shoal.settings.presets import PRESETS
from shoal.settings.search_settings import SearchSettings
from shoal.system.paths import log_path


def page() -> None:
    """Appearance, places, and the defaults of a search."""
    st.title("Settings", anchor=False)
    st.subheader("Appearance", anchor=False)
    st.caption(
        f"The theme is {st.context.theme.type or 'light'}. It follows your system; the menu ⋮ at the top right changes it. "
        f"Times are shown in your time zone, {st.context.timezone or 'UTC'}."
    )
    st.subheader("Places", anchor=False)
    places = {
        "Store": str(store().path or store().url),
        "Log of the supervisors": str(log_path()),
    }
    for label, value in places.items():
        with st.container(horizontal=True, gap="small"):
            st.caption(label, width=180)
            st.text(value)
    st.caption(
        "`--store`, or `SHOAL_STORE` in the environment of `shoal serve`, names another store."
    )
    st.subheader("Defaults of a search", anchor=False)
    presets = {name: SearchSettings.parse({"preset": name}).to_dict() for name in PRESETS}
    names = [
        name
        for name in SearchSettings.model_fields
        if name not in ("preset", "bounds", "choices", "sampler_options")
    ]
    rows = {name: [_shown(values[name]) for values in presets.values()] for name in names}
    html_table(
        pd.DataFrame.from_dict(rows, "index", columns=list(presets))
        .rename_axis("Setting")
        .reset_index(),
        "defaults",
    )
    st.subheader("Bounds of the genes", anchor=False)
    genes = pd.DataFrame(
        {
            "Gene": [gene.label for gene in NUMERIC_GENES] + list(CATEGORICAL_GENES),
            "Name": [gene.name for gene in NUMERIC_GENES] + list(CATEGORICAL_GENES),
            "Bounds": [f"{gene.low:g} to {gene.high:g}" for gene in NUMERIC_GENES]
            + [", ".join(choices) for choices in CATEGORICAL_GENES.values()],
            "First generation": [
                f"{gene.start_low:g} to {gene.start_high:g}" for gene in NUMERIC_GENES
            ]
            + [""] * len(CATEGORICAL_GENES),
        }
    )
    html_table(genes, "genes")


def _shown(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
