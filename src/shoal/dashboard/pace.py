"""How often a page that lives looks again: each second, or as often as all pages together may."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import Any

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from shoal.dashboard.charts import charts_last

SHARE = 0.04  # of the machine's cores, for the refreshes of all pages together
LONGEST = 10.0  # seconds, however many look
_PRESENT_SECONDS = 3 * LONGEST  # a session that did not refresh for so long is not looking
_AROUND = 1.5  # what Streamlit does around a refresh takes half as long as the refresh
_FORGETS = 0.05  # weight of the newest refresh in their mean
_OTHER = 1.5  # a pace that differs by this factor is another pace


class Pace:
    """Of one server: who looks, and what a refresh takes."""

    def __init__(self, cores: int) -> None:
        self._budget, self._cost, self._seen = SHARE * cores, 0.02, dict[str, float]()

    def seconds(self, usual: float, longest: float, session: str, now: float) -> float:
        """Between two looks of that session, which looks now; the longer, the more sessions look."""
        self._seen[session] = now
        for gone in [name for name, at in list(self._seen.items()) if now - at > _PRESENT_SECONDS]:
            self._seen.pop(gone, None)
        return max(usual, min(longest, len(self._seen) * self._cost * _AROUND / self._budget))

    def took(self, seconds: float) -> None:
        """Processor time of one refresh."""
        self._cost += _FORGETS * (seconds - self._cost)


@st.cache_resource(show_spinner=False)
def _pace() -> Pace:
    return Pace(len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1)


def refreshing(draw: Callable[..., None], *arguments: Any, usual: float = 1.0, longest: float = LONGEST) -> None:
    """Draw it, and again every ``usual`` seconds or more rarely (``longest`` at most), by itself."""

    def now() -> float:
        context = get_script_run_ctx()
        return _pace().seconds(usual, longest, context.session_id if context else "", time.monotonic())

    every = now()

    def view() -> None:
        begun = time.thread_time()
        with charts_last():
            draw(*arguments)
        _pace().took(time.thread_time() - begun)
        if not every / _OTHER < now() < every * _OTHER:
            st.rerun()  # more look now, or fewer

    st.fragment(run_every=every)(view)()
