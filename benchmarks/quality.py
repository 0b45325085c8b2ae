"""How good are the networks? Shoal and its baselines on small tables, over random splits.

    pip install palmerpenguins==0.1.6 vega_datasets==0.9.0
    python benchmarks/quality.py [--out quality.jsonl] [--only concrete,iris] [--splits 10]
                                 [--iterations N] [--settings FILE]
    python benchmarks/quality.py --settings benchmarks/searched_readout.toml --out former.jsonl
    python benchmarks/quality.py --table [--out quality.jsonl] [--former former.jsonl]

For each table and split (data seeds 0, 1, ...; 30 % of the rows are for the test): a complete
search, which never sees the test rows, and its baselines (`shoal.tuning.baselines`), which learn
from the same rows with the same encoding: Adam and L-BFGS train scikit-learn's network with the
champion's hidden layers, as many networks as the champion has; "default swarm" is a swarm that
nobody searched for; boosting is HistGradientBoosting. "one" is the mean score of the networks,
"together" the score of their mean prediction.

A split's results are a line of ``--out``, written when it is done; a run that was interrupted goes
on with the next split. ``--table`` prints what is there as Markdown; with ``--former`` the searches
of another file, of the same splits, stand beside them as "former". ± is half of Student's 95 %
interval over the splits; splits share rows, so that it is somewhat too narrow. A method that failed
on a split has one split less, and its number is shown.

The last table compares networks together, split by split: the mean difference to each of the
others, and the place among all of them, where 1 is the best and equals share their places. "All"
is the mean over the tables, and its interval is Student's over the tables.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from scipy.stats import rankdata
from sklearn import datasets

import shoal
from markdown_tables import fit_tables
from shoal.numerics.stats import ci95_half_width
from shoal.settings.search_settings import read_settings_file

METHODS = {  # the baselines' kinds by column, and whether single networks or all together
    "Shoal, one": ("shoal", "test"),
    "Shoal, together": ("shoal", "ensemble"),
    "former, one": ("former", "test"),
    "former, together": ("former", "ensemble"),
    "default swarm, one": ("swarm", "test"),
    "default swarm, together": ("swarm", "ensemble"),
    "Adam, one": ("adam", "test"),
    "Adam, together": ("adam", "ensemble"),
    "L-BFGS, one": ("lbfgs", "test"),
    "L-BFGS, together": ("lbfgs", "ensemble"),
    "boosting": ("trees", "test"),
    "linear": ("linear", "test"),
}

OURS = "Shoal, together"
# Networks together, and methods that have one model.
COMPARED = (OURS, "Adam, together", "L-BFGS, together", "default swarm, together", "boosting")


def bunch(load: Callable[..., Any]) -> tuple[pd.DataFrame, str]:
    """One of scikit-learn's; classes get their names, which a number would not say."""
    found = load(as_frame=True)
    names = getattr(found, "target_names", None)
    target = (
        found.target if names is None else pd.Series([f"class {names[i]}" for i in found.target])
    )
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


def split_result(name: str, seed: int, settings: dict[str, Any]) -> dict[str, Any]:
    """Everybody's scores on the test rows of one split, and the seconds that they took."""
    source, target = TABLES[name]()
    data = shoal.load_dataset(source, target, seed=seed)
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        result = shoal.search(data, store=Path(folder) / "shoal.db", seed=seed, **settings)
    seconds, champion = {"shoal": time.perf_counter() - start}, result.champion
    if champion is None or champion.scores.test is None or champion.ensemble.test is None:
        raise SystemExit(f"{name}, split {seed}: the search came to nothing: {result.run.error}")
    scored = {
        ("shoal", "test"): champion.scores.test,
        ("shoal", "ensemble"): champion.ensemble.test,
    }
    for rival in champion.baselines:
        scored |= {(rival.kind, "test"): rival.test, (rival.kind, "ensemble"): rival.ensemble}
        seconds[rival.kind] = rival.seconds
    found = {
        label: metrics.to_dict() for label, key in METHODS.items() if (metrics := scored.get(key))
    }
    about = {
        "rows": len(data.source),
        "inputs": data.inputs,
        "task": data.task,
        "networks": len(champion.weights),
    }
    about |= {"genome": champion.genome.to_dict()}
    return {
        "table": name,
        "split": seed,
        "settings": settings,
        **about,
        "scores": found,
        "seconds": seconds,
    }


