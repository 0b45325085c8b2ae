"""How code of users is named, found again, and refused."""

from __future__ import annotations

import hashlib
import os
import pickle
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

from problems.user_files import CHANGED_SHOP, SHOP, write
from shoal.errors import CodeChangedError, ProblemError, SimulationError
from shoal.problems import references
from shoal.problems.registry import find_simulation, load_recorded
from shoal.problems.simulation import SimulationProblem, describe_simulation
from shoal.settings.search_settings import SearchSettings
from shoal.simulations.definition import simulation

# A file that says, in a file beside it, that it was executed.
_TELLTALE = """
from pathlib import Path
Path(__file__).with_name("executed.txt").touch()
"""


@pytest.fixture(autouse=True)
def clean_modules() -> Iterator[None]:
    """What a test imports is forgotten after it, and so are its folders."""
    modules = set(sys.modules)
    folders = list(sys.path)
    yield
    for name in set(sys.modules) - modules:
        file = getattr(sys.modules[name], "__file__", None) or ""
        if "pytest-" in file:
            del sys.modules[name]
    sys.path[:] = folders


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _executed(file: Path) -> bool:
    return file.with_name("executed.txt").exists()


# ---- What counts as a reference --------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "inventory.py:shop",
        "./inventory.py:shop",
        "/home/ann/inventory.py:shop",
        "~/inventory.py:shop",
        r"C:\Users\Ann\inventory.py:shop",
        r"..\inventory.PY:shop",
        "stock:shop",
        "stock.models:shop",
    ],
)
def test_these_are_references(text: str) -> None:
    assert references.is_reference(text)


@pytest.mark.parametrize(
    "text",
    [
        "concrete",
        "concrete.csv",
        r"C:\data\concrete.csv",
        "gym:CartPole",
        "gym:CartPole-v1",
        "inventory.py",
        "inventory.py:",
        "inventory.py:a b",
        "../stock:shop",
        ":shop",
        "",
    ],
)
def test_these_are_none(text: str) -> None:
    assert not references.is_reference(text)


# ---- Files -----------------------------------------------------------------------------------


def test_a_file_is_found_with_its_text_and_hash(tmp_path: Path) -> None:
    file = write(tmp_path / "inventory.py", SHOP)

    found, code = references.find(f"{file}:shop")

    assert found.name == "shop"
    assert code == references.Code(f"{file}:shop", _sha256(SHOP), SHOP)


def test_a_relative_path_is_recorded_as_an_absolute_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "inventory.py", SHOP)
    monkeypatch.chdir(tmp_path)

    _, code = references.find("inventory.py:shop")

    assert code.reference == f"{tmp_path}/inventory.py:shop"


def test_line_ends_and_a_mark_of_byte_order_are_kept(tmp_path: Path) -> None:
    content = b"\xef\xbb\xbf" + SHOP.replace("\n", "\r\n").encode()
    file = tmp_path / "inventory.py"
    file.write_bytes(content)

    _, code = references.find(f"{file}:shop")

    assert code.text.encode() == content
    assert code.sha256 == hashlib.sha256(content).hexdigest()


def test_a_link_is_followed_once(tmp_path: Path) -> None:
    file = write(tmp_path / "versions" / "first.py", SHOP)
    link = tmp_path / "inventory.py"
    link.symlink_to(file)

    _, code = references.find(f"{link}:shop")

    assert code.reference == f"{file}:shop"


def test_the_same_content_is_executed_once_in_a_process(tmp_path: Path) -> None:
    file = write(tmp_path / "inventory.py", SHOP)

    first, _ = references.find(f"{file}:shop")
    second, _ = references.find(f"{file}:shop")

    assert first is second


def test_another_content_is_executed_anew(tmp_path: Path) -> None:
    file = write(tmp_path / "inventory.py", SHOP)
    first, _ = references.find(f"{file}:shop")
    write(file, CHANGED_SHOP)

    second, _ = references.find(f"{file}:shop")

    assert (first.options["price"], second.options["price"]) == (2.0, 3.0)


def test_a_file_imports_what_lies_beside_it(tmp_path: Path) -> None:
    write(tmp_path / "prices.py", "PRICE = 4.0\n")
    text = "from prices import PRICE\n" + SHOP.replace("price=2.0", "price=PRICE")
    file = write(tmp_path / "inventory.py", text)

    found, _ = references.find(f"{file}:shop")

    assert found.options["price"] == 4.0


