"""Genomes that a search begins with: from a file, in the record, and in an export."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import shoal
from shoal.analysis.evaluation_table import EvaluationTable
from shoal.analysis.lineage import Lineage
from shoal.errors import SettingsError
from shoal.settings.first_genomes import read_genomes
from support.processes import last_json
from support.processes import shoal as command

OWN = shoal.Genome(swarm_size=9, num_informants=2, hidden_layers=(3,), weight_scale=0.1 + 0.2)
TINY = """
population = 3
generations = 2
iterations = 5
repeats = 1
max_repeats = 2
finalists = 0
networks = 1
baselines = false
"""


def test_the_same_search_begins_with_the_same_genomes(tmp_path: Path) -> None:
    genome = tmp_path / "genome.json"
    genome.write_text(json.dumps(OWN.to_dict()))
    tiny = tmp_path / "tiny.toml"
    tiny.write_text(TINY)
    store = tmp_path / "shoal.db"

    given = ("--settings", str(tiny), "--first-genomes", str(genome), "--json")
    done = command("run", "concrete", *given, store=store)
    assert done.returncode == 0, done.stderr
    found = last_json(done.stdout)
    with shoal.open_store(store) as opened:
        run = opened.run(1)
        assert run.settings.first_genomes == (OWN,)
        first = [e.task for e in opened.evaluations(1) if e.task.generation == 1]
        assert OWN in {task.genome for task in first if task.individual == 0}
        origin = Lineage(run, EvaluationTable(opened, run).refresh()).origin(OWN.hash)
    assert origin is not None
    assert (origin.generation, origin.individual, origin.birth.origin) == (1, 0, "given")

    folder = tmp_path / "model"
    assert command("export", "1", "--to", str(folder), store=store).returncode == 0
    report = (folder / "report.html").read_text(encoding="utf-8")
    assert "swarm_size 9; num_informants 2; " in report
    again = ("run", "--settings", str(folder / "settings.toml"), "--json")
    repeated = last_json(command(*again, store=tmp_path / "again.db").stdout)
    assert repeated["result_hash"] == found["result_hash"]

    plain = ("run", "concrete", "--settings", str(tiny), "--json")
    without = last_json(command(*plain, store=tmp_path / "plain.db").stdout)
    assert without["result_hash"] != found["result_hash"]


def test_genomes_of_a_study_can_begin_a_search(tmp_path: Path) -> None:
    genomes = tmp_path / "genomes.json"
    own = [OWN, shoal.Genome(swarm_size=10, hidden_layers=(2,))]
    genomes.write_text(json.dumps([genome.to_dict() for genome in own]))
    assert [shoal.Genome.from_dict(values) for values in read_genomes(genomes)] == own


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "No such file"),
        ("", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("[]", "holds no genome"),
        ("3", "holds no genome"),
        ('"solved"', "holds no genome"),
    ],
)
def test_a_file_without_genomes_is_refused(content: str | None, said: str, tmp_path: Path) -> None:
    file = tmp_path / "genomes.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(SettingsError, match=said) as caught:
        read_genomes(file)
    assert str(file) in str(caught.value)
    assert "genome.json of an export" in str(caught.value)


def test_a_genome_outside_of_the_search_leaves_nothing_behind(tmp_path: Path) -> None:
    file = tmp_path / "genomes.json"
    file.write_text('[{"swarm_size": 500}]')
    store = tmp_path / "shoal.db"
    done = command("run", "concrete", "--first-genomes", str(file), store=store)
    assert done.returncode == 2
    assert "first_genomes.0: swarm_size=500 lies outside the search." in done.stderr
    assert not store.exists()
