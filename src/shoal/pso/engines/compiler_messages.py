"""What the compiler says of a user's function, as one sentence."""

from __future__ import annotations

from numba.core.errors import NumbaError


def first_cause(error: NumbaError) -> str:
    """What a compiler's message says of the user's code, as one sentence.

    The message goes from the code that failed up to the code that called it, with the cause first
    and places between.
    """
    lines = [line.strip() for line in str(error).splitlines()]
    said = [line for line in lines if line and not line.startswith(_NO_CAUSES)]
    places = [line.rstrip(":") for line in lines if line.startswith('File "')]
    own = [line for line in places if "/shoal/" not in line and "/numba/" not in line]

    cause = said[0].rstrip(".") if said else type(error).__name__
    if own:
        cause = f"{cause} ({own[0]})"
    return as_sentence(cause)


def as_sentence(text: str) -> str:
    """The text with a full stop."""
    return text if text.endswith(".") else f"{text}."


# Lines of Numba's messages that say no cause.
_NO_CAUSES = (
    "Failed in nopython mode",
    "- Resolution failure",
    "- Of which",
    "Overload",
    "There are",
    "File ",
    "During:",
    "Enable logging",
    "No implementation of function",
    ">>>",
    "Rejected as",
    "Invalid use of",
    "(During",
    "With argument",
    "No match",
)
