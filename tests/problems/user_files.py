"""Files as users write them, for tests of code that users bring."""

from __future__ import annotations

from pathlib import Path

SHOP = """\
import shoal


@shoal.simulation(inputs=1, outputs=1, unit="EUR")
def shop(policy, scenario, price=2.0):
    total = 0.0
    for _ in range(20):
        demand = scenario.poisson(5.0)
        order = abs(policy.act((demand / 10.0,))[0])
        total += price * abs(order - demand)
    return total / 20
"""
# It has another score, and as many bytes.
CHANGED_SHOP = SHOP.replace("price=2.0", "price=3.0")
# It runs in plain Python, without waiting for a compiler.
PLAIN_SHOP = SHOP.replace('unit="EUR"', 'unit="EUR", compiled=False')

# The settings of a search that takes a second.
TINY_SEARCH = {
    "preset": "simulation",
    "population": 3,
    "generations": 2,
    "repeats": 2,
    "max_repeats": 2,
    "elitism": 1,
    "iterations": 5,
    "scenarios": 2,
    "validation_scenarios": 4,
    "test_scenarios": 4,
    "finalists": 0,
    "workers": 1,
}


def write(path: Path, text: str) -> Path:
    """Write a file, and return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


# Objectives of a user's, in one file.
GOALS = """\
import numpy as np

import shoal


@shoal.objective("maximize", outputs="unscaled", unit="%")
def within(predicted, y, *, tolerance=5.0):
    return 100.0 * (np.abs(predicted - y) <= tolerance).mean(axis=1)


@shoal.row_loss(nonnegative=True)
def lopsided(output, target, late=3.0):
    error = output - target
    if error > 0:
        return error
    return -late * error


@shoal.objective("maximize", outputs="unscaled", columns=("age",))
def young(predicted, y, age):
    return -(np.abs(predicted - y) * (age < 30)).mean(axis=1)


number = 3
"""
CHANGED_GOALS = GOALS.replace("tolerance=5.0", "tolerance=6.0")

# The settings of a search on a table that takes a second.
TINY_TABLE_SEARCH = {
    "population": 2,
    "generations": 2,
    "repeats": 2,
    "max_repeats": 2,
    "elitism": 1,
    "iterations": 4,
    "equal_effort": False,
    "racing": "fixed",
    "finalists": 0,
    "final_factor": 1,
    "networks": 2,
    "baselines": False,
    "workers": 1,
}
