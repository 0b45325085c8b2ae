"""scikit-learn estimators: a network, or the mean of several, trained by particle swarms.

    SwarmRegressor(iterations=2000).fit(X, y).predict(X_new)

They train one given genome. To look for a better one, `shoal.search`, and pass its champion's
genome.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_array, check_is_fitted, check_X_y, validate_data

from shoal.data import Part
from shoal.data.encoder import mean_and_deviation
from shoal.errors import DataError, ObjectiveError, SettingsError
from shoal.genome.genes import READOUTS
from shoal.genome.genome import Genome
from shoal.genome.presets import check_genome, named_genome
from shoal.inference.standalone import softmax
from shoal.models.frame_encoder import FrameEncoder, frame_to_encode
from shoal.nn.network import Network
from shoal.nn.readout import ReadoutTargets, class_codes
from shoal.numerics.philox import derive_key
from shoal.objectives.bound import (
    BoundObjective,
    Units,
    WholeObjective,
    check_fits,
    mean_of,
)
from shoal.objectives.decoders import Decode, Decoder
from shoal.objectives.definition import RowLoss, TableObjective
from shoal.objectives.loss_of_rows import LearnedRows, loss_of_rows
from shoal.objectives.losses import Objective
from shoal.problems.own_code import Own, find_given
from shoal.problems.warm_start import find_start, start_weights, starting_genome
from shoal.pso.engines import get_engine
from shoal.pso.engines.base import TrainingResult
from shoal.pso.swarm import SwarmState, TrainingTask
from shoal.settings.start import StartFrom
from shoal.system.progress_bar import progress_bar


class FeatureError(DataError, ValueError):
    """A column of X cannot be scaled: its squares are too large or too small for numbers.

    It is also a `ValueError`, as scikit-learn's own tools expect.

    What to do: write the column in another unit.
    """


class TargetError(DataError, ValueError):
    """A target says nothing: it is constant, of one class, or too large to be scaled.

    It is also a `ValueError`, as scikit-learn's own tools expect.

    What to do: choose another target.
    """


class SampleWeightError(DataError, ValueError):
    """Weights are negative, all 0, or not as many as rows.

    It is also a `ValueError`, as scikit-learn's own tools expect.

    What to do: give each row a weight of 0 or more.
    """


class _WholeNumber(NamedTuple):
    """The values that a parameter may have."""

    least: int
    most: int
    may_be_none: bool = False
    or_else: str = ""


_WHOLE_NUMBERS = {
    "iterations": _WholeNumber(1, 100_000_000),
    "networks": _WholeNumber(1, 10_000),
    "threads": _WholeNumber(1, 10_000),
    "patience": _WholeNumber(1, 100_000_000, may_be_none=True),
}
_VERBOSE = _WholeNumber(0, 1_000)
_SEED = _WholeNumber(0, 2**63 - 1, may_be_none=True, or_else=", or a numpy.random.RandomState")


class _SwarmEstimator(BaseEstimator):  # type: ignore[misc]
    """What both estimators share.

    Inputs are standardised with the training rows' means and standard deviations. Parameters are
    checked by ``fit``, not here, as scikit-learn demands.
    """

    def __init__(
        self,
        genome: Genome | None = None,
        *,
        iterations: int = 1000,
        networks: int = 1,
        loss: str | None = None,
        objective: str | dict[str, Any] | Own | None = None,
        decoder: str | dict[str, Any] | Decoder | None = None,
        readout: str | None = None,
        start_from: str | os.PathLike[str] | dict[str, Any] | None = None,
        patience: int | None = None,
        random_state: int | np.random.RandomState | None = 0,
        threads: int = 1,
        verbose: int = 0,
    ) -> None:
        self.genome = genome
        self.iterations = iterations
        self.networks = networks
        self.loss = loss
        self.objective = objective
        self.decoder = decoder
        self.readout = readout
        self.start_from = start_from
        self.patience = patience
        self.random_state = random_state
        self.threads = threads
        self.verbose = verbose

    def _train(self, x: NDArray[np.float64], rows: LearnedRows, table: _Table) -> Self:
        """Train on inputs (rows, columns) and what a loss and an objective see of the rows."""
        objective = self._minimised(rows, table)
        start = find_start(self.start_from)
        genome = self._chosen_genome(start)

        if self.encoder_ is None:
            standards = [_standards_of_feature(k, x[:, k], rows.weight) for k in range(x.shape[1])]
            self.mean_, self.scale_ = np.array(standards).T
        else:
            # What was encoded is scaled already.
            self.mean_, self.scale_ = np.zeros(x.shape[1]), np.ones(x.shape[1])
        layers = (x.shape[1], *genome.hidden_layers, table.outputs)
        self.network_ = Network(layers, genome.activation)
        decode = self._decode()

        # The networks differ in their random streams only.
        inputs = self._inputs(x)
        targets = np.ascontiguousarray(rows.y, np.float32)
        weight = None
        if rows.weight is not None:
            weight = rows.weight.astype(np.float32)
        part = Part(inputs, targets, table.target, np.arange(len(x)), weight=weight)
        solved_targets = _readout_targets(rows, table) if genome.solves_readout else None
        seed = self._seed()
        tasks = []
        for repeat in range(self.networks):
            key = derive_key(seed, repeat)
            first = None
            if start is not None:
                first = start_weights(start, genome, self.network_, part, key)
            training = TrainingTask(
                genome=genome,
                network=self.network_,
                objective=objective,
                x=inputs,
                y=targets,
                key=key,
                iterations=self.iterations,
                patience=self.patience,
                decode=decode,
                start=first,
                targets=solved_targets,
            )
            tasks.append(training)

        results = self._train_all(tasks)
        losses = [result.loss for result in results]
        if not np.isfinite(losses).all():
            raise SettingsError(
                "The swarm never found weights with a finite loss.",
                expected="one",
                remedy="lower weight_scale and max_position, or scale the columns",
            )

        self.weights_ = np.stack([result.weights for result in results])
        self.loss_ = float(np.mean(losses))
        self.history_ = [result.history for result in results]
        self.n_iter_ = max(result.iterations for result in results)
        return self

    def _train_all(self, tasks: list[TrainingTask]) -> list[TrainingResult]:
        """Train the networks one after the other, with a bar where it is asked for."""
        numbers = {id(task): number for number, task in enumerate(tasks)}
        with progress_bar(bool(self.verbose)) as bar:

            def show(task: TrainingTask, state: SwarmState) -> None:
                if bar.is_due:
                    number = numbers[id(task)]
                    share = (number + state.iteration / task.iterations) / len(tasks)
                    loss = f"loss {state.best_losses.min():.5g}"
                    bar.show(share, f"network {number + 1} of {len(tasks)}, {loss}")

            return get_engine("cpu", self.threads).train(tasks, show)

    def _chosen_genome(self, start: StartFrom | None) -> Genome:
        """The genome that is trained: the one given, or a default, with the output layer asked
        for.
        """
        genome = self.genome
        if genome is None and start is not None:
            genome = starting_genome(Genome(), start)
        elif genome is None and self.decoder is None:
            genome = named_genome("solved")
        elif genome is None:
            genome = Genome()

        if self.readout is None:
            return genome
        return replace(genome, readout=self.readout)

    def _minimised(self, rows: LearnedRows, table: _Table) -> Objective | BoundObjective:
        """What swarms minimise."""
        if self.objective is None:
            return loss_of_rows(self.loss, table.units.task, rows, bound=self.decoder is not None)
        if self.loss is not None:
            raise SettingsError(
                f"loss={self.loss!r} and objective={self.objective!r} exclude each other.",
                expected="one of them",
                remedy="leave the loss out",
            )

        own = find_given(self.objective, "objective")
        if isinstance(own, RowLoss):
            return mean_of(own, table.units, table.target_of_rows, rows.y, rows.weight)
        assert isinstance(own, TableObjective)
        check_fits(own, table.units.task, table.outputs)
        if rows.weight is not None and np.ptp(rows.weight) > 0:
            raise ObjectiveError(
                f"sample_weight, and the objective {own.name} of all rows, which knows no weights.",
                expected="no weights, or an objective that is the mean of a loss of each row",
                remedy="hand the weights to the objective as a column: fit(X, y, NAME=weights)",
            )
        columns = _handed(own, table.columns)
        return WholeObjective(own, table.units, table.target_of_rows, columns)

    def _decode(self) -> Decode | None:
        """What makes networks of positions; None: they are networks."""
        if self.decoder is None:
            return None
        decoder = find_given(self.decoder, "decoder")
        assert isinstance(decoder, Decoder)
        for option, needed in decoder.data_options.items():
            raise SettingsError(
                f"decoder={decoder.name!r} needs a table with {option}={needed!r}, and estimators "
                "take columns as they are.",
                expected="a decoder of any network, such as sign, ternary or int8",
                remedy=f"shoal.train(shoal.load_dataset(..., {option}={needed!r}), decoder="
                f"{decoder.name!r})",
            )
        decoder.check(self.network_)
        return decoder.bound_to(self.network_)

    def _check(self) -> None:
        """Raise SettingsError or GenomeError for a parameter that makes no training."""
        for name, allowed in _WHOLE_NUMBERS.items():
            _check_whole_number(name, getattr(self, name), allowed)
        # As elsewhere in scikit-learn, True is 1.
        if not isinstance(self.verbose, bool):
            _check_whole_number("verbose", self.verbose, _VERBOSE)
        # The module stands for NumPy's own generator, as in scikit-learn.
        state: Any = self.random_state
        if state is not np.random and not isinstance(state, np.random.RandomState):
            _check_whole_number("random_state", self.random_state, _SEED)

        if self.genome is not None:
            check_genome(self.genome)
        if self.readout not in (None, *READOUTS):
            raise SettingsError(
                f"readout={self.readout!r}.",
                expected="one of " + ", ".join(map(repr, READOUTS)) + ", or None",
                remedy="correct it, or leave it out",
            )

    def _seed(self) -> int:
        """What the networks' random streams depend on."""
        if isinstance(self.random_state, int | np.integer):
            return int(self.random_state)
        # As scikit-learn's own estimators draw one.
        drawn = check_random_state(self.random_state).randint(np.iinfo(np.int32).max)
        return int(drawn)

    def _inputs(self, x: NDArray[np.float64]) -> NDArray[np.float32]:
        with np.errstate(over="ignore"):
            return np.ascontiguousarray((x - self.mean_) / self.scale_, np.float32)

    def _validated(self, X: Any, y: Any, counted: NDArray[np.bool_] | None, **checks: Any) -> Any:
        """Checked inputs (rows, inputs) and targets, as `validate_data` gives them.

        A DataFrame with columns that are no plain numbers is encoded, by what the rows that count
        say.
        """
        X = _with_gaps(X)
        if np.ma.is_masked(y):
            raise TargetError(
                "y has masked values.",
                expected="a value in every row",
                remedy="leave out the rows without a target",
            )
        frame = frame_to_encode(X)
        if frame is None:
            self.encoder_ = None
            return validate_data(self, X, y, dtype=np.float64, **checks)

        rows = np.arange(len(frame))
        if counted is not None and counted.shape == rows.shape and counted.any():
            rows = np.flatnonzero(counted)
        encoder = FrameEncoder.fit(frame, rows)
        x, y = check_X_y(encoder.inputs(frame, warns=False), y, dtype=np.float64, **checks)
        self.encoder_ = encoder
        self.feature_names_in_ = np.array(encoder.names, dtype=object)
        self.n_features_in_ = len(encoder.names)
        return x, y

    def _outputs(self, x: Any) -> list[NDArray[np.float64]]:
        """Outputs (rows, outputs) of each network."""
        check_is_fitted(self)
        x = _with_gaps(x)
        if self.encoder_ is None:
            x = validate_data(self, x, reset=False, dtype=np.float64)
        else:
            x = self.encoder_.inputs(x)
        inputs = self._inputs(x)
        engine = get_engine("cpu")
        outputs = []
        for weights in self.weights_:
            outputs.append(engine.outputs(self.network_, weights, inputs).astype(np.float64))
        return outputs


