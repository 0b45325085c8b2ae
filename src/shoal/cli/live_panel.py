"""The live display of a run in the terminal, as wide as the terminal is."""

from __future__ import annotations

from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from shoal.analysis.summary import Summary
from shoal.cli.tables import best_score_text
from shoal.presentation.formatting import (
    blocking_run_text,
    duration,
    phase_text,
    score_text,
    time_left_text,
)
from shoal.presentation.shown_loss import shown_loss
from shoal.presentation.sparkline import sparkline
from shoal.store import Live, RunningTraining, RunView
from shoal.system.visible_text import visible

# Lines of the panel besides one for each worker, and what is left free below it.
_OTHER_LINES = 13
# Columns that frame, labels and the numbers around a sparkline take.
_BESIDE_SPARKLINE = 50
_SHORTEST_SPARKLINE = 8
# Below this many columns, intervals go without their words, and columns stand closer.
_NARROW = 70
# Characters of a genome's name.
_NAME = 8
# Wide enough for "12345678, repeat 1003".
_TRAINS_WIDTH = 21
_LOSS_WIDTH = 9
_PERCENT_WIDTH = 5


class LivePanel:
    """What is drawn of a run while it is followed.

    Each worker keeps its line and no line goes away, so that nothing jumps.

    Parameters
    ----------
    console
        Where it is drawn; its size is asked for at each drawing.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        # The worker of each line, by what processes call it; "" has not said its name yet.
        self._workers: list[str] = []
        self._most_rows = 1

    @property
    def _narrow(self) -> bool:
        return self._console.width < _NARROW

    def render(
        self, summary: Summary, live: Live | None, ahead: RunView | None = None
    ) -> RenderableType:
        """Draw a run.

        Parameters
        ----------
        summary
            The run as it is now.
        live
            What trains; None while nobody drives it.
        ahead
            The run that it waits for, if it does.
        """
        run = summary.run
        facts = self._facts(summary, ahead)
        trainings = self._training_rows(run, live)
        title = f"Run {run.id} · {visible(run.name)} · {run.settings.preset} · {run.state}"
        return Panel(
            Group(facts, "", trainings),
            title=Text(title, overflow="ellipsis", no_wrap=True),
            title_align="left",
            border_style="cyan",
        )

    def _facts(self, summary: Summary, ahead: RunView | None) -> Table:
        run = summary.run
        metric = run.metric
        progress = summary.progress
        grid = Table.grid(padding=(0, 2), expand=True)
        grid.add_column(style="dim", no_wrap=True)
        grid.add_column(ratio=1, no_wrap=True, overflow="ellipsis")

        grid.add_row("Done", _bar(progress.share, time_left_text(run, progress)))
        grid.add_row("Now", _now_text(summary, ahead))
        best: RenderableType = Text("after the first generation", style="dim")
        if summary.best is not None:
            best = best_score_text(summary.best, short=self._narrow)
        grid.add_row(f"Best {metric.word}", best)
        grid.add_row("By generation", self._course(summary))
        grid.add_row(f"Mean {metric.word}", score_text(run.mean_score, metric))
        grid.add_row("Trainings", _trainings_text(summary))
        grid.add_row("Time", f"{duration(run.seconds)} gone")
        return grid

    def _course(self, summary: Summary) -> Text:
        """The best score of each generation."""
        metric = summary.run.metric
        scores = [record.summary.best_score for record in summary.generations]
        known = [score for score in scores if score is not None]
        if not known:
            return Text("")

        width = max(_SHORTEST_SPARKLINE, self._console.width - _BESIDE_SPARKLINE)
        text = Text(sparkline(scores, width), style="cyan")
        if len(known) > 1:
            ends = f"  {score_text(known[0], metric)} to {score_text(known[-1], metric)}"
            text.append(ends, "dim")
        return text

    def _training_rows(self, run: RunView, live: Live | None) -> Table:
        """A line for each worker, as many as the terminal has room for."""
        trainings = self._placed(live.trainings if live is not None else ())
        asked_for = run.settings.workers or 1
        self._most_rows = max(
            self._most_rows, asked_for, len(self._workers), 1 + max(trainings, default=0)
        )
        count = self._most_rows
        room = max(1, self._console.height - _OTHER_LINES)
        shown = count if count <= room else max(1, room - 1)

        metric = None if run.is_table else run.metric
        loss = shown_loss(metric)
        space = 1 if self._narrow else 2
        table = Table(box=None, header_style="dim", padding=(0, space, 0, 0), expand=True)
        table.add_column("Worker", justify="right", no_wrap=True)
        table.add_column("Trains", no_wrap=True, overflow="ellipsis", min_width=_TRAINS_WIDTH)
        table.add_column("Iterations", ratio=1, no_wrap=True, overflow="crop")
        table.add_column("", justify="right", no_wrap=True, min_width=_PERCENT_WIDTH)
        heading = loss.one.capitalize()
        table.add_column(heading, justify="right", no_wrap=True, min_width=_LOSS_WIDTH)

        for place in range(shown):
            training = trainings.get(place)
            if training is None:
                table.add_row(str(place + 1), Text("waiting", style="dim"))
                continue
            best = ""
            if training.curve:
                best = f"{loss.number(training.curve[-1][1]):.4g}"
            share, amount = _share(training)
            bar = ProgressBar(1.0, share)
            table.add_row(str(place + 1), trains_text(training), bar, amount, best)
        if shown < count:
            table.add_row("", Text(f"and {count - shown} more workers", style="dim"))
        return table

    def _placed(self, trainings: tuple[RunningTraining, ...]) -> dict[int, RunningTraining]:
        """Trainings by their line. A worker that has not said its name gets one that is free."""
        placed: dict[int, RunningTraining] = {}
        unnamed = []
        for training in sorted(trainings, key=lambda training: training.worker):
            if not training.worker:
                unnamed.append(training)
                continue
            if training.worker not in self._workers:
                self._workers.append(training.worker)
            placed[self._workers.index(training.worker)] = training

        for training in unnamed:
            free = next(place for place in range(len(placed) + 1) if place not in placed)
            placed[free] = training
        return placed


def progress_line(summary: Summary) -> str:
    """A run in a line, for where no display can be drawn."""
    run = summary.run
    progress = summary.progress
    parts = [f"{run.generations} of {run.settings.generations} generations"]
    if run.state == "running":
        parts.append(phase_text(progress.phase))
    else:
        parts.append(run.state)
    if summary.best is not None:
        parts.append(f"best {run.metric.word} {score_text(summary.best.score, run.metric)}")
    parts.append(f"{run.evaluations:,} trainings")
    parts.append(f"{int(100 * progress.share)} % done")
    left = time_left_text(run, progress)
    if left:
        parts.append(left)
    return f"Run {run.id}: {', '.join(parts)}"


def trains_text(training: RunningTraining) -> str:
    """What a worker trains: a genome's name and the repeat, or what else it is."""
    if training.kind == "baseline":
        return f"baseline {training.baseline}"
    return f"{training.genome.hash[:_NAME]}, repeat {training.repeat}"


