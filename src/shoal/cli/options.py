"""Options and arguments of commands, with their help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from shoal.cli.completion import complete_data, complete_run
from shoal.settings import field_help
from shoal.settings.samplers import SAMPLERS

# The groups of options in the help of `shoal run`

_DATA = "Data"
_SIMULATION = "Simulation or function"
_SEARCH = "Search"
_END = "When it ends"
_AIM = "Metric, loss and objective"
_WHERE = "Where trainings run"

# What many commands take

StoreOption = Annotated[
    str | None,
    typer.Option(
        "--store",
        metavar="URL",
        help="SQLite file or PostgreSQL URL; default: $SHOAL_STORE, or one in your home",
    ),
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print one JSON object on the last line, and nothing else")
]
RunArgument = Annotated[
    str,
    typer.Argument(
        metavar="RUN",
        help="The run's number, as `shoal runs` lists it",
        autocompletion=complete_run,
    ),
]
_LOG_LEVEL_HELP = (
    "How much is logged on standard error, and by supervisors that this command starts: debug, "
    "info, warning or error; default: warnings, and what supervisors decide"
)
LogLevelOption = Annotated[
    str | None, typer.Option("--log-level", metavar="LEVEL", help=_LOG_LEVEL_HELP)
]
# Before the command. The environment counts here only, so that it does not count twice.
MainLogLevelOption = Annotated[
    str | None,
    typer.Option(
        "--log-level",
        metavar="LEVEL",
        envvar="SHOAL_LOG_LEVEL",
        show_envvar=True,
        help=_LOG_LEVEL_HELP,
    ),
]


def apply_log_level(level: str | None) -> None:
    """Log from that level on, if one was given; raises `SettingsError` for an unknown one."""
    if level is not None:
        # Loaded here, since few commands are asked to log.
        from shoal.cli.logs import log_to_stderr

        log_to_stderr(level)


# `shoal run`: the data

DataArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="[DATA]",
        help="`concrete`, a CSV or Parquet file; or a simulation: `lost-sales`, `cartpole`, "
        "gym:NAME; or a function: `rastrigin`; or one of your own: FILE.py:NAME, MODULE:NAME",
        autocompletion=complete_data,
    ),
]
DemoSimulationOption = Annotated[
    bool,
    typer.Option(
        "--demo-simulation",
        help="Search a policy for the simulation lost-sales",
        rich_help_panel=_SIMULATION,
    ),
]
SimulationOptionsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--option",
        metavar="NAME=VALUE",
        help="An option of the simulation or function; repeatable",
        rich_help_panel=_SIMULATION,
    ),
]
TargetOption = Annotated[
    str | None,
    typer.Option(
        metavar="COL[,COL]",
        help=field_help.TARGET,
        rich_help_panel=_DATA,
    ),
]
PresetOption = Annotated[
    str | None,
    typer.Option(
        metavar="modern|classic",
        help=f"{field_help.PRESET}; default: modern",
        rich_help_panel=_DATA,
    ),
]
TaskOption = Annotated[
    str | None,
    typer.Option(
        metavar="TASK",
        help="regression or classification; default: recognised",
        rich_help_panel=_DATA,
    ),
]
GroupOption = Annotated[
    str | None,
    typer.Option(metavar="COL", help=field_help.GROUP, rich_help_panel=_DATA),
]
DropOption = Annotated[
    str | None, typer.Option(metavar="COL,COL", help=field_help.DROP, rich_help_panel=_DATA)
]
OrderOption = Annotated[
    str | None, typer.Option(metavar="COL", help=field_help.ORDER, rich_help_panel=_DATA)
]
FileEncodingOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help=f"{field_help.FILE_ENCODING}, such as cp1251; default: recognised",
        rich_help_panel=_DATA,
    ),
]
SameOption = Annotated[
    str | None,
    typer.Option(
        metavar="COL,COL|all",
        help=field_help.SAME,
        rich_help_panel=_DATA,
    ),
]
FoldsOption = Annotated[
    int | None,
    typer.Option(help=f"{field_help.FOLDS}; default: modern 5", rich_help_panel=_DATA),
]
LogColumnsOption = Annotated[
    str | None,
    typer.Option(
        metavar="auto|none",
        help=f"{field_help.LOG_COLUMNS}; default: by preset",
        rich_help_panel=_DATA,
    ),
]
EncodingOption = Annotated[
    str | None,
    typer.Option(
        metavar="values|questions",
        help=f"{field_help.ENCODING}; default: values, of a scorecard questions",
        rich_help_panel=_DATA,
    ),
]
RoleOption = Annotated[
    list[str] | None,
    typer.Option(
        "--role",
        metavar="COL=column|weight|NAME",
        help="No feature: numbers for objectives (column), how much a row counts (weight), or what "
        "an objective calls NAME; repeatable",
        rich_help_panel=_DATA,
    ),
]

# `shoal run`: the search

BudgetOption = Annotated[
    str | None,
    typer.Option(
        metavar="quick|default|thorough|overnight",
        help="How much is tried: sets generations, population and iterations where those are not "
        "given; overnight ends after eight hours",
    ),
]
GenerationsOption = Annotated[
    int | None,
    typer.Option(
        help=f"{field_help.GENERATIONS}; default: modern 2, classic 100, simulations 2, "
        "functions 4",
        rich_help_panel=_SEARCH,
    ),
]
PopulationOption = Annotated[
    int | None,
    typer.Option(
        help=f"{field_help.POPULATION}; default: 12 (lost-sales 8)", rich_help_panel=_SEARCH
    ),
]
IterationsOption = Annotated[
    int | None,
    typer.Option(
        help=f"{field_help.ITERATIONS}; default: modern 1600, classic 500, simulations 150 "
        "(lost-sales 50, pendulum 300), functions 300",
        rich_help_panel=_SEARCH,
    ),
]
SamplerOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help=f"{field_help.SAMPLER}: {', '.join(SAMPLERS)}, optuna:CLASS or MODULE:CLASS; "
        "default: genetic",
        rich_help_panel=_SEARCH,
    ),
]
FirstGenomesOption = Annotated[
    str | None,
    typer.Option(
        metavar="FILE",
        help=f"{field_help.FIRST_GENOMES}: JSON, one or a list, as genome.json of an export",
        rich_help_panel=_SEARCH,
    ),
]
RepeatsOption = Annotated[
    int | None,
    typer.Option(
        help=f"{field_help.REPEATS}; default: modern 1, classic 3, simulations 2, functions 4",
        rich_help_panel=_SEARCH,
    ),
]
RacingOption = Annotated[
    str | None,
    typer.Option(
        metavar="halving|t-race|fixed",
        help=f"{field_help.RACING}; default: by preset",
        rich_help_panel=_SEARCH,
    ),
]
SeedOption = Annotated[
    int | None, typer.Option(help=f"{field_help.SEED}; default: 0", rich_help_panel=_SEARCH)
]
MetricOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help=f"{field_help.METRIC}: accuracy, mae, rmse, r2, balanced_accuracy, "
        "macro_f1, log_loss, an objective, or file.py:NAME; default: the objective, or accuracy",
        rich_help_panel=_AIM,
    ),
]
MetricOptionsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--metric-option",
        metavar="NAME=VALUE",
        help="An option of the metric",
        rich_help_panel=_AIM,
    ),
]
ObjectiveOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help=f"{field_help.OBJECTIVE}: f1, top_share, cost_matrix, ..., a scorer "
        "of scikit-learn, or file.py:NAME",
        rich_help_panel=_AIM,
    ),
]
ObjectiveOptionsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--objective-option",
        metavar="NAME=VALUE",
        help="An option of the objective",
        rich_help_panel=_AIM,
    ),
]
DecoderOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help=f"{field_help.DECODER}: sign, ternary, int8, scorecard, or "
        "file.py:NAME; default: a position is a network",
        rich_help_panel=_AIM,
    ),
]
DecoderOptionsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--decoder-option",
        metavar="NAME=VALUE",
        help="An option of the decoder",
        rich_help_panel=_AIM,
    ),
]
StartFromOption = Annotated[
    str | None,
    typer.Option(
        metavar="adam|lbfgs|FILE",
        help=f"{field_help.START_FROM}: trained by gradients, or exported before; "
        "default: they start at random",
        rich_help_panel=_AIM,
    ),
]
LossOption = Annotated[
    str | None,
    typer.Option(
        help=f"{field_help.LOSS}: mse, mae, huber, cross_entropy, zero_one, negative_accuracy; "
        "default: by task",
        rich_help_panel=_AIM,
    ),
]
ScenariosOption = Annotated[
    int | None,
    typer.Option(
        help=field_help.SCENARIOS,
        rich_help_panel=_SIMULATION,
    ),
]

# `shoal run`: when it ends

EvaluationsOption = Annotated[
    int | None, typer.Option(help=field_help.EVALUATIONS, rich_help_panel=_END)
]
MaxSecondsOption = Annotated[
    float | None, typer.Option(help=field_help.MAX_SECONDS, rich_help_panel=_END)
]
TrainingSecondsOption = Annotated[
    float | None,
    typer.Option(
        help=field_help.TRAINING_SECONDS,
        rich_help_panel=_END,
    ),
]
PatienceOption = Annotated[
    int | None,
    typer.Option(help=field_help.PATIENCE, rich_help_panel=_END),
]
PatienceOnOption = Annotated[
    str | None,
    typer.Option(
        help=f"{field_help.PATIENCE_ON}; default: training",
        rich_help_panel=_END,
    ),
]

StepsOption = Annotated[
    int | None,
    typer.Option(
        help=field_help.STEPS,
        rich_help_panel=_SIMULATION,
    ),
]

# `shoal run`: where and how trainings run

WorkersOption = Annotated[
    int | None,
    typer.Option(help=f"{field_help.WORKERS}; default: one for each core", rich_help_panel=_WHERE),
]
EngineOption = Annotated[
    str | None,
    typer.Option(
        metavar="cpu|reference", help=f"{field_help.ENGINE}; default: cpu", rich_help_panel=_WHERE
    ),
]
ExecutorOption = Annotated[
    str | None,
    typer.Option(
        metavar="local|ray|dask|slurm|mpi|executorlib",
        help=f"{field_help.EXECUTOR}; default: local",
        rich_help_panel=_WHERE,
    ),
]

# `shoal run`: the rest

SettingsOption = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="TOML file of settings; options given here win over it"),
]
TrackOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="mlflow|tensorboard|wandb",
        help="Write the run there, too; with a place: tensorboard:DIR, mlflow:URI. May be repeated",
    ),
]
NameOption = Annotated[
    str | None, typer.Option(help="What to call the run in lists; default: the data's name")
]
