"""How much longer a run will take."""

from __future__ import annotations

from collections.abc import Sequence

from shoal.settings.phase import Phase
from shoal.store import TERMINAL, GenerationRecord, RunView

# Generations whose pace is taken for the pace of those to come.
RECENT_GENERATIONS = 5


def active_seconds_left(run: RunView, generations: Sequence[GenerationRecord]) -> float | None:
    """Estimate the active seconds to the end of a run.

    Parameters
    ----------
    run
        The run.
    generations
        Its completed generations, in their order.

    Returns
    -------
    float or None
        Seconds until the first of its budgets is spent, at least 0. None when the run is over, or
        when nothing is known yet.
    """
    if run.state in TERMINAL:
        return None

    settings = run.settings
    estimates = []
    if generations:
        estimates.append(_until_last_generation(run, generations) + _last_seconds(run))
    if settings.evaluations is not None and run.evaluations:
        seconds_each = run.seconds / run.evaluations
        missing = settings.evaluations - run.evaluations
        estimates.append(seconds_each * missing + _last_seconds(run))
    if settings.max_seconds is not None:
        estimates.append(settings.max_seconds - run.seconds)

    if not estimates:
        return None
    return max(0.0, min(estimates))


def _until_last_generation(run: RunView, generations: Sequence[GenerationRecord]) -> float:
    """Seconds to the end of the last generation, at the pace of recent ones."""
    newest = generations[-1]
    since_seconds = 0.0
    since_number = 0
    if len(generations) > 1:
        since = generations[-RECENT_GENERATIONS - 1 :][0]
        since_seconds = since.seconds
        since_number = since.summary.number

    pace = (newest.seconds - since_seconds) / (newest.summary.number - since_number)
    missing = max(0, run.settings.generations - newest.summary.number)
    in_this_generation = run.seconds - newest.seconds
    return pace * missing - in_this_generation


def _last_seconds(run: RunView) -> float:
    """Seconds of the confirmation and of the champion's networks, at the pace of all iterations."""
    if not run.iterations:
        return 0.0
    seconds_each = run.seconds / run.iterations
    schedule = run.settings.schedule
    iterations = schedule.iterations_for(Phase.CONFIRMATION.first_repeat)
    return seconds_each * schedule.last_trainings * iterations
