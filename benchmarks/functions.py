"""Functions of one's own through Shoal and its peers: time an evaluation, and quality on BBOB.

    python3 -m venv .venv-functions && . .venv-functions/bin/activate
    pip install pyswarms==1.3.0 mealpy==3.0.3 pymoo==0.6.2 evosax==0.3.2 ioh==0.3.18 cma==4.5.0
    pip install -e .    # brings NumPy 2, with which all of them work, whatever their metadata says
    python benchmarks/functions.py [--rounds 15] [--instances 3] [--out docs/reports/functions.md]
    python benchmarks/functions.py --part speed    # the report's other part stays as it is

Speed: sphere, Rosenbrock and Rastrigin in 10, 100 and 1,000 dimensions, 48 particles each (Shoal:
the swarm that it chooses). All but evosax get the same NumPy function of all points, mealpy of one
point, since it takes no others. For evosax the function is JAX's, and its whole loop is compiled;
it runs in float32, its default, and in float64, on all cores. Shoal runs a second time with the
function compiled by Numba, in float64 on one core. Both functions are called without a swarm, too.
In a round each contender has one turn, so that noise meets all alike; the figure is the best of the
rounds. Contenders with long turns have three.

Quality: the 24 noiseless functions of BBOB in 5 and 20 dimensions, 1,000 D evaluations. A curve is
the share of pairs of problem and target that are reached; targets are 51 precisions from 100 to
1e-8. Contenders that are not installed are left out.

References
----------
Hansen, Auger, Ros, Mersmann, Tusar and Brockhoff, "COCO: A Platform for Comparing Continuous
Optimizers in a Black-Box Setting", 2021.
"""

from __future__ import annotations

import argparse
import logging
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

import shoal
from markdown_tables import fit_tables

DIMENSIONS = (10, 100, 1000)
PARTICLES = 48
LOW, HIGH = -5.12, 5.12
TURN_SECONDS = 0.1
# The fewest iterations of a turn, and how many turns those have that take all the time for them.
FEWEST = 20
SLOW_TURNS = 3
# Points in a call of a function alone: as many as Shoal asks for.
ALONE = 32

BBOB_DIMENSIONS = (5, 20)
BUDGET = 1000  # evaluations for each dimension
TARGETS = 10.0 ** np.linspace(2, -8, 51)
GROUPS = {
    "separable": range(1, 6),
    "moderate": range(6, 10),
    "ill-conditioned": range(10, 15),
    "multimodal, structured": range(15, 20),
    "multimodal, weak structure": range(20, 25),
}
COLOURS = {"Shoal": "#0b6e99", "pyswarms": "#c2571a", "pycma": "#4a7c2c"}

Floats = NDArray[np.float64]
# Does so many iterations, and says how many points it evaluated.
Turn = Callable[[int], int]


# --- functions ------------------------------------------------------------------------------------


def sphere(x: Floats) -> Floats:
    return (x * x).sum(axis=-1)


def rosenbrock(x: Floats) -> Floats:
    here, after = x[..., :-1], x[..., 1:]
    return (100 * (after - here**2) ** 2 + (1 - here) ** 2).sum(axis=-1)


def rastrigin(x: Floats) -> Floats:
    return (x * x - 10 * np.cos(2 * np.pi * x) + 10).sum(axis=-1)


FUNCTIONS = {"sphere": sphere, "Rosenbrock": rosenbrock, "Rastrigin": rastrigin}


@numba.njit(error_model="numpy", fastmath=True)
def compiled_sphere(x: Any) -> Any:
    out = np.empty(len(x))
    for i in range(len(x)):
        total = 0.0
        for d in range(x.shape[1]):
            total += x[i, d] * x[i, d]
        out[i] = total
    return out


@numba.njit(error_model="numpy", fastmath=True)
def compiled_rosenbrock(x: Any) -> Any:
    out = np.empty(len(x))
    for i in range(len(x)):
        total = 0.0
        for d in range(x.shape[1] - 1):
            valley = x[i, d + 1] - x[i, d] * x[i, d]
            total += 100 * valley * valley + (1 - x[i, d]) * (1 - x[i, d])
        out[i] = total
    return out


