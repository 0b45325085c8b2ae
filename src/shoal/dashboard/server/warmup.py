"""What the server does before somebody asks: the first visitor waits for no import, and not for a large run to be read."""

from __future__ import annotations

import gc
import os
import sys
import threading
from contextlib import suppress
from importlib import import_module

from shoal.dashboard.routing import PLACES, module_name
from shoal.dashboard.session.queries import evaluation_table, read, store
from shoal.errors import ShoalError
from shoal.system.process import gc_paused

_LATER = 10  # added to this thread's niceness: whoever asks already goes first


def get_ready() -> None:
    """Import the pages and what they import when they draw, and read the newest run."""
    if sys.platform == "linux":
        os.setpriority(
            os.PRIO_PROCESS,
            threading.get_native_id(),
            min(19, os.getpriority(os.PRIO_PROCESS, 0) + _LATER),
        )
    with gc_paused():
        for place in PLACES:
            import_module(module_name(place.name))
        import_module("sklearn.ensemble")
        with suppress(ShoalError):  # whoever asks is told
            for run in store().runs(limit=1):
                read(run.id)
                evaluation_table(run.id).genomes()
    gc.freeze()  # none of this goes away: later collections need not look at it
