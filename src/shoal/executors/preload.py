"""Loaded by the fork server: all that a worker needs, with its kernels in memory.

No thread is started here: a fork would not take it along.
"""

from __future__ import annotations

import gc
import logging
import sys

from shoal.system.process import forget_safe_path, gc_paused

with gc_paused():
    import numpy as np

    # What a worker runs, from the first job to the last: a run goes on as it began, also where
    # Shoal is upgraded meanwhile.
    import shoal.executors.local
    import shoal.problems.table
    import shoal.tuning.baselines
    import shoal.tuning.champion  # noqa: F401
    from shoal.genome.genome import Genome
    from shoal.nn.network import Network
    from shoal.objectives.losses import make_objective
    from shoal.pso.engines import get_engine
    from shoal.pso.swarm import TrainingTask

_log = logging.getLogger(__name__)
forget_safe_path()

# The smallest training that there is: it loads or compiles every kernel.
_x = np.zeros((1, 1), np.float32)
_network = Network((1, 1))
_task = TrainingTask(
    Genome(swarm_size=2, num_informants=1, hidden_layers=()),
    _network,
    make_objective(None, "regression"),
    _x,
    _x[:, 0],
    key=(0, 0),
    iterations=1,
)

# Numba looks for SciPy's BLAS, which no kernel of ours calls, and would load all of SciPy for it.
_hidden = sys.modules.setdefault("scipy.linalg.cython_blas", None)  # type: ignore[arg-type]
try:
    with gc_paused():
        (_result,) = get_engine().train([_task])
        get_engine().outputs(_network, _result.weights, _x)
except Exception:
    # Whatever it is: the first training meets it again, and its message reaches the run's record.
    _log.debug("the kernels could not be loaded in advance", exc_info=True)
finally:
    if _hidden is None:
        del sys.modules["scipy.linalg.cython_blas"]

# What workers share stays shared: a collection would write to every page of memory of it.
gc.freeze()
