"""What an export of a function's run holds besides what every export holds: its best point."""

from __future__ import annotations

from typing import Any

from shoal._version import __version__
from shoal.presentation.formatting import bounds_text, genome_text, point_text, score_text
from shoal.problems.function import MinimisationProblem
from shoal.problems.function_record import VALUE
from shoal.store import RunView
from shoal.tuning.champion import Champion

# The format of function.json.
FORMAT = 1


def function_model(
    champion: Champion, problem: MinimisationProblem, run: RunView
) -> dict[str, Any]:
    """What function.json holds: the best point with all its digits, and what it is a point of."""
    record = problem.to_dict()
    confirmation = champion.confirmation
    return {
        "format": FORMAT,
        "kind": problem.kind,
        "shoal": __version__,
        "run": run.id,
        "name": problem.name,
        "function": record["reference"],
        "sha256": record["sha256"],
        "options": record["options"],
        "direction": problem.function.direction,
        "unit": problem.function.unit,
        "x": champion.chosen_weights.tolist(),
        "value": champion.ensemble.train[VALUE],
        "bounds": record["bounds"],
        "integers": record["integers"],
        "constraints": record["constraints"],
        "mean_value": champion.score,
        "confirmation": confirmation.to_dict() if confirmation else None,
        "iterations": run.settings.iterations,
        "genome": champion.genome.to_dict(),
    }


def function_readme(champion: Champion, problem: MinimisationProblem, run: RunView) -> str:
    """A page for people: the best point, and how to use the tuned swarm."""
    record = problem.to_dict()
    metric = problem.metric
    value = score_text(champion.ensemble.train[VALUE], metric)
    unit = f" {metric.unit}" if metric.unit else ""
    point = point_text(champion.chosen_weights)
    genome = genome_text(champion.genome, network=False).replace("\n", "\n    ")
    verb = {"minimize": "minimised", "maximize": "maximised"}[problem.function.direction]
    lines = [
        f"# {problem.name}: the best point of run {run.id}",
        "",
        f"The function is {verb}: {bounds_text(record['bounds'])}.",
        "",
        f"- Best value: {value}{unit}",
        f"- At: {point}",
        "",
        "`function.json` has the point with all its digits, as `x`. `genome.json` has the swarm:",
        "",
        f"    {genome}",
        "",
        "The same swarm in another minimisation, with `f` and `bounds` of the function:",
        "",
        "```python",
        "import json",
        "",
        "import shoal",
        "",
        'genome = shoal.Genome.from_dict(json.load(open("genome.json")))',
        "best = shoal.minimize(f, bounds, genome=genome)",
        "```",
        "",
        f"The swarm was tuned for {run.settings.iterations} iterations of the usual swarm.",
        "`evaluations.csv` has every training of the search, `settings.toml` its settings, and",
        "`problem.json` what was recorded of the function.",
    ]
    return "\n".join(lines) + "\n"
