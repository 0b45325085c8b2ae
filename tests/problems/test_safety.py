"""Nothing that a store, a backup, an upload, a form or an export carries is ever executed."""

from __future__ import annotations

import ast
import contextlib
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

import shoal
from problems.user_files import PLAIN_SHOP, write
from shoal.analysis.summary import summarise
from shoal.data import load_dataset
from shoal.data.table_io import table_from_bytes
from shoal.errors import CodeChangedError, DataError, ProblemError, SettingsError, ShoalError
from shoal.problems import references
from shoal.problems.references import recorded_code, sha256_of
from shoal.problems.registry import (
    choose_written,
    find_simulation,
    make_problem,
    offered_names,
)
from shoal.settings.search_settings import SearchSettings
from shoal.simulations.gym import gym_simulation
from shoal.store import Store, open_store
from shoal.store.backup import backup, restore
from shoal.store.tables import run as run_table
from support.processes import shoal as shoal_command

_SOURCES = Path(shoal.__file__).parent


@pytest.fixture
def telltale(tmp_path: Path) -> str:
    """A text that, if it is executed, leaves the file executed.txt."""
    return f"open({str(tmp_path / 'executed.txt')!r}, 'w').close()\n"


@pytest.fixture(autouse=True)
def nothing_is_executed(tmp_path: Path) -> Iterator[None]:
    """Whatever a test does, its telltale was not executed."""
    yield
    assert not (tmp_path / "executed.txt").exists()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A store with run 1, of a simulation in inventory.py."""
    file = write(tmp_path / "inventory.py", PLAIN_SHOP)
    with open_store(tmp_path / "shoal.db") as opened:
        settings = SearchSettings.parse({"preset": "simulation"})
        opened.add_run(find_simulation(f"{file}:shop"), settings)
        yield opened


def _forge(store: Store, **changes: Any) -> None:
    """Change what run 1 recorded, as somebody with the store's file can."""
    record: Mapping[str, Any] = {**(store.run(1).problem or {}), **changes}
    changed = update(run_table).where(run_table.c.id == 1).values(problem=record)
    store._database.write(lambda connection: connection.execute(changed))


def _look_everywhere(store: Store) -> None:
    """All that reads a record, and is no claim."""
    summarise(store, 1)
    store.runs()
    store.run(1)
    with pytest.raises(ShoalError):
        store.load_problem(1)


# ---- Stores ----------------------------------------------------------------------------------


def test_another_text_in_the_record(store: Store, telltale: str) -> None:
    """The recorded text is never used: the file here still has the recorded hash."""
    _forge(store, code=telltale)

    assert store.load_problem(1).name == "shop"
    with pytest.raises(ProblemError, match="not the recorded"):
        recorded_code(1, store.run(1).problem)


def test_another_text_with_its_hash(store: Store, telltale: str) -> None:
    _forge(store, code=telltale, sha256=sha256_of(telltale.encode()))

    _look_everywhere(store)
    with pytest.raises(CodeChangedError, match="has changed since the run began"):
        store.load_problem(1)


def test_a_forged_hash(store: Store, telltale: str, tmp_path: Path) -> None:
    """The file here is another one than the run began with."""
    write(tmp_path / "inventory.py", telltale + PLAIN_SHOP)
    _forge(store, sha256="0" * 64)

    _look_everywhere(store)


def test_another_file(store: Store, telltale: str, tmp_path: Path) -> None:
    other = write(tmp_path / "other.py", telltale + PLAIN_SHOP)
    _forge(store, reference=f"{other}:shop")

    _look_everywhere(store)


@pytest.mark.parametrize(
    "reference",
    [
        "os:system",
        "../inventory.py:shop",
        "//host/share/inventory.py:shop",
        "/dev/stdin.py:shop",
        "/proc/self/environ:shop",
        "",
        ":",
    ],
)
def test_a_reference_to_somewhere(store: Store, reference: str) -> None:
    _forge(store, reference=reference)

    _look_everywhere(store)


