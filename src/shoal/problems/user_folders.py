"""What lies beside code of users is found for that code alone.

A folder of users is never put on ``sys.path``. A library that looks for an optional package there
would execute a file of theirs that is called so, such as ``bottleneck.py``.
"""

from __future__ import annotations

import importlib
import sys
import sysconfig
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from itertools import islice
from pathlib import Path
from types import FrameType, ModuleType

# Folders from which the code in them may import.
_folders: set[Path] = set()
# The own files of Python's import have names that begin so.
_IMPORT = ("<frozen importlib", str(Path(importlib.__file__).parent))
# The package shoal.
_OURS = Path(__file__).parents[1]


def is_below(path: Path, *kinds: str) -> bool:
    """Whether a path lies in one of Python's folders, by their names in `sysconfig`."""
    folders = {Path(sysconfig.get_path(kind)).resolve() for kind in kinds}
    return any(folder in path.parents for folder in folders)


def is_installed(path: Path) -> bool:
    """Whether a path lies among the installed packages."""
    return is_below(path, "purelib", "platlib")


def import_module(name: str) -> ModuleType:
    """Import a module that a user named. The current folder is looked through after all others."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name.partition(".")[0]:
            raise
    _open(Path.cwd())
    return importlib.import_module(name)


@contextmanager
def imported_anew(folder: Path) -> Iterator[None]:
    """Let the code in a folder import what lies there; within the block, anew.

    Otherwise the second of two files in different folders would get the ``helpers`` of the first.
    """
    before: dict[str, ModuleType] = {}
    if not is_installed(folder / "any.py"):
        _open(folder)
        before = _modules_in_folders()
    for name in before:
        del sys.modules[name]

    # Folders are remembered for some seconds by their time stamps.
    importlib.invalidate_caches()
    # Python takes kept bytecode for that of a file of the same second and size.
    writes_no_bytecode = sys.dont_write_bytecode
    sys.dont_write_bytecode = True
    try:
        yield
    finally:
        sys.dont_write_bytecode = writes_no_bytecode
        sys.modules.update(before)


def _modules_in_folders() -> dict[str, ModuleType]:
    """What was imported from folders of users, with all that lies in their packages."""
    tops = set()
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if "." in name or not file:
            continue
        path = Path(file)
        is_module = path.stem == name and path.parent in _folders
        is_package = path.parts[-2:] == (name, "__init__.py") and path.parents[1] in _folders
        if is_module or is_package:
            tops.add(name)

    chosen = {}
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in tops - {"__main__", "shoal"}:
            chosen[name] = module
    return chosen


def _open(folder: Path) -> None:
    _folders.add(folder)
    if _FIRST not in sys.meta_path:
        sys.meta_path.insert(0, _FIRST)
        sys.meta_path.append(_LAST)


class _Finder(MetaPathFinder):
    """Looks for modules in the folders of whoever imports them."""

    def __init__(self, folders: Callable[[str], Iterator[Path]]) -> None:
        self._folders = folders

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find a module at the top level; what is in a package is found by its path."""
        if path is not None:
            return None
        for folder in self._folders(fullname):
            spec = PathFinder.find_spec(fullname, [str(folder)])
            if spec is not None:
                return spec
        return None


def _folder_of_importer(name: str) -> Iterator[Path]:
    """The folder of code that itself imports a module: there, a ``helpers.py`` comes first."""
    if name not in sys.stdlib_module_names:
        for frame in islice(_importers(), 1):
            yield from _folders_of(frame)


def _folders_of_importers(name: str) -> Iterator[Path]:
    """The folders of code that has a module imported, such as by a text that a library reads."""
    for distance, frame in enumerate(_importers()):
        if distance == 0 and frame.f_code is import_module.__code__:
            # Opened by then, so that what the module imports is found beside it, too.
            yield from _folders & {Path.cwd()}
        yield from _folders_of(frame)


def _importers() -> Iterator[FrameType]:
    """What is being executed, from the import statement outwards."""
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        file = frame.f_code.co_filename
        is_ours = file == __file__ and frame.f_code is not import_module.__code__
        if not is_ours and not file.startswith(_IMPORT):
            yield frame
        frame = frame.f_back


def _folders_of(frame: FrameType) -> Iterator[Path]:
    """The folders of users in which a piece of code stands, the inner ones first."""
    path = Path(frame.f_code.co_filename)
    if not _is_of_others(path):
        yield from (folder for folder in path.parents if folder in _folders)


def _is_of_others(path: Path) -> bool:
    """Whether it is Python's, of a package or ours: an environment may lie in a user's folder."""
    return _OURS in path.parents or is_below(path, "stdlib", "platstdlib", "purelib", "platlib")


_FIRST = _Finder(_folder_of_importer)
_LAST = _Finder(_folders_of_importers)
