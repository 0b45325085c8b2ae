"""What the store hands out: frozen values, and the rule that says whether an owner is alive.

Times are seconds since 1970 by the database's clock, durations are seconds, and scores are
in the unit of the run's metric, unless a field says otherwise.
"""

from __future__ import annotations

import os
import secrets
import socket
from dataclasses import dataclass
from typing import Any, Literal

from shoal.errors import StoreError
from shoal.objectives.registry import ACCURACY, METRICS, Metric
from shoal.problems.evaluation import GenerationSummary
from shoal.settings.presets import PRESETS
from shoal.settings.search_settings import SearchSettings
from shoal.system.machine import machine_id, process_exists, process_start
from shoal.system.shown import Shown

# An owner whose last heartbeat is older than this, in seconds, counts as dead.
LEASE_SECONDS = 30.0
# How often an owner renews its lease, in seconds.
HEARTBEAT_SECONDS = 5.0

CommandKind = Literal["pause", "resume", "stop"]
FinalState = Literal["finished", "stopped", "paused", "failed", "queued"]

# States in which a run has ended.
TERMINAL = ("finished", "stopped", "failed")
# Shown states of a run that a supervisor works on, or will work on.
ACTIVE = ("queued", "running", "interrupted")

# What `Store.evaluation_rows` gives of an evaluation, in this order: the columns that hold one
# value. They name the training, say where it belongs, what came of it, what it took, when it was
# recorded and where it ran.
EVALUATION_COLUMNS = (
    "id",
    "genome",
    "repeat",
    "generation",
    "individual",
    "status",
    "accuracy",
    "loss",
    "iterations",
    "seconds",
    "created",
    "worker",
)

# The kind of problem of a run that records none.
TABLE = "table"


# --- owners and claims ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Owner:
    """A process that may hold runs. Its text form is ``host:pid:token@started``.

    Attributes
    ----------
    host
        The machine: its name, and after a plus sign what no other machine of that name has
        (`shoal.system.machine`), where the system says it.
    pid
        The process id on that machine.
    token
        Random text that tells this owner from all others.
    started
        When the process started, by its machine; it tells the process from a later one with the
        same id. None, and absent in the text, where it is unknown, and of earlier versions.

    Examples
    --------
    >>> str(Owner("laptop+5e1d", 4711, "a1b2", 900))
    'laptop+5e1d:4711:a1b2@900'
    >>> Owner.parse("laptop:4711:a1b2").pid
    4711
    """

    host: str
    pid: int
    token: str
    started: int | None = None

    @classmethod
    def here(cls) -> Owner:
        """A new owner for this process. Two calls give two owners."""
        return cls.of_process(os.getpid(), secrets.token_hex(8))

    @classmethod
    def of_process(cls, pid: int, token: str) -> Owner:
        """The owner with this token that a process of this machine is."""
        return cls(_host(), pid, token, process_start(pid))

    @classmethod
    def parse(cls, text: str) -> Owner:
        """Read the text form.

        Raises
        ------
        StoreError
            If the text has another form.
        """
        host, _, rest = text.partition(":")
        pid, _, rest = rest.partition(":")
        token, _, started = rest.partition("@")
        if not (host and pid.isdecimal() and token):
            raise StoreError(f"Owner {text!r}.", expected="host:pid:token@started")
        return cls(host, int(pid), token, int(started) if started.isdecimal() else None)

    @property
    def host_name(self) -> str:
        """What people call the machine."""
        return name_of_host(self.host)

    def __str__(self) -> str:
        text = f"{self.host}:{self.pid}:{self.token}"
        if self.started is not None:
            text += f"@{self.started}"
        return text


def name_of_host(host: str) -> str:
    """What people call a machine, of an `Owner.host`."""
    return host.partition("+")[0]


def process_of(owner: str | None) -> str:
    """``host:pid`` of an owner's text form, for people: the token stays out of it."""
    if owner is None:
        return "nobody"
    return owner.rpartition(":")[0]


