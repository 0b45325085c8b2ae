"""The store: the one way to the database.

`open_store` opens a `Store`, whose class docstring states what it promises. Each method is one
transaction. The SQL stands in the modules beside this one: `runs`, `commands`, `leases`,
`live_status` and `outbox`.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from sqlalchemy import Connection, Row, Select, Text, cast, delete, func, literal, select, update

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
    process_of,
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

_log = logging.getLogger(__name__)

T = TypeVar("T")

# How many evaluations one transaction reads: no reader may hold up writers for long.
_PAGE = 5_000
# How many values stand in one IN (...): databases limit them.
_VALUES_IN = 500
# Columns of an evaluation that hold JSON.
_JSON_COLUMNS = ("genome", "scores", "curve")


def open_store(url: str | os.PathLike[str] | None = None, *, create: bool = True) -> Store:
    """Open a store; create or upgrade it where needed.

    Parameters
    ----------
    url
        A file name, ``sqlite:///FILE`` or ``postgresql://USER:PASSWORD@HOST/DATABASE``. None
        stands for the environment's SHOAL_STORE, or else the user's own file.
    create
        Whether a missing file is created.

    Returns
    -------
    Store
        Open; it is a context manager that closes itself.

    Raises
    ------
    StoreError
        If the store cannot be reached or read, belongs to another program, was written by a newer
        Shoal, or is missing and is not to be created.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with open_store(f"{folder}/shoal.db") as store:
    ...         store.runs()
    []
    """
    if not create and not store_exists(url):
        raise StoreError(
            f"There is no store {shown_address(url)}.",
            remedy="check --store, or start a first run: shoal run",
        )
    return Store(_address(url))


def store_exists(url: str | os.PathLike[str] | None = None) -> bool:
    """Whether `open_store` would find a store there. PostgreSQL's is always assumed to be."""
    place = parse_url(_address(url))
    return not isinstance(place, Path) or place.exists()


def shown_address(url: str | os.PathLike[str] | None = None) -> str:
    """Where `open_store` would look, without a password."""
    place = parse_url(_address(url))
    if isinstance(place, Path):
        return str(place)
    return show_url(place)


def _address(url: str | os.PathLike[str] | None) -> str | os.PathLike[str]:
    return url or os.environ.get("SHOAL_STORE") or default_path()


