"""The card *Where it comes from*: ancestors as a graph and as a table, children, and the generations that it lived in."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice, pairwise

import pandas as pd
import streamlit as st

from shoal.analysis.lineage import Lineage, Relative, without_parents
from shoal.dashboard.charts.lineage import birth_text, change_text, lineage_data, lineage_html
from shoal.dashboard.components.html_table import html_table
from shoal.dashboard.error_box import error_box
from shoal.dashboard.routing import address, link
from shoal.dashboard.session.queries import evaluation_table
from shoal.errors import ShoalError
from shoal.genome.genes import GENE_LABELS
from shoal.presentation.formatting import percent
from shoal.store import RunView

DEEPEST, USUAL = 6, 3
_STALE = 0.05  # share of generations that may have come since
CHILDREN = 12


def ancestry_card(run: RunView, name: str, dark: bool) -> None:
    """What is known of the genome's descent, or why nothing is."""
    with st.container(
        horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"
    ):
        st.subheader("Where it comes from", anchor=False, width="content")
        if (reason := without_parents(run.settings)) is None:
            depth = st.segmented_control(
                "Births back",
                range(1, DEEPEST + 1),
                default=USUAL,
                key=f"depth-{run.id}",
                help="How far back the graph goes",
                wrap=True,
            )
    if reason is not None:
        st.caption(reason)
        return
    lineage = _lineage(run, name)
    try:
        relatives = lineage.ancestors(name, depth or USUAL)
        children = list(islice(lineage.children(name), CHILDREN + 1))
    except ShoalError as error:
        error_box(error)
        return
    if not relatives:
        st.caption("It was an individual of no generation.")
        return
    accuracies = _accuracies(run, [*relatives, *children])
    st.caption(_places(lineage.individuals(name)))
    _graph(run, relatives, accuracies, dark)
    _table(relatives, accuracies)
    _links("Parents", run, relatives[0].parents, accuracies)
    _links(
        "Children",
        run,
        [child.name for child in children[:CHILDREN]],
        accuracies,
        more=len(children) > CHILDREN,
    )


def _accuracies(run: RunView, kin: Sequence[Relative]) -> dict[str, float]:
    names = {name for relative in kin for name in (relative.name, *relative.parents)}
    scored = evaluation_table(run.id).genomes()["accuracy"]
    own = scored[scored.index.isin(names)]
    return dict(zip(own.index.tolist(), own.tolist(), strict=True))


def _lineage(run: RunView, name: str) -> Lineage:
    """As of now, or of a few generations before where the genome was an individual by then: a large one takes a second."""
    held = _held(run.id)
    if not held or run.generations > (1 + _STALE) * held[0][0] or not held[0][1].individuals(name):
        table = evaluation_table(run.id)
        run = table.store.run(run.id)
        with st.spinner("Drawing its births again …"):
            held[:] = [(run.generations, Lineage(run, table))]
    return held[0][1]


@st.cache_resource(max_entries=4, show_spinner=False)
def _held(run_id: int) -> list[tuple[int, Lineage]]:
    """The lineage of that run that was drawn last, with how many generations it had."""
    del run_id  # the cache's key
    return []


def _places(places: tuple[tuple[int, int], ...]) -> str:
    """The generations that it was an individual of, as ranges."""
    numbers = sorted({generation for generation, _ in places})
    starts = [numbers[0], *(b for a, b in pairwise(numbers) if b > a + 1)]
    ends = [*(a for a, b in pairwise(numbers) if b > a + 1), numbers[-1]]
    ranges = [f"{a}" if a == b else f"{a} to {b}" for a, b in zip(starts, ends, strict=True)]
    shown = ", ".join(ranges[:8]) + (", …" if len(ranges) > 8 else "")
    return f"An individual of generation{'s' if len(numbers) > 1 else ''} {shown}."


def _graph(
    run: RunView, relatives: tuple[Relative, ...], accuracies: dict[str, float], dark: bool
) -> None:
    drawn = lineage_data(relatives, accuracies)
    addresses = {
        box.relative.name: address("evaluation", run=run.id, genome=box.relative.name)
        for box in drawn.boxes
    }
    with st.container(key="graph"):  # which scrolls where the page is narrow
        st.html(lineage_html(drawn, addresses, dark=dark))
    st.caption(
        "From parent to child; dotted: the second parent. A box says more when pointed at, and opens its genome."
    )


def _table(relatives: tuple[Relative, ...], accuracies: dict[str, float]) -> None:
    rows = [
        {
            "Births back": relative.distance,
            "Genome": relative.name[:8],
            "Generation": relative.generation,
            "Accuracy (%)": accuracies.get(relative.name),
            "Born": birth_text(relative),
            "Parents": ", ".join(parent[:8] for parent in relative.parents),
            "From the second parent": ", ".join(
                GENE_LABELS[gene] for gene in relative.birth.from_second
            ),
            "Mutations": "; ".join(map(change_text, relative.birth.mutations)),
        }
        for relative in relatives
    ]
    with st.expander(f"The same as a table: {len(rows)} genome{'s' if len(rows) > 1 else ''}"):
        html_table(pd.DataFrame(rows), "ancestors", {"Accuracy (%)": ".2f"})


def _links(
    title: str,
    run: RunView,
    names: list[str] | tuple[str, ...],
    accuracies: dict[str, float],
    more: bool = False,
) -> None:
    with st.container(horizontal=True, gap="small", key=f"kin-{title.lower()}"):
        st.caption(title if names else f"{title}: none", width="content")
        for name in names:
            score = percent(accuracies.get(name))
            link("evaluation", f"`{name[:8]}` {score}", run=run.id, genome=name)
        if more:
            st.caption(f"and more than these {CHILDREN}", width="content")
