"""A policy that Shoal found: observations in, actions out. It needs NumPy alone.

    from policy import load_policy

    policy = load_policy("folder")
    action = policy.act([0.1, 0.2, 0.3, 0.4])

    python policy.py FOLDER 0.1 0.2 0.3 0.4

This file leaves the house in exported folders, beside shoal_network.py, which computes the network.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

try:
    from shoal_network import forward  # type: ignore[import-not-found]
except ImportError:
    from shoal.inference.standalone import forward

# Versions of the folder's format that this file reads.
FORMATS = (1,)


class PolicyError(ValueError):
    """The folder or an observation cannot be used."""


@dataclass(frozen=True, eq=False)
class ExportedPolicy:
    """A trained policy.

    Attributes
    ----------
    about
        What model.json says: names, layers, the simulation, its score.
    weights
        (D,), layer by layer: W of shape (out, in) row by row, then the bias (out,).
    """

    about: dict[str, Any]
    weights: NDArray[np.float32]

    def act(self, observation: Sequence[float] | NDArray[Any]) -> NDArray[np.float32]:
        """Answer an observation.

        Parameters
        ----------
        observation
            (inputs,), or (rows, inputs) for several at once.

        Returns
        -------
        ndarray
            (outputs,), or (rows, outputs): what the network says. The simulation's own code makes
            an action of it, by the largest output or by limits, for example.

        Raises
        ------
        PolicyError
            If the observation has another length.
        """
        values = np.asarray(observation, dtype=np.float32)
        inputs = self.about["layers"][0]
        if values.ndim not in (1, 2) or values.shape[-1] != inputs:
            raise PolicyError(
                f"The observation has the shape {values.shape}. Expected: ({inputs},), or "
                f"(rows, {inputs})."
            )

        rows = values.reshape(-1, inputs)
        outputs = forward(self.weights, self.about["layers"], self.about["activation"], rows)
        if values.ndim == 1:
            return np.asarray(outputs[0])
        return np.asarray(outputs)

    def choose(self, observation: Sequence[float] | NDArray[Any]) -> int:
        """Answer one observation by the number of the largest output, the first of equal ones."""
        return int(np.argmax(self.act(observation)))


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
        about = json.loads((place / "model.json").read_text(encoding="utf-8"))
        with np.load(place / "weights.npz", allow_pickle=False) as archive:
            weights = archive["weights"]
    except (OSError, ValueError, KeyError) as error:
        raise PolicyError(
            f"{place} holds no policy: {error}. Expected: a folder that `shoal export` wrote for a "
            "run that solves a simulation."
        ) from None

    if about.get("kind") != "policy" or about.get("format") not in FORMATS:
        raise PolicyError(
            f"{place}/model.json is no policy of a known format. Expected: one that "
            "`shoal export` wrote."
        )
    return ExportedPolicy(about, np.asarray(weights, dtype=np.float32)[0])


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