def is_alive(owner: str | None, heartbeat_age: float | None) -> bool:
    """Whether an owner still works.

    An owner is dead when its heartbeat is further than the lease from now, or when it is a process
    that is gone, of certainly this machine. A heartbeat may lie in the future, after the database's
    clock was set back. A live owner sends a new one within seconds, and a dead owner must not seem
    alive for hours, so the distance counts in both directions.

    Parameters
    ----------
    owner
        The owner's text form; None, nobody, is dead.
    heartbeat_age
        Seconds since its last heartbeat by the database's clock; None: it never sent one.
    """
    if owner is None or heartbeat_age is None or abs(heartbeat_age) > LEASE_SECONDS:
        return False
    process = Owner.parse(owner)
    is_here = machine_id() is not None and process.host == _host()
    return not is_here or process_exists(process.pid, process.started)


def _host() -> str:
    """The name of this machine, and after a plus sign what no other machine of that name has."""
    # The name of an owner ends at its first colon, and that of the machine at its first plus sign.
    name = socket.gethostname().replace(":", "-").replace("+", "-")
    identity = machine_id()
    if identity is None:
        return name
    return f"{name}+{identity}"


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to write for a run, until someone else raises the run's epoch.

    Attributes
    ----------
    run_id
        The run.
    owner
        The text form of the `Owner` who holds it.
    epoch
        How often the run had been claimed, this claim included.
    """

    run_id: int
    owner: str
    epoch: int


@dataclass(frozen=True, slots=True)
class Command:
    """A command that waits for the run's owner.

    Attributes
    ----------
    id
        Its number in the store, in the order of the commands.
    kind
        "pause", "resume" or "stop".
    """

    id: int
    kind: str


# --- what is recorded of a run ----------------------------------------------------------------


def recorded_metric(setting: Any, problem: dict[str, Any] | None) -> Metric:
    """What a run's scores are scores of.

    Parameters
    ----------
    setting
        The run's setting ``metric``: a name of `METRICS`, or None for the accuracy. Other metrics
        are in ``problem``.
    problem
        What the run records of its problem; a metric in it counts before the setting.
    """
    if problem is not None and "metric" in problem:
        return Metric.from_dict(problem["metric"])
    return METRICS[setting or ACCURACY.name]


# --- what people see --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, repr=False)
class RunView(Shown):
    """A run as people see it.

    Attributes
    ----------
    id, name
        The run's number and the name that a person gave it.
    dataset
        The name of its data set.
    state
        "queued", "running", "interrupted", "paused", "finished", "stopped" or "failed".
        "interrupted" is shown for a running run without a live owner.
    settings
        The search settings, with their defaults filled in.
    data_options
        How the table is prepared, as `DataOptions.to_dict` gives it.
    seed
        The seed of all random numbers of the run: 0 to 2**63 - 1.
    epoch
        How often the run was claimed.
    owner
        The text form of the `Owner` who holds the run, if someone does.
    heartbeat_age
        Seconds since the owner's last heartbeat.
    generations, evaluations, iterations
        Completed generations, recorded evaluations, and the sum of their iterations.
    seconds
        Active training time, in seconds.
    best_score, best_repeats
        Mean score of the best genome after the last generation, in the metric's unit, and the
        number of repeats that it is the mean of. Of a finished run: of its champion.
    mean_score
        Mean score over the genomes of the last generation that did not fail.
    created, started, ended
        When it was queued, first claimed, and ended; seconds since 1970.
    error
        Why it failed, or paused by itself.
    result_hash
        SHA-256 of all that it found; a finished run has one.
    pending
        The kinds of the commands that its owner has not applied yet, oldest first.
    dataset_hash
        SHA-256 of the stored table; that of nothing, where the run has no table.
    problem
        What is solved, as `shoal.problems.base.Problem.to_dict` gives it. None: a table, with a
        metric that its settings name.
    tags
        Short words that people gave it.
    note
        What people noted of it; empty: nothing.
    archived
        Since when lists leave it out, in seconds since 1970; None: they show it.
    """

    id: int
    name: str
    dataset: str
    state: str
    settings: SearchSettings
    data_options: dict[str, Any]
    seed: int
    epoch: int
    owner: str | None
    heartbeat_age: float | None
    generations: int
    evaluations: int
    iterations: int
    seconds: float
    best_score: float | None
    best_repeats: int | None
    mean_score: float | None
    created: float
    started: float | None
    ended: float | None
    error: str | None
    result_hash: str | None
    pending: tuple[str, ...] = ()
    dataset_hash: str = ""
    problem: dict[str, Any] | None = None
    tags: tuple[str, ...] = ()
    note: str = ""
    archived: float | None = None

    @property
    def kind(self) -> str:
        """What kind of problem is solved: "table", "simulation" or "function"."""
        if self.problem is None:
            return TABLE
        return str(self.problem["kind"])

    @property
    def has_network(self) -> bool:
        """Whether its swarms find the weights of a network. Those of a function find a point."""
        return PRESETS[self.settings.preset].network

    @property
    def is_table(self) -> bool:
        """Whether a table is solved; then `data_options` say how it is prepared."""
        return self.kind == TABLE

    @property
    def metric(self) -> Metric:
        """What the run's scores are scores of."""
        return recorded_metric(self.settings.metric, self.problem)

    @property
    def best_accuracy(self) -> float | None:
        """The name of `best_score` until 1.0."""
        return self.best_score

    @property
    def avg_accuracy(self) -> float | None:
        """The name of `mean_score` until 1.0."""
        return self.mean_score


