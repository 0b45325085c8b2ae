"""What commands print for people, within 80 columns."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from shoal.analysis.score_rows import (
    METRIC_NAMES,
    ScoreRow,
    confidence_text,
    score_rows,
    shown_metrics,
)
from shoal.analysis.summary import Best, Summary
from shoal.presentation.formatting import (
    bounds_text,
    difference_text,
    duration,
    genome_text,
    half_width,
    layers_text,
    metric_heading,
    point_text,
    score_text,
    score_with_spread,
    shortened,
    spread_text,
    stability_text,
)
from shoal.presentation.palette import STATE_COLOURS
from shoal.store import RunView
from shoal.system.visible_text import visible

if TYPE_CHECKING:
    from shoal.analysis.split_sensitivity import MethodSummary
    from shoal.data.column_profile import ColumnFacts
    from shoal.data.diagnostics import Finding
    from shoal.objectives.registry import Metric
    from shoal.problems.check import ProblemCheck
    from shoal.problems.pace import ProblemPaces
    from shoal.pso.benchmark import Benchmark, Measurement
    from shoal.replay.verify import ReplayCheck
    from shoal.store.diagnostics import Check

# Columns of a table that `shoal check` lists.
_MOST_COLUMNS = 40
# Characters of a metric's name below a score.
_METRIC_WIDTH = 9
# Differences that `shoal replay` lists.
_MOST_DIFFERENCES = 12

# Heads of the columns of scores, by the kind of problem: of single networks, and of what they give
# together. Networks predict together, of policies one acts, and a point is one.
_HEADS = {
    "table": ("Single networks", "Ensemble"),
    "simulation": ("All its policies", "The one that acts"),
    "function": ("Best value",),
}

# The columns of `shoal runs`. Only the one of names may wrap, and so gives way where it is narrow.
_AMOUNT: dict[str, Any] = {"justify": "right", "no_wrap": True}
_RUN_COLUMNS: dict[str, dict[str, Any]] = {
    "Run": _AMOUNT,
    "Name": {},
    "State": {"no_wrap": True},
    **dict.fromkeys(("Gen.", "Trainings", "Best", "Time"), _AMOUNT),
    "Started": {"no_wrap": True},
    "Tags": {"max_width": 24},
}
_LEFT_OUT_FIRST = ("Tags", "Started", "Time", "Trainings", "Gen.", "Best")
# Columns of the terminal that names have at least, with the space beside them.
_SHORTEST_NAME = 10
# Columns of a line that nothing is cut in.
UNCUT_WIDTH = 1_000

_CHAMPION_STYLE = "bold green"
# Terminals have no orange and no gray of their own; other colours have the same name.
_TERMINAL_COLOURS = {"orange": "yellow", "gray": "bright_black"}
_MARKS = {
    "good": Text("good", "green"),
    "look": Text("look", "yellow"),
    "bad": Text("bad", "bold red"),
}


# Runs


def report(summary: Summary) -> RenderableType:
    """A run at rest."""
    run = summary.run
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim")
    grid.add_column()

    grid.add_row("State", state_text(run.state))
    for name, text in _problem_lines(run).items():
        grid.add_row(name, Text(text))
    generations = f"{run.generations} of {run.settings.generations}"
    grid.add_row("Generations", generations + _ended_by_text(run))
    trainings = f"{run.evaluations:,} ({run.iterations:,} iterations)"
    grid.add_row("Trainings", f"{trainings} in {duration(run.seconds)}")
    if run.tags:
        grid.add_row("Tags", Text(visible(", ".join(run.tags))))
    if run.note:
        grid.add_row("Note", Text(visible(run.note)))
    if run.archived is not None:
        grid.add_row("Archived", f"{datetime.fromtimestamp(run.archived):%Y-%m-%d %H:%M}")
    if run.error:
        grid.add_row("Error", Text(run.error, style="red"))

    if summary.best is not None:
        genome = summary.best.genome
        grid.add_row(f"Best {run.metric.word}", best_score_text(summary.best))
        grid.add_row("Genome", Text(genome_text(genome, network=run.has_network)))
        grid.add_row("Stability", Text(stability_text(genome)))
        for alarm in summary.best.on_bounds:
            grid.add_row("Note", Text(f"{alarm}.", style="yellow"))

    champion = summary.champion
    if champion is not None and not run.has_network:
        grid.add_row("Best point", Text(point_text(champion.chosen_weights)))

    parts: list[RenderableType] = [grid]
    if champion is not None:
        longer = run.settings.final_factor
        confidence = confidence_text(champion, longer, kind=run.kind, leader=summary.leader)
        rows = score_rows(champion, summary.competing_runs, run.kind)
        parts += ["", _scores_table(rows, run), Text(confidence, style="dim")]
    if run.result_hash:
        parts.append(Text(f"Result hash {run.result_hash[:16]}", style="dim"))

    return Panel(
        Group(*parts),
        title=Text(f"Run {run.id} · {visible(run.name)} · {run.settings.preset}"),
        title_align="left",
        border_style="dim",
    )


def state_text(state: str) -> Text:
    """A run's state in its colour."""
    colour = STATE_COLOURS[state]
    return Text(state, style=_TERMINAL_COLOURS.get(colour, colour))


