"""What runs have recorded, and what they train right now, for everybody who reads.

`Store` takes these methods over.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

from sqlalchemy import Row, Select, Text, cast, literal, select

from shoal.errors import StoreError
from shoal.genome.genome import Genome
from shoal.problems.evaluation import Evaluation
from shoal.store import live_status, runs
from shoal.store.connection import Database
from shoal.store.live_status import Live
from shoal.store.records import EVALUATION_COLUMNS, Event, GenerationRecord, TrainingTime
from shoal.store.serialization import read_evaluations, read_generation
from shoal.store.tables import artifact, evaluation, event, generation

# How many evaluations one transaction reads: no reader may hold up writers for long.
_PAGE = 5_000
# How many values stand in one IN (...): databases limit them.
_VALUES_IN = 500
# Columns of an evaluation that hold JSON.
_JSON_COLUMNS = ("genome", "scores", "curve")


class RecordedResults:
    """The methods of a `Store` that read results and progress."""

    _database: Database

    def artifact(self, run_id: int | str, kind: str) -> bytes | None:
        """The bytes that a run keeps under a name.

        Parameters
        ----------
        run_id
            The run.
        kind
            The name, such as "champion".

        Returns
        -------
        bytes or None
            What `save_artifact` has kept last; None if there is nothing, or no such run.
        """
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

    def evaluations_after(self, run_id: int | str, after: int = 0) -> list[tuple[int, Evaluation]]:
        """The evaluations that were recorded after another one, in the order of their recording.

        Parameters
        ----------
        run_id
            The run.
        after
            The id of that one; 0: all evaluations.

        Returns
        -------
        list of tuple
            The id of each evaluation, and the evaluation with its curve.
        """
        genomes: dict[str, Genome] = {}
        recorded: list[tuple[int, Evaluation]] = []
        for page in self._pages(_select_evaluations(run_id), after):
            ids = map(_row_id, page)
            recorded += zip(ids, read_evaluations(page, genomes), strict=True)
        return recorded

    def latest_evaluations(self, run_id: int | str, count: int) -> list[Evaluation]:
        """The evaluations that were recorded last, with their curves.

        Parameters
        ----------
        run_id
            The run.
        count
            How many, at most.

        Returns
        -------
        list of Evaluation
            The newest first.
        """
        query = _select_evaluations(run_id).order_by(evaluation.c.id.desc()).limit(count)
        return read_evaluations(self._all(query), {})

    def latest_times(self, run_id: int | str, count: int) -> list[TrainingTime]:
        """How long the trainings took that were recorded last, without those that failed.

        Parameters
        ----------
        run_id
            The run.
        count
            How many, at most.

        Returns
        -------
        list of TrainingTime
            The newest first.
        """
        columns = (evaluation.c.repeat, evaluation.c.seconds, evaluation.c.worker)
        ended = evaluation.c.error.is_(None)
        query = select(*columns).where(evaluation.c.run_id == runs.parse_id(run_id), ended)
        query = query.order_by(evaluation.c.id.desc()).limit(count)
        rows = self._all(query)
        return [TrainingTime(row.repeat, row.seconds, row.worker) for row in rows]

    def evaluation_rows(
        self, run_id: int | str, after: int = 0, limit: int | None = None
    ) -> list[tuple[Any, ...]]:
        """Short rows of the evaluations, in the order of their recording.

        Parameters
        ----------
        run_id
            The run.
        after
            Only evaluations that were recorded after the one with this id.
        limit
            How many, at most; None: all of them.

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

        if limit is not None:
            first = query.where(evaluation.c.id > after).order_by(evaluation.c.id).limit(limit)
            return [tuple(row) for row in self._all(first)]

        rows: list[tuple[Any, ...]] = []
        for page in self._pages(query, after):
            rows += map(tuple, page)
        return rows

    def genomes(self, ids: Sequence[int]) -> list[dict[str, Any]]:
        """The genes of some evaluations.

        Parameters
        ----------
        ids
            Ids of evaluations, as `evaluation_rows` gives them.

        Returns
        -------
        list of dict
            In the order of ``ids``: what `Genome.from_dict` reads.
        """
        genes = cast(evaluation.c.genome, Text).label("genome")
        texts: dict[int, str] = {}
        for start in range(0, len(ids), _VALUES_IN):
            some_ids = ids[start : start + _VALUES_IN]
            query = select(evaluation.c.id, genes).where(evaluation.c.id.in_(some_ids))
            for row in self._all(query):
                texts[row.id] = row.genome
        return [json.loads(texts[evaluation_id]) for evaluation_id in ids]

    def generations(self, run_id: int | str) -> list[GenerationRecord]:
        """The completed generations of a run, in order; empty for a run that is not there.

        A record has the generation's summary, and the run's active seconds at its end.
        """
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
        """The last events.

        Parameters
        ----------
        run_id
            Only events of this run; None: of all runs, and of none.
        limit
            How many, at most.

        Returns
        -------
        list of Event
            The newest first.
        """
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
