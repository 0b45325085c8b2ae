"""Races: how repeats are spent within a generation, and in the confirmation."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, get_args

import pytest

from shoal.analysis.stages import first_trainings
from shoal.genome.genome import Genome
from shoal.problems.evaluation import Evaluation, Task
from shoal.settings.phase import Phase
from shoal.settings.schedule import SCHEDULES
from shoal.settings.search_settings import SearchSettings
from shoal.tuning.champion import Confirmation, select_champion
from shoal.tuning.racing import RACES
from shoal.tuning.search import Search
from support.searches import batches_of, by_rank, fake, finish, scored_by, small_settings


def test_every_value_of_the_setting_has_a_race_a_schedule_and_a_count() -> None:
    values = get_args(SearchSettings.model_fields["racing"].annotation)
    assert set(RACES) == set(SCHEDULES) == set(values)
    for racing in values:
        settings = small_settings(racing=racing)
        assert type(settings.schedule) is SCHEDULES[racing]
        assert first_trainings(settings) >= settings.population * settings.repeats


def test_halving_gives_the_better_half_more_and_longer_repeats() -> None:
    settings = small_settings(
        racing="halving", population=12, generations=1, repeats=3, max_repeats=21, iterations=800
    )
    search = Search(settings)
    first = search.population
    batches = list(batches_of(search, scored_by(by_rank(search))))

    assert [len(tasks) for tasks in batches] == [12 * 3, 6 * 3, 3 * 6, 2 * 9]
    assert {task.genome for task in batches[1]} == set(first[:6])
    assert {task.genome for task in batches[3]} == set(first[:2])
    for tasks, iterations in zip(batches, (100, 200, 400, 800), strict=True):
        assert {settings.schedule.iterations_for(task.repeat) for task in tasks} == {iterations}

    assert search.best is not None
    assert search.best.genome == first[0]
    # Only trainings of full length are its score.
    assert [e.task.repeat for e in search.best.evaluations] == list(range(12, 21))
    assert search.generations[0].best_repeats == 21


def test_who_came_further_ranks_higher_whatever_a_short_training_says() -> None:
    search = Search(small_settings(racing="halving", population=4, generations=1))
    first = search.population

    def quality(task: Task) -> float:
        # The second is best in short trainings, and falls back in the long ones.
        second = 90.0 if task.repeat < 2 else 10.0
        return (80.0, second, 70.0, 60.0)[first.index(task.genome)]

    finish(search, scored_by(quality))
    standings = [search.standing(genome) for genome in first]
    assert [ranked.level for ranked in standings] == [3, 2, 1, 1]
    assert sorted(standings, key=lambda ranked: -ranked.fitness) == standings


def test_halving_carries_on_who_went_further_before_at_no_cost() -> None:
    search = Search(
        small_settings(racing="halving", population=4, generations=2, mutation=0.0, crossover=0.0)
    )
    batches = list(batches_of(search, scored_by(by_rank(search))))

    assert {task.generation for tasks in batches[:3] for task in tasks} == {1}
    later = [task for tasks in batches[3:] for task in tasks]
    assert search.generations[0].best not in [task.genome for task in later]
    assert search.generations[1].best == search.generations[0].best


def test_a_genome_that_fails_in_a_race_goes_no_further() -> None:
    search = Search(small_settings(racing="halving", population=4, generations=1))
    first = search.population
    usual = scored_by(by_rank(search))

    def evaluation(task: Task) -> Evaluation:
        if task.genome == first[0]:
            return Evaluation(task, "failed", error="x")
        return usual(task)

    finish(search, evaluation)
    assert search.standing(first[0]).repeats == 2
    assert search.best is not None
    assert search.best.genome == first[1]


def test_a_paired_race_ends_for_those_that_are_clearly_worse() -> None:
    search = Search(
        small_settings(racing="t-race", population=5, generations=1, repeats=3, max_repeats=9)
    )
    first = search.population

    def quality(task: Task) -> float:
        # Luck is common to all. The first two differ by noise alone, the others are worse.
        luck = (task.repeat * 7) % 5 - 0.01 * (task.repeat % 3)
        place = first.index(task.genome)
        if place == 0:
            return 80.0 + luck + (task.repeat % 2) * 0.5
        if place == 1:
            return 80.0 + luck + ((task.repeat + 1) % 2) * 0.5
        return 77.0 + luck

    finish(search, scored_by(quality))
    assert [search.standing(genome).repeats for genome in first] == [9, 9, 3, 3, 3]


def test_finalists_are_confirmed_on_streams_that_no_search_uses() -> None:
    settings = small_settings(finalists=3, confirmations=6, generations=2)
    search = Search(settings)
    first = search.population
    batches = list(batches_of(search, scored_by(by_rank(search))))
    confirming = [tasks for tasks in batches if tasks[0].phase is Phase.CONFIRMATION]

    # One for each, two more for two of them; then the first is better beyond doubt.
    assert batches[-len(confirming) :] == confirming
    assert [len(tasks) for tasks in confirming] == [3, 4]
    numbers = [{task.number_in_phase for task in tasks} for tasks in confirming]
    assert numbers == [{0}, {1, 2}]
    lengths = {settings.schedule.iterations_for(task.repeat) for task in confirming[0]}
    assert lengths == {settings.iterations * settings.final_factor}

    selection = select_champion(search)
    assert selection is not None
    assert selection.genome == first[0] == search.confirmed[0].genome
    confirmation = selection.confirmation
    assert confirmation is not None
    assert confirmation.accuracy == pytest.approx(90.1)
    assert confirmation.best_minus_mean == pytest.approx(0.1)
    assert (confirmation.probability, confirmation.resolved) == (1.0, True)
    assert Confirmation.from_dict(json.loads(json.dumps(confirmation.to_dict()))) == confirmation


def test_the_confirmation_halves_its_finalists_down_to_two() -> None:
    settings = small_settings(finalists=10, confirmations=7, generations=1, population=12)
    search = Search(settings)
    first = search.population

    def quality(task: Task) -> float:
        # The first two differ by noise alone.
        place = first.index(task.genome)
        if place > 1:
            return 80.0 - place
        return 80.0 - (task.repeat * (3 + 2 * place)) % 7 / 10

    batches = list(batches_of(search, scored_by(quality)))
    confirming = [tasks for tasks in batches if tasks[0].phase is Phase.CONFIRMATION]
    assert [len(tasks) for tasks in confirming] == [10 * 1, 5 * 2, 3 * 3, 2 * 1]
    assert settings.schedule.final_rungs == (1, 3, 6, 7)
    # The champion's networks, and those of the default swarm, come on top.
    assert settings.schedule.last_trainings == 31 + 2 * settings.networks


def test_each_kind_has_a_finalist_before_any_has_two() -> None:
    """A kind that learns slowly is behind in a search's short trainings; the long ones decide."""
    choices = {
        "activation": ("relu", "tanh"),
        "update_rule": ("informed",),
        "readout": ("searched",),
    }
    search = Search(
        small_settings(population=8, generations=2, finalists=4, incumbent=False, choices=choices)
    )

    def quality(task: Task) -> float:
        own = int(task.genome.hash, 16) % 1000 / 1000
        if task.genome.activation == "relu":
            return 90.0 + own
        if task.phase is Phase.SEARCH:
            return 80.0 + own
        return 95.0 + own

    batches = batches_of(search, scored_by(quality))
    all_tasks = [task for tasks in batches for task in tasks]
    assert len({genome.kind for genome in search.population}) == 2
    finalists = {task.genome for task in all_tasks if task.phase is Phase.CONFIRMATION}
    for activation in ("relu", "tanh"):
        of_kind = {task.genome for task in all_tasks if task.genome.activation == activation}
        best = sorted(of_kind, key=lambda genome: -quality(Task(genome, 0)))[:2]
        assert set(best) == {genome for genome in finalists if genome.activation == activation}
    assert search.confirmed[0].genome.activation == "tanh"


