"""The methods of a model, for results that have one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shoal.errors import ModelError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from shoal.models.model import Model, RowPredictions


class Predicting:
    """A class whose ``model`` predicts; None: there is none."""

    __slots__ = ()

    if TYPE_CHECKING:

        @property
        def model(self) -> Model | None:
            """The networks, and how they read a table."""

    def predict(
        self, X: Any, *, strict: bool = False, file_encoding: str | None = None
    ) -> NDArray[Any]:
        """Predict rows; see `shoal.Model.predict`."""
        return self._model().predict(X, strict=strict, file_encoding=file_encoding)

    def predict_proba(
        self, X: Any, *, strict: bool = False, file_encoding: str | None = None
    ) -> NDArray[np.float64]:
        """Predict the probability of each class; see `shoal.Model.predict_proba`."""
        return self._model().predict_proba(X, strict=strict, file_encoding=file_encoding)

    def predict_each(
        self, X: Any, *, strict: bool = False, file_encoding: str | None = None
    ) -> NDArray[np.float64]:
        """Predict rows with each network by itself; see `shoal.Model.predict_each`."""
        return self._model().predict_each(X, strict=strict, file_encoding=file_encoding)

    def predict_rows(
        self, X: Any, *, strict: bool = False, file_encoding: str | None = None
    ) -> RowPredictions:
        """Predict rows, with all that is known of each; see `shoal.Model.predict_rows`."""
        return self._model().predict_rows(X, strict=strict, file_encoding=file_encoding)

    def _model(self) -> Model:
        if self.model is None:
            raise self._no_model()
        return self.model

    def _no_model(self) -> ModelError:
        """Why there is no model."""
        return ModelError(
            f"This {type(self).__name__} has no model of a table.",
            expected="the result of a finished run on a table",
            remedy="shoal.load_run(RUN, store) has it; a policy is exported and acts "
            "(`shoal export`, `shoal play`), and the best point of a function is result.x",
        )
