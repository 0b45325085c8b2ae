"""What Python and notebooks show of Shoal's objects: one line, or a small table in HTML.

`line` and `html` draw a `Description`; the functions below them make one for each class that is
`shoal.system.shown.Shown`. A table takes the notebook's own colours, so that it is legible in light
and dark ones, and texts of users are escaped.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from shoal.analysis.score_rows import METRIC_NAMES, ScoreRow, score_rows
from shoal.data.messages import count_of
from shoal.numerics.stats import ci95_half_width
from shoal.objectives.registry import METRICS, Metric
from shoal.presentation.formatting import (
    duration,
    layers_text,
    point_text,
    score_text,
    score_with_spread,
    shortened,
)
from shoal.system.visible_text import visible

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from shoal.analysis.evaluations import Evaluations
    from shoal.api import SearchResult, TrainResult
    from shoal.data import Dataset
    from shoal.data.findings import Checked
    from shoal.functions.minimization import MinimizeResult
    from shoal.functions.swarm import Swarm
    from shoal.genome.genome import Genome
    from shoal.models.model import Model
    from shoal.objectives.metrics import Metrics
    from shoal.problems.evaluation import Evaluation, GenerationSummary
    from shoal.store import RunView
    from shoal.tuning.champion import Champion

# A line is shorter than 200 characters, and a text of a user within it than that.
_LONGEST_LINE = 199
_LONGEST_TEXT = 60
_LONGEST_CELL = 300
# Rows of a long table that are shown at its beginning, and at its end.
_FIRST = 6
_LAST = 3

_DASH = "–"
_BORDER = "1px solid rgba(128, 128, 128, .4)"
_CELL = "text-align: left; padding: .2em .8em .2em 0; vertical-align: top"
# Paler than the other text, and still legible on black and on white.
_LABEL = f"{_CELL}; font-weight: normal; opacity: .8"


@dataclass(frozen=True)
class Description:
    """What is shown of an object.

    Attributes
    ----------
    title
        What it is.
    brief
        The most important of it, behind the title in a line of text.
    facts
        A label and a value each.
    head, rows
        A table below the facts: its column heads, and its cells. Empty for none.
    """

    title: str
    brief: str
    facts: Sequence[tuple[str, str]] = ()
    head: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()


def describe(shown: object) -> Description:
    """The description of an object.

    Raises
    ------
    TypeError
        If its class has none.
    """
    for kind in type(shown).__mro__:
        if kind.__name__ in _DESCRIBERS:
            return _DESCRIBERS[kind.__name__](shown)
    raise TypeError(f"No description of a {type(shown).__name__}.")


def line(shown: object) -> str:
    """An object in a line of fewer than 200 characters."""
    description = describe(shown)
    text = f"{description.title}: {description.brief}"
    return f"<{shortened(_one_line(text), _LONGEST_LINE - 2)}>"


def html(shown: object) -> str:
    """An object as a small table in HTML, without scripts, links or style sheets."""
    description = describe(shown)
    parts = [f"<strong>{_cell(description.title)}</strong>"]
    if description.facts:
        parts.append(_facts_html(description.facts))
    if description.rows:
        parts.append(_table_html(description.head, description.rows))
    return f'<div style="max-width: 60em; overflow-x: auto">{"".join(parts)}</div>'


def _facts_html(facts: Sequence[tuple[str, str]]) -> str:
    rows = []
    for label, value in facts:
        head = f'<th scope="row" style="{_LABEL}">{_cell(label)}</th>'
        rows.append(f'<tr>{head}<td style="{_CELL}">{_cell(value)}</td></tr>')
    return _table_element(rows)


def _table_html(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    heads = "".join(f'<th scope="col" style="{_LABEL}">{_cell(name)}</th>' for name in head)
    lines = [f'<tr style="border-bottom: {_BORDER}">{heads}</tr>']
    for row in rows:
        cells = "".join(f'<td style="{_CELL}">{_cell(value)}</td>' for value in row)
        lines.append(f"<tr>{cells}</tr>")
    return _table_element(lines)


def _table_element(rows: Sequence[str]) -> str:
    style = "border-collapse: collapse; margin: .4em 0; background: none; color: inherit"
    return f'<table style="{style}">{"".join(rows)}</table>'


def _cell(text: str) -> str:
    return escape(shortened(_one_line(text), _LONGEST_CELL))


def _one_line(text: str) -> str:
    return " ".join(visible(text).split())


# Texts


def _named(text: str) -> str:
    """A user's name for something, in quotes."""
    return f"'{shortened(_one_line(text), _LONGEST_TEXT)}'"


