"""A policy that Shoal found: observations in, actions out. It needs NumPy alone.

    from policy import load_policy

    policy = load_policy("folder")
    action = policy.act([0.1, 0.2, 0.3, 0.4])

    python policy.py FOLDER 0.1 0.2 0.3 0.4

The policy of an environment of Gymnasium takes observations as the environment gives them, and
answers with actions as the environment takes them:

    action = policy.action(observation)

This file leaves the house in exported folders, beside shoal_network.py, which computes the network.
"""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

try:
    import shoal_network as network  # type: ignore[import-not-found]
except ImportError:
    from shoal.inference import standalone as network

# Versions of the folder's format that this file reads. The second one knows environments.
FORMATS = (1, 2)
# Observations further from the mean are cut off, in deviations.
FURTHEST = 10.0
# Of the numbers of states and actions.
_LARGEST = 2**53
_End = TypeVar("_End")
_EXPECTED = "Expected: a folder that `shoal export` wrote for a run that solves a simulation."


class PolicyError(ValueError):
    """The folder or an observation cannot be used."""


@dataclass(frozen=True, eq=False)
class Numbers:
    """Observations of an environment that are numbers.

    A network sees ``(x - mean) / deviation`` of each, within ±10.

    Attributes
    ----------
    shape
        Of an observation.
    mean, deviation
        Of each number, (size,).
    """

    shape: tuple[int, ...]
    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]

    @property
    def size(self) -> int:
        """How many numbers a network sees."""
        return math.prod(self.shape)

    def seen(self, observations: NDArray[Any]) -> NDArray[np.float64]:
        """What a network sees of observations (rows, *shape): (rows, size)."""
        rows = np.asarray(observations, np.float64).reshape(len(observations), -1)
        # What overflows is cut off, too.
        with np.errstate(over="ignore"):
            scaled: NDArray[np.float64] = (rows - self.mean) / self.deviation
        return np.clip(scaled, -FURTHEST, FURTHEST)

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        mean = self.mean.tolist()
        deviation = self.deviation.tolist()
        return {"shape": list(self.shape), "mean": mean, "deviation": deviation}


@dataclass(frozen=True, eq=False)
class States:
    """Observations of an environment that are states.

    A network sees 1 for the state that is observed, and 0 for all others.

    Attributes
    ----------
    states
        How many there are.
    first
        The smallest number of a state.
    """

    states: int
    first: int = 0
    # An observation is one whole number.
    shape: tuple[int, ...] = ()

    @property
    def size(self) -> int:
        """How many numbers a network sees."""
        return self.states

    def seen(self, observations: NDArray[Any]) -> NDArray[np.float64]:
        """What a network sees of observations (rows,): (rows, size).

        Raises
        ------
        PolicyError
            If there is no such state.
        """
        places = np.asarray(observations, np.int64)[:, None] - self.first
        if places.min() < 0 or places.max() >= self.states:
            last = self.first + self.states - 1
            raise PolicyError(
                f"The states {observations.tolist()} are observed. Expected: whole numbers from "
                f"{self.first} to {last}."
            )
        return np.asarray(places == np.arange(self.states), np.float64)

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {"states": self.states, "first": self.first}


@dataclass(frozen=True, eq=False)
class Choice:
    """Actions of an environment that are one of a few: the largest output chooses.

    Attributes
    ----------
    choices
        How many there are.
    first
        The smallest number of an action.
    """

    choices: int
    first: int = 0

    @property
    def size(self) -> int:
        """How many outputs a network has."""
        return self.choices

    def actions(self, outputs: NDArray[Any]) -> list[Any]:
        """The actions that outputs (rows, size) mean."""
        chosen: list[int] = (outputs.argmax(axis=1) + self.first).tolist()
        return chosen

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {"choices": self.choices, "first": self.first}


