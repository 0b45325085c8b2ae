"""The best genome, each value with its place between the bounds, ready to copy; and the scores.

The cards *Best swarm parameters* of the pages Live and Champion, and *Scores of the champion*. The
HTML here holds numbers and names from our own tables only; it is escaped all the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from html import escape

import streamlit as st

from shoal.analysis.score_rows import (
    METRIC_NAMES,
    ScoreRow,
    confidence_text,
    score_rows,
    shown_metrics,
)
from shoal.analysis.summary import Best, Summary
from shoal.dashboard.components.html_table import scrollable_html
from shoal.dashboard.components.problem_words import problem_words
from shoal.dashboard.components.words import explained_html
from shoal.genome.genes import Gene, gene_label
from shoal.genome.genome import Genome
from shoal.genome.search_space import SearchSpace
from shoal.objectives.registry import Metric
from shoal.presentation.formatting import (
    as_json,
    as_python,
    as_toml,
    duration,
    moment,
    score_text,
    spread_text,
)
from shoal.presentation.gene_scale import position_between_bounds
from shoal.tuning.champion import Champion

# The genes with choices, in the order in which they are shown.
_CHOICES = (
    "update_rule",
    "activation",
    "informant_strategy",
    "attractor",
    "initialisation",
    "readout",
)

# These two genes are one row, Position scale.
_SCALES = ("weight_scale", "bias_scale")


def genome_card(
    best: Best | None,
    space: SearchSpace,
    zone: str | None,
    now: float,
    ends: tuple[int, int] | None = None,
) -> None:
    """The card *Best swarm parameters*.

    Parameters
    ----------
    best
        The best genome so far; None before the first generation.
    space
        The space that is searched: its bounds are those of the bars.
    zone
        The viewer's time zone.
    now
        Seconds since 1970.
    ends
        Inputs and outputs of the networks; None: they go without saying.
    """
    st.header("Best swarm parameters", anchor=False)
    if best is None:
        st.caption("They appear with the first generation.")
        return

    when = moment(best.found, zone, now)
    age = duration(now - best.found)
    found = f"Found in generation {best.generation:,} at {when}, {age} ago"
    st.html(f'<p class="found">{escape(found)}</p>{genes_html(best.genome, space, ends)}')

    for alarm in best.on_bounds:
        st.caption(f":orange[{alarm}.]")
    copy_parameters(best.genome)


def copy_parameters(genome: Genome) -> None:
    """A part that opens, with the genome as code to paste into Python, or anywhere else."""
    with on_demand("Copy parameters", ":material/content_copy:", "copy") as is_open:
        if not is_open:
            return
        # Each form is exact: pasted back, it is the same genome to the bit.
        python, json, toml = st.tabs(["Python", "JSON", "TOML"])
        python.code(as_python(genome), language="python", height=260)
        json.code(as_json(genome), language="json", height=260)
        toml.code(as_toml(genome), language="toml", height=260)


@contextmanager
def on_demand(label: str, icon: str, key: str) -> Iterator[bool]:
    """A part of a page that opens. Yields whether it is open.

    For what takes a browser as long as the rest of a page, as coloured code does: it is sent only
    when the part is opened.
    """
    with st.expander(label, icon=icon, key=key, on_change="rerun") as panel:
        yield bool(panel.open)


def genes_html(genome: Genome, space: SearchSpace, ends: tuple[int, int] | None = None) -> str:
    """The genes of a genome as HTML: label, value, and a bar with its place between the bounds.

    A gene that the genome's update rule does not read has a dash for its value. ``ends`` are inputs
    and outputs of its networks; None: they go without saying.
    """
    rows = []
    for gene in space.numeric:
        if gene.name not in _SCALES:
            rows.append(_numeric_row(genome, gene))

    # Among the first rows, beside the other genes of the start and of the network.
    if space.max_depth:
        rows.insert(2, _scales_row(genome))
        rows.insert(3, _layers_row(genome, ends))
    rows.append(_stability_row(genome))

    searched = dict(space.categorical)
    for name in _CHOICES:
        if name in genome.unread_genes:
            rows.append(_unread_row(genome, gene_label(name)))
        elif name in searched:
            rows.append(_row(gene_label(name), getattr(genome, name).replace("_", "-")))
    return f'<dl class="genes">{"".join(rows)}</dl>'


def _numeric_row(genome: Genome, gene: Gene) -> str:
    if gene.name in genome.unread_genes:
        return _unread_row(genome, gene_label(gene.name))

    value = getattr(genome, gene.name)
    text = f"{value:,}" if gene.integer else number_text(value)
    return _row(gene_label(gene.name), text, position_between_bounds(gene, genome))


def _scales_row(genome: Genome) -> str:
    scales = f"{number_text(genome.weight_scale)} / {number_text(genome.bias_scale)}"
    hint = "weight_scale / bias_scale: how the particles start"
    return _row("Position scale", scales, hint=hint)


def _layers_row(genome: Genome, ends: tuple[int, int] | None) -> str:
    widths = genome.hidden_layers
    hint = "neurons of each hidden layer"
    if ends is not None:
        widths = (ends[0], *widths, ends[1])
        hint = "observations, neurons of each hidden layer, actions"
    return _row("Topology", " – ".join(str(width) for width in widths), hint=hint)


def _stability_row(genome: Genome) -> str:
    hint = "positive: the swarm contracts; negative: it explodes until its clamps hold it"
    return _row("Stability margin", f"{genome.stability_margin:+.3f}", hint=hint)


def _unread_row(genome: Genome, label: str) -> str:
    return _row(label, "–", hint=f"the {genome.update_rule} rule does not use it")


def _row(label: str, value: str, place: float | None = None, hint: str = "") -> str:
    """One gene: ``place`` is where its bar's mark stands, 0 to 1; ``hint`` is its meaning here."""
    bar = ""
    if place is not None:
        bar = f'<dd class="place" aria-hidden="true" style="--at:{100 * place:.1f}%"></dd>'
    return f"<div><dt>{explained_html(label, hint)}</dt><dd>{escape(value)}</dd>{bar}</div>"


