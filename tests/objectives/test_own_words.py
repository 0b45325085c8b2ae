"""What objects of users print is the same in every process: tests and estimators show it."""

from __future__ import annotations

from typing import Any

import pytest

import shoal


def doubled(positions: Any) -> Any:
    return 2 * positions


def squared(output: float, target: float) -> float:
    return (output - target) ** 2


def share(score: Any, y: Any) -> Any:
    return (score > y).mean(axis=1)


@pytest.mark.parametrize(
    "own",
    [
        shoal.decoder(doubled),
        shoal.row_loss(nonnegative=True)(squared),
        shoal.objective("maximize")(share),
    ],
    ids=["decoder", "row loss", "objective"],
)
def test_no_address_in_memory_is_printed(own: Any) -> None:
    assert " at 0x" not in repr(own)
    assert f"name='{own.function.__name__}'" in repr(own)
