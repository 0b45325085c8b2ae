"""What the pages say of a run's state and progress. Pure functions."""

from __future__ import annotations

from html import escape

from shoal.analysis.stages import first_trainings
from shoal.analysis.summary import Summary
from shoal.presentation.formatting import blocking_run_text, phase_text, time_left_text
from shoal.presentation.palette import STATE_COLOURS
from shoal.store import RunView

# What a running run does about a command that it has yet to obey.
_OBEYING = {"stop": "stopping", "pause": "pausing"}


def state_word(run: RunView) -> str:
    """The run's state; "stopping" or "pausing" while a running run has yet to obey that command."""
    if run.state != "running":
        return run.state

    word: str = run.state
    for command in run.pending:
        word = _OBEYING.get(command, word)
    return word


def state_html(run: RunView) -> str:
    """The run's state as a badge. The word always stands in it: a colour alone says nothing."""
    colour = STATE_COLOURS.get(run.state, "gray")
    return f'<span class="badge {colour}">{escape(state_word(run))}</span>'


def progress_text(summary: Summary) -> str:
    """What stands above the progress bar: share, generations, phase, and the time that is left."""
    run = summary.run
    progress = summary.progress
    parts = [
        f"{int(100 * progress.share)} %",
        f"{run.generations:,} of {run.settings.generations:,} generations",
    ]
    if run.state == "running":
        parts.append(phase_text(progress.phase))
    if left := time_left_text(run, progress):
        parts.append(left)
    return " · ".join(parts)


def waiting_text(run: RunView, supervised: bool, ahead: RunView | None = None) -> tuple[str, str]:
    """What a run without a completed generation is waiting for, or what to do about it.

    Parameters
    ----------
    run
        The run.
    supervised
        Whether a supervisor attends to it.
    ahead
        The run that a queued run waits for.

    Returns
    -------
    title, sentence : str
    """
    if run.state == "queued" and ahead is not None:
        return "Waiting its turn", blocking_run_text(ahead, "Pause that one")
    if run.state == "queued" and supervised:
        return "Waiting its turn", "It starts in a moment."

    if run.state in ("queued", "interrupted"):
        advice = "Press Resume to start a supervisor, which takes it from here."
        return "Nobody is working on it", advice
    if run.state != "running":
        advice = "There is nothing to draw. Resume it, or start a new run."
        return "No generation was completed", advice

    # From here on the run is training.
    wanted = first_trainings(run.settings)
    if run.evaluations == 0:
        compiling = (
            "The training code is compiled for this machine: about half a minute, and longer where "
            "others use its cores."
        )
        return "Getting ready", f"{compiling} Then {wanted} trainings make the first generation."
    done = f"{run.evaluations} of at most {wanted} trainings done."
    return "First generation", f"{done} The chart begins when it is."
