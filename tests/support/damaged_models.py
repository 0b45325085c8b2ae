"""Ways to make a sound model a strange one."""

from __future__ import annotations

import copy
import io
import struct
import zipfile
from collections.abc import Iterator
from typing import Any

import numpy as np

from support.exported_models import npz

REMOVED = object()
HARMFUL = [
    *(None, True, "", "x", "\ud800", [], {}, [[]], [None], 0, -1, 1, 0.5, 1e308, 10**400),
    *(float("nan"), float("inf"), [float("nan")], [1e308, 1e308], [0, 0], [0.5], "1", "float32"),
    *(["a"], ["a", "a"], {"kind": "numeric"}, [1, 2**40, 1], 2**40, "object", "U3", -(2**70)),
]

_LIMITS = {"low": [-1.0, -1.0], "high": [1.0, 2.0], "dtype": "float32"}
_MOMENTS = {"shape": [2], "mean": [0.0, 1.0], "deviation": [1.0, 2.0]}


def policy(
    inputs: dict[str, Any] = _MOMENTS, actions: dict[str, Any] = _LIMITS
) -> tuple[dict[str, Any], bytes]:
    """model.json as values, and weights.npz, of a policy of an environment."""
    description = {
        "format": 2,
        "kind": "policy",
        "name": "gym:Tiny-v1",
        "layers": [2, 2],
        "activation": "relu",
        "environment": {"inputs": copy.deepcopy(inputs), "actions": copy.deepcopy(actions)},
    }
    return description, npz(np.ones((1, 6), np.float32))


def policies() -> list[tuple[dict[str, Any], bytes]]:
    """Policies of each kind of environment, and of a simulation that is none."""
    plain, weights = policy()
    del plain["environment"]
    return [
        policy(),
        policy({"states": 2, "first": 0}, {"choices": 2, "first": 1}),
        (plain, weights),
    ]


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of all values in a JSON value."""
    if path:
        yield path
    items: Any = ()
    if isinstance(value, dict):
        items = value.items()
    if isinstance(value, list):
        items = enumerate(value)
    for key, item in items:
        yield from places(item, (*path, key))


def changed(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """A copy of a JSON value with another one at a path; `REMOVED` takes it out."""
    value = copy.deepcopy(value)
    inner = value
    for key in path[:-1]:
        inner = inner[key]
    if new is REMOVED:
        del inner[path[-1]]
    else:
        inner[path[-1]] = new
    return value


def with_header(header: bytes, version: bytes = b"\x01\x00", data: bytes = b"") -> bytes:
    """An npz file whose array has this header."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        length = struct.pack("<H", len(header))
        archive.writestr("weights.npy", b"\x93NUMPY" + version + length + header + data)
    return buffer.getvalue()
