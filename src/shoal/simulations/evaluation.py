"""Many policies on many scenarios: the same scenarios for all, so that luck does not decide."""

from __future__ import annotations

import contextlib
import logging
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn, Self

import numpy as np
from numpy.typing import NDArray

from shoal.errors import SimulationError
from shoal.nn.network import Network
from shoal.numerics.philox import Key
from shoal.simulations.compilation import compilation
from shoal.simulations.definition import Simulation
from shoal.simulations.memory import KEY0, KEY1, NUMBER, PURPOSE, PolicyMemory, ScenarioMemory
from shoal.simulations.policy import Policy, PolicyBatch
from shoal.simulations.scenario import Scenario
from shoal.system.printed import Printed

_log = logging.getLogger(__name__)

# Jobs for each thread: episodes end early or late, and who is done takes the next.
_JOBS_PER_THREAD = 4
# Characters of a text that a message shows.
_SHOWN = 80


@dataclass(frozen=True, slots=True)
class ScenarioSet:
    """A set of scenarios, numbered from 0.

    Sets of another purpose or key have nothing in common.
    """

    # The random stream.
    key: Key
    # A scenario's `shoal.numerics.philox.Purpose`.
    purpose: int


@dataclass(frozen=True, eq=False, slots=True)
class PolicyScores:
    """What policies did: P of them on S scenarios."""

    # (P, S), in the simulation's unit and direction; NaN where it returned that.
    scores: NDArray[np.float64]
    # How often each acted, (P, S).
    steps: NDArray[np.int64]

    @property
    def mean(self) -> NDArray[np.float64]:
        """The mean score of each policy, (P,)."""
        with np.errstate(invalid="ignore", over="ignore"):
            return np.asarray(self.scores.mean(axis=1))


