"""What the command line, the dashboard and Python say about a run: computed once, here, from what is recorded."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from shoal.genome.genome import Genome
from shoal.genome.search_space import OnBound
from shoal.numerics.stats import ci95, ci95_half_width, mean
from shoal.objectives.metrics import Metrics, Scores
from shoal.settings.phase import Phase
from shoal.settings.samplers import sampler_entry
from shoal.store import TERMINAL, GenerationRecord, RunView, Store
from shoal.tuning.baselines import Baseline
from shoal.tuning.champion import CHAMPION, Champion, Confirmation

RECENT_GENERATIONS = 5  # that the estimate of the time left looks back on


@dataclass(frozen=True)
class Best:
    """The best genome so far, over the repeats that were counted then; the champion, once there is one.

    ``accuracy`` in percent with Student's 95 % interval (None for one repeat); ``found`` is when it first became the best
    (seconds since 1970) and ``generation`` the generation of that moment. ``confirmation`` is what fresh repeats said;
    ``on_bounds`` the genes for which a better value may lie beyond what the search may try.
    """

    genome: Genome
    accuracy: float
    repeats: int
    ci95: tuple[float, float] | None
    generation: int
    found: float
    confirmation: Confirmation | None = None
    on_bounds: tuple[OnBound, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """As the command line's JSON shows it."""
        return {
            "genome": self.genome.to_dict(),
            "accuracy": self.accuracy,
            "repeats": self.repeats,
            "ci95": list(self.ci95) if self.ci95 else None,
            "stability_margin": self.genome.stability_margin,
            "generation": self.generation,
            "confirmation": self.confirmation.to_dict() if self.confirmation else None,
            "on_bounds": [asdict(gene) for gene in self.on_bounds],
        }


@dataclass(frozen=True)
class Summary:
    """A run at one moment. The champion exists once its networks are trained, and with it the scores.

    ``competing_runs``: the champions, by what to call them, of finished runs in the same store that differ in their sampler
    (see `SearchSettings.competes_with`); the newest of each.
    """

    run: RunView
    generations: tuple[GenerationRecord, ...]
    best: Best | None
    champion: Champion | None = None
    competing_runs: Mapping[str, Champion] = field(default_factory=dict)

    @property
    def scores(self) -> Scores | None:
        """Of the champion's single networks, their mean."""
        return self.champion.scores if self.champion else None

    @property
    def ensemble(self) -> Scores | None:
        """Of the mean of the champion's networks."""
        return self.champion.ensemble if self.champion else None

    @property
    def time_left(self) -> float | None:
        """Estimated active seconds to the end, from the last generations' pace; None when unknown or over."""
        run, settings = self.run, self.run.settings
        if run.state in TERMINAL:
            return None
        recent = self.generations[-RECENT_GENERATIONS - 1 :]
        first = (recent[0].seconds, recent[0].summary.number) if len(recent) > 1 else (0.0, 0)
        estimates = []
        if recent:
            pace = (recent[-1].seconds - first[0]) / (recent[-1].summary.number - first[1])
            left = pace * max(0, settings.generations - recent[-1].summary.number)
            estimates.append(left + self._last_seconds - (run.seconds - recent[-1].seconds))
        if settings.evaluations is not None and run.evaluations:
            estimates.append(
                run.seconds / run.evaluations * (settings.evaluations - run.evaluations)
                + self._last_seconds
            )
        if settings.max_seconds is not None:
            estimates.append(settings.max_seconds - run.seconds)
        return max(0.0, min(estimates)) if estimates else None

    @property
    def _last_seconds(self) -> float:
        """Of the confirmation and the champion's networks, by the pace of all iterations so far."""
        run, settings = self.run, self.run.settings
        pace = run.seconds / run.iterations if run.iterations else 0.0
        schedule = settings.schedule
        iterations = schedule.iterations_for(Phase.CONFIRMATION.first_repeat)
        return pace * schedule.last_trainings * iterations

    @property
    def trainings_per_minute(self) -> float | None:
        """Recorded trainings by active minute; None before the first."""
        return (
            60.0 * self.run.evaluations / self.run.seconds
            if self.run.evaluations and self.run.seconds > 0
            else None
        )

    def to_dict(self) -> dict[str, Any]:
        """The JSON object of `shoal show --json`."""
        run = self.run
        competing = {
            label: {"scores": champion.scores.to_dict(), "ensemble": champion.ensemble.to_dict()}
            for label, champion in self.competing_runs.items()
        }

        return {
            "run": run.id,
            "state": run.state,
            "generations": run.generations,
            "evaluations": run.evaluations,
            "iterations": run.iterations,
            "seconds": round(run.seconds, 3),
            "best": self.best.to_dict() if self.best else None,
            "scores": self.scores.to_dict() if self.scores else None,
            "ensemble": self.ensemble.to_dict() if self.ensemble else None,
            "baselines": [baseline.to_dict() for baseline in self.champion.baselines]
            if self.champion
            else [],
            "competing_runs": competing,
            "rivals": competing,  # its name until 1.0
            "result_hash": run.result_hash,
            "dataset": run.dataset,
            "settings": run.settings.to_dict(),
            "data_options": run.data_options,
            "error": run.error,
        }


def blocking_run(store: Store, run: RunView) -> RunView | None:
    """The run that a queued one waits for: supervisors drive one at a time."""
    return (
        next((other for other in store.runs() if other.state == "running"), None)
        if run.state == "queued"
        else None
    )


def load_champion(store: Store, run: RunView) -> Champion | None:
    """The champion that a finished run kept; None for any other run."""
    content = store.artifact(run.id, CHAMPION) if run.state == "finished" else None
    return None if content is None else Champion.from_bytes(content)