def test_two_folders_have_each_their_own_helpers(tmp_path: Path) -> None:
    text = "from prices import PRICE\n" + SHOP.replace("price=2.0", "price=PRICE")
    prices = []
    for folder, price in (("north", 4.0), ("south", 5.0)):
        write(tmp_path / folder / "prices.py", f"PRICE = {price}\n")
        file = write(tmp_path / folder / "inventory.py", text)
        found, _ = references.find(f"{file}:shop")
        prices.append(found.options["price"])

    assert prices == [4.0, 5.0]


def test_a_helper_that_changed_is_imported_anew(tmp_path: Path) -> None:
    text = "from prices import PRICE\n" + SHOP.replace("price=2.0", "price=PRICE")
    file = write(tmp_path / "inventory.py", text)
    helper = write(tmp_path / "prices.py", "PRICE = 4.0\n")
    references.find(f"{file}:shop")
    write(helper, "PRICE = 55.0\n")

    found, _ = references.find(f"{file}:shop")

    assert found.options["price"] == 55.0


def test_modules_that_the_user_had_imported_stay_the_same(tmp_path: Path) -> None:
    write(tmp_path / "prices.py", "PRICE = 4.0\n")
    text = "from prices import PRICE\n" + SHOP
    file = write(tmp_path / "inventory.py", text)
    sys.path.insert(0, str(tmp_path))
    import prices  # type: ignore[import-not-found]

    references.find(f"{file}:shop")

    assert sys.modules["prices"] is prices


def test_a_file_of_a_package_may_import_relatively(tmp_path: Path) -> None:
    write(tmp_path / "stock" / "__init__.py", "")
    write(tmp_path / "stock" / "prices.py", "PRICE = 4.0\n")
    text = "from .prices import PRICE\n" + SHOP.replace("price=2.0", "price=PRICE")
    file = write(tmp_path / "stock" / "models.py", text)

    found, _ = references.find(f"{file}:shop")

    assert found.options["price"] == 4.0


def test_annotations_mean_what_they_mean_in_the_file(tmp_path: Path) -> None:
    file = write(tmp_path / "inventory.py", SHOP + "\n\ndef plain(x: int): ...\n")

    plain, _ = references.find(f"{file}:plain")

    # This package's own `from __future__ import annotations` would make it a text.
    assert plain.__annotations__ == {"x": int}


def test_what_a_file_prints_does_not_reach_our_output(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path / "inventory.py", SHOP + 'print("hello")\n')

    references.find(f"{file}:shop")

    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def shop(:\n", "line 1: SyntaxError"),
        (SHOP + "1 / 0\n", "line 12: ZeroDivisionError: division by zero"),
        ("import no_such_module\n" + SHOP, "line 1: ModuleNotFoundError"),
        (SHOP + "raise SystemExit\n", "line 12: SystemExit"),
        (SHOP + "raise SystemExit(3)\n", "line 12: SystemExit: 3"),
    ],
)
def test_a_file_that_cannot_be_imported(tmp_path: Path, text: str, message: str) -> None:
    file = write(tmp_path / "inventory.py", text)
    modules = set(sys.modules)

    with pytest.raises(ProblemError) as caught:
        references.find(f"{file}:shop")

    assert message in caught.value.problem
    assert str(file) in caught.value.problem
    assert caught.value.expected
    assert caught.value.remedy
    # Nothing half done is left.
    new = set(sys.modules) - modules
    assert not [name for name in new if name.startswith("shoal_code_")]


def test_an_error_of_ours_is_passed_on(tmp_path: Path) -> None:
    text = SHOP.replace("(policy, scenario, price=2.0)", "(policy)")
    file = write(tmp_path / "inventory.py", text)

    with pytest.raises(SimulationError, match=r"takes \(policy\)"):
        references.find(f"{file}:shop")


def test_a_file_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ProblemError, match="No such file"):
        references.find(f"{tmp_path}/inventory.py:shop")


def test_a_directory_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "inventory.py").mkdir()

    with pytest.raises(ProblemError, match="It is no file"):
        references.find(f"{tmp_path}/inventory.py:shop")


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "inventory.py")

    with pytest.raises(ProblemError, match="It is no file"):
        references.find(f"{tmp_path}/inventory.py:shop")


def test_a_name_that_the_file_does_not_have(tmp_path: Path) -> None:
    file = write(tmp_path / "inventory.py", SHOP)

    with pytest.raises(ProblemError, match="defines no 'shp'") as caught:
        references.find(f"{file}:shp")

    assert caught.value.expected == "one of shop"


