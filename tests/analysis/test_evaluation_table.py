"""Evaluations in columns: the same as the records, however they came."""

from __future__ import annotations

import io
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from shoal.analysis.evaluation_table import EvaluationTable
from shoal.dashboard.charts.leaderboard import leaderboard_chart, leaderboard_data, repeats_data
from shoal.dashboard.session.downloads import as_csv, as_parquet
from shoal.data import load_dataset
from shoal.numerics.stats import ci95_half_width, mean
from shoal.problems.evaluation import Evaluation
from shoal.problems.table import TableProblem
from shoal.settings.phase import Phase
from shoal.settings.search_settings import SearchSettings
from shoal.store import EVALUATION_COLUMNS, Owner, Store, open_store
from shoal.tuning.search import Search
from support.fakes import pretend

SETTINGS = SearchSettings.parse({"population": 6, "generations": 3, "iterations": 50})


@pytest.fixture
def recorded(store: Store) -> tuple[Store, int, Search]:
    """A whole search whose trainings are pretended; one in nine failed."""
    dataset = load_dataset("concrete")
    run_id, _ = store.add_run(dataset, SETTINGS)
    claim = store.claim(Owner.here(), run_id)
    assert claim is not None
    search, problem, number = Search(SETTINGS), TableProblem(dataset, SETTINGS), 0

    while tasks := search.ask():
        for task in tasks:
            number += 1
            done = pretend(problem, task) if number % 9 else Evaluation(task, "failed", error="no")
            before = len(search.generations)
            search.tell(done)
            store.record(claim, [done], search.generations[before:], seconds=float(number))

    return store, run_id, search


def test_it_has_what_was_recorded_in_that_order(recorded: tuple[Store, int, Search]) -> None:
    store, run_id, _ = recorded
    frame = EvaluationTable(store, store.run(run_id)).refresh().frame
    renamed = ["score" if name == "accuracy" else name for name in EVALUATION_COLUMNS]

    assert list(frame.columns) == renamed

    found = store.evaluations(run_id)
    assert frame["genome"].tolist() == [e.task.genome.hash for e in found]

    for name in ("repeat", "generation", "individual"):
        assert frame[name].tolist() == [getattr(e.task, name) for e in found]
    for name in ("status", "iterations", "seconds", "worker"):
        assert frame[name].tolist() == [getattr(e, name) for e in found]
    for name in ("score", "loss"):
        wanted = [np.nan if getattr(e, name) is None else getattr(e, name) for e in found]
        np.testing.assert_array_equal(frame[name].to_numpy(), wanted)

    assert frame["created"].is_monotonic_increasing


