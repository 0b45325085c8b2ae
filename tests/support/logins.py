"""Logins by password, for tests that are not asynchronous."""

from __future__ import annotations

import asyncio

from shoal.auth.sessions import SessionManager


def log_in(sessions: SessionManager, name: str, password: str, source: str = "here") -> str:
    """The session that begins; raises what `SessionManager.login_with_password` raises."""
    return asyncio.run(sessions.login_with_password(name, password, source))
