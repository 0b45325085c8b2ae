"""The store: the one way to the database.

`open_store` opens a `Store`, whose class docstring states what it promises. Each method is one
transaction. Methods for people who manage runs stand here, those for the order among many runs in
`labelling`. Those for a run's owner, for supervisors and for readers of results stand in
`ownership`, `supervision` and `results`. The SQL stands in `runs`, `commands`, `labels`, `leases`,
`live_status` and `outbox`.
"""

from __future__ import annotations

import hashlib
import logging
import os
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from sqlalchemy import ColumnElement, Connection, and_, func, select

from shoal.errors import StoreError
from shoal.settings.search_settings import SearchSettings
from shoal.store import commands, leases, migrate, runs
from shoal.store.address import (
    FIRST_RUN,
    address_or_default,
    parse_url,
    show_url,
    shown_address,
    store_exists,
)
from shoal.store.connection import Database
from shoal.store.labelling import Labelling
from shoal.store.ownership import RunOwnership
from shoal.store.records import Claim, CommandKind, Owner, RunView, TableView
from shoal.store.results import RecordedResults
from shoal.store.serialization import sanitise_text
from shoal.store.supervision import Supervision
from shoal.store.tables import NO_TABLE, dataset, run

if TYPE_CHECKING:
    import pandas as pd

    from shoal.data import CanonicalTable, Dataset
    from shoal.problems.base import Problem
    from shoal.problems.registry import Subject

_log = logging.getLogger(__name__)

T = TypeVar("T")


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
            f"There is no run yet, as there is no store {shown_address(url)}.",
            remedy=f"{FIRST_RUN}; if there are runs elsewhere, --store names their store",
        )
    return Store(address_or_default(url))


class Store(RunOwnership, RecordedResults, Supervision, Labelling):
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
        `StoreAwayError`. It raises at once `StoreFullError` for a store that takes nothing for now
        (a full disk, a quota, a server that is read-only), `StoreLostError` for a file that is not
        at its place any more, and `StoreError` for every other trouble. If the
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
        subject: Subject,
        settings: SearchSettings,
        *,
        name: str | None = None,
        key: str | None = None,
        exclusive: bool = False,
    ) -> tuple[int, bool]:
        """Queue a search.

        Parameters
        ----------
        subject
            What is solved: a data set, with the table that it was prepared from, or a simulation.
        settings
            The search settings.
        name
            What to call the run; None: the name of what is solved.
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
        new = runs.NewRun(
            name=sanitise_text(name or subject.name),
            settings=settings,
            key=key or _new_key(),
            exclusive=exclusive,
            **_described(subject, settings),
        )
        return self._database.write(lambda c: runs.add_run(c, new))

    def add_claimed_run(
        self, subject: Subject, settings: SearchSettings, owner: Owner, *, name: str | None = None
    ) -> Claim:
        """Add a search that this process drives: no supervisor of the store can be faster.

        Parameters
        ----------
        subject, settings, name
            As of `add_run`.
        owner
            Who drives it.

        Returns
        -------
        Claim
            The right to write for it.

        Raises
        ------
        StoreError
            If the data set comes without its table.
        """
        new = runs.NewRun(
            name=sanitise_text(name or subject.name),
            settings=settings,
            key=_new_key(),
            exclusive=False,
            **_described(subject, settings),
        )

        def add_and_claim(connection: Connection) -> Claim:
            run_id, _ = runs.add_run(connection, new)
            claim = leases.claim_run(connection, owner, run_id)
            assert claim is not None
            return claim

        return self._database.write(add_and_claim)

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
        CodeChangedError
            If the code of a simulation is not on this machine, or has changed.
        SettingsError
            If the run's loss does not fit its target. Such a run can be stored, and fails when it
            is driven. `run` and `table` still show it.
        """
        # Imported here, since most processes that open a store train nothing.
        from shoal.problems.registry import load_recorded
        from shoal.problems.table import TableProblem

        run = self.run(run_id)
        if run.problem is not None and not run.is_table:
            return load_recorded(run.problem, run.settings)

        return TableProblem(self.load_dataset(run.id), run.settings)

    def load_dataset(self, run_id: int | str) -> Dataset:
        """The data set of a run on a table, prepared anew from the stored table.

        Raises
        ------
        StoreError
            If the stored bytes are damaged.
        """
        from shoal.data import DataOptions, prepare

        run = self.run(run_id)
        options = DataOptions.from_dict(run.data_options)
        return prepare(run.dataset, self.canonical_table(run.id), options)

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

    def runs(
        self, limit: int | None = None, *, archived: bool = True, before: int | None = None
    ) -> list[RunView]:
        """The runs of the store.

        Parameters
        ----------
        limit
            How many, at most; None: all of them.
        archived
            Whether archived ones are among them.
        before
            Only runs with a smaller number than this one; None: all of them.

        Returns
        -------
        list of RunView
            The newest first.
        """
        conditions: list[ColumnElement[bool]] = []
        if not archived:
            conditions.append(run.c.archived.is_(None))
        if before is not None:
            conditions.append(run.c.id < before)
        condition = and_(*conditions) if conditions else None
        return self._database.read(lambda c: runs.read_runs(c, condition, limit))

    def run_count(self) -> int:
        """How many runs there are."""
        return self._database.read(lambda c: c.scalar(select(func.count()).select_from(run)) or 0)

    def run(self, run_id: int | str) -> RunView:
        """One run."""
        return self._database.read(lambda c: runs.read_run(c, run_id))

    def comparable(
        self, run: RunView, *, other_sampler: bool = False, limit: int | None = None
    ) -> list[RunView]:
        """The other finished runs on the same table, newest first.

        They may differ in the target, the split and all settings. `shoal.analysis` says which of
        them can be compared.

        Parameters
        ----------
        run
            The run.
        other_sampler
            Whether runs with the sampler of this one are left out.
        limit
            How many, at most; None: all of them.
        """
        other_than = run.settings.sampler if other_sampler else None
        return self._database.read(
            lambda c: runs.read_comparable_runs(c, run.id, other_than, limit)
        )

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


def _new_key() -> str:
    """A key that no other command has."""
    return uuid.uuid4().hex


def _described(subject: Subject, settings: SearchSettings) -> dict[str, Any]:
    """The fields of `runs.NewRun` that say what is solved."""
    from shoal.data import Dataset, to_parquet
    from shoal.problems.registry import describe, describe_table, notes_of

    if not isinstance(subject, Dataset):
        nothing = {"hash": NO_TABLE, "name": "", "parquet": b"", "rows": 0, "columns": 0}
        record = describe(subject, settings)
        return {"dataset": nothing, "data_options": {}, "problem": record, "notes": ()}

    dataset = subject
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
    return {
        "dataset": table,
        "data_options": dataset.options.to_dict(),
        "problem": describe_table(dataset, settings),
        "notes": tuple(map(sanitise_text, notes_of(dataset, settings))),
    }
