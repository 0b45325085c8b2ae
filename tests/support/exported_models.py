"""Small models as exports hold them, made of values and not by a search."""

from __future__ import annotations

import copy
import io
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from shoal.data import Dataset

COLUMNS: list[dict[str, Any]] = [
    {
        "name": "size",
        "kind": "numeric",
        "fill": 1.5,
        "mean": 2.0,
        "scale": 0.5,
        "missing_indicator": True,
        "log_floor": 0.25,
        "notation": {"decimal": ",", "unit": "", "example": "1,5"},
        "extent": [0.25, 90.5],
    },
    {"name": "kind", "kind": "categorical", "levels": ["flat", "house", None], "truth": False},
    {"name": "age", "kind": "questions", "thresholds": [10.0, 20.0], "missing_question": True},
]
DATES: dict[str, Any] = {
    "name": "sold",
    "kind": "date",
    "reads": "date",
    "day_first": True,
    "cycles": ["week", "year"],
    "days": True,
    "fill": 19_000.0,
    "mean": 19_500.0,
    "scale": 200.0,
    "missing_indicator": True,
    "extent": [18_000.0, 20_000.0],
}
TARGETS: dict[str, dict[str, Any]] = {
    "amount": {"name": "y", "kind": "regression", "offset": 50.0, "scale": 9.0},
    "amounts": {
        "kind": "regressions",
        "names": ["y", "z"],
        "offsets": [50.0, 1.0],
        "scales": [9.0, 2.0],
    },
    "class": {"name": "y", "kind": "classification", "classes": ["low", "mid", "high"]},
}
# Also with a column of dates.
TARGETS["dated amount"] = TARGETS["amount"]


def model_of(target: str) -> tuple[dict[str, Any], bytes]:
    """model.json as values, and weights.npz, of a model with two networks."""
    outputs = {"amount": 1, "amounts": 2, "class": 3, "dated amount": 1}[target]
    columns = copy.deepcopy(COLUMNS)
    inputs = 8
    if target == "dated amount":
        columns.append(copy.deepcopy(DATES))
        inputs = 14

    layers = [inputs, 3, outputs]
    size = inputs * 3 + 3 + 3 * outputs + outputs
    weights = np.linspace(-1, 1, 2 * size, dtype=np.float32).reshape(2, size)
    description = {
        "format": 5,
        "layers": layers,
        "activation": "tanh",
        "networks": 2,
        "shares": [0.25, 0.75],
        "encoder": {"columns": columns, "target": copy.deepcopy(TARGETS[target])},
    }
    return description, npz(weights)


def npz(weights: np.ndarray[Any, Any]) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, weights=weights)
    return buffer.getvalue()


def write(folder: Path, description: Any, weights: bytes) -> Path:
    folder.mkdir(exist_ok=True)
    text = description if isinstance(description, bytes) else json.dumps(description).encode()
    (folder / "model.json").write_bytes(text)
    (folder / "weights.npz").write_bytes(weights)
    return folder


def untrained_model(folder: Path, data: Dataset, *, hidden: int) -> Path:
    """A new folder with a model of the table: three networks that nobody trained."""
    layers = [data.inputs, hidden, 1]
    size = sum(a * b + b for a, b in pairwise(layers))
    weights = np.random.default_rng(5).normal(0, 0.5, (3, size)).astype(np.float32)
    description = {
        "format": 5,
        "layers": layers,
        "activation": "tanh",
        "encoder": data.encoder.to_dict(),
    }

    folder.mkdir()
    np.savez(folder / "weights.npz", weights=weights)
    (folder / "model.json").write_text(json.dumps(description))
    return folder
