"""What other methods make of the same table: what a champion has to be better than.

    jobs = baseline_jobs(problem, champion.genome, networks=len(champion.weights))
    rows = [job.run(problem, engine) for job in jobs]  # or through an executor, side by side

Each is fitted on the rows that the champion's networks were trained on and scored on the same test rows with the same
metrics, when the search is over. None is tuned on the table; what differs from scikit-learn's defaults stands in
`_estimator`. A baseline that cannot be fitted becomes a row that says why, never an exception (`BaselineJob.failed` is
for a job whose worker was lost). Their bits may differ between machines and versions of scikit-learn: they enter no
`result_hash`.

`resplit` (shoal.data) prepares the table with other data seeds; the job ``swarm`` with a champion's genome, run on each,
says what it scores on other splits.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from shoal.data import Part
from shoal.genome.genome import Genome
from shoal.numerics.philox import derive_key
from shoal.objectives.metrics import Metrics, mean_metrics
from shoal.problems.evaluation import Task
from shoal.problems.progress import TrainingInfo
from shoal.problems.table import Problem
from shoal.pso.engines import get_engine
from shoal.pso.engines.base import Engine
from shoal.settings.phase import Phase

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
_ACTIVATIONS = {
    "relu": "relu",
    "tanh": "tanh",
    "sigmoid": "logistic",
}  # those that scikit-learn has, as it calls them
_RANDOM = ("adam", "lbfgs", "swarm")  # kinds whose networks differ by their seed


@dataclass(frozen=True, slots=True)
class Baseline:
    """One method on the test rows. ``detail`` says in a few words what was fitted.

    ``accuracies``: one a network, in percent. ``test``: the mean over its networks; ``ensemble``: of the mean of their
    predictions (of probabilities, for classes), the same where there is one network. Both None when it failed: ``error``.
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
        """As JSON values; `from_dict` reverses it."""
        scores = {
            key: metrics.to_dict() if (metrics := getattr(self, key)) else None
            for key in ("test", "ensemble")
        }
        return asdict(self) | {"accuracies": list(self.accuracies)} | scores

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Baseline:
        """The reverse of `to_dict`."""
        scores = {
            key: Metrics.from_dict(values[key]) if values[key] else None
            for key in ("test", "ensemble")
        }
        return cls(**{**values, "accuracies": tuple(values["accuracies"]), **scores})


@dataclass(frozen=True, slots=True)
class BaselineJob:
    """A baseline to compute: a job for an executor. ``genome`` gives hidden layers and activation, for ``swarm`` all.

    ``networks``: how many of them, where they differ by chance; ``first``: the repeat of the first swarm, which says how long
    they train (None: a confirmation, where there are any); ``threads``: cores to use.
    """

    kind: Kind
    genome: Genome
    networks: int = 1
    threads: int = 1
    first: int | None = None

    def run(self, problem: Problem, engine: Engine) -> Baseline:
        """Fit it, and score it on the test part. Whatever goes wrong is in the row's ``error``."""
        from threadpoolctl import threadpool_limits  # scikit-learn's own

        begun, data = time.perf_counter(), problem.dataset
        if data.test is None:
            return self.failed("There is no test part.")
        fit = self._swarm if self.kind == "swarm" else self._scikit
        try:
            with (
                warnings.catch_warnings(),
                threadpool_limits(self.threads),
            ):  # libraries would take every core
                warnings.simplefilter("ignore")  # of a training that ended before it converged
                detail, each = fit(problem, engine, data.fit_part(data.validates), data.test)
        except Exception as error:
            return self.failed(f"{type(error).__name__}: {error}")
        scores = [problem.metrics(predictions, data.test) for predictions in each]
        together = problem.metrics(sum(each[1:], each[0]) / len(each), data.test)
        finite = [metrics for metrics in scores if metrics is not None]
        if len(finite) < len(scores) or together is None:
            return self.failed("The predictions are not finite.")
        accuracies = tuple(metrics.accuracy for metrics in finite)
        seconds = time.perf_counter() - begun
        return Baseline(self.kind, detail, accuracies, mean_metrics(finite), together, seconds)

    def describe(self, problem: Problem) -> TrainingInfo:
        """What it trains, for people."""
        return TrainingInfo(Task(self.genome, 0), "baseline", baseline=NAMES[self.kind])

    def failed(self, error: str) -> Baseline:
        """The row of a baseline that could not be had."""
        return Baseline(self.kind, "", error=error)

    def _swarm(
        self, problem: Problem, engine: Engine, part: Part, test: Part
    ) -> tuple[str, list[NDArray[np.float64]]]:
        engine, each = engine.with_threads(self.threads), []
        first = self.first
        if first is None:
            phase = Phase.CONFIRMATION if problem.settings.finalists else Phase.SEARCH
            first = phase.first_repeat
        for repeat in range(first, first + self.networks):
            (result,) = engine.train([problem.training(Task(self.genome, repeat), part=part)])
            if not np.isfinite(result.loss):
                raise ArithmeticError("no particle ever had a finite loss")
            each.append(problem.predictions(engine, self.genome, result.weights, test))
        return (
            f"{_shape(self.genome)}, {problem.iterations_for(Task(self.genome, first)):,} iterations",
            each,
        )

    def _scikit(
        self, problem: Problem, engine: Engine, part: Part, test: Part
    ) -> tuple[str, list[NDArray[np.float64]]]:
        data, each = problem.dataset, []
        mean, scale = 0.0, 1.0
        if data.task == "regression":  # classic's targets are not centred
            mean, scale = float(part.target.mean()), float(part.target.std()) or 1.0
        inputs, test_inputs = _inputs(part, test, raw=data.options.preset == "classic")
        for repeat in range(self.networks):
            seed, _ = derive_key(problem.settings.seed, repeat)
            detail, model = _estimator(self.kind, data.task, self.genome, seed)
            model.fit(inputs, (part.target - mean) / scale)
            if data.task == "regression":
                each.append(np.asarray(model.predict(test_inputs), dtype=np.float64) * scale + mean)
            else:
                chances = np.zeros((len(test.x), data.outputs))
                chances[:, model.classes_.astype(int)] = model.predict_proba(test_inputs)
                each.append(chances)
        return detail, each


