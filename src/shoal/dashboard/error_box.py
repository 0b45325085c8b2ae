"""How a page shows what went wrong."""

from __future__ import annotations

import streamlit as st

from shoal.errors import ShoalError


def error_box(error: ShoalError | str) -> None:
    """Show what went wrong, what was expected and what to do.

    The texts are shown as plain text, since they quote what users typed.
    """
    with st.container(key="problem"):
        if isinstance(error, str):
            st.text(error)
            return

        st.text(error.problem)
        if error.expected:
            st.text(f"Expected: {error.expected}.")
        if error.remedy:
            st.text(f"What to do: {error.remedy}.")