def test_sizes_of_solved_networks_are_kinds() -> None:
    """With as many multiply-adds a wide network has few iterations, and needs a long training."""
    narrow = Genome(hidden_layers=(64,), readout="solved")

    assert narrow.kind == replace(narrow, hidden_layers=(60, 30)).kind
    assert narrow.kind != replace(narrow, hidden_layers=(128,)).kind
    searched = replace(narrow, readout="searched")
    assert searched.kind == replace(searched, hidden_layers=(128,)).kind


def incumbent_search(**values: Any) -> Search:
    return Search(
        small_settings(
            population=8,
            generations=3,
            finalists=4,
            start=("solved", "competitive"),
            choices={"activation": ("relu",)},
            **values,
        )
    )


@pytest.mark.parametrize(("ahead", "swing", "kept"), [(5, 0, False), (1, 5, True), (-5, 0, True)])
def test_an_incumbent_is_confirmed_to_the_end_and_kept_unless_another_is_clearly_better(
    ahead: float, swing: float, kept: bool
) -> None:
    """It is the worst in the search's short trainings; others are ahead in the long ones."""
    search = incumbent_search(incumbent=True)
    first = search.population[0]

    def quality(task: Task) -> float:
        if task.genome == first:
            return 10.0 if task.phase is Phase.SEARCH else 80.0
        return 80.0 + ahead + (-swing if task.repeat % 2 else swing)

    finish(search, scored_by(quality))

    best, *others = search.confirmed
    assert (best.genome == first) == kept
    (incumbent,) = [ranked for ranked in search.confirmed if ranked.genome == first]
    assert incumbent.repeats == max(ranked.repeats for ranked in others)
    assert len(search.confirmed) == 4


