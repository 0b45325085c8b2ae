"""Machines that share a name, and a PostgreSQL: none takes a live run from another one."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from shoal.store import Owner
from shoal.store.diagnostics import examine
from support.processes import eventually
from support.supervised_run import Scene

# A process id that this machine does not give, as another machine's usually is.
GONE = 4_194_400


@pytest.mark.parametrize("mark", ["+0123456789ab", ""], ids=["", "of an earlier version"])
def test_a_namesake_leaves_a_live_run_alone(mark: str, postgres_url: str, tmp_path: Path) -> None:
    namesake = Owner(Owner.here().host_name + mark, GONE, "token")
    with Scene(postgres_url, tmp_path) as here:
        claim = here.store.claim(namesake)
        assert claim is not None
        here.store.register_supervisor(namesake)

        # A real supervisor looks for work until it finds that there is none; the other one lives.
        supervisor = here.supervise(arguments=("--idle-exit", "1"))
        eventually(lambda: here.store.heartbeat(claim, 1.0) == () and _has_ended(supervisor))
        assert supervisor.returncode == 0
        run = here.store.run(1)
        assert (run.state, run.epoch, run.owner) == ("running", 1, str(namesake))

        found = next(check for check in examine(postgres_url) if check.name == "machine")
        assert found.status == "look"
        assert mark.removeprefix("+") in found.finding
        assert "a name of its own" in found.remedy

        here.expire()
        here.supervise().wait()
        run = here.store.run(1)
        assert (run.state, run.epoch) == ("finished", 2), here.log()


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    return process.poll() is not None
