"""Packages whose modules import each other in circles are imported by one thread at a time.

Two threads that enter such a circle at two places would wait for each other. Python then gives one
of them a module that is not complete, and its import fails.
"""

from __future__ import annotations

import threading

# Held while a function imports a part of scikit-learn.
ONE_IMPORT = threading.RLock()
