"""What an examination of a table finds, and what it has to look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from shoal.data.canonical import CanonicalTable
from shoal.data.column_profile import ColumnFacts
from shoal.data.dataset import Dataset, Preset, TaskType
from shoal.data.messages import first_few
from shoal.data.presets import DATA_PRESETS, MODERN, DataPreset
from shoal.errors import ShoalError
from shoal.system.shown import Shown

Status = Literal["good", "look", "bad"]

# Rows, evenly spread, that correlations and the like are computed from.
SAMPLE = 50_000

# Columns that one finding names, and characters of a name.
SHOWN = 6
_SHOWN_CHARACTERS = 60


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to know of a table. Texts quote what files hold.

    Attributes
    ----------
    status
        "bad": no search can start. "look": one can, but see the remedy. "good": all is well.
    what
        The finding, in a sentence.
    remedy
        What to do about it.
    leave
        Columns whose leaving out would mend it.
    together
        Whether keeping rows with equal features in one part would mend it.
    order
        The column in whose order a split of the rows would mend it; empty where none would.
    file_encoding
        The text encoding that the file would have to be read in; empty where none would mend it.
    """

    status: Status
    what: str
    remedy: str = ""
    leave: tuple[str, ...] = ()
    together: bool = False
    order: str = ""
    file_encoding: str = ""

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)

    @classmethod
    def of(cls, error: ShoalError, features: Sequence[str] = ()) -> Finding:
        """The bad finding that says what a search would say as it refuses.

        If the error names some of the ``features``, leaving them out would mend it.
        """
        # The remedy is a field of its own, and not part of the sentence.
        expected = ""
        if error.expected:
            expected = f" Expected: {error.expected}."
        named = tuple(column for column in features if names_column(error, column))
        return cls("bad", error.problem + expected, error.remedy, named)


@dataclass(frozen=True, eq=False, repr=False)
class Checked(Shown):
    """What an examination of a table came to.

    Attributes
    ----------
    findings
        The worst first.
    dataset
        The prepared data; None where a search would refuse the table.
    """

    findings: tuple[Finding, ...]
    dataset: Dataset | None = None

    @property
    def bad(self) -> bool:
        """Whether no search can start."""
        return self.dataset is None


@dataclass(frozen=True, eq=False)
class Examination:
    """A table under examination, and what is known of it.

    Attributes
    ----------
    name
        What messages call the table.
    table
        The whole table.
    targets, preset, options
        What was asked for; ``options`` has only those that were named. There are several targets
        only where all are amounts.
    features
        The columns to learn from.
    facts
        Of every column, by its name.
    sample
        Up to `SAMPLE` rows, evenly spread.
    task
        "regression" or "classification".
    dataset
        The prepared data; None if a search would refuse the table.
    error
        Why a search would refuse the table; else None.
    """

    name: str
    table: CanonicalTable
    targets: tuple[str, ...]
    preset: Preset
    options: Mapping[str, Any]
    features: Sequence[str]
    facts: Mapping[str, ColumnFacts]
    sample: CanonicalTable
    task: TaskType
    dataset: Dataset | None
    error: ShoalError | None

    @property
    def rules(self) -> DataPreset:
        """What the preset does with a table; modern's rules for a preset that does not exist."""
        return DATA_PRESETS.get(self.preset, MODERN)

    @property
    def feature_facts(self) -> list[ColumnFacts]:
        """The facts of the features, in order."""
        return [self.facts[feature] for feature in self.features]


def quoted(name: str) -> str:
    """A name from a file in quotes, its beginning if it is long."""
    return repr(name[:_SHOWN_CHARACTERS])


def listed(names: Sequence[str]) -> str:
    """Names of columns in quotes, the first few of them."""
    return first_few([quoted(name) for name in names], SHOWN)


def names_column(error: ShoalError, column: str) -> bool:
    """Whether an error is about a column."""
    return f"column {column!r}" in error.problem
