"""The search as a state machine: a function of its settings and of what it was told, whatever the order."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shoal.data import load_dataset
from shoal.genome.genome import Genome
from shoal.objectives.metrics import Metrics, Scores
from shoal.problems.evaluation import Evaluation, Task, result_hash
from shoal.problems.table import Problem, evaluate
from shoal.pso.engines import get_engine
from shoal.settings.phase import FIRST_CONFIRMATION, Phase
from shoal.settings.search_settings import SearchSettings
from shoal.tuning.champion import Confirmation, Selection, refit_jobs, select_champion
from shoal.tuning.search import Search
from support import golden
from support.searches import fake, finish, outcome

SMALL = load_dataset("concrete")
ALIKE = {"racing": "fixed", "equal_effort": False}  # trainings are as long as is said


def made(**values: Any) -> SearchSettings:
    """Small, and as the classic preset spends its repeats, unless said otherwise."""
    plain = {
        "racing": "fixed",
        "finalists": 0,
        "population": 5,
        "generations": 4,
        "repeats": 2,
        "max_repeats": 5,
    }
    return SearchSettings(**{**plain, "elitism": 1, **values})


def view(search: Search) -> tuple[object, ...]:
    """Everything that a search shows."""
    told = sorted(search.evaluations, key=lambda e: e.task.id)
    return (
        search.generations,
        search.population,
        search.done,
        search.best,
        search.confirmed,
        search.ask(),
        told,
    )


SETTINGS = [
    made(),
    made(elitism=0, mutation=0.0),
    made(evaluations=23),
    made(mutation=0.0, crossover=0.0),
    made(population=3, generations=12, elitism=2),
    made(racing="halving", finalists=3, confirmations=7),
    made(racing="halving", growth=1, evaluations=33, finalists=1),
    made(racing="t-race", finalists=2, generations=3),
]


@pytest.mark.parametrize("chosen", SETTINGS)
@settings(deadline=None, max_examples=15)
@given(data=st.data())
def test_the_order_of_results_changes_nothing(chosen, data) -> None:
    """Several under way at once, told in any order, some of them twice."""
    expected, search, under_way = view(finish(Search(chosen))), Search(chosen), {}
    while not search.done:
        wanted = [t for t in search.ask() if t.id not in under_way]
        for task in wanted[: data.draw(st.integers(1, 7))]:
            under_way[task.id] = task
        told = data.draw(st.sampled_from(sorted(under_way)))
        search.tell(fake(under_way.pop(told)))
        if data.draw(st.booleans()):
            again = data.draw(st.sampled_from(search.evaluations))
            before = view(search)
            search.tell(replace(again, scores=Scores(Metrics(99.9)), status="ok"))
            assert view(search) == before
    assert view(search) == expected


@pytest.mark.parametrize("chosen", SETTINGS)
@settings(deadline=None, max_examples=15)
@given(data=st.data())
def test_replaying_any_part_and_going_on_is_as_if_undisturbed(chosen, data) -> None:
    undisturbed = finish(Search(chosen))
    recorded = list(undisturbed.evaluations)  # in the order they were told
    prefix = recorded[: data.draw(st.integers(0, len(recorded)))]
    live = Search(chosen)
    for evaluation in prefix:
        live.tell(evaluation)
    again = Search.replay(chosen, data.draw(st.permutations(prefix)))
    assert view(again) == view(live)
    assert view(finish(again)) == view(undisturbed)


def test_replay_of_more_than_the_generation_needs() -> None:
    """A store may hold results of the next generation, or all of them; they count when their time comes."""
    undisturbed = finish(Search(made()))
    all_of_them = Search.replay(made(), undisturbed.evaluations)
    assert view(all_of_them) == view(undisturbed)
    assert all_of_them.done
    late = list(undisturbed.evaluations)[12:]
    search = Search.replay(made(), late)
    assert search.generations == []
    assert len(search.ask()) == 10
    asked = []
    while tasks := search.ask():
        asked += tasks
        for task in tasks:
            search.tell(fake(task))
    assert not {t.id for t in asked} & {e.task.id for e in late}
    assert view(search) == view(undisturbed)


@pytest.mark.parametrize("chosen", SETTINGS)
def test_no_task_is_asked_for_twice(chosen) -> None:
    search, asked = Search(chosen), []
    while tasks := search.ask():
        assert search.ask() == tasks
        asked += [t.id for t in tasks]
        for n, task in enumerate(tasks):
            search.tell(fake(task))
            if n + 1 < len(tasks):
                assert search.ask() == tasks[n + 1 :]
    assert len(set(asked)) == len(asked)
    assert {e.task.id for e in search.evaluations} == set(asked)
    assert search.done
    assert search.ask() == ()


def test_repeats_grow_by_some_a_generation_up_to_their_limit() -> None:
    """The elite of a search that changes nothing else: 2, 4, 5 and no more."""
    search, repeats = Search(made(generations=6)), []
    best = search.population[0]
    while not search.done:
        for task in search.ask():
            assert task.generation == len(search.generations) + 1
            assert search.population.index(task.genome) == task.individual
            accuracy = 90.0 if task.genome == best else 10.0
            search.tell(Evaluation(task, "ok", Scores(Metrics(accuracy))))
        repeats.append(search.standing(best).repeats)
    assert [g.best for g in search.generations] == [best] * 6
    assert [g.best_repeats for g in search.generations] == [2, 4, 5, 5, 5, 5]
    assert search.best is not None
    assert search.best.accuracies == (90.0,) * 5
    mine = sorted(e.task.repeat for e in search.evaluations if e.task.genome == best)
    assert mine == [0, 1, 2, 3, 4]


def test_elites_keep_their_repeats() -> None:
    """They are asked for further repeats only, and their mean is over all."""
    search, carried = Search(made(elitism=3, generations=8)), 0
    while not search.done:
        before = {genome: search.standing(genome) for genome in search.population}
        parents = search.population
        for task in search.ask():
            search.tell(fake(task))
        for genome in set(search.population[:3]) & set(parents) if not search.done else ():
            told = [e for e in search.evaluations if e.task.genome == genome]
            accuracies = tuple(e.accuracy for e in sorted(told, key=lambda e: e.task.repeat))
            assert search.standing(genome).accuracies == accuracies
            known = before[genome].accuracies
            assert accuracies[: len(known)] == known
            carried += bool(known)
    assert carried > 3


def by_index(
    failing: Iterable[int], accuracy: Callable[[int], float] = lambda i: 10.0 * i
) -> Callable[[Task], Evaluation]:
    def evaluation(task: Task) -> Evaluation:
        if task.individual in failing and task.repeat == 1:
            return Evaluation(task, "failed", error="made up")
        return Evaluation(task, "ok", Scores(Metrics(accuracy(task.individual) + task.repeat)))

    return evaluation


def test_one_failed_repeat_fails_the_individual() -> None:
    search = Search(made(generations=1))
    first = search.population
    finish(search, by_index({3, 4}))
    (summary,) = search.generations
    assert (summary.best, summary.best_accuracy, summary.best_repeats) == (first[2], 20.5, 2)
    assert summary.mean_accuracy == pytest.approx((0.5 + 10.5 + 20.5) / 3)
    assert summary.evaluations == 10
    failed = search.standing(first[4])
    assert (failed.accuracies, failed.accuracy, failed.fitness) == ((40.0, None), None, -math.inf)
    assert search.best is not None
    assert search.best.genome == first[2]


def test_failed_ones_rank_below_the_worst() -> None:
    search = Search(made(generations=2, elitism=4))
    first = search.population
    for task in search.ask():
        search.tell(by_index({0, 1, 3}, lambda i: -1e6)(task))
    assert search.population[:4] == (first[2], first[4], first[0], first[1])


def test_a_search_in_which_all_fail_ends_without_a_best() -> None:
    search = finish(Search(made()), lambda task: Evaluation(task, "failed", error="made up"))
    assert search.done
    assert search.best is None
    assert [g.best_accuracy for g in search.generations] == [None] * 4
    assert [g.mean_accuracy for g in search.generations] == [None] * 4
    started = Search(made())
    assert started.best is None
    started.tell(Evaluation(started.ask()[0], "failed"))
    assert started.best is None


def test_best_before_the_first_generation_is_of_what_was_told() -> None:
    search = Search(made())
    tasks = search.ask()
    search.tell(by_index(())(tasks[2]))
    assert search.best is not None
    assert search.best.genome == search.population[1]
    search.tell(by_index(())(tasks[-1]))
    assert search.best.genome == search.population[4]
    assert search.best.accuracies == (41.0,)


@pytest.mark.parametrize("budget", [10, 11, 17, 23, 24, 37])
def test_the_budget_of_evaluations_is_spent_exactly(budget) -> None:
    search = finish(Search(made(evaluations=budget, generations=100, elitism=2)))
    assert len(search.evaluations) == budget
    assert search.generations[-1].evaluations == budget
    assert search.done


def test_the_first_generations_of_a_budget_are_those_without_one() -> None:
    free, bound = finish(Search(made())), finish(Search(made(evaluations=20)))
    assert bound.generations[:-1] == free.generations[: len(bound.generations) - 1]


def test_individuals_that_the_budget_left_untrained_are_neither_best_nor_in_the_mean() -> None:
    search = finish(Search(made(evaluations=13, elitism=1)), by_index((), lambda i: -50.0 - i))
    last = search.generations[-1]
    assert last.best_accuracy is not None
    assert last.mean_accuracy is not None
    standings = [search.standing(g) for g in search.population]
    assert any(s.repeats == 0 for s in standings)
    assert last.mean_accuracy == pytest.approx(
        statistics.mean(s.accuracy for s in standings if s.repeats)
    )
    assert last.best_accuracy == max(s.accuracy for s in standings if s.repeats)


@pytest.mark.parametrize("budget", [None, 40])
def test_a_population_that_has_all_its_repeats_still_ends(budget) -> None:
    """Without mutation and crossover there are at most five genomes, with five repeats each: 25 trainings."""
    search = finish(Search(made(mutation=0.0, crossover=0.0, generations=30, evaluations=budget)))
    assert search.done
    assert len(search.generations) == 30
    assert len(search.evaluations) <= 25
    assert len(set(search.population)) == 1


def test_identical_individuals_share_their_trainings() -> None:
    frozen = {
        name: (value, value) for name, value in (("inertia_weight", 0.5), ("cognitive_weight", 1.0))
    }
    frozen |= {
        "social_weight": (1.0, 1.0),
        "global_best_weight": (1.0, 1.0),
        "jump_size": (1.0, 1.0),
    }
    frozen |= {"max_velocity": (1.0, 1.0), "max_position": (1.0, 1.0), "weight_scale": (0.1, 0.1)}
    frozen |= {"bias_scale": (0.1, 0.1), "swarm_size": (20, 20), "num_informants": (3, 3)}
    same = {"informant_strategy": ("ring",), "activation": ("relu",)}
    search = Search(
        made(
            bounds=frozen,
            choices=same,
            extra_genes=(),
            start=(),
            max_depth=1,
            max_width=1,
            generations=5,
        )
    )
    assert len(set(search.population)) == 1
    assert len(search.ask()) == 2
    assert [g.evaluations for g in finish(search).generations] == [2, 4, 5, 5, 5]


def test_summary_numbers() -> None:
    search = Search(made(generations=3))
    evaluations = 0
    while tasks := search.ask():
        population = search.population
        for task in tasks:
            search.tell(fake(task))
        evaluations += len(tasks)
        summary = search.generations[-1]
        told: dict[Genome, list[float | None]] = {}
        for e in sorted(search.evaluations, key=lambda e: e.task.repeat):
            told.setdefault(e.task.genome, []).append(e.accuracy)
        means = [None if None in told[g] else statistics.fmean(told[g]) for g in population]  # type: ignore[type-var]
        kept = [m for m in means if m is not None]
        assert summary.number == len(search.generations)
        assert summary.evaluations == evaluations == len(search.evaluations)
        assert summary.best_accuracy == pytest.approx(max(kept))
        assert summary.best == population[means.index(summary.best_accuracy)]
        assert summary.best_repeats == len(told[summary.best])
        assert summary.mean_accuracy == pytest.approx(statistics.fmean(kept))
    assert len(search.generations) == 3


def test_searches_differ_by_seed_only() -> None:
    a, b = (outcome(finish(Search(made(seed=seed)))) for seed in (0, 1))
    assert a != b
    assert outcome(finish(Search(made(seed=0, workers=7)))) == a


def test_selection_uses_validation_where_there_is_one() -> None:
    def evaluation(task: Task) -> Evaluation:
        good = task.individual == 1
        return Evaluation(task, "ok", Scores(Metrics(99.0 - good), Metrics(50.0 + good)))

    search = Search(made(generations=1))
    best = search.population[1]
    assert finish(search, evaluation).generations[0].best == best
    assert search.generations[0].best_accuracy == 51.0


# --- the hash of a result ---------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=25)
@given(st.data())
def test_hash_depends_on_neither_order_nor_circumstances(data) -> None:
    evaluations = finish(Search(made())).evaluations
    expected = result_hash(evaluations)
    changed = [
        replace(
            e,
            seconds=9.9,
            worker="there",
            curve=((1, 2.0),),
            task=replace(e.task, generation=9, individual=9),
        )
        for e in data.draw(st.permutations(evaluations))
    ]
    assert result_hash(changed) == expected
    assert len(expected) == 64


# --- races and confirmations -------------------------------------------------------------------------------------------


def scored(quality: Callable[[Task], float]) -> Callable[[Task], Evaluation]:
    return lambda task: Evaluation(task, "ok", Scores(Metrics(quality(task))))


def asked(search: Search, evaluation: Callable[[Task], Evaluation]) -> Iterator[tuple[Task, ...]]:
    """What a search asks for, batch after batch."""
    while tasks := search.ask():
        yield tasks
        for task in tasks:
            search.tell(evaluation(task))


def rank(search: Search) -> Callable[[Task], float]:
    """The first individual of the first generation is the best, and so on; repeats differ a little."""
    first = search.population
    return lambda task: (
        90.0 - (first.index(task.genome) if task.genome in first else 50) + 0.1 * (task.repeat % 3)
    )


def test_halving_gives_the_better_half_more_and_longer_repeats() -> None:
    settings = made(
        racing="halving", population=12, generations=1, repeats=3, max_repeats=21, iterations=800
    )
    search = Search(settings)
    first, batches = search.population, list(asked(search, scored(rank(search))))
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
    search = Search(made(racing="halving", population=4, generations=1))
    first = search.population

    def quality(
        task: Task,
    ) -> float:  # the second is best in short trainings, and falls back in the long ones
        return {0: 80.0, 1: 90.0 if task.repeat < 2 else 10.0, 2: 70.0, 3: 60.0}[
            first.index(task.genome)
        ]

    finish(search, scored(quality))
    standings = [search.standing(genome) for genome in first]
    assert [s.level for s in standings] == [3, 2, 1, 1]
    assert sorted(standings, key=lambda s: -s.fitness) == standings


def test_halving_carries_on_who_went_further_before_at_no_cost() -> None:
    search = Search(
        made(racing="halving", population=4, generations=2, mutation=0.0, crossover=0.0)
    )
    batches = list(asked(search, scored(rank(search))))
    assert {task.generation for tasks in batches[:3] for task in tasks} == {1}
    later = [task for tasks in batches[3:] for task in tasks]
    assert not [t for t in later if search.generations[0].best == t.genome]
    assert search.generations[1].best == search.generations[0].best


def test_a_genome_that_fails_in_a_race_goes_no_further() -> None:
    search = Search(made(racing="halving", population=4, generations=1))
    first = search.population
    finish(
        search,
        lambda t: (
            Evaluation(t, "failed", error="x") if t.genome == first[0] else scored(rank(search))(t)
        ),
    )
    assert search.standing(first[0]).repeats == 2
    assert search.best is not None
    assert search.best.genome == first[1]


def test_a_paired_race_ends_for_those_that_are_clearly_worse() -> None:
    search = Search(made(racing="t-race", population=5, generations=1, repeats=3, max_repeats=9))
    first = search.population

    def quality(task: Task) -> float:  # luck is common to all; the first two differ by noise alone
        common = (task.repeat * 7) % 5
        own = {0: (task.repeat % 2) * 0.5, 1: ((task.repeat + 1) % 2) * 0.5}.get(
            first.index(task.genome), 0.0
        )
        return 80.0 + common + own - 3 * (first.index(task.genome) > 1) - 0.01 * (task.repeat % 3)

    finish(search, scored(quality))
    assert [search.standing(g).repeats for g in first] == [9, 9, 3, 3, 3]


def test_finalists_are_confirmed_on_streams_that_no_search_uses() -> None:
    settings = made(finalists=3, confirmations=6, generations=2)
    search = Search(settings)
    first = search.population
    found = list(asked(search, scored(rank(search))))
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
    settings = made(finalists=10, confirmations=7, generations=1, population=12)
    search = Search(settings)

    def quality(task: Task) -> float:  # the first two differ by noise alone
        at = first.index(task.genome)
        return 80.0 - (at if at > 1 else (task.repeat * (3 + 2 * at)) % 7 / 10)

    first = search.population
    fresh = [
        tasks for tasks in asked(search, scored(quality)) if tasks[0].phase is Phase.CONFIRMATION
    ]
    assert [len(tasks) for tasks in fresh] == [10 * 1, 5 * 2, 3 * 3, 2 * 1]
    assert settings.schedule.final_rungs == (1, 3, 6, 7)
    assert (
        settings.schedule.last_trainings == 31 + 2 * settings.networks
    )  # the champion's, and those of the default swarm


def test_each_kind_has_a_finalist_before_any_has_two() -> None:
    """A kind that learns slowly is behind in a search's short trainings; the long ones decide."""
    choices = {"activation": ("relu", "tanh"), "update_rule": ("informed",)}
    search = Search(made(population=8, generations=2, finalists=4, racing="fixed", choices=choices))

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
    finish(search, lambda task: told.append(task) or scored(quality)(task))  # type: ignore[func-returns-value]
    assert len({g.kind for g in search.population}) == 2
    finalists = {task.genome for task in told if task.phase is Phase.CONFIRMATION}
    for activation in ("relu", "tanh"):
        alike = {task.genome for task in told if task.genome.activation == activation}
        best = sorted(alike, key=lambda g: -quality(Task(g, 0)))[:2]
        assert set(best) == {g for g in finalists if g.activation == activation}
    assert search.confirmed[0].genome.activation == "tanh"


