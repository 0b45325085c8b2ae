"""How a page says what went wrong."""

from __future__ import annotations

import streamlit as st

from shoal.errors import ShoalError


def problem(error: ShoalError | str) -> None:
    """What went wrong, what was expected and what to do, as plain text: it quotes what users typed."""
    with st.container(key="problem"):
        if isinstance(error, str):
            st.text(error)
            return
        st.text(error.problem)
        if error.expected:
            st.text(f"Expected: {error.expected}.")
        if error.remedy:
            st.text(f"What to do: {error.remedy}.")
