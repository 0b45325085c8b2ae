"""Property tests draw the same examples in every run of the suite, and new ones on request."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from support import property_tests

TESTS = Path(__file__).parent

EXAMPLE = """
from hypothesis import given, strategies as st

drawn = []

@given(st.integers())
def test_property(number):
    drawn.append(number)

def test_print():
    print("drawn:", drawn)
"""


@pytest.fixture
def example(tmp_path: Path) -> Path:
    """A folder with one property test, and this suite's conftest."""
    (tmp_path / "conftest.py").write_text((TESTS / "conftest.py").read_text())
    (tmp_path / "test_example.py").write_text(EXAMPLE)
    return tmp_path


def run(folder: Path, *options: str) -> tuple[str, str]:
    """The head of pytest's output about property tests, and what was drawn."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-s",
        "-p",
        "no:cacheprovider",
        "-o",
        f"pythonpath={TESTS}",
        *options,
    ]
    done = subprocess.run([*command, "."], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr

    lines = done.stdout.splitlines()
    (head,) = [line for line in lines if line.startswith("property tests:")]
    (drawn,) = [line.partition("drawn: ")[2] for line in lines if "drawn: " in line]
    return head, drawn


def test_the_suite_draws_the_same_examples_in_every_run(
    example: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(property_tests.SEED_VARIABLE, raising=False)
    first, again = run(example), run(example)
    assert first == again
    assert "steady" in first[0]
    assert not (example / ".hypothesis" / "examples").exists(), (
        "those of an earlier run would be drawn first"
    )


def test_examples_do_not_depend_on_what_is_imported(
    example: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(property_tests.SEED_VARIABLE, raising=False)
    alone = run(example)

    (example / "constants_of_ours.py").write_text(
        f"NUMBERS = {list(range(1_000_003, 9_000_000, 70_001))}"
    )
    (example / "test_example.py").write_text("import constants_of_ours\n" + EXAMPLE)
    assert run(example, "-o", f"pythonpath={TESTS} {example}") == alone


def test_exploring_draws_others_and_its_seed_repeats_them(
    example: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(property_tests.SEED_VARIABLE, raising=False)
    head, drawn = run(example, "--hypothesis-profile=explore")
    option = head.split()[-1]
    assert option.startswith("--hypothesis-seed=")

    assert run(example, option) == (head, drawn)
    assert run(example, "--hypothesis-profile=explore")[1] != drawn

    monkeypatch.setenv(property_tests.SEED_VARIABLE, option.partition("=")[2])
    assert run(example) == (head, drawn)


def settings_calls() -> Iterator[tuple[str, ast.Call]]:
    """Every use of Hypothesis's ``settings(...)`` in the tests, and where it stands."""
    for path in TESTS.rglob("*.py"):
        if path == TESTS / "support" / "property_tests.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id == "settings"
            ):
                yield f"{path.relative_to(TESTS)}:{node.lineno}", node


def test_no_test_undoes_the_profile() -> None:
    found = list(settings_calls())
    assert len(found) > 30

    for place, call in found:
        given = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
        assert not given.keys() & {"derandomize", "database"}, place
        assert given.get("deadline", "None") == "None", place
        allowed = ("WITH_FIXTURES", "list(HealthCheck)")
        assert given.get("suppress_health_check", "WITH_FIXTURES") in allowed, (
            f"{place} may fail by the clock"
        )


def test_no_profile_looks_at_the_clock() -> None:
    for name in (property_tests.STEADY, property_tests.EXPLORE):
        profile = settings.get_profile(name)
        assert profile.deadline is None
        assert HealthCheck.too_slow in profile.suppress_health_check
