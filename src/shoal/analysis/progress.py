"""How far a run is, and how much longer it will take.

Both follow from an estimate of all its work: the search, the confirmation, the champion's networks
and the baselines. Work is counted in iterations of the default genome, as planned: what ends
trainings early ends long and short ones alike.

How long a unit of work takes is known from the times of single trainings (`read_pace`), and not
from the time since the start: early in a run most of that is compiling, which is over.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum

from shoal.analysis.stages import Stage, stages
from shoal.settings.phase import FIRST_CONFIRMATION
from shoal.settings.search_settings import SearchSettings
from shoal.store import TERMINAL, GenerationRecord, RunView, Store
from shoal.store.records import TrainingTime

# Generations whose pace is taken for the pace of those to come.
RECENT_GENERATIONS = 5
# What is left of a generation, at least, as a share of it; and of a run that has not ended.
_LEAST_LEFT = 0.05
_MOST_DONE = 0.99
# Trainings whose times are looked at, the newest; and how many times slower than is usual one may
# be before it is left out, as it has compiled.
TIMED = 200
_COMPILES = 4.0
# A champion's networks train on all rows that are not test: so many times those of a repeat, with
# the usual five folds.
_MORE_ROWS = 1.25
# The name under which a run keeps its phase (`Store.artifact`).
PHASE = "phase"


class RunPhase(StrEnum):
    """What a run is at, in the order of the phases."""

    SEARCH = "search"
    CONFIRMATION = "confirmation"
    CHAMPION = "champion"
    BASELINES = "baselines"


@dataclass(frozen=True, slots=True)
class PhaseMark:
    """The phase that a run is in.

    Attributes
    ----------
    phase
        The phase.
    begun
        The run's active seconds when it began.
    """

    phase: RunPhase
    begun: float

    def to_bytes(self) -> bytes:
        """What a run keeps under the name "phase"."""
        return json.dumps(asdict(self)).encode()


@dataclass(frozen=True, slots=True)
class RunProgress:
    """How far a run is.

    Attributes
    ----------
    phase
        What it is at, or was at last.
    share
        How much of its work is done, 0 to 1; 1 is only a run that has finished.
    seconds_left
        Estimated active seconds to its end. None when it is over, when nothing is known yet, or
        when its last work takes longer than was estimated.
    """

    phase: RunPhase
    share: float
    seconds_left: float | None


def read_phase(store: Store, run: RunView) -> PhaseMark | None:
    """The phase that a run's owner has noted last; None where it has noted none."""
    content = store.artifact(run.id, PHASE)
    # A run that waits with a larger budget has its phases before it.
    if content is None or run.state == "queued":
        return None
    values = json.loads(content)
    return PhaseMark(RunPhase(values["phase"]), float(values["begun"]))


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a run works.

    Attributes
    ----------
    seconds
        What one worker needs for a unit of work.
    workers
        How many train side by side.
    """

    seconds: float
    workers: int

    @property
    def of_all(self) -> float:
        """Seconds that all workers together need for a unit of work."""
        return self.seconds / self.workers


def read_pace(store: Store, run: RunView) -> Pace | None:
    """How fast a run works by its newest trainings; see `pace_of`."""
    return pace_of(store.latest_times(run.id, TIMED), run.settings)


def pace_of(timed: Sequence[TrainingTime], settings: SearchSettings) -> Pace | None:
    """How fast a run works; None where no training was recorded.

    Trainings that took far longer than others of their length are left out: code was compiled for
    them, which happens once.

    Parameters
    ----------
    timed
        Trainings of one run, those that failed left out.
    settings
        Of the run.
    """
    workers = {time.worker for time in timed}
    length = settings.schedule.iterations_for
    times = [(time.seconds, length(time.repeat)) for time in timed if time.seconds > 0]
    if not times:
        return None

    usual = statistics.median(seconds / work for seconds, work in times)
    kept = [(seconds, work) for seconds, work in times if seconds <= _COMPILES * usual * work]
    seconds_of_all = sum(seconds for seconds, _ in kept)
    work_of_all = sum(work for _, work in kept)
    return Pace(seconds_of_all / work_of_all, len(workers))


def elapsed(run: RunView) -> float:
    """Seconds for which the run has been active; they go on counting between two heartbeats."""
    if run.state != "running":
        return run.seconds
    return run.seconds + (run.heartbeat_age or 0.0)


def run_progress(
    run: RunView,
    generations: Sequence[GenerationRecord],
    mark: PhaseMark | None = None,
    pace: Pace | None = None,
) -> RunProgress:
    """Estimate how far a run is.

    Parameters
    ----------
    run
        The run.
    generations
        Its completed generations, in their order.
    mark
        What `read_phase` gives; None: the phase is guessed.
    pace
        What `read_pace` gives; None: all time so far was spent on what is recorded.
    """
    if mark is None:
        mark = _guessed(run)
    if run.state == "finished":
        return RunProgress(mark.phase, 1.0, None)

    left = _Forecast(run, generations, mark, pace).seconds_left()
    share = 0.0
    if left is not None:
        seconds = elapsed(run)
        share = seconds / (seconds + left) if left else _MOST_DONE
    seconds_left = left or None
    if run.state in TERMINAL:
        seconds_left = None
    return RunProgress(mark.phase, min(share, _MOST_DONE), seconds_left)


def _guessed(run: RunView) -> PhaseMark:
    if run.generations < run.settings.generations:
        return PhaseMark(RunPhase.SEARCH, 0.0)
    return PhaseMark(RunPhase.CONFIRMATION, 0.0)


class _Forecast:
    """The time that each phase of a run will still take.

    Parameters
    ----------
    run, generations, mark, pace
        See `run_progress`.
    """

    def __init__(
        self,
        run: RunView,
        generations: Sequence[GenerationRecord],
        mark: PhaseMark,
        pace: Pace | None,
    ) -> None:
        self._run = run
        self._settings = run.settings
        self._generations = generations
        self._mark = mark
        self._known_pace = pace
        self._planned = _planned_work(run, 1 if pace is None else pace.workers)

        self._searched = run.evaluations
        if mark.phase is not RunPhase.SEARCH and generations:
            self._searched = generations[-1].summary.evaluations
        self._confirmed = run.evaluations - self._searched

    def seconds_left(self) -> float | None:
        """Of all phases together; None when nothing is known yet, 0 when it is overdue."""
        pace = self._pace()
        if pace is None:
            return None

        phase = self._mark.phase
        order = list(RunPhase)
        later = order[order.index(phase) + 1 :]
        after = pace * sum(self._planned[other] for other in later)
        if phase is RunPhase.SEARCH:
            return self._search_left(pace, after) + after
        if phase is RunPhase.CONFIRMATION:
            missing = self._planned[phase] - self._confirmed * _long(self._settings)
            return pace * max(missing, _long(self._settings)) + after

        planned = pace * self._planned[phase]
        return max(0.0, planned - (elapsed(self._run) - self._mark.begun)) + after

    def _pace(self) -> float | None:
        """Seconds of a unit of work, over what is recorded; None before the first training."""
        if not self._run.evaluations:
            return None
        if self._known_pace is not None:
            return self._known_pace.of_all

        search = _work_of_first(self._settings, self._searched)
        work = search + self._confirmed * _long(self._settings)
        seconds = elapsed(self._run)
        if self._mark.phase in (RunPhase.CHAMPION, RunPhase.BASELINES):
            # Of what was trained since then nothing is recorded.
            seconds = self._mark.begun
        return seconds / work

    def _search_left(self, pace: float, after: float) -> float:
        """Seconds until the first of the search's budgets is spent."""
        settings = self._settings
        seconds = elapsed(self._run)
        # Of one generation alone nobody knows how long its workers compiled.
        if len(self._generations) > 1 or (self._generations and self._known_pace is None):
            estimates = [self._until_last_generation(seconds)]
        else:
            planned = self._planned[RunPhase.SEARCH]
            missing = planned - _work_of_first(settings, self._searched)
            estimates = [pace * max(missing, _LEAST_LEFT * planned)]

        if settings.evaluations is not None:
            missing = settings.evaluations - self._searched
            of_one = _work_of_first(settings, self._searched) / self._searched
            estimates.append(pace * of_one * max(1, missing))
        if settings.max_seconds is not None:
            # The finals get half of the time at most.
            finals = min(after, settings.max_seconds / 2)
            estimates.append(max(0.0, settings.max_seconds - finals - seconds))
        return min(estimates)

    def _until_last_generation(self, seconds: float) -> float:
        """Seconds to the end of the last generation, at the pace of recent ones."""
        newest = self._generations[-1]
        since_seconds = 0.0
        since_number = 0
        if len(self._generations) > 1:
            since = self._generations[-RECENT_GENERATIONS - 1 :][0]
            since_seconds = since.seconds
            since_number = since.summary.number

        pace = (newest.seconds - since_seconds) / (newest.summary.number - since_number)
        missing = max(1, self._settings.generations - newest.summary.number)
        of_this_one = max(pace - (seconds - newest.seconds), _LEAST_LEFT * pace)
        return pace * (missing - 1) + of_this_one


