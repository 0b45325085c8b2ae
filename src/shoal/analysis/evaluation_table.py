"""All evaluations of a run in columns: read as they are appended, so that a view of 100,000 of them is always at hand.

table = EvaluationTable(store, run)
table.refresh()                # only what is new
table.frame[table.frame.status == "failed"]
table.genomes()                # one row a genome, with its score
"""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pandas as pd

from shoal.genome.genome import Genome
from shoal.settings.phase import is_confirmation
from shoal.settings.search_settings import SearchSettings
from shoal.store import EVALUATION_COLUMNS, RunView, Store

_TEXT = ("genome", "status", "worker")
_REALS = ("accuracy", "loss", "seconds", "created")


class EvaluationTable:
    """The evaluations of one run. Safe to read from several threads; each sees a whole state.

    `frame`: a row an evaluation, in the order of their recording, with `EVALUATION_COLUMNS`; accuracy in percent and loss NaN
    where there is none, ``created`` in seconds since 1970 by the database's clock, ``genome`` the genome's hash.
    """

    def __init__(self, store: Store, run: RunView) -> None:
        self.store, self.run_id, self.settings = store, run.id, run.settings
        self._lock = threading.Lock()
        self._frame = _framed([])
        self._genes: dict[str, dict[str, Any]] = {}  # by genome, read when they are asked for
        self._scored: tuple[int, pd.DataFrame | None] = (0, None)  # of a frame of so many rows

    def refresh(self) -> EvaluationTable:
        """Read what was appended since. Raises `StoreError`."""
        with self._lock:
            last = int(self._frame["id"].iloc[-1]) if len(self._frame) else 0
            if rows := self.store.evaluation_rows(self.run_id, last):
                fresh = _framed(rows)
                self._frame = pd.concat([self._frame, fresh], ignore_index=True) if last else fresh
        return self

    @property
    def frame(self) -> pd.DataFrame:
        """Every evaluation; do not change it."""
        return self._frame

    def genome(self, name: str) -> Genome | None:
        """The genome of that hash; None when it was never trained."""
        if (known := self._genes.get(name)) is not None:
            return Genome.from_dict(known)
        own = self._frame.loc[self._frame["genome"] == name, "id"]
        return Genome.from_dict(self.store.genomes([int(own.iloc[0])])[0]) if len(own) else None

    def accuracies(self, names: set[str]) -> dict[str, dict[int, float]]:
        """By genome and repeat, in percent, of those genomes; without what failed."""
        frame = self.frame
        own = frame[frame["genome"].isin(names) & frame["accuracy"].notna()]
        found: dict[str, dict[int, float]] = {}
        for name, repeat, accuracy in zip(
            own["genome"], own["repeat"], own["accuracy"], strict=True
        ):
            found.setdefault(name, {})[int(repeat)] = float(accuracy)
        return found

    def genomes(self) -> pd.DataFrame:
        """One row a genome, by its hash, in the order in which they were met; its genes (`hidden_layers` a tuple), and

        - ``generation``, ``individual``: where it was first wanted;
        - ``repeats``: of the search; ``level``: how far it came in its race;
        - ``accuracy``, ``deviation``: mean and standard deviation of the repeats that the search counts, in percent; NaN
          where one failed; ``counted``: how many those are;
        - ``confirmed``, ``confirmations``: mean and number of the repeats that confirmed it; NaN, 0 for most and where one
          failed
        """
        with self._lock:
            frame = self._frame
            seen, found = self._scored
            if seen < len(frame):
                # Only genomes with something new are scored again: all of 50,000 take most of a second.
                names = frame["genome"].iloc[seen:].unique()
                own = frame[frame["genome"].isin(names)] if seen else frame
                changed = _scored(own, self._wide(own), self.settings)
                if found is not None:
                    places = found.index.get_indexer(changed.index)
                    kept = np.delete(np.arange(len(found)), places[places >= 0])
                    places[places < 0] = len(found)  # those met since come last, as they came
                    order = np.argsort(np.concatenate([kept, places]), kind="stable")
                    changed = pd.concat([found.iloc[kept], changed]).iloc[order]
                self._scored = len(frame), changed
                return changed
            return _scored(frame, self._wide(frame), self.settings) if found is None else found

    def ranked(self) -> pd.DataFrame:
        """`genomes`, the best first, as the search ranks them: those confirmed more often, then by how far they came."""
        found = self.genomes()
        order = ["confirmations", "confirmed", "level", "accuracy"]
        return found[found["accuracy"].notna()].sort_values(
            order, ascending=False, na_position="last", kind="stable"
        )

    def _wide(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The genes, a row a genome."""
        met = frame.drop_duplicates("genome")
        new = met[np.array([name not in self._genes for name in met["genome"]], dtype=bool)]
        self._genes |= dict(zip(new["genome"], self.store.genomes(new["id"].tolist()), strict=True))
        names = met["genome"].tolist()
        wide = pd.DataFrame.from_records(
            [self._genes[name] for name in names], columns=list(Genome.__dataclass_fields__)
        )
        wide["hidden_layers"] = [tuple(layers) for layers in wide["hidden_layers"]]
        return wide.set_index(pd.Index(names, name="genome"))


def _framed(rows: list[tuple[Any, ...]]) -> pd.DataFrame:
    columns = list(zip(*rows, strict=True)) or [()] * len(EVALUATION_COLUMNS)
    kinds: dict[str, Any] = {
        name: float if name in _REALS else object if name in _TEXT else np.int64
        for name in EVALUATION_COLUMNS
    }
    arrays = zip(kinds.items(), columns, strict=True)
    return pd.DataFrame({name: np.array(values, dtype=kind) for (name, kind), values in arrays})


def _scored(frame: pd.DataFrame, wide: pd.DataFrame, settings: SearchSettings) -> pd.DataFrame:
    search = frame[~is_confirmation(frame["repeat"])]
    repeats = (
        search.groupby("genome", sort=False)["repeat"].size().reindex(wide.index, fill_value=0)
    )
    kinds = {
        int(n): (settings.schedule.scored_repeats(int(n)), settings.schedule.rung(int(n)))
        for n in repeats.unique()
    }
    first = repeats.map({n: counted.start for n, (counted, _) in kinds.items()})
    last = repeats.map({n: counted.stop for n, (counted, _) in kinds.items()})
    own = search["repeat"]
    counted = search[(own >= search["genome"].map(first)) & (own < search["genome"].map(last))]
    by_genome = counted.groupby("genome", sort=False)["accuracy"]
    scores = by_genome.agg(["mean", "std", "count", "size"])
    whole = scores["count"] == scores["size"]
    final = (
        frame[is_confirmation(frame["repeat"])]
        .groupby("genome", sort=False)["accuracy"]
        .agg(["mean", "count", "size"])
    )
    final = final[final["count"] == final["size"]]
    met = frame.drop_duplicates("genome").set_index("genome")
    return wide.assign(
        generation=met["generation"],
        individual=met["individual"],
        repeats=repeats,
        level=repeats.map({n: level for n, (_, level) in kinds.items()}),
        accuracy=scores["mean"].where(whole, np.nan),
        deviation=scores["std"].where(whole, np.nan),
        counted=scores["size"].reindex(wide.index, fill_value=0).astype("int64"),
        confirmed=final["mean"],
        confirmations=final["count"].reindex(wide.index, fill_value=0).astype("int64"),
    )
