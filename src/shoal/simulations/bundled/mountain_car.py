"""A car too weak for its hill has to swing up. Gymnasium's MountainCar-v0.

References
----------
Moore, "Efficient Memory-Based Learning for Robot Control", PhD thesis, Cambridge, 1990. Gymnasium,
``envs/classic_control/mountain_car.py``: the constants.
"""

from __future__ import annotations

from typing import Any

from shoal.numerics.scalar_math import cos
from shoal.simulations.definition import simulation

FORCE = 0.001
GRAVITY = 0.0025
LEFT_END = -1.2
RIGHT_END = 0.6
GOAL = 0.5
LARGEST_SPEED = 0.07


@simulation(
    inputs=2,
    outputs=3,
    direction="maximize",
    unit="reward",
    name="mountain-car",
    steps=200,
    observations=("position", "velocity"),
    actions=("left", "none", "right"),
)
def mountain_car(policy: Any, scenario: Any, steps: int = 200) -> float:
    """Reach the flag; returns minus the steps that it took, at most ``steps``."""
    x = scenario.uniform(-0.6, -0.4)
    v = 0.0

    for step in range(steps):
        action = policy.choose(((x + 0.3) / 0.9, v / LARGEST_SPEED))
        v += (action - 1) * FORCE - GRAVITY * cos(3.0 * x)
        v = min(max(v, -LARGEST_SPEED), LARGEST_SPEED)
        x = min(max(x + v, LEFT_END), RIGHT_END)
        if x == LEFT_END and v < 0.0:
            v = 0.0
        if x >= GOAL and v >= 0.0:
            return -(step + 1.0)

    return -float(steps)
