"""All evaluations of a run in columns, read as they are appended.

A view of 100,000 of them is always at hand::

    table = EvaluationTable(store, run)
    table.refresh()                # only what is new
    table.frame[table.frame.status == "failed"]
    table.genomes()                # a row for each genome, with its score
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from shoal.genome.genome import Genome
from shoal.settings.phase import is_confirmation
from shoal.settings.search_settings import SearchSettings
from shoal.store import EVALUATION_COLUMNS, RunView, Store

_TEXT_COLUMNS = ("genome", "status", "worker")
_REAL_COLUMNS = ("score", "loss", "seconds", "created")

# How genomes are ranked: by the first of these in which they differ, larger counts and better
# scores first.
_RANKING = ["confirmations", "confirmed", "level", "score"]
_SCORES = ("confirmed", "score")

# The columns of a frame: those that the store gives, in that order. There the score has the name
# that it had when every score was an accuracy.
_COLUMNS = tuple("score" if name == "accuracy" else name for name in EVALUATION_COLUMNS)


@dataclass(frozen=True, slots=True, eq=False)
class _ScoredGenomes:
    """The scores of genomes, as of the first ``rows`` evaluations."""

    rows: int
    genomes: pd.DataFrame


class EvaluationTable:
    """The evaluations of one run.

    It may be read from several threads; each sees the evaluations up to some moment, whole.

    Parameters
    ----------
    store, run
        The run. Nothing is read before `refresh`.

    Attributes
    ----------
    settings
        The run's settings.
    metric
        What its scores are scores of.
    """

    def __init__(self, store: Store, run: RunView) -> None:
        self.store = store
        self.run_id = run.id
        self.settings = run.settings
        self.metric = run.metric
        self._lock = threading.Lock()
        self._frame = _to_frame([])
        # Genes by the genome's hash, read when they are first asked for.
        self._genes: dict[str, dict[str, Any]] = {}
        self._scored: _ScoredGenomes | None = None

    def refresh(self) -> EvaluationTable:
        """Read what was appended since the last time; returns this table.

        Raises `StoreError` where the store cannot be read.
        """
        with self._lock:
            last_id = int(self._frame["id"].iloc[-1]) if len(self._frame) else 0
            rows = self.store.evaluation_rows(self.run_id, last_id)
            if rows:
                frame = _to_frame(rows)
                if last_id:
                    frame = pd.concat([self._frame, frame], ignore_index=True)
                self._frame = frame
        return self

    @property
    def frame(self) -> pd.DataFrame:
        """A row for each evaluation, in the order of their recording; do not change it.

        The columns are `EVALUATION_COLUMNS`, with ``accuracy`` called ``score``: what the search
        selects by, in the metric's unit. ``genome`` is the genome's hash, ``created`` is in seconds
        since 1970 by the database's clock. Score and loss are NaN where there is none.
        """
        return self._frame

    def genome(self, name: str) -> Genome | None:
        """The genome of that hash; None when it was never trained."""
        known = self._genes.get(name)
        if known is not None:
            return Genome.from_dict(known)

        ids = self._frame.loc[self._frame["genome"] == name, "id"]
        if not len(ids):
            return None
        return Genome.from_dict(self.store.genomes([int(ids.iloc[0])])[0])

    def scores(self, names: set[str]) -> dict[str, dict[int, float]]:
        """Scores of some genomes, without what failed.

        Parameters
        ----------
        names
            The hashes of the genomes.

        Returns
        -------
        dict
            By hash, then by repeat: the score in the metric's unit.
        """
        frame = self.frame
        rows = frame[frame["genome"].isin(names) & frame["score"].notna()]
        by_genome: dict[str, dict[int, float]] = {}
        columns = (rows["genome"], rows["repeat"], rows["score"])
        for name, repeat, score in zip(*columns, strict=True):
            by_genome.setdefault(name, {})[int(repeat)] = float(score)
        return by_genome

    def genomes(self) -> pd.DataFrame:
        """A row for each genome, by its hash, in the order in which they were first trained.

        Returns
        -------
        DataFrame
            The genes (``hidden_layers`` as tuples), and

            - ``generation``, ``individual``: where it was first wanted;
            - ``repeats``: trainings in the search; ``level``: the rung that it reached in its race;
            - ``score``, ``deviation``: mean and standard deviation, in the metric's unit, of the
              repeats on which the search ranks it; NaN where one failed; ``counted``: how many
              those are;
            - ``confirmed``, ``confirmations``: mean score and number of the repeats that confirmed
              it; NaN and 0 for most, and where one failed.
        """
        with self._lock:
            frame = self._frame
            before = self._scored
            # Evaluations are only ever appended: as many rows are the same rows.
            if before is not None and before.rows == len(frame):
                return before.genomes
            if before is None:
                genomes = _score(frame, self._genes_of(frame), self.settings)
            else:
                genomes = self._rescored(frame, before)
            if len(frame):
                self._scored = _ScoredGenomes(len(frame), genomes)
            return genomes

    def ranked(self) -> pd.DataFrame:
        """`genomes` that have a score, the best first, as the search ranks them.

        Those that were confirmed more often come first, then those that came further in their
        race.
        """
        genomes = self.genomes()
        smaller_first = []
        for column in _RANKING:
            smaller_first.append(column in _SCORES and not self.metric.maximizes)
        return genomes[genomes["score"].notna()].sort_values(
            _RANKING, ascending=smaller_first, na_position="last", kind="stable"
        )

    def _rescored(self, frame: pd.DataFrame, before: _ScoredGenomes) -> pd.DataFrame:
        """Score the genomes that have something new; all of 50,000 would take most of a second."""
        new_names = frame["genome"].iloc[before.rows :].unique()
        rows = frame[frame["genome"].isin(new_names)]
        changed = _score(rows, self._genes_of(rows), self.settings)

        # Changed genomes keep their places, and those that are new come last.
        places = before.genomes.index.get_indexer(changed.index)
        unchanged = np.delete(np.arange(len(before.genomes)), places[places >= 0])
        places[places < 0] = len(before.genomes)
        order = np.argsort(np.concatenate([unchanged, places]), kind="stable")
        return pd.concat([before.genomes.iloc[unchanged], changed]).iloc[order]

    def _genes_of(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The genes of all genomes in these evaluations, a row for each genome."""
        first = frame.drop_duplicates("genome")
        is_new = np.array([name not in self._genes for name in first["genome"]], dtype=bool)
        new = first[is_new]
        genes = self.store.genomes(new["id"].tolist())
        self._genes |= dict(zip(new["genome"], genes, strict=True))

        names = first["genome"].tolist()
        records = [self._genes[name] for name in names]
        wide = pd.DataFrame.from_records(records, columns=list(Genome.__dataclass_fields__))
        wide["hidden_layers"] = [tuple(layers) for layers in wide["hidden_layers"]]
        return wide.set_index(pd.Index(names, name="genome"))


