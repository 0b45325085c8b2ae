"""What the rest of Shoal sees of a table: its options, its parts, and the prepared whole."""

from __future__ import annotations

import numbers
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from shoal.data.dates import DateColumn
from shoal.data.encoder import ClassTarget, Encoder, NumericColumn
from shoal.data.file_encoding import parse_file_encoding
from shoal.data.presets import DATA_PRESETS, DataPreset
from shoal.data.splits import SEEDS, repeated_rows
from shoal.errors import SettingsError
from shoal.inference.standalone import unscale
from shoal.system.shown import Shown

if TYPE_CHECKING:
    import pandas as pd

    from shoal.data.canonical import CanonicalTable

Preset = Literal["modern", "classic"]
TaskType = Literal["regression", "classification"]
Logs = Literal["auto", "none"]
Encoding = Literal["values", "questions"]
Same = Literal["all"] | tuple[str, ...]
Names = str | tuple[str, ...]

MAX_FOLDS = 100

_ALLOWED: dict[str, tuple[str | None, ...]] = {
    "preset": tuple(DATA_PRESETS),
    "task": ("regression", "classification", None),
    "log_columns": ("auto", "none"),
    "encoding": ("values", "questions"),
}


@dataclass(frozen=True, slots=True)
class DataOptions:
    """Everything that `shoal.data.prepare` needs besides the table.

    Attributes
    ----------
    target
        Column to predict, or two columns of numbers or more.
    preset
        "modern" encodes text, fills in missing values and scales. "classic" takes numeric columns
        as they are and divides the target by its largest training value; of the options below it
        has the task, the test part and the seed only.
    task
        "regression" or "classification"; None: recognised from the target's values.
    group
        Column that is no feature, and whose equal values stay in one part of the split.
    test_fraction
        Share of the rows (of the groups, with ``group`` or ``same``) that are the test part, in
        [0, 1).
    validation_fraction
        Share of the other rows that validates, in [0, 1), when there is one fold.
    seed
        Of the splits, 0 to 2**32 - 1.
    same
        Columns that stay features, or "all" of them: rows that are equal in each of these stay in
        one part.
    folds
        k > 1: the rows that are not test are cut into k folds, and each validates in turn. 1: one
        validation part.
    log_columns
        "auto": columns with a long tail are taken as logarithms (`shoal.data.encoder.log_floor`).
        "none": no column is.
    columns
        Columns of numbers that are no features and stay with their rows: `Part.columns`.
    weight
        Column of numbers, 0 or more, that is no feature: how much each row counts.
    encoding
        "values": a column of numbers is one input, scaled. "questions": all inputs are the answers
        to yes/no questions, 1 or 0 (`shoal.data.encoder.fit_questions`); modern only.
    drop
        Columns that are left out.
    order
        Column of numbers or dates that says which rows come later. The last rows are the test part,
        and fold k validates the rows that follow those that it trains on; equal values stay in one
        part. Of the column itself only what comes again is a feature, such as the day of the week.
        Modern only.
    file_encoding
        In which text encoding the CSV file was to be read; None: it was recognised. The table is
        read already, so this changes nothing: it is kept to read the file again.

    Raises
    ------
    SettingsError
        For values that make no split.
    """

    target: Names
    preset: Preset = "modern"
    task: TaskType | None = None
    group: str | None = None
    test_fraction: float = 0.3
    validation_fraction: float = 0.2
    seed: int = 42
    same: Same = ()
    folds: int = 1
    log_columns: Logs = "none"
    columns: tuple[str, ...] = ()
    weight: str | None = None
    encoding: Encoding = "values"
    drop: tuple[str, ...] = ()
    order: str | None = None
    file_encoding: str | None = None

    def __post_init__(self) -> None:
        for column in self.targets:
            _check_column_name("target", column)
        if self.group is not None:
            _check_column_name("group", self.group)
        if self.order is not None:
            _check_column_name("order", self.order)
        for column in (*self.with_roles, *self.drop):
            _check_column_name("column with a role", column)

        for option, allowed in _ALLOWED.items():
            _check_choice(option, getattr(self, option), allowed)
        _check_fraction("test_fraction", self.test_fraction)
        _check_fraction("validation_fraction", self.validation_fraction)
        _check_seed(self.seed)
        _check_folds(self.folds)

        self._check_targets()
        self._check_group()
        self._check_same()
        self._check_order()
        self._check_roles()
        self._check_preset()

    @property
    def rules(self) -> DataPreset:
        """What the preset does with a table."""
        return DATA_PRESETS[self.preset]

    @property
    def scales_inputs(self) -> bool:
        """Whether inputs are standardised. The preset classic takes them as they are."""
        return self.rules.encodes_columns

    @property
    def targets(self) -> tuple[str, ...]:
        """The columns to predict, one or more."""
        if isinstance(self.target, tuple):
            return self.target
        return (self.target,)

    @property
    def with_roles(self) -> tuple[str, ...]:
        """Columns of numbers that stay with their rows: ``columns``, then the weight."""
        if self.weight is None:
            return self.columns
        return (*self.columns, self.weight)

    @property
    def no_features(self) -> tuple[str, ...]:
        """Columns that no network sees: target, group, those with a role, those left out."""
        group = () if self.group is None else (self.group,)
        return (*self.targets, *group, *self.with_roles, *self.drop)

    def _check_targets(self) -> None:
        if not isinstance(self.target, tuple):
            return
        if len(self.target) < 2 or len(set(self.target)) < len(self.target):
            raise SettingsError(
                f"target {list(self.target)}.",
                expected="two columns or more, each named once, or one as text",
                remedy="correct the list",
            )
        if self.task == "classification":
            raise SettingsError(
                f"task 'classification' with {len(self.target)} targets.",
                expected="one target for classes; several are amounts",
                remedy="choose one target, or the task regression",
            )

    def _check_group(self) -> None:
        if self.group is None:
            return
        if not self.rules.keeps_rows_together or self.group in self.targets:
            raise SettingsError(
                f"group {self.group!r} with preset {self.preset!r} and target {self.target!r}.",
                expected="modern, and not the target",
                remedy="drop the group, or use modern",
            )

    def _check_same(self) -> None:
        if not self.same:
            return
        names_target = self.same != "all" and not set(self.targets).isdisjoint(self.same)
        if self.group is not None or names_target:
            raise SettingsError(
                f"same {self.same!r} with group {self.group!r} and target {self.target!r}.",
                expected="features, and no group beside them",
                remedy="drop the group, or name only features",
            )

    def _check_order(self) -> None:
        if self.order is None:
            return
        rows_are_kept_together = self.group is not None or bool(self.same)
        if not self.rules.validates or self.order in self.targets or rows_are_kept_together:
            raise SettingsError(
                f"order {self.order!r} with preset {self.preset!r}, target {self.target!r}, group "
                f"{self.group!r} and same {self.same!r}.",
                expected="modern, not the target, and no rows that are kept together",
                remedy="drop the order, or what does not go with it",
            )

    def _check_roles(self) -> None:
        """Check that a column with a role has no other. Target and group are roles, too."""
        named: dict[str, list[str | None]] = {"target": [*self.targets], "group": [self.group]}
        named |= {"column": [*self.columns], "weight": [self.weight], "drop": [*self.drop]}
        if self.same != "all":
            named["same"] = [*self.same]

        for column in (*self.with_roles, *self.drop):
            roles = []
            for role, columns in named.items():
                roles += [role] * columns.count(column)
            if len(roles) > 1:
                raise SettingsError(
                    f"column {column!r} is named {len(roles)} times: as {', '.join(roles)}.",
                    expected="one role for a column",
                    remedy="drop the others, or copy the column under another name",
                )

    def _check_preset(self) -> None:
        same_is_useless = bool(self.same) and not self.rules.keeps_rows_together
        folds_are_useless = self.folds > 1 and not self.rules.validates
        logs_are_useless = self.log_columns != "none" and not self.rules.encodes_columns
        questions_are_useless = self.encoding != "values" and not self.rules.encodes_columns
        useless = (same_is_useless, folds_are_useless, logs_are_useless, questions_are_useless)
        if any(useless):
            raise SettingsError(
                f"same {self.same!r}, folds {self.folds}, log_columns {self.log_columns!r} and "
                f"encoding {self.encoding!r} with preset {self.preset!r}.",
                expected="none of them",
                remedy="leave them out, or use modern",
            )

    @classmethod
    def of_new_run(
        cls,
        target: str | Sequence[str],
        preset: Preset = "modern",
        *,
        same: str | Sequence[str] = (),
        folds: int | None = None,
        log_columns: Logs | None = None,
        columns: str | Sequence[str] = (),
        drop: str | Sequence[str] = (),
        file_encoding: str | None = None,
        **others: Any,
    ) -> DataOptions:
        """The options of a run that begins now: what is None is what its preset has now.

        Parameters
        ----------
        target, preset
            See `DataOptions`.
        same
            "all", a list of columns, or a text that names columns with commas between.
        folds
            None: 5 with modern, but 1 if a ``validation_fraction`` is named.
        log_columns
            None: "auto" with modern.
        columns, drop
            A list of columns, or a text that names columns with commas between.
        file_encoding
            In any spelling that Python knows.
        others
            The other options by name.

        Raises
        ------
        SettingsError
            For values that make no split.

        Examples
        --------
        >>> DataOptions.of_new_run("price").folds
        5
        >>> DataOptions.of_new_run("price", validation_fraction=0.1).folds
        1
        >>> DataOptions.of_new_run("price", same="street, number").same
        ('street', 'number')
        """
        # A preset that does not exist is refused by the constructor.
        chosen: dict[str, Any] = {}
        if preset in DATA_PRESETS:
            chosen.update(DATA_PRESETS[preset].new_run)
        if folds is not None:
            chosen["folds"] = folds
        elif "validation_fraction" in others:
            chosen["folds"] = 1
        if log_columns is not None:
            chosen["log_columns"] = log_columns
        return cls(
            _parse_target(target),
            preset,
            same=_parse_same(same),
            columns=parse_names("columns", columns),
            drop=parse_names("drop", drop),
            file_encoding=parse_file_encoding(file_encoding),
            **chosen,
            **others,
        )

    def to_dict(self) -> dict[str, Any]:
        """As JSON values. Options that came later are absent where they say nothing."""
        values = asdict(self)
        if self.same != "all":
            values["same"] = list(self.same)
        if isinstance(self.target, tuple):
            values["target"] = list(self.target)

        values["columns"] = list(self.columns)
        values["drop"] = list(self.drop)
        for came_later in ("columns", "weight", "drop", "order", "file_encoding"):
            if not values[came_later]:
                del values[came_later]
        if self.encoding == "values":
            del values["encoding"]
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> DataOptions:
        """Read what `to_dict` wrote, in this version or an older one."""
        same = values.get("same", ())
        if same != "all":
            same = tuple(same)
        names = {name: tuple(values.get(name, ())) for name in ("columns", "drop")}
        target = _parse_target(values["target"])
        return cls(**{**values, "target": target, "same": same, **names})


