"""The one door to the database."""

from __future__ import annotations

import hashlib
import json
import os
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from sqlalchemy import URL, Connection, Text, cast, delete, func, literal, select, update

from shoal.errors import StoreError
from shoal.genome.genome import Genome
from shoal.problems.evaluation import Evaluation, GenerationSummary
from shoal.settings.search_settings import SearchSettings
from shoal.store import commands, leases, live_status, migrate, outbox, runs
from shoal.store.connection import Database, parse_url, show_url
from shoal.store.live_status import Live, PollFlags, RunningTraining
from shoal.store.outbox import OutboxMessage
from shoal.store.records import (
    EVALUATION_COLUMNS,
    Claim,
    Command,
    CommandKind,
    Event,
    FinalState,
    GenerationRecord,
    Owner,
    RunView,
    SupervisorView,
    TableView,
)
from shoal.store.serialization import (
    evaluation_row,
    generation_row,
    read_evaluations,
    read_generation,
    sanitise_text,
)
from shoal.store.tables import (
    artifact,
    dataset,
    evaluation,
    event,
    generation,
    now,
    run,
    supervisor,
)
from shoal.system.paths import default_path

if TYPE_CHECKING:
    import pandas as pd

    from shoal.data import CanonicalTable, Dataset
    from shoal.problems.table import Problem

T = TypeVar("T")
_PAGE = 5_000  # evaluations a transaction: no reader may hold up writers for long
_FEW = 500  # values in one IN (...)


def open_store(url: str | os.PathLike[str] | None = None, *, create: bool = True) -> Store:
    """Open a store, creating or upgrading it where needed; without ``create`` its file has to be there.

    ``url`` is a file name, ``sqlite:///FILE`` or ``postgresql://USER:PASSWORD@HOST/DATABASE``; None stands for the
    environment's SHOAL_STORE, else the user's own file. Raises `StoreError` when it cannot be reached or read, belongs
    to another program, or was written by a newer Shoal.
    """
    if not create and not store_exists(url):
        raise StoreError(
            f"There is no store {shown_address(url)}.",
            remedy="check --store, or start a first run: shoal run",
        )
    return Store(_address(url))


def store_exists(url: str | os.PathLike[str] | None = None) -> bool:
    """Whether `open_store` would find one there; of a PostgreSQL database that is always assumed."""
    place = parse_url(_address(url))
    return not isinstance(place, Path) or place.exists()


def shown_address(url: str | os.PathLike[str] | None = None) -> str:
    """Where `open_store` would look, without a password."""
    place = parse_url(_address(url))
    return str(place) if isinstance(place, Path) else show_url(place)


def _address(url: str | os.PathLike[str] | None) -> str | os.PathLike[str]:
    return url or os.environ.get("SHOAL_STORE") or default_path()


