"""The page What matters: bounds in the way, the genes' importance, and score by gene.

The page stands still, since a forest is not grown each second. It says when there is more to see.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd
import streamlit as st
from plotly.graph_objects import Figure

from shoal.analysis.comparable_scores import (
    FlooredScores,
    floored_scores,
    with_comparable_scores,
)
from shoal.analysis.gene_features import GeneFeature, gene_features
from shoal.analysis.importance import Importances, Model, importances
from shoal.analysis.score_surface import surface
from shoal.dashboard.charts.bound_alarms import BEST, BoundAlarm, bound_alarms
from shoal.dashboard.charts.gene_pairs import (
    MOST_LINES,
    pair_chart,
    pair_data,
    parallel_chart,
    parallel_data,
)
from shoal.dashboard.charts.gene_slices import MOST_DOTS, score_axis, slice_chart, slice_data
from shoal.dashboard.charts.importance_bars import importance_bars_html
from shoal.dashboard.charts.vega import Spec
from shoal.dashboard.components.deferred_charts import chart
from shoal.dashboard.components.genome_card import on_demand
from shoal.dashboard.components.run_heading import run_heading
from shoal.dashboard.error_box import error_box
from shoal.dashboard.routing import entered, go, link
from shoal.dashboard.session.queries import evaluation_table, read, run_here
from shoal.dashboard.session.staleness import is_recent
from shoal.errors import AnalysisError
from shoal.genome.genes import gene_label
from shoal.genome.genome import Genome
from shoal.objectives.registry import Metric
from shoal.presentation.formatting import score_text
from shoal.store import RunView

# Genes that are shown until others are chosen: the most important ones.
_SLICES = 3
_LINES = 9
_COLUMNS = 3

# Key of Streamlit's session state: by run, the number of trainings that this visitor looks at.
_SEEN = "seen"


@dataclass(frozen=True)
class Analysis:
    """What the first trainings of a run show.

    Attributes
    ----------
    genomes
        One row a genome, with its genes and its comparable score.
    scores
        The scores, with the worst ones raised to a floor.
    order
        The genes that vary, the most important first.
    champion
        The row of the best genome; None when it is not among the genomes.
    importances
        The importance of all genes, or the error that says why there is none.
    model
        The model of the score by genes; None where there is none.
    """

    genomes: pd.DataFrame
    scores: FlooredScores
    order: tuple[GeneFeature, ...]
    champion: int | None
    importances: Importances | AnalysisError
    model: Model | None

    @property
    def labels(self) -> dict[str, str]:
        """What people call the genes that vary, by name, the most important first."""
        return {feature.name: feature.label for feature in self.order}

    def feature(self, name: str) -> GeneFeature:
        """A gene that varies, by its name."""
        return next(feature for feature in self.order if feature.name == name)


def page() -> None:
    """The analysis of one run, as of the trainings that were there when the page was opened."""
    run = run_here()
    run_heading(run, "matters")

    trained = _trainings_to_look_at(run)
    if not trained:
        st.markdown("**Nothing was trained yet.**")
        st.caption(
            "As soon as genomes have been trained, this page says which of their genes matter."
        )
        link("live", "Watch the run", icon=":material/arrow_forward:", run=run.id)
        return

    _draw_bounds(run)
    try:
        analysis = _analysis(run.id, trained)
    except AnalysisError as error:
        error_box(error)
        return

    with st.container(border=True, key="importance"):
        _draw_importance(analysis)
    if not analysis.order:
        return

    with st.container(border=True, key="slices"):
        _draw_slices(run, trained, analysis)
    with on_demand("Two genes at once", ":material/scatter_plot:", "pair") as wanted:
        if wanted:
            _draw_pair(run, trained, analysis)
    with on_demand("All together, genomes as lines", ":material/show_chart:", "parallel") as wanted:
        if wanted:
            _draw_lines(run, trained, analysis)


def _trainings_to_look_at(run: RunView) -> int:
    """The number of trainings behind the page, with a button that takes in those recorded since.

    It stays what it was when the visitor opened the page. Whoever opens the page gets what was
    computed last for anybody, while few trainings have come since.
    """
    seen: dict[int, int] = st.session_state.setdefault(_SEEN, {})
    if entered() or run.id not in seen:
        now = len(evaluation_table(run.id).frame)
        last = _last_looked_at()
        was_asked_for = not entered()
        # A run that nobody has looked at may have no trainings either: 0 of 0 would be recent.
        is_first = run.id not in last
        if was_asked_for or is_first or not is_recent(last[run.id], now):
            last[run.id] = now
        seen[run.id] = last[run.id]

    shown = seen[run.id]
    more = run.evaluations - shown
    if more > 0:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(
                f"As of {shown:,} trainings; {more:,} more were recorded since.", width="content"
            )
            st.button(
                "Look again",
                icon=":material/refresh:",
                on_click=_look_again,
                args=(seen, run.id),
                key="again",
            )
    return shown


def _look_again(seen: dict[int, int], run_id: int) -> None:
    seen.pop(run_id, None)


@st.cache_resource(show_spinner=False)
def _last_looked_at() -> dict[int, int]:
    """By run, the number of trainings that anybody looked at last."""
    return {}


@st.cache_resource(max_entries=8, show_spinner="Growing forests …")
def _analysis(run_id: int, trained: int) -> Analysis:
    table = evaluation_table(run_id)
    snapshot = read(run_id)
    evaluations = table.frame.iloc[:trained]
    genomes = with_comparable_scores(table.genomes(), evaluations, snapshot.run.settings)
    metric = table.metric
    scores = floored_scores(genomes["score"], metric)

    varying = {feature.name: feature for feature in gene_features(genomes) if feature.varies}
    order = tuple(varying.values())
    found: Importances | AnalysisError
    model: Model | None = None
    try:
        found = importances(genomes, metric)
        model = Model.of(genomes, metric)
        order = tuple(varying[gene.name] for gene in found.genes if gene.name in varying)
    except AnalysisError as error:
        found = error

    champion = None
    names = genomes.index.tolist()
    best = snapshot.summary.best
    if best is not None and best.genome.hash in names:
        champion = names.index(best.genome.hash)
    return Analysis(genomes, scores, order, champion, found, model)


def _draw_bounds(run: RunView) -> None:
    """The alarm: bounds on which some of the best genomes lie, and a search without them."""
    alarms = bound_alarms(_best_genomes(run), run.settings.space)
    movable = [alarm for alarm in alarms if alarm.widens]
    if movable:
        with st.container(border=True, key="alarm"):
            _draw_alarms(run, movable)

    fixed = []
    for alarm in alarms:
        if not alarm.widens:
            fixed.append(f"{gene_label(alarm.at.gene)} ({alarm.count} of {alarm.out_of})")
    if fixed:
        st.caption(f"Of the best, on bounds that no search may leave: {', '.join(fixed)}.")


def _best_genomes(run: RunView) -> list[Genome]:
    table = evaluation_table(run.id)
    genomes = []
    for name in table.ranked().index[:BEST]:
        genome = table.genome(name)
        if genome is not None:
            genomes.append(genome)
    return genomes


def _draw_alarms(run: RunView, alarms: list[BoundAlarm]) -> None:
    st.header("The best lie on a bound", anchor=False)
    st.caption("A better genome may lie beyond it, where this search was not allowed to look.")
    for alarm in alarms:
        _draw_alarm(run, alarm)

    if len(alarms) < 2:
        return
    pressed = st.button(
        "Search again with all of them wider",
        type="primary",
        icon=":material/unfold_more:",
        key="wider",
    )
    if pressed:
        go("new", like=run.id, widen=",".join(alarm.key for alarm in alarms))


def _draw_alarm(run: RunView, alarm: BoundAlarm) -> None:
    bound = alarm.at
    verb = "lies" if alarm.count == 1 else "lie"
    where = f"the {bound.side} bound of **{gene_label(bound.gene)}**, {bound.bound:g}"

    text, button = st.columns([3, 2], vertical_alignment="center")
    text.markdown(
        f"**{alarm.count} of the best {alarm.out_of}** {verb} on {where}. "
        f"It can be widened to {bound.limit:g}."
    )
    pressed = button.button(
        "Search again with wider bounds",
        icon=":material/unfold_more:",
        key=f"wider-{alarm.key}",
        width="stretch",
    )
    if pressed:
        go("new", like=run.id, widen=alarm.key)


def _draw_importance(analysis: Analysis) -> None:
    st.header("Importance of each gene", anchor=False)
    found = analysis.importances
    if isinstance(found, AnalysisError):
        # Nothing went wrong: a short search has few genomes.
        st.markdown(found.problem)
        st.caption(f"Enough are {found.expected}: {found.remedy}.")
        return

    if found.means_something:
        st.markdown(f":green-badge[R² {found.r2.mean:.2f}] {found.trust}")
        _draw_bars(found)
        return

    st.markdown(f":orange-badge[R² {found.r2.mean:.2f}] {_too_few_text(found)}")
    with on_demand("The bars all the same", ":material/bar_chart:", "bars") as wanted:
        if wanted:
            _draw_bars(found)


def _too_few_text(found: Importances) -> str:
    """Why there are no bars, and what would be enough."""
    text = (
        f"These {found.genomes:,} genomes do not show which gene matters: a model of them explains "
        f"{100 * max(0.0, found.r2.mean):.0f} % of what it has not seen."
    )
    if found.enough is None:
        return f"{text} How many would be enough cannot be said yet."
    return (
        f"{text} About {found.enough:,} would probably be enough; let the search go on, or raise "
        "its generations or population."
    )


def _draw_bars(found: Importances) -> None:
    st.html(importance_bars_html(found))
    notes = [
        f"By how {_amount_words(found.metric)} predictions of the {found.metric.word} get worse "
        "when a gene is shuffled, on genomes that the model has not seen. A bar is the mean, its "
        "line the 95 % interval over bootstraps. Where that holds 0, the bar is hollow. Genes that "
        "evolution moved together share their worth."
    ]
    if found.learned < found.genomes:
        notes.append(
            f"Learned from {found.learned:,} of {found.genomes:,} genomes, drawn at random."
        )
    if found.fixed:
        notes.append(f"All genomes agree on: {', '.join(found.fixed)}.")
    st.caption(" ".join(notes))


def _amount_words(metric: Metric) -> str:
    """The unit of an importance, after "By how"."""
    if metric.unit == "%":
        return "many percentage points"
    if metric.unit:
        return f"much, in {metric.unit},"
    return "much"


def _draw_slices(run: RunView, trained: int, analysis: Analysis) -> None:
    st.header("One gene at a time", anchor=False)
    chosen = _chosen_genes(run, analysis)
    # All slices together draw no more dots than one alone would.
    most = MOST_DOTS // max(1, len(chosen))

    features = [feature for feature in analysis.order if feature.name in chosen]
    for row in _rows(features):
        for column, feature in zip(st.columns(_COLUMNS, gap="small"), row, strict=False):
            with column:
                figure = _slice_chart(run.id, trained, feature.name, most, _dark())
                alt = f"{analysis.scores.metric.label} of the genomes by {feature.label}"
                chart(figure, f"slice-{feature.name}", alt)

    st.caption(" ".join(_slice_notes(run, analysis, most)))


def _rows(features: list[GeneFeature]) -> Iterator[list[GeneFeature]]:
    for start in range(0, len(features), _COLUMNS):
        yield features[start : start + _COLUMNS]


def _chosen_genes(run: RunView, analysis: Analysis) -> list[str]:
    """The genes to draw, with the means to choose others."""
    labels = analysis.labels
    key = f"slices-{run.id}"
    usual = list(labels)[:_SLICES]

    with on_demand("Choose genes", ":material/tune:", "choose") as wanted:
        if wanted:
            st.multiselect(
                "Genes",
                list(labels),
                usual,
                format_func=labels.__getitem__,
                key=key,
                label_visibility="collapsed",
                persist_state="session",
            )

    chosen: list[str] = st.session_state.get(key, usual)
    return chosen


def _slice_notes(run: RunView, analysis: Analysis, most: int) -> list[str]:
    """What the dots of the slices are, which lie at the bottom, and how many are left out."""
    repeats = run.settings.repeats
    trainings = f"{repeats} trainings" if repeats > 1 else "training"
    shade = "brighter" if _dark() else "lighter"
    word = analysis.scores.metric.word
    notes = [
        f"A dot is a genome with its mean {word} over the first {trainings}, which all have had; "
        f"the {shade}, the later its generation. The line is the median nearby, the star the best "
        "genome."
    ]

    scores = analysis.scores
    less = "less" if scores.metric.maximizes else "more"
    at_the_end = []
    if scores.failed:
        at_the_end.append(f"{scores.failed:,} failed")
    if scores.worse:
        at_the_end.append(f"{scores.worse:,} scored {less}")
    if at_the_end:
        notes.append(
            f"The triangles at the {_bad_end(scores)} "
            f"({', '.join(at_the_end)}): they count as that everywhere on this page."
        )

    count = len(analysis.genomes)
    if count > most:
        notes.append(
            f"At most {most:,} of {count:,} genomes are drawn in each, at random; the medians are "
            "of all."
        )
    return notes


def _bad_end(scores: FlooredScores) -> str:
    """Where the triangles lie, as the end of "at the ..."."""
    metric = scores.metric
    if metric.unit == "%":
        return f"bottom lie at {scores.floor:.1f} % or lower"
    floor = score_text(scores.floor, metric)
    if metric.maximizes:
        return f"bottom lie at {floor} or lower"
    return f"top lie at {floor} or higher"


@st.cache_resource(max_entries=128, show_spinner=False)
def _slice_chart(run_id: int, trained: int, name: str, most: int, dark: bool) -> Spec:
    analysis = _analysis(run_id, trained)
    generations = analysis.genomes["generation"].to_numpy(dtype="int64")
    data = slice_data(analysis.feature(name), analysis.scores, generations, analysis.champion, most)
    axis = score_axis(analysis.scores)
    return slice_chart(data, axis, int(generations.max()), dark=dark)


def _draw_pair(run: RunView, trained: int, analysis: Analysis) -> None:
    labels = analysis.labels
    names = list(labels)
    if len(names) < 2:
        return

    # Two genes with numbers make the better plane, so they are chosen first.
    numeric = [feature.name for feature in analysis.order if not feature.choices] or names
    left, right = st.columns(2)
    across = left.selectbox(
        "Across",
        names,
        names.index(numeric[0]),
        format_func=labels.__getitem__,
        key=f"across-{run.id}",
        persist_state="session",
    )
    others = [name for name in names if name != across]
    usual = next((name for name in numeric if name != across), others[0])
    up = right.selectbox(
        "Up",
        others,
        others.index(usual),
        format_func=labels.__getitem__,
        key=f"up-{run.id}-{across}",
        persist_state="session",
    )

    word = analysis.scores.metric.word
    alt = f"The genomes by {labels[across]} and {labels[up]}, coloured by {word}"
    chart(_plane_chart(run.id, trained, across, up, _dark()), f"plane-{across}-{up}", alt)

    notes = [
        f"Dots are genomes, coloured by {word}; the star is the best one. Behind them stands the "
        f"model's {word}, averaged over all other genes, where genomes are near."
    ]
    count = len(analysis.genomes)
    if count > MOST_DOTS:
        notes.append(f"{MOST_DOTS:,} of {count:,} genomes are drawn, at random.")
    st.caption(" ".join(notes))


@st.cache_resource(max_entries=32, show_spinner=False)
def _plane_chart(run_id: int, trained: int, across: str, up: str, dark: bool) -> Spec:
    analysis = _analysis(run_id, trained)
    first = analysis.feature(across)
    second = analysis.feature(up)
    frame = pair_data(first, second, analysis.scores, analysis.champion)
    background = None
    if analysis.model is not None:
        background = surface(analysis.model, across, up)
    return pair_chart(frame, first, second, background, metric=analysis.scores.metric, dark=dark)


def _draw_lines(run: RunView, trained: int, analysis: Analysis) -> None:
    with st.container(key="lines"):
        figure = _lines_chart(run.id, trained, _dark())
        chart(figure, "parallel-lines", "The genomes as lines through their genes")

    shown = min(_LINES, len(analysis.order))
    notes = [
        f"A line is a genome through its {shown} most important genes; the best twentieth is "
        "coloured. Drag along an axis to pick lines."
    ]
    count = len(analysis.genomes)
    if count > MOST_LINES:
        notes.append(
            f"{MOST_LINES:,} of {count:,} genomes are drawn, the best and others at random."
        )
    st.caption(" ".join(notes))


@st.cache_resource(max_entries=16, show_spinner=False)
def _lines_chart(run_id: int, trained: int, dark: bool) -> Figure:
    analysis = _analysis(run_id, trained)
    data = parallel_data(analysis.order[:_LINES], analysis.scores)
    return parallel_chart(data, dark=dark, revision=str(run_id))


def _dark() -> bool:
    return st.context.theme.type == "dark"
