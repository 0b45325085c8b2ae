"""Engines: what moves swarms. `get_engine` chooses one.

May import errors, nn, objectives, numerics, genome, update_rules and the rest of pso.

Start with `base.Engine`, the contract, and reference.py, the plainest engine. The fast one is
cpu.py, which hands arrays to kernels.py; the vector code of the kernels is written in intrinsics/.
"""

from __future__ import annotations

import logging
from functools import cache

from shoal.errors import SettingsError
from shoal.pso.engines.base import Engine, TrainingResult

_log = logging.getLogger(__name__)

ENGINES = ("cpu", "reference")


@cache
def cores() -> int:
    """Count the processors that this process may use."""
    from loky import cpu_count

    return int(cpu_count(only_physical_cores=False))


def get_engine(name: str = "cpu", threads: int = 1) -> Engine:
    """Make an engine. It is imported on demand, since its compiler costs seconds.

    Parameters
    ----------
    name
        "cpu" or "reference".
    threads
        They share the particles of one swarm where the engine can; they change no bit.

    Raises
    ------
    SettingsError
        For another name.
    """
    if name not in ENGINES:
        raise SettingsError(f"engine={name!r}.", expected="one of " + ", ".join(ENGINES))
    _log.debug("Engine %s, %d threads a swarm", name, threads)

    if name == "reference":
        from shoal.pso.engines.reference import ReferenceEngine

        return ReferenceEngine()

    from shoal.pso.engines.cpu import CpuEngine

    return CpuEngine(threads)


__all__ = ["ENGINES", "Engine", "TrainingResult", "cores", "get_engine"]
