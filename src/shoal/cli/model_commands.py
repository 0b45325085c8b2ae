"""Commands that write files: an exported model, a GIF, predictions. They change no run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shoal.cli.completion import complete_table
from shoal.cli.next_steps import print_next
from shoal.cli.options import JsonOption, RunArgument, StoreOption
from shoal.cli.terminal import echo
from shoal.errors import ModelError, SettingsError
from shoal.system.paths import is_file_there, is_there

if TYPE_CHECKING:
    from shoal.presentation.shown_loss import ShownLoss
    from shoal.replay.recorder import Replay
    from shoal.store import RunView

app = typer.Typer()


@app.command()
def export(
    run: RunArgument,
    to: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The folder to write; made if missing")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an earlier export there")] = False,
    onnx: Annotated[
        bool,
        typer.Option(
            "--onnx", help="Also write the networks with their preprocessing as one ONNX graph"
        ),
    ] = False,
    optuna: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="In place of a folder, write the search as a study: sqlite:///FILE"
        ),
    ] = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a run's best genome, its trained networks and all evaluations to a folder.

    The folder's predict.py needs NumPy alone.
    """
    if (to is None) == (optuna is None):
        raise SettingsError(
            "shoal export writes to one place.",
            expected="--to DIR for a folder, or --optuna URL for a study",
            remedy="give one of them",
        )
    if optuna is not None:
        _export_study(run, optuna, store, as_json)
        return
    assert to is not None

    from shoal.analysis.summary import load_champion
    from shoal.cli.waiting import Waiting
    from shoal.export import export_run
    from shoal.store import open_store

    with open_store(store, create=False) as opened:
        view = opened.run(run)
        has_champion = load_champion(opened, view) is not None
        with Waiting("Exporting", quiet=as_json):
            folder = export_run(opened, run, to, force=force, onnx=onnx)
    files = sorted(path.name for path in folder.iterdir())

    if not has_champion:
        echo(
            f"Note: Run {view.id} is {view.state}, and has named no champion. This is its best "
            "genome so far, not a confirmed champion.",
            err=True,
        )
    if as_json:
        answer = {"folder": str(folder), "files": files, "champion": has_champion}
        echo(json.dumps(answer))
    else:
        echo(f"{folder}: {', '.join(files)}")
        print_next(*_after_export(view, to))


def _export_study(run: str, url: str, store: str | None, as_json: bool) -> None:
    from shoal.export.optuna_study import export_study
    from shoal.store import open_store

    with open_store(store, create=False) as opened:
        name = export_study(opened, run, url)
    if as_json:
        echo(json.dumps({"storage": url, "study": name}))
    else:
        echo(f"{url}: the study {name}")
        echo(f"To look at it: optuna-dashboard {url}")


def _after_export(run: RunView, folder: Path) -> list[list[str]]:
    """What to do with an exported model."""
    if run.is_table:
        return [["predict", str(folder), "TABLE.csv"]]
    if run.has_network:
        return [["play", str(folder)]]
    return []


