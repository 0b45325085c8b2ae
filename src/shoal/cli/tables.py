"""Tables of the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from shoal.analysis.summary import METRIC_NAMES, Best, Summary, confidence_text, score_rows
from shoal.presentation.formatting import (
    duration,
    genome_text,
    half_width,
    percent,
    stability_text,
    with_plus_minus,
)
from shoal.presentation.palette import STATE_COLOURS
from shoal.store import RunView
from shoal.store.serialization import finite

if TYPE_CHECKING:
    from shoal.analysis.split_sensitivity import MethodSummary
    from shoal.data.column_profile import ColumnFacts
    from shoal.data.diagnostics import Finding
    from shoal.pso.benchmark import Benchmark
    from shoal.replay.verify import ReplayCheck
    from shoal.store.diagnostics import Check

_COLUMNS_SHOWN = 40


_DIFFERENCES = 12  # shown, of a training that is not what it was


# Terminals have no orange and no gray of their own; other colours have the same name.
_TERMINAL_COLOURS = {"orange": "yellow", "gray": "bright_black"}


def state_text(state: str) -> Text:
    """A run's state in its colour."""
    colour = STATE_COLOURS[state]
    return Text(state, style=_TERMINAL_COLOURS.get(colour, colour))


def report(summary: Summary) -> RenderableType:
    """A run at rest, for a terminal."""
    run = summary.run
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim")
    grid.add_column()
    grid.add_row("State", state_text(run.state))
    grid.add_row("Data", Text(_about_data(run)))
    grid.add_row("Generations", f"{run.generations} of {run.settings.generations}{_ended_by(run)}")
    grid.add_row(
        "Trainings",
        f"{run.evaluations:,} ({run.iterations:,} iterations) in {duration(run.seconds)}",
    )
    if run.error:
        grid.add_row("Error", Text(run.error, style="red"))
    if summary.best is not None:
        grid.add_row("Best accuracy", _accuracy(summary.best))
        grid.add_row("Genome", Text(genome_text(summary.best.genome)))
        grid.add_row("Stability", Text(stability_text(summary.best.genome)))
        for alarm in summary.best.on_bounds:
            grid.add_row("Note", Text(f"{alarm}.", style="yellow"))
    parts: list[RenderableType] = [grid]
    if summary.champion is not None:
        parts += [
            "",
            _scores_table(summary),
            Text(confidence_text(summary.champion, run.settings.final_factor), style="dim"),
        ]
    if run.result_hash:
        parts.append(Text(f"Result hash {run.result_hash[:16]}", style="dim"))
    return Panel(
        Group(*parts),
        title=Text(f"Run {run.id} · {run.name} · {run.settings.preset}"),
        title_align="left",
        border_style="dim",
    )


def _about_data(run: RunView) -> str:
    options = run.data_options
    parts = [f"{run.dataset}, {options.get('task') or 'task'} of {options['target']}"]
    if (folds := options.get("folds", 1)) > 1:
        parts.append(f"{folds} folds")
    if group := options.get("group"):
        parts.append(f"groups of {group}")
    return ", ".join(parts)


def _ended_by(run: RunView) -> str:
    if run.state != "finished" or run.generations >= run.settings.generations:
        return ""
    given = [
        name for name in ("evaluations", "max_seconds") if getattr(run.settings, name) is not None
    ]
    return f" (ended by {' or '.join(given)})" if given else ""


def _accuracy(best: Best) -> Text:
    shown = with_plus_minus(percent(best.accuracy), half_width(best.ci95))
    return Text.assemble(
        (shown, "bold green"), f"  ({best.repeats} repeats, 95 % interval)" if best.ci95 else ""
    )