def rounded(value: Any) -> Any:
    """The same with numbers of six digits, for a file that people may keep."""
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {name: rounded(own) for name, own in value.items()}
    return value


def read_results(file: Path) -> list[dict[str, Any]]:
    """The lines of a results file.

    Half a line, of a run that was killed as it wrote, is cut off.
    """
    if not file.exists():
        return []
    text = file.read_text()
    if not text.endswith("\n"):
        text = text[: text.rfind("\n") + 1]
        file.write_text(text)
    return [json.loads(line) for line in text.splitlines()]


def add_former(results: Sequence[dict[str, Any]], former: Sequence[dict[str, Any]]) -> None:
    """Put the searches of other results into those of the same splits."""
    known = {(result["table"], result["split"]): result["scores"] for result in former}
    for result in results:
        scores = known.get((result["table"], result["split"]), {})
        for which in ("one", "together"):
            if (own := scores.get(f"Shoal, {which}")) is not None:
                result["scores"][f"former, {which}"] = own


def spread(values: Sequence[float], digits: int, sign: str = "") -> str:
    """Mean ± half of the interval."""
    half = ci95_half_width(values)
    return f"{statistics.fmean(values):{sign}.{digits}f}" + (
        f" ± {half:.{digits}f}" if half is not None else ""
    )


def table(results: Sequence[dict[str, Any]], task: str, measure: str, digits: int) -> list[str]:
    """One measure of the tables of a task, a line each; the best mean is bold."""
    methods = [m for m in METHODS if any(m in r["scores"] for r in results)]
    lines = [
        "| table | rows | inputs | splits | " + " | ".join(methods) + " |",
        "|---" * (4 + len(methods)) + "|",
    ]
    for name in TABLES:
        of_it = [r for r in results if r["table"] == name and r["task"] == task]
        if not of_it:
            continue
        columns = {m: [r["scores"][m][measure] for r in of_it if m in r["scores"]] for m in methods}
        means = {m: statistics.fmean(values) for m, values in columns.items() if values}
        best = (max if measure in ("accuracy", "r2") else min)(means, key=means.__getitem__)
        cells = []
        for method, values in columns.items():
            text = spread(values, digits) if values else "-"
            text += f" ({len(values)})" if 0 < len(values) < len(of_it) else ""
            cells.append(f"**{text}**" if method == best else text)
        lines.append(
            f"| {name} | {of_it[0]['rows']} | {of_it[0]['inputs']} | {len(of_it)} | "
            + " | ".join(cells)
            + " |"
        )
    return lines if len(lines) > 2 else []


def compared(results: Sequence[dict[str, Any]]) -> tuple[list[str], list[str]]:
    """Tables of how far "Shoal, together" is ahead of each other in accuracy, and of the places."""
    others = [m for m in COMPARED if m != OURS]
    ahead = _head(others)
    places = _head(COMPARED)
    gains: dict[str, list[float]] = {m: [] for m in others}
    all_places = []
    for name in TABLES:
        scores = [r["scores"] for r in results if r["table"] == name]
        scores = [own for own in scores if all(m in own for m in COMPARED)]
        if not scores:
            continue

        cells = []
        for method in others:
            differences = [own[OURS]["accuracy"] - own[method]["accuracy"] for own in scores]
            gains[method].append(statistics.fmean(differences))
            cells.append(spread(differences, 2, sign="+"))
        ranks = [rankdata([-own[m]["accuracy"] for m in COMPARED]) for own in scores]
        means = [statistics.fmean(column) for column in zip(*ranks, strict=True)]
        all_places.append(means)
        ahead.append(_row(name, cells))
        places.append(_row(name, [f"{place:.1f}" for place in means]))

    ahead.append(_row("all", [spread(values, 2, sign="+") for values in gains.values()]))
    means = [statistics.fmean(column) for column in zip(*all_places, strict=True)]
    places.append(_row("all", [f"{place:.1f}" for place in means]))
    return ahead, places


