"""How good are trained policies, and how quick are simulations?

    python benchmarks/simulations.py [--seeds 10] [--part quality|search|speed|optimum]
    python benchmarks/simulations.py --part search [--only pendulum] [--out searches.jsonl]
    python benchmarks/simulations.py --table [--out searches.jsonl]

Quality: for each bundled simulation one swarm trains a policy, from several seeds, with a genome of
shoal.simulations.defaults. The policy then acts in scenarios that nobody saw before. The table has
the median and the worst of the seeds, what the swarm simulated, the median of the cross-entropy
method with the same network and as many episodes, and what others reach. Search: the
genetic algorithm finds swarm and network with the settings of ``shoal run NAME``; the champion's
score in the test, and the mean of its confirmations, which are other trainings on scenarios of
their own. A search is a line of ``--out``, and a run that was interrupted goes on with the next
one; ``--table`` prints what is there. Speed: 48 policies on one core. Optimum: the best policies of
the inventories by value iteration, which takes minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit
from scipy import stats

import shoal
from shoal.genome.genome import Genome
from shoal.nn.network import Network
from shoal.numerics.philox import Purpose, derive_key
from shoal.simulations.bundled.known_scores import known_scores
from shoal.simulations.bundled.order_levels import (
    best_base_stock,
    best_capped_base_stock,
    best_reorder_point,
)
from shoal.simulations.defaults import COMPETITIVE, INFORMED, INVENTORY, RECTIFIED, usual_plan
from shoal.simulations.definition import Simulation
from shoal.simulations.evaluation import Evaluator, ScenarioSet, evaluate_policies
from shoal.simulations.registry import BUNDLED, get_simulation
from shoal.simulations.training import (
    PolicyTraining,
    TrainingPlan,
    policy_network,
    train_policy,
)

TEST = ScenarioSet(derive_key(99, 0), Purpose.TEST_SCENARIO)
CHOICE = ScenarioSet(derive_key(99, 0), Purpose.VALIDATION_SCENARIO)
LOTS = {"penalty": 9, "lot": 6, "fixed_cost": 10}


@dataclass(frozen=True)
class Case:
    """One row of the table."""

    name: str
    # The score to reach.
    target: float
    genome: Genome
    options: dict[str, Any] = field(default_factory=dict)
    # Scenarios of the test.
    test: int = 1000

    @property
    def simulation(self) -> Simulation:
        return get_simulation(self.name, **self.options)

    @property
    def title(self) -> str:
        return " ".join([self.name, *(f"{name}={value}" for name, value in self.options.items())])


CASES = (
    Case("lost-sales", 4.728 * 1.005, INVENTORY, test=40),
    Case("lost-sales", 6.836 * 1.005, INVENTORY, {"penalty": 9}, test=40),
    Case("lost-sales", 13.731 * 1.01, INVENTORY, LOTS, test=40),
    Case("cartpole", 500.0, COMPETITIVE),
    Case("acrobot", -80.0, INFORMED),
    Case("mountain-car", -105.0, INFORMED),
    Case("pendulum", -160.0, RECTIFIED),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument(
        "--part", choices=("quality", "search", "speed", "optimum"), action="append"
    )
    parser.add_argument("--only", action="append", help="cases whose title has this word")
    parser.add_argument("--out", type=Path, default=Path("searches.jsonl"), metavar="FILE")
    parser.add_argument("--table", action="store_true", help="print the searches that --out has")
    options = parser.parse_args()

    cases = CASES
    if options.only:
        cases = tuple(case for case in CASES if any(word in case.title for word in options.only))
    if options.table:
        print(search_table(read_lines(options.out)))
        return

    parts = options.part or ["speed", "quality"]
    if "speed" in parts:
        show_speed()
    if "quality" in parts:
        show_quality(cases, options.seeds, options.threads)
    if "search" in parts:
        search_all(cases, options.seeds, options.out)
    if "optimum" in parts:
        show_optimum()


def show_quality(cases: tuple[Case, ...], seeds: int, threads: int) -> None:
    print(
        "\n| simulation | median score | worst | to reach | CEM | episodes | steps | s | others |\n"
        "|---|---|---|---|---|---|---|---|---|"
    )
    for case in cases:
        plan = usual_plan(case.name)
        trained = [train(case, plan, seed, threads) for seed in range(seeds)]
        scores = [score for score, _ in trained]
        rival = [
            cross_entropy(case, plan, seed, training.episodes, threads)
            for seed, (_, training) in enumerate(trained)
        ]
        worst = max(scores) if case.simulation.direction == "minimize" else min(scores)
        numbers = [
            statistics.median(getattr(training, name) for _, training in trained)
            for name in ("episodes", "steps", "seconds")
        ]
        print(
            f"| {case.title} | {statistics.median(scores):.4g} | {worst:.4g} | {case.target:.4g} "
            f"| {statistics.median(rival):.4g} | {numbers[0]:,.0f} | {numbers[1]:,.0f} "
            f"| {numbers[2]:.1f} | {others(case)} |",
            flush=True,
        )


def train(case: Case, plan: TrainingPlan, seed: int, threads: int) -> tuple[float, PolicyTraining]:
    """A policy's mean score in scenarios of the test, and its training."""
    simulation = case.simulation
    training = train_policy(simulation, case.genome, derive_key(seed, 0), plan, threads=threads)
    tested = evaluate_policies(
        simulation, training.network, training.weights[None], TEST, np.arange(case.test), threads
    )
    return float(tested.mean[0]), training


