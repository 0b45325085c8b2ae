"""What trials of users' functions share: their outcome, comparisons and words."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shoal.problems.check import ProblemFinding

# How far values may differ that are computed alone, or of rows in another order.
RELATIVE = 1e-9
# Characters of what a function printed or returned that are shown.
SHOWN = 60


@dataclass(frozen=True, slots=True)
class OwnCheck:
    """What came of trying an objective or a loss.

    Attributes
    ----------
    findings
        In the order in which they were found.
    facts
        Numbers; see `shoal.problems.check.ProblemCheck`.
    """

    findings: tuple[ProblemFinding, ...]
    facts: Mapping[str, Any]

    @property
    def badness(self) -> tuple[bool, int]:
        """Whether a finding is bad; if none is, how many want a look."""
        if has_bad(self.findings):
            return True, 0
        looks = [finding for finding in self.findings if finding.status == "look"]
        return False, len(looks)


def has_bad(findings: Sequence[ProblemFinding]) -> bool:
    """Whether no search can start."""
    return any(finding.status == "bad" for finding in findings)


def prints(subject: str, text: str) -> ProblemFinding:
    """The finding that something prints this text."""
    return ProblemFinding(
        "bad",
        "output",
        f"{subject} prints {text[:SHOWN]!r}. Expected: a function that prints nothing, as it is "
        "called many thousand times.",
        "remove what prints",
    )


def same(a: NDArray[np.float64], b: NDArray[np.float64]) -> bool:
    """Whether values are the same to the bit."""
    return bool(np.array_equal(a, b, equal_nan=True))


def close(a: NDArray[np.float64], b: NDArray[np.float64]) -> bool:
    """Whether values differ by no more than sums in another order do."""
    finite = b[np.isfinite(b)]
    size = np.abs(finite).max(initial=0.0)
    return bool(np.allclose(a, b, rtol=RELATIVE, atol=RELATIVE * size, equal_nan=True))


def shown(value: Any) -> str:
    """The start of a value as Python writes it."""
    if isinstance(value, np.generic):
        value = value.item()
    text = repr(value)
    if len(text) <= SHOWN:
        return text
    return text[:SHOWN] + "..."


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Without NumPy's warnings, as in a training."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield
