"""The switch between the light theme, the dark one and the system's. server/page.js does it."""

from __future__ import annotations

import streamlit as st

# Streamlit's names of its themes.
THEMES = ("Light", "Dark", "System")


def theme_switch() -> None:
    """Draw the switch."""
    st.html(theme_switch_html())


def theme_switch_html() -> str:
    """The HTML of `theme_switch`. The script marks the button of the theme that is shown."""
    buttons = ""
    for theme in THEMES:
        buttons += (
            f'<button type="button" data-theme="{theme}" aria-pressed="false">{theme}</button>'
        )
    return f'<div class="theme" role="group" aria-label="Theme">{buttons}</div>'