def _parse_target(target: Any) -> Names:
    """A name as it is, of a list of one its name. Other lists, and what is none, become tuples."""
    if not isinstance(target, Sequence) or isinstance(target, str):
        return cast("str", target)
    if len(target) == 1:
        return cast("str", target[0])
    return tuple(target)


def _parse_same(same: str | Sequence[str]) -> Same:
    if isinstance(same, str) and same.strip() == "all":
        return "all"
    return parse_names("same", same, ", or 'all'")


def parse_names(option: str, given: str | Sequence[str], or_else: str = "") -> tuple[str, ...]:
    """A list of names, or a text that has commas between them, as a tuple of names."""
    if isinstance(given, str):
        names = [name.strip() for name in given.split(",")]
        return tuple(name for name in names if name)

    is_list_of_names = isinstance(given, Sequence) and all(isinstance(name, str) for name in given)
    if not is_list_of_names:
        raise SettingsError(
            f"{option} {given!r}.",
            expected=f"names of columns{or_else}",
            remedy="correct the list",
        )
    return tuple(given)


def _check_column_name(option: str, column: object) -> None:
    if not (isinstance(column, str) and column):
        raise SettingsError(
            f"{option} {column!r}.",
            expected="the name of a column, as text",
            remedy=f"name one {option}",
        )


