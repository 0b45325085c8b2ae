"""The settings of one search, parsed once at the edge into one frozen object."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from os import PathLike
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from shoal.errors import SettingsError
from shoal.genome import SearchSpace
from shoal.losses import LOSSES

Positive = Annotated[int, Field(ge=1)]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Rate = Annotated[float, Field(ge=0, le=1)]
Bound = Annotated[float, Field(allow_inf_nan=False)]

# What the presets hold fixed; a user's own ``choices`` come before them.
PRESET_CHOICES: dict[str, dict[str, tuple[str, ...]]] = {
    "classic": {"informant_strategy": ("nearest",), "attractor": ("position",), "activation": ("relu",)},
    "modern": {"attractor": ("best",), "activation": ("relu",)},
}


class SearchSettings(BaseModel):
    """Everything a search depends on besides its data. Frozen; unknown names are refused.

    Budgets: ``generations`` always; ``evaluations`` and ``max_seconds`` end a search earlier when given. A training ends
    after ``iterations``, after ``training_seconds`` (then new work is not reproducible to the bit), or when its global
    best loss improved by less than 0.01 % over ``patience`` iterations.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    preset: Literal["modern", "classic"] = "modern"
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0

    population: Annotated[int, Field(ge=2, le=10_000)] = 12
    generations: Annotated[int, Field(ge=1, le=1_000_000)] = 100
    evaluations: Positive | None = None
    max_seconds: Seconds | None = None

    mutation: Rate = 0.2
    crossover: Rate = 0.6
    elitism: Annotated[int, Field(ge=0)] = 2
    tournament: Positive = 3
    repeats: Positive = 3  # a generation, for each genome
    max_repeats: Positive = 21  # a genome

    iterations: Annotated[int, Field(ge=1, le=100_000_000)] = 500
    training_seconds: Seconds | None = None
    patience: Positive | None = None
    loss: str | None = None  # None: mse for regression, cross_entropy for classification

    bounds: dict[str, tuple[Bound, Bound]] = Field(default_factory=dict)
    choices: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    max_depth: Annotated[int, Field(ge=1, le=3)] = 3
    max_width: Annotated[int, Field(ge=1, le=1024)] = 1024

    deadline: Seconds | None = None  # a training that takes longer hangs: it is ended, and tried again
    engine: Literal["cpu", "reference"] = "cpu"
    executor: Literal["local", "ray"] = "local"  # where trainings run; never changes a result
    workers: Positive | None = None  # None: one a core; never changes a result

    @model_validator(mode="before")
    @classmethod
    def _defaults_that_fit(cls, values: Any) -> Any:
        """A small population, or many repeats, given alone: what was not given follows."""
        if isinstance(values, dict):
            population, repeats = values.get("population"), values.get("repeats")
            if "elitism" not in values and isinstance(population, int):
                values = values | {"elitism": max(0, min(cls.model_fields["elitism"].default, population - 1))}
            if "max_repeats" not in values and isinstance(repeats, int):
                values = values | {"max_repeats": max(cls.model_fields["max_repeats"].default, repeats)}
        return values

    @model_validator(mode="after")
    def _consistent(self) -> SearchSettings:
        if self.elitism >= self.population:
            raise ValueError(f"elitism={self.elitism} must be smaller than population={self.population}")
        if self.max_repeats < self.repeats:
            raise ValueError(f"max_repeats={self.max_repeats} must not be smaller than repeats={self.repeats}")
        if self.evaluations is not None and self.evaluations < self.population * self.repeats:
            first = self.population * self.repeats
            raise ValueError(f"evaluations={self.evaluations} is less than one generation ({first}); raise it")
        if self.loss is not None and self.loss not in LOSSES:
            raise ValueError(f"loss={self.loss!r} must be one of {', '.join(LOSSES)}")
        return self

    @property
    def space(self) -> SearchSpace:
        """Where this search may look."""
        layers = tuple(min(w, self.max_width) for w in SearchSpace().start_layers[: self.max_depth])
        space = SearchSpace(max_depth=self.max_depth, max_width=self.max_width, start_layers=layers)
        return space.narrowed(self.bounds, {**PRESET_CHOICES[self.preset], **self.choices})

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> SearchSettings:
        """Check ``values``; raises `SettingsError` that names each wrong one, or `GenomeError` for bounds."""
        try:
            settings = cls.model_validate(dict(values))
        except ValidationError as error:
            problems = "; ".join(_problem(item, cls.model_fields) for item in error.errors())
            raise SettingsError(
                problems + ".",
                remedy="correct what is named; `shoal run --help` and docs/reference.md list the settings",
            ) from None
        settings.space  # noqa: B018  bounds are checked here, before anything starts
        return settings

    def to_dict(self) -> dict[str, Any]:
        """JSON-able values; `parse` reverses it."""
        return self.model_dump(mode="json")


def _problem(item: Any, known: Iterable[str]) -> str:
    """One of pydantic's findings, as a person would say it."""
    name = ".".join(str(part) for part in item["loc"])
    if item["type"] == "extra_forbidden":
        near = difflib.get_close_matches(name, known, n=1)
        return f"{name!r} is not a setting" + (f" (did you mean {near[0]!r}?)" if near else "")
    said = item["msg"].removeprefix("Value error, ")
    return f"{name}={item['input']!r}: {said}" if name else said


def read_settings_file(path: str | PathLike[str]) -> dict[str, Any]:
    """The values of a TOML settings file: the names of `SearchSettings` and of the data options, flat.

    Raises `SettingsError` when it cannot be read.
    """
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"Settings file {path}: {error.strerror}.", remedy="check the path") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"Settings file {path} is not TOML: {error}.", remedy="mend that line") from None
