"""Files that appear when they are complete; what a killed process left is removed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from shoal.system import file_lock
from shoal.system.part_file import part_file

# Writes half of a file, says so, and waits.
HALF_WRITTEN = """
import sys
from pathlib import Path
from shoal.system.part_file import part_file
with part_file(Path(sys.argv[1])) as part:
    part.write_text("half")
    part.with_name("beside").write_text("a journal")
    print("half", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "copy.db"


@pytest.fixture
def writer(target: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Another process, half way through the same file."""
    process = subprocess.Popen(
        [sys.executable, "-c", HALF_WRITTEN, str(target)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout
    assert process.stdout.readline() == b"half\n"
    yield process
    process.kill()
    process.communicate()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_appears_when_it_is_complete(target: Path) -> None:
    with part_file(target) as part:
        part.write_text("whole")
        part.with_name("beside").write_text("a journal")
        assert not target.exists()
        assert part.parent.stat().st_mode & 0o777 == 0o700
    assert names(target.parent) == ["copy.db"]
    assert target.read_text() == "whole"


def test_of_a_block_that_raises_nothing_stays(target: Path) -> None:
    def half() -> None:
        with part_file(target) as part:
            part.write_text("half")
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        half()
    assert names(target.parent) == []


def test_what_a_killed_process_left_is_removed_by_the_next(
    target: Path, writer: subprocess.Popen[bytes]
) -> None:
    os.kill(writer.pid, signal.SIGKILL)
    writer.wait()
    assert len(names(target.parent)) == 1

    with part_file(target) as part:
        part.write_text("whole")
    assert names(target.parent) == ["copy.db"]


def test_what_a_live_process_writes_is_left_alone(
    target: Path, writer: subprocess.Popen[bytes]
) -> None:
    with part_file(target) as part:
        part.write_text("mine")
    assert len(names(target.parent)) == 2, "the other's folder, and our file"

    writer.communicate()
    assert writer.returncode == 0
    assert names(target.parent) == ["copy.db"]
    assert target.read_text() == "half"


def test_a_file_of_another_name_cleans_up_too(
    target: Path, writer: subprocess.Popen[bytes]
) -> None:
    """Nightly backups have the date in their names."""
    other = target.parent / ".a.part-of-something-else"
    other.mkdir()
    writer.kill()
    writer.wait()
    with part_file(target.with_name("other.db")) as part:
        part.write_text("whole")
    assert names(target.parent) == [other.name, "other.db"]


@pytest.mark.skipif(file_lock.fcntl is None, reason="Windows has no such locks")
def test_a_disk_without_locks_takes_a_file_and_keeps_what_may_be_alive(
    target: Path, writer: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_locks(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    writer.kill()
    writer.wait()
    monkeypatch.setattr(file_lock.fcntl, "flock", no_locks)
    with part_file(target) as part:
        part.write_text("whole")
    assert len(names(target.parent)) == 2
    assert target.read_text() == "whole"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="a pipe with a name")
def test_devices_and_pipes_are_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(OSError, match="no file"), part_file(pipe):
        raise AssertionError("there is nothing to write to")
    assert pipe.is_fifo()
