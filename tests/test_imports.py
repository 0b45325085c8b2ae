"""What may import what, beyond the contract on layers that `make lint` checks.

The contract (`[tool.importlinter]` in pyproject.toml) knows Shoal's own packages. Here stands what
it cannot say: where other libraries may be used, who may write to a store, and what stays optional.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

from shoal.settings.samplers import SAMPLERS
from support.locations import SOURCE, TESTS

FILES = sorted(path for path in SOURCE.rglob("*.py") if path != SOURCE / "__init__.py")
COMMANDS = SOURCE / "dashboard" / "session" / "commands.py"

# Libraries that only a sampler needs.
OF_SAMPLERS = [entry.package for entry in SAMPLERS.values() if entry.package is not None]

# Each of these libraries is known to one package, so that it can be replaced there.
HOMES = {
    "dask": "executors",
    "distributed": "executors",
    "executorlib": "executors",
    "mlflow": "trackers",
    "mpi4py": "executors",
    "submitit": "executors",
    "tensorboard": "trackers",
    "wandb": "trackers",
    "sqlalchemy": "store",
    "alembic": "store",
    "sqlite3": "store",
    "streamlit": "dashboard",
    "plotly": "dashboard",
    "ray": "executors",
    "gymnasium": "simulations",
    "onnx": "models",
    **dict.fromkeys(OF_SAMPLERS, "tuning"),
}
EXTRAS = ["streamlit", "plotly", "psycopg", "ray", "gymnasium", "onnx", *OF_SAMPLERS]


def package_of(path: Path) -> str:
    """The first-level package or module of Shoal that a file belongs to."""
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


@cache
def imported_modules(path: Path) -> frozenset[str]:
    """Dotted names of all modules that a file imports, anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return frozenset(names)


def test_a_library_is_imported_by_its_home_only() -> None:
    strangers = []
    for path in FILES:
        for name in sorted(imported_modules(path)):
            home = HOMES.get(name.split(".")[0], package_of(path))
            # A run as a study of Optuna is an export.
            if name == "optuna" and path.name == "optuna_study.py":
                continue
            if home != package_of(path):
                strangers.append(f"{path.relative_to(SOURCE)}: {name} belongs to {home}/")

    assert len(FILES) > 400
    assert strangers == []


def test_nothing_inside_imports_the_public_face() -> None:
    """`import shoal` finds names by importing what holds them: a circle for whoever is below it."""
    below = [str(path.relative_to(SOURCE)) for path in FILES if "shoal" in imported_modules(path)]
    assert below == []


def store_methods_that_write() -> set[str]:
    """Methods of `Store` and its base classes that call `write`, or a method that does."""
    classes: dict[str, ast.ClassDef] = {}
    for path in (SOURCE / "store").glob("*.py"):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef):
                classes[node.name] = node
    bases = [classes[ast.unparse(base)] for base in classes["Store"].bases]

    calls: dict[str, set[str]] = {}
    for defined in (classes["Store"], *bases):
        for method in defined.body:
            if isinstance(method, ast.FunctionDef):
                nodes = ast.walk(method)
                names = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
                calls[method.name] = names

    writing = {"write"}
    while True:
        more = {name for name, called in calls.items() if called & writing} - writing
        if not more:
            return writing
        writing |= more


def calls_that_may_write(path: Path, methods: set[str]) -> list[str]:
    """Places in a page's file where one of these methods is named, or a supervisor is started.

    Calls of the command service are what pages are meant to do. Streamlit, NumPy and the kit of
    child processes have functions of the same names.
    """
    places = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute) and node.attr in methods:
            owner = ast.unparse(node.value)
            # Tables of pandas rename their columns, and a run that was read has a note.
            is_no_store = node.attr in ("rename", "note") and "store" not in owner
            if owner not in ("command_service()", "st", "np", "child") and not is_no_store:
                places.append(f"{path.name}:{node.lineno} {owner}.{node.attr}")

        if isinstance(node, ast.ImportFrom | ast.Import):
            names = [alias.name for alias in node.names]
            if "ensure_supervisor" in names:
                places.append(f"{path.name}:{node.lineno} ensure_supervisor")
    return places


def test_pages_write_through_the_command_service_only() -> None:
    writing = store_methods_that_write()
    commands = {"add_run", "command", "resume", "extend", "delete", "event", "claim", "record"}
    readers = {"runs", "run", "evaluations", "events", "artifact", "load_problem"}
    assert commands <= writing
    assert not readers & writing
    assert calls_that_may_write(COMMANDS, writing), "the search finds what there is"

    # That somebody watches is no command: a viewer may say it.
    assert "announce_viewer" in writing
    commanding = writing - {"announce_viewer"}
    for path in (SOURCE / "dashboard").rglob("*.py"):
        if path != COMMANDS:
            assert not calls_that_may_write(path, commanding)


def test_importing_everything_of_the_core_imports_no_extra() -> None:
    program = f"""
import sys
for name in {EXTRAS!r}:
    sys.modules[name] = None  # importing it now raises
import shoal
for name in shoal.__all__:
    getattr(shoal, name)
import shoal.cli.main, shoal.cli.follow, shoal.cli.serve
import shoal.export, shoal.dashboard.server.launch
"""
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True)


def test_import_shoal_alone_is_light() -> None:
    program = """
import sys, shoal
heavy = {'numpy', 'numba', 'pandas', 'sqlalchemy', 'sklearn'} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_test_files_have_names_of_their_own() -> None:
    """Folders of tests are no packages: two files of one name stop the whole suite."""
    names = [path.name for path in TESTS.rglob("test_*.py")]
    assert {name for name in names if names.count(name) > 1} == set()


def test_a_look_at_users_code_begins_without_the_compiler_and_pandas() -> None:
    """`shoal run` waits for it, and a file that cannot be imported needs neither."""
    program = (
        "import sys, shoal.problems.check_process; "
        "print({'numba', 'pandas', 'sklearn'} & set(sys.modules) or 'neither')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "neither"
