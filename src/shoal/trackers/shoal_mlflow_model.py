"""A model in MLflow: how it is written, and how MLflow loads it again.

MLflow copies this module beside the model, where it needs NumPy and pandas, and no Shoal.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pandas as pd


def write_model(folder: Path, uri: str, run_id: str) -> None:
    """Write what `shoal export` wrote as the model of a run of MLflow, tracked at ``uri``."""
    import mlflow

    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(uri)
    try:
        with mlflow.start_run(run_id=run_id):
            mlflow.pyfunc.log_model(
                name="model",
                loader_module=Path(__file__).stem,
                code_paths=[__file__],
                data_path=str(folder),
                pip_requirements=["numpy", "pandas"],
            )
    finally:
        mlflow.set_tracking_uri(before)


def _load_pyfunc(folder: str) -> Networks:
    """Called by MLflow, by this name."""
    return Networks(Path(folder))


class Networks:
    """The networks of a champion, and the code of their export that runs them."""

    def __init__(self, folder: Path) -> None:
        # Models beside each other bring code of different versions.
        name = f"shoal_predict_{id(self)}"
        spec = importlib.util.spec_from_file_location(name, folder / "predict.py")
        assert spec is not None
        assert spec.loader is not None
        self._code = importlib.util.module_from_spec(spec)
        # Data classes look for their module there.
        sys.modules[name] = self._code
        spec.loader.exec_module(self._code)
        self._model = self._code.load_model(folder)

    def predict(self, rows: Any) -> Any:
        """Predict rows: (rows,) amounts or names of classes, (rows, targets) of several targets."""
        frame = pd.DataFrame(rows)
        columns = {str(name): _cells(frame[name]) for name in frame}
        return self._code.predict(self._model, columns).values


def _cells(column: Any) -> list[Any]:
    """The cells as a file would have them, a moment as text."""
    if pd.api.types.is_datetime64_any_dtype(column):
        return [None if pd.isna(cell) else str(cell) for cell in column]
    return [None if cell is pd.NA else cell for cell in column.tolist()]