def summarise(store: Store, run_id: int | str) -> Summary:
    """Everything that is shown of a run; reads no evaluations but those of the best genome. Raises `RunNotFoundError`."""
    run = store.run(run_id)
    # One more may have been completed since; what is shown belongs to one moment.
    generations = tuple(g for g in store.generations(run.id) if g.summary.number <= run.generations)
    champion = load_champion(store, run)
    best = _best(store, run, generations, champion)
    return Summary(run, generations, best, champion, _rivals(store, run) if champion else {})


def _rivals(store: Store, run: RunView) -> dict[str, Champion]:
    newest: dict[str, RunView] = {}
    for other in store.comparable(run):
        if other.data_options == run.data_options and run.settings.competes_with(other.settings):
            newest.setdefault(other.settings.sampler, other)
    champions = {
        f"{sampler_entry(name).label} (run {other.id})": load_champion(store, other)
        for name, other in newest.items()
    }
    return {label: champion for label, champion in champions.items() if champion}


def _best(
    store: Store, run: RunView, generations: Sequence[GenerationRecord], champion: Champion | None
) -> Best | None:
    last = generations[-1].summary if generations else None
    if champion:
        genome, counted = champion.genome, list(champion.accuracies)
    elif last and last.best_accuracy is not None:
        genome = last.best
        trained = store.evaluations(run.id, curves=False, genome=genome.hash)
        known = {e.task.repeat: e.accuracy for e in trained if e.accuracy is not None}
        counted = [
            known[repeat]
            for repeat in run.settings.schedule.scored_repeats(last.best_repeats)
            if repeat in known
        ]
    else:
        return None
    led = next(
        (record for record in generations if record.summary.best == genome),
        generations[-1] if generations else None,
    )
    return Best(
        genome=genome,
        accuracy=mean(counted),
        repeats=len(counted),
        ci95=ci95(counted),
        generation=led.summary.number if led else 1,  # of which no more was made
        found=led.created if led else run.ended or run.created,
        confirmation=champion.confirmation if champion else None,
        on_bounds=run.settings.space.on_bounds(genome),
    )


METRIC_NAMES = {
    "mae": "MAE",
    "rmse": "RMSE",
    "r2": "R²",
    "balanced_accuracy": "Balanced",
    "macro_f1": "Macro F1",
    "log_loss": "Log loss",
}


@dataclass(frozen=True)
class ScoreRow:
    """A line of a champion's scores: accuracies in percent, of single networks on average and of their ensemble.

    ``half`` is half of a 95 % interval; ``metrics`` are those of the single networks; ``error`` says why there is nothing.
    """

    label: str
    accuracy: float | None
    half: float | None = None
    ensemble: float | None = None
    metrics: Metrics | None = None
    is_champion: bool = False
    error: str | None = None

    def metric(self, name: str) -> str:
        """With three decimals; empty where there is none."""
        value = self.metrics.to_dict().get(name) if self.metrics else None
        return "" if value is None else f"{round(value, 3) + 0.0:.3f}"  # never -0.000


def score_rows(
    champion: Champion, rivals: Mapping[str, Champion] | None = None
) -> tuple[ScoreRow, ...]:
    """Search, confirmation and test side by side, then what others make of the same test rows, the best first.

    ``competing_runs``: champions of other searches, by what to call them.
    """
    rows = [ScoreRow("Search", champion.accuracy, ci95_half_width(champion.accuracies))]
    if told := champion.confirmation:
        rows.append(ScoreRow("Confirmation", told.accuracy, ci95_half_width(told.accuracies)))
    for label, part in (("Train", "train"), ("Test", "test")):
        single, together = getattr(champion.scores, part), getattr(champion.ensemble, part)
        if single is not None:
            rows.append(
                ScoreRow(
                    label,
                    single.accuracy,
                    None,
                    together.accuracy,
                    single,
                    is_champion=part == "test",
                )
            )
    others = [_baseline_row(baseline) for baseline in champion.baselines]
    for label, rival in (rivals or {}).items():
        if (single := rival.scores.test) is not None and (
            together := rival.ensemble.test
        ) is not None:
            others.append(ScoreRow(label, single.accuracy, None, together.accuracy, single))
    others.sort(key=lambda row: math.inf if row.accuracy is None else -row.accuracy)
    return (*rows, *others)


def _baseline_row(baseline: Baseline) -> ScoreRow:
    if baseline.test is None or baseline.ensemble is None:
        return ScoreRow(baseline.name, None, error=baseline.error)
    together = baseline.ensemble.accuracy if len(baseline.accuracies) > 1 else None
    return ScoreRow(baseline.name, baseline.test.accuracy, None, together, baseline.test)


def confidence_text(champion: Champion, longer: int = 1) -> str:
    """How sure the choice is, and what its networks were trained on, in words.

    ``longer``: how many times as long as in the search the confirmation trained.
    """
    count = len(champion.weights)
    networks = f"{count} networks were" if count > 1 else "network was"
    rows = "all rows but the test part" if champion.refitted else "the training part"
    trained = f"The champion's {networks} trained on {rows}; nothing was chosen by the test part."
    told = champion.confirmation
    if told is None:
        return f"Not confirmed on unused random streams. {trained}"
    times = f", {longer} times as long as in the search" if longer > 1 else ""
    text = f"Confirmed on {len(told.accuracies)} unused random streams{times}; "
    text += f"the luckiest lies {told.best_minus_mean:.2f} above their mean."
    if told.probability is not None:
        resolved = "" if told.resolved else ", which leaves it unresolved"
        percent = math.floor(
            100 * told.probability
        )  # never rounded up to what would resolve it, or to certainty
        text += (
            f" Better than the second genome with a probability of {min(percent, 99)} %{resolved}."
        )
    return f"{text} {trained}"
