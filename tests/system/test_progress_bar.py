"""The bar of work that a person waits for."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import types
from typing import Any

import numpy as np
import pytest

import shoal
from shoal.errors import SettingsError
from shoal.system import progress_bar as module
from shoal.system.progress_bar import ProgressBar, progress_bar


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Place:
    """Remembers what was drawn."""

    def __init__(self) -> None:
        self.drawn: list[tuple[float, str]] = []
        self.cleared = 0

    def draw(self, share: float, text: str) -> None:
        self.drawn.append((share, text))

    def clear(self) -> None:
        self.cleared += 1


def bar_in(place: Place, clock: Clock) -> ProgressBar:
    return ProgressBar(lambda: place, clock)  # type: ignore[arg-type, return-value]


def test_short_work_shows_nothing() -> None:
    clock, place = Clock(), Place()
    with bar_in(place, clock) as bar:
        clock.now = 0.4
        assert not bar.is_due
        bar.show(0.5, "half")
    assert place.drawn == []
    assert place.cleared == 0


def test_long_work_is_drawn_now_and_then_and_goes_at_the_end() -> None:
    clock, place = Clock(), Place()
    with bar_in(place, clock) as bar:
        for step in range(20):
            clock.now = 0.6 + 0.01 * step
            bar.show(step / 20, f"step {step}\nof\x1b[31m 20")
    assert [text for _, text in place.drawn] == [
        "step 0 of\\x1b[31m 20",
        "step 10 of\\x1b[31m 20",
    ]
    assert place.cleared == 1


def test_it_is_cleared_when_the_work_fails() -> None:
    clock, place = Clock(), Place()

    def fail() -> None:
        with bar_in(place, clock) as bar:
            clock.now = 1.0
            bar.show(7.0, "beyond its end")
            raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        fail()
    assert place.drawn == [(1.0, "beyond its end")]
    assert place.cleared == 1


def test_of_bars_inside_each_other_the_outer_one_is_shown() -> None:
    clock, outer, inner = Clock(), Place(), Place()
    with bar_in(outer, clock) as bar:
        clock.now = 1.0
        bar.show(0.1, "outer")
        with bar_in(inner, clock) as within:
            clock.now = 2.0
            within.show(0.5, "inner")
        clock.now = 3.0
        bar.show(0.2, "outer")
    assert inner.drawn == []
    assert len(outer.drawn) == 2

    with bar_in(inner, clock) as after:
        clock.now = 4.0
        after.show(0.5, "the next one")
    assert len(inner.drawn) == 1


class Stream(io.StringIO):
    def __init__(self, terminal: bool) -> None:
        super().__init__()
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal


@pytest.mark.parametrize(
    ("wanted", "terminal", "notebook", "expected"),
    [
        (None, False, False, None),
        (None, True, False, "_Terminal"),
        (None, False, True, "_Notebook"),
        (None, True, True, "_Notebook"),
        (True, False, False, "_Lines"),
        (True, True, False, "_Terminal"),
        (True, False, True, "_Notebook"),
        (False, True, True, None),
    ],
)
def test_it_is_drawn_where_a_person_looks(
    monkeypatch: pytest.MonkeyPatch,
    wanted: bool | None,
    terminal: bool,
    notebook: bool,
    expected: str | None,
) -> None:
    shell: Any = types.SimpleNamespace()
    if notebook:
        shell.kernel = None
    ipython = types.SimpleNamespace(get_ipython=lambda: shell)
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setattr(sys, "stderr", Stream(terminal))
    place = module._place(wanted)
    assert (place.__name__ if place else None) == expected


def test_a_terminal_shows_a_bar_and_clears_it(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Stream(True)
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(module, "_DELAY_SECONDS", 0.0)
    with progress_bar(None) as bar:
        bar.show(0.25, "[bold]a quarter[/bold]")
    text = stream.getvalue()
    assert "25 %" in text
    assert "[bold]a quarter[/bold]" in text
    # The line is erased at the end.
    assert text.rstrip().endswith("\x1b[2K")


def test_lines_come_once_a_tenth(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "_DELAY_SECONDS", 0.0)
    monkeypatch.setattr(module, "_REDRAW_SECONDS", 0.0)
    with progress_bar(True) as bar:
        for step in range(100):
            bar.show(step / 100, f"step {step}")
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 10
    assert lines[3] == "shoal: 30 %, step 30"


def test_minimize_and_train_show_how_far_they_are(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "_DELAY_SECONDS", 0.0)

    def sphere(x: np.ndarray) -> np.ndarray:
        return np.asarray((x**2).sum(axis=1))

    shown = shoal.minimize(sphere, [(-1, 1)] * 2, iterations=10, progress=True)
    assert "of 10, best " in capsys.readouterr().err
    quiet = shoal.minimize(sphere, [(-1, 1)] * 2, iterations=10)
    assert capsys.readouterr().err == ""
    assert shown.fun == quiet.fun

    data = shoal.load_dataset("concrete")
    genome = shoal.Genome(hidden_layers=())
    trained = shoal.train(data, genome, iterations=30, progress=True)
    assert "of 30, loss " in capsys.readouterr().err
    again = shoal.train(data, genome, iterations=30, progress=False)
    np.testing.assert_array_equal(trained.weights, again.weights)


def test_estimators_show_a_bar_when_they_are_verbose(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "_DELAY_SECONDS", 0.0)
    monkeypatch.setattr(module, "_REDRAW_SECONDS", 0.0)
    x = np.linspace(0, 1, 40)[:, None]
    genome = shoal.Genome(hidden_layers=())
    parameters: dict[str, Any] = {"iterations": 20, "networks": 2}
    talking = shoal.SwarmRegressor(genome, verbose=1, **parameters).fit(x, x[:, 0])
    assert "network 2 of 2, loss " in capsys.readouterr().err
    quiet = shoal.SwarmRegressor(genome, **parameters).fit(x, x[:, 0])
    assert capsys.readouterr().err == ""
    np.testing.assert_array_equal(talking.weights_, quiet.weights_)
    with pytest.raises(SettingsError, match="verbose"):
        shoal.SwarmRegressor(verbose=-1).fit(x, x[:, 0])


@pytest.mark.parametrize("wanted", ["yes", 1, 0.5])
def test_other_wishes_are_refused(wanted: object) -> None:
    with pytest.raises(SettingsError, match="progress"):
        progress_bar(wanted)  # type: ignore[arg-type]


def test_neither_rich_nor_ipython_is_loaded_for_a_quiet_call() -> None:
    script = (
        "import shoal, sys\n"
        "shoal.minimize(lambda x: (x**2).sum(axis=1), [(-1, 1)], iterations=2)\n"
        "print('rich' in sys.modules, 'IPython' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env=os.environ
    )
    assert done.stdout.split() == ["False", "False"]
