"""How often a page that lives looks again: each second, or as often as all pages together may."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import Any

import streamlit as st
from streamlit.runtime import exists, get_instance
from streamlit.runtime.scriptrunner import get_script_run_ctx

from shoal.dashboard.components.deferred_charts import deferred_charts

SHARE = 0.03  # of the machine's cores, for the refreshes of all pages together
LONGEST = 20.0  # seconds, however many look
_PRESENT_SECONDS = 3 * LONGEST  # a session that did not refresh for so long is not looking
_FIRST_COST, _MOST_COST = (
    0.04,
    0.5,
)  # seconds of processor time that a refresh takes; more was something else
_FORGETS = 0.05  # weight of the newest refresh in their mean
_OTHER = 1.5  # a pace that differs by this factor is another pace


class RefreshBudget:
    """Of one server: who looks, and what a refresh takes. ``is_here`` says whether a session still has its page open."""

    def __init__(self, cores: int, is_here: Callable[[str], bool] = lambda session: True) -> None:
        self._budget, self._seen, self._is_here = SHARE * cores, dict[str, float](), is_here
        self._cost, self._spent = _FIRST_COST, 0.0

    def interval(self, usual: float, longest: float, session: str, now: float) -> float:
        """Between two looks of that session, which looks now; the longer, the more sessions look."""
        for name, at in list(self._seen.items()):
            if now - at > _PRESENT_SECONDS or not self._is_here(name):
                self._seen.pop(name, None)
        self._seen[session] = now
        return max(usual, min(longest, len(self._seen) * self._cost / self._budget))

    def record_refresh(self, spent: float) -> None:
        """After each refresh, with the processor time that the server has used by then: much of it is Streamlit's own."""
        used, self._spent = min(spent - self._spent, _MOST_COST), spent
        self._cost += _FORGETS * (used - self._cost)


@st.cache_resource(show_spinner=False)
def _refresh_budget() -> RefreshBudget:
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    return (
        RefreshBudget(cores, get_instance().is_active_session) if exists() else RefreshBudget(cores)
    )


def auto_refresh(
    draw: Callable[..., None], *arguments: Any, usual: float = 1.0, longest: float = LONGEST
) -> None:
    """Draw it, and again every ``usual`` seconds or more rarely (``longest`` at most), by itself."""

    def now() -> float:
        context = get_script_run_ctx()
        return _refresh_budget().interval(
            usual, longest, context.session_id if context else "", time.monotonic()
        )

    every = now()

    def view() -> None:
        with deferred_charts():
            draw(*arguments)
        _refresh_budget().record_refresh(time.process_time())
        if not every / _OTHER < now() < every * _OTHER:
            st.rerun()  # more look now, or fewer

    st.fragment(run_every=every)(view)()
