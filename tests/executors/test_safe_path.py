"""Processes that are started for us import nothing from the current folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from support.locations import SOURCE
from support.processes import PATIENCE_SECONDS

# What Python, multiprocessing, loky and libraries look for while they start, some of it in vain.
NAMES = (
    *("multiprocessing", "importlib", "queue", "random", "socket", "pickle", "json", "selectors"),
    *("loky", "cloudpickle", "numpy", "numba", "scipy", "shoal", "sitecustomize"),
    *("bottleneck", "google", "numexpr", "winreg", "_winapi", "pytz"),
)
TELLTALE = """
from pathlib import Path
Path(__file__).with_suffix(".executed").touch()
raise ImportError(__file__)
"""
SCRIPT = """
import os

import shoal
from shoal.system import forkserver

def loss(x):
    # What a user's function starts is not for us to change.
    assert "PYTHONSAFEPATH" not in os.environ
    return float(x @ x)

if __name__ == "__main__":
    found = shoal.minimize(loss, [(-1, 1)] * 2, vectorized=False, workers=2, iterations=2)
    forkserver.warm_up()
    assert forkserver.is_ready(60)
    assert "PYTHONSAFEPATH" not in os.environ
    print(found.fun)
"""


def test_the_current_folder_is_no_place_to_import_from(tmp_path: Path) -> None:
    folder = tmp_path / "here"
    folder.mkdir()
    for name in NAMES:
        (folder / f"{name}.py").write_text(TELLTALE)
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)

    done = subprocess.run(
        [sys.executable, str(script)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(SOURCE.parent)},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )

    assert sorted(file.name for file in folder.glob("*.executed")) == []
    assert (done.returncode, done.stderr) == (0, "")
