"""A process that has loaded Shoal's commands, and forks for each one.

What is forked is a process of its own, as `python -m shoal.cli` is; it only spares the second that
loading takes.
"""

from __future__ import annotations

import atexit
import importlib
import json
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NoReturn

from shoal.cli.main import main

# After which a command is killed.
LONGEST_SECONDS = 120
LOADED = ("shoal.data.preparation", "shoal.store", "shoal.analysis.summary", "shoal.cli.follow")


@cache
def _forker() -> subprocess.Popen[str]:
    """It ends with us, at the end of its input."""
    forker = subprocess.Popen(
        [sys.executable, __file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    atexit.register(forker.communicate)
    return forker


def run(
    arguments: Sequence[str], environment: Mapping[str, str], cwd: str
) -> subprocess.CompletedProcess[str]:
    """`subprocess.run` of a command, without input, with its output as text."""
    forker = _forker()
    assert forker.stdin and forker.stdout

    with TemporaryDirectory() as folder:
        said = [str(Path(folder) / name) for name in ("stdout", "stderr")]
        print(
            json.dumps([list(arguments), dict(environment), cwd, *said]),
            file=forker.stdin,
            flush=True,
        )
        code = int(forker.stdout.readline())
        out, err = (Path(name).read_text() for name in said)

    return subprocess.CompletedProcess(list(arguments), code, out, err)


def _fork_for_each() -> None:
    for name in LOADED:
        importlib.import_module(name)
    for line in sys.stdin:
        asked = json.loads(line)
        if (child := os.fork()) == 0:
            _become(*asked)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def _become(
    arguments: list[str], environment: dict[str, str], cwd: str, out: str, err: str
) -> NoReturn:
    signal.alarm(LONGEST_SECONDS)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    for number, name, flags in (
        (0, os.devnull, os.O_RDONLY),
        (1, out, os.O_WRONLY),
        (2, err, os.O_WRONLY),
    ):
        os.dup2(os.open(name, flags | os.O_CREAT if number else flags), number)
    sys.argv = ["shoal", *arguments]
    code: Any = 0
    try:
        main()
    except SystemExit as end:
        code = end.code
    except BaseException:
        # As Python itself would.
        traceback.print_exc()
        code = 1

    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(_exit_code(code))


def _exit_code(code: Any) -> int:
    """What Python makes of the code of a `SystemExit`."""
    if isinstance(code, int):
        return code
    if code is None:
        return 0
    return 1


if __name__ == "__main__":
    _fork_for_each()
