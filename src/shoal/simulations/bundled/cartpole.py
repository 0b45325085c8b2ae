"""A pole on a cart: push left or right to keep it upright. Gymnasium's CartPole-v1.

References
----------
Barto, Sutton and Anderson, "Neuronlike Adaptive Elements That Can Solve Difficult Learning Control
Problems", IEEE Transactions on Systems, Man, and Cybernetics 13, 1983. Gymnasium,
``envs/classic_control/cartpole.py``: the constants.
"""

from __future__ import annotations

import math
from typing import Any

from shoal.numerics.scalar_math import sin_cos
from shoal.simulations.definition import simulation

GRAVITY = 9.8
POLE_MASS = 0.1
TOTAL_MASS = 1.1
# Half of the pole.
LENGTH = 0.5
FORCE = 10.0
SECONDS = 0.02
LARGEST_POSITION = 2.4
LARGEST_ANGLE = 12.0 * math.pi / 180.0


@simulation(
    inputs=4,
    outputs=2,
    direction="maximize",
    unit="steps",
    steps=500,
    observations=("position", "velocity", "angle", "angular velocity"),
    actions=("left", "right"),
)
def cartpole(policy: Any, scenario: Any, steps: int = 500) -> float:
    """Balance the pole; returns the steps until it falls, at most ``steps``."""
    x = scenario.uniform(-0.05, 0.05)
    v = scenario.uniform(-0.05, 0.05)
    angle = scenario.uniform(-0.05, 0.05)
    turn = scenario.uniform(-0.05, 0.05)

    for step in range(steps):
        force = -FORCE
        if policy.choose((x / 2.4, v / 2.0, angle / 0.21, turn / 2.0)) == 1:
            force = FORCE

        sine, cosine = sin_cos(angle)
        push = (force + POLE_MASS * LENGTH * turn * turn * sine) / TOTAL_MASS
        inertia = LENGTH * (4.0 / 3.0 - POLE_MASS * cosine * cosine / TOTAL_MASS)
        turn_rate = (GRAVITY * sine - cosine * push) / inertia
        rate = push - POLE_MASS * LENGTH * turn_rate * cosine / TOTAL_MASS

        x += SECONDS * v
        v += SECONDS * rate
        angle += SECONDS * turn
        turn += SECONDS * turn_rate
        if abs(x) > LARGEST_POSITION or abs(angle) > LARGEST_ANGLE:
            return step + 1.0

    return float(steps)