def test_a_contest_that_stays_open_says_so() -> None:
    search = Search(made(finalists=2, confirmations=7, generations=1))
    first = search.population

    def quality(task: Task) -> float:
        alike = {first[0]: (task.repeat * 5) % 7, first[1]: (task.repeat * 3) % 7}
        return 80.0 + alike.get(task.genome, -20.0)

    finish(search, scored(quality))
    chosen = select_champion(search)
    assert chosen is not None
    told = chosen.confirmation
    assert told is not None
    assert told.second is not None
    assert len(told.accuracies) == len(told.second_accuracies) == 7
    assert not told.resolved
    assert told.probability is not None
    assert 0.05 < told.probability < 0.95


def test_the_luckiest_of_the_search_loses_to_the_best_of_the_confirmation() -> None:
    search = Search(made(finalists=2, generations=1))
    first = search.population

    def quality(task: Task) -> float:
        lucky = task.genome == first[0] and task.phase is Phase.SEARCH
        return 95.0 if lucky else 90.0 if task.genome == first[1] else 80.0

    finish(search, scored(quality))
    assert search.best is not None
    assert search.best.genome == first[0]
    chosen = select_champion(search)
    assert chosen is not None
    assert chosen.genome == first[1]
    assert chosen.ranked.accuracy == 90.0


