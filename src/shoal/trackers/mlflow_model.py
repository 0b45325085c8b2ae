"""The code of a model in MLflow. It needs what `shoal export` wrote, NumPy and pandas, no Shoal."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

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

    # Without type hints, of which MLflow would make checks of its own.
    def predict(self, context, model_input, params=None):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
        """Predict rows: (rows,) amounts or names of classes, (rows, targets) of several targets."""
        frame = pd.DataFrame(model_input)
        columns = {str(name): _cells(frame[name]) for name in frame}
        return self._code.predict(self._model, columns).values


def _cells(column: Any) -> list[Any]:
    """The cells as a file would have them, a moment as text."""
    if pd.api.types.is_datetime64_any_dtype(column):
        return [None if pd.isna(cell) else str(cell) for cell in column]
    return [None if cell is pd.NA else cell for cell in column.tolist()]


set_model(Networks())
