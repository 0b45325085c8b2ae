"""How workers say how far they are, which never ends a training or changes a bit of it."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from shoal.data import load_dataset
from shoal.executors import Evaluate, LocalExecutor, Progress
from shoal.executors import progress_files as board_module
from shoal.executors.progress_files import (
    NOTE_SECONDS,
    WATCHED_SECONDS,
    ProgressDirectory,
    ProgressWriter,
)
from shoal.genome.genome import Genome
from shoal.problems.base import evaluate
from shoal.problems.evaluation import Task
from shoal.problems.table import TableProblem
from shoal.pso.engines import ENGINES, get_engine
from shoal.pso.snapshot import take_snapshot
from shoal.settings.search_settings import SearchSettings
from shoal.system import forkserver
from support.processes import eventually

SETTINGS = SearchSettings(preset="classic", engine="reference", iterations=30)
PROBLEM = TableProblem(load_dataset("concrete", preset="classic"), SETTINGS)
ENDLESS = replace(PROBLEM, settings=SETTINGS.model_copy(update={"iterations": 10**6}))
GENOME = Genome(swarm_size=6, num_informants=2, hidden_layers=(3,))
JOB = Evaluate(Task(GENOME, 1))


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Instead of the system's folder for such things."""
    put_boards(tmp_path, monkeypatch)
    return tmp_path


