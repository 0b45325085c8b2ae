"""Colours, type and spacing of the page, light and dark, as settings of Streamlit."""

from __future__ import annotations

from shoal.presentation.palette import DARK, LIGHT

# Streamlit's names. A version that does not know one of them ignores it.
THEME: dict[str, str | int | bool] = {
    "theme.font": "sans-serif",
    "theme.baseFontSize": 15,
    "theme.baseRadius": "8px",
    "theme.buttonRadius": "8px",
    "theme.showWidgetBorder": True,
    "theme.codeFontSize": "0.82rem",
    "theme.light.primaryColor": "#00658f",
    "theme.light.backgroundColor": LIGHT.surface,
    "theme.light.secondaryBackgroundColor": "#f4f7f8",
    "theme.light.textColor": LIGHT.text,
    "theme.light.borderColor": "#dde5e9",
    "theme.light.blueBackgroundColor": "#dcedf7",
    "theme.light.greenBackgroundColor": "#dcf1e4",
    "theme.light.orangeBackgroundColor": "#fcecd2",
    "theme.light.redBackgroundColor": "#fbe1dd",
    "theme.light.grayBackgroundColor": "#e6ecef",
    "theme.light.codeBackgroundColor": "#f4f7f8",
    "theme.light.sidebar.backgroundColor": "#f4f7f8",
    "theme.light.sidebar.secondaryBackgroundColor": "#e9eff2",
    "theme.dark.primaryColor": "#4fa9d4",
    "theme.dark.backgroundColor": DARK.surface,
    "theme.dark.secondaryBackgroundColor": "#1a252b",
    "theme.dark.textColor": DARK.text,
    "theme.dark.borderColor": "#2a3941",
    "theme.dark.grayBackgroundColor": "#26333b",
    "theme.dark.codeBackgroundColor": "#1a252b",
    "theme.dark.sidebar.backgroundColor": "#0f171b",
    "theme.dark.sidebar.secondaryBackgroundColor": "#1a252b",
}
