"""How fast this machine is with a problem of somebody's own, beside what comes with Shoal.

Everything is timed on one core, in turns, so that a slow moment of the machine meets all alike; a
figure is the median of the turns. Iterations and objectives are timed in seconds of the processor:
other processes do not count.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from shoal.functions.definition import FunctionProblem
from shoal.genome.genome import Genome
from shoal.nn.network import Network
from shoal.numerics.philox import Purpose
from shoal.objectives.bound import RowObjective, Units, WholeObjective
from shoal.objectives.definition import RowLoss, TableObjective
from shoal.objectives.lookup import find_built_in
from shoal.objectives.losses import make_objective
from shoal.problems import references
from shoal.problems.registry import find_written
from shoal.pso.benchmark import SHAPES, Shape
from shoal.pso.engines.cpu import CpuEngine
from shoal.pso.swarm import TrainingTask, initial_state
from shoal.simulations.definition import Simulation
from shoal.simulations.evaluation import Evaluator, ScenarioSet

ROUNDS = 7
# Seconds of each figure in each turn.
_ROUND_SECONDS = 0.2
# Iterations of a chunk: what is done once a chunk does not matter, as in trainings.
_CHUNK = 100
# The network and the table that objectives are timed on.
SHAPE: Shape = SHAPES[1]
POLICIES = 48
_HIDDEN = 8
_POINTS = 1000


@dataclass(frozen=True, slots=True)
class Pace:
    """One figure.

    Attributes
    ----------
    what
        What was timed, in words.
    milliseconds
        Of one of them.
    """

    what: str
    milliseconds: float


@dataclass(frozen=True, slots=True)
class ProblemPaces:
    """How fast a problem is on one core.

    Attributes
    ----------
    name
        What was timed.
    paces
        The figures.
    facts
        Other numbers by name: ``ratio`` of an objective's iteration, less the function itself, to
        one with the built-in loss; ``steps_per_second`` of a simulation.
    """

    name: str
    paces: tuple[Pace, ...]
    facts: Mapping[str, float]

    def to_dict(self) -> dict[str, Any]:
        """The JSON object of `shoal bench --problem`."""
        return {
            "problem": self.name,
            "paces": [asdict(pace) for pace in self.paces],
            "facts": dict(self.facts),
        }


def problem_paces(text: str) -> ProblemPaces:
    """Time what a text names: an objective, a loss of a row, a simulation or a function.

    Parameters
    ----------
    text
        A name that Shoal or scikit-learn has, of a plug-in, ``module:name`` or ``file.py:name``.

    Raises
    ------
    ProblemError
        It names nothing that can be timed, or cannot be imported.
    """
    found = _found(text)
    if isinstance(found, TableObjective):
        return _objective_paces(found)
    if isinstance(found, RowLoss):
        return _row_loss_paces(found)
    if isinstance(found, FunctionProblem):
        return _function_paces(found)
    return _simulation_paces(found)


def _found(text: str) -> Any:
    built_in = find_built_in(text)
    if built_in is not None:
        return built_in

    text = references.plugins(references.OBJECTIVES).get(text, text)
    if references.is_reference(text):
        found, _ = references.find(text)
        if isinstance(found, TableObjective | RowLoss):
            return found
    return find_written(text)


# ---- Objectives ----------------------------------------------------------------------------------


def _objective_paces(own: TableObjective) -> ProblemPaces:
    task = own.task or "regression"
    training = _training(task)
    random = np.random.default_rng(1)
    columns = tuple(random.uniform(1.0, 9.0, SHAPE.rows) for _ in own.columns)
    bound = WholeObjective(own, Units(task), _targets(training, task), columns)

    outputs = training.network.forward(initial_state(training).positions, training.x)
    handed = bound.units.handed(own.outputs, outputs)
    alone = _pace(lambda: own.values(handed, bound.y, columns), time.process_time)
    return _beside_the_loss(own.name, training, bound, alone)


def _row_loss_paces(own: RowLoss) -> ProblemPaces:
    training = _training("regression")
    y = _targets(training, "regression")
    bound = RowObjective(
        own.name, own.function, own.nonnegative, Units("regression"), y, None, own.options
    )
    # What it takes by itself is a part of the compiled loop.
    return _beside_the_loss(own.name, training, bound, lambda: 0.0)


def _training(task: str) -> TrainingTask:
    """The training of `SHAPE`; of a classification with two outputs."""
    training = SHAPE.task()
    if task == "regression":
        return training
    layers = (*SHAPE.layers[:-1], 2)
    return replace(
        training,
        network=Network(layers, SHAPE.activation),
        objective=make_objective("cross_entropy", task),
        y=(training.y > 0).astype(np.float32),
    )


def _targets(training: TrainingTask, task: str) -> Any:
    if task == "regression":
        return training.y.astype(np.float64)
    return training.y.astype(np.int64)


def _beside_the_loss(
    name: str,
    training: TrainingTask,
    bound: WholeObjective | RowObjective,
    alone: Callable[[], float],
) -> ProblemPaces:
    """Iterations with an objective beside iterations with the built-in loss."""
    own = replace(training, objective=bound)
    found = _medians(
        {
            "built-in": _iterations(training, abandon=True),
            "built-in, all rows": _iterations(training, abandon=False),
            "own": _iterations(own, abandon=True),
            "own, all rows": _iterations(own, abandon=False),
            "alone": alone,
        }
    )
    loss = "squared error" if bound.units.task == "regression" else "log loss"
    paces = (
        Pace(f"an iteration with the built-in {loss}", found["built-in"]),
        Pace("the same, no row left out", found["built-in, all rows"]),
        Pace(f"an iteration with {name}", found["own"]),
        Pace("the same, no row left out", found["own, all rows"]),
        Pace(f"{name} by itself, {SHAPE.particles} networks", found["alone"]),
    )
    facts = {
        "ratio": (found["own"] - found["alone"]) / found["built-in"],
        "ratio_all_rows": (found["own, all rows"] - found["alone"]) / found["built-in, all rows"],
    }
    return ProblemPaces(name, paces, facts)


def _iterations(training: TrainingTask, *, abandon: bool) -> Callable[[], float]:
    """Milliseconds of an iteration, of a training that goes on from turn to turn."""
    engine = CpuEngine(abandon=abandon)
    state = engine.advance(training, initial_state(training), _CHUNK)

    def measure() -> float:
        nonlocal state
        begun = time.process_time()
        done = 0
        seconds = -1.0
        while seconds < _ROUND_SECONDS:
            state = engine.advance(training, state, _CHUNK)
            done += _CHUNK
            seconds = time.process_time() - begun
        return 1e3 * seconds / done

    return measure


# ---- Simulations and functions -------------------------------------------------------------------


def _simulation_paces(simulation: Simulation) -> ProblemPaces:
    genome = Genome(swarm_size=POLICIES, hidden_layers=(_HIDDEN,))
    layers = (simulation.input_count, _HIDDEN, simulation.outputs)
    network = Network(layers, genome.activation)
    random = np.random.default_rng(1)
    weights = random.normal(size=(POLICIES, network.size)).astype(np.float32)
    scenarios = ScenarioSet((1, 2), Purpose.TRAINING_SCENARIO)

    with Evaluator(simulation, network) as evaluator:
        steps = int(evaluator.scores(weights, scenarios, [0]).steps.sum())
        milliseconds = _medians({"act": _pace(lambda: evaluator.scores(weights, scenarios, [0]))})[
            "act"
        ]
    words = f"{POLICIES} policies in one scenario, {steps:,} steps"
    facts = {"steps_per_second": 1e3 * steps / milliseconds}
    return ProblemPaces(simulation.name, (Pace(words, milliseconds),), facts)


def _function_paces(problem: FunctionProblem) -> ProblemPaces:
    box = problem.box
    random = np.random.default_rng(1)
    points = random.uniform(box.lower, box.upper, (_POINTS, box.dimensions))
    count = _POINTS
    if not problem.vectorized:
        points = points[0]
        count = 1

    milliseconds = _medians({"call": _pace(lambda: problem(points))})["call"]
    words = f"{count:,} points of {box.dimensions} coordinates"
    facts = {"points_per_second": 1e3 * count / milliseconds}
    return ProblemPaces(problem.name, (Pace(words, milliseconds),), facts)


# ---- Timing --------------------------------------------------------------------------------------


def _pace(
    call: Callable[[], Any], clock: Callable[[], float] = time.perf_counter
) -> Callable[[], float]:
    """Milliseconds of a call."""
    call()

    def measure() -> float:
        begun = clock()
        calls = 0
        seconds = -1.0
        while seconds < _ROUND_SECONDS:
            call()
            calls += 1
            seconds = clock() - begun
        return 1e3 * seconds / calls

    return measure


def _medians(measures: Mapping[str, Callable[[], float]]) -> dict[str, float]:
    """The median of each measure, taken in turns."""
    seen: dict[str, list[float]] = {name: [] for name in measures}
    for _ in range(ROUNDS):
        for name, measure in measures.items():
            seen[name].append(measure())
    return {name: statistics.median(values) for name, values in seen.items()}
