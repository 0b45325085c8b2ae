"""A search as a real process that is killed with everything below it, and then resumed."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from pathlib import Path

from shoal.store import open_store
from support.processes import alive, descendants, eventually, last_json, shoal, start


def result_after_a_kill(search: Sequence[str], store: Path) -> str:
    """The result hash of a search that is killed after three trainings, and resumed.

    What was recorded before the kill has to be as it was.
    """
    process = start("run", *search, "--json", store=store)
    with open_store(store) as opened:
        eventually(lambda: opened.runs() and opened.run(1).evaluations >= 3)
        supervisor = int(eventually(opened.supervisors)[0].pid)
        below = list(descendants(supervisor))
        for pid in [process.pid, supervisor, *below]:
            os.kill(pid, signal.SIGKILL)
        process.wait(timeout=120)
        process.communicate()
        eventually(lambda: not any(alive(pid) for pid in [supervisor, *below]))

        recorded = {e.task.id: e for e in opened.evaluations(1)}
        assert opened.run(1).state == "interrupted"

        resumed = shoal("resume", "1", "--json", store=store)
        assert resumed.returncode == 0, resumed.stderr
        after = {e.task.id: e for e in opened.evaluations(1)}
        assert {task_id: after[task_id] for task_id in recorded} == recorded
    return str(last_json(resumed.stdout)["result_hash"])