def test_all_confirmations_fail_and_the_search_still_has_its_best() -> None:
    search = Search(made(finalists=2, generations=1))
    usual = scored(rank(search))
    finish(
        search,
        lambda t: Evaluation(t, "failed", error="x") if t.phase is Phase.CONFIRMATION else usual(t),
    )
    assert search.done
    assert select_champion(search) == Selection(search.best) != Selection(None)  # type: ignore[arg-type]


def test_a_search_whose_time_is_up_confirms_what_it_has() -> None:
    search = Search(made(finalists=2))
    evaluation = scored(rank(search))
    for tasks in asked(search, evaluation):
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
    settings = made(finalists=4, confirmations=5)
    search = Search(settings)
    evaluation = scored(rank(search))
    for _ in asked(search, evaluation):
        if search.generations:
            break
    known = search.evaluations
    for few, confirmations, expected in ((2, 5, [2, 4]), (1, 3, [1, 2]), (0, 5, [])):
        closed = Search.replay(settings, known)
        closed.close(replace(settings.schedule, finalists=few, confirmations=confirmations))
        assert [len(tasks) for tasks in asked(closed, evaluation)][: len(expected)] == expected
        assert len(closed.confirmed) == few and closed.done
        again = Search.replay(settings, closed.evaluations)
        again.close(replace(settings.schedule, finalists=0))
        finish(again, evaluation)
        assert len(again.confirmed) == few


