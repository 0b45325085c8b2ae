"""The bounds of a search as a table to edit, and back to settings. Knows no Streamlit."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import pandas as pd

from shoal.errors import SettingsError
from shoal.genome.genes import CATEGORICAL_GENES, NEUTRAL, NUMERIC_GENES, gene_label
from shoal.settings.presets import PRESETS
from shoal.settings.search_settings import SearchSettings

Bounds = dict[str, tuple[float, float]]
GENES = {gene.name: gene for gene in NUMERIC_GENES}

# Numeric genes that a search changes only where its settings name them.
LATER = tuple(name for name in GENES if name in NEUTRAL)

_LONGEST_QUOTE = 60


def bounds_frame(
    bounds: Mapping[str, tuple[float, float]],
    also: Collection[str] = (),
    *,
    without: Collection[str] = (),
) -> pd.DataFrame:
    """A row for each gene that is searched, with its bounds and the limits of these.

    Parameters
    ----------
    bounds
        Lower and upper bound by gene. A gene that is missing has its limits as bounds.
    also
        Genes of `LATER` that are searched besides those in ``bounds``.
    without
        Genes that mean nothing for what is searched.

    Returns
    -------
    pandas.DataFrame
        Columns gene, label (what people call it), low, high, lowest and highest.
    """
    rows = []
    for gene in NUMERIC_GENES:
        is_searched = gene.name not in LATER or gene.name in also or gene.name in bounds
        if gene.name in without or not is_searched:
            continue

        low, high = bounds.get(gene.name, (gene.low, gene.high))
        rows.append(
            {
                "gene": gene.name,
                "label": gene_label(gene.name),
                "low": float(low),
                "high": float(high),
                "lowest": float(gene.low),
                "highest": float(max(gene.high, high)),
            }
        )

    return pd.DataFrame(rows)


def bounds_of(frame: pd.DataFrame, usual: Collection[str] = ()) -> Bounds:
    """The bounds of an edited `bounds_frame` that differ from the limits.

    An emptied cell means the limit. `SearchSettings` checks the values. ``usual`` names the genes
    that have bounds of their own in the preset: theirs are always given.
    """
    bounds: Bounds = {}
    for row in frame.to_dict("records"):
        gene = GENES[str(row["gene"])]
        low = gene.low if pd.isna(row["low"]) else row["low"]
        high = gene.high if pd.isna(row["high"]) else row["high"]
        if gene.name in usual or (low, high) != (gene.low, gene.high):
            bounds[gene.name] = (float(low), float(high))
    return bounds


def widened(text: str, bounds: Mapping[str, tuple[float, float]]) -> Bounds:
    """The ``bounds`` with some of them moved to their limits.

    Parameters
    ----------
    text
        What to move, as in an address: "gene:upper,gene:lower".
    bounds
        Lower and upper bound by gene.

    Raises
    ------
    SettingsError
        When a part of ``text`` names no bound.
    """
    moved = dict(bounds)
    for part in filter(None, text.split(",")):
        name, _, side = part.strip().partition(":")
        if name not in GENES or side not in ("lower", "upper"):
            raise SettingsError(
                f"widen={part.strip()[:_LONGEST_QUOTE]!r} names no bound.",
                expected="a numeric gene, a colon, and lower or upper",
                remedy="correct the address, or move the bound below",
            )

        gene = GENES[name]
        low, high = moved.get(name, (gene.low, gene.high))
        if side == "lower":
            low = gene.low
        else:
            high = gene.high

        if (low, high) == (gene.low, gene.high):
            moved.pop(name, None)
        else:
            moved[name] = (low, high)
    return moved


def usual_choices(preset: str) -> dict[str, tuple[str, ...]]:
    """The choices of each categorical gene in a preset's search.

    A gene that the preset does not search has its neutral value alone. Genes that mean nothing for
    it are left out.
    """
    searched = dict(SearchSettings.parse({"preset": preset}).space.categorical)
    choices = {}
    for name in CATEGORICAL_GENES:
        if name in PRESETS[preset].meaningless_genes:
            continue
        choices[name] = searched.get(name, (str(NEUTRAL.get(name)),))
    return choices


def beyond(
    settings: SearchSettings, shown: Collection[str], usual: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Settings that a form does not show and that differ from the defaults.

    Parameters
    ----------
    settings
        The settings of a run.
    shown
        Names of the settings that the form shows. The defaults are those of a new run with the
        same values in these.
    usual
        Settings that a new run has without being asked, by name.
    """
    values = settings.to_dict()
    given = {name: values[name] for name in shown if name in values}
    given["preset"] = settings.preset
    defaults = SearchSettings.model_validate({**(usual or {}), **given}).to_dict()

    differing = {}
    for name, value in values.items():
        if name not in given and value != defaults[name]:
            differing[name] = value
    return differing
