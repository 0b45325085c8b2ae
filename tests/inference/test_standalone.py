"""The predictor: encoding, forward pass, and its life as a script without Shoal."""

from __future__ import annotations

import ast
import csv
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import threading
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shoal.data import Dataset, load_dataset
from shoal.inference import standalone
from shoal.inference.standalone import (
    TableError,
    encode,
    forward,
    load_model,
    main,
    parse_csv,
    predict,
    to_level,
    to_number,
)
from shoal.nn.activations import ACTIVATIONS
from support.activations import DEFINITIONS

SOURCE = Path(standalone.__file__)


def size(layers: list[int]) -> int:
    """Weights of a dense network."""
    return sum(a * b + b for a, b in pairwise(layers))


def frame(rows: int = 60) -> pd.DataFrame:
    """Numbers with gaps, words that spreadsheets would run, and two targets."""
    draw = np.random.default_rng(1)
    return pd.DataFrame(
        {
            "a": np.where(draw.random(rows) < 0.2, np.nan, draw.normal(0, 3, rows)),
            "w": draw.choice(["x", "y", "z"], rows),
            "kind": draw.choice(["=cmd()", "+plus", "-1", "@at", "plain, text"], rows),
            "y": draw.normal(50, 9, rows),
        }
    )


def export(folder: Path, data: Dataset, networks: int = 3, **changes: object) -> Path:
    """A model with random weights, laid out as Shoal exports it."""
    folder.mkdir(exist_ok=True)
    layers = [data.inputs, 5, data.outputs]
    weights = np.random.default_rng(0).normal(0, 1, (networks, size(layers))).astype(np.float32)
    about = {
        "format": 1,
        "shoal": "0",
        "name": data.name,
        "task": data.task,
        "layers": layers,
        "activation": "tanh",
    }
    about |= {"encoder": data.encoder.to_dict(), "networks": networks} | changes
    (folder / "model.json").write_text(json.dumps(about))
    np.savez(folder / "weights.npz", weights=weights)
    return folder


