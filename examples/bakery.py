"""A bakery that decides each evening how much to bake: the simulation of `own_simulation.py`."""

from __future__ import annotations

import numpy as np

import shoal


@shoal.simulation(inputs=2, outputs=1, direction="minimize", unit="cost a day")
def bakery(policy, scenario, days=1000, price=3.0):
    """Mean cost of a day: each loaf costs 1 to bake, and is sold for `price` on its day only."""
    cost = 0.0
    yesterday = 20.0
    for day in range(days):
        weekend = 1.0 if day % 7 > 4 else 0.0
        wanted = 20.0 + 10.0 * policy.act((yesterday / 20.0 - 1.0, weekend))[0]
        baked = np.floor(min(max(wanted, 0.0), 60.0))
        customers = scenario.poisson(20.0 + 12.0 * weekend)
        sold = min(baked, customers)
        cost += baked - price * sold
        yesterday = sold

    return cost / days
