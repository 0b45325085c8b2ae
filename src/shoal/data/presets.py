"""The presets of data preparation: each says in one place what it does with a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class DataPreset:
    """What a preset does with a table.

    Attributes
    ----------
    name
        The value of the option ``preset``.
    new_run
        Options of a run that begins now, where nothing is said. `shoal.data.DataOptions` itself has
        the values of runs that were recorded before there was a choice.
    encodes_columns
        Whether text is encoded, missing values are filled in, and columns are scaled. Else columns
        are numbers without gaps, and stay as they are.
    validates
        Whether rows that are not test validate trainings. Else all of them train, in the shuffled
        order of ``df.sample``.
    keeps_rows_together
        Whether the options ``group`` and ``same`` may keep rows in one part of the split.
    shares_classes
        Whether every part has its share of each class.
    centres_target
        Whether a regression's target is standardised. Else it is divided by its largest training
        value.
    """

    name: str
    new_run: Mapping[str, Any] = field(default_factory=dict)
    encodes_columns: bool = True
    validates: bool = True
    keeps_rows_together: bool = True
    shares_classes: bool = True
    centres_target: bool = True


MODERN = DataPreset("modern", new_run={"log_columns": "auto", "folds": 5})

# What the student system did, and published results were made with.
CLASSIC = DataPreset(
    "classic",
    encodes_columns=False,
    validates=False,
    keeps_rows_together=False,
    shares_classes=False,
    centres_target=False,
)

DATA_PRESETS = {preset.name: preset for preset in (MODERN, CLASSIC)}
