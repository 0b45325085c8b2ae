"""`make test-long`: every slow test belongs to one named part, and the parts are documented."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from support import long_parts

ROOT = Path(__file__).parent.parent


def collected(folder: Path, *options: str) -> tuple[int, str]:
    """Pytest's exit code, and what it would run."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", *options]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def lay_tests(folder: Path, text: str) -> None:
    """A folder with tests, which are collected as ours are."""
    (folder / "conftest.py").write_text((ROOT / "tests" / "conftest.py").read_text())
    (folder / "test_it.py").write_text(f"import pytest\n{text}")


def test_a_part_runs_its_tests_and_no_others(tmp_path: Path) -> None:
    """That each slow test names one part is seen at every collection, and tested below."""
    named = [
        f'@pytest.mark.slow(part="{name}")\ndef test_{number}(): pass\n'
        for number, name in enumerate(long_parts.SLOW_PARTS)
    ]
    lay_tests(tmp_path, "".join(named) + "def test_quick(): pass\n")

    name = long_parts.SLOW_PARTS[3]
    marks = long_parts.command(name, seed=0)
    code, output = collected(tmp_path, *marks[3:5], "-o", f"pythonpath={ROOT / 'tests'}")
    assert code == pytest.ExitCode.OK, output
    assert re.findall(r"test_it\.py::(\w+)", output) == ["test_3"]


@pytest.mark.parametrize(
    ("marks", "said"),
    [
        ("@pytest.mark.slow", "[None]"),
        ('@pytest.mark.slow(part="odd")', "['odd']"),
        ('@pytest.mark.slow(part="kills")\n@pytest.mark.slow(part="races")', "['races', 'kills']"),
    ],
)
def test_a_slow_test_without_its_one_part_stops_the_suite(
    marks: str, said: str, tmp_path: Path
) -> None:
    lay_tests(tmp_path, f"{marks}\ndef test_it(): pass\n")

    options = ["-m", "not slow", "-o", f"pythonpath={ROOT / 'tests'}"]
    code, output = collected(tmp_path, *options)
    assert code == pytest.ExitCode.USAGE_ERROR
    assert f"test_it.py::test_it is slow, and in the parts {said}" in output


def test_an_unknown_part_is_told_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert long_parts.main(["kils"]) == 2
    said = capsys.readouterr().err
    assert "There is no part 'kils'" in said
    for name in long_parts.PARTS:
        assert f"  {name} " in said


def test_the_parts_can_be_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert long_parts.main(["--list"]) == 0
    assert "kill -9 at every commit" in capsys.readouterr().out


def test_a_part_that_fails_is_no_success(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = []

    def run(command: list[str], check: bool) -> subprocess.CompletedProcess[str]:
        asked.append(command)
        return subprocess.CompletedProcess(command, int("--hypothesis-seed=8" in command))

    monkeypatch.setattr(long_parts.subprocess, "run", run)

    assert long_parts.main(["kills", "--seed", "7"]) == 0
    assert long_parts.main(["properties", "--seed", "7"]) == 1
    assert len(asked) == 1 + long_parts.PARTS["properties"].rounds

    said = capsys.readouterr().out
    assert re.search(r"properties +0\.0 min  FAILED", said)
    assert "make test-long PART=properties SEED=8" in said


def test_the_parts_are_documented() -> None:
    text = (ROOT / "docs" / "reports" / "reliability.md").read_text()
    rows = re.findall(r"^\| `([\w-]+)` \| [^|]+ \| [\d.]+ \|$", text, re.MULTILINE)
    assert rows == list(long_parts.PARTS)
