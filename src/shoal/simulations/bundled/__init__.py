"""Simulations that come with Shoal, one file each.

May import: `shoal.numerics`, `shoal.simulations`.

Start with pendulum.py, the shortest; `shoal.simulations.registry` finds them by name.
"""
