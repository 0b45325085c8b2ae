"""Which paths of the server are for programs rather than people."""

from __future__ import annotations

API = "/api/v1"
METRICS = "/metrics"


def is_for_programs(path: str) -> bool:
    """Whether `shoal.dashboard.server.programs` answers a path."""
    return path in (METRICS, "/api") or path.startswith("/api/")
