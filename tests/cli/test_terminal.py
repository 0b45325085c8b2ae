"""What reaches the terminal: no command of others, and no traceback for want of a character."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from cli.test_tables import make_run
from shoal.cli import terminal
from shoal.cli.tables import runs_table
from shoal.cli.terminal import Terminal, accept_any_text
from shoal.system.visible_text import visible

NAME = "bad\x1b[31mred"


def printed(renderable: object, width: int = 80) -> str:
    out = io.StringIO()
    Terminal(file=out, width=width).print(renderable)
    return out.getvalue()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (NAME, "bad\\x1b[31mred"),
        ("\x07\r\x00\x7f\x9b", "\\x07\\r\\x00\\x7f\\x9b"),
        ("one\ntwo\tthree\r\nfour", "one\ntwo\tthree\nfour"),
        ("a\u202eb\u2066c", "a\\u202eb\\u2066c"),
        ("f\udcff.csv", "f\\udcff.csv"),
        ("Köln 価格 λ ± 👩‍🔬 می‌خواهم", "Köln 価格 λ ± 👩‍🔬 می‌خواهم"),
    ],
)
def test_what_could_command_a_terminal_is_written_out(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_whatever_a_command_prints_is_written_out(capsys: pytest.CaptureFixture[str]) -> None:
    table = Table(NAME)
    table.add_row(Text(NAME))
    table.add_row(NAME)
    for renderable in (NAME, Text(NAME), table, Panel(Text(NAME), title=Text(NAME))):
        text = printed(renderable)
        assert "\x1b" not in text
        assert "\\x1b" in text
    terminal.echo(NAME, err=True)
    assert capsys.readouterr().err == "bad\\x1b[31mred\n"


def test_a_live_display_has_its_own_sequences_and_no_other() -> None:
    out = io.StringIO()
    with Live(Text(NAME), console=Terminal(file=out, width=40, force_terminal=True)):
        pass
    assert "\x1b[31m" not in out.getvalue()
    assert "\x1b[?25l" in out.getvalue()


@pytest.mark.parametrize("width", range(24, 120, 3))
def test_the_number_and_the_state_of_a_run_are_there_at_any_width(width: int) -> None:
    runs = [make_run(1234), replace(make_run(2), state="finished", name=NAME)]
    lines = printed(runs_table(runs), width).splitlines()
    assert all(len(line) <= width for line in lines)
    first, second = (line.split() for line in lines[1:3])
    assert (first[0], second[0]) == ("1234", "2")
    assert "interrupted" in first
    heads = lines[0].split()
    left_out = [name for name in ("Started", "Time", "Trainings", "Gen.") if name not in heads]
    assert left_out == ["Started", "Time", "Trainings", "Gen."][: len(left_out)]


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp437", "cp932", "cp1251", "utf-8"])
def test_no_encoding_ends_a_command(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setattr(sys, "stderr", stream)
    accept_any_text()

    print("λ 価格 Köln ± … ▁█ \udcff 👩")
    Terminal(width=60).print(Panel(Text("77 % ± 2 · 価格 …")))
    stream.flush()
    text = stream.buffer.getvalue().decode(encoding)  # type: ignore[attr-defined]
    assert "77 %" in text
    if encoding == "ascii":
        assert "\\u03bb \\u4fa1\\u683c K\\xf6ln +/- ~ _# \\udcff \\U0001f469" in text


def test_a_command_on_an_ascii_terminal(tmp_path: Path) -> None:
    """The whole command, in a locale that knows nothing else."""
    table = tmp_path / "größe.csv"
    table.write_text("größe,y\n" + "".join(f"{n},{n}\n" for n in range(40)), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "shoal.cli", "check", str(table), "--target", "y"],
        env={**os.environ, "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
        capture_output=True,
        check=False,
    )
    assert b"Traceback" not in done.stderr
    assert b"gr\\xf6\\xdfe" in done.stdout


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="a device that is always full")
@pytest.mark.parametrize("as_json", [[], ["--json"]])
def test_a_full_disk_under_the_output_is_said(tmp_path: Path, as_json: list[str]) -> None:
    table = tmp_path / "t.csv"
    table.write_text("x,y\n" + "".join(f"{n},{n}\n" for n in range(40)), encoding="utf-8")
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "shoal.cli", "check", str(table), "--target", "y", *as_json],
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
            text=True,
        )
    assert done.returncode == 1
    assert done.stderr == "shoal: the output cannot be written: No space left on device.\n"
