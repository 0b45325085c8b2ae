"""What the command line, the dashboard and Python say about a run.

It is computed once, here, from what is recorded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from shoal.analysis.progress import (
    Pace,
    PhaseMark,
    RunProgress,
    read_pace,
    read_phase,
    run_progress,
)
from shoal.genome.genome import Genome
from shoal.genome.search_space import OnBound
from shoal.numerics.stats import ci95, mean
from shoal.objectives.metrics import Scores
from shoal.objectives.registry import ACCURACY, Metric
from shoal.problems.evaluation import GenerationSummary
from shoal.settings.samplers import sampler_entry
from shoal.store import GenerationRecord, RunView, Store
from shoal.tuning.champion import CHAMPION, Champion, Confirmation

# Of runs with another sampler so many, the newest, are looked at for those that compete: of
# thousands, all settings would take seconds to read.
_MOST_COMPETING = 200


@dataclass(frozen=True)
class Best:
    """The best genome so far; the champion, once there is one.

    Attributes
    ----------
    genome
        The genome.
    score
        Mean over its scored repeats, in the metric's unit.
    repeats
        How many were scored.
    ci95
        Student's 95 % interval of ``score``; None for one repeat.
    generation, found
        The generation in which it first became the best, or, if it never led, in which it was first
        trained; and when that was completed (seconds since 1970).
    confirmation
        What fresh repeats said; None if there were none.
    on_bounds
        Genes for which a better value may lie beyond what the search may try.
    metric
        What the score is a score of.
    """

    genome: Genome
    score: float
    repeats: int
    ci95: tuple[float, float] | None
    generation: int
    found: float
    confirmation: Confirmation | None = None
    on_bounds: tuple[OnBound, ...] = ()
    metric: Metric = ACCURACY

    @property
    def accuracy(self) -> float:
        """The name of `score` until 1.0."""
        return self.score

    def to_dict(self) -> dict[str, Any]:
        """``best`` in the JSON object of `shoal show --json`."""
        values = {
            "genome": self.genome.to_dict(),
            "score": self.score,
            "repeats": self.repeats,
            "ci95": list(self.ci95) if self.ci95 else None,
            "stability_margin": self.genome.stability_margin,
            "generation": self.generation,
            "confirmation": self.confirmation.to_dict() if self.confirmation else None,
            "on_bounds": [asdict(gene) for gene in self.on_bounds],
        }
        # The name until 1.0.
        if self.metric.is_accuracy:
            values["accuracy"] = self.score
        return values


@dataclass(frozen=True)
class Summary:
    """A run at one moment.

    Attributes
    ----------
    run, generations
        The run and its completed generations.
    best
        The best genome so far; None before the first generation.
    champion
        Of a finished run: the genome that it recommends, with its trained networks.
    competing_runs
        Champions, by what to call them, of finished runs in the same store that differ in their
        sampler alone (see `SearchSettings.competes_with`); the newest of each sampler, among the
        200 newest runs of the same table with another sampler.
    phase
        What the run is at; None where its owner has not noted it.
    pace
        How fast it works (`shoal.analysis.progress.read_pace`); None where that is not known.
    """

    run: RunView
    generations: tuple[GenerationRecord, ...]
    best: Best | None
    champion: Champion | None = None
    competing_runs: Mapping[str, Champion] = field(default_factory=dict)
    phase: PhaseMark | None = None
    pace: Pace | None = None

    @property
    def scores(self) -> Scores | None:
        """Means over the champion's single networks."""
        return self.champion.scores if self.champion else None

    @property
    def ensemble(self) -> Scores | None:
        """Scores of the mean of the champion's networks."""
        return self.champion.ensemble if self.champion else None

    @property
    def progress(self) -> RunProgress:
        """How far it is, by the estimated work of all its phases."""
        return run_progress(self.run, self.generations, self.phase, self.pace)

    @property
    def leader(self) -> GenerationSummary | None:
        """The last generation, where the confirmation chose another genome than its best one."""
        if self.champion is None or not self.generations:
            return None
        last = self.generations[-1].summary
        if self.champion.confirmation is None or last.best == self.champion.genome:
            return None
        return last

    @property
    def time_left(self) -> float | None:
        """Estimated active seconds to the end; None when unknown or over."""
        return self.progress.seconds_left

    @property
    def trainings_per_minute(self) -> float | None:
        """Recorded trainings by active minute; None before the first."""
        if not self.run.evaluations or self.run.seconds <= 0:
            return None
        return 60.0 * self.run.evaluations / self.run.seconds

    def to_dict(self) -> dict[str, Any]:
        """The JSON object of `shoal show --json`."""
        run = self.run
        champion = self.champion
        competing = {}
        for label, other in self.competing_runs.items():
            competing[label] = {
                "scores": other.scores.to_dict(),
                "ensemble": other.ensemble.to_dict(),
            }
        baselines = champion.baselines if champion else ()

        values = {
            "run": run.id,
            "state": run.state,
            "kind": run.kind,
            "metric": run.metric.to_dict(),
            "generations": run.generations,
            "evaluations": run.evaluations,
            "iterations": run.iterations,
            "seconds": round(run.seconds, 3),
            "best": self.best.to_dict() if self.best else None,
            "scores": champion.scores.to_dict() if champion else None,
            "ensemble": champion.ensemble.to_dict() if champion else None,
            "baselines": [baseline.to_dict() for baseline in baselines],
            "competing_runs": competing,
            # The old name of `competing_runs`, until 1.0.
            "rivals": competing,
            "result_hash": run.result_hash,
            "dataset": run.dataset,
            "settings": run.settings.to_dict(),
            "data_options": run.data_options,
            "problem": run.problem,
            "error": run.error,
        }
        if not run.has_network:
            values["point"] = champion.chosen_weights.tolist() if champion else None
        return values


