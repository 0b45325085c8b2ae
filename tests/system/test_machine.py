"""Which machine this is, and whether a process of it still runs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from shoal.system import machine
from support.processes import eventually

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.fixture
def anew() -> Iterator[None]:
    """The machine is asked again, now and afterwards."""
    machine.machine_id.cache_clear()
    yield
    machine.machine_id.cache_clear()


@linux
@pytest.mark.parametrize("changed", ["_BOOT", "_MACHINE", "_NAMESPACES"])
def test_another_boot_machine_or_namespace_is_another_machine(
    changed: str, anew: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = machine.machine_id()
    assert here == machine.machine_id()

    other = tmp_path / "other"
    other.write_text("another one")
    monkeypatch.setattr(machine, changed, other if changed == "_BOOT" else (other,))
    machine.machine_id.cache_clear()
    assert machine.machine_id() not in (None, here)


def test_without_a_boot_nobody_is_sure_which_machine_it_is(
    anew: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Cloned machines have the same machine-id.
    monkeypatch.setattr(machine, "_BOOT", tmp_path / "missing")
    monkeypatch.setattr(sys, "platform", "linux")
    assert machine.machine_id() is None


@linux
def test_a_process_is_told_from_a_later_one_with_its_id() -> None:
    start = machine.process_start(os.getpid())
    assert start is not None
    assert machine.process_exists(os.getpid())
    assert machine.process_exists(os.getpid(), start)
    assert not machine.process_exists(os.getpid(), start - 1)


@linux
def test_a_process_that_was_killed_is_gone_before_its_parent_knows() -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    start = machine.process_start(process.pid)
    assert machine.process_exists(process.pid, start)
    process.kill()
    eventually(lambda: not machine.process_exists(process.pid, start))
    process.communicate()
    assert machine.process_start(process.pid) is None