def _to_frame(rows: list[tuple[Any, ...]]) -> pd.DataFrame:
    """Rows of the store, in the columns of `EvaluationTable.frame`."""
    columns = list(zip(*rows, strict=True)) or [()] * len(_COLUMNS)
    arrays = {}
    for name, values in zip(_COLUMNS, columns, strict=True):
        arrays[name] = np.array(values, dtype=_type_of(name))
    return pd.DataFrame(arrays)


def _type_of(column: str) -> Any:
    if column in _REAL_COLUMNS:
        return float
    if column in _TEXT_COLUMNS:
        return object
    return np.int64


def _score(frame: pd.DataFrame, genes: pd.DataFrame, settings: SearchSettings) -> pd.DataFrame:
    """The columns of `EvaluationTable.genomes`.

    Parameters
    ----------
    frame
        All evaluations of some genomes.
    genes
        Their genes, a row for each genome.
    settings
        Of the run; they say which repeats rank a genome.
    """
    confirming = is_confirmation(frame["repeat"])
    search = frame[~confirming]
    repeats = search.groupby("genome", sort=False)["repeat"].size()
    repeats = repeats.reindex(genes.index, fill_value=0)

    # The first and the last scored repeat, and the rung, depend on the number of repeats alone.
    starts = {}
    stops = {}
    rungs = {}
    for count in map(int, repeats.unique()):
        scored = settings.schedule.scored_repeats(count)
        starts[count] = scored.start
        stops[count] = scored.stop
        rungs[count] = settings.schedule.rung(count)

    repeat = search["repeat"]
    is_scored = (repeat >= search["genome"].map(repeats.map(starts))) & (
        repeat < search["genome"].map(repeats.map(stops))
    )
    by_genome = search[is_scored].groupby("genome", sort=False)["score"]
    scores = by_genome.agg(["mean", "std", "count", "size"])
    # pandas counts no failures among "count"; "size" has them.
    none_failed = scores["count"] == scores["size"]

    confirmations = frame[confirming].groupby("genome", sort=False)["score"]
    confirmed = confirmations.agg(["mean", "count", "size"])
    confirmed = confirmed[confirmed["count"] == confirmed["size"]]

    first = frame.drop_duplicates("genome").set_index("genome")
    return genes.assign(
        generation=first["generation"],
        individual=first["individual"],
        repeats=repeats,
        level=repeats.map(rungs),
        score=scores["mean"].where(none_failed, np.nan),
        deviation=scores["std"].where(none_failed, np.nan),
        counted=scores["size"].reindex(genes.index, fill_value=0).astype("int64"),
        confirmed=confirmed["mean"],
        confirmations=confirmed["count"].reindex(genes.index, fill_value=0).astype("int64"),
    )
