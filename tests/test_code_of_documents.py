"""The code in documents runs as it stands, block after block: Python, and commands of `shoal`.

Sybil and pytest-markdown-docs run blocks in memory. Shoal compiles and records functions by their
files, so that each block is a file here.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from support.document_code import Page, Runner, read_page, silent_blocks
from support.documents import documents, place_of
from support.locations import ROOT

PAGES = {place_of(document): read_page(document) for document in documents()}
# Those with something to run; the slow ones in a part of their own.
TESTED = []
for _place, _page in PAGES.items():
    if _page.runnable:
        _marks = [pytest.mark.slow(part="documents")] if "slow" in _page.marks else []
        TESTED.append(pytest.param(_page, id=_place, marks=_marks))


@pytest.mark.parametrize("page", TESTED)
def test_code_of_a_document_runs(
    page: Page,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.delenv("SHOAL_STORE", raising=False)
    Runner(tmp_path, lambda: capsys.readouterr().out).run(page)


def test_what_is_not_run_says_why() -> None:
    for place, page in PAGES.items():
        assert [f"{place}:{block.line}" for block in silent_blocks(page)] == []


def test_no_code_hides_from_the_tests() -> None:
    """Code stands between fences: blocks that are only indented are read by nobody here."""
    hidden = []
    for document in documents():
        if document.is_relative_to(ROOT / "docs") or document.name == "README.md":
            tokens = MarkdownIt().parse(document.read_text(encoding="utf-8"))
            hidden += [place_of(document) for token in tokens if token.type == "code_block"]
    assert hidden == []


def test_tutorials_are_run() -> None:
    tutorials = [page for place, page in PAGES.items() if place.startswith("docs/tutorials/")]
    assert len([page for page in tutorials if page.runnable]) >= 4


def test_what_a_block_does_not_print_is_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = tmp_path / "page.md"
    document.write_text(
        "# A page\n\n```python\nprint(1)\n```\n\n<!-- output -->\n```text\n2\n```\n"
    )
    with pytest.raises(AssertionError, match="line 8 shows"):
        Runner(tmp_path, lambda: capsys.readouterr().out).run(read_page(document))


def test_the_comments_above_a_block(tmp_path: Path) -> None:
    document = tmp_path / "page.md"
    document.write_text(
        "<!-- slow -->\n# A page\n\n<!-- test: 100 -> 1; b -> c -->\n"
        "```shell\nshoal run a.csv --generations 100 \\\n    --target b  # a comment\nls\n```\n"
        "<!-- not run: it needs a cluster -->\n```python\n1\n```\n"
    )
    page = read_page(document)
    assert set(page.marks) == {"slow"}
    (block,) = page.runnable
    assert block.commands == [["run", "a.csv", "--generations", "1", "--target", "c"]]
