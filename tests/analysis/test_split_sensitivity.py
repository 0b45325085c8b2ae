"""A champion's genome on other splits, and searches that differ in their sampler side by side."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from rich.console import Console

from shoal.analysis.score_rows import score_rows
from shoal.analysis.split_sensitivity import CHAMPION, SplitJob, resplit_scores, summarise_splits
from shoal.analysis.summary import summarise
from shoal.cli.tables import splits_table
from shoal.data import Dataset, load_dataset, resplit
from shoal.errors import DataError
from shoal.genome.genome import Genome
from shoal.objectives.metrics import Metrics
from shoal.objectives.registry import ACCURACY, METRICS
from shoal.orchestration.runner import Runner
from shoal.problems.table import TableProblem
from shoal.pso.engines import get_engine
from shoal.settings.search_settings import SearchSettings
from shoal.store import Owner, Store, open_store
from shoal.tuning.baselines import NAMES, Baseline
from support.fakes import HereExecutor
from support.processes import last_json
from support.processes import shoal as command

GENOME = Genome(hidden_layers=(4,))
QUICK = {
    "iterations": 20,
    "generations": 1,
    "population": 3,
    "finalists": 2,
    "confirmations": 2,
    "networks": 2,
    "final_factor": 1,
    "baselines": False,
}


def row(accuracy: float, together: float, error: str | None = None) -> Baseline:
    if error:
        return Baseline("adam", "", error=error)
    return Baseline("adam", "", (accuracy,), Metrics(accuracy), Metrics(together))


def test_methods_are_compared_split_by_split() -> None:
    splits = [
        {"A": row(80, 81), "B": row(70, 70), "C": row(0, 0, "no"), CHAMPION: row(82, 85)},
        {"A": row(84, 89), "B": row(60, 64), "C": row(0, 0, "no"), CHAMPION: row(86, 91)},
    ]
    rows = summarise_splits(splits)
    assert [r.label for r in rows] == [CHAMPION, "A", "B", "C"]

    best, a, b, c = rows
    assert best.is_champion and best.behind[0] == 0.0
    assert (a.splits, a.single[0], a.ensemble[0], a.behind[0]) == (2, 82.0, 85.0, 3.0)
    assert a.behind[1] == pytest.approx(12.706 * 1.0, rel=1e-3)  # Student's t, differences 4 and 2
    assert b.behind[0] == 21.0
    assert (c.splits, c.error) == (0, "no")
    assert summarise_splits(splits[:1])[0].ensemble == (85.0, None)

    console = Console(width=80, file=StringIO(), force_terminal=False)
    console.print(splits_table(rows, ACCURACY))
    shown = console.file.getvalue()  # type: ignore[attr-defined]

    assert "2 other random splits" in shown and "3.00 ± 12.71" in shown
    assert [line.split("  ")[0] for line in shown.splitlines()[1:5]] == [CHAMPION, "A", "B", "C"]


def test_where_smaller_errors_are_better_the_smallest_ensemble_comes_first() -> None:
    rmse = METRICS["rmse"]

    def scored(single: float, together: float) -> Baseline:
        return Baseline("adam", "", (single,), Metrics(rmse=single), Metrics(rmse=together))

    splits = [{"A": scored(5.0, 4.0), "B": scored(9.0, 8.0), CHAMPION: scored(6.0, 5.0)}]
    better, champion, worse = summarise_splits(splits, rmse)
    assert (better.label, champion.label, worse.label) == ("A", CHAMPION, "B")
    # How far a method is behind the champion: below 0 where it is ahead.
    assert (better.behind.mean, champion.behind.mean, worse.behind.mean) == (-1.0, 0.0, 3.0)


def test_every_split_is_what_that_split_alone_gives() -> None:
    data = load_dataset("concrete")
    problem = TableProblem(data, SearchSettings(iterations=20, final_factor=1, workers=2))
    *_, done = resplit_scores(problem, GENOME, 2, [3, 4, 5], workers=2)

    assert len(done) == 3
    assert all(set(split) == {CHAMPION, *NAMES.values()} for split in done)

    for other in resplit(data, [3, 4, 5]):
        alone = SplitJob(other, GENOME, 2).run(problem, get_engine("cpu"))
        assert [split for split in done if split[CHAMPION].accuracies == alone[CHAMPION].accuracies]

    assert len({split["Linear model"].accuracies for split in done}) == 3


def test_without_test_rows_there_is_nothing_to_compare() -> None:
    problem = TableProblem(load_dataset("concrete", test_fraction=0), SearchSettings())
    with pytest.raises(DataError, match="test_fraction"):
        next(resplit_scores(problem, GENOME, 1, [1]))


def _drive(store: Store, data: Dataset, **given: Any) -> None:
    run_id, _ = store.add_run(data, SearchSettings(**{**QUICK, **given}))
    claim = store.claim(Owner.here(), run_id)
    assert claim is not None
    assert Runner(store, claim, make_executor=HereExecutor).drive() == "finished"


def test_searches_that_differ_in_their_sampler_stand_in_each_other_s_report(tmp_path: Path) -> None:
    table = pd.DataFrame(
        {
            "a": range(60),
            "b": [(7 * i) % 11 for i in range(60)],
            "y": [i / 2 + i % 3 for i in range(60)],
        }
    )
    data, other = load_dataset(table, "y"), load_dataset(table, "y", seed=1)
    with open_store(tmp_path / "shoal.db") as store:
        for given in (
            {},
            {"sampler": "random", "seed": 4},
            {"sampler": "random"},
            {"iterations": 10, "sampler": "random"},
        ):
            _drive(store, data, **given)
        _drive(store, other, sampler="random")
        store.add_run(data, SearchSettings(**QUICK, sampler="random"))  # not finished
        summary = summarise(store, 1)
        assert list(summary.competing_runs) == ["Random search (run 3)"]
        assert list(summarise(store, 3).competing_runs) == ["Genetic search (run 1)"]
        assert (
            summarise(store, 4).competing_runs
            == summarise(store, 5).competing_runs
            == summarise(store, 6).competing_runs
            == {}
        )
        champion, rival = summary.champion, summary.competing_runs["Random search (run 3)"]
        assert (
            champion is not None
            and rival.scores.test is not None
            and rival.ensemble.test is not None
        )
        shown = next(
            r
            for r in score_rows(champion, summary.competing_runs)
            if r.label == "Random search (run 3)"
        )
        assert (shown.score, shown.ensemble) == (
            rival.scores.test.accuracy,
            rival.ensemble.test.accuracy,
        )
        assert (
            summary.to_dict()["competing_runs"]["Random search (run 3)"]["scores"]["test"][
                "accuracy"
            ]
            == shown.score
        )

    told = command("show", "1", store=tmp_path / "shoal.db")
    assert "Random search (run 3)" in told.stdout
    assert (
        "Stability" in told.stdout
        and f"margin {champion.genome.stability_margin:.2f}" in told.stdout
    )

    split = command("splits", "1", "--splits", "2", "--json", store=tmp_path / "shoal.db")
    assert split.returncode == 0, split.stderr

    found = last_json(split.stdout)
    assert found["splits"] == 2
    assert {method["label"] for method in found["methods"]} == {CHAMPION, *NAMES.values()}


def test_what_is_done_to_the_table_is_said_and_kept(tmp_path: Path) -> None:
    store = tmp_path / "shoal.db"
    short = ["--generations", "1", "--population", "2", "--iterations", "5", "--evaluations", "4"]
    (tmp_path / "quick.toml").write_text("baselines = false")
    done = command(
        "run", "concrete", *short, "--settings", str(tmp_path / "quick.toml"), store=store
    )

    assert done.returncode == 0, done.stderr
    assert "Note: age is taken as its logarithm" in done.stderr

    with open_store(store) as opened:
        assert any(
            "age is taken as its logarithm" in event.text for event in opened.events(run_id=1)
        )
