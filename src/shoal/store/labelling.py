"""What people call runs, and note of them.

`Store` takes these methods over. Their SQL stands in `labels`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from sqlalchemy import Connection

from shoal.store import labels, runs
from shoal.store.connection import Database
from shoal.store.records import RunEntries, RunEntry, RunView
from shoal.store.tables import run


class Labelling:
    """The methods of a `Store` for the order among many runs; each is one transaction.

    None of them changes a result, or disturbs whoever drives the run.
    """

    _database: Database

    def run_entries(self) -> list[RunEntry]:
        """What lists need of each run, the newest first; `runs` reads far more."""
        return self._database.read(runs.read_entries)

    def run_entries_since(self, known: RunEntries | None) -> RunEntries:
        """As `run_entries`, for who asks again and again.

        Parameters
        ----------
        known
            What this method returned before; None: nothing.

        Returns
        -------
        RunEntries
            The entries as they are now. Only what has changed is read anew.
        """
        return self._database.read(lambda c: runs.read_entries_since(c, known))

    def active_runs(self, limit: int | None = None) -> list[RunView]:
        """The runs that somebody works on, or is about to: running ones, then the queue.

        Parameters
        ----------
        limit
            How many, at most; None: all of them.

        Returns
        -------
        list of RunView
            Those in a state of `ACTIVE`, the longest waiting first among equals.
        """
        return self._database.read(lambda c: runs.read_active_runs(c, limit))

    def runs_of(self, run_ids: Iterable[int]) -> list[RunView]:
        """These runs, the newest first; those that are gone are left out."""
        wanted = run.c.id.in_(list(run_ids))
        return self._database.read(lambda c: runs.read_runs(c, wanted))

    def rename(self, run_id: int | str, name: str) -> RunView:
        """Give a run another name.

        Parameters
        ----------
        run_id
            The run.
        name
            One line of at most 200 characters. Two runs may have the same name.

        Returns
        -------
        RunView
            The run afterwards.

        Raises
        ------
        SettingsError
            If the name is empty, too long, or of several lines. Nothing is written then.
        """
        return self._database.write(lambda c: runs.read_run(c, labels.rename(c, run_id, name)))

    def tag(
        self, run_id: int | str, add: Iterable[str] = (), remove: Iterable[str] = ()
    ) -> RunView:
        """Add tags to a run, and take some away.

        Parameters
        ----------
        run_id
            The run.
        add, remove
            Tags: a few short words each, 32 characters at most, without commas. Capitals do not
            tell tags apart. A run has 12 at most.

        Returns
        -------
        RunView
            The run afterwards.

        Raises
        ------
        SettingsError
            If one of them is no tag, or the run would have too many. Nothing is written then.
        """
        added = tuple(add)
        removed = tuple(remove)
        return self._database.write(
            lambda c: runs.read_run(c, labels.change_tags(c, run_id, added, removed))
        )

    def tag_all(self, run_ids: Iterable[int], add: Iterable[str]) -> None:
        """Add tags to some runs, as `tag` does: to all of them, or to none.

        Parameters
        ----------
        run_ids
            The runs.
        add
            The tags.

        Raises
        ------
        RunNotFoundError
            If one of the runs is not there. Nothing is written then.
        SettingsError
            If one of them is no tag, or a run would have too many. Nothing is written then.
        """
        added = tuple(add)

        def change(connection: Connection, run_id: int) -> None:
            labels.change_tags(connection, run_id, added, ())

        self._change_all(run_ids, change)

    def note(self, run_id: int | str, text: str) -> RunView:
        """Write a run's note, in place of the one before.

        Parameters
        ----------
        run_id
            The run.
        text
            At most 10,000 characters; empty: no note.

        Returns
        -------
        RunView
            The run afterwards.

        Raises
        ------
        SettingsError
            If the text is too long. Nothing is written then.
        """
        return self._database.write(lambda c: runs.read_run(c, labels.write_note(c, run_id, text)))

    def archive(self, run_id: int | str, *, archived: bool = True) -> RunView:
        """Leave a run out of lists, or show it there again. Nothing of it is deleted.

        A run that is resumed leaves the archive by itself.

        Parameters
        ----------
        run_id
            The run.
        archived
            Whether it is to be archived; False takes it out of the archive.

        Returns
        -------
        RunView
            The run afterwards.

        Raises
        ------
        RunStateError
            If the run is queued or running. Nothing is written then.
        """
        return self._database.write(
            lambda c: runs.read_run(c, labels.archive(c, run_id, archived=archived))
        )

    def archive_all(self, run_ids: Iterable[int], *, archived: bool = True) -> None:
        """Archive some runs, as `archive` does: all of them, or none.

        Parameters
        ----------
        run_ids
            The runs.
        archived
            Whether they are to be archived; False takes them out of the archive.

        Raises
        ------
        RunNotFoundError
            If one of the runs is not there. Nothing is written then.
        RunStateError
            If one of them is queued or running. Nothing is written then.
        """

        def change(connection: Connection, run_id: int) -> None:
            labels.archive(connection, run_id, archived=archived)

        self._change_all(run_ids, change)

    def _change_all(
        self, run_ids: Iterable[int], change: Callable[[Connection, int], None]
    ) -> None:
        """Change all of these runs in one transaction, or none."""
        # Several who do this at once lock rows in the same order.
        wanted = sorted(run_ids)

        def change_each(connection: Connection) -> None:
            for run_id in wanted:
                change(connection, run_id)

        self._database.write(change_each)
