"""Inventory of a shop whose customers do not wait: lost sales with a lead time.

In each period the order placed ``lead_time`` periods ago arrives, then the policy orders, then
customers come. A customer who finds the shelf empty goes elsewhere. A piece that is left costs
``holding``, a lost sale costs ``penalty``, an order costs ``fixed_cost``. The policy sees the stock
and the orders under way. The best policy is known for short lead times only, by value iteration.
Shops use levels (shoal.simulations.bundled.order_levels).

References
----------
Zipkin, "Old and New Methods for Lost-Sales Inventory Systems", Operations Research 56, 2008.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from shoal.simulations.definition import simulation

# Periods until the start is forgotten; they cost nothing.
WARM_UP = 50


@simulation(
    inputs="lead_time", outputs=1, direction="minimize", unit="cost per period", name="lost-sales"
)
def lost_sales(
    policy: Any,
    scenario: Any,
    lead_time: int = 4,
    demand: float = 5.0,
    holding: float = 1.0,
    penalty: float = 4.0,
    lot: int = 1,
    fixed_cost: float = 0.0,
    periods: int = 6000,
) -> float:
    """Run the shop.

    Parameters
    ----------
    policy
        Sees the stock and the orders under way, the next to arrive first, about 0 and of size 1.
        Answers what to order: 0 means ``demand``, 1 twice that.
    scenario
        Its demands.
    lead_time
        Periods between an order and its arrival.
    demand
        Customers a period, on average.
    holding, penalty, fixed_cost
        Costs of a piece that is left, of a lost sale, of an order.
    lot
        Orders are multiples of it.
    periods
        Length.

    Returns
    -------
    float
        The cost of a period, on average.
    """
    # Orders by the place of their arrival: that of the period comes round every lead_time periods.
    pipeline = np.zeros(lead_time)
    place = 0
    observation = np.zeros(lead_time, np.float32)
    stock = 2.0 * demand
    scale = 1.0 / demand
    order_scale = 1.0 / (0.6 * demand)
    lots = demand / lot
    most = 12.0 * demand / lot
    cost = 0.0

    for period in range(WARM_UP + periods):
        stock += pipeline[place]
        observation[0] = stock * scale - 1.6
        under_way = place
        for k in range(1, lead_time):
            under_way += 1
            if under_way == lead_time:
                under_way = 0
            observation[k] = (pipeline[under_way] - demand) * order_scale

        wanted = (policy.act(observation)[0] + 1.0) * lots
        order = lot * np.floor(min(max(wanted, 0.0), most) + 0.5)
        pipeline[place] = order
        place += 1
        if place == lead_time:
            place = 0

        customers = float(scenario.poisson(demand))
        sold = min(stock, customers)
        stock -= sold
        if period >= WARM_UP:
            cost += holding * stock + penalty * (customers - sold)
            if fixed_cost > 0.0 and order > 0.0:
                cost += fixed_cost

    return cost / periods
