"""A function as a problem: what is recorded of it, and that its search is one like any other."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import shoal
from shoal.analysis.summary import load_champion
from shoal.errors import CodeChangedError, ProblemError, SettingsError, ShoalError
from shoal.functions.registry import get_function
from shoal.genome.genome import Genome
from shoal.orchestration.runner import Runner
from shoal.problems import references
from shoal.problems.base import evaluate
from shoal.problems.check import check_named
from shoal.problems.evaluation import Task
from shoal.problems.function import MinimisationProblem
from shoal.problems.function_record import describe_function, load_function
from shoal.problems.registry import find_written, load_recorded, make_problem
from shoal.pso.engines import get_engine
from shoal.settings.search_settings import SearchSettings
from shoal.store import Owner, Store
from support import beam as own
from support.check_here import worst_finding
from support.fakes import HereExecutor
from support.locations import TESTS

pytestmark = pytest.mark.usefixtures("forked_checks")

FILE = TESTS / "support" / "beam.py"
SMALL: dict[str, Any] = {
    "population": 4,
    "generations": 2,
    "repeats": 2,
    "max_repeats": 2,
    "iterations": 12,
    "finalists": 2,
    "confirmations": 2,
}
SETTINGS = SearchSettings.parse({"preset": "function", **SMALL})
GENOME = Genome(swarm_size=8, hidden_layers=())


@pytest.fixture
def own_file(tmp_path: Path) -> Path:
    """A user's file, which a test may change."""
    return Path(shutil.copy(FILE, tmp_path / "beam.py"))


def problem(name: str = "beam", **settings: Any) -> MinimisationProblem:
    changed = SearchSettings.parse({**SETTINGS.to_dict(), **settings})
    return MinimisationProblem(getattr(own, name), changed)


# ---- A training ----------------------------------------------------------------------------------


def test_a_training_is_a_function_of_genome_and_repeat() -> None:
    first = evaluate(problem(), Task(GENOME, 1), get_engine("cpu"))
    again = evaluate(problem(), Task(GENOME, 1), get_engine("cpu", 2))
    other = evaluate(problem(), Task(GENOME, 2), get_engine("cpu"))

    assert first.status == "ok"
    assert first.score == first.scores.train["value"] == -first.loss
    assert replace(again, seconds=0.0) == replace(first, seconds=0.0)
    assert other.score != first.score


def test_a_point_keeps_all_its_digits() -> None:
    evaluation, point = problem("whole").train(Task(GENOME, 0), get_engine("cpu"))
    assert point.dtype == np.float64
    assert own.bowl(point[None])[0] == evaluation.score
    assert point[0] >= 2.0
    assert point[1] == round(point[1])


@given(
    swarm=st.integers(2, 200),
    rule=st.sampled_from(["informed", "competitive"]),
    iterations=st.integers(1, 2000),
    dimensions=st.sampled_from([2, 30]),
)
def test_all_genomes_get_the_same_evaluations(
    swarm: int, rule: str, iterations: int, dimensions: int
) -> None:
    function = get_function("sphere", dimensions=dimensions)
    solved = MinimisationProblem(function, SETTINGS.model_copy(update={"iterations": iterations}))
    genome = Genome(swarm_size=swarm, num_informants=1, update_rule=rule, hidden_layers=())
    usual = solved.default_genome
    most = usual.swarm_size + (iterations - 1) * usual.evaluations_per_iteration

    own_iterations = solved.iterations_for(Task(genome, 0))
    used = swarm + (own_iterations - 1) * genome.evaluations_per_iteration
    assert own_iterations >= 1
    assert solved.iterations_for(Task(usual, 0)) == iterations
    if swarm <= most:
        assert most - genome.evaluations_per_iteration < used <= most


def test_the_evaluations_that_are_recorded_are_those_that_were_planned() -> None:
    for rule in ("informed", "competitive"):
        genome = Genome(swarm_size=12, update_rule=rule, hidden_layers=())
        task = Task(genome, 0)
        found = evaluate(problem(), task, get_engine("cpu"))
        planned = 12 + (found.iterations - 1) * genome.evaluations_per_iteration
        assert found.scores.train["evaluations"] == planned
        assert found.iterations == problem().iterations_for(task)


def test_a_function_that_raises_is_a_failed_evaluation() -> None:
    broken = shoal.FunctionProblem(own.elsewhere, [(0, 1)])
    found = evaluate(MinimisationProblem(broken, SETTINGS), Task(GENOME, 0), get_engine("cpu"))
    assert found.status == "failed"
    assert "elsewhere is called" in found.error


