"""The graph of a model of a table: columns in, predictions out."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shoal.errors import ModelError
from shoal.inference import standalone
from shoal.models.onnx.columns import Column, network_inputs, type_of_column
from shoal.models.onnx.graph import ROWS, Graph, damaged_model
from shoal.models.onnx.networks import are_rows_within, outputs_of, weighted_mean

_FLOAT32_MAX = float(np.finfo(np.float32).max)
_FLOAT64_MAX = float(np.finfo(np.float64).max)
# What decides what a model predicts, of its description.
_DECISIVE = ("layers", "activation", "shares", "encoder", "environment")


def table_graph(description: Mapping[str, Any], weights: NDArray[np.float32]) -> bytes:
    """The ONNX file of a model of a table.

    Parameters
    ----------
    description
        The networks' shape and how a table is encoded, as in model.json.
    weights
        (networks, D)

    Returns
    -------
    bytes
        A graph of opset 17. It has an input (rows, 1) for each column that the model reads, with
        the column's name, and the outputs ``prediction`` (rows, targets), or ``label`` (rows,) and
        ``probabilities`` (rows, classes). A row that predict.py refuses is NaN, its label an empty
        text.

    Raises
    ------
    ModelError
        If the package onnx is not installed, the description is none of a model of a table, or the
        model is larger than a file of ONNX can be.
    """
    try:
        columns = description["encoder"]["columns"]
        target = description["encoder"]["target"]
        layers = description["layers"]
        activation = description["activation"]
        shares = description.get("shares") or [1.0] * len(weights)
        _check(description, weights)

        graph = Graph({column["name"] for column in columns})
        x = network_inputs(graph, columns)
        outputs = outputs_of(graph, x, weights, layers, activation)
        mean = _mean(graph, outputs, target, shares)
        is_right = graph.node(
            "And",
            are_rows_within(graph, x, _FLOAT32_MAX, np.float32),
            are_rows_within(graph, mean, _FLOAT64_MAX, np.float64),
        )
        mean = graph.node("Where", is_right, mean, graph.number(math.nan))
        _add_outputs(graph, mean, is_right, target)
        return graph.model(_about(description), _facts(description, weights))
    except ModelError:
        raise
    # What is no description leads to errors of many kinds, of Python, NumPy and ONNX.
    except Exception as error:
        raise damaged_model(error) from None


def model_hash(description: Mapping[str, Any], weights: NDArray[np.float32]) -> str:
    """The SHA-256 of what decides what a model predicts: its weights, layers and encoder."""
    decisive = {name: description[name] for name in _DECISIVE if name in description}
    text = json.dumps(decisive, sort_keys=True, ensure_ascii=True)
    digest = hashlib.sha256(text.encode())
    digest.update(np.ascontiguousarray(weights, "<f4").tobytes())
    return digest.hexdigest()


def _check(description: Mapping[str, Any], weights: NDArray[np.float32]) -> None:
    """Raise an error if weights do not fit the layers, or two columns have one name."""
    needed = standalone.size_of_network(description)
    if weights.ndim != 2 or weights.shape[1] != needed:
        raise ValueError(f"weights {weights.shape}, but (networks, {needed}) expected")
    names = [column["name"] for column in description["encoder"]["columns"]]
    if len(set(names)) < len(names):
        raise ValueError("two columns have one name")


def _mean(graph: Graph, outputs: str, target: Mapping[str, Any], shares: list[float]) -> str:
    """The ensemble's prediction, doubles (rows, targets) or probabilities (rows, classes)."""
    exact = graph.cast(outputs, np.float64)
    if target["kind"] == "classification":
        return weighted_mean(graph, graph.node("Softmax", exact, axis=-1), shares)

    several = target["kind"] == "regressions"
    scales = target["scales"] if several else [target["scale"]]
    offsets = target["offsets"] if several else [target["offset"]]
    scaled = graph.node("Mul", exact, graph.constant(np.array(scales, np.float64)))
    amounts = graph.node("Add", scaled, graph.constant(np.array(offsets, np.float64)))
    return weighted_mean(graph, amounts, shares)


def _add_outputs(graph: Graph, mean: str, is_right: str, target: Mapping[str, Any]) -> None:
    if target["kind"] != "classification":
        names = target.get("names") or [target.get("name", "")]
        about = f"predicted {', '.join(names)}; NaN for a row that predict.py refuses"
        graph.output("prediction", mean, np.float64, [ROWS, len(names)], about)
        return

    classes = list(target["classes"])
    likeliest = graph.node("ArgMax", mean, axis=1, keepdims=0)
    column = graph.constant(np.array([1], np.int64))
    is_known = graph.node("Squeeze", is_right, column)
    no_class = graph.constant(np.array(len(classes), np.int64))
    place = graph.node("Where", is_known, likeliest, no_class)
    label = graph.node("Gather", graph.constant([*classes, ""]), place)

    about = f"the likeliest class of {target.get('name', '')}"
    graph.output("label", label, str, [ROWS], about)
    about = f"of the classes {', '.join(map(repr, classes))}, in this order"
    graph.output("probabilities", mean, np.float64, [ROWS, len(classes)], about)


def _about(description: Mapping[str, Any]) -> str:
    target = description["encoder"]["target"]
    names = target.get("names") or [target.get("name", "")]
    return f"Predicts {', '.join(names)}; trained by Shoal on {description.get('name', 'a table')}."


def _facts(description: Mapping[str, Any], weights: NDArray[np.float32]) -> dict[str, str]:
    """The properties of the file."""
    encoder = description["encoder"]
    target = encoder["target"]
    classes = list(target.get("classes", ()))
    facts = {
        "model_sha256": model_hash(description, weights),
        "name": str(description.get("name", "")),
        "task": "classification" if classes else "regression",
        "networks": str(len(weights)),
        "targets": _json(list(target.get("names") or [target.get("name", "")])),
        "inputs": _json([_about_input(column) for column in encoder["columns"]]),
    }
    if classes:
        facts["classes"] = _json(classes)
    if "run" in description:
        facts["run"] = str(description["run"])
    return facts


def _about_input(column: Column) -> dict[str, Any]:
    """What a program has to know to fill an input in."""
    about: dict[str, Any] = {"name": column["name"], "type": type_of_column(column)}
    if column["kind"] == "categorical":
        about["levels"] = [level for level in column["levels"] if level is not None]
    about["may_be_missing"] = column.get("fill", 0) is not None
    return about


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