@dataclass(frozen=True, eq=False, slots=True)
class _Table:
    """What objectives see of the rows.

    Attributes
    ----------
    units
        How outputs become numbers in the target's unit.
    target
        (rows,) or (rows, targets) float64: in its own unit; or the index of the class.
    outputs
        Of a network: targets or classes.
    columns
        By name, (rows,) float64 each, what `fit` was given besides.
    """

    units: Units
    target: NDArray[np.float64]
    outputs: int
    columns: Mapping[str, NDArray[np.float64]]

    @property
    def target_of_rows(self) -> NDArray[Any]:
        """The target, indices of classes as whole numbers."""
        if self.units.task == "classification":
            return self.target.astype(np.int64)
        return self.target


def _readout_targets(rows: LearnedRows, table: _Table) -> ReadoutTargets:
    """What solved output layers are fitted to."""
    values = np.asarray(rows.y, np.float32).reshape(len(rows.y), -1)
    if table.units.task == "classification":
        values = class_codes(rows.y, table.outputs)
    weights = None
    if rows.weight is not None:
        weights = rows.weight.astype(np.float32)
    return ReadoutTargets(values, weights)


def _handed(
    objective: TableObjective, columns: Mapping[str, NDArray[np.float64]]
) -> tuple[NDArray[np.float64], ...]:
    """The columns that an objective is handed, of those that `fit` was given."""
    for column in objective.table_columns:
        if column not in columns:
            raise ObjectiveError(
                f"The objective {objective.name} needs the column {column!r}.",
                expected=f"fit(X, y, {column}=...), a number for each row",
                remedy=f"give {column} to fit",
            )
    return objective.columns_in(columns)