def summarise(store: Store, run_id: int | str) -> Summary:
    """Read everything that is shown of a run.

    Of evaluations only those of the best genome are read, so that a long run costs no more.

    Raises
    ------
    RunNotFoundError
        There is no such run.
    """
    run = store.run(run_id)
    # One more generation may have been completed since; what is shown belongs to one moment.
    generations = tuple(
        record for record in store.generations(run.id) if record.summary.number <= run.generations
    )
    champion = load_champion(store, run)
    best = _best(store, run, generations, champion)
    competing_runs = _competing_runs(store, run) if champion else {}
    phase = read_phase(store, run)
    pace = read_pace(store, run)
    return Summary(run, generations, best, champion, competing_runs, phase, pace)


def load_champion(store: Store, run: RunView) -> Champion | None:
    """The champion that a finished run kept.

    Returns
    -------
    Champion or None
        None for a run that has not finished, or that kept none.
    """
    if run.state != "finished":
        return None
    content = store.artifact(run.id, CHAMPION)
    if content is None:
        return None
    return Champion.from_bytes(content)


def best_interval(store: Store, run: RunView) -> tuple[float, float] | None:
    """The 95 % interval of a run's best score, and nothing else of it: lists ask for many.

    Returns
    -------
    tuple of float or None
        Its ends, in the metric's unit, as of `Summary.best`; None for fewer than two repeats.
    """
    champion = load_champion(store, run)
    if champion:
        return ci95(list(champion.selection_scores))
    if run.best_score is None:
        return None

    generations = store.generations(run.id)
    if not generations or generations[-1].summary.best_score is None:
        return None
    return ci95(_scored(store, run, generations[-1].summary))


def blocking_run(store: Store, run: RunView) -> RunView | None:
    """The run that a queued one waits for: a supervisor drives one run at a time."""
    if run.state != "queued":
        return None
    return next((other for other in store.active_runs() if other.state == "running"), None)


def _competing_runs(store: Store, run: RunView) -> dict[str, Champion]:
    """The champions of runs that differ in their sampler alone, by what to call them."""
    newest: dict[str, RunView] = {}
    # The store lists the newest runs first.
    for other in store.comparable(run, other_sampler=True, limit=_MOST_COMPETING):
        is_same = other.data_options == run.data_options and _problem_of(other) == _problem_of(run)
        if is_same and run.settings.competes_with(other.settings):
            newest.setdefault(other.settings.sampler, other)

    champions = {}
    for sampler, other in newest.items():
        champion = load_champion(store, other)
        if champion:
            label = sampler_entry(sampler).label
            champions[f"{label} (run {other.id})"] = champion
    return champions


def _problem_of(run: RunView) -> list[Any]:
    """What a run that solves no table has to share with another; the same for all tables."""
    record = run.problem or {}
    return [record.get(name) for name in ("kind", "reference", "sha256", "options", "bounds")]


def _best(
    store: Store, run: RunView, generations: Sequence[GenerationRecord], champion: Champion | None
) -> Best | None:
    """The champion, or the best genome of the last generation; None when there is neither."""
    last = generations[-1].summary if generations else None
    if champion:
        genome = champion.genome
        scores = list(champion.selection_scores)
    elif last and last.best_score is not None:
        genome = last.best
        scores = _scored(store, run, last)
    else:
        return None

    generation, found = _when_found(store, run, generations, genome)
    return Best(
        genome=genome,
        score=mean(scores),
        repeats=len(scores),
        ci95=ci95(scores),
        generation=generation,
        found=found,
        confirmation=champion.confirmation if champion else None,
        on_bounds=run.settings.space.on_bounds(genome),
        metric=run.metric,
    )


def _scored(store: Store, run: RunView, last: GenerationSummary) -> list[float]:
    """Scores of the repeats on which the last generation's best was ranked."""
    evaluations = store.evaluations(run.id, curves=False, genome=last.best.hash)
    by_repeat = {
        evaluation.task.repeat: evaluation.score
        for evaluation in evaluations
        if evaluation.score is not None
    }
    scored = run.settings.schedule.scored_repeats(last.best_repeats)
    return [by_repeat[repeat] for repeat in scored if repeat in by_repeat]


def _when_found(
    store: Store, run: RunView, generations: Sequence[GenerationRecord], genome: Genome
) -> tuple[int, float]:
    """The generation in which a genome was found, and when that was completed: see `Best`."""
    if not generations:
        # A champion of the first generation, which its run's budget ended.
        return 1, run.ended or run.created
    for record in generations:
        if record.summary.best == genome:
            return record.summary.number, record.created

    trained = store.evaluations(run.id, curves=False, genome=genome.hash)
    first = min((evaluation.task.generation for evaluation in trained), default=0)
    for record in generations:
        if record.summary.number == first:
            return first, record.created
    return generations[-1].summary.number, generations[-1].created