def test_it_needs_only_the_standard_library_and_numpy() -> None:
    tree = ast.parse(SOURCE.read_text(encoding="utf-8"))
    names = [a.name for node in ast.walk(tree) if isinstance(node, ast.Import) for a in node.names]
    names += [node.module or "." for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert {name.split(".")[0] for name in names} <= sys.stdlib_module_names | {"numpy"}


def test_every_activation_is_exported_and_has_a_definition() -> None:
    """A search may choose any that is registered, and an exported model has to know it."""
    assert set(ACTIVATIONS) == set(standalone.ACTIVATIONS) == set(DEFINITIONS)


def outputs_of_row(
    weights: list[float], layers: list[int], activation: str, row: list[float]
) -> list[float]:
    """A dense network for one row, one neuron after another."""
    function = DEFINITIONS[activation]
    values = row
    unread = iter(weights)

    for number, (inputs, outputs) in enumerate(pairwise(layers), 1):
        matrix = [list(islice(unread, inputs)) for _ in range(outputs)]
        biases = list(islice(unread, outputs))

        sums = []
        for neuron, bias in zip(matrix, biases, strict=True):
            products = [weight * value for weight, value in zip(neuron, values, strict=True)]
            sums.append(math.fsum(products) + bias)

        values = sums
        if number < len(layers) - 1:
            values = [function(value) for value in sums]
    return values


@settings(max_examples=50, deadline=None)
@given(
    layers=st.lists(st.integers(1, 6), min_size=2, max_size=5),
    activation=st.sampled_from(sorted(ACTIVATIONS)),
    seed=st.integers(0, 1000),
)
def test_forward_follows_the_definition(layers: list[int], activation: str, seed: int) -> None:
    draw = np.random.default_rng(seed)
    weights = draw.normal(size=size(layers)).astype(np.float32)
    x = draw.normal(size=(3, layers[0])).astype(np.float32)
    expected = [outputs_of_row(weights.tolist(), layers, activation, row) for row in x.tolist()]

    result = forward(weights, layers, activation, x)

    assert result.dtype == np.float32
    np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_forward_survives_huge_inputs(activation: str) -> None:
    x = np.array([[1e20], [-1e20]], dtype=np.float32)
    result = forward(np.ones(4, dtype=np.float32), [1, 1, 1], activation, x)
    assert np.isfinite(result).all()


def test_forward_refuses_what_does_not_fit() -> None:
    x = np.ones((1, 2), dtype=np.float32)
    for weights, activation in (
        (np.ones(4, dtype=np.float32), "relu"),
        (np.ones(3, dtype=np.float32), "swish"),
    ):
        with pytest.raises(TableError, match="do not fit"):
            forward(weights, [2, 1], activation, x)


@pytest.mark.parametrize(
    ("cell", "number", "level"),
    [
        (" 1.50 ", 1.5, "1.50"),
        ("1e3", 1000.0, "1e3"),
        (7, 7.0, "7"),
        (7.0, 7.0, "7"),
        (np.float32(0.5), 0.5, "0.5"),
        (10**400, math.inf, str(10**400)),
        ("1_000", None, "1_000"),
        ("one", None, "one"),
        (True, None, "True"),
        ("None", math.nan, "None"),
        ("?", math.nan, "?"),
        ("", math.nan, None),
        ("N/A", math.nan, None),
        (None, math.nan, None),
        (math.nan, math.nan, None),
        (pd.NA, math.nan, None),
        (pd.NaT, math.nan, None),
    ],
)
def test_cells(cell: object, number: float | None, level: str | None) -> None:
    assert to_number(cell) == number or (
        number is not None and math.isnan(number) and math.isnan(to_number(cell) or 0)
    )
    assert to_level(cell) == level


def test_training_rows_encode_to_the_same_bits_from_csv_text_and_objects() -> None:
    table = frame()
    data = load_dataset(table, "y", folds=1)
    encoder = json.loads(json.dumps(data.encoder.to_dict()))
    from_text = encode(parse_csv(table.to_csv(index=False)), encoder)
    from_objects = encode({name: table[name].tolist() for name in table}, encoder)

    for part in (data.train, data.validation, data.test):
        assert part is not None
        assert (
            from_text[part.rows].tobytes() == from_objects[part.rows].tobytes() == part.x.tobytes()
        )


ENCODER = {
    "columns": [
        {
            "name": "a",
            "kind": "numeric",
            "fill": None,
            "mean": 0.0,
            "scale": 1.0,
            "missing_indicator": False,
        },
        {"name": "w", "kind": "categorical", "levels": ["x", None]},
    ],
    "target": {"name": "y", "kind": "regression", "offset": 0.0, "scale": 1.0},
}


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"a": [1]}, ["'w' is missing", "there are: a", "add it"]),
        ({"a": [1, 2], "w": ["x"]}, ["different lengths"]),
        ({"a": [1, "two"], "w": ["x", "x"]}, ["row 3", "'a'", "'two'", "not a number"]),
        ({"a": [1, ""], "w": ["x", "x"]}, ["row 3", "'a'", "no value", "fill it in"]),
        ({"a": [1, "inf"], "w": ["x", "x"]}, ["row 3", "'a'", "too large"]),
        ({"a": [1, 1e39], "w": ["x", "x"]}, ["row 3", "'a'", "too large"]),
        ({"a": [1, True], "w": ["x", "x"]}, ["row 3", "'a'", "not a number"]),
    ],
)
def test_encode_says_what_is_wrong(columns: dict[str, list[object]], words: list[str]) -> None:
    with pytest.raises(ValueError, match="What to do") as raised:
        encode(columns, ENCODER)
    assert [word for word in words if word not in str(raised.value)] == []


def test_unseen_levels_are_zeros_and_missing_ones_a_level() -> None:
    assert encode({"a": [1, 2, 3], "w": ["x", "new", "NA"]}, ENCODER).tolist() == [
        [1, 1, 0],
        [2, 0, 0],
        [3, 0, 1],
    ]
    assert encode({"a": [], "w": []}, ENCODER).shape == (0, 3)


def test_predict_is_the_mean_over_networks(tmp_path: Path) -> None:
    table = frame()
    data = load_dataset(table, "y", test_fraction=0, validation_fraction=0)
    model = load_model(export(tmp_path / "m", data))
    outputs = [forward(w, model.description["layers"], "tanh", data.train.x) for w in model.weights]
    expected = np.mean([data.unscale(output) for output in outputs], axis=0)
    result = predict(tmp_path / "m", {name: table[name].tolist() for name in table})
    np.testing.assert_array_equal(result.values, expected)
    assert result.probabilities is None


def test_predict_gives_labels_and_probabilities(tmp_path: Path) -> None:
    table = frame()
    data = load_dataset(table, "kind")
    result = predict(
        load_model(export(tmp_path / "m", data)), {name: table[name].tolist() for name in table}
    )

    assert result.probabilities is not None and result.probabilities.shape == (60, 5)

    np.testing.assert_allclose(result.probabilities.sum(axis=1), 1)
    assert result.values.tolist() == [
        result.classes[i] for i in result.probabilities.argmax(axis=1)
    ]