@dataclass(frozen=True, slots=True)
class RunEntry:
    """What lists need of a run: they may have thousands, so that nothing large is read.

    Attributes
    ----------
    id, name, dataset, state, tags, note, archived
        As of a `RunView`.
    kind
        What kind of problem is solved: "table", "simulation" or "function".
    metric
        What the run's scores are scores of.
    generations, evaluations
        Completed generations, and recorded evaluations.
    seconds
        Active training time, in seconds.
    best_score
        As of a `RunView`, in the metric's unit.
    created, started, ended
        When it was queued, first claimed, and ended; seconds since 1970.
    dataset_hash
        SHA-256 of the stored table; that of nothing, where the run has no table.
    """

    id: int
    name: str
    dataset: str
    state: str
    kind: str
    metric: Metric
    generations: int
    evaluations: int
    seconds: float
    best_score: float | None
    created: float
    started: float | None
    ended: float | None
    dataset_hash: str
    tags: tuple[str, ...] = ()
    note: str = ""
    archived: float | None = None


@dataclass(frozen=True, slots=True)
class RunEntries:
    """The entries of all runs at one moment.

    Attributes
    ----------
    marker
        Another text as soon as something of ``resting`` has changed.
    resting, driven
        Those that nobody drives, and those that somebody does; the newest first.
    """

    marker: str
    resting: tuple[RunEntry, ...]
    driven: tuple[RunEntry, ...]

    def newest_first(self) -> list[RunEntry]:
        """All of them."""
        return sorted((*self.resting, *self.driven), key=lambda entry: -entry.id)


@dataclass(frozen=True, slots=True)
class TableView:
    """A stored table.

    Attributes
    ----------
    name
        The name of the data set when the table was first stored.
    rows, columns
        Its size.
    run_id
        The newest run that uses it.
    """

    name: str
    rows: int
    columns: int
    run_id: int


@dataclass(frozen=True, slots=True)
class TrainingTime:
    """How long a recorded training took.

    Attributes
    ----------
    repeat
        Its stored number, which says how long it trained.
    seconds
        How long it took, in seconds.
    worker
        Who trained it.
    """

    repeat: int
    seconds: float
    worker: str


@dataclass(frozen=True, slots=True)
class GenerationRecord:
    """A completed generation.

    Attributes
    ----------
    summary
        What the generation found.
    seconds
        The run's active training time at its end, in seconds.
    created
        When it was recorded, in seconds since 1970.
    """

    summary: GenerationSummary
    seconds: float
    created: float


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, for people.

    Attributes
    ----------
    time
        When it happened, in seconds since 1970.
    level
        "info", "warning" or "error".
    text
        One or two sentences.
    run_id
        The run that it is about, if it is about one.
    """

    time: float
    level: str
    text: str
    run_id: int | None


@dataclass(frozen=True, slots=True)
class SupervisorView:
    """A live supervisor.

    Attributes
    ----------
    owner, host, pid
        The text form of its `Owner`, and two parts of it.
    scope
        The one run that it serves; None when it serves all.
    started
        When it started, in seconds since 1970.
    heartbeat_age
        Seconds since its last heartbeat.
    """

    owner: str
    host: str
    pid: int
    scope: int | None
    started: float
    heartbeat_age: float

    @property
    def host_name(self) -> str:
        """What people call its machine."""
        return name_of_host(self.host)
