"""Trackers, each against the real library with a store on this machine."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import shoal
from shoal import trackers
from shoal.errors import SettingsError, ShoalWarning
from shoal.trackers import MLflow, TensorBoard, Tracker, WandB, make_tracker
from shoal.trackers.base import metrics_of
from support.processes import shoal as command

SMALL: dict[str, Any] = {
    "population": 3,
    "generations": 3,
    "iterations": 5,
    "repeats": 2,
    "baselines": False,
    "seed": 2,
    "workers": 1,
    "progress": False,
}
# What the libraries themselves warn of is not ours to change.
pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning",
    "ignore::FutureWarning",
    # MLflow's own type hints, as it is imported; otherwise it keeps them to itself.
    "ignore:.*type hint is inferred as AnyType:UserWarning",
)


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    """Numbers, words, moments, gaps; the classes follow from the numbers."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=160)
    frame = pd.DataFrame({"x": x, "word": rng.choice(["a", "b", "c"], 160)})
    frame["day"] = pd.Timestamp("2026-01-01") + pd.to_timedelta(rng.integers(0, 300, 160), "D")
    frame.loc[::17, "x"] = np.nan
    frame["y"] = np.where(x + rng.normal(size=160) / 2 > 0, "yes", "no")
    return frame


@pytest.fixture(scope="module")
def data(table: pd.DataFrame) -> shoal.Dataset:
    return shoal.load_dataset(table, "y", folds=1)


@pytest.fixture(scope="module")
def tracked(
    data: shoal.Dataset, tmp_path_factory: pytest.TempPathFactory
) -> tuple[shoal.SearchResult, Path]:
    """A search that all three have tracked."""
    folder = tmp_path_factory.mktemp("tracked")
    found = [
        MLflow(f"sqlite:///{folder / 'mlflow.db'}"),
        TensorBoard(str(folder / "events")),
        WandB(str(folder)),
    ]
    with pytest.MonkeyPatch.context() as patch:
        # Artifacts go below the current folder unless a server says otherwise.
        patch.chdir(folder)
        with redirect_stderr(io.StringIO()) as errors:
            result = shoal.search(data, store=folder / "shoal.db", callbacks=found, **SMALL)
    (folder / "errors.txt").write_text(errors.getvalue())
    return result, folder


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """What TensorBoard itself reads."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    (run,) = folder.iterdir()
    events = EventAccumulator(str(run)).Reload()
    return {
        tag: [(event.step, event.value) for event in events.Scalars(tag)]
        for tag in events.Tags()["scalars"]
    }


def expected(result: shoal.SearchResult) -> list[tuple[int, float]]:
    return [(g.summary.number, float(g.summary.best_score or 0)) for g in result.generations]


def test_mlflow_has_one_run_with_its_generations_settings_and_genome(
    tracked: tuple[shoal.SearchResult, Path],
) -> None:
    from mlflow import MlflowClient

    result, folder = tracked
    client = MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("shoal")
    assert experiment is not None
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.status == "FINISHED"
    history = client.get_metric_history(run.info.run_id, "best_score")
    assert [(m.step, m.value) for m in history] == expected(result)
    assert run.data.params["population"] == "3"
    assert result.champion is not None
    genome = result.champion.genome.to_dict()
    assert json.loads(run.data.params["genome.swarm_size"]) == genome["swarm_size"]
    assert run.data.metrics["champion_score"] == result.champion.score
    test = result.champion.ensemble.test
    assert test is not None
    assert run.data.metrics["test_accuracy"] == test.accuracy
    confirmation = result.champion.confirmation
    assert confirmation is not None
    assert run.data.metrics["confirmed_score"] == confirmation.score


def test_mlflow_says_what_the_run_is(tracked: tuple[shoal.SearchResult, Path]) -> None:
    from mlflow import MlflowClient

    result, folder = tracked
    client = MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("shoal")
    assert experiment is not None
    (run,) = client.search_runs([experiment.experiment_id])
    note = run.data.tags["mlflow.note.content"]
    assert f"Run {result.run.id} of Shoal" in note
    assert "larger is better" in note
    (data,) = run.inputs.dataset_inputs
    assert data.dataset.name == result.run.name
    assert result.run.dataset_hash.startswith(data.dataset.digest)
    # What was not set is left out.
    assert not {"null", "{}", "[]"} & set(run.data.params.values())


def test_no_library_writes_lines_between_those_of_a_run(
    tracked: tuple[shoal.SearchResult, Path],
) -> None:
    assert (tracked[1] / "errors.txt").read_text() == ""


def test_the_model_in_mlflow_predicts_as_the_result_does_without_shoal(
    tracked: tuple[shoal.SearchResult, Path], table: pd.DataFrame
) -> None:
    result, folder = tracked
    table.to_parquet(folder / "table.parquet")
    program = f"""
