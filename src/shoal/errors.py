"""What Shoal raises when it cannot go on.

Every message has three parts: the offending value, what was expected, and what to do next. Catch
`ShoalError` for all that a user can mend; whatever else is raised is a bug of Shoal.
"""

from __future__ import annotations

import re

# Characters of a message. What users name and what files hold may be longer than a person reads.
_MOST_CHARACTERS = 950
_LEFT_OUT = " ... "
# Names may have them.
_LINE_ENDS = re.compile("[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")


class ShoalError(Exception):
    """The base of every error that is the user's to mend.

    The command line prints the message and exits with ``exit_code``. Code that shows the parts
    apart, as the dashboard does, reads the attributes.

    Parameters
    ----------
    problem
        What is wrong, with the offending value. A sentence.
    expected
        What would have been right, as "Expected: ..." goes on. May be empty.
    remedy
        The next step, as "What to do: ..." goes on. May be empty.

    Attributes
    ----------
    exit_code : int
        What the command line exits with: 2, or 1 where the user did nothing wrong.

    Examples
    --------
    >>> raise SettingsError("folds 0.", expected="1 or more", remedy="3 and 5 are usual")
    Traceback (most recent call last):
    ...
    shoal.errors.SettingsError: folds 0. Expected: 1 or more. What to do: 3 and 5 are usual.
    """

    exit_code = 2

    def __init__(self, problem: str, *, expected: str = "", remedy: str = "") -> None:
        parts = _fitted([problem, expected, remedy])
        self.problem, self.expected, self.remedy = parts

        parts = [self.problem]
        if expected:
            parts.append(f"Expected: {self.expected}.")
        if remedy:
            parts.append(f"What to do: {self.remedy}.")
        super().__init__(" ".join(parts))

    def __reduce__(self) -> tuple[object, ...]:
        # Errors cross process borders. The default would call __init__ with the joined text as the
        # problem.
        return (_rebuild, (type(self), self.problem, self.expected, self.remedy))


def _written_out(found: re.Match[str]) -> str:
    return ascii(found.group())[1:-1]


