"""report.html, settings.toml and the archive of a run: whole, harmless, true and repeatable."""

from __future__ import annotations

import io
import json
import math
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

import shoal
from shoal.analysis.summary import summarise
from shoal.cli.main import app
from shoal.cli.run_input import read_run_input
from shoal.data import DataOptions, Dataset, load_dataset
from shoal.errors import RunStateError
from shoal.export import archive, export_run
from shoal.export.bundle import FILES
from shoal.export.html import Html, join, tag
from shoal.export.settings_file import settings_toml
from shoal.export.svg import Point, history, ticks
from shoal.inference.standalone import predict as model_predictions
from shoal.objectives.metrics import Metrics, Scores
from shoal.objectives.registry import ACCURACY, Metric
from shoal.orchestration.runner import Runner
from shoal.presentation.formatting import duration
from shoal.presentation.run_json import run_row
from shoal.problems.table import as_table
from shoal.replay.predictions import Predictions, champion_predictions
from shoal.settings.search_settings import SearchSettings, read_settings_file
from shoal.store import Owner, Store, open_store
from support.fakes import HereExecutor, InlineExecutor
from support.pages import Parsed, check_harmless

HOSTILE = "<img src=x onerror=alert(1)> \"' & </style><script>alert(2)</script> =1+1 😀"
SMALL = {"population": 3, "generations": 2, "iterations": 4, "baselines": False, "workers": 1}
COST = Metric("cost", "Cost", "minimize", "EUR")


def finished(store: Store, **given: object) -> int:
    """A finished run of the bundled table under a hostile name, trained here."""
    values = SearchSettings.parse({**SMALL, **given})
    dataset = replace(load_dataset("concrete", preset=values.preset), name=HOSTILE)
    run_id, _ = store.add_run(dataset, values, name=HOSTILE)
    claim = store.claim(Owner.here(), run_id)
    assert claim is not None
    assert Runner(store, claim, make_executor=HereExecutor).drive() == "finished"
    return run_id


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, int]]:
    with open_store(tmp_path_factory.mktemp("report") / "shoal.db") as store:
        yield store, finished(store)


