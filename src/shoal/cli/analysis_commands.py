"""Commands that look into what was recorded: train it again, compare it. They change no run."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from shoal.cli.completion import complete_run
from shoal.cli.options import JsonOption, RunArgument, StoreOption
from shoal.cli.terminal import Terminal, echo
from shoal.settings.phase import FIRST_CONFIRMATION

app = typer.Typer()


@app.command()
def replay(
    run: RunArgument,
    genome: Annotated[
        str,
        typer.Argument(metavar="GENOME", help="The genome's name, or as much of it as is its own"),
    ],
    repeat: Annotated[
        int,
        typer.Argument(
            metavar="REPEAT",
            help=f"Which of its trainings; confirmations from {FIRST_CONFIRMATION} on",
        ),
    ],
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train a recorded evaluation again, and compare.

    Exit code 0 when every score is exactly the same, else 1. Nothing is written.
    """
    from shoal.cli.tables import verdict_text
    from shoal.cli.waiting import Waiting
    from shoal.replay.verify import verify
    from shoal.store import open_store

    with open_store(store, create=False) as opened:
        with Waiting("Training again", quiet=as_json) as waiting:
            verdict = verify(opened, run, genome, repeat, on_progress=waiting.show)
        view = opened.run(run)

    if as_json:
        echo(json.dumps(verdict.to_dict(view.id)))
    else:
        Terminal().print(verdict_text(view.id, verdict, view.metric))
    if not verdict.same:
        raise typer.Exit(1)


@app.command()
def splits(
    run: RunArgument,
    splits: Annotated[int, typer.Option(min=2, max=1000, help="How many others")] = 10,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train a run's best genome, and its baselines, on other random splits of its table.

    This says how much of a score is the split. Nothing is written. Ctrl-C ends it with the splits
    that are done.
    """
    from shoal.analysis.best_model import champion_of
    from shoal.analysis.split_sensitivity import resplit_scores, summarise_splits
    from shoal.cli.tables import splits_table
    from shoal.cli.waiting import Waiting
    from shoal.problems.table import as_table
    from shoal.store import open_store

    reading = Waiting("Reading the champion", quiet=as_json)
    with open_store(store, create=False) as opened, reading:
        champion, solved = champion_of(opened, run)

    problem = as_table(solved, "A comparison of splits")
    own_seed = problem.dataset.options.seed
    # The run's own split is none of the others.
    seeds = [seed for seed in range(splits + 1) if seed != own_seed][:splits]
    networks = len(champion.weights)
    workers = problem.settings.workers
    done = []
    try:
        with Waiting(f"0 of {splits} splits", quiet=as_json) as waiting:
            for done in resplit_scores(problem, champion.genome, networks, seeds, workers):
                said = f"{len(done)} of {splits} splits"
                waiting.show(len(done) / splits, said)
                if not (as_json or waiting.is_shown):
                    echo(said, err=True)
    except KeyboardInterrupt:
        # Ctrl-C ends it with what is done, if anything is.
        if not done:
            raise

    rows = summarise_splits(done, problem.metric)
    if as_json:
        answer = {
            "splits": len(done),
            "metric": problem.metric.to_dict(),
            "methods": [row.to_dict() for row in rows],
        }
        echo(json.dumps(answer))
    else:
        Terminal().print(splits_table(rows, problem.metric))


@app.command()
def inputs(
    run: RunArgument,
    repeats: Annotated[
        int, typer.Option(min=2, max=1000, help="How often each column is shuffled")
    ] = 10,
    column: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="How predictions change with this column, instead"),
    ] = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say which columns of its table a run's model needs.

    What the score on the test rows loses when a column's values are shuffled, with intervals.
    Nothing is written.
    """
    from shoal.analysis.best_model import champion_of
    from shoal.analysis.champion_rows import champion_rows
    from shoal.analysis.input_importance import input_importances
    from shoal.analysis.partial_dependence import partial_dependence
    from shoal.cli.inputs_table import InputBars, dependence_table, score_line
    from shoal.cli.waiting import Waiting
    from shoal.problems.table import as_table
    from shoal.store import open_store

    with open_store(store, create=False) as opened:
        # Said first: a champion may have to be trained.
        as_table(opened.load_problem(run), "What the inputs of a model do")
        with Waiting("Reading the champion", quiet=as_json):
            champion, solved = champion_of(opened, run)
        number = opened.run(run).id

    rows = champion_rows(solved, champion)
    if column is not None:
        with Waiting(f"Predicting for values of {column}", quiet=as_json):
            dependence = partial_dependence(rows, column)
        if as_json:
            echo(json.dumps({"run": number, **dependence.to_dict()}))
        else:
            is_share = rows.problem.dataset.task == "classification"
            Terminal().print(dependence_table(dependence, is_share))
        return

    with Waiting("Shuffling columns", quiet=as_json):
        found = input_importances(rows, repeats=repeats)
    if as_json:
        echo(json.dumps({"run": number, **found.to_dict()}))
    else:
        echo(score_line(found))
        Terminal().print(InputBars(found))


@app.command()
def compare(
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN RUN...",
            help="Two to eight runs, by their numbers",
            autocompletion=complete_run,
        ),
    ],
    against: Annotated[
        int | None,
        typer.Option(
            metavar="RUN", help="Test all others against this one; default: the one that leads"
        ),
    ] = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put runs side by side, and test whether one is truly better than another.

    Shows what each found, and which settings differ.
    """
    from shoal.analysis.comparison import compare as compare_summaries
    from shoal.analysis.summary import summarise
    from shoal.cli.comparison_table import comparison_table
    from shoal.store import open_store

    with open_store(store, create=False) as opened:
        comparison = compare_summaries([summarise(opened, run) for run in runs], against)

    if as_json:
        echo(json.dumps(comparison.to_dict()))
    else:
        Terminal().print(comparison_table(comparison))