class Evaluator:
    """Lets policies act in a simulation, on one thread or several; they change no bit.

    A context manager: it keeps its threads until it is left.

    Parameters
    ----------
    simulation
        What the policies act in.
    network
        Their topology.
    threads
        They share the policies. A simulation that is not compiled uses one.

    Attributes
    ----------
    why_not_compiled : str or None
        Why the simulation runs in plain Python, in a sentence; None if it is compiled.

    Raises
    ------
    SimulationError
        If the network does not fit the simulation, or one that has to compile does not.
    """

    def __init__(self, simulation: Simulation, network: Network, threads: int = 1) -> None:
        _check_network(simulation, network)
        self.simulation = simulation
        self.network = network
        compiled = compilation(simulation)
        self.why_not_compiled = compiled.reason
        self._drive = compiled.drive
        # The start of what a simulation in plain Python printed first.
        self.printed = ""

        self._records: list[tuple[PolicyMemory, ScenarioMemory]] = []
        # Where each thread is, (threads, 2): policy and scenario.
        self._places = np.zeros((max(1, threads), 2), np.int64)
        self._pool: ThreadPoolExecutor | None = None
        if self._drive is not None:
            for _ in range(max(1, threads)):
                self._records.append((PolicyMemory.of(network), ScenarioMemory.of((0, 0), 0)))
            if threads > 1:
                self._pool = ThreadPoolExecutor(threads - 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let the threads go."""
        if self._pool is not None:
            self._pool.shutdown()

    def scores(
        self,
        weights: NDArray[np.float32],
        scenarios: ScenarioSet,
        numbers: Sequence[int] | NDArray[np.int64],
    ) -> PolicyScores:
        """Let every policy act in every scenario.

        Parameters
        ----------
        weights
            A policy a row, (P, D).
        scenarios
            The set.
        numbers
            Which of its scenarios, (S,).

        Raises
        ------
        SimulationError
            If the simulation raises, or returns something else than a number.
        """
        rows = np.ascontiguousarray(weights, np.float32)
        chosen = np.ascontiguousarray(numbers, np.int64)
        found = PolicyScores(
            scores=np.full((len(rows), len(chosen)), np.nan),
            steps=np.zeros((len(rows), len(chosen)), np.int64),
        )
        try:
            if self._drive is not None:
                self._run_compiled(rows, scenarios, chosen, found)
            else:
                self._run_in_python(rows, scenarios, chosen, found)
        except SimulationError:
            raise
        # A simulation that calls exit() does not end the search.
        except (Exception, SystemExit) as error:
            raise _failure(self.simulation, error) from error
        return found

    def _run_compiled(
        self,
        weights: NDArray[np.float32],
        scenarios: ScenarioSet,
        numbers: NDArray[np.int64],
        found: PolicyScores,
    ) -> None:
        threads = len(self._records)
        block = len(weights)
        if threads > 1:
            block = max(1, len(weights) // (threads * _JOBS_PER_THREAD))
        jobs = np.zeros(1, np.int64)
        options = tuple(self.simulation.options.values())

        work: list[Callable[[], None]] = []
        for (policy, scenario), place in zip(self._records, self._places, strict=True):
            _point_to(scenario, scenarios)
            work.append(
                partial(
                    self._drive,
                    weights,
                    policy.address,
                    scenario.address,
                    numbers,
                    block,
                    jobs,
                    place,
                    found.scores,
                    found.steps,
                    options,
                )
            )

        for place, error in zip(self._places, self._run_team(work, jobs), strict=True):
            if error is not None:
                p, s = place.tolist()
                self._explain(error, weights[p], scenarios, int(numbers[s]))

    def _run_team(
        self, work: list[Callable[[], None]], jobs: NDArray[np.int64]
    ) -> list[BaseException | None]:
        """Run the work of all threads at once; what each raised."""
        own, *others = work
        errors: list[BaseException | None] = [None] * len(work)

        futures = []
        if self._pool is not None:
            futures = [self._pool.submit(other) for other in others]
        try:
            own()
        except Exception as error:
            errors[0] = error
            # The others need not go on. This is more than the number of jobs.
            jobs[0] = np.iinfo(np.int64).max // 2
        for number, future in enumerate(futures, start=1):
            errors[number] = future.exception()
        return errors

    def _explain(
        self,
        error: BaseException,
        weights: NDArray[np.float32],
        scenarios: ScenarioSet,
        number: int,
    ) -> NoReturn:
        """Raise what a compiled simulation raised.

        Compiled code does not always know the line. Plain Python does: it runs the same policy in
        the same scenario.
        """
        if not _lines_of(self.simulation, error):
            policy = Policy(self.network, weights)
            scenario = Scenario(scenarios.key, scenarios.purpose, number)
            with contextlib.redirect_stdout(Printed()), np.errstate(divide="raise"):
                self.simulation(policy, scenario)
        raise error

    def _run_in_python(
        self,
        weights: NDArray[np.float32],
        scenarios: ScenarioSet,
        numbers: NDArray[np.int64],
        found: PolicyScores,
    ) -> None:
        run = self._run_batch if self.simulation.batched else self._run_one_by_one
        said = Printed()
        with contextlib.redirect_stdout(said):
            run(weights, scenarios, numbers, found)

        if said.text and not self.printed:
            self.printed = said.text
            _log.warning(
                "The simulation %s prints %r. What it prints is dropped while a swarm trains.",
                self.simulation.name,
                said.text,
            )

    def _run_one_by_one(
        self,
        weights: NDArray[np.float32],
        scenarios: ScenarioSet,
        numbers: NDArray[np.int64],
        found: PolicyScores,
    ) -> None:
        policy = Policy(self.network, weights[0])
        scenario = Scenario(scenarios.key, scenarios.purpose, int(numbers[0]))
        for s, number in enumerate(numbers.tolist()):
            for p, row in enumerate(weights):
                policy.load(row)
                scenario.begin(number)
                found.scores[p, s] = self._number(self.simulation(policy, scenario))
                found.steps[p, s] = policy.acts

    def _run_batch(
        self,
        weights: NDArray[np.float32],
        scenarios: ScenarioSet,
        numbers: NDArray[np.int64],
        found: PolicyScores,
    ) -> None:
        for s, number in enumerate(numbers.tolist()):
            policies = PolicyBatch(self.network, weights)
            scenario = Scenario(scenarios.key, scenarios.purpose, number)
            result = np.asarray(self.simulation(policies, scenario))
            if result.shape != (len(weights),) or result.dtype.kind not in "biuf":
                raise SimulationError(
                    f"The batched simulation {self.simulation.name} returned an array of shape "
                    f"{result.shape} and type {result.dtype}.",
                    expected=f"({len(weights)},), a number for each policy",
                )
            found.scores[:, s] = result
            found.steps[:, s] = policies.acts

    def _number(self, value: Any) -> float:
        number = np.asarray(value)
        if number.shape != () or number.dtype.kind not in "biuf":
            text = repr(value)
            shown = text if len(text) <= _SHOWN else text[:_SHOWN] + "..."
            raise SimulationError(
                f"The simulation {self.simulation.name} returned {shown}.",
                expected="one number, the score",
            )
        return float(number)


def evaluate_policies(
    simulation: Simulation,
    network: Network,
    weights: NDArray[np.float32],
    scenarios: ScenarioSet,
    numbers: Sequence[int] | NDArray[np.int64],
    threads: int = 1,
) -> PolicyScores:
    """Let every policy act in every scenario; see `Evaluator`."""
    with Evaluator(simulation, network, threads) as evaluator:
        return evaluator.scores(weights, scenarios, numbers)


def _point_to(memory: ScenarioMemory, scenarios: ScenarioSet) -> None:
    """Draw from a set; what is remembered of another is forgotten."""
    names = [*scenarios.key, int(scenarios.purpose)]
    record = memory.record
    if record[[KEY0, KEY1, PURPOSE]].tolist() != names:
        record[[KEY0, KEY1, PURPOSE]] = names
        record[NUMBER] = -1


def _check_network(simulation: Simulation, network: Network) -> None:
    ends = network.layers[0], network.layers[-1]
    expected = simulation.input_count, simulation.outputs
    if ends != expected:
        raise SimulationError(
            f"The network has {ends[0]} inputs and {ends[1]} outputs.",
            expected=f"{expected[0]} and {expected[1]}, as the simulation {simulation.name} says",
        )


def _failure(simulation: Simulation, error: BaseException) -> SimulationError:
    """What a simulation raised, with the line of its own file that was last run."""
    place = ""
    lines = _lines_of(simulation, error)
    if lines and simulation.file is not None:
        place = f", in line {lines[-1]} of {simulation.file.name}"

    text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return SimulationError(
        f"The simulation {simulation.name} raised {text.rstrip('.')}{place}.",
        expected="a score, for any policy",
        remedy="correct the function, or return a bad score where a policy fails",
    )


def _lines_of(simulation: Simulation, error: BaseException) -> list[int]:
    """The lines of the simulation's own file that an error came through."""
    lines = []
    file = simulation.file
    for frame in traceback.extract_tb(error.__traceback__):
        if file is not None and Path(frame.filename) == file and frame.lineno:
            lines.append(frame.lineno)
    return lines