def _names(names: Sequence[str]) -> str:
    """A few names of many."""
    shown = ", ".join(shortened(_one_line(name), _LONGEST_TEXT) for name in names[:_FIRST])
    if len(names) > _FIRST:
        return f"{shown}, … ({len(names)})"
    return shown


def _number(value: float | None) -> str:
    if value is None:
        return _DASH
    return f"{value:.5g}"


def _metrics_text(metrics: Metrics | None) -> str:
    """The scores of one part of the data; a dash where there is none."""
    if metrics is None:
        return _DASH
    texts = []
    for name, value in metrics.to_dict().items():
        label = METRIC_NAMES.get(name, name)
        if name in METRICS:
            texts.append(f"{label} {score_text(value, METRICS[name])}")
        else:
            texts.append(f"{label} {_number(value)}")
    return ", ".join(texts) or _DASH


def _first_metric(metrics: Metrics) -> str:
    return _metrics_text(metrics).partition(",")[0]


# Genomes and trainings


def _genome(genome: Genome) -> Description:
    layers = f"layers {layers_text(genome.hidden_layers) or 'none'}"
    brief = (
        f"{layers}, {genome.activation}, {genome.swarm_size} particles, "
        f"{genome.update_rule} rule, w {genome.inertia_weight:.3g}"
    )
    facts = []
    for name, value in genome.to_dict().items():
        if name in genome.unread_genes:
            continue
        shown = value
        if isinstance(value, float):
            shown = f"{value:.5g}"
        elif isinstance(value, list):
            shown = layers_text(tuple(value)) or "none"
        facts.append((name, str(shown)))
    facts.append(("stability margin", f"{genome.stability_margin:.2f}"))
    return Description(f"Genome {genome.hash}", brief, facts)


def _genome_brief(genome: Genome, *, network: bool = True) -> str:
    swarm = f"{genome.swarm_size} particles, {genome.update_rule} rule ({genome.hash})"
    if not network:
        return swarm
    return f"layers {layers_text(genome.hidden_layers) or 'none'}, {genome.activation}, {swarm}"


def _train_result(result: TrainResult) -> Description:
    scores = result.scores
    held_out = scores.test or scores.validation or scores.train
    part = "test" if scores.test else "validation" if scores.validation else "train"
    brief = f"loss {result.loss:.5g}, {part} {_first_metric(held_out)}"
    facts = [
        ("Loss", _number(result.loss)),
        ("Train", _metrics_text(scores.train)),
        ("Validation", _metrics_text(scores.validation)),
        ("Test", _metrics_text(scores.test)),
        ("Iterations", f"{len(result.history):,}"),
        ("Time", duration(result.seconds)),
        ("Weights", f"{len(result.weights):,}"),
        ("Genome", _genome_brief(result.genome)),
    ]
    return Description("Training", f"{brief}, {len(result.history):,} iterations", facts)


def _evaluation(evaluation: Evaluation) -> Description:
    task = evaluation.task
    title = f"Evaluation of {task.genome.hash}, repeat {task.repeat}"
    outcome = f"score {_number(evaluation.score)}, loss {_number(evaluation.loss)}"
    if evaluation.error is not None:
        outcome = evaluation.error
    facts = [
        ("Status", evaluation.status),
        ("Score", _number(evaluation.score)),
        ("Loss", _number(evaluation.loss)),
        ("Iterations", f"{evaluation.iterations:,}"),
        ("Time", f"{evaluation.seconds:.2f} s"),
        ("Generation", f"{task.generation}, individual {task.individual + 1}"),
        ("Genome", _genome_brief(task.genome)),
    ]
    if evaluation.error is not None:
        facts.append(("Error", evaluation.error))
    if evaluation.scores is not None:
        facts.append(("Train", _metrics_text(evaluation.scores.train)))
        facts.append(("Validation", _metrics_text(evaluation.scores.validation)))
    return Description(title, f"{evaluation.status}, {outcome}", facts)


