"""Searches that select by another metric than the accuracy, from the search to the export.

Both metrics are errors: smaller scores are better, which nothing may get the wrong way round.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console, RenderableType

import shoal
from shoal.analysis.comparison import Comparison, compare
from shoal.analysis.evaluation_table import EvaluationTable
from shoal.analysis.score_rows import score_rows
from shoal.analysis.summary import Summary, summarise
from shoal.cli.comparison_table import comparison_table
from shoal.cli.tables import report
from shoal.data import Dataset
from shoal.errors import SettingsError
from shoal.export.bundle import export_run
from shoal.numerics.stats import mean
from shoal.presentation.run_json import run_row
from shoal.settings.phase import Phase
from shoal.settings.search_settings import read_settings_file
from shoal.store import Store, open_store
from support.tables import mixed_table

SMALL = {
    "incumbent": False,
    "population": 4,
    "generations": 2,
    "repeats": 2,
    "iterations": 30,
    "finalists": 3,
    "confirmations": 3,
    "networks": 2,
    "final_factor": 1,
    "workers": 1,
}


def printed(shown: RenderableType) -> str:
    """What a terminal of 80 columns shows."""
    console = Console(width=80)
    with console.capture() as captured:
        console.print(shown)
    return captured.get()


@dataclass(frozen=True)
class Searched:
    """Two finished searches that differ in their seed, and their store."""

    metric: str
    store: Store
    results: tuple[shoal.SearchResult, shoal.SearchResult]

    def summary(self, place: int = 0) -> Summary:
        return summarise(self.store, self.results[place].run.id)

    def comparison(self) -> Comparison:
        return compare([self.summary(0), self.summary(1)])


def regression() -> Dataset:
    return shoal.load_dataset("concrete", folds=1)


def classification() -> Dataset:
    return shoal.load_dataset(mixed_table(200), "kind", folds=1)


@pytest.fixture(scope="module", params=["rmse", "log_loss"])
def searched(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Searched]:
    metric: str = request.param
    data = regression() if metric == "rmse" else classification()
    with open_store(tmp_path_factory.mktemp(metric) / "shoal.db") as store:
        results = []
        for seed in (1, 2):
            # Nobody looks at those of the second.
            options = {**SMALL, "baselines": seed == 1}
            results.append(shoal.search(data, store=store, metric=metric, seed=seed, **options))
        yield Searched(metric, store, (results[0], results[1]))


def test_the_champion_has_the_smallest_confirmation(searched: Searched) -> None:
    for result in searched.results:
        confirmed: dict[str, list[float]] = {}
        for evaluation in result.evaluations:
            if evaluation.task.phase is Phase.CONFIRMATION and evaluation.score is not None:
                confirmed.setdefault(evaluation.task.genome.hash, []).append(evaluation.score)

        most = max(len(scores) for scores in confirmed.values())
        finalists = {name: mean(own) for name, own in confirmed.items() if len(own) == most}
        assert len(finalists) > 1

        champion = result.champion
        assert champion is not None
        assert champion.genome.hash == min(finalists, key=finalists.__getitem__)
        assert champion.confirmation is not None
        assert champion.confirmation.score == min(finalists.values())
        assert champion.confirmation.best_minus_mean >= 0.0
        assert champion.confirmation.best_minus_mean == pytest.approx(
            champion.confirmation.score - min(champion.confirmation.scores)
        )


def test_what_is_selected_on_is_the_metric(searched: Searched) -> None:
    for evaluation in searched.results[0].evaluations:
        assert evaluation.scores is not None
        assert evaluation.score == evaluation.scores.selection[searched.metric]


def test_the_best_of_a_generation_is_small_and_gets_smaller(tmp_path: Path) -> None:
    # Without a race all genomes have had the same trainings, so that their scores compare.
    without_race = {**SMALL, "generations": 4, "racing": "fixed", "finalists": 0}
    result = shoal.search(
        regression(),
        store=tmp_path / "shoal.db",
        metric="rmse",
        baselines=False,
        **without_race,
    )
    for record in result.generations:
        summary = record.summary
        assert summary.best_score is not None
        assert summary.mean_score is not None
        assert summary.best_score < summary.mean_score

    first, *_, last = [record.summary for record in result.generations]
    assert first.best_score is not None
    assert last.best_score is not None
    assert last.best_score < first.best_score


def test_genomes_rank_from_small_to_large_within_their_level(searched: Searched) -> None:
    table = EvaluationTable(searched.store, searched.results[0].run).refresh()
    ranked = table.ranked()

    unconfirmed = ranked[ranked["confirmations"] == 0]
    assert len(unconfirmed) > 1
    for _, level in unconfirmed.groupby("level"):
        assert level["score"].is_monotonic_increasing

    most = ranked[ranked["confirmations"] == ranked["confirmations"].max()]
    assert most["confirmed"].is_monotonic_increasing
    champion = searched.results[0].champion
    assert champion is not None
    assert ranked.index[0] == champion.genome.hash


def test_other_methods_are_sorted_from_small_to_large(searched: Searched) -> None:
    champion = searched.results[0].champion
    assert champion is not None
    rows = score_rows(champion)
    place = next(place for place, row in enumerate(rows) if row.is_champion)
    scores = [row.score for row in rows[place + 1 :] if row.score is not None]
    assert len(scores) > 2
    assert scores == sorted(scores)


def test_the_leader_of_a_comparison_has_the_smaller_confirmation(searched: Searched) -> None:
    comparison = searched.comparison()
    assert comparison.obstacles == ()
    (duel,) = comparison.duels
    rows = {f"run {row.run}": row for row in comparison.rows}
    first = rows[duel.first].confirmation
    second = rows[duel.second].confirmation
    assert first is not None
    assert second is not None
    assert first <= second

    assert duel.difference is not None
    assert duel.difference.mean == pytest.approx(second - first)
    assert duel.difference.probability >= 0.5


def test_json_has_scores_and_no_accuracy_for_one(searched: Searched) -> None:
    summary = searched.summary()
    values = json.loads(json.dumps(summary.to_dict()))
    assert values["metric"]["name"] == searched.metric
    assert values["metric"]["direction"] == "minimize"
    assert summary.best is not None
    assert values["best"]["score"] == summary.best.score
    assert "accuracy" not in values["best"]
    assert "accuracy" not in values["best"]["confirmation"]
    assert "accuracies" not in values["best"]["confirmation"]

    row = run_row(summary.run)
    assert row["best_score"] == summary.run.best_score
    assert "best_accuracy" not in row
    assert searched.comparison().to_dict()["metric"]["name"] == searched.metric


def test_texts_name_the_metric_and_no_percentage_of_it(searched: Searched) -> None:
    summary = searched.summary()
    metric = summary.run.metric
    shown = printed(report(summary))
    assert f"Best {metric.word}" in shown
    assert "smaller is better" in shown
    assert "Best accuracy" not in shown
    assert "below their mean" in " ".join(shown.replace("│", " ").split())

    compared = printed(comparison_table(searched.comparison()))
    assert "smaller is better" in " ".join(compared.split())


def test_the_export_says_what_its_scores_are(searched: Searched, tmp_path: Path) -> None:
    result = searched.results[0]
    folder = export_run(searched.store, result.run.id, tmp_path / "out")
    champion = result.champion
    assert champion is not None

    model = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    assert model["metric"]["name"] == searched.metric
    assert model["score"] == champion.score
    assert "accuracy" not in model

    table = pd.read_csv(folder / "evaluations.csv")
    assert "accuracy" not in table.columns
    assert table["score"].tolist() == [own.score for own in result.evaluations]

    assert read_settings_file(folder / "settings.toml")["metric"] == searched.metric
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert champion.metric.label in page
    assert "Accuracies are in percent" not in page


def test_runs_of_different_metrics_do_not_compare(tmp_path: Path) -> None:
    with open_store(tmp_path / "shoal.db") as store:
        data = regression()
        few = {**SMALL, "generations": 1, "finalists": 0, "baselines": False}
        by_error = shoal.search(data, store=store, metric="mae", **few)
        by_accuracy = shoal.search(data, store=store, **few)
        comparison = compare([summarise(store, run.run.id) for run in (by_error, by_accuracy)])

    assert [obstacle.what for obstacle in comparison.obstacles] == ["Another metric"]
    assert comparison.metric is None
    (duel,) = comparison.duels
    assert duel.verdict == "not comparable: another metric"
    assert "Not comparable" in printed(comparison_table(comparison))


def test_a_metric_of_the_other_task_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="log_loss"):
        shoal.search(regression(), store=tmp_path / "shoal.db", metric="log_loss", **SMALL)
    assert not (tmp_path / "shoal.db").exists()