def _scores_table(summary: Summary) -> Table:
    assert summary.champion is not None
    rows = score_rows(summary.champion, summary.competing_runs)
    metrics = next((row.metrics.to_dict() for row in rows if row.metrics), {})
    others = [name for name in METRIC_NAMES if name in metrics]
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    for name in ("", "Single networks", *(METRIC_NAMES[name] for name in others), "Ensemble"):
        table.add_column(name, justify="right" if name else "left", no_wrap=True)
    for row in rows:
        if row.accuracy is None:
            table.add_row(row.label, Text(row.error or "", style="red", overflow="ellipsis"))
            continue
        accuracy = with_plus_minus(percent(row.accuracy), row.half)
        cells = [accuracy, *(row.metric(name) for name in others)]
        cells.append(f"{row.ensemble:.2f} %" if row.ensemble is not None else "")
        table.add_row(row.label, *cells, style="bold green" if row.is_champion else "")
    return table


def run_row(run: RunView) -> dict[str, Any]:
    """One run in `shoal runs --json`."""
    return {
        "run": run.id,
        "name": run.name,
        "dataset": run.dataset,
        "preset": run.settings.preset,
        "state": run.state,
        "pending": list(run.pending),
        "generations": run.generations,
        "evaluations": run.evaluations,
        "iterations": run.iterations,
        "seconds": round(run.seconds, 3),
        "best_accuracy": finite(run.best_accuracy),
        "best_repeats": run.best_repeats,
        "created": run.created,
        "result_hash": run.result_hash,
    }


