"""How much of a run's time the confirmation and the champion need."""

from __future__ import annotations

from dataclasses import dataclass

from shoal.problems.base import Problem
from shoal.problems.evaluation import Evaluation, Task
from shoal.settings.phase import Phase
from shoal.settings.schedule import Schedule
from shoal.tuning.search import Search


@dataclass(frozen=True, slots=True)
class Finals:
    """What is trained after the search.

    Attributes
    ----------
    schedule
        The schedule of its races; the settings' one, or one with less to do.
    seconds
        How long it will take.
    """

    schedule: Schedule
    seconds: float


class FinalsBudget:
    """Forecasts the time of the finals from the trainings so far.

    Parameters
    ----------
    problem, search
        What is searched, and how far it is.
    """

    def __init__(self, problem: Problem, search: Search) -> None:
        self._problem = problem
        self._search = search
        # The longest first, each with its number of trainings.
        self._schedules = search.settings.schedule.shorter_finals
        self._trainings = [schedule.last_trainings for schedule in self._schedules]
        # Of all trainings that ended well: their time, and what they cost (`Problem.cost`).
        self._seconds = 0.0
        self._cost = 0.0
        for evaluation in search.evaluations:
            self.add(evaluation)

    def add(self, evaluation: Evaluation) -> None:
        """Count a training that ended."""
        if evaluation.error is None:
            self._seconds += evaluation.seconds
            self._cost += self._problem.cost(evaluation.task)

    def finals(self, cores: int, limit: float) -> Finals:
        """The longest finals that fit into half of the run's time; the search gets the rest.

        Parameters
        ----------
        cores
            How many trainings run side by side.
        limit
            The run's time, in seconds.
        """
        seconds_each = self._seconds_of_training(cores)
        for schedule, trainings in zip(self._schedules, self._trainings, strict=True):
            seconds = trainings * seconds_each
            if seconds <= limit / 2:
                return Finals(schedule, seconds)
        return Finals(self._schedules[-1], 0.0)

    def _seconds_of_training(self, cores: int) -> float:
        """What one confirmation of the best genome takes, with all cores at work; 0 if unknown."""
        best = self._search.best
        if best is None or not self._cost:
            return 0.0

        confirmation = Task(best.genome, Phase.CONFIRMATION.first_repeat)
        return self._problem.cost(confirmation) * self._seconds / self._cost / cores
