"""What commands print of runs that solve a simulation: nothing of tables, and its own metric."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from rich.console import Console, RenderableType

from shoal.analysis.comparison import compare
from shoal.analysis.summary import Best, Summary
from shoal.cli.comparison_table import comparison_table
from shoal.cli.tables import report, runs_table
from shoal.objectives.metrics import Metrics, Scores
from shoal.objectives.registry import Metric
from shoal.presentation.run_json import run_row
from shoal.tuning.champion import Champion, Confirmation
from support.summaries import GENOME, summary, view

COST = Metric("score", "Score", "minimize", "cost per period")
CHEAP = (4.71, 4.73, 4.72)
DEAR = (4.91, 4.93, 4.92)


def record(**changes: Any) -> dict[str, Any]:
    """What a run records of a simulation."""
    usual = {
        "kind": "simulation",
        "name": "lost-sales",
        "metric": COST.to_dict(),
        "reference": "inventory.py:lost_sales",
        "sha256": "abcdef0123456789",
        "options": {"lead_time": 4},
    }
    return {**usual, **changes}


def solved(number: int, confirmed: tuple[float, ...] = CHEAP, **changes: Any) -> Summary:
    """A finished run on a simulation."""
    run = view(number, dataset="lost-sales", data_options={}, problem=record(**changes))
    tested = Metrics(others={"score": confirmed[0]})
    champion = Champion(
        genome=GENOME,
        selection_scores=confirmed,
        refitted=False,
        weights=np.zeros((3, 3), np.float32),
        scores=Scores(tested, test=tested),
        ensemble=Scores(tested, test=tested),
        confirmation=Confirmation(confirmed, metric=COST),
        metric=COST,
    )
    best = Best(
        GENOME,
        champion.score,
        len(confirmed),
        champion.ci95,
        1,
        0.0,
        champion.confirmation,
        metric=COST,
    )
    return replace(summary(number), run=run, best=best, champion=champion)


def printed(shown: RenderableType) -> str:
    """What a terminal of 80 columns shows, as one line without frames."""
    console = Console(width=80)
    with console.capture() as captured:
        console.print(shown)
    return " ".join(captured.get().replace("│", " ").split())


def test_show_says_what_is_solved_and_what_its_scores_are() -> None:
    shown = printed(report(solved(1)))
    for text in (
        "Simulation lost-sales",
        "Reference inventory.py:lost_sales",
        "Options lead_time 4",
        "Metric Score, cost per period (smaller is better)",
        "Best score 4.72",
        "below their mean",
        "3 policies were trained in scenarios of their own",
    ):
        assert text in shown

    for text in ("%", "Data", "Train ", "test part", "ccuracy"):
        assert text not in shown.replace("95 %", "")


def test_show_says_which_score_to_believe() -> None:
    found = solved(1)
    tested = replace(found.champion, episodes=(4.7, 4.9))
    believe = "their ± leaves out the luck with those: believe the test."

    assert believe in printed(report(replace(found, champion=tested)))
    # A simulation that draws nothing has one scenario.
    assert believe not in printed(report(found))


def test_lists_have_its_best_score() -> None:
    run = replace(solved(1).run, best_score=4.72, mean_score=5.0, created=0.0)
    assert "4.72" in printed(runs_table([run]))
    row = run_row(run)
    assert (row["kind"], row["metric"], row["best_score"]) == ("simulation", "score", 4.72)
    assert "best_accuracy" not in row


def test_the_cheaper_policy_leads_by_a_positive_difference() -> None:
    comparison = compare([solved(1, DEAR), solved(2, CHEAP)])
    assert comparison.obstacles == ()

    (duel,) = comparison.duels
    assert duel.first == "run 2"
    assert duel.verdict == "run 2 is better"

    assert duel.difference is not None
    assert round(duel.difference.mean, 6) == 0.2

    shown = printed(comparison_table(comparison))
    assert "Scores are of score, cost per period (smaller is better)." in shown


def test_what_keeps_simulations_from_being_compared() -> None:
    first = solved(1)
    cases = {
        "Another simulation": solved(2, name="cart-pole"),
        "Other options": solved(2, options={"lead_time": 6}),
        "Another version of its code": solved(2, sha256="0123"),
        "Another kind of problem": summary(2),
        "Another metric": solved(2, metric=replace(COST, direction="maximize").to_dict()),
    }
    for what, other in cases.items():
        comparison = compare([first, other])
        assert what in [obstacle.what for obstacle in comparison.obstacles]
        assert "Not comparable" in printed(comparison_table(comparison))
