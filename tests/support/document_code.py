"""The blocks of code in documents, and how a test runs them.

A block is a fence of Markdown. Python is run as it stands; of shell blocks the lines that begin
with ``shoal`` are. A comment above a block changes that, and readers do not see it:

``<!-- not run: REASON -->``
    The block is not run. Above the first heading: none of the page is.
``<!-- file: NAME -->``
    The block is written to that file. It is run only where another block does.
``<!-- test: THIS -> THAT; THIS -> THAT -->``
    The test replaces texts, as budgets by small ones.
``<!-- output -->``
    A block of text: what the block before printed, unless the test replaced something there.
    ``...`` stands for any text.
``<!-- setup: NAME -->``
    Before the block, `SETUPS` of this module makes what the page takes as given.
``<!-- slow -->``
    Above the first heading: the page is run by `make test-long PART=documents`.
"""

from __future__ import annotations

import doctest
import re
import shlex
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt

import shoal
from shoal.cli.main import app
from support.locations import ROOT, SOURCE

_COMMENT = re.compile(r"<!-- (not run|file|test|output|setup|slow)(?:: (.*?))? -->", re.DOTALL)
_SHELLS = {"shell", "console"}
# A search for tests of pages, in seconds.
SMALL: dict[str, Any] = {
    "population": 4,
    "generations": 1,
    "iterations": 20,
    "max_repeats": 2,
    "finalists": 1,
    "networks": 2,
    "baselines": False,
}
_SMALL_FILE = "small-search.toml"
# Options of a command that `SMALL` replaces.
_BUDGETS = ("--budget", "--generations", "--iterations", "--population")


@dataclass
class Block:
    """A block of code.

    Attributes
    ----------
    language
        What the fence says.
    text
        What stands in it.
    line
        Where it begins in its document, from 1.
    marks
        The comments above it, by name.
    """

    language: str
    text: str
    line: int
    marks: dict[str, str] = field(default_factory=dict)

    @property
    def commands(self) -> list[list[str]]:
        """The commands of `shoal` in a shell block: words behind the name, one list each."""
        if self.language not in _SHELLS:
            return []
        commands = []
        text = self.tested.replace("\\\n", " ")
        for line in text.splitlines():
            words = shlex.split(line.removeprefix("$ "), comments=True)
            is_command = self.language == "shell" or line.startswith("$ ")
            if is_command and words and words[0] == "shoal":
                commands.append(words[1:])
        return commands

    @property
    def tested(self) -> str:
        """The text with what the test replaces."""
        text = self.text
        for replacement in filter(None, self.marks.get("test", "").split("; ")):
            before, _, after = replacement.partition(" -> ")
            if before not in text:
                raise AssertionError(f"line {self.line}: {before!r} is not in the block")
            text = text.replace(before, after)
        return text

    @property
    def can_run(self) -> bool:
        """Whether there is something to run."""
        return self.language == "python" or bool(self.commands)


@dataclass
class Page:
    """A document's blocks.

    Attributes
    ----------
    marks
        The comments above its first heading.
    blocks
        In their order.
    """

    marks: dict[str, str]
    blocks: list[Block]

    @property
    def runnable(self) -> list[Block]:
        """The blocks that a test runs, or writes to a file."""
        if "not run" in self.marks:
            return []
        return [block for block in self.blocks if block.can_run and "not run" not in block.marks]


def read_page(document: Path) -> Page:
    """Read the blocks of a document."""
    page = Page({}, [])
    marks: dict[str, str] = {}
    has_heading = False

    for token in MarkdownIt().parse(document.read_text(encoding="utf-8")):
        if token.type == "html_block":
            marks |= dict(_COMMENT.findall(token.content))
        elif token.type == "heading_open" and not has_heading:
            page.marks, marks, has_heading = marks, {}, True
        elif token.type == "fence":
            line = (token.map or [0])[0] + 1
            page.blocks.append(Block(token.info.strip(), token.content, line, marks))
            marks = {}
    return page