def test_ever_less_is_done_after_a_search_with_ever_less_time() -> None:
    ways = made(finalists=6, confirmations=5).schedule.shorter_finals
    costs = [schedule.last_trainings for schedule in ways]
    assert costs == sorted(costs, reverse=True) and costs[-1] == 0
    assert [(s.finalists, s.confirmations) for s in ways[-4:]] == [(1, 5), (1, 3), (1, 1), (0, 5)]
    assert len(made(finalists=0).schedule.shorter_finals) == 1


@pytest.mark.parametrize("racing", ["halving", "t-race", "fixed"])
def test_a_finished_search_that_goes_on_is_one_that_had_the_budget_from_the_start(racing) -> None:
    short, long = (made(racing=racing, finalists=2, generations=n) for n in (2, 6))
    ended = finish(Search(short))
    extended = finish(Search.replay(long, ended.evaluations))
    assert outcome(extended) == outcome(finish(Search(long)))


def test_what_an_older_version_recorded_is_read_as_it_was_meant() -> None:
    old = SearchSettings.recorded({"preset": "modern", "population": 5})
    assert (old.racing, old.finalists, old.equal_effort) == ("fixed", 0, False)
    assert {old.schedule.iterations_for(r) for r in (0, 5, 20)} == {old.iterations}
    assert SearchSettings.recorded(SearchSettings().to_dict()) == SearchSettings()


