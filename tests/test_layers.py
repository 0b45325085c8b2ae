"""Imports point downward only, and optional means optional."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from support.locations import SOURCE

LAYERS = {
    0: ["data", "numerics", "inference", "nn", "objectives", "errors", "_version", "system"],
    1: ["genome", "pso"],
    2: ["settings", "problems", "tuning", "store"],
    3: ["executors"],
    4: ["analysis", "api", "auth", "manager", "orchestration", "replay"],
    5: ["cli", "dashboard", "estimators", "export", "presentation"],
}
LAYER = {name: layer for layer, names in LAYERS.items() for name in names}
# Modules of the layers' roots that no layer may import: the public face.
FACE = "__init__"


def _module(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def _imports(path: Path) -> set[str]:
    """First-level modules of Shoal that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module] + [f"{node.module}.{alias.name}" for alias in node.names]
        found |= {name.split(".")[1] for name in names if name.startswith("shoal.")}
    return found & set(LAYER)


FILES = sorted(p for p in SOURCE.rglob("*.py") if _module(p) != FACE)


def test_every_module_has_a_layer() -> None:
    assert {_module(p) for p in FILES} == set(LAYER)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_imports_point_downward(path: Path) -> None:
    module = _module(path)
    above = {name for name in _imports(path) if LAYER[name] > LAYER[module]}
    assert not above, f"{module} (layer {LAYER[module]}) imports {sorted(above)} from above it"


def test_what_is_used_in_one_place_is_imported_in_one_place() -> None:
    homes = {
        "sqlalchemy": "store",
        "alembic": "store",
        "sqlite3": "store",
        "streamlit": "dashboard",
        "plotly": "dashboard",
        "ray": "executors",
        "optuna": "tuning",
        "cmaes": "tuning",
    }
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
            for name in names:
                home = homes.get(name.split(".")[0])
                assert home in (None, _module(path)), f"{path.relative_to(SOURCE)} imports {name}"


def _writing_methods() -> set[str]:
    """Those of `Store` that write, or call one that does."""
    (store,) = (
        node
        for node in ast.walk(ast.parse((SOURCE / "store" / "store.py").read_text()))
        if isinstance(node, ast.ClassDef) and node.name == "Store"
    )
    called = {
        method.name: {n.attr for n in ast.walk(method) if isinstance(n, ast.Attribute)}
        for method in store.body
        if isinstance(method, ast.FunctionDef)
    }
    writing = {"write"}
    while more := {name for name, calls in called.items() if calls & writing} - writing:
        writing |= more
    return writing


def _writes(path: Path, writing: set[str]) -> list[str]:
    """Calls in a file that could be one of these methods, but for those of ``desk()``, Streamlit's and NumPy's own."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute) and node.attr in writing:
            of = ast.unparse(node.value)
            if of not in ("desk()", "st", "np"):
                found.append(f"{path.name}:{node.lineno} {of}.{node.attr}")
        if isinstance(node, ast.ImportFrom | ast.Import) and any(
            a.name == "ensure_supervisor" for a in node.names
        ):
            found.append(f"{path.name}:{node.lineno} ensure_supervisor")
    return found


def test_pages_write_at_the_desk_only() -> None:
    writing = _writing_methods()
    assert {
        "add_run",
        "command",
        "resume",
        "extend",
        "delete",
        "event",
        "claim",
        "record",
    } <= writing
    assert not {"runs", "run", "evaluations", "events", "artifact", "problem"} & writing
    assert _writes(SOURCE / "dashboard" / "session" / "commands.py", writing), (
        "the search finds what there is"
    )
    assert "watch" in writing
    commanding = writing - {"watch"}  # that one looks is no command: a viewer may say it
    for path in (SOURCE / "dashboard").rglob("*.py"):
        assert (path.parent.name == "session" and path.name == "commands.py") or not _writes(
            path, commanding
        )


def test_importing_everything_of_the_core_imports_no_extra() -> None:
    extras = ["streamlit", "plotly", "psycopg", "ray", "jax", "optuna", "cmaes", "onnx"]
    code = f"""
import sys
for name in {extras!r}:
    sys.modules[name] = None  # importing it now raises
import shoal
for name in shoal.__all__:
    getattr(shoal, name)
import shoal.cli.main, shoal.cli.follow, shoal.cli.serve, shoal.export, shoal.dashboard.server.launch
"""
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_import_shoal_alone_is_light() -> None:
    code = """
import sys, shoal
heavy = {'numpy', 'numba', 'pandas', 'sqlalchemy', 'sklearn'} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", code], check=True)
