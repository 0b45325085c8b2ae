"""Commands that list, show, steer and delete runs."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from shoal.analysis.run_list import SORTS, STATES, RunFilter, matching, ordered
from shoal.cli.options import (
    JsonOption,
    LogLevelOption,
    RunArgument,
    StoreOption,
    TrackOption,
    apply_log_level,
)
from shoal.cli.terminal import Terminal, echo
from shoal.errors import SettingsError
from shoal.orchestration.launcher import prepared_supervisor
from shoal.system.visible_text import visible

if TYPE_CHECKING:
    from shoal.store import RunView

app = typer.Typer()


@app.command()
def runs(
    search: Annotated[
        str, typer.Option(metavar="TEXT", help="Words in the name, table, tags or note")
    ] = "",
    state: Annotated[str | None, typer.Option(metavar="STATE", help="|".join(STATES))] = None,
    tag: Annotated[str | None, typer.Option(metavar="TAG", help="Those with this tag")] = None,
    table: Annotated[
        str | None, typer.Option(metavar="NAME", help="Those on this table, simulation, function")
    ] = None,
    sort: Annotated[str, typer.Option(metavar="COLUMN", help="|".join(SORTS))] = "run",
    reverse: Annotated[bool, typer.Option("--reverse", help="The other way round")] = False,
    archived: Annotated[bool, typer.Option("--archived", help="Archived ones, too")] = False,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the runs, newest first; archived ones only when asked for."""
    from shoal.cli.tables import UNCUT_WIDTH, runs_table
    from shoal.presentation.run_json import run_row
    from shoal.store import FIRST_RUN, open_store, shown_address, store_exists

    wanted = RunFilter(search, state, tag, table, archived)
    every: list[RunView] = []
    if store_exists(store):
        with open_store(store) as opened:
            every = opened.runs()
    views = ordered(matching(every, wanted), sort, reverse=reverse)

    if as_json:
        echo(json.dumps({"runs": [run_row(view) for view in views]}))
    elif views:
        # Another program may read it: nothing is cut there.
        width = None if sys.stdout.isatty() else UNCUT_WIDTH
        Terminal(width=width).print(runs_table(views))
    elif every:
        echo(f"None of {len(every):,} runs in {shown_address(store)} is like that.")
    else:
        echo(f"There is no run yet in {shown_address(store)}. What to do: {FIRST_RUN}.")


