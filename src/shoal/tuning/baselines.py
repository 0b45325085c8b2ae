"""What other methods make of the same table: what a champion has to be better than.

    jobs = baseline_jobs(problem, champion.genome, networks=len(champion.weights))
    rows = [job.run(problem, engine) for job in jobs]  # or through an executor, side by side

Each is fitted on the rows that the champion's networks were trained on, with their weights, and
scored on the same test rows with the same metrics, when the search is over. None is tuned on the
table; what differs from scikit-learn's defaults stands in the functions at the end. A baseline that
cannot be fitted becomes a row that says why, never an exception (`BaselineJob.failed` is for a job
whose worker was lost). Their bits may differ between machines and versions of scikit-learn: they
enter no `result_hash`.

`resplit` (shoal.data) prepares the table with other data seeds. The job ``swarm`` with a champion's
genome, run on each, says what it scores on other splits.
"""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib import import_module
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from shoal.data import Part
from shoal.genome.genome import Genome
from shoal.numerics.philox import derive_key
from shoal.objectives.metrics import Metrics, mean_metrics
from shoal.problems.base import Problem
from shoal.problems.evaluation import Task
from shoal.problems.progress import TrainingInfo
from shoal.problems.table import TableProblem, as_table
from shoal.pso.engines import get_engine
from shoal.pso.engines.base import Engine
from shoal.settings.phase import Phase
from shoal.system.one_import import ONE_IMPORT
from shoal.system.shortage import is_shortage
from shoal.tuning.thresholds import shifted, tuned_shift, wants_threshold

Kind = Literal["constant", "linear", "adam", "lbfgs", "trees", "swarm"]
KINDS: tuple[Kind, ...] = get_args(Kind)

NAMES: dict[Kind, str] = {
    "constant": "Constant",
    "linear": "Linear model",
    "adam": "Adam network",
    "lbfgs": "L-BFGS network",
    "trees": "Boosted trees",
    "swarm": "Default swarm",
}

# Kinds whose networks differ by their seed.
_RANDOM = ("adam", "lbfgs", "swarm")

# The activations that scikit-learn has, by our names.
_ACTIVATIONS = {"relu": "relu", "tanh": "tanh", "sigmoid": "logistic"}

# What differs from scikit-learn's defaults, see `_network`.
_SOLVERS: dict[str, dict[str, Any]] = {
    "adam": {"solver": "adam", "alpha": 0.01, "learning_rate_init": 0.01, "max_iter": 2000},
    "lbfgs": {"solver": "lbfgs", "alpha": 0.1, "max_iter": 1000},
}

# A method as fitted: in words, and what each of its models predicts for the test rows.
Fitted = tuple[str, list[NDArray[np.float64]]]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Baseline:
    """One method on the test rows.

    Attributes
    ----------
    kind
        The method.
    detail
        What was fitted, in a few words.
    accuracies
        The score of each network by the run's metric; the name is from the first versions.
    test
        The mean over its networks; None when it failed.
    ensemble
        Of the mean of their predictions (of probabilities, for classes): the same as ``test`` where
        there is one network. None when it failed.
    seconds
        Time that it took.
    error
        Why it failed; None when it did not.
    """

    kind: Kind
    detail: str
    accuracies: tuple[float, ...] = ()
    test: Metrics | None = None
    ensemble: Metrics | None = None
    seconds: float = 0.0
    error: str | None = None

    @property
    def name(self) -> str:
        """What people call it."""
        return NAMES[self.kind]

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            **asdict(self),
            "accuracies": list(self.accuracies),
            "test": self.test.to_dict() if self.test else None,
            "ensemble": self.ensemble.to_dict() if self.ensemble else None,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Baseline:
        """Read what `to_dict` wrote."""
        read = {**values, "accuracies": tuple(values["accuracies"])}
        for part in ("test", "ensemble"):
            if read[part]:
                read[part] = Metrics.from_dict(read[part])
            else:
                read[part] = None
        return cls(**read)