@pytest.fixture(scope="module")
def folder(opened: tuple[Store, int], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_run(*opened, tmp_path_factory.mktemp("export") / "model")


def test_the_report_is_whole_harmless_and_alone(folder: Path) -> None:
    page = (folder / "report.html").read_text()
    assert page.startswith("<!DOCTYPE html>")
    assert len(page.encode()) < 200_000
    parsed = check_harmless(page)
    assert "https:" not in page
    assert HOSTILE in parsed.text, "a user's text is shown as it is, and is no markup"


def test_the_report_has_held_out_losses_beside_those_of_training(
    opened: tuple[Store, int], folder: Path
) -> None:
    store, run_id = opened
    page = (folder / "report.html").read_text()
    genome = json.loads((folder / "genome.json").read_text())
    (name,) = {
        own.task.genome.hash
        for own in store.evaluations(run_id)
        if own.task.genome.to_dict() == genome
    }
    trainings = len(store.evaluations(run_id, genome=name))
    assert page.count('class="line loss s0"') == trainings
    assert page.count('class="line loss s1 dashed"') == trainings
    assert "Every recorded training loss was met again, to the bit." in Parsed(page).text


def test_the_report_says_what_the_store_knows(opened: tuple[Store, int], folder: Path) -> None:
    store, run_id = opened
    run, text = store.run(run_id), Parsed((folder / "report.html").read_text()).text
    model = json.loads((folder / "model.json").read_text())
    assert run.result_hash is not None

    assert run.result_hash in text

    for part in ("single", "ensemble"):
        scores = model["scores" if part == "single" else "ensemble"]["test"]["accuracy"]
        assert f"{scores:.2f} %" in text

    assert f"{model['accuracy']:.2f} %" in text
    assert f"{model['confirmation']['accuracy']:.2f} %" in text
    assert (
        f"{run.evaluations:,}, of {run.iterations:,} iterations together, "
        f"in {duration(run.seconds)}" in text
    )
    assert f"Shoal {shoal.__version__}" in text
    assert "57 rows have the same features" in text
    assert "shoal run TABLE --settings settings.toml" in text

    genome = store.evaluations(run_id)[0].task.genome
    replayed = re.search(rf"shoal replay {run_id} ([0-9a-f]{{8}}) (\d+)", text)
    assert replayed is not None
    names = {(e.task.genome.hash[:8], e.task.repeat) for e in store.evaluations(run_id)}

    assert (replayed[1], int(replayed[2])) in names
    assert genome.hash[:8] in text, "three genomes a generation: the leaders are all there"


def test_the_settings_file_gives_the_same_search(
    opened: tuple[Store, int], folder: Path, tmp_path: Path
) -> None:
    store, run_id = opened
    search = read_run_input({"data": "concrete"}, folder / "settings.toml")
    run = store.run(run_id)

    assert isinstance(search.subject, Dataset)
    assert search.subject.options.to_dict() == run.data_options

    again, _ = store.add_run(search.subject, search.settings)
    claim = store.claim(Owner.here(), again)
    assert claim is not None
    Runner(store, claim, make_executor=HereExecutor).drive()

    assert store.run(again).result_hash == run.result_hash


def test_a_run_with_roles_is_exported_with_them_and_its_model_without(tmp_path: Path) -> None:
    table = load_dataset("concrete").source
    table["amount"] = table["cement"] * 2
    table["w"] = table["age"] % 3
    file = tmp_path / "table.csv"
    table.to_csv(file, index=False)
    given = {"data": str(file), "target": "compressive_strength"}
    search = read_run_input({**given, **SMALL, "role": ["amount=column", "w=weight"]}, None)
    assert isinstance(search.subject, Dataset)
    assert search.subject.options.with_roles == ("amount", "w")

    with open_store(tmp_path / "shoal.db") as store:
        run_id, _ = store.add_run(search.subject, search.settings)
        claim = store.claim(Owner.here(), run_id)
        assert claim is not None
        Runner(store, claim, make_executor=HereExecutor).drive()
        problem = as_table(store.load_problem(run_id), "This test")
        assert problem.dataset.options == search.subject.options
        folder = export_run(store, run_id, tmp_path / "model")

    text = Parsed((folder / "report.html").read_text()).text
    assert "Weight of a roww" in text and "Columns for objectivesamount" in text
    again = read_run_input({"data": str(file)}, folder / "settings.toml")
    assert isinstance(again.subject, Dataset)
    assert again.subject.options == search.subject.options

    # Roles of a command replace those of the file.
    other = read_run_input({"data": str(file), "role": ["amount=weight"]}, folder / "settings.toml")
    assert isinstance(other.subject, Dataset)
    assert other.subject.options.with_roles == ("amount",)

    new = tmp_path / "new.csv"
    table.drop(columns=["amount", "w", "compressive_strength"]).to_csv(new, index=False)
    predicted = []
    for table_file in (new, file):
        out = tmp_path / "out.csv"
        command = [sys.executable, folder / "predict.py", table_file, "--out", out]
        subprocess.run(command, check=True, capture_output=True)
        predicted.append([row.rsplit(",", 1)[-1] for row in out.read_text().splitlines()])
    assert len(predicted[0]) == len(table) + 1 and predicted[0] == predicted[1]


def test_a_run_with_several_targets_is_repeated_exported_and_predicts(tmp_path: Path) -> None:
    table = load_dataset("concrete").source
    table["other"] = 1e4 - 30 * table["compressive_strength"] + 3 * table["water"]
    file = tmp_path / "table.csv"
    table.to_csv(file, index=False)
    given = {"data": str(file), "target": "compressive_strength, other"}
    search = read_run_input({**given, **SMALL}, None)

    with open_store(tmp_path / "shoal.db") as store:
        run_id, _ = store.add_run(search.subject, search.settings)
        claim = store.claim(Owner.here(), run_id)
        assert claim is not None
        Runner(store, claim, make_executor=HereExecutor).drive()
        folder = export_run(store, run_id, tmp_path / "model")

        again = read_run_input({"data": str(file)}, folder / "settings.toml")
        assert isinstance(again.subject, Dataset)
        assert again.subject.options.targets == ("compressive_strength", "other")
        repeated, _ = store.add_run(again.subject, again.settings)
        claim = store.claim(Owner.here(), repeated)
        assert claim is not None
        Runner(store, claim, make_executor=HereExecutor).drive()
        assert store.run(repeated).result_hash == store.run(run_id).result_hash

        predictions = champion_predictions(store, run_id)
        assert predictions is not None and predictions.same
        assert predictions.targets == ("compressive_strength", "other")
        kept = predictions.of_target(1)["test"]
        assert kept.target.ndim == 1
        record = json.loads(json.dumps(predictions.to_dict()))
        read = Predictions.from_dict(record).of_target(1)["test"]
        assert read.predicted.tolist() == kept.predicted.tolist()

        data = as_table(store.load_problem(run_id), "This test").dataset

    assert "compressive_strength, other (regression)" in (
        Parsed((folder / "report.html").read_text()).text
    )
    assert json.loads((folder / "model.json").read_text())["format"] == 3
    written = model_predictions(folder, {name: table[name].tolist() for name in table})
    assert written.targets == ("compressive_strength", "other")
    assert data.test is not None
    np.testing.assert_allclose(written.values[data.test.rows, 1], kept.predicted, rtol=1e-5)


def test_a_model_of_one_target_is_what_earlier_versions_read(folder: Path) -> None:
    model = json.loads((folder / "model.json").read_text())
    assert model["format"] == 2
    assert list(model["encoder"]["target"]) == ["name", "offset", "scale", "kind"]
    assert model["encoder"]["target"]["kind"] == "regression"


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
OPTIONS = st.builds(
    DataOptions,
    target=TEXT.map("target of {}".format),
    preset=st.sampled_from(["modern"]),
    group=st.none(),
    test_fraction=st.floats(0, 0.9),
    folds=st.integers(1, 7),
    seed=st.integers(0, 2**32 - 1),
    same=st.just("all") | st.lists(st.text("ab\"'\\\n\x7fé😀,", min_size=1), max_size=3).map(tuple),
    log_columns=st.sampled_from(["auto", "none"]),
    # No text of `same` has an x.
    columns=st.lists(st.text("=\"'\\\n\x7fé😀,").map("x{}".format), max_size=3, unique=True).map(
        tuple
    ),
    weight=st.sampled_from([None, "weight", 'a "weight"']),
)
SETTINGS = st.fixed_dictionaries(
    {"seed": st.integers(0, 2**63 - 1), "population": st.integers(2, 50)},
    optional={
        "preset": st.sampled_from(["modern", "classic"]),
        "max_seconds": st.floats(1e-9, 1e9),
        "mutation": st.floats(0, 1),
        "bounds": st.just({"inertia_weight": [0.25, 0.5], "swarm_size": [10, 40]}),
        "choices": st.just({"activation": ["relu", "gelu"]}),
        "patience": st.none() | st.integers(1, 1000),
        "patience_on": st.sampled_from(["training", "validation"]),
        "extra_genes": st.just(["weight_decay", "activation"]),
        "loss": st.sampled_from(["mse", "huber"]),
        "training_seconds": st.floats(0.1, 10),
    },
)


@settings(max_examples=60, deadline=None)
@given(SETTINGS, OPTIONS, TEXT)
def test_any_settings_survive_the_file(
    given_values: dict[str, object], options: DataOptions, name: str
) -> None:
    before = SearchSettings.parse(given_values)
    text = settings_toml(before, options, name)
    values = tomllib.loads(text)
    about = {
        key: values.pop(key)
        for key in set(options.to_dict()) - {"preset", "seed"} & set(values)
        if key in values
    }

    assert (
        DataOptions.from_dict({"preset": options.preset, "seed": values.pop("data_seed"), **about})
        == options
    )

    values.pop("data", None)
    after = SearchSettings.parse(values)
    if before.patience is None and before.patience_on == "validation":
        # No training is longer than its own length.
        assert after.patience == before.iterations
        after = after.model_copy(update={"patience": None})

    assert after == before


def test_the_archive_is_the_folder(opened: tuple[Store, int], folder: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(archive(*opened))) as packed:
        assert packed.testzip() is None
        names = {name.rpartition("/")[2]: name for name in packed.namelist()}
        assert set(names) == set(FILES)
        for name in (
            "genome.json",
            "settings.toml",
            "model.json",
            "evaluations.csv",
            "report.html",
            "predict.py",
        ):
            assert packed.read(names[name]) == (folder / name).read_bytes(), name


def test_an_unfinished_run_has_no_archive_and_says_where_to_get_it(tmp_path: Path) -> None:
    with open_store(tmp_path / "shoal.db") as store:
        run_id, _ = store.add_run(load_dataset("concrete"), SearchSettings.parse(SMALL))
        with pytest.raises(RunStateError, match=f"shoal export {run_id} --to DIR"):
            archive(store, run_id)


def test_formulas_of_a_worker_s_name_stay_text(folder: Path) -> None:
    for line in (folder / "evaluations.csv").read_text().splitlines():
        assert not re.search(r"(^|,)[=@+]", line)


def test_text_is_escaped_and_html_is_not() -> None:
    assert (
        tag("b", "<", tag("i", '"'), class_='"<') == '<b class="&quot;&lt;">&lt;<i>&quot;</i></b>'
    )
    assert isinstance(join("&", Html("&amp;")), Html)
    assert join("&", Html("&amp;")) == "&amp;&amp;"


@settings(max_examples=80, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.none() | st.floats(-1e4, 100), st.none() | st.floats(-1e6, 100), st.floats(0, 50)
        ),
        min_size=1,
        max_size=700,
    ),
    st.sampled_from([ACCURACY, COST]),
)
def test_any_history_can_be_drawn(
    rows: list[tuple[float | None, float | None, float]], metric: Metric
) -> None:
    points = [
        Point(n, best, mean, *((best - half, best + half) if best is not None else (None, None)))
        for n, (best, mean, half) in enumerate(rows, 1)
    ]
    drawn = history(points, metric)
    Parsed(drawn)
    assert "nan" not in drawn
    assert len(drawn) < 60_000