def number_text(value: float) -> str:
    """A number with three decimals, such as 0.730; a small one with two digits, such as 0.0031."""
    if value == 0 or abs(value) >= 0.01:
        return f"{value:.3f}"
    return f"{value:.2g}"


def scores_card(summary: Summary) -> None:
    """The card *Scores of the champion*: search, confirmation, test, and other methods."""
    champion = summary.champion
    if champion is None:
        return
    with st.container(border=True, key="scores"):
        st.header("Scores of the champion", anchor=False)
        run = summary.run
        heads = problem_words(run).heads
        st.html(scores_html(champion, summary.competing_runs, heads, run.kind))
        longer = run.settings.final_factor
        st.caption(confidence_text(champion, longer, kind=run.kind, leader=summary.leader))


def scores_html(
    champion: Champion,
    competing_runs: Mapping[str, Champion] | None = None,
    heads: tuple[str, ...] = ("Single networks", "Ensemble"),
    kind: str = "table",
) -> str:
    """The scores of a champion as an HTML table (see `score_rows`).

    Parameters
    ----------
    champion
        The champion.
    competing_runs
        Champions of other searches on the same rows, by what to call them.
    heads
        Of the columns with the scores of single networks, and of what they give together; without
        the second, where there is nothing together.
    kind
        What kind of problem is solved.
    """
    rows = score_rows(champion, competing_runs, kind)
    metrics = shown_metrics(rows, champion.metric)
    labels = ["", heads[0], *(METRIC_NAMES[name] for name in metrics), *heads[1:]]

    # The first column names its rows itself.
    head = "<td></td>"
    for label in labels[1:]:
        head += f"<th>{explained_html(label)}</th>"
    together = len(heads) > 1
    body = "".join(_score_html(row, metrics, champion.metric, together) for row in rows)
    table = f'<table class="scores"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
    return scrollable_html(table, "Scores")


def _score_html(row: ScoreRow, metrics: list[str], metric: Metric, together: bool) -> str:
    if row.score is None:
        columns = len(metrics) + 1 + together
        reason = escape(row.error or "")
        return f"<tr><td>{escape(row.label)}</td><td colspan={columns}>{reason}</td></tr>"

    score = f"{score_text(row.score, metric)} {spread_text(row.half, metric)}".rstrip()
    cells = [row.label, score]
    cells += [row.other(name) for name in metrics]
    if together:
        cells.append("" if row.ensemble is None else score_text(row.ensemble, metric))

    attributes = ' class="highlight"' if row.is_champion else ""
    content = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
    return f"<tr{attributes}>{content}</tr>"
