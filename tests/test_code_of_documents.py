"""Python in the documents runs as it stands, block after block."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

from support.locations import ROOT

# A document, and what the last of its blocks print.
DOCUMENTS = {
    "scorecards.md": "Add up the points",
    "own-objectives.md": "",
    "simulations.md": "compiled",
}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_python_of_a_document_runs(
    document: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = (ROOT / "docs" / document).read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert blocks

    # Functions that are compiled or recorded are read from their file.
    script = tmp_path / "document.py"
    script.write_text("\n\n".join(blocks))
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(script), run_name="document")

    assert DOCUMENTS[document] in capsys.readouterr().out
