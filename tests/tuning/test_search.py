"""The search as a state machine: a function of its settings and of what it was told."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shoal.genome.genome import Genome
from shoal.objectives.metrics import Metrics, Scores
from shoal.problems.evaluation import Evaluation, Task
from shoal.tuning.search import Search
from support import golden
from support.searches import fake, finish, outcome, small_settings


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
    small_settings(),
    small_settings(elitism=0, mutation=0.0),
    small_settings(evaluations=23),
    small_settings(mutation=0.0, crossover=0.0),
    small_settings(population=3, generations=12, elitism=2),
    small_settings(racing="halving", finalists=3, confirmations=7),
    small_settings(racing="halving", growth=1, evaluations=33, finalists=1),
    small_settings(racing="t-race", finalists=2, generations=3),
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
    """A store may hold results of the next generation. They count when their time comes."""
    undisturbed = finish(Search(small_settings()))
    all_of_them = Search.replay(small_settings(), undisturbed.evaluations)
    assert view(all_of_them) == view(undisturbed)
    assert all_of_them.done
    late = list(undisturbed.evaluations)[12:]
    search = Search.replay(small_settings(), late)
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
    search, repeats = Search(small_settings(generations=6)), []
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
    search, carried = Search(small_settings(elitism=3, generations=8)), 0
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
    search = Search(small_settings(generations=1))
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
    search = Search(small_settings(generations=2, elitism=4))
    first = search.population
    for task in search.ask():
        search.tell(by_index({0, 1, 3}, lambda i: -1e6)(task))
    assert search.population[:4] == (first[2], first[4], first[0], first[1])


def test_a_search_in_which_all_fail_ends_without_a_best() -> None:
    search = finish(
        Search(small_settings()), lambda task: Evaluation(task, "failed", error="made up")
    )
    assert search.done
    assert search.best is None
    assert [g.best_accuracy for g in search.generations] == [None] * 4
    assert [g.mean_accuracy for g in search.generations] == [None] * 4
    started = Search(small_settings())
    assert started.best is None
    started.tell(Evaluation(started.ask()[0], "failed"))
    assert started.best is None


def test_best_before_the_first_generation_is_of_what_was_told() -> None:
    search = Search(small_settings())
    tasks = search.ask()
    search.tell(by_index(())(tasks[2]))
    assert search.best is not None
    assert search.best.genome == search.population[1]
    search.tell(by_index(())(tasks[-1]))
    assert search.best.genome == search.population[4]
    assert search.best.accuracies == (41.0,)


@pytest.mark.parametrize("budget", [10, 11, 17, 23, 24, 37])
def test_the_budget_of_evaluations_is_spent_exactly(budget) -> None:
    search = finish(Search(small_settings(evaluations=budget, generations=100, elitism=2)))
    assert len(search.evaluations) == budget
    assert search.generations[-1].evaluations == budget
    assert search.done


def test_the_first_generations_of_a_budget_are_those_without_one() -> None:
    free, bound = finish(Search(small_settings())), finish(Search(small_settings(evaluations=20)))
    assert bound.generations[:-1] == free.generations[: len(bound.generations) - 1]


def test_individuals_that_the_budget_left_untrained_are_neither_best_nor_in_the_mean() -> None:
    search = finish(
        Search(small_settings(evaluations=13, elitism=1)), by_index((), lambda i: -50.0 - i)
    )
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
    """Without mutation and crossover: at most five genomes with five repeats, 25 trainings."""
    search = finish(
        Search(small_settings(mutation=0.0, crossover=0.0, generations=30, evaluations=budget))
    )
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
        small_settings(
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
    search = Search(small_settings(generations=3))
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
    a, b = (outcome(finish(Search(small_settings(seed=seed)))) for seed in (0, 1))
    assert a != b
    assert outcome(finish(Search(small_settings(seed=0, workers=7)))) == a


def test_selection_uses_validation_where_there_is_one() -> None:
    def evaluation(task: Task) -> Evaluation:
        good = task.individual == 1
        return Evaluation(task, "ok", Scores(Metrics(99.0 - good), Metrics(50.0 + good)))

    search = Search(small_settings(generations=1))
    best = search.population[1]
    assert finish(search, evaluation).generations[0].best == best
    assert search.generations[0].best_accuracy == 51.0


@pytest.mark.parametrize("racing", ["halving", "t-race", "fixed"])
def test_a_finished_search_that_goes_on_is_one_that_had_the_budget_from_the_start(racing) -> None:
    short, long = (small_settings(racing=racing, finalists=2, generations=n) for n in (2, 6))
    ended = finish(Search(short))
    extended = finish(Search.replay(long, ended.evaluations))
    assert outcome(extended) == outcome(finish(Search(long)))


def test_golden() -> None:
    golden.check("search")