@dataclass(frozen=True, slots=True)
class BaselineJob:
    """A job for an executor: fit one baseline.

    Attributes
    ----------
    kind
        The method.
    genome
        Gives hidden layers and activation; for "swarm" everything.
    networks
        How many networks to train, where they differ by chance.
    threads
        Cores to use.
    first
        The repeat of the first swarm, which says how long they train. None: a confirmation, where
        there are any.
    """

    kind: Kind
    genome: Genome
    networks: int = 1
    threads: int = 1
    first: int | None = None

    def describe(self, problem: Problem) -> TrainingInfo:
        """What it trains, for people."""
        return TrainingInfo(Task(self.genome, 0), "baseline", baseline=NAMES[self.kind])

    def run(self, problem: Problem, engine: Engine) -> Baseline:
        """Fit it, and score it on the test part.

        Whatever goes wrong is in the row's ``error``, but for a shortage, which is raised.
        """
        # A dependency of scikit-learn. Its libraries would take every core.
        from threadpoolctl import threadpool_limits

        begun = time.perf_counter()
        table = as_table(problem, "A baseline")
        test_part = table.dataset.test
        if test_part is None:
            return self.failed("There is no test part.")

        try:
            with warnings.catch_warnings(), threadpool_limits(self.threads):
                # A training that ended before it converged is no news.
                warnings.simplefilter("ignore")
                detail, predictions = self._fitted(table, engine, test_part)
        except Exception as error:
            if is_shortage(error):
                raise
            _log.info("baseline %s failed: %r", self.kind, error)
            return self.failed(f"{type(error).__name__}: {error}")

        scores = [table.metrics(prediction, test_part) for prediction in predictions]
        finite = [metrics for metrics in scores if metrics is not None]
        mean_prediction = sum(predictions[1:], predictions[0]) / len(predictions)
        ensemble = table.metrics(mean_prediction, test_part)
        if len(finite) < len(scores) or ensemble is None:
            return self.failed("The predictions are not finite.")

        return Baseline(
            kind=self.kind,
            detail=detail,
            accuracies=tuple(metrics[problem.metric.name] for metrics in finite),
            test=mean_metrics(finite),
            ensemble=ensemble,
            seconds=time.perf_counter() - begun,
        )

    def failed(self, error: str) -> Baseline:
        """The row of a baseline that could not be computed."""
        return Baseline(self.kind, "", error=error)

    def _fitted(self, problem: TableProblem, engine: Engine, test_part: Part) -> Fitted:
        data = problem.dataset
        train_part = data.fit_part(data.validates)
        if self.kind == "swarm":
            return self._swarms(problem, engine, train_part, test_part)
        return self._scikit_models(problem, train_part, test_part)

    def _swarms(
        self, problem: TableProblem, engine: Engine, train_part: Part, test_part: Part
    ) -> Fitted:
        """Swarms of the genome, trained as a champion's networks are."""
        engine = engine.with_threads(self.threads)
        # By default those of the champion's own networks, so that both meet the same random
        # streams.
        first = self.first
        if first is None and problem.settings.finalists:
            first = Phase.CONFIRMATION.first_repeat
        elif first is None:
            first = Phase.SEARCH.first_repeat

        predictions = []
        for repeat in range(first, first + self.networks):
            task = Task(self.genome, repeat)
            (result,) = engine.train([problem.training(task, part=train_part)])
            if not np.isfinite(result.loss):
                raise ArithmeticError("no particle ever had a finite loss")
            predictions.append(problem.predictions(engine, self.genome, result.weights, test_part))

        iterations = problem.iterations_for(Task(self.genome, first))
        return f"{_shape(self.genome)}, {iterations:,} iterations", predictions

    def _scikit_models(self, problem: TableProblem, train_part: Part, test_part: Part) -> Fitted:
        """Models of scikit-learn, with the seeds of the first repeats."""
        data = problem.dataset
        predictions = []
        for repeat in range(self.networks):
            seed, _ = derive_key(problem.settings.seed, repeat)
            detail, values = _fitted_values(
                self.kind, problem, self.genome, seed, (train_part, test_part)
            )
            if wants_threshold(problem) and data.validates:
                detail += ", threshold tuned"
                values = shifted(values, self._shift(problem, seed))
            predictions.append(values)

        return detail, predictions

    def _shift(self, problem: TableProblem, seed: int) -> float:
        """The threshold that does best on the rows that validate, as a shift of log odds.

        The method is fitted anew without them. With folds, each validates in turn, and the shift is
        the mean.
        """
        data = problem.dataset
        shifts = []
        for fold in range(data.options.folds):
            train_part, validation_part = data.parts(fold)
            assert validation_part is not None, "the caller asked whether rows validate"
            inputs, unseen = _inputs(
                train_part, validation_part, standardise=not data.options.scales_inputs
            )
            _, model = _estimator(self.kind, data.task, self.genome, seed)
            _fit(model, inputs, train_part.target, train_part.weight)

            probabilities = _probabilities(model, unseen, data.outputs)
            shifts.append(tuned_shift(problem, probabilities, validation_part))
        return sum(shifts) / len(shifts)