def test_without_an_incumbent_the_best_is_recommended() -> None:
    search = incumbent_search(incumbent=False)
    first = search.population[0]
    finish(search, scored_by(lambda task: 10.0 if task.genome == first else 80.0))
    assert first not in {ranked.genome for ranked in search.confirmed}


def test_an_incumbent_that_failed_is_no_finalist() -> None:
    search = incumbent_search(incumbent=True)
    first = search.population[0]

    def evaluation(task: Task) -> Evaluation:
        return Evaluation(task, "failed", error="made up") if task.genome == first else fake(task)

    finish(search, evaluation)

    assert first not in {ranked.genome for ranked in search.confirmed}


def test_a_search_whose_time_is_up_confirms_what_it_has() -> None:
    search = Search(small_settings(finalists=2))
    evaluation = scored_by(by_rank(search))
    for tasks in batches_of(search, evaluation):
        if len(search.generations) == 2:
            assert tasks[0].phase is Phase.SEARCH
            search.close()
            break

    assert search.confirming
    assert all(task.phase is Phase.CONFIRMATION for task in search.ask())

    search.close()
    finish(search, evaluation)
    assert len(search.generations) == 2
    assert len(search.confirmed) == 2


def test_a_search_with_little_time_confirms_less_but_keeps_what_was_begun() -> None:
    settings = small_settings(finalists=4, confirmations=5)
    search = Search(settings)
    evaluation = scored_by(by_rank(search))

    for _ in batches_of(search, evaluation):
        if search.generations:
            break

    known = search.evaluations
    for few, confirmations, expected in ((2, 5, [2, 4]), (1, 3, [1, 2]), (0, 5, [])):
        closed = Search.replay(settings, known)
        closed.close(replace(settings.schedule, finalists=few, confirmations=confirmations))
        assert [len(tasks) for tasks in batches_of(closed, evaluation)][: len(expected)] == expected
        assert len(closed.confirmed) == few and closed.done
        again = Search.replay(settings, closed.evaluations)
        again.close(replace(settings.schedule, finalists=0))
        finish(again, evaluation)
        assert len(again.confirmed) == few


def test_ever_less_is_done_after_a_search_with_ever_less_time() -> None:
    ways = small_settings(finalists=6, confirmations=5).schedule.shorter_finals
    costs = [schedule.last_trainings for schedule in ways]
    assert costs == sorted(costs, reverse=True) and costs[-1] == 0
    assert [(s.finalists, s.confirmations) for s in ways[-4:]] == [(1, 5), (1, 3), (1, 1), (0, 5)]
    assert len(small_settings(finalists=0).schedule.shorter_finals) == 1
