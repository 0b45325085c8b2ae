"""Which of many runs are listed, and in what order: for the page Runs, and for `shoal runs`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

from shoal.errors import SettingsError

# The help of a command imports this module, and so it imports little.
if TYPE_CHECKING:
    from shoal.objectives.registry import Metric

# The states that people see.
STATES = ("queued", "running", "interrupted", "paused", "finished", "stopped", "failed")


class Listed(Protocol):
    """What a list needs of a run: a `RunEntry`, or a `RunView`."""

    @property
    def id(self) -> int:
        """Its number."""

    @property
    def name(self) -> str:
        """What people call it."""

    @property
    def dataset(self) -> str:
        """The name of its table, simulation or function."""

    @property
    def state(self) -> str:
        """The state that people see."""

    @property
    def metric(self) -> Metric:
        """What its scores are scores of."""

    @property
    def best_score(self) -> float | None:
        """The score of its best genome."""

    @property
    def evaluations(self) -> int:
        """Its recorded evaluations."""

    @property
    def seconds(self) -> float:
        """Active training time, in seconds."""

    @property
    def created(self) -> float:
        """When it was queued, in seconds since 1970."""

    @property
    def tags(self) -> tuple[str, ...]:
        """Short words that people gave it."""

    @property
    def note(self) -> str:
        """What people noted of it."""

    @property
    def archived(self) -> float | None:
        """Since when lists leave it out."""


L = TypeVar("L", bound=Listed)
# What runs are sorted by; None stands last, in either direction.
_Key = Callable[[Listed], "tuple[str, float] | str | float | None"]


@dataclass(frozen=True, slots=True)
class RunFilter:
    """Which runs are listed: those that meet all conditions.

    Attributes
    ----------
    text
        Words that stand in the name, the table's name, the tags or the note, all of them, in
        capitals or not. A number is also a run's own.
    state
        One of `STATES`; None: any.
    tag
        A tag, in capitals or not; None: any.
    table
        The name of what is solved: a table, a simulation or a function; None: any.
    archived
        Whether archived runs are listed, too.

    Raises
    ------
    SettingsError
        If there is no such state.
    """

    text: str = ""
    state: str | None = None
    tag: str | None = None
    table: str | None = None
    archived: bool = False

    def __post_init__(self) -> None:
        if self.state is not None and self.state not in STATES:
            raise SettingsError(
                f"There is no state {self.state!r}.", expected="one of " + ", ".join(STATES)
            )


def matching(runs: Iterable[L], wanted: RunFilter) -> list[L]:
    """The runs that a filter keeps, in the order in which they came."""
    words = wanted.text.casefold().split()
    tag = wanted.tag and wanted.tag.strip().casefold()
    table = wanted.table and wanted.table.strip().casefold()

    kept = []
    for run in runs:
        if run.archived is not None and not wanted.archived:
            continue
        if wanted.state is not None and run.state != wanted.state:
            continue
        if table and run.dataset.casefold() != table:
            continue
        if tag and tag not in [other.casefold() for other in run.tags]:
            continue
        if words and not _has_words(run, words):
            continue
        kept.append(run)
    return kept


def _has_words(run: Listed, words: Sequence[str]) -> bool:
    text = "\n".join((run.name, run.dataset, *run.tags, run.note)).casefold()
    number = str(run.id)
    return all(word in text or word.removeprefix("#") == number for word in words)


def _best(run: Listed) -> tuple[str, float] | None:
    """By metric, since scores of different metrics have no order; then from the worst up."""
    score = run.best_score
    if score is None or math.isnan(score):
        return None
    return run.metric.name, run.metric.fitness(score)


# What `ordered` takes. Numbers and times are listed from the largest, words from the first.
SORTS: dict[str, _Key] = {
    "run": lambda run: run.id,
    "name": lambda run: run.name.casefold(),
    "state": lambda run: run.state,
    "best": _best,
    "table": lambda run: run.dataset.casefold(),
    "trainings": lambda run: run.evaluations,
    "time": lambda run: run.seconds,
    "started": lambda run: run.created,
    "tags": lambda run: ", ".join(sorted(run.tags)).casefold() or None,
}
_WORDS = ("name", "state", "table", "tags")


def ordered(runs: Iterable[L], by: str = "run", *, reverse: bool = False) -> list[L]:
    """The runs in another order.

    Parameters
    ----------
    runs
        Any runs.
    by
        One of `SORTS`. Words are sorted from A to Z, numbers from the largest, scores from the best
        of each metric. Among equals the newest run comes first.
    reverse
        The other way round. Runs without a value stand last either way.

    Raises
    ------
    SettingsError
        If there is no such order.
    """
    if by not in SORTS:
        raise SettingsError(
            f"Runs cannot be sorted by {by!r}.", expected="one of " + ", ".join(SORTS)
        )
    key = SORTS[by]
    newest_first = sorted(runs, key=lambda run: -run.id)
    valued = [run for run in newest_first if key(run) is not None]
    without = [run for run in newest_first if key(run) is None]

    # Python's sort keeps the order of equals, also in reverse.
    largest_first = (by not in _WORDS) != reverse
    valued.sort(key=key, reverse=largest_first)  # type: ignore[arg-type]
    return valued + without


def tags_of(runs: Iterable[Listed]) -> list[str]:
    """All tags of some runs, from A to Z; of those that differ in capitals one."""
    tags: dict[str, str] = {}
    for run in runs:
        for tag in run.tags:
            tags.setdefault(tag.casefold(), tag)
    return [tags[name] for name in sorted(tags)]


def tables_of(runs: Iterable[Listed]) -> list[str]:
    """The names of what some runs solve, from A to Z."""
    return sorted({run.dataset for run in runs}, key=str.casefold)