def _probabilities(model: Any, inputs: NDArray[np.float64], classes: int) -> NDArray[np.float64]:
    """Probabilities (rows, classes). A class that the training rows lack has the probability 0."""
    probabilities = np.zeros((len(inputs), classes))
    probabilities[:, model.classes_.astype(int)] = model.predict_proba(inputs)
    return probabilities


def baseline_jobs(
    problem: Problem, genome: Genome, networks: int = 1, first: int | None = None
) -> tuple[BaselineJob, ...]:
    """The baselines of a champion.

    The default swarm is `Genome()`, with hidden layers only where there may be some. It is trained
    for as long and as many times as the champion: what one would have had without a search.

    Parameters
    ----------
    problem
        What was searched. A table without a test part has no baselines, nor has any other kind.
    genome
        The champion's genome.
    networks
        How many networks the champion has.
    first
        The repeat of the champion's first network; None: see `BaselineJob`.
    """
    if not problem.has_baselines:
        return ()

    jobs = []
    for kind in KINDS:
        own_genome = problem.default_genome if kind == "swarm" else genome
        own_networks = networks if kind in _RANDOM else 1
        jobs.append(BaselineJob(kind, own_genome, own_networks, first=first))
    return tuple(jobs)


def baselines(
    problem: Problem, genome: Genome, networks: int = 1, engine: Engine | None = None
) -> list[Baseline]:
    """All `baseline_jobs`, one after the other, here and now.

    Parameters
    ----------
    problem
        The data, and the settings that name the baselines.
    genome
        The champion's genome: networks that gradients train get its shape.
    networks
        How many networks the champion has.
    engine
        Computes the networks' outputs; None: the engine of the settings.

    Returns
    -------
    list of Baseline
        One row for each baseline. What could not be computed has an ``error``.
    """
    engine = engine or get_engine(problem.settings.engine)
    return [job.run(problem, engine) for job in baseline_jobs(problem, genome, networks)]


def load_simple_methods() -> None:
    """Import what simple methods are fitted with, which takes most of their time."""
    with ONE_IMPORT:
        import_module("sklearn.dummy")
        import_module("sklearn.linear_model")


def score_of_simple_method(
    kind: Kind, problem: TableProblem, train_part: Part, scored_part: Part
) -> float | None:
    """What a method without chance scores on some rows when it is fitted on others.

    Parameters
    ----------
    kind
        "constant" or "linear".
    problem
        Has the table and the metric.
    train_part
        What the method is fitted on. For a metric of one's own and two classes the threshold is
        tuned on these rows, too.
    scored_part
        What it is scored on.

    Returns
    -------
    float or None
        In the metric's unit; None where the predictions are not finite.
    """
    fitted_on = (train_part, scored_part)
    with warnings.catch_warnings():
        # A training that ended before it converged is no news.
        warnings.simplefilter("ignore")
        _, values = _fitted_values(kind, problem, problem.default_genome, 0, fitted_on)
        if wants_threshold(problem):
            fitted_on = (train_part, train_part)
            _, known = _fitted_values(kind, problem, problem.default_genome, 0, fitted_on)
            values = shifted(values, tuned_shift(problem, known, train_part))

    metrics = problem.metrics(values, scored_part)
    return None if metrics is None else metrics[problem.metric.name]


def _fitted_values(
    kind: Kind, problem: TableProblem, genome: Genome, seed: int, parts: tuple[Part, Part]
) -> tuple[str, NDArray[np.float64]]:
    """What a model of scikit-learn is, and what it predicts for the second part.

    It is fitted on the first. The predictions are targets in their own unit, or probabilities.
    """
    data = problem.dataset
    train_part, test_part = parts
    regression = data.task == "regression"
    inputs, test_inputs = _inputs(train_part, test_part, standardise=not data.options.scales_inputs)

    # The preset classic does not centre its targets.
    mean: Any = 0.0
    scale: Any = 1.0
    if regression:
        mean = train_part.target.mean(axis=0)
        scale = train_part.target.std(axis=0)
        scale = np.where(scale > 0, scale, 1.0)

    detail, model = _estimator(kind, data.task, genome, seed)
    if kind == "trees" and data.outputs > 1 and regression:
        detail, model = _one_for_each_target(detail, model)
    y = (train_part.target - mean) / scale
    detail += _fit(model, inputs, y, train_part.weight)

    if regression:
        values = np.asarray(model.predict(test_inputs), dtype=np.float64)
        return detail, values * scale + mean
    return detail, _probabilities(model, test_inputs, data.outputs)


