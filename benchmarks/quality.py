"""How good are the networks? Shoal, Adam and gradient boosting on small tables, over random splits.

    pip install palmerpenguins==0.1.6 vega_datasets==0.9.0
    python benchmarks/quality.py [--out quality.jsonl] [--only concrete,iris] [--splits 10] [--generations 8] [--settings FILE]
    python benchmarks/quality.py --table [--out quality.jsonl]

For each table and split (data seeds 0, 1, ...; 30 % of the rows are for the test): a complete search, which never sees the test
rows; then the peers on the same rows with the same encoding. Adam trains scikit-learn's network with the hidden layers that
the search found, as many networks as the champion has; boosting is HistGradientBoosting. Peers learn from train + validation,
as the champion's networks do, with their usual settings and on one thread. "one" is the mean score of the networks, "together"
the score of their mean prediction.

A split's results are a line of ``--out``, written when it is done; a run that was interrupted goes on with the next split.
``--table`` prints what is there as Markdown. ± is half of Student's 95 % interval over the splits; splits share rows, so that
it is somewhat too narrow.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn import datasets
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor
from threadpoolctl import threadpool_limits

import shoal
from shoal.champion import interval95
from shoal.metrics import classification_metrics, regression_metrics
from shoal.records import Metrics
from shoal.settings import read_settings_file

METHODS = ("Shoal, one", "Shoal, together", "Adam, one", "Adam, together", "boosting")
ADAM_EPOCHS = 2000  # at most: it ends when its loss stands still
ACTIVATIONS = {"tanh": "tanh", "sigmoid": "logistic"}  # scikit-learn's names; the others become relu


def bunch(load: Callable[..., Any]) -> tuple[pd.DataFrame, str]:
    """One of scikit-learn's; classes get their names, which a number would not say."""
    found = load(as_frame=True)
    names = getattr(found, "target_names", None)
    target = found.target if names is None else pd.Series([f"class {names[i]}" for i in found.target])
    return found.data.assign(target=target), "target"


def penguins(target: str) -> tuple[pd.DataFrame, str]:
    """Palmer penguins: bills, flippers, sex and island."""
    from palmerpenguins import load_penguins

    return load_penguins().dropna(subset=[target]).drop(columns="year"), target


def cars() -> tuple[pd.DataFrame, str]:
    """Miles per gallon of the cars of 1970 to 1982."""
    from vega_datasets import local_data

    table = local_data.cars().dropna(subset=["Miles_per_Gallon"]).drop(columns="Name")
    return table.assign(Year=pd.to_datetime(table.Year).dt.year), "Miles_per_Gallon"


def weather() -> tuple[pd.DataFrame, str]:
    """What kind of day it was in Seattle."""
    from vega_datasets import local_data

    return local_data.seattle_weather().drop(columns="date"), "weather"


TABLES: dict[str, Callable[[], tuple[Any, str | None]]] = {
    "concrete": lambda: ("concrete", None),
    "diabetes": lambda: bunch(datasets.load_diabetes),
    "cars": cars,
    "penguins-mass": lambda: penguins("body_mass_g"),
    "breast-cancer": lambda: bunch(datasets.load_breast_cancer),
    "wine": lambda: bunch(datasets.load_wine),
    "digits": lambda: bunch(datasets.load_digits),
    "iris": lambda: bunch(datasets.load_iris),
    "penguins-species": lambda: penguins("species"),
    "weather": weather,
}


