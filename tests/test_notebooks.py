"""The notebooks of examples/ run, and are kept without what running them leaves behind."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import jupytext
import nbformat
import numpy as np
import pandas as pd
import pytest

from support.locations import ROOT
from support.notebooks import EXAMPLES, NOTEBOOKS, environment, read_notebook, run_notebook


def run(notebook: Any, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Run all cells with a small budget; the outputs by the last line of their cell."""
    for name, value in environment(folder).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SHOAL_EXAMPLE", "quick")
    run_notebook(notebook, folder)
    return {
        cell.source.splitlines()[-1]: cell.outputs
        for cell in notebook.cells
        if cell.cell_type == "code"
    }


def html_of(outputs: list[Any]) -> str:
    return "".join(output.get("data", {}).get("text/html", "") for output in outputs)


def text_of(outputs: list[Any]) -> str:
    texts = [output.get("text", "") for output in outputs]
    texts += [output.get("data", {}).get("text/plain", "") for output in outputs]
    return "".join(texts)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_kept_as_jupytext_writes_it(path: Path) -> None:
    notebook = read_notebook(path)
    nbformat.validate(notebook)
    assert notebook.cells[0].cell_type == "markdown"
    assert notebook.cells[0].source.startswith("# ")
    # So that its changes are those of a person.
    text = path.read_text(encoding="utf-8")
    cells = text[text.index("# %%") :]
    written = jupytext.writes(notebook, fmt="py:percent")
    assert written[written.index("# %%") :] == cells


def test_every_notebook_is_listed() -> None:
    listed = (ROOT / "docs" / "how-to" / "notebook.md").read_text(encoding="utf-8")
    assert len(NOTEBOOKS) == 7
    for path in NOTEBOOKS:
        assert f"(../../examples/{path.name})" in listed


def test_the_first_search_ends_with_two_strengths(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outputs = run(read_notebook(EXAMPLES / "first_search.py"), tmp_path, monkeypatch)
    weak, strong = re.findall(r"[\d.]+", text_of(outputs["result.predict(mixtures)"]))
    assert 20.0 < float(weak) < float(strong) < 100.0


def test_the_policy_of_a_simulation_comes_near_the_best(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notebook = read_notebook(EXAMPLES / "own_simulation.py")
    run(notebook, tmp_path, monkeypatch)
    printed = "".join(text_of(cell.get("outputs", [])) for cell in notebook.cells)
    costs = re.search(r"cost a day: (-[\d.]+) at best, (-[\d.]+) by the policy", printed)
    assert costs
    least, found = map(float, costs.groups())
    assert least <= found < 0.9 * least


def test_an_objective_of_ones_own_chooses_who_gets_an_offer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outputs = run(read_notebook(EXAMPLES / "own_objective.py"), tmp_path, monkeypatch)
    assert "of 200 customers get an offer" in text_of(outputs["offers.head()"])


def test_the_lightest_beam_is_that_of_trying_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notebook = read_notebook(EXAMPLES / "minimise.py")
    run(notebook, tmp_path, monkeypatch)
    printed = "".join(text_of(cell.get("outputs", [])) for cell in notebook.cells)
    beams = re.findall(r"(\d+) boards, ([\d.]+) mm wide: ([\d.]+) kg", printed)
    assert len(beams) == 2
    assert beams[0] == beams[1]
    assert "feasible: True" in printed


def test_a_comparison_of_swarms_ends_with_the_risk_of_few_seeds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outputs = run(read_notebook(EXAMPLES / "compare_swarms.py"), tmp_path, monkeypatch)
    assert html_of(outputs['falling.style.format("{:.3g}")']).count("<tr") == 7
    assert "Friedman's test over 5 functions: p = " in text_of(outputs["ranks.round(2)"])


def test_predictions_are_those_of_the_export(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outputs = run(read_notebook(EXAMPLES / "predictions.py"), tmp_path, monkeypatch)
    last = "np.array_equal(model.predict(cases[:2]), answer.values[:2])"
    assert text_of(outputs[last]) == "True"


@pytest.mark.slow(part="notebooks")
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_as_it_is(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("SHOAL_EXAMPLE", raising=False)
    run_notebook(read_notebook(path), tmp_path)


def test_the_churn_notebook_ends_with_predictions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notebook = read_notebook(EXAMPLES / "churn.py")
    outputs = run(notebook, tmp_path, monkeypatch)

    check = html_of(outputs['shoal.check(table, "churned")'])
    assert "customer_id" in check
    assert "a search would refuse it" in check
    assert "classification" in html_of(outputs["data"])
    assert "finished" in html_of(outputs["result"])
    for figure in ("result.plot.history()", "result.plot.leaderboard()", "result.plot.inputs()"):
        (shown,) = outputs[figure]
        assert any("vega" in kind or kind == "text/html" for kind in shown["data"])

    last = notebook.cells[-1].source.splitlines()[-1]
    table = html_of(outputs[last])
    assert "probability" in table
    # The head, and ten customers.
    assert table.count("<tr") == 11


def test_a_bar_needs_no_widgets_and_is_gone_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = """
import sys
from shoal.system import progress_bar as module
module._DELAY_SECONDS = 0.0
module._REDRAW_SECONDS = 0.0
with module.progress_bar(None) as bar:
    bar.show(0.5, "<b>half</b>")
    shown = bar._place._output
print("ipywidgets" in sys.modules)
"""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source.strip())])
    (outputs,) = run(notebook, tmp_path, monkeypatch).values()
    texts = "".join(output.get("text", "") for output in outputs)
    assert texts.strip() == "False"
    # The one output was updated, at last by nothing.
    assert html_of(outputs) == ""
    assert sum(output["output_type"] == "display_data" for output in outputs) == 1


def test_the_table_of_the_example_is_what_it_says() -> None:
    sys.path.insert(0, str(EXAMPLES))
    try:
        from churn_table import churn_table
    finally:
        sys.path.remove(str(EXAMPLES))

    table = churn_table()
    pd.testing.assert_frame_equal(table, churn_table())
    assert len(table) == 2_000
    assert (table["churned"] == "yes").mean() == 0.25
    assert table["customer_id"].is_unique
    missing = table[["support_calls", "days_since_login", "payment"]].isna().mean()
    assert ((missing > 0.03) & (missing < 0.07)).all()

    # Whoever may leave each month does so several times as often.
    leaves = (table["churned"] == "yes").groupby(table["contract"]).mean()
    assert leaves["monthly"] > 3 * leaves["yearly"]
    # The region was drawn apart from all else: its leaving rates differ by chance.
    by_region = (table["churned"] == "yes").groupby(table["region"]).mean()
    assert np.ptp(by_region) < 0.08
