"""`Model`: networks that were trained on a table, and how they read another one.

    model = shoal.load_model("model")
    model.predict(new_rows)

Whatever a table comes as, its cells are read as ``shoal predict`` reads them, and predicted by the
same lines of `shoal.inference.standalone`: the values are equal to the bit.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from shoal.data.dates import DateColumn
from shoal.data.encoder import Encoder, QuestionColumn, RegressionTargets
from shoal.errors import ModelError, ShoalWarning
from shoal.inference import standalone
from shoal.models.cells import cells_of
from shoal.objectives.registry import ACCURACY, Metric
from shoal.system.part_file import part_file
from shoal.system.shown import Shown

if TYPE_CHECKING:
    import pandas as pd

Unseen = standalone.Unseen


@dataclass(frozen=True, eq=False)
class RowPredictions:
    """What a model says of rows; `Model.predict_rows` gives it.

    Attributes
    ----------
    values
        (rows,): amounts in the target's unit, or names of classes. (rows, targets): amounts of
        several targets.
    probabilities
        (rows, classes), in the order of ``classes``; None for regression.
    each
        What each network says by itself: (networks, rows) amounts, (networks, rows, targets), or
        probabilities (networks, rows, classes).
    spread
        The standard deviation of the networks around ``values``: (rows,) or (rows, targets) in the
        target's unit; of classes (rows,), that of the probability of the predicted class. 0 for a
        single network.
    classes
        Names of the classes; none for regression.
    targets
        Names of the predicted columns.
    unseen
        By column: the cells with what training has never seen: a category, a number or date far
        outside of those of training, or no value where training had one in every row.
    """

    values: NDArray[Any]
    probabilities: NDArray[np.float64] | None
    each: NDArray[np.float64]
    spread: NDArray[np.float64]
    classes: tuple[str, ...]
    targets: tuple[str, ...]
    unseen: Mapping[str, Unseen] = field(default_factory=dict)

    @property
    def low(self) -> NDArray[np.float64]:
        """The least that any network says: as ``each``, without its first dimension."""
        return np.asarray(self.each.min(axis=0))

    @property
    def high(self) -> NDArray[np.float64]:
        """The most that any network says, as `low`."""
        return np.asarray(self.each.max(axis=0))

    def to_frame(self) -> pd.DataFrame:
        """The columns that ``shoal predict --proba --spread`` writes, a row each."""
        import pandas as pd

        columns: dict[str, Any] = {}
        names = [f" {name}" for name in self.targets] if self.values.ndim == 2 else [""]
        for what, values in (("prediction", self.values), ("spread", self.spread)):
            for name, column in zip(names, values.reshape(len(values), -1).T, strict=True):
                columns[f"{what}{name}"] = column
        if self.probabilities is not None:
            for name, column in zip(self.classes, self.probabilities.T, strict=True):
                columns[f"probability {name}"] = column
        return pd.DataFrame(columns)


class Model(Shown):
    """Networks that were trained on a table, and how they read another one.

    `shoal.load_model` reads one that was exported; `shoal.search` and `shoal.train` give theirs as
    ``result.model``. It pickles.

    Parameters
    ----------
    description
        The networks' shape and how a table is encoded, as in model.json.
    weights
        (networks, D) float32.

    Examples
    --------
    >>> import shoal
    >>> data = shoal.load_dataset("concrete")
    >>> model = shoal.train(data, shoal.Genome(hidden_layers=()), iterations=20).model
    >>> model.target, model.inputs[:2]
    ('compressive_strength', ('cement', 'blast_furnace_slag'))
    >>> model.predict(data.source.head(3)).shape
    (3,)
    """

    def __init__(self, description: Mapping[str, Any], weights: NDArray[np.float32]) -> None:
        self.description = description
        self.weights = weights

    @property
    def name(self) -> str:
        """What the table was called that it was trained on."""
        return str(self.description.get("name", ""))

    @property
    def task(self) -> str:
        """ "regression" or "classification"."""
        return "classification" if self.classes else "regression"

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the columns that it reads, in their order."""
        return tuple(column["name"] for column in self.description["encoder"]["columns"])

    @property
    def targets(self) -> tuple[str, ...]:
        """Names of the columns that it predicts."""
        target = self.description["encoder"]["target"]
        return tuple(target.get("names") or (target["name"],))

    @property
    def target(self) -> str | tuple[str, ...]:
        """The name of the column that it predicts; of several, their names."""
        if len(self.targets) == 1:
            return self.targets[0]
        return self.targets

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, in the order of probabilities; none for regression."""
        return tuple(self.description["encoder"]["target"].get("classes", ()))

    @property
    def metric(self) -> Metric:
        """What its score is a score of."""
        values = self.description.get("metric")
        if values is None:
            return ACCURACY
        return Metric.from_dict(values)

    @property
    def networks(self) -> int:
        """How many networks are averaged."""
        return len(self.weights)

    def predict(
        self, X: Any, *, strict: bool = False, file_encoding: str | None = None
    ) -> NDArray[Any]:
        """Predict rows.

        Parameters
        ----------
        X
            A DataFrame; a table of polars, PyArrow or another library; a dict of columns, or of the
            values of one row; an array or a list of rows, with the columns in the order of
            `inputs`; the path of a CSV or Parquet file. Columns that are no input are not looked
            at.
        strict
            Refuse what training has never seen.
        file_encoding
            The text encoding of a CSV file, by a name that Python knows. None: recognised.

        Returns
        -------
        ndarray
            (rows,): amounts in the target's unit, the mean of the networks; or names of classes.
            (rows, targets) where there are several targets.

        Raises
        ------
        ModelError
            If a column is missing, a cell cannot be read as training read it, or with ``strict``
            for what training has never seen.
        DataError
            If ``X`` is no table.
        SettingsError
            If there is no such ``file_encoding``, or ``X`` is no CSV file.

        Warns
        -----
        ShoalWarning
            For what training has never seen, with how many cells: categories, which count as none
            of the known ones, numbers and dates far outside of those of training, and missing
            values where training had none.
        """
        return self._predicted(X, strict, file_encoding, each=False).values

    def predict_proba(
        self, X: Any, *, strict: bool = False, file_encoding: str | None = None
    ) -> NDArray[np.float64]:
        """Predict the probability of each class.

        Parameters, warnings and errors are those of `predict`.

        Returns
        -------
        ndarray
            (rows, classes), in the order of `classes`: the mean of the networks.

        Raises
        ------
        ModelError
            Also if the model predicts amounts.
        """
        if not self.classes:
            raise ModelError(
                f"The model predicts {', '.join(self.targets)}, a number, which has no "
                "probabilities.",
                expected="a model of classes",
                remedy="predict(X), and predict_rows(X).spread for how far the networks are apart",
            )
        probabilities = self._predicted(X, strict, file_encoding, each=False).probabilities
        assert probabilities is not None
        return probabilities

    def predict_each(
        self, X: Any, *, strict: bool = False, file_encoding: str | None = None
    ) -> NDArray[np.float64]:
        """Predict rows with each network by itself.

        Parameters, warnings and errors are those of `predict`.

        Returns
        -------
        ndarray
            (networks, rows) amounts, (networks, rows, targets), or probabilities (networks, rows,
            classes).
        """
        each = self._predicted(X, strict, file_encoding, each=True).each
        assert each is not None
        return each

    def predict_rows(
        self, X: Any, *, strict: bool = False, file_encoding: str | None = None
    ) -> RowPredictions:
        """Predict rows, with all that is known of each prediction.

        Parameters and errors are those of `predict`. What training has never seen is in ``unseen``,
        without a warning.

        Returns
        -------
        RowPredictions
            Predictions, probabilities, and how far the networks are apart.
        """
        columns = cells_of(X, self.inputs, file_encoding)
        prediction = self.predict_cells(columns, strict=strict, each=True)
        assert prediction.each is not None
        assert prediction.spread is not None
        return RowPredictions(
            prediction.values,
            prediction.probabilities,
            prediction.each,
            prediction.spread,
            self.classes,
            self.targets,
            prediction.unseen,
        )

    def to_onnx(self, path: str | os.PathLike[str]) -> Path:
        """Write the model as one ONNX graph, from the columns of a table to predictions.

        Parameters
        ----------
        path
            The file; one that is there is replaced.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        ModelError
            If the package onnx is not installed, the model is damaged or larger than a file of ONNX
            can be, or the file cannot be written.

        Notes
        -----
        docs/how-to/onnx.md has the graph's inputs and outputs, and what it leaves to its caller.
        """
        from shoal.models.onnx import table_graph

        place = Path(path)
        graph = table_graph(self.description, self.weights)
        try:
            with part_file(place) as part:
                part.write_bytes(graph)
        except OSError as error:
            raise ModelError(
                f"{place}: {error.strerror}.", remedy="choose a file that you may write to"
            ) from None
        return place

    def predict_cells(
        self, columns: Mapping[str, standalone.Cells], *, strict: bool = False, each: bool = False
    ) -> standalone.Prediction:
        """Predict the cells (rows,) of columns by name, as `shoal.inference.standalone.predict`.

        Raises
        ------
        ModelError
            As `predict`.
        """
        model = standalone.Model(self.description, self.weights)
        try:
            return standalone.predict(model, columns, strict=strict, each=each)
        except standalone.TableError as error:
            raise as_model_error(error) from None

    def predict_inputs(self, x: NDArray[np.float32]) -> standalone.Prediction:
        """Predict rows by their network inputs (rows, inputs), such as those of a `Dataset`'s part.

        Raises
        ------
        ModelError
            If a prediction is no finite number.
        """
        model = standalone.Model(self.description, self.weights)
        try:
            return standalone.predict_inputs(model, len(x), x.__getitem__, each=True)
        except standalone.TableError as error:
            raise as_model_error(error) from None

    def _predicted(
        self, X: Any, strict: bool, file_encoding: str | None, each: bool
    ) -> standalone.Prediction:
        columns = cells_of(X, self.inputs, file_encoding)
        prediction = self.predict_cells(columns, strict=strict, each=each)
        for column, unseen in prediction.unseen.items():
            # Here, a method of this class and the caller; a result's own method stands between.
            warnings.warn(unseen.sentence(column), ShoalWarning, stacklevel=3)
        return prediction


def as_model_error(error: standalone.TableError, about: str = "") -> ModelError:
    """The `ModelError` that says the same, of what ``about`` names."""
    problem = f"{about}: {error.problem}" if about else error.problem
    return ModelError(problem, expected=error.expected, remedy=error.remedy)


def describe_model(
    name: str, encoder: Encoder, layers: Sequence[int], activation: str, shares: Sequence[float]
) -> dict[str, Any]:
    """What a model needs beside its weights, as values of JSON.

    Parameters
    ----------
    name
        What the table is called.
    encoder
        How a table becomes network inputs.
    layers, activation
        The networks' shape.
    shares
        (networks,): the weight of each network, together 1.
    """
    return {
        "format": format_of(encoder),
        "name": name,
        "task": encoder.target.task,
        "layers": list(layers),
        "activation": activation,
        "networks": len(shares),
        "shares": list(shares),
        "encoder": encoder.to_dict(),
    }


def format_of(encoder: Encoder) -> int:
    """The format of model.json: the first that has what the encoder needs, from 2 on."""
    kinds = {type(column) for column in encoder.columns}
    if DateColumn in kinds or any(map(_has_notation, encoder.columns)):
        return 5
    if QuestionColumn in kinds:
        return 4
    if isinstance(encoder.target, RegressionTargets):
        return 3
    return 2


def _has_notation(column: object) -> bool:
    """Whether it is read in a way that formats before 5 do not have."""
    return getattr(column, "notation", None) is not None or getattr(column, "truth", False)
