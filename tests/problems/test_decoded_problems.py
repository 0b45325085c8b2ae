"""Trainings whose positions are decoded, of tables and policies: recorded, repeated, exported."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import shoal
from problems.user_files import TINY_SEARCH, TINY_TABLE_SEARCH, write
from shoal.analysis.summary import load_champion
from shoal.data import load_dataset
from shoal.errors import DecoderError, ProblemError, SettingsError
from shoal.export.bundle import export_run
from shoal.inference.standalone import load_model
from shoal.nn.network import Network
from shoal.objectives.built_in_decoders import get_decoder
from shoal.orchestration.runner import Runner
from shoal.problems.evaluation import Task
from shoal.problems.own_code import pin_settings
from shoal.problems.references import recorded_code
from shoal.problems.registry import make_problem
from shoal.problems.table import TableProblem
from shoal.pso.engines import get_engine
from shoal.pso.swarm import initial_state, losses_of
from shoal.replay.recorder import Window, replay_training
from shoal.replay.verify import verify
from shoal.settings.search_settings import SearchSettings
from shoal.simulations.registry import get_simulation
from shoal.store import Owner, Store, open_store
from support.fakes import HereExecutor

GENOME = shoal.Genome(swarm_size=6, hidden_layers=(3,), weight_decay=1e-4)
FILE = """\
import numpy as np

import shoal


@shoal.decoder
def sparse(positions, *, least=0.02):
    return np.where(np.abs(positions) < least, 0, positions)


number = 3
"""


@pytest.fixture(scope="module")
def concrete() -> shoal.Dataset:
    return load_dataset("concrete")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write(tmp_path / "decoders.py", FILE)


def parsed(**settings: Any) -> SearchSettings:
    return SearchSettings.parse(pin_settings({**TINY_TABLE_SEARCH, **settings}))


def is_decoded(name: str, network: Network, weights: np.ndarray) -> bool:
    """Whether the weights (n, D) are what the decoder makes of something."""
    again = get_decoder(name).bound_to(network)(weights)
    return again.tobytes() == weights.tobytes()


# ---- A training ----------------------------------------------------------------------------------


@pytest.mark.parametrize("decoder", ["sign", "ternary", "int8"])
@pytest.mark.parametrize("settings", [{}, {"loss": "huber"}, {"objective": "tolerance"}])
def test_a_training_gives_the_decoded_network_and_its_loss(
    concrete: shoal.Dataset, decoder: str, settings: dict[str, str]
) -> None:
    problem = make_problem(concrete, parsed(decoder=decoder, **settings))
    assert isinstance(problem, TableProblem)
    training = problem.training(Task(GENOME, 1), iterations=6)

    (one,) = get_engine("cpu", 1).train([training])
    (three,) = get_engine("cpu", 3).train([training])
    (reference,) = get_engine("reference").train([training])

    assert one.weights.tobytes() == three.weights.tobytes() and one.loss == three.loss
    assert is_decoded(decoder, training.network, one.weights[None])
    # The reference follows the same path, and its loss is that of the network without a decoder.
    assert reference.loss == pytest.approx(one.loss, rel=1e-4, abs=1e-5)
    plain = replace(training, decode=None)
    assert losses_of(plain, one.weights[None])[0] == pytest.approx(one.loss, rel=1e-4, abs=1e-5)


def test_positions_are_no_decoded_networks(concrete: shoal.Dataset) -> None:
    training = make_problem(concrete, parsed(decoder="sign")).training(Task(GENOME, 0))
    positions = initial_state(training).positions
    assert not is_decoded("sign", training.network, positions)


def test_classes_are_learned_by_decoded_networks() -> None:
    import pandas as pd

    random = np.random.default_rng(1)
    x = random.normal(size=(160, 3))
    kinds = np.digitize(x.sum(axis=1), [-1, 1])
    data = load_dataset(pd.DataFrame(x, columns=list("abc")).assign(kind=kinds), "kind", folds=1)

    result = shoal.train(data, GENOME, iterations=150, decoder="ternary")

    assert result.scores.test.accuracy > 60
    assert is_decoded("ternary", result.network, result.weights[None])


def test_a_single_training_takes_any_function(concrete: shoal.Dataset) -> None:
    @shoal.decoder
    def positive(positions: Any) -> Any:
        return np.abs(positions)

    result = shoal.train(concrete, GENOME, iterations=5, decoder=positive)
    assert (result.weights >= 0).all()


# ---- A search ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store with a run whose networks are ternary, by a decoder of a user's that calls ours."""
    folder = tmp_path_factory.mktemp("decoded")
    write(folder / "decoders.py", FILE)
    with open_store(folder / "shoal.db") as store:
        for decoder in ("ternary", f"{folder / 'decoders.py'}:sparse"):
            store.add_run(load_dataset("concrete"), parsed(decoder=decoder, finalists=1))
            claim = store.claim(Owner.here())
            assert claim is not None
            assert Runner(store, claim, make_executor=HereExecutor).drive() == "finished"
        yield store


@pytest.mark.parametrize("run", [1, 2])
def test_what_is_recorded_is_repeated_to_the_bit(searched: Store, run: int) -> None:
    for recorded in searched.evaluations(run):
        verdict = verify(searched, run, recorded.task.genome.hash, recorded.task.repeat)
        assert verdict.same, verdict.differences


