"""The command line as scripts use it: JSON, exit codes, and nothing written on bad input."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from shoal.data import load_dataset
from shoal.settings.search_settings import SearchSettings
from shoal.store import open_store
from support.processes import SMALL, eventually, last_json, shoal, start


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = tmp_path_factory.mktemp("cli") / "shoal.db"
    done = shoal("run", "concrete", *SMALL, "--json", store=store)
    assert done.returncode == 0, done.stderr
    (store.parent / "run.json").write_text(done.stdout)
    return store


def test_run_prints_one_object_with_the_documented_names(finished: Path) -> None:
    text = (finished.parent / "run.json").read_text()
    assert len(text.strip().splitlines()) == 1

    result = last_json(text)
    names = {
        "run",
        "state",
        "generations",
        "evaluations",
        "iterations",
        "seconds",
        "best",
        "scores",
        "ensemble",
        "result_hash",
    }
    assert names <= set(result)
    assert (result["run"], result["state"], result["generations"]) == (1, "finished", 4)
    assert {"genome", "accuracy", "repeats", "ci95"} <= set(result["best"])
    assert result["best"]["ci95"][0] <= result["best"]["accuracy"] <= result["best"]["ci95"][1]
    assert {"accuracy", "mae", "rmse", "r2"} <= set(result["scores"]["test"])
    assert result["scores"]["train"]["accuracy"] == pytest.approx(result["best"]["accuracy"])
    assert "test" in result["ensemble"]
    assert result["iterations"] == 100 * result["evaluations"]


def test_show_and_runs_agree_with_run(finished: Path) -> None:
    ran = last_json((finished.parent / "run.json").read_text())
    assert last_json(shoal("show", "1", "--json", store=finished).stdout) == ran

    listed = last_json(shoal("runs", "--json", store=finished).stdout)["runs"]
    assert [(r["run"], r["state"], r["result_hash"]) for r in listed] == [
        (1, "finished", ran["result_hash"])
    ]

    for arguments in (["runs"], ["show", "1"]):
        shown = shoal(*arguments, store=finished)
        assert "finished" in shown.stdout
        assert f"{ran['best']['accuracy']:.2f} %" in shown.stdout


def test_same_seed_same_hash_other_seed_other_hash(finished: Path, tmp_path: Path) -> None:
    ran = last_json((finished.parent / "run.json").read_text())
    same = last_json(shoal("run", *SMALL, "--json", store=tmp_path / "a.db").stdout)
    short = ["--seed", "1", "--generations", "1", "--iterations", "20"]
    other = last_json(shoal("run", *SMALL, *short, "--json", store=tmp_path / "a.db").stdout)
    assert same["result_hash"] == ran["result_hash"] != other["result_hash"]
    listed = last_json(shoal("runs", "--json", store=tmp_path / "a.db").stdout)["runs"]
    assert [run["seed"] for run in listed] == [1, 0], "newest first"


def test_settings_file_and_options_before_it(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text(
        "a,b,y\n" + "".join(f"{i},{i % 7},{3 * i + i % 7}\n" for i in range(60))
    )
    file = tmp_path / "search.toml"
    file.write_text(
        'data = "table.csv"\ntarget = "y"\nname = "from a file"\n'
        "population = 3\ngenerations = 9\niterations = 20\nrepeats = 1\nbaselines = false\n"
    )
    done = shoal(
        "run", "--settings", str(file), "--generations", "2", "--json", store=tmp_path / "shoal.db"
    )
    result = last_json(done.stdout)

    assert (result["generations"], result["settings"]["population"]) == (2, 3)
    assert set(result["scores"]) == {"train", "validation", "test"}
    assert (
        last_json(shoal("runs", "--json", store=tmp_path / "shoal.db").stdout)["runs"][0]["name"]
        == "from a file"
    )


def test_classification_end_to_end(tmp_path: Path) -> None:
    rows = "".join(
        f"{i % 10},{'red' if i % 3 else 'blue'},{'yes' if i % 10 > 4 else 'no'}\n"
        for i in range(120)
    )
    (tmp_path / "t.csv").write_text("size,colour,label\n" + rows)
    arguments = [
        "run",
        str(tmp_path / "t.csv"),
        "--target",
        "label",
        "--population",
        "3",
        "--generations",
        "2",
    ]
    done = shoal(
        *arguments, "--iterations", "60", "--repeats", "2", "--json", store=tmp_path / "shoal.db"
    )

    assert done.returncode == 0, done.stderr

    scores = last_json(done.stdout)["ensemble"]["test"]
    assert set(scores) == {"accuracy", "balanced_accuracy", "macro_f1", "log_loss"}
    assert scores["accuracy"] > 90


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "concret"], ["concret", "concrete"]),
        (["run", "missing.csv", "--target", "y"], ["missing.csv"]),
        (["run", "concrete", "--target", "strength"], ["strength", "compressive_strength"]),
        (["run", "--population", "1"], ["population", "1"]),
        (["run", "--generations", "0"], ["generations", "0"]),
        (["run", "--preset", "antique"], ["preset", "antique", "modern"]),
        (["run", "--loss", "cross_entropy"], ["cross_entropy", "mse"]),
        (["run", "--evaluations", "5"], ["evaluations", "12"]),
        (["run", "--settings", "nowhere.toml"], ["nowhere.toml"]),
        (["run", "--engine", "steam"], ["engine", "steam"]),
        (["run", "--iterations", "many"], ["--iterations", "integer"]),
        (["run", "--unknown"], ["--unknown"]),
        (["run", "--folds", "800"], ["folds 800", "2 to 100"]),
        (["run", "--same", "cement,agee"], ["agee", "Did you mean 'age'"]),
        (["run", "--target", "age,watr"], ["watr", "Did you mean 'water'"]),
        (["run", "--target", "age,age"], ["target ['age', 'age']", "each named once"]),
        (["run", "--target", "age,water", "--task", "classification"], ["2 targets"]),
        (["run", "--role", "agee=weight"], ["agee", "Did you mean 'age'"]),
        (["run", "--role", "age=wait"], ["'age=wait'", "age=weight"]),
        (["run", "--role", "age=weight", "--role", "age=column"], ["'age' is named 2 times"]),
        (["check", "concrete", "--role", "age"], ["role 'age'", "COLUMN=column"]),
        (["run", "lost-sales", "--role", "age=weight"], ["weight='age'", "tables"]),
    ],
)
def test_bad_input_exits_2_names_it_and_writes_nothing(
    arguments: list[str], words: list[str], tmp_path: Path
) -> None:
    store = tmp_path / "new" / "shoal.db"
    done = shoal(*arguments, store=store, home=tmp_path / "home", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("is_store", [False, True])
def test_without_a_run_commands_say_how_to_start_one(is_store: bool, tmp_path: Path) -> None:
    """As on a new machine. A list is empty, and a command that needs a run exits with 2."""
    store = tmp_path / "shoal.db"
    if is_store:
        open_store(store).close()

    listed = shoal("runs", store=store)
    assert listed.returncode == 0
    for word in ("There is no run yet", str(store), "`shoal run TABLE`", "`shoal serve --demo`"):
        assert word in listed.stdout
    empty = shoal("runs", "--json", store=store)
    assert (empty.returncode, last_json(empty.stdout)) == (0, {"runs": []})

    needing = (["show", "1"], ["compare", "1", "2", "--json"], ["export", "1", "--to", "out"])
    for arguments in needing:
        done = shoal(*arguments, store=store, cwd=tmp_path)
        assert (done.returncode, done.stdout) == (2, ""), done.stderr
        for word in ("There is no run", "yet", "`shoal run TABLE`", "`shoal serve --demo`"):
            assert word in done.stderr
    assert store.exists() == is_store, "nothing is written"


@pytest.mark.parametrize("command", ["show", "pause", "resume", "stop", "delete", "export"])
def test_unknown_run_exits_2(command: str, finished: Path, tmp_path: Path) -> None:
    more = {"export": ["--to", str(tmp_path / "out")], "delete": ["--yes"]}.get(command, [])
    done = shoal(command, "77", *more, store=finished)
    assert done.returncode == 2
    assert "77" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "command", [["runs"], ["show", "1"], ["stop", "1"], ["export", "1", "--to", "out"]]
)
def test_a_mistyped_store_is_not_created_by_looking(command: list[str], tmp_path: Path) -> None:
    done = shoal(*command, store=tmp_path / "typo" / "shoal.db", home=tmp_path, cwd=tmp_path)
    assert done.returncode == (0 if command == ["runs"] else 2)
    assert str(tmp_path / "typo" / "shoal.db") in done.stdout + done.stderr
    assert list(tmp_path.iterdir()) == []


def test_small_population_many_repeats_and_the_data_s_options(tmp_path: Path) -> None:
    arguments = [
        "run",
        "--population",
        "2",
        "--repeats",
        "25",
        "--generations",
        "1",
        "--iterations",
        "2",
        "--json",
    ]
    (tmp_path / "search.toml").write_text("baselines = false")
    data = [
        "--folds",
        "2",
        "--same",
        "cement, water",
        "--log-columns",
        "none",
        "--settings",
        str(tmp_path / "search.toml"),
    ]
    result = last_json(shoal(*arguments, *data, store=tmp_path / "shoal.db").stdout)

    assert (result["settings"]["elitism"], result["settings"]["max_repeats"]) == (1, 25)

    used = result["data_options"]
    assert (used["folds"], used["same"], used["log_columns"]) == (2, ["cement", "water"], "none")

    confirmed = result["best"]["confirmation"]["accuracies"][: result["settings"]["networks"]]
    assert result["scores"]["validation"]["accuracy"] == pytest.approx(
        sum(confirmed) / len(confirmed)
    )


def test_delete_asks_first_and_removes_only_that_run(tmp_path: Path) -> None:
    store = tmp_path / "shoal.db"
    with open_store(store) as opened:
        for _ in range(2):
            run_id, _ = opened.add_run(load_dataset("concrete"), SearchSettings())
            opened.command(run_id, "stop")

    assert shoal("delete", "1", store=store, stdin=-3).returncode == 2
    assert len(last_json(shoal("runs", "--json", store=store).stdout)["runs"]) == 2
    assert shoal("delete", "1", "--yes", store=store).returncode == 0
    assert [r["run"] for r in last_json(shoal("runs", "--json", store=store).stdout)["runs"]] == [2]


def test_finished_run_cannot_be_paused(finished: Path) -> None:
    done = shoal("pause", "1", store=finished)
    assert done.returncode == 2
    assert "finished" in done.stderr


def test_failed_run_exits_1(tmp_path: Path) -> None:
    # Weights so large that no prediction is finite: each training fails, and the run says so.
    rows = "".join(f"{i}e30,{i}\n" for i in range(1, 60))
    (tmp_path / "huge.csv").write_text("a,y\n" + rows)
    arguments = ["run", str(tmp_path / "huge.csv"), "--target", "y", *SMALL, "--json"]
    done = shoal(*arguments, store=tmp_path / "shoal.db")
    assert done.returncode == 1, done.stdout
    result = last_json(done.stdout)
    assert result["state"] == "failed"
    assert "finite" in result["error"]


def test_max_seconds_ends_a_run_as_finished(tmp_path: Path) -> None:
    arguments = ["run", *SMALL, "--generations", "100000", "--max-seconds", "1", "--json"]
    result = last_json(shoal(*arguments, store=tmp_path / "shoal.db").stdout)
    assert result["state"] == "finished"
    assert result["best"] is None or result["scores"]["train"]["accuracy"] > 0


def test_export_and_predict(finished: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    assert shoal("export", "1", "--to", str(folder), store=finished).returncode == 0
    assert {p.name for p in folder.iterdir()} == {
        "genome.json",
        "settings.toml",
        "report.html",
        "model.json",
        "weights.npz",
        "predict.py",
        "evaluations.csv",
    }
    assert shoal("export", "1", "--to", str(folder), store=finished).returncode == 2

    out = tmp_path / "p.csv"
    assert (
        shoal(
            "predict", str(folder), "concrete", "--out", str(out), store=finished, cwd=tmp_path
        ).returncode
        == 0
    )
    assert len(out.read_text().splitlines()) == 1031
    assert json.loads((folder / "genome.json").read_text())["attractor"] == "position"

    bad = shoal(
        "predict", str(tmp_path), "concrete", "--out", str(tmp_path / "q.csv"), store=finished
    )
    assert bad.returncode == 2
    assert "model.json is missing" in bad.stderr
    assert "Errno" not in bad.stderr
    assert not (tmp_path / "q.csv").exists()


def test_terminal_hangup_leaves_the_run_resumable(tmp_path: Path) -> None:
    store = tmp_path / "shoal.db"
    process = start("run", *SMALL, "--generations", "500", store=store)
    with open_store(store) as opened:
        eventually(lambda: opened.runs() and opened.run(1).evaluations)
        process.send_signal(1)
        process.communicate(timeout=60)
        assert process.returncode == 130
        assert opened.run(1).state == "interrupted"


def test_animate_repeats_the_best_training_to_the_bit(finished: Path) -> None:
    picture = finished.parent / "swarm.gif"
    told = last_json(
        shoal("animate", "1", "--to", str(picture), "--last", "4", "--json", store=finished).stdout
    )
    with open_store(finished) as store:
        best = last_json(shoal("show", "1", "--json", store=finished).stdout)["best"]["genome"]
        (first,) = [
            e
            for e in store.evaluations(1)
            if e.task.genome.to_dict() == best and e.task.repeat == 0
        ]

    assert told == {
        "file": str(picture),
        "frames": 5,
        "exact": True,
        "genome": first.task.genome.hash,
        "repeat": 0,
        "iterations": 100,
    }
    assert picture.read_bytes().startswith(b"GIF89a")


def test_animate_refuses_before_it_trains(finished: Path) -> None:
    for wrong in (
        ["--genome", "zz"],
        ["--repeat", "99"],
        ["--last", "101"],
        ["--to", "nowhere/at/all.gif"],
    ):
        told = shoal("animate", "1", "--to", "x.gif", *wrong, store=finished)
        assert told.returncode == 2, told.stdout
        assert "What to do" in told.stderr or "Expected" in told.stderr
        assert "Traceback" not in told.stderr