def test_a_file_in_another_encoding(tmp_path: Path) -> None:
    file = tmp_path / "inventory.py"
    file.write_bytes(b"# -*- coding: latin-1 -*-\n# Gr\xf6\xdfe\n" + SHOP.encode())

    with pytest.raises(ProblemError, match="not in UTF-8: byte 30 is 0xf6"):
        references.find(f"{file}:shop")


def test_a_file_that_is_too_large_for_a_record(tmp_path: Path) -> None:
    file = write(tmp_path / "inventory.py", SHOP + "#" * 1_000_000)

    with pytest.raises(ProblemError, match=r"has 1,000,\d+ bytes"):
        references.find(f"{file}:shop")


def test_python_itself_is_nobodys_own_code(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ProblemError, match="part of Python itself"):
        references.find("this:d")

    assert capsys.readouterr() == ("", "")


# ---- Installed modules -----------------------------------------------------------------------


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of installed packages, with one: stock, whose module models has a simulation."""
    folder = tmp_path / "site"
    write(folder / "stock" / "__init__.py", "")
    write(folder / "stock" / "prices.py", "PRICE = 2.0\n")
    write(folder / "stock" / "models.py", "from .prices import PRICE\n" + SHOP)
    write(
        folder / "stock-1.0.dist-info" / "entry_points.txt",
        "[shoal.problems]\ncorner-shop = stock.models:shop\n"
        "[shoal.objectives]\nprofit = stock.models:profit\n",
    )
    write(folder / "stock-1.0.dist-info" / "METADATA", "Name: stock\nVersion: 1.0\n")
    monkeypatch.syspath_prepend(folder)
    known = sysconfig.get_path

    def get_path(name: str) -> str:
        return str(folder) if name == "platlib" else known(name)

    monkeypatch.setattr(sysconfig, "get_path", get_path)
    return folder


def test_an_installed_module_is_recorded_by_its_name(site: Path) -> None:
    found, code = references.find("stock.models:shop")

    assert found.options["price"] == 2.0
    assert code.reference == "stock.models:shop"
    assert code.text == (site / "stock" / "models.py").read_text()
    assert describe_simulation(found)["reference"] == "stock.models:shop"


def test_a_module_that_was_imported_as_usual_is_recorded_by_its_name(site: Path) -> None:
    from stock.models import shop  # type: ignore[import-not-found]

    record = describe_simulation(shop)

    assert record["reference"] == "stock.models:shop"
    assert record["sha256"] == _sha256((site / "stock" / "models.py").read_text())


def test_plugins_are_listed_without_importing_them(site: Path) -> None:
    write(site / "stock" / "__init__.py", "1 / 0\n")

    assert references.plugins(references.PROBLEMS) == {"corner-shop": "stock.models:shop"}
    assert references.plugins(references.OBJECTIVES) == {"profit": "stock.models:profit"}


def test_a_plugin_is_found_by_its_name(site: Path) -> None:
    found = find_simulation("corner-shop")

    assert found is not None
    assert describe_simulation(found)["reference"] == "stock.models:shop"


def test_a_plugin_does_not_hide_what_is_ours(site: Path) -> None:
    points = site / "stock-1.0.dist-info" / "entry_points.txt"
    write(points, "[shoal.problems]\npendulum = stock.models:shop\n")

    found = find_simulation("pendulum")

    assert found is not None
    assert found.function.__module__ == "shoal.simulations.bundled.pendulum"


@pytest.mark.parametrize("name", ["no_such_module", "no.such.module", "stock.no_such"])
def test_a_module_that_is_not_installed(site: Path, name: str) -> None:
    with pytest.raises(ProblemError, match="is not installed here"):
        references.find(f"{name}:shop")


@pytest.mark.parametrize("name", ["sys", "math"])
def test_a_module_without_a_python_file(name: str) -> None:
    with pytest.raises(ProblemError):
        references.find(f"{name}:shop")


def test_a_module_is_located_without_importing_its_package(site: Path) -> None:
    write(site / "stock" / "__init__.py", _TELLTALE)

    with pytest.raises(CodeChangedError):
        references.find_recorded("stock.models:shop", "0" * 64)

    assert not _executed(site / "stock" / "__init__.py")


# ---- Recorded code ---------------------------------------------------------------------------


def test_the_recorded_file_is_found(tmp_path: Path) -> None:
    file = write(tmp_path / "inventory.py", SHOP)

    found = references.find_recorded(f"{file}:shop", _sha256(SHOP))

    assert found.name == "shop"


def test_a_file_that_changed_is_not_executed(tmp_path: Path) -> None:
    file = write(tmp_path / "inventory.py", _TELLTALE + SHOP)

    with pytest.raises(CodeChangedError, match="has changed since the run began") as caught:
        references.find_recorded(f"{file}:shop", _sha256(SHOP))

    assert not _executed(file)
    assert _sha256(SHOP)[:12] in caught.value.expected
    # The file exists: without --force the command would refuse.
    assert f"`shoal code RUN --to {file} --force`" in caught.value.remedy


@pytest.mark.parametrize(
    "place",
    [
        "/no/such/folder/inventory.py",
        "inventory.py",
        "//host/share/inventory.py",
        r"\\host\share\inventory.py",
        r"C:\Users\Ann\inventory.py",
        "no.such.module",
    ],
)
def test_code_that_is_not_here(place: str) -> None:
    with pytest.raises(CodeChangedError, match="is not on this machine"):
        references.find_recorded(f"{place}:shop", _sha256(SHOP))


def test_what_was_compared_is_what_is_executed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file changes right after it was read."""
    file = write(tmp_path / "inventory.py", SHOP)
    read = references._read

    def read_and_change(place: str, path: Path) -> object:
        source = read(place, path)
        write(file, _TELLTALE + CHANGED_SHOP)
        return source

    monkeypatch.setattr(references, "_read", read_and_change)

    recorded = references.find_recorded(f"{file}:shop", _sha256(SHOP))
    again = describe_simulation(recorded)

    assert recorded.options["price"] == 2.0
    assert not _executed(file)
    # It is recorded as it was executed, for workers to compare with.
    assert (again["sha256"], again["code"]) == (_sha256(SHOP), SHOP)


