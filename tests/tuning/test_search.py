"""The search as a state machine: a function of its settings and of the evaluations it got."""

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
from support.searches import batches_of, fake, finish, outcome, small_settings


def view(search: Search) -> tuple[object, ...]:
    """Everything that a search shows."""
    return (
        search.generations,
        search.population,
        search.done,
        search.best,
        search.confirmed,
        search.ask(),
        sorted(search.evaluations, key=lambda e: e.task.id),
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
    """Several tasks are under way at once. Results come in any order, some of them twice."""
    expected = view(finish(Search(chosen)))

    search = Search(chosen)
    under_way: dict[tuple[str, int], Task] = {}
    while not search.done:
        wanted = [task for task in search.ask() if task.id not in under_way]
        for task in wanted[: data.draw(st.integers(1, 7))]:
            under_way[task.id] = task

        finished_id = data.draw(st.sampled_from(sorted(under_way)))
        search.tell(fake(under_way.pop(finished_id)))

        if data.draw(st.booleans()):
            known = data.draw(st.sampled_from(search.evaluations))
            before = view(search)
            search.tell(replace(known, scores=Scores(Metrics(99.9)), status="ok"))
            assert view(search) == before

    assert view(search) == expected


@pytest.mark.parametrize("chosen", SETTINGS)
@settings(deadline=None, max_examples=15)
@given(data=st.data())
def test_replaying_any_part_and_going_on_is_as_if_undisturbed(chosen, data) -> None:
    undisturbed = finish(Search(chosen))
    # The recorded evaluations stand in the order in which the search got them.
    recorded = list(undisturbed.evaluations)
    prefix = recorded[: data.draw(st.integers(0, len(recorded)))]
    live = Search(chosen)
    for evaluation in prefix:
        live.tell(evaluation)

    replayed = Search.replay(chosen, data.draw(st.permutations(prefix)))

    assert view(replayed) == view(live)
    assert view(finish(replayed)) == view(undisturbed)


def test_a_replay_of_all_evaluations_is_done() -> None:
    undisturbed = finish(Search(small_settings()))

    replayed = Search.replay(small_settings(), undisturbed.evaluations)

    assert view(replayed) == view(undisturbed)
    assert replayed.done


def test_replay_of_more_than_the_generation_needs() -> None:
    """A store may hold results of the next generation. They count when their time comes."""
    undisturbed = finish(Search(small_settings()))
    late = list(undisturbed.evaluations)[12:]

    search = Search.replay(small_settings(), late)
    assert search.generations == []
    assert len(search.ask()) == 10

    asked = []
    for tasks in batches_of(search, fake):
        asked += tasks

    late_ids = {evaluation.task.id for evaluation in late}
    assert not late_ids & {task.id for task in asked}
    assert view(search) == view(undisturbed)


@pytest.mark.parametrize("chosen", SETTINGS)
def test_no_task_is_asked_for_twice(chosen) -> None:
    search = Search(chosen)
    asked_ids = []

    while tasks := search.ask():
        assert search.ask() == tasks
        asked_ids += [task.id for task in tasks]

        for number, task in enumerate(tasks, 1):
            search.tell(fake(task))
            if number < len(tasks):
                assert search.ask() == tasks[number:]

    assert len(set(asked_ids)) == len(asked_ids)
    assert {evaluation.task.id for evaluation in search.evaluations} == set(asked_ids)
    assert search.done
    assert search.ask() == ()


def test_repeats_grow_by_some_a_generation_up_to_their_limit() -> None:
    """The elite of a search that changes nothing else: 2, 4, 5 and no more."""
    search = Search(small_settings(generations=6))
    best = search.population[0]

    def evaluation(task: Task) -> Evaluation:
        assert task.generation == len(search.generations) + 1
        assert search.population.index(task.genome) == task.individual
        if task.genome == best:
            return Evaluation(task, "ok", Scores(Metrics(90.0)))
        return Evaluation(task, "ok", Scores(Metrics(10.0)))

    finish(search, evaluation)

    assert search.done
    assert [generation.best for generation in search.generations] == [best] * 6
    assert [generation.best_repeats for generation in search.generations] == [2, 4, 5, 5, 5, 5]
    assert search.best is not None
    assert search.best.scores == (90.0,) * 5
    repeats = sorted(e.task.repeat for e in search.evaluations if e.task.genome == best)
    assert repeats == [0, 1, 2, 3, 4]


def recorded_accuracies(search: Search, genome: Genome) -> tuple[float | None, ...]:
    """Accuracies of a genome's evaluations, in the order of their repeats."""
    evaluations = [e for e in search.evaluations if e.task.genome == genome]
    evaluations.sort(key=lambda evaluation: evaluation.task.repeat)
    return tuple(evaluation.score for evaluation in evaluations)


def test_elites_keep_their_repeats() -> None:
    """They are asked for further repeats only, and their mean is over all."""
    search = Search(small_settings(elitism=3, generations=8))
    elites_with_repeats = 0

    while True:
        parents = {genome: search.standing(genome) for genome in search.population}
        for task in search.ask():
            search.tell(fake(task))
        if search.done:
            break

        for genome in set(search.population[:3]) & set(parents):
            accuracies = recorded_accuracies(search, genome)
            assert search.standing(genome).scores == accuracies

            earlier = parents[genome].scores
            assert accuracies[: len(earlier)] == earlier
            if earlier:
                elites_with_repeats += 1

    assert elites_with_repeats > 3


def by_index(
    failing: Iterable[int], accuracy: Callable[[int], float] = lambda i: 10.0 * i
) -> Callable[[Task], Evaluation]:
    """Evaluations whose accuracy follows from the individual's place in its generation.

    The second repeat of those in ``failing`` fails. A repeat has one point more than the one
    before.
    """

    def evaluation(task: Task) -> Evaluation:
        if task.individual in failing and task.repeat == 1:
            return Evaluation(task, "failed", error="made up")
        return Evaluation(task, "ok", Scores(Metrics(accuracy(task.individual) + task.repeat)))

    return evaluation


def test_one_failed_repeat_fails_the_individual() -> None:
    search = Search(small_settings(generations=1))
    population = search.population

    finish(search, by_index({3, 4}))

    (summary,) = search.generations
    assert summary.best == population[2]
    assert summary.best_accuracy == 20.5
    assert summary.best_repeats == 2
    assert summary.mean_accuracy == pytest.approx((0.5 + 10.5 + 20.5) / 3)
    assert summary.evaluations == 10

    failed = search.standing(population[4])
    assert failed.scores == (40.0, None)
    assert failed.score is None
    assert failed.fitness == -math.inf
    assert search.best is not None
    assert search.best.genome == population[2]


def test_failed_ones_rank_below_the_worst() -> None:
    search = Search(small_settings(generations=2, elitism=4))
    first = search.population
    evaluation = by_index({0, 1, 3}, lambda i: -1e6)

    for task in search.ask():
        search.tell(evaluation(task))

    assert search.population[:4] == (first[2], first[4], first[0], first[1])


def test_a_search_in_which_all_fail_ends_without_a_best() -> None:
    def failed(task: Task) -> Evaluation:
        return Evaluation(task, "failed", error="made up")

    search = finish(Search(small_settings()), failed)

    assert search.done
    assert search.best is None
    assert [generation.best_accuracy for generation in search.generations] == [None] * 4
    assert [generation.mean_accuracy for generation in search.generations] == [None] * 4


def test_a_search_has_no_best_before_a_training_succeeds() -> None:
    search = Search(small_settings())
    assert search.best is None

    search.tell(Evaluation(search.ask()[0], "failed"))
    assert search.best is None


def test_best_before_the_first_generation_is_of_the_results_so_far() -> None:
    search = Search(small_settings())
    tasks = search.ask()
    evaluation = by_index(())

    search.tell(evaluation(tasks[2]))
    assert search.best is not None
    assert search.best.genome == search.population[1]

    search.tell(evaluation(tasks[-1]))
    assert search.best.genome == search.population[4]
    assert search.best.scores == (41.0,)


@pytest.mark.parametrize("budget", [10, 11, 17, 23, 24, 37])
def test_the_budget_of_evaluations_is_spent_exactly(budget) -> None:
    search = finish(Search(small_settings(evaluations=budget, generations=100, elitism=2)))

    assert len(search.evaluations) == budget
    assert search.generations[-1].evaluations == budget
    assert search.done


def test_the_first_generations_of_a_budget_are_those_without_one() -> None:
    free = finish(Search(small_settings()))
    bound = finish(Search(small_settings(evaluations=20)))

    whole_generations = len(bound.generations) - 1
    assert bound.generations[:-1] == free.generations[:whole_generations]


def test_individuals_that_the_budget_left_untrained_are_neither_best_nor_in_the_mean() -> None:
    search = Search(small_settings(evaluations=13, elitism=1))

    finish(search, by_index((), lambda i: -50.0 - i))

    standings = [search.standing(genome) for genome in search.population]
    assert any(standing.repeats == 0 for standing in standings)
    trained = [standing.score for standing in standings if standing.repeats]

    last = search.generations[-1]
    assert last.best_accuracy is not None
    assert last.mean_accuracy is not None
    assert last.mean_accuracy == pytest.approx(statistics.mean(trained))
    assert last.best_accuracy == max(trained)


@pytest.mark.parametrize("budget", [None, 40])
def test_a_population_that_has_all_its_repeats_still_ends(budget) -> None:
    """Without mutation and crossover: at most five genomes with five repeats, 25 trainings."""
    chosen = small_settings(mutation=0.0, crossover=0.0, generations=30, evaluations=budget)

    search = finish(Search(chosen))

    assert search.done
    assert len(search.generations) == 30
    assert len(search.evaluations) <= 25
    assert len(set(search.population)) == 1


def test_identical_individuals_share_their_trainings() -> None:
    space_of_one_genome = {
        "bounds": {
            "swarm_size": (20, 20),
            "num_informants": (3, 3),
            "inertia_weight": (0.5, 0.5),
            "cognitive_weight": (1.0, 1.0),
            "social_weight": (1.0, 1.0),
            "global_best_weight": (1.0, 1.0),
            "jump_size": (1.0, 1.0),
            "max_velocity": (1.0, 1.0),
            "max_position": (1.0, 1.0),
            "weight_scale": (0.1, 0.1),
            "bias_scale": (0.1, 0.1),
        },
        "choices": {"informant_strategy": ("ring",), "activation": ("relu",)},
        "extra_genes": (),
        "start": (),
        "max_depth": 1,
        "max_width": 1,
    }

    search = Search(small_settings(**space_of_one_genome, generations=5))
    assert len(set(search.population)) == 1
    assert len(search.ask()) == 2

    finish(search)
    assert [generation.evaluations for generation in search.generations] == [2, 4, 5, 5, 5]


def test_summary_numbers() -> None:
    search = Search(small_settings(generations=3))
    evaluations = 0

    while tasks := search.ask():
        population = search.population
        for task in tasks:
            search.tell(fake(task))
        evaluations += len(tasks)

        # An individual with a failed repeat has no mean.
        means = {}
        for genome in population:
            accuracies = recorded_accuracies(search, genome)
            if None not in accuracies:
                means[genome] = statistics.fmean(accuracies)
        # The first of equals is the best.
        best = max(population, key=lambda genome: means.get(genome, -math.inf))

        summary = search.generations[-1]
        assert summary.number == len(search.generations)
        assert summary.evaluations == evaluations == len(search.evaluations)
        assert summary.best == best
        assert summary.best_accuracy == pytest.approx(means[best])
        assert summary.best_repeats == len(recorded_accuracies(search, best))
        means_of_individuals = [means[genome] for genome in population if genome in means]
        assert summary.mean_accuracy == pytest.approx(statistics.fmean(means_of_individuals))

    assert len(search.generations) == 3


def test_searches_differ_by_seed_only() -> None:
    outcomes = [outcome(finish(Search(small_settings(seed=seed)))) for seed in (0, 1)]
    assert outcomes[0] != outcomes[1]

    with_workers = finish(Search(small_settings(seed=0, workers=7)))
    assert outcome(with_workers) == outcomes[0]


def test_selection_uses_validation_where_there_is_one() -> None:
    """The second individual is the best in validation, and the worst in training."""

    def evaluation(task: Task) -> Evaluation:
        if task.individual == 1:
            return Evaluation(task, "ok", Scores(Metrics(98.0), Metrics(51.0)))
        return Evaluation(task, "ok", Scores(Metrics(99.0), Metrics(50.0)))

    search = Search(small_settings(generations=1))
    best = search.population[1]

    finish(search, evaluation)

    (summary,) = search.generations
    assert summary.best == best
    assert summary.best_accuracy == 51.0


@pytest.mark.parametrize("racing", ["halving", "t-race", "fixed"])
def test_a_finished_search_that_goes_on_is_one_that_had_the_budget_from_the_start(racing) -> None:
    short = small_settings(racing=racing, finalists=2, generations=2)
    long = small_settings(racing=racing, finalists=2, generations=6)

    ended = finish(Search(short))
    extended = finish(Search.replay(long, ended.evaluations))

    assert outcome(extended) == outcome(finish(Search(long)))


def test_golden() -> None:
    golden.check("search")


def test_a_large_population_is_not_compared_with_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = 0
    equal = Genome.__eq__

    def counted(one: Genome, other: object) -> bool:
        nonlocal compared
        compared += 1
        return equal(one, other)

    monkeypatch.setattr(Genome, "__eq__", counted)
    search = Search(small_settings(population=400))
    places = [task.individual for task in search.ask() if task.repeat == 0]
    assert places == list(range(400))
    assert compared < 10 * 400
