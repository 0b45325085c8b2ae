"""scikit-learn estimators that are a whole search: for the swarm, the network, and its weights.

    SwarmSearchClassifier(generations=5).fit(df, y).predict(df_new)

A search selects by folds of its own within the rows of ``fit``, and refits its champion on all of
them. Scores on rows that it never saw are yours to take, with `cross_val_score` for example.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, check_X_y, validate_data

from shoal.api import SearchResult, search
from shoal.data import Dataset, TaskType, load_dataset
from shoal.errors import DataError, SettingsError
from shoal.estimators import TargetError
from shoal.inference.standalone import to_level
from shoal.models.frame_encoder import frame_to_encode
from shoal.models.model import Model
from shoal.problems.table import TableProblem
from shoal.store import Store

# The column that a search predicts, where no input is called so.
_TARGET = "y"
# Of the splits that are tried, the usual one first.
_SEEDS = range(42, 48)
T = TypeVar("T")


class SearchedRowsError(DataError, ValueError):
    """The rows of ``fit`` make no search: there are too few of them, or of a class.

    It is also a `ValueError`, as scikit-learn's own tools expect.

    What to do: give more rows.
    """


class _SwarmSearchEstimator(BaseEstimator):  # type: ignore[misc]
    """What both estimators share. Parameters are checked by ``fit``, as scikit-learn demands."""

    _task: TaskType

    def __init__(
        self,
        *,
        generations: int = 10,
        budget: int | None = None,
        metric: str | None = None,
        settings: Mapping[str, Any] | None = None,
        store: str | os.PathLike[str] | Store | None = None,
        random_state: int | np.random.RandomState | None = 0,
        n_jobs: int | None = None,
        progress: bool | None = False,
    ) -> None:
        self.generations = generations
        self.budget = budget
        self.metric = metric
        self.settings = settings
        self.store = store
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.progress = progress

    def _search(self, frame: pd.DataFrame, target: pd.DataFrame) -> Self:
        """Search on a table (rows, inputs) with its targets (rows, targets)."""
        table = pd.concat([frame.reset_index(drop=True), target], axis=1)
        names: Any = list(target.columns)
        if len(names) == 1:
            names = names[0]
        data = self._prepared(table, names)
        result = self._searched(data)
        if result.champion is None:
            raise SettingsError(
                f"The search ended as {result.run.state}, without a champion: {result.run.error}.",
                expected="a search that finishes",
                remedy="give it another budget, or other settings",
            )
        self.search_result_ = result
        self.champion_ = result.champion
        model = result.model
        assert model is not None
        self.model_ = model
        # Sums of single precision depend on the rows that come together, in their last digits.
        self._precise = Model(model.description, model.weights.astype(np.float64))
        return self

    def _prepared(self, table: pd.DataFrame, target: Any) -> Dataset:
        """The table, split so that each part can be scored: of few rows not every split can."""
        for seed in _SEEDS:
            try:
                return load_dataset(table, target, task=self._task, test_fraction=0.0, seed=seed)
            except DataError as error:
                refusal = error
        raise SearchedRowsError(
            f"{refusal.problem} (n_samples={len(table)})",
            expected=refusal.expected,
            remedy=refusal.remedy or "give other rows",
        ) from refusal

    def _searched(self, data: Dataset) -> SearchResult:
        """The result of the search, in the store that was given or in one of a moment."""
        settings = {
            "baselines": False,
            **(self.settings or {}),
            "generations": self.generations,
            "seed": self._seed(),
        }
        named = {"evaluations": self.budget, "metric": self.metric, "workers": self._workers()}
        settings |= {name: value for name, value in named.items() if value is not None}
        if self.store is not None:
            return search(data, store=self.store, progress=self.progress, **settings)

        with TemporaryDirectory(prefix="shoal-search-") as folder:
            place = Path(folder) / "shoal.db"
            result = search(data, store=place, progress=self.progress, **settings)
        # Its store is gone: what it solved stays with it, so that its model can be looked at.
        problem = TableProblem(data, result.run.settings)
        return replace(result, recorded_in=None, problem_of_run=partial(_same, problem))

    def _workers(self) -> int | None:
        """How many processes train; None: as many as there are cores."""
        if self.n_jobs in (None, -1):
            return None
        return self.n_jobs

    def _seed(self) -> int:
        if isinstance(self.random_state, int | np.integer):
            return int(self.random_state)
        # As scikit-learn's own estimators draw one.
        return int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))

    def _table(self, X: Any, y: Any, **checks: Any) -> tuple[pd.DataFrame, NDArray[Any]]:
        """The inputs as a DataFrame, and the checked targets."""
        frame = frame_to_encode(X)
        if frame is None:
            x, y = validate_data(self, X, y, dtype=np.float64, **checks)
            return self._frame(x), y

        _, y = check_X_y(np.zeros((len(frame), 1)), y, **checks)
        frame = frame.rename(columns=lambda label: str(label).strip())
        self.feature_names_in_ = np.array(frame.columns, dtype=object)
        self.n_features_in_ = frame.shape[1]
        return frame, y

    def _frame(self, x: NDArray[np.float64]) -> pd.DataFrame:
        """An array as a DataFrame, with the names of the columns that `fit` was given."""
        names = getattr(self, "feature_names_in_", None)
        if names is None:
            names = [f"x{place}" for place in range(x.shape[1])]
        return pd.DataFrame(x, columns=list(names))

    def _rows(self, X: Any) -> Any:
        """What the model is to predict."""
        check_is_fitted(self)
        if frame_to_encode(X) is not None or isinstance(X, str | os.PathLike):
            return X
        named = isinstance(X, pd.DataFrame) and set(X.columns) >= set(self.model_.inputs)
        if named:
            return X
        return self._frame(validate_data(self, X, reset=False, dtype=np.float64))

    def _target_names(self, frame: pd.DataFrame, count: int) -> list[str]:
        """Names of the targets, none of which an input has."""
        prefix = _TARGET
        while any(str(name).startswith(prefix) for name in frame.columns):
            prefix = f"_{prefix}"
        if count == 1:
            return [prefix]
        return [f"{prefix}{place}" for place in range(count)]


def _same(value: T) -> T:
    return value


class SwarmSearchRegressor(RegressorMixin, _SwarmSearchEstimator):  # type: ignore[misc]
    """A search for a regression network, as one estimator.

    Parameters
    ----------
    generations
        Rounds of the genetic search.
    budget
        The search ends after this number of trainings; those that confirm its champion come on
        top. None: after its generations.
    metric
        What is selected on, by a name of docs/reference/settings.md. None: the accuracy.
    settings
        Others of `shoal.SearchSettings` by name, such as ``{"population": 6, "iterations": 500}``.
    store
        Where the search is recorded. None: nowhere that stays.
    random_state
        As of `SwarmRegressor`; equal whole numbers give equal searches.
    n_jobs
        Processes that train. None or -1: as many as there are cores. They change no bit.
    progress
        As of `shoal.search`.

    Attributes
    ----------
    search_result_
        The `shoal.SearchResult`, with every evaluation.
    champion_
        The recommended genome with its networks.
    model_
        The `shoal.Model` that predicts.
    n_features_in_, feature_names_in_
        The columns of ``fit``.
    """

    _task = "regression"

    def fit(self, X: Any, y: Any) -> Self:
        """Search for a network.

        Parameters
        ----------
        X
            (rows, columns) of finite numbers; or a DataFrame, also with words, truth values, dates
            and gaps.
        y
            (rows,) of finite numbers, or (rows, targets), which one network predicts together.

        Returns
        -------
        SwarmSearchRegressor
            The estimator itself.

        Raises
        ------
        SearchedRowsError
            If the rows make no search.
        SettingsError
            For a setting out of range, and when the search found no network.
        """
        frame, y = self._table(X, y, multi_output=True, y_numeric=True)
        targets = y.reshape(len(y), -1).astype(np.float64)
        names = self._target_names(frame, targets.shape[1])
        self._is_column = y.ndim == 1
        return self._search(frame, pd.DataFrame(targets, columns=names))

    def predict(self, X: Any) -> NDArray[np.float64]:
        """Predict amounts: (rows,), or (rows, targets) where ``y`` had two dimensions."""
        rows = self._rows(X)
        values = self._precise.predict(rows)
        if not self._is_column and values.ndim == 1:
            return np.asarray(values[:, None])
        return np.asarray(values)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


class SwarmSearchClassifier(ClassifierMixin, _SwarmSearchEstimator):  # type: ignore[misc]
    """A search for a classification network, as one estimator.

    Parameters
    ----------
    generations, budget, metric, settings, store, random_state, n_jobs, progress
        As of `SwarmSearchRegressor`.

    Attributes
    ----------
    classes_
        (classes,): the labels, sorted.
    search_result_, champion_, model_, n_features_in_, feature_names_in_
        As of `SwarmSearchRegressor`.
    """

    _task = "classification"

    def fit(self, X: Any, y: Any) -> Self:
        """Search for a network.

        Parameters
        ----------
        X
            As of `SwarmSearchRegressor`.
        y
            (rows,): labels of two classes or more.

        Returns
        -------
        SwarmSearchClassifier
            The estimator itself.

        Raises
        ------
        TargetError
            If ``y`` has one class only.
        SearchedRowsError, SettingsError
            As of `SwarmSearchRegressor`.
        """
        frame, y = self._table(X, y)
        check_classification_targets(y)
        self.classes_, index = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise TargetError(
                f"y has one class only, {self.classes_.tolist()[0]!r}.",
                expected="at least two classes",
                remedy="choose another target",
            )

        labels = _texts_of(self.classes_)
        (name,) = self._target_names(frame, 1)
        target = np.array(labels, dtype=object)[index]
        self._search(frame, pd.DataFrame({name: target}))
        # A table sorts its classes as texts.
        self._order = [self.model_.classes.index(label) for label in labels]
        return self

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Predict the probability of each class: (rows, classes), in the order of ``classes_``."""
        rows = self._rows(X)
        return np.asarray(self._precise.predict_proba(rows)[:, self._order])

    def predict(self, X: Any) -> NDArray[Any]:
        """Predict the likeliest class: (rows,) labels."""
        likeliest = self.predict_proba(X).argmax(axis=1)
        return np.asarray(self.classes_[likeliest])


def _texts_of(classes: NDArray[Any]) -> list[str]:
    """A text for each class, which a table tells from the others."""
    texts = [to_level(label) for label in classes.tolist()]
    if None in texts or len(set(texts)) < len(texts):
        return [f"class {place}" for place in range(len(classes))]
    return [str(text) for text in texts]
