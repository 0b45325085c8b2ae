"""How many trainings a genome gets, and how long each lasts.

`Schedule` is the one description of the races of a search and of the final race. The races
(`shoal.tuning.racing`) play it, the cost estimate (`shoal.analysis.stages`) counts it, and the time
budget of the finals (`shoal.orchestration.finals_budget`) shortens it.

Successive halving [1]_: all genomes of a generation train until the first rung, the better half
until the next rung, and so on, each rung with longer trainings.

References
----------
.. [1] K. Jamieson and A. Talwalkar, "Non-stochastic Best Arm Identification and Hyperparameter
   Optimization", AISTATS 2016.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

from shoal.settings.phase import is_confirmation

# Repeats that each rung of the final race adds, after a first rung of one repeat.
FINAL_STEP = 3


@dataclass(frozen=True, slots=True)
class FinalRung:
    """One rung of the final race, when no finalist fails and no contest is resolved early.

    Attributes
    ----------
    repeats
        Confirmations that each racing finalist has after this rung.
    racing
        Finalists that are trained in this rung.
    trainings
        Confirmations of all finalists together, up to and including this rung.
    remaining
        Finalists that go on to the next rung.
    """

    repeats: int
    racing: int
    trainings: int
    remaining: int


@dataclass(frozen=True)
class Schedule:
    """The races of a search, as numbers. `SearchSettings.schedule` makes it.

    There is one class for each value of the setting ``racing`` (`SCHEDULES`). The final race is the
    same for all of them.

    Attributes
    ----------
    repeats
        Repeats that each genome gets first; with "fixed", in each generation.
    max_repeats
        Repeats that a genome gets at most in the search.
    growth
        With halving, how many times longer each rung trains than the rung before it.
    iterations
        Length of a full training of the default genome, in iterations.
    finalists
        Genomes that are confirmed after the search.
    confirmations
        Confirmations that each of the last two finalists gets at most.
    final_factor
        How many times longer a confirmation trains than a full training of the search.
    networks
        Networks of the champion, at most.
    baselines
        Whether the champion is compared with other methods. The default swarm is one of them, and
        is trained as many times as the champion.
    """

    repeats: int
    max_repeats: int
    growth: int
    iterations: int
    finalists: int
    confirmations: int
    final_factor: int
    networks: int
    baselines: bool

    # ---- The races of the search -----------------------------------------------------------------

    def rung(self, completed: int) -> int:
        """How far a genome with ``completed`` repeats has come in its race.

        A genome that came further ranks higher, whatever the scores.
        """
        raise NotImplementedError

    def scored_repeats(self, completed: int) -> range:
        """Repeats whose mean is the score of a genome with ``completed`` repeats: all of them."""
        return range(completed)

    def iterations_for(self, repeat: int) -> int:
        """Iterations of the default genome's training number ``repeat``, at most.

        Parameters
        ----------
        repeat
            The stored number, which also says the phase (see `shoal.settings.phase`).
        """
        if is_confirmation(repeat):
            return self.iterations * self.final_factor
        return self._search_iterations(repeat)

    def _search_iterations(self, repeat: int) -> int:
        """Iterations of a training of the search: all are of full length."""
        return self.iterations

    @cached_property
    def rungs(self) -> tuple[int, ...]:
        """Repeats of a genome after each rung of halving: twice as many each time.

        With ``repeats=3`` and ``max_repeats=21``: (3, 6, 12, 21).
        """
        rungs = []
        rung = self.repeats
        while rung < self.max_repeats:
            rungs.append(rung)
            rung *= 2

        rungs.append(self.max_repeats)
        return tuple(rungs)

    def promoted(self, standing: int) -> int:
        """How many of ``standing`` genomes go on to the next rung of halving: the better half.

        Parameters
        ----------
        standing
            How many genomes have completed the rung without a failure.
        """
        return _half(standing)

    # ---- The final race --------------------------------------------------------------------------

    @cached_property
    def final_rungs(self) -> tuple[int, ...]:
        """Confirmations of a finalist after each rung: 1, then 3, then three more each time.

        With ``confirmations=7``: (1, 3, 6, 7).
        """
        candidates = (1, *range(FINAL_STEP, self.confirmations, FINAL_STEP))
        rungs = [rung for rung in candidates if rung < self.confirmations]
        return (*rungs, self.confirmations)

    def promoted_finalists(self, standing: int) -> int:
        """How many of ``standing`` finalists go on: the better half, and at least two."""
        return min(standing, max(2, _half(standing)))

    def final_race(self, finalists: int) -> tuple[FinalRung, ...]:
        """The rungs of a final race of this many finalists that ends only with its last rung.

        With ``confirmations=7`` and 10 finalists, 10, 5, 3 and 2 of them are trained: 31 trainings.
        """
        race = []
        racing = finalists
        trainings = 0
        previous = 0

        for repeats in self.final_rungs:
            trainings += racing * (repeats - previous)
            remaining = self.promoted_finalists(racing)
            race.append(FinalRung(repeats, racing, trainings, remaining))

            racing = remaining
            previous = repeats

        return tuple(race)

    @property
    def last_trainings(self) -> int:
        """Long trainings after the search, at most.

        These are the confirmations, the champion's networks, and those of the default swarm.
        """
        if not self.finalists:
            return 0

        networks = min(self.networks, self.confirmations)
        if self.baselines:
            networks *= 2

        return self.final_race(self.finalists)[-1].trainings + networks

    @property
    def shorter_finals(self) -> tuple[Schedule, ...]:
        """The schedule itself, then others that have ever less to do after the search.

        First fewer finalists, then one finalist with fewer confirmations, then none.
        """
        schedules = [self]
        if not self.finalists:
            return tuple(schedules)

        for finalists in range(self.finalists - 1, 0, -1):
            schedules.append(replace(self, finalists=finalists))
        for confirmations in reversed(self.final_rungs[:-1]):
            schedules.append(replace(self, finalists=1, confirmations=confirmations))
        schedules.append(replace(self, finalists=0))
        return tuple(schedules)


class FixedSchedule(Schedule):
    """Some more repeats for every genome in each generation."""

    def rung(self, completed: int) -> int:
        """All genomes come equally far: scores alone decide."""
        return 0


class TRaceSchedule(Schedule):
    """One more repeat at a time, for those that may still be the best."""

    def rung(self, completed: int) -> int:
        """Each repeat is a step."""
        return completed


class HalvingSchedule(Schedule):
    """From rung to rung the better half, with longer trainings."""

    def rung(self, completed: int) -> int:
        """How many rungs are complete."""
        return sum(rung <= completed for rung in self.rungs)

    def scored_repeats(self, completed: int) -> range:
        """Repeats whose mean is the score of a genome with ``completed`` repeats.

        Trainings get longer from rung to rung, so only repeats of the last completed rung are
        comparable. With rungs (2, 4, 8): 2 completed -> 0..1, 4 -> 2..3, 8 -> 4..7. All repeats if
        lengths do not differ, and before the first rung is complete.
        """
        lengths_differ = self.growth > 1
        completed_rungs = [rung for rung in self.rungs if rung <= completed]
        if not lengths_differ or not completed_rungs:
            return range(completed)

        start = 0
        if len(completed_rungs) > 1:
            start = completed_rungs[-2]
        return range(start, completed_rungs[-1])

    def _search_iterations(self, repeat: int) -> int:
        """The last rung trains in full, each rung below it ``growth`` times shorter."""
        unfinished_rungs = sum(rung > repeat for rung in self.rungs)
        rungs_above = max(0, unfinished_rungs - 1)
        return max(1, self.iterations // int(self.growth**rungs_above))


# By the setting ``racing``.
SCHEDULES: dict[str, type[Schedule]] = {
    "halving": HalvingSchedule,
    "t-race": TRaceSchedule,
    "fixed": FixedSchedule,
}


def _half(count: int) -> int:
    """Half of ``count``, rounded up."""
    return -(-count // 2)
