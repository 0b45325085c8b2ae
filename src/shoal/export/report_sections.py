"""The sections of a report that say what was searched, what was found, and how to repeat it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from shoal.analysis.evaluation_table import EvaluationTable
from shoal.analysis.scorecard import Scorecard
from shoal.data import Dataset
from shoal.export.html import Html, join, table, tag
from shoal.genome.genes import (
    CATEGORICAL_GENES,
    NETWORK_GENES,
    NEUTRAL,
    NUMERIC_GENES,
    gene_label,
)
from shoal.genome.genome import Genome
from shoal.genome.search_space import SearchSpace
from shoal.presentation.formatting import duration, shortened
from shoal.presentation.gene_scale import position_between_bounds
from shoal.settings.samplers import sampler_entry
from shoal.settings.search_settings import SearchSettings
from shoal.store import RunView

# Characters of a value that are shown.
_MOST_OF_VALUE = 200
# Notes on the table that are shown.
_MOST_NOTES = 20

# How genomes race, in words. Without a race there is nothing to say.
_RACES = {
    "halving": "successive halving",
    "t-race": "a race by t-tests",
}


def facts_section(run: RunView, dataset: Dataset) -> Html:
    """What was searched, and at what cost."""
    settings = run.settings
    parts = [part for part in (dataset.train, dataset.validation, dataset.test) if part is not None]
    rows = sum(len(part.rows) for part in parts)
    features = len(dataset.encoder.columns)
    kind: str = dataset.task
    if dataset.classes:
        kind = f"{kind}, {len(dataset.classes)} classes"

    trainings = f"{run.evaluations:,}, of {run.iterations:,} iterations together"
    facts = {
        "Table": f"{dataset.name}: {rows:,} rows, {features} features in {dataset.inputs} inputs",
        "Target": f"{', '.join(dataset.options.targets)} ({kind})",
        "Rows": _rows_text(dataset),
        **_roles_of_columns(dataset),
        "Search": search_text(settings),
        "Generations": f"{run.generations:,} of {settings.generations:,}",
        "Trainings": f"{trainings}, in {duration(run.seconds)}",
    }
    return facts_list(facts)


def facts_list(facts: Mapping[str, str]) -> Html:
    """Facts by their names."""
    lines: list[Html] = []
    for name, value in facts.items():
        lines += [tag("dt", name), tag("dd", value)]
    return tag("dl", *lines, class_="facts")


def search_text(settings: SearchSettings) -> str:
    """How genomes are found, in a line."""
    sampler = sampler_entry(settings.sampler).label
    text = f"{sampler}, population {settings.population}"
    if settings.racing in _RACES:
        text += f", {_RACES[settings.racing]}"
    return f"{text}, seed {settings.seed}"


def cards_section(cards: Sequence[Scorecard]) -> Html:
    """Scorecards: each question with its points, and how to add up; empty without cards."""
    parts: list[Html] = []
    for card in cards:
        rows = [(f"{points:+d}", question.text) for question, points in card.lines]
        parts += [
            tag("p", "Add up the points of each question whose answer is yes."),
            table(("Points", "Question"), rows, kind="card-lines"),
            tag("p", tag("strong", card.verdict)),
        ]
    return join(*parts)


def _roles_of_columns(dataset: Dataset) -> dict[str, str]:
    """Columns that are no features, where there are any."""
    roles = {}
    if dataset.options.drop:
        roles["Left out"] = ", ".join(dataset.options.drop)
    if dataset.options.weight is not None:
        roles["Weight of a row"] = dataset.options.weight
    if dataset.options.columns:
        roles["Columns for objectives"] = ", ".join(dataset.options.columns)
    return roles


def _rows_text(dataset: Dataset) -> str:
    """How many rows each part has."""
    train = f"{len(dataset.train.rows):,} to train"
    if dataset.fold_numbers is not None:
        train += f" and validate, in {dataset.options.folds} folds"
    if dataset.options.order is not None:
        train = f"in the order of {dataset.options.order}: {train}"
    parts = [train]
    if dataset.validation is not None:
        parts.append(f"{len(dataset.validation.rows):,} to validate")
    if dataset.test is not None:
        parts.append(f"{len(dataset.test.rows):,} to test")
    return ", ".join(parts)


def genome_section(
    genome: Genome,
    space: SearchSpace,
    ends: tuple[int, int] | None = None,
    *,
    network: bool = True,
) -> Html:
    """The genes that the champion's update rule reads, with their places between the bounds.

    Parameters
    ----------
    genome, space
        The genome, and what was searched.
    ends
        Inputs and outputs of its network, where they are worth naming.
    network
        Whether its swarm finds the weights of a network. Otherwise genes of networks are left out.
    """
    left_out = set(genome.unread_genes)
    rows = []
    widths: tuple[int, ...] = genome.hidden_layers
    if ends is not None:
        widths = (ends[0], *widths, ends[1])
    if network:
        rows.append(_value_line("Topology", " – ".join(map(str, widths))))
    else:
        left_out |= set(NETWORK_GENES)
    for name in CATEGORICAL_GENES:
        if name not in left_out:
            rows.append(_value_line(gene_label(name), getattr(genome, name).replace("_", "-")))

    searched = {gene.name: gene for gene in space.numeric}
    for gene in NUMERIC_GENES:
        value = getattr(genome, gene.name)
        if gene.name in left_out or value == NEUTRAL.get(gene.name):
            continue
        place = None
        if gene.name in searched:
            place = position_between_bounds(searched[gene.name], genome)
        text = f"{value:,}" if gene.integer else f"{value:.4g}"
        rows.append(_value_line(gene_label(gene.name), text, place))

    margin = genome.stability_margin
    meaning = "the swarm contracts" if margin > 0 else "its clamps hold the swarm together"
    about = f". Stability margin {margin:+.3f}: {meaning}. Dots: place within the search's bounds."
    name_line = tag("p", "Its name is ", tag("code", genome.hash), about)
    alarms = [tag("p", f"{alarm}.", class_="note") for alarm in space.on_bounds(genome)]
    return join(name_line, tag("dl", *rows, class_="genes"), *alarms)


def notes_section(dataset: Dataset) -> Html:
    """What was noted as the table was read; empty where there was nothing."""
    notes = [tag("li", shortened(note, _MOST_OF_VALUE)) for note in dataset.notes[:_MOST_NOTES]]
    if not notes:
        return Html()
    return tag("ul", *notes)


def again_section(
    run: RunView, genome: Genome, dataset: Dataset, evaluations: EvaluationTable
) -> Html:
    """Commands that give the same search, one of its trainings, and predictions."""
    data = "" if dataset.name == "concrete" else "TABLE "
    commands = {
        "The same search, with the same result hash:": (
            f"shoal run {data}--settings settings.toml"
        ),
        "One of the champion's trainings, compared bit for bit:": (
            first_replay(run, genome, evaluations)
        ),
        "Predictions for another table, with NumPy alone:": (
            "python predict.py TABLE.csv --out predictions.csv"
        ),
    }
    return commands_section(run, commands)


def first_replay(run: RunView, genome: Genome, evaluations: EvaluationTable) -> str:
    """The command that repeats the first training of a genome."""
    frame = evaluations.frame
    repeats = frame.loc[frame["genome"] == genome.hash, "repeat"]
    # The smallest number is the first repeat of the search; confirmations are numbered from far
    # above.
    repeat = int(repeats.min()) if len(repeats) else 0
    return f"shoal replay {run.id} {genome.hash[:8]} {repeat}"


def commands_section(run: RunView, commands: Mapping[str, str]) -> Html:
    """Commands by their purpose, and the result hash that the same search has."""
    parts: list[Html] = []
    for purpose, command in commands.items():
        parts += [tag("p", purpose), tag("pre", tag("code", command))]
    if run.result_hash:
        parts.append(tag("p", "Result hash ", tag("code", run.result_hash)))

    if run.settings.training_seconds is not None or run.settings.max_seconds is not None:
        reservation = (
            "The clock ended some of this search, so that a new search may differ; "
            "recorded trainings do not."
        )
        parts.append(tag("p", reservation, class_="note"))
    return join(*parts)


def code_note(record: Mapping[str, Any]) -> Html:
    """Where the code of a problem is, and its hash; empty for what comes with Shoal."""
    if record.get("sha256") is None:
        return Html()
    code = (
        f"The {record['kind']} is in {record.get('reference')}, SHA-256 {record['sha256']}. Its "
        "text is in problem.json, and is never executed from there."
    )
    return tag("p", code, class_="note")


def settings_section(run: RunView, dataset: Dataset) -> Html:
    """All settings and options of the data that have a value."""
    options = {f"data {name}": value for name, value in dataset.options.to_dict().items()}
    return values_section({**run.settings.to_dict(), **options})


def values_section(given: Mapping[str, object]) -> Html:
    """Values by their names, without those that are empty."""
    values = {name: value for name, value in given.items() if value not in (None, {}, [])}
    rows = []
    for name, value in values.items():
        rows.append(_value_line(name, shortened(_value_text(value), _MOST_OF_VALUE)))
    return tag("dl", *rows, class_="settings")


def _value_line(label: str, value: str, place: float | None = None) -> Html:
    """A name with its value, and below it a dot at ``place``, 0 to 1, where there is one."""
    track = Html()
    if place is not None:
        track = tag("i", style=f"--at:{100 * place:.1f}%")
    return tag("div", tag("dt", label), tag("dd", value), track)


def _value_text(value: object) -> str:
    if isinstance(value, dict):
        return "; ".join(f"{name} {_value_text(each)}" for name, each in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(_value_text, value))
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)