def _check_choice(option: str, value: object, allowed: tuple[str | None, ...]) -> None:
    if value not in allowed:
        raise SettingsError(
            f"{option} {value!r}.",
            expected=", ".join(choice for choice in allowed if choice),
            remedy="choose one of them",
        )


def _check_fraction(option: str, value: Any) -> None:
    if not (_is_number(value) and 0 <= value < 1):
        raise SettingsError(
            f"{option} {value!r}.", expected="0 <= fraction < 1", remedy="0.3 and 0.2 are usual"
        )


def _check_seed(value: Any) -> None:
    if not (_is_number(value, numbers.Integral) and 0 <= value < SEEDS):
        raise SettingsError(
            f"data seed {value!r}.",
            expected="a whole number, 0 to 2**32 - 1",
            remedy="choose another one",
        )


def _check_folds(value: Any) -> None:
    if not (_is_number(value, numbers.Integral) and 1 <= value <= MAX_FOLDS):
        raise SettingsError(
            f"folds {value!r}.",
            expected=f"a whole number of parts, 2 to {MAX_FOLDS}, or 1 for a single validation "
            "part",
            remedy="3 and 5 are usual",
        )


def _is_number(value: object, kind: type = numbers.Real) -> bool:
    # Python counts truth values among the integers.
    return isinstance(value, kind) and not isinstance(value, bool)


