"""All evaluations of a run in columns: read as they are appended, so that a view of 100,000 of them is always at hand.

table = EvaluationTable(store, run)
table.refresh()                # only what is new
table.frame[table.frame.status == "failed"]
table.genomes()                # one row a genome, with its score
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from functools import cached_property

import numpy as np
import pandas as pd

from shoal.genome import Genome
from shoal.settings import CONFIRMATION, SearchSettings
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
        self._state = _State(_framed([]), {})

    def refresh(self) -> EvaluationTable:
        """Read what was appended since. Raises `StoreError`."""
        with self._lock:
            state = self._state
            last = int(state.frame["id"].iloc[-1]) if len(state.frame) else 0
            if not (fresh := _framed(self.store.evaluation_rows(self.run_id, last))).empty:
                new = fresh.drop_duplicates("genome")
                new = new[~new["genome"].isin(state.genes.keys())]
                found = self.store.genomes(new["id"].tolist())
                genes = state.genes | dict(zip(new["genome"], found, strict=True))
                frame = fresh if state.frame.empty else pd.concat([state.frame, fresh], ignore_index=True)
                self._state = _State(frame, genes)
        return self

    @property
    def frame(self) -> pd.DataFrame:
        """Every evaluation; do not change it."""
        return self._state.frame

    def genome(self, name: str) -> Genome | None:
        """The genome of that hash; None when it was never trained."""
        genes = self._state.genes.get(name)
        return None if genes is None else Genome.from_dict(genes)

    def accuracies(self, names: set[str]) -> dict[str, dict[int, float]]:
        """By genome and repeat, in percent, of those genomes; without what failed."""
        frame = self.frame
        own = frame[frame["genome"].isin(names) & frame["accuracy"].notna()]
        found: dict[str, dict[int, float]] = {}
        for name, repeat, accuracy in zip(own["genome"], own["repeat"], own["accuracy"], strict=True):
            found.setdefault(name, {})[int(repeat)] = float(accuracy)
        return found

    def genomes(self) -> pd.DataFrame:
        """One row a genome, by its hash, in the order in which they were met; its genes (`hidden_layers` a tuple), and

        - ``generation``, ``individual``: where it was first wanted;
        - ``repeats``: of the search; ``level``: how far it came in its race;
        - ``accuracy``, ``deviation``: mean and standard deviation of the repeats that the search counts, in percent; NaN
          where one failed; ``counted``: how many those are;
        - ``confirmed``, ``confirmations``: mean and number of the repeats that confirmed it; NaN, 0 for most.
        """
        state = self._state
        if state.scored is None:
            state.scored = _scored(state, self.settings)
        return state.scored

    def ranked(self) -> pd.DataFrame:
        """`genomes`, the best first, as the search ranks them: the confirmed, then by level, then by accuracy."""
        found = self.genomes()
        order = ["confirmed", "level", "accuracy"]
        return found[found["accuracy"].notna()].sort_values(order, ascending=False, na_position="last", kind="stable")


class _State:
    def __init__(self, frame: pd.DataFrame, genes: Mapping[str, dict[str, object]]) -> None:
        self.frame, self.genes = frame, dict(genes)
        self.scored: pd.DataFrame | None = None

    @cached_property
    def wide(self) -> pd.DataFrame:
        """The genes, a row a genome."""
        wide = pd.DataFrame.from_dict(self.genes, orient="index", columns=list(Genome.__dataclass_fields__))
        wide["hidden_layers"] = [tuple(layers) for layers in wide["hidden_layers"]]
        return wide.rename_axis("genome")


def _framed(rows: list[tuple[object, ...]]) -> pd.DataFrame:
    frame = pd.DataFrame.from_records(rows, columns=list(EVALUATION_COLUMNS))
    kinds = {name: "float64" if name in _REALS else "object" if name in _TEXT else "int64" for name in frame.columns}
    return frame.astype(kinds)


def _scored(state: _State, settings: SearchSettings) -> pd.DataFrame:
    frame, wide = state.frame, state.wide
    search = frame[frame["repeat"] < CONFIRMATION]
    repeats = search.groupby("genome", sort=False)["repeat"].size().reindex(wide.index, fill_value=0)
    kinds = {int(n): (settings.counted(int(n)), settings.level(int(n))) for n in repeats.unique()}
    first = repeats.map({n: counted.start for n, (counted, _) in kinds.items()})
    last = repeats.map({n: counted.stop for n, (counted, _) in kinds.items()})
    own = search["repeat"]
    counted = search[(own >= search["genome"].map(first)) & (own < search["genome"].map(last))]
    by_genome = counted.groupby("genome", sort=False)["accuracy"]
    scores = by_genome.agg(["mean", "std", "count", "size"])
    whole = scores["count"] == scores["size"]
    final = frame[frame["repeat"] >= CONFIRMATION].groupby("genome", sort=False)["accuracy"].agg(["mean", "count"])
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
