"""Commands on what was recorded: train it again, compare it, look at it, take it away. They change no run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from shoal.cli.options import JsonOption, RunArgument, StoreOption
from shoal.errors import ModelError, SettingsError
from shoal.settings.phase import FIRST_CONFIRMATION

app = typer.Typer()


@app.command("replay")
def replay_command(
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
    """Train a recorded evaluation again, and compare: exit code 0 when every score is the same to the bit, else 1.

    Nothing is written.
    """
    from shoal.cli.tables import verdict_text
    from shoal.replay.verify import verify
    from shoal.store import open_store

    with open_store(store, create=False) as opened:
        verdict = verify(opened, run, genome, repeat)
        number = opened.run(run).id
    if as_json:
        typer.echo(json.dumps(verdict.to_dict(number)))
    else:
        Console().print(verdict_text(number, verdict))
    if not verdict.same:
        raise typer.Exit(1)


@app.command()
def splits(
    run: RunArgument,
    splits: Annotated[int, typer.Option(min=2, max=1000, help="How many others")] = 10,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train a run's best genome, and its baselines, on other random splits of its table: how much of a score is the split?

    Nothing is written. Ctrl-C ends it with the splits that are done.
    """
    from shoal.analysis.best_model import champion_of
    from shoal.analysis.split_sensitivity import resplit_scores, summarise_splits
    from shoal.cli.tables import splits_table
    from shoal.store import open_store

    with open_store(store, create=False) as opened:
        champion, problem = champion_of(opened, run)
    own = problem.dataset.options.seed
    seeds = [seed for seed in range(splits + 1) if seed != own][:splits]
    done = []
    try:
        for done in resplit_scores(
            problem, champion.genome, len(champion.weights), seeds, problem.settings.workers
        ):
            if not as_json:
                typer.echo(f"{len(done)} of {splits} splits", err=True)
    except KeyboardInterrupt:
        if not done:
            raise
    rows = summarise_splits(done)
    if as_json:
        typer.echo(json.dumps({"splits": len(done), "methods": [row.to_dict() for row in rows]}))
    else:
        Console().print(splits_table(rows))


