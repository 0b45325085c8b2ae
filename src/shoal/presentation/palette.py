"""Colours that the terminal, the dashboard and reports share."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Palette:
    """What a figure is drawn with, as CSS colours.

    Attributes
    ----------
    text, muted
        Words, and words of less importance.
    grid, faint
        Lines of axes, and lines that lie behind others.
    surface
        The background.
    best, average
        The two curves of a search. People with any kind of colour vision can tell them apart.
    band
        Around the best: its 95 % interval.
    spread
        Around the average: the spread of all trainings.
    series
        Colours for things without an order, as many as can be told apart, by lightness too.
    """

    text: str
    muted: str
    grid: str
    faint: str
    surface: str
    best: str
    average: str
    band: str
    spread: str
    series: tuple[str, ...]


# Okabe and Ito, "Color Universal Design", 2008; darker on white, and lighter on black, where
# their colours have too little contrast.
SERIES_LIGHT = ("#0072b2", "#d55e00", "#00855f", "#b5568f", "#a87600", "#2f9fd8")
SERIES_DARK = ("#56b4e9", "#e69f00", "#2bc59a", "#d88bb5", "#f0e442", "#e8763a")

LIGHT = Palette(
    text="#15242c",
    muted="#5b6c75",
    grid="#e4eaed",
    faint="#bcc9cf",
    surface="#ffffff",
    best="#0072b2",
    average="#d55e00",
    band="rgba(0,114,178,0.13)",
    spread="rgba(213,94,0,0.12)",
    series=SERIES_LIGHT,
)

DARK = Palette(
    text="#e3ebee",
    muted="#8fa2ab",
    grid="#24323a",
    faint="#44555e",
    surface="#131c21",
    best="#56b4e9",
    average="#e69f00",
    band="rgba(86,180,233,0.16)",
    spread="rgba(230,159,0,0.14)",
    series=SERIES_DARK,
)

# Around a figure, in pixels: room for its axes.
MARGINS = {"left": 52, "right": 14, "top": 10, "bottom": 44}

# The colour of a run's state. Its name always stands beside it: colour alone says nothing.
STATE_COLOURS = {
    "queued": "gray",
    "running": "blue",
    "paused": "orange",
    "finished": "green",
    "stopped": "gray",
    "failed": "red",
    "interrupted": "orange",
}