# ---- Genomes without a network -------------------------------------------------------------------


@pytest.mark.parametrize("sampler", ["genetic", "random", "tpe", "cmaes"])
def test_genomes_of_a_function_have_nothing_of_a_network(sampler: str) -> None:
    from shoal.tuning.samplers.registry import make_sampler

    if sampler in ("tpe", "cmaes"):
        pytest.importorskip({"tpe": "optuna", "cmaes": "cmaes"}[sampler])
    settings = SearchSettings.parse({"preset": "function", "sampler": sampler, "population": 8})
    made = make_sampler(settings, (1, 2))
    first = made.population([])
    second = made.population([(first, tuple(float(n) for n in range(8)))])

    usual = Genome()
    for genome in (*first, *second):
        assert genome.hidden_layers == ()
        for gene in ("max_position", "weight_scale", "bias_scale", "weight_decay", "activation"):
            assert getattr(genome, gene) == getattr(usual, gene)


@pytest.mark.parametrize(
    "setting",
    [
        {"extra_genes": ["weight_decay"]},
        {"bounds": {"weight_scale": (0.1, 0.2)}},
        {"choices": {"activation": ["tanh"]}},
    ],
)
def test_genes_of_a_network_cannot_be_searched(setting: dict[str, Any]) -> None:
    with pytest.raises(ShoalError):
        SearchSettings.parse({"preset": "function", **setting})