def _head(methods: Sequence[str]) -> list[str]:
    """The first two lines of a table whose columns are methods."""
    return [_row("table", methods), "|---" * (1 + len(methods)) + "|"]


def _row(name: str, cells: Sequence[str]) -> str:
    return f"| {name} | " + " | ".join(cells) + " |"


def times(results: Sequence[dict[str, Any]]) -> list[str]:
    """Mean seconds of a split.

    Of the whole search with its baselines, and of each of these on one core.
    """
    kinds = ("shoal", "swarm", "adam", "lbfgs", "trees", "linear")
    lines = ["| table | " + " | ".join(kinds) + " |", "|---" * (1 + len(kinds)) + "|"]
    for name in TABLES:
        of_it = [r for r in results if r["table"] == name]
        if of_it:
            cells = [
                f"{statistics.fmean(r['seconds'].get(kind, 0.0) for r in of_it):.1f}"
                for kind in kinds
            ]
            lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return lines


def report(results: Sequence[dict[str, Any]]) -> str:
    """All tables, in Markdown."""
    ahead, places = compared(results)
    parts = [
        (
            "Regression, accuracy `100 (1 - MAE / mean|y|)`, percent",
            table(results, "regression", "accuracy", 2),
        ),
        ("Regression, R2", table(results, "regression", "r2", 3)),
        ("Regression, RMSE", table(results, "regression", "rmse", 2)),
        ("Classification, percent correct", table(results, "classification", "accuracy", 2)),
        ("Classification, log loss", table(results, "classification", "log_loss", 3)),
        ("How far Shoal's networks together are ahead in accuracy", ahead),
        ("Mean place by accuracy, the best is 1", places),
        (
            "Seconds of a split, mean: the search with its baselines on all cores, the "
            "baselines on one",
            times(results),
        ),
    ]
    return "\n".join(f"{title}:\n\n" + "\n".join(lines) + "\n" for title, lines in parts if lines)


def main() -> int:
    """Fill the results file, or print it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--out", type=Path, default=Path("quality.jsonl"), metavar="FILE", help="the results' lines"
    )
    parser.add_argument("--only", default=",".join(TABLES), help="tables, separated by commas")
    parser.add_argument("--splits", type=int, default=10)
    parser.add_argument(
        "--iterations", type=int, help="of the searches' trainings; default: the preset's"
    )
    parser.add_argument(
        "--settings", type=Path, metavar="FILE", help="TOML file of settings of the searches"
    )
    parser.add_argument("--table", action="store_true", help="print what the results file holds")
    parser.add_argument(
        "--former", type=Path, metavar="FILE", help="results of other searches to print beside"
    )
    options = parser.parse_args()
    results = read_results(options.out)
    if options.table:
        if options.former is not None:
            add_former(results, read_results(options.former))
        print(fit_tables(report(results)))
        return 0
    settings = read_settings_file(options.settings) if options.settings else {}
    if options.iterations is not None:
        settings["iterations"] = options.iterations
    if any(result["settings"] != settings for result in results):
        parser.error(f"{options.out} has results of other settings; choose another --out")
    names = options.only.split(",")
    if unknown := [name for name in names if name not in TABLES]:
        parser.error(f"--only {','.join(unknown)}: expected some of {','.join(TABLES)}")
    done = {(result["table"], result["split"]) for result in results}
    for seed in range(
        options.splits
    ):  # all tables of a split, then the next: what is there is always comparable
        for name in names:
            if (name, seed) in done:
                continue
            result = split_result(name, seed, settings)
            with options.out.open("a") as file:
                file.write(json.dumps(rounded(result), separators=(",", ":")) + "\n")
                file.flush()
                os.fsync(file.fileno())
            accuracies = ", ".join(
                f"{m} {result['scores'][m]['accuracy']:.2f}"
                for m in METHODS
                if m in result["scores"]
            )
            print(
                f"{name}, split {seed}: {accuracies}; {result['seconds']['shoal']:.0f} s",
                flush=True,
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