@app.command()
def play(
    model: Annotated[
        Path, typer.Argument(metavar="MODEL", help="A folder that `shoal export` wrote")
    ],
    episodes: Annotated[int, typer.Option(min=1, help="How many scenarios")] = 10,
    seed: Annotated[int, typer.Option(min=0, help="Which scenarios")] = 0,
    frames: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.gif", help="Film the first episode of an environment of Gymnasium"
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Let an exported policy act in its simulation, and show its first episode.

    The scenarios are new to the policy. A simulation of your own is imported from this machine, if
    its file is still the one that the policy was trained in.
    """
    from shoal.analysis.film import check_pictures_installed
    from shoal.analysis.play import film_policy, play_policy
    from shoal.cli.episodes import episode_view, played_to_dict
    from shoal.cli.terminal import Terminal
    from shoal.cli.waiting import Waiting

    if frames is not None:
        check_pictures_installed()
        _check_folder("--frames", frames)
        _write_file("--frames", frames, film_policy(model, seed).gif())

    with Waiting("Playing", quiet=as_json):
        played = play_policy(model, episodes, seed)
    if as_json:
        answer = played_to_dict(played)
        if frames is not None:
            answer["frames"] = str(frames)
        echo(json.dumps(answer))
        return
    Terminal().print(episode_view(played))
    if frames is not None:
        echo(f"{frames}: the first episode, {frames.stat().st_size:,} bytes")


def _check_folder(option: str, file: Path) -> None:
    """Raise `SettingsError` where a file's folder does not exist."""
    if not is_there(file.parent):
        raise SettingsError(
            f"{option} {file}: there is no folder {file.parent}.",
            remedy="make it, or choose another",
        )


def _write_file(option: str, file: Path, content: bytes) -> None:
    """Write a file; raises `SettingsError` where it cannot be written."""
    try:
        file.write_bytes(content)
    except OSError as error:
        raise SettingsError(
            f"{option} {file}: {error.strerror}.", remedy="choose a place that you may write to"
        ) from None


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
    frames: Annotated[int, typer.Option(help="At most this many, 2 to 120")] = 120,
    even: Annotated[
        bool, typer.Option("--even", help="Spaced evenly, not with more of them at the start")
    ] = False,
    dark: Annotated[bool, typer.Option("--dark", help="On a dark background")] = False,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train a recorded swarm again, to the same bits, and write how it moved as an animated GIF."""
    from shoal.cli.waiting import Waiting
    from shoal.presentation.gif import check_gif_installed, gif
    from shoal.presentation.shown_loss import shown_loss
    from shoal.replay.recorder import Window, recorded_training, replay_training
    from shoal.store import open_store

    check_gif_installed()
    _check_folder("--to", to)

    window = Window(first, last, frames, spacing="even" if even else "early")
    with open_store(store, create=False) as opened:
        recorded = recorded_training(opened, run, genome, repeat)
        problem = opened.load_problem(run)
    with Waiting("Training again", quiet=as_json) as waiting:
        film = replay_training(
            problem,
            recorded.task,
            recorded.iterations,
            window,
            recorded=recorded.loss,
            on_progress=waiting.show,
        )
    with Waiting("Drawing", quiet=as_json):
        _write_file("--to", to, gif(film, dark))

    name = recorded.task.genome.hash
    number = recorded.task.repeat
    if as_json:
        written = {
            "file": str(to),
            "frames": len(film.frames),
            "exact": film.exact,
            "genome": name,
            "repeat": number,
            "iterations": recorded.iterations,
        }
        echo(json.dumps(written))
        return
    echo(f"Genome {name}, repeat {number}, {recorded.iterations:,} iterations.")
    shown = shown_loss(film.metric)
    ended = f"{shown.one} of {shown.number(film.loss):.6g}"
    echo(f"It ended with a {ended}{_exactness_text(film, shown)}.")
    echo(f"{to}: {len(film.frames)} frames, {to.stat().st_size:,} bytes")


def _exactness_text(film: Replay, shown: ShownLoss) -> str:
    """Whether the loss is the recorded one; empty where none was recorded."""
    if film.recorded is None:
        return ""
    if film.exact:
        return f", which is exactly the recorded {shown.one}"
    return f", not the recorded {shown.number(film.recorded)}"


@app.command()
def predict(
    model: Annotated[
        Path, typer.Argument(metavar="MODEL", help="A folder that `shoal export` wrote")
    ],
    data: Annotated[
        Path,
        typer.Argument(
            metavar="DATA",
            help="CSV or Parquet file with the columns of the training table",
            autocompletion=complete_table,
        ),
    ],
    out: Annotated[Path, typer.Option(metavar="FILE", help="The CSV file to write")] = Path(
        "predictions.csv"
    ),
    proba: Annotated[
        bool, typer.Option("--proba", help="Add a column of probability for each class")
    ] = False,
    spread: Annotated[
        bool,
        typer.Option("--spread", help="Add the standard deviation of the networks around each"),
    ] = False,
    keep: Annotated[
        str,
        typer.Option(
            metavar="COL,COL",
            help="Columns of the table to write beside the predictions, such as an ID; or all",
        ),
    ] = "",
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse what training has never seen")
    ] = False,
    file_encoding: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="DATA's text encoding, such as cp1251; it may be another one than that of the "
            "training table; default: recognised",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Apply an exported model to a table."""
    from shoal.cli.waiting import Waiting
    from shoal.data.table_io import read_cells
    from shoal.inference import standalone

    if not is_file_there(data) and str(data) != "concrete":
        raise ModelError(
            f"{data} is not a file.", expected="a CSV or Parquet file", remedy="check the path"
        )
    if is_there(out) and is_there(data) and out.samefile(data):
        raise ModelError(f"--out {out} is the table itself.", remedy="choose another name")

    # What an error is about: first the model, then the table.
    source = model
    try:
        loaded = standalone.load_model(model)
        source = data
        with Waiting("Predicting", quiet=as_json):
            columns = read_cells(str(data), file_encoding)
            kept = standalone.kept_columns(columns, keep)
            prediction = standalone.predict(loaded, columns, strict=strict, each=spread)
            standalone.write_predictions(out, prediction, proba=proba, kept=kept)
    except standalone.TableError as error:
        raise ModelError(
            f"{source}: {error.problem}", expected=error.expected, remedy=error.remedy
        ) from None
    except OSError as error:
        raise ModelError(
            f"{out}: {error.strerror}.", remedy="choose a place that you may write to"
        ) from None

    for column, unseen in prediction.unseen.items():
        echo(f"Note: {data}: {unseen.sentence(column)}", err=True)
    rows = len(prediction.values)
    if as_json:
        cells = {column: unseen.cells for column, unseen in prediction.unseen.items()}
        echo(json.dumps({"rows": rows, "out": str(out), "unseen": cells}))
    else:
        # Standard output may be where the predictions are.
        echo(f"{rows} predictions written to {out}", err=not out.is_file())
