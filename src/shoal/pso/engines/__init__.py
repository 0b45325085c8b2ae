"""Engines: the things that move swarms. `get_engine` is the one door."""

from __future__ import annotations

from functools import cache

from shoal.errors import SettingsError
from shoal.pso.engines.base import Engine, TrainingResult

ENGINES = ("cpu", "reference")


@cache
def cores() -> int:
    """Processors that this process may use."""
    from loky import cpu_count

    return int(cpu_count(only_physical_cores=False))


def get_engine(name: str = "cpu", threads: int = 1) -> Engine:
    """The engine called ``name``; raises `SettingsError`. Imported on demand: compiling costs seconds.

    ``threads`` share the particles of one swarm where the engine can; they change no bit.
    """
    if name == "cpu":
        from shoal.pso.engines.cpu import CpuEngine

        return CpuEngine(threads)
    if name == "reference":
        from shoal.pso.engines.reference import ReferenceEngine

        return ReferenceEngine()
    raise SettingsError(f"engine={name!r}.", expected="one of " + ", ".join(ENGINES))


__all__ = ["ENGINES", "Engine", "TrainingResult", "cores", "get_engine"]
