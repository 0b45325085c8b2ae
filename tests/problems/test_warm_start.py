"""Swarms that start from a network: it stays among the candidates, and all is repeated."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import shoal
from problems.user_files import TINY_TABLE_SEARCH
from shoal.data import load_dataset
from shoal.errors import CodeChangedError, DataError, SettingsError
from shoal.export.bundle import export_run
from shoal.orchestration.runner import Runner
from shoal.problems.evaluation import Task
from shoal.problems.own_code import pin_settings
from shoal.problems.registry import make_problem
from shoal.problems.table import TableProblem
from shoal.problems.warm_start import find_start
from shoal.pso.engines import get_engine
from shoal.pso.swarm import initial_state, losses_of
from shoal.replay.verify import verify
from shoal.settings.search_settings import SearchSettings
from shoal.store import Owner, Store, open_store
from support.damaged_models import with_header
from support.exported_models import npz, write
from support.fakes import HereExecutor
from support.fuzzing.targets import check_sentence

GENOME = shoal.Genome(
    swarm_size=7, hidden_layers=(4,), activation="tanh", max_velocity=0.05, bias_scale=0.02
)


def waves(rows: int = 160, kinds: int = 0) -> shoal.Dataset:
    """A table of two inputs; ``kinds`` classes, or a number."""
    random = np.random.default_rng(5)
    frame = pd.DataFrame(random.normal(size=(rows, 2)), columns=["a", "b"])
    wave = np.sin(2 * frame["a"]) + frame["b"]
    frame["y"] = wave
    if kinds:
        frame["y"] = pd.qcut(wave, kinds, labels=[f"kind {n}" for n in range(kinds)]).astype(str)
    return load_dataset(frame, "y", folds=2)


def parsed(**settings: Any) -> SearchSettings:
    return SearchSettings.parse(pin_settings({**TINY_TABLE_SEARCH, **settings}))


def problem_of(data: shoal.Dataset, **settings: Any) -> TableProblem:
    made = make_problem(data, parsed(**settings))
    assert isinstance(made, TableProblem)
    return made


# ---- Where particles start -----------------------------------------------------------------------


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("kinds", [0, 2, 3])
@pytest.mark.parametrize("layers", [(4,), ()])
def test_the_start_is_scikit_learns_network(
    solver: str, kinds: int, layers: tuple[int, ...]
) -> None:
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    problem = problem_of(waves(kinds=kinds), start_from=solver)
    training = problem.training(Task(replace(GENOME, hidden_layers=layers), 1), iterations=1)
    part, _ = problem.dataset.parts(1)
    outputs = get_engine("cpu").outputs(training.network, training.start, part.x)

    # The same settings, and a fit of its own.
    options = {"alpha": 0.01, "learning_rate_init": 0.01, "max_iter": 2000}
    if solver == "lbfgs":
        options = {"alpha": 0.1, "max_iter": 1000}
    estimator = MLPClassifier if kinds else MLPRegressor
    model = estimator(
        hidden_layer_sizes=layers,
        activation="tanh",
        solver=solver,
        random_state=training.key[0] % 2**32,
        **options,
    )
    model.fit(part.x.astype(float), part.y.astype(int) if kinds else part.y)

    if not kinds:
        np.testing.assert_allclose(outputs[:, 0], model.predict(part.x), atol=2e-3)
        return
    powers = np.exp(outputs - outputs.max(axis=1, keepdims=True))
    found = powers / powers.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found, model.predict_proba(part.x.astype(float)), atol=2e-3)


def test_the_first_particle_is_the_network_and_the_others_are_around_it() -> None:
    training = problem_of(waves(), start_from="lbfgs").training(Task(GENOME, 0), iterations=3)
    positions = initial_state(training).positions
    plain = initial_state(replace(training, start=None)).positions

    assert positions.dtype == np.float32
    assert positions[0].tobytes() == training.start.tobytes()
    weights = ~training.network.bias_mask()
    np.testing.assert_allclose(
        (positions - training.start)[1:, weights], plain[1:, weights], atol=1e-6
    )
    biases = (positions - training.start)[1:, ~weights]
    assert 0 < biases.std() < 3 * GENOME.bias_scale


@pytest.mark.parametrize("rule", ["informed", "competitive"])
@pytest.mark.parametrize("engine", ["cpu", "reference"])
def test_the_result_is_never_worse_than_the_start_on_the_training_rows(
    rule: str, engine: str
) -> None:
    genome = replace(GENOME, update_rule=rule, weight_scale=1.0, max_position=0.5)
    training = problem_of(waves(), start_from="lbfgs").training(Task(genome, 0), iterations=6)
    (result,) = get_engine(engine).train([training])

    before = losses_of(training, training.start[None])[0]
    assert result.loss <= before * (1 + 1e-5)
    assert (np.diff(result.history) <= 0).all()


def test_threads_and_another_process_change_no_bit() -> None:
    one = problem_of(waves(), start_from="adam").training(Task(GENOME, 1), iterations=5)
    again = problem_of(waves(), start_from="adam").training(Task(GENOME, 1), iterations=5)
    other = problem_of(waves(), start_from="adam", seed=1).training(Task(GENOME, 1), iterations=5)

    assert one.start.tobytes() == again.start.tobytes() != other.start.tobytes()
    (first,) = get_engine("cpu", 1).train([one])
    (second,) = get_engine("cpu", 3).train([again])
    assert first.weights.tobytes() == second.weights.tobytes()


def test_a_start_may_be_decoded() -> None:
    result = shoal.train(waves(), GENOME, iterations=5, start_from="lbfgs", decoder="int8")
    for own, biases in result.network.layer_slices():
        layer = result.weights[own.start : biases.stop]
        steps = layer / (np.abs(layer).max() / 127)
        np.testing.assert_allclose(steps, np.rint(steps), atol=1e-3)


# ---- Settings ------------------------------------------------------------------------------------


def test_swarms_that_start_from_a_network_are_slow_unless_asked_otherwise() -> None:
    assert parsed(start_from="adam").bounds["max_velocity"] == (1e-6, 0.1)
    assert parsed().bounds == {} and parsed().start_from is None
    given = parsed(start_from="adam", bounds={"max_velocity": (0.1, 2.0)})
    assert given.bounds["max_velocity"] == (0.1, 2.0)
    assert SearchSettings.recorded(given.to_dict()) == given
    assert problem_of(waves(), start_from="adam").default_genome.max_velocity <= 0.1

    old = parsed().to_dict()
    del old["start_from"]
    assert SearchSettings.recorded(old).start_from is None


# ---- Recorded, exported, started from again ------------------------------------------------------


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with open_store(tmp_path_factory.mktemp("start") / "shoal.db") as store:
        store.add_run(waves(), parsed(start_from="lbfgs", max_width=6, max_depth=1))
        claim = store.claim(Owner.here())
        assert claim is not None
        assert Runner(store, claim, make_executor=HereExecutor).drive() == "finished"
        yield store


@pytest.fixture(scope="module")
def model(searched: Store, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_run(searched, 1, tmp_path_factory.mktemp("export") / "model")


def test_what_is_recorded_is_repeated_to_the_bit(searched: Store) -> None:
    assert searched.run(1).settings.start_from.source == "lbfgs"
    for recorded in searched.evaluations(1):
        verdict = verify(searched, 1, recorded.task.genome.hash, recorded.task.repeat)
        assert verdict.same, verdict.differences


def test_an_exported_model_is_a_start_of_its_own_shape(model: Path) -> None:
    settings = parsed(start_from=str(model))
    start = settings.start_from
    assert start.source == str(model / "weights.npz") and len(start.sha256) == 64
    assert settings.choices["activation"] == (start.activation,)
    # Pinned once more, nothing changes; the file says the same as its folder.
    assert parsed(start_from=start) == settings
    assert parsed(start_from=model / "weights.npz") == settings

    with open_store(model.parent / "again.db") as store:
        store.add_run(waves(), settings)
        claim = store.claim(Owner.here())
        assert claim is not None
        assert Runner(store, claim, make_executor=HereExecutor).drive() == "finished"
        genomes = {own.task.genome for own in store.evaluations(1)}
        # The model has seen the rows that validate here.
        assert any("learned from rows that validate" in event.text for event in store.events(1))
    assert {genome.hidden_layers for genome in genomes} == {start.hidden_layers}
    assert {genome.activation for genome in genomes} == {start.activation}


def test_weights_alone_are_a_start_for_genomes_of_their_shape(tmp_path: Path) -> None:
    data = waves()
    first = shoal.train(data, GENOME, iterations=30)
    np.save(tmp_path / "mine.npy", first.weights)

    second = shoal.train(data, GENOME, iterations=10, start_from=tmp_path / "mine.npy")
    assert second.loss <= first.loss * (1 + 1e-6)
    with pytest.raises(SettingsError, match="has 17 weights") as raised:
        shoal.train(data, replace(GENOME, hidden_layers=(5,)), start_from=tmp_path / "mine.npy")
    assert "inputs, hidden layers and outputs" in raised.value.expected


# ---- Bad input -----------------------------------------------------------------------------------


def test_a_changed_or_missing_file_is_not_started_from(tmp_path: Path) -> None:
    file = tmp_path / "mine.npy"
    np.save(file, np.zeros(17, np.float32))
    problem = problem_of(waves(), start_from=str(file))
    task = Task(GENOME, 0)

    np.save(file, np.ones(17, np.float32))
    with pytest.raises(CodeChangedError, match="has changed"):
        problem.training(task, iterations=1)
    file.unlink()
    with pytest.raises(CodeChangedError, match=r"mine\.npy: No such file"):
        problem.training(task, iterations=1)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"start_from": "sgd"}, "sgd': No such file"),
        ({"start_from": "{}/nothing"}, "No such file"),
        ({"start_from": "{}/text.npz"}, "holds no network"),
        ({"start_from": "{}/empty.npz"}, "holds no network"),
        ({"start_from": "{}/nan.npy"}, "holds no network"),
        ({"start_from": {"source": "{}/good.npy", "sha256": "0" * 64}}, "has the SHA-256"),
        ({"start_from": 3}, "start_from"),
        ({"start_from": {"file": "adam"}}, "start_from"),
        ({"start_from": "adam", "choices": {"activation": ("gelu",)}}, "the activation gelu"),
        ({"start_from": "lbfgs", "extra_genes": ("activation",)}, "the activation leaky_relu"),
    ],
)
def test_what_is_no_start_is_refused_before_anything_starts(
    tmp_path: Path, settings: dict[str, Any], words: str
) -> None:
    (tmp_path / "text.npz").write_text("no weights")
    np.savez(tmp_path / "empty.npz", others=np.zeros(3))
    np.save(tmp_path / "nan.npy", np.array([np.nan], np.float32))
    np.save(tmp_path / "good.npy", np.zeros(3, np.float32))
    start = settings["start_from"]
    if isinstance(start, str):
        start = start.format(tmp_path)
    elif isinstance(start, dict) and "source" in start:
        start = {**start, "source": start["source"].format(tmp_path)}

    with pytest.raises(SettingsError, match=words) as raised:
        make_problem(waves(), parsed(**{**settings, "start_from": start}))
    assert raised.value.exit_code == 2


HEADER = b"{'fortran_order': False, 'descr': %b}"
DAMAGE: dict[str, tuple[bytes, bytes]] = {
    "no archive": (b"{}", b"PK\x03\x04junk"),
    "an empty array": (b"{}", with_header(HEADER % b"'<f4', 'shape': (0, 3)")),
    "a claim of terabytes": (b"{}", with_header(HEADER % b"'<f4', 'shape': (9, 999999999999)")),
    "a claim of a gigabyte": (b"{}", with_header(HEADER % b"'<f4', 'shape': (1, 268435456)")),
    "objects": (b"{}", with_header(HEADER % b"'|O', 'shape': (1, 3)")),
    "complex numbers": (b"{}", with_header(HEADER % b"'<c8', 'shape': (1, 3)", data=bytes(24))),
    "too large numbers": (b"{}", npz(np.full((1, 3), 1e300))),
    "a header that is code": (b"{}", with_header(b"__import__('os').abort()")),
    "lists in lists": (b"[" * 100_000, npz(np.zeros((1, 3)))),
    "layers that are none": (b'{"layers": 5, "activation": "relu"}', npz(np.zeros((1, 3)))),
    "no activation": (b'{"layers": [2, 1]}', npz(np.zeros((1, 3)))),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_a_damaged_network_is_no_start(what: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="holds no network") as raised:
        find_start(str(write(tmp_path / "m", *DAMAGE[what])))
    check_sentence(str(raised.value))


def test_a_device_is_no_start() -> None:
    with pytest.raises(SettingsError, match="It is no file"):
        find_start(os.devnull)


def test_a_genome_with_another_activation_is_refused() -> None:
    with pytest.raises(SettingsError, match="with the activation gelu") as raised:
        shoal.train(waves(), replace(GENOME, activation="gelu"), start_from="adam")
    assert raised.value.expected == "one of relu, tanh, sigmoid"


def test_an_unpinned_file_is_not_read() -> None:
    settings = SearchSettings.parse({"start_from": "mine.npy"})
    with pytest.raises(SettingsError, match="without the hash"):
        make_problem(waves(), settings)


def test_simulations_and_functions_start_at_random() -> None:
    from shoal.functions.registry import get_function
    from shoal.simulations.registry import get_simulation

    for subject, preset in (
        (get_simulation("cartpole"), "simulation"),
        (get_function("sphere"), "function"),
    ):
        settings = SearchSettings.parse({"preset": preset, "start_from": "adam"})
        with pytest.raises(SettingsError, match="start_from='adam'"):
            make_problem(subject, settings)


def test_a_start_of_another_size_is_refused() -> None:
    training = problem_of(waves(), start_from="lbfgs").training(Task(GENOME, 0), iterations=1)
    with pytest.raises(DataError, match=r"A start of shape \(3,\)"):
        replace(training, start=np.zeros(3, np.float32))