def test_it_reads_only_what_is_new(
    recorded: tuple[Store, int, Search], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, run_id, _ = recorded
    rows = store.evaluation_rows(run_id)
    late, asked = EvaluationTable(store, store.run(run_id)), []

    def some(_run: int, after: int = 0) -> list[tuple[object, ...]]:
        asked.append(after)
        return [row for row in rows if row[0] > after][:17]

    monkeypatch.setattr(store, "evaluation_rows", some)
    for _ in range(len(rows) // 17 + 2):
        late.refresh()
    assert asked == [0, *(row[0] for row in rows[16::17]), rows[-1][0], rows[-1][0]][: len(asked)]
    monkeypatch.undo()
    pd.testing.assert_frame_equal(
        late.frame, EvaluationTable(store, store.run(run_id)).refresh().frame
    )


def test_scores_are_those_of_the_search(recorded: tuple[Store, int, Search]) -> None:
    store, run_id, search = recorded
    table = EvaluationTable(store, store.run(run_id)).refresh()
    genomes = table.genomes()

    assert table.genomes() is genomes, "computed once for the same evaluations"

    searched = {e.task.genome for e in search.evaluations if e.task.phase is Phase.SEARCH}
    assert set(genomes.index) == {genome.hash for genome in searched}

    for genome in searched:
        row, standing = genomes.loc[genome.hash], search.standing(genome)
        assert row["score"] == pytest.approx(standing.score, nan_ok=True, abs=1e-12) or (
            standing.score is None and np.isnan(row["score"])
        )
        assert (row["counted"], row["level"]) == (standing.repeats, standing.level)
        assert (
            row["hidden_layers"] == genome.hidden_layers and row["swarm_size"] == genome.swarm_size
        )
        assert table.genome(genome.hash) == genome

    assert table.genome("0" * 16) is None


def test_scores_follow_what_is_new_as_if_all_were_scored_again(tmp_path: Path) -> None:
    problem = TableProblem(load_dataset("concrete"), SETTINGS)
    with open_store(tmp_path / "shoal.db") as store:
        run_id, _ = store.add_run(problem.dataset, SETTINGS)
        claim = store.claim(Owner.here())
        assert claim is not None
        table, search, sizes = EvaluationTable(store, store.run(run_id)), Search(SETTINGS), []
        while tasks := search.ask():
            for task in tasks:
                told = pretend(problem, task)
                search.tell(told)
                store.record(claim, [told], [], 1.0)
            whole = EvaluationTable(store, store.run(run_id)).refresh().genomes()
            pd.testing.assert_frame_equal(table.refresh().genomes(), whole)
            sizes.append(len(whole))
        assert len(set(sizes)) > 2 and table.genomes()["confirmations"].any()


def test_the_first_of_the_ranked_is_the_champion(recorded: tuple[Store, int, Search]) -> None:
    store, run_id, search = recorded
    table = EvaluationTable(store, store.run(run_id)).refresh()
    confirmed = [standing.genome.hash for standing in search.confirmed]
    assert table.ranked().index[: len(confirmed)].tolist() == confirmed
    assert not table.ranked()["score"].isna().any()


def test_leaders_have_their_dots_and_intervals(recorded: tuple[Store, int, Search]) -> None:
    store, run_id, search = recorded
    table = EvaluationTable(store, store.run(run_id)).refresh()
    best = leaderboard_data(table, 4)
    dots = repeats_data(table, best)

    assert best["rank"].tolist() == [1, 2, 3, 4]
    assert set(dots["genome"]) == set(best.index)

    first = next(s for s in search.confirmed if s.genome.hash == best.index[0])
    values = [a for a in search.standing(first.genome).scores if a is not None]
    half = ci95_half_width(values)
    expected = math.nan if half is None else half
    assert best["half"].iloc[0] == pytest.approx(expected, nan_ok=True)
    assert best["luck"].iloc[0] == pytest.approx(max(values) - mean(values))
    assert sorted(dots[(dots["rank"] == 1) & (dots["phase"] == "confirmation")]["score"]) == sorted(
        a for a in first.scores if a is not None
    )

    figure = leaderboard_chart(best, dots)
    points = [layer for layer in figure["layer"] if layer["mark"]["type"] == "point"]
    shown = [row["score"] for layer in points for row in layer["data"]["values"]]
    low, high = points[0]["encoding"]["x"]["scale"]["domain"]

    assert all(low < x < high for x in shown)

    drawn = dots[dots["counted"] | (dots["phase"] == "confirmation")]
    assert len(shown) == len(drawn)


def test_of_nothing(tmp_path: Path) -> None:
    with open_store(tmp_path / "shoal.db") as store:
        run_id, _ = store.add_run(load_dataset("concrete"), SETTINGS)
        table = EvaluationTable(store, store.run(run_id)).refresh()
        assert table.frame.empty and table.genomes().empty and leaderboard_data(table).empty
        assert (
            leaderboard_chart(
                leaderboard_data(table), repeats_data(table, leaderboard_data(table))
            )["layer"]
            == []
        )


def test_a_table_taken_away_runs_nothing_and_is_exact(tmp_path: Path) -> None:
    text = ["=1+1", "-x", "@x", "+x", "\tx", "plain", "-1.5"]
    frame = pd.DataFrame(
        {"text": text, "value": [0.1 + 0.2, -1.0, np.nan, 1e300, 5e-324, 0.0, 1 / 3]}
    )
    back = pd.read_csv(io.BytesIO(as_csv(frame)))

    assert back["text"].tolist() == ["'=1+1", "'-x", "'@x", "'+x", "'\tx", "plain", "-1.5"]
    assert frame["text"].tolist() == text, "the table itself is not touched"

    np.testing.assert_array_equal(back["value"].to_numpy(), frame["value"].to_numpy())
    file = tmp_path / "t.parquet"
    file.write_bytes(as_parquet(frame))
    pd.testing.assert_frame_equal(
        pd.read_parquet(file).astype({"text": object}), frame.astype({"text": object})
    )
