"""Runs the notebooks of examples/, which are kept as text.

``make notebooks`` writes them with their outputs to build/notebooks.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import jupytext
import nbformat
from nbclient import NotebookClient

from support.locations import ROOT

EXAMPLES = ROOT / "examples"
# The other files are modules that notebooks import.
NOTEBOOKS = [
    path for path in sorted(EXAMPLES.glob("*.py")) if "# %%" in path.read_text(encoding="utf-8")
]
_LONGEST_CELL_SECONDS = 900


def read_notebook(path: Path) -> Any:
    """The notebook that a text is."""
    return jupytext.read(path)


def environment(folder: Path) -> dict[str, str]:
    """Variables of a kernel that leaves nothing outside of ``folder``."""
    names = ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "XDG_DATA_HOME")
    path = [str(EXAMPLES), *[entry for entry in sys.path if entry]]
    return {
        **{name: str(folder / name.lower()) for name in names},
        "SHOAL_STORE": str(folder / "shoal.db"),
        "PYTHONPATH": os.pathsep.join(path),
    }


def run_notebook(notebook: Any, folder: Path) -> None:
    """Run all cells in a kernel, in ``folder``; their outputs are in the notebook then."""
    client = NotebookClient(
        notebook,
        timeout=_LONGEST_CELL_SECONDS,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
    )
    client.execute()


def main() -> None:
    """Run all, or those that are named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="such as churn; all without a name")
    names = parser.parse_args().names

    target = ROOT / "build" / "notebooks"
    target.mkdir(parents=True, exist_ok=True)
    for path in NOTEBOOKS:
        if names and path.stem not in names:
            continue
        begin = time.perf_counter()
        notebook = read_notebook(path)
        with tempfile.TemporaryDirectory(prefix="shoal-notebook-") as folder:
            os.environ.update(environment(Path(folder)))
            run_notebook(notebook, Path(folder))
        written = target / f"{path.stem}.ipynb"
        nbformat.write(notebook, written)
        print(f"{written.relative_to(ROOT)}: {time.perf_counter() - begin:.0f} s", flush=True)


if __name__ == "__main__":
    main()