def cross_entropy(
    case: Case, plan: TrainingPlan, seed: int, episodes: int, threads: int, population: int = 48
) -> float:
    """The test score of a policy that the cross-entropy method finds in so many episodes.

    A normal distribution of policies is fitted again and again to its best fifth. Noise that ends
    after half of the iterations keeps it wide (Szita and Lorincz, "Learning Tetris Using the Noisy
    Cross-Entropy Method", 2006). Of 16 means on the way the one that does best in validation acts
    in the test.
    """
    simulation = case.simulation
    network = policy_network(simulation, case.genome)
    key = derive_key(seed, 0)
    scenarios = ScenarioSet(key, Purpose.TRAINING_SCENARIO)
    random = np.random.default_rng(seed)

    mean = np.zeros(network.size)
    deviation = np.full(network.size, case.genome.weight_scale)
    iterations = episodes // (population * plan.scenarios)
    means = []
    with Evaluator(simulation, network, threads) as evaluator:
        for iteration in range(iterations):
            drawn = random.normal(mean, deviation, (population, network.size)).astype(np.float32)
            numbers = np.arange(plan.scenarios) + iteration * plan.scenarios
            losses = simulation.sign * evaluator.scores(drawn, scenarios, numbers).mean

            best = drawn[np.argsort(losses, kind="stable")[: population // 5]]
            mean = best.mean(axis=0)
            noise = case.genome.weight_scale * max(0.0, 1.0 - 2.0 * iteration / iterations)
            deviation = np.sqrt(best.var(axis=0) + 0.1 * noise**2)
            if (iteration + 1) % max(1, iterations // 16) == 0:
                means.append(mean)

        candidates = np.stack(means).astype(np.float32)
        validation = ScenarioSet(key, Purpose.VALIDATION_SCENARIO)
        chosen = evaluator.scores(candidates, validation, range(plan.validation_scenarios))
        best_mean = int(np.argmin(simulation.sign * chosen.mean))
        tested = evaluator.scores(candidates[best_mean][None], TEST, range(case.test))
    return float(tested.mean[0])


def others(case: Case) -> str:
    """What is known, and for an inventory what the rules of shops cost."""
    simulation = case.simulation
    found = [f"{known.label} {known.score:g}" for known in known_scores(simulation)]
    if case.name == "lost-sales":
        rules = [best_base_stock, best_capped_base_stock]
        if simulation.options["fixed_cost"]:
            rules = [best_base_stock, best_reorder_point]
        for rule in rules:
            level = rule(simulation, CHOICE, TEST, scenarios=case.test)
            found.append(f"{level.name} {level.cost:.4g}")
    return ", ".join(found)


def search_all(cases: tuple[Case, ...], seeds: int, out: Path) -> None:
    """Searches that the file does not have yet: all cases of a seed, then the next seed."""
    done = {(line["case"], line["seed"]) for line in read_lines(out)}
    for seed in range(seeds):
        for case in cases:
            if (case.title, seed) in done:
                continue
            line = search_result(case, seed)
            with out.open("a") as file:
                file.write(json.dumps(line) + "\n")
            print(line, flush=True)


def search_result(case: Case, seed: int) -> dict[str, Any]:
    """The champion's scores, what the whole search simulated, and its seconds."""
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        result = shoal.search(case.simulation, store=Path(folder) / "shoal.db", seed=seed)
    seconds = time.perf_counter() - begun

    champion = result.champion
    if champion is None or champion.scores.test is None or champion.confirmation is None:
        raise SystemExit(f"{case.title}, seed {seed}: the search came to nothing")
    simulated = {
        name: sum(
            evaluation.scores.train.others[name]
            for evaluation in result.evaluations
            if evaluation.scores is not None
        )
        for name in ("episodes", "steps")
    }
    return {
        "case": case.title,
        "seed": seed,
        "test": champion.scores.test.others["score"],
        "confirmed": champion.confirmation.score,
        "trainings": len(result.evaluations),
        "seconds": seconds,
        **simulated,
    }


def search_table(lines: list[dict[str, Any]]) -> str:
    """Medians over the seeds in Markdown, and the worst seed of the test."""
    table = [
        "| simulation | seeds | test, median | worst | confirmed, median | to reach | trainings "
        "| episodes | steps | s |",
        "|---" * 10 + "|",
    ]
    for case in CASES:
        found = [line for line in lines if line["case"] == case.title]
        if not found:
            continue
        tested = [line["test"] for line in found]
        worst = max(tested) if case.simulation.direction == "minimize" else min(tested)
        medians = {
            name: statistics.median(line[name] for line in found)
            for name in ("test", "confirmed", "trainings", "episodes", "steps", "seconds")
        }
        table.append(
            f"| {case.title} | {len(found)} | {medians['test']:.5g} | {worst:.5g} "
            f"| {medians['confirmed']:.5g} | {case.target:.5g} | {medians['trainings']:.0f} "
            f"| {medians['episodes']:,.0f} | {medians['steps'] / 1e6:,.0f} million "
            f"| {medians['seconds']:.0f} |"
        )
    return "\n".join(table)


def read_lines(file: Path) -> list[dict[str, Any]]:
    if not file.exists():
        return []
    return [json.loads(line) for line in file.read_text().splitlines()]


def show_speed(particles: int = 48, rounds: int = 40) -> None:
    print("\n| 48 policies, one core | activation | ms a scenario | ns a step |\n|---|---|---|---|")
    for name in BUNDLED:
        simulation = get_simulation(name)
        for activation in ("relu", "tanh"):
            network = Network((simulation.input_count, 8, simulation.outputs), activation)
            rng = np.random.default_rng(0)
            weights = rng.standard_normal((particles, network.size)).astype(np.float32)
            seconds, nanoseconds = [], []
            with Evaluator(simulation, network) as evaluator:
                evaluator.scores(weights, TEST, [0])
                for number in range(1, rounds + 1):
                    took, found = timed(partial(evaluator.scores, weights, TEST, [number]))
                    seconds.append(took)
                    nanoseconds.append(1e9 * took / found.steps.sum())
            print(
                f"| {name} | {activation} | {1e3 * statistics.median(seconds):.2f} (best "
                f"{1e3 * min(seconds):.2f}) | {statistics.median(nanoseconds):.1f} (best "
                f"{min(nanoseconds):.1f}) |",
                flush=True,
            )


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def show_optimum() -> None:
    """Value iteration over the stock and the orders of the three last periods."""
    print("\n| inventory | optimal cost | bounds differ by | sweeps |\n|---|---|---|---|")
    for label, arguments in (
        ("penalty 4", (4.0, 1, 0.0, 34, 11)),
        ("penalty 9", (9.0, 1, 0.0, 34, 11)),
        ("penalty 9, lots of 6, 10 an order", (9.0, 6, 10.0, 50, 5)),
    ):
        cost, gap, sweeps = optimal_cost(*arguments)
        print(f"| {label} | {cost:.3f} | {gap:.4f} | {sweeps} |", flush=True)


def optimal_cost(
    penalty: float, lot: int, fixed_cost: float, most_stock: int, most_lots: int
) -> tuple[float, float, int]:
    """The mean cost of the best policy for lead time 4 and demand 5, by relative values."""
    demands = np.arange(18)
    chances = stats.poisson.pmf(demands, 5.0)
    chances /= chances.sum()

    stocks = np.arange(most_stock)[:, None]
    left = np.maximum(stocks - demands, 0) + penalty * np.maximum(demands - stocks, 0)
    costs = left @ chances

    values = np.zeros((most_stock, most_lots, most_lots, most_lots))
    updated = values.copy()
    low, high = 0.0, np.inf
    sweeps = 0
    while high - low >= 2e-3 and sweeps < 400:
        low, high = sweep(values, updated, costs, chances, lot, fixed_cost)
        updated -= updated[0, 0, 0, 0]
        values, updated = updated, values
        sweeps += 1
    return (low + high) / 2, high - low, sweeps


@njit(nogil=True)
def sweep(values, updated, costs, chances, lot, fixed_cost):
    """One step of value iteration: the least and the largest change of a value."""
    stocks, lots = values.shape[:2]
    low, high = np.inf, -np.inf
    for stock in range(stocks):
        for first in range(lots):
            for second in range(lots):
                for third in range(lots):
                    best = np.inf
                    for order in range(lots):
                        cost = fixed_cost if order > 0 else 0.0
                        for demand in range(len(chances)):
                            rest = max(stock - demand, 0) + first * lot
                            later = values[min(rest, stocks - 1), second, third, order]
                            cost += chances[demand] * later
                        best = min(best, cost)
                    value = costs[stock] + best
                    updated[stock, first, second, third] = value
                    change = value - values[stock, first, second, third]
                    low = min(low, change)
                    high = max(high, change)
    return low, high


if __name__ == "__main__":
    main()