def best_score_text(best: Best, *, short: bool = False) -> Text:
    """The best genome's score, with its interval and, unless ``short``, what that rests on."""
    score = score_with_spread(best.score, half_width(best.ci95), best.metric)
    basis = f"  ({best.repeats} repeats, 95 % interval)" if best.ci95 and not short else ""
    return Text.assemble((score, "bold green"), basis)


def _problem_lines(run: RunView) -> dict[str, str]:
    """What is solved, line by line: a table, or a simulation with its options."""
    lines = {}
    if run.is_table:
        lines["Data"] = _data_text(run)
    else:
        lines = _record_lines(run)
    if not run.metric.is_accuracy:
        lines["Metric"] = metric_heading(run.metric)
    return lines


def _record_lines(run: RunView) -> dict[str, str]:
    """What the record of a problem that is no table says of it."""
    record = run.problem or {}
    name = str(record.get("name", run.dataset))
    lines = {run.kind.capitalize(): name}
    if "bounds" in record:
        lines["Bounds"] = bounds_text(record["bounds"])
    reference = record.get("reference")
    if reference and reference != name:
        lines["Reference"] = str(reference)
    options = record.get("options")
    if options:
        lines["Options"] = ", ".join(f"{option} {value}" for option, value in options.items())
    return lines


def _data_text(run: RunView) -> str:
    """The table, the task, which rows stay together, and the roles of columns."""
    options = run.data_options
    target = options["target"]
    if isinstance(target, list):
        target = ", ".join(target)

    parts = [f"{run.dataset}, {options.get('task') or 'task'} of {target}"]
    folds = options.get("folds", 1)
    if folds > 1:
        parts.append(f"{folds} folds")

    said = {
        "in the order of": options.get("order"),
        "without": options.get("drop"),
        "groups of": options.get("group"),
        "weighted by": options.get("weight"),
        "columns": options.get("columns"),
    }
    for words, columns in said.items():
        names = [columns] if isinstance(columns, str) else columns
        if names:
            parts.append(f"{words} {', '.join(names)}")
    if options.get("file_encoding"):
        parts.append(f"read in {options['file_encoding']}")
    return ", ".join(parts)


def _ended_by_text(run: RunView) -> str:
    """Which limits may have ended a finished run before its last generation."""
    if run.state != "finished" or run.generations >= run.settings.generations:
        return ""

    limits = []
    if run.settings.evaluations is not None:
        limits.append("evaluations")
    if run.settings.max_seconds is not None:
        limits.append("max_seconds")
    if not limits:
        return ""
    return f" (ended by {' or '.join(limits)})"


def _scores_table(rows: Sequence[ScoreRow], run: RunView) -> Table:
    """A champion's scores, and those of other methods on the same rows."""
    metric = run.metric
    metrics = shown_metrics(rows, metric)
    heads = _HEADS.get(run.kind, _HEADS["simulation"])
    table = _table(("", heads[0], *(METRIC_NAMES[name] for name in metrics), *heads[1:]))
    for row in rows:
        if row.score is None:
            table.add_row(row.label, _error_text(row.error))
            continue
        cells = [score_with_spread(row.score, row.half, metric)]
        cells += [row.other(name) for name in metrics]
        if len(heads) > 1:
            cells.append("" if row.ensemble is None else score_text(row.ensemble, metric))
        table.add_row(row.label, *cells, style=_CHAMPION_STYLE if row.is_champion else "")
    return table


def runs_table(runs: Sequence[RunView]) -> RenderableType:
    """`shoal runs`. Where runs have different metrics, scores have their metric below them.

    A terminal has as many columns as there is room for; in a pipe or a file nothing is cut.
    """
    return _RunsTable(runs)


