"""report.html: a run on one page that needs nothing else, to read, to print and to send."""

from __future__ import annotations

from dataclasses import dataclass

from shoal.analysis.evaluation_table import EvaluationTable
from shoal.analysis.score_rows import confidence_text
from shoal.analysis.scorecard import Scorecard
from shoal.analysis.simple_methods import ReferenceLine
from shoal.analysis.summary import Summary
from shoal.data import Dataset
from shoal.export.html import tag
from shoal.export.report_model import ModelFindings, diagnostics_section, inputs_section
from shoal.export.report_page import document
from shoal.export.report_scores import (
    champion_cards,
    history_section,
    leaders_section,
    scores_section,
)
from shoal.export.report_sections import (
    again_section,
    cards_section,
    facts_section,
    genome_section,
    notes_section,
    settings_section,
)
from shoal.export.svg_curves import curves_section
from shoal.replay.learning_curves import LearningCurves
from shoal.tuning.champion import Champion


@dataclass(frozen=True)
class Report:
    """What the report on a table says.

    Attributes
    ----------
    summary
        The run.
    champion
        Its champion; of a run that has not ended, the best genome so far with trained networks.
    dataset
        The data that were searched on.
    table
        All evaluations.
    cards
        The champion's networks as scorecards; none where they are no cards.
    lines
        What simple methods reach where the search is judged.
    model
        What its networks do together on the test rows; None where there is nothing to say.
    curves
        Losses of the genome's trainings by iteration; or why there are none.
    """

    summary: Summary
    champion: Champion
    dataset: Dataset
    table: EvaluationTable
    cards: tuple[Scorecard, ...] = ()
    lines: tuple[ReferenceLine, ...] = ()
    model: ModelFindings | None = None
    curves: LearningCurves | str = ""

    def html(self) -> str:
        """The document: no script, and nothing that is loaded from anywhere."""
        run = self.summary.run
        genome = self.champion.genome
        longer = run.settings.final_factor
        top = [
            champion_cards(self.champion, self.dataset),
            tag("p", confidence_text(self.champion, longer, leader=self.summary.leader)),
        ]
        sections = {
            "What was searched": facts_section(run, self.dataset),
            "How it went": history_section(self.summary, self.table, self.lines),
            "How its networks learned": curves_section(self.curves),
            "The scorecard": cards_section(self.cards),
            "What it is worth": scores_section(self.champion, self.summary.competing_runs),
            "Which columns it needs": inputs_section(self.model),
            "How it predicts the test rows": diagnostics_section(self.model),
            "The genome": genome_section(genome, run.settings.space),
            "The leading genomes": leaders_section(
                self.table, genome.hash, confirmed=self.summary.run.state == "finished"
            ),
            "Notes on the table": notes_section(self.dataset),
            "The same again": again_section(run, genome, self.dataset, self.table),
            "Settings": settings_section(run, self.dataset),
        }
        return document(run, top, sections)
