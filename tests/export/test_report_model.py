"""The report's sections on the model: what they say, and that they are harmless."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import shoal
from shoal.analysis.input_importance import input_importances
from shoal.analysis.partial_dependence import partial_dependence
from shoal.export import report_page
from shoal.export.report_model import ModelFindings, diagnostics_section, inputs_section
from shoal.store import open_store
from support.champions import champion_of_table, customers
from support.pages import Parsed, check_harmless

_TINY = {"population": 2, "generations": 1, "repeats": 2, "iterations": 30, "baselines": False}
HOSTILE = "<img src=x onerror=alert(1)>"


def _wrapped(*sections: str) -> Parsed:
    return Parsed(f"<main>{''.join(sections)}</main>")


def test_classes_have_bars_curves_and_tables() -> None:
    frame = customers().rename(columns={"usage": HOSTILE})
    rows = champion_of_table(frame, "left", drop="paid")
    found = ModelFindings.of(rows.problem, rows.champion)
    assert found is not None
    parsed = _wrapped(inputs_section(found), diagnostics_section(found))

    assert "img" not in parsed.names
    assert HOSTILE in parsed.text
    importances = input_importances(rows)
    assert f"{importances.inputs[0].loss.mean:.1f} (" in parsed.text
    assert "AUC" in parsed.text and "Brier" in parsed.text and "Recall" in parsed.text
    confusion = found.diagnostics.confusion()
    for count in confusion.to_numpy().ravel():
        assert f"{count:,}" in parsed.text


def test_numbers_have_residuals_and_ranges() -> None:
    rows = champion_of_table(customers().dropna(), ["paid", "usage"], drop="left", networks=2)
    found = ModelFindings.of(rows.problem, rows.champion)
    assert found is not None
    parsed = _wrapped(diagnostics_section(found))
    mae = found.diagnostics.targets[1].metrics["mae"]
    assert f"usage: mean absolute error {mae:.4g}" in parsed.text
    assert "Mean error" in parsed.text


def test_each_of_several_targets_has_an_axis_of_its_own() -> None:
    rows = champion_of_table(customers().dropna(), ["paid", "usage"], drop="left", networks=2)
    found = ModelFindings.of(rows.problem, rows.champion)
    assert found is not None
    own = partial_dependence(rows, "noise")
    section = inputs_section(replace(found, dependences=(own,)))
    assert section.count("Predicted paid by noise") and section.count("Predicted usage by noise")


def test_without_test_rows_the_sections_are_empty() -> None:
    rows = champion_of_table(customers(120), "left", drop="paid", networks=1)
    problem = replace(rows.problem, dataset=replace(rows.problem.dataset, test=None))
    assert ModelFindings.of(problem, rows.champion) is None
    assert inputs_section(None) == "" == diagnostics_section(None)


@pytest.mark.parametrize("target", ["left", "paid"])
def test_the_report_of_a_run_has_them(target: str, tmp_path: Path) -> None:
    other = {"left": "paid", "paid": "left"}[target]
    data = shoal.load_dataset(customers(200).dropna(), target, drop=other, folds=1)
    with open_store(tmp_path / "s.db") as store:
        result = shoal.search(data, store=store, **_TINY)
        page = report_page(store, result.run.id).decode()
    parsed = check_harmless(page)
    assert "Which columns it needs" in parsed.text
    assert "How it predicts the test rows" in parsed.text
    assert "noise" in parsed.text
