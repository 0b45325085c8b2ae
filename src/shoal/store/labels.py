"""What people call a run, and note of it: its name, tags and note, and whether lists show it.

No result depends on any of it. Every function works inside its caller's transaction.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, update

from shoal.errors import RunStateError, SettingsError
from shoal.store.connection import log_on_commit
from shoal.store.runs import add_event, lock_run, shown_state
from shoal.store.serialization import sanitise_text
from shoal.store.tables import now, run

_log = logging.getLogger(__name__)

# The most characters of a name that is given later, of a tag, and of a note.
MOST_NAME = 200
MOST_TAG = 32
MOST_NOTE = 10_000
# The most tags of a run.
MOST_TAGS = 12

# A run in one of these states is worked on, or is about to be.
_AT_WORK = ("queued", "running")
# How much of a bad text an error repeats.
_SHOWN = 40


def rename(connection: Connection, run_id: int | str, name: str) -> int:
    """Give a run another name. Returns the run's id.

    Raises
    ------
    RunNotFoundError
        If there is no such run.
    SettingsError
        If the name is empty, has more than one line, or is too long.
    """
    new_name = _one_line("name", name, MOST_NAME)
    row = lock_run(connection, run_id)
    if new_name != row.name:
        _write(connection, row.id, name=new_name)
        add_event(connection, f"Renamed: it was {row.name}.", row.id)
    return int(row.id)


def change_tags(
    connection: Connection, run_id: int | str, add: Iterable[str], remove: Iterable[str]
) -> int:
    """Add tags to a run, or take some away. Returns the run's id.

    A tag that is there already, in capitals or not, is not added again. One that is not there
    needs no removal.

    Raises
    ------
    RunNotFoundError
        If there is no such run.
    SettingsError
        If a tag is empty, has more than one line, holds a comma, or is too long; or if the run
        would have too many.
    """
    gone = {_checked_tag(tag).casefold() for tag in remove}
    new = [_checked_tag(tag) for tag in add]

    row = lock_run(connection, run_id)
    tags = [tag for tag in row.tags or () if tag.casefold() not in gone]
    known = {tag.casefold() for tag in tags}
    for tag in new:
        if tag.casefold() not in known:
            known.add(tag.casefold())
            tags.append(tag)

    if len(tags) > MOST_TAGS:
        raise SettingsError(
            f"Run {row.id} would have {len(tags)} tags.",
            expected=f"{MOST_TAGS} at most",
            remedy=f"take some away: `shoal tag {row.id} TAG --remove`",
        )
    _write(connection, row.id, tags=tags or None)
    return int(row.id)


def write_note(connection: Connection, run_id: int | str, text: str) -> int:
    """Write a run's note in place of the one before; an empty text removes it. Returns its id.

    Raises
    ------
    RunNotFoundError
        If there is no such run.
    SettingsError
        If the text is too long.
    """
    note = sanitise_text(text).strip()
    if len(note) > MOST_NOTE:
        raise SettingsError(
            f"A note of {len(note):,} characters.", expected=f"{MOST_NOTE:,} at most"
        )
    row = lock_run(connection, run_id)
    _write(connection, row.id, note=note or None)
    return int(row.id)


def archive(connection: Connection, run_id: int | str, *, archived: bool) -> int:
    """Leave a run out of lists, or show it there again. Returns the run's id.

    Raises
    ------
    RunNotFoundError
        If there is no such run.
    RunStateError
        If it is to be archived, and is queued or running.
    """
    row = lock_run(connection, run_id)
    state = shown_state(row)
    if archived and state in _AT_WORK:
        raise RunStateError(
            f"Run {row.id} is {state}.",
            expected="a run that nobody works on, to archive it",
            remedy=f"`shoal stop {row.id}` first, or let it finish",
        )

    if not archived:
        _write(connection, row.id, archived=None)
    elif row.archived is None:
        _write(connection, row.id, archived=now())
    return int(row.id)


def _write(connection: Connection, run_id: int, **values: Any) -> None:
    """Write columns of a run, whoever drives it: an owner writes others."""
    connection.execute(update(run).where(run.c.id == run_id).values(values))
    what = ", ".join(values)
    log_on_commit(connection, _log, logging.INFO, "run %d: new %s", run_id, what)


def _checked_tag(tag: str) -> str:
    """The tag without space around it. Raises `SettingsError` for what is no tag."""
    word = _one_line("tag", tag, MOST_TAG)
    if "," in word:
        raise SettingsError(
            f"The tag {word!r} holds a comma.",
            expected="a few short words",
            remedy="give several tags one by one",
        )
    return word


def _one_line(what: str, text: str, most: int) -> str:
    """The text without space around it. Raises `SettingsError` unless it is one short line."""
    line = sanitise_text(text).strip()
    if not line:
        raise SettingsError(f"The {what} is empty.", expected=f"1 to {most} characters")
    if len(line.splitlines()) > 1:
        raise SettingsError(f"The {what} {line[:_SHOWN]!r} has several lines.", expected="one line")
    if len(line) > most:
        raise SettingsError(
            f"The {what} {line[:_SHOWN] + '...'!r} has {len(line):,} characters.",
            expected=f"{most} at most",
            remedy=f"choose a shorter {what}; a note may be longer",
        )
    return line