@numba.njit(error_model="numpy", fastmath=True)
def compiled_rastrigin(x: Any) -> Any:
    out = np.empty(len(x))
    for i in range(len(x)):
        total = 0.0
        for d in range(x.shape[1]):
            total += x[i, d] * x[i, d] - 10 * np.cos(2 * np.pi * x[i, d]) + 10
        out[i] = total
    return out


COMPILED = {
    "sphere": compiled_sphere,
    "Rosenbrock": compiled_rosenbrock,
    "Rastrigin": compiled_rastrigin,
}


# --- contenders of speed --------------------------------------------------------------------------


def alone(name: str, dimensions: int) -> Turn:
    return _alone(FUNCTIONS[name], dimensions)


def alone_compiled(name: str, dimensions: int) -> Turn:
    return _alone(COMPILED[name], dimensions)


def _alone(function: Callable[[Floats], Floats], dimensions: int) -> Turn:
    points = np.random.default_rng(0).uniform(LOW, HIGH, (ALONE, dimensions))

    def turn(iterations: int) -> int:
        for _ in range(iterations):
            function(points)
        return ALONE * iterations

    return turn


def with_shoal(name: str, dimensions: int) -> Turn:
    return _shoal(FUNCTIONS[name], dimensions)


def with_shoal_compiled(name: str, dimensions: int) -> Turn:
    return _shoal(COMPILED[name], dimensions)


def _shoal(function: Callable[[Floats], Floats], dimensions: int) -> Turn:
    bounds = [(LOW, HIGH)] * dimensions

    def turn(iterations: int) -> int:
        return shoal.minimize(function, bounds, iterations=iterations).nfev

    return turn


def with_pyswarms(name: str, dimensions: int) -> Turn:
    from pyswarms.single import GlobalBestPSO

    bounds = np.full(dimensions, LOW), np.full(dimensions, HIGH)
    options = {"c1": 1.49618, "c2": 1.49618, "w": 0.7298}

    def turn(iterations: int) -> int:
        swarm = GlobalBestPSO(PARTICLES, dimensions, options, bounds=bounds)
        swarm.optimize(FUNCTIONS[name], iterations, verbose=False)
        return PARTICLES * iterations

    return turn


def with_mealpy(name: str, dimensions: int) -> Turn:
    from mealpy import PSO, FloatVar

    function = FUNCTIONS[name]
    problem = {
        "obj_func": lambda x: float(function(x)),
        "bounds": FloatVar([LOW] * dimensions, [HIGH] * dimensions),
        "minmax": "min",
        "log_to": None,
    }

    def turn(iterations: int) -> int:
        PSO.OriginalPSO(epoch=iterations, pop_size=PARTICLES).solve(problem)
        return PARTICLES * (iterations + 1)

    return turn


def with_pymoo(name: str, dimensions: int) -> Turn:
    from pymoo.algorithms.soo.nonconvex.pso import PSO
    from pymoo.core.problem import Problem
    from pymoo.optimize import minimize

    function = FUNCTIONS[name]

    class Vectorised(Problem):
        def __init__(self) -> None:
            super().__init__(n_var=dimensions, n_obj=1, xl=LOW, xu=HIGH)

        def _evaluate(self, x: Floats, out: dict[str, Any], *_: Any, **__: Any) -> None:
            out["F"] = function(x)

    def turn(iterations: int) -> int:
        found = minimize(Vectorised(), PSO(pop_size=PARTICLES), ("n_gen", iterations))
        return int(found.algorithm.evaluator.n_eval)

    return turn


def with_evosax(name: str, dimensions: int) -> Turn:
    return _evosax(name, dimensions, float64=False)


def with_evosax_float64(name: str, dimensions: int) -> Turn:
    return _evosax(name, dimensions, float64=True)