# ---- Where a function was defined ------------------------------------------------------------


def test_a_function_inside_another_one_is_refused() -> None:
    @simulation(inputs=1, outputs=1)
    def inner(policy, scenario):  # type: ignore[no-untyped-def]
        return 0.0

    with pytest.raises(ProblemError, match="cannot be found again") as caught:
        describe_simulation(inner)

    assert caught.value.remedy.startswith("put it into a file of its own")


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("<lambda>", "problem.py"),
        ("test.<locals>.<lambda>", "problem.py"),
        ("make.<locals>.cost", "cost.py"),
        ("Shop.__call__", "problem.py"),
        ("cost-2", "problem.py"),
        # A file of this name would hide Python's own.
        ("make.<locals>.queue", "problem.py"),
    ],
)
def test_the_remedy_names_a_sensible_file(name: str, file: str) -> None:
    def inner() -> None: ...

    inner.__qualname__ = name

    with pytest.raises(ProblemError) as caught:
        references.code_of(inner, "a function")

    assert caught.value.remedy.endswith(f"such as {file}")
    assert ("with `def`" in caught.value.remedy) == ("lambda" in name)


def test_a_lambda_is_refused() -> None:
    made = simulation(inputs=1, outputs=1)(lambda policy, scenario: 0.0)

    with pytest.raises(ProblemError, match="cannot be found again"):
        describe_simulation(made)


def test_a_function_of_a_notebook_is_refused() -> None:
    cell: dict[str, object] = {"__name__": "__main__"}
    source = SHOP.replace("import shoal", "import shoal")
    exec(compile(source, "/tmp/ipykernel_1/2.py", "exec"), cell)

    with pytest.raises(
        ProblemError, match=r"cannot be found again .* of its own, such as shop\.py"
    ):
        describe_simulation(cell["shop"])  # type: ignore[arg-type]


def test_a_simulation_is_recorded_under_the_name_that_its_file_has(tmp_path: Path) -> None:
    text = SHOP + "\nhard = shop.with_options(price=9.0)\ndel shop\n"
    file = write(tmp_path / "inventory.py", text)
    found, _ = references.find(f"{file}:hard")

    record = describe_simulation(found)

    assert record["reference"] == f"{file}:hard"
    assert record["options"] == {"price": 9.0}
    loaded = load_recorded(record, SearchSettings.parse({"preset": "simulation"}))
    assert loaded.simulation.options == {"price": 9.0}  # type: ignore[attr-defined]


