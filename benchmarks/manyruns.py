"""A store with many runs, made without training: for the pages that list runs.

    python benchmarks/manyruns.py FILE [--runs 5000]

A few real searches on three tables, whose scores come from a smooth landscape (`bigstore`), are
copied under other numbers, names, states, tags and times. Copies have what the page Runs reads of a
run: its generations, and the evaluations of its best genome.
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, insert, select

from bigstore import pretended
from shoal.data import load_dataset
from shoal.problems.evaluation import Evaluation
from shoal.settings.search_settings import SearchSettings
from shoal.store import Owner, Store, open_store
from shoal.store.tables import evaluation, generation, run
from shoal.tuning.search import Search

# Searches that are copied, and what each is called.
NAMES = ("concrete", "energy", "churn, without dates")
SETTINGS = {"preset": "classic", "population": 8, "generations": 3, "repeats": 3}
STATES = ("finished", "finished", "finished", "stopped", "paused", "failed")
TAGS = ("good", "baseline", "for Ada", "long", "seeds")
_BATCH = 500


def searched(store: Store, name: str) -> int:
    """A short search of made-up scores, which was stopped. Its number."""
    settings = SearchSettings.parse(SETTINGS)
    run_id, _ = store.add_run(load_dataset("concrete", preset="classic"), settings, name=name)
    claim = store.claim(Owner.here(), run_id)
    assert claim is not None
    search = Search(settings)
    done: list[Evaluation] = []
    while tasks := search.ask():
        before = len(search.generations)
        told = [pretended(task) for task in tasks]
        for result in told:
            search.tell(result)
        done += told
        store.record(claim, told, search.generations[before:], seconds=0.06 * len(done))
    store.release(claim, 0.06 * len(done))
    store.command(run_id, "stop")
    return run_id


def copies(
    connection: Connection, first: int, count: int, originals: list[int], chance: random.Random
) -> None:
    """Insert so many copies, numbered from ``first`` on."""
    rows: dict[int, Row[Any]] = {}
    parts: dict[int, tuple[list[dict[str, Any]], list[dict[str, Any]]]] = {}
    for original in originals:
        row = connection.execute(select(run).where(run.c.id == original)).one()
        generations = connection.execute(
            select(generation).where(generation.c.run_id == original)
        ).mappings()
        found = [dict(one) for one in generations]
        best = found[-1]["best"]
        evaluations = connection.execute(
            select(evaluation).where(evaluation.c.run_id == original)
        ).mappings()
        of_best = [dict(one) for one in evaluations if one["genome"] == best]
        rows[original] = row
        parts[original] = (found, of_best)

    runs, generations, evaluations = [], [], []
    for number in range(first, first + count):
        original = chance.choice(originals)
        row = rows[original]
        tags = chance.sample(TAGS, chance.choice((0, 0, 1, 2)))
        runs.append(
            {
                **row._mapping,
                "id": number,
                "name": f"{row.name}, try {number}",
                "state": chance.choice(STATES),
                "created": row.created - 600.0 * (first + count - number),
                "best_accuracy": row.best_accuracy + chance.gauss(0.0, 2.0),
                "tags": tags or None,
                "note": "Bounds were too narrow." if chance.random() < 0.1 else None,
            }
        )
        found, of_best = parts[original]
        generations += [{**one, "run_id": number} for one in found]
        for one in of_best:
            evaluations.append({**one, "run_id": number})
            del evaluations[-1]["id"]
    connection.execute(insert(run), runs)
    connection.execute(insert(generation), generations)
    connection.execute(insert(evaluation), evaluations)


def fill(store: Store, count: int) -> None:
    """Add so many runs."""
    originals = [searched(store, name) for name in NAMES]
    chance = random.Random(0)
    first = max(originals) + 1
    for begin in range(first, first + count - len(originals), _BATCH):
        size = min(_BATCH, first + count - len(originals) - begin)
        store.write(lambda c, b=begin, n=size: copies(c, b, n, originals, chance))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path)
    parser.add_argument("--runs", type=int, default=5_000)
    options = parser.parse_args()
    with open_store(options.file) as opened:
        fill(opened, options.runs)
        print(f"{opened.run_count():,} runs")
