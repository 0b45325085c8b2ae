"""report.html of a run that solves a simulation: whole, harmless, and true to the record."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from shoal.analysis.evaluation_table import EvaluationTable
from shoal.analysis.summary import load_champion, summarise
from shoal.export import export_run, report_page
from shoal.export.report_policy import PolicyReport
from shoal.export.report_work import STEPS, score_by_work
from shoal.export.svg_lines import line_chart
from shoal.numerics.stats import mean
from shoal.orchestration.runner import Runner
from shoal.presentation.formatting import score_text
from shoal.problems.registry import find_simulation
from shoal.settings.search_settings import SearchSettings
from shoal.simulations.definition import Simulation
from shoal.simulations.registry import get_simulation
from shoal.store import Owner, Store, open_store
from support.fakes import HereExecutor
from support.pages import check_harmless

HOSTILE = '<script>alert(1)</script> " & </style>'
SMALL: dict[str, Any] = {
    "population": 2,
    "generations": 2,
    "repeats": 2,
    "max_repeats": 2,
    "iterations": 3,
    "scenarios": 1,
    "validation_scenarios": 2,
    "test_scenarios": 12,
    "finalists": 1,
    "confirmations": 2,
    "final_factor": 1,
    "workers": 1,
}
# A simulation of a user, in plain Python, of seven steps.
OWN = """
import shoal

@shoal.simulation(inputs=1, outputs=1, compiled=False)
def follow(policy, scenario):
    return sum(abs(float(policy.act((x,))[0]) - x) for x in (scenario.uniform() for _ in range(7)))
"""


def searched(store: Store, simulation: Simulation, name: str | None = None) -> None:
    """Search in this process."""
    settings = SearchSettings.parse({"preset": "simulation", **SMALL})
    store.add_run(simulation, settings, name=name)
    claim = store.claim(Owner.here())
    assert claim is not None
    assert Runner(store, claim, make_executor=HereExecutor).drive() == "finished"


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, Path]]:
    """A store with run 1 on a bundled simulation and run 2 on the file of a user."""
    folder = tmp_path_factory.mktemp("policy-report")
    own = folder / "follow.py"
    own.write_text(OWN)
    with open_store(folder / "shoal.db") as store:
        searched(store, get_simulation("lost-sales", periods=60), HOSTILE)
        searched(store, find_simulation(f"{own}:follow"))
        yield store, own


def test_the_report_of_a_policy_is_whole_harmless_and_true(
    opened: tuple[Store, Path], tmp_path: Path
) -> None:
    store, _ = opened
    folder = export_run(store, 1, tmp_path / "model")
    page = (folder / "report.html").read_text()
    parsed = check_harmless(page)
    text = parsed.text

    run = store.run(1)
    champion = load_champion(store, run)
    assert champion is not None
    assert HOSTILE in text
    assert run.result_hash is not None and run.result_hash in text
    for score in (champion.score, champion.confirmation.score, mean(champion.episodes)):
        assert score_text(score, run.metric) in text
    assert "12 of the test, all disjoint" in text
    assert "lead_time 4" in text
    assert "optimum" in text and "4.728" in text, "what is known of this simulation"
    assert "policy.act([0.0, 0.0, 0.0, 0.0])" in text
    assert "The first scenario of the test: 110 steps" in text
    assert page.count('class="dot"') == len(champion.episodes) == 12
    assert "accuracy" not in text.lower()
    assert "rows" not in text.lower()


def test_steps_are_those_of_all_trainings_up_to_a_generation(
    opened: tuple[Store, Path],
) -> None:
    store, _ = opened
    generations = store.generations(1)
    evaluations = list(store.evaluations(1, curves=False))
    points = score_by_work(generations, evaluations, STEPS)

    assert [score for _, score in points] == [r.summary.best_score for r in generations]
    of_search = [e for e in evaluations if e.task.phase.value == "search"]
    assert points[-1][0] == sum(e.scores.train["steps"] for e in of_search)
    assert 0 < points[0][0] < points[1][0]


def test_a_report_needs_no_code_and_says_why_there_is_no_episode(
    opened: tuple[Store, Path],
) -> None:
    store, own = opened
    page = report_page(store, 2).decode()
    assert "The first scenario of the test: 7 steps" in page
    assert "is never executed from there" in page

    own.write_text(own.read_text() + "\nraise SystemExit('executed')\n")
    page = report_page(store, 2).decode()
    assert "has changed since the run began" in page
    assert "It observes" not in page
    check_harmless(page)


def test_a_record_without_the_scores_of_episodes(opened: tuple[Store, Path]) -> None:
    store, _ = opened
    champion = load_champion(store, store.run(1))
    assert champion is not None
    older = replace(champion, episodes=())
    run = store.run(1)
    summary = replace(summarise(store, 1), champion=older)
    table = EvaluationTable(store, run).refresh()
    page = PolicyReport(summary, older, table, [], "None was made.").html()
    parsed = check_harmless(page)

    assert "Each dot is an episode" not in parsed.text
    assert "None was made." in parsed.text


@pytest.mark.parametrize("values", [[3.0, 3.0], [0.0, 0.0], [-1e9, 1e9], [1e-12, 2e-12]])
def test_lines_of_any_size_have_an_axis(values: list[float]) -> None:
    drawn = line_chart({"x": list(enumerate(values))}, "Step")
    assert "nan" not in drawn
    assert "<polyline" in drawn
