"""Values that pass between the layers. Plain frozen data; no behaviour beyond reading and writing themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Metrics:
    """Scores of one prediction on one part of the data, on unscaled targets.

    ``accuracy`` is in percent (regression: ``100 (1 - MAE / mean|y|)``; classification: percent correct) and may be
    negative for regression. ``mae`` and ``rmse`` are in units of the target. Fields of the other task are None.
    """

    accuracy: float
    mae: float | None = None
    rmse: float | None = None
    r2: float | None = None
    balanced_accuracy: float | None = None
    macro_f1: float | None = None
    log_loss: float | None = None

    def to_dict(self) -> dict[str, float]:
        """The fields that are set."""
        values = ((f.name, getattr(self, f.name)) for f in fields(self))
        return {name: value for name, value in values if value is not None}

    @classmethod
    def from_dict(cls, values: Mapping[str, float]) -> Metrics:
        """The reverse of `to_dict`."""
        return cls(**values)


@dataclass(frozen=True, slots=True)
class Scores:
    """Metrics by part of the data; a part that does not exist, or was not looked at, is None."""

    train: Metrics
    validation: Metrics | None = None
    test: Metrics | None = None

    @property
    def selection(self) -> Metrics:
        """What a search selects on: validation where there is one, else training. Never test."""
        return self.validation or self.train

    def to_dict(self) -> dict[str, dict[str, float]]:
        """The parts that are set."""
        parts = ((f.name, getattr(self, f.name)) for f in fields(self))
        return {name: part.to_dict() for name, part in parts if part is not None}

    @classmethod
    def from_dict(cls, values: Mapping[str, Mapping[str, float]]) -> Scores:
        """The reverse of `to_dict`."""
        return cls(**{name: Metrics.from_dict(part) for name, part in values.items()})
