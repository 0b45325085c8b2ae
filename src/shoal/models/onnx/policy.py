"""The graph of a policy: observations in, what the network says and the action out."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np

from shoal.errors import ModelError
from shoal.inference.policy import FURTHEST, Choice, ExportedPolicy, Numbers, States, Stretched
from shoal.models.onnx.graph import ROWS, Graph, damaged_model
from shoal.models.onnx.networks import outputs_of
from shoal.models.onnx.table import model_hash

_OBSERVATION = "observation"


def policy_graph(policy: ExportedPolicy) -> bytes:
    """The ONNX file of a policy.

    Parameters
    ----------
    policy
        As `shoal.inference.policy.load_policy` reads it.

    Returns
    -------
    bytes
        A graph of opset 17 that takes ``observation``: doubles (rows, inputs), of an environment of
        Gymnasium as it gives them, (rows, ...), or whole numbers (rows,) where these are states.
        Its outputs are ``outputs`` (rows, outputs), as `ExportedPolicy.act`; ``choice`` (rows,), as
        `ExportedPolicy.choose`; and of an environment ``action``, as `ExportedPolicy.action`.

    Raises
    ------
    ModelError
        If the package onnx is not installed, or the policy's parts do not fit each other.
    """
    try:
        graph = Graph({_OBSERVATION})
        x = _network_inputs(graph, policy)
        layers = policy.about["layers"]
        weights = policy.weights[None]
        values = outputs_of(graph, x, weights, layers, policy.about["activation"])
        outputs = graph.node("Squeeze", values, graph.constant(np.array([0], np.int64)))

        about = f"what the network says: {', '.join(policy.about.get('actions', ()))}"
        graph.output("outputs", outputs, np.float32, [ROWS, layers[-1]], about)
        largest = graph.node("ArgMax", outputs, axis=1, keepdims=0)
        graph.output("choice", largest, np.int64, [ROWS], "the number of the largest output")
        _add_action(graph, outputs, largest, policy.actions)
        return graph.model(_about(policy), _facts(policy))
    except ModelError:
        raise
    # What is no description leads to errors of many kinds, of Python, NumPy and ONNX.
    except Exception as error:
        raise damaged_model(error) from None


def _network_inputs(graph: Graph, policy: ExportedPolicy) -> str:
    """What the network sees, (rows, inputs) in single precision."""
    ends = policy.inputs
    names = ", ".join(policy.about.get("observations", ()))
    if isinstance(ends, States):
        given = graph.input(_OBSERVATION, np.int64, [ROWS], f"a state from {ends.first} on")
        column = graph.node("Unsqueeze", given, graph.constant(np.array([1], np.int64)))
        states = graph.constant(np.arange(ends.first, ends.first + ends.states, dtype=np.int64))
        return graph.cast(graph.node("Equal", column, states), np.float32)

    if not isinstance(ends, Numbers):
        inputs = policy.about["layers"][0]
        given = graph.input(_OBSERVATION, np.float64, [ROWS, inputs], names)
        return graph.cast(given, np.float32)

    given = graph.input(_OBSERVATION, np.float64, [ROWS, *ends.shape], names)
    rows = graph.node("Reshape", given, graph.constant(np.array([-1, ends.size], np.int64)))
    centred = graph.node("Sub", rows, graph.constant(ends.mean))
    scaled = graph.node("Div", centred, graph.constant(ends.deviation))
    within = graph.node("Clip", scaled, graph.number(-FURTHEST), graph.number(FURTHEST))
    return graph.cast(within, np.float32)


def _add_action(
    graph: Graph, outputs: str, largest: str, actions: Choice | Stretched | None
) -> None:
    """What an environment of Gymnasium takes, as `Choice.actions` and `Stretched.actions` say."""
    if actions is None:
        return
    if isinstance(actions, Choice):
        first = graph.constant(np.array(actions.first, np.int64))
        chosen = graph.node("Add", largest, first)
        graph.output("action", chosen, np.int64, [ROWS], "the number of the action")
        return

    low = actions.low.astype(np.float64).reshape(-1)
    high = actions.high.astype(np.float64).reshape(-1)
    share = graph.node("Tanh", graph.cast(outputs, np.float64))
    reach = graph.node("Mul", share, graph.constant(high / 2.0 - low / 2.0))
    stretched = graph.node("Add", graph.constant(high / 2.0 + low / 2.0), reach)
    within = graph.node("Max", stretched, graph.constant(low))
    within = graph.node("Min", within, graph.constant(high))

    kind = actions.low.dtype.type
    shape = actions.low.shape
    assert math.prod(shape) == actions.size
    shaped = graph.node("Reshape", within, graph.constant(np.array([-1, *shape], np.int64)))
    about = "numbers within the limits of the environment's actions"
    graph.output("action", graph.cast(shaped, kind), kind, [ROWS, *shape], about)


def _about(policy: ExportedPolicy) -> str:
    return f"A policy of {policy.about.get('name', 'a simulation')}, found by Shoal."


def _facts(policy: ExportedPolicy) -> dict[str, str]:
    """The properties of the file."""
    facts: dict[str, Any] = {
        "model_sha256": model_hash(policy.about, policy.weights[None]),
        "name": str(policy.about.get("name", "")),
        "task": "policy",
        "observations": json.dumps(policy.about.get("observations", []), ensure_ascii=False),
        "actions": json.dumps(policy.about.get("actions", []), ensure_ascii=False),
    }
    if "run" in policy.about:
        facts["run"] = str(policy.about["run"])
    return facts
