"""Objectives and losses of users, tried out before a search."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import shoal
from problems.bad_objectives import BAD, HANGING, Bad
from problems.user_files import write
from shoal.errors import ObjectiveError, ProblemError, ShoalError
from shoal.objectives.built_in import ROW_LOSSES, TABLE_OBJECTIVES
from shoal.objectives.lookup import find_built_in
from shoal.problems import check_process
from shoal.problems.check import ProblemFinding, check_named
from shoal.problems.own_checks import check_own
from shoal.problems.table import TableProblem
from shoal.problems.target_sample import TargetSample
from shoal.problems.trial import OwnCheck
from shoal.settings.search_settings import SearchSettings
from support.check_clock import limit_ends_at

pytestmark = pytest.mark.usefixtures("forked_checks")

# What has to be seen from another process, which costs a second each.
IN_A_PROCESS = {"ends-its-process", "raises-at-import", "prints", "loss-does-not-compile"}

PROFIT = """\
import numpy as np
import shoal


@shoal.objective("maximize", columns=("amount",), unit="EUR per row")
def profit(score, y, amount, *, share=0.2, cost=2.0):
    count = int(share * len(y))
    top = np.argsort(-score, axis=1)[:, :count]
    return (amount[top] * y[top]).sum(axis=1) / len(y) - share * cost


@shoal.row_loss(nonnegative=True)
def lopsided(output, target, late=3.0):
    error = output - target
    return error if error > 0 else -late * error
