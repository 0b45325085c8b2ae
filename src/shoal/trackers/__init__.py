"""Runs of Shoal as runs of other programs: MLflow, TensorBoard, Weights & Biases.

May import `export`, `api` and what these import. A tracker is a `shoal.Callback`; each library is
an extra, imported only when a run begins. Start reading with `base`.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from shoal.errors import SettingsError
from shoal.trackers.base import Tracker

if TYPE_CHECKING:
    from shoal.trackers.mlflow import MLflow
    from shoal.trackers.tensorboard import TensorBoard
    from shoal.trackers.wandb import WandB

__all__ = ["MLflow", "TensorBoard", "Tracker", "WandB", "make_tracker"]

# By the name on the command line: the class, and the package that it needs.
_NAMES = {
    "mlflow": ("MLflow", "mlflow"),
    "tensorboard": ("TensorBoard", "tensorboard"),
    "wandb": ("WandB", "wandb"),
}


def make_tracker(text: str) -> Tracker:
    """The tracker of ``NAME`` or ``NAME:PLACE``.

    Parameters
    ----------
    text
        "mlflow", "tensorboard" or "wandb"; behind a colon where it writes: a tracking URI, a folder
        of event files, or a folder of offline runs.

    Raises
    ------
    SettingsError
        There is no such tracker, or its package is not installed.
    """
    name, _, place = text.partition(":")
    if name not in _NAMES:
        raise SettingsError(
            f"track={text!r}.",
            expected="one of " + ", ".join(_NAMES) + ", perhaps with a place: tensorboard:DIR",
            remedy="correct the name, or leave it out",
        )
    class_name, package = _NAMES[name]
    if find_spec(package) is None:
        raise SettingsError(
            f"track={text!r} needs the package {package}, which is not installed.",
            remedy=f"pip install 'shoal[{name}]'",
        )
    tracker: Tracker = __getattr__(class_name)(place or None)
    return tracker


def __getattr__(name: str) -> Any:
    for class_name, module in _NAMES.values():
        if name == class_name:
            return getattr(import_module(f"shoal.trackers.{module}"), name)
    raise AttributeError(f"module 'shoal.trackers' has no attribute {name!r}")
