"""What the server loads before somebody asks.

Without it the first visitor would wait for imports, and for a large run to be read.
"""

from __future__ import annotations

import gc
import os
import sys
import threading
from contextlib import suppress
from importlib import import_module

from shoal.dashboard.routing import PLACES, load_page
from shoal.dashboard.session.queries import evaluation_table, read, store
from shoal.errors import ShoalError
from shoal.system.one_import import ONE_IMPORT
from shoal.system.process import gc_paused

# Added to this thread's niceness: visitors who already ask go first.
_NICENESS = 10
_LOWEST_PRIORITY = 19


def warm_up() -> None:
    """Import all pages and what they import while they draw, and read the newest run."""
    _lower_thread_priority()

    with gc_paused():
        for place in PLACES:
            load_page(place)
        with ONE_IMPORT:
            import_module("sklearn.ensemble")

        # An error of the store is shown to whoever opens a page.
        with suppress(ShoalError):
            for run in store().runs(limit=1):
                read(run.id)
                evaluation_table(run.id).genomes()

    # None of this goes away, so later collections need not look at it.
    gc.freeze()


def _lower_thread_priority() -> None:
    """Linux alone gives a thread a priority of its own."""
    if sys.platform != "linux":
        return
    niceness = os.getpriority(os.PRIO_PROCESS, 0) + _NICENESS
    thread = threading.get_native_id()
    os.setpriority(os.PRIO_PROCESS, thread, min(_LOWEST_PRIORITY, niceness))
