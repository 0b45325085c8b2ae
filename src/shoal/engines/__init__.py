"""Engines: the things that move swarms. `get_engine` is the one door."""

from __future__ import annotations

from loky import cpu_count

from shoal.engines.base import Engine, TrainingResult
from shoal.errors import SettingsError

CORES = cpu_count(only_physical_cores=False)  # that this process may use
ENGINES = ("cpu", "reference")


def get_engine(name: str = "cpu", threads: int = 1) -> Engine:
    """The engine called ``name``; raises `SettingsError`. Imported on demand: compiling costs seconds.

    ``threads`` share the particles of one swarm where the engine can; they change no bit.
    """
    if name == "cpu":
        from shoal.engines.cpu import CpuEngine

        return CpuEngine(threads)
    if name == "reference":
        from shoal.engines.reference import ReferenceEngine

        return ReferenceEngine()
    raise SettingsError(f"engine={name!r}.", expected="one of " + ", ".join(ENGINES))


__all__ = ["CORES", "ENGINES", "Engine", "TrainingResult", "get_engine"]