def test_the_first_generation_has_the_swarms_of_minimize() -> None:
    from shoal.functions.default_genome import default_genome
    from shoal.tuning.search import Search

    first = {task.genome for task in Search(SearchSettings.parse({"preset": "function"})).ask()}
    for dimensions in (2, 50):
        assert replace(default_genome(dimensions), hidden_layers=()) in first


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"metric": "rmse"}, "what it returns is minimised or maximised"),
        ({"loss": "mse"}, "what it returns is minimised or maximised"),
        ({"objective": "f1"}, "what it returns is minimised or maximised"),
        ({"decoder": "sign"}, "what it returns is minimised or maximised"),
        ({"start_from": "adam"}, "what it returns is minimised or maximised"),
        ({"preset": "modern"}, "whose genomes have no network"),
    ],
)
def test_settings_that_a_function_cannot_have(setting: dict[str, str], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        MinimisationProblem(own.beam, SearchSettings.parse({"preset": "function", **setting}))


def test_a_table_cannot_have_the_settings_of_a_function() -> None:
    with pytest.raises(SettingsError, match="is for functions"):
        make_problem(shoal.load_dataset("concrete"), SETTINGS)


# ---- The record ----------------------------------------------------------------------------------


def test_a_bundled_function_is_recorded_by_its_name_and_options() -> None:
    record = describe_function(get_function("rastrigin", dimensions=4))
    assert (record["reference"], record["sha256"], record["code"]) == ("rastrigin", None, None)
    assert (record["dimensions"], record["bounds"][3]) == (4, [-5.12, 5.12])
    loaded = load_function(json.loads(json.dumps(record)))
    assert loaded.options == {"dimensions": 4}


@pytest.mark.parametrize("name", ["beam", "whole"])
def test_a_problem_at_the_top_of_a_file_is_recorded_by_its_name(name: str) -> None:
    record = describe_function(getattr(own, name))
    assert record["reference"] == f"{FILE}:{name}"
    assert record["code"] == FILE.read_text()
    assert record["sha256"] == references.sha256_of(FILE.read_bytes())

    loaded = load_function(record)
    points = np.ones((2, 3))
    assert loaded(points).tolist() == getattr(own, name)(points).tolist()
    assert describe_function(loaded) == record


def test_the_options_of_a_problem_of_a_file_are_recorded() -> None:
    record = describe_function(own.beam.with_options(dimensions=5, height=7.0))
    assert record["reference"] == f"{FILE}:beam"
    assert load_function(record)(np.zeros((1, 5))).tolist() == [7.0]


def test_a_problem_that_a_file_makes_on_the_fly_is_made_again() -> None:
    made = shoal.FunctionProblem(own.bowl, [(-5, 5), (0, 0.1)], constraints=own.beyond_two)
    record = json.loads(json.dumps(describe_function(made)))
    assert record["reference"] == f"{FILE}:bowl"
    assert record["constraints"] == ["beyond_two"]

    loaded = load_function(record)
    assert loaded.box.upper.tolist() == [5.0, 0.1]
    assert loaded.rules.violations(np.zeros((1, 2))).tolist() == [2.0]
    assert describe_function(loaded) == record


@pytest.mark.parametrize(
    "changes",
    [
        {"reference": f"{FILE}:elsewhere"},
        {"reference": f"{FILE}:searched"},
        {"constraints": ["elsewhere"]},
        {"constraints": ["beyond_two", "searched"]},
        {"constraints": None},
        {"constraints": [["beyond_two"]]},
        {"bounds": None},
        {"options": None},
        {"metric": {}},
        {"sha256": "0" * 64},
        {"reference": None},
    ],
)
def test_a_record_cannot_choose_what_is_called(changes: Mapping[str, Any]) -> None:
    """A store may come from anybody. ``elsewhere`` would raise if it were called."""
    made = shoal.FunctionProblem(own.bowl, [(-5, 5)] * 2, constraints=own.beyond_two)
    with pytest.raises(ShoalError):
        load_function({**describe_function(made), **changes})


def test_a_file_that_changed_is_not_executed(own_file: Path) -> None:
    record = describe_function(find_written(f"{own_file}:beam"))
    own_file.write_text(own_file.read_text() + "\nraise SystemExit('executed')\n")
    with pytest.raises(CodeChangedError, match=r"has changed since the run began"):
        load_function(record)

    own_file.unlink()
    with pytest.raises(CodeChangedError, match=r"not on this machine.*shoal code"):
        load_function(record)


def test_what_no_other_process_could_import_is_refused(tmp_path: Path) -> None:
    def within(x: Any) -> Any:
        return x[:, 0]

    # A file that makes no problem of its function says nothing of it.
    file = tmp_path / "plain.py"
    file.write_text("def plain(x):\n    return x[:, 0]\n")
    plain, _ = references.find(f"{file}:plain")

    store = tmp_path / "shoal.db"
    for function, remedy in (
        (within, "put it into a file"),
        (lambda x: x[:, 0], "write it with `def` in a file"),
        (plain, "write problem = shoal.FunctionProblem"),
    ):
        with pytest.raises(ProblemError, match=remedy):
            shoal.search(shoal.FunctionProblem(function, [(0, 1)]), store=store)
    assert not store.exists()


def test_a_name_that_exists_only_when_the_file_is_run_is_not_recorded(tmp_path: Path) -> None:
    file = tmp_path / "script.py"
    file.write_text(
        "import shoal\n\ndef f(x):\n    return x[:, 0]\n\n"
        "if True:\n    inside = shoal.FunctionProblem(f, [(0, 1)])\n"
    )
    inside, _ = references.find(f"{file}:inside")
    assert describe_function(inside)["reference"] == f"{file}:f"


def test_a_file_that_searches_while_it_is_imported_is_refused(tmp_path: Path) -> None:
    """Workers import the file: each of them would start the search again."""
    file = tmp_path / "eager.py"
    file.write_text(
        "import shoal\n\ndef f(x):\n    return x[:, 0]\n\n"
        "problem = shoal.FunctionProblem(f, [(0, 1)])\n"
        f"shoal.search(problem, store={str(tmp_path / 'shoal.db')!r})\n"
    )
    with pytest.raises(ProblemError, match="starts a search while it is imported"):
        references.find(f"{file}:problem")

    assert not (tmp_path / "shoal.db").exists()


def test_another_process_gets_a_reference_and_no_code() -> None:
    content = pickle.dumps(problem())
    assert b"waves" not in content.replace(FILE.read_bytes(), b"")
    assert pickle.loads(content).to_dict() == problem().to_dict()


def test_a_run_of_another_kind_is_loaded_as_such() -> None:
    loaded = load_recorded(describe_function(own.beam), SETTINGS)
    assert isinstance(loaded, MinimisationProblem)
    assert (loaded.kind, loaded.name, loaded.metric.direction) == ("function", "beam", "maximize")
    with pytest.raises(ProblemError, match="its swarms find no network"):
        loaded.network(GENOME)


# ---- A search ------------------------------------------------------------------------------------


def driven(store: Store) -> tuple[str, Any]:
    """The hash and the champion of a search that one process drove to its end."""
    run_id, _ = store.add_run(own.beam, SETTINGS)
    claim = store.claim(Owner.here(), run_id)
    assert claim is not None
    assert Runner(store, claim, make_executor=HereExecutor).drive() == "finished"
    run = store.run(run_id)
    assert run.result_hash is not None
    return run.result_hash, load_champion(store, run)


def test_a_search_selects_the_larger_value_and_keeps_the_best_point(store: Store) -> None:
    _, champion = driven(store)
    run = store.run(1)
    assert (run.kind, run.dataset) == ("function", "beam")
    assert (run.metric.direction, run.metric.unit) == ("maximize", "m")

    best = max(evaluation.score for evaluation in store.evaluations(1))
    assert champion.weights.shape == (1, 3)
    assert champion.weights.dtype == np.float64
    # To the bit, after the store: nothing of the point was rounded.
    assert own.beam(champion.weights)[0] == best
    assert champion.ensemble.train["value"] == best
    assert champion.score <= best
    assert champion.confirmation.score <= best


@pytest.mark.parametrize("workers", [1, 2])
def test_the_same_search_gives_the_same_hash_in_any_process(
    workers: int, tmp_path: Path, store_url: str
) -> None:
    from shoal.store import open_store

    with open_store(store_url) as opened:
        expected, _ = driven(opened)
    result = shoal.search(own.beam, store=tmp_path / "other.db", workers=workers, **SMALL)
    assert result.result_hash == expected


def test_a_search_for_a_problem_that_is_made_on_the_fly(tmp_path: Path) -> None:
    result = own.searched(store=tmp_path / "shoal.db", workers=1, **SMALL)
    assert result.run.state == "finished"
    assert result.champion.weights[0, 0] >= 2.0
    tuned = shoal.minimize(own.bowl, [(-5, 5)] * 2, genome=result.champion.genome, iterations=50)
    assert tuned.fun < 1e-3


# ---- What a check says ---------------------------------------------------------------------------

_HEAD = "import numpy as np\nimport shoal\n\n@shoal.function(bounds=[(-5, 5)] * 2{})\ndef f(x):\n"
BAD = {
    "raises": ("    return 1 / 0\n", "raised ZeroDivisionError"),
    "exits": ("    exit(3)\n", "raised SystemExit"),
    "shape": ("    return x\n", r"returned shape (48, 2) for points of shape (48, 2)"),
    "number": ("    return 'good'\n", "returned str"),
    "nan": ("    return x[:, 0] * np.nan\n", "returns NaN for all of the first 48 points"),
    "input": ("    x[:] = 0\n    return x.sum(axis=1)\n", "changes its input"),
    "random": ("    return np.random.random(len(x))\n", "for the same point"),
    "order": ("    return np.cumsum(x[:, 0])\n", "when the points come in another order"),
    "others": ("    return x[:, 0] - x[:, 0].mean()\n", "for the same point alone"),
    "prints": ("    print('called')\n    return x[:, 0]\n", "prints 'called"),
}


# What has to be seen from another process, which costs seconds each.
IN_A_PROCESS = ("exits", "nan", "prints")


@pytest.mark.parametrize("name", BAD)
def test_a_bad_function_gets_its_sentence(name: str, tmp_path: Path) -> None:
    body, message = BAD[name]
    file = tmp_path / "design.py"
    file.write_text(_HEAD.format("") + body)

    finding = worst_finding(f"{file}:f")

    assert finding.status == "bad"
    assert message in finding.what
    assert "Expected: " in finding.what
    assert finding.remedy


@pytest.mark.parametrize("name", IN_A_PROCESS)
def test_no_search_starts_with_a_bad_function(name: str, tmp_path: Path) -> None:
    body, message = BAD[name]
    file = tmp_path / "design.py"
    file.write_text(_HEAD.format("") + body)

    found = check_named(f"{file}:f")
    assert found.bad
    assert message in found.findings[0].what

    store = tmp_path / "shoal.db"
    subject = find_written(f"{file}:f")
    with pytest.raises(ProblemError):
        shoal.search(subject, store=store, **SMALL)
    assert not store.exists()


def test_a_function_as_it_should_be_and_what_to_look_at(tmp_path: Path) -> None:
    good = check_named(f"{FILE}:beam")
    assert [(finding.status, finding.check) for finding in good.findings] == [
        ("good", "import"),
        ("good", "values"),
        ("good", "speed"),
    ]
    assert good.findings[0].what == "beam: 3 coordinates; a larger value is better (m)."
    assert good.facts["feasible"] == 1.0

    file = tmp_path / "design.py"
    settings = ", constraints=lambda x: x[:, 0] ** 2 + 1"
    file.write_text(_HEAD.format(settings) + "    return np.where(x[:, 0] > 0, np.inf, 1.0)\n")
    texts = [finding.what for finding in check_named(f"{file}:f").findings]
    assert any("of random points have no finite value" in text for text in texts)
    assert any("value that another one has, too" in text for text in texts)
    assert any("None of 1000 random points keeps all constraints" in text for text in texts)
