"""Settings: each wrong value is named, files are read, copies are exact, presets hold."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from shoal.cli.run_input import read_run_input
from shoal.errors import GenomeError, SettingsError, ShoalError
from shoal.genome.genes import NEUTRAL
from shoal.objectives.losses import LOSSES
from shoal.pso.engines import ENGINES
from shoal.settings.presets import PRESETS
from shoal.settings.samplers import SAMPLERS
from shoal.settings.search_settings import SearchSettings, read_settings_file

WRONG = [
    ({"metric": "f2"}, ["metric", "f2", "accuracy", "rmse"]),
    ({"scenarios": 0}, ["scenarios", "0"]),
    ({"fresh_scenarios": "perhaps"}, ["fresh_scenarios", "perhaps"]),
    ({"validation_scenarios": 0}, ["validation_scenarios", "0"]),
    ({"test_scenarios": 1.5}, ["test_scenarios", "1.5"]),
    ({"steps": 0}, ["steps", "0"]),
    ({"preset": "fast"}, ["preset", "fast", *PRESETS]),
    ({"seed": -1}, ["seed", "-1"]),
    ({"seed": 2**63}, ["seed", str(2**63)]),
    ({"seed": "x"}, ["seed", "x"]),
    ({"population": 1}, ["population", "1", "2"]),
    ({"population": 10_001}, ["population", "10001", "10000"]),
    ({"generations": 0}, ["generations", "0"]),
    ({"generations": 2.5}, ["generations", "2.5"]),
    ({"evaluations": 0}, ["evaluations", "0"]),
    ({"evaluations": 11}, ["evaluations=11", "12"]),
    ({"max_seconds": 0}, ["max_seconds", "0"]),
    ({"max_seconds": math.inf}, ["max_seconds", "inf"]),
    ({"max_seconds": math.nan}, ["max_seconds", "nan"]),
    ({"sampler_sha256": 3}, ["sampler_sha256", "3"]),
    ({"sampler": "grid"}, ["sampler", "grid", *SAMPLERS]),
    ({"sampler": 5}, ["sampler=5", "string"]),
    ({"sampler": "my_module:"}, ["my_module:", "package.module:ClassName"]),
    ({"sampler_options": {"a": math.nan}}, ["sampler_options", "nan", "numbers"]),
    ({"sampler_options": {"a": None}}, ["sampler_options", "None", "numbers"]),
    ({"sampler_options": {"a": object()}}, ["sampler_options", "numbers"]),
    ({"sampler_options": 5}, ["sampler_options=5", "table"]),
    ({"mutation": 1.1}, ["mutation", "1.1"]),
    ({"mutation": math.nan}, ["mutation", "nan"]),
    ({"crossover": -0.1}, ["crossover", "-0.1"]),
    ({"elitism": -1}, ["elitism", "-1"]),
    ({"elitism": 12}, ["elitism=12", "population=12"]),
    ({"tournament": 0}, ["tournament", "0"]),
    ({"repeats": 0}, ["repeats", "0"]),
    ({"repeats": 10_001}, ["repeats", "10001", "10000"]),
    ({"racing": "derby"}, ["racing", "derby", "halving", "t-race", "fixed"]),
    ({"growth": 0}, ["growth", "0"]),
    ({"equal_effort": "mostly"}, ["equal_effort", "mostly"]),
    ({"finalists": -1}, ["finalists", "-1"]),
    ({"incumbent": "mostly"}, ["incumbent", "mostly"]),
    ({"confirmations": 1}, ["confirmations", "1", "2"]),
    ({"final_factor": 0}, ["final_factor", "0"]),
    ({"networks": 0}, ["networks", "0"]),
    ({"start": ["fips"]}, ["start", "fips", "spso2007"]),
    ({"first_genomes": {}}, ["first_genomes={}", "a list"]),
    ({"first_genomes": [3]}, ["first_genomes.0=3", "a genome, or a table of its genes"]),
    ({"first_genomes": [{}, {"speed": 1}]}, ["first_genomes.1", "'speed'", "swarm_size"]),
    ({"first_genomes": [{3: 1, "speed": 1}]}, ["first_genomes.0", "Unknown gene 3"]),
    ({"first_genomes": [{"swarm_size": 1}]}, ["first_genomes.0", "swarm_size=1", "at least 2"]),
    ({"first_genomes": [{}] * 13}, ["first_genomes has 13 genomes", "population=12"]),
    ({"first_genomes": [{"swarm_size": 201}]}, ["first_genomes.0", "201", "4 to 200", "bounds"]),
    (
        {"first_genomes": [{}], "choices": {"activation": ["tanh"]}},
        ["first_genomes.0", "activation='relu'", "one of tanh", "choices.activation"],
    ),
    (
        {"first_genomes": [{"weight_decay": 0.1}]},
        ["weight_decay=0.1", "0.0, since the gene is not searched", "bounds.weight_decay"],
    ),
    ({"first_genomes": [{}], "preset": "function"}, ["hidden_layers=[32, 16]", "no hidden layers"]),
    (
        {"first_genomes": [{"hidden_layers": [], "activation": "tanh"}], "preset": "function"},
        ["activation='tanh'", "relu, since the gene is not searched"],
    ),
    ({"first_genomes": [{"hidden_layers": []}]}, ["hidden_layers=[]", "1 to 3 layers of 1024"]),
    ({"first_genomes": [{}], "max_depth": 1}, ["hidden_layers=[32, 16]", "max_depth"]),
    ({"first_genomes": [{}], "max_width": 31}, ["hidden_layers=[32, 16]", "31 neurons"]),
    ({"baselines": "some"}, ["baselines", "some"]),
    ({"ensemble": "median"}, ["ensemble", "median", "mean", "weighted"]),
    ({"executor": "cloud"}, ["executor", "cloud", "local", "ray"]),
    ({"repeats": 3, "max_repeats": 2}, ["max_repeats=2", "repeats=3"]),
    ({"iterations": 0}, ["iterations", "0"]),
    ({"iterations": 100_000_001}, ["iterations", "100000001"]),
    ({"training_seconds": -1}, ["training_seconds", "-1"]),
    ({"deadline": 0}, ["deadline", "0"]),
    ({"patience": 0}, ["patience", "0"]),
    ({"patience_on": "test"}, ["patience_on", "test", "training", "validation"]),
    ({"preset": "function", "patience_on": "validation"}, ["patience_on", "no rows"]),
    ({"preset": "simulation", "extra_genes": ["ridge"]}, ["ridge", "no targets"]),
    (
        {"decoder": {"name": "sign"}, "choices": {"readout": ["solved"]}},
        ["readout='solved'", "decoder"],
    ),
    ({"min_improvement": 1}, ["min_improvement", "1"]),
    ({"loss": "rmse"}, ["loss", "rmse", "mse", "negative_accuracy"]),
    ({"objective": "f2"}, ["objective", "f2", "f1"]),
    ({"objective": {"name": "my.py:profit"}}, ["objective", "my.py:profit", "hash"]),
    ({"objective": {"share": 0.2}}, ["objective", "name", "required"]),
    ({"decoder": "sing"}, ["decoder='sing'", "sign, ternary, int8, scorecard"]),
    ({"start_from": 3}, ["start_from", "3"]),
    ({"objective": 3}, ["objective", "3"]),
    ({"objective": "f1", "loss": "mse"}, ["objective='f1'", "loss='mse'"]),
    ({"bounds": {"jump_size": (0.1,)}}, ["bounds.jump_size=(0.1,)", "two numbers, [low, high]"]),
    ({"bounds": {"jump_size": ()}}, ["bounds.jump_size=()", "two numbers"]),
    ({"bounds": {"jump_size": (0.1, 0.2, 0.3)}}, ["bounds.jump_size", "0.3", "two numbers"]),
    ({"bounds": 5}, ["bounds=5", "table"]),
    ({"bounds": {"jump_size": (0.5, 0.1)}}, ["jump_size", "0.5..0.1"]),
    ({"bounds": {"jump_size": (0.1, 3)}}, ["jump_size", "0.0001..2"]),
    ({"bounds": {"jumpsize": (0.1, 1)}}, ["jumpsize", "jump_size"]),
    ({"bounds": {"swarm_size": (math.nan, 10)}}, ["bounds.swarm_size", "nan", "finite"]),
    ({"bounds": {"swarm_size": (4, math.inf)}}, ["bounds.swarm_size", "inf", "finite"]),
    ({"bounds": {"swarm_size": (4.5, 10)}}, ["swarm_size", "4.5..10", "whole"]),
    ({"choices": {"activation": ("swish",)}}, ["activation", "swish", "gelu"]),
    ({"choices": {"activation": ()}}, ["activation", "gelu"]),
    ({"choices": {"loss": ("mse",)}}, ["loss", "informant_strategy"]),
    ({"extra_genes": ["cognition"]}, ["extra_genes", "cognition", "update_rule", "attractor"]),
    ({"extra_genes": ["swarm_size"]}, ["extra_genes", "swarm_size", "weight_decay"]),
    ({"extra_genes": "weight_decay"}, ["extra_genes='weight_decay'", "a list"]),
    ({"max_depth": -1}, ["max_depth", "-1"]),
    ({"max_depth": 4}, ["max_depth", "4"]),
    ({"max_width": 1025}, ["max_width", "1025"]),
    ({"engine": "gpu"}, ["engine", "gpu", "cpu", "reference"]),
    ({"workers": 0}, ["workers", "0"]),
    ({"populaton": 5}, ["populaton", "population"]),
]


@pytest.mark.parametrize(("values", "named"), WRONG)
def test_each_wrong_value_is_named(values, named) -> None:
    with pytest.raises((SettingsError, GenomeError)) as caught:
        SearchSettings.parse(values)
    assert isinstance(caught.value, ShoalError)
    assert caught.value.exit_code == 2 and caught.value.remedy
    for part in named:
        assert part in str(caught.value)


def test_every_setting_has_a_wrong_value_above() -> None:
    assert set(SearchSettings.model_fields) == {name for values, _ in WRONG for name in values} - {
        "populaton"
    }


def test_all_wrong_values_are_named_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        SearchSettings.parse({"seed": -1, "iterations": 0, "unknown": 1})
    for part in ("seed", "iterations", "unknown", "shoal run --help"):
        assert part in str(caught.value)
    assert "Value error" not in str(caught.value)


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError):
        SearchSettings().seed = 1  # type: ignore[misc]


@pytest.mark.parametrize(
    "values",
    [
        {"evaluations": 24},
        {"population": 2, "elitism": 1, "repeats": 21},
        {"seed": 2**63 - 1},
        {"mutation": 0, "crossover": 1},
        {"elitism": 11},
    ],
)
def test_values_at_the_edge_are_taken(values) -> None:
    parsed = SearchSettings.parse(values)
    assert {name: getattr(parsed, name) for name in values} == values


@settings(deadline=None, max_examples=50)
@given(
    st.fixed_dictionaries(
        {},
        optional={
            "preset": st.sampled_from(list(PRESETS)),
            "seed": st.integers(0, 2**63 - 1),
            "population": st.integers(3, 10_000),
            "generations": st.integers(1, 1_000_000),
            "max_seconds": st.floats(1e-9, 1e12),
            "mutation": st.floats(0, 1),
            "crossover": st.floats(0, 1),
            "repeats": st.integers(1, 21),
            "training_seconds": st.floats(1e-9, 1e12),
            "patience": st.integers(1, 10**6),
            "loss": st.sampled_from([None, *LOSSES]),
            "bounds": st.just({"jump_size": (0.1, 0.30000000000000004), "swarm_size": (20, 20)}),
            "choices": st.just({"activation": ("tanh", "relu")}),
            "max_width": st.integers(1, 1024),
            "engine": st.sampled_from(list(ENGINES)),
            "workers": st.none() | st.integers(1, 64),
        },
    )
)
def test_copies_are_exact(values) -> None:
    parsed = SearchSettings.parse(values)
    assert SearchSettings.parse(json.loads(json.dumps(parsed.to_dict()))) == parsed
    assert set(parsed.to_dict()) == set(SearchSettings.model_fields)


def test_classic_is_the_student_system_s_search() -> None:
    classic = SearchSettings(preset="classic")
    fixed = dict(classic.space.categorical)
    assert fixed == {
        "informant_strategy": ("nearest",),
        "attractor": ("position",),
        "activation": ("relu",),
    }
    assert (classic.population, classic.generations, classic.mutation, classic.crossover) == (
        12,
        100,
        0.2,
        0.6,
    )
    assert (classic.elitism, classic.tournament, classic.repeats, classic.max_repeats) == (
        2,
        3,
        3,
        21,
    )
    assert (classic.iterations, classic.training_seconds, classic.patience, classic.loss) == (
        500,
        None,
        None,
        None,
    )


def test_presets_hold_choices_that_a_user_may_change() -> None:
    modern = dict(SearchSettings().space.categorical)
    assert modern == {
        "informant_strategy": ("random", "nearest", "ring", "rewired"),
        "attractor": ("best",),
        "activation": ("relu", "tanh"),
        "update_rule": ("informed", "competitive"),
        "initialisation": ("plain", "fan_in"),
        "readout": ("searched", "solved"),
    }
    decoded = SearchSettings.parse({"decoder": {"name": "sign"}})
    assert "readout" not in dict(decoded.space.categorical)

    recorded = SearchSettings.recorded(
        {"preset": "modern", "choices": {"informant_strategy": ["ring"]}}
    ).space
    assert dict(recorded.categorical) == {
        "informant_strategy": ("ring",),
        "attractor": ("best",),
        "activation": ("relu",),
    }

    own = SearchSettings(preset="classic", choices={"attractor": ("best", "position")})
    assert dict(own.space.categorical)["attractor"] == ("best", "position")
    assert dict(own.space.categorical)["informant_strategy"] == ("nearest",)


def test_later_genes_are_searched_where_they_are_named() -> None:
    def genes(**values: object) -> set[str]:
        space = SearchSettings.parse({"extra_genes": (), **values}).space
        searched = {gene.name for gene in space.numeric} | {name for name, _ in space.categorical}
        return searched & set(NEUTRAL)

    assert genes() == set()
    assert genes(extra_genes=["inertia_end", "update_rule"]) == {"inertia_end", "update_rule"}
    assert genes(bounds={"velocity_end": (0.1, 0.5)}) == {"velocity_end"}
    assert genes(choices={"update_rule": ("competitive",)}) == {"update_rule"}
    free = SearchSettings(extra_genes=("attractor",))
    assert dict(free.space.categorical)["attractor"] == ("best", "position")
    assert dict(free.space.categorical)["activation"] == ("relu", "tanh")
    own = SearchSettings(extra_genes=("attractor",), choices={"attractor": ("position",)})
    assert dict(own.space.categorical)["attractor"] == ("position",)


def test_a_record_without_extra_genes_is_of_a_search_that_had_none() -> None:
    """Today's records name them. Older records must not get today's default."""
    for name, preset in PRESETS.items():
        today = SearchSettings.parse({"preset": name}).to_dict()
        assert today["extra_genes"] == list(preset.defaults["extra_genes"])
        assert SearchSettings.recorded(today) == SearchSettings(preset=name)
        # Nor did older records name the values of every gene that is searched.
        del today["extra_genes"]
        for gene in preset.defaults["extra_genes"]:
            today["choices"].pop(gene, None)
        assert SearchSettings.recorded(today) == SearchSettings(preset=name, extra_genes=())

    assert PRESETS["classic"].defaults["extra_genes"] == ()


def test_informants_that_no_swarm_has_room_for_are_refused() -> None:
    for bounds in (
        {"num_informants": (60, 80), "swarm_size": (5, 10)},
        {"num_informants": (10, 20)},
    ):
        with pytest.raises(GenomeError, match="swarm_size begin at"):
            SearchSettings.parse({"bounds": bounds})
        recorded = SearchSettings.recorded({"bounds": bounds})  # by a version that let it pass
        assert recorded.bounds == bounds

    SearchSettings.parse({"bounds": {"num_informants": (10, 20), "swarm_size": (11, 50)}})


def test_layers_start_within_the_limits() -> None:
    assert SearchSettings().space.start_layers == (32, 16)
    assert SearchSettings(max_depth=1, max_width=20).space.start_layers == (20,)
    space = SearchSettings(max_depth=2, max_width=20).space
    assert (space.max_depth, space.max_width, space.start_layers) == (2, 20, (20, 16))


def test_settings_file(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(
        'seed = 7\npreset = "classic"\ntarget = "é"\n[bounds]\njump_size = [0.1, 1]\n',
        encoding="utf-8",
    )
    values = read_settings_file(file)

    assert values == {
        "seed": 7,
        "preset": "classic",
        "target": "é",
        "bounds": {"jump_size": [0.1, 1]},
    }

    del values["target"]
    assert SearchSettings.parse(values).bounds == {"jump_size": (0.1, 1.0)}
    assert read_settings_file(str(file))["seed"] == 7

    # Editors on Windows begin a file with a mark.
    file.write_text("seed = 8\n", encoding="utf-8-sig")
    assert read_settings_file(file) == {"seed": 8}


def test_settings_files_that_cannot_be_read(tmp_path: Path) -> None:
    bad = {
        "syntax.toml": b"seed = = 1",
        "latin.toml": 'name = "é"'.encode("latin-1"),
        "twice.toml": b"seed=1\nseed=2",
        "digits.toml": b"seed=" + b"9" * 5000,
        "lists.toml": b"seed=" + b"[" * 50_000,
        "tables.toml": b"seed=" + b"{a=" * 50_000,
    }
    for name, content in bad.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(SettingsError, match=f"{name} is not TOML"):
            read_settings_file(tmp_path / name)

    with pytest.raises(SettingsError, match=r"missing\.toml.*No such file"):
        read_settings_file(tmp_path / "missing.toml")
    with pytest.raises(SettingsError, match="directory"):
        read_settings_file(tmp_path)


def test_a_mistyped_setting_gets_a_suggestion() -> None:
    with pytest.raises(
        SettingsError, match=r"'generatoins' is not a setting \(did you mean 'generations'\?\)"
    ):
        SearchSettings.parse({"generatoins": 2})


def test_what_an_older_version_recorded_is_read_as_it_was_meant() -> None:
    old = SearchSettings.recorded({"preset": "modern", "population": 5})
    assert (old.racing, old.finalists, old.equal_effort) == ("fixed", 0, False)
    assert (old.start, old.incumbent, old.patience) == ((), False, None)
    assert {old.schedule.iterations_for(r) for r in (0, 5, 20)} == {old.iterations}
    assert SearchSettings.recorded(SearchSettings().to_dict()) == SearchSettings()


# What may stand in a settings file, and is no setting of anything.
STRANGE = st.recursive(
    st.one_of(
        st.booleans(),
        st.integers(-(10**300), 10**300),
        st.floats(),
        st.text(max_size=5),
        st.dates(),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=4,
)


@settings(max_examples=150)
@given(name=st.sampled_from([*SearchSettings.model_fields, "bound"]), value=STRANGE)
def test_whatever_stands_in_settings_is_taken_or_refused_in_a_sentence(
    name: str, value: object
) -> None:
    try:
        SearchSettings.parse({name: value})
    except ShoalError as error:
        assert "\n" not in str(error)  # noqa: PT017


def test_workers_have_a_bound_that_recorded_runs_do_not_have() -> None:
    assert SearchSettings.parse({"workers": 1000}).workers == 1000
    for many in (1001, 10**6, 10**400):
        with pytest.raises(SettingsError, match=r"workers=1.*"):
            SearchSettings.parse({"workers": many})
    recorded = {**SearchSettings().to_dict(), "workers": 5000}
    assert SearchSettings.recorded(recorded).workers == 5000


@pytest.mark.parametrize("options", ["1979-05-27", "5", "true", '"x"', "[1, 2]", "[[]]"])
@pytest.mark.parametrize("setting", ["options", "objective_options"])
def test_options_of_a_file_that_are_no_table_are_refused(
    setting: str, options: str, tmp_path: Path
) -> None:
    path = tmp_path / "settings.toml"
    path.write_text(f'objective = "f1"\n{setting} = {options}\n')
    with pytest.raises(SettingsError, match=r"^options=.* Expected: a table of options"):
        read_run_input({}, path)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ('objective = {fame = "top_share"}', "objective"),
        ("metric = {name = 3}", "metric"),
        ("objective = 3", "objective"),
        ('sampler = "cmaess"\nsampler_sha256 = false', "SHA-256"),
        ('sampler = "cmaess"\nsampler_sha256 = [1]', "SHA-256"),
        ("start = 3", "start"),
    ],
)
def test_values_of_wrong_types_in_a_file_are_refused_by_name(
    lines: str, said: str, tmp_path: Path
) -> None:
    path = tmp_path / "settings.toml"
    path.write_text(f"{lines}\n")
    with pytest.raises(SettingsError, match=said):
        read_run_input({"data": "concrete"}, path)
