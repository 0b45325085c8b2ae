"""A trained model in Python: it says what the command and the exported script say."""

from __future__ import annotations

import pickle
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow
import pytest
from typer.testing import CliRunner

import shoal
from shoal.cli.main import app
from shoal.data import load_dataset
from shoal.export.bundle import archive
from shoal.functions.registry import get_function
from shoal.inference.standalone import escape
from support.tables import mixed_table

QUICK: dict[str, Any] = {
    "population": 2,
    "generations": 1,
    "repeats": 2,
    "iterations": 10,
    "baselines": False,
}


def dated_table() -> pd.DataFrame:
    """Decimal commas, dates of people, truth values, gaps and categories, as texts of a file."""
    draw = np.random.default_rng(1)
    amounts = draw.normal(1500, 400, 80)
    days = pd.date_range("2021-01-31", periods=80, freq="9D")
    return pd.DataFrame(
        {
            "amount": [f"{value:,.2f}".replace(",", "_").replace(".", ",") for value in amounts],
            "day": [day.strftime("%d.%m.%Y") for day in days],
            "known": np.where(draw.random(80) < 0.5, "yes", "no"),
            "plan": draw.choice(["basic", "plus", ""], 80),
            "churned": np.where(amounts + draw.normal(0, 100, 80) > 1500, "leaves", "stays"),
        }
    ).replace({"amount": {"_": "."}}, regex=True)


TABLES = {
    "concrete": (None, None),
    "classes": (mixed_table(seed=3), "kind"),
    "two targets": (mixed_table(seed=4).assign(z=lambda table: table["y"] * 2 + 1), ["y", "z"]),
    "of people": (dated_table(), "churned"),
}