@dataclass(frozen=True, slots=True)
class _RunsTable:
    """The columns that there is room for. The number and the state always stay."""

    runs: Sequence[RunView]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Names are cut first, then columns are left out."""
        names = list(_RUN_COLUMNS)
        if not any(run.tags for run in self.runs):
            names.remove("Tags")
        for left_out in [name for name in _LEFT_OUT_FIRST if name in names]:
            others = self._table([name for name in names if name != "Name"])
            wide = options.update(max_width=UNCUT_WIDTH)
            needed = console.measure(others, options=wide).minimum
            if needed + _SHORTEST_NAME <= options.max_width:
                break
            names.remove(left_out)
        yield self._table(names)

    def _table(self, names: Sequence[str]) -> Table:
        table = Table(box=None, header_style="bold", pad_edge=False)
        for name in names:
            table.add_column(name, **_RUN_COLUMNS[name])

        with_metric = len({run.metric for run in self.runs if run.best_score is not None}) > 1
        for run in self.runs:
            cells = _run_cells(run, with_metric=with_metric)
            table.add_row(*(cells[name] for name in names))
        return table


def _run_cells(run: RunView, *, with_metric: bool) -> dict[str, str | Text]:
    """A run in the columns of `shoal runs`."""
    best = Text("-" if run.best_score is None else score_text(run.best_score, run.metric))
    if with_metric and run.best_score is not None:
        best.append(f"\n{shortened(run.metric.name, _METRIC_WIDTH)}", "dim")
    return {
        "Run": str(run.id),
        "Name": Text(visible(run.name), no_wrap=True, overflow="ellipsis"),
        "State": state_text(run.state),
        "Gen.": f"{run.generations}/{run.settings.generations}",
        "Trainings": f"{run.evaluations:,}",
        "Best": best,
        "Time": duration(run.seconds),
        "Started": datetime.fromtimestamp(run.created).strftime("%m-%d %H:%M"),
        "Tags": Text(visible(", ".join(run.tags)), no_wrap=True, overflow="ellipsis"),
    }


# What was trained again


def verdict_text(run_id: int, verdict: ReplayCheck, metric: Metric) -> RenderableType:
    """`shoal replay`."""
    recorded = verdict.recorded
    again = verdict.again
    task = recorded.task
    training = f"Run {run_id}, genome {task.genome.hash}, repeat {task.repeat}"
    training += f": {again.iterations:,} iterations in {again.seconds:.1f} s. "

    if verdict.same and recorded.score is None:
        same_error = ("The same failure", "bold green")
        return Text.assemble(training, same_error, f": {recorded.error}")
    if verdict.same:
        unit = " %" if metric.unit == "%" else ""
        scores = f"{recorded.score:.4f}{unit} and all other scores are exactly those recorded."
        return Text.assemble(training, ("The same", "bold green"), f": {scores}")

    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    for name in ("", "Recorded", "Again"):
        table.add_column(name, overflow="fold")
    for difference in verdict.differences[:_MOST_DIFFERENCES]:
        table.add_row(difference.name, Text(difference.recorded), Text(difference.again))

    if recorded.score is None and again.score is not None:
        reason = "The training itself does not fail: its worker was lost, or out of time or memory."
    else:
        reason = (
            "Equal versions of Shoal and its packages give equal bits; "
            "`shoal doctor` names those that are installed."
        )
    return Group(
        Text.assemble(training, ("Not the same:", "bold red")),
        table,
        _more_text(len(verdict.differences) - _MOST_DIFFERENCES),
        Text(reason, "dim"),
    )


def splits_table(rows: Sequence[MethodSummary], metric: Metric) -> RenderableType:
    """`shoal splits`."""
    table = _table(("", "Single networks", "Ensemble", "Champion's is ahead by"))
    for row in rows:
        if not row.splits:
            table.add_row(row.label, _error_text(row.error))
            continue
        behind = ""
        if not row.is_champion:
            ahead = difference_text(row.behind.mean, metric).removeprefix("+")
            behind = f"{ahead} {spread_text(row.behind.half, metric)}".rstrip()
        table.add_row(
            row.label,
            score_with_spread(row.single.mean, row.single.half, metric),
            score_with_spread(row.ensemble.mean, row.ensemble.half, metric),
            behind,
            style=_CHAMPION_STYLE if row.is_champion else "",
        )

    count = max((row.splits for row in rows), default=0)
    legend = (
        f"{metric.label} on the test rows of {count} other random splits: mean and 95 % interval. "
        "Splits share rows, so that intervals are somewhat too narrow, and the genome was found "
        "on some of these rows."
    )
    return Group(table, Text(legend, style="dim"))


# The data, the installation and the machine


def findings_table(facts: Sequence[ColumnFacts], findings: Sequence[Finding]) -> RenderableType:
    """`shoal check`."""
    columns = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    columns.add_column("Column", overflow="fold")
    columns.add_column("Holds", no_wrap=True)
    for name in ("Different", "Missing"):
        columns.add_column(name, justify="right", no_wrap=True)
    for fact in facts[:_MOST_COLUMNS]:
        columns.add_row(Text(fact.name), fact.kind, f"{fact.distinct:,}", f"{fact.missing:,}")

    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for finding in findings:
        remedy = f"{finding.remedy}{_option_text(finding)}"
        table.add_row(_MARKS[finding.status], _with_remedy(finding.what, remedy))

    more = _more_text(len(facts) - _MOST_COLUMNS, " columns\n")
    return Group(columns, more, table)


def _option_text(finding: Finding) -> str:
    """The option that does what a finding's remedy says, in parentheses; empty without one."""
    option = ""
    # Commas separate names, so that none can stand in one.
    if finding.leave and not any("," in column for column in finding.leave):
        option = f"--drop {shlex.quote(','.join(finding.leave))}"
    if finding.together:
        option = "--same all"
    if finding.order:
        option = f"--order {shlex.quote(finding.order)}"
    if finding.file_encoding:
        option = f"--file-encoding {finding.file_encoding}"
    return f" ({option})" if option else ""


