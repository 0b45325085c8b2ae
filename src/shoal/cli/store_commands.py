"""Commands on the whole store and on this machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from shoal.cli.options import JsonOption, StoreOption
from shoal.cli.terminal import Terminal, echo

app = typer.Typer()


@app.command()
def backup(
    to: Annotated[
        Path, typer.Argument(metavar="FILE", help="The file to write; it must not exist yet")
    ],
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Copy the whole store into a file, while it is in use.

    The copy is a store itself: --store FILE opens it.
    """
    from shoal.cli.waiting import Waiting
    from shoal.store import open_store
    from shoal.store.backup import backup as back_up

    bar = Waiting("Copying", quiet=as_json)
    with open_store(store, create=False) as opened, bar:
        copied_runs = back_up(opened, to, bar.show)

    if as_json:
        echo(json.dumps({"file": str(to), "runs": copied_runs}))
    else:
        echo(f"{to}: {copied_runs} runs.")


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `shoal backup` wrote")],
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Copy a backup into a store that has no run: a new file, or an empty PostgreSQL database."""
    from shoal.cli.waiting import Waiting
    from shoal.store import open_store
    from shoal.store.backup import check_backup
    from shoal.store.backup import restore as restore_into

    check_backup(file)
    with open_store(store) as opened:
        with Waiting("Copying", quiet=as_json) as waiting:
            copied_runs = restore_into(file, opened, waiting.show)
        address = opened.url

    if as_json:
        echo(json.dumps({"store": address, "runs": copied_runs}))
    else:
        echo(f"{address}: {copied_runs} runs.")


@app.command()
def doctor(store: StoreOption = None, as_json: JsonOption = False) -> None:
    """Check this installation and the store: versions, disk, integrity, journal, stale runs.

    Says how to mend each.
    """
    from shoal.cli.tables import doctor_table
    from shoal.cli.waiting import Waiting
    from shoal.store.diagnostics import examine

    with Waiting("Checking", quiet=as_json):
        checks = examine(store)

    if as_json:
        echo(json.dumps({"checks": [check.to_dict() for check in checks]}))
    else:
        Terminal().print(doctor_table(checks))

    if any(check.status == "bad" for check in checks):
        raise typer.Exit(1)


@app.command()
def bench(
    problem: Annotated[
        str | None,
        typer.Option(
            metavar="REF",
            help="Time an objective, a loss of a row, a simulation or a function: a name, or "
            "file.py:NAME",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Measure this machine: its peak of multiply-adds, and what share of it a swarm reaches."""
    if problem is not None:
        _bench_problem(problem, as_json)
        return

    from shoal.cli.tables import bench_table
    from shoal.cli.waiting import Waiting
    from shoal.pso.benchmark import benchmark

    with Waiting("Measuring", quiet=as_json) as waiting:
        result = benchmark(on_progress=waiting.show)

    if as_json:
        echo(json.dumps(result.to_dict()))
    else:
        Terminal().print(bench_table(result))


def _bench_problem(reference: str, as_json: bool) -> None:
    from shoal.cli.tables import paces_table
    from shoal.cli.waiting import Waiting
    from shoal.problems.pace import problem_paces

    with Waiting(f"Timing {reference}", quiet=as_json):
        found = problem_paces(reference)
    if as_json:
        echo(json.dumps(found.to_dict()))
    else:
        Terminal().print(paces_table(found))
