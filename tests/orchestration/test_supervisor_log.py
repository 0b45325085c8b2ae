"""The log that supervisors share has what every module of Shoal decides."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import pytest

from shoal.orchestration import (
    champion_phase,
    owned_run,
    runner,
    search_phase,
    supervisor,
    webhook,
)
from shoal.system.paths import log_path, writable_log


@contextmanager
def _logging_as_before() -> Iterator[None]:
    """Whatever logs within the block does not afterwards."""
    logger = logging.getLogger("shoal")
    level = logger.level
    before = list(logger.handlers)
    yield

    for handler in [handler for handler in logger.handlers if handler not in before]:
        logger.removeHandler(handler)
        handler.close()

    logger.setLevel(level)


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    with _logging_as_before():
        supervisor._start_log()
        yield log_path()


@pytest.mark.parametrize("name", ["executors.job_queue", "orchestration.webhook", "store.leases"])
def test_every_module_writes_to_it_under_its_own_name(log: Path, name: str) -> None:
    logging.getLogger(f"shoal.{name}").warning("a worker died")
    logging.getLogger(f"shoal.{name}").debug("not interesting")
    logging.getLogger("another.library").error("not ours")
    (line,) = log.read_text().splitlines()
    assert line.endswith(f"WARNING shoal.{name}: a worker died")


def test_without_a_place_for_its_file_it_goes_to_standard_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # No user can make a folder in a file.
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "file"))
    assert writable_log() is None

    with _logging_as_before():
        supervisor._start_log()
        logging.getLogger("shoal.store.leases").info("run 1: claimed")

    first, second = capsys.readouterr().err.splitlines()
    assert "supervisor.log cannot be written (Not a directory)" in first
    assert second.endswith("INFO shoal.store.leases: run 1: claimed")


def test_where_it_is_wanted_on_standard_error_no_file_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("SHOAL_LOG", "stderr")
    assert writable_log() is None

    with _logging_as_before():
        supervisor._start_log()
        logging.getLogger("shoal.store.leases").info("run 1: claimed")

    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("INFO shoal.store.leases: run 1: claimed")
    assert list(tmp_path.iterdir()) == []


def test_a_supervisor_that_cannot_serve_says_why_at_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("SHOAL_STORE", str(tmp_path / "other.db"))
    (tmp_path / "other.db").write_text("no database")
    with _logging_as_before(), pytest.raises(SystemExit, match="is not an SQLite database"):
        supervisor.main([])
    assert "is not an SQLite database" in log_path().read_text()


@pytest.mark.parametrize(
    "module", [supervisor, runner, owned_run, search_phase, champion_phase, webhook]
)
def test_each_module_that_drives_runs_has_a_logger_of_its_own(module: ModuleType) -> None:
    assert module._log.name == module.__name__