def test_a_script_is_recorded_by_its_path(tmp_path: Path) -> None:
    """It runs as __main__, and workers import it as what it is."""
    script = write(
        tmp_path / "inventory.py",
        SHOP
        + """
if __name__ == "__main__":
    from shoal.problems.simulation import describe_simulation, load_simulation
    record = describe_simulation(shop)
    print(record["reference"])
    print(load_simulation(record).function.__module__)
""",
    )

    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True)

    reference, module = done.stdout.split()
    assert reference == f"{script}:shop"
    assert module.startswith("shoal_code_")


def test_a_script_that_starts_a_search_as_it_is_imported_is_refused(tmp_path: Path) -> None:
    file = write(
        tmp_path / "inventory.py",
        SHOP + "from shoal.problems.simulation import describe_simulation\n"
        "describe_simulation(shop)\n",
    )

    with pytest.raises(ProblemError, match="starts a search while it is imported") as caught:
        references.find(f"{file}:shop")

    assert "__main__" in caught.value.remedy


def test_what_is_no_simulation_is_refused(tmp_path: Path) -> None:
    file = write(tmp_path / "inventory.py", SHOP + "\ndef plain(policy, scenario): ...\n")

    with pytest.raises(ProblemError, match="is a function, not a simulation"):
        find_simulation(f"{file}:plain")


def test_a_file_without_a_name_is_asked_for_one(tmp_path: Path) -> None:
    file = write(tmp_path / "inventory.py", SHOP)

    with pytest.raises(ProblemError, match="names no function") as caught:
        find_simulation(str(file))

    assert f"{file}:NAME" in caught.value.expected


# ---- Other processes -------------------------------------------------------------------------


def _problem(file: Path) -> SimulationProblem:
    found = find_simulation(f"{file}:shop")
    assert found is not None
    return SimulationProblem(found, SearchSettings.parse({"preset": "simulation"}))


def test_a_pickled_problem_holds_a_reference_and_no_code(tmp_path: Path) -> None:
    file = write(tmp_path / "inventory.py", SHOP)
    content = pickle.dumps(_problem(file))

    write(file, CHANGED_SHOP)

    with pytest.raises(CodeChangedError):
        pickle.loads(content)


def test_a_problem_comes_through_a_pickle(tmp_path: Path) -> None:
    problem = _problem(write(tmp_path / "inventory.py", SHOP))

    again = pickle.loads(pickle.dumps(problem))

    assert again.to_dict() == problem.to_dict()
    assert again.settings == problem.settings


# ---- Compiled code on disk -------------------------------------------------------------------

_COMPILED = """\
from numba import njit

@njit(cache=True)
def price():
    return 2.0
"""


def _price_in_another_process(file: Path, cache: Path) -> list[str]:
    """What the function returns there, and whether it was compiled there."""
    program = (
        "import sys\n"
        "from shoal.problems import references\n"
        "price, _ = references.find(sys.argv[1])\n"
        "print(price(), sum(price.stats.cache_hits.values()))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, f"{file}:price"],
        env={**os.environ, "XDG_CACHE_HOME": str(cache), "NUMBA_CACHE_DIR": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()


def test_kept_compiled_code_is_that_of_the_same_content(tmp_path: Path) -> None:
    """Numba goes by time and size, which two versions of a file may share."""
    file = write(tmp_path / "prices.py", _COMPILED)
    os.utime(file, (1e9, 1e9))
    first = _price_in_another_process(file, tmp_path / "cache")
    again = _price_in_another_process(file, tmp_path / "cache")
    write(file, _COMPILED.replace("2.0", "3.0"))
    os.utime(file, (1e9, 1e9))

    changed = _price_in_another_process(file, tmp_path / "cache")

    assert first == ["2.0", "0"]
    assert again == ["2.0", "1"]
    assert changed == ["3.0", "0"]


def test_kept_compiled_code_goes_with_what_it_imports_from_beside_it(tmp_path: Path) -> None:
    helper = write(tmp_path / "helper.py", _COMPILED)
    text = "from numba import njit\nfrom helper import price as own\n\n@njit(cache=True)\n"
    file = write(tmp_path / "prices.py", text + "def price():\n    return own()\n")
    os.utime(helper, (1e9, 1e9))
    before = _price_in_another_process(file, tmp_path / "cache")
    write(helper, _COMPILED.replace("2.0", "3.0"))
    os.utime(helper, (1e9, 1e9))

    after = _price_in_another_process(file, tmp_path / "cache")

    assert (before[0], after[0]) == ("2.0", "3.0")
