"""What to do next: a line at the end of a command, for a person at a terminal."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from shoal.cli.terminal import Terminal

if TYPE_CHECKING:
    from shoal.store import RunView


def print_next(*commands: Sequence[str]) -> None:
    """Print which commands come next; nothing where no person reads, or there is none.

    Parameters
    ----------
    *commands
        The words of each command, without ``shoal``.
    """
    if not commands or not (sys.stdout.isatty() and sys.stderr.isatty()):
        return
    from rich.text import Text

    # Standard output has the command's answer alone.
    lines = " · ".join(shlex.join(["shoal", *words]) for words in commands)
    Terminal(stderr=True, soft_wrap=True).print(Text.assemble(("Next: ", "dim"), lines))


def store_option(store: str | None) -> list[str]:
    """The option that names the same store, where one was named."""
    return ["--store", store] if store else []


def after_run(run: RunView, store: str | None) -> list[list[str]]:
    """What to do with a run that has ended.

    Parameters
    ----------
    run
        The run.
    store
        Its store, as the command was given it.
    """
    number = str(run.id)
    option = store_option(store)
    if run.state not in ("finished", "stopped") or run.best_score is None:
        return []

    steps = []
    if run.has_network:
        steps.append(["export", number, "--to", "model", *option])
    steps.append(["serve", *option])
    return steps