class Store:
    """Runs, their evaluations, and the commands and claims that drive them. Its obligations:

    - The database is the truth. Every method is one transaction (`evaluations` reads pages of an append-only list);
      what a method has returned from is on the disk. A transaction is tried again while the store is locked or its
      server away, for up to three minutes; then it raises `StoreAwayError`, at once `StoreFullError` for a full disk,
      `StoreLostError` for a file that is not at its place any more, and `StoreError` for every other trouble.
      If the answer to a commit was lost, the second try finds the work done; only `finish` and `release` then raise
      `NotOwnerError`, although the first try succeeded.
    - A claim is one compare-and-set that raises the run's epoch. Every write of a claim (`heartbeat`, `record`, `note_live`,
      `finish`, `release`, `save_artifact`) checks run, owner and epoch inside its transaction and raises `NotOwnerError`,
      with nothing written, when they are no longer current, or the run is not running.
    - Evaluations are appended, never changed. One that is there already (run, genome, repeat) is ignored; counters
      count each exactly once. Floats come back to the bit, also -0.0, infinities and NaN; times have to be finite.
    - An owner is dead when its heartbeat is further than LEASE_SECONDS from now by the database's clock, or its process of this
      host is gone. A running run without a live owner is shown as "interrupted", and may be claimed.
    - A command with a key that was used for it before has no effect. A live owner applies its commands itself (they
      come with `heartbeat`); those of a run that nobody holds are applied at once. Only a person's `resume` moves a stopped
      run; it takes back pauses and stops that have not happened yet.
    - What trains right now is no record: each note takes the place of the one before, and the last one goes when the run is
      let go of, or taken over.
    - Nothing else is removed but by `delete`. Run ids are never used twice.
    - Safe to use from threads and processes; a child process opens its own store from ``raw_url``.

    Times are seconds since 1970 by the database's clock. A ``run_id`` that a person typed may be text; one that is not
    there raises `RunNotFoundError`.
    """

    def __init__(self, address: str | os.PathLike[str]) -> None:
        place = parse_url(address)
        self.path: Path | None = None if isinstance(place, URL) else place
        self.url: str = show_url(place) if isinstance(place, URL) else f"sqlite:///{place}"
        self.raw_url: str = (
            place.render_as_string(hide_password=False) if isinstance(place, URL) else self.url
        )
        self._database = Database(place, self.url)
        try:
            self._database.connect()
            migrate.ensure(self._database)
        except BaseException:
            self.close()
            raise

    def __repr__(self) -> str:
        return f"Store({self.url!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give back the connections. A store that is used again opens new ones."""
        self._database.engine.dispose()

    def rescue(self) -> Path | None:
        """After `StoreLostError`: copy what the deleted file held beside its place; the copy's name, if there is one."""
        return self._database.rescue()

    def read(self, work: Callable[[Connection], T]) -> T:
        """What ``work`` finds in one moment of the store. For this package: others have no SQL."""
        return self._database.read(work)

    def write(self, work: Callable[[Connection], T]) -> T:
        """What ``work`` gives, committed, or tried again as a whole. For this package: others have no SQL."""
        return self._database.write(work)

    # Runs, for people

    def add_run(
        self,
        dataset: Dataset,
        settings: SearchSettings,
        *,
        name: str | None = None,
        key: str | None = None,
        exclusive: bool = False,
    ) -> tuple[int, bool]:
        """Queue a search; its id, and whether it is new.

        The same ``key`` again gives the same run. ``exclusive``: a run that is queued, running or interrupted is
        given instead of a new one.
        """
        from shoal.data import to_parquet

        if dataset.table is None:
            raise StoreError(f"{dataset.name}: a data set without its table cannot be recorded.")
        content = to_parquet(dataset.table)
        row = {
            "hash": hashlib.sha256(content).hexdigest(),
            "name": sanitise_text(dataset.name),
            "parquet": content,
            "rows": dataset.table.shape[0],
            "columns": dataset.table.shape[1],
        }
        options = dataset.options.to_dict()
        notes = tuple(map(sanitise_text, dataset.notes))
        new = runs.NewRun(
            sanitise_text(name or dataset.name),
            row,
            options,
            settings,
            notes,
            key or uuid.uuid4().hex,
            exclusive,
        )
        return self._database.write(lambda c: runs.add(c, new))

    def load_problem(self, run_id: int | str) -> Problem:
        """The problem that a run solves: its data set and its settings.

        Parameters
        ----------
        run_id
            A run's id, as a number or as a person typed it.

        Returns
        -------
        Problem
            The data set prepared anew from the stored table, and the run's settings. Two calls
            give equal problems.

        Raises
        ------
        RunNotFoundError
            If the store has no such run.
        StoreError
            If the stored table is damaged.
        SettingsError
            If the run's loss does not fit its target. Such a run can be stored, and fails when it
            is driven. `run` and `table` still show it.
        """
        # Imported here, since most processes that open a store train nothing.
        from shoal.data import DataOptions, prepare
        from shoal.problems.table import Problem

        run = self.run(run_id)
        options = DataOptions.from_dict(run.data_options)
        dataset = prepare(run.dataset, self.canonical_table(run.id), options)
        return Problem(dataset, run.settings)

    def table(self, run_id: int | str) -> pd.DataFrame:
        """The table that a run uses. Raises `StoreError` for damaged bytes."""
        return self.canonical_table(run_id).frame

    def canonical_table(self, run_id: int | str) -> CanonicalTable:
        """The table that a run uses, in canonical form. Raises `StoreError` for damaged bytes."""
        from shoal.data import from_parquet

        found = self.run(run_id)
        query = select(dataset.c.hash, dataset.c.parquet).join(run).where(run.c.id == found.id)
        stored = self._database.read(lambda c: c.execute(query).one())
        if hashlib.sha256(stored.parquet).hexdigest() != stored.hash:
            raise StoreError(
                f"The stored table of run {found.id} is damaged.",
                remedy="restore the store from a backup",
            )
        return from_parquet(stored.parquet)

    def tables(self) -> list[TableView]:
        """The tables that runs use, the last used first."""
        return self._database.read(runs.tables)

    def runs(self, limit: int | None = None) -> list[RunView]:
        """All runs, or so many, newest first."""
        return self._database.read(lambda c: runs.views(c, limit=limit))

    def run_count(self) -> int:
        """How many runs there are."""
        return self._database.read(lambda c: c.scalar(select(func.count()).select_from(run)) or 0)

    def run(self, run_id: int | str) -> RunView:
        """One run."""
        return self._database.read(lambda c: runs.view(c, run_id))

    def comparable(self, run: RunView) -> list[RunView]:
        """The other finished runs on the same table, newest first."""
        return self._database.read(lambda c: runs.comparable(c, run.id))

    def command(self, run_id: int | str, kind: CommandKind, key: str | None = None) -> RunView:
        """Pause, resume or stop a run. Gives the run afterwards; ``pending`` holds what its owner has yet to obey.

        Raises `RunStateError`, with nothing written, where the run's state does not allow it.
        """
        if kind not in commands.NEXT:
            raise StoreError(
                f"There is no command {kind!r}.", expected="one of " + ", ".join(commands.NEXT)
            )
        unique = key or uuid.uuid4().hex
        return self._database.write(
            lambda c: runs.view(c, commands.submit(c, run_id, kind, unique))
        )

    def resume(
        self, run_id: int | str, budgets: Mapping[str, float], key: str | None = None
    ) -> RunView:
        """A person's word to go on, with larger ``budgets`` where there are any (see `extend`)."""
        if budgets and self.extend(run_id, budgets).state == "queued":
            return self.run(run_id)
        return self.command(run_id, "resume", key)

    def extend(self, run_id: int | str, budgets: Mapping[str, float]) -> RunView:
        """Give a run that nobody drives a larger budget (``generations``, ``evaluations``, ``max_seconds``).

        One that was finished is queued again and goes on where it ended: the result is that of a run which had this
        budget from its start. Others stay as they are, for a `resume`. Raises `RunStateError` while it is running, and
        `SettingsError` for a budget that is no larger than what the run has had.
        """
        return self._database.write(lambda c: runs.view(c, runs.extend(c, run_id, budgets)))

    def delete(self, run_id: int | str) -> None:
        """Remove a run and all that it recorded. Raises `RunStateError` while it has a live owner."""
        self._database.write(lambda c: runs.remove(c, run_id))

    # Runs, for their owners

    def claim(self, owner: Owner, run_id: int | None = None) -> Claim | None:
        """Take the oldest run that is queued or interrupted (or only ``run_id``); None when there is none to take."""
        return self._database.write(lambda c: leases.claim(c, owner, run_id))

    def heartbeat(
        self, claim: Claim, seconds: float, trainings: Sequence[RunningTraining] | None = None
    ) -> tuple[Command, ...]:
        """Renew the lease, note the run's active ``seconds``, and learn which commands wait to be obeyed.

        ``trainings``: also what `note_live` notes.
        """
        self._database.bound_log()
        return self._database.write(lambda c: leases.heartbeat(c, claim, seconds, trainings))

    def poll_flags(self, run_id: int) -> PollFlags:
        """Whether commands wait to be obeyed, and whether somebody watches; cheap, to be asked often."""
        return self._database.read(lambda c: live_status.poll_flags(c, run_id))

    def note_live(self, claim: Claim, trainings: Sequence[RunningTraining]) -> None:
        """Note what trains now, in the place of the last such note. It is no part of what is recorded."""
        self._database.write(lambda c: leases.note_live(c, claim, trainings))

    def record(
        self,
        claim: Claim,
        evaluations: Sequence[Evaluation],
        generations: Sequence[GenerationSummary],
        seconds: float,
        trainings: Sequence[RunningTraining] | None = None,
    ) -> None:
        """Append results and completed generations, and renew the lease; ``seconds``: the run's active time so far.

        ``trainings``: also what `note_live` notes.
        """
        genomes = {e.task.genome: e.task.genome.to_dict() for e in evaluations}
        rows = [evaluation_row(claim.run_id, e, genomes[e.task.genome]) for e in evaluations]
        summaries = [generation_row(claim.run_id, g, seconds) for g in generations]
        self._database.write(lambda c: leases.record(c, claim, rows, summaries, seconds, trainings))

    def finish(
        self,
        claim: Claim,
        state: FinalState,
        *,
        seconds: float,
        error: str | None = None,
        result_hash: str | None = None,
        applied: Sequence[Command] = (),
    ) -> None:
        """Let go of a run in its new state; ``applied`` are the commands that led to it.

        When a resume has overtaken all of them, the run is queued again instead.
        """
        self._database.write(
            lambda c: leases.finish(c, claim, state, seconds, error, result_hash, applied)
        )

    def release(self, claim: Claim, seconds: float) -> None:
        """Let go of a run as it stands, free to be taken over at once."""
        self._database.write(lambda c: leases.release(c, claim, seconds))

    def save_artifact(self, claim: Claim, kind: str, content: bytes) -> None:
        """Keep bytes under a name, in place of those kept there before."""
        self._database.write(lambda c: leases.save_artifact(c, claim, kind, content))

    # What was recorded

    def artifact(self, run_id: int | str, kind: str) -> bytes | None:
        """The bytes kept under that name."""
        query = select(artifact.c.content).where(
            artifact.c.run_id == runs.parse_id(run_id), artifact.c.kind == kind
        )
        content = self._database.read(lambda c: c.scalar(query))
        return None if content is None else bytes(content)

    def evaluations(
        self, run_id: int | str, *, curves: bool = True, genome: str | None = None
    ) -> list[Evaluation]:
        """All evaluations in the order of their recording; without their curves it is several times faster.

        ``genome``: only those of the genome of that hash.
        """
        number, last = runs.parse_id(run_id), 0
        genomes: dict[str, Genome] = {}
        found: list[Evaluation] = []
        # JSON is read as text and parsed outside the transaction: each genome once, curves only when wanted.
        as_text = _as_text()
        if not curves:
            as_text["curve"] = literal("[]").label("curve")
        columns = [as_text.get(column.name, column) for column in evaluation.c]
        query = select(*columns).where(evaluation.c.run_id == number)
        if (
            genome is not None
        ):  # few; and databases would read the whole run in the order of its ids
            rows = self._database.read(
                lambda c: c.execute(query.where(evaluation.c.genome_hash == genome)).all()
            )
            return read_evaluations(sorted(rows, key=lambda row: row.id), genomes)
        while True:
            page = query.where(evaluation.c.id > last).order_by(evaluation.c.id).limit(_PAGE)
            rows = self._database.read(lambda c, page=page: c.execute(page).all())  # type: ignore[misc]
            found += read_evaluations(rows, genomes)
            if len(rows) < _PAGE:
                return found
            last = rows[-1].id

    def latest_evaluations(self, run_id: int | str, count: int) -> list[Evaluation]:
        """The evaluations that were recorded last, newest first, with their curves."""
        as_text = _as_text()
        query = select(*(as_text.get(column.name, column) for column in evaluation.c))
        query = (
            query.where(evaluation.c.run_id == runs.parse_id(run_id))
            .order_by(evaluation.c.id.desc())
            .limit(count)
        )
        return read_evaluations(self._database.read(lambda c: c.execute(query).all()), {})

    def evaluation_rows(self, run_id: int | str, after: int = 0) -> list[tuple[Any, ...]]:
        """What `EVALUATION_COLUMNS` name of the evaluations recorded after the one with that id, in order."""
        columns = [
            evaluation.c["genome_hash" if name == "genome" else name] for name in EVALUATION_COLUMNS
        ]
        query = (
            select(*columns)
            .where(evaluation.c.run_id == runs.parse_id(run_id))
            .order_by(evaluation.c.id)
        )
        found: list[tuple[Any, ...]] = []
        while True:
            page = query.where(evaluation.c.id > after).limit(_PAGE)
            rows = self._database.read(lambda c, page=page: c.execute(page).all())  # type: ignore[misc]
            found += map(tuple, rows)
            if len(rows) < _PAGE:
                return found
            after = rows[-1].id

    def genomes(self, ids: Sequence[int]) -> list[dict[str, Any]]:
        """The genes of the evaluations with those ids, in their order."""
        found: dict[int, str] = {}
        for at in range(0, len(ids), _FEW):
            some = select(evaluation.c.id, cast(evaluation.c.genome, Text).label("genome"))
            some = some.where(evaluation.c.id.in_(ids[at : at + _FEW]))
            rows = self._database.read(lambda c, some=some: c.execute(some).all())  # type: ignore[misc]
            found |= {row.id: row.genome for row in rows}
        return [json.loads(found[i]) for i in ids]

    def generations(self, run_id: int | str) -> list[GenerationRecord]:
        """The completed generations, in order."""
        query = (
            select(generation)
            .where(generation.c.run_id == runs.parse_id(run_id))
            .order_by(generation.c.number)
        )
        rows = self._database.read(lambda c: c.execute(query).all())
        return [GenerationRecord(read_generation(row), row.seconds, row.created) for row in rows]

    def event(self, text: str, level: str = "info", run_id: int | None = None) -> None:
        """Note for people that something happened."""
        self._database.write(lambda c: runs.log(c, text, run_id, level))

    def events(self, run_id: int | None = None, limit: int = 200) -> list[Event]:
        """The last events, newest first; of one run, or of all and none."""
        query = select(event).order_by(event.c.id.desc()).limit(limit)
        if run_id is not None:
            query = query.where(event.c.run_id == run_id)
        rows = self._database.read(lambda c: c.execute(query).all())
        return [Event(row.created, row.level, row.text, row.run_id) for row in rows]

    # What trains right now

    def live(self, run_id: int | str) -> Live | None:
        """What trains; None when nobody drives the run, or its owner has not said for longer than the lease."""
        return self._database.read(lambda c: live_status.read(c, run_id))

    def announce_viewer(self, run_id: int | str) -> None:
        """Say that somebody watches: for `live.WATCHED_SECONDS` its owner notes frames of the swarms, too.

        No command, and cheap: what another reader said within a second is not said again. Where it cannot be written (the disk
        is full, or this reader may not), nobody hears it.
        """
        if not self._database.read(
            lambda c: live_status.is_watched(c, run_id, live_status.RENEWED_SECONDS)
        ):
            with suppress(StoreError):
                self._database.write(lambda c: live_status.announce_viewer(c, run_id))

    # For the webhook

    def note_stalled(self) -> list[int]:
        """Note, once, each run that recorded nothing for long, though it is running or ought to; those that are new.

        Long is more than ten minutes, and more than 30 times the median of its last trainings.
        """
        if not self._database.read(outbox.silent):
            return []
        return self._database.write(outbox.note_stalled)

    def lease_message(self) -> OutboxMessage | None:
        """What is to be told next; who takes it has a minute to tell it, and says what became of it (`acknowledge_message`)."""
        if not self._database.read(outbox.is_due):
            return None
        return self._database.write(outbox.lease_next)

    def acknowledge_message(self, notice: OutboxMessage, error: str | None = None) -> None:
        """It was told; or it was not, because of ``error``, and is due again later: for a day."""
        self._database.write(lambda c: outbox.acknowledge(c, notice, error))

    # Supervisors

    def reserve_supervisor(
        self, owner: Owner, scope: int | None = None, *, on_host: bool = False
    ) -> bool:
        """Register ``owner``, who is about to start a supervisor; False when one that serves ``scope`` is there.

        ``on_host``: those of other hosts do not count. Of many who ask at once, one hears True.
        """
        return self._database.write(lambda c: leases.reserve(c, owner, scope, on_host))

    def register_supervisor(
        self, owner: Owner, scope: int | None = None, instead_of: Owner | None = None
    ) -> None:
        """Make a supervisor known, of all runs or of one; forget the dead ones, and ``instead_of``."""
        self._database.write(lambda c: leases.register(c, owner, scope, instead_of))

    def supervisor_heartbeat(self, owner: Owner) -> bool:
        """Renew its lease; False when it was taken for dead and forgotten, so that it has to register again."""
        renewed = update(supervisor).where(supervisor.c.owner == str(owner)).values(heartbeat=now())
        return self._database.write(lambda c: c.execute(renewed).rowcount == 1)

    def remove_supervisor(self, owner: Owner) -> None:
        """Forget a supervisor that ends."""
        self._database.write(
            lambda c: c.execute(delete(supervisor).where(supervisor.c.owner == str(owner)))
        )

    def supervisors(self) -> list[SupervisorView]:
        """The live ones, oldest first."""
        return self._database.read(leases.supervisors)


def _as_text() -> dict[str, Any]:
    """The JSON columns of an evaluation, to be parsed outside the transaction."""
    return {
        name: cast(evaluation.c[name], Text).label(name) for name in ("genome", "scores", "curve")
    }
