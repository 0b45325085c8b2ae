"""The command line. It parses, queues, shows and exports; it never trains."""

from __future__ import annotations

import gc
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer
from rich.console import Console

from shoal.cli.access_commands import app as access
from shoal.cli.analysis_commands import app as studies
from shoal.cli.options import JsonOption, RunArgument, StoreOption
from shoal.errors import SettingsError, ShoalError
from shoal.orchestration.launcher import prepared_supervisor

if TYPE_CHECKING:
    from shoal.data import Preset

app = typer.Typer(
    name="shoal",
    help="Trains neural networks with particle swarms, tunes the swarms with a genetic algorithm, and keeps every training.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

app.add_typer(access, name="access")
app.add_typer(studies)


def _version(wanted: bool) -> None:
    if wanted:
        from shoal._version import __version__

        typer.echo(f"shoal {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version")
    ] = False,
) -> None:
    """Everything is kept in the store; nothing but `delete` removes anything."""


@app.command()
def run(
    context: typer.Context,
    data: Annotated[
        str | None, typer.Argument(metavar="[DATA]", help="`concrete`, or a CSV or Parquet file")
    ] = None,
    target: Annotated[str | None, typer.Option(metavar="COL", help="The column to predict")] = None,
    preset: Annotated[
        str | None, typer.Option(metavar="modern|classic", help="default: modern")
    ] = None,
    task: Annotated[
        str | None, typer.Option(metavar="regression|classification", help="default: recognised")
    ] = None,
    group: Annotated[
        str | None,
        typer.Option(
            metavar="COL", help="Rows with equal values stay in one part of the split; no feature"
        ),
    ] = None,
    same: Annotated[
        str | None,
        typer.Option(
            metavar="COL,COL|all",
            help="Features: rows that are equal in each of these (all) stay in one part",
        ),
    ] = None,
    folds: Annotated[
        int | None,
        typer.Option(help="Validate on so many parts in turn; 1: on one; default: modern 5"),
    ] = None,
    log_columns: Annotated[
        str | None,
        typer.Option(
            metavar="auto|none", help="Features with a long tail as logarithms; default: by preset"
        ),
    ] = None,
    generations: Annotated[int | None, typer.Option(help="default: modern 4, classic 100")] = None,
    population: Annotated[int | None, typer.Option(help="default: 12")] = None,
    iterations: Annotated[
        int | None,
        typer.Option(help="Steps of a swarm in a training; default: modern 1200, classic 500"),
    ] = None,
    sampler: Annotated[
        str | None,
        typer.Option(
            metavar="genetic|random|tpe|cmaes", help="Who proposes genomes; default: genetic"
        ),
    ] = None,
    repeats: Annotated[
        int | None,
        typer.Option(help="Trainings of a genome to begin with; default: modern 2, classic 3"),
    ] = None,
    racing: Annotated[
        str | None,
        typer.Option(
            metavar="halving|t-race|fixed",
            help="How more trainings are spent on the better ones; default: by preset",
        ),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="default: 0")] = None,
    evaluations: Annotated[int | None, typer.Option(help="End after so many trainings")] = None,
    max_seconds: Annotated[float | None, typer.Option(help="End after so much active time")] = None,
    training_seconds: Annotated[
        float | None,
        typer.Option(
            help="End each training after so long; new results are then not reproducible to the bit"
        ),
    ] = None,
    patience: Annotated[
        int | None, typer.Option(help="End a training that did not improve over so many iterations")
    ] = None,
    loss: Annotated[
        str | None,
        typer.Option(
            help="mse, mae, huber, cross_entropy, zero_one, negative_accuracy; default: by task"
        ),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="Worker processes; default: one a core")
    ] = None,
    engine: Annotated[
        str | None, typer.Option(metavar="cpu|reference", help="default: cpu")
    ] = None,
    executor: Annotated[
        str | None, typer.Option(metavar="local|ray", help="Where trainings run; default: local")
    ] = None,
    settings: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="TOML file of settings; the options here come before it"),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="What to call the run in lists; default: the data's name")
    ] = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Search for the best swarm and network on DATA (default: the bundled Concrete data), and watch it.

    Ctrl-C ends it resumably (exit code 130): `shoal resume RUN` goes on where it was.
    """
    given = {
        name: value
        for name, value in context.params.items()
        if name not in ("settings", "store", "as_json")
    }
    with prepared_supervisor(store) as prepared:
        from shoal.cli.follow import follow_run
        from shoal.store import open_store

        dataset, parsed, label = _read(given, settings)
        with open_store(store) as opened:
            run_id, _ = opened.add_run(dataset, parsed, name=label)
            for note in () if as_json else dataset.notes:
                typer.echo(f"Note: {note}", err=True)
            raise typer.Exit(follow_run(opened, run_id, as_json=as_json, prepared=prepared))


def _read(given: dict[str, Any], file: Path | None) -> tuple[Any, Any, str | None]:
    """Data and settings, checked before the store is opened: on bad input nothing is written."""
    from shoal.data import load_dataset
    from shoal.orchestration.preflight import check_search
    from shoal.settings.search_settings import SearchSettings, read_settings_file

    values = read_settings_file(file) if file is not None else {}
    values |= {key: value for key, value in given.items() if value is not None}
    label = values.pop("name", None)
    about_data: dict[str, Any] = {
        key: values.pop(key)
        for key in (
            "target",
            "task",
            "group",
            "same",
            "folds",
            "log_columns",
            "test_fraction",
            "validation_fraction",
        )
        if key in values
    }
    if "data_seed" in values:
        about_data["seed"] = values.pop("data_seed")
    source = values.pop("data", "concrete")
    parsed = SearchSettings.parse(values)
    if (
        file is not None
        and given.get("data") is None
        and isinstance(source, str)
        and not Path(source).is_absolute()
        and (file.parent / source).exists()
    ):
        source = str(file.parent / source)
    dataset = load_dataset(source, preset=parsed.preset, **about_data)
    check_search(dataset, parsed, label)
    return dataset, parsed, label


@app.command()
def check(
    data: Annotated[
        str, typer.Argument(metavar="DATA", help="`concrete`, or a CSV or Parquet file")
    ],
    target: Annotated[str | None, typer.Option(metavar="COL", help="The column to predict")] = None,
    preset: Annotated[
        str, typer.Option(metavar="modern|classic", help="As of the search")
    ] = "modern",
    group: Annotated[str | None, typer.Option(metavar="COL", help="As of the search")] = None,
    same: Annotated[str, typer.Option(metavar="COL,COL|all", help="As of the search")] = "",
    folds: Annotated[int | None, typer.Option(help="As of the search")] = None,
    as_json: JsonOption = False,
) -> None:
    """What to know of DATA before a search: what each column holds, and findings with remedies. Nothing is written.

    Exit code 2: no search can start on it as it is.
    """
    from shoal.cli.tables import findings_table
    from shoal.data.column_profile import column_facts
    from shoal.data.diagnostics import check_table
    from shoal.data.preparation import table_and_target

    name, source, target = table_and_target(data, target)
    facts = column_facts(source)
    found = check_table(
        name, source, target, cast("Preset", preset), facts, group=group, same=same, folds=folds
    )
    if as_json:
        columns = [asdict(fact) for fact in facts]
        typer.echo(
            json.dumps(
                {"columns": columns, "findings": [finding.to_dict() for finding in found.findings]}
            )
        )
    else:
        Console().print(findings_table(facts, found.findings))
    raise typer.Exit(2 if found.bad else 0)


@app.command()
def serve(
    host: Annotated[
        str, typer.Option(help="Address to listen on; only this machine can reach the default")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port of the dashboard")] = 8501,
    demo: Annotated[
        bool, typer.Option("--demo", help="Start a search on the Concrete data unless one is open")
    ] = False,
    dashboard: Annotated[
        bool,
        typer.Option("--dashboard/--no-dashboard", help="Without it, this machine only trains"),
    ] = True,
    webhook: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            envvar="SHOAL_WEBHOOK",
            show_envvar=True,
            help="POST JSON there when a run is finished, failed or stalled",
        ),
    ] = None,
    login: Annotated[
        bool,
        typer.Option(
            "--login", help="Ask who is there on this machine's own address too, as on every other"
        ),
    ] = False,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="A further name under which browsers reach it, such as a proxy's; asks for a login",
        ),
    ] = None,
    tls_cert: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Certificate (PEM), to speak HTTPS")
    ] = None,
    tls_key: Annotated[Path | None, typer.Option(metavar="FILE", help="Its key (PEM)")] = None,
    store: StoreOption = None,
) -> None:
    """Run the service: a supervisor that trains what is queued, and the dashboard. Closing the browser changes nothing."""
    from shoal.cli.serve import serve as serve_until_stopped
    from shoal.dashboard.network_access import ServerAccess, expose
    from shoal.dashboard.server.launch import check_dashboard_installed
    from shoal.orchestration.webhook import VARIABLE, check_webhook
    from shoal.store import open_store

    exposure = ServerAccess()
    if dashboard:
        exposure = expose(
            host, login=login, names=tuple(allow_host or ()), certificate=tls_cert, key=tls_key
        )
        check_dashboard_installed()
    if webhook:
        os.environ[VARIABLE] = check_webhook(
            webhook
        )  # for the supervisor; its command line could be seen by others
    with open_store(store) as opened:
        serve_until_stopped(opened, (host, port) if dashboard else None, exposure, demo=demo)


@app.command()
def runs(store: StoreOption = None, as_json: JsonOption = False) -> None:
    """List all runs, newest first."""
    from shoal.cli.tables import run_row, runs_table
    from shoal.store import open_store, shown_address, store_exists

    views = []
    if store_exists(store):
        with open_store(store) as opened:
            views = opened.runs()
    if as_json:
        typer.echo(json.dumps({"runs": [run_row(view) for view in views]}))
    elif views:
        Console().print(runs_table(views))
    else:
        typer.echo(f"No runs in {shown_address(store)}. Start one: shoal run")


@app.command()
def show(run: RunArgument, store: StoreOption = None, as_json: JsonOption = False) -> None:
    """Show one run: its state, its best genome with its uncertainty, its scores."""
    from shoal.analysis.summary import summarise
    from shoal.cli.tables import report
    from shoal.store import open_store

    with open_store(store, create=False) as opened:
        summary = summarise(opened, run)
    if as_json:
        typer.echo(json.dumps(summary.to_dict()))
    else:
        Console().print(report(summary))


def _command(
    run: str, kind: Any, store: str | None, as_json: bool, budgets: dict[str, float] | None = None
) -> None:
    from shoal.cli.tables import run_row
    from shoal.store import open_store

    with open_store(store, create=False) as opened:
        view = opened.resume(run, budgets or {}) if kind == "resume" else opened.command(run, kind)
    if as_json:
        typer.echo(json.dumps(run_row(view)))
    else:
        waiting = f", told to {kind}" if kind in view.pending else ""
        typer.echo(f"Run {view.id}: {view.state}{waiting}.")


@app.command()
def pause(run: RunArgument, store: StoreOption = None, as_json: JsonOption = False) -> None:
    """Pause a run: its workers are freed, everything is kept, `resume` goes on."""
    _command(run, "pause", store, as_json)


@app.command()
def stop(run: RunArgument, store: StoreOption = None, as_json: JsonOption = False) -> None:
    """End a run: its workers are freed, nobody goes on with it unasked. Everything that it recorded is kept."""
    _command(run, "stop", store, as_json)


@app.command()
def resume(
    run: RunArgument,
    generations: Annotated[
        int | None, typer.Option(help="Go on to so many in all, also after it has finished")
    ] = None,
    evaluations: Annotated[int | None, typer.Option(help="Likewise, trainings in all")] = None,
    max_seconds: Annotated[
        float | None, typer.Option(help="Likewise, seconds of active time in all")
    ] = None,
    detach: Annotated[
        bool, typer.Option("--detach", help="Queue it for a running service and return")
    ] = False,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Go on with a run, exactly where it was, and watch it. A finished one goes on when it is given a larger budget."""
    given = {"generations": generations, "evaluations": evaluations, "max_seconds": max_seconds}
    budgets = {name: value for name, value in given.items() if value is not None}
    if detach:
        _command(run, "resume", store, as_json, budgets)
        return
    with prepared_supervisor(store) as prepared:
        from shoal.cli.follow import follow_run
        from shoal.store import open_store

        with open_store(store, create=False) as opened:
            view = opened.resume(run, budgets)
            raise typer.Exit(follow_run(opened, view.id, as_json=as_json, prepared=prepared))


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
            if not sys.stdin.isatty():
                raise SettingsError(f"Deleting run {view.id} needs a yes.", remedy="add --yes")
            question = f"Delete run {view.id} ({view.name}, {view.evaluations} trainings) for ever?"
            if not typer.confirm(question):
                raise typer.Exit
        opened.delete(view.id)
    typer.echo(
        json.dumps({"run": view.id, "state": "deleted"})
        if as_json
        else f"Run {view.id} is deleted."
    )