def _shape(genome: Genome) -> str:
    if not genome.hidden_layers:
        return "no hidden layer"
    layers = "-".join(map(str, genome.hidden_layers))
    return f"{layers} {genome.activation}"


def _inputs(
    train_part: Part, test_part: Part, *, standardise: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Inputs of both parts (rows, inputs); none of these methods is meant for raw ones."""
    x = train_part.x.astype(np.float64)
    test_x = test_part.x.astype(np.float64)
    if not standardise:
        return x, test_x

    mean = x.mean(axis=0)
    scale = x.std(axis=0)
    # A constant column stays as it is.
    scale = np.where(scale > 0, scale, 1.0)
    return (x - mean) / scale, (test_x - mean) / scale


def _fit(
    model: Any,
    inputs: NDArray[np.float64],
    y: NDArray[np.float64],
    weight: NDArray[np.float32] | None,
) -> str:
    """Fit a model; the rows have their weights where the model takes any. Else, that in words."""
    with ONE_IMPORT:
        from sklearn.utils.validation import has_fit_parameter

    if weight is None:
        model.fit(inputs, y)
        return ""
    # Networks of scikit-learn take weights from version 1.7 on.
    if not has_fit_parameter(model, "sample_weight"):
        model.fit(inputs, y)
        return " (all rows alike: scikit-learn lacks weights)"
    model.fit(inputs, y, sample_weight=weight.astype(np.float64))
    return ""


# ---- scikit-learn's estimators -------------------------------------------------------------------


def _estimator(kind: Kind, task: str, genome: Genome, seed: int) -> tuple[str, Any]:
    """What it is, in words, and scikit-learn's estimator."""
    regression = task == "regression"
    if kind == "constant":
        return _constant(regression)
    if kind == "linear":
        return _linear(regression)
    if kind == "trees":
        return _trees(regression, seed)
    return _network(kind, regression, genome, seed)


def _constant(regression: bool) -> tuple[str, Any]:
    with ONE_IMPORT:
        from sklearn import dummy

    if regression:
        return "mean of the training targets", dummy.DummyRegressor()
    return "majority class", dummy.DummyClassifier(strategy="prior")


def _linear(regression: bool) -> tuple[str, Any]:
    with ONE_IMPORT:
        from sklearn import linear_model

    if regression:
        return "least squares", linear_model.LinearRegression()
    return "logistic regression, C = 1", linear_model.LogisticRegression(max_iter=1000)


def _trees(regression: bool, seed: int) -> tuple[str, Any]:
    with ONE_IMPORT:
        from sklearn import ensemble

    words = "histogram gradient boosting, defaults"
    if regression:
        return words, ensemble.HistGradientBoostingRegressor(random_state=seed)
    return words, ensemble.HistGradientBoostingClassifier(random_state=seed)


def _one_for_each_target(words: str, model: Any) -> tuple[str, Any]:
    """The same estimator once for each target, for those that predict one only."""
    with ONE_IMPORT:
        from sklearn import multioutput

    return f"{words}, one model a target", multioutput.MultiOutputRegressor(model)


def _network(kind: Kind, regression: bool, genome: Genome, seed: int) -> tuple[str, Any]:
    """A network of the champion's shape, trained by gradients.

    The penalties, Adam's rate and the iterations were chosen once, by five folds of the rows of
    Concrete that are not test: there scikit-learn's defaults are 1 (Adam) to 3 (L-BFGS) percentage
    points of accuracy weaker, and Adam with early stopping is too.
    """
    with ONE_IMPORT:
        from sklearn import neural_network

    words = _shape(genome)
    activation = _ACTIVATIONS.get(genome.activation)
    if activation is None:
        activation = "relu"
        if genome.hidden_layers:
            words += " (relu instead: scikit-learn lacks it)"

    network = neural_network.MLPClassifier
    if regression:
        network = neural_network.MLPRegressor
    model = network(
        hidden_layer_sizes=genome.hidden_layers,
        activation=activation,
        random_state=seed,
        **_SOLVERS[kind],
    )
    return words, model
