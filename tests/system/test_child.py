"""Children of real processes: they answer, and they end with their parents, however these end."""

from __future__ import annotations

import importlib
import inspect
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from shoal.system import child as kit
from shoal.system.child import Child, Entry, Parent, send, start, start_detached, start_heard
from shoal.system.forkserver import PRELOAD
from shoal.system.process import end_process
from support import child_entries as entries
from support.processes import PATIENCE_SECONDS, alive, eventually, uncounted


@pytest.fixture(autouse=True)
def _entries_of_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    """The children find the entries of these tests."""
    entries.let_children_find(monkeypatch)


@pytest.fixture
def children() -> Iterator[list[Child]]:
    started: list[Child] = []
    yield started
    for child in started:
        child.close()


def first_answer(child: Child) -> dict[str, object]:
    answers = eventually(child.new_answers)
    return dict(answers[0])


@pytest.mark.parametrize("entry", list(Entry))
def test_every_entry_is_a_function_of_a_parent_and_arguments(entry: Entry) -> None:
    module, _, function = entry.partition(":")
    parameters = inspect.signature(getattr(importlib.import_module(module), function)).parameters
    assert list(parameters) == ["parent", "arguments"]


@pytest.mark.parametrize("module", PRELOAD)
def test_what_the_fork_server_loads_is_there(module: str) -> None:
    assert importlib.util.find_spec(module)


def test_loading_the_kit_loads_nothing_large() -> None:
    code = "import sys, shoal.system.child; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=uncounted()
    )
    loaded = set(done.stdout.split())
    assert "shoal.system.child" in loaded
    large = {"numpy", "pandas", "numba", "sqlalchemy", "pydantic", "streamlit", "multiprocessing"}
    assert not loaded & large


class TestRequestAndAnswers:
    def test_a_child_answers_its_request_in_order(self, children: list[Child]) -> None:
        request = {"text": "für\nalle", "number": 0.1 + 0.2}
        children.append(child := Child(entries.ECHO, request))
        assert child.has_ended(PATIENCE_SECONDS)
        assert child.new_answers() == [{"request": request, "arguments": []}, {"last": True}]
        assert child.new_answers() == []
        assert child.process.wait() == 3

    def test_what_reads_the_standard_input_takes_no_request(self, children: list[Child]) -> None:
        children.append(child := Child(entries.READ_INPUT, "a request"))
        assert child.has_ended(PATIENCE_SECONDS)
        assert child.new_answers() == [{"read": ""}, {"request": "a request"}]

    def test_arguments_arrive(self) -> None:
        process = start(entries.ECHO, "--one", "two", stdout=subprocess.PIPE)
        with process:
            send(process, None)
            assert process.stdout
            assert b'"arguments": ["--one", "two"]' in process.stdout.read()

    def test_files_beside_it_that_are_named_as_pythons_modules_are_not_imported(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, children: list[Child]
    ) -> None:
        for name in ("queue", "json", "threading", "random", "numpy"):
            (tmp_path / f"{name}.py").write_text("raise SystemExit('not this one')\n")
        monkeypatch.chdir(tmp_path)

        children.append(child := Child(entries.ECHO, {"number": 1}))
        assert child.has_ended(PATIENCE_SECONDS)
        assert child.new_answers() == [{"request": {"number": 1}, "arguments": []}, {"last": True}]

    def test_nor_are_those_that_are_named_as_a_package_that_is_not_installed(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "not_installed.py").write_text("")
        monkeypatch.chdir(tmp_path)
        with start(entries.IMPORT, "not_installed", stdout=subprocess.PIPE) as process:
            assert process.stdout
            assert process.stdout.read() == b'{"found": false}\n'

    def test_its_last_words_say_why_it_ended(self, children: list[Child]) -> None:
        children.append(failing := Child(entries.FAIL, None))
        assert failing.has_ended(PATIENCE_SECONDS)
        assert failing.reason() == "MemoryError: no room left"

        children.append(killed := Child(entries.BUSY, None))
        first_answer(killed)
        killed.process.kill()
        assert killed.has_ended(PATIENCE_SECONDS)
        assert killed.reason() == f"exit code {-signal.SIGKILL}"

    def test_a_sign_of_life_is_no_request(self, children: list[Child]) -> None:
        children.append(child := Child(entries.REPORT_SIGNS, None))
        assert first_answer(child) == {"ready": True}
        child.new_answers()
        child.sign_of_life()
        assert first_answer(child) == {"sign": True}

    def test_nothing_happens_when_a_dead_child_is_spoken_to(self, children: list[Child]) -> None:
        children.append(child := Child(entries.ECHO, None))
        assert child.has_ended(PATIENCE_SECONDS)
        child.process.wait()
        child.sign_of_life()
        with pytest.raises(BrokenPipeError):
            send(child.process, None)

    @pytest.mark.parametrize("entry", [entries.WAIT, entries.BUSY])
    def test_close_ends_it(self, entry: str) -> None:
        child = Child(entry, None)
        first_answer(child)
        child.close()
        assert child.process.returncode == -signal.SIGKILL
        assert child.has_ended()


