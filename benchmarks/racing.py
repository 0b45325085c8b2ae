"""Regret against trainings: fixed repeats, successive halving and the paired t-race, at equal cost.

    python benchmarks/racing.py

Landscapes are synthetic, so that the truth is known: a genome's accuracy is a height plus noise of
standard deviation 2.5, of which a third of the variance is common to all genomes of the same
repeat, as with common random streams. Regret is the height of the best genome minus that of the
recommended one, in percentage points.

- One generation: 40 genomes with heights of standard deviation 3; who finds the best? Fixed repeats
  stand for every cost.
- Whole searches: the genetic algorithm on a hill over all genes, with a budget of trainings; each
  training costs the same here (`growth` 1), and nothing is confirmed.
"""

from __future__ import annotations

import argparse
import hashlib
import math
import statistics
from collections.abc import Callable, Iterator

from shoal.genome.genome import Genome
from shoal.genome.search_space import SearchSpace
from shoal.numerics.philox import derive_key, normal_draws
from shoal.numerics.stats import ci95_half_width, mean
from shoal.objectives.metrics import Metrics, Scores
from shoal.problems.evaluation import Evaluation, Task
from shoal.settings.search_settings import SearchSettings
from shoal.tuning.racing import RACES, RepeatLedger
from shoal.tuning.search import Search

NOISE, COMMON, SPREAD = 2.5, 1 / 3, 3.0
CONTENDERS = 40
BUDGETS = (150, 300, 600, 1200)
WAYS = {
    "fixed": {"racing": "fixed", "repeats": 3, "max_repeats": 21},
    "halving": {"racing": "halving", "growth": 1, "repeats": 3, "max_repeats": 21},
    "t-race": {"racing": "t-race", "repeats": 5, "max_repeats": 21},
}


def noise(seed: int, task: Task) -> float:
    """Of one training: a part that all genomes share, and one of its own."""
    own = int.from_bytes(hashlib.sha256(f"{task.genome.hash} {task.repeat}".encode()).digest()[:4])
    shared, single = (
        normal_draws(derive_key(seed, task.repeat), 7, 0, 0, 1),
        normal_draws(derive_key(seed, own), 8, 0, 0, 1),
    )
    return NOISE * float(math.sqrt(COMMON) * shared[0] + math.sqrt(1 - COMMON) * single[0])


def trained(task: Task, height: float, seed: int) -> Evaluation:
    return Evaluation(task, "ok", Scores(Metrics(height + noise(seed, task))))


def one_generation(settings: SearchSettings, seed: int) -> tuple[float, int]:
    """Regret and trainings of one race over `CONTENDERS` genomes."""
    drawn = normal_draws(derive_key(seed, 1), 9, 0, 0, CONTENDERS)
    heights = {Genome(swarm_size=10 + i): SPREAD * float(h) for i, h in enumerate(drawn)}
    told: dict[tuple[str, int], Evaluation] = {}
    ledger = RepeatLedger(told)
    for targets in RACES[settings.racing](settings.schedule, tuple(heights), ledger):
        for genome, target in targets.items():
            for task in ledger.give(genome, target, 1, 0):
                told[task.id] = trained(task, heights[genome], seed)

    def rank(genome: Genome) -> tuple[int, float]:
        repeats = ledger.repeats(genome)
        return settings.schedule.rung(repeats), ledger.mean(
            genome, settings.schedule.scored_repeats(repeats)
        )

    return max(heights.values()) - heights[max(heights, key=rank)], ledger.total


def hill(genome: Genome) -> float:
    """100 at the top; every gene matters, and they matter together."""
    far = 0.0
    for n, gene in enumerate(SearchSpace().numeric):
        low, high, value = gene.low, gene.high, getattr(genome, gene.name)
        if gene.log:
            low, high, value = math.log(low), math.log(high), math.log(value)
        far += ((value - low) / (high - low) - (0.3 + 0.04 * n)) ** 2
    far += sum((math.log2(width) / 10 - 0.5) ** 2 for width in genome.hidden_layers) / 3
    return 100.0 - 25.0 * math.sqrt(far)


def whole_search(settings: SearchSettings, seed: int) -> float:
    """Regret of the genome that a search recommends, against the top of the hill."""
    search = Search(settings)
    while tasks := search.ask():
        for task in tasks:
            search.tell(trained(task, hill(task.genome), seed))
    assert search.best is not None
    return 100.0 - hill(search.best.genome)


def cell(values: list[float]) -> str:
    return f"{mean(values):.2f} ± {ci95_half_width(values) or 0.0:.2f}"


def generations(seeds: int) -> Iterator[str]:
    yield "| race | trainings | regret |"
    yield "|---|---|---|"
    ways = {
        f"fixed, {n} repeats": {"racing": "fixed", "repeats": n} for n in (1, 2, 3, 5, 7, 9, 12, 21)
    }
    ways |= {"halving, 3-6-12-21": WAYS["halving"], "t-race, from 5 to 21": WAYS["t-race"]}
    for name, way in ways.items():
        found = [one_generation(SearchSettings.parse(way), seed) for seed in range(seeds)]
        cost = statistics.mean(cost for _, cost in found)
        regrets = cell([regret for regret, _ in found])
        yield f"| {name} | {cost:.0f} | {regrets} |"


def searches(seeds: int, table: Callable[[list[str]], str]) -> Iterator[str]:
    yield table(["race", *(f"{budget:,} trainings" for budget in BUDGETS)])
    yield "|---" * (1 + len(BUDGETS)) + "|"
    plain = {"finalists": 0, "generations": 1_000, "extra_genes": (), "start": (), "population": 12}
    for name, way in WAYS.items():
        cells = []
        for budget in BUDGETS:
            made = (
                SearchSettings.parse({**plain, **way, "evaluations": budget, "seed": seed})
                for seed in range(seeds)
            )
            cells.append(cell([whole_search(settings, settings.seed) for settings in made]))
        yield table([name, *cells])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=200, help="races of one generation")
    parser.add_argument("--searches", type=int, default=30, help="whole searches for each cell")
    options = parser.parse_args()
    for line in generations(options.seeds):
        print(line)
    print()
    for line in searches(options.searches, lambda cells: f"| {' | '.join(cells)} |"):
        print(line, flush=True)


if __name__ == "__main__":
    main()
