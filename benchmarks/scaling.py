"""How the CPU engine scales.

Pictures of its share of the multiply-add peak, by particles, weights, rows, swarms, threads.

    pip install matplotlib
    python benchmarks/scaling.py --out docs/pictures

Each figure is the median of several rounds in which the engine and the peak's kernel take turns
(`shoal.pso.benchmark`). Every particle is evaluated on every row, so that the work is known.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt

from shoal.pso.benchmark import (
    Shape,
    peak_operations,
    peak_workload,
    swarm_workload,
    time_in_turns,
)
from shoal.pso.engines import cores
from shoal.pso.engines.cpu import CpuEngine

NETWORK = (8, 32, 16, 1)
BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#7f7f7f"  # told apart by colour-blind people
ENGINE = CpuEngine(abandon=False)


@dataclass(frozen=True)
class Curve:
    """One line of a picture: shares of the peak, in percent."""

    label: str
    x: list[float]
    share: list[float]


def share(shape: Shape, *, count: int = 1, threads: int = 1, seconds: float = 0.15) -> float:
    """Percent of the peak of the cores in use, by ``count`` swarms of as many ``threads`` each."""
    used = min(cores(), count * threads)
    workloads = [swarm_workload(ENGINE.with_threads(threads), shape, count), peak_workload(used)]
    ours, peak = time_in_turns(workloads, seconds)
    operations = count * shape.operations
    return 100 * statistics.median(
        operations / t / (peak_operations(used) / p) for t, p in zip(ours, peak, strict=True)
    )


def curve(label: str, values: Iterable[tuple[float, float]]) -> Curve:
    """A line from (x, share) pairs; says each as it comes."""
    x, y = [], []
    for at, value in values:
        print(f"{label}: {at:g} -> {value:.1f} %", flush=True)
        x.append(at)
        y.append(value)
    return Curve(label, x, y)


def by_particles() -> list[Curve]:
    """Swarms of 10 to 500 with two kinds of informants."""
    sizes = (10, 20, 48, 100, 200, 500)
    return [
        curve(
            f"{strategy} informants",
            ((n, share(Shape(NETWORK, 721, n, informants=strategy))) for n in sizes),
        )
        for strategy in ("random", "nearest")
    ]


def by_weights() -> list[Curve]:
    """Two hidden layers, the second half as wide as the first.

    And one activation that costs more than relu.
    """
    shapes = [(w, Shape((8, w, w // 2, 1), 721, 48)) for w in (4, 8, 16, 32, 64, 128, 256, 512)]
    curves = []
    for activation in ("relu", "tanh"):
        values = (
            (s.operations / 2 / 721 / 48, share(replace(s, activation=activation)))
            for _, s in shapes
        )
        curves.append(curve(activation, values))
    return curves


def by_rows() -> list[Curve]:
    """From one row to a million, with few inputs and with a thousand."""
    few = (1, 16, 64, 100, 721, 5_000, 50_000, 1_000_000)
    many = (1, 16, 64, 100, 721, 5_000, 50_000)
    return [
        curve("8 inputs", ((n, share(Shape(NETWORK, n, 8))) for n in few)),
        curve("1,000 inputs", ((n, share(Shape((1000, 32, 1), n, 8))) for n in many)),
    ]


def by_swarms() -> list[Curve]:
    """Independent swarms at once, one thread each."""
    counts = sorted({1, 2, 3, 4, 8, cores()})
    return [
        curve(
            "-".join(map(str, layers)),
            ((n, share(Shape(layers, 721, particles), count=n)) for n in counts),
        )
        for layers, particles in ((NETWORK, 48), ((8, 8, 4, 1), 20))
    ]


def by_threads() -> list[Curve]:
    """One swarm alone, its particles shared by threads."""
    counts = sorted({1, 2, *(n for n in (4, 8, 16, 32) if n <= cores()), cores()})
    shapes = (
        Shape(NETWORK, 721, 48),
        Shape((8, 8, 4, 1), 721, 20),
        Shape((30, 64, 64, 1), 5_000, 48),
    )
    return [
        curve(
            f"{'-'.join(map(str, s.layers))}, {s.rows:,} rows, {s.particles} particles",
            ((n, share(s, threads=n)) for n in counts),
        )
        for s in shapes
    ]


PICTURES = {
    "particles": (by_particles, "particles of one swarm, 8-32-16-1, 721 rows, one core"),
    "weights": (by_weights, "weights of the network, 721 rows, 48 particles, one core"),
    "rows": (by_rows, "rows, 8 particles, one core (8-32-16-1 and 1000-32-1)"),
    "swarms": (by_swarms, f"swarms at once on {cores()} cores, 721 rows"),
    "threads": (by_threads, "threads that share one swarm"),
}


def draw(name: str, label: str, curves: list[Curve], folder: Path) -> None:
    """One picture."""
    figure, axes = plt.subplots(figsize=(6.4, 3.2), layout="constrained")
    for line, colour, marker in zip(curves, (BLUE, ORANGE, GREY), "osD", strict=False):
        axes.plot(
            line.x,
            line.share,
            color=colour,
            marker=marker,
            markersize=5,
            linewidth=1.8,
            label=line.label,
        )
    if name in ("swarms", "threads"):
        axes.set_xticks(sorted({int(x) for line in curves for x in line.x}))
    else:
        axes.set_xscale("log")
    axes.set_ylim(0, 100)
    axes.set_xlabel(label)
    axes.set_ylabel("share of the peak, %")
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8, loc="best")
    figure.savefig(folder / f"scaling-{name}.png", dpi=110, metadata={"Software": None})
    plt.close(figure)


def main() -> None:
    """The script."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("docs/pictures"))
    parser.add_argument("--only", choices=PICTURES, nargs="*", default=list(PICTURES))
    options = parser.parse_args()
    mpl.use("Agg")
    options.out.mkdir(parents=True, exist_ok=True)
    for name in options.only:
        measure, label = PICTURES[name]
        curves = measure()
        draw(name, label, curves, options.out)
        print(json.dumps({name: [vars(line) for line in curves]}))


if __name__ == "__main__":
    main()