def test_trainings_of_other_lengths_have_patience_in_proportion() -> None:
    settings = made(
        racing="halving", iterations=800, patience=100, repeats=3, max_repeats=21, final_factor=8
    )
    problem = Problem(SMALL, settings)
    patience = [
        problem.patience(Task(Genome(), repeat)) for repeat in (0, 3, 6, 12, FIRST_CONFIRMATION)
    ]
    assert patience == [12, 25, 50, 100, 800]
    assert problem.patience(Task(Genome(swarm_size=96), 12)) == 50
    assert SearchSettings(iterations=800).patience == 160
    assert SearchSettings(preset="classic", iterations=800).patience is None
    assert (
        Problem(SMALL, SearchSettings(iterations=800, patience=None)).patience(Task(Genome(), 3))
        is None
    )


def test_a_swarm_that_stands_still_ends_early() -> None:
    """One without inertia and pulls never gets better."""
    problem = Problem(SMALL, SearchSettings(**ALIKE, iterations=400))
    still = Genome(swarm_size=5, inertia_weight=0.0, cognitive_weight=0.0, social_weight=0.0)
    found = evaluate(problem, Task(still, 0), get_engine("cpu"))
    assert found.iterations == 81  # a fifth, and one to compare with


def test_hash_depends_on_every_result() -> None:
    task = Task(Genome(), 0)
    scores = Scores(Metrics(90.0, mae=1.0, rmse=2.0, r2=0.5), Metrics(80.0))
    base = [
        Evaluation(task, "ok", scores),
        Evaluation(Task(Genome(), 1), "failed", error="made up"),
    ]

    def changed(**values: Any) -> list[Evaluation]:
        return [replace(base[0], **values), base[1]]

    others = [
        [],
        base[:1],
        base[1:],
        [*base, base[0]],
        changed(task=Task(Genome(), 2)),
        changed(task=Task(Genome(swarm_size=47), 0)),
        changed(scores=None, status="failed"),
        changed(scores=replace(scores, validation=None)),
        changed(scores=replace(scores, validation=Metrics(math.nextafter(80.0, 90)))),
        changed(scores=replace(scores, validation=None, test=Metrics(80.0))),
    ]
    for name, value in scores.train.to_dict().items():
        others.append(
            changed(
                scores=replace(
                    scores, train=replace(scores.train, **{name: math.nextafter(value, 99)})
                )
            )
        )
    hashes = [result_hash(e) for e in (base, *others)]
    assert len(set(hashes)) == len(hashes) == 15


