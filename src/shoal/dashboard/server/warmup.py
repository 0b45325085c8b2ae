"""What the server loads before somebody asks.

Without it the first visitor would wait for imports, and for a large run to be read.
"""

from __future__ import annotations

import gc
from contextlib import suppress
from importlib import import_module

from shoal.dashboard.routing import PLACES, load_page
from shoal.dashboard.session.queries import evaluation_table, read, store
from shoal.errors import ShoalError
from shoal.system.one_import import ONE_IMPORT
from shoal.system.process import gc_paused


def warm_up() -> None:
    """Import all pages and what they import while they draw, and read the newest run.

    The thread keeps the server's priority. While a search has all cores, one of lower priority
    would stand still for seconds with Python's lock in its hands, and all visitors with it.
    """
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
