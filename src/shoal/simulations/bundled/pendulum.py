"""A pendulum with a weak motor: swing it up and hold it. Gymnasium's Pendulum-v1.

References
----------
Gymnasium, ``envs/classic_control/pendulum.py``: the constants and the cost.
"""

from __future__ import annotations

import math
from typing import Any

from shoal.numerics.scalar_math import sin_cos, tanh
from shoal.simulations.definition import simulation

SECONDS = 0.05
LARGEST_SPEED = 8.0
LARGEST_TORQUE = 2.0
# 3 g / 2 l and 3 / m l^2, with g = 10 and a mass and a length of 1.
PULL = 15.0
LEVER = 3.0


@simulation(
    inputs=3,
    outputs=1,
    direction="maximize",
    unit="reward",
    steps=200,
    observations=("cos", "sin", "speed"),
    actions=("torque",),
)
def pendulum(policy: Any, scenario: Any, steps: int = 200) -> float:
    """Hold the pendulum up; returns minus the sum of its costs. The torque is 2 tanh(output)."""
    angle = scenario.uniform(-math.pi, math.pi)
    speed = scenario.uniform(-1.0, 1.0)
    reward = 0.0

    for _ in range(steps):
        sine, cosine = sin_cos(angle)
        output = policy.act((cosine, sine, speed / LARGEST_SPEED))[0]
        torque = LARGEST_TORQUE * tanh(output)

        away = (angle + math.pi) % (2.0 * math.pi) - math.pi
        reward -= away * away + 0.1 * speed * speed + 0.001 * torque * torque

        speed += (PULL * sine + LEVER * torque) * SECONDS
        speed = min(max(speed, -LARGEST_SPEED), LARGEST_SPEED)
        angle += speed * SECONDS

    return reward