def _share(training: RunningTraining) -> tuple[float, str]:
    """How much of a training is done: 0 to 1, and in words; seconds where it is not known."""
    if not training.iteration or not training.iterations:
        return 0.0, duration(training.seconds)
    share = min(1.0, training.iteration / training.iterations)
    return share, f"{int(100 * share)} %"


def _bar(share: float, left: str) -> Table:
    """A bar, its share, and the time left: as wide as there is room."""
    grid = Table.grid(padding=(0, 2), expand=True)
    grid.add_column(ratio=1)
    grid.add_column(justify="right", no_wrap=True, min_width=5)
    grid.add_column(no_wrap=True, min_width=18)
    grid.add_row(ProgressBar(1.0, share), f"{int(100 * share)} %", left)
    return grid


def _now_text(summary: Summary, ahead: RunView | None) -> str:
    run = summary.run
    if ahead is not None:
        return blocking_run_text(ahead, f"`shoal pause {ahead.id}`")
    of = f"generation {run.generations} of {run.settings.generations} is complete"
    if run.state != "running":
        return f"{run.state}, {of}"
    return f"{phase_text(summary.progress.phase)}, {of}"


def _trainings_text(summary: Summary) -> str:
    count = f"{summary.run.evaluations:,}"
    per_minute = summary.trainings_per_minute
    if not per_minute:
        return count
    return f"{count}  ({per_minute:,.0f} a minute)"