def adam(data: shoal.Dataset, genome: shoal.Genome, networks: int) -> list[np.ndarray]:
    """What each network says of the test rows: unscaled targets (rows,), or probabilities (rows, classes)."""
    part, test = data.fit_part(True), data.test
    assert test is not None
    kind = MLPRegressor if data.task == "regression" else MLPClassifier
    activation = ACTIVATIONS.get(genome.activation, "relu")
    said = []
    for seed in range(networks):
        model = kind(
            hidden_layer_sizes=genome.hidden_layers, activation=activation, max_iter=ADAM_EPOCHS, random_state=seed
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # the limit of epochs is meant
            model.fit(part.x, part.y)
        said.append(predictions(data, model))
    return said


def boosting(data: shoal.Dataset) -> np.ndarray:
    """As `adam`, of one model."""
    part = data.fit_part(True)
    kind = HistGradientBoostingRegressor if data.task == "regression" else HistGradientBoostingClassifier
    return predictions(data, kind(random_state=0).fit(part.x, part.y))


def predictions(data: shoal.Dataset, model: Any) -> np.ndarray:
    """Of the test rows."""
    assert data.test is not None
    if data.task == "regression":
        return data.unscale(model.predict(data.test.x)[:, None])
    chances = np.zeros((len(data.test.x), data.outputs))
    chances[:, model.classes_.astype(int)] = model.predict_proba(data.test.x)
    return chances


def scores(data: shoal.Dataset, said: Sequence[np.ndarray]) -> list[Metrics]:
    """The metrics of each prediction of the test rows."""
    assert data.test is not None
    measure = regression_metrics if data.task == "regression" else classification_metrics
    found = [measure(prediction, data.test.target) for prediction in said]
    return [metrics for metrics in found if metrics is not None]


def mean(metrics: Sequence[Metrics]) -> dict[str, float]:
    """Field by field."""
    rows = [m.to_dict() for m in metrics]
    return {name: statistics.fmean(row[name] for row in rows) for name in rows[0]}


def split_result(name: str, seed: int, settings: dict[str, Any]) -> dict[str, Any]:
    """Everybody's scores on the test rows of one split, and the seconds that they took."""
    source, target = TABLES[name]()
    data = shoal.load_dataset(source, target, seed=seed)
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        result = shoal.search(data, store=Path(folder) / "shoal.db", seed=seed, **settings)
    champion, seconds = result.champion, {"Shoal": time.perf_counter() - start}
    if champion is None or champion.scores.test is None or champion.ensemble.test is None:
        raise SystemExit(f"{name}, split {seed}: the search came to nothing: {result.run.error}")
    with threadpool_limits(1):  # on tables as small as these, more threads wait for each other
        start = time.perf_counter()
        networks = adam(data, champion.genome, len(champion.weights))
        seconds["Adam"] = time.perf_counter() - start
        start = time.perf_counter()
        boosted = boosting(data)
        seconds["boosting"] = time.perf_counter() - start
    found = {
        "Shoal, one": champion.scores.test.to_dict(),
        "Shoal, together": champion.ensemble.test.to_dict(),
        "Adam, one": mean(scores(data, networks)),
        "Adam, together": mean(scores(data, [np.mean(networks, axis=0)])),
        "boosting": mean(scores(data, [boosted])),
    }
    about = {"rows": sum(len(p.rows) for p in (data.fit_part(True), data.test) if p), "inputs": data.inputs}
    about |= {"task": data.task, "networks": len(champion.weights), "layers": champion.genome.hidden_layers}
    return {"table": name, "split": seed, "settings": settings, **about, "scores": found, "seconds": seconds}


def read_results(file: Path) -> list[dict[str, Any]]:
    """The lines of a results file; half a line, of a run that was killed as it wrote, is cut off."""
    if not file.exists():
        return []
    text = file.read_text()
    if not text.endswith("\n"):
        text = text[: text.rfind("\n") + 1]
        file.write_text(text)
    return [json.loads(line) for line in text.splitlines()]


def spread(values: Sequence[float], digits: int) -> str:
    """Mean ± half of the interval."""
    interval = interval95(values)
    half = f" ± {(interval[1] - interval[0]) / 2:.{digits}f}" if interval else ""
    return f"{statistics.fmean(values):.{digits}f}{half}"


def table(results: Sequence[dict[str, Any]], task: str, measure: str, digits: int) -> list[str]:
    """One measure of the tables of a task, a line each; the best mean is bold."""
    lines = ["| table | rows | inputs | splits | " + " | ".join(METHODS) + " |", "|---" * (4 + len(METHODS)) + "|"]
    for name in TABLES:
        of_it = [r for r in results if r["table"] == name and r["task"] == task]
        if not of_it:
            continue
        columns = {m: [r["scores"][m][measure] for r in of_it] for m in METHODS}
        best = (max if measure in ("accuracy", "r2") else min)(columns, key=lambda m: statistics.fmean(columns[m]))
        cells = [f"**{spread(v, digits)}**" if m == best else spread(v, digits) for m, v in columns.items()]
        lines.append(
            f"| {name} | {of_it[0]['rows']} | {of_it[0]['inputs']} | {len(of_it)} | " + " | ".join(cells) + " |"
        )
    return lines if len(lines) > 2 else []


def times(results: Sequence[dict[str, Any]]) -> list[str]:
    """Seconds of one split."""
    lines = ["| table | networks | Shoal, s | Adam, s | boosting, s |", "|---|---|---|---|---|"]
    for name in TABLES:
        of_it = [r for r in results if r["table"] == name]
        if of_it:
            networks = statistics.fmean(r["networks"] for r in of_it)
            cells = [f"{statistics.fmean(r['seconds'][m] for r in of_it):.1f}" for m in ("Shoal", "Adam", "boosting")]
            lines.append(f"| {name} | {networks:.1f} | " + " | ".join(cells) + " |")
    return lines


def report(results: Sequence[dict[str, Any]]) -> str:
    """All tables, in Markdown."""
    parts = [
        ("Regression, accuracy `100 (1 - MAE / mean|y|)`, percent", table(results, "regression", "accuracy", 2)),
        ("Regression, R2", table(results, "regression", "r2", 3)),
        ("Regression, RMSE", table(results, "regression", "rmse", 2)),
        ("Classification, percent correct", table(results, "classification", "accuracy", 2)),
        ("Classification, log loss", table(results, "classification", "log_loss", 3)),
        ("Time of a split: the search with its champion, the peers", times(results)),
    ]
    return "\n".join(f"{title}:\n\n" + "\n".join(lines) + "\n" for title, lines in parts if lines)


def main() -> int:
    """Fill the results file, or print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("quality.jsonl"), metavar="FILE", help="the results' lines")
    parser.add_argument("--only", default=",".join(TABLES), help="tables, separated by commas")
    parser.add_argument("--splits", type=int, default=10)
    parser.add_argument("--generations", type=int, default=8, help="of each search")
    parser.add_argument("--settings", type=Path, metavar="FILE", help="TOML file of further settings of the search")
    parser.add_argument("--table", action="store_true", help="print what the results file holds")
    options = parser.parse_args()
    results = read_results(options.out)
    if options.table:
        print(report(results))
        return 0
    settings = {
        "generations": options.generations,
        **(read_settings_file(options.settings) if options.settings else {}),
    }
    if any(result["settings"] != settings for result in results):
        parser.error(f"{options.out} has results of other settings; choose another --out")
    names = options.only.split(",")
    if unknown := [name for name in names if name not in TABLES]:
        parser.error(f"--only {','.join(unknown)}: expected some of {','.join(TABLES)}")
    done = {(result["table"], result["split"]) for result in results}
    for seed in range(options.splits):  # all tables of a split, then the next: what is there is always comparable
        for name in names:
            if (name, seed) in done:
                continue
            result = split_result(name, seed, settings)
            with options.out.open("a") as file:
                file.write(json.dumps(result) + "\n")
                file.flush()
                os.fsync(file.fileno())
            accuracies = ", ".join(f"{m} {result['scores'][m]['accuracy']:.2f}" for m in METHODS)
            print(f"{name}, split {seed}: {accuracies}; {sum(result['seconds'].values()):.0f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
