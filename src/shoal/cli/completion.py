"""What a shell completes: numbers of runs, tables and names of what comes with Shoal.

A person waits for each answer, so that these functions import little, and an error completes
nothing.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import typer

from shoal.errors import ShoalError

# Runs that are offered, the newest first.
_MOST_RUNS = 50
_TABLES = (".csv", ".parquet", ".pq", ".tsv", ".txt")


def complete_run(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Complete the number of a run.

    Parameters
    ----------
    context
        The command as far as it was typed; its ``--store`` says whose runs are meant.
    incomplete
        What was typed of the number.

    Returns
    -------
    list of (str, str)
        Numbers of the newest runs, each with the run's name and state, which zsh and fish show.
    """
    from shoal.store.glance import newest_runs

    found = []
    with suppress(ShoalError, OSError):
        found = newest_runs(context.params.get("store"), _MOST_RUNS)

    already = context.params.get("runs") or ()
    offered = []
    for run in found:
        number = str(run.id)
        if number.startswith(incomplete) and number not in already:
            # Shells end the explanation at a line break.
            offered.append((number, " ".join(f"{run.name}, {run.state}".split())))
    return offered


def complete_data(incomplete: str) -> list[str]:
    """Complete what `shoal run` searches on: a table, or a name that comes with Shoal.

    Returns
    -------
    list of str
        Tables and folders beside them, and names. Empty where only folders begin like that: the
        shell completes those itself.
    """
    found = [*_names(incomplete), *complete_table(incomplete)]
    if all(name.endswith("/") for name in found):
        return []
    return found


def complete_table(incomplete: str) -> list[str]:
    """Complete the path of a CSV or Parquet file; folders end with a slash."""
    folder, slash, beginning = incomplete.rpartition("/")
    found = []
    with suppress(OSError, ValueError, RuntimeError):
        place = Path(folder + slash).expanduser()
        for path in sorted(place.iterdir()):
            hidden = path.name.startswith(".") and not beginning
            if hidden or not path.name.startswith(beginning):
                continue
            if path.is_dir():
                found.append(f"{folder}{slash}{path.name}/")
            elif path.suffix.lower() in _TABLES:
                found.append(f"{folder}{slash}{path.name}")
    return found


def _names(incomplete: str) -> list[str]:
    """Bundled tables, simulations and functions. Nothing before the first letter: tables first."""
    if not incomplete:
        return []
    from shoal.functions.registry import BUNDLED as FUNCTIONS
    from shoal.simulations.registry import BUNDLED as SIMULATIONS

    names = ("concrete", *SIMULATIONS, *FUNCTIONS)
    return [name for name in names if name.startswith(incomplete)]
