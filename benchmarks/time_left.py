"""What the time left of a finished run was estimated at while it ran, against the truth.

    python benchmarks/time_left.py STORE RUN [RUN ...]

Plays the recorded times of a run again. At 5, 10, 25, 50 and 75 % of its active time it prints how
long the run still went on, what the estimate was then, and what it would have been by the time
since the start alone, which counts compiling as if it went on. A run that was paused, and one whose
trainings were recorded by an owner that died, has other times than it seems.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace

from shoal.analysis.progress import (
    TIMED,
    PhaseMark,
    RunPhase,
    pace_of,
    read_phase,
    run_progress,
)
from shoal.settings.phase import is_confirmation
from shoal.store import RunView, Store, open_store
from shoal.store.records import EVALUATION_COLUMNS, TrainingTime

SHARES = (0.05, 0.1, 0.25, 0.5, 0.75)


@dataclass(frozen=True)
class Estimate:
    """What was said of a run at one moment; all in seconds, None where nothing was known.

    Attributes
    ----------
    at
        How long it had been active.
    truth
        How long it still went on.
    left
        The estimate.
    by_clock
        The estimate by the time since the start alone.
    phase
        What it was at.
    """

    at: float
    truth: float
    left: float | None
    by_clock: float | None
    phase: RunPhase


@dataclass(frozen=True)
class _Row:
    """A recorded training: its time, when it ended in active seconds, whether it did not fail."""

    time: TrainingTime
    ended: float
    is_good: bool


def _rows(store: Store, run: RunView) -> list[_Row]:
    """All trainings of a run, in the order of their recording."""
    rows = []
    for values in store.evaluation_rows(run.id):
        row = dict(zip(EVALUATION_COLUMNS, values, strict=True))
        time = TrainingTime(row["repeat"], row["seconds"], row["worker"])
        rows.append(_Row(time, row["created"] - (run.started or 0.0), row["status"] == "ok"))
    return rows


def replayed(store: Store, run: RunView, share: float) -> Estimate:
    """What was said of a finished run when this share of its active time was over."""
    at = share * run.seconds
    generations = [one for one in store.generations(run.id) if one.seconds <= at]
    recorded = [row for row in _rows(store, run) if row.ended <= at]
    newest = [row.time for row in recorded[::-1] if row.is_good][:TIMED]
    then = replace(
        run,
        state="running",
        heartbeat_age=0.0,
        seconds=at,
        evaluations=len(recorded),
        generations=len(generations),
    )
    mark = _mark(store, run, then, any(is_confirmation(row.time.repeat) for row in recorded))
    estimate = run_progress(then, generations, mark, pace_of(newest, run.settings))
    by_clock = run_progress(then, generations, mark)
    return Estimate(at, run.seconds - at, estimate.seconds_left, by_clock.seconds_left, mark.phase)


def _mark(store: Store, run: RunView, then: RunView, confirms: bool) -> PhaseMark:
    """The phase at that moment: what begins with a record is known, the last one was noted."""
    last = read_phase(store, run)
    if last is not None and last.begun <= then.seconds:
        return last
    if then.evaluations == run.evaluations:
        return PhaseMark(RunPhase.CHAMPION, max(row.ended for row in _rows(store, run)))
    if confirms or then.generations == run.settings.generations:
        return PhaseMark(RunPhase.CONFIRMATION, 0.0)
    return PhaseMark(RunPhase.SEARCH, 0.0)


def _text(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds:.0f}"


def main() -> None:
    """Print a table for each run."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("store")
    parser.add_argument("runs", nargs="+", type=int)
    chosen = parser.parse_args()

    store = open_store(chosen.store)
    for number in chosen.runs:
        run = store.run(number)
        print(f"run {number}, {run.name}: {run.seconds:.0f} s, {run.state}")
        print("share  truth  estimate  by the clock  phase")
        for share in SHARES:
            one = replayed(store, run, share)
            print(
                f"{100 * share:4.0f} %  {one.truth:5.0f}  {_text(one.left):>8}  "
                f"{_text(one.by_clock):>12}  {one.phase}"
            )


if __name__ == "__main__":
    main()
