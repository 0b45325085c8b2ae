"""The tables that come with Shoal, by name. The module is light: `table_io` needs pandas."""

from __future__ import annotations

BUNDLED = {"concrete": "compressive_strength"}
"""Bundled tables and their targets."""
