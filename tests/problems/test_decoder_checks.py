"""Decoders of users, tried out before a search."""

from __future__ import annotations

from pathlib import Path

import pytest

import shoal
from problems.bad_decoders import BAD, GOOD, HANGING, WITH_HIDDEN_LAYERS, Bad
from problems.user_files import TINY_SEARCH, TINY_TABLE_SEARCH, write
from shoal.errors import ProblemError
from shoal.objectives.built_in_decoders import DECODERS
from shoal.orchestration import preflight
from shoal.problems.check import ProblemFinding, check_named
from shoal.problems.own_code import pin_settings
from shoal.settings.search_settings import SearchSettings
from shoal.simulations.registry import get_simulation
from support.check_clock import limit_ends_at
from support.check_here import worst_finding
from support.processes import last_json
from support.processes import shoal as command

pytestmark = pytest.mark.usefixtures("forked_checks")

# What has to be seen from another process, which costs a second each.
IN_A_PROCESS = {"another-shape", "ends-its-process", "prints"}

TINY = ("--population", "2", "--generations", "1", "--repeats", "2", "--iterations", "5")


@pytest.mark.parametrize("name", sorted(BAD.keys() - IN_A_PROCESS))
def test_a_bad_decoder_gets_its_sentence(tmp_path: Path, name: str) -> None:
    file = write(tmp_path / "mine.py", BAD[name].text)

    assert_says(BAD[name], worst_finding(f"{file}:round_off"))


@pytest.mark.parametrize("name", sorted(IN_A_PROCESS))
def test_a_bad_decoder_costs_no_more_than_its_process(tmp_path: Path, name: str) -> None:
    file = write(tmp_path / "mine.py", BAD[name].text)

    assert_says(BAD[name], check_named(f"{file}:round_off").findings[0])


def assert_says(bad: Bad, finding: ProblemFinding) -> None:
    assert finding.status == "bad"
    assert bad.problem in finding.what
    assert bad.expected in finding.what
    assert bad.remedy in finding.remedy


@pytest.mark.parametrize("text", [GOOD, WITH_HIDDEN_LAYERS], ids=["any", "hidden-layers"])
def test_a_decoder_that_works(tmp_path: Path, text: str) -> None:
    file = write(tmp_path / "mine.py", text)

    found = check_named(f"{file}:round_off")

    assert not found.bad, found.findings
    assert found.facts["seconds"] > 0
    assert found.facts["networks"] == 48
    assert "alone and among others" in str(found.findings)


@pytest.mark.parametrize("name", DECODERS)
def test_those_that_come_with_shoal(name: str) -> None:
    found = check_named(name, table={"data": "concrete"} if name != "scorecard" else None)

    assert not found.bad, found.findings


def test_options_and_a_table(tmp_path: Path) -> None:
    store = tmp_path / "shoal.db"
    done = command("check-problem", "int8", "concrete", "--json", store=store)
    assert done.returncode == 0, done.stdout
    # Eight inputs, eight hidden neurons, one output.
    assert last_json(done.stdout)["facts"]["weights"] == 81

    chosen = ("--option", "threshold=2")
    done = command("check-problem", "ternary", *chosen, "--json", store=store)
    assert done.returncode == 2
    assert "threshold=2" in last_json(done.stdout)["findings"][0]["what"]


@pytest.mark.parametrize("name", ["no-decoder", "another-shape"])
def test_no_run_starts_on_a_bad_decoder(tmp_path: Path, name: str) -> None:
    file = write(tmp_path / "mine.py", BAD[name].text)
    store = tmp_path / "shoal.db"

    for subject in ("concrete", "cartpole"):
        decoder = ("--decoder", f"{file}:round_off")
        done = command("run", subject, *decoder, *TINY, "--json", store=store)
        message = " ".join(done.stderr.split())

        assert done.returncode == 2, done.stdout + done.stderr
        assert BAD[name].problem in message
        assert BAD[name].remedy in message
        assert "Traceback" not in done.stderr
        assert not store.exists()


def test_one_that_never_returns_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(tmp_path / "mine.py", HANGING)
    decoder = f"{file}:round_off"
    table = SearchSettings.parse(pin_settings({**TINY_TABLE_SEARCH, "decoder": decoder}))
    policy = SearchSettings.parse(pin_settings({**TINY_SEARCH, "decoder": decoder}))

    for subject, settings in (
        (shoal.load_dataset("concrete"), table),
        (get_simulation("cartpole"), policy),
    ):
        limit_ends_at("call", monkeypatch)
        with pytest.raises(ProblemError, match="one call has not returned after 60 s"):
            preflight.check_search(subject, settings)
