"""How far ONNX Runtime is from predict.py: a small model of each kind, exported and asked by both.

Prints the table of docs/how-to/onnx.md::

    python benchmarks/onnx_beside_predict.py
"""

from __future__ import annotations

import importlib.util
import sys
import tempfile
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import onnxruntime
import pandas as pd
from sklearn.datasets import load_breast_cancer, load_wine

import shoal

ITERATIONS = 100


def concrete() -> tuple[pd.DataFrame, str]:
    return shoal.load_dataset("concrete").source, "compressive_strength"


def churn() -> tuple[pd.DataFrame, str]:
    """Gaps, words and dates."""
    draw = np.random.default_rng(1)
    rows = pd.DataFrame({"months": draw.gamma(2.0, 12.0, 2000).round()})
    rows["plan"] = draw.choice(["basic", "plus", "pro"], 2000)
    rows["since"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(draw.integers(0, 900, 2000), "D")
    left = draw.random(2000) < 1 / (1 + np.exp(rows.months / 12 - 1))
    rows["left"] = np.where(left, "yes", "no")
    rows.loc[::9, "months"] = np.nan
    rows.loc[::11, "plan"] = None
    return rows, "left"


def wine() -> tuple[pd.DataFrame, str]:
    return load_wine(as_frame=True).frame.astype({"target": str}), "target"


def breast_cancer() -> tuple[pd.DataFrame, str]:
    return load_breast_cancer(as_frame=True).frame.astype({"target": str}), "target"


TABLES = {
    "concrete": concrete,
    "churn: gaps, words, dates": churn,
    "wine": wine,
    "breast cancer": breast_cancer,
}


def predict_module(folder: Path) -> ModuleType:
    """The folder's own predict.py."""
    spec = importlib.util.spec_from_file_location("predict", folder / "predict.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Data classes look for their module there.
    sys.modules["predict"] = module
    spec.loader.exec_module(module)
    return module


def by_predict(folder: Path, rows: pd.DataFrame) -> Any:
    code = predict_module(folder)
    cells = {}
    for name in rows:
        column = rows[name]
        if pd.api.types.is_datetime64_any_dtype(column):
            column = column.astype(str)
        cells[name] = column.tolist()
    return code.predict(code.load_model(folder), cells)


def by_runtime(folder: Path, rows: pd.DataFrame) -> list[Any]:
    session = onnxruntime.InferenceSession(folder / "model.onnx")
    feeds = {}
    for column in session.get_inputs():
        values = rows[column.name]
        if column.type == "tensor(string)":
            values = values.fillna("").astype(str)
        elif pd.api.types.is_datetime64_any_dtype(values):
            values = (values - pd.Timestamp("1970-01-01")) / pd.Timedelta("1s")
        kind = str if column.type == "tensor(string)" else np.float64
        feeds[column.name] = values.to_numpy()[:, None].astype(kind)
    return session.run(None, feeds)


def compared(name: str, folder: Path) -> list[str]:
    """A row of the table."""
    table, target = TABLES[name]()
    data = shoal.load_dataset(table, target, folds=1)
    result = shoal.search(
        data,
        store=folder / "shoal.db",
        population=2,
        generations=1,
        repeats=1,
        iterations=ITERATIONS,
        finalists=1,
        networks=3,
        baselines=False,
        workers=1,
        progress=False,
    )
    model = result.export(folder / "model", onnx=True)
    rows = table.drop(columns=target)
    expected = by_predict(model, rows)
    found = by_runtime(model, rows)

    if expected.probabilities is None:
        difference = np.abs(found[0][:, 0] - expected.values).max()
        scale = np.std(expected.values)
        return [name, str(len(rows)), f"{difference:.1e}, of values that vary by {scale:.3g}", ""]
    difference = np.abs(found[1] - expected.probabilities).max()
    others = int((found[0] != expected.values).sum())
    return [name, str(len(rows)), f"{difference:.1e} in a probability", str(others)]


def main() -> None:
    rows = []
    for name in TABLES:
        with tempfile.TemporaryDirectory() as folder:
            rows.append(compared(name, Path(folder)))
    heads = ["table", "rows", "largest difference", "other labels"]
    for row in (heads, ["---"] * len(heads), *rows):
        print("| " + " | ".join(row) + " |")


if __name__ == "__main__":
    main()
