"""Races: how repeats are spent within a generation, and in the confirmation."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from shoal.problems.evaluation import Evaluation, Task
from shoal.settings.phase import FIRST_CONFIRMATION, Phase
from shoal.tuning.champion import Confirmation, select_champion
from shoal.tuning.search import Search
from support.searches import batches_of, by_rank, finish, scored_by, small_settings


def test_halving_gives_the_better_half_more_and_longer_repeats() -> None:
    settings = small_settings(
        racing="halving", population=12, generations=1, repeats=3, max_repeats=21, iterations=800
    )
    search = Search(settings)
    first, batches = search.population, list(batches_of(search, scored_by(by_rank(search))))
    assert [len(tasks) for tasks in batches] == [12 * 3, 6 * 3, 3 * 6, 2 * 9]
    assert {task.genome for task in batches[1]} == set(first[:6])
    assert {task.genome for task in batches[3]} == set(first[:2])
    assert [
        sorted({settings.schedule.iterations_for(t.repeat) for t in tasks}) for tasks in batches
    ] == [
        [100],
        [200],
        [400],
        [800],
    ]
    assert search.best is not None
    assert search.best.genome == first[0]
    assert [e.task.repeat for e in search.best.evaluations] == list(
        range(12, 21)
    )  # of full length only
    assert search.generations[0].best_repeats == 21


def test_who_came_further_ranks_higher_whatever_a_short_training_says() -> None:
    search = Search(small_settings(racing="halving", population=4, generations=1))
    first = search.population

    def quality(
        task: Task,
    ) -> float:  # the second is best in short trainings, and falls back in the long ones
        return {0: 80.0, 1: 90.0 if task.repeat < 2 else 10.0, 2: 70.0, 3: 60.0}[
            first.index(task.genome)
        ]

    finish(search, scored_by(quality))
    standings = [search.standing(genome) for genome in first]
    assert [s.level for s in standings] == [3, 2, 1, 1]
    assert sorted(standings, key=lambda s: -s.fitness) == standings


def test_halving_carries_on_who_went_further_before_at_no_cost() -> None:
    search = Search(
        small_settings(racing="halving", population=4, generations=2, mutation=0.0, crossover=0.0)
    )
    batches = list(batches_of(search, scored_by(by_rank(search))))
    assert {task.generation for tasks in batches[:3] for task in tasks} == {1}
    later = [task for tasks in batches[3:] for task in tasks]
    assert not [t for t in later if search.generations[0].best == t.genome]
    assert search.generations[1].best == search.generations[0].best


def test_a_genome_that_fails_in_a_race_goes_no_further() -> None:
    search = Search(small_settings(racing="halving", population=4, generations=1))
    first = search.population
    finish(
        search,
        lambda t: (
            Evaluation(t, "failed", error="x")
            if t.genome == first[0]
            else scored_by(by_rank(search))(t)
        ),
    )
    assert search.standing(first[0]).repeats == 2
    assert search.best is not None
    assert search.best.genome == first[1]


def test_a_paired_race_ends_for_those_that_are_clearly_worse() -> None:
    search = Search(
        small_settings(racing="t-race", population=5, generations=1, repeats=3, max_repeats=9)
    )
    first = search.population

    def quality(task: Task) -> float:  # luck is common to all; the first two differ by noise alone
        common = (task.repeat * 7) % 5
        own = {0: (task.repeat % 2) * 0.5, 1: ((task.repeat + 1) % 2) * 0.5}.get(
            first.index(task.genome), 0.0
        )
        return 80.0 + common + own - 3 * (first.index(task.genome) > 1) - 0.01 * (task.repeat % 3)

    finish(search, scored_by(quality))
    assert [search.standing(g).repeats for g in first] == [9, 9, 3, 3, 3]


def test_finalists_are_confirmed_on_streams_that_no_search_uses() -> None:
    settings = small_settings(finalists=3, confirmations=6, generations=2)
    search = Search(settings)
    first = search.population
    found = list(batches_of(search, scored_by(by_rank(search))))
    fresh = [tasks for tasks in found if tasks[0].phase is Phase.CONFIRMATION]
    assert found[-len(fresh) :] == fresh
    assert [len(tasks) for tasks in fresh] == [
        3,
        4,
    ]  # one each, two more for two; then the first is better beyond doubt
    assert [{task.repeat - FIRST_CONFIRMATION for task in tasks} for tasks in fresh] == [
        {0},
        {1, 2},
    ]
    assert {settings.schedule.iterations_for(task.repeat) for task in fresh[0]} == {
        settings.iterations * settings.final_factor
    }
    chosen = select_champion(search)
    assert chosen is not None
    assert chosen.genome == first[0] == search.confirmed[0].genome
    told = chosen.confirmation
    assert told is not None
    assert told.accuracy == pytest.approx(90.1)
    assert told.best_minus_mean == pytest.approx(0.1)
    assert (told.probability, told.resolved) == (1.0, True)
    assert Confirmation.from_dict(json.loads(json.dumps(told.to_dict()))) == told


def test_the_confirmation_halves_its_finalists_down_to_two() -> None:
    settings = small_settings(finalists=10, confirmations=7, generations=1, population=12)
    search = Search(settings)

    def quality(task: Task) -> float:  # the first two differ by noise alone
        at = first.index(task.genome)
        return 80.0 - (at if at > 1 else (task.repeat * (3 + 2 * at)) % 7 / 10)

    first = search.population
    fresh = [
        tasks
        for tasks in batches_of(search, scored_by(quality))
        if tasks[0].phase is Phase.CONFIRMATION
    ]
    assert [len(tasks) for tasks in fresh] == [10 * 1, 5 * 2, 3 * 3, 2 * 1]
    assert settings.schedule.final_rungs == (1, 3, 6, 7)
    assert (
        settings.schedule.last_trainings == 31 + 2 * settings.networks
    )  # the champion's, and those of the default swarm


def test_each_kind_has_a_finalist_before_any_has_two() -> None:
    """A kind that learns slowly is behind in a search's short trainings; the long ones decide."""
    choices = {"activation": ("relu", "tanh"), "update_rule": ("informed",)}
    search = Search(
        small_settings(population=8, generations=2, finalists=4, racing="fixed", choices=choices)
    )

    def quality(task: Task) -> float:
        own = int(task.genome.hash, 16) % 1000 / 1000
        return own + (
            90.0
            if task.genome.activation == "relu"
            else 80.0
            if task.phase is Phase.SEARCH
            else 95.0
        )

    told: list[Task] = []
    finish(search, lambda task: told.append(task) or scored_by(quality)(task))  # type: ignore[func-returns-value]
    assert len({g.kind for g in search.population}) == 2
    finalists = {task.genome for task in told if task.phase is Phase.CONFIRMATION}
    for activation in ("relu", "tanh"):
        alike = {task.genome for task in told if task.genome.activation == activation}
        best = sorted(alike, key=lambda g: -quality(Task(g, 0)))[:2]
        assert set(best) == {g for g in finalists if g.activation == activation}
    assert search.confirmed[0].genome.activation == "tanh"


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