@app.command()
def compare(
    runs: Annotated[
        list[str], typer.Argument(metavar="RUN RUN...", help="Two to eight runs, by their numbers")
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
    """Put runs side by side: what they found, which settings differ, and whether one is truly better than another."""
    from shoal.analysis.comparison import compare as compared
    from shoal.analysis.summary import summarise
    from shoal.cli.comparison_table import comparison_table
    from shoal.store import open_store

    with open_store(store, create=False) as opened:
        found = compared([summarise(opened, run) for run in runs], against)
    if as_json:
        typer.echo(json.dumps(found.to_dict()))
    else:
        Console().print(comparison_table(found))


@app.command()
def export(
    run: RunArgument,
    to: Annotated[Path, typer.Option(metavar="DIR", help="The folder to write; made if missing")],
    force: Annotated[bool, typer.Option("--force", help="Replace an earlier export there")] = False,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the best genome, its trained networks, a predict.py that needs NumPy alone, and all evaluations to a folder."""
    from shoal.export import export_run
    from shoal.store import open_store

    with open_store(store, create=False) as opened:
        folder = export_run(opened, run, to, force=force)
    files = sorted(path.name for path in folder.iterdir())
    typer.echo(
        json.dumps({"folder": str(folder), "files": files})
        if as_json
        else f"{folder}: {', '.join(files)}"
    )


@app.command()
def animate(
    run: RunArgument,
    to: Annotated[Path, typer.Option(metavar="FILE.gif", help="The file to write")],
    genome: Annotated[
        str | None,
        typer.Option(
            metavar="HASH", help="Or its first digits; default: the champion, or the best so far"
        ),
    ] = None,
    repeat: Annotated[
        int | None, typer.Option(help="Which training of it; default: the first")
    ] = None,
    first: Annotated[int, typer.Option(help="The first iteration that is seen")] = 0,
    last: Annotated[int | None, typer.Option(help="The last one; default: the end")] = None,
    frames: Annotated[int, typer.Option(help="At most so many, 2 to 120")] = 120,
    even: Annotated[
        bool, typer.Option("--even", help="Spaced evenly, not with more of them at the start")
    ] = False,
    dark: Annotated[bool, typer.Option("--dark", help="On a dark background")] = False,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train a recorded swarm again, to the same bits, and write how it moved as an animated GIF."""
    from shoal.presentation.gif import check_gif_installed, gif
    from shoal.replay.recorder import Window, recorded_training, replay_training
    from shoal.store import open_store

    check_gif_installed()
    if not to.parent.is_dir():
        raise SettingsError(
            f"--to {to}: there is no folder {to.parent}.", remedy="make it, or choose another"
        )
    window = Window(first, last, frames, spacing="even" if even else "early")
    with open_store(store, create=False) as opened:
        told = recorded_training(opened, run, genome, repeat)
        problem = opened.load_problem(run)
    film = replay_training(problem, told.task, told.iterations, window, recorded=told.loss)
    try:
        to.write_bytes(gif(film, dark))
    except OSError as error:
        raise SettingsError(
            f"--to {to}: {error.strerror}.", remedy="choose a place that you may write to"
        ) from None
    about = {
        "genome": told.task.genome.hash,
        "repeat": told.task.repeat,
        "iterations": told.iterations,
    }
    if as_json:
        typer.echo(
            json.dumps({"file": str(to), "frames": len(film.frames), "exact": film.exact, **about})
        )
        return
    same = {
        True: "the loss that was recorded, to the bit",
        False: f"not the recorded {film.recorded}",
    }
    typer.echo(
        f"Genome {about['genome']}, repeat {about['repeat']}, {told.iterations:,} iterations."
    )
    typer.echo(
        f"It ended with a loss of {film.loss:.6g}"
        + (f", {same[film.exact]}." if film.exact is not None else ".")
    )
    typer.echo(f"{to}: {len(film.frames)} frames, {to.stat().st_size:,} bytes")


@app.command()
def predict(
    model: Annotated[
        Path, typer.Argument(metavar="MODEL", help="A folder that `shoal export` wrote")
    ],
    data: Annotated[
        Path,
        typer.Argument(
            metavar="DATA", help="CSV or Parquet file with the columns of the training table"
        ),
    ],
    out: Annotated[Path, typer.Option(metavar="FILE", help="The CSV file to write")] = Path(
        "predictions.csv"
    ),
    proba: Annotated[
        bool, typer.Option("--proba", help="Add a column of probability for each class")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Apply an exported model to a table."""
    from shoal.data import read_table
    from shoal.inference import standalone

    if not data.is_file() and str(data) != "concrete":
        raise ModelError(
            f"{data} is not a file.", expected="a CSV or Parquet file", remedy="check the path"
        )
    if out.exists() and data.exists() and out.samefile(data):
        raise ModelError(f"--out {out} is the table itself.", remedy="choose another name")
    about = str(model)
    try:
        loaded, about = standalone.load_model(model), str(data)
        _, table = read_table(str(data))
        columns = {str(name): table[name].tolist() for name in table.columns}
        prediction = standalone.predict(loaded, columns)
        standalone.write_predictions(out, prediction, proba=proba)
    except standalone.TableError as error:
        raise ModelError(
            f"{about}: {error.problem}", expected=error.expected, remedy=error.remedy
        ) from None
    except OSError as error:
        raise ModelError(
            f"{out}: {error.strerror}.", remedy="choose a place that you may write to"
        ) from None
    rows = len(prediction.values)
    typer.echo(
        json.dumps({"rows": rows, "out": str(out)})
        if as_json
        else f"{rows} predictions written to {out}"
    )
