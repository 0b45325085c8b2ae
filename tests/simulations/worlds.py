"""Small simulations for tests."""

from __future__ import annotations

import math

import numpy as np

from shoal.simulations.definition import simulation


@simulation(inputs=2, outputs=1, unit="error", steps=20)
def follow(policy, scenario, steps=20, weight=1.0):
    """Guess the product of two numbers."""
    error = 0.0
    for _ in range(steps):
        x = scenario.uniform(-1.0, 1.0)
        y = scenario.normal()
        guess = policy.act((x, y))[0]
        error += weight * abs(guess - x * y)
    return error / steps


@simulation(inputs=3, outputs=2, direction="maximize")
def wander(policy, scenario, side=3):
    """All kinds of draws, of observations and of answers."""
    total = 0.0
    place = np.zeros(3)
    for step in range(30):
        place[step % 3] = scenario.poisson(2.5) - scenario.exponential(2.0)
        total += policy.act(place)[1] * math.sqrt(step)
        total += policy.choose([place[0], 1.0, place[2]]) * scenario.integers(side)
        total += policy.act((step, place[1], scenario.uniform()))[0]
    return total + scenario.seed % 7


@simulation(inputs=1, outputs=1, deterministic=True)
def parabola(policy, scenario):
    """The output should be 3 for 1 and -1 for 0."""
    high = policy.act((1.0,))[0] - 3.0
    low = policy.act((0.0,))[0] + 1.0
    return high * high + low * low


@simulation(inputs=2, outputs=1, batched=True)
def follow_together(policies, scenario):
    """`follow`, for all policies at once."""
    error = np.zeros(policies.particles)
    for _ in range(20):
        x = scenario.uniform(-1.0, 1.0)
        y = scenario.normal()
        seen = np.tile([x, y], (policies.particles, 1))
        error += np.abs(policies.act(seen)[:, 0] - x * y)
    return error / 20