def test_a_part_of_python_with_its_right_hash(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    """Anybody knows the hashes of Python's own files. Importing `this` would print a poem."""
    spec = sys.modules["importlib.util"].find_spec("this")
    content = Path(spec.origin).read_bytes()
    _forge(store, reference="this:d", sha256=sha256_of(content))

    _look_everywhere(store)

    assert capsys.readouterr() == ("", "")


def test_without_a_hash_only_names_are_found(store: Store, telltale: str, tmp_path: Path) -> None:
    other = write(tmp_path / "other.py", telltale + PLAIN_SHOP)
    _forge(store, reference=f"{other}:shop", sha256=None)

    _look_everywhere(store)


@pytest.mark.parametrize(
    "changes",
    [
        {"reference": None},
        {"reference": ["os", "system"]},
        {"sha256": 7},
        {"options": None},
        {"options": {"price": "__import__('os')"}},
        {"options": {"no_such_option": 1}},
    ],
)
def test_a_record_that_makes_no_sense(store: Store, changes: dict[str, Any]) -> None:
    _forge(store, **changes)

    _look_everywhere(store)


def test_an_environment_does_not_name_a_module() -> None:
    """Gymnasium would import what stands before the colon."""
    pytest.importorskip("gymnasium")

    with pytest.raises(ShoalError, match="names a module"):
        gym_simulation("gym:antigravity:CartPole-v1")


def test_commands_that_show_a_record_execute_nothing(
    store: Store, telltale: str, tmp_path: Path
) -> None:
    _forge(store, code=telltale, sha256=sha256_of(telltale.encode()))
    copy = tmp_path / "copy.py"
    address = tmp_path / "shoal.db"

    for arguments in (
        ["runs"],
        ["show", "1", "--json"],
        ["show", "1", "--code"],
        ["code", "1", "--to", str(copy)],
        ["doctor"],
        ["backup", "--to", str(tmp_path / "backup.db")],
    ):
        done = shoal_command(*arguments, store=address)
        assert "Traceback" not in done.stderr

    assert copy.read_text() == telltale


# ---- Backups ---------------------------------------------------------------------------------


def test_a_backup_on_another_machine(store: Store, telltale: str, tmp_path: Path) -> None:
    """There is no such file there; then there is one of the same name that is another one."""
    file = tmp_path / "inventory.py"
    backup(store, tmp_path / "backup.db")
    file.unlink()

    with open_store(tmp_path / "there.db") as there:
        restore(tmp_path / "backup.db", there)
        with pytest.raises(CodeChangedError, match="is not on this machine"):
            there.load_problem(1)

        write(file, telltale + PLAIN_SHOP)
        with pytest.raises(CodeChangedError, match="has changed since the run began"):
            there.load_problem(1)

        # The record is whole there, and gives the file back.
        file.write_text(recorded_code(1, there.run(1).problem).text)
        assert there.load_problem(1).name == "shop"


# ---- Uploads, settings and forms -------------------------------------------------------------


@pytest.mark.parametrize("name", ["x.py", "x.csv", "x.parquet", "x"])
def test_an_uploaded_table_is_data_whatever_its_name(name: str, telltale: str) -> None:
    content = (telltale + "a,b\n1,2\n").encode()

    # Some names and contents are refused.
    with contextlib.suppress(DataError):
        assert len(table_from_bytes(name, content)) == 2


def test_a_python_file_as_a_table(telltale: str, tmp_path: Path) -> None:
    file = write(tmp_path / "x.py", telltale)

    done = shoal_command("run", str(file), store=tmp_path / "shoal.db")

    assert done.returncode == 2
    assert "names no function" in " ".join(done.stderr.split())


@pytest.mark.parametrize(
    "name", ["{file}:shop", "{file}", "inventory:shop", "os:system", "../x.py:y", "", "concrete"]
)
def test_a_form_takes_names_only(name: str, telltale: str, tmp_path: Path) -> None:
    file = write(tmp_path / "inventory.py", telltale + PLAIN_SHOP)

    with pytest.raises(ProblemError, match="cannot be chosen here"):
        choose_written(name.format(file=file))


def test_a_form_offers_what_comes_with_shoal_and_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(references, "plugins", lambda group: {"corner-shop": "stock.models:shop"})

    assert {"lost-sales", "pendulum", "corner-shop"} <= set(offered_names())
    assert choose_written("pendulum").name == "pendulum"


def test_settings_hold_no_code(telltale: str) -> None:
    """A metric is a name, and settings of a store come from anywhere."""
    for name in (f"{telltale}", "os:system", "x.py:y"):
        with pytest.raises(SettingsError):
            make_problem(load_dataset("concrete"), SearchSettings.parse({"metric": name}))


# ---- The sources -----------------------------------------------------------------------------


def _calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    """The name of each function that is called, as it is written, and the call."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def _modules_that(test: Callable[[ast.Module], bool]) -> set[str]:
    found = set()
    for path in _SOURCES.rglob("*.py"):
        if test(ast.parse(path.read_text(encoding="utf-8"))):
            found.add(path.relative_to(_SOURCES).as_posix())
    return found


def _imported(tree: ast.AST) -> Iterator[str]:
    """The modules that are imported: of ours the whole name, of others the package."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name.partition(".")[0]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            package = node.module.partition(".")[0]
            if package != "shoal":
                yield package
                continue
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                is_module = (_SOURCES.parent / f"{name.replace('.', '/')}.py").exists()
                yield name if is_module else node.module


def test_nothing_is_pickled_but_between_our_own_processes() -> None:
    picklers = {"pickle", "cPickle", "marshal", "shelve", "dill", "cloudpickle", "joblib"}

    # Workers of Ray and of other pools, with their trainers, and children of the dashboard send
    # their results so. What a store holds is never in there.
    assert _modules_that(lambda tree: bool(picklers & set(_imported(tree)))) == {
        "executors/futures.py",
        "executors/pool_worker.py",
        "executors/ray.py",
        "executors/trainer.py",
        "replay/calibration.py",
        "replay/model_figures.py",
    }


def test_arrays_are_read_without_pickle() -> None:
    loads = 0
    for path in _SOURCES.rglob("*.py"):
        for name, call in _calls(ast.parse(path.read_text(encoding="utf-8"))):
            if name not in ("np.load", "numpy.load"):
                continue
            loads += 1
            allowed = [word.value for word in call.keywords if word.arg == "allow_pickle"]
            assert [ast.unparse(value) for value in allowed] == ["False"], path

    assert loads


def test_only_one_module_executes_code() -> None:
    executing = {"exec", "eval", "compile", "__import__", "execfile", "runpy.run_path"}

    def executes(tree: ast.Module) -> bool:
        return any(name in executing for name, _ in _calls(tree))

    assert _modules_that(executes) == {"problems/references.py"}


def test_modules_are_imported_by_names_of_ours() -> None:
    """`import_module` of a name that came from a record would execute a module of its choice."""
    allowed = {
        "__init__.py",
        "api.py",
        "dashboard/routing.py",
        "dashboard/server/warmup.py",
        "data/__init__.py",
        "functions/__init__.py",
        # What pickle calls, which reads no record.
        "objectives/options.py",
        # What a user named, on a command line or in a settings file.
        "problems/user_folders.py",
        "simulations/__init__.py",
        "simulations/gym_makers.py",
        "simulations/registry.py",
        "store/__init__.py",
        "store/runs.py",
        "system/child.py",
        "system/progress_bar.py",
        "system/shown.py",
        # One of three.
        "trackers/__init__.py",
        # Two of scikit-learn.
        "tuning/baselines.py",
        "tuning/samplers/registry.py",
    }

    def imports(tree: ast.Module) -> bool:
        return any(name.endswith("import_module") for name, _ in _calls(tree))

    assert _modules_that(imports) <= allowed


def test_an_exported_program_imports_numpy_and_python_alone() -> None:
    """Neither Shoal nor anybody's code runs where a model is applied."""
    programs = sorted((_SOURCES / "inference").glob("*.py"))
    programs.remove(_SOURCES / "inference" / "__init__.py")
    assert programs

    for program in programs:
        tree = ast.parse(program.read_text(encoding="utf-8"))
        others = set(_imported(tree)) - set(sys.stdlib_module_names)
        # The file beside it in an exported folder. In Shoal's own tree it has its longer name.
        others -= {"numpy", "shoal_network", "shoal.inference.standalone"}
        dynamic = {"importlib", "runpy", "pickle", "marshal"} & set(_imported(tree))
        assert not others | dynamic, program
