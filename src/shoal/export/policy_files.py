"""The programs that an export of a policy holds besides what every export holds."""

from __future__ import annotations

from pathlib import Path

from shoal.inference import policy, standalone


def policy_programs() -> dict[str, bytes]:
    """The files that run a policy without Shoal."""
    return {
        "shoal_network.py": Path(standalone.__file__).read_bytes(),
        "policy.py": Path(policy.__file__).read_bytes(),
    }