def test_a_history_of_costs_ends_below_and_leaves_out_terrible_means() -> None:
    points = [Point(1, 9.0, 1e9), Point(2, 6.0, 8.0), Point(3, 5.0, 5.5)]
    drawn = history(points, COST)
    assert "the best went from 9 to 5 in 3 generations, in 2 steps" in drawn
    assert "%" not in drawn

    labels = [float(label) for label in re.findall(r">(-?[\d.]+)</text>", drawn)]
    assert max(labels) < 20.0


@given(st.floats(-1e6, 1e6), st.floats(0.01, 1e6))
def test_ticks_are_round_and_inside(low: float, span: float) -> None:
    found = ticks(low, low + span)
    assert 2 <= len(found) <= 8
    assert low - 1e-6 * span <= found[0]
    assert found[-1] <= low + span * (1 + 1e-6)


def test_infinite_accuracies_are_shown_and_exported(tmp_path: Path) -> None:
    """A swarm that explodes on targets that are next to 0 has an accuracy of -inf."""
    bad = Metrics(-math.inf, mae=1e300, rmse=1e300, r2=-math.inf)
    with open_store(tmp_path / "shoal.db") as store:
        whole = finished(store, preset="classic")
        evaluations = [
            replace(e, scores=Scores(bad, bad), score=-math.inf, loss=math.inf)
            for e in store.evaluations(whole)
        ]
        summaries = [
            replace(record.summary, best_score=-math.inf, mean_score=-math.inf)
            for record in store.generations(whole)
        ]
        run_id, _ = store.add_run(
            load_dataset("concrete", preset="classic"), store.run(whole).settings
        )
        claim = store.claim(Owner.here(), run_id)
        assert claim is not None
        store.record(claim, evaluations, summaries, 1.0)
        store.finish(claim, "finished", seconds=1.0)

        assert summarise(store, run_id).best.score == -math.inf
        json.dumps(run_row(store.run(run_id)), allow_nan=False)
        export_run(store, run_id, tmp_path / "out")

    Parsed((tmp_path / "out" / "report.html").read_text())
    assert "-inf" in (tmp_path / "out" / "evaluations.csv").read_text()


