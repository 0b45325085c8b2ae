"""The leaderboard of a run in the terminal: the best genomes, and why they stand where they do."""

from __future__ import annotations

import math

from rich.table import Table
from rich.text import Text

from shoal.analysis.evaluation_table import EvaluationTable
from shoal.analysis.rank_reasons import leaders, rank_reasons
from shoal.analysis.summary import Summary
from shoal.presentation.formatting import score_text
from shoal.presentation.rank_text import WHY_HERE, rank_text

# Genomes that are shown.
LEADERS = 5


def leaders_table(summary: Summary, evaluations: EvaluationTable) -> Table | None:
    """The best genomes, the champion first; None where no genome has a score.

    Parameters
    ----------
    summary
        The run.
    evaluations
        All of its evaluations.
    """
    champion = None
    if summary.champion is not None:
        champion = summary.champion.genome.hash
    best = leaders(evaluations, LEADERS, champion)
    if not len(best):
        return None

    metric = summary.run.metric
    table = Table(box=None, padding=(0, 2, 0, 0), title="Leaderboard", title_justify="left")
    table.add_column("", justify="right", no_wrap=True, style="dim")
    table.add_column("Genome", no_wrap=True)
    for head in ("Search", "Confirmed"):
        table.add_column(head, justify="right", no_wrap=True)
    table.add_column(WHY_HERE)

    reasons = rank_reasons(evaluations, best, champion)
    for rank, (reason, (name, row)) in enumerate(zip(reasons, best.iterrows(), strict=True), 1):
        confirmed = float(row["confirmed"])
        cells = [str(rank), str(name)[:8], score_text(float(row["score"]), metric)]
        cells.append("" if math.isnan(confirmed) else score_text(confirmed, metric))
        why = rank_text(reason, metric, named="No. 1")
        table.add_row(*cells, Text(why))
    return table
