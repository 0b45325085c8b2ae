"""Finding a genome by the beginning of its name."""

from __future__ import annotations

import re

from sqlalchemy import select

from shoal.errors import StoreError
from shoal.store.store import Store
from shoal.store.tables import evaluation

_SHOWN = 3  # genomes, of those that a beginning fits


def genome_name(store: Store, run_id: int | str, beginning: str) -> str:
    """The whole hash of the run's only genome that begins so.

    Raises `RunNotFoundError`, or `StoreError` where none or several do.
    """
    run, text = store.run(run_id), beginning.strip().lower()
    names: list[str] = []
    if re.fullmatch("[0-9a-f]{1,16}", text):
        own, name = evaluation.c.run_id == run.id, evaluation.c.genome_hash
        query = (
            select(name)
            .distinct()
            .where(own, name.startswith(text))
            .order_by(name)
            .limit(_SHOWN + 1)
        )
        names = store.read(lambda c: list(c.scalars(query)))
    if not names:
        raise StoreError(
            f"Run {run.id} has trained no genome {beginning[:40]!r}.",
            expected="the beginning of a genome's name, 16 digits of 0-9 and a-f",
            remedy=f"`shoal export {run.id} --to DIR` lists all in evaluations.csv, and the page *Evaluations* does",
        )
    if len(names) > 1:
        more = ", ..." if len(names) > _SHOWN else ""
        raise StoreError(
            f"Several genomes of run {run.id} begin with {text}: {', '.join(names[:_SHOWN])}{more}.",
            remedy="give more of its digits",
        )
    return names[0]