def test_a_run_that_has_not_finished_has_a_report_too(tmp_path: Path) -> None:
    values = SearchSettings.parse({**SMALL, "preset": "classic", "generations": 50})
    with open_store(tmp_path / "shoal.db") as store:
        run_id, _ = store.add_run(load_dataset("concrete", preset="classic"), values)
        claim = store.claim(Owner.here(), run_id)
        assert claim is not None
        asked = iter([False] * 30)
        leaving = lambda: next(asked, True)  # noqa: E731
        assert (
            Runner(store, claim, leaving=leaving, make_executor=InlineExecutor).drive()
            == "interrupted"
        )
    export = ["export", str(run_id), "--store", str(tmp_path / "shoal.db"), "--to"]
    done = CliRunner().invoke(app, [*export, str(tmp_path / "out")])
    assert done.exit_code == 0
    assert "Run 1 is interrupted" in done.stderr
    assert "best genome so far, not a confirmed champion" in done.stderr
    scripted = CliRunner().invoke(app, [*export, str(tmp_path / "again"), "--json"])
    assert json.loads(scripted.stdout)["champion"] is False

    text = Parsed((tmp_path / "out" / "report.html").read_text()).text
    assert "interrupted" in text
    assert "Result hash" not in text
    assert read_settings_file(tmp_path / "out" / "settings.toml")["generations"] == 50
