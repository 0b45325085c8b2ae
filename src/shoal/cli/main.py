"""The command `shoal`: the main commands, and how an error becomes a message and an exit code.

Commands import what they need when they are called, so that each starts quickly.
"""

from __future__ import annotations

import errno
import gc
import json
import os
import sys
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from shoal.cli.access_commands import app as access_commands
from shoal.cli.analysis_commands import app as analysis_commands
from shoal.cli.command_group import GroupedCommands
from shoal.cli.completion import complete_table
from shoal.cli.help_commands import app as help_commands
from shoal.cli.model_commands import app as model_commands
from shoal.cli.next_steps import print_next
from shoal.cli.options import (
    BudgetOption,
    DataArgument,
    DecoderOption,
    DecoderOptionsOption,
    DemoSimulationOption,
    DropOption,
    EncodingOption,
    EngineOption,
    EvaluationsOption,
    ExecutorOption,
    FileEncodingOption,
    FirstGenomesOption,
    FoldsOption,
    GenerationsOption,
    GroupOption,
    IterationsOption,
    JsonOption,
    LogColumnsOption,
    LogLevelOption,
    LossOption,
    MainLogLevelOption,
    MaxSecondsOption,
    MetricOption,
    MetricOptionsOption,
    NameOption,
    ObjectiveOption,
    ObjectiveOptionsOption,
    OrderOption,
    PatienceOnOption,
    PatienceOption,
    PopulationOption,
    PresetOption,
    RacingOption,
    RepeatsOption,
    RoleOption,
    SameOption,
    SamplerOption,
    ScenariosOption,
    SeedOption,
    SettingsOption,
    SimulationOptionsOption,
    StartFromOption,
    StepsOption,
    StoreOption,
    TargetOption,
    TaskOption,
    TrackOption,
    TrainingSecondsOption,
    WorkersOption,
    apply_log_level,
)
from shoal.cli.problem_commands import app as problem_commands
from shoal.cli.run_commands import app as run_commands
from shoal.cli.store_commands import app as store_commands
from shoal.cli.terminal import Terminal, accept_any_text, echo
from shoal.errors import ShoalError
from shoal.orchestration.launcher import prepared_supervisor
from shoal.settings import field_help
from shoal.system.visible_text import visible

if TYPE_CHECKING:
    from shoal.data import Preset

# Objects between two garbage collections; Python's own default is 2,000 or less.
_OBJECTS_BETWEEN_COLLECTIONS = 100_000

# A disk or a quota that is full.
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

app = typer.Typer(
    name="shoal",
    help=(
        "Trains neural networks with particle swarms, tunes the swarms with a genetic algorithm, "
        "and keeps every training."
    ),
    cls=GroupedCommands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="More on a command: `shoal help COMMAND`, or `shoal COMMAND -h`.",
)

# `command_group` says in which order help lists them.
app.add_typer(run_commands)
app.add_typer(problem_commands)
app.add_typer(store_commands)
app.add_typer(access_commands, name="access")
app.add_typer(analysis_commands)
app.add_typer(model_commands)
app.add_typer(help_commands)


def _print_version(wanted: bool) -> None:
    if wanted:
        from shoal._version import __version__

        echo(f"shoal {__version__}")
        raise typer.Exit


@app.callback()
def _main_options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version"),
    ] = False,
    log_level: MainLogLevelOption = None,
) -> None:
    """Everything is kept in the store; nothing but `delete` removes anything."""
    apply_log_level(log_level)


