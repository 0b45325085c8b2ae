"""Files of users beside their code: found for it, and executed by nothing else."""

from __future__ import annotations

import importlib
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

from problems.user_files import SHOP, write
from shoal.problems import references, user_folders

TELLTALE = """
from pathlib import Path
Path(__file__).with_suffix(".executed").touch()
"""


@pytest.fixture(autouse=True)
def clean_imports(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Folders, finders and modules of a test are forgotten after it."""
    modules = set(sys.modules)
    monkeypatch.setattr(user_folders, "_folders", set())
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    yield
    for name in set(sys.modules) - modules:
        if "pytest-" in (getattr(sys.modules[name], "__file__", None) or ""):
            del sys.modules[name]


def executed(folder: Path) -> list[str]:
    return sorted(file.stem for file in folder.rglob("*.executed"))


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of installed packages, in the user's own folder as virtual environments are.

    Its package `library` imports `optional`, if that is there, and offers to import by text.
    """
    site = tmp_path / "venv" / "site"
    write(
        site / "library.py",
        "import importlib\n"
        "def has_optional():\n"
        "    try:\n"
        "        import optional\n"
        "    except ImportError:\n"
        "        return False\n"
        "    return True\n"
        "def by_text(name):\n"
        "    return importlib.import_module(name)\n",
    )
    monkeypatch.syspath_prepend(site)
    known = sysconfig.get_path
    monkeypatch.setattr(
        sysconfig, "get_path", lambda kind: str(site) if kind == "purelib" else known(kind)
    )
    return site


def test_no_folder_of_a_user_is_put_where_python_imports_from(tmp_path: Path) -> None:
    before = list(sys.path)
    references.find(f"{write(tmp_path / 'inventory.py', SHOP)}:shop")
    assert sys.path == before


def test_what_lies_beside_is_imported_also_when_a_function_is_called(tmp_path: Path) -> None:
    write(tmp_path / "prices.py", "PRICE = 4.0\n")
    text = SHOP + "\ndef price():\n    from prices import PRICE\n    return PRICE\n"
    price, _ = references.find(f"{write(tmp_path / 'inventory.py', text)}:price")
    assert price() == 4.0


def test_what_lies_beside_comes_before_what_is_installed(library: Path, tmp_path: Path) -> None:
    write(tmp_path / "library.py", "PRICE = 4.0\n")
    text = "from library import PRICE\n" + SHOP.replace("price=2.0", "price=PRICE")
    found, _ = references.find(f"{write(tmp_path / 'inventory.py', text)}:shop")
    assert found.options["price"] == 4.0


def test_files_that_are_named_as_pythons_modules_are_not_executed(tmp_path: Path) -> None:
    for name in ("colorsys", "random", "numpy", "queue"):
        write(tmp_path / f"{name}.py", TELLTALE)
    text = "import colorsys, random, numpy, queue\nassert colorsys.rgb_to_hsv\n" + SHOP
    sys.modules.pop("colorsys", None)

    references.find(f"{write(tmp_path / 'inventory.py', text)}:shop")

    assert executed(tmp_path) == []


def test_a_library_that_looks_for_an_optional_package_is_given_no_file_of_a_user(
    library: Path, tmp_path: Path
) -> None:
    write(tmp_path / "optional.py", TELLTALE)
    references.find(f"{write(tmp_path / 'inventory.py', SHOP)}:shop")

    assert not importlib.import_module("library").has_optional()
    assert executed(tmp_path) == []


def test_what_a_user_has_a_library_import_is_found(library: Path, tmp_path: Path) -> None:
    """As environments are registered: by a text."""
    write(tmp_path / "prices.py", "PRICE = 4.0\n")
    text = "import library\nPRICE = library.by_text('prices').PRICE\n" + SHOP
    found, _ = references.find(f"{write(tmp_path / 'inventory.py', text)}:PRICE")
    assert found == 4.0


def test_a_module_of_the_current_folder_is_imported_if_a_user_named_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "my_sampler.py", "from my_helper import VALUE\n")
    write(tmp_path / "my_helper.py", "VALUE = 3\n")
    write(tmp_path / "random.py", TELLTALE)
    monkeypatch.chdir(tmp_path)

    assert user_folders.import_module("my_sampler").VALUE == 3
    assert references.sha256_of_module("my_sampler") is not None
    assert user_folders.import_module("random") is sys.modules["random"]
    assert executed(tmp_path) == []
    with pytest.raises(ModuleNotFoundError, match="my_other"):
        user_folders.import_module("my_other")


def test_what_lies_beside_such_a_module_is_found_after_other_folders_were_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    references.find(f"{write(tmp_path / 'elsewhere' / 'inventory.py', SHOP)}:shop")
    write(tmp_path / "my_sampler.py", "from my_helper import VALUE\n")
    write(tmp_path / "my_helper.py", "VALUE = 3\n")
    monkeypatch.chdir(tmp_path)
    assert user_folders.import_module("my_sampler").VALUE == 3


def test_a_module_that_lacks_another_says_which(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "my_sampler.py", "import no_such_package\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="no_such_package"):
        user_folders.import_module("my_sampler")
