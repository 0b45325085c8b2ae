"""The export folder, written beside its place and moved there when it is whole."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import logging
import os
import shutil
import tempfile
import time
import zipfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shoal._version import __version__
from shoal.analysis.best_model import champion_of
from shoal.analysis.evaluation_table import EvaluationTable
from shoal.analysis.scorecard import scorecards
from shoal.analysis.simple_methods import ReferenceLine, simple_methods
from shoal.analysis.summary import load_champion, summarise
from shoal.errors import ModelError, RunStateError, ShoalError, StoreError
from shoal.export.report import Report
from shoal.export.report_function import FunctionReport
from shoal.export.report_model import ModelFindings
from shoal.export.report_policy import PolicyReport
from shoal.export.settings_file import settings_toml, simulation_settings_toml
from shoal.inference import standalone
from shoal.models.model import describe_model
from shoal.models.onnx import check_onnx_installed, policy_graph, table_graph
from shoal.objectives.registry import Metric
from shoal.presentation.formatting import layers_text
from shoal.problems.base import Problem
from shoal.problems.evaluation import Evaluation
from shoal.problems.table import TableProblem, as_table
from shoal.replay.episodes import Episode, champion_episode, record_episode
from shoal.replay.learning_curves import (
    LearningCurves,
    curves_of,
    has_held_out_loss,
    learning_curves,
    trained_again,
)
from shoal.store import RunView, Store
from shoal.system.paths import is_there
from shoal.tuning.champion import Champion

_log = logging.getLogger(__name__)

REPORT = "report.html"
MODEL = "model.json"
GRAPH = "model.onnx"
FILES = (
    "genome.json",
    "settings.toml",
    MODEL,
    "weights.npz",
    "predict.py",
    "evaluations.csv",
    REPORT,
)
# How the folder begins in which an export is written, and when nobody writes there any more.
_UNFINISHED = ".shoal-export-"
_ABANDONED_SECONDS = 3600.0
# A report of a larger table (training rows times inputs) has no lines of simple methods: somebody
# waits for it.
_MOST_CELLS = 20_000_000
# Trainings that take longer together are not repeated for a report.
_MOST_CURVE_SECONDS = 20.0
# Of files in an archive. Without it some programs unpack files that nobody may read.
_READABLE_BY_ALL = 0o644 << 16


def export_run(
    store: Store,
    run_id: int | str,
    to: str | os.PathLike[str],
    *,
    force: bool = False,
    onnx: bool = False,
) -> Path:
    """Write a run's champion and evaluations to a folder.

    Parameters
    ----------
    store, run_id
        The run. One that has not finished gives its best genome so far, which is trained here.
    to
        The folder; made if missing.
    force
        Replace the files of an earlier export; other files stay as they are.
    onnx
        Also write the networks with their preprocessing as one ONNX graph, ``model.onnx``.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    StoreError
        The run has no completed evaluation, the folder is not empty (unless ``force``), or it
        cannot be written.
    ModelError
        With ``onnx``: the package onnx is not installed, or the run has no network.
    """
    target = Path(to)
    if is_there(target) and not target.is_dir():
        raise StoreError(f"{target} is a file.", expected="a folder", remedy="choose another name")
    if is_there(target) and any(target.iterdir()) and not force:
        raise StoreError(
            f"The folder {target} is not empty.", remedy="choose another one, or add --force"
        )

    run = store.run(run_id)
    if onnx:
        _check_has_graph(run)
    champion, problem = champion_of(store, run_id)
    contents = _contents(store, run, champion, problem, onnx=onnx)
    if _has_policy(run):
        # This very process loads the simulation, and may have trained in it.
        contents[REPORT] = _policy_report(store, run, champion, _episode_here(problem, champion))
    try:
        _write(contents, target)
    except OSError as error:
        raise StoreError(
            f"{target}: {error.strerror}.", remedy="choose a folder that you may write to"
        ) from None
    _log.info("run %s exported to %s", run_id, target)
    return target


def _write(contents: Mapping[str, bytes], target: Path) -> None:
    """Write all files beside the folder, and move them there once they are whole."""
    target.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(target.parent)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=_UNFINISHED) as folder:
        # One in it, as others may read that.
        whole = Path(folder) / "whole"
        whole.mkdir()
        for name, content in contents.items():
            with (whole / name).open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())

        if target.exists():
            _replace_files(whole, target)
        else:
            whole.rename(target)


def _replace_files(whole: Path, target: Path) -> None:
    """Move all files, such that no moment of it leaves the model of one run with another's weights.

    A model of an earlier version does not know which weights are its own. A graph that the new
    export does not have would be another run's.
    """
    (target / MODEL).unlink(missing_ok=True)
    if not (whole / GRAPH).exists():
        (target / GRAPH).unlink(missing_ok=True)
    for file in sorted(whole.iterdir(), key=lambda file: file.name == MODEL):
        file.replace(target / file.name)


def _remove_leftovers(parent: Path) -> None:
    """Remove what exports have left that were killed."""
    for folder in parent.glob(f"{_UNFINISHED}*"):
        with suppress(OSError):
            if time.time() - folder.stat().st_mtime > _ABANDONED_SECONDS:
                shutil.rmtree(folder)


def archive(store: Store, run_id: int | str, *, onnx: bool = False) -> bytes:
    """The export folder of a finished run as a zip archive.

    ``onnx`` is that of `export_run`.

    Raises
    ------
    RunStateError
        The run has kept no champion: one would have to be trained first, which takes its time.
    ModelError
        As `export_run`.
    """
    run, champion = _finished(store, run_id)
    if onnx:
        _check_has_graph(run)
    problem = store.load_problem(run.id)
    contents = _contents(store, run, champion, problem, apart=True, onnx=onnx)
    if _has_policy(run):
        contents[REPORT] = report_page(store, run.id)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in contents.items():
            entry = zipfile.ZipInfo(f"shoal-run-{run.id}/{name}")
            entry.external_attr = _READABLE_BY_ALL
            file.writestr(entry, content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def onnx_graph(store: Store, run_id: int | str) -> bytes:
    """The networks of a finished run with their preprocessing as the file of one ONNX graph.

    Raises `RunStateError` and `ModelError` as `archive` does.
    """
    run, champion = _finished(store, run_id)
    _check_has_graph(run)
    problem = store.load_problem(run.id)
    if isinstance(problem, TableProblem):
        return table_graph(_model(champion, problem, run.id), champion.weights)
    return _policy_graph(run, champion, problem)


def _check_has_graph(run: RunView) -> None:
    """Raise `ModelError` where a run cannot be written as an ONNX graph."""
    check_onnx_installed()
    if not run.has_network:
        raise ModelError(
            f"Run {run.id} minimises a function: it has a best point and no network.",
            expected="a run on a table or of a simulation for an ONNX graph",
            remedy="export it without --onnx; function.json has the point",
        )


def report_page(store: Store, run_id: int | str) -> bytes:
    """The report of a finished run alone, as HTML.

    Raises `RunStateError` as `archive` does.
    """
    run, champion = _finished(store, run_id)
    if not run.has_network:
        return _function_report(store, run, champion)
    if _has_policy(run):
        # Written from the record: code of a user runs for the episode alone, in its own process.
        return _policy_report(store, run, champion, _recorded_episode(store, run.id))
    problem = as_table(store.load_problem(run.id), "A report")
    return _report(store, run, champion, problem, apart=True)


def _has_policy(run: RunView) -> bool:
    """Whether the run's networks are policies of a simulation."""
    return run.has_network and not run.is_table


