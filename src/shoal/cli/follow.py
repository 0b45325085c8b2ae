"""Following a run in the terminal until it ends."""

from __future__ import annotations

import contextlib
import json
import signal
import sys
import time
from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from shoal.analysis.progress import read_phase
from shoal.analysis.summary import Summary, blocking_run, summarise
from shoal.cli.tables import best_score_text, report
from shoal.cli.terminal import Terminal
from shoal.orchestration.launcher import end_text, ensure_supervisor
from shoal.presentation.formatting import (
    blocking_run_text,
    duration,
    phase_text,
    score_text,
    time_left_text,
)
from shoal.store import TERMINAL, RunView, Store
from shoal.system.child import HeardProcess
from shoal.system.process import END_SIGNALS, end_process
from shoal.system.visible_text import visible

# Seconds between two looks at the run.
REFRESH_SECONDS = 0.25
# In these states nobody works on a run, and there is nothing more to follow.
ENDED = (*TERMINAL, "paused")

# Exit codes.
_DONE = 0
_FAILED = 1
# Somebody has to put something right.
_REFUSED = 2
# As after an interrupt from the keyboard: 128 + SIGINT.
_INTERRUPTED = 130

# Width of the display in characters, within a terminal of 80 columns.
_WIDTH = 76
_BAR_WIDTH = 40


def follow_run(
    store: Store,
    run_id: int,
    *,
    as_json: bool = False,
    prepared: HeardProcess | None = None,
) -> int:
    """Follow a run until it ends or is paused, and print what became of it.

    If no supervisor serves the run, a process of our own does. On an interrupt that process
    releases the run, which can be resumed.

    Parameters
    ----------
    store, run_id
        The run.
    as_json
        Show no display, and print one JSON object at the end.
    prepared
        A supervisor process that is getting ready, to be used if one is needed.

    Returns
    -------
    int
        Exit code of the command: 0 finished or stopped, 1 failed, 2 paused by itself as its code
        cannot be used, 130 interrupted or paused.
    """
    console = Terminal(stderr=True)
    display = console if console.is_terminal and not as_json else None
    child = ensure_supervisor(store, scope=run_id, attached=True, prepared=prepared)

    interrupted = False
    with _termination_as_interrupt():
        try:
            _follow(store, run_id, child, display)
        except KeyboardInterrupt:
            interrupted = True
        finally:
            if child is not None:
                end_process(child)

    summary = summarise(store, run_id)
    state = summary.run.state
    if as_json:
        print(json.dumps(summary.to_dict()))
    else:
        Terminal().print(report(summary))

    if state in ("finished", "stopped"):
        return _DONE
    if state == "failed":
        return _FAILED
    if not as_json:
        console.print(_how_to_go_on(run_id, state), style="bold")
    if state == "paused" and summary.run.error:
        return _REFUSED
    return _INTERRUPTED if interrupted or state == "paused" else _FAILED


def _how_to_go_on(run_id: int, state: str) -> str:
    """What becomes of a run that has not ended, and which command changes that."""
    if state == "running":
        return f"It goes on under its service; `shoal stop {run_id}` ends it."
    if state == "queued":
        return f"It stays queued for the service; `shoal stop {run_id}` takes it out."
    return f"Everything is kept. Go on with: shoal resume {run_id}"


@contextlib.contextmanager
def _termination_as_interrupt() -> Iterator[None]:
    """Within the block, a closed terminal or a `kill` interrupts as Ctrl-C does."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = {}
    for number in END_SIGNALS:
        before[number] = signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _follow(
    store: Store, run_id: int, child: HeardProcess | None, console: Terminal | None
) -> None:
    """Return when the run has ended, or its supervisor has; until then show it on the console."""
    with contextlib.ExitStack() as stack:
        live = None
        if console is not None:
            live = stack.enter_context(Live(console=console, refresh_per_second=4, transient=True))

        summary: Summary | None = None
        while True:
            run = store.run(run_id)
            if run.state in ENDED:
                return
            # A run that is running has another supervisor by now, and goes on without the child.
            if child is not None and child.poll() is not None and run.state != "running":
                print(
                    f"shoal: the supervisor ended unexpectedly: {end_text(child)}.",
                    file=sys.stderr,
                )
                return

            if live is not None:
                summary = _refreshed(store, summary, run)
                live.update(_live_view(summary, blocking_run(store, run)))
            time.sleep(REFRESH_SECONDS)


def _refreshed(store: Store, before: Summary | None, run: RunView) -> Summary:
    """The run as it is now. Its generations are read again only when there may be a new one."""
    if before is None or before.run.generations != run.generations or before.run.state != run.state:
        before = summarise(store, run.id)
    return Summary(run, before.generations, before.best, phase=read_phase(store, run))


def _live_view(summary: Summary, ahead: RunView | None) -> RenderableType:
    """The display of a run. ``ahead``: the run that it waits for, if it does."""
    run = summary.run
    metric = run.metric
    settings = run.settings
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim")
    grid.add_column()

    if ahead is not None:
        grid.add_row("Waiting", blocking_run_text(ahead, f"`shoal pause {ahead.id}`"))

    progress = summary.progress
    grid.add_row("Generation", f"{run.generations} of {settings.generations}")
    share = Text(f"{int(100 * progress.share)} %")
    grid.add_row("Done", Group(share, ProgressBar(1.0, progress.share, width=_BAR_WIDTH)))
    if run.state == "running":
        grid.add_row("Now", phase_text(progress.phase))

    if summary.best is None:
        grid.add_row(f"Best {metric.word}", Text("waiting for the first generation", style="dim"))
    else:
        grid.add_row(f"Best {metric.word}", best_score_text(summary.best))
    if run.mean_score is not None:
        grid.add_row(f"Mean {metric.word}", score_text(run.mean_score, metric))
    if summary.best is not None:
        grid.add_row("Repeats of the best", str(summary.best.repeats))

    grid.add_row("Trainings", _trainings_text(summary))
    grid.add_row("Time", _time_text(summary))
    return Panel(
        grid,
        title=Text(f"Run {run.id} · {visible(run.name)} · {settings.preset} · {run.state}"),
        title_align="left",
        border_style="cyan",
        width=_WIDTH,
    )


def _trainings_text(summary: Summary) -> str:
    count = f"{summary.run.evaluations:,}"
    per_minute = summary.trainings_per_minute
    if not per_minute:
        return count
    return f"{count}  ({per_minute:,.0f} a minute)"


def _time_text(summary: Summary) -> str:
    gone = f"{duration(summary.run.seconds)} gone"
    left = time_left_text(summary.run, summary.progress)
    return f"{gone}, {left}" if left else gone