@app.command()
def run(
    context: typer.Context,
    # The data
    data: DataArgument = None,
    target: TargetOption = None,
    preset: PresetOption = None,
    task: TaskOption = None,
    drop: DropOption = None,
    order: OrderOption = None,
    group: GroupOption = None,
    same: SameOption = None,
    folds: FoldsOption = None,
    log_columns: LogColumnsOption = None,
    encoding: EncodingOption = None,
    file_encoding: FileEncodingOption = None,
    role: RoleOption = None,
    # A simulation
    demo_simulation: DemoSimulationOption = False,
    options: SimulationOptionsOption = None,
    scenarios: ScenariosOption = None,
    # The search
    budget: BudgetOption = None,
    generations: GenerationsOption = None,
    population: PopulationOption = None,
    iterations: IterationsOption = None,
    sampler: SamplerOption = None,
    first_genomes: FirstGenomesOption = None,
    repeats: RepeatsOption = None,
    racing: RacingOption = None,
    seed: SeedOption = None,
    # When the search, or a training, ends
    evaluations: EvaluationsOption = None,
    max_seconds: MaxSecondsOption = None,
    training_seconds: TrainingSecondsOption = None,
    steps: StepsOption = None,
    patience: PatienceOption = None,
    patience_on: PatienceOnOption = None,
    # What is better, what a training minimises, and where it runs
    metric: MetricOption = None,
    metric_options: MetricOptionsOption = None,
    loss: LossOption = None,
    objective: ObjectiveOption = None,
    objective_options: ObjectiveOptionsOption = None,
    decoder: DecoderOption = None,
    decoder_options: DecoderOptionsOption = None,
    start_from: StartFromOption = None,
    workers: WorkersOption = None,
    engine: EngineOption = None,
    executor: ExecutorOption = None,
    # All of the above from a file, and what is no setting
    settings: SettingsOption = None,
    name: NameOption = None,
    track: TrackOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
    log_level: LogLevelOption = None,
) -> None:
    """Search for the best swarm and network on DATA, and watch it.

    Without DATA it searches on the bundled Concrete data.

    Ctrl-C ends this command (exit code 130). Without a running service the run ends with it, and
    `shoal resume RUN` goes on where it was. Under a service the run goes on; `shoal stop RUN` ends
    it.
    """
    apply_log_level(log_level)

    # Typer wants a parameter for each option; from here on they are one table.
    no_settings = ("settings", "track", "store", "as_json", "log_level")
    given = {name: value for name, value in context.params.items() if name not in no_settings}

    # The supervisor starts while this process is still importing and reading the data.
    with prepared_supervisor(store) as prepared:
        from shoal.cli.follow import follow_run, make_trackers
        from shoal.cli.run_input import read_run_input
        from shoal.problems.registry import notes_of
        from shoal.store import open_store

        search = read_run_input(given, settings)
        trackers = make_trackers(track)
        with open_store(store) as opened:
            run_id, _ = opened.add_run(search.subject, search.settings, name=search.name)
            if not as_json:
                for note in notes_of(search.subject, search.settings):
                    echo(f"Note: {note}", err=True)
            code = follow_run(
                opened,
                run_id,
                as_json=as_json,
                prepared=prepared,
                address=store,
                trackers=trackers,
            )
            raise typer.Exit(code)


