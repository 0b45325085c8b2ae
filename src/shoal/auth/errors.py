"""Errors of accounts and logins."""

from __future__ import annotations

from shoal.errors import ShoalError


class AccessError(ShoalError):
    """Somebody may not do what they asked for, or an account cannot be as it was asked for."""


class TooManyTriesError(AccessError):
    """Too many wrong passwords.

    Attributes
    ----------
    seconds
        How long until the next try is possible, in seconds.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        super().__init__("Too many wrong tries.", remedy=f"try again in {max(1, round(seconds))} s")

    def __reduce__(self) -> tuple[object, ...]:
        return (type(self), (self.seconds,))
