"""Refusals."""

from __future__ import annotations

from shoal.errors import ShoalError


class AccessError(ShoalError):
    """Somebody may not do that, or an account cannot be as it was asked for."""


class TooManyTriesError(AccessError):
    """Too many wrong passwords: the next try is possible after ``seconds``."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        super().__init__("Too many wrong tries.", remedy=f"try again in {max(1, round(seconds))} s")

    def __reduce__(self) -> tuple[object, ...]:
        return (type(self), (self.seconds,))
