"""A simulation of a user: a room is to be kept at 20 degrees. Tests import it by its file."""

from __future__ import annotations

from typing import Any

import shoal


@shoal.simulation(inputs=1, outputs=1, direction="minimize", unit="degrees")
def thermostat(policy: Any, scenario: Any, periods: int = 12) -> float:
    """The mean distance from 20 degrees. The policy sees the room's temperature, and heats."""
    temperature = 15.0 + scenario.uniform(-2.0, 2.0)
    total = 0.0
    for _ in range(periods):
        heat = 4.0 * policy.act(((temperature - 20.0) / 5.0,))[0]
        temperature += heat - 0.1 * (temperature - 10.0) + scenario.normal(0.0, 0.5)
        total += abs(temperature - 20.0)
    return total / periods
