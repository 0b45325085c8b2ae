"""report.html: a run on one page that needs nothing else, to read, to print and to send."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from shoal._version import __version__
from shoal.analysis.evaluation_table import EvaluationTable
from shoal.analysis.score_rows import METRIC_NAMES, ScoreRow, confidence_text, score_rows
from shoal.analysis.summary import Summary
from shoal.data import Dataset
from shoal.export.html import Html, join, table, tag
from shoal.export.style import STYLE
from shoal.export.svg import Point, history, interval
from shoal.genome.genes import (
    CATEGORICAL_GENES,
    GENE_LABELS,
    NEUTRAL,
    NUMERIC_GENES,
    Gene,
)
from shoal.genome.genome import Genome
from shoal.numerics.stats import ci95, ci95_half_width
from shoal.presentation.formatting import duration, percent, plus_minus, with_plus_minus
from shoal.settings.samplers import sampler_entry
from shoal.store import GenerationRecord
from shoal.store.serialization import finite
from shoal.tuning.champion import Champion

LEADERS = 10  # genomes on the leaderboard
_LONGEST = 200  # characters of a value that is shown
_FISH = "M29 16c-3.2 4.2-8.4 4.2-11.4 1.6L14 20.4l.9-4.4-.9-4.4 3.6 2.8C20.6 11.8 25.8 11.8 29 16z"
_RACES = {
    "halving": "successive halving",
    "t-race": "a race by t-tests",
    "fixed": "a fixed number of repeats",
}


@dataclass(frozen=True)
class Report:
    """What is told; ``summary`` has a champion, also of a run that has not ended. `html` is the page."""

    summary: Summary
    champion: Champion
    dataset: Dataset
    table: EvaluationTable

    def html(self) -> str:
        """The document: no script, and nothing that is loaded from anywhere."""
        run = self.summary.run
        body = tag(
            "main",
            self._header(),
            self._cards(),
            tag("p", confidence_text(self.champion, run.settings.final_factor)),
            *self._section("What was searched", self._facts()),
            *self._section("How it went", self._history()),
            *self._section("What it is worth", self._scores()),
            *self._section("The genome", self._genome()),
            *self._section("The leading genomes", self._leaders()),
            *self._section("Notes on the table", self._notes()),
            *self._section("The same again", self._again()),
            *self._section("Settings", self._settings()),
            tag(
                "footer",
                f"Shoal {__version__}. Accuracies are in percent; ± is half of a 95 % interval.",
            ),
        )
        head = tag(
            "head",
            Html(
                '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
            ),
            tag("title", f"{run.name}: run {run.id} of Shoal"),
            tag("style", Html(STYLE)),
        )
        return "<!DOCTYPE html>\n" + tag("html", head, tag("body", body), lang="en") + "\n"

    def _header(self) -> Html:
        run = self.summary.run
        places = (
            "",
            "translate(1.5 -1.5) scale(.6)",
            "translate(1.5 14.3) scale(.6)",
            "translate(-5.4 8.8) scale(.45)",
        )
        shoal_of_fish = [tag("path", d=_FISH, transform=place or None) for place in places]
        fish = tag("svg", *shoal_of_fish, viewBox="0 3 30 26", aria_hidden="true")
        ended = f" {_moment(run.ended)}" if run.ended else ""
        line = f"Run {run.id} · {run.settings.preset} · {run.state}{ended} · Shoal {__version__}"
        return tag(
            "header",
            tag("div", fish, "Shoal", class_="mark"),
            tag("h1", run.name),
            tag("p", line, class_="lead"),
        )

    def _section(self, title: str, content: Html) -> tuple[Html, ...]:
        return (tag("h2", title), content) if content else ()

    def _cards(self) -> Html:
        champion, told = self.champion, self.champion.confirmation
        seen = "validation rows" if self.dataset.validates else "training rows"
        count = len(champion.accuracies)
        cards = [
            _card(
                "Search",
                champion.accuracy,
                ci95_half_width(champion.accuracies),
                f"{_times(count)} on {seen}",
            )
        ]
        if told:
            about = f"{_times(len(told.accuracies))} on unused random streams"
            cards.append(
                _card("Confirmation", told.accuracy, ci95_half_width(told.accuracies), about)
            )
        networks = len(champion.weights)
        if (test := champion.scores.test) is not None:
            about = f"mean of {networks} networks" if networks > 1 else "one network"
            cards.append(_card("Test rows", test.accuracy, None, about, chief=networks == 1))
        if (together := champion.ensemble.test) is not None and networks > 1:
            cards.append(
                _card("Test rows, together", together.accuracy, None, "mean prediction", chief=True)
            )
        return tag("dl", *cards, class_="cards")

    def _facts(self) -> Html:
        run, data = self.summary.run, self.dataset
        settings, options = run.settings, data.options
        columns = [column.name for column in data.encoder.columns]
        rows = sum(
            len(part.rows) for part in (data.train, data.validation, data.test) if part is not None
        )
        held_out = [f"{len(data.train.rows):,} to train"]
        if data.validation is not None:
            held_out.append(f"{len(data.validation.rows):,} to validate")
        if data.fold_numbers is not None:
            held_out[0] += f" and validate, in {options.folds} folds"
        if data.test is not None:
            held_out.append(f"{len(data.test.rows):,} to test")
        kind = f"{data.task}, {len(data.classes)} classes" if data.classes else data.task
        ended = f", {_RACES[settings.racing]}" if settings.racing != "fixed" else ""
        facts = [
            (
                "Table",
                f"{data.name}: {rows:,} rows, {len(columns)} features in {data.inputs} inputs",
            ),
            ("Target", f"{options.target} ({kind})"),
            ("Rows", ", ".join(held_out)),
            (
                "Search",
                f"{sampler_entry(settings.sampler).label}, population {settings.population}{ended}, seed {settings.seed}",
            ),
            ("Generations", f"{run.generations:,} of {settings.generations:,}"),
            (
                "Trainings",
                f"{run.evaluations:,}, of {run.iterations:,} iterations together, in {duration(run.seconds)}",
            ),
        ]
        return tag(
            "dl",
            *(part for name, value in facts for part in (tag("dt", name), tag("dd", value))),
            class_="facts",
        )

    def _history(self) -> Html:
        points = history_points(self.summary.generations, self.table)
        if not points:
            return Html()
        legend = [tag("span", "Best"), tag("span", "95 % interval of the best", class_="band")]
        legend.append(tag("span", "Mean of the generation", class_="mean"))
        return join(tag("div", *legend, class_="legend"), history(points))

    def _scores(self) -> Html:
        rows = score_rows(self.champion, self.summary.competing_runs)
        known = next((row.metrics.to_dict() for row in rows if row.metrics), {})
        others = [name for name in METRIC_NAMES if name in known]
        head = ("", "Single networks", *(METRIC_NAMES[name] for name in others), "Ensemble")
        lines = [_score_line(row, others) for row in rows]
        chief = next((n for n, row in enumerate(rows) if row.is_champion), None)
        below = ""
        if self.champion.baselines:
            below = "Below Test: other methods, fitted on the champion's rows and scored on the same test rows."
        return join(table(head, lines, kind="scores", chief=chief), tag("p", below, class_="note"))

    def _genome(self) -> Html:
        genome, space = self.champion.genome, self.summary.run.settings.space
        searched = {gene.name: gene for gene in space.numeric}
        unread = genome.unread_genes
        rows = [_gene("Topology", " – ".join(map(str, genome.hidden_layers)))]
        rows += [
            _gene(GENE_LABELS[n], getattr(genome, n).replace("_", "-"))
            for n in CATEGORICAL_GENES
            if n not in unread
        ]
        for gene in NUMERIC_GENES:
            value = getattr(genome, gene.name)
            if gene.name not in unread and value != NEUTRAL.get(gene.name):
                place = _place(searched[gene.name], genome) if gene.name in searched else None
                rows.append(
                    _gene(gene.label, f"{value:,}" if gene.integer else f"{value:.4g}", place)
                )
        margin = f"Stability margin {genome.stability_margin:+.3f}: "
        margin += (
            "the swarm contracts."
            if genome.stability_margin > 0
            else "its clamps hold the swarm together."
        )
        alarms = [tag("p", f"{alarm}.", class_="note") for alarm in space.on_bounds(genome)]
        name = tag(
            "p",
            "Its name is ",
            tag("code", genome.hash),
            f". {margin} Dots: place within the search's bounds.",
        )
        return join(name, tag("dl", *rows, class_="genes"), *alarms)

    def _leaders(self) -> Html:
        ranked = self.table.ranked().head(LEADERS)
        if not len(ranked):
            return Html()
        settings = self.summary.run.settings
        known = self.table.accuracies(set(ranked.index))
        found = []
        for name, (_, row) in zip(ranked.index.astype(str), ranked.iterrows(), strict=True):
            counted = [
                known[name][r]
                for r in settings.schedule.scored_repeats(int(row["repeats"]))
                if r in known[name]
            ]
            found.append((name, row, ci95_half_width(counted)))
        ends = [
            float(row["accuracy"]) + sign * (half or 0.0)
            for _, row, half in found
            for sign in (-1, 1)
        ]
        best = max(float(row["accuracy"]) for _, row, _ in found)
        low, high = max(min(ends), best - 30.0) - 0.2, min(max(ends), best + 30.0) + 0.2
        lines: list[tuple[str, ...]] = []
        for place, (name, row, half) in enumerate(found, 1):
            accuracy, again = float(row["accuracy"]), float(row["confirmed"])
            mine = name == self.champion.genome.hash
            lines.append(
                (
                    f"{place}",
                    with_plus_minus(f"{accuracy:.2f}", half),
                    interval(accuracy, half, low, high, chief=mine),
                    f"{int(row['counted'])}",
                    "" if math.isnan(again) else f"{again:.2f}",
                    tag("code", name[:8]),
                    _kind(
                        row["update_rule"],
                        row["activation"],
                        row["hidden_layers"],
                        int(row["swarm_size"]),
                    ),
                )
            )
        head = ("", "Accuracy", "95 % interval", "Repeats", "Confirmed", "Genome", "What it is")
        champion = next(
            (n for n, (name, _, _) in enumerate(found) if name == self.champion.genome.hash), None
        )
        note = "As the search ranks them: confirmed ones first, then by how far they came in their race, then by accuracy."
        return join(table(head, lines, kind="board", chief=champion), tag("p", note, class_="note"))

    def _notes(self) -> Html:
        notes = [tag("li", _short(note)) for note in self.dataset.notes[:20]]
        return tag("ul", *notes) if notes else Html()

    def _again(self) -> Html:
        run, genome = self.summary.run, self.champion.genome
        data = "" if self.dataset.name == "concrete" else "TABLE "
        repeat = min(
            (
                int(r)
                for r in self.table.frame.loc[self.table.frame["genome"] == genome.hash, "repeat"]
            ),
            default=0,
        )
        commands = (
            (
                "The same search, with the same result hash:",
                f"shoal run {data}--settings settings.toml",
            ),
            (
                "One of the champion's trainings, compared to the bit:",
                f"shoal replay {run.id} {genome.hash[:8]} {repeat}",
            ),
            (
                "Predictions for another table, with NumPy alone:",
                "python predict.py TABLE.csv --out predictions.csv",
            ),
        )
        parts = [
            join(tag("p", what), tag("pre", tag("code", command))) for what, command in commands
        ]
        if run.result_hash:
            parts.append(tag("p", "Result hash ", tag("code", run.result_hash)))
        if run.settings.training_seconds is not None or run.settings.max_seconds is not None:
            why = "The clock ended some of this search, so that a new search may differ; recorded trainings do not."
            parts.append(tag("p", why, class_="note"))
        return join(*parts)

    def _settings(self) -> Html:
        run = self.summary.run
        values = {
            name: value
            for name, value in run.settings.to_dict().items()
            if value not in (None, {}, [])
        }
        values |= {
            f"data {name}": value
            for name, value in self.dataset.options.to_dict().items()
            if value not in (None, [])
        }
        rows = [_gene(name, _short(_value(value))) for name, value in values.items()]
        return tag("dl", *rows, class_="settings")


def history_points(
    generations: Sequence[GenerationRecord], evaluations: EvaluationTable
) -> list[Point]:
    """The run's history, with the interval of each generation's best genome."""
    counted = evaluations.settings.schedule.scored_repeats
    known = evaluations.accuracies({record.summary.best.hash for record in generations})
    intervals: dict[tuple[str, int], tuple[float | None, float | None]] = {}
    points = []
    for told in (record.summary for record in generations):
        key = told.best.hash, told.best_repeats
        if key not in intervals:
            mine = known.get(told.best.hash, {})
            intervals[key] = ci95([mine[r] for r in counted(told.best_repeats) if r in mine]) or (
                None,
                None,
            )
        best, average = finite(told.best_accuracy), finite(told.mean_accuracy)
        points.append(Point(told.number, best, average, *intervals[key]))
    return points


def _card(
    name: str, accuracy: float, half: float | None, about: str, *, chief: bool = False
) -> Html:
    spread = tag("small", f" {plus_minus(half)}") if half is not None else ""
    value = tag("dd", f"{accuracy:.2f} %", spread, class_="value")
    return tag(
        "div",
        tag("dt", name),
        value,
        tag("dd", about, class_="about"),
        class_="card chief" if chief else "card",
    )


def _score_line(row: ScoreRow, others: Sequence[str]) -> tuple[str, ...]:
    if row.accuracy is None:
        return (
            row.label,
            tag("span", _short(row.error or "failed"), class_="why"),
            *[""] * (len(others) + 1),
        )
    ensemble = f"{row.ensemble:.2f} %" if row.ensemble is not None else ""
    return (
        row.label,
        with_plus_minus(percent(row.accuracy), row.half),
        *(row.metric(name) for name in others),
        ensemble,
    )


def _gene(label: str, value: str, place: float | None = None) -> Html:
    track = "" if place is None else tag("i", style=f"--at:{100 * place:.1f}%")
    return tag("div", tag("dt", label), tag("dd", value), track)


def _place(gene: Gene, genome: Genome) -> float:
    """Where its value lies between the bounds, 0 to 1, on the gene's own scale."""
    value, low, high = getattr(genome, gene.name), gene.low, gene.high
    if gene.name == "num_informants":
        high = min(high, genome.swarm_size - 1)
    if high <= low:
        return 0.5
    value = min(max(value, low), high)
    return (
        math.log(value / low) / math.log(high / low) if gene.log else (value - low) / (high - low)
    )


def _kind(rule: str, activation: str, layers: tuple[int, ...], size: int) -> str:
    return f"{rule}, {size} particles, {'-'.join(map(str, layers))} {activation.replace('_', '-')}"


def _times(count: int) -> str:
    return "one training" if count == 1 else f"{count} trainings"


def _value(value: object) -> str:
    if isinstance(value, dict):
        return "; ".join(f"{name} {_value(each)}" for name, each in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
