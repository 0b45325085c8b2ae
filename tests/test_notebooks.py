"""The notebooks of examples/ run, and are kept without what running them leaves behind."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pandas as pd
import pytest
from nbclient import NotebookClient

from support.locations import ROOT

EXAMPLES = ROOT / "examples"
NOTEBOOKS = sorted(EXAMPLES.glob("*.ipynb"))


def run(notebook: Any, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Run all cells in a kernel; the outputs by the last line of their cell."""
    for name in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, str(folder / name.lower()))
    monkeypatch.setenv("SHOAL_STORE", str(folder / "shoal.db"))
    monkeypatch.setenv("SHOAL_EXAMPLE", "quick")
    path = [str(EXAMPLES), *[entry for entry in sys.path if entry]]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path))
    client = NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    )
    client.execute()
    outputs = {}
    for cell in notebook.cells:
        if cell.cell_type == "code":
            outputs[cell.source.splitlines()[-1]] = cell.outputs
    return outputs


def html_of(outputs: list[Any]) -> str:
    return "".join(output.get("data", {}).get("text/html", "") for output in outputs)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_a_notebook_is_kept_without_outputs(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    notebook = json.loads(text)
    nbformat.validate(notebook)
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == []
            assert cell["execution_count"] is None
        for line in cell["source"]:
            assert len(line.rstrip("\n")) <= 100
    # As one that Jupyter has written, so that its changes are those of a person.
    assert text == json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def test_the_churn_notebook_ends_with_predictions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notebook = nbformat.read(EXAMPLES / "churn.ipynb", as_version=4)
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