def baseline_jobs(
    problem: Problem, genome: Genome, networks: int = 1, first: int | None = None
) -> tuple[BaselineJob, ...]:
    """The baselines of a champion's ``genome`` that has so many networks; none where there is no test part.

    The default swarm is `Genome()`, trained for as long and as many times as the champion: what no search would have given.
    ``first`` is the repeat of the champion's first network.
    """
    if problem.dataset.test is None:
        return ()
    return tuple(
        BaselineJob(
            kind,
            Genome() if kind == "swarm" else genome,
            networks if kind in _RANDOM else 1,
            first=first,
        )
        for kind in KINDS
    )


def baselines(
    problem: Problem, genome: Genome, networks: int = 1, engine: Engine | None = None
) -> list[Baseline]:
    """All `baseline_jobs`, one after the other, here and now."""
    engine = engine or get_engine(problem.settings.engine)
    return [job.run(problem, engine) for job in baseline_jobs(problem, genome, networks)]


def _shape(genome: Genome) -> str:
    layers = "-".join(map(str, genome.hidden_layers))
    return f"{layers} {genome.activation}" if layers else "no hidden layer"


def _inputs(
    part: Part, test: Part, *, raw: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Inputs of both parts (rows, inputs); raw ones standardised, as none of these methods is meant for such."""
    x, other = part.x.astype(np.float64), test.x.astype(np.float64)
    if not raw:
        return x, other
    mean, scale = x.mean(axis=0), x.std(axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    return (x - mean) / scale, (other - mean) / scale


def _estimator(kind: Kind, task: str, genome: Genome, seed: int) -> tuple[str, Any]:
    """What it is, in words, and scikit-learn's estimator.

    The networks' penalties, Adam's rate and the iterations were chosen once, by five folds of the rows of Concrete that
    are not test: there scikit-learn's defaults are 1 (Adam) to 3 (L-BFGS) points of accuracy weaker, and Adam with early
    stopping is too.
    """
    from sklearn import dummy, ensemble, linear_model, neural_network

    regression = task == "regression"
    if kind == "constant":
        if regression:
            return "mean of the training targets", dummy.DummyRegressor()
        return "majority class", dummy.DummyClassifier(strategy="prior")
    if kind == "linear":
        if regression:
            return "least squares", linear_model.LinearRegression()
        return "logistic regression, C = 1", linear_model.LogisticRegression(max_iter=1000)
    if kind == "trees":
        trees = (
            ensemble.HistGradientBoostingRegressor
            if regression
            else ensemble.HistGradientBoostingClassifier
        )
        return "histogram gradient boosting, defaults", trees(random_state=seed)
    activation = _ACTIVATIONS.get(genome.activation)
    words = _shape(genome)
    if genome.hidden_layers and activation is None:
        words += " (relu instead: scikit-learn lacks it)"
    network = neural_network.MLPRegressor if regression else neural_network.MLPClassifier
    way = (
        {"solver": "adam", "alpha": 0.01, "learning_rate_init": 0.01, "max_iter": 2000}
        if kind == "adam"
        else {"solver": "lbfgs", "alpha": 0.1, "max_iter": 1000}
    )
    shape = {"hidden_layer_sizes": genome.hidden_layers, "activation": activation or "relu"}
    return words, network(**shape, **way, random_state=seed)
