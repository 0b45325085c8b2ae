"""The best genome with a place for each value between its bounds, ready to copy; and the champion's scores.

The HTML here holds numbers and names from our own tables only; it is escaped all the same.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from html import escape

import streamlit as st

from shoal.analysis.score_rows import METRIC_NAMES, confidence_text, score_rows
from shoal.analysis.summary import Best, Summary
from shoal.genome.genes import GENE_LABELS, Gene
from shoal.genome.genome import Genome
from shoal.genome.search_space import SearchSpace
from shoal.presentation.formatting import (
    as_json,
    as_python,
    as_toml,
    duration,
    moment,
    percent,
    with_plus_minus,
)
from shoal.tuning.champion import Champion

# In the order in which they are shown.
_CHOICES = ("update_rule", "activation", "informant_strategy", "attractor", "initialisation")
_OWN_ROW = ("weight_scale", "bias_scale")  # shown together, as Position Scale


def genome_card(best: Best | None, space: SearchSpace, zone: str | None, now: float) -> None:
    """The card *Best PSO Parameters*."""
    st.subheader("Best PSO Parameters", anchor=False)
    if best is None:
        st.caption("They appear with the first generation.")
        return
    when = moment(best.found, zone, now)
    found = f"Found in generation {best.generation:,} at {when}, {duration(now - best.found)} ago"
    st.html(f'<p class="found">{escape(found)}</p>{genes_html(best.genome, space)}')
    for alarm in best.on_bounds:
        st.caption(f":orange[{alarm}.]")
    copy_parameters(best.genome)


def copy_parameters(genome: Genome) -> None:
    """A genome to take to Python, or anywhere else."""
    with on_demand("Copy parameters", ":material/content_copy:", "copy") as wanted:
        if wanted:
            forms = {"python": as_python(genome), "json": as_json(genome), "toml": as_toml(genome)}
            for tab, (language, text) in zip(
                st.tabs(["Python", "JSON", "TOML"]), forms.items(), strict=True
            ):
                tab.code(text, language=language, height=260)


@contextmanager
def on_demand(label: str, icon: str, key: str) -> Iterator[bool]:
    """A part that opens; whether it is open. For what takes a browser as long as the rest of a page, as coloured code does."""
    with st.expander(label, icon=icon, key=key, on_change="rerun") as panel:
        yield bool(panel.open)


def genes_html(genome: Genome, space: SearchSpace) -> str:
    """Label, value and place between the search's bounds, of every gene; a dash for what the swarm's rule does not read."""
    rows, unread = [], genome.unread_genes
    unread_hint = f"the {genome.update_rule} rule does not use it"
    for gene in space.numeric:
        if gene.name in _OWN_ROW:
            continue
        if gene.name in unread:
            rows.append(_row(gene.label, "–", hint=unread_hint))
            continue
        high = min(gene.high, genome.swarm_size - 1) if gene.name == "num_informants" else gene.high
        value = getattr(genome, gene.name)
        text = f"{value:,}" if gene.integer else number_text(value)
        rows.append(_row(gene.label, text, share_of_bounds(gene, value, high)))
    scales = f"{number_text(genome.weight_scale)} / {number_text(genome.bias_scale)}"
    rows.insert(
        2, _row("Position Scale", scales, hint="weight_scale / bias_scale: how the particles start")
    )
    rows.insert(
        3,
        _row(
            "Topology",
            " – ".join(map(str, genome.hidden_layers)),
            hint="neurons of each hidden layer",
        ),
    )
    margin = genome.stability_margin
    hint = "positive: the swarm contracts; negative: it explodes until its clamps hold it"
    rows.append(_row("Stability Margin", f"{margin:+.3f}", hint=hint))
    searched = dict(space.categorical)
    for name in _CHOICES:
        label = GENE_LABELS[name]
        if name in unread:
            rows.append(_row(label, "–", hint=unread_hint))
        elif name in searched:
            rows.append(_row(label, getattr(genome, name).replace("_", "-")))
    return f'<dl class="genes">{"".join(rows)}</dl>'


def number_text(value: float) -> str:
    """Three decimals, or as many digits as a small value needs."""
    return f"{value:.3f}" if value == 0 or abs(value) >= 0.01 else f"{value:.2g}"


def share_of_bounds(gene: Gene, value: float, high: float) -> float:
    """Where a value lies between its bounds, 0 to 1, on the gene's own scale."""
    low = gene.low
    if high <= low:
        return 0.5
    value = min(max(value, low), high)
    share = (
        math.log(value / low) / math.log(high / low) if gene.log else (value - low) / (high - low)
    )
    return share


def _row(label: str, value: str, at: float | None = None, hint: str = "") -> str:
    title = f' title="{escape(hint)}"' if hint else ""
    track = "" if at is None else f'<i style="--at:{100 * at:.1f}%"></i>'
    return f"<div{title}><dt>{escape(label)}</dt><dd>{escape(value)}</dd>{track}</div>"


def scores_card(summary: Summary) -> None:
    """What the champion is worth: search, confirmation and test, and other methods on the same rows."""
    if summary.champion is None:
        return
    with st.container(border=True, key="scores"):
        st.subheader("Scores of the champion", anchor=False)
        st.html(scores_html(summary.champion, summary.competing_runs))
        st.caption(confidence_text(summary.champion, summary.run.settings.final_factor))


def scores_html(champion: Champion, rivals: Mapping[str, Champion] | None = None) -> str:
    """`score_rows` as a table."""
    rows = score_rows(champion, rivals)
    known = next((row.metrics.to_dict() for row in rows if row.metrics), {})
    columns = [name for name in METRIC_NAMES if name in known]
    labels = ("", "Single networks", *(METRIC_NAMES[name] for name in columns), "Ensemble")
    body = ""
    for row in rows:
        if row.accuracy is None:
            body += f"<tr><td>{escape(row.label)}</td><td colspan={len(labels) - 1}>{escape(row.error or '')}</td></tr>"
            continue
        accuracy = with_plus_minus(percent(row.accuracy), row.half)
        cells = [row.label, accuracy, *(row.metric(name) for name in columns)]
        cells.append(percent(row.ensemble) if row.ensemble is not None else "")
        highlight = ' class="highlight"' if row.is_champion else ""
        body += f"<tr{highlight}>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"
    head = "".join(f"<th>{label}</th>" for label in labels)
    return f'<table class="scores"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
