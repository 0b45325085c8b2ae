"""A sampler of the user's own: passed as an object or a class, recorded as text."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import shoal
from problems.user_files import write
from shoal.errors import ProblemError, SettingsError
from shoal.export.settings_file import settings_toml
from shoal.genome.genome import Genome
from shoal.orchestration.supervisor import Supervisor
from shoal.problems.own_code import pin_settings
from shoal.problems.references import sha256_of
from shoal.settings.samplers import SAMPLERS, sampler_entry
from shoal.settings.search_settings import SearchSettings, read_settings_file
from shoal.store import open_store
from shoal.testing import KEY, SamplerContract
from shoal.tuning.samplers.base import Past, Sampler
from shoal.tuning.samplers.random_search import RandomSampler
from shoal.tuning.samplers.registry import make_sampler
from shoal.tuning.search import Search
from support.searches import fake


class Twisted(Sampler):
    """The first generation again and again, with other activations."""

    def __init__(self, turn: int = 1, names: Sequence[str] = ()) -> None:
        self.turn = turn
        self.names = names

    def propose(self, past: Past, individuals: range) -> Sequence[Genome]:
        activations = dict(self.space.categorical)["activation"]
        shift = self.turn * len(past)
        return [
            replace(genome, activation=activations[(i + shift) % len(activations)])
            for i, genome in enumerate(self.first_generation(individuals))
        ]


class TestTwisted(SamplerContract):
    def sampler(self) -> Sampler:
        return Twisted(turn=3, names=["a", "b"])


class TestTwistedClass(SamplerContract):
    def sampler(self) -> type[Sampler]:
        return Twisted


PATH = f"{__name__}:Twisted"


class Same(Sampler):
    """All individuals are alike."""

    def propose(self, past: Past, individuals: range) -> Sequence[Genome]:
        return [self.first_generation(individuals)[0]] * len(individuals)


def test_a_genome_is_one_finalist_however_often_a_population_has_it() -> None:
    settings = SearchSettings.parse({"sampler": Same, "population": 4, "repeats": 2})
    search = Search(settings)
    search.tell(fake(search.ask()[0]))

    search.close()

    assert len({task.genome for task in search.ask()}) == 1
    assert len(search.ask()) == len({task.id for task in search.ask()})
    assert len(search._finalists) == 1


def test_an_object_is_recorded_as_its_name_and_its_options() -> None:
    settings = SearchSettings(sampler=Twisted(turn=2))  # type: ignore[arg-type]
    assert settings.sampler == PATH
    assert settings.sampler_options == {"turn": 2, "names": []}
    recorded = json.loads(json.dumps(settings.to_dict()))
    assert SearchSettings.recorded(recorded) == settings
    sampler = make_sampler(settings, KEY)
    assert isinstance(sampler, Twisted)
    assert sampler.turn == 2


def test_a_class_takes_options_of_its_own() -> None:
    settings = SearchSettings.parse({"sampler": Twisted, "sampler_options": {"turn": 5}})
    assert (settings.sampler, settings.sampler_options) == (PATH, {"turn": 5})
    by_name = SearchSettings.parse({"sampler": PATH, "sampler_options": {"turn": 5}})
    assert by_name == settings
    with pytest.raises(SettingsError, match=r"brings its own options.*leave sampler_options out"):
        SearchSettings.parse({"sampler": Twisted(), "sampler_options": {"turn": 5}})


def test_shoal_s_own_classes_are_recorded_under_their_short_names() -> None:
    assert SearchSettings.parse({"sampler": RandomSampler()}).sampler == "random"
    assert SearchSettings.parse({"sampler": RandomSampler}) == SearchSettings(sampler="random")


def test_the_registry_names_classes_that_exist() -> None:
    for name in SAMPLERS:
        sampler = make_sampler(SearchSettings(sampler=name), KEY)
        assert f"{type(sampler).__module__}:{type(sampler).__name__}" == sampler_entry(name).path


def test_a_sampler_that_no_other_process_could_import_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Local(Twisted):
        pass

    with pytest.raises(SettingsError, match=r"inside a function.*file of its own"):
        SearchSettings.parse({"sampler": Local()})

    in_a_script = type("Script", (Twisted,), {"__module__": "__main__"})
    with pytest.raises(SettingsError, match=r"script or notebook.*can be imported by its name"):
        SearchSettings.parse({"sampler": in_a_script})

    hidden = type("Twisted", (Twisted,), {"__module__": __name__})
    with pytest.raises(SettingsError, match=r"is not what the module .* calls Twisted"):
        SearchSettings.parse({"sampler": hidden})


@pytest.mark.parametrize("value", [object(), Genome(), dict])
def test_what_is_no_sampler_is_refused(value: object) -> None:
    with pytest.raises(SettingsError, match=r"is no sampler.*derives from shoal\.Sampler"):
        SearchSettings.parse({"sampler": value})


@pytest.mark.parametrize(
    ("sampler", "options", "text"),
    [
        ("no_such_module:Sampler", {}, "cannot be imported here: ModuleNotFoundError"),
        (f"{__name__}:Missing", {}, "cannot be imported here: AttributeError"),
        ("shoal:Genome", {}, "is no sampler"),
        (PATH, {"turns": 1}, "do not fit.*turns"),
        ("genetic", {"turn": 1}, "do not fit"),
    ],
)
def test_what_makes_no_sampler_is_said_before_anything_is_written(
    sampler: str, options: dict[str, Any], text: str, tmp_path: Path
) -> None:
    settings = SearchSettings.parse({"sampler": sampler, "sampler_options": options})
    with pytest.raises(SettingsError, match=text) as caught:
        make_sampler(settings, KEY)
    assert caught.value.remedy and caught.value.expected

    data = shoal.load_dataset("concrete")
    store = tmp_path / "shoal.db"
    with pytest.raises(SettingsError, match=text):
        shoal.search(data, store=store, sampler=sampler, sampler_options=options)
    with pytest.raises(SettingsError, match=text):
        shoal.TrainManager(store, sampler=sampler, sampler_options=options)
    assert not list(tmp_path.iterdir())


OWN_MODULE = """
from shoal import Sampler

