"""Why genomes stand where they do: as the races themselves decide, and as SciPy compares them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from shoal.analysis.evaluation_table import EvaluationTable
from shoal.analysis.rank_reasons import Place, leaders, rank_reasons
from shoal.data import load_dataset
from shoal.objectives.registry import ACCURACY
from shoal.presentation.rank_text import rank_text
from shoal.settings.search_settings import SearchSettings
from shoal.store import Owner, Store
from shoal.tuning.champion import select_champion
from shoal.tuning.search import Search
from support.searches import fake

SETTINGS = {"population": 8, "generations": 3, "iterations": 50, "finalists": 5}


def searched(store: Store, **settings: object) -> tuple[EvaluationTable, Search]:
    """A whole search with made-up scores, some of which fail, as it is recorded."""
    parsed = SearchSettings.parse({**SETTINGS, **settings})
    run_id, _ = store.add_run(load_dataset("concrete"), parsed)
    claim = store.claim(Owner.here(), run_id)
    assert claim is not None

    search = Search(parsed)
    while tasks := search.ask():
        for task in tasks:
            done = fake(task)
            before = len(search.generations)
            search.tell(done)
            store.record(claim, [done], search.generations[before:], seconds=1.0)
    return EvaluationTable(store, store.run(run_id)).refresh(), search


@pytest.fixture(params=["halving", "t-race", "fixed"])
def played(request: pytest.FixtureRequest, store: Store) -> tuple[EvaluationTable, Search]:
    return searched(store, racing=request.param)


def test_the_order_is_the_races_own_and_the_champion_is_first(
    played: tuple[EvaluationTable, Search],
) -> None:
    table, search = played
    selection = select_champion(search)
    assert selection is not None
    champion = selection.genome.hash
    order = leaders(table, 20, champion)
    reasons = rank_reasons(table, order, champion)

    assert order.index[0] == champion
    assert [reason.genome for reason in reasons] == order.index.tolist()
    assert reasons[0].place is Place.CHAMPION and reasons[0].behind is None

    # Those that raced to the end are ordered as the race has ordered them.
    most = max(ranked.repeats for ranked in search.confirmed)
    to_the_end = [r.genome.hash for r in search.confirmed if r.repeats == most]
    assert order.index[: len(to_the_end)].tolist() == to_the_end

    confirmed = {ranked.genome.hash: ranked.repeats for ranked in search.confirmed}
    for reason in reasons[1:]:
        if reason.genome in confirmed:
            left_early = confirmed[reason.genome] < most
            wanted = Place.LEFT_CONFIRMATION if left_early else Place.CONFIRMED
            assert (reason.place, reason.repeats) == (wanted, confirmed[reason.genome])
        else:
            assert reason.place in (Place.LEFT_RACE, Place.NO_FINALIST, Place.FAILED)


def test_figures_are_those_of_a_paired_test(played: tuple[EvaluationTable, Search]) -> None:
    table, _ = played
    order = leaders(table, 20)
    scores = table.scores(set(order.index))
    first = scores[order.index[0]]
    compared = 0

    for reason in rank_reasons(table, order)[1:]:
        if reason.behind is None:
            continue
        own = scores[reason.genome]
        is_confirmed = reason.place in (Place.CONFIRMED, Place.LEFT_CONFIRMATION)
        scored = table.settings.schedule.scored_repeats(int(order.loc[reason.genome, "repeats"]))
        repeats = [r for r in own if r in first and (r >= 10_000 if is_confirmed else r in scored)]
        a = np.array([own[r] for r in repeats])
        b = np.array([first[r] for r in repeats])
        assert reason.shared == len(repeats)
        assert reason.behind == pytest.approx(float((b - a).mean()))
        if len(repeats) > 1:
            tested = stats.ttest_rel(a, b, alternative="less")
            assert reason.probability == pytest.approx(float(tested.pvalue))
            compared += 1
    assert compared


def test_texts_name_what_decided(store: Store) -> None:
    table, search = searched(store)
    selection = select_champion(search)
    assert selection is not None
    champion = selection.genome.hash
    texts = {}
    for reason in rank_reasons(table, leaders(table, 50, champion), champion):
        texts.setdefault(reason.place, rank_text(reason, ACCURACY))

    assert texts[Place.CHAMPION].startswith("The champion, by ")
    assert texts[Place.LEFT_CONFIRMATION].startswith("Left the confirmation after ")
    assert texts[Place.LEFT_RACE].startswith("Left the race after ")
    assert "the champion on " in texts[Place.CONFIRMED]


def test_an_incumbent_that_is_kept_stands_first(store: Store) -> None:
    table, _ = searched(store)
    second = leaders(table, 2).index[1]
    order = leaders(table, 5, second)
    reasons = rank_reasons(table, order, second)
    assert order.index[0] == second
    assert reasons[1].behind is not None and reasons[1].behind < 0
    assert "ahead of the champion" in rank_text(reasons[1], ACCURACY)
    assert len(set(order.index)) == 5


def test_a_run_without_scores_has_no_leaders(store: Store) -> None:
    run_id, _ = store.add_run(load_dataset("concrete"), SearchSettings())
    table = EvaluationTable(store, store.run(run_id)).refresh()
    order = leaders(table, 5)
    assert order.empty and rank_reasons(table, order) == []
