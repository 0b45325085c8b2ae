"""`shoal serve` as a process: it comes up, trains, ends cleanly, and leaves nobody behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from processes import alive, descendants, eventually, shoal, start
from shoal.launch import end_process, ensure_supervisor
from shoal.store import Store, open_store


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "shoal.db"


@pytest.fixture
def service(store: Path) -> Iterator[subprocess.Popen[str]]:
    process = start("serve", "--demo", "--port", "18501", store=store)
    yield process
    if process.poll() is None:
        process.kill()
    process.communicate()


def _address(service: subprocess.Popen[str]) -> str:
    assert service.stdout is not None
    found = re.search(r"http://\S+", service.stdout.readline())
    assert found, "the first line gives the address"
    return found.group()


def test_serves_a_page_and_a_search_and_ends_cleanly(service: subprocess.Popen[str], store: Path) -> None:
    with urllib.request.urlopen(_address(service), timeout=60) as page:
        assert b"<html" in page.read()
    with open_store(store) as opened:
        eventually(lambda: opened.run(1).evaluations >= 1)
        processes = list(descendants(service.pid))
        os.killpg(service.pid, signal.SIGINT)  # Ctrl-C
        assert service.wait(timeout=60) == 0
        eventually(lambda: not any(alive(pid) for pid in processes))
        assert opened.run(1).state == "interrupted"
        assert opened.run(1).evaluations == len(opened.evaluations(1)) >= 1
        assert opened.supervisors() == []


def test_killed_service_leaves_nobody_and_the_next_goes_on(service: subprocess.Popen[str], store: Path) -> None:
    _address(service)
    with open_store(store) as opened:
        eventually(lambda: opened.run(1).evaluations >= 1)
        processes = list(descendants(service.pid))
        service.kill()
        service.wait()
        eventually(lambda: not any(alive(pid) for pid in processes))
        before = opened.run(1).evaluations
        again = start("serve", "--demo", "--port", "18501", store=store)
        eventually(lambda: opened.run(1).evaluations > before)
        assert len(opened.runs()) == 1, "the demo is started once"
        again.terminate()
        again.communicate(timeout=60)


def test_killed_supervisor_is_replaced(service: subprocess.Popen[str], store: Path) -> None:
    _address(service)
    with open_store(store) as opened:
        eventually(lambda: opened.run(1).evaluations >= 1)
        (first,) = opened.supervisors()
        os.kill(first.pid, signal.SIGKILL)
        before = opened.run(1).evaluations
        eventually(lambda: opened.run(1).evaluations > before + 2)
        assert opened.supervisors()[0].pid != first.pid


def test_many_who_want_a_supervisor_start_one(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(store.parent))  # its log
    barrier = Barrier(6)

    def ensure(opened: Store) -> subprocess.Popen[bytes] | None:
        barrier.wait()
        return ensure_supervisor(opened, attached=True)

    with open_store(store) as opened, ThreadPoolExecutor(6) as threads:
        (started,) = filter(None, threads.map(ensure, [opened] * 6))
        try:
            assert [s.pid for s in opened.supervisors()] == [started.pid]
        finally:
            end_process(started)
        assert opened.supervisors() == []


def test_another_address_is_refused_without_a_password(store: Path) -> None:
    done = shoal("serve", "--host", "0.0.0.0", store=store)
    assert done.returncode == 2
    assert "127.0.0.1" in done.stderr
    assert not store.exists()