@app.command()
def show(
    run: RunArgument,
    code: Annotated[
        bool, typer.Option("--code", help="Show the code that the run began with instead")
    ] = False,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show one run: its state, its best genome with its uncertainty, scores and leaderboard."""
    if code:
        from shoal.cli.problem_commands import show_code

        show_code(run, store, as_json)
        return

    from shoal.analysis.summary import summarise
    from shoal.cli.tables import report
    from shoal.store import open_store

    with open_store(store, create=False) as opened:
        summary = summarise(opened, run)
        leaders = None
        if not as_json:
            from shoal.analysis.evaluation_table import EvaluationTable
            from shoal.cli.leaders_table import leaders_table

            evaluations = EvaluationTable(opened, summary.run).refresh()
            leaders = leaders_table(summary, evaluations)

    if as_json:
        echo(json.dumps(summary.to_dict()))
        return
    Terminal().print(report(summary))
    if leaders is not None:
        Terminal().print(leaders)


@app.command()
def pause(run: RunArgument, store: StoreOption = None, as_json: JsonOption = False) -> None:
    """Pause a run: its workers are freed, everything is kept, `resume` goes on."""
    _submit(run, "pause", store, as_json)


@app.command()
def stop(run: RunArgument, store: StoreOption = None, as_json: JsonOption = False) -> None:
    """End a run: its workers are freed, and no supervisor goes on with it unasked.

    Everything that it recorded is kept.
    """
    _submit(run, "stop", store, as_json)


def _submit(run: str, kind: Literal["pause", "stop"], store: str | None, as_json: bool) -> None:
    """Submit a command to the run's owner, and print what state that leaves the run in."""
    from shoal.store import open_store

    with open_store(store, create=False) as opened:
        view = opened.command(run, kind)
    _print_state(view, kind, as_json)


def _print_state(view: RunView, command: str, as_json: bool) -> None:
    from shoal.presentation.run_json import run_row

    if as_json:
        echo(json.dumps(run_row(view)))
        return
    # The owner of a running run applies a command within a second or so.
    waiting = f", told to {command}" if command in view.pending else ""
    echo(f"Run {view.id}: {view.state}{waiting}.")


@app.command()
def resume(
    run: RunArgument,
    generations: Annotated[
        int | None,
        typer.Option(help="Go on to this many generations in all, also after it has finished"),
    ] = None,
    evaluations: Annotated[
        int | None, typer.Option(help="Go on to this many trainings in all")
    ] = None,
    max_seconds: Annotated[
        float | None, typer.Option(help="Go on to this many seconds of active time in all")
    ] = None,
    detach: Annotated[
        bool, typer.Option("--detach", help="Queue it for a running service and return")
    ] = False,
    track: TrackOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
    log_level: LogLevelOption = None,
) -> None:
    """Go on with a run, exactly where it was, and watch it.

    A finished one goes on when it is given a larger budget.
    """
    apply_log_level(log_level)

    given = {"generations": generations, "evaluations": evaluations, "max_seconds": max_seconds}
    budgets = {name: value for name, value in given.items() if value is not None}

    if detach:
        from shoal.store import open_store

        with open_store(store, create=False) as opened:
            view = opened.resume(run, budgets)
        _print_state(view, "resume", as_json)
        return

    # The supervisor starts while this process is still importing and opening the store.
    with prepared_supervisor(store) as prepared:
        from shoal.cli.follow import follow_run, make_trackers
        from shoal.store import open_store

        trackers = make_trackers(track)
        with open_store(store, create=False) as opened:
            view = opened.resume(run, budgets)
            exit_code = follow_run(
                opened,
                view.id,
                as_json=as_json,
                prepared=prepared,
                address=store,
                trackers=trackers,
            )
            raise typer.Exit(exit_code)


@app.command()
def rename(
    run: RunArgument,
    name: Annotated[str, typer.Argument(metavar="NAME", help="One line")],
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give a run another name."""
    from shoal.store import open_store

    with open_store(store, create=False) as opened:
        view = opened.rename(run, name)
    _print_labels(view, f"is called {visible(view.name)}", as_json)


@app.command()
def tag(
    run: RunArgument,
    tags: Annotated[
        list[str],
        typer.Argument(
            metavar="TAG...", help="Without commas, up to 32 characters each; a run has 12 at most"
        ),
    ],
    remove: Annotated[bool, typer.Option("--remove", help="Take these tags away")] = False,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add tags to a run, by which `shoal runs --tag` finds it."""
    from shoal.store import open_store

    with open_store(store, create=False) as opened:
        view = opened.tag(run, remove=tags) if remove else opened.tag(run, tags)
    shown = ", ".join(map(visible, view.tags)) or "no tags"
    _print_labels(view, f"has {shown}", as_json)


@app.command()
def note(
    run: RunArgument,
    text: Annotated[str, typer.Argument(metavar="TEXT", help='Any text; "" removes the note')],
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Note something about a run, in place of its note before."""
    from shoal.store import open_store

    with open_store(store, create=False) as opened:
        view = opened.note(run, text)
    _print_labels(view, "has a note" if view.note else "has no note", as_json)


@app.command()
def archive(
    run: RunArgument,
    undo: Annotated[bool, typer.Option("--undo", help="List it again")] = False,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Leave a run out of lists; nothing of it is deleted."""
    from shoal.store import open_store

    with open_store(store, create=False) as opened:
        view = opened.archive(run, archived=not undo)
    _print_labels(view, "is listed again" if undo else "is archived", as_json)


def _print_labels(view: RunView, what: str, as_json: bool) -> None:
    """Print what people now call a run, or note of it."""
    from shoal.presentation.run_json import run_row

    if as_json:
        echo(json.dumps(run_row(view)))
    else:
        echo(f"Run {view.id} {what}.")


@app.command()
def delete(
    run: RunArgument,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask")] = False,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Remove a run and everything that it recorded. The only command that removes anything."""
    from shoal.store import open_store

    with open_store(store, create=False) as opened:
        view = opened.run(run)
        if not yes:
            _ask_to_delete(view)
        opened.delete(view.id)

    if as_json:
        echo(json.dumps({"run": view.id, "state": "deleted"}))
    else:
        echo(f"Run {view.id} is deleted.")


def _ask_to_delete(view: RunView) -> None:
    """Return if the user says yes, and end the command otherwise."""
    if not sys.stdin.isatty():
        raise SettingsError(f"Deleting run {view.id} needs a yes.", remedy="add --yes")
    question = (
        f"Delete run {view.id} ({view.name}, {view.evaluations} trainings)? This cannot be undone."
    )
    if not typer.confirm(question):
        raise typer.Exit
