"""ONNX graphs: a runtime that knows nothing of Shoal says what predict.py says."""

from __future__ import annotations

import copy
import hashlib
import json
import math
import re
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import shoal
from shoal.errors import ModelError
from shoal.export import bundle, onnx_graph
from shoal.inference import standalone
from shoal.inference.policy import ExportedPolicy, load_policy, read_policy
from shoal.inference.standalone import TableError
from shoal.models.onnx import graph as graph_module
from shoal.models.onnx import policy_graph, table_graph
from shoal.models.onnx.networks import ACTIVATIONS
from shoal.models.onnx.table import model_hash
from shoal.nn.network import Network
from shoal.objectives.built_in_decoders import get_decoder
from shoal.store import open_store
from support.champions import customers
from support.damaged_models import HARMFUL, REMOVED, changed, places, policies, policy
from support.exported_models import TARGETS, model_of, write
from support.locations import ROOT
from support.onnx_graphs import CLOSE, answers, check_same, random_model, session_of
from support.property_tests import WITH_FIXTURES
from support.supervised_run import small_table
from support.tables import mixed_table

onnx = pytest.importorskip("onnx", reason="the extra shoal[onnx] is not installed")

QUICK: dict[str, Any] = {
    "population": 2,
    "generations": 1,
    "repeats": 1,
    "iterations": 20,
    "finalists": 1,
    "networks": 2,
    "baselines": False,
    "workers": 1,
}


def graph_of(model: shoal.Model) -> bytes:
    return table_graph(model.description, model.weights)


