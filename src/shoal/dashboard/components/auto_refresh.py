"""How often a page draws itself again: each second, or more rarely where many pages do.

All refreshes together may take a small share of the machine, which has trainings to do.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

import streamlit as st
from streamlit.runtime import exists, get_instance
from streamlit.runtime.scriptrunner import get_script_run_ctx

from shoal.dashboard.components.deferred_charts import deferred_charts
from shoal.pso.engines import cores

_log = logging.getLogger(__name__)

# The share of the machine's cores that the refreshes of all pages together may take.
SHARE = 0.03

# Seconds between two refreshes, however many sessions there are.
LONGEST = 20.0

# A session that has not refreshed for longer than this, in seconds, is not looking any more.
_PRESENT_SECONDS = 3 * LONGEST

# Seconds of processor time: what a refresh is taken to need at first, and the most that counts as a
# refresh. More was something else.
_FIRST_COST = 0.04
_MOST_COST = 0.5

# The weight of the newest refresh in the running mean of their costs.
_NEWEST_WEIGHT = 0.05

# An interval that differs from the page's by more than this factor replaces it.
_OTHER_INTERVAL = 1.5


class RefreshBudget:
    """Which sessions of one server look at a page, and what their refreshes cost.

    Parameters
    ----------
    cores
        The machine's cores.
    is_here
        Says whether a session still has its page open.
    """

    def __init__(self, cores: int, is_here: Callable[[str], bool] = lambda session: True) -> None:
        # Seconds of processor time that refreshes may take per second.
        self._budget = SHARE * cores
        self._is_here = is_here
        # When each session refreshed last, in seconds.
        self._last_seen: dict[str, float] = {}
        # The running mean, in seconds of processor time.
        self._cost = _FIRST_COST
        # What the process had used at the last refresh, in seconds of processor time.
        self._used = 0.0

    def interval(self, usual: float, longest: float, session: str, now: float) -> float:
        """How long a session waits until its next refresh: the longer, the more sessions there are.

        Parameters
        ----------
        usual
            Seconds between two refreshes where nothing speaks against it.
        longest
            The most seconds.
        session
            Which refreshes now.
        now
            The time in seconds, by any clock that does not go back.
        """
        self._forget_absent(now)
        self._last_seen[session] = now

        # At this interval the refreshes of all sessions together just meet the budget.
        affordable = len(self._last_seen) * self._cost / self._budget
        return max(usual, min(longest, affordable))

    def _forget_absent(self, now: float) -> None:
        """Forget sessions that closed their page, or have not refreshed for long."""
        # Sessions are threads of one server: the dictionary may change meanwhile.
        for session, last_seen in list(self._last_seen.items()):
            if now - last_seen > _PRESENT_SECONDS or not self._is_here(session):
                self._last_seen.pop(session, None)

    def record_refresh(self, used: float) -> None:
        """Note what a refresh cost, right after it.

        Parameters
        ----------
        used
            The processor time that the process has used by now, in seconds. It is taken whole, and
            not around the drawing alone, as much of a refresh is Streamlit's own work.
        """
        cost = min(used - self._used, _MOST_COST)
        self._used = used
        self._cost += _NEWEST_WEIGHT * (cost - self._cost)


@st.cache_resource(show_spinner=False)
def _refresh_budget() -> RefreshBudget:
    """The budget of this server process."""
    # The cores that this process may use, which a container may limit.
    if exists():
        return RefreshBudget(cores(), get_instance().is_active_session)
    return RefreshBudget(cores())


def auto_refresh(
    draw: Callable[..., None], *arguments: Any, usual: float = 1.0, longest: float = LONGEST
) -> None:
    """Draw a part of a page, and again by itself from then on.

    Parameters
    ----------
    draw
        Draws it.
    *arguments
        Its arguments.
    usual
        Seconds between two refreshes where few sessions look.
    longest
        The most seconds.
    """

    def wanted_interval() -> float:
        context = get_script_run_ctx()
        # Without a context a script runs outside of a browser, as in a test.
        session = context.session_id if context else ""
        return _refresh_budget().interval(usual, longest, session, time.monotonic())

    # The session counts from now on, before its first refresh.
    interval = wanted_interval()

    def refresh() -> None:
        with deferred_charts():
            draw(*arguments)
        _refresh_budget().record_refresh(time.process_time())

        # A fragment keeps its interval, so a page takes another one by running anew.
        wanted = wanted_interval()
        if not interval / _OTHER_INTERVAL < wanted < interval * _OTHER_INTERVAL:
            _log.debug(
                "Refreshes of a page: every %.1f s from now on, not %.1f s", wanted, interval
            )
            st.rerun()

    st.fragment(run_every=interval)(refresh)()