def _evosax(name: str, dimensions: int, *, float64: bool) -> Turn:
    from jax.experimental import enable_x64

    with enable_x64(float64):
        turn = _jitted(name, dimensions)

    def in_precision(iterations: int) -> int:
        with enable_x64(float64):
            return turn(iterations)

    return in_precision


def _jitted(name: str, dimensions: int) -> Turn:
    import jax
    import jax.numpy as jnp
    from evosax.algorithms import PSO

    forms = {
        "sphere": lambda x: (x * x).sum(axis=-1),
        "Rosenbrock": lambda x: (
            100 * (x[..., 1:] - x[..., :-1] ** 2) ** 2 + (1 - x[..., :-1]) ** 2
        ).sum(axis=-1),
        "Rastrigin": lambda x: (x * x - 10 * jnp.cos(2 * jnp.pi * x) + 10).sum(axis=-1),
    }
    function = forms[name]
    swarm = PSO(population_size=PARTICLES, solution=jnp.zeros(dimensions))
    params = swarm.default_params
    compiled: dict[int, Any] = {}

    def iteration(state: Any, key: Any) -> tuple[Any, None]:
        key_ask, key_tell = jax.random.split(key)
        x, state = swarm.ask(key_ask, state, params)
        state, _ = swarm.tell(key_tell, x, function(x), state, params)
        return state, None

    def whole(iterations: int) -> Any:
        @jax.jit
        def run(key: Any) -> Any:
            x = jax.random.uniform(key, (PARTICLES, dimensions), minval=LOW, maxval=HIGH)
            state = swarm.init(key, x, function(x), params)
            state, _ = jax.lax.scan(iteration, state, jax.random.split(key, iterations))
            return state.best_fitness

        return run.lower(jax.random.key(0)).compile()

    def turn(iterations: int) -> int:
        if iterations not in compiled:
            compiled[iterations] = whole(iterations)
        compiled[iterations](jax.random.key(0)).block_until_ready()
        return PARTICLES * (iterations + 1)

    return turn


SPEED: dict[str, tuple[str, Callable[[str, int], Turn]]] = {
    "function alone": ("numpy", alone),
    "compiled function alone": ("numba", alone_compiled),
    "Shoal": ("shoal", with_shoal),
    "Shoal, compiled function": ("shoal", with_shoal_compiled),
    "pyswarms": ("pyswarms", with_pyswarms),
    "mealpy": ("mealpy", with_mealpy),
    "pymoo": ("pymoo", with_pymoo),
    "evosax, jitted": ("evosax", with_evosax),
    "evosax, jitted, float64": ("evosax", with_evosax_float64),
}


def installed(package: str) -> str | None:
    """The version of a package; None if it is not there."""
    if package == "shoal":
        return shoal.__version__
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def microseconds(function: str, dimensions: int, rounds: int) -> dict[str, float]:
    """The time of an evaluation through each contender."""
    turns: dict[str, tuple[Turn, int]] = {}
    for name, (package, prepare) in SPEED.items():
        if installed(package) is not None:
            turn = prepare(function, dimensions)
            turns[name] = turn, _iterations_of_a_turn(turn)

    times: dict[str, list[float]] = {name: [] for name in turns}
    for n in range(rounds):
        for name, (turn, iterations) in turns.items():
            if iterations == FEWEST and n >= SLOW_TURNS:
                continue
            start = time.perf_counter()
            evaluations = turn(iterations)
            times[name].append((time.perf_counter() - start) / evaluations * 1e6)
    return {name: min(values) for name, values in times.items()}


def _iterations_of_a_turn(turn: Turn) -> int:
    turn(FEWEST)
    start = time.perf_counter()
    turn(FEWEST)
    seconds = time.perf_counter() - start

    iterations = max(FEWEST, int(FEWEST * TURN_SECONDS / seconds))
    # What is compiled for a number of iterations is compiled here.
    turn(iterations)
    return iterations


# --- quality --------------------------------------------------------------------------------------