def _long(settings: SearchSettings) -> int:
    """The work of a confirmation."""
    return settings.schedule.iterations_for(FIRST_CONFIRMATION)


def _planned_work(run: RunView, workers: int) -> dict[RunPhase, float]:
    """The work of each phase, at most."""
    settings = run.settings
    planned = dict.fromkeys(RunPhase, 0.0)
    for stage in stages(settings):
        planned[RunPhase(stage.name)] += _work(settings, stage, workers)

    if not run.is_table:
        # Its champion is what the trainings before have found.
        planned[RunPhase.CHAMPION] = 0
    elif settings.baselines:
        # The default swarm, as often as the champion, and a few other methods.
        planned[RunPhase.BASELINES] = planned[RunPhase.CHAMPION] + _long(settings)
    return planned


def _work(settings: SearchSettings, stage: Stage, workers: int) -> float:
    length = settings.schedule.iterations_for(stage.repeat)
    if stage.name != RunPhase.CHAMPION:
        return float(stage.most * length)
    # Workers wait for the last network.
    rounds = -(-stage.most // workers)
    return _MORE_ROWS * rounds * workers * length


def _work_of_first(settings: SearchSettings, trainings: int) -> float:
    """The work of the first trainings of the search; in a generation the shortest come first."""
    one = settings.model_copy(update={"generations": 1, "evaluations": None})
    in_generation = [stage for stage in stages(one) if stage.name == RunPhase.SEARCH]
    work = 0.0
    left = trainings
    for stage in in_generation:
        count = min(left, stage.most)
        work += count * settings.schedule.iterations_for(stage.repeat)
        left -= count

    # Later generations have much the same trainings as the first.
    count = sum(stage.most for stage in in_generation)
    return work + left * work / count if left else work
