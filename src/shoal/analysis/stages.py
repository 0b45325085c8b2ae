"""All trainings of a search before it starts: how many there are, and how long each lasts.

The counts follow from `shoal.settings.schedule.Schedule`, which the races themselves play. They are
those of an undisturbed search: a genome that fails, or that is proposed again, saves trainings.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from shoal.settings.phase import Phase
from shoal.settings.schedule import Schedule
from shoal.settings.search_settings import SearchSettings


@dataclass(frozen=True, slots=True)
class Stage:
    """Trainings of equal length.

    Attributes
    ----------
    name
        "search", "confirmation" or "champion".
    least, most
        How many trainings the stage has, at least and at most.
    repeat
        The stored number of one of them, which says how long it trains.
    """

    name: str
    least: int
    most: int
    repeat: int


@dataclass(frozen=True, slots=True)
class _Generation:
    """One generation of successive halving, as counts by rung.

    Attributes
    ----------
    trainings
        Trainings that each rung costs.
    stopped
        Genomes that came as far as this rung, and no further.
    """

    trainings: list[int]
    stopped: list[int]


def stages(settings: SearchSettings) -> tuple[Stage, ...]:
    """The stages of a search in their order.

    Parameters
    ----------
    settings
        The settings of the search. A budget of ``evaluations`` cuts the search short, and not what
        follows it.

    Returns
    -------
    tuple of Stage
        Those of the search; the confirmation, where there are finalists; the champion's networks.
    """
    search = _SEARCH_STAGES[settings.racing](settings)
    total = sum(stage.most for stage in search)
    if settings.evaluations is not None and settings.evaluations < total:
        search = _within_budget(search, settings.evaluations)

    return (*search, *_last_stages(settings))


def first_trainings(settings: SearchSettings) -> int:
    """Trainings of the first generation, at most."""
    first_generation = settings.model_copy(update={"generations": 1})
    return sum(stage.most for stage in stages(first_generation) if stage.name == "search")


def _halving_stages(settings: SearchSettings) -> tuple[Stage, ...]:
    """The rungs of successive halving, over all generations.

    After a few generations each is like the one before. The rest is multiplied, so that a long
    search is counted as fast as a short one.
    """
    schedule = settings.schedule
    trainings = [0] * len(schedule.rungs)
    elites = [0] * len(schedule.rungs)
    new_genomes = settings.population
    generations_left = settings.generations

    while generations_left:
        generation = _halving_generation(schedule, new_genomes, elites)
        next_elites = _elites_by_rung(generation.stopped, settings.elitism)

        repetitions = 1
        if next_elites == elites:
            repetitions = generations_left

        for level, count in enumerate(generation.trainings):
            trainings[level] += repetitions * count

        elites = next_elites
        new_genomes = settings.population - settings.elitism
        generations_left -= repetitions

    first_repeats = (0, *schedule.rungs)
    return tuple(
        Stage("search", count, count, first_repeats[level]) for level, count in enumerate(trainings)
    )


def _halving_generation(schedule: Schedule, new_genomes: int, elites: Sequence[int]) -> _Generation:
    """One generation in which ``elites[level]`` genomes have been trained up to a rung before.

    The elites are not trained again for the rungs that they have. From each rung the better half
    goes on, of elites and new genomes together.
    """
    trainings = []
    stopped = []
    entering = new_genomes
    previous = 0

    for level, rung in enumerate(schedule.rungs):
        trainings.append(entering * (rung - previous))

        standing = entering + elites[level]
        entering = 0
        if level + 1 < len(schedule.rungs):
            entering = schedule.promoted(standing)

        stopped.append(standing - entering)
        previous = rung

    return _Generation(trainings, stopped)


def _elites_by_rung(stopped: Sequence[int], elitism: int) -> list[int]:
    """How many of the ``elitism`` best genomes stopped at each rung: the highest rungs first."""
    elites = [0] * len(stopped)
    places = elitism
    for level in reversed(range(len(stopped))):
        elites[level] = min(places, stopped[level])
        places -= elites[level]
    return elites


def _fixed_stages(settings: SearchSettings) -> tuple[Stage, ...]:
    """``repeats`` for each genome of each generation."""
    return _repeated_stages(settings, settings.repeats)


def _t_race_stages(settings: SearchSettings) -> tuple[Stage, ...]:
    """From ``repeats`` to ``max_repeats`` for each genome of each generation."""
    return _repeated_stages(settings, settings.max_repeats)


def _repeated_stages(settings: SearchSettings, most_each: int) -> tuple[Stage, ...]:
    """``repeats`` to ``most_each`` for each genome; elites had ``repeats`` of them before."""
    new_genomes = settings.population - settings.elitism
    elite_repeats = min(most_each, settings.max_repeats - settings.repeats)
    later_generations = settings.generations - 1

    least = settings.repeats * (settings.population + later_generations * new_genomes)
    most_later = most_each * new_genomes + elite_repeats * settings.elitism
    most = most_each * settings.population + later_generations * most_later
    return (Stage("search", least, most, 0),)


# By the setting ``racing``.
_SEARCH_STAGES = {
    "halving": _halving_stages,
    "t-race": _t_race_stages,
    "fixed": _fixed_stages,
}


def _within_budget(search: Sequence[Stage], budget: int) -> tuple[Stage, ...]:
    """The stages with ``budget`` trainings in all, shared in proportion."""
    total = sum(stage.most for stage in search)
    shortened = []
    trainings_before = 0

    for stage in search:
        low = budget * trainings_before // total
        trainings_before += stage.most
        high = budget * trainings_before // total

        most = high - low
        shortened.append(Stage(stage.name, min(stage.least, most), most, stage.repeat))

    return tuple(shortened)


def _last_stages(settings: SearchSettings) -> Iterator[Stage]:
    """The confirmation, which ends early where it is resolved, and the champion's networks."""
    schedule = settings.schedule
    if not settings.finalists:
        # The champion's networks are those behind the score of the search.
        scored = len(schedule.scored_repeats(settings.max_repeats))
        least = min(settings.repeats, scored)
        yield Stage("champion", least, settings.max_repeats, Phase.SEARCH.first_repeat)
        return

    # A population of few genomes may have fewer kinds to confirm than the settings ask for.
    fewest_finalists = min(settings.finalists, settings.population)
    race = schedule.final_race(fewest_finalists)
    earliest = next((rung for rung in race if rung.remaining <= 2 and rung.repeats > 1), race[-1])
    latest = schedule.final_race(settings.finalists)[-1]
    repeat = Phase.CONFIRMATION.first_repeat

    yield Stage("confirmation", earliest.trainings, latest.trainings, repeat)
    yield Stage(
        "champion",
        min(earliest.repeats, settings.networks),
        min(latest.repeats, settings.networks),
        repeat,
    )
