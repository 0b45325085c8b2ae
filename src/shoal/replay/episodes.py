"""An episode of a champion's policy: what it observed and what it answered, step by step.

    episode = champion_episode(store, run_id)
    episode.observations, episode.actions, episode.score

A simulation may be a user's code, so it runs in a process of its own, which ends when it takes too
long. The scenario is one of the test, which nothing was selected on.
"""

from __future__ import annotations

import logging
import threading
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from shoal.analysis.summary import load_champion
from shoal.errors import ProblemError, ShoalError, SimulationError, StoreError
from shoal.genome.genome import Genome
from shoal.problems.base import Problem
from shoal.replay.process import ask_child, load_problem
from shoal.store import Store, open_store
from shoal.system.child import Entry, Parent, answer, prints_dropped
from shoal.system.process import lower_priority
from shoal.tuning.champion import Champion

if TYPE_CHECKING:
    from shoal.problems.simulation import SimulationProblem
    from shoal.simulations.evaluation import ScenarioSet

# The first steps of an episode that are kept.
MOST_STEPS = 200
# As the page's that asks: somebody waits for it, once.
_NICENESS = 5
_one_at_a_time = threading.Lock()
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Episode:
    """What a policy did in one scenario, the first T steps of it.

    Attributes
    ----------
    observations, actions
        By name: what it observed and what it answered, T numbers each.
    score
        What the simulation returned for the whole episode.
    steps
        All steps, of which the first T are kept.
    film
        The episode as an animated GIF, in base64, where the simulation draws itself and somebody
        asked.
    no_film
        Why a simulation that draws itself drew nothing; "" where it was not asked.
    """

    observations: dict[str, list[float]]
    actions: dict[str, list[float]]
    score: float
    steps: int
    film: str = ""
    no_film: str = ""


def champion_episode(
    store: Store, run_id: int, number: int = 0, *, film: bool = False
) -> Episode | None:
    """What the policy of a finished run's champion does in a scenario of the test.

    It takes a few seconds. This process has one such process at a time; other threads wait for it.

    Parameters
    ----------
    store, run_id
        The run.
    number
        Of the scenario, from 0.
    film
        Film it, too, if the simulation draws itself.

    Returns
    -------
    Episode or None
        None where there is no champion.

    Raises
    ------
    StoreError
        The episode failed, or did not end in time.
    """
    if load_champion(store, store.run(run_id)) is None:
        return None
    request = {"run": run_id, "number": number, "film": film}
    with _one_at_a_time:
        return Episode(**ask_child(store, Entry.EPISODE, request, "episode", what="episode"))


def record_episode(
    problem: Problem, champion: Champion, number: int = 0, *, film: bool = False
) -> Episode:
    """Let the champion's policy act in a scenario of the test, in this process.

    ``film``: see `champion_episode`.

    Raises
    ------
    ProblemError
        The problem is no simulation.
    SimulationError
        The simulation failed.
    """
    # Most runs solve tables, and simulations take a second to load.
    from shoal.analysis.film import can_be_filmed, film_episode
    from shoal.problems.simulation import SimulationProblem

    if not isinstance(problem, SimulationProblem):
        raise ProblemError(
            f"An episode needs a simulation, and {problem.name} is a {problem.kind}.",
            remedy="choose another run",
        )

    simulation = problem.simulation
    weights = champion.weights[int(np.argmax(champion.shares))]
    scenarios = problem.test_scenarios
    episode = trace_policy(problem, champion.genome, weights, scenarios, number)
    if not film or not can_be_filmed(simulation):
        return episode

    try:
        network = problem.network(champion.genome)
        content = film_episode(simulation, network, weights, scenarios, number).gif()
    except SimulationError as error:
        return replace(episode, no_film=str(error))
    return replace(episode, film=b64encode(content).decode())


def trace_policy(
    problem: SimulationProblem,
    genome: Genome,
    weights: NDArray[np.float32],
    scenarios: ScenarioSet,
    number: int,
) -> Episode:
    """Let a policy act in one scenario, in this process.

    Parameters
    ----------
    problem
        The simulation.
    genome
        Gives the policy's topology.
    weights
        (D,).
    scenarios, number
        The scenario.

    Raises
    ------
    SimulationError
        The simulation failed.
    """
    # Most runs solve tables, and simulations take a second to load.
    from shoal.simulations.trace import trace_episode

    simulation = problem.simulation
    traced = trace_episode(
        simulation, problem.network(genome), weights, scenarios, number, most_steps=MOST_STEPS
    )
    return Episode(
        observations=_by_name(simulation.observations, "observation", traced.observations),
        actions=_by_name(simulation.actions, "action", traced.outputs),
        score=traced.score,
        steps=traced.steps,
    )


def _by_name(names: Sequence[str], noun: str, values: np.ndarray) -> dict[str, list[float]]:
    """The columns of ``values`` (T, numbers), by their names or by the noun and a number."""
    columns = {}
    for place in range(values.shape[1]):
        name = f"{noun} {place + 1}"
        if place < len(names):
            name = names[place]
        columns[name] = values[:, place].astype(float).tolist()
    return columns


def main(parent: Parent, arguments: Sequence[str]) -> int:
    """The entry of the process that runs an episode: it answers with what was recorded."""
    request: Mapping[str, Any] = parent.request()
    lower_priority(_NICENESS)
    try:
        with prints_dropped():
            episode = _recorded(request["run"], request["number"], film=request["film"])
    except ShoalError as error:
        answer(error=str(error))
        return error.exit_code

    answer(episode=asdict(episode))
    return 0


def _recorded(run_id: int, number: int, *, film: bool) -> Episode:
    with open_store(create=False) as store:
        champion = load_champion(store, store.run(run_id))
    if champion is None:
        raise StoreError(f"Run {run_id} has no champion.")
    return record_episode(load_problem(run_id), champion, number, film=film)
