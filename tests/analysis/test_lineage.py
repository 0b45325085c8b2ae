"""Where genomes come from: births that are drawn again, from what a store has recorded."""

from __future__ import annotations

import hashlib
import math
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shoal.analysis.lineage import Lineage, without_parents
from shoal.errors import SettingsError, StoreError
from shoal.genome.genome import Genome
from shoal.objectives.metrics import Metrics, Scores
from shoal.objectives.registry import ACCURACY
from shoal.problems.evaluation import Evaluation, Task
from shoal.settings.presets import PRESETS
from shoal.settings.search_settings import SearchSettings
from shoal.store import EVALUATION_COLUMNS
from shoal.testing import KEY
from shoal.tuning.operators import best, birth, first_offspring, initial_genome, next_generation
from shoal.tuning.search import Search, sampler_key


def pretended(task: Task, failing: int = 40) -> Evaluation:
    """An evaluation whose accuracy is a hash of genome and repeat: ties happen, and failures."""
    digest = hashlib.sha256(f"{task.genome.hash} {task.repeat}".encode()).digest()
    if failing and digest[0] % failing == 0:
        return Evaluation(task, "failed", error="It failed.")
    return Evaluation(task, "ok", Scores(Metrics(60.0 + digest[1] % 16)), loss=0.1, iterations=5)


class Recorded:
    """What `Lineage` reads of an `EvaluationTable`."""

    def __init__(self, evaluations: list[Evaluation]) -> None:
        self.known = {e.task.genome.hash: e.task.genome for e in evaluations}
        rows = [
            (
                n,
                e.task.genome.hash,
                e.task.repeat,
                e.task.generation,
                e.task.individual,
                e.status,
                math.nan if e.score is None else e.score,
                *(0.1, 5, 0.1, 0.0, "here"),
            )
            for n, e in enumerate(evaluations, 1)
        ]
        columns = ["score" if name == "accuracy" else name for name in EVALUATION_COLUMNS]
        self.frame = pd.DataFrame.from_records(rows, columns=columns)
        self.metric = ACCURACY

    def genomes(self) -> None:
        """They are all there."""

    def genome(self, name: str) -> Genome | None:
        return self.known.get(name)


def searched(
    values: SearchSettings, failing: int = 40, stop_after: int | None = None
) -> tuple[Search, Lineage]:
    """A search, driven to its end or a number of evaluations, and its lineage from its record."""
    search, told = Search(values), []
    while (tasks := search.ask()) and (stop_after is None or len(told) < stop_after):
        for task in tasks[: None if stop_after is None else stop_after - len(told)]:
            told.append(pretended(task, failing))
            search.tell(told[-1])
    run = SimpleNamespace(settings=values, generations=len(search.generations))
    return search, Lineage(run, Recorded(told))  # type: ignore[arg-type]


def hashes(population: tuple[Genome, ...]) -> tuple[str, ...]:
    return tuple(genome.hash for genome in population)


def _with_first_genomes(values: dict[str, Any]) -> dict[str, Any]:
    """The values with as many genomes of the preset's space as ``first_genomes`` says."""
    space = SearchSettings.parse({"preset": values["preset"]}).space
    own = [initial_genome(space, KEY, place) for place in range(values.pop("first_genomes", 0))]
    return {**values, "first_genomes": own}


SEARCHES = st.fixed_dictionaries(
    {
        "preset": st.sampled_from(list(PRESETS)),
        "seed": st.integers(0, 2**40),
        "population": st.integers(2, 7),
        "generations": st.integers(1, 6),
    },
    optional={
        "racing": st.sampled_from(["halving", "t-race", "fixed"]),
        "mutation": st.sampled_from([0.0, 0.05, 0.5, 1.0]),
        "crossover": st.sampled_from([0.0, 0.6, 1.0]),
        "repeats": st.integers(1, 3),
        "max_repeats": st.integers(4, 9),
        "elitism": st.integers(0, 1),
        "evaluations": st.integers(30, 60),
        "start": st.sampled_from([[], ["local", "spso2007"]]),
        "first_genomes": st.integers(0, 2),
    },
).map(_with_first_genomes)


@settings(max_examples=60, deadline=None)
@given(SEARCHES, st.none() | st.integers(1, 60))
def test_populations_and_births_are_those_of_the_search(
    given_values: dict[str, object], stop_after: int | None
) -> None:
    search, lineage = searched(SearchSettings.parse(given_values), stop_after=stop_after)
    known = [hashes(population) for population, _ in search._past]
    assert lineage.populations[: len(known)] == tuple(known)

    if not search.confirming:  # one that has begun is known from its first training on
        now = (*known, hashes(search.population))
        assert lineage.populations == now[: len(lineage.populations)]
        assert len(lineage.populations) >= max(1, len(search.generations))

    for number, population in enumerate(lineage.populations, 1):
        for individual, name in enumerate(population):
            born = lineage.birth(number, individual)
            assert born.child.hash == name
            assert len(born.parents) == {"bred": 1 + (born.parent_b is not None), "elite": 1}.get(
                born.origin, 0
            )
            if number > 1:
                assert {parent.hash for parent in born.parents} <= set(
                    lineage.populations[number - 2]
                )
            for change in born.mutations:
                assert change.before != change.after
                assert getattr(born.child, change.gene) == change.after
                assert getattr(born.after_crossover, change.gene) == change.before
            untouched = (
                set(Genome.__dataclass_fields__)
                - {c.gene for c in born.mutations}
                - set(born.from_second)
            )
            if born.parent_a is not None:
                assert all(
                    getattr(born.parent_a, gene) == getattr(born.child, gene) for gene in untouched
                )
            for gene in born.from_second:
                assert born.parent_b is not None
                if gene not in (
                    "hidden_layers",
                    "num_informants",
                ):  # of which one may be of both, or have to follow
                    assert getattr(born.after_crossover, gene) == getattr(born.parent_b, gene)