def test_the_swarm_is_seen_at_its_recorded_losses(searched: Store) -> None:
    recorded = searched.evaluations(1)[0]
    seen = replay_training(
        searched.load_problem(1),
        recorded.task,
        recorded.iterations,
        Window(most=3),
        recorded=recorded.loss,
    )
    assert seen.exact

    # The losses where particles stand are those of their decoded networks.
    first = seen.frames[0]
    training = searched.load_problem(1).training(recorded.task, iterations=recorded.iterations)
    weights = training.decoded(initial_state(training).positions)
    expected = losses_of(replace(training, decode=None), weights)

    assert first.iteration == 0

    np.testing.assert_allclose(first.current, expected, rtol=1e-5)


def test_the_champion_and_its_export_are_decoded(searched: Store, tmp_path: Path) -> None:
    run = searched.run(1)
    champion = load_champion(searched, run)
    assert champion is not None
    network = searched.load_problem(1).network(champion.genome)
    assert is_decoded("ternary", network, champion.weights)

    model = load_model(export_run(searched, 1, tmp_path / "model"))
    assert model.weights.tobytes() == champion.weights.tobytes()
    for own, _ in network.layer_slices():
        assert all(len(np.unique(np.abs(weights[own]))) <= 2 for weights in model.weights)


def test_a_users_decoder_is_recorded_with_its_file(searched: Store) -> None:
    run = searched.run(2)
    assert run.settings.decoder.name.endswith("decoders.py:sparse")
    assert recorded_code(2, run.problem, "decoder").text == FILE
    champion = load_champion(searched, run)
    assert champion is not None
    sizes = np.abs(champion.weights)
    assert ((sizes == 0) | (sizes >= np.float32(0.02))).all()


def test_a_setting_that_no_record_has_is_none() -> None:
    settings = parsed().to_dict()
    del settings["decoder"]
    assert SearchSettings.recorded(settings).decoder is None


# ---- Policies ------------------------------------------------------------------------------------


def test_a_policy_acts_by_its_decoded_weights(tmp_path: Path) -> None:
    settings = SearchSettings.parse({**TINY_SEARCH, "decoder": "sign"})
    with open_store(tmp_path / "shoal.db") as store:
        store.add_run(get_simulation("cartpole"), settings)
        claim = store.claim(Owner.here())
        assert claim is not None
        assert Runner(store, claim, make_executor=HereExecutor).drive() == "finished"

        champion = load_champion(store, store.run(1))
        problem = store.load_problem(1)
        network = problem.network(champion.genome)
        assert is_decoded("sign", network, champion.weights)

        recorded = store.evaluations(1)[0]
        assert verify(store, 1, recorded.task.genome.hash, recorded.task.repeat).same
        seen = replay_training(
            problem, recorded.task, recorded.iterations, Window(most=2), recorded=recorded.loss
        )
        assert seen.exact

        folder = export_run(store, 1, tmp_path / "policy")
        with np.load(folder / "weights.npz") as arrays:
            acting = np.atleast_2d(arrays["weights"])
        assert is_decoded("sign", network, acting)


def test_a_policys_record_has_the_decoders_file(file: Path) -> None:
    settings = SearchSettings.parse(
        pin_settings({**TINY_SEARCH, "decoder": {"name": f"{file}:sparse", "least": 0.5}})
    )
    problem = make_problem(get_simulation("cartpole"), settings)
    record = problem.to_dict()
    assert recorded_code(1, json.loads(json.dumps(record)), "decoder").text == FILE


# ---- Bad input -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("decoder", "words"),
    [
        ("sing", "There is no decoder 'sing'"),
        ({"name": "sign", "size": 3}, "has no option 'size'"),
        ({"name": "ternary", "threshold": 2.0}, "threshold=2.0"),
        ("{}:number", "is a int, not a decoder"),
        ("{}:nothing", "defines no 'nothing'"),
        ("f1", "There is no decoder 'f1'"),
        ({"options": {"least": 1}}, "decoder"),
    ],
)
def test_what_is_no_decoder_is_refused_before_anything_starts(
    concrete: shoal.Dataset, file: Path, decoder: Any, words: str
) -> None:
    if isinstance(decoder, str):
        decoder = decoder.format(file)
    with pytest.raises((ProblemError, SettingsError), match=words) as raised:
        make_problem(concrete, parsed(decoder=decoder))
    assert raised.value.exit_code == 2


def test_a_decoder_is_no_objective(concrete: shoal.Dataset, file: Path) -> None:
    with pytest.raises(ProblemError, match="is a Decoder, not an objective"):
        parsed(objective=f"{file}:sparse")


def test_a_decoder_that_fails_in_a_training_says_so(concrete: shoal.Dataset) -> None:
    @shoal.decoder
    def late(positions: Any, network: Any) -> Any:
        if len(network.layers) == 2:
            raise ValueError("no layer")
        return positions

    with pytest.raises(DecoderError, match="raised ValueError: no layer"):
        shoal.train(concrete, replace(GENOME, hidden_layers=()), iterations=2, decoder=late)


def test_functions_have_no_networks_to_decode() -> None:
    from shoal.functions.registry import get_function

    settings = SearchSettings.parse({"preset": "function", "decoder": "sign"})
    with pytest.raises(SettingsError, match="decoder='sign'"):
        make_problem(get_function("rastrigin"), settings)
