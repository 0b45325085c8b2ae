"""Python in the documents runs as it stands, block after block."""

from __future__ import annotations

import re

import pytest

from support.locations import ROOT


@pytest.mark.parametrize("document", ["scorecards.md"])
def test_python_of_a_document_runs(document: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = (ROOT / "docs" / document).read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert blocks

    names: dict[str, object] = {"__name__": "document"}
    for number, block in enumerate(blocks):
        exec(compile(block, f"{document}, block {number + 1}", "exec"), names)
    # The card of the document.
    assert "Add up the points" in capsys.readouterr().out
