"""Runs by objectives, decoders, starts and splits, as users begin them: exported models predict
what the champion's score was computed from, and settings files start the same search again.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from problems.user_files import GOALS, write
from shoal.analysis.summary import load_champion
from shoal.export.bundle import export_run
from shoal.inference.standalone import predict
from shoal.problems.table import TableProblem
from shoal.store import open_store
from support.processes import last_json
from support.processes import shoal as command

TINY = """\
population = 2
generations = 1
repeats = 2
max_repeats = 2
elitism = 1
iterations = 8
racing = "fixed"
finalists = 0
final_factor = 1
networks = 2
baselines = false
"""
CASES = {
    "scorecard": ("--target", "paid", "--decoder", "scorecard", "--drop", "day,price"),
    "series": ("--target", "later", "--order", "day", "--drop", "home,w"),
    "weights": ("--target", "paid", "--objective", "f1", "--role", "w=weight"),
    "a-start": ("--target", "paid", "--objective", "f1", "--start-from", "adam"),
    "a-column": ("--target", "paid", "--objective", "value_per_row", "--role", "price=amount"),
    "targets": ("--target", "later,sooner", "--objective", "pinball", "--decoder", "int8"),
    "own": ("--target", "later", "--objective", "{}:within", "--metric", "{}:lopsided"),
}


@pytest.fixture(scope="module")
def loans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    random = np.random.default_rng(1)
    n = 150
    table = pd.DataFrame(
        {
            "day": pd.date_range("2021-01-30", periods=n).strftime("%d/%m/%Y"),
            "age": random.integers(18, 70, n),
            "debts": random.gamma(1.0, 2e3, n),
            "home": random.choice(["own", "rent"], n),
            "w": random.uniform(0.2, 3.0, n),
            "price": random.uniform(1.0, 50.0, n),
        }
    )
    safe = (table["age"] > 35) & (table["debts"] < 3000)
    table["paid"] = np.where(safe | (random.random(n) < 0.1), "yes", "no")
    table["later"] = table["age"] / 2 + random.normal(size=n)
    table["sooner"] = table["debts"] / 100 + random.normal(size=n)
    path = tmp_path_factory.mktemp("loans") / "loans.csv"
    table.to_csv(path, index=False)
    return path


# The others take their time in the long form.
ALWAYS = ("scorecard", "series", "own")


def _with_marks() -> list[Any]:
    rest = [case for case in CASES if case not in ALWAYS]
    slow = [pytest.param(case, marks=pytest.mark.slow(part="results")) for case in rest]
    return [*ALWAYS, *slow]


@pytest.mark.parametrize("case", _with_marks())
def test_an_exported_model_scores_as_the_champion(case: str, loans: Path, tmp_path: Path) -> None:
    tiny = write(tmp_path / "tiny.toml", TINY)
    goals = write(tmp_path / "goals.py", GOALS)
    chosen = [text.format(goals) for text in CASES[case]]
    store = tmp_path / "shoal.db"

    done = command("run", str(loans), *chosen, "--settings", str(tiny), "--json", store=store)
    assert done.returncode == 0, done.stderr

    with open_store(store) as opened:
        run = opened.run(1)
        problem = opened.load_problem(1)
        assert isinstance(problem, TableProblem)
        champion = load_champion(opened, run)
        assert champion is not None
        folder = export_run(opened, 1, tmp_path / "model")

    test = problem.dataset.test
    rows = pd.read_csv(loans).iloc[test.rows]
    found = predict(folder, {name: rows[name].tolist() for name in rows})
    predictions = found.values if found.probabilities is None else found.probabilities
    metrics = problem.metrics(predictions, test)
    name = run.metric.name
    # Outputs are float32, summed in another order.
    assert metrics[name] == pytest.approx(champion.ensemble.test[name], rel=1e-6)

    # The same search again, by what the export says.
    again = ("run", str(loans), "--settings", str(folder / "settings.toml"), "--json")
    repeated = command(*again, store=tmp_path / "again.db")
    assert repeated.returncode == 0, repeated.stderr
    assert last_json(repeated.stdout)["result_hash"] == last_json(done.stdout)["result_hash"]
