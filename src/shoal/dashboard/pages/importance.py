"""What matters: bounds that are in the way, the genes' importance, and how the accuracy goes with them.

The page stands still: a forest is not grown each second. It says when there is more to look at.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
import streamlit as st
from plotly.graph_objects import Figure

from shoal.analysis.accuracy_surface import surface
from shoal.analysis.comparable_accuracies import (
    FlooredAccuracies,
    floored_accuracies,
    with_comparable_accuracies,
)
from shoal.analysis.gene_features import GeneFeature, gene_features
from shoal.analysis.importance import Importances, Model, importances
from shoal.dashboard.charts.bound_alarms import BEST, BoundAlarm, bound_alarms
from shoal.dashboard.charts.gene_pairs import (
    MOST_LINES,
    pair_chart,
    pair_data,
    parallel_chart,
    parallel_data,
)
from shoal.dashboard.charts.gene_slices import MOST_DOTS, accuracy_axis, slice_chart, slice_data
from shoal.dashboard.charts.importance_bars import importance_bars_html
from shoal.dashboard.charts.vega import Spec
from shoal.dashboard.components.deferred_charts import chart
from shoal.dashboard.components.genome_card import on_demand
from shoal.dashboard.error_box import error_box
from shoal.dashboard.routing import entered, go, link
from shoal.dashboard.session.queries import evaluation_table, read, run_here
from shoal.errors import AnalysisError
from shoal.genome.genes import GENE_LABELS
from shoal.presentation.formatting import quoted
from shoal.store import RunView

_SLICES, _LINES = 3, 9  # genes that are shown until others are chosen: the most important
_SEEN = "seen"
_FRESH = 0.95  # of the trainings, so that a page opened again and again does not grow its forests again and again


@dataclass(frozen=True)
class Analysis:
    """What was found in the first trainings of a run. ``champion``: the best genome's place among ``genomes``.

    ``found`` is the importance of all genes, or the error that says why there is none; ``order`` the genes that vary, the
    most important first.
    """

    genomes: pd.DataFrame
    told: FlooredAccuracies
    order: tuple[GeneFeature, ...]
    champion: int | None
    found: Importances | AnalysisError
    model: Model | None


def page() -> None:
    """One run's analysis, as of the trainings that were there when the page was opened."""
    run = run_here()
    st.title("What matters", anchor=False)
    st.markdown(f"Run {run.id} {quoted(run.name)}")
    trained = _trained(run)
    if not trained:
        st.markdown("**Nothing was trained yet.**")
        st.caption(
            "As soon as genomes have been trained, this page says which of their genes matter."
        )
        link("live", "Watch the run", icon=":material/arrow_forward:", run=run.id)
        return
    _bounds(run)
    try:
        analysis = _analysis(run.id, trained)
    except AnalysisError as error:
        error_box(error)
        return
    with st.container(border=True, key="importance"):
        _importance(analysis)
    if not analysis.order:
        return
    with st.container(border=True, key="slices"):
        _slices(run, trained, analysis)
    with on_demand("Two genes at once", ":material/scatter_plot:", "pair") as wanted:
        if wanted:
            _pair(run, trained, analysis)
    with on_demand("All together, genomes as lines", ":material/show_chart:", "parallel") as wanted:
        if wanted:
            _parallel(run, trained, analysis)


def _trained(run: RunView) -> int:
    """How many trainings the page looks at: those of when it was opened, or was told to look again.

    Who opens it sees what was found last, for anybody, while few trainings have come since.
    """
    kept = st.session_state.setdefault(_SEEN, {})
    if entered() or run.id not in kept:
        now, last = len(evaluation_table(run.id).frame), _found()
        if not entered() or last.get(run.id, 0) < _FRESH * now:
            last[run.id] = now
        kept[run.id] = last[run.id]
    more = run.evaluations - kept[run.id]
    if more > 0:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(
                f"As of {kept[run.id]:,} trainings; {more:,} more were recorded since.",
                width="content",
            )
            st.button(
                "Look again",
                icon=":material/refresh:",
                on_click=kept.pop,
                args=(run.id, None),
                key="again",
            )
    return int(kept[run.id])


@st.cache_resource(show_spinner=False)
def _found() -> dict[int, int]:
    """By run, the trainings that were last looked at."""
    return {}


