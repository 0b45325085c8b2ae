"""What Shoal says when it cannot go on: the value, what was expected, and what to do next."""

from __future__ import annotations


class ShoalError(Exception):
    """Root of every error that is the user's to mend.

    ``problem`` names the offending value, ``expected`` what would have been right, ``remedy`` the next step.
    ``exit_code`` is what the command line exits with.
    """

    exit_code = 2

    def __init__(self, problem: str, *, expected: str = "", remedy: str = "") -> None:
        self.problem = problem
        self.expected = expected
        self.remedy = remedy
        parts = [problem]
        if expected:
            parts.append(f"Expected: {expected}.")
        if remedy:
            parts.append(f"What to do: {remedy}.")
        super().__init__(" ".join(parts))

    def __reduce__(self) -> tuple[object, ...]:
        # Errors cross process borders; the default would call __init__ with the joined text as the problem.
        return (_rebuild, (type(self), self.problem, self.expected, self.remedy))


def _rebuild(kind: type[ShoalError], problem: str, expected: str, remedy: str) -> ShoalError:
    return kind(problem, expected=expected, remedy=remedy)


class DataError(ShoalError):
    """A table that cannot be read, or cannot be learned from."""


class SettingsError(ShoalError):
    """A setting, or a combination of settings, that makes no search."""


class GenomeError(ShoalError):
    """Hyperparameters or a topology that describe no swarm."""


class ModelError(ShoalError):
    """An exported model that is missing, damaged, or does not fit the table it is applied to."""


class ReplayError(ShoalError):
    """A recorded training that cannot be repeated, or not within the time that a look at it may take."""


class ExecutorError(ShoalError):
    """The place where trainings run is not installed, cannot be reached, or is lost."""


class AnalysisError(ShoalError):
    """What is recorded does not suffice for what was asked of it, or cannot be compared."""


class StoreError(ShoalError):
    """The store cannot be opened, or refuses what was asked."""


class StoreFullError(StoreError):
    """The disk of the store is full. Nothing is lost: whoever writes waits until there is room."""


class StoreAwayError(StoreError):
    """The store was locked, or its server away, for longer than a transaction's patience. It is worth another try."""


class StoreLostError(StoreError):
    """The store's file is not at its place any more: deleted, moved, or replaced by another. Nothing was written."""


class RunNotFoundError(StoreError):
    """No run of that name in this store."""


class RunStateError(StoreError):
    """The run is in a state that does not allow the command."""


class NotOwnerError(StoreError):
    """A write with a stale epoch: another supervisor has taken the run over. Nothing was written."""

    exit_code = 1
