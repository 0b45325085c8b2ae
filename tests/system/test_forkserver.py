"""How worker processes are started, and what of multiprocessing that relies on.

`shoal.system.forkserver` alone relies on more than the documentation of multiprocessing promises:

- A worker looks for the user's script where ``sys.modules["__main__"]`` says
  (`test_a_worker_has_one_core_and_none_of_the_script`, on each way to start one).
- `Process.start` can be called again after it has failed, and a process that failed to start is
  gone with the error (`test_a_start_that_fails_is_tried_again_and_leaves_nothing`).
- `ensure_running` starts the fork server unless it runs, with the environment of that moment
  (test_safe_path.py), and `Process.start` takes the one that runs.
- The fork server loads its modules in their order, before it forks (the first test, too).
- multiprocessing makes its folder once, where `tempfile` then says, and removes it with the
  priority -100 (`test_a_killed_process_leaves_no_folder_of_multiprocessing_for_long` and
  `test_a_process_that_ends_by_itself_leaves_no_folder_of_multiprocessing` in
  test_private_folder.py).
- `parent_process().join()` ends with the process that asked for the worker, not with the fork
  server (`test_workers_die_with_the_process_that_made_them` in test_executors.py).
"""

from __future__ import annotations

import ast
import json
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from shoal.system import forkserver
from support import other_systems
from support.child_entries import let_children_find
from support.locations import SOURCE

FENCE = SOURCE / "system" / "forkserver.py"
# Documented, so that others may use it.
DOCUMENTED = {"multiprocessing.parent_process"}

# A script without a main guard, which would start a worker in each worker.
SCRIPT = """
import json, os, sys
from shoal.system import forkserver
from support.child_entries import report_to
ours = sys.modules["__main__"]
reader, writer = forkserver.CONTEXT.Pipe()
forkserver.PRELOAD = forkserver.PRELOAD[:1]
forkserver.warm_up()
assert forkserver.is_ready(60)
worker = forkserver.CONTEXT.Process(target=report_to, args=(writer,))
worker.start()
said = reader.recv()
worker.join()
print(json.dumps([said, sys.modules["__main__"] is ours, os.environ.get("OMP_NUM_THREADS")]))
"""


@pytest.mark.parametrize("system", ["linux", *other_systems.SYSTEMS])
def test_a_worker_has_one_core_and_none_of_the_script(
    system: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_children_find(monkeypatch)
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    variables = {**os.environ, **other_systems.environment(system)}
    variables.pop("OMP_NUM_THREADS", None)
    done = subprocess.run(
        [sys.executable, script], env=variables, capture_output=True, text=True, check=True
    )
    (line,) = done.stdout.splitlines()
    said, main_is_back, cores_here = json.loads(line)
    method = "forkserver" if system == "linux" else "spawn"
    assert said == {"method": method, "runs_script": False, "cores": "1"}
    assert main_is_back
    assert cores_here is None


def test_a_start_that_fails_is_tried_again_and_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    parent = forkserver.CONTEXT.Process.__base__
    start, lost = parent.start, []

    def start_in_vain(process: multiprocessing.Process) -> None:
        if len(lost) < 2:
            lost.append(process)
            raise EOFError
        start(process)

    monkeypatch.setattr(parent, "start", start_in_vain)
    worker = forkserver.CONTEXT.Process(target=os.getpid)
    worker.start()
    worker.join()
    assert worker.exitcode == 0
    assert lost == [worker, worker]


def test_a_start_that_fails_too_often_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def start_in_vain(process: multiprocessing.Process) -> None:
        raise ConnectionResetError

    monkeypatch.setattr(forkserver, "_DYING_SECONDS", 0.0)
    monkeypatch.setattr(forkserver.CONTEXT.Process.__base__, "start", start_in_vain)
    with pytest.raises(ConnectionResetError):
        forkserver.CONTEXT.Process(target=os.getpid).start()


def test_only_the_fence_uses_more_of_multiprocessing_than_is_documented() -> None:
    used = {file: set(_names(file)) - DOCUMENTED for file in SOURCE.rglob("*.py")}
    assert {file for file, names in used.items() if names} == {FENCE}
    assert used[FENCE] == {
        "multiprocessing",
        "multiprocessing.util",
        "multiprocessing.forkserver.ensure_running",
    }


def test_the_fence_names_nothing_private() -> None:
    private = [
        node.attr
        for node in ast.walk(ast.parse(FENCE.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr.startswith("_")
    ]
    assert private == []


def _names(file: Path) -> Iterator[str]:
    """What a file imports of multiprocessing."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        yield from (name for name in names if name.startswith("multiprocessing"))
