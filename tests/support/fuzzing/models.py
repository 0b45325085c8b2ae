"""Exported models and policies: loading, predicting, acting, starting a search from them.

An input is a byte (0: a model of a table, 1: a policy), the length of model.json in three bytes,
model.json, and weights.npz.
"""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from shoal.errors import ShoalError
from shoal.inference.policy import PolicyError, load_policy
from shoal.inference.standalone import TableError, predict, write_predictions
from shoal.problems.warm_start import pinned_start
from support.damaged_models import HARMFUL, REMOVED, changed, places, policies, with_header
from support.exported_models import TARGETS, model_of, npz, write
from support.fuzzing.targets import Finding, Target, check_sentence, damaged, scratch

ROWS = {
    "size": ["1", "", "30"],
    "kind": ["flat", "tent", ""],
    "age": ["5", "15", ""],
    "sold": ["3/4/2023", "", "2024-02-29"],
}


def packed(kind: int, description: bytes, weights: bytes) -> bytes:
    """An input."""
    return bytes([kind]) + len(description).to_bytes(3) + description + weights


def unpacked(data: bytes) -> tuple[int, bytes, bytes]:
    """The kind of an input, its model.json and its weights.npz."""
    kind = data[0] % 2 if data else 0
    end = 4 + int.from_bytes(data[1:4])
    return kind, data[4:end], data[end:]


def run(data: bytes) -> None:
    """Load it, and use it."""
    kind, description, weights = unpacked(data)
    folder = write(scratch() / "model", description, weights)
    for use in (_act if kind else _predict, _start):
        try:
            use(folder)
        except (ShoalError, TableError, PolicyError) as error:
            check_sentence(str(error))


def _predict(folder: Path) -> None:
    found = predict(folder, ROWS)
    numbers = found.values if found.probabilities is None else found.probabilities
    if len(numbers) != 3 or not np.isfinite(numbers).all():
        raise Finding("a prediction is no number")
    write_predictions(folder / "predictions.csv", found, proba=True)
    for column, unseen in found.unseen.items():
        check_sentence(unseen.sentence(column), has_remedy=False)


def _act(folder: Path) -> None:
    policy = load_policy(folder)
    # What it sees, once as it is given to a network, and once as an environment gives it.
    size = policy.about["layers"][0] if policy.inputs is None else 1
    shape = getattr(policy.inputs, "shape", ()) or (size,)
    if size > 10_000:
        return
    observation = np.ones(shape)
    outputs = policy.act(observation)
    if outputs.shape != (policy.about["layers"][-1],):
        raise Finding("a policy's outputs have another shape")
    policy.choose(observation)
    if policy.actions is not None:
        policy.action(observation)


def _start(folder: Path) -> None:
    """Start a search from it."""
    pinned = pinned_start(str(folder))
    if any(width < 1 for width in pinned["hidden_layers"]):
        raise Finding("a search would start from layers without neurons")


def seeds() -> list[bytes]:
    """Every kind of model and policy."""
    found = []
    for target in TARGETS:
        description, weights = model_of(target)
        found.append(packed(0, json.dumps(description).encode(), weights))
    for description, weights in policies():
        found.append(packed(1, json.dumps(description).encode(), weights))
    return found


def mutate(data: bytes, random: Random) -> bytes:
    """Another value in model.json, other weights, or other bytes in either."""
    kind, description, weights = unpacked(data)
    way = random.randrange(5)
    if way == 0:
        kind = random.randrange(2)
        description = damaged(description, random)
    elif way == 1:
        weights = damaged(weights, random)
    elif way == 2:
        weights = random.choice([_other_header, _other_weights])(random)
    else:
        description = _other_value(description, random)
    return packed(kind, description, weights)


def _other_value(description: bytes, random: Random) -> bytes:
    """A description with another value at a place, or one value at the place of another."""
    try:
        values = json.loads(description)
        where = list(places(values))
    except (ValueError, RecursionError):
        return damaged(description, random)
    if not where:
        return damaged(description, random)

    new = random.choice([REMOVED, *HARMFUL])
    if random.random() < 0.3:
        new = values
        for key in random.choice(where):
            new = new[key]
    return json.dumps(changed(values, random.choice(where), new)).encode()


def _other_header(random: Random) -> bytes:
    """An archive whose array claims another shape, kind or order."""
    shape = random.choice(["(2, 31)", "(2, 1000000000000)", "(-2, 31)", "()", "(1, 6)", "(2,)"])
    kind = random.choice(["<f4", ">f8", "|O", "<U9", "<i4", "<f2", "|V4", "<c8", "<M8[s]"])
    order = random.choice(["True", "False", "None"])
    header = f"{{'descr': '{kind}', 'fortran_order': {order}, 'shape': {shape}}}"
    header = damaged(header.encode(), random) if random.random() < 0.3 else header.encode()
    return with_header(header, data=random.randbytes(random.randrange(300)))


def _other_weights(random: Random) -> bytes:
    """Sound weights, perhaps of another shape, or of values that overflow."""
    shape = (random.randint(1, 3), random.choice([6, 31, 48, 49, 36, random.randint(0, 99)]))
    value = random.choice([0.0, 1.0, 3e38, np.nan, -np.inf, 1e-45])
    kind = random.choice([np.float32, np.float64, np.float16])
    with np.errstate(over="ignore"):
        return npz(np.full(shape, value, kind))


def _words() -> list[bytes]:
    """The names and texts of all seeds, and some harmful values."""
    words: set[bytes] = {b"NaN", b"Infinity", b"1e999", b"-0.0", b"null", b"[[]]", b"\\ud800"}
    for data in seeds():
        values: Any = json.loads(unpacked(data)[1])
        for path in places(values):
            words.update(str(key).encode() for key in path)
    return sorted(words)


TARGET = Target(
    "models",
    run,
    seeds,
    mutate,
    words=_words(),
)
