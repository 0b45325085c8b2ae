"""What others reach in the bundled simulations."""

from __future__ import annotations

from dataclasses import dataclass, field

from shoal.objectives.options import Option
from shoal.simulations.definition import Simulation

_ITERATION = "value iteration, benchmarks/simulations.py --part optimum"
_ZOO = "RL Baselines3 Zoo, benchmark.md: one training each, the deterministic policy"


@dataclass(frozen=True, slots=True)
class KnownScore:
    """A score to compare with.

    Attributes
    ----------
    simulation
        Its name.
    label
        Who reaches it.
    score
        The mean score.
    source
        Where it is published or computed.
    steps
        Simulated steps of the training; None where nothing was trained.
    optimal
        Whether no policy can do better.
    options
        Of the simulation, where they differ from the defaults.
    """

    simulation: str
    label: str
    score: float
    source: str
    steps: int | None = None
    optimal: bool = False
    options: dict[str, Option] = field(default_factory=dict)


# Options that change how exactly a score is measured, not what it is.
_LENGTHS = ("periods",)
_PENALTY_9: dict[str, Option] = {"penalty": 9.0}
_LOTS: dict[str, Option] = {"penalty": 9.0, "lot": 6, "fixed_cost": 10.0}

KNOWN_SCORES: tuple[KnownScore, ...] = (
    KnownScore("lost-sales", "optimum", 4.728, _ITERATION, optimal=True),
    KnownScore("lost-sales", "optimum", 6.836, _ITERATION, optimal=True, options=_PENALTY_9),
    KnownScore("lost-sales", "optimum", 13.731, _ITERATION, optimal=True, options=_LOTS),
    KnownScore("cartpole", "PPO", 500.0, _ZOO, steps=100_000),
    KnownScore("cartpole", "DQN", 500.0, _ZOO, steps=50_000),
    KnownScore("acrobot", "PPO", -73.506, _ZOO, steps=1_000_000),
    KnownScore("acrobot", "DQN", -76.639, _ZOO, steps=100_000),
    KnownScore("mountain-car", "PPO", -110.423, _ZOO, steps=1_000_000),
    KnownScore("mountain-car", "DQN", -100.849, _ZOO, steps=120_000),
    KnownScore("pendulum", "PPO", -172.225, _ZOO, steps=100_000),
    KnownScore("pendulum", "SAC", -156.995, _ZOO, steps=20_000),
)


def known_scores(simulation: Simulation) -> tuple[KnownScore, ...]:
    """What is known of a simulation with these options; the length of a run does not matter."""
    return tuple(known for known in KNOWN_SCORES if _applies(known, simulation))


def _applies(known: KnownScore, simulation: Simulation) -> bool:
    if known.simulation != simulation.name:
        return False

    named = simulation.with_options(**known.options).options == dict(simulation.options)
    defaults = simulation.defaults
    usual = all(
        simulation.options[name] == defaults[name]
        for name in defaults
        if name not in known.options and name not in _LENGTHS
    )
    return named and usual
