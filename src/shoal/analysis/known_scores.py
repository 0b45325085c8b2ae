"""What others reach in the simulation of a run, where somebody published or computed it."""

from __future__ import annotations

from dataclasses import dataclass

from shoal.errors import ShoalError
from shoal.problems.registry import comes_with_shoal
from shoal.store import RunView


@dataclass(frozen=True, slots=True)
class ReferenceScore:
    """A score to compare with.

    Attributes
    ----------
    label
        Who reaches it.
    score
        The mean score.
    source
        Where it is published or computed.
    steps
        Simulated steps of the training; None where nothing was trained.
    """

    label: str
    score: float
    source: str
    steps: int | None


def reference_scores(run: RunView) -> tuple[ReferenceScore, ...]:
    """The known scores of a run's simulation with its options, the best first.

    Only simulations that come with Shoal have some. No code of a user is imported.
    """
    record = run.problem or {}
    name = record.get("reference")
    is_bundled = isinstance(name, str) and record.get("sha256") is None and comes_with_shoal(name)
    if not is_bundled:
        return ()

    # Most runs solve tables.
    from shoal.simulations.bundled.known_scores import known_scores
    from shoal.simulations.registry import get_simulation

    try:
        simulation = get_simulation(str(name), **record.get("options", {}))
    # Another version knew other options.
    except ShoalError:
        return ()

    found = []
    for known in known_scores(simulation):
        found.append(ReferenceScore(known.label, known.score, known.source, known.steps))
    return tuple(sorted(found, key=lambda known: run.metric.fitness(known.score), reverse=True))