@dataclass
class Runner:
    """Runs the blocks of one page, one after the other, in a folder.

    Attributes
    ----------
    folder
        The working directory; files of the page are written there.
    read_output
        Returns what was printed since it was called last.
    """

    folder: Path
    read_output: Callable[[], str]
    names: dict[str, Any] = field(default_factory=lambda: {"__name__": "document"})

    def run(self, page: Page) -> None:
        """Run all blocks; raises `AssertionError` where one prints something else."""
        printed = ""
        before: Block | None = None
        for number, block in enumerate(page.blocks):
            if "output" in block.marks:
                assert before is not None, f"line {block.line}: nothing was run before"
                if "test" not in before.marks:
                    _compare(block, printed)
            elif "not run" in block.marks:
                before = None
            elif "file" in block.marks:
                path = self.folder / block.marks["file"]
                path.write_text(block.tested, encoding="utf-8")
            elif block.can_run:
                self.read_output()
                self._run_block(block, number)
                printed, before = self.read_output(), block

    def _run_block(self, block: Block, number: int) -> None:
        if "setup" in block.marks:
            SETUPS[block.marks["setup"]](self.names, self.folder)
        if block.language == "python":
            # Functions that are compiled or recorded are read from their file.
            script = self.folder / f"block_{number}.py"
            script.write_text(block.tested, encoding="utf-8")
            self.names["__file__"] = str(script)
            exec(compile(block.tested, str(script), "exec"), self.names)
            return
        for words in block.commands:
            _run_command(self._made_small(words))

    def _made_small(self, words: list[str]) -> list[str]:
        """A search with the budget of `SMALL`, where the page asked for that."""
        if words[0] != "run" or "__small__" not in self.names:
            return words
        lines = [f"{name} = {str(value).lower()}" for name, value in SMALL.items()]
        settings = self.folder / _SMALL_FILE
        settings.write_text("\n".join(lines) + "\n", encoding="utf-8")

        kept = []
        skip = False
        for word in words:
            if not skip and word not in _BUDGETS:
                kept.append(word)
            skip = word in _BUDGETS
        return [*kept, "--settings", str(settings)]


def _run_command(words: list[str]) -> None:
    """Run a command of `shoal` in this process."""
    code: object = 0
    try:
        app(words, standalone_mode=False)
    except SystemExit as end:
        code = end.code
    assert not code, f"shoal {' '.join(words)}: exit code {code}"


def _compare(block: Block, printed: str) -> None:
    """Compare what is shown with what was printed."""
    checker = doctest.OutputChecker()
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    assert checker.check_output(block.text, printed, flags), (
        f"line {block.line} shows\n{block.text}\nprinted was\n{printed}"
    )


def silent_blocks(page: Page) -> Iterator[Block]:
    """Blocks that could be run, are not, and give no reason."""
    for block in page.blocks:
        reason = block.marks.get("not run", page.marks.get("not run"))
        if block.can_run and reason is not None and not reason.strip():
            yield block


def _concrete(names: dict[str, Any], folder: Path) -> None:
    """`data`, `genome`, `small`: of a small search. concrete.csv: the bundled table."""
    names["shoal"] = shoal
    names["data"] = shoal.load_dataset("concrete")
    names["small"] = SMALL
    names["genome"] = shoal.Genome(swarm_size=8, hidden_layers=(4,))
    shutil.copy(SOURCE / "data" / "concrete.csv", folder / "concrete.csv")


def _run(names: dict[str, Any], folder: Path) -> None:
    """A small search in the default store."""
    _concrete(names, folder)
    shoal.search(names["data"], **SMALL)


def _quick_searches(names: dict[str, Any], folder: Path) -> None:
    """The commands of the page search with `SMALL` from here on."""
    _concrete(names, folder)
    names["__small__"] = True


def _my_objective(names: dict[str, Any], folder: Path) -> None:
    """my.py, as the page asks for it: the block that defines `within`."""
    for script in folder.glob("block_*.py"):
        text = script.read_text(encoding="utf-8")
        if "def within(" in text:
            (folder / "my.py").write_text(text, encoding="utf-8")


def _bakery(names: dict[str, Any], folder: Path) -> None:
    """The simulation of the tutorial."""
    names["bakery"] = _example("bakery").bakery


def _example(name: str) -> Any:
    """A module of examples/."""
    path = ROOT / "examples" / f"{name}.py"
    spec = spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SETUPS: dict[str, Callable[[dict[str, Any], Path], None]] = {
    "concrete": _concrete,
    "run": _run,
    "quick searches": _quick_searches,
    "my.py": _my_objective,
    "bakery": _bakery,
}
