"""Read the policy that ``shoal export`` wrote."""

from __future__ import annotations

import os

from shoal.errors import ModelError
from shoal.inference import policy


def load_policy(path: str | os.PathLike[str]) -> policy.ExportedPolicy:
    """Read an exported policy.

    Parameters
    ----------
    path
        A folder that ``shoal export`` wrote of a run with a simulation.

    Returns
    -------
    ExportedPolicy
        ``act(observation)`` answers as the network in the simulation did, ``choose(observation)``
        by the number of the largest output.

    Raises
    ------
    ModelError
        If a file is missing or damaged, was written by a newer version, or holds no policy.

    Notes
    -----
    After ``shoal export 1 --to shop``::

        policy = shoal.load_policy("shop")
        policy.act([0.2, 1.0])
    """
    try:
        return policy.load_policy(path)
    except policy.PolicyError as error:
        raise ModelError(
            str(error),
            expected="a folder that `shoal export` wrote of a run with a simulation",
            remedy="check the path, or export the run: shoal export RUN --to DIR",
        ) from None
