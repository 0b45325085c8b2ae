"""A simulation is looked at in another process before a search."""

from __future__ import annotations

from pathlib import Path

import pytest

from problems.bad_simulations import BAD, HANGING
from problems.user_files import PLAIN_SHOP, SHOP, write
from shoal.errors import ProblemError
from shoal.orchestration.preflight import probe_subject
from shoal.problems.check import ProblemCheck, ProblemFinding, check_named, check_recorded
from shoal.problems.registry import describe, find_simulation
from shoal.simulations.registry import get_simulation
from support.check_clock import limit_ends_at
from support.check_here import worst_finding

pytestmark = pytest.mark.usefixtures("forked_checks")

# What has to be seen from another process: tests/cli/test_user_code.py.
IN_A_PROCESS = {"ends-its-process", "raises-at-import", "searches-as-it-is-imported"}
# Where each of `HANGING` is when it is given up.
STEPS = {
    "in-the-import": "importing it has not ended",
    "in-the-call": "one call has not returned",
}
_HINTS = """\
import shoal

@shoal.simulation(inputs=1, outputs=1, direction="maximize")
def shop(policy, scenario):
    text = {}
    return float(policy.act((1.0,))[0] > 0.0)
"""


def _checks(found: ProblemCheck) -> list[tuple[str, str]]:
    return [(finding.status, finding.check) for finding in found.findings]


def test_a_simulation_that_is_as_it_should_be(tmp_path: Path) -> None:
    file = write(tmp_path / "inventory.py", SHOP)

    found = check_named(f"{file}:shop")

    assert _checks(found) == [("good", "import"), ("good", "scores"), ("good", "speed")]
    assert not found.bad
    assert found.facts["compiled"]
    assert found.facts["steps"] == 20.0
    assert found.facts["seconds"] > 0.0
    assert found.facts["why_not_compiled"] is None
    assert "a smaller score is better (EUR)" in found.findings[0].what
    found.refuse_bad()


@pytest.mark.parametrize("name", sorted(BAD.keys() - IN_A_PROCESS))
def test_a_bad_simulation_gets_its_sentence(tmp_path: Path, name: str) -> None:
    bad = BAD[name]
    file = write(tmp_path / "inventory.py", bad.text)

    finding = worst_finding(f"{file}:shop")

    assert finding.status == "bad"
    assert bad.problem in finding.what
    assert bad.expected in finding.what
    assert bad.remedy in finding.remedy


def test_what_is_worth_knowing(tmp_path: Path) -> None:
    file = write(tmp_path / "inventory.py", _HINTS)

    found = check_named(f"{file}:shop")

    assert not found.bad
    texts = [finding.what for finding in found.findings if finding.status == "look"]
    assert "Scenarios do not differ: deterministic=True saves most of the work." in texts
    assert "100% of random policies have a score that another one has, too." in texts
    assert any(text.startswith("Not compiled: ") for text in texts)
    assert "a larger score is better" in " ".join(finding.what for finding in found.findings)


def test_the_speed_of_calls_of_different_lengths_is_that_of_policies_that_know_nothing() -> None:
    longer = "steps a call by policies that know nothing; better ones may act longer."

    (*_, pole) = check_named("cartpole").findings
    (*_, pendulum) = check_named("pendulum").findings

    assert pole.what.endswith(longer)
    # All of its episodes have 200 steps.
    assert pendulum.what.endswith("and 200 steps a call.")


@pytest.mark.parametrize("name", HANGING)
def test_what_never_returns_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    file = write(tmp_path / "inventory.py", HANGING[name])
    limit_ends_at(name.removeprefix("in-the-"), monkeypatch)

    found = check_named(f"{file}:shop", seconds=50.0)

    (finding,) = found.findings
    assert (finding.status, finding.check) == ("bad", "returns")
    assert STEPS[name] in finding.what
    assert "after 50 s. Expected: a function that returns soon" in finding.what
    assert "bound its loops" in finding.remedy


def test_what_returns_slowly_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It waits on the second call."""
    text = PLAIN_SHOP.replace("    total = 0.0\n", "    total = 0.0\n    wait()\n")
    waits = "import time\ncalls = []\n\n\ndef wait():\n    calls.append(1)\n"
    waits += "    while len(calls) > 1:\n        time.sleep(1)\n\n\n"
    file = write(tmp_path / "inventory.py", waits + text)

    limit_ends_at("look", monkeypatch)

    found = check_named(f"{file}:shop", seconds=50.0)

    assert _checks(found) == [("look", "speed")]
    assert not found.bad


def test_a_record_is_looked_at_as_another_process_finds_it(tmp_path: Path) -> None:
    file = write(tmp_path / "inventory.py", PLAIN_SHOP)
    shop = find_simulation(f"{file}:shop").with_options(price=9.0)
    record = describe(shop)

    assert not check_recorded(record).bad

    file.unlink()
    found = check_recorded(record)
    assert found.bad
    assert "is not on this machine" in found.findings[0].what


def test_what_cannot_start_a_search_is_refused() -> None:
    bad = ProblemFinding("bad", "scores", "No score is finite.", "correct the function")
    good = ProblemFinding("good", "import", "shop.")

    with pytest.raises(ProblemError, match=r"No score is finite\.") as caught:
        ProblemCheck("shop", (bad, good), {}).refuse_bad()

    assert caught.value.remedy == "correct the function"


def test_before_a_search_a_users_simulation_is_called(tmp_path: Path) -> None:
    text = PLAIN_SHOP.replace("return total / 20", "raise ValueError('out of stock')")
    file = write(tmp_path / "inventory.py", text)

    with pytest.raises(ProblemError, match=r"out of stock, in line 11 of inventory\.py"):
        probe_subject(find_simulation(f"{file}:shop"))


def test_what_comes_with_shoal_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """It costs no process."""
    monkeypatch.setattr("shoal.problems.check.Child", None)

    probe_subject(get_simulation("lost-sales"))