def _evaluations(evaluations: Evaluations) -> Description:
    metric = evaluations.metric
    genomes = {evaluation.task.genome for evaluation in evaluations}
    failed = sum(evaluation.status == "failed" for evaluation in evaluations)
    title = count_of(len(evaluations), "evaluation")
    brief = f"{count_of(len(genomes), 'genome')}, {failed} failed; .to_frame() has them as a table"

    # A long record shows its beginning and its end.
    rows = [_evaluation_row(evaluation, metric) for evaluation in evaluations[:_FIRST]]
    if len(evaluations) > _FIRST + _LAST:
        rows.append(["…"] * len(_EVALUATION_HEAD))
        rows += [_evaluation_row(evaluation, metric) for evaluation in evaluations[-_LAST:]]
    else:
        rows += [_evaluation_row(evaluation, metric) for evaluation in evaluations[_FIRST:]]
    facts = [("Genomes", f"{len(genomes):,}"), ("Failed", f"{failed:,}")]
    return Description(title, brief, facts, [*_EVALUATION_HEAD[:-2], metric.label, "Time"], rows)


_EVALUATION_HEAD = ("Generation", "Genome", "Repeat", "Status", "Score", "Time")


def _evaluation_row(evaluation: Evaluation, metric: Metric) -> list[str]:
    task = evaluation.task
    return [
        str(task.generation),
        task.genome.hash[:8],
        str(task.repeat),
        evaluation.status,
        score_text(evaluation.score, metric),
        f"{evaluation.seconds:.2f} s",
    ]


def _generation(summary: GenerationSummary) -> Description:
    brief = (
        f"best {_number(summary.best_score)} over {count_of(summary.best_repeats, 'repeat')}, "
        f"mean {_number(summary.mean_score)}, {summary.evaluations:,} evaluations"
    )
    facts = [
        ("Best score", _number(summary.best_score)),
        ("Repeats of the best", str(summary.best_repeats)),
        ("Mean score", _number(summary.mean_score)),
        ("Evaluations so far", f"{summary.evaluations:,}"),
        ("Best genome", _genome_brief(summary.best)),
    ]
    return Description(f"Generation {summary.number}", brief, facts)


# Runs


def _run(run: RunView) -> Description:
    brief = f"{_named(run.name)}, {run.state}, {_best_of_run(run)}"
    return Description(
        f"Run {run.id}", f"{brief}, {count_of(run.evaluations, 'evaluation')}", _run_facts(run)
    )


def _best_of_run(run: RunView) -> str:
    return f"{run.metric.word} {score_text(run.best_score, run.metric)}"


def _run_facts(run: RunView) -> list[tuple[str, str]]:
    facts = [
        ("Name", run.name),
        ("State", run.state),
        ("Solves", f"{run.dataset} ({run.kind})"),
        (f"Best {run.metric.word}", score_text(run.best_score, run.metric)),
        ("Generations", f"{run.generations} of {run.settings.generations}"),
        ("Evaluations", f"{run.evaluations:,}"),
        ("Time", duration(run.seconds)),
        ("Preset, seed", f"{run.settings.preset}, {run.seed}"),
    ]
    if run.error is not None:
        facts.append(("Error", run.error))
    return facts


def _search_result(result: SearchResult) -> Description:
    run = result.run
    facts = _run_facts(run)
    head: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    if result.champion is not None:
        champion = _champion(result.champion, network=run.has_network, kind=run.kind)
        facts.append(("Champion", _genome_brief(result.champion.genome, network=run.has_network)))
        head = champion.head
        rows = champion.rows
    return Description(f"Run {run.id}", _run(run).brief, facts, head, rows)


def _champion(champion: Champion, *, network: bool = True, kind: str = "table") -> Description:
    metric = champion.metric
    half = ci95_half_width(champion.selection_scores)
    score = score_with_spread(champion.score, half, metric)
    brief = f"{metric.word} {score}"
    if champion.ensemble.test is not None:
        brief += f", test {score_text(champion.ensemble.test[metric.name], metric)}"
    brief += f", {_genome_brief(champion.genome, network=network)}"

    facts = [("Genome", _genome_brief(champion.genome, network=network))]
    if network:
        facts.append(("Networks", str(len(champion.weights))))
    else:
        facts.append(("Best point", point_text(champion.chosen_weights)))
    rows = [_score_row(row, metric) for row in score_rows(champion, kind=kind)]
    head = ["Scored on", metric.label, "Ensemble"]
    return Description("Champion", brief, facts, head, rows)


def _score_row(row: ScoreRow, metric: Metric) -> list[str]:
    score = row.error or score_with_spread(row.score, row.half, metric)
    ensemble = ""
    if row.ensemble is not None:
        ensemble = score_text(row.ensemble, metric)
    label = row.label
    if row.is_champion:
        label = f"{label} (champion)"
    return [label, score, ensemble]


