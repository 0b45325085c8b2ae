"""Rivals of a policy for lost sales: the levels that shops order up to.

A base-stock level S orders whatever stock and orders under way fall short of S. A capped one orders
at most q at once, and is the best of the simple rules where orders are free. An (s, S) rule waits
until no more than s is left, and then orders up to S: best where an order costs something. The best
levels are found by trying all.

References
----------
Zipkin, "Old and New Methods for Lost-Sales Inventory Systems", Operations Research 56, 2008.
Xin, "Understanding the Performance of Capped Base-Stock Policies in Lost-Sales Inventory Models",
Operations Research 69, 2021.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shoal.simulations.bundled.lost_sales import WARM_UP
from shoal.simulations.definition import Simulation
from shoal.simulations.evaluation import ScenarioSet
from shoal.simulations.kernel_cache import kept_njit
from shoal.simulations.scenario import Scenario

# No cap.
_ANY = 1 << 30


@dataclass(frozen=True, slots=True)
class OrderLevel:
    """A rule of ordering, and its cost in scenarios that it was not chosen on."""

    name: str
    level: int
    # The most of one order; None where there is no limit.
    cap: int | None
    # It orders only when no more than this is left; None: always.
    reorder_point: int | None
    cost: float


def best_base_stock(
    simulation: Simulation, chosen_on: ScenarioSet, tested_on: ScenarioSet, scenarios: int = 10
) -> OrderLevel:
    """Find the best base-stock level.

    Parameters
    ----------
    simulation
        The bundled "lost-sales", with any options.
    chosen_on, tested_on
        Sets of scenarios: for the choice, and for the cost.
    scenarios
        How many of each.
    """
    levels = [(level, _ANY, _ANY) for level in _levels(simulation)]
    return _best("base-stock", simulation, levels, chosen_on, tested_on, scenarios)


def best_capped_base_stock(
    simulation: Simulation, chosen_on: ScenarioSet, tested_on: ScenarioSet, scenarios: int = 10
) -> OrderLevel:
    """Find the best base-stock level with a cap; see `best_base_stock`."""
    most = int(4 * float(simulation.options["demand"])) + 1
    pairs = [(level, cap, _ANY) for level in _levels(simulation) for cap in range(1, most)]
    return _best("capped base-stock", simulation, pairs, chosen_on, tested_on, scenarios)


def best_reorder_point(
    simulation: Simulation, chosen_on: ScenarioSet, tested_on: ScenarioSet, scenarios: int = 10
) -> OrderLevel:
    """Find the best (s, S) rule; see `best_base_stock`."""
    most = int(6 * float(simulation.options["demand"]))
    rules = []
    for point in _levels(simulation):
        rules += [(point + more, _ANY, point) for more in range(1, most, 2)]
    return _best("(s, S)", simulation, rules, chosen_on, tested_on, scenarios)


def _levels(simulation: Simulation) -> range:
    usual = float(simulation.options["demand"]) * (int(simulation.options["lead_time"]) + 1)
    return range(int(0.4 * usual), int(2.4 * usual) + 2)


def _best(
    name: str,
    simulation: Simulation,
    rules: list[tuple[int, int, int]],
    chosen_on: ScenarioSet,
    tested_on: ScenarioSet,
    scenarios: int,
) -> OrderLevel:
    tried = np.array(rules, np.float64)
    costs = _mean_costs(simulation, tried, chosen_on, scenarios)
    best = int(costs.argmin())
    cost = _mean_costs(simulation, tried[best : best + 1], tested_on, scenarios)[0]
    level, cap, point = (None if number == _ANY else number for number in rules[best])
    return OrderLevel(name, level or 0, cap, point, float(cost))


def _mean_costs(
    simulation: Simulation, rules: NDArray[np.float64], chosen: ScenarioSet, scenarios: int
) -> NDArray[np.float64]:
    """The mean cost of each rule (level, cap, reorder point), (rules,)."""
    o = simulation.options
    demand = float(o["demand"])
    costs = np.zeros(len(rules))
    for number in range(scenarios):
        scenario = Scenario(chosen.key, chosen.purpose, number)
        customers = np.array(
            [scenario.poisson(demand) for _ in range(WARM_UP + int(o["periods"]))], np.float64
        )
        costs += _costs(
            rules,
            customers,
            int(o["lead_time"]),
            2.0 * demand,
            float(o["holding"]),
            float(o["penalty"]),
            float(o["lot"]),
            float(o["fixed_cost"]),
        )
    return costs / scenarios


@kept_njit()
def _costs(
    rules: Any,
    customers: Any,
    lead_time: Any,
    start: Any,
    holding: Any,
    penalty: Any,
    lot: Any,
    fixed_cost: Any,
) -> Any:
    """The cost a period of each rule; the shop is that of lost_sales.py."""
    costs = np.zeros(len(rules))
    for rule in range(len(rules)):
        level, cap, point = rules[rule]
        # A rule that waits makes sure that it comes up to its level.
        rounding = 0.5 if point >= _ANY else 1.0 - 1e-9
        pipeline = np.zeros(lead_time)
        place = 0
        stock = start
        # Stock and all orders under way.
        position = start
        cost = 0.0
        for period in range(len(customers)):
            stock += pipeline[place]
            order = min(max(level - position, 0.0), cap)
            order = np.floor(order / lot + rounding) * lot
            if position > point:
                order = 0.0
            pipeline[place] = order
            position += order
            place = (place + 1) % lead_time

            sold = min(stock, customers[period])
            stock -= sold
            position -= sold
            if period >= WARM_UP:
                cost += holding * stock + penalty * (customers[period] - sold)
                if order > 0.0:
                    cost += fixed_cost
        costs[rule] = cost / (len(customers) - WARM_UP)
    return costs
