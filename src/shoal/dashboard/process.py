"""The dashboard's server process: Streamlit, ending with the process that started it.

The end of standard input is how it learns of that, however it happens; nothing of a page runs when nobody serves it.
"""

from __future__ import annotations

import os
import sys
import threading
from contextlib import suppress
from pathlib import Path

from streamlit.web.cli import main

AUTOGROUP = Path("/proc/self/autogroup")
NICENESS = 5  # pages wait for trainings rather than these for pages


def _end_with_input() -> None:
    while os.read(0, 4096):  # not sys.stdin, whose lock a thread may hold when the interpreter ends
        pass
    os._exit(0)


if __name__ == "__main__":
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    if AUTOGROUP.exists():  # Linux weighs sessions against each other, and a process only within its session
        with suppress(OSError):
            AUTOGROUP.write_text(str(NICENESS))
    threading.Thread(target=_end_with_input, daemon=True).start()
    sys.argv[0] = "streamlit"
    sys.exit(main())