def put_boards(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = SimpleNamespace(
        gettempdir=lambda: folder, mkdtemp=partial(tempfile.mkdtemp, dir=folder)
    )
    monkeypatch.setattr("shoal.system.private_folder.tempfile", place)


def ticking(seconds: float) -> Callable[[], float]:
    """A clock that goes on by so many seconds at each look."""
    now = [0.0]

    def clock() -> float:
        now[0] += seconds
        return now[0]

    return clock


def boards(folder: Path) -> list[Path]:
    return sorted(folder.glob("shoal-live-*"))


def test_real_workers_say_how_far_they_are_and_show_frames_while_somebody_watches(
    folder: Path,
) -> None:
    with LocalExecutor(ENDLESS, 2) as executor:
        (place,) = boards(folder)
        assert place.stat().st_mode & 0o777 == 0o700
        jobs = [Evaluate(Task(GENOME, repeat)) for repeat in range(3)]
        for job in jobs:
            executor.submit(job)

        def when(true: Callable[[Progress], bool]) -> tuple[Progress, ...]:
            """Both workers' progress, when it is so for both."""
            assert executor.poll(0.02) == []
            found = executor.under_way()
            return found if len(found) == 2 and all(map(true, found)) else ()

        first = eventually(lambda: when(lambda p: p.iteration > 0))
        for progress in first:
            assert progress.job in jobs[:2]
            assert progress.frame is None
            assert progress.seconds >= NOTE_SECONDS
            assert progress.iterations == 10**6
            assert 1 <= len(progress.curve) <= 64
            assert progress.curve[-1][0] == progress.iteration
            assert progress.worker.rpartition(":")[2].isdecimal()
        assert len({progress.worker for progress in first}) == 2
        executor.set_watched(True)
        seen = eventually(lambda: when(lambda p: p.frame is not None))
        for progress in seen:
            assert progress.frame
            assert progress.frame.iteration == progress.iteration
            assert progress.frame.positions.shape == (6, 2)
        executor.set_watched(False)
        eventually(lambda: when(lambda p: p.frame is None))
    assert boards(folder) == []


def test_a_note_is_of_its_job_alone(folder: Path) -> None:
    with LocalExecutor(PROBLEM, 1) as executor:
        executor.submit(JOB)
        eventually(lambda: executor.poll(0.5))
        (place,) = boards(folder)
        assert list(place.iterdir()) == [], "shorter than a second: nothing was written"

    engine, board = get_engine("reference"), ProgressDirectory()
    assert board.folder

    engine.observer = reporter = ProgressWriter(board.folder, "w:1", ticking(0.3), lambda: 0.0)
    with reporter.about(5):
        JOB.run(PROBLEM, engine)
        assert board.read({5: JOB})[5].job is JOB
        assert board.read({6: JOB}) == {}

    assert list(board.folder.iterdir()) == []


@pytest.mark.parametrize(("watched", "frames"), [(False, 0), (True, 30)])
def test_how_often_it_is_written(
    watched: bool, frames: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """30 iterations, a chunk and 0.21 seconds each: 30 looks, late enough for a viewer."""
    made, board = [], ProgressDirectory()
    board.set_watched(watched)
    assert board.folder

    engine = get_engine("reference")
    engine.observer = reporter = ProgressWriter(
        board.folder, "w:1", ticking(WATCHED_SECONDS + 0.01), lambda: 0.0
    )
    written = []
    write = Path.write_text
    monkeypatch.setattr(Path, "write_text", lambda *a: written.append(write(*a)))
    monkeypatch.setattr(
        "shoal.executors.progress_files.take_snapshot",
        lambda *a: made.append(1) or take_snapshot(*a),
    )
    monkeypatch.setattr("shoal.pso.engines.base.CHUNK_SECONDS", 0.0)  # an iteration each
    with reporter.about(1):
        evaluate(PROBLEM, JOB.task, engine)

    assert len(made) == frames
    assert len(written) == (frames or 30 // 5), "each second, without anybody"

    made.clear()
    board.set_watched(True)
    effort = ticking(board_module.SHARE)  # a note's cost is worth a pause of a second
    engine.observer = reporter = ProgressWriter(
        board.folder, "w:1", ticking(WATCHED_SECONDS + 0.01), effort
    )
    with reporter.about(1):
        evaluate(PROBLEM, JOB.task, engine)

    assert len(made) == 1 + 29 // 5, "large swarms are shown less often"


class TestHarmless:
    """Whatever happens to it, trainings give the same bits."""

    GENOMES = (
        GENOME,
        Genome(swarm_size=6, num_informants=2, hidden_layers=(3,), update_rule="competitive"),
    )

    @staticmethod
    def curves(
        engine: str, reporter: ProgressWriter | None, monkeypatch: pytest.MonkeyPatch
    ) -> list[object]:
        monkeypatch.setattr("shoal.pso.engines.base.CHUNK_SECONDS", 0.0)
        found: list[object] = []
        for genome in TestHarmless.GENOMES:
            made = get_engine(engine).with_threads(1)
            made.observer = reporter
            (result,) = made.with_threads(2).train([PROBLEM.training(Task(genome, 0))])
            found += [result.weights.tobytes(), result.history.tobytes(), result.loss.hex()]
        return found

    @pytest.mark.parametrize("engine", ENGINES)
    @pytest.mark.parametrize(
        "trouble", ["none", "no folder", "disk full", "a file in its place", "observe raises"]
    )
    def test_the_same_bits(
        self, engine: str, trouble: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        undisturbed = self.curves(engine, None, monkeypatch)
        board = ProgressDirectory()
        board.set_watched(True)
        assert board.folder
        reporter = ProgressWriter(board.folder, "w:1", ticking(1.5), lambda: 0.0)
        looks: list[str] = []

        def trouble_now(*arguments: object) -> None:
            looks.append(trouble)
            raise (
                OSError(28, "No space left on device")
                if trouble == "disk full"
                else RuntimeError("a mistake")
            )

        match trouble:
            case "no folder":
                board.close()
            case "a file in its place":
                board.close()
                reporter._file.parent.write_text("")
            case "disk full":
                monkeypatch.setattr(Path, "write_text", trouble_now)
            case "observe raises":
                monkeypatch.setattr("shoal.executors.progress_files.take_snapshot", trouble_now)
        with reporter.about(1):
            assert self.curves(engine, reporter, monkeypatch) == undisturbed
            if trouble == "none":
                (progress,) = board.read({1: JOB}).values()
                assert progress.iteration == 30
                assert progress.frame
                assert np.isfinite(progress.frame.positions).all()
        assert len(looks) > 10 or trouble not in ("disk full", "observe raises")
        assert board.folder is None or list(board.folder.iterdir()) == [board.folder / "watched"]

    def test_without_a_place_for_it_jobs_are_done(self, monkeypatch: pytest.MonkeyPatch) -> None:
        put_boards(Path("/nowhere"), monkeypatch)
        with LocalExecutor(PROBLEM, 1) as executor:
            executor.set_watched(True)
            # A job waits for the fork server, which the first test of a process starts.
            assert forkserver.is_ready(120)
            executor.submit(JOB)
            outcomes = executor.poll(0.0)
            if not outcomes:
                assert [progress.job for progress in executor.under_way()] == [JOB]
                outcomes = eventually(lambda: executor.poll(0.5))
            (outcome,) = outcomes

        assert outcome.error is None
        assert outcome.result.status == "ok"


def test_the_folder_of_a_killed_process_is_removed_by_the_next(folder: Path) -> None:
    code = """
import os, signal, sys, tempfile
from shoal.executors.progress_files import ProgressDirectory
tempfile.tempdir = sys.argv[1]
board = ProgressDirectory()
(board.folder / "1.json").write_text("{}")
os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-c", code, str(folder)], check=False)
    (left,) = boards(folder)
    (folder / "shoal-live-1-of-somebody").mkdir()  # the process 1 is there, always
    (folder / "shoal-live-no-number").mkdir()
    (folder / "elsewhere").mkdir()
    link = folder / left.name.replace(left.name[-3:], "xyz")
    link.symlink_to(folder / "elsewhere")
    first, second = ProgressDirectory(), ProgressDirectory()

    assert first.folder
    assert second.folder

    expected = {
        first.folder,
        second.folder,
        link,
        folder / "shoal-live-1-of-somebody",
        folder / "shoal-live-no-number",
    }
    assert set(boards(folder)) == expected
    assert (folder / "elsewhere").is_dir()

    first.close()
    second.close()
    first.close()

    assert len(boards(folder)) == 3
