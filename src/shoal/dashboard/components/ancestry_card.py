"""The card *Where it comes from*: a genome's ancestors as a graph and a table, and its children."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

import pandas as pd
import streamlit as st

from shoal.analysis.lineage import Lineage, Relative, without_parents
from shoal.dashboard.charts.lineage import birth_text, change_text, lineage_data, lineage_html
from shoal.dashboard.charts.scores import score_format, score_title
from shoal.dashboard.components.html_table import html_table
from shoal.dashboard.error_box import error_box
from shoal.dashboard.routing import address, link
from shoal.dashboard.session.queries import evaluation_table
from shoal.dashboard.session.staleness import is_recent
from shoal.errors import ShoalError
from shoal.genome.genes import gene_label
from shoal.presentation.formatting import score_text
from shoal.store import RunView

_log = logging.getLogger(__name__)

# Steps back: the most that can be chosen, and what is chosen at first.
DEEPEST = 6
USUAL = 3

# The most children that are linked.
MOST_CHILDREN = 12

# The most ranges of generations that are named.
_MOST_RANGES = 8


@dataclass(slots=True)
class _Kept:
    """The lineage of a run that was made last, and how many generations the run had then."""

    generations: int = 0
    lineage: Lineage | None = None


def ancestry_card(run: RunView, name: str, dark: bool) -> None:
    """What is known of a genome's ancestry, or why there is none.

    Parameters
    ----------
    run
        Its run.
    name
        The genome's hash.
    dark
        Draw for the dark theme.
    """
    reason = without_parents(run.settings)
    depth = _heading(run, choose_depth=reason is None)
    if reason is not None:
        st.caption(reason)
        return

    lineage = _lineage(run, name)
    try:
        relatives = lineage.ancestors(name, depth)
        # One more than is shown says whether there are more.
        children = list(islice(lineage.children(name), MOST_CHILDREN + 1))
    except ShoalError as error:
        error_box(error)
        return
    if not relatives:
        st.caption("It was an individual of no generation.")
        return

    scores = _scores(run, [*relatives, *children])
    # A genome may be several individuals of one generation.
    generations = sorted({generation for generation, _ in lineage.individuals(name)})
    st.caption(_generations_text(generations))
    _graph(run, relatives, scores, dark)
    _table(run, relatives, scores)
    _links("Parents", run, relatives[0].parents, scores)
    names = [child.name for child in children]
    _links("Children", run, names, scores)


def _heading(run: RunView, *, choose_depth: bool) -> int:
    """The card's title, beside it the choice of how far back the graph goes; the choice."""
    with st.container(
        horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"
    ):
        st.header("Where it comes from", anchor=False, width="content")
        if not choose_depth:
            return USUAL

        depth = st.segmented_control(
            "Steps back",
            range(1, DEEPEST + 1),
            default=USUAL,
            key=f"depth-{run.id}",
            help="How many births back the graph goes",
            wrap=True,
        )
    return depth or USUAL


def _scores(run: RunView, relatives: Sequence[Relative]) -> dict[str, float]:
    """The score of each of these genomes and of their parents, as far as known."""
    names = set()
    for relative in relatives:
        names.add(relative.name)
        names.update(relative.parents)

    scores = evaluation_table(run.id).genomes()["score"]
    known = scores[scores.index.isin(names)]
    return dict(zip(known.index.tolist(), known.tolist(), strict=True))


def _lineage(run: RunView, name: str) -> Lineage:
    """The run's lineage as of now, or as of a few generations ago.

    That of a large run takes a second. An older one will do where few generations have come since,
    and the genome was an individual by then.
    """
    kept = _kept_lineage(run.id)
    may_be_used = is_recent(kept.generations, run.generations)
    if kept.lineage is not None and may_be_used and kept.lineage.individuals(name):
        _log.debug("Run %d: its lineage of generation %d is used again", run.id, kept.generations)
        return kept.lineage

    table = evaluation_table(run.id)
    # As of now: the page may have read its run some seconds ago.
    run = table.store.run(run.id)
    with st.spinner("Drawing its births again …"):
        lineage = Lineage(run, table)
    kept.generations = run.generations
    kept.lineage = lineage
    return lineage


@st.cache_resource(max_entries=4, show_spinner=False)
def _kept_lineage(run_id: int) -> _Kept:
    # The run is the cache's key only.
    del run_id
    return _Kept()


def _generations_text(generations: Sequence[int]) -> str:
    """A sentence about the generations of which a genome was an individual, such as "2 to 5, 9".

    Parameters
    ----------
    generations
        One at least, in ascending order.
    """
    ranges: list[list[int]] = []
    for generation in generations:
        if ranges and generation == ranges[-1][1] + 1:
            ranges[-1][1] = generation
        else:
            ranges.append([generation, generation])

    texts = []
    for first, last in ranges[:_MOST_RANGES]:
        texts.append(f"{first}" if first == last else f"{first} to {last}")
    if len(ranges) > _MOST_RANGES:
        texts.append("…")

    noun = "generation" if len(generations) == 1 else "generations"
    return f"An individual of {noun} {', '.join(texts)}."


def _graph(
    run: RunView, relatives: tuple[Relative, ...], scores: dict[str, float], dark: bool
) -> None:
    graph = lineage_data(relatives, scores, run.metric)
    addresses = {}
    for box in graph.boxes:
        name = box.relative.name
        addresses[name] = address("evaluation", run=run.id, genome=name)

    # The style sheet has this container scroll where the page is narrow.
    with st.container(key="graph"):
        st.html(lineage_html(graph, addresses, dark=dark))

    st.caption(
        "From parent to child; dotted: the second parent. A box says more when pointed at, and "
        "opens its genome."
    )


def _table(run: RunView, relatives: tuple[Relative, ...], scores: dict[str, float]) -> None:
    """The graph's content as a table."""
    title = score_title(run.metric)
    rows = []
    for relative in relatives:
        birth = relative.birth
        from_second = [gene_label(gene) for gene in birth.from_second]
        mutations = [change_text(change) for change in birth.mutations]
        rows.append(
            {
                "Steps back": relative.distance,
                "Genome": relative.name[:8],
                "Generation": relative.generation,
                title: scores.get(relative.name),
                "Born": birth_text(relative),
                "Parents": ", ".join(parent[:8] for parent in relative.parents),
                "From the second parent": ", ".join(from_second),
                "Mutations": "; ".join(mutations),
            }
        )

    noun = "genome" if len(rows) == 1 else "genomes"
    with st.expander(f"The same as a table: {len(rows)} {noun}"):
        html_table(pd.DataFrame(rows), "ancestors", {title: score_format(run.metric)})


def _links(title: str, run: RunView, names: Sequence[str], scores: dict[str, float]) -> None:
    """Links to relatives with their scores; ``title`` is "Parents" or "Children"."""
    with st.container(horizontal=True, gap="small", key=f"kin-{title.lower()}"):
        st.caption(title if names else f"{title}: none", width="content")
        for name in names[:MOST_CHILDREN]:
            score = score_text(scores.get(name), run.metric)
            link("evaluation", f"`{name[:8]}` {score}", run=run.id, genome=name)
        if len(names) > MOST_CHILDREN:
            st.caption(f"and more than these {MOST_CHILDREN}", width="content")
