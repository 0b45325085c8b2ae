"""The importance of each gene as a table with bars, on the page *What matters*.

HTML rather than a chart, since text and rectangles are all there is: a chart would be drawn later.
"""

from __future__ import annotations

import math
from html import escape

from shoal.analysis.importance import GeneImportance, Importances
from shoal.objectives.registry import Metric


def importance_bars_html(importances: Importances) -> str:
    """A table with a bar for each gene, the most important gene first.

    A bar begins at 0; the gene's 95 % interval is a line over it. A bar whose interval holds 0 is
    hollow.
    """
    # All bars share one axis, which holds 0 and the ends of all intervals.
    ends = [0.0]
    for gene in importances.genes:
        ends += [gene.loss.low, gene.loss.high]
    low = min(ends)
    width = max(max(ends) - low, 1e-9)

    rows = "".join(_importance_row(gene, low, width) for gene in importances.genes)
    head = (
        f'<th>Gene</th><td></td><th class="n">{escape(_loss_title(importances.metric))}</th>'
        '<th class="n">95 % interval</th>'
    )
    return f'<table class="grid bars"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'


def _loss_title(metric: Metric) -> str:
    """The head of the column with what predictions lose. Units that may be long stand below."""
    if metric.unit != "%":
        return "Lost"
    return f"{metric.difference_unit.capitalize()} lost"


def _importance_row(gene: GeneImportance, low: float, width: float) -> str:
    """The row of one gene; ``low`` and ``width`` are those of the axis that all bars share."""
    loss = gene.loss
    # As many digits as show a hundredth of the axis.
    digits = max(1, min(9, 1 - math.floor(math.log10(width))))
    number = f"z.{digits}f"

    def span(start: float, end: float) -> str:
        left = 100 * (start - low) / width
        share = 100 * max(end - start, 0.0) / width
        return f"left: {left:.2f}%; width: {share:.2f}%"

    # A bar never extends below 0, as shuffling a gene cannot help; its interval may.
    hollow = "" if gene.clear else ' class="hollow"'
    bar = f'<i{hollow} style="{span(0.0, loss.mean)}"></i>'
    interval = f'<u style="{span(loss.low, loss.high)}"></u>'
    return (
        f'<tr><th scope="row">{escape(gene.label)}</th><td><div>{bar}{interval}</div></td>'
        f'<td class="n">{loss.mean:{number}}</td>'
        f'<td class="n">{loss.low:{number}} to {loss.high:{number}}</td></tr>'
    )
