"""The page for those who come from pyswarms: its examples run, and its tables name what exists."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

import shoal
from support.locations import ROOT

PAGE = (ROOT / "docs" / "how-to" / "from-pyswarms.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n# ([\w.]+)\n(.*?)```", PAGE, re.DOTALL)


def examples(library: str) -> list[str]:
    return [code for name, code in BLOCKS if name == library]


def test_the_examples_run_one_after_the_other(capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, object] = {}
    assert len(examples("Shoal")) == 8
    for code in examples("Shoal"):
        exec(compile(code, "coming-from-pyswarms.md", "exec"), names)

    assert names["best"].fun < 1e-9  # type: ignore[attr-defined]
    printed = capsys.readouterr().out
    assert "[3.  1.5]" in printed


def test_every_example_belongs_to_one_of_the_two() -> None:
    assert PAGE.count("```python") == len(BLOCKS)
    assert {name for name, _ in BLOCKS} == {"Shoal", "pyswarms", "design.py"}


def test_the_file_that_tunes_a_swarm_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = examples("design.py")
    file = tmp_path / "design.py"
    file.write_text(code, encoding="utf-8")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    done = subprocess.run(
        [sys.executable, str(file)], capture_output=True, text=True, check=False, timeout=600
    )
    assert done.returncode == 0, done.stderr
    best, again = (float(line.split()[0]) for line in done.stdout.splitlines() if line[0] != " ")
    assert best < 20.0
    assert again < best

    with shoal.open_store() as store:
        run = store.run(1)
        assert run.state == "finished"
        assert run.problem["reference"] == f"{file}:problem"


def test_the_examples_of_pyswarms_run(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pyswarms")
    # It writes a log file.
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for code in examples("pyswarms"):
        exec(compile(code, "coming-from-pyswarms.md", "exec"), names)


def test_the_genes_of_the_tables_exist() -> None:
    table = PAGE.split("## Options translated")[1].split("The global-best swarm")[0]
    known = {field.name for field in fields(shoal.Genome)} | {"patience", "x0", "workers"}
    for row in re.findall(r"^\| [^|]+ \| `(\w+)", table, re.MULTILINE):
        assert row in known | {"Shoal"}, row


def test_the_result_has_the_names_that_the_page_says() -> None:
    best = shoal.minimize(lambda x: x.sum(axis=1), [(0, 1)], iterations=2)
    for name in ("fun", "x", "nfev", "nit", "success", "message", "history"):
        assert f"`{name}`" in PAGE
        assert hasattr(best, name)
