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
from shoal.genome.genes import CATEGORICAL_GENES, NEUTRAL
from shoal.genome.presets import NAMED_GENOMES
from shoal.genome.search_space import SearchSpace
from shoal.objectives.losses import LOSSES
from shoal.settings.phase import FIRST_CONFIRMATION
from shoal.settings.schedule import Schedule

Positive = Annotated[int, Field(ge=1)]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Rate = Annotated[float, Field(ge=0, le=1)]
Bound = Annotated[float, Field(allow_inf_nan=False)]

# What the presets hold fixed; a user's own ``choices`` come before them.
PRESET_CHOICES: dict[str, dict[str, tuple[str, ...]]] = {
    "classic": {
        "informant_strategy": ("nearest",),
        "attractor": ("position",),
        "activation": ("relu",),
    },
    "modern": {"attractor": ("best",), "activation": ("relu", "tanh")},
}
_RECORDED_CHOICES: dict[str, dict[str, tuple[str, ...]]] = {
    **PRESET_CHOICES,
    "modern": {"attractor": ("best",), "activation": ("relu",)},
}
# What a preset, or a run that was recorded before there was a choice, means by what is not said.
_RECORDED: dict[str, Any] = {
    "racing": "fixed",
    "growth": 1,
    "equal_effort": False,
    "finalists": 0,
    "extra_genes": (),
    "start": (),
    "patience": None,
}
PRESET_DEFAULTS: dict[str, dict[str, Any]] = {
    "classic": {**_RECORDED, "baselines": False},
    "modern": {
        "generations": 4,
        "repeats": 2,
        "max_repeats": 8,
        "iterations": 1200,
        "min_improvement": 0.01,
        "extra_genes": ("update_rule",),
        "start": (
            "competitive",
            "local",
            "constriction",
            "spso2007",
        ),  # as good on tables, the best first
    },
}
_OF_SAMPLERS = ("start", "elitism", "mutation", "crossover", "tournament")
_OF_MACHINES = (
    "deadline",
    "executor",
    "workers",
)  # where and how trainings run: never what comes out of them


