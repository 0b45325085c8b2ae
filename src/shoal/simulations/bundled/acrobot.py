"""Two links, a motor at the joint between them: swing the tip above a line. Gymnasium's Acrobot-v1.

References
----------
Sutton, "Generalization in Reinforcement Learning: Successful Examples Using Sparse Coarse Coding",
NIPS 8, 1996. Gymnasium, ``envs/classic_control/acrobot.py``: the constants and the equations of
"book".
"""

from __future__ import annotations

import math
from typing import Any

from shoal.numerics.scalar_math import cos, plain_or_compiled, sin_cos
from shoal.simulations.definition import simulation

GRAVITY = 9.8
# Of both links: mass, length, place of the centre of mass, moment of inertia.
MASS = 1.0
LENGTH = 1.0
CENTRE = 0.5
INERTIA = 1.0
SECONDS = 0.2
LARGEST_SPEEDS = (4.0 * math.pi, 9.0 * math.pi)


@plain_or_compiled
def accelerations(
    angle1: float, angle2: float, speed1: float, speed2: float, torque: float
) -> tuple[float, float]:
    """Compute how the speeds of both links change."""
    sine2, cosine2 = sin_cos(angle2)
    d1 = (
        MASS * CENTRE * CENTRE
        + MASS * (LENGTH * LENGTH + CENTRE * CENTRE + 2.0 * LENGTH * CENTRE * cosine2)
        + 2.0 * INERTIA
    )
    d2 = MASS * (CENTRE * CENTRE + LENGTH * CENTRE * cosine2) + INERTIA

    phi2 = MASS * CENTRE * GRAVITY * cos(angle1 + angle2 - math.pi / 2.0)
    phi1 = (
        -MASS * LENGTH * CENTRE * speed2 * speed2 * sine2
        - 2.0 * MASS * LENGTH * CENTRE * speed2 * speed1 * sine2
        + (MASS * CENTRE + MASS * LENGTH) * GRAVITY * cos(angle1 - math.pi / 2.0)
        + phi2
    )
    change2 = (
        torque + d2 / d1 * phi1 - MASS * LENGTH * CENTRE * speed1 * speed1 * sine2 - phi2
    ) / (MASS * CENTRE * CENTRE + INERTIA - d2 * d2 / d1)
    change1 = -(d2 * change2 + phi1) / d1
    return change1, change2


@plain_or_compiled
def moved(
    angle1: float, angle2: float, speed1: float, speed2: float, torque: float
) -> tuple[float, float, float, float]:
    """Go on by one step, by the method of Runge and Kutta of order 4."""
    half = SECONDS / 2.0
    a1, a2 = accelerations(angle1, angle2, speed1, speed2, torque)

    u1, u2 = speed1 + half * a1, speed2 + half * a2
    b1, b2 = accelerations(angle1 + half * speed1, angle2 + half * speed2, u1, u2, torque)

    v1, v2 = speed1 + half * b1, speed2 + half * b2
    c1, c2 = accelerations(angle1 + half * u1, angle2 + half * u2, v1, v2, torque)

    w1, w2 = speed1 + SECONDS * c1, speed2 + SECONDS * c2
    d1, d2 = accelerations(angle1 + SECONDS * v1, angle2 + SECONDS * v2, w1, w2, torque)

    sixth = SECONDS / 6.0
    return (
        angle1 + sixth * (speed1 + 2.0 * u1 + 2.0 * v1 + w1),
        angle2 + sixth * (speed2 + 2.0 * u2 + 2.0 * v2 + w2),
        speed1 + sixth * (a1 + 2.0 * b1 + 2.0 * c1 + d1),
        speed2 + sixth * (a2 + 2.0 * b2 + 2.0 * c2 + d2),
    )


@plain_or_compiled
def wrapped(angle: float) -> float:
    """The same angle in [-pi, pi)."""
    return (angle + math.pi) % (2.0 * math.pi) - math.pi


@simulation(
    inputs=6,
    outputs=3,
    direction="maximize",
    unit="reward",
    steps=500,
    observations=("cos 1", "sin 1", "cos 2", "sin 2", "speed 1", "speed 2"),
    actions=("-1", "0", "1"),
)
def acrobot(policy: Any, scenario: Any, steps: int = 500) -> float:
    """Swing up; returns minus the steps before the tip passed the line, at most ``steps``."""
    angle1 = scenario.uniform(-0.1, 0.1)
    angle2 = scenario.uniform(-0.1, 0.1)
    speed1 = scenario.uniform(-0.1, 0.1)
    speed2 = scenario.uniform(-0.1, 0.1)

    for step in range(steps):
        sine1, cosine1 = sin_cos(angle1)
        sine2, cosine2 = sin_cos(angle2)
        torque = policy.choose((cosine1, sine1, cosine2, sine2, speed1 / 4.0, speed2 / 6.0)) - 1.0

        angle1, angle2, speed1, speed2 = moved(angle1, angle2, speed1, speed2, torque)
        angle1 = wrapped(angle1)
        angle2 = wrapped(angle2)
        speed1 = min(max(speed1, -LARGEST_SPEEDS[0]), LARGEST_SPEEDS[0])
        speed2 = min(max(speed2, -LARGEST_SPEEDS[1]), LARGEST_SPEEDS[1])
        if -cos(angle1) - cos(angle1 + angle2) > 1.0:
            return -float(step)

    return -float(steps)
