"""Folders for temporary files that go when their process is gone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from shoal.system.private_folder import make_private_folder

MAKE_ONE_AND_DIE = """
import os, signal
from shoal.system.private_folder import make_private_folder
folder = make_private_folder("mine-")
(folder / "file").touch()
os.kill(os.getpid(), signal.SIGKILL)
"""

# A supervisor's process, as far as it matters here.
FORK = """
import os, signal
from shoal.system import forkserver
forkserver.PRELOAD = ["json"]
forkserver.warm_up()
assert forkserver.is_ready(60)
"""
FORK_AND_DIE = FORK + "os.kill(os.getpid(), signal.SIGKILL)"


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Path:
    """The system's place for temporary files, short enough for a socket's address."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        monkeypatch.setenv("TMPDIR", folder)
        monkeypatch.setattr(tempfile, "tempdir", folder)
        yield Path(folder)


def run_until_killed(code: str) -> None:
    done = subprocess.run([sys.executable, "-c", code], check=False)
    assert done.returncode == -signal.SIGKILL


def test_it_is_for_us_alone(place: Path) -> None:
    folder = make_private_folder("mine-")
    assert folder.parent == place
    assert folder.stat().st_mode & 0o777 == 0o700


def test_folders_of_processes_that_were_killed_are_removed(place: Path) -> None:
    run_until_killed(MAKE_ONE_AND_DIE)
    (left,) = place.iterdir()
    ours = make_private_folder("mine-")
    others = [place / "mine-no-number", place / f"mine-{os.getppid()}-alive", place / "yours-1-x"]
    for other in others:
        other.mkdir()
    link = left.with_name(left.name + "-link")
    link.symlink_to(others[0])

    new = make_private_folder("mine-")
    assert not left.exists()
    assert set(place.iterdir()) == {ours, new, link, *others}


@pytest.mark.skipif(sys.platform != "linux", reason="there is a fork server on Linux only")
def test_a_killed_process_leaves_no_folder_of_multiprocessing_for_long(place: Path) -> None:
    run_until_killed(FORK_AND_DIE)
    (folder,) = place.iterdir()
    assert folder.name.startswith("shoal-mp-")
    assert [inside.name.partition("-")[0] for inside in folder.iterdir()] == ["pymp"]
    make_private_folder("shoal-mp-")
    assert [folder.name.split("-")[2] for folder in place.glob("shoal-mp-*")] == [str(os.getpid())]


@pytest.mark.skipif(sys.platform != "linux", reason="there is a fork server on Linux only")
def test_a_process_that_ends_by_itself_leaves_no_folder_of_multiprocessing(place: Path) -> None:
    done = subprocess.run([sys.executable, "-c", FORK], capture_output=True, check=True)
    assert not done.stderr
    assert not list(place.iterdir())