def runs_table(runs: Sequence[RunView]) -> Table:
    """`shoal runs`, for a terminal of 80 columns."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("Run", justify="right")
    table.add_column("Name", no_wrap=True, max_width=16)
    table.add_column("State", no_wrap=True)
    for name in ("Gen.", "Trainings", "Best", "Time"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("Started", no_wrap=True)
    for run in runs:
        table.add_row(
            str(run.id),
            Text(run.name),
            state_text(run.state),
            f"{run.generations}/{run.settings.generations}",
            f"{run.evaluations:,}",
            f"{run.best_accuracy:.2f} %" if run.best_accuracy is not None else "-",
            duration(run.seconds),
            datetime.fromtimestamp(run.created).strftime("%m-%d %H:%M"),
        )
    return table


def verdict_text(run_id: int, verdict: ReplayCheck) -> RenderableType:
    """`shoal replay`, for a terminal."""
    recorded, again, task = verdict.recorded, verdict.again, verdict.recorded.task
    what = f"Run {run_id}, genome {task.genome.hash}, repeat {task.repeat}"
    trained = f"{again.iterations:,} iterations in {again.seconds:.1f} s"
    if verdict.same and recorded.accuracy is None:
        return Text.assemble(
            f"{what}: {trained}. ", ("The same failure", "bold green"), f": {recorded.error}"
        )
    if verdict.same:
        same = f": {recorded.accuracy:.4f} % and all other scores are those recorded, to the bit."
        return Text.assemble(f"{what}: {trained}. ", ("The same", "bold green"), same)
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    for name in ("", "Recorded", "Again"):
        table.add_column(name, overflow="fold")
    for difference in verdict.differences[:_DIFFERENCES]:
        table.add_row(difference.name, Text(difference.recorded), Text(difference.again))
    more = len(verdict.differences) - _DIFFERENCES
    why = (
        "The training itself does not fail: its worker was lost, or out of time or memory."
        if recorded.accuracy is None and again.accuracy is not None
        else "Equal versions of Shoal and its packages give equal bits; `shoal doctor` names those that are installed."
    )
    count = Text(f"and {more} more" if more > 0 else "", style="dim")
    return Group(
        Text.assemble(f"{what}: {trained}. ", ("Not the same:", "bold red")),
        table,
        count,
        Text(why, "dim"),
    )


def splits_table(rows: Sequence[MethodSummary]) -> RenderableType:
    """`shoal splits`, for a terminal of 80 columns."""
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    for name in ("", "Single networks", "Ensemble", "Champion's is ahead by"):
        table.add_column(name, justify="right" if name else "left", no_wrap=True)
    for row in rows:
        if not row.splits:
            table.add_row(row.label, Text(row.error or "", style="red", overflow="ellipsis"))
            continue
        single, single_half = row.single
        ensemble, ensemble_half = row.ensemble
        behind, behind_half = row.behind
        cells = [
            with_plus_minus(percent(single), single_half),
            with_plus_minus(percent(ensemble), ensemble_half),
        ]
        table.add_row(
            row.label,
            *cells,
            "" if row.is_champion else with_plus_minus(f"{behind:.2f}", behind_half),
            style="bold green" if row.is_champion else "",
        )
    count = max((row.splits for row in rows), default=0)
    legend = (
        f"Accuracy on the test rows of {count} other random splits: mean and 95 % interval. Splits share rows, so that "
        "intervals are somewhat too narrow, and the genome was found on some of these rows."
    )
    return Group(table, Text(legend, style="dim"))


_MARKS = {
    "good": Text("good", "green"),
    "look": Text("look", "yellow"),
    "bad": Text("bad", "bold red"),
}


def findings_table(facts: Sequence[ColumnFacts], findings: Sequence[Finding]) -> RenderableType:
    """`shoal check`, for a terminal."""
    columns = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    columns.add_column("Column", overflow="fold")
    columns.add_column("Holds", no_wrap=True)
    for name in ("Different", "Missing"):
        columns.add_column(name, justify="right", no_wrap=True)
    for fact in facts[:_COLUMNS_SHOWN]:
        columns.add_row(Text(fact.name), fact.kind, f"{fact.distinct:,}", f"{fact.missing:,}")
    more = len(facts) - _COLUMNS_SHOWN
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for finding in findings:
        text = Text(finding.what)
        if finding.remedy:
            text.append(f"\nWhat to do: {finding.remedy}.", "dim")
        table.add_row(_MARKS[finding.status], text)
    return Group(columns, Text(f"and {more:,} more columns\n" if more > 0 else "", "dim"), table)


def doctor_table(checks: Sequence[Check]) -> RenderableType:
    """`shoal doctor`, for a terminal."""
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    for name in ("", "Check", "Finding"):
        table.add_column(name, overflow="fold")
    for check in checks:
        finding = Text(check.finding)
        if check.remedy:
            finding.append(f"\nWhat to do: {check.remedy}.", "dim")
        table.add_row(_MARKS[check.status], check.name, finding)
    return table


def bench_table(result: Benchmark) -> RenderableType:
    """`shoal bench`, for a terminal of 80 columns."""
    table = Table(box=None, header_style="bold", padding=(0, 1, 0, 0))
    table.add_column("Network", no_wrap=True)
    for name in (
        "Rows",
        "Swarm",
        "1 core",
        f"{result.cores} cores",
        f"{result.cores} swarms",
        "GFLOP/s",
        "peak",
        "Mrow/s",
        "sparing",
    ):
        table.add_column(name, justify="right", no_wrap=True)
    for m in result.measurements:
        table.add_row(
            "-".join(map(str, m.shape.layers)),
            f"{m.shape.rows:,}",
            str(m.shape.particles),
            f"{m.ms_one_core:.3g}",
            f"{m.ms_shared:.3g}",
            f"{m.ms_each:.3g}",
            f"{m.gflops:.0f}",
            f"{m.percent_of_peak:.0f} %",
            f"{m.particle_rows_per_second / 1e6:.3g}",
            f"{m.ms_sparing:.3g} -{m.percent_spared:.0f} %",
        )
    legend = (
        f"Milliseconds an iteration: a swarm on 1 core, on {result.cores}, and each of {result.cores} at once.\n"
        "Of the last: GFLOP/s, share of the peak, million particles x rows a second.\n"
        "Sparing: on 1 core, leaving out rows that cannot make a particle better."
    )
    peaks = f"Peak: {result.peak_one_core:.0f} GFLOP/s on one core, {result.peak_all_cores:.0f} on {result.cores}."
    return Group(table, Text(f"{legend}\n{peaks}", style="dim"))