def test_several_targets_are_columns_of_predictions(tmp_path: Path) -> None:
    table = frame()
    table["-z"] = table["y"] * 1e6 + 1
    data = load_dataset(table, ["y", "-z"])
    folder = export(tmp_path / "m", data, format=3, shares=[0.5, 0.25, 0.25])
    model = load_model(folder)
    outputs = [forward(w, model.description["layers"], "tanh", data.train.x) for w in model.weights]
    expected = np.average([data.unscale(o) for o in outputs], axis=0, weights=[0.5, 0.25, 0.25])
    rows = {name: table[name].to_numpy()[data.train.rows].tolist() for name in ("a", "w", "kind")}
    result = predict(folder, rows)
    assert result.targets == ("y", "-z") and result.values.shape == (len(data.train.rows), 2)
    np.testing.assert_array_equal(result.values, expected)

    table.drop(columns=["y", "-z"]).to_csv(tmp_path / "t.csv", index=False)
    out = tmp_path / "p.csv"
    assert main([str(tmp_path / "t.csv"), "--out", str(out), "--model", str(folder)]) == 0
    written = pd.read_csv(out)
    assert list(written) == ["row", "prediction y", "prediction -z"]
    assert written["row"].tolist() == list(range(2, len(table) + 2))
    np.testing.assert_array_equal(written.to_numpy()[data.train.rows, 1:], expected)

    with pytest.raises(TableError, match="do not fit each other"):
        load_model(export(tmp_path / "m", data, layers=[data.inputs, 5, 3]))


def damage(path: Path, content: bytes) -> None:
    """Replace a model's file."""
    path.write_bytes(content)


def test_damaged_models_are_refused(tmp_path: Path) -> None:
    data = load_dataset(frame(), "y")
    with pytest.raises(TableError, match=r"model\.json"):
        load_model(tmp_path)
    with pytest.raises(TableError, match=r"format 6.*1 or 2 or 3 or 4 or 5"):
        load_model(export(tmp_path / "m", data, format=6))
    with pytest.raises(TableError, match=r"holds a policy.*`shoal play`"):
        load_model(export(tmp_path / "m", data, kind="policy"))

    for changes in (
        {"layers": [data.inputs, 4, 1]},
        {"layers": [3, 1]},
        {"activation": "x"},
        {"encoder": {}},
        {"layers": 3},
    ):
        with pytest.raises(TableError, match="What to do"):
            load_model(export(tmp_path / "m", data, **changes))

    for name, content in (
        ("model.json", b"{"),
        ("model.json", b"[]"),
        ("weights.npz", b"PK\x03\x04"),
        ("weights.npz", b""),
    ):
        damage(export(tmp_path / "m", data) / name, content)
        with pytest.raises(TableError, match="export the model again"):
            load_model(tmp_path / "m")

    np.savez(export(tmp_path / "m", data) / "weights.npz", weights=np.array([{}], dtype=object))
    with pytest.raises(TableError, match="export the model again"):
        load_model(tmp_path / "m")