@st.cache_resource(max_entries=8, show_spinner="Growing forests …")
def _analysis(run_id: int, trained: int) -> Analysis:
    table, reading = evaluation_table(run_id), read(run_id)
    genomes = with_comparable_accuracies(
        table.genomes(), table.frame.iloc[:trained], reading.run.settings
    )
    told = floored_accuracies(genomes["accuracy"])
    varying = {factor.name: factor for factor in gene_features(genomes) if factor.varies}
    found: Importances | AnalysisError
    model: Model | None = None
    try:
        found, model = importances(genomes), Model.of(genomes)
        order = tuple(varying[gene.name] for gene in found.genes if gene.name in varying)
    except AnalysisError as error:
        found, order = error, tuple(varying.values())
    best = reading.summary.best
    names = genomes.index.tolist()
    place = names.index(best.genome.hash) if best and best.genome.hash in names else None
    return Analysis(genomes, told, order, place, found, model)


def _bounds(run: RunView) -> None:
    """The alarm: bounds on which some of the best lie, and the way to a search without them."""
    table = evaluation_table(run.id)
    best = [
        genome for name in table.ranked().index[:BEST] if (genome := table.genome(name)) is not None
    ]
    found = bound_alarms(best, run.settings.space)
    wider = [alarm for alarm in found if alarm.widens]
    if wider:
        with st.container(border=True, key="alarm"):
            st.subheader("The best lie on a bound", anchor=False)
            st.caption(
                "A better genome may lie beyond it, where this search was not allowed to look."
            )
            for alarm in wider:
                _alarm(run, alarm)
            if len(wider) > 1 and st.button(
                "Search again with all of them wider",
                type="primary",
                icon=":material/unfold_more:",
                key="wider",
            ):
                go("new", like=run.id, widen=",".join(alarm.key for alarm in wider))
    if widest := [f"{GENE_LABELS[a.at.gene]} ({a.count} of {a.of})" for a in found if not a.widens]:
        st.caption(f"Of the best, on bounds that no search may leave: {', '.join(widest)}.")


def _alarm(run: RunView, alarm: BoundAlarm) -> None:
    at, many = alarm.at, "lies" if alarm.count == 1 else "lie"
    words, button = st.columns([3, 2], vertical_alignment="center")
    where = f"the {at.side} bound of **{GENE_LABELS[at.gene]}**, {at.bound:g}"
    words.markdown(
        f"**{alarm.count} of the best {alarm.of}** {many} on {where}. It can be widened to {at.limit:g}."
    )
    if button.button(
        "Search again with wider bounds",
        icon=":material/unfold_more:",
        key=f"wider-{alarm.key}",
        width="stretch",
    ):
        go("new", like=run.id, widen=alarm.key)


def _importance(analysis: Analysis) -> None:
    st.subheader("Importance of each gene", anchor=False)
    found = analysis.found
    if isinstance(found, AnalysisError):
        error_box(found)
        return
    trusted = "do not trust" not in found.trust
    st.markdown(f":{'green' if trusted else 'orange'}-badge[R² {found.r2.mean:.2f}] {found.trust}")
    st.html(importance_bars_html(found))
    notes = [
        "By how many percent points predictions of the accuracy get worse when a gene is shuffled, on genomes that the "
        "model has not seen; mean and, as a line, 95 % interval over bootstraps. Where that holds 0, the bar is hollow. Genes "
        "that evolution moved together share their worth."
    ]
    if found.learned < found.genomes:
        notes.append(
            f"Learned from {found.learned:,} of {found.genomes:,} genomes, drawn at random."
        )
    if found.fixed:
        notes.append(f"All genomes agree on: {', '.join(found.fixed)}.")
    st.caption(" ".join(notes))


