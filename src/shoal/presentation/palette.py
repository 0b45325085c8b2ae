"""Colours that terminal, page and report share."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Palette:
    """What a figure draws with. ``best`` and ``average`` are Okabe and Ito's: told apart by every kind of sight."""

    text: str
    muted: str
    grid: str
    faint: str  # lines behind others
    surface: str
    best: str
    average: str
    band: str
    spread: str  # of all trainings, behind the average
    series: tuple[str, ...]  # for what has no order: as many as can be told apart, by lightness too


# Okabe and Ito, "Color Universal Design", 2008; darker on white and lighter on black where theirs has too little contrast.
SERIES_LIGHT = ("#0072b2", "#d55e00", "#00855f", "#b5568f", "#a87600", "#2f9fd8")


SERIES_DARK = ("#56b4e9", "#e69f00", "#2bc59a", "#d88bb5", "#f0e442", "#e8763a")


LIGHT = Palette(
    "#15242c",
    "#5b6c75",
    "#e4eaed",
    "#bcc9cf",
    "#ffffff",
    "#0072b2",
    "#d55e00",
    "rgba(0,114,178,0.13)",
    "rgba(213,94,0,0.12)",
    SERIES_LIGHT,
)


DARK = Palette(
    "#e3ebee",
    "#8fa2ab",
    "#24323a",
    "#44555e",
    "#131c21",
    "#56b4e9",
    "#e69f00",
    "rgba(86,180,233,0.16)",
    "rgba(230,159,0,0.14)",
    SERIES_DARK,
)


MARGINS = {"left": 52, "right": 14, "top": 10, "bottom": 44}  # of a figure, in pixels, for its axes