class Constant(Sampler):
    def propose(self, past, individuals):
        return self.first_generation(individuals)
"""


def test_a_search_with_one_is_recorded_and_read_where_its_module_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "constant_sampler.py").write_text(OWN_MODULE)
    with monkeypatch.context() as here:
        here.syspath_prepend(tmp_path)
        from constant_sampler import Constant  # type: ignore[import-not-found]

        small = {"population": 3, "repeats": 1, "iterations": 3, "workers": 1, "finalists": 0}
        result = shoal.search(
            shoal.load_dataset("concrete"),
            store=tmp_path / "shoal.db",
            sampler=Constant(),
            generations=2,
            max_width=8,
            **small,
        )
        assert (result.run.state, len(result.generations)) == ("finished", 2)

    monkeypatch.delitem(sys.modules, "constant_sampler")
    with open_store(tmp_path / "shoal.db") as store:
        settings = store.run(1).settings
    assert settings.sampler == "constant_sampler:Constant"
    with pytest.raises(SettingsError, match=r"cannot be imported here.*`shoal resume` continues"):
        make_sampler(settings, KEY)


def test_a_run_whose_sampler_is_missing_fails_and_goes_on_once_it_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = SearchSettings.parse(
        {
            "sampler": "late_sampler:Constant",
            "population": 3,
            "generations": 1,
            "repeats": 1,
            "iterations": 3,
            "max_width": 8,
            "workers": 1,
            "finalists": 0,
            "baselines": False,
        }
    )
    with open_store(tmp_path / "shoal.db") as store:
        run_id, _ = store.add_run(shoal.load_dataset("concrete"), settings)
        Supervisor(store, scope=run_id).loop()
        failed = store.run(run_id)
        assert failed.state == "failed"
        assert failed.error is not None
        assert "late_sampler:Constant" in failed.error
        assert "put its folder on PYTHONPATH" in failed.error

        (tmp_path / "late_sampler.py").write_text(OWN_MODULE)
        monkeypatch.syspath_prepend(tmp_path)
        store.command(run_id, "resume")
        Supervisor(store, scope=run_id).loop()
        assert store.run(run_id).state == "finished"


_TINY = {
    "population": 3,
    "generations": 2,
    "repeats": 1,
    "iterations": 3,
    "max_width": 8,
    "workers": 1,
    "finalists": 0,
    "baselines": False,
}


def test_a_changed_file_pauses_the_run_until_it_is_put_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(tmp_path / "hashed_sampler.py", OWN_MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    settings = SearchSettings.parse(pin_settings({**_TINY, "sampler": "hashed_sampler:Constant"}))
    assert settings.sampler_sha256 == sha256_of(OWN_MODULE.encode())

    with open_store(tmp_path / "shoal.db") as store:
        run_id, _ = store.add_run(shoal.load_dataset("concrete"), settings)
        write(file, "open('executed.txt', 'w').close()\n" + OWN_MODULE)
        monkeypatch.chdir(tmp_path)
        Supervisor(store, scope=run_id).loop()
        paused = store.run(run_id)
        assert paused.state == "paused"
        assert "hashed_sampler has changed since the run began" in paused.error
        assert "put the file back as it was and resume the run" in paused.error
        assert not (tmp_path / "executed.txt").exists()

        write(file, OWN_MODULE)
        store.command(run_id, "resume")
        Supervisor(store, scope=run_id).loop()
        assert store.run(run_id).state == "finished"

    with pytest.raises(SettingsError, match="has the SHA-256"):
        pin_settings({"sampler": "hashed_sampler:Constant", "sampler_sha256": "0" * 64})


def test_a_record_does_not_have_python_itself_imported(capsys: pytest.CaptureFixture[str]) -> None:
    """Importing `this` would print a poem."""
    settings = SearchSettings.recorded({**SearchSettings().to_dict(), "sampler": "this:Sampler"})

    with pytest.raises(ProblemError, match="is a part of Python itself"):
        make_sampler(settings, KEY)
    assert capsys.readouterr() == ("", "")


class Odd(Sampler):
    """It fails in a generation of its choice."""

    def __init__(self, generation: int = 0, how: str = "raises") -> None:
        self.generation = generation
        self.how = how

    def propose(self, past: Past, individuals: range) -> Sequence[Genome]:
        genomes = list(self.first_generation(individuals))
        if len(past) < self.generation:
            return genomes
        if self.how == "raises":
            raise ValueError("no genome")
        return genomes[:-1] if self.how == "few" else [*genomes[:-1], 3]  # type: ignore[list-item]


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("raises", r"Odd raised ValueError: no genome, in line \d+ of test_own_sampler.py"),
        ("few", "Odd proposed 2 values"),
        ("others", "Odd proposed a int"),
    ],
)
def test_a_sampler_that_fails_is_answered_and_nothing_is_written(
    how: str, words: str, tmp_path: Path
) -> None:
    data = shoal.load_dataset("concrete")
    store = tmp_path / "shoal.db"

    with pytest.raises(ProblemError, match=words) as raised:
        shoal.search(data, store=store, sampler=Odd(how=how), **_TINY)
    assert raised.value.expected == "3 genomes for each generation"
    assert "SamplerContract" in raised.value.remedy
    assert not store.exists()

    result = shoal.search(data, store=store, sampler=Odd(1, how), **_TINY)
    assert result.run.state == "paused"
    assert re.search(words, result.run.error)
    # The first generation is kept.
    assert len(result.evaluations) >= 3


def test_the_documented_sampler_keeps_the_contract(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reference = (Path(__file__).parents[2] / "docs" / "reference" / "settings.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", reference, re.DOTALL)
    (module,) = [block for block in blocks if block.startswith("# my_samplers.py")]
    (tests,) = [block for block in blocks if "class TestWide(SamplerContract)" in block]
    (tmp_path / "my_samplers.py").write_text(module)
    monkeypatch.syspath_prepend(tmp_path)

    documented: dict[str, Any] = {}
    exec(tests, documented)
    contract = documented["TestWide"]()
    names = [name for name in dir(contract) if name.startswith("test_")]
    assert len(names) >= 10
    for name in names:
        getattr(contract, name)()
    monkeypatch.delitem(sys.modules, "my_samplers")


def test_a_sampler_with_options_survives_a_settings_file(tmp_path: Path) -> None:
    settings = SearchSettings.parse(
        {"sampler": Twisted, "sampler_options": {"turn": 2, "a b": [1, "x"], "t": {"y": True}}}
    )
    file = tmp_path / "settings.toml"
    options = shoal.load_dataset("concrete").options
    file.write_text(settings_toml(settings, options, "concrete"))
    values = read_settings_file(file)

    assert values["sampler"] == PATH
    assert values["sampler_options"] == settings.sampler_options