# --- real trainings ---------------------------------------------------------------------------------------------------


def test_golden() -> None:
    golden.check("search")


class BrokenEngine:
    def train(self, tasks: Iterable[object]) -> None:
        raise MemoryError("no room")


def test_a_training_that_breaks_is_a_failed_evaluation() -> None:
    problem = Problem(
        load_dataset("concrete", preset="classic"), SearchSettings(preset="classic", iterations=3)
    )
    task = Task(Genome(swarm_size=5), 4)
    broken = evaluate(problem, task, BrokenEngine())  # type: ignore[arg-type]
    assert (broken.status, broken.error, broken.accuracy, broken.task) == (
        "failed",
        "MemoryError: no room",
        None,
        task,
    )
    blind = replace(
        problem.dataset, train=replace(problem.dataset.train, y=problem.dataset.train.y * math.nan)
    )
    failed = evaluate(Problem(blind, problem.settings), task, get_engine("cpu"))
    assert (failed.status, failed.error) == ("failed", "No particle ever had a finite loss.")
    assert failed.iterations == 3


def test_an_evaluation_is_the_training_that_it_says() -> None:
    problem = Problem(SMALL, SearchSettings(**ALIKE, iterations=90, seed=5, patience=None))
    task, engine = Task(Genome(swarm_size=8), 2), get_engine("cpu")
    found = evaluate(problem, task, engine)
    training = problem.training(task)
    (result,) = engine.train([training])
    assert (found.loss, found.iterations) == (result.loss, 90)
    assert len(found.curve) <= 64
    assert found.curve[0] == (1, result.history[0])
    assert found.curve[-1] == (90, result.history[-1])
    assert all(result.history[i - 1] == value for i, value in found.curve)
    assert found.scores is not None
    parts = problem.dataset.parts(task.repeat)
    for part, scores in zip(parts, (found.scores.train, found.scores.validation), strict=True):
        assert part is not None
        assert scores == problem.metrics(
            problem.predictions(engine, task.genome, result.weights, part), part
        )
    assert found.scores.test is None
    assert found.accuracy == found.scores.validation.accuracy
    assert result_hash([evaluate(problem, task, engine)]) == result_hash([found])
    assert result_hash([evaluate(problem, replace(task, repeat=3), engine)]) != result_hash([found])