@dataclass(frozen=True, eq=False)
class Stretched:
    """Actions of an environment that are numbers with limits.

    The hyperbolic tangents of the outputs are stretched over them.

    Attributes
    ----------
    low, high
        The limits, arrays of an action's shape and type.
    """

    low: NDArray[Any]
    high: NDArray[Any]

    @property
    def size(self) -> int:
        """How many outputs a network has."""
        return self.low.size

    def actions(self, outputs: NDArray[Any]) -> list[Any]:
        """The actions that outputs (rows, size) mean."""
        # Halves cannot overflow.
        middle = self.high / 2.0 + self.low / 2.0
        reach = self.high / 2.0 - self.low / 2.0
        share = np.tanh(np.asarray(outputs, np.float64)).reshape(-1, *self.low.shape)
        stretched = np.clip(middle + reach * share, self.low, self.high)
        return list(stretched.astype(self.low.dtype))

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        limits = {"low": self.low.tolist(), "high": self.high.tolist()}
        return {**limits, "dtype": str(self.low.dtype)}


def inputs_from_dict(about: dict[str, Any]) -> Numbers | States:
    """From what `Numbers.to_dict` or `States.to_dict` says. Raises errors of many kinds."""
    if "states" in about:
        return States(_count(about["states"]), _first(about["first"]))
    shape = tuple(_count(length) for length in about["shape"])
    mean = _finite(about["mean"])
    deviation = _finite(about["deviation"])
    if not mean.shape == deviation.shape == (math.prod(shape),) or not (deviation > 0).all():
        raise ValueError("mean and deviation do not fit the shape")
    return Numbers(shape, mean, deviation)


def actions_from_dict(about: dict[str, Any]) -> Choice | Stretched:
    """From what `Choice.to_dict` or `Stretched.to_dict` says. Raises errors of many kinds."""
    if "choices" in about:
        return Choice(_count(about["choices"]), _first(about["first"]))
    low = _finite(about["low"], about["dtype"])
    high = _finite(about["high"], about["dtype"])
    if low.shape != high.shape or not (low <= high).all():
        raise ValueError("the limits do not fit each other")
    return Stretched(low, high)


def _count(value: object) -> int:
    if type(value) is not int or value < 1:
        raise ValueError(f"{value!r} is no count")
    return value


def _first(value: object) -> int:
    if type(value) is not int or abs(value) > _LARGEST:
        raise ValueError(f"{value!r} is no number of a state or an action")
    return value


def _finite(values: object, kind: str = "float64") -> NDArray[Any]:
    with np.errstate(over="ignore"):
        numbers = np.array(values, np.dtype(kind))
    if numbers.dtype.kind != "f" or not np.isfinite(numbers).all():
        raise ValueError("not all of them are finite numbers")
    return numbers


