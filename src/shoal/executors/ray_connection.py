"""The connection of a process to Ray.

It is a connection to the cluster at ``RAY_ADDRESS``, or to a Ray of our own on this machine; both
with token authentication. A Ray of our own listens on 127.0.0.1 alone, has a token that nobody else
can read, and ends with the process that started it, however that ends.
"""

from __future__ import annotations

import logging
import os
import secrets
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from shoal.errors import ExecutorError
from shoal.pso.engines import cores
from shoal.system.child import Entry, start
from shoal.system.process import environment

# Between two looks at the head and the nodes.
LOOK_SECONDS = 2.0
# Without an answer from the head; after 60, Ray would end this process.
LOST_SECONDS = 30.0
ANSWER_SECONDS = 2.0
_QUIET: dict[str, Any] = {"configure_logging": False, "log_to_driver": False}
_AGAIN = "then go on: shoal resume RUN"
_log = logging.getLogger(__name__)


class Connection:
    """A connection that is open until `close`.

    Parameters
    ----------
    cpus
        CPUs of a Ray of our own; None: all that this process may use.

    Attributes
    ----------
    ray
        The module. What it needs of the environment is only there now, so nothing imports it
        earlier.
    cpus
        CPUs of all nodes that were alive at the last look.

    Raises
    ------
    ExecutorError
        There is no cluster at ``RAY_ADDRESS``, or it refuses us.
    """

    ray: Any

    def __init__(self, cpus: int | None) -> None:
        # Of a Ray of our own: it ends what of it outlives us.
        self._guard: subprocess.Popen[bytes] | None = None
        self._looked = time.monotonic()
        # Since when the head does not answer, in monotonic seconds; None: it does.
        self._away: float | None = None

        address = os.environ.get("RAY_ADDRESS", "")
        try:
            with _own_sigterm():
                if address in ("", "local"):
                    self._start(cpus or cores())
                else:
                    self._join(address)
            self._head = self.ray.get_runtime_context().gcs_address
        except BaseException:
            self.close()
            raise

        self.cpus = self._count()
        _log.info("connected to Ray at %s, %d CPUs", self._head, self.cpus)

    def look(self) -> None:
        """Look whether the head is there, and how many CPUs; at most once in `LOOK_SECONDS`.

        Raises
        ------
        ExecutorError
            The head has not answered for `LOST_SECONDS`.
        """
        now = time.monotonic()
        if now - self._looked < LOOK_SECONDS:
            return

        if _answers(self._head):
            self._head_answers()
        else:
            self._head_is_away(now)
        self._looked = time.monotonic()

    def lost(self, why: str) -> ExecutorError:
        """The error that ends a run which may go on later."""
        _log.error("the connection to Ray is lost: %s", why)
        return ExecutorError(
            f"The connection to Ray is lost: {why}.", remedy=f"start the cluster again, {_AGAIN}"
        )

    def close(self) -> None:
        """End a Ray of our own; leave a cluster as it is."""
        ray = getattr(self, "ray", None)
        if ray is not None:
            ray.shutdown(wait_for_processes=True)
        if self._guard is not None:
            self._guard.communicate()

    def _head_answers(self) -> None:
        if self._away is not None:
            _log.warning("Ray's head at %s answers again", self._head)
        self._away = None

        cpus = self._count()
        if cpus != self.cpus:
            _log.info("Ray has %d CPUs now, not %d", cpus, self.cpus)
        self.cpus = cpus

    def _head_is_away(self, now: float) -> None:
        if self._away is None:
            _log.warning("Ray's head at %s does not answer", self._head)
            self._away = now
        if now - self._away >= LOST_SECONDS:
            raise self.lost(f"its head at {self._head} did not answer for {LOST_SECONDS:g} s")

    def _count(self) -> int:
        cpus = 0.0
        for node in self.ray.nodes():
            if node["Alive"]:
                cpus += node["Resources"].get("CPU", 0)
        return int(cpus)

    def _start(self, cpus: int) -> None:
        """Start a Ray of our own."""
        folder = _short_folder()
        # When this process ends, the kernel tells Ray's servers (Linux), and they their workers;
        # but some helpers of Ray live on for a minute.
        self._guard = start(Entry.FOLDER_GUARD, str(folder), str(os.getpid()), lingers=True)

        token = folder / "token"
        token.touch(mode=0o600)
        token.write_text(_token())
        variables = {
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": None,
            "RAY_AUTH_TOKEN_PATH": str(token),
            "RAY_ADDRESS": None,
            "RAY_USAGE_STATS_ENABLED": "0",
            # This has Ray listen on 127.0.0.1 alone, on every system.
            "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
        }
        options = {
            "num_cpus": cpus,
            "num_gpus": 0,
            "include_dashboard": False,
            # Ray opens its folder to everybody; the one around it is ours alone.
            "_temp_dir": str(folder / "ray"),
        }
        with environment(variables):
            self.ray = _imported()
            with _reported("does not start"):
                self.ray.init("local", job_config=_job(self.ray), **options, **_QUIET)

    def _join(self, address: str) -> None:
        """Connect to a cluster that is there."""
        if "://" in address:
            raise ExecutorError(
                f"RAY_ADDRESS={address} is of Ray's client.",
                expected="HOST:PORT of the head, with a node of the cluster on this machine",
                remedy="ray start --address=HOST:PORT --num-cpus=0, and RAY_ADDRESS=HOST:PORT",
            )
        if address != "auto" and not _answers(address):
            raise ExecutorError(
                f"Nothing answers at RAY_ADDRESS={address}.",
                expected="HOST:PORT of the head of a Ray cluster",
                remedy=f"start it, or correct or unset RAY_ADDRESS, {_AGAIN}",
            )

        os.environ.setdefault("RAY_AUTH_MODE", "token")
        self.ray = _imported()
        with _reported(f"refuses us at {address}"):
            self.ray.init(address, job_config=_job(self.ray), **_QUIET)


