"""Following a run in the terminal, and what the terminal shows of runs."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from shoal.analysis.summary import Summary, blocking_run, summarise
from shoal.cli.tables import _accuracy, report
from shoal.orchestration.launcher import ensure_supervisor
from shoal.presentation.formatting import blocking_run_text, duration
from shoal.store import TERMINAL, RunView, Store
from shoal.system.paths import log_path
from shoal.system.process import end_process

REFRESH_SECONDS = 0.25
ENDED = (*TERMINAL, "paused")


def follow_run(
    store: Store,
    run_id: int,
    *,
    as_json: bool = False,
    prepared: subprocess.Popen[bytes] | None = None,
) -> int:
    """Follow a run to its end, with a supervisor process of our own if no other serves it; returns the exit code.

    On an interrupt our supervisor lets the run go, resumable, and the code is 130.
    """
    console = Console(stderr=True)
    child = ensure_supervisor(store, scope=run_id, attached=True, prepared=prepared)
    interrupted = False
    with _termination_as_interrupt():
        try:
            _follow(store, run_id, child, console if console.is_terminal and not as_json else None)
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
        Console().print(report(summary))
    if state in ("finished", "stopped"):
        return 0
    if state == "failed":
        return 1
    if not as_json:
        hints = {
            "running": f"It goes on under its service; `shoal stop {run_id}` ends it.",
            "queued": f"It stays queued for the service; `shoal stop {run_id}` takes it out.",
        }
        console.print(
            hints.get(state, f"Everything is kept. Go on with: shoal resume {run_id}"), style="bold"
        )
    return 130 if interrupted or state == "paused" else 1


@contextlib.contextmanager
def _termination_as_interrupt() -> Iterator[None]:
    """A closed terminal or a `kill` ends like Ctrl-C."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = {
        number: signal.signal(number, interrupt)
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _follow(
    store: Store, run_id: int, child: subprocess.Popen[bytes] | None, console: Console | None
) -> None:
    with (
        Live(console=console, refresh_per_second=4, transient=True)
        if console
        else contextlib.nullcontext() as live
    ):
        shown = (-1, "")
        summary: Summary | None = None
        while True:
            run = store.run(run_id)
            if run.state in ENDED:
                return
            if child is not None and child.poll() is not None and run.state != "running":
                print(
                    f"shoal: the supervisor ended unexpectedly; {log_path()} says more.",
                    file=sys.stderr,
                )
                return
            if live is not None:
                if summary is None or (run.generations, run.state) != shown:
                    summary, shown = summarise(store, run_id), (run.generations, run.state)
                shown_now = Summary(run, summary.generations, summary.best)
                live.update(_live_view(shown_now, blocking_run(store, run)))
            time.sleep(REFRESH_SECONDS)


def _live_view(summary: Summary, ahead: RunView | None) -> RenderableType:
    run, settings = summary.run, summary.run.settings
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim")
    grid.add_column()
    if ahead is not None:
        grid.add_row("Waiting", blocking_run_text(ahead, f"`shoal pause {ahead.id}`"))
    grid.add_row(
        "Generation",
        Group(
            Text(f"{run.generations} of {settings.generations}"),
            ProgressBar(settings.generations, run.generations, width=40),
        ),
    )
    grid.add_row(
        "Best accuracy",
        _accuracy(summary.best)
        if summary.best
        else Text("waiting for the first generation", style="dim"),
    )
    if run.avg_accuracy is not None:
        grid.add_row("Mean accuracy", f"{run.avg_accuracy:.2f} %")
    if summary.best is not None:
        grid.add_row("Repeats of the best", str(summary.best.repeats))
    pace = summary.trainings_per_minute
    if run.generations >= settings.generations and run.state == "running":
        grid.add_row(
            "Now",
            "confirming the best on unused random streams"
            if settings.finalists
            else "the champion",
        )
    grid.add_row(
        "Trainings", f"{run.evaluations:,}" + (f"  ({pace:,.0f} a minute)" if pace else "")
    )
    left = summary.time_left
    grid.add_row(
        "Time",
        f"{duration(run.seconds)} gone"
        + (f", about {duration(left)} left" if left is not None else ""),
    )
    return Panel(
        grid,
        title=Text(f"Run {run.id} · {run.name} · {settings.preset} · {run.state}"),
        title_align="left",
        border_style="cyan",
        width=76,
    )