def _fitted(parts: list[str]) -> list[str]:
    """Parts of a message: in one line, and without the middle of the longest where they are too
    long together.
    """
    parts = [_LINE_ENDS.sub(_written_out, part) for part in parts]
    while (excess := sum(map(len, parts)) - _MOST_CHARACTERS) > 0:
        longest = max(parts, key=len)
        half = max(_MOST_CHARACTERS // 8, (len(longest) - excess - len(_LEFT_OUT)) // 2)
        shorter = f"{longest[:half]}{_LEFT_OUT}{longest[-half:]}"
        parts = [shorter if part is longest else part for part in parts]
    return parts


def _rebuild(kind: type[ShoalError], problem: str, expected: str, remedy: str) -> ShoalError:
    return kind(problem, expected=expected, remedy=remedy)


class ShoalWarning(UserWarning):
    """Something was done that may not be what was meant, such as a category that counts as none.

    ``warnings.filterwarnings("ignore", category=shoal.ShoalWarning)`` silences it.
    """


class DataError(ShoalError):
    """A table cannot be read, or cannot be learned from.

    Raised by `shoal.load_dataset` and whatever prepares a table: the file is missing, damaged, or
    no table; a cell is no number where most of its column is; the target is missing or constant; a
    class or a fold has too few rows.

    What to do: correct the cell that the message names (the header is row 1), leave the column out,
    or choose other options. ``shoal check TABLE`` lists all that is wrong in one go.
    """


class ProblemError(ShoalError):
    """A simulation, function or objective cannot be used, or is of another kind than needed."""


class ObjectiveError(ProblemError):
    """An objective, a metric or a loss of one's own cannot be used.

    Raised by `shoal.objective` and `shoal.row_loss` for a function that takes other arguments, and
    by whatever calls one that raises, returns another shape, does not fit the target, or does not
    compile.

    What to do: correct what the message names. ``shoal check-problem`` tries an objective out.
    """


class DecoderError(ProblemError):
    """A decoder cannot be used.

    Raised by `shoal.decoder` for a function that takes other arguments, and by whatever calls one
    that raises, returns another shape, does not fit the network, or does not depend on each
    position alone.

    What to do: correct what the message names. ``shoal.train`` tries a decoder out.
    """


class CodeChangedError(ProblemError):
    """The code that a run began with is not on this machine, or has changed."""


class SettingsError(ShoalError):
    """A setting has no meaning, or two settings do not go together.

    Raised before anything is trained or written, for a value out of range, a name that no setting
    has, or a loss that does not fit the target. `shoal.train` also raises it when no particle ever
    had a finite loss, which is settings' doing.

    What to do: choose one of the values that the message lists. docs/reference/settings.md
    has them all.
    """


class GenomeError(ShoalError):
    """Hyperparameters describe no swarm, or a search space no genomes.

    Raised by `shoal.Genome`, `shoal.named_genome` and bounds of a search: a gene out of its range,
    more informants than other particles, a name that no genome has, bounds that exclude each other.

    What to do: correct the gene that the message names. docs/reference/genes.md has every
    gene's range.
    """


class SimulationError(ShoalError):
    """A simulation cannot be run.

    Raised by `shoal.simulation` for a function that takes other arguments or for settings that do
    not exist, and by whatever runs a simulation that raises, that returns something else than a
    number, or that needs a package that is not installed.

    What to do: correct the function. The message names its file and line.
    """


class FunctionError(ShoalError):
    """A function cannot be minimised as it is.

    Raised by `shoal.minimize` and `shoal.Swarm`: the function returns another shape than one loss
    for each row, NaN for every row, or other values in another order of rows; it raises, or changes
    its input; bounds are no box; losses are told for another number of particles.

    What to do: correct what the message names. ``vectorized=False`` calls a function that takes one
    point at a time.
    """


class ModelError(ShoalError):
    """An exported model cannot be applied.

    Raised by ``shoal predict`` if the model's folder is incomplete or damaged, was written by a
    newer version, or if the table lacks a column that the model was trained on.

    What to do: export the model again and keep its files together, or give the table the column.
    """


class ReplayError(ShoalError):
    """A recorded training cannot be repeated to be looked at.

    Raised when no such training is recorded, when it failed before its first iteration, when it
    takes longer than a look may, or when the process that repeats it has ended.

    What to do: choose another training, fewer iterations, or try once more on a machine at rest.
    """


class ExecutorError(ShoalError):
    """The place where trainings run cannot be used.

    Raised when Ray is asked for and not installed, when nothing answers at its address, when its
    nodes have another version of Shoal, or when a connection is lost in the middle of a run.

    What to do: mend the cluster (docs/how-to/cluster.md) and resume the run. Nothing
    recorded is lost.
    """


class AnalysisError(ShoalError):
    """The recorded trainings do not suffice for an analysis.

    Raised when runs are compared that have no results yet, and when too few genomes, or equally
    good ones, are to say which gene matters.

    What to do: let the search go on, or name other runs.
    """


class StoreError(ShoalError):
    """The store cannot be opened, or refuses what was asked of it.

    Raised for a URL that names no database, a file that is no store or was written by a newer
    version, a table that is damaged, and a name that is not recorded. The classes below say more.

    What to do: follow the message; ``shoal doctor`` examines a store.
    """


class StoreFullError(StoreError):
    """The store takes nothing for now: its disk or a quota is full, or its server is read-only.

    Raised by whatever writes to the store. Nothing recorded is lost, and a run that is under way
    waits until the store takes writes again.

    What to do: follow the message; mostly, free some space on the disk that it names.
    """


class StoreAwayError(StoreError):
    """The store was locked, or its server away or short of something, for minutes on end.

    Raised by whatever reads or writes the store.

    What to do: try again. If it goes on, look for a process that holds a SQLite file, or at the
    PostgreSQL server.
    """


class StoreLostError(StoreError):
    """The store's file is not at its place any more.

    Raised when the file was deleted, moved or replaced while it was open. Nothing was written.

    What to do: put the file back, or restore a backup, and start again.
    """


class RunNotFoundError(StoreError):
    """The store has no run of that number or name.

    Raised by everything that takes a run.

    What to do: ``shoal runs`` lists the runs. Check that ``--store`` names the right store.
    """


class RunStateError(StoreError):
    """The run is in a state that does not allow the command.

    Raised when a run that has ended is paused or stopped, when one that is under way is deleted or
    extended, and the like.

    What to do: ``shoal show RUN`` shows the state; wait, or stop the run first.
    """


class NotOwnerError(StoreError):
    """Another supervisor has taken the run over, so this one may not write to it any more.

    Raised by a write with a stale epoch: this process was taken for dead, after its machine was
    suspended for example. Nothing was written, and the exit code is 1, as nobody made a mistake.

    What to do: nothing. The new owner goes on from what was recorded.
    """

    exit_code = 1