def _finished(store: Store, run_id: int | str) -> tuple[RunView, Champion]:
    """A run and the champion that it kept; raises `RunStateError` where it kept none."""
    run = store.run(run_id)
    champion = load_champion(store, run)
    if champion is None:
        raise RunStateError(
            f"Run {run.id} is {run.state}, and has kept no champion yet.",
            expected="a finished run",
            remedy=(
                f"`shoal export {run.id} --to DIR` trains the best genome so far, "
                "and writes the same files"
            ),
        )
    return run, champion


def _report(
    store: Store, run: RunView, champion: Champion, problem: TableProblem, *, apart: bool
) -> bytes:
    summary = replace(summarise(store, run.id), champion=champion)
    evaluations = EvaluationTable(store, run).refresh()
    cards = scorecards(problem, champion)
    lines: tuple[ReferenceLine, ...] = ()
    if problem.dataset.train.x.size <= _MOST_CELLS:
        lines = tuple(simple_methods(problem))
    model = ModelFindings.of(problem, champion)
    curves = _learning_curves(store, run, champion, problem, apart=apart)
    page = Report(
        summary, champion, problem.dataset, evaluations, cards, lines, model, curves
    ).html()
    return page.encode(errors="replace")


def _learning_curves(
    store: Store, run: RunView, champion: Champion, problem: TableProblem, *, apart: bool
) -> LearningCurves | str:
    """The losses of the champion's recorded trainings, trained again; or why there are none.

    ``apart`` trains them in another process: one that shows pages loads no compiled engine.
    """
    evaluations = store.evaluations(run.id, genome=champion.genome.hash)
    if not any(has_held_out_loss(evaluation) for evaluation in evaluations):
        return "There is no held-out loss: no rows validate, or all trainings failed."
    chosen = trained_again(evaluations, _MOST_CURVE_SECONDS)
    if not chosen:
        return (
            f"There is no held-out loss here: each training takes more than "
            f"{_MOST_CURVE_SECONDS:.0f} s to be repeated for it. The page of the genome offers it."
        )
    try:
        if apart:
            return learning_curves(store, run.id, champion.genome.hash, _MOST_CURVE_SECONDS)
        return curves_of(problem, evaluations, [own.task.repeat for own in chosen])
    except StoreError as error:
        return str(error)


