"""ONNX graphs beside the models that they were made of: both predict the same rows."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest

import shoal
from shoal.inference import standalone
from shoal.models.model import describe_model

# What single precision leaves of a sum, relative to the target's scale, and of a probability.
CLOSE = 1e-5


def random_model(
    data: shoal.Dataset,
    hidden: tuple[int, ...] = (7, 5),
    activation: str = "tanh",
    shares: tuple[float, ...] = (0.5, 0.3, 0.2),
) -> shoal.Model:
    """A model of a prepared table, as exports describe it, with random weights."""
    layers = [data.inputs, *hidden, data.outputs]
    size = sum(inputs * outputs + outputs for inputs, outputs in pairwise(layers))
    draw = np.random.default_rng(3)
    weights = draw.normal(0, 0.7, (len(shares), size)).astype(np.float32)
    description = describe_model(data.name, data.encoder, layers, activation, shares)
    return shoal.Model(description, weights)


def session_of(graph: bytes) -> Any:
    """The graph in a runtime that knows nothing of Shoal."""
    runtime = pytest.importorskip("onnxruntime", reason="no wheels of onnxruntime here")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1
    return runtime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def feeds_of(session: Any, rows: Mapping[str, Any] | pd.DataFrame) -> dict[str, Any]:
    """Rows as docs/how-to/onnx.md says: columns of doubles, of texts, and of seconds."""
    feeds = {}
    for column in session.get_inputs():
        cells = pd.Series(list(rows[column.name]))
        if column.type == "tensor(string)":
            texts = [standalone.to_level(cell) or "" for cell in cells]
            feeds[column.name] = np.array(texts, dtype=object)[:, None]
            continue
        if isinstance(cells.dtype, pd.StringDtype) or cells.dtype == object:
            cells = seconds(cells)
        feeds[column.name] = cells.to_numpy(np.float64)[:, None]
    return feeds


def seconds(cells: pd.Series) -> pd.Series:
    """Dates as seconds since 1970, in pandas' own arithmetic."""
    days = pd.to_datetime(cells.replace("", None), format="ISO8601")
    return (days - pd.Timestamp("1970-01-01")) / pd.Timedelta("1s")


def answers(session: Any, rows: Mapping[str, Any] | pd.DataFrame, at_once: int) -> dict[str, Any]:
    """What a graph says of rows, of which it gets some at once."""
    feeds = feeds_of(session, rows)
    names = [output.name for output in session.get_outputs()]
    count = len(next(iter(feeds.values())))
    parts = []
    for start in range(0, count, at_once):
        own = {name: cells[start : start + at_once] for name, cells in feeds.items()}
        parts.append(session.run(None, own))
    joined = (np.concatenate(values) for values in zip(*parts, strict=True))
    return dict(zip(names, joined, strict=True))


def check_same(model: shoal.Model, session: Any, rows: Mapping[str, Any] | pd.DataFrame) -> None:
    """A graph says of rows what predict.py says: one by one, and in larger batches."""
    expected = model.predict_cells({name: list(rows[name]) for name in model.inputs})
    for at_once in (1, 7, 100_000):
        found = answers(session, rows, at_once)
        if expected.probabilities is None:
            check_amounts(model, found["prediction"], expected.values)
        else:
            check_classes(found, expected)


def check_amounts(model: shoal.Model, found: Any, expected: Any) -> None:
    """Amounts are equal up to the rounding of single precision."""
    target = model.description["encoder"]["target"]
    scales = np.abs(np.array(target.get("scales", target.get("scale"))))
    assert found.dtype == np.float64
    assert found.shape == (len(expected), len(model.targets))
    differences = np.abs(found - np.reshape(expected, found.shape)) / scales
    assert differences.max(initial=0.0) <= CLOSE


def check_classes(found: Mapping[str, Any], expected: standalone.Prediction) -> None:
    """Probabilities are as equal, and so are classes where they are not nearly as likely."""
    assert expected.probabilities is not None
    assert found["probabilities"].shape == expected.probabilities.shape
    differences = np.abs(found["probabilities"] - expected.probabilities)
    assert differences.max(initial=0.0) <= CLOSE

    first_two = np.sort(expected.probabilities, axis=1)[:, -2:]
    is_clear = first_two[:, 1] - first_two[:, 0] > 2 * CLOSE
    assert found["label"].shape == (len(expected.values),)
    assert found["label"][is_clear].tolist() == expected.values[is_clear].tolist()
