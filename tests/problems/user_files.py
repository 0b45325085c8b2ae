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
