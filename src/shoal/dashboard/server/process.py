"""The dashboard's server process: Streamlit, ending with the process that started it.

The end of standard input is how it learns of that, however it happens; nothing of a page runs when nobody serves it.
"""

from __future__ import annotations

import os
import sys
import threading

from streamlit.web.cli import main

from shoal.system.process import lower_priority

NICENESS = 5  # pages wait for trainings rather than these for pages


def _end_with_input() -> None:
    while os.read(0, 4096):  # not sys.stdin, whose lock a thread may hold when the interpreter ends
        pass
    os._exit(0)


if __name__ == "__main__":
    lower_priority(NICENESS)
    threading.Thread(target=_end_with_input, daemon=True).start()
    sys.argv[0] = "streamlit"
    sys.exit(main())
