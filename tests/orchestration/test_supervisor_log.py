"""The log that supervisors share has what every module of Shoal decides."""

from __future__ import annotations

import logging
from collections.abc import Iterator
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
from shoal.system.paths import log_path


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    logger = logging.getLogger("shoal")
    level = logger.level
    before = list(logger.handlers)
    supervisor._start_log()
    yield log_path()

    for handler in [handler for handler in logger.handlers if handler not in before]:
        logger.removeHandler(handler)
        handler.close()

    logger.setLevel(level)


@pytest.mark.parametrize("name", ["executors.job_queue", "orchestration.webhook", "store.leases"])
def test_every_module_writes_to_it_under_its_own_name(log: Path, name: str) -> None:
    logging.getLogger(f"shoal.{name}").warning("a worker died")
    logging.getLogger(f"shoal.{name}").debug("not interesting")
    logging.getLogger("another.library").error("not ours")
    (line,) = log.read_text().splitlines()
    assert line.endswith(f"WARNING shoal.{name}: a worker died")


@pytest.mark.parametrize(
    "module", [supervisor, runner, owned_run, search_phase, champion_phase, webhook]
)
def test_each_module_that_drives_runs_has_a_logger_of_its_own(module: ModuleType) -> None:
    assert module._log.name == module.__name__
