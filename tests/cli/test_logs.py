"""`--log-level`: on standard error of the command, and in the log of the supervisors it starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.processes import last_json, shoal

TINY = [
    *["--preset", "classic", "--population", "3", "--generations", "1"],
    *["--iterations", "10", "--repeats", "1", "--workers", "1"],
]


def supervisor_log(store: Path) -> list[str]:
    """The lines that supervisors of that store's user have written."""
    return (store.parent / "shoal" / "supervisor.log").read_text().splitlines()


def test_debug_logs_on_standard_error_and_leaves_the_output_alone(tmp_path: Path) -> None:
    store = tmp_path / "shoal.db"
    quiet = shoal("runs", store=store)
    told = shoal("--log-level", "debug", "runs", store=store)
    assert told.returncode == 0
    assert " DEBUG shoal." in told.stderr
    assert told.stdout == quiet.stdout
    assert quiet.stderr == ""


def test_the_environment_is_the_option(tmp_path: Path) -> None:
    told = shoal("runs", store=tmp_path / "shoal.db", prefix=["env", "SHOAL_LOG_LEVEL=DEBUG"])
    assert told.returncode == 0
    assert " DEBUG shoal." in told.stderr


@pytest.mark.parametrize("arguments", [["--log-level", "loud", "runs"], ["run", "--log-level", ""]])
def test_a_level_that_there_is_not_is_refused(arguments: list[str], tmp_path: Path) -> None:
    store = tmp_path / "shoal.db"
    done = shoal(*arguments, store=store)
    assert done.returncode == 2
    assert "Expected: debug, info, warning, error." in done.stderr
    assert "What to do:" in done.stderr
    assert not store.exists(), "nothing is written on bad input"


def test_the_supervisor_of_a_run_logs_its_claims_at_the_level_that_was_asked_for(
    tmp_path: Path,
) -> None:
    store = tmp_path / "shoal.db"
    done = shoal("run", *TINY, "--json", "--log-level", "debug", store=store)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.strip().splitlines()) == 1
    assert last_json(done.stdout)["state"] == "finished"

    lines = supervisor_log(store)
    assert any(" INFO " in line and "run 1: claimed by" in line for line in lines), lines
    assert any(" DEBUG shoal." in line for line in lines), lines


def test_without_the_option_a_supervisor_logs_claims_and_no_details(tmp_path: Path) -> None:
    store = tmp_path / "shoal.db"
    assert shoal("run", *TINY, "--json", store=store).returncode == 0
    lines = supervisor_log(store)
    assert any("run 1: claimed" in line for line in lines), lines
    assert not any(" DEBUG " in line for line in lines), lines


def test_a_level_before_the_command_is_that_of_its_supervisor_too(tmp_path: Path) -> None:
    store = tmp_path / "shoal.db"
    assert shoal("--log-level", "error", "run", *TINY, "--json", store=store).returncode == 0
    log = store.parent / "shoal" / "supervisor.log"
    assert not log.exists() or log.read_text() == ""