class Recorded:
    """A BBOB function that notes after how many evaluations each target is reached.

    Parameters
    ----------
    function, instance, dimensions
        Of the suite.

    Attributes
    ----------
    reached : ndarray, (targets,)
        Evaluations until each target; infinity for one that is not reached within the budget.
    """

    def __init__(self, function: int, instance: int, dimensions: int) -> None:
        import ioh

        self._problem = ioh.get_problem(function, instance, dimensions, ioh.ProblemClass.BBOB)
        self._optimum = self._problem.optimum.y
        self._evaluations = 0
        self._budget = BUDGET * dimensions
        self.reached = np.full(len(TARGETS), np.inf)

    def __call__(self, x: Floats) -> Any:
        """The losses of points (n, D), or the loss of one (D,)."""
        values = np.atleast_1d(np.asarray(self._problem(x)))
        precisions = values - self._optimum
        for precision in precisions:
            self._evaluations += 1
            if self._evaluations <= self._budget:
                new = np.isinf(self.reached) & (precision <= TARGETS)
                self.reached[new] = self._evaluations
        if np.ndim(x) == 1:
            return float(values[0])
        return values


def solve_with_shoal(problem: Recorded, dimensions: int, seed: int) -> None:
    # Generous: what is evaluated beyond the budget does not count.
    iterations = -(-BUDGET * dimensions // 32)
    bounds = [(-5, 5)] * dimensions
    budget = BUDGET * dimensions
    shoal.minimize(
        problem,
        bounds,
        iterations=iterations,
        seed=seed,
        callback=lambda progress: progress.nfev >= budget,
    )


def solve_with_pyswarms(problem: Recorded, dimensions: int, seed: int) -> None:
    from pyswarms.single import GlobalBestPSO

    np.random.seed(seed)
    bounds = np.full(dimensions, -5.0), np.full(dimensions, 5.0)
    options = {"c1": 1.49618, "c2": 1.49618, "w": 0.7298}
    swarm = GlobalBestPSO(PARTICLES, dimensions, options, bounds=bounds)
    swarm.optimize(problem, -(-BUDGET * dimensions // PARTICLES), verbose=False)


def solve_with_pycma(problem: Recorded, dimensions: int, seed: int) -> None:
    import cma

    random = np.random.default_rng(seed)
    options = {
        "bounds": [-5, 5],
        "maxfevals": BUDGET * dimensions,
        "verbose": -9,
        "seed": seed + 1,
    }
    start = lambda: random.uniform(-4, 4, dimensions)  # noqa: E731
    cma.fmin2(problem, start, 2.0, options, restarts=9, bipop=True)


QUALITY: dict[str, tuple[str, Callable[[Recorded, int, int], None]]] = {
    "Shoal": ("shoal", solve_with_shoal),
    "pyswarms": ("pyswarms", solve_with_pyswarms),
    "pycma": ("cma", solve_with_pycma),
}


def reached_targets(solve: Callable[..., None], dimensions: int, instances: int) -> Floats:
    """Evaluations until each target of each problem, (24, instances, targets)."""
    reached = np.empty((24, instances, len(TARGETS)))
    for function in range(24):
        for instance in range(instances):
            problem = Recorded(function + 1, instance + 1, dimensions)
            solve(problem, dimensions, instance)
            reached[function, instance] = problem.reached
    return reached


def share(reached: Floats, evaluations: float) -> float:
    """The share of targets that are reached after so many evaluations."""
    return float((reached <= evaluations).mean())


# --- the report -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Panel:
    """The curves of one number of dimensions: evaluations until each target, by contender."""

    dimensions: int
    reached: dict[str, Floats]


def drawing(panels: Sequence[Panel]) -> str:
    """The ECDF curves as SVG: evaluations over D, on a logarithmic scale, to the right."""
    width, height, left, top, bottom, gap = 420, 260, 46, 28, 40, 24
    total = len(panels) * (width + gap)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {total} {height + top + bottom}" '
        'font-family="sans-serif" font-size="12" role="img">',
        f'<rect width="{total}" height="{height + top + bottom}" fill="#ffffff"/>',
    ]
    decades = round(np.log10(BUDGET))
    for n, panel in enumerate(panels):
        x0 = n * (width + gap) + left
        wide = width - left
        parts.append(f'<text x="{x0}" y="18">BBOB, {panel.dimensions} dimensions</text>')
        for tenth in range(0, 11, 2):
            y = top + height * (1 - tenth / 10)
            parts.append(
                f'<path d="M{x0} {y:.0f}h{wide}" stroke="#dddddd"/>'
                f'<text x="{x0 - 6}" y="{y + 4:.0f}" text-anchor="end">{tenth * 10} %</text>'
            )
        for decade in range(decades + 1):
            x = x0 + wide * decade / decades
            parts.append(
                f'<text x="{x:.0f}" y="{top + height + 16}" text-anchor="middle">'
                f"{10**decade:,}</text>"
            )
        parts.append(
            f'<text x="{x0 + wide / 2:.0f}" y="{top + height + 34}" text-anchor="middle">'
            "evaluations / dimension</text>"
        )
        for row, (name, reached) in enumerate(panel.reached.items()):
            points = []
            for position in np.linspace(0, 1, 61):
                y = share(reached, panel.dimensions * BUDGET**position)
                points.append(f"{x0 + wide * position:.1f},{top + height * (1 - y):.1f}")
            parts.append(
                f'<polyline points="{" ".join(points)}" fill="none" stroke="{COLOURS[name]}" '
                'stroke-width="2"/>'
                f'<text x="{x0 + 10}" y="{top + 18 + 16 * row}" fill="{COLOURS[name]}">'
                f"{name}</text>"
            )
    return "\n".join([*parts, "</svg>", ""])


def speed_report(rounds: int) -> list[str]:
    """The table of times, and where Shoal is not the fastest."""
    names = [name for name, (package, _) in SPEED.items() if installed(package) is not None]
    missing = [name for name, (package, _) in SPEED.items() if installed(package) is None]
    lines = ["| function | D | " + " | ".join(names) + " |", "|---|---|" + "---|" * len(names)]
    slower = []
    for function in FUNCTIONS:
        for dimensions in DIMENSIONS:
            times = microseconds(function, dimensions, rounds)
            print(function, dimensions, times, flush=True)
            cells = [f"{times[name]:.2f}" for name in names]
            lines.append(f"| {function} | {dimensions:,} | " + " | ".join(cells) + " |")
            slower += _faster_peers(function, dimensions, times)

    if missing:
        lines += ["", f"Not installed, and left out: {', '.join(missing)}."]
    lines += ["", *_verdict(slower)]
    return lines


def _faster_peers(function: str, dimensions: int, times: dict[str, float]) -> list[str]:
    """Who is faster: than Shoal with the same NumPy function, or, compiled, than Shoal compiled."""
    places = []
    for name, value in times.items():
        own = "Shoal, compiled function" if "jitted" in name else "Shoal"
        is_peer = not name.startswith("Shoal") and "alone" not in name
        if is_peer and value < times[own]:
            places.append(
                f"{function} in {dimensions:,} dimensions: {name} {value:.2f}, {own} "
                f"{times[own]:.2f}"
            )
    return places


def _verdict(slower: list[str]) -> list[str]:
    if not slower:
        return ["Shoal is faster than all of them in all nine cases."]
    return [
        "Shoal is not the fastest here (microseconds):",
        "",
        *[f"- {place}" for place in slower],
    ]


def quality_report(instances: int, picture: Path, link: str) -> list[str]:
    """The table of shares, and the drawing beside it."""
    panels = []
    lines = [
        "| D | contender | 10 D | 100 D | 1,000 D | " + " | ".join(GROUPS) + " |",
        "|---|---|---|---|---|" + "---|" * len(GROUPS),
    ]
    for dimensions in BBOB_DIMENSIONS:
        panel = Panel(dimensions, {})
        for name, (package, solve) in QUALITY.items():
            if installed(package) is None:
                continue
            start = time.perf_counter()
            reached = reached_targets(solve, dimensions, instances)
            panel.reached[name] = reached
            print(dimensions, name, f"{time.perf_counter() - start:.0f} s", flush=True)

            budgets = (10 * dimensions, 100 * dimensions, 1000 * dimensions)
            cells = [share(reached, budget) for budget in budgets]
            for functions in GROUPS.values():
                part = reached[functions.start - 1 : functions.stop - 1]
                cells.append(share(part, BUDGET * dimensions))
            lines.append(
                f"| {dimensions} | {name} | "
                + " | ".join(f"{100 * cell:.0f} %" for cell in cells)
                + " |"
            )
        panels.append(panel)

    picture.write_text(drawing(panels))
    return [*lines, "", f"![Share of targets reached over evaluations]({link})"]


def _quality_of(report: str) -> list[str]:
    """The table and the drawing that a report has."""
    lines = report.splitlines()
    quality = lines.index("## Quality on BBOB")
    # `fit_tables` may have turned the table, whose first column is D.
    first = next(n for n in range(quality, len(lines)) if lines[n].startswith("| D |"))
    last = next(n for n, line in enumerate(lines) if line.startswith("![Share of targets"))
    return lines[first : last + 1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--part", choices=["speed", "all"], default="all")
    parser.add_argument("--instances", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("docs/reports/functions.md"))
    arguments = parser.parse_args()

    logging.disable(logging.WARNING)
    out = arguments.out.resolve()
    out.parent.mkdir(parents=True, exist_ok=True)
    versions = [
        f"{package} {installed(package)}"
        for package in ("pyswarms", "mealpy", "pymoo", "evosax", "cma", "ioh")
        if installed(package) is not None
    ]
    # pyswarms writes a log file to where it runs.
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        speed = speed_report(arguments.rounds)
        quality: list[str] = ["ioh is not installed."]
        if arguments.part == "speed":
            quality = _quality_of(out.read_text())
        elif installed("ioh") is not None:
            picture = out.with_name("functions.svg")
            quality = quality_report(arguments.instances, picture, picture.name)
        os.chdir(out.parent)

    text = TEXT.format(
        day=date.today(),
        shoal_version=shoal.__version__,
        versions=", ".join(versions),
        speed="\n".join(speed),
        quality="\n".join(quality),
        instances=arguments.instances,
        rounds=arguments.rounds,
        cores=os.cpu_count(),
    )
    out.write_text(fit_tables(text))
    print(f"Written to {out.name}")


TEXT = """# Functions of one's own: speed and quality

This report is for those who minimise a function. It says how much time a swarm takes beside the
function itself, and how good the minima are.

Measured on {day}, version {shoal_version}. `benchmarks/functions.py` writes this report, and says
how everything is measured.
{versions}.

## Microseconds an evaluation

The time is that of the whole minimisation, with the function's own time; the best of {rounds}
rounds on {cores} cores that other work shared.

- **compiled**, **jitted**: the function is compiled with the loop, by Numba and by JAX. All others
  get the same NumPy function.
- **alone**: the function without a swarm, 32 points in a call

Shoal computes in float64 on one core, draws two random numbers for each particle and dimension, and
keeps the bounds. evosax computes on all cores, in float32 if the name does not say float64. It
draws two random numbers for each particle, keeps no bounds, and has a vectorised cosine.

{speed}

## Quality on BBOB

BBOB has 24 noiseless functions; instances 1 to {instances} were minimised with 1,000 D evaluations
in D dimensions. The table has the share of 51 targets (precisions from 100 to 1e-8) that were
reached after 10 D, 100 D and 1,000 D evaluations, and after 1,000 D in each group of functions.

- **Shoal**: `shoal.minimize` as it comes, without restarts
- **pyswarms**: `GlobalBestPSO` with constriction coefficients and 48 particles
- **pycma**: `fmin2` with BIPOP restarts

{quality}

CMA-ES learns which directions are steep and which belong together. Swarms do not. On moderate and
ill-conditioned functions pycma is far ahead: use pycma there.
"""


if __name__ == "__main__":
    main()