@dataclass(frozen=True, eq=False, repr=False)
class Part:
    """One part of the split, encoded.

    Attributes
    ----------
    x
        (rows, inputs) float32, C-contiguous: network inputs.
    y
        (rows,) float32: what the network learns, the scaled target or the class index from 0.
        (rows, targets) where there are several targets.
    target
        (rows,) float64: the target in its own unit, or the class index. (rows, targets) where there
        are several targets.
    rows
        (rows,) int64: row numbers in the table, from 0.
    columns
        By name, (rows,) float64 each: the columns that are no features, as the table has them.
    weight
        (rows,) float32, 0 or more and not all 0: how much each row counts. None: all alike.
    """

    x: NDArray[np.float32]
    y: NDArray[np.float32]
    target: NDArray[np.float64]
    rows: NDArray[np.int64]
    columns: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    weight: NDArray[np.float32] | None = None

    def select(self, chosen: NDArray[np.bool_]) -> Part:
        """A part of some of the rows.

        Parameters
        ----------
        chosen
            Shape (rows,): true for the rows to keep, which stay in their order.

        Returns
        -------
        Part
            A copy.
        """
        columns = {name: values[chosen] for name, values in self.columns.items()}
        weight = None
        if self.weight is not None:
            weight = self.weight[chosen]

        return Part(
            self.x[chosen],
            self.y[chosen],
            self.target[chosen],
            self.rows[chosen],
            columns,
            weight,
        )

    def followed_by(self, other: Part) -> Part:
        """The rows of two parts as one.

        Parameters
        ----------
        other
            A part with the same inputs and roles; its rows come after these.

        Returns
        -------
        Part
            A copy.
        """
        columns = {}
        for name, values in self.columns.items():
            columns[name] = np.concatenate([values, other.columns[name]])
        weight = None
        if self.weight is not None and other.weight is not None:
            weight = np.concatenate([self.weight, other.weight])

        return Part(
            np.concatenate([self.x, other.x]),
            np.concatenate([self.y, other.y]),
            np.concatenate([self.target, other.target]),
            np.concatenate([self.rows, other.rows]),
            columns,
            weight,
        )


