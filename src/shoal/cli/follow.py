"""Following a run in the terminal until it ends."""

from __future__ import annotations

import contextlib
import json
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from rich.live import Live

from shoal.analysis.progress import read_pace, read_phase
from shoal.analysis.summary import Summary, blocking_run, summarise
from shoal.cli.live_panel import LivePanel, progress_line
from shoal.cli.next_steps import after_run, print_next
from shoal.cli.tables import report
from shoal.cli.terminal import Terminal
from shoal.orchestration.callbacks import Callback, Callbacks
from shoal.orchestration.launcher import end_text, ensure_supervisor
from shoal.store import TERMINAL, RunView, Store
from shoal.system.child import HeardProcess
from shoal.system.process import END_SIGNALS, end_process

if TYPE_CHECKING:
    from shoal.api import SearchResult

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


def follow_run(
    store: Store,
    run_id: int,
    *,
    as_json: bool = False,
    prepared: HeardProcess | None = None,
    address: str | None = None,
    trackers: Sequence[Callback] = (),
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
    address
        The store, as the command was given it.
    trackers
        What is told of the run as it goes on.

    Returns
    -------
    int
        Exit code of the command: 0 finished or stopped, 1 failed, 2 paused by itself as its code
        cannot be used, 130 interrupted or paused.
    """
    console = Terminal(stderr=True)
    display: _Display | None = None
    if not as_json:
        display = _PanelDisplay(store, console) if console.is_terminal else _LinesDisplay(console)
    told = Callbacks(objects=trackers, warn=lambda text: print(f"shoal: {text}", file=sys.stderr))
    child = ensure_supervisor(store, scope=run_id, attached=True, prepared=prepared)

    interrupted = False
    with _termination_as_interrupt():
        try:
            _follow(store, run_id, child, display, told)
        except KeyboardInterrupt:
            interrupted = True
        finally:
            if child is not None:
                end_process(child)
    if trackers:
        told.look(store, run_id, at_once=True)
        told.end(partial(_result, store, run_id))

    summary = summarise(store, run_id)
    state = summary.run.state
    if as_json:
        print(json.dumps(summary.to_dict()))
    else:
        Terminal().print(report(summary))
        print_next(*after_run(summary.run, address))

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


class _Display(contextlib.AbstractContextManager["_Display"]):
    """Shows a run while it is followed."""

    def show(self, summary: Summary) -> None:
        """Show the run as it is now."""
        raise NotImplementedError

    def __exit__(self, *_: object) -> None:
        """Nothing is left to do."""


class _PanelDisplay(_Display):
    """A panel that is drawn again in its place, and goes at the end."""

    def __init__(self, store: Store, console: Terminal) -> None:
        self._store = store
        self._panel = LivePanel(console)
        # It is drawn when there is news, not between.
        self._live = Live(console=console, auto_refresh=False, transient=True)

    def __enter__(self) -> _PanelDisplay:
        self._live.start()
        return self

    def show(self, summary: Summary) -> None:
        run = summary.run
        trainings = self._store.live(run.id) if run.state == "running" else None
        ahead = blocking_run(self._store, run)
        self._live.update(self._panel.render(summary, trainings, ahead), refresh=True)

    def __exit__(self, *_: object) -> None:
        self._live.stop()


class _LinesDisplay(_Display):
    """A line where something has changed: for files, pipes and logs."""

    def __init__(self, console: Terminal) -> None:
        self._console = console
        self._shown: tuple[object, ...] = ()

    def show(self, summary: Summary) -> None:
        run = summary.run
        state = (run.state, run.generations, summary.progress.phase)
        if state != self._shown:
            self._shown = state
            self._console.print(progress_line(summary), soft_wrap=True, markup=False)


def make_trackers(names: Sequence[str] | None) -> list[Callback]:
    """The trackers that the command line names.

    Raises
    ------
    SettingsError
        There is no such tracker, or its package is not installed.
    """
    if not names:
        return []
    # Only where somebody tracks: it loads all that an export needs.
    from shoal.trackers import make_tracker

    return [make_tracker(name) for name in names]


def _result(store: Store, run_id: int) -> SearchResult:
    """What is recorded of a run. Python's interface is loaded only where somebody tracks."""
    from shoal.api import search_result

    return search_result(store, run_id)


def _follow(
    store: Store,
    run_id: int,
    child: HeardProcess | None,
    display: _Display | None,
    told: Callbacks,
) -> None:
    """Return when the run has ended, or its supervisor has; until then show it."""
    with contextlib.ExitStack() as stack:
        if display is not None:
            stack.enter_context(display)

        summary: Summary | None = None
        while True:
            run = store.run(run_id)
            if run.state in ENDED:
                return
            # A run that is running has another supervisor by now, and goes on without the child.
            if child is not None and child.poll() is not None and run.state != "running":
                print(
                    f"shoal: the supervisor ended unexpectedly: {end_text(child)}. "
                    f"What to do: `shoal resume {run_id}` goes on where the run was.",
                    file=sys.stderr,
                )
                return

            told.look(store, run_id)
            if display is not None:
                summary = _refreshed(store, summary, run)
                display.show(summary)
            time.sleep(REFRESH_SECONDS)


def _refreshed(store: Store, before: Summary | None, run: RunView) -> Summary:
    """The run as it is now. Its generations are read again only when there may be a new one."""
    if before is None or before.run.generations != run.generations or before.run.state != run.state:
        before = summarise(store, run.id)
    phase = read_phase(store, run)
    return Summary(run, before.generations, before.best, phase=phase, pace=read_pace(store, run))