class Store:
    """Runs, their evaluations, and the commands and claims that drive them.

    Parameters
    ----------
    address
        A file name or a URL, as for `open_store`.

    Attributes
    ----------
    path
        The file of an SQLite store; None for PostgreSQL.
    url
        The address, without a password.
    raw_url
        The address with its password, for a process that opens the same store.

    Raises
    ------
    RunNotFoundError
        From every method that takes a ``run_id``, if the store has no such run; a ``run_id`` may
        be text that a person typed. `artifact`, `evaluations` and their like find nothing instead.
    StoreAwayError, StoreFullError, StoreLostError, StoreError
        From every method, see below.

    Notes
    -----
    What a store promises:

    Transactions
        The database is the truth. Every method is one transaction (`evaluations` reads pages of an
        append-only list); what a method has returned from is on the disk. A transaction is tried
        again while the store is locked or its server away, for up to three minutes; then it raises
        `StoreAwayError`. It raises at once `StoreFullError` for a full disk, `StoreLostError` for
        a file that is not at its place any more, and `StoreError` for every other trouble. If the
        answer to a commit was lost, the second try finds the work done; only `finish` and
        `release` then raise `NotOwnerError`, although the first try succeeded.
    Claims
        A claim is one compare-and-set that raises the run's epoch. Every write of a claim
        (`heartbeat`, `record`, `note_live`, `finish`, `release`, `save_artifact`) checks run,
        owner and epoch inside its transaction. It raises `NotOwnerError`, with nothing written,
        when they are no longer current, or the run is not running.
    Evaluations
        They are appended, never changed. An evaluation that is there already (run, genome, repeat)
        is ignored; counters count each exactly once. Floats come back to the bit, also -0.0,
        infinities and NaN; times have to be finite.
    Leases
        An owner is dead when its heartbeat is further than LEASE_SECONDS from now by the
        database's clock, or its process of this host is gone. A running run without a live owner
        is shown as "interrupted", and may be claimed.
    Commands
        A command with a key that was used for it before has no effect. A live owner applies its
        commands itself (they come with `heartbeat`); those of a run that nobody holds are applied
        at once. Only a person's `resume` moves a stopped run; it takes back pauses and stops that
        have not happened yet.
    Live notes
        What trains right now is no record: each note takes the place of the one before, and the
        last one goes when the run is let go of, or taken over.
    Deletion
        Nothing else is removed but by `delete`. Run ids are never used twice.
    Sharing
        A store is safe to use from threads and processes; a child process opens its own store from
        ``raw_url``.

    Times are seconds since 1970 by the database's clock; durations are seconds.
    """

    def __init__(self, address: str | os.PathLike[str]) -> None:
        place = parse_url(address)
        if isinstance(place, Path):
            self.path: Path | None = place
            self.url: str = f"sqlite:///{place}"
            self.raw_url: str = self.url
        else:
            self.path = None
            self.url = show_url(place)
            self.raw_url = place.render_as_string(hide_password=False)

        self._database = Database(place, self.url)
        try:
            self._database.connect()
            migrate.ensure(self._database)
        except BaseException:
            self.close()
            raise
        _log.debug("opened %s", self.url)

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
        """After `StoreLostError`: copy what the deleted file held to a file beside its place.

        Returns
        -------
        Path or None
            The copy, if one could be made.
        """
        return self._database.rescue()

    def read(self, work: Callable[[Connection], T]) -> T:
        """Call ``work`` in a transaction that sees one moment of the store and cannot write.

        Only this package uses it: no other has SQL.
        """
        return self._database.read(work)

    def write(self, work: Callable[[Connection], T]) -> T:
        """Call ``work`` in a transaction, and commit it. It may be called again as a whole.

        Only this package uses it: no other has SQL.
        """
        return self._database.write(work)

    # --- runs, for people ---------------------------------------------------------------------

    def add_run(
        self,
        dataset: Dataset,
        settings: SearchSettings,
        *,
        name: str | None = None,
        key: str | None = None,
        exclusive: bool = False,
    ) -> tuple[int, bool]:
        """Queue a search.

        Parameters
        ----------
        dataset
            The data set, with the table that it was prepared from.
        settings
            The search settings.
        name
            What to call the run; None: the name of the data set.
        key
            What makes this command unique: the same key again gives the same run.
        exclusive
            Whether a run that is queued, running or interrupted is given in place of a new one.

        Returns
        -------
        run_id : int
            The run.
        created : bool
            Whether it is new.

        Raises
        ------
        StoreError
            If the data set comes without its table, or the key was used for another command.
        """
        from shoal.data import to_parquet

        if dataset.table is None:
            raise StoreError(f"{dataset.name}: a data set without its table cannot be recorded.")

        rows, columns = dataset.table.shape
        content = to_parquet(dataset.table)
        table = {
            "hash": hashlib.sha256(content).hexdigest(),
            "name": sanitise_text(dataset.name),
            "parquet": content,
            "rows": rows,
            "columns": columns,
        }
        new = runs.NewRun(
            name=sanitise_text(name or dataset.name),
            dataset=table,
            data_options=dataset.options.to_dict(),
            settings=settings,
            notes=tuple(map(sanitise_text, dataset.notes)),
            key=key or _new_key(),
            exclusive=exclusive,
        )
        return self._database.write(lambda c: runs.add_run(c, new))

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
        """The table that a run uses, in canonical form: one row a sample.

        Raises
        ------
        StoreError
            If the stored bytes are damaged.
        """
        return self.canonical_table(run_id).frame

    def canonical_table(self, run_id: int | str) -> CanonicalTable:
        """The table that a run uses, as `prepare` takes it.

        Raises
        ------
        StoreError
            If the stored bytes are damaged.
        """
        from shoal.data import from_parquet

        number = self.run(run_id).id
        query = select(dataset.c.hash, dataset.c.parquet).join(run).where(run.c.id == number)
        stored = self._database.read(lambda c: c.execute(query).one())
        if hashlib.sha256(stored.parquet).hexdigest() != stored.hash:
            raise StoreError(
                f"The stored table of run {number} is damaged.",
                remedy="restore the store from a backup",
            )
        return from_parquet(stored.parquet)

    def tables(self) -> list[TableView]:
        """The tables that runs use, the last used first."""
        return self._database.read(runs.read_tables)

    def runs(self, limit: int | None = None) -> list[RunView]:
        """All runs, newest first; at most ``limit`` of them."""
        return self._database.read(lambda c: runs.read_runs(c, limit=limit))

    def run_count(self) -> int:
        """How many runs there are."""
        return self._database.read(lambda c: c.scalar(select(func.count()).select_from(run)) or 0)

    def run(self, run_id: int | str) -> RunView:
        """One run."""
        return self._database.read(lambda c: runs.read_run(c, run_id))

    def comparable(self, run: RunView) -> list[RunView]:
        """The other finished runs on the same table, newest first."""
        return self._database.read(lambda c: runs.read_comparable_runs(c, run.id))

    def command(self, run_id: int | str, kind: CommandKind, key: str | None = None) -> RunView:
        """Pause, resume or stop a run.

        Parameters
        ----------
        run_id
            The run.
        kind
            "pause", "resume" or "stop".
        key
            What makes this command unique: the same key again has no effect.

        Returns
        -------
        RunView
            The run afterwards. Its ``pending`` holds what its owner has yet to obey.

        Raises
        ------
        RunStateError
            If the run's state does not allow the command. Nothing is written then.
        StoreError
            If the key was used for another command.
        """
        if kind not in commands.NEXT:
            raise StoreError(
                f"There is no command {kind!r}.", expected="one of " + ", ".join(commands.NEXT)
            )

        unique_key = key or _new_key()

        def submit(connection: Connection) -> RunView:
            number = commands.submit(connection, run_id, kind, unique_key)
            return runs.read_run(connection, number)

        return self._database.write(submit)

    def resume(
        self, run_id: int | str, budgets: Mapping[str, float], key: str | None = None
    ) -> RunView:
        """Let a run go on, with larger ``budgets`` where there are any.

        See `extend` for the budgets and `command` for the key.
        """
        if budgets and self.extend(run_id, budgets).state == "queued":
            return self.run(run_id)
        return self.command(run_id, "resume", key)

    def extend(self, run_id: int | str, budgets: Mapping[str, float]) -> RunView:
        """Give a run that nobody drives a larger budget.

        A run that was finished is queued again and goes on where it ended: the result is that of a
        run which had this budget from its start. Other runs stay as they are, for a `resume`.

        Parameters
        ----------
        run_id
            The run.
        budgets
            ``generations``, ``evaluations`` and ``max_seconds``, any of them.

        Returns
        -------
        RunView
            The run afterwards.

        Raises
        ------
        RunStateError
            If the run is running.
        SettingsError
            If a budget is no larger than what the run has had.
        """

        def extend(connection: Connection) -> RunView:
            return runs.read_run(connection, runs.extend_run(connection, run_id, budgets))

        return self._database.write(extend)

    def delete(self, run_id: int | str) -> None:
        """Remove a run and all that it recorded.

        Raises
        ------
        RunStateError
            If the run has a live owner.
        """
        self._database.write(lambda c: runs.delete_run(c, run_id))

    # --- runs, for their owners ---------------------------------------------------------------

    def claim(self, owner: Owner, run_id: int | None = None) -> Claim | None:
        """Claim the oldest run that is queued or interrupted.

        Parameters
        ----------
        owner
            Who claims it.
        run_id
            Only this run; None: any run.

        Returns
        -------
        Claim or None
            None when there is no run to claim.
        """
        return self._database.write(lambda c: leases.claim_run(c, owner, run_id))

    def heartbeat(
        self, claim: Claim, seconds: float, trainings: Sequence[RunningTraining] | None = None
    ) -> tuple[Command, ...]:
        """Renew the lease, and learn which commands wait.

        Parameters
        ----------
        claim
            The owner's claim.
        seconds
            The run's active training time so far, in seconds.
        trainings
            What `note_live` would note; None: leave the last note as it is.

        Returns
        -------
        tuple of Command
            The commands that wait to be obeyed, oldest first.

        Raises
        ------
        NotOwnerError
            If the claim is no longer current.
        """
        self._database.bound_log()
        return self._database.write(lambda c: leases.heartbeat(c, claim, seconds, trainings))

    def poll_flags(self, run_id: int) -> PollFlags:
        """Whether commands wait to be obeyed, and whether somebody watches.

        It is cheap, and may be asked often.
        """
        return self._database.read(lambda c: live_status.poll_flags(c, run_id))

    def note_live(self, claim: Claim, trainings: Sequence[RunningTraining]) -> None:
        """Note what trains now, in the place of the last such note.

        A note is no part of what is recorded.

        Raises
        ------
        NotOwnerError
            If the claim is no longer current.
        """
        self._database.write(lambda c: leases.note_live(c, claim, trainings))

    def record(
        self,
        claim: Claim,
        evaluations: Sequence[Evaluation],
        generations: Sequence[GenerationSummary],
        seconds: float,
        trainings: Sequence[RunningTraining] | None = None,
    ) -> None:
        """Append results and completed generations, and renew the lease.

        Parameters
        ----------
        claim
            The owner's claim.
        evaluations, generations
            What to record. What is recorded already is ignored.
        seconds
            The run's active training time so far, in seconds.
        trainings
            What `note_live` would note; None: leave the last note as it is.

        Raises
        ------
        NotOwnerError
            If the claim is no longer current.
        """
        # Each genome is made a dictionary once: most have several repeats.
        genomes = {each.task.genome: each.task.genome.to_dict() for each in evaluations}
        rows = [
            evaluation_row(claim.run_id, each, genomes[each.task.genome]) for each in evaluations
        ]
        summaries = [generation_row(claim.run_id, each, seconds) for each in generations]
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
        """Let go of a run in its new state.

        Parameters
        ----------
        claim
            The owner's claim.
        state
            "finished", "stopped", "paused", "failed" or "queued".
        seconds
            The run's active training time, in seconds.
        error
            Why it failed, or paused by itself.
        result_hash
            SHA-256 of all that a finished run has found.
        applied
            The commands that led to the state. When a resume has overtaken all of them, the run is
            queued again instead.

        Raises
        ------
        NotOwnerError
            If the claim is no longer current.
        """
        self._database.write(
            lambda c: leases.finish(c, claim, state, seconds, error, result_hash, applied)
        )

    def release(self, claim: Claim, seconds: float) -> None:
        """Let go of a run as it stands: anybody may claim it at once.

        Parameters
        ----------
        claim
            The owner's claim.
        seconds
            The run's active training time, in seconds.

        Raises
        ------
        NotOwnerError
            If the claim is no longer current.
        """
        self._database.write(lambda c: leases.release(c, claim, seconds))

    def save_artifact(self, claim: Claim, kind: str, content: bytes) -> None:
        """Keep bytes under the name ``kind``, in place of those that were kept there before.

        Raises
        ------
        NotOwnerError
            If the claim is no longer current.
        """
        self._database.write(lambda c: leases.save_artifact(c, claim, kind, content))

    # --- what was recorded --------------------------------------------------------------------

    def artifact(self, run_id: int | str, kind: str) -> bytes | None:
        """The bytes that are kept under the name ``kind``, if there are any."""
        query = select(artifact.c.content).where(
            artifact.c.run_id == runs.parse_id(run_id), artifact.c.kind == kind
        )
        content = self._database.read(lambda c: c.scalar(query))
        if content is None:
            return None
        return bytes(content)

    def evaluations(
        self, run_id: int | str, *, curves: bool = True, genome: str | None = None
    ) -> list[Evaluation]:
        """The evaluations of a run, in the order of their recording.

        Parameters
        ----------
        run_id
            The run.
        curves
            Whether to read the curves. Without them it is several times faster.
        genome
            The whole hash of a genome: only its evaluations.
        """
        query = _select_evaluations(run_id, curves=curves)
        if genome is not None:
            # They are few, and are sorted here: with an ORDER BY, databases would read the whole
            # run in the order of its ids.
            rows = self._all(query.where(evaluation.c.genome_hash == genome))
            return read_evaluations(sorted(rows, key=_row_id), {})

        # Each genome's JSON is parsed once.
        genomes: dict[str, Genome] = {}
        recorded: list[Evaluation] = []
        for page in self._pages(query):
            recorded += read_evaluations(page, genomes)
        return recorded

    def latest_evaluations(self, run_id: int | str, count: int) -> list[Evaluation]:
        """The ``count`` evaluations that were recorded last, newest first, with their curves."""
        query = _select_evaluations(run_id).order_by(evaluation.c.id.desc()).limit(count)
        return read_evaluations(self._all(query), {})

    def evaluation_rows(self, run_id: int | str, after: int = 0) -> list[tuple[Any, ...]]:
        """Short rows of the evaluations, in the order of their recording.

        Parameters
        ----------
        run_id
            The run.
        after
            Only evaluations that were recorded after the one with this id.

        Returns
        -------
        list of tuple
            What `EVALUATION_COLUMNS` name, in that order.
        """
        columns = []
        for name in EVALUATION_COLUMNS:
            if name == "genome":
                columns.append(evaluation.c.genome_hash)
            else:
                columns.append(evaluation.c[name])
        query = select(*columns).where(evaluation.c.run_id == runs.parse_id(run_id))

        rows: list[tuple[Any, ...]] = []
        for page in self._pages(query, after):
            rows += map(tuple, page)
        return rows

    def genomes(self, ids: Sequence[int]) -> list[dict[str, Any]]:
        """The genes of the evaluations with those ids, in their order."""
        genes = cast(evaluation.c.genome, Text).label("genome")
        texts: dict[int, str] = {}
        for start in range(0, len(ids), _VALUES_IN):
            some_ids = ids[start : start + _VALUES_IN]
            query = select(evaluation.c.id, genes).where(evaluation.c.id.in_(some_ids))
            for row in self._all(query):
                texts[row.id] = row.genome
        return [json.loads(texts[evaluation_id]) for evaluation_id in ids]

    def generations(self, run_id: int | str) -> list[GenerationRecord]:
        """The completed generations, in order."""
        query = (
            select(generation)
            .where(generation.c.run_id == runs.parse_id(run_id))
            .order_by(generation.c.number)
        )
        rows = self._all(query)
        return [GenerationRecord(read_generation(row), row.seconds, row.created) for row in rows]

    def event(self, text: str, level: str = "info", run_id: int | None = None) -> None:
        """Note for people that something happened.

        Parameters
        ----------
        text
            One or two sentences.
        level
            "info", "warning" or "error".
        run_id
            The run that it is about, if it is about one.
        """
        self._database.write(lambda c: runs.add_event(c, text, run_id, level))

    def events(self, run_id: int | None = None, limit: int = 200) -> list[Event]:
        """The last events, newest first; of one run, or (None) all events."""
        query = select(event).order_by(event.c.id.desc()).limit(limit)
        if run_id is not None:
            query = query.where(event.c.run_id == run_id)
        return [Event(row.created, row.level, row.text, row.run_id) for row in self._all(query)]

    def _all(self, query: Select[Any]) -> Sequence[Row[Any]]:
        """All rows of a query, from one moment."""
        return self._database.read(lambda c: c.execute(query).all())

    def _pages(self, query: Select[Any], after: int = 0) -> Iterator[Sequence[Row[Any]]]:
        """The rows of a query on ``evaluation`` in the order of their ids, a page at a time.

        Each page is a transaction of its own: the list is append-only.
        """
        while True:
            page = query.where(evaluation.c.id > after).order_by(evaluation.c.id).limit(_PAGE)
            rows = self._all(page)
            yield rows
            if len(rows) < _PAGE:
                return
            after = rows[-1].id

    # --- what trains right now ----------------------------------------------------------------

    def live(self, run_id: int | str) -> Live | None:
        """What trains now.

        Returns
        -------
        Live or None
            None when nobody drives the run, or its owner has not written for longer than the
            lease.
        """
        return self._database.read(lambda c: live_status.read(c, run_id))

    def announce_viewer(self, run_id: int | str) -> None:
        """Tell a run's owner that somebody watches.

        For `live_status.WATCHED_SECONDS` the owner then notes frames of the swarms, too. This is no
        command, and it is cheap: a second viewer within a second writes nothing. Where nothing can
        be written (the disk is full, or this user may not), the owner does not learn of it.
        """
        recently = live_status.RENEWED_SECONDS
        if self._database.read(lambda c: live_status.is_watched(c, run_id, recently)):
            return
        with suppress(StoreError):
            self._database.write(lambda c: live_status.announce_viewer(c, run_id))

    # --- messages for the webhook -------------------------------------------------------------

    def note_stalled(self) -> list[int]:
        """Note, once, each run that recorded nothing for long, though it is or ought to be running.

        Long is more than ten minutes, and more than 30 times the median of its last trainings.

        Returns
        -------
        list of int
            The runs that were noted now.
        """
        if not self._database.read(outbox.stalled_runs):
            return []
        return self._database.write(outbox.note_stalled)

    def lease_message(self) -> OutboxMessage | None:
        """Take the next message to send.

        The caller has a minute to send it, and says what has become of it (`acknowledge_message`).
        """
        if not self._database.read(outbox.is_due):
            return None
        return self._database.write(outbox.lease_next)

    def acknowledge_message(self, message: OutboxMessage, error: str | None = None) -> None:
        """Note what has become of a leased message.

        Parameters
        ----------
        message
            What `lease_message` gave.
        error
            Why it could not be sent; None: it was sent. A message that could not be sent is due
            again later, for a day.
        """
        self._database.write(lambda c: outbox.acknowledge(c, message, error))

    # --- supervisors --------------------------------------------------------------------------

    def reserve_supervisor(
        self, owner: Owner, scope: int | None = None, *, on_host: bool = False
    ) -> bool:
        """Register who is about to start a supervisor, unless there is one that serves ``scope``.

        Parameters
        ----------
        owner
            Who is about to start it.
        scope
            The one run that it would serve; None: all of them.
        on_host
            Whether supervisors of other hosts do not count.

        Returns
        -------
        bool
            Whether ``owner`` was registered. Of many who ask at once, one is.
        """
        return self._database.write(lambda c: leases.reserve(c, owner, scope, on_host))

    def register_supervisor(
        self, owner: Owner, scope: int | None = None, instead_of: Owner | None = None
    ) -> None:
        """Register a supervisor, and forget the dead ones.

        Parameters
        ----------
        owner
            The supervisor.
        scope
            The one run that it serves; None: all of them.
        instead_of
            A reservation to forget: that of the process which has started it.
        """
        self._database.write(lambda c: leases.register(c, owner, scope, instead_of))

    def supervisor_heartbeat(self, owner: Owner) -> bool:
        """Renew a supervisor's lease.

        Returns
        -------
        bool
            False when it was taken for dead and forgotten: it has to register again.
        """
        renewed = update(supervisor).where(supervisor.c.owner == str(owner)).values(heartbeat=now())
        is_known = self._database.write(lambda c: c.execute(renewed).rowcount == 1)
        if not is_known:
            _log.info("the supervisor %s is not registered", process_of(str(owner)))
        return is_known

    def remove_supervisor(self, owner: Owner) -> None:
        """Forget a supervisor that ends."""
        removed = delete(supervisor).where(supervisor.c.owner == str(owner))
        self._database.write(lambda c: c.execute(removed))
        _log.info("the supervisor %s has ended", process_of(str(owner)))

    def supervisors(self) -> list[SupervisorView]:
        """The live supervisors, oldest first."""
        return self._database.read(leases.supervisors)


def _new_key() -> str:
    """A key that no other command has."""
    return uuid.uuid4().hex


def _row_id(row: Row[Any]) -> int:
    return int(row.id)


def _select_evaluations(run_id: int | str, *, curves: bool = True) -> Select[Any]:
    """A query for whole evaluations of a run, as `read_evaluations` reads them.

    JSON comes as text, and is parsed outside the transaction.
    """
    columns: list[Any] = []
    for column in evaluation.c:
        if column.name == "curve" and not curves:
            columns.append(literal("[]").label("curve"))
        elif column.name in _JSON_COLUMNS:
            columns.append(cast(column, Text).label(column.name))
        else:
            columns.append(column)
    return select(*columns).where(evaluation.c.run_id == runs.parse_id(run_id))
