"""A bar for work that a person waits for: in a terminal by rich, in a notebook as HTML.

It appears when the work takes longer than half a second, and is gone when the work has ended. A
notebook needs no widgets for it: one output is shown and updated (``display_id``).
"""

from __future__ import annotations

import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from html import escape
from importlib import import_module
from types import TracebackType
from typing import Any, Self

from shoal.errors import SettingsError
from shoal.system.visible_text import visible

# Work that is done sooner shows nothing.
_DELAY_SECONDS = 0.5
# Between two drawings.
_REDRAW_SECONDS = 0.1
# Lines of a bar that is neither in a terminal nor in a notebook.
_LINES = 10


class _Place(ABC):
    """Where a bar is drawn."""

    @abstractmethod
    def draw(self, share: float, text: str) -> None:
        """Show that ``share`` of the work, 0 to 1, is done."""

    def clear(self) -> None:  # noqa: B027  lines stay
        """Take the bar away."""


class _Terminal(_Place):
    """A bar in the last line of a terminal, without colours where there are none."""

    def __init__(self) -> None:
        # Loaded only if there is something to draw.
        console = import_module("rich.console").Console(stderr=True)
        progress = import_module("rich.progress")
        columns = (
            progress.BarColumn(),
            progress.TextColumn("{task.percentage:>3.0f} %"),
            # What is said may have names of users in it.
            progress.TextColumn("{task.description}", markup=False),
        )
        # Without a thread of its own, which would go on beside an interrupt.
        self._progress = progress.Progress(
            *columns, console=console, transient=True, auto_refresh=False
        )
        self._task = self._progress.add_task("", total=1.0)
        self._progress.start()

    def draw(self, share: float, text: str) -> None:
        self._progress.update(self._task, completed=share, description=text, refresh=True)

    def clear(self) -> None:
        self._progress.stop()


class _Notebook(_Place):
    """A bar in the output of a notebook's cell."""

    def __init__(self) -> None:
        display = import_module("IPython.display")
        self._html = display.HTML
        self._output = display.display(self._html(""), display_id=True)

    def draw(self, share: float, text: str) -> None:
        bar = f'<progress value="{share:.3f}" max="1" aria-label="Progress"></progress>'
        self._output.update(self._html(f"<div>{bar} {100 * share:.0f} % {escape(text)}</div>"))

    def clear(self) -> None:
        self._output.update(self._html(""))


class _Lines(_Place):
    """A line for each tenth of the work, such as a log may have them."""

    def __init__(self) -> None:
        self._next = 0.0

    def draw(self, share: float, text: str) -> None:
        if share < self._next or sys.stderr is None:
            return
        print(f"shoal: {100 * share:.0f} %, {text}", file=sys.stderr, flush=True)
        self._next = (int(share * _LINES) + 1) / _LINES


class ProgressBar:
    """Shows how far some work is; to be used in a ``with``.

    Parameters
    ----------
    make_place
        Makes the place where it is drawn; None: it is never drawn.
    clock
        Gives monotonic seconds.
    """

    # Of bars inside each other, such as of a minimisation in a search's callback, the outer one.
    _shown: ProgressBar | None = None

    def __init__(
        self,
        make_place: Callable[[], _Place] | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._make_place = make_place
        self._place: _Place | None = None
        self._clock = clock
        self._next = clock() + _DELAY_SECONDS

    @property
    def is_due(self) -> bool:
        """Whether `show` would draw something now."""
        if self._make_place is None or ProgressBar._shown not in (None, self):
            return False
        return self._clock() >= self._next

    def show(self, share: float, text: str) -> None:
        """Draw how far the work is, if it is time to.

        Parameters
        ----------
        share
            What is done, 0 to 1.
        text
            What is being done, in a few words.
        """
        if not self.is_due or self._make_place is None:
            return
        if self._place is None:
            self._place = self._make_place()
            ProgressBar._shown = self
        self._place.draw(min(1.0, max(0.0, share)), " ".join(visible(text).split()))
        self._next = self._clock() + _REDRAW_SECONDS

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._place is not None:
            self._place.clear()
            ProgressBar._shown = None


def progress_bar(wanted: bool | None) -> ProgressBar:
    """A bar where a person looks.

    Parameters
    ----------
    wanted
        None: a bar in a notebook, or in a terminal that standard error is. True: also elsewhere, as
        a line for each tenth of the work. False: none.

    Raises
    ------
    SettingsError
        For anything else.
    """
    if wanted is not None and not isinstance(wanted, bool):
        raise SettingsError(
            f"progress={wanted!r}.",
            expected="True, False, or None for a bar where a person looks",
            remedy="leave it out",
        )
    return ProgressBar(_place(wanted))


def _place(wanted: bool | None) -> Callable[[], _Place] | None:
    if wanted is False:
        return None
    if _is_notebook():
        return _Notebook
    if sys.stderr is not None and sys.stderr.isatty():
        return _Terminal
    if wanted:
        return _Lines
    return None


def _is_notebook() -> bool:
    """Whether this process is the kernel of a notebook."""
    # Where nobody has imported it, there is none.
    ipython: Any = sys.modules.get("IPython")
    if ipython is None:
        return False
    return hasattr(ipython.get_ipython(), "kernel")