def with_surprises(frame: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """Rows of a table, some without a value and some with what training has never seen."""
    rows = frame.copy()
    for place, name in enumerate(columns):
        rows[name] = rows[name].astype(object)
        rows.loc[rows.index[place::5], name] = None
        if isinstance(frame[name].iloc[0], str):
            rows.loc[rows.index[place + 1 :: 7], name] = "never seen"
    return rows


# ---- Tables --------------------------------------------------------------------------------------


def test_the_bundled_table() -> None:
    data = shoal.load_dataset("concrete")
    model = random_model(data)
    assert "log_floor" in json.dumps(model.description)
    check_same(model, session_of(graph_of(model)), data.source)


@pytest.mark.parametrize("target", ["y", "kind", "new", ["y", "z"]])
def test_numbers_gaps_words_and_truth_values(target: Any) -> None:
    table = mixed_table(150)
    table["z"] = np.arange(150) * 1000.0 + 5
    model = random_model(shoal.load_dataset(table, target, folds=1))
    rows = with_surprises(table, ["size", "colour"])
    check_same(model, session_of(graph_of(model)), rows)


def test_the_encoding_of_the_classic_preset() -> None:
    table = mixed_table(150)[["count", "place", "y"]]
    model = random_model(shoal.load_dataset(table, "y", preset="classic"))
    check_same(model, session_of(graph_of(model)), table)


@pytest.mark.parametrize("target", ["left", "paid"])
def test_dates_and_gaps(target: str) -> None:
    table = customers(200)
    data = shoal.load_dataset(table, target, folds=1)
    model = random_model(data)
    assert any(column["kind"] == "date" for column in model.description["encoder"]["columns"])

    rows = table.astype({"since": object})
    rows.loc[::9, "since"] = ""
    rows.loc[1::9, "since"] = "2031-02-28 17:45:30"
    rows.loc[2::9, "since"] = "1961-12-31"
    rows.loc[3::9, "plan"] = "unheard of"
    check_same(model, session_of(graph_of(model)), rows)


@pytest.mark.parametrize(
    ("cells", "in_seconds"),
    [
        ([f"{hour:02}:{minute:02}" for hour in range(24) for minute in (0, 13, 59)], 60.0),
        ([f"{day} days {day % 24:02}:00:00" for day in range(1, 73)], 3600.0),
    ],
    ids=["times", "durations"],
)
def test_times_of_day_and_durations_are_seconds(cells: list[str], in_seconds: float) -> None:
    table = pd.DataFrame({"when": cells, "y": np.arange(len(cells)) % 11 + 0.5})
    model = random_model(shoal.load_dataset(table, "y", folds=1))
    session = session_of(graph_of(model))

    seconds = []
    for cell in cells:
        days, _, clock = cell.rpartition(" days ")
        hour, minute = clock.split(":")[:2]
        seconds.append(int(days or 0) * 86400 + int(hour) * 3600 + int(minute) * 60)
    assert math.gcd(*seconds) % in_seconds == 0
    found = session.run(None, {"when": np.array(seconds, np.float64)[:, None]})[0]
    expected = model.predict(table)
    assert np.abs(found[:, 0] - expected).max() <= CLOSE * table.y.std()


def test_questions_of_a_scorecard_and_weights_of_few_bits() -> None:
    draw = np.random.default_rng(1)
    loans = pd.DataFrame({"age": draw.integers(18, 70, 200), "debts": draw.gamma(1.0, 2e3, 200)})
    loans["home"] = draw.choice(["own", "rent"], 200)
    loans["rate"] = draw.integers(1, 9, 200) / 10
    loans["paid"] = np.where((loans.age > 35) & (loans.debts < 3000), "yes", "no")
    loans.loc[::7, "debts"] = np.nan
    data = shoal.load_dataset(loans, "paid", encoding="questions", folds=1)

    network = Network((data.inputs, data.outputs))
    positions = np.random.default_rng(2).normal(0, 1, (3, network.size)).astype(np.float32)
    described = random_model(data, hidden=()).description
    for name in ("scorecard", "int8", "ternary", "sign"):
        weights = get_decoder(name).bound_to(network)(positions)
        model = shoal.Model(described, weights)
        check_same(model, session_of(graph_of(model)), with_surprises(loans, ["age", "home"]))


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("hidden", [(), (3,), (17, 4, 2)])
def test_layers_and_activations(activation: str, hidden: tuple[int, ...]) -> None:
    table = mixed_table(80)
    model = random_model(shoal.load_dataset(table, "y", folds=1), hidden, activation, (1.0,))
    check_same(model, session_of(graph_of(model)), table)


def test_every_activation_of_predict_has_nodes() -> None:
    assert set(ACTIVATIONS) == set(standalone.ACTIVATIONS)


# ---- Cells ---------------------------------------------------------------------------------------


@settings(max_examples=60)
@given(data=st.data(), target=st.sampled_from(sorted(TARGETS)))
def test_random_rows(sessions: dict[str, Any], data: st.DataObject, target: str) -> None:
    model, session = sessions[target]
    count = data.draw(st.integers(1, 12))

    def column(cells: st.SearchStrategy[Any]) -> list[Any]:
        return data.draw(st.lists(cells, min_size=count, max_size=count))

    sizes = st.just(math.nan) | st.floats(-1e6, 1e6)
    words = st.sampled_from(["flat", "house", "", "NA", "nan", "Null", "tent", "Flat", "0"])
    days = st.just("") | st.datetimes().map(lambda moment: moment.isoformat(" ", "seconds"))
    rows = {"size": column(sizes), "kind": column(words), "age": column(sizes)}
    rows["sold"] = column(days) if target == "dated amount" else [""] * count
    feeds = feeds_of_texts(session, rows)

    expected = model.predict_cells(rows)
    found = session.run(None, feeds)
    if expected.probabilities is not None:
        assert np.abs(found[1] - expected.probabilities).max() <= CLOSE
        return
    scale = np.array(TARGETS[target].get("scales") or TARGETS[target]["scale"])
    # The first one is a network of random weights: sums of large inputs are rounded as such.
    size = scale * (1 + np.abs(expected.values / scale).max())
    difference = found[0] - expected.values.reshape(found[0].shape)
    assert (np.abs(difference) <= CLOSE * size).all()


@pytest.fixture(scope="module")
def sessions(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Small models of every kind of column, and their graphs."""
    made = {}
    for target in TARGETS:
        folder = write(tmp_path_factory.mktemp("model") / "m", *model_of(target))
        model = shoal.load_model(folder)
        made[target] = (model, session_of(graph_of(model)))
    return made


def feeds_of_texts(session: Any, rows: dict[str, Any]) -> dict[str, Any]:
    """Feeds of rows whose dates are texts, and whose words stand as they are."""
    feeds = {}
    for column in session.get_inputs():
        cells = rows[column.name]
        if column.name == "sold":
            days = standalone.read_days("sold", cells, "date", None)
            cells = np.round(days * 86_400)
        kind = object if column.name == "kind" else np.float64
        feeds[column.name] = np.array(cells, dtype=kind)[:, None]
    return feeds


def model_of_column(column: dict[str, Any], target: str = "amount") -> shoal.Model:
    """A model that reads one column, with random weights."""
    own = {"name": "a", "fill": 0.5, "mean": 1.0, "scale": 2.0, "missing_indicator": False}
    encoder = {"columns": [{**own, **column}], "target": copy.deepcopy(TARGETS[target])}
    layers = [standalone.width(encoder), 2, {"amount": 1, "class": 3}[target]]
    size = layers[0] * 2 + 2 + 2 * layers[2] + layers[2]
    weights = np.linspace(-1, 1, size, dtype=np.float32)[None]
    description = {"format": 5, "layers": layers, "activation": "relu", "encoder": encoder}
    return shoal.Model(description, weights)


@pytest.mark.parametrize("target", ["amount", "class"])
@pytest.mark.parametrize("floor", [None, 0.25])
def test_what_predict_refuses_is_no_number_and_no_class(target: str, floor: float | None) -> None:
    column = {"kind": "numeric", "fill": None, "log_floor": floor}
    model = model_of_column(column, target)
    session = session_of(graph_of(model))
    cells = [1.0, math.nan, math.inf, -math.inf, 2.0]
    refused = [False, True, True, True, False]
    if floor is None:
        cells.append(1e300)
        refused.append(True)

    found = answers(session, {"a": cells}, at_once=10)
    for cell, is_refused in zip(cells, refused, strict=True):
        if is_refused:
            with pytest.raises(ModelError):
                model.predict({"a": [cell]})
    if target == "amount":
        assert np.isnan(found["prediction"][:, 0]).tolist() == refused
    else:
        assert np.isnan(found["probabilities"]).all(axis=1).tolist() == refused
        assert [label == "" for label in found["label"]] == refused
        assert found["label"][0] == model.predict({"a": [1.0]})[0]


def test_words_that_are_one_level_to_predict() -> None:
    cells = ["yes", "no", "Ja", "TRUE", "true", "Off", "0", "1", "1.0", "", "N/A", "<NA>", "maybe"]
    numbers = ["3", "3.0", "0.5", "4", "-2.0", "1000", "1000.0"]
    for levels in (["yes", "no"], ["True", "False", None], ["1", "0"]):
        model = model_of_column({"kind": "categorical", "levels": levels, "truth": True})
        check_same(model, session_of(graph_of(model)), {"a": cells})
    model = model_of_column({"kind": "categorical", "levels": ["3", "0.5", "-2", "1000", None]})
    check_same(model, session_of(graph_of(model)), {"a": numbers + cells})


def test_names_that_a_graph_might_need_itself() -> None:
    columns = []
    names = ["label", "probabilities", "prediction", "größe [m²]", "a b/c", "shoal/constant/0", "%"]
    for name in names:
        about = {"name": name, "kind": "numeric", "fill": 0.0, "mean": 0.5, "scale": 2.0}
        columns.append({**about, "missing_indicator": False})
    target = copy.deepcopy(TARGETS["class"])
    description = {"format": 5, "layers": [7, 3], "activation": "relu"}
    description["encoder"] = {"columns": columns, "target": target}
    weights = np.linspace(-1, 1, 24, dtype=np.float32)[None]
    model = shoal.Model(description, weights)
    session = session_of(graph_of(model))

    assert [column.name for column in session.get_inputs()] == names
    assert [output.name for output in session.get_outputs()] == ["label_", "probabilities_"]
    rows = {name: [1.0, -2.0, place] for place, name in enumerate(names)}
    found = answers(session, rows, at_once=3)
    assert np.abs(found["probabilities_"] - model.predict_proba(rows)).max() <= CLOSE


def test_large_numbers_keep_their_digits() -> None:
    model = model_of_column({"kind": "numeric", "mean": 1.7e9, "scale": 2.0})
    rows = {"a": [1.7e9, 1.7e9 + 1, 1.7e9 - 3.25]}
    check_same(model, session_of(graph_of(model)), rows)


def test_no_rows() -> None:
    model = model_of_column({"kind": "categorical", "levels": ["x", "y"]}, "class")
    empty = {"a": np.empty((0, 1), dtype=object)}
    label, probabilities = session_of(graph_of(model)).run(None, empty)
    assert (label.shape, probabilities.shape) == ((0,), (0, 3))


# ---- What a graph says of itself -----------------------------------------------------------------


def test_inputs_have_names_types_and_words(tmp_path: Path) -> None:
    model = shoal.load_model(write(tmp_path / "m", *model_of("dated amount")))
    file = model.to_onnx(tmp_path / "new" / "model.onnx")
    made = onnx.load(file)
    assert {own.domain: own.version for own in made.opset_import} == {"": 17, "ai.onnx.ml": 3}
    assert made.ir_version == 8
    assert [own.name for own in made.graph.input] == ["size", "kind", "age", "sold"]
    assert made.graph.input[1].doc_string == (
        "text, one of 'flat', 'house'; an empty text for no value"
    )
    assert made.graph.input[3].doc_string.startswith("seconds since 1970-01-01 00:00")

    facts = session_of(file.read_bytes()).get_modelmeta().custom_metadata_map
    assert facts["shoal_version"] == shoal.__version__
    assert facts["model_sha256"] == model_hash(model.description, model.weights)
    assert json.loads(facts["targets"]) == ["y"]
    inputs = json.loads(facts["inputs"])
    assert [own["type"] for own in inputs] == ["number", "text", "number", "date"]
    assert inputs[1]["levels"] == ["flat", "house"]


def test_the_hash_is_of_what_predicts(tmp_path: Path) -> None:
    model = shoal.load_model(write(tmp_path / "m", *model_of("class")))
    same = {**model.description, "name": "another name", "score": 3.0}
    other = {**model.description, "shares": [0.5, 0.5]}
    before = model_hash(model.description, model.weights)
    assert model_hash(same, model.weights) == before
    assert before not in (model_hash(other, model.weights), model_hash(same, model.weights * 2))
    assert graph_of(model) == graph_of(model)


# ---- What is refused -----------------------------------------------------------------------------


@settings(max_examples=80, suppress_health_check=WITH_FIXTURES)
@given(data=st.data(), target=st.sampled_from(sorted(TARGETS)))
def test_a_damaged_model_is_refused_in_a_sentence(
    data: st.DataObject, target: str, tmp_path: Path
) -> None:
    description, packed = model_of(target)
    sound = shoal.load_model(write(tmp_path / "m", description, packed))
    path = data.draw(st.sampled_from(list(places(description))))
    new = data.draw(st.sampled_from([REMOVED, *HARMFUL]))
    strange = shoal.Model(changed(description, path, new), sound.weights)

    refusals = []
    with np.errstate(all="ignore"):
        try:
            graph_of(strange)
        except ModelError as error:
            refusals.append(error.remedy)
    assert all(refusals)


def test_no_model_of_a_table() -> None:
    for strange in ({}, {"encoder": None}, {"kind": "policy", "layers": [1, 1]}):
        with pytest.raises(ModelError, match=r"damaged.*What to do: export the model again"):
            table_graph(strange, np.zeros((1, 2), np.float32))


def test_the_missing_package_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(graph_module, "find_spec", lambda name: None)
    with pytest.raises(
        ModelError, match=r"not installed\. What to do: pip install 'shoal\[onnx\]'"
    ):
        model_of_column({"kind": "numeric"}).to_onnx(tmp_path / "m.onnx")


def test_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelError, match="choose a file that you may write to"):
        model_of_column({"kind": "numeric"}).to_onnx(tmp_path / "file" / "m.onnx")


def test_a_model_larger_than_a_file_of_onnx(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph_module, "_MOST_BYTES", 40)
    with pytest.raises(ModelError, match="GiB of weights"):
        graph_of(model_of_column({"kind": "numeric"}))


# ---- Policies ------------------------------------------------------------------------------------


def ends(place: int, folder: Path) -> ExportedPolicy:
    return load_policy(write(folder / str(place), *policies()[place]))


def test_a_policy_of_numbers_and_limits(tmp_path: Path) -> None:
    own = ends(0, tmp_path)
    session = session_of(policy_graph(own))
    observations = np.random.default_rng(0).normal(0, 30, (50, 2))
    outputs, choice, action = session.run(None, {"observation": observations})

    np.testing.assert_allclose(outputs, own.act(observations), atol=CLOSE)
    assert choice.tolist() == [own.choose(row) for row in observations]
    expected = np.stack([own.action(row) for row in observations])
    assert (action.dtype, action.shape) == (np.float32, (50, 2))
    np.testing.assert_allclose(action, expected, atol=CLOSE)
    assert (action >= [-1, -1]).all() and (action <= [1, 2]).all()


def test_a_policy_of_states_and_choices(tmp_path: Path) -> None:
    own = ends(1, tmp_path)
    session = session_of(policy_graph(own))
    states = np.array([0, 1, 1, 0])
    outputs, choice, action = session.run(None, {"observation": states})
    np.testing.assert_allclose(outputs, own.act(states), atol=CLOSE)
    assert action.tolist() == [own.action(state) for state in states]
    assert choice.tolist() == [own.choose(state) for state in states]


def test_a_policy_of_pictures(tmp_path: Path) -> None:
    inputs = {"shape": [2, 2], "mean": [0.0, 1.0, 2.0, 3.0], "deviation": [1.0, 2.0, 3.0, 4.0]}
    limits = {"low": [[-2.0]], "high": [[3.0]], "dtype": "float64"}
    description, _ = policy(inputs, limits)
    description["layers"] = [4, 1]
    weights = np.array([1.0, -1.0, 0.5, 0.25, 0.1], np.float32)
    own = read_policy(description, weights)
    observations = np.random.default_rng(0).normal(0, 3, (9, 2, 2))
    outputs, _, action = session_of(policy_graph(own)).run(None, {"observation": observations})
    np.testing.assert_allclose(outputs, own.act(observations), atol=CLOSE)
    expected = np.stack([own.action(one) for one in observations])
    assert action.shape == (9, 1, 1) and action.dtype == np.float64
    np.testing.assert_allclose(action, expected, atol=CLOSE)


def test_a_policy_of_a_simulation(tmp_path: Path) -> None:
    own = ends(2, tmp_path)
    session = session_of(policy_graph(own))
    observations = np.random.default_rng(0).normal(0, 3, (9, 2))
    outputs, choice = session.run(None, {"observation": observations})
    np.testing.assert_allclose(outputs, own.act(observations), atol=CLOSE)
    assert choice.tolist() == [own.choose(row) for row in observations]
    assert session.get_modelmeta().custom_metadata_map["task"] == "policy"


def test_a_damaged_policy_is_refused(tmp_path: Path) -> None:
    own = ends(0, tmp_path)
    with pytest.raises(ModelError, match="damaged"):
        policy_graph(ExportedPolicy({"layers": [9, 1]}, own.weights))


# ---- Exports -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A finished run of a table."""
    url = str(tmp_path_factory.mktemp("store") / "shoal.db")
    shoal.search(small_table(), store=url, **QUICK)
    return url


ROWS = {"size": [1.0, 7.0, 3.0], "age": [5.0, 2.0, 0.0]}


def test_an_export_holds_the_graph_of_its_model(store: str, tmp_path: Path) -> None:
    result = shoal.load_run(1, store)
    folder = result.export(tmp_path / "m", onnx=True)
    with open_store(store) as opened:
        alone = onnx_graph(opened, 1)
    content = (folder / "model.onnx").read_bytes()
    description = json.loads((folder / "model.json").read_text())
    assert description["onnx_sha256"] == hashlib.sha256(content).hexdigest()
    check_same(shoal.load_model(folder), session_of(content), ROWS)

    assert alone == content
    again = result.model.to_onnx(tmp_path / "again.onnx")
    check_same(result.model, session_of(again.read_bytes()), ROWS)


class KilledError(BaseException):
    """The process ended here."""


@pytest.mark.parametrize("has_graph", [True, False])
@pytest.mark.parametrize("moved", range(7))
def test_a_graph_stands_beside_no_other_runs_model(
    moved: int, has_graph: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An export over another one ends before each of its steps."""

    def contents(value: float, graph: bytes | None) -> dict[str, bytes]:
        weights = np.full((2, 31), value, np.float32)
        return {"genome.json": b"{}", **bundle._with_weights(model_of("amount")[0], weights, graph)}

    target = tmp_path / "model"
    bundle._write(contents(1.0, b"the first"), target)
    steps: list[Path] = []

    def counted(step: Any) -> Any:
        def killed(file: Path, *arguments: Any, **named: Any) -> Any:
            if len(steps) == moved:
                raise KilledError
            steps.append(file)
            return step(file, *arguments, **named)

        return killed

    monkeypatch.setattr(Path, "replace", counted(Path.replace))
    monkeypatch.setattr(Path, "unlink", counted(Path.unlink))
    with suppress(KilledError):
        bundle._write(contents(2.0, b"the second" if has_graph else None), target)

    graph = target / "model.onnx"
    if len(steps) < moved:
        assert graph.exists() == has_graph
    if graph.exists():
        assert graph.read_bytes() in (b"the first", b"the second")
    if not (target / "model.json").exists():
        with pytest.raises(TableError, match=r"model\.json is missing"):
            standalone.load_model(target)
        return
    digest = standalone.load_model(target).description.get("onnx_sha256")
    if graph.exists():
        assert digest == hashlib.sha256(graph.read_bytes()).hexdigest()
    else:
        assert digest is None


def test_a_function_has_no_graph() -> None:
    run: Any = SimpleNamespace(id=3, has_network=False)
    with pytest.raises(ModelError, match=r"Run 3 minimises a function.*without --onnx"):
        bundle._check_has_graph(run)


def test_the_example_of_the_document_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("onnxruntime")
    text = (ROOT / "docs" / "how-to" / "onnx.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec("\n".join(blocks), names)

    assert "prediction (2, 1)" in capsys.readouterr().out
    with (
        pytest.warns(shoal.ShoalWarning, match="castle"),
        pytest.warns(shoal.ShoalWarning, match="no value"),
    ):
        expected = names["result"].model.predict(names["rows"])
    assert names["prediction"][:, 0] == pytest.approx(expected, rel=1e-5)