def problem_table(check: ProblemCheck) -> Table:
    """`shoal check-problem`."""
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    for name in ("", "Check", "Finding"):
        table.add_column(name, overflow="fold")
    for finding in check.findings:
        what = _with_remedy(finding.what, finding.remedy)
        table.add_row(_MARKS[finding.status], finding.check, what)
    return table


def doctor_table(checks: Sequence[Check]) -> RenderableType:
    """`shoal doctor`."""
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    for name in ("", "Check", "Finding"):
        table.add_column(name, overflow="fold")
    for check in checks:
        finding = _with_remedy(check.finding, check.remedy)
        table.add_row(_MARKS[check.status], check.name, finding)
    return table


def bench_table(result: Benchmark) -> RenderableType:
    """`shoal bench`."""
    cores = result.cores
    table = Table(box=None, header_style="bold", padding=(0, 1, 0, 0))
    table.add_column("Network", no_wrap=True)
    for name in (
        "Rows",
        "Swarm",
        "1 core",
        f"{cores} cores",
        f"{cores} swarms",
        "GFLOP/s",
        "peak",
        "Mrow/s",
        "sparing",
    ):
        table.add_column(name, justify="right", no_wrap=True)
    for measurement in result.measurements:
        table.add_row(*_bench_cells(measurement))

    legend = (
        f"Milliseconds an iteration: a swarm on 1 core, on {cores}, and each of {cores} at once.\n"
        "Of the last: GFLOP/s, share of the peak, million particles x rows a second.\n"
        "Sparing: on 1 core, leaving out rows that cannot make a particle better.\n"
        f"Peak: {result.peak_one_core:.0f} GFLOP/s on one core, "
        f"{result.peak_all_cores:.0f} on {cores}."
    )
    return Group(table, Text(legend, style="dim"))


def _bench_cells(measurement: Measurement) -> list[str]:
    shape = measurement.shape
    return [
        layers_text(shape.layers) + (", solved" if shape.readout == "solved" else ""),
        f"{shape.rows:,}",
        str(shape.particles),
        f"{measurement.ms_one_core:.3g}",
        f"{measurement.ms_shared:.3g}",
        f"{measurement.ms_each:.3g}",
        f"{measurement.gflops:.0f}",
        f"{measurement.percent_of_peak:.0f} %",
        f"{measurement.particle_rows_per_second / 1e6:.3g}",
        f"{measurement.ms_skipping_rows:.3g} -{measurement.percent_rows_skipped:.0f} %",
    ]


def paces_table(found: ProblemPaces) -> RenderableType:
    """`shoal bench --problem`."""
    table = _table(("On one core", "ms"))
    for pace in found.paces:
        table.add_row(pace.what, f"{pace.milliseconds:.3g}")

    lines = []
    for name, value in found.facts.items():
        lines.append(f"{name.replace('_', ' ').capitalize()}: {value:.4g}.")
    if "ratio" in found.facts:
        lines.append("Ratio: less the function itself, to the built-in loss.")
    return Group(table, Text("\n".join(lines), style="dim"))


# Parts of tables


def _table(names: Sequence[str]) -> Table:
    """A table without lines: names on the left in the first column, numbers in the others."""
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    for name in names:
        table.add_column(name, justify="right" if name else "left", no_wrap=True)
    return table


def _error_text(error: str | None) -> Text:
    """Why a method has no scores, in the width of one column."""
    return Text(error or "", style="red", overflow="ellipsis")


def _with_remedy(finding: str, remedy: str | None) -> Text:
    """A finding, and below it what to do."""
    text = Text(finding)
    if remedy:
        text.append(f"\nWhat to do: {remedy}.", "dim")
    return text


def _more_text(count: int, unit: str = "") -> Text:
    """How many lines are not shown; empty when all are."""
    if count <= 0:
        return Text("")
    return Text(f"and {count:,} more{unit}", "dim")
