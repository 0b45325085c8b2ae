"""What the store hands out: frozen values, and the one rule that says whether an owner is alive."""

from __future__ import annotations

import os
import secrets
import socket
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from shoal.errors import StoreError
from shoal.problems.evaluation import GenerationSummary
from shoal.settings.search_settings import SearchSettings

LEASE_SECONDS = 30.0
HEARTBEAT_SECONDS = 5.0

CommandKind = Literal["pause", "resume", "stop"]
FinalState = Literal["finished", "stopped", "paused", "failed", "queued"]
TERMINAL = ("finished", "stopped", "failed")
# Of an evaluation, what fits in columns: a training's number, where it belongs, what came of it, what it took, when and where.
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
ACTIVE = ("queued", "running", "interrupted")  # shown states that a supervisor works on, or will


@cache
def _host() -> str:
    """The name of this machine, with its process namespace in a container: process ids mean nothing across them."""
    name = socket.gethostname().replace(":", "-")
    try:
        namespace = str(Path("/proc/self/ns/pid").readlink()).strip("pid:[]")
    except OSError:
        return name
    return (
        name if namespace == "4026531836" else f"{name}+{namespace}"
    )  # the number of Linux's initial namespace


@dataclass(frozen=True, slots=True)
class Owner:
    """A process that may hold runs. Its text form is ``host:pid:token``; the token tells apart reused process ids."""

    host: str
    pid: int
    token: str

    @classmethod
    def here(cls) -> Owner:
        """A new owner for this process: two calls, two owners."""
        return cls(_host(), os.getpid(), secrets.token_hex(8))

    @classmethod
    def parse(cls, text: str) -> Owner:
        """The reverse of ``str``; raises `StoreError`."""
        host, _, rest = text.partition(":")
        pid, _, token = rest.partition(":")
        if not (host and pid.isdecimal() and token):
            raise StoreError(f"Owner {text!r}.", expected="host:pid:token")
        return cls(host, int(pid), token)

    def __str__(self) -> str:
        return f"{self.host}:{self.pid}:{self.token}"


def is_alive(owner: str | None, heartbeat_age: float | None) -> bool:
    """Whether ``owner`` (its text form) still works, its last heartbeat being ``heartbeat_age`` seconds old.

    Dead: nobody, a heartbeat further than the lease from now by the database's clock, or a process of this host that is
    gone. In the future, as its clock was set back: a live one beats within seconds, a dead one must not seem alive for hours.
    """
    if owner is None or heartbeat_age is None or abs(heartbeat_age) > LEASE_SECONDS:
        return False
    who = Owner.parse(owner)
    return who.host != _host() or _process_exists(who.pid)


def _process_exists(pid: int) -> bool:
    if (
        sys.platform == "win32"
    ):  # pragma: no cover  there, os.kill(pid, 0) would be a Ctrl+C; the lease has to do
        return True
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    try:
        status = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return True
    return status.rpartition(")")[2].split()[0] not in (
        "Z",
        "X",
    )  # killed, but not yet reaped by its parent


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to write for a run, until someone else raises the epoch."""

    run_id: int
    owner: str
    epoch: int


@dataclass(frozen=True, slots=True)
class Command:
    """A command that waits for the run's owner."""

    id: int
    kind: str


@dataclass(frozen=True, slots=True)
class RunView:
    """A run as people see it. ``state`` is the shown one: "interrupted" is a running run without a live owner.

    Times are seconds since 1970 by the database's clock; ``seconds`` is active training time, ``heartbeat_age`` in
    seconds; accuracies in percent. ``pending`` holds the kinds of the commands that its owner has not yet applied.
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
    best_accuracy: float | None
    best_repeats: int | None
    avg_accuracy: float | None
    created: float
    started: float | None
    ended: float | None
    error: str | None
    result_hash: str | None
    pending: tuple[str, ...] = ()
    dataset_hash: str = ""  # of the stored table


@dataclass(frozen=True, slots=True)
class TableView:
    """A stored table: what it was called, its size, and the newest run that used it."""

    name: str
    rows: int
    columns: int
    run_id: int


@dataclass(frozen=True, slots=True)
class GenerationRecord:
    """A generation, the run's active ``seconds`` at its end, and when it was recorded (seconds since 1970)."""

    summary: GenerationSummary
    seconds: float
    created: float


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, for people. ``time`` in seconds since 1970; ``level`` is info, warning or error."""

    time: float
    level: str
    text: str
    run_id: int | None


@dataclass(frozen=True, slots=True)
class SupervisorView:
    """A live supervisor; ``scope`` is the one run that it serves, None when it serves all. Times in seconds."""

    owner: str
    host: str
    pid: int
    scope: int | None
    started: float
    heartbeat_age: float