def _slices(run: RunView, trained: int, analysis: Analysis) -> None:
    st.subheader("One gene at a time", anchor=False)
    names = {factor.name: factor.label for factor in analysis.order}
    key, usual = f"slices-{run.id}", list(names)[:_SLICES]
    with on_demand("Choose genes", ":material/tune:", "choose") as wanted:
        if wanted:
            st.multiselect(
                "Genes",
                list(names),
                usual,
                format_func=names.__getitem__,
                key=key,
                label_visibility="collapsed",
                persist_state="session",
            )
    chosen = st.session_state.get(key, usual)
    most = MOST_DOTS // max(1, len(chosen))
    places = [factor for factor in analysis.order if factor.name in chosen]
    for at in range(0, len(places), 3):
        for column, factor in zip(st.columns(3, gap="small"), places[at : at + 3], strict=False):
            with column:
                figure = _slice(run.id, trained, factor.name, most, _dark())
                chart(figure, f"slice-{factor.name}", f"Accuracy of the genomes by {factor.label}")
    told, count = analysis.told, len(analysis.genomes)
    repeats = run.settings.repeats
    trainings = f"{repeats} trainings" if repeats > 1 else "training"
    later = "brighter" if _dark() else "lighter"
    notes = [
        f"A dot is a genome with its mean accuracy over the first {trainings}, which all have had; the {later}, the later its "
        "generation. The line is the median nearby, the star the best genome."
    ]
    low = [f"{told.failed:,} failed"] * bool(told.failed) + [f"{told.below:,} scored less"] * bool(
        told.below
    )
    if low:
        notes.append(
            f"The triangles at the bottom lie at {told.floor:.1f} % or lower ({', '.join(low)}): they count as that everywhere "
            "on this page."
        )
    if count > most:
        notes.append(
            f"At most {most:,} of {count:,} genomes are drawn in each, at random; the medians are of all."
        )
    st.caption(" ".join(notes))


@st.cache_resource(max_entries=128, show_spinner=False)
def _slice(run_id: int, trained: int, name: str, most: int, dark: bool) -> Spec:
    analysis = _analysis(run_id, trained)
    factor = next(factor for factor in analysis.order if factor.name == name)
    generations = analysis.genomes["generation"].to_numpy(dtype="int64")
    found = slice_data(factor, analysis.told, generations, analysis.champion, most)
    return slice_chart(found, accuracy_axis(analysis.told), int(generations.max()), dark=dark)


def _pair(run: RunView, trained: int, analysis: Analysis) -> None:
    names = {factor.name: factor.label for factor in analysis.order}
    numbers = [factor.name for factor in analysis.order if not factor.choices] or list(names)
    left, right = st.columns(2)
    one = left.selectbox(
        "Across",
        list(names),
        list(names).index(numbers[0]),
        format_func=names.__getitem__,
        key=f"across-{run.id}",
        persist_state="session",
    )
    others = [name for name in names if name != one]
    if not others:
        return
    usual = next((name for name in numbers if name != one), others[0])
    other = right.selectbox(
        "Up",
        others,
        others.index(usual),
        format_func=names.__getitem__,
        key=f"up-{run.id}-{one}",
        persist_state="session",
    )
    alt = f"The genomes by {names[one]} and {names[other]}, coloured by accuracy"
    chart(_plane(run.id, trained, one, other, _dark()), f"plane-{one}-{other}", alt)
    count = len(analysis.genomes)
    notes = [
        "Dots are genomes, coloured by accuracy; the star is the best one. Behind them the model's accuracy, all other genes "
        "averaged, where genomes are near."
    ]
    if count > MOST_DOTS:
        notes.append(f"{MOST_DOTS:,} of {count:,} genomes are drawn, at random.")
    st.caption(" ".join(notes))


@st.cache_resource(max_entries=32, show_spinner=False)
def _plane(run_id: int, trained: int, one: str, other: str, dark: bool) -> Spec:
    analysis = _analysis(run_id, trained)
    a, b = (
        next(factor for factor in analysis.order if factor.name == name) for name in (one, other)
    )
    frame = pair_data(a, b, analysis.told, analysis.champion)
    made = surface(analysis.model, one, other) if analysis.model is not None else None
    return pair_chart(frame, a, b, made, dark=dark)


def _parallel(run: RunView, trained: int, analysis: Analysis) -> None:
    with st.container(key="lines"):
        chart(
            _lines(run.id, trained, _dark()),
            "parallel-lines",
            "The genomes as lines through their genes",
        )
    count = len(analysis.genomes)
    shown = min(_LINES, len(analysis.order))
    notes = [
        f"A line is a genome through its {shown} most important genes; the best twentieth is coloured. Drag along an axis to "
        "pick lines."
    ]
    if count > MOST_LINES:
        notes.append(
            f"{MOST_LINES:,} of {count:,} genomes are drawn, the best and others at random."
        )
    st.caption(" ".join(notes))


@st.cache_resource(max_entries=16, show_spinner=False)
def _lines(run_id: int, trained: int, dark: bool) -> Figure:
    analysis = _analysis(run_id, trained)
    found = parallel_data(analysis.order[:_LINES], analysis.told)
    return parallel_chart(found, dark=dark, revision=str(run_id))


def _dark() -> bool:
    return st.context.theme.type == "dark"