# Data and functions


def _dataset(data: Dataset) -> Description:
    counts = {"train": len(data.train.rows)}
    if data.validation is not None:
        counts["validation"] = len(data.validation.rows)
    if data.test is not None:
        counts["test"] = len(data.test.rows)
    total = sum(counts.values())
    brief = (
        f"{total:,} rows, {count_of(data.inputs, 'input')}, "
        f"{data.task} of {_names(data.options.targets)}"
    )

    rows = ", ".join(f"{count:,} {part}" for part, count in counts.items())
    facts = [
        ("Task", data.task),
        ("Target", _names(data.options.targets)),
        ("Rows", f"{total:,}: {rows}"),
        ("Columns", _names([column.name for column in data.encoder.columns])),
        ("Inputs", str(data.inputs)),
        ("Preset", data.options.preset),
    ]
    if data.classes:
        facts.append(("Classes", _names(data.classes)))
    if data.options.folds > 1:
        facts.append(("Folds", str(data.options.folds)))
    facts += [("Note", note) for note in data.notes]
    return Description(f"Dataset {_named(data.name)}", brief, facts)


def _model(model: Model) -> Description:
    names = _names(model.targets)
    inputs = count_of(len(model.inputs), "input")
    brief = f"{model.task} of {names}, {inputs}, {count_of(model.networks, 'network')}"
    facts = [
        ("Target", names),
        ("Inputs", _names(model.inputs)),
        ("Networks", str(model.networks)),
        ("Metric", model.metric.label),
    ]
    if model.classes:
        facts.insert(1, ("Classes", _names(model.classes)))
    score = model.description.get("score")
    if score is not None:
        facts.append(("Score", score_text(score, model.metric)))
    return Description(f"Model {_named(model.name)}", brief, facts)


def _checked(checked: Checked) -> Description:
    counts = dict.fromkeys(("bad", "look", "good"), 0)
    for finding in checked.findings:
        counts[finding.status] += 1
    words = [f"{count} {status}" for status, count in counts.items() if count]
    verdict = "a search would refuse it" if checked.bad else "a search can start"
    rows = []
    for finding in checked.findings:
        rows.append([finding.status, finding.what, finding.remedy])
    head = ["", "Finding", "What to do"]
    brief = ", ".join([verdict, *words])
    return Description("Check of the table", brief, [("Verdict", verdict)], head, rows)


def _minimum(result: MinimizeResult) -> Description:
    brief = f"{_number(result.fun)} at {_point(result.x)}, {result.nit:,} iterations"
    facts = [
        ("Value (fun)", f"{result.fun:.10g}"),
        ("Point (x)", _point(result.x)),
        ("Ended", result.message),
        ("Success", str(result.success)),
        ("Iterations (nit)", f"{result.nit:,}"),
        ("Evaluations (nfev)", f"{result.nfev:,}"),
    ]
    if result.maxcv:
        facts.append(("Violation (maxcv)", _number(result.maxcv)))
    return Description("Minimum", brief, facts)


def _point(x: NDArray[np.float64]) -> str:
    return point_text(x)


def _swarm(swarm: Swarm) -> Description:
    best = "nothing found yet"
    point = _DASH
    if swarm.best is not None:
        best = f"best {_number(swarm.best.fun)}"
        point = _point(swarm.best.x)
    size = f"{swarm.genome.swarm_size} particles in {count_of(swarm.dimensions, 'dimension')}"
    facts = [
        ("Particles", str(swarm.genome.swarm_size)),
        ("Dimensions", str(swarm.dimensions)),
        ("Iterations", f"{swarm.iteration:,}"),
        ("Best", best),
        ("Best point", point),
        ("Rule", swarm.genome.update_rule),
    ]
    return Description("Swarm", f"{size}, {swarm.iteration:,} iterations, {best}", facts)


# By the name of the class: importing all of them would make the first line slow.
_DESCRIBERS: dict[str, Callable[[Any], Description]] = {
    "Champion": _champion,
    "Checked": _checked,
    "Dataset": _dataset,
    "Evaluation": _evaluation,
    "Evaluations": _evaluations,
    "GenerationSummary": _generation,
    "Genome": _genome,
    "MinimizeResult": _minimum,
    "Model": _model,
    "RunView": _run,
    "SearchResult": _search_result,
    "Swarm": _swarm,
    "TrainResult": _train_result,
}
