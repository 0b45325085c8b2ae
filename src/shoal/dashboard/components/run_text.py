"""Numbers and states as people read them, and text of users as text. Pure functions."""

from __future__ import annotations

from html import escape

from shoal.analysis.stages import first_trainings
from shoal.analysis.summary import Summary
from shoal.presentation.formatting import blocking_run_text, estimate
from shoal.presentation.palette import STATE_COLOURS
from shoal.store import RunView

_DOING = {"stop": "stopping", "pause": "pausing"}


def state_word(run: RunView) -> str:
    """The state, or what a command that the run's owner has yet to obey makes of it."""
    words = [_DOING[kind] for kind in run.pending if kind in _DOING]
    return words[-1] if words and run.state == "running" else run.state


def state_html(run: RunView) -> str:
    """The state as a badge."""
    return f'<span class="badge {STATE_COLOURS.get(run.state, "gray")}">{escape(state_word(run))}</span>'


def elapsed(run: RunView) -> float:
    """Active seconds so far; between two heartbeats of a running run they go on counting."""
    return run.seconds + (run.heartbeat_age or 0.0) if run.state == "running" else run.seconds


def progress(run: RunView) -> float:
    """The share of the run's budget that is spent, 0 to 1: of the budget that ends it first."""
    if run.state == "finished":
        return 1.0
    settings = run.settings
    shares = [run.generations / settings.generations]
    if settings.evaluations is not None:
        shares.append(run.evaluations / settings.evaluations)
    if settings.max_seconds is not None:
        shares.append(elapsed(run) / settings.max_seconds)
    return min(1.0, max(shares))


def progress_text(summary: Summary) -> str:
    """What stands above the progress bar."""
    run = summary.run
    parts = [
        f"{100 * progress(run):.0f} %",
        f"{run.generations:,} of {run.settings.generations:,} generations",
    ]
    if summary.time_left is not None and run.state == "running":
        parts.append(f"about {estimate(summary.time_left)} left")
    return " · ".join(parts)


def waiting_text(run: RunView, supervised: bool, ahead: RunView | None = None) -> tuple[str, str]:
    """A title and a sentence for a run that has no generation yet: what is happening, or what to do."""
    if run.state == "queued" and ahead is not None:
        return "Waiting its turn", blocking_run_text(ahead, "Pause that one")
    if run.state == "queued" and supervised:
        return "Waiting its turn", "It starts in a moment."
    if run.state in ("queued", "interrupted"):
        return (
            "Nobody is working on it",
            "Press Resume to start a supervisor, which takes it from here.",
        )
    if run.state != "running":
        return (
            "No generation was completed",
            "There is nothing to draw. Resume it, or start a new run.",
        )
    wanted = first_trainings(run.settings)
    if run.evaluations == 0:
        compiling = "The training code is compiled for this machine, half a minute at most."
        return "Getting ready", f"{compiling} Then {wanted} trainings make the first generation."
    return (
        "First generation",
        f"{run.evaluations} of at most {wanted} trainings done. The chart begins when it is.",
    )