def _short_folder() -> Path:
    """A new folder, for us alone. The names of Ray's sockets, which lie in it, may not be long."""
    place = None
    if os.name == "posix":
        place = "/tmp"
    return Path(tempfile.mkdtemp(prefix="shoal-ray-", dir=place)).resolve()


@cache
def _token() -> str:
    """A secret of this process, always the same one: Ray reads it once."""
    return secrets.token_hex(32)


def _imported() -> Any:
    """Ray, with its settings read from the environment as it is now."""
    import ray

    if ray.is_initialized():
        raise ExecutorError(
            "This process is connected to Ray already.",
            expected="a process that does not use Ray itself",
            remedy="call ray.shutdown() first, or use `shoal run --executor ray`",
        )
    ray._raylet.get_authentication_mode()
    return ray


def _job(ray: Any) -> Any:
    """What Ray is to know of us."""
    # Of any other job Ray puts the current folder first where its workers import from, and a user
    # may have a queue.py there.
    return ray.job_config.JobConfig(_client_job=True)


def _answers(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), ANSWER_SECONDS).close()
    except (OSError, ValueError):
        return False
    return True


@contextmanager
def _reported(trouble: str) -> Iterator[None]:
    """Raise what Ray raises while it connects as one of our errors."""
    try:
        yield
    except ExecutorError:
        raise
    except Exception as error:
        raise ExecutorError(
            f"Ray {trouble}: {type(error).__name__}: {str(error).rstrip('.')}.",
            expected="the cluster's token, the same Python and Ray, and a node of the cluster on"
            " this machine",
            remedy=f"see docs/how-to/cluster.md, {_AGAIN}",
        ) from error


@contextmanager
def _own_sigterm() -> Iterator[None]:
    """Keep our handler of SIGTERM, in whose place Ray puts one of its own."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if before is not None and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)
