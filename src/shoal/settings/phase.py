"""The two phases in which a genome is trained: the search, and the confirmation after it.

A record stores one number for each training of a genome, its repeat. Repeats of the search count
from 0, those of the confirmation from `FIRST_CONFIRMATION`. No other module compares repeats with
that number.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, overload

# Settings allow at most this many repeats in a search, so a repeat belongs to one phase only.
FIRST_CONFIRMATION = 10_000


class Phase(StrEnum):
    """Why a genome is trained."""

    # The search selects on these trainings.
    SEARCH = "search"
    # Fresh random streams, on which nothing was selected, confirm the scores of the finalists.
    CONFIRMATION = "confirmation"

    @property
    def first_repeat(self) -> int:
        """The stored number of the phase's first repeat."""
        if self is Phase.CONFIRMATION:
            return FIRST_CONFIRMATION
        return 0


def phase_of(repeat: int) -> Phase:
    """The phase to which the stored number ``repeat`` belongs.

    Examples
    --------
    >>> phase_of(3), phase_of(10_003)
    (<Phase.SEARCH: 'search'>, <Phase.CONFIRMATION: 'confirmation'>)
    """
    if is_confirmation(repeat):
        return Phase.CONFIRMATION
    return Phase.SEARCH


def number_in_phase(repeat: int) -> int:
    """The number of ``repeat`` within its phase, from 0.

    Examples
    --------
    >>> number_in_phase(3), number_in_phase(10_003)
    (3, 3)
    """
    return repeat - phase_of(repeat).first_repeat


@overload
def is_confirmation(repeat: int) -> bool: ...
@overload
def is_confirmation(repeat: Any) -> Any: ...
def is_confirmation(repeat: Any) -> Any:
    """Whether the stored number ``repeat`` belongs to the confirmation.

    Parameters
    ----------
    repeat
        A stored number, or an array or pandas column of them: the answer has the same shape.
    """
    return repeat >= FIRST_CONFIRMATION