def _policy_report(store: Store, run: RunView, champion: Champion, episode: Episode | str) -> bytes:
    summary = replace(summarise(store, run.id), champion=champion)
    evaluations = list(store.evaluations(run.id, curves=False))
    table = EvaluationTable(store, run).refresh()
    page = PolicyReport(summary, champion, table, evaluations, episode).html()
    return page.encode(errors="replace")


def _function_report(store: Store, run: RunView, champion: Champion) -> bytes:
    summary = replace(summarise(store, run.id), champion=champion)
    evaluations = list(store.evaluations(run.id, curves=False))
    table = EvaluationTable(store, run).refresh()
    page = FunctionReport(summary, champion, table, evaluations).html()
    return page.encode(errors="replace")


def _recorded_episode(store: Store, run_id: int) -> Episode | str:
    """An episode of a finished run's policy, made in a process of its own; or why there is none."""
    try:
        episode = champion_episode(store, run_id)
    except ShoalError as error:
        return str(error)
    assert episode is not None
    return episode


def _contents(
    store: Store,
    run: RunView,
    champion: Champion,
    problem: Problem,
    *,
    apart: bool = False,
    onnx: bool = False,
) -> dict[str, bytes]:
    """The content of each file of an export, but for the report on a policy.

    ``apart`` is that of `_learning_curves`, ``onnx`` that of `export_run`.
    """
    evaluations = store.evaluations(run.id, curves=False)
    rows = [_csv_row(evaluation, run.metric) for evaluation in evaluations]
    contents = {
        "genome.json": _json(champion.genome.to_dict()),
        "evaluations.csv": _csv(rows),
    }
    if isinstance(problem, TableProblem):
        contents |= _table_contents(store, run, champion, problem, apart=apart, onnx=onnx)
    elif run.has_network:
        contents |= _policy_contents(run, champion, problem, onnx=onnx)
    else:
        contents |= _function_contents(run, champion, problem)
        contents[REPORT] = _function_report(store, run, champion)
    return contents


def _table_contents(
    store: Store,
    run: RunView,
    champion: Champion,
    problem: TableProblem,
    *,
    apart: bool,
    onnx: bool,
) -> dict[str, bytes]:
    dataset = problem.dataset
    settings = settings_toml(run.settings, dataset.options, dataset.name)
    model = _model(champion, problem, run.id)
    graph = table_graph(model, champion.weights) if onnx else None
    return {
        "settings.toml": settings.encode(errors="replace"),
        **_with_weights(model, champion.weights, graph),
        "predict.py": Path(standalone.__file__).read_bytes(),
        REPORT: _report(store, run, champion, problem, apart=apart),
        **_card_contents(champion, problem),
    }


def _card_contents(champion: Champion, problem: TableProblem) -> dict[str, bytes]:
    """Scorecards to read, where the networks are such."""
    cards = scorecards(problem, champion)
    if not cards:
        return {}
    texts = [card.text() for card in cards]
    if len(cards) > 1:
        texts.insert(0, f"{len(cards)} cards, whose probabilities predict.py averages.\n")
    return {
        "scorecard.txt": "\n\n".join(texts).encode(errors="replace"),
        "scorecard.json": _json([card.to_dict() for card in cards]),
    }


def _policy_graph(run: RunView, champion: Champion, problem: Problem) -> bytes:
    # Imported here: most exports are of tables, and the compiler of simulations is heavy.
    from shoal.analysis.acting_policy import acting_policy
    from shoal.problems.simulation import SimulationProblem

    assert isinstance(problem, SimulationProblem)
    return policy_graph(acting_policy(champion, problem, run.id))


