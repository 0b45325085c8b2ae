"""The figures of the pages, of one run, for a notebook: `shoal.SearchResult.plot`.

Vega-Lite's are Altair charts, swarms and lines are Plotly figures; either shows itself as the last
line of a cell, and is the caller's to change or to save. The legend, which is HTML on a page, is
drawn into the chart.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from shoal.analysis.champion_rows import champion_rows
from shoal.analysis.comparable_scores import floored_scores, with_comparable_scores
from shoal.analysis.evaluation_table import EvaluationTable
from shoal.analysis.gene_features import gene_features
from shoal.analysis.importance import importances
from shoal.analysis.input_importance import REPEATS, input_importances
from shoal.analysis.simple_methods import reference_lines, simple_methods
from shoal.analysis.summary import load_champion, summarise
from shoal.dashboard.charts.base import palette
from shoal.dashboard.charts.history import (
    HistoryMarks,
    history_chart,
    history_data,
    planned_generations,
)
from shoal.dashboard.charts.input_importance import importance_chart
from shoal.dashboard.charts.leaderboard import leaderboard_chart, leaderboard_data, repeats_data
from shoal.dashboard.charts.vega import FONT, Spec
from shoal.errors import AnalysisError
from shoal.presentation.palette import MARGINS
from shoal.problems.table import TableProblem
from shoal.replay.recorder import Window, recorded_training, replay_training
from shoal.store import RunView, Store

if TYPE_CHECKING:
    import altair
    from plotly.graph_objects import Figure

WIDTH = 720
# A line of the legend above a chart, and what its entries take, in pixels.
_LINE = 22
_MARK = 22
_GAP = 18
_LETTER = 7.2
# Lines of genomes go through this number of genes.
_GENES = 6


class RunPlots:
    """Figures of one run.

    Parameters
    ----------
    run
        The run.
    open_store
        Opens the store that has recorded it.
    """

    def __init__(self, run: RunView, open_store: Callable[[], Store]) -> None:
        self._run = run
        self._open_store = open_store

    def __repr__(self) -> str:
        figures = ".history(), .leaderboard(), .inputs(), .genes(), .swarm()"
        return f"<Figures of run {self._run.id}: {figures}>"

    def history(self, *, width: int = WIDTH, dark: bool = False) -> altair.TopLevelMixin:
        """Best and average score by generation, as on the page Live.

        Parameters
        ----------
        width
            In pixels.
        dark
            Draw for a dark notebook.

        Returns
        -------
        altair.LayerChart

        Raises
        ------
        AnalysisError
            No generation is complete.
        StoreError
            The store cannot be read any more.
        """
        with self._table() as table:
            generations = table.store.generations(self._run.id)
            if not generations:
                raise _nothing_yet(self._run, "generation")
            scored = self._run.settings.schedule.scored_repeats
            frame = history_data(generations, table.frame, scored)
            marks = self._marks(table.store)
        chart = history_chart(frame, metric=self._run.metric, marks=marks, dark=dark)
        return as_altair(chart, width, dark)

    def leaderboard(
        self, count: int = 10, *, width: int = WIDTH, dark: bool = False
    ) -> altair.TopLevelMixin:
        """The best genomes with a dot for each repeat, as on the page Champion.

        Parameters
        ----------
        count
            The most genomes.
        width, dark
            As of `history`.

        Returns
        -------
        altair.LayerChart

        Raises
        ------
        AnalysisError
            No training has a score.
        StoreError
            The store cannot be read any more.
        """
        with self._table() as table:
            champion = load_champion(table.store, self._run)
            name = champion.genome.hash if champion else None
            best = leaderboard_data(table, count, name)
            dots = repeats_data(table, best)
        if best.empty:
            raise _nothing_yet(self._run, "training")
        chart = leaderboard_chart(best, dots, metric=self._run.metric, dark=dark)
        return as_altair(chart, width, dark)

    def inputs(
        self, *, repeats: int = REPEATS, seed: int = 0, width: int = WIDTH, dark: bool = False
    ) -> altair.TopLevelMixin:
        """Which columns of the table the champion needs, as on the page Model.

        Parameters
        ----------
        repeats, seed
            As of `shoal.SearchResult.importance`.
        width, dark
            As of `history`.

        Returns
        -------
        altair.LayerChart

        Raises
        ------
        AnalysisError
            There is no champion, or the table has no test rows.
        ProblemError
            The run solves no table.
        SettingsError
            For ``repeats`` out of range.
        StoreError
            The store cannot be read any more.
        """
        with self._open_store() as store:
            champion = load_champion(store, self._run)
            problem = store.load_problem(self._run.id)
        if champion is None:
            raise _nothing_yet(self._run, "champion")
        found = input_importances(champion_rows(problem, champion), repeats=repeats, seed=seed)
        return as_altair(importance_chart(found, dark=dark), width, dark)

    def genes(self, *, dark: bool = False) -> Figure:
        """All genomes as lines through the genes that matter most, as on the page What matters.

        Parameters
        ----------
        dark
            As of `history`.

        Returns
        -------
        plotly.graph_objects.Figure

        Raises
        ------
        AnalysisError
            Too few genomes have a score.
        StoreError
            The store cannot be read any more.
        """
        from shoal.dashboard.charts.gene_pairs import parallel_chart, parallel_data

        with self._table() as table:
            genomes = with_comparable_scores(table.genomes(), table.frame, self._run.settings)
        found = importances(genomes, self._run.metric)
        features = {feature.name: feature for feature in gene_features(genomes)}
        order = [features[gene.name] for gene in found.genes if features[gene.name].varies]
        scores = floored_scores(genomes["score"], self._run.metric)
        return _on_surface(parallel_chart(parallel_data(order[:_GENES], scores), dark=dark), dark)

    def swarm(
        self, genome: str | None = None, repeat: int | None = None, *, dark: bool = False
    ) -> Figure:
        """A recorded training once more, to be played, as on the page Swarm.

        Parameters
        ----------
        genome
            The genome's hash, or its first digits; None: the champion's.
        repeat
            The repeat; None: the first one.
        dark
            As of `history`.

        Returns
        -------
        plotly.graph_objects.Figure

        Raises
        ------
        ReplayError
            There is no such training.
        StoreError
            The store cannot be read any more.
        """
        from shoal.dashboard.charts.swarm import swarm_chart

        with self._open_store() as store:
            evaluation = recorded_training(store, self._run.id, genome, repeat)
            problem = store.load_problem(self._run.id)
        replay = replay_training(
            problem,
            evaluation.task,
            evaluation.iterations,
            Window(most=60),
            recorded=evaluation.loss,
        )
        return _on_surface(swarm_chart(replay, dark=dark), dark)

    def _marks(self, store: Store) -> HistoryMarks:
        """The champion, and what simple methods reach."""
        lines = reference_lines(self._run)
        if self._run.is_table:
            problem = store.load_problem(self._run.id)
            assert isinstance(problem, TableProblem)
            lines = tuple(simple_methods(problem))
        summary = summarise(store, self._run.id)
        champion = summary.best if summary.champion is not None else None
        return HistoryMarks(champion, lines, planned_generations(self._run))

    @contextmanager
    def _table(self) -> Iterator[EvaluationTable]:
        with self._open_store() as store:
            yield EvaluationTable(store, self._run).refresh()


def _nothing_yet(run: RunView, what: str) -> AnalysisError:
    return AnalysisError(
        f"Run {run.id} has no {what} that could be drawn; it is {run.state}.",
        expected="a run that has trained",
        remedy=f"`shoal resume {run.id}` goes on with a run that has not finished",
    )


def as_altair(spec: Spec, width: int, dark: bool) -> altair.TopLevelMixin:
    """A chart of a page as an Altair chart, with its legend and a background of its own.

    Parameters
    ----------
    spec
        What `vega_chart` returned.
    width
        Of the whole chart, in pixels.
    dark
        Whether it was drawn for the dark theme.
    """
    import altair

    spec = copy.deepcopy(spec)
    about = spec.pop("usermeta")
    colours = palette(dark)
    # Vega finds the margins of charts that fit; those of others are fixed.
    inner = width if about["fit"] else width - MARGINS["left"] - MARGINS["right"]
    spec |= {"background": colours.surface, "width": inner}
    lines = _legend_lines(about["entries"], spec["width"])
    spec["padding"] = {**spec["padding"], "top": spec["padding"]["top"] + _LINE * len(lines)}
    for n, entries in enumerate(lines):
        y = _LINE * (n - len(lines)) + _LINE / 3
        spec["layer"] += _legend_layers(entries, y, colours.text)
    chart: altair.TopLevelMixin = altair.Chart.from_dict(spec)
    return chart


def _legend_lines(entries: list[dict[str, Any]], width: float) -> list[list[dict[str, Any]]]:
    """The entries of a legend, in as many lines as they need."""
    lines: list[list[dict[str, Any]]] = []
    left = 0.0
    for entry in entries:
        needed = _width_of(entry)
        if needed > left:
            lines.append([])
            left = width
        lines[-1].append(entry)
        left -= needed
    return lines


def _width_of(entry: dict[str, Any]) -> float:
    return float(_MARK + _GAP + _LETTER * len(entry["label"]))


def _legend_layers(entries: list[dict[str, Any]], place: float, text_colour: str) -> list[Spec]:
    """A line of marks and labels; ``place`` is its height below the upper end of the plane."""
    layers = []
    x = 0.0
    y = {"value": place}
    for entry in entries:
        start = {"value": x}
        nothing: Spec = {"data": {"values": [{}]}}
        layers.append(nothing | _legend_mark(entry, x, y))
        label = {
            "type": "text",
            "text": entry["label"],
            "align": "left",
            "baseline": "middle",
            "dx": _MARK,
            "font": FONT,
            "fontSize": 13,
            "color": text_colour,
        }
        layers.append(nothing | {"mark": label, "encoding": {"x": start, "y": y}})
        x += _width_of(entry)
    return layers


def _legend_mark(entry: dict[str, Any], x: float, y: Spec) -> Spec:
    colour = entry["colour"]
    if entry["shape"] == "line":
        line = {"type": "rule", "color": colour, "strokeWidth": 2.5}
        if entry["dash"]:
            line["strokeDash"] = list(entry["dash"])
        ends = {"x": {"value": x}, "x2": {"value": x + _MARK - 6}, "y": y}
        return {"mark": line, "encoding": ends}

    shape = "square" if entry["shape"] == "area" else entry["shape"]
    point = {
        "type": "point",
        "shape": shape,
        "size": 70,
        "filled": not entry["hollow"],
        "color": colour,
    }
    return {"mark": point, "encoding": {"x": {"value": x + _MARK / 2 - 3}, "y": y}}


def _on_surface(figure: Figure, dark: bool) -> Figure:
    """A figure with a background of its own: a notebook may be of the other theme."""
    figure.update_layout(paper_bgcolor=palette(dark).surface)
    return figure
