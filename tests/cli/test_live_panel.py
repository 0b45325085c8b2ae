"""The live display of a run: as wide as the terminal, and nothing jumps."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import typer.main
from rich.console import Console
from rich.text import Text

from cli.test_tables import make_run
from shoal.analysis.progress import PhaseMark, RunPhase
from shoal.analysis.summary import Best, Summary
from shoal.cli.live_panel import LivePanel, progress_line
from shoal.cli.main import _given_again, app
from shoal.cli.next_steps import after_run, print_next
from shoal.genome.genome import Genome
from shoal.presentation.sparkline import sparkline
from shoal.settings.search_settings import SearchSettings
from shoal.store import GenerationRecord, Live, RunningTraining
from support.records import summary as generation

GENOME = Genome()


def training(worker: str, repeat: int = 0, **values: Any) -> RunningTraining:
    usual: dict[str, Any] = {
        "genome": GENOME,
        "repeat": repeat,
        "generation": 1,
        "individual": 0,
        "kind": "search",
        "worker": worker,
        "iteration": 300,
        "iterations": 1200,
        "seconds": 2.0,
        "curve": ((0, 1.5), (300, 0.012345)),
    }
    return RunningTraining(**{**usual, **values})


def followed(best: Sequence[float] = (70.0, 75.0, 83.25), **values: Any) -> Summary:
    """A running run with the best score of each generation so far."""
    settings = SearchSettings(generations=10, workers=2)
    run = replace(make_run(3), state="running", settings=settings, generations=len(best), **values)
    records = []
    for number, score in enumerate(best, 1):
        records.append(GenerationRecord(generation(number, score), 60.0 * number, 0.0))
    leader = Best(GENOME, best[-1], 4, (82.0, 84.5), 1, 0.0) if best else None
    return Summary(run, tuple(records), leader, phase=PhaseMark(RunPhase.SEARCH, 0.0))


class Screen:
    """A terminal of some size, and a panel on it."""

    def __init__(self, width: int = 80, height: int = 40) -> None:
        self._file = io.StringIO()
        self._console = Console(file=self._file, width=width, height=height)
        self.panel = LivePanel(self._console)

    def lines(self, summary: Summary, *trainings: RunningTraining) -> list[str]:
        self._file.truncate(0)
        self._file.seek(0)
        live = Live(0.0, trainings) if trainings else None
        self._console.print(self.panel.render(summary, live))
        return self._file.getvalue().splitlines()


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_the_panel_is_as_wide_as_the_terminal_and_says_it_all(width: int) -> None:
    lines = Screen(width).lines(followed(), training("a:1"), training("a:2", 1003))
    assert {len(line) for line in lines} == {width}
    text = "\n".join(lines)
    assert "83.25 % ± 1.25" in text
    assert "▁▄█  70.00 % to 83.25 %" in text
    assert "searching, generation 3 of 10 is complete" in text
    for repeat in (0, 1003):
        row = next(line for line in lines if f"{GENOME.hash[:8]}, repeat {repeat} " in line)
        assert "25 %" in row
        assert "0.01235" in row
    assert "left" in lines[1]
    assert "…" not in text


def test_nothing_jumps() -> None:
    """The panel has as many lines from the first drawing to the last, and workers keep theirs."""
    screen = Screen()
    queued = replace(followed(best=(), evaluations=0).run, state="queued")
    before = screen.lines(Summary(queued, (), None))
    both = screen.lines(followed(best=()), training("a:1"), training("a:2", 5))
    assert len(before) == len(both)
    place = next(number for number, line in enumerate(both) if "repeat 5" in line)

    # Between two trainings of the first, and later of the second.
    one = screen.lines(followed(), training("a:2", 6))
    assert len(one) == len(both)
    assert "repeat 6" in one[place]
    none = screen.lines(followed())
    assert len(none) == len(both)
    assert "waiting" in none[place]


def test_many_workers_on_a_low_terminal() -> None:
    trainings = [training(f"a:{number}", number) for number in range(30)]
    lines = Screen(80, 24).lines(followed(), *trainings)
    assert len(lines) <= 24
    assert "more workers" in "\n".join(lines)


def test_what_else_a_worker_trains() -> None:
    baseline = training("", kind="baseline", baseline="linear", iterations=0, iteration=0, curve=())
    text = "\n".join(Screen().lines(followed(), baseline))
    assert "baseline linear" in text
    assert "2 s" in text


def test_a_line_for_pipes_and_logs() -> None:
    line = progress_line(followed())
    assert line.startswith("Run 3: 3 of 10 generations, searching, best accuracy 83.25 %")
    assert "left" in line


def test_a_sparkline_has_the_last_values_and_gaps() -> None:
    assert sparkline([9, 1, 2, 3], 3) == "▁▅█"
    assert sparkline([1, None, float("nan"), 2], 9) == "▁  █"
    assert sparkline([], 9) == sparkline([1], 0) == ""
    assert sparkline([None], 9) == " "


def test_next_steps_are_for_people(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = after_run(replace(make_run(3), state="finished"), "my store.db")
    print_next(*steps)
    assert capsys.readouterr() == ("", "")

    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    print_next(*steps)
    shown = capsys.readouterr()
    assert shown.out == ""
    option = "--store 'my store.db'"
    line = f"Next: shoal export 3 --to model {option} · shoal serve {option}"
    assert Text.from_ansi(shown.err).plain.strip() == line
    print_next()
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("state", ["failed", "paused", "interrupted"])
def test_a_run_that_found_nothing_has_no_next_step(state: str) -> None:
    assert after_run(replace(make_run(3), state=state), None) == []
    assert after_run(replace(make_run(3), state="stopped", best_score=None), None) == []


@pytest.mark.parametrize(
    "words",
    [
        ["check", "concrete"],
        ["check", "concrete", "--target", "compressive_strength", "--drop", "age,water"],
        ["check", "concrete", "--folds", "3", "--role", "age=weight", "--role", "ash=column"],
    ],
)
def test_what_was_checked_can_be_searched_in_the_same_words(words: list[str]) -> None:
    command = typer.main.get_command(app).commands["check"]  # type: ignore[attr-defined]
    context = command.make_context("check", words[1:])
    assert _given_again(context) == words[1:]
