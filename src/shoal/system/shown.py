"""How Shoal's objects show themselves: one line of text, and a small table in a notebook."""

from __future__ import annotations

from importlib import import_module
from typing import Any

# What describes objects of all layers stands above them, and is loaded when one is first shown.
_DESCRIPTIONS = "shoal.presentation.descriptions"


class Shown:
    """A class whose objects `shoal.presentation.descriptions` describes.

    A dataclass says ``repr=False`` beside it, or it would write a ``__repr__`` of its own.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        text: str = _descriptions().line(self)
        return text

    def _repr_html_(self) -> str:
        """What a notebook shows: HTML without scripts, links or style sheets."""
        html: str = _descriptions().html(self)
        return html


def _descriptions() -> Any:
    return import_module(_DESCRIPTIONS)