class TestEnd:
    """A child ends when its parent does, whatever either of them is doing."""

    @pytest.mark.parametrize("entry", [entries.WAIT, entries.BUSY])
    def test_with_the_end_of_its_input(self, entry: str, children: list[Child]) -> None:
        children.append(child := Child(entry, None))
        first_answer(child)
        assert child.process.stdin
        child.process.stdin.close()
        assert child.process.wait(PATIENCE_SECONDS) == 1

    @pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
    def test_with_a_parent_that_is_killed_and_so_do_its_own_children(self, number: int) -> None:
        code = (
            "from support.child_entries import run_child_of;"
            f" run_child_of({entries.HAVE_CHILD!r}, {entries.BUSY!r})"
        )
        parent = subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        with parent:
            assert parent.stdout
            pids = [int(pid) for pid in parent.stdout.readline().split()]
            assert len(pids) == 2
            assert all(alive(pid) for pid in pids)
            parent.send_signal(number)

        eventually(lambda: not any(alive(pid) for pid in pids))

    def test_before_it_was_asked_anything(self) -> None:
        process = start(entries.ECHO)
        assert process.stdin
        process.stdin.close()
        assert process.wait(PATIENCE_SECONDS) == 1

    @pytest.mark.parametrize("at_once", [False, True])
    def test_not_before_it_has_tidied_up_if_it_lingers(self, tmp_path: Path, at_once: bool) -> None:
        file = tmp_path / "told"
        process = start(entries.LINGER, stdout=subprocess.PIPE, lingers=True)
        with process:
            send(process, str(file))
            assert process.stdout
            if not at_once:
                assert b"pid" in process.stdout.readline()
            assert process.stdin
            process.stdin.close()
            assert process.wait(PATIENCE_SECONDS) == 0

        assert file.read_text() == "parent gone"

    def test_the_last_action_counts_and_is_called_once_even_if_it_comes_late(self) -> None:
        reading, writing = os.pipe()
        called: list[str] = []
        parent = Parent(reading)
        parent.when_gone(lambda: called.append("first"))
        parent.when_gone(lambda: called.append("second"))
        os.close(writing)

        assert parent.request() is None

        eventually(lambda: called == ["second"])
        parent.when_gone(lambda: called.append("late"))
        assert called == ["second", "late"]

        os.close(reading)

    def test_a_process_without_a_parent_never_loses_it(self) -> None:
        parent = Parent(None)
        called: list[bool] = []
        parent.when_gone(lambda: called.append(True))
        assert not called


class TestDetached:
    def test_it_outlives_the_process_that_started_it(self, children: list[Child]) -> None:
        children.append(child := Child(entries.HAVE_DETACHED, entries.BUSY))
        pid = first_answer(child)["pid"]
        assert isinstance(pid, int)

        try:
            child.close()
            assert alive(pid)
            stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            parent, session = int(stat[1]), int(stat[3])
            assert parent not in (os.getpid(), child.process.pid)
            assert session == pid
        finally:
            os.kill(pid, signal.SIGKILL)

    def test_what_cannot_be_started_is_reported(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(kit, "command", lambda *_, **__: [sys.executable, "-c", "exit(4)"])
        with pytest.raises(subprocess.CalledProcessError):
            start_detached(entries.BUSY)


def test_a_folder_guard_ends_who_uses_the_folder_and_removes_it(tmp_path: Path) -> None:
    folder = tmp_path / "of the guard"
    folder.mkdir()
    log = (folder / "log").open("w")
    user = subprocess.Popen(["sleep", "1000"], stdout=log)
    other = subprocess.Popen(["sleep", "1000"])
    guard = start(Entry.FOLDER_GUARD, str(folder), str(os.getpid()), lingers=True)

    try:
        # At once: it may not have been loaded yet.
        assert guard.stdin
        guard.stdin.close()
        assert guard.wait(PATIENCE_SECONDS) == 0
        assert user.wait(PATIENCE_SECONDS) == -signal.SIGKILL
        assert other.poll() is None
        assert not folder.exists()
    finally:
        log.close()
        for process in (user, other, guard):
            process.kill()
            process.wait()


class TestHeardProcess:
    def test_its_last_words_are_the_reason(self) -> None:
        process = start_heard(entries.SAY_AND_FAIL)
        assert process.reason() == "because of that"
        assert process.returncode == 1
        end_process(process)

    def test_without_words_its_exit_code_is(self) -> None:
        process = start_heard(entries.SILENT)
        process.kill()
        assert process.reason() == f"exit code {-signal.SIGKILL}"
        end_process(process)

    def test_what_it_says_is_shown_where_that_is_wanted(
        self, capfd: pytest.CaptureFixture[str]
    ) -> None:
        for echo in (False, True):
            process = start_heard(entries.SAY_AND_FAIL, echo=echo)
            process.reason()
            end_process(process)
        assert capfd.readouterr().err == "a \\x1b[31mline\nbecause of that\n"