"""


def bad_finding(found: OwnCheck) -> ProblemFinding:
    return next(finding for finding in found.findings if finding.status == "bad")


def texts(found: OwnCheck, status: str) -> list[str]:
    return [finding.what for finding in found.findings if finding.status == status]


def assert_says(bad: Bad, what: str, remedy: str) -> None:
    assert bad.problem in what
    assert bad.expected in what
    assert bad.remedy in remedy


# ---- Bad input -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(BAD.keys() - IN_A_PROCESS))
def test_a_bad_function_gets_its_sentence(tmp_path: Path, name: str) -> None:
    bad = BAD[name]
    file = write(tmp_path / "mine.py", bad.text)

    try:
        own = check_process.find(f"{file}:profit")
    except ShoalError as error:
        finding = ProblemFinding.of("import", error)
    else:
        found = check_own(own)
        finding = bad_finding(found)
        assert not found.facts.get("ties")

    assert_says(bad, finding.what, finding.remedy)


@pytest.mark.parametrize("name", sorted(IN_A_PROCESS))
def test_a_bad_function_costs_no_more_than_its_process(tmp_path: Path, name: str) -> None:
    bad = BAD[name]
    file = write(tmp_path / "mine.py", bad.text)

    found = check_named(f"{file}:profit")

    assert found.bad
    assert_says(bad, found.findings[0].what, found.findings[0].remedy)


@pytest.mark.parametrize(
    ("name", "step", "said"),
    [
        ("in-the-import", "import", "importing it has not ended"),
        ("in-the-call", "call", "one call has not returned"),
        ("of-a-loss", "call", "one call has not returned"),
    ],
)
def test_what_never_returns_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, step: str, said: str
) -> None:
    file = write(tmp_path / "mine.py", HANGING[name])
    limit_ends_at(step, monkeypatch)

    found = check_named(f"{file}:profit", seconds=50.0)

    (finding,) = found.findings
    assert (finding.status, finding.check) == ("bad", "returns")
    assert said in finding.what
    assert "after 50 s. Expected: a function that returns soon" in finding.what


# ---- Good input ------------------------------------------------------------------------------


def test_a_good_objective_and_a_good_loss(tmp_path: Path) -> None:
    file = write(tmp_path / "mine.py", PROFIT)

    found = check_named(f"{file}:profit", options={"share": 0.1})
    assert not found.bad
    assert found.facts["networks"] == 48
    assert found.facts["rows"] == 200
    assert found.facts["seconds"] > 0.0
    assert "handed outputs='score' and the column amount; a larger value is better (EUR" in str(
        found.findings
    )

    found = check_named(f"{file}:lopsided")
    assert not found.bad
    assert found.facts["compiled"]
    assert [finding.status for finding in found.findings] == ["good", "good", "good"]


@pytest.mark.parametrize(
    "name", [*TABLE_OBJECTIVES, *ROW_LOSSES, "roc_auc", "log_loss", "r2", "mean_gamma_deviance"]
)
def test_whatever_is_offered_is_good(name: str) -> None:
    found = check_own(find_built_in(name))

    assert not texts(found, "bad")
    assert not [finding for finding in found.findings if finding.check == "direction"]


def test_an_option_that_is_wrong_is_said(tmp_path: Path) -> None:
    found = check_named("top_share", options={"share": 2.0})
    assert found.findings[0].what == "share=2. Expected: more than 0, and at most 1."

    found = check_named("top_share", options={"part": 0.1})
    assert "has no option 'part'. Expected: one of share" in found.findings[0].what


# ---- What is worth a look --------------------------------------------------------------------


def test_a_wrong_direction() -> None:
    @shoal.objective("maximize", outputs="unscaled")
    def error(predicted, y):
        return np.abs(predicted - y).mean(axis=1)

    (look,) = [finding for finding in check_own(error).findings if finding.check == "direction"]

    assert "says direction='maximize', and a perfect prediction has " in look.what
    assert look.remedy.startswith("write direction='minimize'")
    assert look.status == "look"


def test_a_loss_that_is_least_for_noise() -> None:
    @shoal.row_loss()
    def backwards(output, target):
        return -abs(output - target)

    looks = texts(check_own(backwards), "look")

    assert any("for noise, which is less: a loss is minimised" in text for text in looks)


def test_a_loss_that_is_never_negative_may_say_so() -> None:
    @shoal.row_loss()
    def absolute(output, target):
        return abs(output - target)

    assert texts(check_own(absolute), "look") == ["No value of the row loss absolute was below 0."]


def test_values_that_are_not_finite_now_and_then() -> None:
    @shoal.objective("maximize", outputs="unscaled")
    def fragile(predicted, y):
        values = -np.abs(predicted - y).mean(axis=1)
        values[values < -20.0] = np.nan
        return values

    @shoal.row_loss()
    def logarithm(output, target):
        return -np.log(output - 30.0)

    assert any("is not finite for" in text for text in texts(check_own(fragile), "look"))
    assert any(
        "a network with such a row is lost" in text for text in texts(check_own(logarithm), "look")
    )


def test_steps_give_a_swarm_little_to_go_by() -> None:
    found = check_own(find_built_in("accuracy"))
    (look,) = texts(found, "look")
    assert "have the same value, so that a swarm has little to go by" in look

    assert check_own(find_built_in("mean_absolute_error")).facts["ties"] == 0.0


def test_the_task_that_fits_counts_where_none_is_named() -> None:
    @shoal.objective("minimize", outputs="score")
    def squares(score, y):
        if set(np.unique(y)) <= {0, 1}:
            raise ValueError("these are classes")
        return ((score - y) ** 2).mean(axis=1)

    assert not texts(check_own(squares), "bad")


def test_what_is_compiled_by_numba_is_tried_too() -> None:
    numba = pytest.importorskip("numba")

    @shoal.objective("minimize", outputs="unscaled")
    @numba.njit
    def worst(predicted, y):
        found = np.empty(len(predicted))
        for p in range(len(predicted)):
            found[p] = np.abs(predicted[p] - y).max()
        return found

    assert not texts(check_own(worst), "bad")


# ---- Rows ------------------------------------------------------------------------------------


def concrete() -> TableProblem:
    return TableProblem(shoal.load_dataset("concrete"), SearchSettings())


def table(tmp_path: Path) -> Path:
    rows = ["x,amount,event,time,label"]
    for row in range(60):
        rows.append(f"{row % 7},{10 + row},{row % 3 == 0:d},{1 + row * 37 % 50},{'ab'[row % 2]}")
    return write(tmp_path / "table.csv", "\n".join(rows) + "\n")


def test_rows_of_a_table(tmp_path: Path) -> None:
    file = write(tmp_path / "mine.py", PROFIT)
    data = str(table(tmp_path))

    found = check_named(f"{file}:profit", table={"data": data, "target": "label"})
    assert not found.bad, found.findings
    assert found.facts["rows"] == 42
    assert "on 42 rows of table:" in str(found.findings)

    found = check_named(f"{file}:profit", table={"data": data, "target": "x", "task": "regression"})
    assert not found.bad, found.findings


def test_a_table_that_does_not_fit(tmp_path: Path) -> None:
    data = str(table(tmp_path))
    found = check_named("f1", table={"data": data, "target": "time", "task": "regression"})
    assert "The objective f1 does not fit a regression target" in found.findings[0].what

    file = write(tmp_path / "mine.py", PROFIT.replace('"amount"', '"gain"'))
    found = check_named(f"{file}:profit", table={"data": data, "target": "label"})
    assert found.bad
    assert found.findings[0].check == "table"
    assert "gain" in found.findings[0].what

    found = check_named("lost-sales", table={"data": data, "target": "label"})
    assert "lost-sales is solved without a table" in found.findings[0].what


def test_a_sample_is_not_the_whole_table() -> None:
    sample = TargetSample.of_table(concrete())

    assert 0 < len(sample.y) <= 1000
    np.testing.assert_allclose(
        sample.units.handed("unscaled", sample.perfect_network())[0], sample.y, rtol=1e-6
    )
    assert not texts(check_own(find_built_in("tolerance"), sample), "bad")


def test_a_column_without_a_role_is_missing() -> None:
    sample = TargetSample.of_table(concrete())

    with pytest.raises(ObjectiveError, match="needs the column 'event', which has no role"):
        sample.bind_objective(find_built_in("concordance"))


def test_several_targets_are_tried_together() -> None:
    @shoal.objective("minimize", outputs="unscaled")
    def error(predicted, y):
        return np.abs(predicted - y).mean(axis=(1, 2))

    y = np.random.default_rng(0).normal(size=(50, 2)) * [1.0, 100.0]
    scale, offset = y.std(axis=0), y.mean(axis=0)
    sample = TargetSample("50 rows", "regression", 0, y, scale, offset, {})
    again = TargetSample.from_dict(json.loads(json.dumps(sample.to_dict())))

    for own in (error, find_built_in("pinball")):
        assert not texts(check_own(own, again), "bad")
        assert not texts(check_own(own, again), "look")


# ---- Before a search -------------------------------------------------------------------------


@pytest.mark.parametrize("setting", ["objective", "metric"])
def test_no_search_starts_on_a_bad_function(tmp_path: Path, setting: str) -> None:
    file = write(tmp_path / "mine.py", BAD["changes-the-outputs"].text)
    store = tmp_path / "shoal.db"

    with pytest.raises(ProblemError, match="The objective profit changes outputs"):
        shoal.search(shoal.load_dataset("concrete"), store=store, **{setting: f"{file}:profit"})

    assert not store.exists()


def test_no_search_starts_on_an_option_without_meaning(tmp_path: Path) -> None:
    store = tmp_path / "shoal.db"
    chosen = {"name": "tolerance", "within": -1.0}

    with pytest.raises(ProblemError, match="0 or more, in the target's unit"):
        shoal.search(shoal.load_dataset("concrete"), store=store, objective=chosen)

    assert not store.exists()