@pytest.fixture(scope="module", params=TABLES)
def searched(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[shoal.SearchResult, Path, Path]:
    """A search's result, its export, and its table as a file."""
    folder = tmp_path_factory.mktemp("model")
    file = folder / "t.csv"
    table, target = TABLES[request.param]
    if table is None:
        table = load_dataset("concrete").source
        target = "compressive_strength"
    table.to_csv(file, index=False, sep=";")
    with shoal.open_store(folder / "shoal.db") as store:
        result = shoal.search(load_dataset(file, target, folds=1), store=store, **QUICK)
        (folder / "run.zip").write_bytes(archive(store, result.run.id))
    arguments = ["export", "1", "--to", str(folder / "m"), "--store", str(folder / "shoal.db")]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    return result, folder / "m", file


def test_it_says_what_the_command_and_the_script_say(
    searched: tuple[shoal.SearchResult, Path, Path], tmp_path: Path
) -> None:
    result, folder, file = searched
    model = shoal.load_model(folder)
    options = ["--proba", "--spread"]

    by_command = tmp_path / "command.csv"
    arguments = ["predict", str(folder), str(file), *options, "--out", str(by_command)]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    by_script = tmp_path / "script.csv"
    script = [sys.executable, str(folder / "predict.py"), str(file), *options, "--out"]
    subprocess.run([*script, str(by_script)], check=True, capture_output=True)
    assert by_script.read_bytes() == by_command.read_bytes()

    # Texts as they are, and then numbers as a DataFrame of a user has them.
    texts = pd.read_csv(file, sep=";", dtype=str, keep_default_na=False)
    rows = model.predict_rows(texts)
    written = pd.read_csv(by_command)
    assert written["row"].tolist() == list(range(2, len(texts) + 2))
    frame = rows.to_frame()
    assert list(written.columns) == ["row", *frame.columns]
    for name in frame:
        expected = frame[name].tolist()
        if frame[name].dtype.kind not in "f":
            expected = [escape(value) for value in expected]
        assert written[name].tolist() == expected, name

    for X in (
        file,
        str(file),
        texts,
        texts[list(model.inputs)].to_numpy(),
        texts[list(model.inputs)].to_numpy().tolist(),
        {name: texts[name].tolist() for name in model.inputs},
        pyarrow.table(texts),
        texts.to_dict("records"),
    ):
        np.testing.assert_array_equal(model.predict(X), rows.values)
    for other in (result.model, result.champion, result, pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(other.predict(texts), rows.values)
        np.testing.assert_array_equal(other.predict_each(texts), rows.each)
    for other in (folder / "model.json", folder.parent / "run.zip"):
        np.testing.assert_array_equal(shoal.load_model(other).predict(texts), rows.values)


def test_networks_and_their_spread(searched: tuple[shoal.SearchResult, Path, Path]) -> None:
    result, folder, file = searched
    model = shoal.load_model(folder)
    rows = result.predict_rows(file)
    shares = np.array(result.champion.shares)
    assert len(rows.each) == model.networks == len(shares)

    # numpy's own weighted mean, and the definition of a standard deviation.
    mean = np.average(rows.each, axis=0, weights=shares)
    apart = np.sqrt(np.average((rows.each - mean) ** 2, axis=0, weights=shares))
    if model.classes:
        np.testing.assert_array_equal(rows.probabilities, mean)
        np.testing.assert_array_equal(result.predict_proba(file), mean)
        np.testing.assert_allclose(mean.sum(axis=1), 1)
        best = mean.argmax(axis=1)
        assert rows.values.tolist() == [model.classes[index] for index in best]
        apart = apart[np.arange(len(best)), best]
        assert model.task == "classification"
    else:
        np.testing.assert_array_equal(rows.values, mean)
        with pytest.raises(shoal.ShoalError, match=r"has no probabilities.*What to do"):
            model.predict_proba(file)
    np.testing.assert_allclose(rows.spread, apart, rtol=1e-12)
    assert (rows.low <= rows.high).all() and rows.low.shape == rows.each.shape[1:]


def test_it_predicts_with_the_recorded_scores(
    searched: tuple[shoal.SearchResult, Path, Path],
) -> None:
    """The ensemble's test scores, from the predictions of the table's own rows."""
    result, _, file = searched
    data = result.problem_of_run().dataset
    rows = result.predict_rows(file)
    test = data.test
    recorded = result.champion.ensemble.test["accuracy"]
    if data.classes:
        codes = [data.classes.index(value) for value in rows.values]
        found = 100 * np.mean(np.array(codes)[test.rows] == test.target)
    else:
        error = np.abs(rows.values[test.rows] - test.target).mean(axis=0)
        found = np.mean(100 * (1 - error / np.abs(test.target).mean(axis=0)))
    assert found == pytest.approx(recorded, abs=1e-3)


@pytest.fixture(scope="module")
def model() -> shoal.Model:
    data = load_dataset(dated_table(), "churned", folds=1)
    result = shoal.train(data, iterations=20)
    assert result.model is not None
    return result.model


def test_a_training_predicts_as_its_network(model: shoal.Model) -> None:
    data = load_dataset(dated_table(), "churned", folds=1)
    result = shoal.train(data, iterations=20)
    outputs = result.network.forward(result.weights[None], data.test.x)[0]
    expected = np.exp(outputs) / np.exp(outputs).sum(axis=1, keepdims=True)
    rows = dated_table().iloc[data.test.rows]
    np.testing.assert_allclose(result.predict_proba(rows), expected, rtol=1e-5)
    assert result.predict(rows).tolist() == model.predict(rows).tolist()


def test_names_and_a_short_repr(model: shoal.Model) -> None:
    assert model.inputs == ("amount", "day", "known", "plan")
    assert (model.target, model.targets) == ("churned", ("churned",))
    assert model.classes == ("leaves", "stays")
    assert model.metric.name == "accuracy"
    assert model.networks == 1
    assert len(repr(model)) < 200 and "4 inputs" in repr(model) and "\n" not in repr(model)
    assert "leaves" in model._repr_html_()


def test_one_row_is_a_dict_and_no_rows_are_none(model: shoal.Model) -> None:
    table = dated_table()
    row = table.iloc[0].drop("churned").to_dict()
    assert model.predict(row).tolist() == model.predict(table.head(1)).tolist()
    assert model.predict(table.head(0)).shape == (0,)
    assert model.predict_proba(table.head(0)).shape == (0, 2)


def test_what_a_dataframe_has_besides_changes_nothing(model: shoal.Model) -> None:
    table = dated_table()
    expected = model.predict_proba(table)
    odd = table.assign(junk=[[1]] * len(table)).iloc[:, ::-1].set_index("plan")
    odd.columns = [f" {name} " for name in odd.columns]
    np.testing.assert_array_equal(model.predict_proba(odd), expected)

    typed = table.assign(day=pd.to_datetime(table["day"], dayfirst=True))
    np.testing.assert_array_equal(model.predict_proba(typed), expected)


def test_unseen_categories_are_counted_warned_about_and_refused(model: shoal.Model) -> None:
    table = dated_table()
    table.loc[[3, 5], "plan"] = "gold"
    with pytest.warns(shoal.ShoalWarning, match=r"'plan': 2 cells .*'gold'.*row 5"):
        values = model.predict(table)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rows = model.predict_rows(table)
    assert rows.values.tolist() == values.tolist()
    assert rows.unseen["plan"].cells == 2
    with pytest.raises(shoal.ShoalError, match=r"'gold'.*What to do"):
        model.predict(table, strict=True)


@pytest.mark.parametrize(
    ("X", "words"),
    [
        ({"amount": ["1,5"], "day": ["31.01.2021"]}, "column 'known' is missing.*What to do: add"),
        (np.ones((2, 3)), r"shape \(2, 3\).*\(rows, 4\), .* order amount, day, known, plan"),
        (np.ones(4), r"shape \(4,\).*X\[None\]"),
        ([[1, 2], [3]], "rows, 4"),
        (3.5, "type float.*What to do"),
        ("nowhere.csv", "there is no such file"),
        (dated_table().assign(amount="much"), "row 2, column 'amount': 'much' is not a number"),
    ],
)
def test_what_is_wrong_is_said_with_a_remedy(model: shoal.Model, X: Any, words: str) -> None:
    with pytest.raises(shoal.ShoalError, match=words):
        model.predict(X)


def test_results_without_a_model_say_what_to_do(tmp_path: Path) -> None:
    with shoal.open_store(tmp_path / "shoal.db") as store:
        run_id, _ = store.add_run(load_dataset("concrete"), shoal.SearchSettings())
        waiting = shoal.load_run(run_id, store)
    with pytest.raises(shoal.ShoalError, match=r"Run 1 is queued.*What to do"):
        waiting.predict("concrete")

    found = shoal.search(get_function("sphere"), store=tmp_path / "f.db", **QUICK)
    with pytest.raises(shoal.ShoalError, match=r"no model of a table.*What to do"):
        found.predict({"x": [1]})


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "t.csv").write_text("a\n1\n")
    (tmp_path / "run.zip").write_bytes(b"PK\x05\x06" + bytes(18))
    for path in ("nothing", "empty", "t.csv", "run.zip"):
        with pytest.raises(shoal.ShoalError, match=f"{path}.*What to do"):
            shoal.load_model(tmp_path / path)