def _numbers_of_rows(
    columns: Mapping[str, Any], x: NDArray[np.float64]
) -> dict[str, NDArray[np.float64]]:
    """Checked columns (rows,), by name."""
    checked = {}
    for name, values in columns.items():
        numbers = check_array(values, ensure_2d=False, dtype=np.float64, input_name=name)
        if numbers.shape != (len(x),):
            raise TargetError(
                f"{name}.shape is {numbers.shape}.",
                expected=f"({len(x)},), a number for each row",
                remedy="give as many numbers as rows",
            )
        checked[name] = np.asarray(numbers)
    return checked


def _weights_of_rows(sample_weight: Any, x: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Checked weights (rows,); None where all rows count alike.

    Raises
    ------
    ValueError
        scikit-learn's, for what is no finite number.
    SampleWeightError
        For another shape, a negative weight, and where all are 0.
    """
    if sample_weight is None:
        return None

    name = "sample_weight"
    weights = check_array(sample_weight, ensure_2d=False, dtype=np.float64, input_name=name)
    if weights.shape != (len(x),):
        raise SampleWeightError(
            f"sample_weight.shape is {weights.shape}.",
            expected=f"({len(x)},), a number for each row",
            remedy="give as many weights as rows",
        )

    smallest = float(weights.min())
    problem = ""
    if smallest < 0:
        problem = f"sample_weight has a value of {smallest:g}."
    elif not weights.any():
        problem = "sample_weight is zero in every row."
    if problem:
        raise SampleWeightError(
            problem, expected="0 or more, and one above 0", remedy="correct the weights"
        )
    if smallest == weights.max():
        return None
    return np.asarray(weights)


def _counted(sample_weight: Any) -> NDArray[np.bool_] | None:
    """Which rows count, where weights say so; what is wrong with them is found later."""
    if sample_weight is None:
        return None
    try:
        weights = np.asarray(sample_weight, np.float64)
    except (TypeError, ValueError):
        return None
    return np.asarray(weights > 0)


def _check_whole_number(name: str, value: Any, allowed: _WholeNumber) -> None:
    if value is None and allowed.may_be_none:
        return

    # Python counts truth values among the integers.
    is_whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if is_whole and allowed.least <= value <= allowed.most:
        return

    expected = f"a whole number, {allowed.least} or more"
    if allowed.may_be_none:
        expected += ", or None"
    expected += allowed.or_else
    raise SettingsError(f"{name}={value!r}.", expected=expected, remedy=f"give such a {name}")


class SwarmRegressor(RegressorMixin, _SwarmEstimator):  # type: ignore[misc]
    """A regression network trained by particle swarms.

    Parameters
    ----------
    genome
        The swarm's hyperparameters and the hidden layers. None: ``shoal.named_genome("solved")``,
        one layer of 64 neurons; with a decoder or a start `shoal.Genome`'s defaults.
    iterations
        Steps of the swarm, at most.
    networks
        Networks to train, each by a random stream of its own. Their outputs are averaged.
    loss
        "mse", "mae", "huber" or "negative_accuracy". None: "mse".
    objective
        What the swarm optimises in place of a loss: the name of a built-in objective or of a scorer
        of scikit-learn, ``file.py:name``, a dict with a name and options such as
        ``{"name": "tolerance", "within": 2.0}``, or what `shoal.objective` and `shoal.row_loss`
        make. None: the loss.
    decoder
        What networks positions of the swarm stand for: "sign", "ternary", "int8", ``file.py:name``,
        a dict as above, or what `shoal.decoder` makes. None: a position is a network.
    readout
        How the output layer is found: "solved" by least squares, and of classes by logistic
        regression, for the hidden layers of each particle; "searched" by the swarm, as all layers.
        None: as the genome says.
    start_from
        The network that the swarm starts from: "adam" or "lbfgs" train it by gradients, with
        scikit-learn; or a file of weights. Without a genome, the swarm then stays near it. None: it
        starts at random.
    patience
        End a training earlier when the loss improved by less than 0.01 % over this number of
        iterations. None: never.
    random_state
        A whole number, 0 or more; equal ones give equal networks. A `numpy.random.RandomState`:
        each ``fit`` draws another one from it. None: each ``fit`` draws one from NumPy's own.
    threads
        Share the swarm's particles, and change no bit of the result.
    verbose
        0: quiet. More: a bar while `fit` takes longer than half a second, in a notebook or a
        terminal; elsewhere lines on standard error.

    Attributes
    ----------
    weights_
        (networks, D) float32, in the layout of `shoal.nn.network`.
    network_
        The networks' shape.
    loss_
        Mean training loss of the networks; of an objective that is maximised, less its value.
    history_
        For each network (iterations,): the global best loss after each iteration.
    n_iter_
        Iterations of the longest training.
    mean_, scale_
        (columns,): what inputs are standardised with.
    encoder_
        How a DataFrame becomes inputs; None where all columns were numbers without gaps.
    target_mean_, target_scale_
        What the target is standardised with; (targets,) where ``y`` had two dimensions.

    Examples
    --------
    >>> import numpy as np
    >>> from shoal import Genome, SwarmRegressor
    >>> X = np.linspace(0, 1, 40)[:, None]
    >>> y = 3 * X[:, 0] - 1
    >>> model = SwarmRegressor(Genome(hidden_layers=()), iterations=200).fit(X, y)
    >>> model.predict(np.array([[0.5]])).round(2)
    array([0.5])
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None, **columns: Any) -> Self:
        """Train the networks.

        Parameters
        ----------
        X
            (rows, columns) of finite numbers; or a DataFrame, whose words, truth values, dates and
            gaps are encoded as those of a table are.
        y
            (rows,) of finite numbers, not all equal; or (rows, targets), which one network predicts
            together. The loss is then the mean over targets.
        sample_weight
            (rows,): how much each row counts, 0 or more. A row of weight 2 counts as two rows, one
            of weight 0 as none. None: all rows count alike.
        columns
            (rows,) each: what the objective is handed behind the target, by name.

        Returns
        -------
        SwarmRegressor
            The estimator itself.

        Raises
        ------
        SettingsError, GenomeError
            For a parameter out of range, and when no particle ever had a finite loss.
        TargetError
            If a target is constant, or too large to be scaled.
        SampleWeightError
            If a weight is negative, all are 0, or they are not as many as rows.
        DataError
            If a column of a DataFrame cannot be encoded.
        ObjectiveError, DecoderError
            If an objective or a decoder cannot be found, does not fit, or does not work.
        """
        counted = _counted(sample_weight)
        x, y = self._validated(X, y, counted, y_numeric=True, multi_output=True)
        y = y.astype(np.float64)
        weight = _weights_of_rows(sample_weight, x)
        handed = _numbers_of_rows(columns, x)
        if weight is not None:
            # Rows that do not count are not even looked at.
            counted = weight > 0
            x, y, weight = x[counted], y[counted], weight[counted]
            handed = {name: values[counted] for name, values in handed.items()}

        standards = [_standards_of_target(target, weight) for target in _columns(y)]
        self.target_mean_, self.target_scale_ = np.array(standards).T.reshape(2, *y.shape[1:])
        # Accuracy divides by it; it is 0 only for targets too small to be told from 0.
        mean_abs_target = np.average(np.abs(y), axis=0, weights=weight)

        self._check()
        scaled = (y - self.target_mean_) / self.target_scale_
        if scaled.ndim == 2 and scaled.shape[1] == 1:
            scaled = scaled[:, 0]
        rows = LearnedRows(
            y=scaled,
            weight=weight,
            scale=np.squeeze(self.target_scale_),
            mean_abs=np.squeeze(np.where(mean_abs_target > 0, mean_abs_target, 1.0)),
        )
        units = Units("regression", np.squeeze(self.target_scale_), np.squeeze(self.target_mean_))
        if y.ndim == 2 and y.shape[1] == 1:
            y = y[:, 0]
        return self._train(x, rows, _Table(units, y, len(_columns(y)), handed))

    def predict(self, X: Any) -> NDArray[np.float64]:
        """Predict amounts.

        Parameters
        ----------
        X
            (rows, columns), the columns of `fit`. Of a DataFrame that was encoded they are found by
            name, and categories that `fit` has never seen count as none, with a `ShoalWarning`.

        Returns
        -------
        ndarray
            (rows,), or (rows, targets) where ``y`` had two dimensions, in the target's unit: the
            mean of the networks.
        """
        mean = np.mean(self._outputs(X), axis=0)
        if np.ndim(self.target_scale_) == 0:
            mean = mean[:, 0]
        return np.asarray(mean * self.target_scale_ + self.target_mean_)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