@settings(max_examples=40, deadline=None)
@given(SEARCHES)
def test_children_are_those_whose_parent_it_is(given_values: dict[str, object]) -> None:
    _, lineage = searched(SearchSettings.parse(given_values))
    names = dict.fromkeys(name for population in lineage.populations for name in population)
    born = {name: lineage.origin(name) for name in names}

    for name in names:
        children = [child.name for child in lineage.children(name)]
        assert len(children) == len(set(children))
        wanted = {
            n
            for n, relative in born.items()
            if relative is not None and n != name and name in relative.parents
        }
        assert set(children) == wanted
        ancestors = lineage.ancestors(name, depth=20)
        assert ancestors[0] == born[name]
        there = {relative.name: relative for relative in ancestors}
        assert len(there) == len(ancestors)
        for relative in ancestors:
            assert set(relative.parents) <= set(there), (
                "twenty births reach back to the first of six generations"
            )
            assert all(
                there[parent].generation < relative.generation for parent in relative.parents
            )
        assert [r.distance for r in lineage.ancestors(name, depth=1)] == [
            0,
            *[1] * (len(lineage.ancestors(name, 1)) - 1),
        ]


def test_the_first_generation_names_what_it_begins_with() -> None:
    values = SearchSettings.parse({"population": 12})
    births = first_offspring(values.space, values.start, sampler_key(values), values.population)
    named = [b.named for b in births if b.origin == "named"]

    assert named == ["solved_fine", "solved", "competitive"] * 2
    assert [b.origin for b in births[6:]] == ["uniform"] * 6

    only = SearchSettings.parse({"population": 12, "choices": {"update_rule": ["informed"]}})
    births = first_offspring(only.space, only.start, sampler_key(only), only.population)
    assert not {b.named for b in births} & {"competitive", "solved"}
    assert births[0].origin == "uniform", "a swarm that may not be chosen was not begun with"


def test_genomes_of_the_user_come_first_and_are_said_to_be_given() -> None:
    own = Genome(update_rule="competitive", num_informants=2, hidden_layers=(5,))
    values = SearchSettings.parse({"population": 8, "first_genomes": [own.to_dict()]})
    search, lineage = searched(values, stop_after=8)
    births = [lineage.birth(1, individual) for individual in range(8)]

    assert births[0].origin == "given"
    # A rule that reads no informants leaves them at their default.
    assert births[0].child == search.population[0] == replace(own, num_informants=3)
    assert [born.origin for born in births[1:]] == ["named"] * 3 + ["uniform"] * 4
    without = SearchSettings.parse({"population": 7})
    others = Search(without).population
    assert [born.child for born in births[1:]] == list(others), "other genomes are drawn"


def test_next_generation_is_the_children_of_its_births() -> None:
    values = SearchSettings.parse({"population": 8})
    key = sampler_key(values)
    population = [b.child for b in first_offspring(values.space, values.start, key, 8)]
    fitness = [3.0, 1.0, 4.0, 1.0, 5.0, -math.inf, 2.0, 6.0]
    children = next_generation(values.space, values, key, 3, population, fitness)
    births = [birth(values.space, values, key, 3, i, population, fitness) for i in range(8)]

    assert children == tuple(b.child for b in births)
    assert best(fitness, 2) == [7, 4]
    assert [b.parent_a for b in births[:2]] == [population[7], population[4]]
    assert [b.origin for b in births] == ["elite"] * 2 + ["bred"] * 6


def test_other_samplers_have_no_parents_and_say_so() -> None:
    values = SearchSettings.parse({"sampler": "random"})
    reason = without_parents(values)
    assert reason is not None
    assert "none has parents" in reason
    assert without_parents(SearchSettings()) is None
    run = SimpleNamespace(settings=values, generations=0)
    with pytest.raises(SettingsError, match="none has parents"):
        Lineage(run, Recorded([]))  # type: ignore[arg-type]


def test_genomes_that_this_version_would_not_draw_are_said_to_be_others() -> None:
    values = SearchSettings.parse({"population": 4, "generations": 2})
    search, told = Search(values), []
    while tasks := search.ask():
        for task in tasks:
            told.append(pretended(task, 0))
            search.tell(told[-1])

    odd = [
        replace(e, task=replace(e.task, genome=replace(e.task.genome, max_position=3.25)))
        for e in told
    ]
    run = SimpleNamespace(settings=values, generations=2)
    lineage = Lineage(run, Recorded(odd))  # type: ignore[arg-type]
    with pytest.raises(StoreError, match="the version that recorded it"):
        lineage.birth(1, 0)

    assert lineage.origin("0" * 16) is None
    assert lineage.ancestors("0" * 16) == ()
    assert list(lineage.children("0" * 16)) == []
