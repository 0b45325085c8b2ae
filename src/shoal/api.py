"""Python's two verbs: `train` one swarm, `search` for the genome of a good one."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shoal.analysis.summary import load_champion
from shoal.data import Dataset
from shoal.errors import GenomeError, SettingsError
from shoal.genome.genome import Genome
from shoal.nn.network import Network
from shoal.objectives.metrics import Metrics, Scores
from shoal.orchestration.preflight import check_dataset, check_search
from shoal.orchestration.runner import Runner
from shoal.problems.evaluation import Evaluation, Task
from shoal.problems.table import Problem
from shoal.pso.engines import cores, get_engine
from shoal.pso.swarm import LEAST_IMPROVEMENT
from shoal.settings.search_settings import SearchSettings
from shoal.store import GenerationRecord, Owner, RunView, Store, open_store
from shoal.tuning.champion import Champion

_POLL_SECONDS = 0.2
# Nothing of what a search does to trainings.
_AS_ASKED = {"racing": "fixed", "equal_effort": False, "min_improvement": LEAST_IMPROVEMENT}


@dataclass(frozen=True, eq=False)
class TrainResult:
    """One trained network.

    ``weights`` (D,) in the layout of `shoal.nn.network`; ``loss`` its training loss; ``history`` (iterations,) the global
    best loss after each iteration; ``scores`` by part, test included: a single training selects nothing. ``spared``: the
    share of rows x particles that did not have to be evaluated.
    """

    genome: Genome
    network: Network
    weights: NDArray[np.float32] = field(repr=False)
    loss: float
    history: NDArray[np.float64] = field(repr=False)
    scores: Scores
    seconds: float
    spared: float


@dataclass(frozen=True, eq=False)
class SearchResult:
    """A search that has ended. ``champion`` is None when it was stopped or failed."""

    run: RunView
    champion: Champion | None
    evaluations: tuple[Evaluation, ...] = field(repr=False)
    generations: tuple[GenerationRecord, ...] = field(repr=False)

    @property
    def result_hash(self) -> str | None:
        """SHA-256 of all evaluations: equal settings, data and seed give equal hashes."""
        return self.run.result_hash


def train(
    data: Dataset,
    genome: Genome | None = None,
    *,
    iterations: int = 500,
    seed: int = 0,
    repeat: int = 0,
    threads: int | None = None,
    patience: int | None = None,
    seconds: float | None = None,
    loss: str | None = None,
    engine: str = "cpu",
) -> TrainResult:
    """Train one network with one swarm.

    ``seed`` and ``repeat`` name the random stream, as in a search: the same pair repeats a recorded evaluation.
    ``threads`` (None: one a core) share the swarm's particles and change no bit of the result. ``patience`` and
    ``seconds`` end it earlier.
    Raises `SettingsError` for a setting out of range, and when no particle ever had a finite loss; `DataError` and
    `GenomeError` for what is no `Dataset` and no `Genome`.
    """
    check_dataset(data)
    if genome is not None and not isinstance(genome, Genome):
        raise GenomeError(
            f"{genome!r} is no genome.",
            expected="a shoal.Genome",
            remedy="shoal.Genome(...) makes one",
        )
    if not (isinstance(repeat, int) and 0 <= repeat < 2**32):
        raise SettingsError(
            f"repeat={repeat!r}.", expected="a whole number, 0 or more", remedy="0 is usual"
        )
    given = {
        "iterations": iterations,
        "seed": seed,
        "patience": patience,
        "training_seconds": seconds,
        "loss": loss,
    }
    settings = SearchSettings.parse({**given, "engine": engine, "workers": threads, **_AS_ASKED})
    problem, task = Problem(data, settings), Task(genome or Genome(), repeat)
    trainer = get_engine(engine, threads or cores())
    part, held_out = data.parts(repeat)
    (result,) = trainer.train([problem.training(task, part=part)])

    def score(part: Any) -> Metrics | None:
        return (
            problem.metrics(problem.predictions(trainer, task.genome, result.weights, part), part)
            if part
            else None
        )

    on_train = score(part)
    if not np.isfinite(result.loss) or on_train is None:
        raise SettingsError(
            "The swarm never found weights with a finite loss.",
            expected="outputs within float32",
            remedy="lower weight_scale and max_position, or scale the columns (preset 'modern' does)",
        )
    return TrainResult(
        genome=task.genome,
        network=problem.network(task.genome),
        weights=result.weights,
        loss=result.loss,
        history=result.history,
        scores=Scores(on_train, score(held_out), score(data.test)),
        seconds=result.seconds,
        spared=result.rows_skipped,
    )


def search(
    data: Dataset,
    *,
    store: str | os.PathLike[str] | Store | None = None,
    name: str | None = None,
    **settings: Any,
) -> SearchResult:
    """Search for a genome, in worker processes, and record every training in ``store`` (None: the default one).

    ``settings`` are those of `SearchSettings`; the preset is the data's. An interrupt leaves the run resumable
    (`shoal resume`). Raises a `ShoalError` for what makes no search (`shoal.orchestration.preflight`), before anything
    is written.
    """
    check_dataset(data)
    parsed = SearchSettings.parse({"preset": data.options.preset, **settings})
    check_search(data, parsed, name)
    own = store if isinstance(store, Store) else open_store(store)
    run_id, _ = own.add_run(data, parsed, name=name)
    claim = own.claim(Owner.here(), run_id)
    if claim is not None:
        runner = Runner(own, claim)
        try:
            runner.drive()
        except KeyboardInterrupt:
            own.release(claim, own.run(run_id).seconds)
            raise
    while own.run(run_id).state in ("queued", "running"):  # a supervisor of this store was faster
        time.sleep(_POLL_SECONDS)
    return search_result(own, run_id)


def search_result(store: Store, run_id: int) -> SearchResult:
    """What a run has come to."""
    run = store.run(run_id)
    return SearchResult(
        run,
        load_champion(store, run),
        tuple(store.evaluations(run_id)),
        tuple(store.generations(run_id)),
    )