def test_the_script_runs_alone_and_escapes_text(tmp_path: Path) -> None:
    table = frame()
    folder = export(tmp_path / "m", load_dataset(table, "kind"))
    shutil.copy(SOURCE, folder / "predict.py")
    table.drop(columns="kind").to_csv(
        tmp_path / "t.csv", index=False, encoding="utf-8-sig", sep=";"
    )
    command = [sys.executable, "-I", "-W", "error", str(folder / "predict.py"), "t.csv", "--proba"]
    command += ["--spread", "--keep", "w,a"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")

    with (tmp_path / "predictions.csv").open(newline="") as file:
        header, *lines = csv.reader(file)
    result = predict(folder, {name: table[name].tolist() for name in table})
    assert result.probabilities is not None

    probabilities = [f"probability {name}" for name in result.classes]
    assert header == ["row", "w", "a", "prediction", "spread", *probabilities]
    with (tmp_path / "t.csv").open(newline="", encoding="utf-8-sig") as file:
        kept = [[row["w"], row["a"]] for row in csv.DictReader(file, delimiter=";")]
    assert [line[:3] for line in lines] == [[str(row + 2), *kept[row]] for row in range(60)]

    escaped = {"=cmd()": "'=cmd()", "+plus": "'+plus", "@at": "'@at"}
    assert [line[3] for line in lines] == [
        escaped.get(value, value) for value in result.values.tolist()
    ]
    assert [[float(p) for p in line[5:]] for line in lines] == result.probabilities.tolist()


def test_bad_input_exits_2_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = frame()
    folder = export(tmp_path / "m", load_dataset(table, "y"))
    good, bad, out = tmp_path / "good.csv", tmp_path / "bad.csv", tmp_path / "out.csv"
    table.to_csv(good, index=False)
    table.astype({"a": object}).fillna({"a": "?"}).replace({"a": {"?": "what"}}).to_csv(
        bad, index=False
    )

    for arguments, words in (
        ([bad, "--model", folder, "--out", out], "'what' is not a number"),
        ([good, "--model", tmp_path, "--out", out], "model.json"),
        ([tmp_path / "no.csv", "--model", folder, "--out", out], "no.csv"),
        ([good, "--model", folder, "--out", good], "table itself"),
        ([good, "--model", folder, "--out", tmp_path / "no" / "out.csv"], "no"),
    ):
        before = sorted(tmp_path.iterdir())
        assert main([str(argument) for argument in arguments]) == 2
        assert words in capsys.readouterr().err
        assert sorted(tmp_path.iterdir()) == before

    assert main([str(good), "--model", str(folder), "--out", str(out)]) == 0

    with out.open(newline="") as file:
        header, *lines = csv.reader(file)
    assert (
        header == ["row", "prediction"]
        and [float(line[1]) for line in lines] == predict(folder, table).values.tolist()
    )


def test_a_model_of_one_feature_predicts_a_table_of_one_column(tmp_path: Path) -> None:
    table = frame()[["w", "y"]]
    folder = export(tmp_path / "m", load_dataset(table, "y"))
    columns = parse_csv(table[["w"]].to_csv(index=False))
    assert (
        predict(folder, columns).values.tolist()
        == predict(folder, {"w": table["w"].tolist()}).values.tolist()
    )


_KILLED_WHILE_WRITING = """
import os, signal, sys
import predict

def kill(handle):
    os.kill(os.getpid(), signal.SIGKILL)

predict.os.fsync = kill
predict.main([*sys.argv[1:]])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_what_a_killed_run_leaves_is_cleared_by_the_next(tmp_path: Path) -> None:
    folder, out = tmp_path / "model", tmp_path / "out[1].csv"
    new = tmp_path / "new.csv"
    frame().drop(columns="y").to_csv(new, index=False)
    export(folder, load_dataset(frame(), "y"))
    shutil.copy(SOURCE, folder / "predict.py")

    command = [sys.executable, "-c", _KILLED_WHILE_WRITING, str(new), "--out", str(out)]
    killed = subprocess.run(command, cwd=folder, check=False)
    assert killed.returncode == -signal.SIGKILL
    (left,) = tmp_path.glob("*.part")
    assert left.read_text().startswith("row,prediction\n2,") and not out.exists()
    left_text = left.read_text()
    # Of an earlier version, and what is none of ours.
    (tmp_path / ".out[1].csv.4711.part").touch()
    (tmp_path / ".other.csv.4711.part").touch()

    # What another process is writing is locked, and stays.
    used = tmp_path / ".out[1].csv.0a0b0c0d.part"
    with used.open("w") as file:
        if standalone.fcntl is not None:
            standalone.fcntl.flock(file, standalone.fcntl.LOCK_EX)
        assert main([str(new), "--out", str(out), "--model", str(folder)]) == 0
    assert out.read_text() == left_text
    assert {path.name for path in tmp_path.glob(".*")} == {used.name, ".other.csv.4711.part"}


def test_a_file_that_is_taken_for_abandoned_is_begun_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if standalone.fcntl is None:
        pytest.skip("there are no such locks on Windows")
    lock = standalone.fcntl.flock
    removed = []

    def remove_first(file: Any, flags: int) -> None:
        if not removed:
            removed.extend(tmp_path.glob(".*.part"))
            removed[0].unlink()
        lock(file, flags)

    monkeypatch.setattr(standalone.fcntl, "flock", remove_first)
    out = tmp_path / "out.csv"
    standalone.write_predictions(out, standalone.Prediction(np.array([1.5, 2.5])))
    assert out.read_text() == "row,prediction\n2,1.5\n3,2.5\n"
    assert len(removed) == 1 and [*tmp_path.iterdir()] == [out]


def _read_in_the_background(path: Path) -> tuple[threading.Thread, list[str]]:
    """Read a pipe until its writer ends."""
    read: list[str] = []
    thread = threading.Thread(target=lambda: read.append(path.read_text()), daemon=True)
    thread.start()
    return thread, read


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="a pipe with a name")
def test_devices_and_pipes_are_written_to_and_stay(tmp_path: Path) -> None:
    """A file took the place of /dev/null, for all programs, where root predicted to it."""
    prediction = standalone.Prediction(np.array([1.5, 2.5]))
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    thread, read = _read_in_the_background(pipe)
    standalone.write_predictions(pipe, prediction)
    thread.join(60)
    assert pipe.is_fifo() and [*tmp_path.iterdir()] == [pipe]
    assert read == ["row,prediction\n2,1.5\n3,2.5\n"]


def test_a_link_stays_and_its_file_is_replaced(tmp_path: Path) -> None:
    real = tmp_path / "elsewhere" / "real.csv"
    real.parent.mkdir()
    real.write_text("old")
    link = tmp_path / "link.csv"
    link.symlink_to(real)
    standalone.write_predictions(link, standalone.Prediction(np.array([1.5])))
    assert link.is_symlink() and real.read_text() == "row,prediction\n2,1.5\n"
