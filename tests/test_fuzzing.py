"""`make fuzz`: each target runs over its seeds and some damaged ones, here without atheris."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from random import Random
from typing import Any

import pytest

from shoal.inference.standalone import TableError
from support.fuzzing import __main__ as command
from support.fuzzing import tables
from support.fuzzing.targets import Finding, Target, check_sentence, damaged

ROOT = Path(__file__).parent.parent
DAMAGED = 40


def target(name: str) -> Target:
    found = import_module(f"support.fuzzing.{name}").TARGET
    assert isinstance(found, Target) and found.name == name
    return found


@pytest.mark.parametrize("name", command.TARGETS)
def test_seeds_and_damaged_ones_are_no_findings(name: str) -> None:
    fuzzed = target(name)
    seeds = fuzzed.seeds()
    for seed in seeds:
        fuzzed.run(seed)

    random = Random(5)
    for _ in range(DAMAGED):
        data = random.choice(seeds)
        for _ in range(random.randint(1, 3)):
            data = fuzzed.mutate(data, random)
        fuzzed.run(data)
        fuzzed.run(damaged(data, random))


@pytest.mark.parametrize("name", command.TARGETS)
def test_any_bytes_can_be_mutated_and_run(name: str) -> None:
    fuzzed = target(name)
    random = Random(7)
    for length in (0, 1, 2, 5, 60):
        data = random.randbytes(length)
        fuzzed.run(data)
        fuzzed.run(fuzzed.mutate(data, random))


def test_long_seeds_have_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else nothing would be compared."""
    compared: list[Any] = []
    everything = tables._everything

    def counted(read: Any) -> Any:
        compared.append(read)
        return everything(read)

    monkeypatch.setattr(tables, "_everything", counted)
    for seed in tables.seeds():
        tables._check_pieces(seed[2:])
    assert len(compared) >= 12


def test_a_reader_that_loses_a_cell_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    pieces = tables.PieceReader._pieces

    def other(self: Any, blocks: Any, header: Any) -> Any:
        changed = (block.replace(b"red", b"rod") for block in blocks)
        return pieces(self, changed, header)

    monkeypatch.setattr(tables.PieceReader, "_pieces", other)
    with pytest.raises(Finding, match="a file in pieces is another one"):
        tables.run(tables.seeds()[1])


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "empty"),
        ("t: row 2\nis bad. Expected: a number.", "of several lines"),
        (f"t: {'x' * 1000} is bad. Expected: a number.", "too long"),
        ("t: row 2 is bad. Expected: a number", "without its end"),
        ("t: row 2 is bad.", "without a remedy"),
        ("t: row 2 is bad (KeyError: 'x'). Expected: a number.", "for programmers"),
        ("t: 'NoneType' is bad: NoneType. Expected: a number.", "for programmers"),
    ],
)
def test_what_is_no_sentence_is_a_finding(text: str, what: str) -> None:
    with pytest.raises(Finding, match=what):
        check_sentence(text)
    check_sentence("t: row 2, column 'ValueError': 'x' is no number. Expected: a number.")


def test_a_target_that_raises_is_a_finding(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def read(*_: Any) -> Any:
        raise TableError("not a sentence")

    monkeypatch.setattr(tables, "read_table", read)
    file = tmp_path / "input"
    file.write_bytes(tables.seeds()[0])
    with pytest.raises(Finding, match="without its end"):
        command.main(["tables", "--input", str(file)])


def test_targets_are_documented() -> None:
    text = (ROOT / "docs" / "reports" / "reliability.md").read_text()
    for name in command.TARGETS:
        assert f"make fuzz TARGET={name}" in text
