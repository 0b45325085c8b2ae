"""What pages call the parts of a problem, by its kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shoal.objectives.registry import Metric
from shoal.presentation.formatting import bounds_text, gene_text
from shoal.store import RunView


@dataclass(frozen=True, slots=True)
class ProblemWords:
    """The words of one kind of problem.

    Attributes
    ----------
    single, together
        Labels of the test scores: of the champion's networks on average, and of what is used.
    heads
        The same as heads of columns; without the second, where there is nothing together.
    unseen
        What the test is made of.
    trained_on
        Where losses were met, after "The loss ...".
    curve
        What the curves of trainings show.
    losses_are_scores
        Whether a loss is a score, with its sign turned where larger scores are better. Curves of
        trainings then show scores.
    no_held_out
        Why there is no loss on held-out rows; empty where there may be one.
    model
        What the download of the model holds.
    champion
        What the champion's page says.
    """

    single: str
    together: str
    heads: tuple[str, ...]
    unseen: str
    trained_on: str
    curve: str
    losses_are_scores: bool
    no_held_out: str
    model: str
    champion: str


_RECORDS = "every evaluation, settings and the report, as a zip archive"

_TABLE = ProblemWords(
    single="Test, single networks",
    together="Test, their ensemble",
    heads=("Single networks", "Ensemble"),
    unseen="test rows, not used by the search",
    trained_on="on the rows trained on",
    curve="Losses on the training rows",
    losses_are_scores=False,
    no_held_out="",
    model=f"Networks, a predict.py that needs NumPy alone, {_RECORDS}",
    champion="The champion: its scores with intervals, and other methods on the same test rows",
)
_SIMULATION = ProblemWords(
    single="Test, all its policies",
    together="Test, the policy that acts",
    heads=("All its policies", "The one that acts"),
    unseen="test scenarios, not used by the search",
    trained_on="in the scenarios trained in",
    curve="Scores in the training scenarios",
    losses_are_scores=True,
    no_held_out="There is no held-out loss by iteration: other scenarios score a policy when its "
    "training has ended.",
    model=f"Policies, {_RECORDS}",
    champion="The champion: its scores with intervals, and an episode of its policy",
)
_FUNCTION = ProblemWords(
    single="Best point",
    together="",
    heads=("Best value",),
    unseen="of all trainings of the run",
    trained_on="of all points evaluated",
    curve="Best values",
    losses_are_scores=True,
    no_held_out="There is no held-out loss: a function has no rows to hold out.",
    model="The best point with all its digits, the tuned swarm, every evaluation and settings, as "
    "a zip archive",
    champion="The champion: its scores with intervals, and the best point",
)
_BY_KIND = {"table": _TABLE, "simulation": _SIMULATION, "function": _FUNCTION}


def problem_words(run: RunView) -> ProblemWords:
    """The words for the problem of a run; those of a simulation for a kind that is not known."""
    return _BY_KIND.get(run.kind, _SIMULATION)


def curve_metric(run: RunView) -> Metric | None:
    """The metric of the curves of a run's trainings; None where they show losses."""
    if problem_words(run).losses_are_scores:
        return run.metric
    return None


def topology_ends(run: RunView) -> tuple[int, int] | None:
    """Observations and actions of a simulation's policy; None where inputs are columns."""
    record = run.problem or {}
    if "inputs" not in record or "outputs" not in record:
        return None
    return int(record["inputs"]), int(record["outputs"])


def problem_text(run: RunView) -> str:
    """What a run without a table solves, in a sentence or two; empty for a table."""
    record = run.problem
    if record is None or run.is_table:
        return ""

    text = f"{run.kind.capitalize()} {record.get('name', '')}"
    bounds = record.get("bounds")
    if bounds:
        text += f": {bounds_text(bounds)}"
    ends = topology_ends(run)
    if ends is not None:
        observations, actions = ends
        text += f": a policy observes {_counted(observations, 'number')} and answers {actions}"
    options = options_text(record.get("options") or {})
    if options:
        text += f". Options: {options}"
    return f"{text}."


def options_text(options: Mapping[str, Any]) -> str:
    """Options with their values: "lead time 4, demand 5"."""
    return ", ".join(
        f"{name.replace('_', ' ')} {gene_text(value)}" for name, value in options.items()
    )


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
