"""Compiled functions are kept for their user alone; trouble with the disk costs only time."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from numba.core import config
from numba.core.caching import IndexDataCacheFile

from shoal.numerics import compiled_code
from shoal.numerics.compiled_code import cache_home, can_keep_in, kept_njit


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder of the user's, below which compiled code is kept."""
    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path / "cache"))
    can_keep_in.cache_clear()
    yield cache_home()
    can_keep_in.cache_clear()


def compiled() -> Callable[[float], float]:
    """A small function, decorated anew."""

    def twice(x: float) -> float:
        return x + x

    function: Callable[[float], float] = kept_njit([Path(__file__)])(twice)
    return function


def files(home: Path) -> list[Path]:
    return sorted(path for path in home.rglob("*.nb?"))


def test_what_is_compiled_is_kept(home: Path) -> None:
    assert compiled()(2.0) == 4.0
    assert {path.suffix for path in files(home)} == {".nbi", ".nbc"}

    again: Any = compiled()
    assert again(2.0) == 4.0
    assert sum(again.stats.cache_hits.values()) == 1


def test_nobody_else_may_write_there_whatever_the_umask_is(home: Path) -> None:
    before = os.umask(0)
    try:
        assert compiled()(2.0) == 4.0
    finally:
        os.umask(before)
    assert home.stat().st_mode & 0o777 == 0o700
    assert home.parent.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_all_may_write_is_closed(home: Path) -> None:
    home.mkdir(parents=True)
    home.chmod(0o777)
    assert compiled()(2.0) == 4.0
    assert home.stat().st_mode & 0o777 == 0o700
    assert files(home)


def test_what_another_user_may_change_is_not_run(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.mkdir(parents=True)
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    assert compiled()(2.0) == 4.0
    assert files(home) == []


def test_a_folder_that_cannot_be_made_costs_nothing(home: Path) -> None:
    home.parent.write_text("a file")
    assert compiled()(2.0) == 4.0


@pytest.mark.parametrize("suffix", [".nbi", ".nbc"])
@pytest.mark.parametrize("content", [b"", b"damaged", None], ids=str)
def test_a_damaged_file_is_made_anew(home: Path, suffix: str, content: bytes | None) -> None:
    assert compiled()(2.0) == 4.0
    (file,) = (path for path in files(home) if path.suffix == suffix)
    if content is None:
        content = file.read_bytes()[: file.stat().st_size // 2]
    file.write_bytes(content)

    assert compiled()(2.0) == 4.0
    again: Any = compiled()
    assert again(2.0) == 4.0
    assert sum(again.stats.cache_hits.values()) == 1, "it was mended"


def test_a_full_disk_costs_nothing(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(IndexDataCacheFile, "save", full)
    assert compiled()(2.0) == 4.0
    assert files(home) == []


NOBODY = """
import os, pathlib
def unknown():
    raise RuntimeError("Could not determine home directory.")
pathlib.Path.home = unknown
from shoal.numerics.compiled_code import cache_home, can_keep_in
from shoal.system.paths import default_path, writable_log
assert not can_keep_in(cache_home()), cache_home()
assert writable_log() is None
print(default_path())
"""


@pytest.mark.skipif(os.geteuid() == 0 and Path("/nonexistent").exists(), reason="there is one")
def test_a_user_without_a_home_has_no_place_to_keep_anything(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("XDG_DATA_HOME", "XDG_CACHE_HOME", "NUMBA_CACHE_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(compiled_code, "take_own_folder", lambda _: False)
    # Root could make it, so nobody does.
    nobody = "import shoal.system.private_folder as p\np.take_own_folder = lambda _: False\n"
    os_access = "import os\nos.access = lambda *_: False\n"
    done = subprocess.run(
        [sys.executable, "-c", os_access + nobody + NOBODY], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout.decode().strip() == "/nonexistent/.local/share/shoal/shoal.db"
