"""The code of a model in MLflow. It needs what `shoal export` wrote, NumPy and pandas, no Shoal."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel


class Networks(PythonModel):  # type: ignore[misc]
    """The networks of a champion."""

    def load_context(self, context: Any) -> None:
        """Read the networks, and the code that runs them."""
        self._folder = Path(context.artifacts["export"])
        # Models beside each other bring code of different versions.
        name = f"shoal_predict_{id(self)}"
        spec = importlib.util.spec_from_file_location(name, self._folder / "predict.py")
        assert spec is not None
        assert spec.loader is not None
        self._code = importlib.util.module_from_spec(spec)
        # Data classes look for their module there.
        sys.modules[name] = self._code
        spec.loader.exec_module(self._code)
        self._model = self._code.load_model(self._folder)

    # Of other hints MLflow would make checks, and without them it warns.
    def predict(
        self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> np.ndarray:
        """Predict rows: (rows,) amounts or names of classes, (rows, targets) of several targets."""
        frame = pd.DataFrame(model_input)
        columns = {str(name): _cells(frame[name]) for name in frame}
        return np.asarray(self._code.predict(self._model, columns).values)


def _cells(column: Any) -> list[Any]:
    """The cells as a file would have them, a moment as text."""
    if pd.api.types.is_datetime64_any_dtype(column):
        return [None if pd.isna(cell) else str(cell) for cell in column]
    return [None if cell is pd.NA else cell for cell in column.tolist()]


set_model(Networks())
