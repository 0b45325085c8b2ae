"""Finding a genome of a run by the beginning of its hash."""

from __future__ import annotations

import re

from sqlalchemy import select

from shoal.errors import StoreError
from shoal.store.store import Store
from shoal.store.tables import evaluation

# How many genomes an error message names, of those that begin alike.
_GENOMES_SHOWN = 3


def genome_name(store: Store, run_id: int | str, beginning: str) -> str:
    """The whole hash of the run's only genome that begins so.

    Parameters
    ----------
    store
        The store.
    run_id
        The run, as a person may have typed it.
    beginning
        The first digits of the hash, as a person may have typed them.

    Raises
    ------
    RunNotFoundError
        If there is no such run.
    StoreError
        If no genome of the run begins so, or several do.
    """
    run = store.run(run_id)
    digits = beginning.strip().lower()
    names: list[str] = []
    # Nothing but digits reaches the query, in which % and _ would match anything.
    if re.fullmatch("[0-9a-f]{1,16}", digits):
        names = _names(store, run.id, digits)

    if not names:
        raise StoreError(
            f"Run {run.id} has trained no genome {beginning[:40]!r}.",
            expected="the beginning of a genome's name, 16 digits of 0-9 and a-f",
            remedy=f"`shoal export {run.id} --to DIR` lists all in evaluations.csv, "
            "and the page *Evaluations* does",
        )
    if len(names) > 1:
        listed = ", ".join(names[:_GENOMES_SHOWN])
        if len(names) > _GENOMES_SHOWN:
            listed += ", ..."
        raise StoreError(
            f"Several genomes of run {run.id} begin with {digits}: {listed}.",
            remedy="give more of its digits",
        )
    return names[0]


def _names(store: Store, run_id: int, digits: str) -> list[str]:
    """The first few genomes of the run that begin so: one more than are shown."""
    name = evaluation.c.genome_hash
    query = (
        select(name)
        .distinct()
        .where(evaluation.c.run_id == run_id, name.startswith(digits))
        .order_by(name)
        .limit(_GENOMES_SHOWN + 1)
    )
    return store.read(lambda connection: list(connection.scalars(query)))
