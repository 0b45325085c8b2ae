"""scikit-learn estimators: a network, or the mean of several, trained by particle swarms.

    SwarmRegressor(iterations=2000).fit(X, y).predict(X_new)

They train one given genome; to look for a better one, `shoal.search` and pass its ``champion.genome``.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from shoal.errors import DataError, GenomeError, SettingsError
from shoal.genome.genome import Genome
from shoal.inference.standalone import softmax
from shoal.nn.network import Network
from shoal.numerics.philox import derive_key
from shoal.objectives.losses import make_objective
from shoal.pso.engines import get_engine
from shoal.pso.swarm import TrainingTask

_MAY_BE_NONE = ("patience", "random_state")


class TargetError(DataError, ValueError):
    """A target that says nothing. Also a `ValueError`, as scikit-learn expects."""


class _SwarmEstimator(BaseEstimator):  # type: ignore[misc]
    """What both share. Inputs are standardised with the training rows' means and standard deviations."""

    def __init__(
        self,
        genome: Genome | None = None,
        *,
        iterations: int = 1000,
        networks: int = 1,
        loss: str | None = None,
        patience: int | None = None,
        random_state: int = 0,
        threads: int = 1,
    ) -> None:
        self.genome = genome
        self.iterations = iterations
        self.networks = networks
        self.loss = loss
        self.patience = patience
        self.random_state = random_state
        self.threads = threads

    def _train(
        self,
        x: NDArray[np.float64],
        y: NDArray[Any],
        outputs: int,
        task: str,
        scale: float,
        size: float,
    ) -> Self:
        self._check()
        genome = self.genome if self.genome is not None else Genome()
        self.mean_, self.scale_ = x.mean(axis=0), x.std(axis=0)
        self.scale_ = np.where(self.scale_ > 0, self.scale_, 1.0)
        self.network_ = Network((x.shape[1], *genome.hidden_layers, outputs), genome.activation)
        tasks = [
            TrainingTask(
                genome=genome,
                network=self.network_,
                objective=make_objective(self.loss, task, scale, size),
                x=self._inputs(x),
                y=np.ascontiguousarray(y, np.float32),
                key=derive_key(int(self.random_state or 0), repeat),
                iterations=self.iterations,
                patience=self.patience,
            )
            for repeat in range(self.networks)
        ]
        results = get_engine("cpu", self.threads).train(tasks)
        if not all(np.isfinite(result.loss) for result in results):
            remedy = "lower weight_scale and max_position, or scale the columns"
            raise SettingsError(
                "The swarm never found weights with a finite loss.", expected="one", remedy=remedy
            )
        self.weights_ = np.stack([result.weights for result in results])
        self.loss_ = float(np.mean([result.loss for result in results]))
        self.history_ = [result.history for result in results]
        self.n_iter_ = max(result.iterations for result in results)
        return self

    def _check(self) -> None:
        """Raises `SettingsError` or `GenomeError` for a parameter that makes no training."""
        for name, least, most in (
            ("iterations", 1, 100_000_000),
            ("networks", 1, 10_000),
            ("threads", 1, 10_000),
            ("patience", 1, 100_000_000),
            ("random_state", 0, 2**63 - 1),
        ):
            value = getattr(self, name)
            whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
            if not (whole and least <= value <= most) and not (
                value is None and name in _MAY_BE_NONE
            ):
                expected = f"a whole number, {least} or more" + (
                    ", or None" if name in _MAY_BE_NONE else ""
                )
                raise SettingsError(
                    f"{name}={value!r}.", expected=expected, remedy=f"give such a {name}"
                )
        if self.genome is not None and not isinstance(self.genome, Genome):
            remedy = "shoal.Genome(...) or shoal.named_genome(...) makes one"
            raise GenomeError(f"genome={self.genome!r}.", expected="a shoal.Genome", remedy=remedy)

    def _inputs(self, x: NDArray[np.float64]) -> NDArray[np.float32]:
        with np.errstate(over="ignore"):
            return np.ascontiguousarray((x - self.mean_) / self.scale_, np.float32)

    def _outputs(self, x: Any) -> list[NDArray[np.float64]]:
        check_is_fitted(self)
        inputs = self._inputs(validate_data(self, x, reset=False, dtype=np.float64))
        engine = get_engine("cpu")
        return [engine.outputs(self.network_, w, inputs).astype(np.float64) for w in self.weights_]


class SwarmRegressor(RegressorMixin, _SwarmEstimator):  # type: ignore[misc]
    """A regression network trained by particle swarms; the mean of ``networks`` of them.

    ``genome``: swarm and hidden layers (None: `Genome`'s defaults). ``loss``: mse (default), mae, huber, negative_accuracy.
    ``patience``: stop when the loss improved by less than 0.01 % over so many iterations. ``random_state``: a whole number
    (None: 0); equal ones give equal networks.
    """

    def fit(self, X: Any, y: Any) -> Self:
        """Train on X (rows, columns) and y (rows,), numbers."""
        x, y = validate_data(self, X, y, y_numeric=True, dtype=np.float64)
        with np.errstate(over="ignore"):
            self.target_mean_, self.target_scale_ = float(np.mean(y)), float(np.std(y))
        if not 0 < self.target_scale_ < np.inf:
            what = (
                f"{y[0]:g} in every row (n_samples={len(y)})"
                if len(set(y.tolist())) == 1
                else "too large to be scaled"
            )
            raise TargetError(
                f"y is {what}.", expected="a target that varies", remedy="choose another target"
            )
        size = float(np.abs(y).mean()) or 1.0
        return self._train(
            x,
            (y - self.target_mean_) / self.target_scale_,
            1,
            "regression",
            self.target_scale_,
            size,
        )

    def predict(self, X: Any) -> NDArray[np.float64]:
        """Targets (rows,) for X (rows, columns)."""
        mean = np.mean(self._outputs(X), axis=0)[:, 0]
        return np.asarray(mean * self.target_scale_ + self.target_mean_)


class SwarmClassifier(ClassifierMixin, _SwarmEstimator):  # type: ignore[misc]
    """A classification network trained by particle swarms; the mean probabilities of ``networks`` of them.

    ``loss``: cross_entropy (default), or what no gradient can follow: zero_one, negative_accuracy. The other parameters
    are those of `SwarmRegressor`.
    """

    def fit(self, X: Any, y: Any) -> Self:
        """Train on X (rows, columns) and y (rows,), labels."""
        x, y = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(y)
        self.classes_, index = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            problem = f"y has one class only, {self.classes_.tolist()[0]!r}."
            raise TargetError(
                problem, expected="at least two classes", remedy="choose another target"
            )
        return self._train(x, index, len(self.classes_), "classification", 1.0, 1.0)

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Probabilities (rows, classes), in the order of ``classes_``."""
        return np.asarray(np.mean([softmax(outputs) for outputs in self._outputs(X)], axis=0))

    def predict(self, X: Any) -> NDArray[Any]:
        """The likeliest class of each row."""
        check_is_fitted(self)
        return np.asarray(self.classes_[self.predict_proba(X).argmax(axis=1)])