@dataclass(frozen=True, eq=False, repr=False)
class Dataset(Shown):
    """A prepared table; `shoal.load_dataset` makes one.

    Attributes
    ----------
    name
        What messages call the table.
    table
        The whole table as read; None in worker processes, which need arrays only.
    options
        What it was prepared with; ``options.task`` is filled in.
    encoder
        How columns become network inputs, learned from ``train`` (as is the target's scaling).
    train
        The training part. With folds: all rows that are not test.
    validation
        The validation part; None with folds, and when no such part was asked for.
    test
        The test part, which only a champion is scored on; None when no such part was asked for.
    fold_numbers
        (rows of train,): the fold of each row, from 0; None without folds. See
        `shoal.data.splits.Split` for rows that are in order.
    """

    name: str
    table: CanonicalTable | None
    options: DataOptions
    encoder: Encoder
    train: Part
    validation: Part | None
    test: Part | None
    fold_numbers: NDArray[np.int64] | None = None

    @cached_property
    def source(self) -> pd.DataFrame | None:
        """The whole table as a DataFrame (rows, columns); None in worker processes.

        It is yours to change: neither the dataset nor what a run records of it changes with it.
        """
        if self.table is None:
            return None
        return self.table.frame

    @property
    def task(self) -> TaskType:
        """ "regression" or "classification"."""
        return self.encoder.target.task

    @property
    def inputs(self) -> int:
        """Number of network inputs: encoded columns."""
        return int(self.train.x.shape[1])

    @property
    def outputs(self) -> int:
        """Number of network outputs: that of targets, or of classes."""
        return len(self.classes) or len(self.options.targets)

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names by index; none for regression."""
        target = self.encoder.target
        if isinstance(target, ClassTarget):
            return target.classes
        return ()

    @property
    def validates(self) -> bool:
        """Whether a search selects on rows that a training has not seen."""
        return self.validation is not None or self.fold_numbers is not None

    def parts(self, repeat: int) -> tuple[Part, Part | None]:
        """The part that a repeat trains on, and the part that it is scored on besides, if any.

        They are the same for every genome. With folds, fold ``repeat mod k`` is the part that it is
        scored on; both are cut anew for each call, so that a process never holds more of a large
        table than the training at hand needs. Where rows are in order, it trains on the rows before
        that fold, else on all others.
        """
        if self.fold_numbers is None:
            return self.train, self.validation

        # Repeats beyond the number of folds begin again with the first.
        fold = repeat % self.options.folds
        held_out = self.fold_numbers == fold
        trained_on = ~held_out
        if self.options.order is not None:
            trained_on = self.fold_numbers < fold
        return self.train.select(trained_on), self.train.select(held_out)

    def fit_part(self, refit: bool) -> Part:
        """The part that a champion trains on.

        With ``refit`` it is the training part and the validation part after it. Both are encoded by
        what was learned from the training part.
        """
        if not refit or self.validation is None:
            return self.train
        return self.train.followed_by(self.validation)

    def without_table(self) -> Dataset:
        """A copy without the table, as worker processes get it: they need neither it nor pandas."""
        return replace(self, table=None)

    @cached_property
    def notes(self) -> tuple[str, ...]:
        """How the table is used, in plain sentences for a person; none in worker processes."""
        if self.table is None:
            return ()

        notes = [*self.table.left_out, *self._notes_on_roles()]
        features = [column.name for column in self.encoder.columns]
        meanings = self.table.meanings([*features, *self.options.targets])
        if meanings:
            notes.append(f"Numbers that are not written plainly are read: {', '.join(meanings)}.")
        for column in self.encoder.columns:
            if isinstance(column, NumericColumn) and column.log_floor is not None:
                notes.append(
                    f"{column.name} is taken as its logarithm, as its values have a long tail."
                )
            if isinstance(column, DateColumn):
                notes.append(f"{column.name} is taken as numbers: {column.parts}.")

        twins = self.rows_with_twins()
        if twins:
            notes.append(self._twins_note(twins))
        return tuple(notes)

    def _notes_on_roles(self) -> Iterator[str]:
        if self.options.drop:
            yield f"Left out: {', '.join(self.options.drop)}."
        if self.options.order is not None:
            yield f"Rows are in the order of {self.options.order}: the last ones test."
        if self.options.weight is not None:
            yield f"{self.options.weight} says how much each row counts, and is no feature."
        for column in self.options.columns:
            yield f"{column} stays with its rows, and is no feature."

    def _twins_note(self, twins: int) -> str:
        who = f"{twins:,} rows have"
        if twins == 1:
            who = "1 row has"
        remedy = ""
        if self.options.rules.keeps_rows_together and self.options.order is None:
            remedy = " same = all (--same all) keeps such rows in one part."
        problem = "the same features as a row of another part, so scores may be too good."
        return f"{who} {problem}{remedy}"

    def rows_with_twins(self) -> int:
        """How many rows have the features of a row in another part, or in another fold.

        Such rows make scores too good: the network may have seen them. Not in worker processes.
        """
        assert self.table is not None, "a worker's dataset has no table"
        part_of_row = self._part_of_each_row(len(self.table))

        # Rows with equal features are a group. A group is in more than one part if the lowest
        # and the highest number of its parts differ.
        features = [column.name for column in self.encoder.columns]
        groups = repeated_rows(self.table, features)
        lowest = np.full(groups.max() + 1, MAX_FOLDS)
        highest = np.full(groups.max() + 1, -MAX_FOLDS)
        np.minimum.at(lowest, groups, part_of_row)
        np.maximum.at(highest, groups, part_of_row)

        is_split = (lowest < highest)[groups]
        return int(is_split.sum())

    def _part_of_each_row(self, rows: int) -> NDArray[np.int64]:
        """A number (rows,) of the part that a row is in: a fold from 0 (training: 0), -1, or -2."""
        part_of_row = np.zeros(rows, dtype=np.int64)
        if self.fold_numbers is not None:
            part_of_row[self.train.rows] = self.fold_numbers
        if self.validation is not None:
            part_of_row[self.validation.rows] = -1
        if self.test is not None:
            part_of_row[self.test.rows] = -2
        return part_of_row

    def _parts(self) -> list[Part]:
        return [part for part in (self.train, self.validation, self.test) if part is not None]

    def unscale(self, outputs: NDArray[Any]) -> NDArray[np.float64]:
        """Network outputs in the target's own unit.

        Parameters
        ----------
        outputs
            (rows, outputs)

        Returns
        -------
        ndarray
            (rows,) for regression, (rows, targets) where there are several targets; (rows,
            classes), as they are, for classification.
        """
        return unscale(outputs, asdict(self.encoder.target))
