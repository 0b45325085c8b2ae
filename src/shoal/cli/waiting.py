"""A bar and the time left, for commands that a person waits for."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Self

from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
from rich.text import Text

from shoal.cli.terminal import Terminal
from shoal.presentation.formatting import duration, estimate

# Work that is done sooner shows nothing.
_DELAY_SECONDS = 0.5
# Fixed widths, so that nothing jumps.
_TIME_WIDTH = len("about 59 min 59 s left")
_NO_AMOUNT = " " * len("100 %")


class _Time(ProgressColumn):
    """The time left where a share is known, else the time gone."""

    def render(self, task: Task) -> Text:
        ends = task.fields["ends"]
        if ends is None:
            return Text(f"{duration(task.elapsed or 0.0):<{_TIME_WIDTH}}")
        left = f"about {estimate(max(1.0, ends - task.get_time()))} left"
        return Text(f"{left:<{_TIME_WIDTH}}")


class Waiting:
    """Shows on standard error that a command works, and how far it is; to be used in a ``with``.

    It appears after half a second, and is gone at the end. Where standard error is no terminal
    nothing is shown.

    Parameters
    ----------
    what
        What is being done, in a few words.
    quiet
        Show nothing: for ``--json``.
    console
        Where it is shown; None: on standard error.
    """

    def __init__(self, what: str, *, quiet: bool = False, console: Terminal | None = None) -> None:
        console = console or Terminal(stderr=True)
        self._what = what
        self._progress: Progress | None = None
        if console.is_terminal and not quiet:
            self._progress = Progress(
                TextColumn("{task.description}", markup=False),
                BarColumn(bar_width=None),
                TextColumn("{task.fields[amount]}"),
                _Time(),
                console=console,
                transient=True,
                expand=True,
            )
        self._timer: threading.Timer | None = None

    @property
    def is_shown(self) -> bool:
        """Whether a person sees it, if the work takes long enough."""
        return self._progress is not None

    def show(self, share: float, what: str | None = None) -> None:
        """Say how far the work is.

        Parameters
        ----------
        share
            What is done, 0 to 1.
        what
            What is being done; None: as before.
        """
        if self._progress is None:
            return
        if what is not None:
            self._what = what
        # Until something is done, the bar moves to and fro.
        if not share:
            self._progress.update(self._task, description=self._what)
            return

        now = self._progress.get_time()
        left = (now - self._begun) / share * (1.0 - share)
        self._progress.update(
            self._task,
            completed=min(1.0, share),
            total=1.0,
            description=self._what,
            amount=f"{int(100 * share):3d} %",
            ends=now + left,
        )

    def __enter__(self) -> Self:
        if self._progress is not None:
            self._task = self._progress.add_task(
                self._what, total=None, amount=_NO_AMOUNT, ends=None
            )
            self._begun = self._progress.get_time()
            self._timer = threading.Timer(_DELAY_SECONDS, self._progress.start)
            self._timer.daemon = True
            self._timer.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._progress is not None and self._timer is not None:
            self._timer.cancel()
            # A bar that begins at this moment has begun before it is taken away.
            self._timer.join()
            self._progress.stop()
