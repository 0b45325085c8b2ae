"""Commands about what users bring: to look at it, and to get recorded code back."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from shoal.cli.options import (
    JsonOption,
    RoleOption,
    RunArgument,
    StoreOption,
    TargetOption,
    TaskOption,
)
from shoal.cli.terminal import Terminal, echo
from shoal.errors import ProblemError, SettingsError

if TYPE_CHECKING:
    from shoal.problems.references import Code

app = typer.Typer()


@app.command("check-problem")
def check_problem(
    reference: Annotated[
        str,
        typer.Argument(
            metavar="REF",
            help="`file.py:NAME`, `module:NAME`, `gym:NAME`, or the name of a bundled simulation, "
            "a function, an objective, a decoder or an installed plug-in",
        ),
    ],
    data: Annotated[
        str | None,
        typer.Argument(
            metavar="[DATA]",
            help="A table on which an objective or a decoder is tried; default: made-up",
        ),
    ] = None,
    target: TargetOption = None,
    task: TaskOption = None,
    role: RoleOption = None,
    option: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="An option of REF; repeatable")
    ] = None,
    seconds: Annotated[
        float,
        typer.Option(help="How long importing, compiling and calling it once may take"),
    ] = 60.0,
    as_json: JsonOption = False,
) -> None:
    """Look at a simulation, a function, an objective, a loss or a decoder before a search.

    Does it work, is it the same twice, how fast is it? It is imported and called a few times, in a
    process of its own. Nothing is written.

    Exit code 2: no search can start on it as it is.
    """
    from shoal.cli.run_input import read_options
    from shoal.cli.waiting import Waiting
    from shoal.data.roles import split_roles
    from shoal.problems.check import check_named

    if not seconds > 0:
        raise SettingsError(f"--seconds {seconds:g}.", expected="more than 0")
    options = read_options("--option", option or ())
    roles, called = split_roles(role or ())
    if data is None and called:
        roles = role or []
    table = _table(data, target, task, roles)
    with Waiting(f"Looking at {reference}", quiet=as_json):
        found = check_named(reference, seconds, options=options, table=table, columns=called)

    if as_json:
        echo(json.dumps(found.to_dict()))
    else:
        from shoal.cli.tables import problem_table

        Terminal().print(problem_table(found))
    if found.bad:
        raise typer.Exit(2)


def _table(
    data: str | None, target: str | None, task: str | None, role: list[str] | None
) -> dict[str, Any] | None:
    """What `shoal.load_dataset` is called with; None without a table."""
    from shoal.data.roles import parse_roles

    named = {"--target": target, "--task": task, "--role": role}
    given = [option for option, value in named.items() if value]
    if data is None and given:
        raise SettingsError(
            f"{given[0]} without a table.",
            expected="check-problem REF DATA",
            remedy="name the table, or leave the option out",
        )
    if data is None:
        return None
    return {"data": data, "target": target, "task": task, **parse_roles(role or ())}


@app.command()
def code(
    run: RunArgument,
    to: Annotated[
        Path, typer.Option("--to", metavar="FILE", help="Where to write it; a file that is not yet")
    ],
    of: Annotated[
        str | None,
        typer.Option(
            metavar="SETTING", help="objective, metric or decoder, where a run names several files"
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite FILE if it is there")] = False,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the code that a run began with to a file. It is not executed.

    Read it before you use it: whoever wrote the store wrote the code.
    """
    number, recorded = _recorded_code(run, store, of)
    _write(to, recorded.text.encode(), force)

    if as_json:
        written = {"run": number, "file": str(to), "sha256": recorded.sha256}
        echo(json.dumps(written))
    else:
        echo(f"{to} has the code of run {number}, which was {recorded.reference}")


def show_code(run: str, store: str | None, as_json: bool) -> None:
    """`shoal show RUN --code`: print the recorded code of a run."""
    number, recorded = _recorded_code(run, store)
    if as_json:
        values = {
            "run": number,
            "reference": recorded.reference,
            "sha256": recorded.sha256,
            "code": recorded.text,
        }
        echo(json.dumps(values))
        return

    echo(f"Run {number} began with {recorded.reference}")
    echo(f"SHA-256 {recorded.sha256}\n")
    echo(recorded.text)


def _recorded_code(run: str, store: str | None, setting: str | None = None) -> tuple[int, Code]:
    from shoal.problems.references import recorded_code
    from shoal.store import open_store

    with open_store(store, create=False) as opened:
        view = opened.run(run)
    return view.id, recorded_code(view.id, view.problem, setting)


def _write(path: Path, content: bytes, force: bool) -> None:
    """Write a new file; an old one is replaced as a whole, and only if that was asked for."""
    try:
        if not force:
            with path.open("xb") as file:
                file.write(content)
            return

        # A file in the place of a device would be harm to the whole machine.
        if path.exists() and not path.is_file():
            path.write_bytes(content)
            return
        beside = path.with_name(f".{path.name}.{os.getpid()}")
        with beside.open("xb") as file:
            file.write(content)
        beside.replace(path)
    except FileExistsError:
        raise ProblemError(
            f"{path} exists.",
            expected="a file that is not there yet",
            remedy="choose another file, or overwrite this one with --force",
        ) from None
    except OSError as error:
        raise ProblemError(
            f"{path} cannot be written: {error.strerror}.",
            expected="a file in a folder that exists",
            remedy="choose another one",
        ) from None