@app.command()
def backup(
    to: Annotated[
        Path, typer.Argument(metavar="FILE", help="The file to write; it must not be there")
    ],
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Copy the whole store into a file, while it is in use. The copy is a store itself: --store FILE opens it."""
    from shoal.store import open_store
    from shoal.store.backup import backup as copy

    with open_store(store, create=False) as opened:
        runs = copy(opened, to)
    typer.echo(json.dumps({"file": str(to), "runs": runs}) if as_json else f"{to}: {runs} runs.")


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `shoal backup` wrote")],
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Copy a backup into a store that has no run: a new file, or an empty PostgreSQL database."""
    from shoal.store import open_store
    from shoal.store.backup import restore as copy

    with open_store(store) as opened:
        runs, place = copy(file, opened), opened.url
    typer.echo(json.dumps({"store": place, "runs": runs}) if as_json else f"{place}: {runs} runs.")


@app.command()
def doctor(store: StoreOption = None, as_json: JsonOption = False) -> None:
    """Check this installation and the store: versions, disk, integrity, journal, stale runs. Says how to mend each."""
    from shoal.cli.tables import doctor_table
    from shoal.store.diagnostics import examine

    checks = examine(store)
    if as_json:
        typer.echo(json.dumps({"checks": [check.to_dict() for check in checks]}))
    else:
        Console().print(doctor_table(checks))
    if any(check.status == "bad" for check in checks):
        raise typer.Exit(1)


@app.command()
def bench(as_json: JsonOption = False) -> None:
    """Measure this machine: its multiply-add peak, and what share of it a swarm's iterations reach."""
    from shoal.cli.tables import bench_table
    from shoal.pso.benchmark import benchmark

    result = benchmark()
    if as_json:
        typer.echo(json.dumps(result.to_dict()))
    else:
        Console().print(bench_table(result))


def main() -> None:
    """The `shoal` command: a `ShoalError` becomes a message and its exit code."""
    gc.set_threshold(
        100_000
    )  # imports make much that stays, and collections would look at it again and again
    try:
        app()
    except ShoalError as error:
        print(f"shoal: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None