import json, sys
sys.modules["shoal"] = None
import mlflow, pandas as pd
mlflow.set_tracking_uri("sqlite:///{folder / "mlflow.db"}")
run = mlflow.search_runs(experiment_names=["shoal"]).run_id[0]
model = mlflow.pyfunc.load_model(f"runs:/{{run}}/model")
print(json.dumps(list(map(str, model.predict(pd.read_parquet("table.parquet"))))))
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout.splitlines()[-1]) == result.predict(table).tolist()


def test_tensorboard_reads_its_generations(tracked: tuple[shoal.SearchResult, Path]) -> None:
    result, folder = tracked
    (place,) = (folder / "events").iterdir()
    assert place.name.startswith(f"{result.run.id}-{result.run.name}-")
    found = scalars(folder / "events")
    np.testing.assert_allclose(found["best_score"], expected(result), rtol=1e-6)
    assert result.champion is not None
    assert found["champion_score"][0][1] == pytest.approx(result.champion.score)


def test_wandb_has_an_offline_run_with_its_generations(
    tracked: tuple[shoal.SearchResult, Path],
) -> None:
    from wandb.proto.wandb_internal_pb2 import Record

    result, folder = tracked
    (file,) = (folder / "wandb").glob("offline-run-*/*.wandb")
    found = []
    for content in records(file.read_bytes()):
        record = Record.FromString(content)
        if record.HasField("history"):
            items = {i.key or "/".join(i.nested_key): i.value_json for i in record.history.item}
            if "best_score" in items:
                found.append((record.history.step.num, float(items["best_score"])))
    np.testing.assert_allclose(found, expected(result))


def records(content: bytes) -> list[bytes]:
    """What a file of W&B holds: a head of 7 bytes, then LevelDB's log in blocks of 32 KiB."""
    found = []
    parts = b""
    place = 7
    while place + 7 <= len(content):
        left = 32768 - place % 32768
        if left < 7:
            place += left
            continue
        length = int.from_bytes(content[place + 4 : place + 6], "little")
        kind = content[place + 6]
        parts += content[place + 7 : place + 7 + length]
        place += 7 + length
        # 1: whole, 2 to 4: the first, a middle and the last part.
        if kind in (1, 4):
            found.append(parts)
            parts = b""
    return found


class Interrupted(Exception):
    pass


