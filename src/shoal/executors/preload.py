"""Loaded by the process that workers are forked from: all that a worker needs, its kernels in memory.

No thread is started here: a fork takes only one along.
"""

from __future__ import annotations

import gc
import sys

from shoal.system.process import gc_paused

with gc_paused():
    import numpy as np

    import shoal.executors.local  # noqa: F401  what a worker runs
    from shoal.genome.genome import Genome
    from shoal.nn.network import Network
    from shoal.objectives.losses import make_objective
    from shoal.pso.engines import get_engine
    from shoal.pso.swarm import TrainingTask

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
except (
    Exception
):  # whatever it is, the first training meets it again, and its message reaches the run's record
    pass
finally:
    if _hidden is None:
        del sys.modules["scipy.linalg.cython_blas"]
gc.freeze()  # what workers share stays shared: a collection would touch every page of it
