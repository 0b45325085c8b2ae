"""Runs side by side: the right test for what they share, and "unresolved" where it is."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from scipy import stats
from typer.testing import CliRunner

from shoal.analysis.comparison import Comparison, comparable_pair, compare
from shoal.analysis.run_differences import differing, obstacles
from shoal.analysis.summary import Summary
from shoal.cli.comparison_table import comparison_table
from shoal.cli.main import app
from shoal.data import load_dataset
from shoal.errors import AnalysisError
from shoal.numerics.stats import mean
from shoal.objectives.metrics import Metrics, Scores
from shoal.orchestration.runner import Runner
from shoal.settings.search_settings import SearchSettings
from shoal.store import Owner, Store, open_store
from support.fakes import InlineExecutor
from support.processes import last_json
from support.summaries import GOOD, OPTIONS, POOR, summary, view


def seeded(seed: int, **more: Any) -> SearchSettings:
    return SearchSettings(seed=seed, **more)


def test_the_same_seed_pairs_repeats_and_sees_what_means_alone_do_not() -> None:
    lower = tuple(a - 0.2 - 0.05 * (n % 2) for n, a in enumerate(GOOD))
    (duel,) = compare([summary(1, lower), summary(2, GOOD)]).duels
    assert (duel.first, duel.second, duel.measure) == ("run 2", "run 1", "confirmation"), (
        "the leader comes first"
    )
    assert duel.difference is not None and duel.difference.paired and duel.difference.count == 5
    expected = stats.ttest_rel(GOOD, lower)
    assert duel.difference.mean == pytest.approx(mean(GOOD) - mean(lower))
    assert (duel.difference.low, duel.difference.high) == pytest.approx(
        tuple(expected.confidence_interval())
    )
    assert duel.difference.resolved and duel.verdict == "run 2 is better"
    assert not stats.ttest_ind(GOOD, lower, equal_var=False).pvalue < 0.05

    apart = compare([summary(1, lower, settings=seeded(1)), summary(2, GOOD)])
    assert apart.duels[0].difference is not None and not apart.duels[0].difference.paired
    assert apart.duels[0].verdict == "unresolved"
    assert "no random streams" in apart.duels[0].how


def test_other_seeds_are_compared_by_welch() -> None:
    (duel,) = compare([summary(1, POOR, settings=seeded(7)), summary(2, GOOD)]).duels
    expected = stats.ttest_ind(GOOD, POOR, equal_var=False)
    assert duel.difference is not None
    assert (duel.difference.low, duel.difference.high) == pytest.approx(
        tuple(expected.confidence_interval())
    )
    assert duel.difference.probability == pytest.approx(1 - expected.pvalue / 2)
    assert duel.difference.resolved == (expected.pvalue < 0.05)


def test_only_common_repeats_are_paired() -> None:
    (duel,) = compare([summary(1, GOOD), summary(2, POOR[:3])]).duels
    assert duel.difference is not None and duel.difference.count == 3
    assert duel.difference.mean == pytest.approx(mean(GOOD[:3]) - mean(POOR[:3]))


def test_equal_champions_are_unresolved() -> None:
    (duel,) = compare([summary(1, GOOD), summary(2, GOOD)]).duels
    assert duel.difference is not None and duel.difference.probability == 0.5
    assert duel.verdict == "unresolved"


def test_without_a_confirmation_the_search_is_compared_and_a_lone_one_flatters() -> None:
    classic = SearchSettings(preset="classic")
    (duel,) = compare(
        [summary(1, settings=classic), summary(2, found=POOR, settings=classic)]
    ).duels
    assert duel.measure == "search" and duel.difference is not None and duel.difference.paired
    (mixed,) = compare([summary(1, GOOD), summary(2, found=POOR, settings=classic)]).duels
    assert mixed.difference is not None and not mixed.difference.paired
    assert "run 2 was not confirmed, which flatters it" in mixed.how


def test_what_did_not_finish_is_left_out_of_the_tests_in_one_line() -> None:
    """Also where it leads, as the searches saw it."""
    going = replace(summary(3, GOOD), champion=None, run=view(3, state="stopped"))
    found = compare([summary(1, POOR), summary(2, GOOD), going])
    assert [(duel.first, duel.second) for duel in found.duels] == [("run 2", "run 1")]
    assert found.rows[2].search == mean(GOOD)
    assert found.untested == (3,)
    line = "Not tested, as only a finished run has a champion: run 3 (stopped)."
    assert found.untested_text == line
    assert line in " ".join(shown(found, 80).split())
    assert found.to_dict()["untested"] == [3]

    assert compare([summary(1, GOOD), going]).duels == ()
    with pytest.raises(AnalysisError, match="Run 3 did not finish"):
        compare([summary(1, POOR), summary(2, GOOD), going], against=3)


def test_eighty_columns_cut_no_number_and_no_word() -> None:
    names = ["concrete with a rather long name", "b", "c", "d"]
    runs = [summary(n + 997, GOOD if n else POOR, name=name) for n, name in enumerate(names)]
    lines = shown(compare(runs), 80).splitlines()
    assert max(map(len, lines)) <= 80
    head, *rows = lines[:5]
    assert head.split()[:6] == ["Run", "Name", "Search", "Confirmed", "Test", "Ensemble"]
    for row, run in zip(rows, runs, strict=True):
        assert run.best is not None and run.best.confirmation is not None
        assert row.split()[0] == str(run.run.id)
        assert f"{run.best.confirmation.score:.2f} ± " in row
        assert "…" not in row.split(f"{run.best.score:.2f}")[1]
    assert any(line.split()[:1] == ["Champions"] and "Verdict" in line for line in lines)


def test_one_repeat_says_nothing() -> None:
    (duel,) = compare([summary(1, GOOD[:1]), summary(2, POOR[:1])]).duels
    assert duel.difference is None and "too few repeats" in duel.verdict


@pytest.mark.parametrize(
    ("other", "what"),
    [
        ({"dataset_hash": "def"}, "Another table"),
        ({"data_options": OPTIONS | {"target": "z"}}, "Another target"),
        ({"data_options": OPTIONS | {"seed": 1}}, "Another split"),
        ({"data_options": OPTIONS | {"weight": "w"}}, "Other weights of rows"),
        ({"data_options": OPTIONS | {"folds": 1}}, "Selected on other rows"),
        ({"data_options": OPTIONS | {"preset": "classic", "folds": 1}}, "Another split"),
    ],
)
def test_what_does_not_compare_is_named_and_not_tested(other: dict[str, Any], what: str) -> None:
    found = compare([summary(1, GOOD), summary(2, POOR, **other)])
    assert what in [obstacle.what for obstacle in found.obstacles]
    assert "run 1" in str(found.obstacles[0]) and "run 2" in str(found.obstacles[0])
    assert found.duels[0].difference is None and "not comparable" in found.duels[0].verdict


def test_other_settings_compare_and_are_listed() -> None:
    one = view(
        1, settings=SearchSettings(generations=4, bounds={"swarm_size": (10, 40)}, workers=1)
    )
    two = view(2, settings=SearchSettings(generations=8, sampler="random", workers=2))
    assert obstacles([one, two]) == ()

    listed = {setting.name: setting.values for setting in differing([one, two])}
    assert listed == {
        "generations": ("4", "8"),
        "sampler": ("genetic", "random"),
        "bounds.swarm_size": ("[10.0, 40.0]", "none"),
    }


def test_methods_are_paired_by_seed() -> None:
    rng = np.random.default_rng(0)
    luck = rng.normal(0.0, 2.0, 4)  # of a seed: both methods meet it
    edge = (1.0, 1.2, 0.8, 1.1)
    runs = [
        summary(
            10 * n + seed,
            tuple(80 + luck[seed] + n * edge[seed] + np.array([-1.0, 0.0, 1.0])),
            settings=s,
        )
        for n, sampler in enumerate(("random", "genetic"))
        for seed in range(4)
        for s in [seeded(seed, sampler=sampler)]
    ]
    found = compare(runs)
    duel = next(duel for duel in found.methods if duel.measure == "confirmation")
    assert (duel.first, duel.second) == ("sampler genetic", "sampler random")
    assert duel.difference is not None and duel.difference.paired and duel.difference.count == 4
    assert duel.difference.mean == pytest.approx(mean(edge))
    assert duel.verdict == "sampler genetic is better"
    assert {duel.measure for duel in found.methods} == {
        "confirmation",
        "search",
        "test",
        "ensemble",
    }
    assert all(d.verdict == "unresolved" for d in found.methods if d.measure == "test"), (
        "they are all the same"
    )

    others = [
        *runs[:4],
        *(replace(s, run=replace(s.run, settings=seeded(9 + n))) for n, s in enumerate(runs[4:])),
    ]
    apart = next(duel for duel in compare(others).methods if duel.measure == "confirmation")
    assert apart.difference is not None and not apart.difference.paired
    assert "their seeds differ" in apart.how


def test_no_methods_without_several_runs_of_two() -> None:
    alone = [summary(n, GOOD, settings=seeded(n)) for n in range(1, 5)]
    assert compare(alone).methods == ()
    assert compare([*alone, summary(9, POOR, settings=seeded(1, sampler="random"))]).methods == ()


@pytest.mark.parametrize(
    ("summaries", "against", "problem"),
    [
        ([summary(1)], None, "run 1 to compare"),
        ([summary(1), summary(1)], None, "runs 1, 1 to compare"),
        ([summary(n) for n in range(1, 10)], None, "to compare"),
        ([summary(1), summary(2)], 3, "Run 3 is not among"),
        ([replace(summary(n), best=None, champion=None) for n in (1, 2)], None, "has a result yet"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    summaries: list[Summary], against: int | None, problem: str
) -> None:
    with pytest.raises(AnalysisError, match=problem):
        compare(summaries, against)


def test_against_another_run_than_the_leader() -> None:
    found = compare([summary(1, POOR), summary(2, GOOD), summary(3, GOOD)], against=1)
    assert [duel.first for duel in found.duels] == ["run 1", "run 1"]
    assert found.duels[0].verdict == "run 2 is better"


def shown(found: Comparison, width: int = 160) -> str:
    out = io.StringIO()
    Console(file=out, width=width, color_system=None).print(comparison_table(found))
    return out.getvalue()


def test_the_terminal_shows_what_was_found() -> None:
    text = shown(
        compare([summary(1, GOOD, name="[red]mine[/red]"), summary(2, POOR, settings=seeded(3))])
    )
    assert "[red]mine[/red]" in text, "a name is text"
    assert f"{mean(GOOD):.2f} ± " in text
    assert "run 1 is better" in text and "Welch" in text
    assert "seed" in text


def test_columns_in_which_no_run_has_a_value_are_left_out() -> None:
    columns = ("Search", "Confirmed", "Test", "Ensemble", "Trainings")
    both = [summary(1, GOOD), summary(2, POOR)]
    # A function has neither a test nor an ensemble.
    without = []
    for number, scores in ((1, GOOD), (2, POOR)):
        found = summary(number, scores)
        assert found.champion is not None
        trained = Scores(Metrics(90.0))
        untested = replace(found.champion, scores=trained, ensemble=trained)
        without.append(replace(found, champion=untested))

    def heads(found: Comparison) -> list[str]:
        head = shown(found).splitlines()[0].split()
        return [column for column in columns if column in head]

    assert heads(compare(both)) == list(columns)
    assert heads(compare([both[0], without[1]])) == list(columns)
    assert heads(compare(without)) == ["Search", "Confirmed", "Trainings"]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "shoal.db") as opened:
        yield opened


def test_the_command_reads_what_searches_recorded(store: Store) -> None:
    data = load_dataset("concrete")
    small: dict[str, Any] = {
        "population": 4,
        "generations": 2,
        "iterations": 7,
        "baselines": False,
        "finalists": 2,
    }
    for sampler in ("genetic", "random"):
        store.add_run(data, SearchSettings.parse({**small, "sampler": sampler}))
        claim = store.claim(Owner.here())
        assert claim is not None
        assert Runner(store, claim, make_executor=partial(InlineExecutor)).drive() == "finished"

    where = ["--store", str(store.path)]
    found = last_json(CliRunner().invoke(app, ["compare", "1", "2", "--json", *where]).stdout)
    assert [row["run"] for row in found["runs"]] == [1, 2]
    assert found["not_comparable"] == [] and found["settings"] == {"sampler": ["genetic", "random"]}

    (test,) = found["tests"]
    assert test["measure"] == "confirmation" and test["paired"]

    confirmed = {row["run"]: row["confirmation"] for row in found["runs"]}
    assert test["first"] == f"run {max(confirmed, key=lambda run: confirmed[run])}"

    assert comparable_pair(store, store.run_entries()) == [2, 1]
    store.archive(2)
    assert comparable_pair(store, store.run_entries()) == []

    text = CliRunner().invoke(app, ["compare", "1", "2", *where])
    assert text.exit_code == 0 and "sampler" in text.stdout and "random" in text.stdout

    refused = CliRunner().invoke(app, ["compare", "1", *where])
    assert isinstance(refused.exception, AnalysisError) and "2 to 8 different runs" in str(
        refused.exception
    )
