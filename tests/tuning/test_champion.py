"""The champion: which genome a search recommends, and on what evidence."""

from __future__ import annotations

from shoal.data import load_dataset
from shoal.objectives.metrics import Metrics, Scores
from shoal.problems.evaluation import Evaluation, Task
from shoal.problems.table import TableProblem
from shoal.settings.phase import Phase
from shoal.tuning.champion import Selection, refit_jobs, select_champion
from shoal.tuning.search import Search
from support.searches import by_rank, finish, scored_by, small_settings

# Of two update rules, as finalists are the best of each kind.
TWO_KINDS = ("competitive", "local")


def test_a_contest_that_stays_open_says_so() -> None:
    search = Search(small_settings(finalists=2, confirmations=7, generations=1, start=TWO_KINDS))
    first = search.population

    def quality(task: Task) -> float:
        alike = {first[0]: (task.repeat * 5) % 7, first[1]: (task.repeat * 3) % 7}
        return 80.0 + alike.get(task.genome, -20.0)

    finish(search, scored_by(quality))
    selection = select_champion(search)
    assert selection is not None
    confirmation = selection.confirmation
    assert confirmation is not None
    assert confirmation.second is not None
    assert len(confirmation.accuracies) == len(confirmation.second_accuracies) == 7
    assert not confirmation.resolved
    assert confirmation.probability is not None
    assert 0.05 < confirmation.probability < 0.95


def test_the_luckiest_of_the_search_loses_to_the_best_of_the_confirmation() -> None:
    search = Search(small_settings(finalists=2, generations=1, start=TWO_KINDS))
    first = search.population

    def quality(task: Task) -> float:
        if task.genome == first[0] and task.phase is Phase.SEARCH:
            return 95.0
        if task.genome == first[1]:
            return 90.0
        return 80.0

    finish(search, scored_by(quality))
    assert search.best is not None
    assert search.best.genome == first[0]
    selection = select_champion(search)
    assert selection is not None
    assert selection.genome == first[1]
    assert selection.ranked.score == 90.0


def test_all_confirmations_fail_and_the_search_still_has_its_best() -> None:
    search = Search(small_settings(finalists=2, generations=1))
    usual = scored_by(by_rank(search))

    def evaluation(task: Task) -> Evaluation:
        if task.phase is Phase.CONFIRMATION:
            return Evaluation(task, "failed", error="x")
        return usual(task)

    finish(search, evaluation)
    assert search.done
    assert select_champion(search) == Selection(search.best) != Selection(None)  # type: ignore[arg-type]


def test_a_search_cut_off_in_its_first_generation_has_a_champion_with_its_own_networks() -> None:
    """Repeats come in any order: only a genome's third may be known when the time is over."""
    chosen = small_settings(population=3, repeats=3)
    problem = TableProblem(load_dataset("concrete", preset="classic"), chosen)
    search = Search(chosen)

    assert search.best is None

    third = search.ask()[2]
    search.tell(Evaluation(third, "ok", Scores(Metrics(90.0, mae=1.0)), 1.0, 5))
    assert search.best is not None

    assert search.best.scores == (90.0,)
    assert [job.task for job in refit_jobs(problem, Selection(search.best))] == [third]