def test_a_search_cut_off_in_its_first_generation_has_a_champion_with_its_own_networks() -> None:
    """Repeats come in any order: only the third of a genome may have been told when the time is over."""
    chosen = made(population=3, repeats=3)
    problem, search = Problem(load_dataset("concrete", preset="classic"), chosen), Search(chosen)
    assert search.best is None
    third = search.ask()[2]
    search.tell(Evaluation(third, "ok", Scores(Metrics(90.0, mae=1.0)), 1.0, 5))
    assert search.best is not None
    assert search.best.accuracies == (90.0,)
    assert [job.task for job in refit_jobs(problem, Selection(search.best))] == [third]


def test_a_training_that_ended_early_is_repeated_with_its_schedules() -> None:
    """They follow the planned iterations and not those that patience left of them."""
    problem = Problem(SMALL, made(iterations=600, patience=10, equal_effort=False))
    genome = Genome(swarm_size=12, inertia_end=0.2, velocity_end=0.1, max_velocity=0.3)
    found = evaluate(problem, Task(genome, 0), get_engine("cpu"))
    assert 10 < found.iterations < 600
    again = problem.training(found.task, iterations=found.iterations)
    (result,) = get_engine("cpu").train([again])
    assert (result.loss, result.iterations) == (found.loss, found.iterations)


@given(
    st.integers(4, 200),
    st.sampled_from(["informed", "competitive"]),
    st.lists(st.integers(1, 200), max_size=3),
)
def test_all_trainings_of_a_rung_do_as_many_multiply_adds(
    size: int, rule: str, layers: list[int]
) -> None:
    problem = Problem(SMALL, SearchSettings(iterations=100_000))
    usual, own = (
        Genome(),
        Genome(swarm_size=size, num_informants=1, update_rule=rule, hidden_layers=tuple(layers)),
    )
    repeat = 10**4

    def effort(genome: Genome) -> int:
        moved = genome.swarm_size // 2 if genome.update_rule == "competitive" else genome.swarm_size
        return moved * problem.network(genome).size * problem.iterations_for(Task(genome, repeat))

    most = 8 * problem.iterations_for(Task(usual, repeat))
    if problem.iterations_for(Task(own, repeat)) == most:
        assert effort(own) <= effort(usual)
    else:
        assert effort(own) == pytest.approx(effort(usual), rel=0.01)


def test_effort_is_counted_by_iterations_where_asked_for() -> None:
    wide = Task(Genome(swarm_size=200, hidden_layers=(64, 64)), 0)
    for chosen in (
        SearchSettings(preset="classic"),
        SearchSettings(equal_effort=False, racing="fixed"),
    ):
        assert Problem(SMALL, chosen).iterations_for(wide) == chosen.iterations
    assert Problem(SMALL, SearchSettings()).iterations_for(wide) < Problem(
        SMALL, SearchSettings()
    ).iterations_for(Task(Genome(), 0))