@pytest.mark.parametrize("name", ["mlflow", "tensorboard", "wandb"])
def test_a_run_that_is_resumed_has_no_generation_twice(
    name: str, data: shoal.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    places = {"mlflow": f"sqlite:///{tmp_path / 'm.db'}", "tensorboard": "events", "wandb": "."}
    written: list[int] = []
    tracker = make_tracker(f"{name}:{places[name]}")
    write = type(tracker).write_metrics

    def spy(self: Tracker, metrics: Any, step: int) -> None:
        if "best_score" in metrics:
            written.append(step)
        write(self, metrics, step)

    def stop(summary: Any) -> None:
        if summary.number == 2:
            raise Interrupted

    monkeypatch.setattr(type(tracker), "write_metrics", spy)
    monkeypatch.setattr(Tracker, "on_generation", _before(stop, Tracker.on_generation))
    monkeypatch.setattr(Tracker, "is_harmless", False)
    with pytest.raises(Interrupted):
        shoal.search(data, store=tmp_path / "s.db", callbacks=[tracker], **SMALL)
    assert written == [1]
    if name == "wandb":
        tracker._run.finish()  # type: ignore[attr-defined]

    monkeypatch.setattr(Tracker, "on_generation", Tracker.on_generation.__wrapped__)  # type: ignore[attr-defined]
    with shoal.open_store(tmp_path / "s.db") as store:
        (run,) = store.runs()
        if run.state == "paused":
            store.resume(run.id)
        _follow(store, run.id, make_tracker(f"{name}:{places[name]}"))
    assert written == [1, 2, 3]


def _before(first: Callable[[Any], None], then: Callable[..., None]) -> Callable[..., None]:
    def both(self: Any, summary: Any) -> None:
        first(summary)
        then(self, summary)

    both.__wrapped__ = then  # type: ignore[attr-defined]
    return both


def _follow(store: Any, run_id: int, tracker: Tracker) -> None:
    """Drive a run to its end, as `shoal resume` does."""
    from shoal.api import search_result
    from shoal.orchestration.callbacks import Callbacks
    from shoal.orchestration.runner import Runner
    from shoal.store import Owner

    claim = store.claim(Owner.here(), run_id)
    told = Callbacks(objects=[tracker])
    assert Runner(store, claim, look=lambda: told.look(store, run_id)).drive() == "finished"
    told.look(store, run_id, at_once=True)
    told.end(lambda: search_result(store, run_id))


class Broken(Tracker):
    def begin(self, run: Any) -> int:
        return 0

    def write_metrics(self, metrics: Any, step: int) -> None:
        raise OSError("no room")


def test_a_tracker_that_fails_is_one_warning_and_the_run_goes_on(
    data: shoal.Dataset, tmp_path: Path
) -> None:
    with pytest.warns(ShoalWarning, match="Broken has failed.*OSError: no room") as warned:
        result = shoal.search(data, store=tmp_path / "s.db", callbacks=[Broken()], **SMALL)
    assert result.run.state == "finished"
    assert len([w for w in warned if "Broken" in str(w.message)]) == 1


class Order(shoal.Callback):
    def __init__(self) -> None:
        self.told: list[str] = []

    def on_start(self, run: Any) -> None:
        self.told.append(f"start {run.id}")

    def on_evaluation(self, evaluation: Any) -> None:
        self.told.append("evaluation")

    def on_generation(self, summary: Any) -> None:
        self.told.append(f"generation {summary.number}")

    def on_end(self, result: Any) -> None:
        self.told.append(f"end {result.run.state}")


def test_an_object_of_the_callers_is_told_the_begin_and_the_end(
    data: shoal.Dataset, tmp_path: Path
) -> None:
    order = Order()
    result = shoal.search(data, store=tmp_path / "s.db", callbacks=[order], **SMALL)
    assert order.told[0] == "start 1"
    assert order.told[-1] == "end finished"
    assert order.told.count("evaluation") == len(result.evaluations)
    assert [text for text in order.told if text.startswith("gen")] == [
        "generation 1",
        "generation 2",
        "generation 3",
    ]


def test_what_is_no_callback_is_refused(data: shoal.Dataset, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"shoal\.Callback"):
        shoal.search(data, store=tmp_path / "s.db", callbacks=[print], **SMALL)  # type: ignore[list-item]
    assert not (tmp_path / "s.db").exists()


def test_a_tracker_by_a_wrong_name_or_without_its_package_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(SettingsError, match="one of mlflow, tensorboard, wandb"):
        make_tracker("mlfow")
    monkeypatch.setattr(trackers, "find_spec", lambda package: None)
    with pytest.raises(SettingsError, match=r"not installed.*shoal\[wandb\]"):
        make_tracker("wandb")


def test_a_generation_of_failures_has_no_scores(tracked: tuple[shoal.SearchResult, Path]) -> None:
    from dataclasses import replace

    result, _ = tracked
    failed = replace(result.generations[0].summary, best_score=None, mean_score=None)
    assert set(metrics_of(failed)) == {"best_repeats", "evaluations"}


def test_the_command_tracks_and_an_unknown_name_is_refused(tmp_path: Path) -> None:
    small = ["--population", "2", "--generations", "2", "--iterations", "5", "--repeats", "1"]
    events = tmp_path / "events"
    done = command(
        "run", *small, "--track", f"tensorboard:{events}", "--workers", "1", store=tmp_path / "s.db"
    )
    assert done.returncode == 0, done.stderr
    assert [step for step, _ in scalars(events)["best_score"]] == [1, 2]

    refused = command("run", *small, "--track", "mlfow", store=tmp_path / "none.db")
    assert refused.returncode == 2
    assert "one of mlflow, tensorboard, wandb" in refused.stderr
    assert not (tmp_path / "none.db").exists()
