"""report.html: a run on one page that needs nothing else, to read, to print and to send."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from shoal._version import __version__
from shoal.analysis.evaluation_table import EvaluationTable
from shoal.analysis.score_rows import confidence_text
from shoal.analysis.summary import Summary
from shoal.data import Dataset
from shoal.export.html import Html, tag
from shoal.export.report_scores import (
    champion_cards,
    history_section,
    leaders_section,
    scores_section,
)
from shoal.export.report_sections import (
    again_section,
    facts_section,
    genome_section,
    notes_section,
    settings_section,
)
from shoal.export.style import STYLE
from shoal.objectives.registry import Metric
from shoal.presentation.formatting import metric_heading
from shoal.store import RunView
from shoal.tuning.champion import Champion

# Shoal's mark, a shoal of fish: one fish, and where it swims.
_FISH = "M29 16c-3.2 4.2-8.4 4.2-11.4 1.6L14 20.4l.9-4.4-.9-4.4 3.6 2.8C20.6 11.8 25.8 11.8 29 16z"
_FISH_PLACES = (
    None,
    "translate(1.5 -1.5) scale(.6)",
    "translate(1.5 14.3) scale(.6)",
    "translate(-5.4 8.8) scale(.45)",
)
_META = Html(
    '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
)


@dataclass(frozen=True)
class Report:
    """What a report says.

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
    """

    summary: Summary
    champion: Champion
    dataset: Dataset
    table: EvaluationTable

    def html(self) -> str:
        """The document: no script, and nothing that is loaded from anywhere."""
        run = self.summary.run
        head = tag(
            "head",
            _META,
            tag("title", f"{run.name}: run {run.id} of Shoal"),
            tag("style", Html(STYLE)),
        )
        document = tag("html", head, tag("body", self._main()), lang="en")
        return f"<!DOCTYPE html>\n{document}\n"

    def _main(self) -> Html:
        run = self.summary.run
        genome = self.champion.genome
        sections = {
            "What was searched": facts_section(run, self.dataset),
            "How it went": history_section(self.summary.generations, self.table),
            "What it is worth": scores_section(self.champion, self.summary.competing_runs),
            "The genome": genome_section(genome, run.settings.space),
            "The leading genomes": leaders_section(self.table, genome.hash),
            "Notes on the table": notes_section(self.dataset),
            "The same again": again_section(run, genome, self.dataset, self.table),
            "Settings": settings_section(run, self.dataset),
        }
        parts = [
            _header(run),
            champion_cards(self.champion, self.dataset),
            tag("p", confidence_text(self.champion, run.settings.final_factor)),
        ]
        for title, content in sections.items():
            if content:
                parts += [tag("h2", title), content]

        footer = f"Shoal {__version__}. {_scores_are(run.metric)}; ± is half of a 95 % interval."
        return tag("main", *parts, tag("footer", footer))


def _scores_are(metric: Metric) -> str:
    """What the scores of the report are, as the beginning of a sentence."""
    if metric.is_accuracy:
        return "Accuracies are in percent"
    return f"Scores: {metric_heading(metric)}"


def _header(run: RunView) -> Html:
    """Shoal's mark, the run's name, and its state."""
    shoal_of_fish = [tag("path", d=_FISH, transform=place) for place in _FISH_PLACES]
    mark = tag("svg", *shoal_of_fish, viewBox="0 3 30 26", aria_hidden="true")

    state: str = run.state
    if run.ended:
        ended = datetime.fromtimestamp(run.ended, UTC)
        state = f"{state} {ended.strftime('%Y-%m-%d %H:%M UTC')}"
    line = f"Run {run.id} · {run.settings.preset} · {state} · Shoal {__version__}"
    return tag(
        "header",
        tag("div", mark, "Shoal", class_="mark"),
        tag("h1", run.name),
        tag("p", line, class_="lead"),
    )