def _policy_contents(
    run: RunView, champion: Champion, problem: Problem, *, onnx: bool
) -> dict[str, bytes]:
    # Imported here: most exports are of tables, and the compiler of simulations is heavy.
    from shoal.analysis.acting_policy import acting_weights, policy_model
    from shoal.export.policy_files import policy_programs
    from shoal.problems.simulation import SimulationProblem

    assert isinstance(problem, SimulationProblem)
    settings = simulation_settings_toml(run.settings, problem.to_dict())
    graph = _policy_graph(run, champion, problem) if onnx else None
    model = policy_model(champion, problem, run.id)
    return {
        "settings.toml": settings.encode(errors="replace"),
        "problem.json": _json(problem.to_dict()),
        **_with_weights(model, acting_weights(champion), graph),
        **policy_programs(),
    }


def _function_contents(run: RunView, champion: Champion, problem: Problem) -> dict[str, bytes]:
    from shoal.export.function_files import function_model, function_readme
    from shoal.problems.function import MinimisationProblem

    assert isinstance(problem, MinimisationProblem)
    settings = simulation_settings_toml(run.settings, problem.to_dict())
    return {
        "settings.toml": settings.encode(errors="replace"),
        "problem.json": _json(problem.to_dict()),
        "function.json": _json(function_model(champion, problem, run)),
        "README.md": function_readme(champion, problem, run).encode(errors="replace"),
    }


def _episode_here(problem: Problem, champion: Champion) -> Episode | str:
    try:
        return record_episode(problem, champion)
    except ShoalError as error:
        return str(error)


def _model(champion: Champion, problem: TableProblem, run_id: int) -> dict[str, object]:
    """What predict.py reads beside the weights: the networks' shape, and how a table is encoded."""
    dataset = problem.dataset
    confirmation = champion.confirmation
    model = describe_model(
        dataset.name,
        dataset.encoder,
        problem.network(champion.genome).layers,
        champion.genome.activation,
        champion.shares,
    )
    # The longest comes last.
    encoder = model.pop("encoder")
    model |= {
        "shoal": __version__,
        "run": run_id,
        "trained_on": "all rows but the test part" if champion.refitted else "train",
        "metric": champion.metric.to_dict(),
        "score": champion.score,
        "ci95": champion.ci95,
        "confirmation": confirmation.to_dict() if confirmation else None,
        "scores": champion.scores.to_dict(),
        "ensemble": champion.ensemble.to_dict(),
        "encoder": encoder,
    }
    # The name until 1.0.
    if champion.metric.is_accuracy:
        model["accuracy"] = champion.score
    return model


def _json(value: object) -> bytes:
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return f"{text}\n".encode()


def _with_weights(
    model: Mapping[str, object], weights: NDArray[np.float32], graph: bytes | None = None
) -> dict[str, bytes]:
    """The files of a model, whose description says which others it belongs to."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, weights=weights)
    content = buffer.getvalue()
    description = {**model, "weights_sha256": hashlib.sha256(content).hexdigest()}
    files = {"weights.npz": content}
    if graph is not None:
        description["onnx_sha256"] = hashlib.sha256(graph).hexdigest()
        files[GRAPH] = graph
    return {MODEL: _json(description), **files}


def _csv(rows: Sequence[Mapping[str, object]]) -> bytes:
    """Rows as CSV, with every column that some row has, in the order in which they are met."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue().encode()


def _csv_row(evaluation: Evaluation, metric: Metric) -> dict[str, object]:
    """An evaluation with its scores and genes.

    Texts of others are escaped, so that no spreadsheet takes one for a formula.
    """
    task = evaluation.task
    row: dict[str, object] = {
        "generation": task.generation,
        "individual": task.individual,
        "genome": task.genome.hash,
        "repeat": task.repeat,
        "status": evaluation.status,
        # An accuracy has had this name from the first version on.
        "accuracy" if metric.is_accuracy else "score": evaluation.score,
        "loss": evaluation.loss,
        "iterations": evaluation.iterations,
        "seconds": evaluation.seconds,
        "worker": standalone.escape(evaluation.worker),
        "error": standalone.escape(evaluation.error or ""),
    }

    if evaluation.scores:
        for part, metrics in evaluation.scores.to_dict().items():
            for name, value in metrics.items():
                row[f"{part}_{name}"] = value

    row |= task.genome.to_dict()
    row["hidden_layers"] = layers_text(task.genome.hidden_layers)
    return row
