"""What all trackers have in common: what they write, once, and that they harm no run."""

from __future__ import annotations

import hashlib
import json
import tempfile
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from shoal.api import SearchResult
from shoal.export import export_run
from shoal.orchestration.callbacks import Callback
from shoal.problems.evaluation import GenerationSummary
from shoal.store import RunView


class Tracker(Callback):
    """Writes a run to another program, a step for each generation.

    A run that is resumed goes on where its steps end, whoever wrote them.
    """

    is_harmless = True
    # The last step that the other program has.
    _last = 0

    def on_start(self, run: RunView) -> None:
        """Begin, or go on with what was written of this run before."""
        self._last = self.begin(run)

    def on_generation(self, summary: GenerationSummary) -> None:
        """Write a generation, unless it is there."""
        if summary.number > self._last:
            self.write_metrics(metrics_of(summary), summary.number)
            self._last = summary.number

    @abstractmethod
    def begin(self, run: RunView) -> int:
        """Begin; return the last step that is there, 0 for none."""

    @abstractmethod
    def write_metrics(self, metrics: Mapping[str, float], step: int) -> None:
        """Write numbers of a generation."""


def name_of(run: RunView) -> str:
    """What a run is called: by its number and name."""
    return f"{run.id} {run.name}"


def identity_of(run: RunView) -> str:
    """16 hexadecimal digits by which a run is found again, whoever tracks it."""
    text = f"{run.id} {run.created!r} {run.dataset_hash}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def about(run: RunView) -> str:
    """What a reader of the metrics has to know."""
    unit = run.metric.unit and f" in {run.metric.unit}"
    better = "larger" if run.metric.maximizes else "smaller"
    return (
        f"Run {run.id} of Shoal, {run.name}. Scores are {run.metric.label.lower()}{unit}; {better} "
        "is better. A step is a generation. `best_score` is the best of many noisy scores, so it "
        "is too good; `confirmed_score` is the champion's on fresh random streams, and `test_...` "
        "are those of its networks on rows that nothing was chosen by. `genome....` are its genes."
    )


def metrics_of(summary: GenerationSummary) -> dict[str, float]:
    """The numbers of a generation; without those of which there are none."""
    values = {
        "best_score": summary.best_score,
        "mean_score": summary.mean_score,
        "best_repeats": summary.best_repeats,
        "evaluations": summary.evaluations,
    }
    return {name: float(value) for name, value in values.items() if value is not None}


def settings_of(run: RunView) -> dict[str, str]:
    """The settings that say something, as texts."""
    settings = run.settings.to_dict()
    return _texts({name: value for name, value in settings.items() if value not in (None, {}, [])})


def genome_of(result: SearchResult) -> dict[str, str]:
    """The champion's genes, as texts, with "genome." before their names; empty without one."""
    if result.champion is None:
        return {}
    genes = _texts(result.champion.genome.to_dict())
    return {f"genome.{name}": value for name, value in genes.items()}


def final_metrics(result: SearchResult) -> dict[str, float]:
    """The champion's numbers, confirmed and on the test rows; empty without one."""
    found: dict[str, float] = {}
    if result.champion is None:
        return found
    found["champion_score"] = result.champion.score
    if result.champion.confirmation is not None:
        found["confirmed_score"] = result.champion.confirmation.score
    test = result.champion.ensemble.test
    if test is not None:
        values = {**asdict(test), **test.others}
        del values["others"]
        found |= {f"test_{name}": value for name, value in values.items() if value is not None}
    return found


@contextmanager
def exported(result: SearchResult) -> Iterator[Path | None]:
    """A folder with what `shoal export` writes, for a while; None where there is no champion."""
    if result.champion is None or result.recorded_in is None:
        yield None
        return
    with tempfile.TemporaryDirectory() as place, result.recorded_in() as store:
        yield export_run(store, result.run.id, Path(place) / "export")


def _texts(values: Mapping[str, Any]) -> dict[str, str]:
    texts = {}
    for name, value in values.items():
        texts[name] = value if isinstance(value, str) else json.dumps(value)
    return texts
