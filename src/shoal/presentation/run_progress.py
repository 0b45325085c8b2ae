"""How far a run is, for a progress bar."""

from __future__ import annotations

from shoal.analysis.progress import RunPhase, read_pace, read_phase, run_progress
from shoal.presentation.formatting import phase_text, score_text, time_left_text
from shoal.store import Store
from shoal.system.progress_bar import ProgressBar


def show_run(bar: ProgressBar, store: Store, run_id: int) -> None:
    """Draw how far a run is, if it is time to; only then the store is read.

    Parameters
    ----------
    bar
        Where to draw.
    store, run_id
        The run.
    """
    if not bar.is_due:
        return

    run = store.run(run_id)
    phase = read_phase(store, run)
    progress = run_progress(run, store.generations(run_id), phase, read_pace(store, run))
    words = [f"run {run.id}: {run.state}"]
    if run.state == "running":
        words = [f"run {run.id}: {phase_text(progress.phase)}"]
        if progress.phase is RunPhase.SEARCH:
            generation = min(run.generations + 1, run.settings.generations)
            words.append(f"generation {generation} of {run.settings.generations}")
    if run.best_score is not None:
        words.append(f"best {run.metric.word} {score_text(run.best_score, run.metric)}")
    words.append(time_left_text(run, progress))
    bar.show(progress.share, ", ".join(word for word in words if word))