def _columns(y: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """The targets (rows,) of ``y``, one or more."""
    return list(y.reshape(len(y), -1).T)


def _with_gaps(values: Any) -> Any:
    """An array with NaN in the place of masked cells; anything else as it is.

    What stands behind a mask is no value, and often such as -9999.
    """
    if np.ma.is_masked(values):
        return np.ma.filled(values.astype(np.float64), np.nan)
    return values


# The square of what is smaller may be 0.
_SMALLEST_SPREAD = 1e-150


def _standards_of_feature(
    place: int, values: NDArray[np.float64], weight: NDArray[np.floating] | None
) -> tuple[float, float]:
    """Mean and scale of a column (rows,) of X. Raises FeatureError if it cannot be scaled."""
    with np.errstate(over="ignore"):
        # A square may be infinite, which is said below.
        mean, deviation = mean_and_deviation(values, weight)
    spread = values.max() - values.min()
    if deviation == np.inf or 0 < spread < _SMALLEST_SPREAD:
        size = "large" if deviation == np.inf else "small"
        raise FeatureError(
            f"X: column {place} is too {size} to be scaled: its "
            f"values are {values.min():g} to {values.max():g}.",
            expected="values whose squares are numbers",
            remedy="write the column in another unit",
        )
    return mean, deviation or 1.0


def _standards_of_target(
    y: NDArray[np.float64], weight: NDArray[np.floating] | None
) -> tuple[float, float]:
    """Mean and standard deviation of a target (rows,). Raises TargetError if it has none."""
    with np.errstate(over="ignore"):
        # A square may be infinite, which is said below.
        mean, deviation = mean_and_deviation(y, weight)
    if 0 < deviation < np.inf:
        return mean, deviation

    problem = f"y is too {'small' if deviation == 0 else 'large'} to be scaled."
    if y.min() == y.max():
        problem = f"y is {y[0]:g} in every row (n_samples={len(y)})."
    raise TargetError(problem, expected="a target that varies", remedy="choose another target")


class SwarmClassifier(ClassifierMixin, _SwarmEstimator):  # type: ignore[misc]
    """A classification network trained by particle swarms.

    Parameters
    ----------
    genome, iterations, networks, objective, decoder, readout, start_from
        As of `SwarmRegressor`.
    patience, random_state, threads, verbose
        As of `SwarmRegressor`. The networks' probabilities are averaged.
    loss
        "cross_entropy", or one that no gradient can follow: "zero_one", "negative_accuracy". None:
        "cross_entropy".

    Attributes
    ----------
    classes_
        (classes,): the labels, sorted.
    weights_, network_, loss_, history_, n_iter_, mean_, scale_, encoder_
        As of `SwarmRegressor`.

    Examples
    --------
    >>> import numpy as np
    >>> from shoal import Genome, SwarmClassifier
    >>> X = np.array([[-2.0], [-1.0], [1.0], [2.0]] * 10)
    >>> y = np.where(X[:, 0] > 0, "warm", "cold")
    >>> model = SwarmClassifier(Genome(hidden_layers=()), iterations=50).fit(X, y)
    >>> model.predict([[-1.5], [1.5]])
    array(['cold', 'warm'], dtype='<U4')
    >>> model.predict_proba([[1.5]]).shape
    (1, 2)
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None, **columns: Any) -> Self:
        """Train the networks.

        Parameters
        ----------
        X
            (rows, columns) of finite numbers; or a DataFrame, whose words, truth values, dates and
            gaps are encoded as those of a table are.
        y
            (rows,): labels of two classes or more.
        sample_weight
            (rows,): how much each row counts, 0 or more. A row of weight 2 counts as two rows, one
            of weight 0 as none. None: all rows count alike.
        columns
            (rows,) each: what the objective is handed behind the target, by name.

        Returns
        -------
        SwarmClassifier
            The estimator itself.

        Raises
        ------
        SettingsError, GenomeError
            For a parameter out of range, and when no particle ever had a finite loss.
        TargetError
            If ``y`` has one class only.
        SampleWeightError
            If a weight is negative, all are 0, or they are not as many as rows.
        DataError
            If a column of a DataFrame cannot be encoded.
        ObjectiveError, DecoderError
            If an objective or a decoder cannot be found, does not fit, or does not work.
        """
        x, y = self._validated(X, y, _counted(sample_weight))
        check_classification_targets(y)
        weight = _weights_of_rows(sample_weight, x)
        handed = _numbers_of_rows(columns, x)
        if weight is not None:
            counted = weight > 0
            x, y, weight = x[counted], y[counted], weight[counted]
            handed = {name: values[counted] for name, values in handed.items()}
        self.classes_, index = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise TargetError(
                f"y has one class only, {self.classes_.tolist()[0]!r}.",
                expected="at least two classes",
                remedy="choose another target",
            )

        self._check()
        rows = LearnedRows(y=index.astype(np.int64), weight=weight)
        units = Units("classification")
        target = index.astype(np.float64)
        return self._train(x, rows, _Table(units, target, len(self.classes_), handed))

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Predict the probability of each class.

        Parameters
        ----------
        X
            (rows, columns), the columns of `fit`. Of a DataFrame that was encoded they are found by
            name, and categories that `fit` has never seen count as none, with a `ShoalWarning`.

        Returns
        -------
        ndarray
            (rows, classes), in the order of ``classes_``: the mean of the networks.
        """
        probabilities = [softmax(outputs) for outputs in self._outputs(X)]
        return np.asarray(np.mean(probabilities, axis=0))

    def predict(self, X: Any) -> NDArray[Any]:
        """Predict the likeliest class.

        Parameters
        ----------
        X
            (rows, columns), the columns of `fit`. Of a DataFrame that was encoded they are found by
            name, and categories that `fit` has never seen count as none, with a `ShoalWarning`.

        Returns
        -------
        ndarray
            (rows,): labels.
        """
        check_is_fitted(self)
        likeliest = self.predict_proba(X).argmax(axis=1)
        return np.asarray(self.classes_[likeliest])
