"""Where a search may look, as a table to edit, and back; and what a run's settings say beyond a form. Knows no Streamlit."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import pandas as pd

from shoal.errors import SettingsError
from shoal.genome.genes import CATEGORICAL_GENES, NEUTRAL, NUMERIC_GENES
from shoal.settings.search_settings import SearchSettings

Bounds = dict[str, tuple[float, float]]
GENES = {gene.name: gene for gene in NUMERIC_GENES}
LATER = tuple(
    name for name in GENES if name in NEUTRAL
)  # numeric genes that are searched only where they are named


def bounds_frame(
    bounds: Mapping[str, tuple[float, float]], also: Collection[str] = ()
) -> pd.DataFrame:
    """A row for each gene that is searched: its bounds, and the limits within which they may be moved.

    ``also``: those of `LATER` that are searched, besides those that ``bounds`` name.
    """
    genes = [
        gene
        for gene in NUMERIC_GENES
        if gene.name not in LATER or gene.name in also or gene.name in bounds
    ]
    rows = [
        {
            "gene": gene.name,
            "low": float(bounds.get(gene.name, (gene.low, gene.high))[0]),
            "high": float(bounds.get(gene.name, (gene.low, gene.high))[1]),
            "lowest": float(gene.low),
            "highest": float(gene.high),
        }
        for gene in genes
    ]
    return pd.DataFrame(rows)


def bounds_of(frame: pd.DataFrame) -> Bounds:
    """The bounds that are not the limits; an emptied cell means the limit. What is wrong with them, `SearchSettings` says."""
    found = {}
    for row in frame.to_dict("records"):
        gene = GENES[str(row["gene"])]
        low = gene.low if pd.isna(row["low"]) else row["low"]
        high = gene.high if pd.isna(row["high"]) else row["high"]
        if (low, high) != (gene.low, gene.high):
            found[gene.name] = (float(low), float(high))
    return found


def widened(text: str, bounds: Mapping[str, tuple[float, float]]) -> Bounds:
    """The ``bounds`` with those that ``text``, "gene:upper,gene:lower", names moved to their limits. Raises SettingsError."""
    found = dict(bounds)
    for part in filter(None, text.split(",")):
        name, _, side = part.strip().partition(":")
        if name not in GENES or side not in ("lower", "upper"):
            raise SettingsError(
                f"widen={part.strip()[:60]!r} names no bound.",
                expected="a numeric gene, a colon, and lower or upper",
                remedy="correct the address, or move the bound below",
            )
        gene = GENES[name]
        low, high = found.get(name, (gene.low, gene.high))
        low, high = (gene.low, high) if side == "lower" else (low, gene.high)
        if (low, high) == (gene.low, gene.high):
            found.pop(name, None)
        else:
            found[name] = low, high
    return found


def usual_choices(preset: str) -> dict[str, tuple[str, ...]]:
    """What each categorical gene may be where nothing is said; the neutral value alone, where it is not searched."""
    searched = dict(SearchSettings.parse({"preset": preset}).space.categorical)
    return {name: searched.get(name, (str(NEUTRAL.get(name)),)) for name in CATEGORICAL_GENES}


def beyond(settings: SearchSettings, shown: Collection[str]) -> dict[str, Any]:
    """The settings, besides ``shown`` ones, that are not what a new run with these shown values would have."""
    values = settings.to_dict()
    given = {name: values[name] for name in shown if name in values} | {"preset": settings.preset}
    usual = SearchSettings.model_validate(given).to_dict()
    return {
        name: value for name, value in values.items() if name not in given and value != usual[name]
    }
