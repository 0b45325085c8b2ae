"""When a page may show what was computed earlier: while little has come since.

Both the importance of genes and a genome's ancestors take seconds to compute for a large run.
"""

from __future__ import annotations

# The share of trainings or generations that may have come since.
_MOST_NEW = 0.05


def is_recent(then: int, now: int) -> bool:
    """Whether what was computed from ``then`` trainings or generations may still be shown.

    Parameters
    ----------
    then
        How many there were when it was computed; 0 for never.
    now
        How many there are now.

    Examples
    --------
    >>> is_recent(95, 100), is_recent(94, 100)
    (True, False)
    """
    return then >= (1 - _MOST_NEW) * now
