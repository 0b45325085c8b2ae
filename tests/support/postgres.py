"""A private PostgreSQL server for tests.

It has a directory of its own with a Unix socket in it, and is gone afterwards.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count
from pathlib import Path

import psycopg

_numbers = count(1)


# Who has to give a password, once somebody has made such a user.
GUARDED = "guarded"


class Server:
    """A running server. Its only user is ``shoal``, who needs no password.

    ``control`` runs `pg_ctl`.
    """

    def __init__(self, directory: Path, control: Callable[..., None]) -> None:
        self.directory, self._control = directory, control

    def stop(self, mode: str = "fast") -> None:
        """Go away: "fast" ends connections in order, "immediate" is a crash."""
        self._control("-m", mode, "stop")

    def start(self) -> None:
        """Come back, with what was committed."""
        options = f"-k {self.directory} -c listen_addresses= -c fsync=off -c max_connections=200"
        self._control("-l", str(self.directory / "log"), "-o", options, "start")

    def is_up(self) -> bool:
        """Whether it runs."""
        return (self.directory / "data" / "postmaster.pid").exists()

    def restart(self, mode: str = "fast") -> None:
        """Go and come back."""
        self.stop(mode)
        self.start()

    def new_url(self) -> str:
        """The URL of an empty schema: a store's whole world.

        It is made 300 times faster than a database.
        """
        name = f"test{next(_numbers)}"
        url = f"postgresql://shoal@/postgres?host={self.directory}"
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f"CREATE SCHEMA {name}")  # type: ignore[arg-type]
        return f"{url}&options=-csearch_path%3D{name}"


def binaries() -> Path | None:
    """The directory of the newest installed server's programs."""
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    on_path = shutil.which("initdb")
    if found:
        return max(found, key=lambda path: float(path.parent.name))
    return Path(on_path).resolve().parent if on_path else None


@contextmanager
def server(programs: Path) -> Iterator[Server]:
    """Start a server; stop it and remove its files at the end."""
    # A short name: the path of a socket has at most 107 characters.
    directory = Path(tempfile.mkdtemp(prefix="shoal-pg-"))
    user = None
    # PostgreSQL refuses to run as root.
    if os.geteuid() == 0:
        user = "nobody"
        shutil.chown(directory, user)

    def run(program: str, *arguments: str) -> None:
        subprocess.run(
            [programs / program, "-D", directory / "data", *arguments],
            check=True,
            cwd=directory,
            env={**os.environ, "LC_ALL": "C"},
            user=user,
            extra_groups=[] if user else None,
            stdout=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
        )

    try:
        run("initdb", "-U", "shoal", "-A", "trust", "-E", "UTF8", "--no-sync")
        rules = directory / "data" / "pg_hba.conf"
        rules.write_text(f"local all {GUARDED} scram-sha-256\n{rules.read_text()}")
        started = Server(directory, partial(run, "pg_ctl", "-w", "-s"))
        started.start()
        try:
            yield started
        finally:
            started.stop("immediate")
    finally:
        shutil.rmtree(directory, ignore_errors=True)