@app.command()
def check(
    context: typer.Context,
    data: Annotated[
        str,
        typer.Argument(
            metavar="DATA",
            help="`concrete`, or a CSV or Parquet file",
            autocompletion=complete_table,
        ),
    ],
    target: TargetOption = None,
    preset: Annotated[
        str, typer.Option(metavar="modern|classic", help=field_help.PRESET)
    ] = "modern",
    group: Annotated[str | None, typer.Option(metavar="COL", help=field_help.GROUP)] = None,
    same: Annotated[str, typer.Option(metavar="COL,COL|all", help=field_help.SAME)] = "",
    folds: Annotated[int | None, typer.Option(help=field_help.FOLDS)] = None,
    drop: DropOption = None,
    order: OrderOption = None,
    file_encoding: FileEncodingOption = None,
    role: RoleOption = None,
    as_json: JsonOption = False,
) -> None:
    """What to know of DATA before a search: what each column holds, and findings with remedies.

    Nothing is written.

    Exit code 2: no search can start on it as it is.
    """
    from shoal.cli.tables import findings_table
    from shoal.cli.waiting import Waiting
    from shoal.data.column_profile import column_facts
    from shoal.data.diagnostics import check_table
    from shoal.data.part_targets import has_accuracy
    from shoal.data.preparation import table_and_target
    from shoal.data.roles import parse_roles

    roles = parse_roles(role or ())
    with Waiting("Looking at the table", quiet=as_json):
        name, source, targets = table_and_target(data, target, file_encoding)
        facts = column_facts(source)
        diagnosis = check_table(
            name,
            source,
            targets,
            cast("Preset", preset),
            facts,
            group=group,
            same=same,
            folds=folds,
            drop=drop or (),
            order=order,
            file_encoding=file_encoding,
            **roles,
        )

    if as_json:
        columns = [asdict(fact) for fact in facts]
        findings = [finding.to_dict() for finding in diagnosis.findings]
        echo(json.dumps({"columns": columns, "findings": findings}))
    else:
        Terminal().print(findings_table(facts, diagnosis.findings))

    if diagnosis.bad:
        raise typer.Exit(2)
    if not as_json:
        metric = []
        if diagnosis.dataset is not None and not has_accuracy(diagnosis.dataset):
            metric = ["--metric", "mae"]
        print_next(["run", *_given_again(context), *metric])


def _given_again(context: typer.Context) -> list[str]:
    """The arguments of `shoal check`, as `shoal run` takes them."""
    words = []
    options = []
    for parameter in context.command.params:
        value = context.params.get(parameter.name or "")
        if not value or value == parameter.default:
            continue
        if parameter.param_type_name == "argument":
            words.append(str(value))
            continue
        for one in value if isinstance(value, list | tuple) else [value]:
            options += [parameter.opts[0], str(one)]
    return words + options


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
    notify: Annotated[
        list[str] | None,
        typer.Option(
            metavar="URL",
            envvar="SHOAL_NOTIFY",
            show_envvar=True,
            help="Tell people there, too, by Apprise: mailto://..., slack://...; may be repeated",
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
            help="Another name by which browsers reach it, such as a proxy's; asks for a login",
        ),
    ] = None,
    tls_cert: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Certificate (PEM), to speak HTTPS")
    ] = None,
    tls_key: Annotated[Path | None, typer.Option(metavar="FILE", help="Its key (PEM)")] = None,
    store: StoreOption = None,
    log_level: LogLevelOption = None,
) -> None:
    """Run the service: a supervisor that trains what is queued, and the dashboard.

    Closing the browser changes nothing.
    """
    from shoal.cli.serve import serve as serve_until_stopped
    from shoal.dashboard.network_access import ServerAccess, expose
    from shoal.dashboard.server.launch import check_dashboard_installed
    from shoal.orchestration import messengers
    from shoal.orchestration.webhook import VARIABLE, check_webhook
    from shoal.store import open_store

    apply_log_level(log_level)

    place = None
    access = ServerAccess()
    if dashboard:
        place = (host, port)
        access = expose(
            host, login=login, names=tuple(allow_host or ()), certificate=tls_cert, key=tls_key
        )
        check_dashboard_installed()
    if webhook:
        # For the supervisor. Other users of this machine could read its command line.
        os.environ[VARIABLE] = check_webhook(webhook)
    if notify:
        os.environ[messengers.VARIABLE] = " ".join(messengers.check_messengers(notify))

    with open_store(store) as opened:
        serve_until_stopped(opened, place, access, demo=demo)


def main() -> None:
    """The `shoal` command: a `ShoalError` becomes a message and its exit code."""
    # Imports make many objects that stay, and each collection would look at all of them again.
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
    accept_any_text()
    try:
        app()
    except ShoalError as error:
        print(f"shoal: {visible(str(error))}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    except OSError as error:
        # A full disk ends what a command prints, too. What is left to print would fail again.
        if error.errno not in _FULL or error.filename is not None:
            raise
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        print(f"shoal: the output cannot be written: {error.strerror}.", file=sys.stderr)
        raise SystemExit(1) from None
