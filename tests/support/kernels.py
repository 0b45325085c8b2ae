"""Compiles the kernels once for all workers of a session, where nobody has done so on this machine.

Each worker, and each search that a test starts, would compile its own meanwhile. Two processes
compile what does not overlap; workers look for their tests, and then wait for both.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

if sys.platform != "win32":
    import fcntl


@dataclass(frozen=True, slots=True)
class Compilers:
    """Two processes, and the file that stays locked until both have ended."""

    lock: Path
    processes: tuple[subprocess.Popen[bytes], ...]

    def end(self) -> None:
        """At the end of the session. They have ended, unless it was a short one."""
        for process in self.processes:
            process.kill()
            process.wait()
        self.lock.unlink()


def start() -> Compilers:
    """Start the processes, which hold the lock from now on."""
    descriptor, name = tempfile.mkstemp(prefix="shoal-kernels-")
    options: dict[str, object] = {}
    if sys.platform != "win32":
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        options["pass_fds"] = [descriptor]
    path = os.pathsep.join(filter(None, sys.path))
    processes = [
        subprocess.Popen(
            [sys.executable, __file__, part],
            env={**os.environ, "PYTHONPATH": path},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **options,  # type: ignore[call-overload]
        )
        for part in PARTS
    ]
    # The lock is theirs now: it belongs to whoever has the file open.
    os.close(descriptor)
    return Compilers(Path(name), tuple(processes))


def wait(lock: str) -> None:
    """Wait until the processes have ended, whatever came of them."""
    if sys.platform == "win32":
        return
    with Path(lock).open() as file:
        fcntl.flock(file, fcntl.LOCK_SH)


def _tables() -> None:
    from support import golden

    golden.CASES["cpu"]()


def _others() -> None:
    """Functions and simulations, and then what tables have for classes alone."""
    from shoal.functions.registry import get_function
    from shoal.genome.genome import Genome
    from shoal.objectives.losses import LOSSES
    from shoal.problems.base import evaluate
    from shoal.problems.evaluation import Task
    from shoal.problems.function import MinimisationProblem
    from shoal.problems.simulation import SimulationProblem
    from shoal.pso.engines import get_engine
    from shoal.settings.search_settings import SearchSettings
    from shoal.simulations.registry import BUNDLED, get_simulation
    from support import golden

    engine = get_engine("cpu")
    brief = SearchSettings.parse({"preset": "function", "iterations": 2})
    sphere = MinimisationProblem(get_function("sphere"), brief)
    evaluate(sphere, Task(Genome(swarm_size=4, hidden_layers=()), 0), engine)

    brief = SearchSettings.parse(
        {"preset": "simulation", "iterations": 2, "scenarios": 2, "validation_scenarios": 2}
    )
    for name in BUNDLED:
        simulation = SimulationProblem(get_simulation(name), brief)
        evaluate(simulation, Task(Genome(swarm_size=4, hidden_layers=(2,)), 0), engine)

    for loss in LOSSES.values():
        if loss.task == "classification":
            golden.solved_training(loss, (3,))


PARTS: dict[str, Callable[[], None]] = {"tables": _tables, "others": _others}


if __name__ == "__main__":
    PARTS[sys.argv[1]]()
