"""What users write for tables: an objective of a whole table, or a loss of a row.

`objective` makes a `TableObjective`, which a training optimises or a search selects on. `row_loss`
makes a `RowLoss`, whose mean over rows a training minimises. Neither needs a gradient.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from shoal.errors import ObjectiveError
from shoal.objectives.options import (
    Option,
    Reproducible,
    line_of,
    name_of,
    options_of,
    with_values,
)
from shoal.objectives.registry import DIRECTIONS, Direction, Metric

Handed = Literal["raw", "score", "probability", "decision", "unscaled"]
HANDED: tuple[Handed, ...] = get_args(Handed)
# What a loss of a row may be handed.
ROW_HANDED: tuple[Handed, ...] = ("unscaled", "raw")
# Kinds of NumPy's types that are real numbers.
_NUMBERS = "biuf"
# Parts of a network's outputs that only one task has.
_TASK_OF_HANDED = {"probability": "classification", "unscaled": "regression"}


@dataclass(frozen=True, eq=False, slots=True)
class TableObjective(Reproducible):
    """A number for the outputs of a network on all rows; `objective` makes one of a function.

    Called as the function is, it runs the function, which is how to test it.

    Attributes
    ----------
    name
        What it is called.
    function
        ``f(outputs, y, *columns, **options)``; returns one value a network, (P,).
    direction
        Whether a smaller or a larger value is better.
    outputs
        What the function is handed of P networks, as a float32 array in a training and a float64
        array where a score is recorded:

        - "score", (P, rows): of a regression, the prediction in the target's unit. Of two classes,
          the larger the likelier is the second class: the difference of the two outputs.
        - "probability", (P, rows, classes): of a classification.
        - "decision", (P, rows): of a classification, the index of the class with the largest
          output, int64; of a regression, the prediction in the target's unit.
        - "unscaled", (P, rows): of a regression, the prediction in the target's unit.
        - "raw", (P, rows, outputs): as the networks answer, in scaled units. Of a classification
          they are defined up to a constant that a row's outputs share.
    columns
        Columns of the table that the function is handed behind the target, each (rows,) float64.
        They are no features.
    columns_called
        What a table calls those columns, by the function's own names, where it calls them something
        else.
    unit
        Of the value, "" for a pure number.
    label
        As people read it.
    task
        "regression" or "classification" where it is for one only; None: both.
    classes
        The number of classes that it is for; None: any.
    options
        By name, with their values.
    """

    name: str
    # Without its address in memory, so that two processes print the same.
    function: Callable[..., Any] = field(repr=False)
    direction: Direction = "maximize"
    outputs: Handed = "score"
    columns: tuple[str, ...] = ()
    unit: str = ""
    label: str = ""
    task: Literal["regression", "classification"] | None = None
    classes: int | None = None
    options: Mapping[str, Option] = field(default_factory=dict)
    columns_called: Mapping[str, str] = field(default_factory=dict)

    def __call__(self, outputs: Any, y: Any, *columns: Any, **options: Any) -> Any:
        """Run the function."""
        return self.function(outputs, y, *columns, **{**self.options, **options})

    @property
    def sign(self) -> float:
        """What a value is multiplied by to become a loss: 1, or -1 where larger is better."""
        return 1.0 if self.direction == "minimize" else -1.0

    @property
    def metric(self) -> Metric:
        """The metric that a search selects on, if this is it."""
        label = self.label or self.name.replace("_", " ").capitalize()
        return Metric(self.name, label, self.direction, self.unit, self.task)

    def with_options(self, **changes: Any) -> TableObjective:
        """Give options other values, each of the type of its default. Raises `ObjectiveError`."""
        owner = f"The objective {self.name}"
        return replace(self, options=with_values(self.options, changes, owner, ObjectiveError))

    @property
    def table_columns(self) -> tuple[str, ...]:
        """The columns by the names that the table has for them."""
        return tuple(self.columns_called.get(name, name) for name in self.columns)

    def with_columns(self, called: Mapping[str, str]) -> TableObjective:
        """Take columns that a table calls something else.

        Parameters
        ----------
        called
            The table's name by the function's own name.

        Raises
        ------
        ObjectiveError
            If the function names no such column, or the other name is no text.

        Examples
        --------
        >>> @objective(columns=("amount",))
        ... def profit(score, y, amount): ...
        >>> profit.with_columns({"amount": "price"}).table_columns
        ('price',)
        """
        for name, column in called.items():
            if name not in self.columns:
                raise ObjectiveError(
                    f"The objective {self.name} names no column {name!r}.",
                    expected="one of " + (", ".join(self.columns) or "none"),
                    remedy="correct the name, or leave it out",
                )
            if not isinstance(column, str) or not column:
                raise ObjectiveError(
                    f"The column {name!r} of the objective {self.name} is called {column!r}.",
                    expected="the name of a column of the table",
                    remedy=f'for example columns={{"{name}": "price"}}',
                )
        return replace(self, columns_called={**self.columns_called, **called})

    def columns_in(
        self, table: Mapping[str, NDArray[np.float64]]
    ) -> tuple[NDArray[np.float64], ...]:
        """The columns that the function is handed, of those with a role (rows,) by their names.

        Raises
        ------
        ObjectiveError
            If one is missing.
        """
        for name, column in zip(self.columns, self.table_columns, strict=True):
            if column not in table:
                raise ObjectiveError(
                    f"The objective {self.name} needs the column {column!r}, which has no role.",
                    expected=f"a table with the columns {', '.join(self.table_columns)}",
                    remedy=f"`--role {column}=column`, or `--role COLUMN={name}` where the table "
                    "calls it something else; in Python columns= of shoal.load_dataset",
                )
        return tuple(table[column] for column in self.table_columns)

    def values(
        self,
        outputs: NDArray[Any],
        y: NDArray[np.float64],
        columns: tuple[NDArray[np.float64], ...] = (),
    ) -> NDArray[np.float64]:
        """The function's values, checked.

        Parameters
        ----------
        outputs
            What ``outputs`` says, of P networks.
        y
            (rows,): targets in their own unit, or indices of classes.
        columns
            Those of ``columns``, each (rows,).

        Returns
        -------
        ndarray of float64, (P,)
            In the function's own direction; they may be NaN or infinite.

        Raises
        ------
        ObjectiveError
            If the function raises, or returns something else than one number a network.
        """
        networks = len(outputs)
        try:
            returned = self.function(outputs, y, *columns, **self.options)
        # It says what to do by itself.
        except ObjectiveError:
            raise
        except Exception as error:
            raise ObjectiveError(
                f"The objective {self.name} raised {type(error).__name__}: {error}"
                f"{line_of(error, self.function)}.",
                expected=f"{networks} values for outputs of shape {outputs.shape}",
                remedy=f"call it by hand: {self.name}(outputs, y)",
            ) from error
        return self._checked(returned, outputs.shape)

    def _checked(self, returned: Any, shape: tuple[int, ...]) -> NDArray[np.float64]:
        try:
            values = np.asarray(returned)
            kind = values.dtype.kind
        except ValueError:
            # Lists of different lengths.
            kind = "O"
        expected = (shape[0],)
        if kind in _NUMBERS and values.shape == expected:
            return values.astype(np.float64)

        if kind in _NUMBERS:
            seen = f"values of shape {values.shape}"
        else:
            seen = f"a {type(returned).__name__} that holds no real numbers"
        raise ObjectiveError(
            f"The objective {self.name} returned {seen} for outputs of shape {shape}.",
            expected=f"one number a network, shape {expected}",
            remedy="reduce over the rows, the second axis: outputs.mean(axis=1), for example",
        )


@dataclass(frozen=True, eq=False, slots=True)
class RowLoss(Reproducible):
    """A loss of one row, whose mean over rows a training minimises; `row_loss` makes one.

    Attributes
    ----------
    name
        What it is called.
    function
        ``f(output, target, **options)``; returns a number. Numba compiles it. Where the network
        has several outputs, ``output`` is an array (outputs,).
    nonnegative
        Whether no value is below 0. A particle whose sum is already too large is then left early.
    outputs
        "unscaled": ``output`` and ``target`` are in the target's own unit. "raw": as the network
        answers, in scaled units. Classes have raw outputs, and the class's index as the target.
    options
        By name, with their values.
    """

    name: str
    # Without its address in memory, so that two processes print the same.
    function: Callable[..., Any] = field(repr=False)
    nonnegative: bool = False
    outputs: Handed = "unscaled"
    options: Mapping[str, Option] = field(default_factory=dict)

    @property
    def metric(self) -> Metric:
        """The metric that a search selects on, if this is it."""
        return Metric(self.name, self.name.replace("_", " ").capitalize(), "minimize")

    def __call__(self, output: Any, target: Any, **options: Any) -> Any:
        """Run the function in plain Python."""
        return self.function(output, target, **{**self.options, **options})

    def with_options(self, **changes: Any) -> RowLoss:
        """Give options other values, each of the type of its default. Raises `ObjectiveError`."""
        owner = f"The row loss {self.name}"
        return replace(self, options=with_values(self.options, changes, owner, ObjectiveError))


def objective(
    direction: Direction = "maximize",
    *,
    outputs: Handed = "score",
    columns: tuple[str, ...] = (),
    unit: str = "",
    label: str = "",
    name: str | None = None,
    task: Literal["regression", "classification"] | None = None,
    classes: int | None = None,
) -> Callable[[Callable[..., Any]], TableObjective]:
    """Make an objective of a function ``f(outputs, y, *columns, option=default, ...)``.

    The function is handed the outputs of many networks at once, and returns a value for each. It is
    written in NumPy, or compiled by Numba (write ``@numba.njit`` below this line).

    Parameters
    ----------
    direction
        "minimize" or "maximize" the value.
    outputs, columns, unit, label, name, task, classes
        See `TableObjective`. The name is by default that of the function.

    Returns
    -------
    callable
        A decorator that returns a `TableObjective`.

    Raises
    ------
    ObjectiveError
        If the function takes other arguments, or a setting makes no sense.

    Examples
    --------
    >>> @objective("maximize", outputs="unscaled", unit="%")
    ... def within(predicted, y, *, tolerance=5.0):
    ...     return 100.0 * (np.abs(predicted - y) <= tolerance).mean(axis=1)
    >>> within(np.array([[1.0, 9.0]]), np.array([2.0, 3.0])).tolist()
    [50.0]
    """

    def decorate(function: Callable[..., Any]) -> TableObjective:
        positional = ("outputs", "y", *columns)
        made = TableObjective(
            name=name or name_of(function),
            function=function,
            direction=direction,
            outputs=outputs,
            columns=tuple(columns),
            unit=unit,
            label=label,
            task=task or _TASK_OF_HANDED.get(outputs),  # type: ignore[arg-type]
            classes=classes,
            options=options_of(
                function, "The objective", positional, ObjectiveError, keywords=True
            ),
        )
        _check_choice("direction", direction, DIRECTIONS)
        _check_choice("outputs", outputs, HANDED)
        return made

    return decorate


def row_loss(
    *, nonnegative: bool = False, outputs: Handed = "unscaled", name: str | None = None
) -> Callable[[Callable[..., Any]], RowLoss]:
    """Make a loss of a function ``f(output, target, option=default, ...)`` of one row.

    Numba compiles it into the engine. Its mean over the rows is minimised.

    Parameters
    ----------
    nonnegative, outputs, name
        See `RowLoss`. The name is by default that of the function.

    Returns
    -------
    callable
        A decorator that returns a `RowLoss`.

    Raises
    ------
    ObjectiveError
        If the function takes other arguments, or a setting makes no sense.

    Examples
    --------
    >>> @row_loss(nonnegative=True)
    ... def lopsided(output, target, late=3.0):
    ...     error = output - target
    ...     return error if error > 0 else -late * error
    >>> lopsided(1.0, 2.0)
    3.0
    """

    def decorate(function: Callable[..., Any]) -> RowLoss:
        _check_choice("outputs", outputs, ROW_HANDED)
        return RowLoss(
            name=name or name_of(function),
            function=function,
            nonnegative=nonnegative,
            outputs=outputs,
            options=options_of(function, "The row loss", ("output", "target"), ObjectiveError),
        )

    return decorate


def _check_choice(what: str, value: Any, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ObjectiveError(f"{what}={value!r}.", expected="one of " + ", ".join(allowed))