class SearchSettings(BaseModel):
    """Everything a search depends on besides its data. Frozen; unknown names are refused.

    Budgets: ``generations`` always; ``evaluations`` and ``max_seconds`` end a search earlier when given. A training ends
    after ``iterations``, after ``training_seconds`` (then new work is not reproducible to the bit), or when its global
    best loss improved by less than ``min_improvement`` of its size over ``patience`` iterations.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    preset: Literal["modern", "classic"] = "modern"
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0

    population: Annotated[int, Field(ge=2, le=10_000)] = 12
    generations: Annotated[int, Field(ge=1, le=1_000_000)] = 100
    evaluations: Positive | None = None
    max_seconds: Seconds | None = None

    sampler: Literal["genetic", "random", "tpe", "cmaes"] = "genetic"  # who proposes genomes
    start: tuple[
        str, ...
    ] = ()  # swarms of the literature in the first generation; not given: the preset's
    mutation: Rate = 0.2
    crossover: Rate = 0.6
    elitism: Annotated[int, Field(ge=0)] = 2
    tournament: Positive = 3
    racing: Literal["halving", "t-race", "fixed"] = (
        "halving"  # how repeats are spent; classic: fixed
    )
    repeats: Annotated[int, Field(ge=1, le=FIRST_CONFIRMATION)] = (
        3  # of each genome, first; fixed: in each generation
    )
    max_repeats: Annotated[int, Field(ge=1, le=FIRST_CONFIRMATION)] = 21  # a genome
    growth: Annotated[int, Field(ge=1, le=16)] = (
        2  # halving: how many times longer each rung trains than the one before
    )

    iterations: Annotated[int, Field(ge=1, le=100_000_000)] = 500
    equal_effort: bool = (
        True  # iterations are the default genome's: others do as many multiply-adds; classic: not
    )
    training_seconds: Seconds | None = None
    patience: Positive | None = (
        None  # of a training of full length; shorter and longer ones have it in proportion
    )
    min_improvement: Annotated[float, Field(ge=0, lt=1)] = 0.0001
    finalists: Annotated[int, Field(ge=0, le=100)] = (
        6  # genomes whose scores are confirmed on unused random streams
    )
    confirmations: Annotated[int, Field(ge=2, le=1000)] = (
        5  # repeats at most of each of the last two finalists
    )
    final_factor: Annotated[int, Field(ge=1, le=1000)] = (
        8  # how much longer confirmations and the champion train
    )
    networks: Annotated[int, Field(ge=1, le=100)] = 5  # of the champion
    ensemble: Literal["mean", "weighted"] = "mean"  # weighted: by each network's validation error
    baselines: bool = True  # other methods on the champion's rows, at the end; classic: not

    loss: str | None = None  # None: mse for regression, cross_entropy for classification

    bounds: dict[str, tuple[Bound, Bound]] = Field(default_factory=dict)
    choices: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    extra_genes: tuple[str, ...] = ()  # not given: the preset's
    max_depth: Annotated[int, Field(ge=1, le=3)] = 3
    max_width: Annotated[int, Field(ge=1, le=1024)] = 1024

    deadline: Seconds | None = (
        None  # a training that takes longer hangs: it is ended, and tried again
    )
    engine: Literal["cpu", "reference"] = "cpu"
    executor: Literal["local", "ray"] = "local"  # where trainings run; never changes a result
    workers: Positive | None = None  # None: one a core; never changes a result

    @model_validator(mode="before")
    @classmethod
    def _defaults_that_fit(cls, values: Any) -> Any:
        """A small population, or many repeats, given alone: what was not given follows."""
        if isinstance(values, dict):
            preset = values.get("preset", cls.model_fields["preset"].default)
            preset_values = {
                "max_repeats": cls.model_fields["max_repeats"].default
            } | PRESET_DEFAULTS.get(preset, {})
            if "max_repeats" not in values and isinstance(repeats := values.get("repeats"), int):
                preset_values["max_repeats"] = max(preset_values["max_repeats"], repeats)
            values = preset_values | values
            if isinstance(choices := values.get("choices", {}), dict):
                free, usual = values.get("extra_genes", ()), PRESET_CHOICES.get(preset, {})
                values = values | {
                    "choices": {k: v for k, v in usual.items() if k not in free} | choices
                }
            if (
                preset == "modern"
                and "patience" not in values
                and isinstance(values.get("iterations"), int)
            ):
                values = values | {"patience": max(1, values["iterations"] // 5)}
            population = values.get("population")
            if "elitism" not in values and isinstance(population, int):
                values = values | {
                    "elitism": max(0, min(cls.model_fields["elitism"].default, population - 1))
                }
        return values

    @model_validator(mode="after")
    def _consistent(self) -> SearchSettings:
        if self.elitism >= self.population:
            raise ValueError(
                f"elitism={self.elitism} must be smaller than population={self.population}"
            )
        if self.max_repeats < self.repeats:
            raise ValueError(
                f"max_repeats={self.max_repeats} must not be smaller than repeats={self.repeats}"
            )
        if self.evaluations is not None and self.evaluations < self.population * self.repeats:
            first = f"{self.population} genomes x {self.repeats} repeats = {self.population * self.repeats}"
            raise ValueError(
                f"evaluations={self.evaluations} is less than one generation ({first}); raise it"
            )
        if self.loss is not None and self.loss not in LOSSES:
            raise ValueError(f"loss={self.loss!r} must be one of {', '.join(LOSSES)}")
        if unknown := [name for name in self.start if name not in NAMED_GENOMES]:
            raise ValueError(f"start={unknown[0]!r} must be some of {', '.join(NAMED_GENOMES)}")
        known = (*NEUTRAL, *(name for name in CATEGORICAL_GENES if name not in NEUTRAL))
        if unknown := [name for name in self.extra_genes if name not in known]:
            raise ValueError(f"extra_genes={unknown[0]!r} must be some of {', '.join(known)}")
        return self

    def competes_with(self, other: SearchSettings) -> bool:
        """Whether the other search had the same to spend on the same space, but another sampler."""
        unlike = {"sampler", "seed", "baselines", *_OF_SAMPLERS, *_OF_MACHINES}
        return self.sampler != other.sampler and self.model_dump(
            exclude=unlike
        ) == other.model_dump(exclude=unlike)

    @property
    def schedule(self) -> Schedule:
        """How many trainings a genome gets, and how long each lasts."""
        return Schedule(
            racing=self.racing,
            repeats=self.repeats,
            max_repeats=self.max_repeats,
            growth=self.growth,
            iterations=self.iterations,
            finalists=self.finalists,
            confirmations=self.confirmations,
            final_factor=self.final_factor,
            networks=self.networks,
            baselines=self.baselines,
        )

    @property
    def space(self) -> SearchSpace:
        """Where this search may look."""
        layers = tuple(min(w, self.max_width) for w in SearchSpace().start_layers[: self.max_depth])
        space = SearchSpace(max_depth=self.max_depth, max_width=self.max_width, start_layers=layers)
        return space.with_genes({*self.extra_genes, *self.bounds, *self.choices}).narrowed(
            self.bounds, self.choices
        )

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> SearchSettings:
        """Check ``values``; raises `SettingsError` that names each wrong one, or `GenomeError` for bounds."""
        settings = cls._validated(values)
        settings.space.check_informants()  # and all bounds, before anything starts
        return settings

    @classmethod
    def _validated(cls, values: Mapping[str, Any]) -> SearchSettings:
        try:
            return cls.model_validate(dict(values))
        except ValidationError as error:
            problems = "; ".join(
                dict.fromkeys(_problem(item, cls.model_fields) for item in error.errors())
            )
            raise SettingsError(
                problems + ".",
                remedy="correct what is named; `shoal run --help` and docs/reference.md list the settings",
            ) from None

    @classmethod
    def recorded(cls, values: Mapping[str, Any]) -> SearchSettings:
        """Of what a run's record holds: a setting that is younger than the record means what was done then.

        Only what `parse` has passed is recorded. What it refuses by now was, too.
        """
        choices = {} if "racing" in values else _RECORDED_CHOICES[values.get("preset", "modern")]
        return cls._validated(
            {**_RECORDED, **values, "choices": {**choices, **values.get("choices", {})}}
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON-able values; `parse` reverses it."""
        return self.model_dump(mode="json")


# What pydantic says in words of Python's types.
_SAID = {
    "tuple_type": "Input should be a list",
    "dict_type": "Input should be a table, of names and their values",
}


def _problem(item: Any, known: Iterable[str]) -> str:
    """One of pydantic's findings, as a person would say it."""
    name = ".".join(str(part) for part in item["loc"])
    if item["type"] == "extra_forbidden":
        near = difflib.get_close_matches(name, known, n=1)
        return f"{name!r} is not a setting" + (f" (did you mean {near[0]!r}?)" if near else "")
    said = _SAID.get(item["type"], item["msg"].removeprefix("Value error, "))
    if item["loc"][:1] == ("bounds",) and item["type"] in ("missing", "too_long"):
        name, said = ".".join(map(str, item["loc"][:2])), "Input should be two numbers, [low, high]"
    return f"{name}={item['input']!r}: {said}" if name else said


def read_settings_file(path: str | PathLike[str]) -> dict[str, Any]:
    """The values of a TOML settings file: the names of `SearchSettings` and of the data options, flat.

    Raises `SettingsError` when it cannot be read.
    """
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(
            f"Settings file {path}: {error.strerror}.", remedy="check the path"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"Settings file {path} is not TOML: {error}.", remedy="mend that line"
        ) from None
