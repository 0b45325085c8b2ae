"""report.html of a run that solves a function: its best point, and the swarm that was tuned for it.

It is written from the record alone: no function is imported for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shoal.analysis.evaluation_table import EvaluationTable
from shoal.analysis.score_rows import confidence_text
from shoal.analysis.simple_methods import reference_lines
from shoal.analysis.summary import Summary
from shoal.export.html import Html, join, table, tag
from shoal.export.report_page import document
from shoal.export.report_scores import (
    card,
    history_section,
    leaders_section,
    scores_section,
    trainings_text,
)
from shoal.export.report_sections import (
    code_note,
    commands_section,
    facts_list,
    first_replay,
    genome_section,
    search_text,
    values_section,
)
from shoal.export.report_work import EVALUATIONS, score_by_work, work_section
from shoal.export.svg_lines import episode_dots
from shoal.numerics.stats import ci95_half_width, mean
from shoal.presentation.formatting import (
    bounds_text,
    count_text,
    duration,
    gene_text,
    metric_heading,
    score_with_spread,
)
from shoal.problems.evaluation import Evaluation
from shoal.tuning.champion import Champion

# Coordinates that the table of the best point has, at most.
_MOST = 60


@dataclass(frozen=True)
class FunctionReport:
    """What the report on a function says.

    Attributes
    ----------
    summary
        The run.
    champion
        Its champion; of a run that has not ended, the best genome so far with its best point.
    table
        All evaluations.
    evaluations
        The same as records, which know how often the function was evaluated.
    """

    summary: Summary
    champion: Champion
    table: EvaluationTable
    evaluations: Sequence[Evaluation]

    def html(self) -> str:
        """The document: no script, and nothing that is loaded from anywhere."""
        run = self.summary.run
        genome = self.champion.genome
        longer = run.settings.final_factor
        leader = self.summary.leader
        points = score_by_work(self.summary.generations, self.evaluations, EVALUATIONS)
        top = [
            self._cards(),
            tag("p", confidence_text(self.champion, longer, kind=run.kind, leader=leader)),
        ]
        sections = {
            "What was searched": self._facts(),
            "The best point": self._point(),
            "How it went": history_section(self.summary, self.table, reference_lines(run)),
            f"{run.metric.label} by evaluations": work_section(points, run.metric, EVALUATIONS),
            "What it is worth": self._worth(),
            "The genome": genome_section(genome, run.settings.space, network=False),
            "The leading genomes": leaders_section(
                self.table,
                genome.hash,
                confirmed=self.summary.run.state == "finished",
                network=False,
            ),
            "The same again": self._again(),
            "Settings": self._settings(),
        }
        return document(run, top, sections)

    @property
    def _record(self) -> Mapping[str, Any]:
        return self.summary.run.problem or {}

    @property
    def _value(self) -> float:
        """The function at the best point."""
        return self.champion.ensemble.train[self.champion.metric.name]

    def _cards(self) -> Html:
        """The values in large figures; that of the best point stands out."""
        champion = self.champion
        metric = champion.metric
        scores = champion.selection_scores
        half = ci95_half_width(scores)
        cards = [card("Search", champion.score, half, metric, trainings_text(len(scores)))]

        confirmation = champion.confirmation
        if confirmation:
            about = f"{trainings_text(len(confirmation.scores))} on unused random streams"
            half = ci95_half_width(confirmation.scores)
            cards.append(card("Confirmation", confirmation.score, half, metric, about))
        about = "of all trainings of the run"
        cards.append(card("Best point", self._value, None, metric, about, highlight=True))
        return tag("dl", *cards, class_="cards")

    def _facts(self) -> Html:
        run = self.summary.run
        record = self._record
        options = [f"{name} {gene_text(value)}" for name, value in _options(record).items()]
        count = sum(EVALUATIONS.of(evaluation) for evaluation in self.evaluations)

        facts = {
            "Function": str(record.get("reference", run.dataset)),
            "Options": ", ".join(options),
            "Box": bounds_text(record.get("bounds") or []),
            "Constraints": ", ".join(record.get("constraints") or []),
            "Value": metric_heading(run.metric),
            "Search": search_text(run.settings),
            "Generations": f"{run.generations:,} of {run.settings.generations:,}",
            "Trainings": f"{run.evaluations:,}, in {duration(run.seconds)}",
            "Evaluations": f"{count_text(count)} of the function, all trainings together",
        }
        return facts_list({name: text for name, text in facts.items() if text})

    def _point(self) -> Html:
        """Each coordinate of the best point between its bounds."""
        x = self.champion.chosen_weights.tolist()
        record = self._record
        bounds = record.get("bounds") or [("", "")] * len(x)
        whole = set(record.get("integers") or [])
        rows = []
        for number, (value, pair) in enumerate(zip(x[:_MOST], bounds, strict=False)):
            kind = "whole number" if number in whole else ""
            rows.append((str(number), f"{value:.6g}", *map(_bound_text, pair), kind))

        note = "function.json of the exported folder has all digits."
        if len(x) > _MOST:
            note = f"The first {_MOST} of {len(x):,} coordinates; {note}"
        head = ("Coordinate", "Value", "Lower bound", "Upper bound", "")
        return join(table(head, rows, kind="scores"), tag("p", note, class_="note"))

    def _worth(self) -> Html:
        """The values of the swarm, and those of its confirmations as dots."""
        run = self.summary.run
        champion = self.champion
        metric = champion.metric
        parts = [scores_section(champion, self.summary.competing_runs, ("Best value",), run.kind)]
        confirmation = champion.confirmation
        if confirmation:
            average = mean(confirmation.scores)
            half = ci95_half_width(confirmation.scores)
            text = (
                "Each dot is a training of the champion's genome on an unused random stream. The "
                f"mean of all {len(confirmation.scores)} is "
                f"{score_with_spread(average, half, metric)}."
            )
            title = metric_heading(metric)
            parts += [
                episode_dots(confirmation.scores, average, half, metric, title, "trainings"),
                tag("p", text),
            ]
        return join(*parts)

    def _again(self) -> Html:
        run = self.summary.run
        commands = {
            "The same search, with the same result hash:": "shoal run --settings settings.toml",
            "One of the champion's trainings, compared bit for bit:": first_replay(
                run, self.champion.genome, self.table
            ),
        }
        return join(commands_section(run, commands), code_note(self._record))

    def _settings(self) -> Html:
        options = {f"function {name}": value for name, value in _options(self._record).items()}
        return values_section({**self.summary.run.settings.to_dict(), **options})


def _options(record: Mapping[str, Any]) -> Mapping[str, object]:
    return record.get("options") or {}


def _bound_text(bound: float | str) -> str:
    if isinstance(bound, str):
        return bound
    return f"{bound:.6g}"