@dataclass(frozen=True, eq=False)
class ExportedPolicy:
    """A trained policy.

    Attributes
    ----------
    about
        What model.json says: names, layers, the simulation, its score.
    weights
        (D,), layer by layer: W of shape (out, in) row by row, then the bias (out,).
    inputs, actions
        Of a policy of an environment of Gymnasium; None of others.
    """

    about: dict[str, Any]
    weights: NDArray[np.float32]
    inputs: Numbers | States | None = None
    actions: Choice | Stretched | None = None

    def act(self, observation: Sequence[float] | NDArray[Any]) -> NDArray[np.float32]:
        """Answer an observation.

        Parameters
        ----------
        observation
            (inputs,), or (rows, inputs) for several at once. Of an environment of Gymnasium: as it
            gives it, or several at once, (rows, ...).

        Returns
        -------
        ndarray
            (outputs,), or (rows, outputs): what the network says. The simulation's own code makes
            an action of it, by the largest output or by limits, for example.

        Raises
        ------
        PolicyError
            If the observation has another shape.
        """
        rows, is_one = self._rows(observation)
        outputs = network.forward(
            self.weights, self.about["layers"], self.about["activation"], rows
        )
        if is_one:
            return np.asarray(outputs[0])
        return np.asarray(outputs)

    def action(self, observation: Any) -> Any:
        """What to hand to ``step`` of an environment of Gymnasium.

        Parameters
        ----------
        observation
            One, as the environment gives it.

        Raises
        ------
        PolicyError
            If the observation has another shape, or the policy is of no environment.
        """
        if self.actions is None:
            raise PolicyError(
                f"The simulation {self.about['name']} is no environment of Gymnasium. Expected: a "
                "policy of gym:NAME. Use act, and make an action of it as the simulation does."
            )
        return self.actions.actions(self.act(observation).reshape(1, -1))[0]

    def choose(self, observation: Sequence[float] | NDArray[Any]) -> int:
        """Answer one observation by the number of the largest output, the first of equal ones."""
        return int(np.argmax(self.act(observation)))

    def _rows(self, observation: Any) -> tuple[NDArray[np.float32], bool]:
        """What the network sees, (rows, inputs), and whether it is one observation."""
        inputs = self.about["layers"][0]
        shape = (inputs,) if self.inputs is None else self.inputs.shape
        values = np.asarray(observation)
        is_one = values.shape in (shape, (math.prod(shape),))
        if not is_one and values.shape[1:] != shape:
            raise PolicyError(
                f"The observation has the shape {values.shape}. Expected: {shape}, or "
                f"({', '.join(map(str, ('rows', *shape)))})."
            )

        rows = values.reshape(-1, *shape)
        if self.inputs is not None:
            rows = self.inputs.seen(rows)
        return np.asarray(rows, np.float32), is_one


def load_policy(folder: str | os.PathLike[str] = ".") -> ExportedPolicy:
    """Read an exported policy.

    Parameters
    ----------
    folder
        Where model.json and weights.npz are.

    Raises
    ------
    PolicyError
        They are not there, or another program wrote them.
    """
    place = Path(folder)
    try:
        about = network.read_description(place)
        if about.get("kind") != "policy" or about.get("format") not in FORMATS:
            raise PolicyError(f"model.json is no policy of a known format. {_EXPECTED}")
        weights = network.read_weights(place, about)[0]
        return read_policy(about, weights)
    except ValueError as error:
        raise PolicyError(f"{place} holds no policy: {error}") from None


def read_policy(about: dict[str, Any], weights: NDArray[np.float32]) -> ExportedPolicy:
    """The policy of these weights (D,), as ``about`` of model.json says.

    Raises
    ------
    PolicyError
        The environment that ``about`` names does not fit the network.
    """
    inputs, actions = _ends(about)
    return ExportedPolicy(about, weights, inputs, actions)


def _ends(about: dict[str, Any]) -> tuple[Numbers | States | None, Choice | Stretched | None]:
    """What a network sees of an environment, and what its outputs mean; None of other simulations.

    Raises PolicyError if they do not fit the network.
    """
    environment = about.get("environment")
    if environment is None:
        return None, None
    inputs = _end(environment, "inputs", inputs_from_dict)
    actions = _end(environment, "actions", actions_from_dict)
    layers = about["layers"]
    if (inputs.size, actions.size) != (layers[0], layers[-1]):
        raise PolicyError(f"the environment in model.json does not fit the network. {_EXPECTED}")
    return inputs, actions


def _end(environment: Any, name: str, read: Callable[[Any], _End]) -> _End:
    """One of the ends of a network. Raises PolicyError if it is none."""
    about = environment.get(name) if isinstance(environment, dict) else None
    try:
        return read(about)
    except (ArithmeticError, KeyError, TypeError, ValueError):
        raise PolicyError(
            f"model.json: environment.{name} is {network.shown(about)}. {_EXPECTED}"
        ) from None


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the policy's outputs for one observation: ``policy.py FOLDER NUMBER NUMBER ...``."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if not given:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        policy = load_policy(given[0])
        print(json.dumps(policy.act([float(text) for text in given[1:]]).tolist()))
    except ValueError as error:
        print(f"policy.py: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
