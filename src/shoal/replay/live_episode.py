"""What the best policy of a search does, while the search goes on.

A search records scores and no weights, so the policy's training is repeated, to the bit, in a
process of its own at a low priority. It ends with the process that started it, and when nobody has
asked for a while. There is one at a time, so a page may ask as often as it likes, and each answer
is for one training: that of the best genome of a generation.

    pool = LiveEpisodes(store.raw_url)
    pool.look(run_id, genome, repeat)  # None until it is there
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

from shoal.errors import ProblemError, ShoalError, StoreError
from shoal.problems.base import Problem
from shoal.problems.evaluation import Evaluation
from shoal.replay.episodes import Episode, trace_policy
from shoal.replay.page_processes import PageProcesses, Work
from shoal.replay.process import child_environment, load_problem
from shoal.replay.verify import recorded_evaluation, retrain
from shoal.store import open_store
from shoal.system.child import ABANDONED_CODE, Entry, Parent, answer, prints_dropped
from shoal.system.process import lower_priority

# A process that nobody has asked for ends after so long, and any after the limit.
ABANDONED_SECONDS = 30.0
LIMIT_SECONDS = 300.0
# As that of a replay: a tenth of a core that other processes want, too.
_NICENESS = 10
# Episodes that are kept in memory.
_MAX_RESULTS = 24
# Between two looks of a process at whether somebody still waits.
_WATCH_SECONDS = 1.0

# A training: run, genome and repeat.
_Key = tuple[int, str, int]


class _Making(Work):
    """One episode in the making."""

    def __init__(self, run_id: int) -> None:
        super().__init__()
        self.run_id = run_id
        self.result: Episode | StoreError | None = None

    def take(self, values: Mapping[str, Any]) -> None:
        if "episode" in values:
            self.result = Episode(**values["episode"])
        else:
            self.end(values["error"])

    def end(self, reason: str) -> None:
        if self.result is None:
            error = f"There is no episode to show: {reason}"
            self.result = StoreError(error, remedy="look again later")


class LiveEpisodes(PageProcesses[_Key, _Making]):
    """Makes episodes of recorded trainings in one store, for all threads that ask.

    Parameters
    ----------
    store
        The store's address, password included.
    """

    entry = Entry.LIVE_EPISODE
    most_kept = _MAX_RESULTS

    def __init__(self, store: str) -> None:
        super().__init__(partial(child_environment, store))

    def look(self, run_id: int, genome: str, repeat: int) -> Episode | None:
        """An episode of the policy of a training, once it is there; until then None.

        While another training of the same run is repeated, that process ends: a newer generation
        counts. Another run's process goes on, and this one waits.

        Raises
        ------
        StoreError
            There will be none.
        """
        with self._lock:
            making = self._asked((run_id, genome, repeat), lambda: _Making(run_id))
            if making.child is not None:
                making.child.sign_of_life()
            elif making.result is None:
                self._start(making, {"run": run_id, "genome": genome, "repeat": repeat})

        if isinstance(making.result, StoreError):
            raise making.result
        return making.result

    def _gives_way(self, other: _Making, work: _Making) -> bool:
        return other.run_id == work.run_id


def best_episode(problem: Problem, evaluation: Evaluation) -> Episode:
    """Repeat a recorded training, and let its policy act in a scenario that compares trainings.

    Raises
    ------
    ProblemError
        The problem is no simulation, or the training failed.
    """
    # Most runs solve tables, and simulations take a second to load.
    from shoal.problems.simulation import SimulationProblem

    if not isinstance(problem, SimulationProblem):
        raise ProblemError(
            f"An episode needs a simulation, and {problem.name} is a {problem.kind}.",
            remedy="choose another run",
        )
    again, weights = retrain(problem, evaluation)
    if weights is None:
        raise ProblemError(
            f"This time the training failed: {again.error}",
            remedy="`shoal replay` compares the two",
        )
    return trace_policy(problem, evaluation.task.genome, weights, problem.search_scenarios, 0)


def main(parent: Parent, arguments: Sequence[str]) -> int:
    """The entry of the process: it answers with the episode."""
    request = parent.request()
    watch = threading.Thread(target=_end_when_abandoned, args=(parent,), daemon=True)
    watch.start()
    try:
        with prints_dropped():
            with open_store(create=False) as store:
                evaluation = recorded_evaluation(
                    store, request["run"], request["genome"], request["repeat"]
                )
            problem = load_problem(request["run"])
            # Only now: until here it is quick, and somebody waits.
            lower_priority(_NICENESS)
            episode = best_episode(problem, evaluation)
    except ShoalError as error:
        answer(error=str(error))
        return error.exit_code

    answer(episode=asdict(episode))
    return 0


def _end_when_abandoned(
    parent: Parent,
    clock: Callable[[], float] = time.monotonic,
    leave: Callable[[int], object] = os._exit,
) -> None:
    """End this process when nobody has asked for a while, or it takes too long."""
    pause = threading.Event()
    begun = clock()
    while True:
        now = clock()
        if now - parent.last_sign > ABANDONED_SECONDS:
            leave(ABANDONED_CODE)
            return
        if now - begun > LIMIT_SECONDS:
            answer(error=f"Its training takes longer than {LIMIT_SECONDS:g} s to repeat here.")
            leave(1)
            return
        pause.wait(_WATCH_SECONDS)
