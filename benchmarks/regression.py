"""Is the engine slower than it was?

Two checkouts take turns on one machine, and their ratio is looked at, not seconds.

    git worktree add ../before v0.1.0
    python benchmarks/regression.py --against ../before

Prints a table of ratios, this checkout to the other, as medians of rounds; exits with 1 when a case
became slower by more than ``--tolerance``. Versions before solved output layers cannot have those
cases: name the others with ``--only``.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent.parent
# layers, rows, particles, activation, informants, loss, output layer
CASES = {
    "small": ((8, 8, 4, 1), 721, 20, "relu", "random", "mse", "searched"),
    "middle": ((8, 32, 16, 1), 721, 48, "relu", "random", "mse", "searched"),
    "tanh": ((8, 32, 16, 1), 721, 48, "tanh", "random", "mse", "searched"),
    "gelu": ((8, 32, 16, 1), 721, 48, "gelu", "random", "mse", "searched"),
    "nearest": ((8, 32, 16, 1), 721, 48, "relu", "nearest", "mse", "searched"),
    "classes": ((30, 32, 10), 2_000, 48, "relu", "random", "cross_entropy", "searched"),
    "wide": ((1000, 64, 1), 2_000, 16, "relu", "random", "mse", "searched"),
    "long": ((8, 32, 16, 1), 200_000, 8, "relu", "random", "mse", "searched"),
    "solved-32": ((8, 32, 1), 721, 48, "relu", "random", "mse", "solved"),
    "solved-64": ((8, 64, 1), 721, 48, "relu", "random", "mse", "solved"),
    "solved-128": ((8, 128, 1), 721, 48, "relu", "random", "mse", "solved"),
}


def of_any(name: str, *modules: str) -> Any:
    """A name from the first of these modules that this version has. Modules moved in 0.1.0."""
    for module in modules:
        try:
            return getattr(import_module(module), name)
        except ModuleNotFoundError:
            continue
    raise ModuleNotFoundError(f"None of {', '.join(modules)} is there.")


def serve() -> None:
    """The side that measures: case names in, seconds an iteration out.

    Uses only what every version has.
    """
    from shoal import Genome

    Network = of_any("Network", "shoal.nn.network", "shoal.network")
    derive_key = of_any("derive_key", "shoal.numerics.philox", "shoal.philox")
    make_objective = of_any("make_objective", "shoal.objectives.losses", "shoal.losses")
    get_engine = of_any("get_engine", "shoal.pso.engines", "shoal.engines")
    TrainingTask = of_any("TrainingTask", "shoal.pso.swarm", "shoal.swarm")
    initial_state = of_any("initial_state", "shoal.pso.swarm", "shoal.swarm")

    engine = get_engine("cpu")
    for line in sys.stdin:
        layers, rows, particles, activation, informants, loss, readout = CASES[line.strip()]
        random = np.random.default_rng(0)
        x = random.standard_normal((rows, layers[0])).astype(np.float32)
        classes = loss == "cross_entropy"
        genes = {"informant_strategy": informants, "activation": activation}
        if readout != "searched":
            genes |= {"readout": readout, "hidden_layers": layers[1:-1]}
        task = TrainingTask(
            genome=Genome(swarm_size=particles, **genes),
            network=Network(layers, activation),
            objective=make_objective(loss, "classification" if classes else "regression"),
            x=x,
            y=(random.integers(0, layers[-1], rows) if classes else x.sum(axis=1)).astype(
                np.float32
            ),
            key=derive_key(0, 0),
            iterations=2**31,
        )
        state, took, n = engine.advance(task, initial_state(task), 1), 0.0, 1
        while took < 0.2:
            n *= 2
            state = initial_state(task)  # the same iterations each time: later ones may be cheaper
            start = time.perf_counter()
            state = engine.advance(task, state, n)
            took = time.perf_counter() - start
        print(took / n, flush=True)


def side(checkout: Path) -> subprocess.Popen[str]:
    """A process of that checkout."""
    return subprocess.Popen(
        [sys.executable, __file__, "--serve"],
        env={**os.environ, "PYTHONPATH": str(checkout / "src")},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def ask(process: subprocess.Popen[str], case: str) -> float:
    """Seconds an iteration of that side."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(case + "\n")
    process.stdin.flush()
    return float(process.stdout.readline())


def main() -> int:
    """The script."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--against", type=Path, metavar="CHECKOUT", help="the other version")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument(
        "--tolerance", type=float, default=0.15, help="that a case may be slower, as a fraction"
    )
    parser.add_argument("--only", choices=CASES, nargs="*", default=list(CASES))
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve()
        return 0
    if options.against is None or not (options.against / "src" / "shoal").is_dir():
        parser.error("--against: expected a checkout of Shoal")
    sides = [side(HERE), side(options.against.resolve())]
    slower = False
    print("| case | this, ms | other, ms | ratio |\n|---|---|---|---|")
    for case in options.only:
        rounds = [[ask(process, case) for process in sides] for _ in range(options.rounds)]
        ratio = statistics.median(ours / theirs for ours, theirs in rounds)
        ours, theirs = (1e3 * statistics.median(column) for column in zip(*rounds, strict=True))
        print(f"| {case} | {ours:.3f} | {theirs:.3f} | {ratio:.2f} |", flush=True)
        slower = slower or ratio > 1 + options.tolerance
    for process in sides:
        process.communicate("")
    return int(slower)


if __name__ == "__main__":
    sys.exit(main())
