"""The settings of one search, parsed once at the edge into one frozen object."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Callable, Iterable, Mapping
from os import PathLike
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from shoal.errors import SettingsError, ShoalError
from shoal.genome.genes import (
    CATEGORICAL_GENES,
    NEUTRAL,
    NUMERIC_GENES,
    READOUT_GENES,
)
from shoal.genome.presets import NAMED_GENOMES
from shoal.genome.search_space import SearchSpace
from shoal.objectives.built_in_decoders import find_decoder, unknown_decoder
from shoal.objectives.losses import LOSS_NAMES
from shoal.objectives.registry import METRICS
from shoal.settings.executors import check_executor_name
from shoal.settings.field_help import SETTINGS
from shoal.settings.first_genomes import GenomeSetting, check_first_genomes
from shoal.settings.named_code import MetricSetting, NamedCode, NamedCodeSetting, name_in
from shoal.settings.phase import FIRST_CONFIRMATION
from shoal.settings.presets import (
    DEFAULT_PRESET,
    PRESETS,
    RECORDED_DEFAULTS,
    RECORDED_VALUES,
    Choices,
    Preset,
)
from shoal.settings.samplers import check_sampler_name, check_sampler_options, describe_sampler
from shoal.settings.schedule import SCHEDULES, Schedule
from shoal.settings.start import MOST_VELOCITY, StartFrom, StartSetting, as_start

Positive = Annotated[int, Field(ge=1, le=2**53 - 1)]
# Processes for the trainings of one run.
MAX_WORKERS = 1_000
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Rate = Annotated[float, Field(ge=0, le=1)]
Bound = Annotated[float, Field(allow_inf_nan=False)]

# Settings that only some samplers read.
_OF_SAMPLERS = (
    "sampler_options",
    "sampler_sha256",
    "start",
    "elitism",
    "mutation",
    "crossover",
    "tournament",
)
# Where and how trainings run. None of these changes a result.
_OF_MACHINES = ("deadline", "executor", "workers")


def described(name: str, default: Any = None, factory: Callable[[], Any] | None = None) -> Any:
    """A field with its default and its description, which stands in `shoal.settings.field_help`."""
    if factory is not None:
        return Field(default_factory=factory, description=SETTINGS[name].description)
    return Field(default, description=SETTINGS[name].description)


class SearchSettings(BaseModel):
    """Everything that a search depends on besides its data. Frozen; unknown names are refused.

    What each means is its description (`shoal.settings.field_help`). The defaults here are those
    that no preset changes.

    Budgets: ``generations`` always; ``evaluations`` and ``max_seconds`` end a search earlier when
    given. A training ends after ``iterations``, after ``training_seconds`` (new work is then not
    reproducible to the bit), or when its global best loss improved by less than
    ``min_improvement`` of its size over ``patience`` iterations.

    Examples
    --------
    >>> settings = SearchSettings(population=8, seed=1)
    >>> settings.generations, settings.schedule.rungs
    (2, (1, 2, 4))
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    preset: Literal["modern", "classic", "simulation", "function"] = described("preset", "modern")
    seed: Annotated[int, Field(ge=0, lt=2**63)] = described("seed", 0)

    population: Annotated[int, Field(ge=2, le=10_000)] = described("population", 12)
    generations: Annotated[int, Field(ge=1, le=1_000_000)] = described("generations", 100)
    evaluations: Positive | None = described("evaluations", None)
    max_seconds: Seconds | None = described("max_seconds", None)

    sampler: str = described("sampler", "genetic")
    sampler_options: dict[str, Any] = described("sampler_options", factory=dict)
    sampler_sha256: str | None = described("sampler_sha256", None)
    start: tuple[str, ...] = described("start", ())
    first_genomes: tuple[GenomeSetting, ...] = described("first_genomes", ())
    mutation: Rate = described("mutation", 0.2)
    crossover: Rate = described("crossover", 0.6)
    elitism: Annotated[int, Field(ge=0)] = described("elitism", 2)
    tournament: Positive = described("tournament", 3)

    racing: Literal["halving", "t-race", "fixed"] = described("racing", "halving")
    repeats: Annotated[int, Field(ge=1, le=FIRST_CONFIRMATION)] = described("repeats", 3)
    max_repeats: Annotated[int, Field(ge=1, le=FIRST_CONFIRMATION)] = described("max_repeats", 21)
    growth: Annotated[int, Field(ge=1, le=16)] = described("growth", 2)

    iterations: Annotated[int, Field(ge=1, le=100_000_000)] = described("iterations", 500)
    equal_effort: bool = described("equal_effort", True)
    training_seconds: Seconds | None = described("training_seconds", None)
    patience: Positive | None = described("patience", None)
    patience_on: Literal["training", "validation"] = described("patience_on", "training")
    min_improvement: Annotated[float, Field(ge=0, lt=1)] = described("min_improvement", 0.0001)

    finalists: Annotated[int, Field(ge=0, le=100)] = described("finalists", 6)
    incumbent: bool = described("incumbent", False)
    confirmations: Annotated[int, Field(ge=2, le=1000)] = described("confirmations", 5)
    final_factor: Annotated[int, Field(ge=1, le=1000)] = described("final_factor", 8)
    networks: Annotated[int, Field(ge=1, le=100)] = described("networks", 5)
    ensemble: Literal["mean", "weighted"] = described("ensemble", "mean")
    baselines: bool = described("baselines", True)

    scenarios: Annotated[int, Field(ge=1, le=1_000_000)] = described("scenarios", 8)
    fresh_scenarios: bool = described("fresh_scenarios", True)
    validation_scenarios: Annotated[int, Field(ge=1, le=1_000_000)] = described(
        "validation_scenarios", 64
    )
    test_scenarios: Annotated[int, Field(ge=1, le=1_000_000)] = described("test_scenarios", 1000)
    steps: Positive | None = described("steps", None)

    metric: MetricSetting | None = described("metric", None)
    loss: str | None = described("loss", None)
    objective: NamedCodeSetting | None = described("objective", None)
    decoder: NamedCodeSetting | None = described("decoder", None)
    start_from: StartSetting | None = described("start_from", None)

    bounds: dict[str, tuple[Bound, Bound]] = described("bounds", factory=dict)
    choices: dict[str, tuple[str, ...]] = described("choices", factory=dict)
    extra_genes: tuple[str, ...] = described("extra_genes", ())
    max_depth: Annotated[int, Field(ge=0, le=3)] = described("max_depth", 3)
    max_width: Annotated[int, Field(ge=1, le=1024)] = described("max_width", 1024)

    deadline: Seconds | None = described("deadline", None)
    engine: Literal["cpu", "reference"] = described("engine", "cpu")
    executor: str = described("executor", "local")
    workers: Positive | None = described("workers", None)

    # ---- Reading what a user gives ---------------------------------------------------------------

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, values: Any) -> Any:
        """Add what follows from the given values and their preset. What is given always stays.

        Values of a wrong type are left to the validation of the fields, which names them.
        """
        if not isinstance(values, dict):
            return values

        given = _with_sampler_by_name(values)
        preset = _preset_of(given)
        filled = {**preset.defaults, **given}
        filled |= _of_decoder(given)

        if "max_repeats" not in given:
            filled["max_repeats"] = cls._max_repeats_for(filled.get("repeats"), preset)
        if given.get("patience_on") == "validation" and "patience" not in given:
            filled["patience"] = _patience_for(filled.get("iterations"))
        if "elitism" not in given and isinstance(given.get("population"), int):
            filled["elitism"] = cls._elitism_for(given["population"])
        if isinstance(given.get("bounds", {}), dict):
            filled["bounds"] = {**preset.defaults.get("bounds", {}), **given.get("bounds", {})}
        if isinstance(filled.get("choices", {}), dict):
            filled["choices"] = _choices_for(filled, preset, CATEGORICAL_GENES)
        return _from_start(filled, given)

    @classmethod
    def _max_repeats_for(cls, repeats: Any, preset: Preset) -> int:
        """The default, raised to ``repeats`` where a user asks for more to begin with."""
        default: int = preset.defaults.get("max_repeats", cls.model_fields["max_repeats"].default)
        if isinstance(repeats, int):
            return max(default, repeats)
        return default

    @classmethod
    def _elitism_for(cls, population: int) -> int:
        """The default, or less in a population that is too small for it."""
        default: int = cls.model_fields["elitism"].default
        return max(0, min(default, population - 1))

    @field_validator("sampler")
    @classmethod
    def _sampler_is_known(cls, sampler: str) -> str:
        return check_sampler_name(sampler)

    @field_validator("executor")
    @classmethod
    def _executor_is_known(cls, executor: str) -> str:
        return check_executor_name(executor)

    @field_validator("sampler_options")
    @classmethod
    def _options_can_be_recorded(cls, options: dict[str, Any]) -> dict[str, Any]:
        return check_sampler_options(options)

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

        if len(self.first_genomes) > self.population:
            raise ValueError(
                f"first_genomes has {len(self.first_genomes)} genomes, and "
                f"population={self.population} has no place for all; give fewer, or raise it"
            )

        first_generation = self.population * self.repeats
        if self.evaluations is not None and self.evaluations < first_generation:
            product = f"{self.population} genomes x {self.repeats} repeats = {first_generation}"
            raise ValueError(
                f"evaluations={self.evaluations} is less than one generation ({product}); raise it"
            )

        if self.loss is not None and self.loss not in LOSS_NAMES:
            raise ValueError(f"loss={self.loss!r} must be one of {', '.join(LOSS_NAMES)}")
        if self.loss is not None and self.objective is not None:
            raise ValueError(
                f"loss={self.loss!r} and objective={str(self.objective)!r} exclude each other"
            )
        self._check_targets()
        _check_names("start", self.start, NAMED_GENOMES)
        _check_names("extra_genes", self.extra_genes, _extra_genes(PRESETS[self.preset]))
        return self

    def _check_targets(self) -> None:
        """Refuse what needs targets where there are none, and solved layers beside a decoder."""
        named = {*self.bounds, *self.choices, *self.extra_genes}
        if not PRESETS[self.preset].targets:
            if self.patience_on != "training":
                raise ValueError(
                    f"patience_on={self.patience_on!r}, and preset={self.preset!r} has no rows "
                    "that validate; leave it out"
                )
            for gene in READOUT_GENES:
                if gene in named:
                    raise ValueError(
                        f"{gene} is searched, and preset={self.preset!r} has no targets that an "
                        "output layer could be fitted to; leave it out"
                    )
        if self.decoder is not None and "solved" in self.choices.get("readout", ()):
            raise ValueError(
                "readout='solved' is among the choices, and with a decoder positions are complete "
                "networks; leave one of them out"
            )

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> SearchSettings:
        """Check what a user gives.

        Parameters
        ----------
        values
            Settings by name. What is missing follows from the preset.

        Raises
        ------
        SettingsError
            Names each wrong setting, with its value.
        GenomeError
            For bounds and choices that make no search space.

        Examples
        --------
        >>> SearchSettings.parse({"population": 8}).elitism
        2
        """
        settings = cls._validated(values)
        if settings.workers is not None and settings.workers > MAX_WORKERS:
            raise SettingsError(
                f"workers={_shown(settings.workers)}.",
                expected=f"1 to {MAX_WORKERS:,}",
                remedy="leave it out for one worker for each core",
            )
        # A record may name what this version does not know, so only new settings are checked.
        for setting in ("objective", "metric", "decoder"):
            named = getattr(settings, setting)
            if isinstance(named, NamedCode):
                _check_code(setting, named)
        # All bounds are checked before anything starts.
        settings.space.check_informants()
        check_first_genomes(settings.first_genomes, settings.space)
        return settings

    @classmethod
    def recorded(cls, values: Mapping[str, Any]) -> SearchSettings:
        """The settings that a run's record holds.

        A setting that is younger than the record means what was done when it was recorded. Only
        what `parse` has passed is recorded, so bounds are not checked again: an older version may
        have passed what this one refuses.
        """
        preset = PRESETS[values.get("preset", DEFAULT_PRESET)]
        filled = {**RECORDED_DEFAULTS, **values}
        if "racing" not in values:
            filled["choices"] = {**preset.recorded_choices, **values.get("choices", {})}

        filled["choices"] = _choices_for(filled, preset, RECORDED_VALUES)
        return cls._validated(filled)

    @classmethod
    def _validated(cls, values: Mapping[str, Any]) -> SearchSettings:
        try:
            return cls.model_validate(dict(values))
        except ValidationError as error:
            problems = [_problem(item, cls.model_fields) for item in error.errors()]
            raise SettingsError(
                "; ".join(dict.fromkeys(problems)) + ".",
                remedy="correct what is named; `shoal run --help` and docs/reference/settings.md "
                "list the settings",
            ) from None

    def to_dict(self) -> dict[str, Any]:
        """The settings as JSON values, as a run's record holds them; `parse` reads them."""
        return self.model_dump(mode="json")

    # ---- What the settings mean ------------------------------------------------------------------

    @property
    def schedule(self) -> Schedule:
        """How many trainings a genome gets, and how long each lasts."""
        return SCHEDULES[self.racing](
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
        """The genomes that the search may propose."""
        preset = PRESETS[self.preset]
        start_layers = (preset.start_layers or SearchSpace().start_layers)[: self.max_depth]
        space = SearchSpace(
            max_depth=self.max_depth,
            max_width=self.max_width,
            start_layers=tuple(min(width, self.max_width) for width in start_layers),
        )

        # A gene is searched when a user names it anywhere.
        space = space.with_genes({*self.extra_genes, *self.bounds, *self.choices})
        if not preset.network:
            space = space.without_network()
        space = space.narrowed(self.bounds, self.choices)
        if self.start_from is not None and self.start_from.hidden_layers is not None:
            space = space.with_layers(self.start_from.hidden_layers)
        return space.starting(preset.start_ranges)

    def competes_with(self, other: SearchSettings) -> bool:
        """Whether both searches had the same budget and space, but different samplers.

        Seeds, baselines, options of samplers and machines may differ.
        """
        if self.sampler == other.sampler:
            return False

        may_differ = {"sampler", "seed", "baselines", *_OF_SAMPLERS, *_OF_MACHINES}
        own = self.model_dump(exclude=may_differ)
        return own == other.model_dump(exclude=may_differ)


def _with_sampler_by_name(values: dict[str, Any]) -> dict[str, Any]:
    """The values, with a sampler object or class replaced by texts that can be recorded."""
    sampler = values.get("sampler")
    if sampler is None or isinstance(sampler, str | int | float | list | tuple | dict):
        return values

    name, options = describe_sampler(sampler)
    if options and "sampler_options" in values:
        raise SettingsError(
            f"The sampler {sampler!r} brings its own options, so "
            f"sampler_options={values['sampler_options']!r} has no place.",
            expected="a sampler object, or its class with sampler_options",
            remedy="leave sampler_options out",
        )
    if options:
        return {**values, "sampler": name, "sampler_options": options}
    return {**values, "sampler": name}


def _preset_of(values: Mapping[str, Any]) -> Preset:
    """The preset that the values name. One that does not exist changes nothing."""
    name = values.get("preset", DEFAULT_PRESET)
    if isinstance(name, str) and name in PRESETS:
        return PRESETS[name]
    return Preset("")


def _from_start(filled: dict[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The values where swarms start from a network: slower, and with a file's activation."""
    start = as_start(filled.get("start_from"))
    if isinstance(start, StartFrom):
        start = start.model_dump()
    is_readable = isinstance(filled.get("bounds"), dict) and isinstance(filled.get("choices"), dict)
    if not isinstance(start, dict) or not is_readable:
        return filled

    lowest = {gene.name: gene.low for gene in NUMERIC_GENES}["max_velocity"]
    bounds = {"max_velocity": (lowest, MOST_VELOCITY), **filled["bounds"]}
    choices = filled["choices"]
    if start.get("activation") is not None and "activation" not in (given.get("choices") or {}):
        choices = {**choices, "activation": (start["activation"],)}
    return {**filled, "bounds": bounds, "choices": choices}


def _of_decoder(given: Mapping[str, Any]) -> dict[str, Any]:
    """What a decoder means for settings that are not given."""
    if given.get("decoder") is None:
        return {}

    # A position is a complete network.
    searched = _preset_of(given).defaults.get("extra_genes", ())
    defaults: dict[str, Any] = {
        "extra_genes": tuple(gene for gene in searched if gene not in READOUT_GENES)
    }
    decoder = find_decoder(name_in(given["decoder"]) or "")
    if decoder is not None:
        defaults |= decoder.defaults
    if given.get("loss") is not None:
        defaults.pop("objective", None)
    return {name: value for name, value in defaults.items() if given.get(name) is None}


def _patience_for(iterations: Any) -> int | None:
    """The patience of who asks for early stopping without one: a fifth of a training."""
    if isinstance(iterations, int):
        return max(1, iterations // 5)
    return None


def _choices_for(values: Mapping[str, Any], preset: Preset, known: Choices) -> dict[str, Any]:
    """The values of each categorical gene that is searched.

    They are the user's, or the preset's unless ``extra_genes`` asks for all, or all that are
    ``known``.
    """
    searched = values.get("extra_genes", ())
    if not isinstance(searched, list | tuple):
        searched = ()

    choices: dict[str, Any] = {}
    for gene, every_value in known.items():
        if gene in preset.meaningless_genes:
            continue
        if gene in searched:
            choices[gene] = every_value
        elif gene in preset.choices:
            choices[gene] = preset.choices[gene]
        elif gene not in NEUTRAL:
            choices[gene] = every_value
    return {**choices, **values.get("choices", {})}


def _extra_genes(preset: Preset) -> tuple[str, ...]:
    """The genes that the setting ``extra_genes`` may name."""
    later_categories = [name for name in CATEGORICAL_GENES if name not in NEUTRAL]
    names = (*NEUTRAL, *later_categories)
    return tuple(name for name in names if name not in preset.meaningless_genes)


def _check_code(setting: str, named: NamedCode) -> None:
    """Refuse a name that nothing has, and a reference whose file nobody has looked at."""
    if named.is_reference and named.sha256 is None:
        raise SettingsError(
            f"{setting}={named.name!r} comes without the hash of its file.",
            expected="a reference that was pinned",
            remedy="pass the settings through shoal.search or `shoal run`",
        )
    if named.is_reference:
        return

    # It knows the scorers of scikit-learn, too.
    from shoal.objectives.lookup import find_built_in, unknown_objective

    error: ShoalError | None = None
    if setting == "decoder":
        if find_decoder(named.name) is None:
            error = unknown_decoder(named.name)
    elif find_built_in(named.name) is None:
        error = unknown_objective(named.name)

    if error is not None:
        metrics = ""
        if setting == "metric":
            metrics = f"{', '.join(METRICS)}, "
        raise SettingsError(
            f"{setting}={named.name!r}: {error.problem}",
            expected=f"{metrics}{error.expected}",
            remedy=error.remedy,
        )


def _check_names(setting: str, names: Iterable[str], known: Iterable[str]) -> None:
    for name in names:
        if name not in known:
            raise ValueError(f"{setting}={name!r} must be some of {', '.join(known)}")


# Characters of a value that a message shows.
_SHOWN = 80
# Where pydantic speaks of Python's types, a person reads of TOML's.
_MESSAGES = {
    "tuple_type": "Input should be a list",
    "dict_type": "Input should be a table, of names and their values",
}


def _shown(value: Any) -> str:
    """A value for a message, shortened."""
    text = repr(value)
    if len(text) > _SHOWN:
        return f"{text[:_SHOWN]}..."
    return text


def _problem(item: Any, known: Iterable[str]) -> str:
    """One of pydantic's errors, as a sentence with the setting's name and value."""
    location = item["loc"]
    name = ".".join(str(part) for part in location)

    if item["type"] == "extra_forbidden":
        similar = difflib.get_close_matches(name, known, n=1)
        if similar:
            return f"{name!r} is not a setting (did you mean {similar[0]!r}?)"
        return f"{name!r} is not a setting"

    message = _MESSAGES.get(item["type"], item["msg"].removeprefix("Value error, "))
    if location[:1] == ("bounds",) and item["type"] in ("missing", "too_long"):
        name = ".".join(str(part) for part in location[:2])
        message = "Input should be two numbers, [low, high]"

    if name:
        return f"{name}={_shown(item['input'])}: {message}"
    # A check of several settings at once names them in its message.
    return str(message)


def read_settings_file(path: str | PathLike[str]) -> dict[str, Any]:
    """The values of a TOML settings file.

    Returns
    -------
    dict
        Names of `SearchSettings` and of the data options side by side, not checked yet.

    Raises
    ------
    SettingsError
        When the file cannot be read, or is not TOML.
    """
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise SettingsError(
            f"Settings file {path}: {error.strerror}.", remedy="check the path"
        ) from None
    # Numbers of thousands of digits end in the former, lists in lists in lists in the latter.
    except (ValueError, RecursionError) as error:
        raise SettingsError(
            f"Settings file {path} is not TOML that can be read: {error}.",
            expected="TOML, as `shoal export` writes it",
            remedy="mend that line",
        ) from None
