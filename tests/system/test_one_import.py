"""Threads that import parts of scikit-learn take turns."""

from __future__ import annotations

import ast
from pathlib import Path

import shoal

SOURCE = Path(shoal.__file__).parent


def imports_of_scikit_learn(tree: ast.AST) -> set[int]:
    """The lines that import a part of it, or what does so at its top."""
    lines = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            names = [node.module or "", *(alias.name for alias in node.names)]
            if names[0].split(".")[0] == "sklearn" or "scorer_calls" in names:
                lines.add(node.lineno)
    return lines


def test_functions_import_scikit_learn_while_no_other_thread_does() -> None:
    found = 0
    for file in sorted(SOURCE.rglob("*.py")):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        for function in ast.walk(tree):
            if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            guarded = set()
            for node in ast.walk(function):
                if isinstance(node, ast.With) and "ONE_IMPORT" in ast.unparse(node.items[0]):
                    guarded |= imports_of_scikit_learn(node)

            lines = imports_of_scikit_learn(function)
            assert lines == guarded, f"{file.relative_to(SOURCE)}: lines {sorted(lines - guarded)}"
            found += len(lines)
    assert found > 8
