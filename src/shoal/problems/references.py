"""Code that users bring: how a record names it, and how it is found again on this machine.

A run records a reference, ``module:name`` or ``folder/file.py:name``, with the text and the SHA-256
of the defining file. Nothing that a store, a backup, an upload or an export carries is ever
executed. What is executed is read from a file of this machine, once: the very bytes whose hash was
compared with the record are compiled. The recorded text is for people (`shoal show RUN --code`).

Only the defining file is compared. A module that it imports may change unnoticed.

Reading order: `find` and `find_recorded`, `code_of`, then how a file is located and executed.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.machinery
import inspect
import linecache
import logging
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from shoal.errors import CodeChangedError, ProblemError, ShoalError
from shoal.problems.user_folders import imported_anew, is_below, is_installed
from shoal.system.paths import is_file_there, is_there, named_path

_log = logging.getLogger(__name__)

# Groups of entry points, by which installed packages offer code under a name.
PROBLEMS = "shoal.problems"
OBJECTIVES = "shoal.objectives"
DECODERS = "shoal.decoders"

# Digits of a hash that a message shows.
_SHOWN = 12
# How many names of a file a message lists.
_NAMED = 8
# Bytes of a file that a record may hold.
_LARGEST = 1_000_000
# Modules of executed files begin with this.
_MODULE_PREFIX = "shoal_code_"


@dataclass(frozen=True, slots=True)
class Code:
    """The file that defines something.

    Attributes
    ----------
    reference
        ``module:name`` for an installed package, else ``path.py:name`` with an absolute path.
    sha256
        Of the file's bytes, 64 hexadecimal digits.
    text
        What stands in the file, for people.
    """

    reference: str
    sha256: str
    text: str


@dataclass(frozen=True, slots=True)
class _Source:
    """A file as it was read, once.

    Attributes
    ----------
    place
        The reference before its colon: a module, or an absolute path.
    path
        The file, links followed.
    content
        Its bytes.
    """

    place: str
    path: Path
    content: bytes

    @property
    def sha256(self) -> str:
        return sha256_of(self.content)

    def code(self, name: str) -> Code:
        """The code of one of its names."""
        return Code(f"{self.place}:{name}", self.sha256, self.content.decode())


# What was executed in this process, by the name of its module.
_executed: dict[str, _Source] = {}
# Modules that are being executed right now.
_executing: list[str] = []
# One file is executed at a time. It may come back here, as it imports.
_lock = threading.RLock()


# ---- Finding ---------------------------------------------------------------------------------


def is_reference(text: str) -> bool:
    """Whether a text names code: ``module:name`` or ``file.py:name``. ``gym:NAME`` does not.

    Examples
    --------
    >>> is_reference("inventory.py:shop"), is_reference("stock.models:shop")
    (True, True)
    >>> is_reference("gym:CartPole"), is_reference("concrete.csv")
    (False, False)
    """
    place, separator, name = text.rpartition(":")
    if not separator or not name.isidentifier():
        return False
    if _is_path(place):
        return True
    return all(part.isidentifier() for part in place.split(".")) and place != "gym"


def find(reference: str) -> tuple[Any, Code]:
    """Import what a reference names, from this machine.

    Parameters
    ----------
    reference
        ``module:name`` or ``file.py:name``.

    Returns
    -------
    object
        What has that name.
    Code
        The file that was executed.

    Raises
    ------
    ProblemError
        There is no such file, module or name, or importing it failed.
    """
    place, _, name = reference.rpartition(":")
    if _is_path(place):
        path = _path_of(place)
        source = _read(str(path), path)
    else:
        found = _file_of_module(place)
        if found is None:
            raise ProblemError(
                f"The module {place} is not installed here.",
                expected="an installed module, or a file as in folder/file.py:name",
                remedy="install it, or give the file's path",
            )
        source = _read(place, found)

    _check_usable(source)
    return _value(source, name), source.code(name)


def find_recorded(reference: str, sha256: str) -> Any:
    """Import what a record names, if the file here is still the recorded one.

    Nothing is executed before the hashes were compared, and what is executed are the bytes that
    were compared.

    Parameters
    ----------
    reference
        ``module:name``, or ``path.py:name`` with an absolute path.
    sha256
        The recorded hash of the file.

    Raises
    ------
    CodeChangedError
        The file is missing or has changed.
    ProblemError
        It cannot be imported.
    """
    source, name = _recorded_source(reference, sha256)
    _check_usable(source)
    return _value(source, name)


def recorded_text(reference: str, sha256: str) -> str:
    """The text of the file that a record names. Nothing is executed.

    Raises
    ------
    CodeChangedError
        The file is missing or has changed.
    ProblemError
        It cannot be read, or is no text.
    """
    source, _ = _recorded_source(reference, sha256)
    _check_usable(source)
    return source.content.decode()


def sha256_of_module(module: str) -> str | None:
    """The hash of the file that `user_folders.import_module` would import; None without one."""
    path = _file_of_module(module, also_here=True)
    if path is None:
        return None
    return _read(module, path).sha256


def check_module(module: str, sha256: str | None) -> None:
    """Refuse a module that a record names, before `user_folders.import_module` imports it.

    Parameters
    ----------
    module
        Its name.
    sha256
        The recorded hash of its file; None: none was recorded.

    Raises
    ------
    CodeChangedError
        The file has another hash.
    ProblemError
        It is a part of Python, which is nobody's own code.
    """
    path = _file_of_module(module, also_here=True)
    if path is None:
        return
    source = _read(module, path)
    _check_usable(source)
    if sha256 not in (None, source.sha256):
        raise _changed(source, str(sha256), "put the file back as it was and resume the run")


def _changed(source: _Source, sha256: str, remedy: str) -> CodeChangedError:
    return CodeChangedError(
        f"{source.place} has changed since the run began: its SHA-256 is "
        f"{source.sha256[:_SHOWN]}...",
        expected=f"the file that the run began with ({sha256[:_SHOWN]}...)",
        remedy=f"{remedy}, or start a new one",
    )


def _recorded_source(reference: str, sha256: str) -> tuple[_Source, str]:
    """The recorded file as it is on this machine, and the name in it. Raises CodeChangedError."""
    place, _, name = reference.rpartition(":")
    path: Path | None = None
    if not is_reference(reference):
        place = reference
    elif not _is_path(place):
        path = _file_of_module(place)
    elif _is_local(place):
        path = Path(place)

    if path is None or not is_file_there(path):
        raise CodeChangedError(
            f"{place} is not on this machine.",
            expected=f"the file that the run began with (SHA-256 {sha256[:_SHOWN]}...)",
            remedy=_remedy_for_missing(place),
        )

    source = _read(place, path)
    if source.sha256 != sha256:
        file = place if _is_path(place) else "FILE"
        put_back = f"put the recorded text back (`shoal code RUN --to {file} --force` writes it)"
        raise _changed(source, sha256, f"{put_back} and resume the run")
    return source, name


def plugins(group: str) -> dict[str, str]:
    """What installed packages offer, as references by name. Nothing is imported.

    Parameters
    ----------
    group
        `PROBLEMS`, `OBJECTIVES` or `DECODERS`.
    """
    offered = {}
    for point in sorted(entry_points(group=group), key=lambda point: point.name):
        offered[point.name] = point.value.replace(" ", "")
    return offered


def code_of(function: Any, what: str, name: str | None = None) -> Code:
    """The code of a function that was defined in a file.

    Parameters
    ----------
    function
        A Python function.
    what
        What it is used for, such as "a simulation".
    name
        Under which name the file has it at its top level, "" if under none; None: its own.

    Raises
    ------
    ProblemError
        It was defined in a notebook, in a terminal, in another function, or as a lambda: no other
        process could import it. Or its file is being imported just now.
    """
    # A function that Numba has compiled holds the one that was written.
    function = getattr(function, "py_func", function)
    own_name = getattr(function, "__qualname__", type(function).__name__)
    if name is None:
        name = own_name
    module = getattr(function, "__module__", "")

    path = _defining_file(function)
    if path is None or not name.isidentifier():
        raise ProblemError(
            f"{own_name} cannot be found again by another process.",
            expected=f"{what} that is defined in a file, at its top level",
            remedy=_remedy_for_unfindable(own_name),
        )
    return _code(module, path, name)


def code_in_module(module: str, name: str) -> Code | None:
    """The code of what a module that was imported here has under a name.

    Parameters
    ----------
    module
        The module's name.
    name
        The name in it.

    Returns
    -------
    Code or None
        None where the module has no file, as in a notebook.
    """
    path = _defining_file(sys.modules[module])
    if path is None:
        return None
    return _code(module, path, name)


def executed_modules() -> tuple[str, ...]:
    """The names of the modules that `find` and `find_recorded` executed in this process."""
    return tuple(_executed)


def _code(module: str, path: Path, name: str) -> Code:
    if module in _executing:
        raise ProblemError(
            f"{_executed[module].path} starts a search while it is imported.",
            expected="a file that only defines things when it is imported, as workers import it",
            remedy='put the lines that start something below `if __name__ == "__main__":`',
        )
    # What was executed is recorded, whatever has become of the file since.
    if module in _executed:
        return _executed[module].code(name)

    # Installed packages move with their environment, files of users do not.
    place = str(path)
    if module != "__main__" and is_installed(path):
        place = module
    source = _read(place, path)
    _check_usable(source)
    return source.code(name)


def name_in_file(function: Any, is_same: Callable[[Any], bool]) -> str:
    """Under which name its file has something that was made of a function.

    Parameters
    ----------
    function
        A function of a user's.
    is_same
        Whether a value of the file's is what was made of it.

    Returns
    -------
    str
        The function's own name, if the file has it under that; else the first that there is; ""
        where there is none.
    """
    function = getattr(function, "py_func", function)
    module = sys.modules.get(function.__module__)
    names = [name for name, value in getattr(module, "__dict__", {}).items() if is_same(value)]
    if function.__name__ in names:
        return str(function.__name__)
    return names[0] if names else ""


def recorded_code(
    run_id: int, record: Mapping[str, Any] | None, setting: str | None = None
) -> Code:
    """The code that a run began with, as text for people. It may be anybody's, and is not executed.

    Parameters
    ----------
    run_id
        The run.
    record
        What it recorded of its problem; None for a table.
    setting
        Of a table: the setting that names the code, "objective", "metric" or "decoder". None: the
        first one.

    Raises
    ------
    ProblemError
        It has none, or its text does not have the recorded hash.
    """
    kept = _kept_codes(record)
    if setting is not None:
        kept = [own for own in kept if setting in own.get("settings", ())]
    if not kept:
        solved = "a table"
        if record is not None and record.get("kind") != "table":
            solved = f"{record['name']}, which is found by its name"
        raise ProblemError(
            f"Run {run_id} solves {solved}: it records no code"
            + (f" of its {setting}." if setting else "."),
            expected="a run of a simulation, an objective, a metric or a decoder of your own",
            remedy="`shoal runs` lists the runs",
        )

    code = Code(kept[0]["reference"], kept[0]["sha256"], kept[0]["code"])
    found = sha256_of(code.text.encode())
    if found != code.sha256:
        raise ProblemError(
            f"The code that run {run_id} records has the SHA-256 {found[:_SHOWN]}..., not the "
            f"recorded {code.sha256[:_SHOWN]}...",
            expected="a record that nobody has changed",
            remedy="restore a backup of the store",
        )
    return code


def _kept_codes(record: Mapping[str, Any] | None) -> list[Mapping[str, Any]]:
    """The codes of a record: that of a simulation, then those that settings name."""
    if record is None:
        return []
    codes = list(record.get("codes", ()))
    if record.get("sha256") is None:
        return codes
    return [record, *codes]


def sha256_of(content: bytes) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def versions() -> dict[str, str]:
    """What the bits of a user's code may depend on: versions of Python and of what computes."""
    import numba
    import numpy as np

    python = ".".join(str(part) for part in sys.version_info[:3])
    return {"python": python, "numpy": np.__version__, "numba": numba.__version__}


# ---- Files, without executing anything -------------------------------------------------------


def _is_path(place: str) -> bool:
    return place.lower().endswith(".py")


def _is_local(place: str) -> bool:
    """Whether a recorded path is absolute and on this machine, not on another one's share."""
    return not place.startswith(("\\\\", "//")) and Path(place).is_absolute()


def _path_of(place: str) -> Path:
    try:
        return named_path(place).resolve()
    except OSError as error:
        raise _unreadable(place, error) from None


def _read(place: str, path: Path) -> _Source:
    try:
        if is_there(path) and not path.is_file():
            raise IsADirectoryError(0, "It is no file")
        return _Source(place, path, path.read_bytes())
    except OSError as error:
        raise _unreadable(str(path), error) from None


def _unreadable(place: str, error: OSError) -> ProblemError:
    return ProblemError(
        f"{place}: {error.strerror}.",
        expected="a Python file that can be read",
        remedy="check the path before the colon",
    )


def _check_usable(source: _Source) -> None:
    """Refuse what cannot be recorded, and what is nobody's own code."""
    if len(source.content) > _LARGEST:
        raise ProblemError(
            f"{source.path} has {len(source.content):,} bytes.",
            expected=f"at most {_LARGEST:,}, as the record of a run holds the text",
            remedy="put the function into a file of its own",
        )
    try:
        source.content.decode()
    except UnicodeDecodeError as error:
        raise ProblemError(
            f"{source.path} is not in UTF-8: byte {error.start} is "
            f"0x{source.content[error.start]:02x}.",
            expected="a Python file in UTF-8",
            remedy="save it in that encoding",
        ) from None
    if is_below(source.path, "stdlib", "platstdlib") and not is_installed(source.path):
        raise ProblemError(
            f"{source.path} is a part of Python itself.", expected="code of your own"
        )


def _file_of_module(name: str, *, also_here: bool = False) -> Path | None:
    """The Python file of a module, found as an import would; nothing is imported.

    With ``also_here`` the current folder is the last place that is looked at.
    """
    search: Any = None
    spec: importlib.machinery.ModuleSpec | None = None
    parts = name.split(".")
    for count in range(1, len(parts) + 1):
        spec = _spec(".".join(parts[:count]), search)
        if spec is None and also_here and count == 1:
            spec = importlib.machinery.PathFinder.find_spec(parts[0], [str(Path.cwd())])
        if spec is None:
            return None
        search = spec.submodule_search_locations
        if search is None and count < len(parts):
            return None

    if spec is None or not spec.has_location or spec.origin is None:
        return None
    path = Path(spec.origin).resolve()
    return path if path.suffix == ".py" else None


def _spec(name: str, search: Any) -> importlib.machinery.ModuleSpec | None:
    for finder in sys.meta_path:
        find_spec = getattr(finder, "find_spec", None)
        if find_spec is None:
            continue
        spec: importlib.machinery.ModuleSpec | None = find_spec(name, search)
        if spec is not None:
            return spec
    return None


def _defining_file(function: Any) -> Path | None:
    try:
        name = inspect.getsourcefile(function)
    except TypeError:
        return None
    if name is None or not Path(name).is_file():
        return None
    return Path(name).resolve()


def _package_of(path: Path) -> tuple[Path, str]:
    """The folder that has to be searched so that a file's own imports work, and its package."""
    folder = path.parent
    parents: list[str] = []
    while (folder / "__init__.py").is_file():
        parents.insert(0, folder.name)
        folder = folder.parent
    return folder, ".".join(parents)


# ---- Executing -------------------------------------------------------------------------------


def _value(source: _Source, name: str) -> Any:
    module = _module_of(source)
    if not hasattr(module, name):
        raise ProblemError(
            f"{source.place} defines no {name!r}.",
            expected=_names_in(module),
            remedy="correct the name after the colon",
        )
    return getattr(module, name)


def _module_of(source: _Source) -> ModuleType:
    """The module of a file's content. The same content is executed once in a process."""
    with _lock:
        key = _key(source)
        name = _MODULE_PREFIX + key
        known = sys.modules.get(name)
        if known is not None:
            return known

        module = ModuleType(name)
        module.__file__ = str(source.path)
        root, package = _package_of(source.path)
        module.__package__ = package
        # Numba and pickle look a function's module up by its name.
        sys.modules[name] = module
        _executed[name] = source
        _executing.append(name)
        done = False
        try:
            with imported_anew(root), _compiled_code_kept_apart(source, key):
                _execute(source, module)
            done = True
        finally:
            _executing.remove(name)
            if not done:
                del sys.modules[name]
                del _executed[name]

        _log.info("imported %s, SHA-256 %s", source.path, source.sha256)
        return module


def _execute(source: _Source, module: ModuleType) -> None:
    path = str(source.path)
    # Tracebacks show the lines that were executed.
    lines = source.content.decode().splitlines(keepends=True)
    linecache.cache[path] = (len(source.content), None, lines, path)
    try:
        # What it prints is not for whoever reads our output.
        with contextlib.redirect_stdout(sys.stderr):
            code = compile(source.content, path, "exec", dont_inherit=True)
            exec(code, module.__dict__)
    # It says what to do by itself.
    except ShoalError:
        raise
    except (Exception, SystemExit) as error:
        raise ProblemError(
            f"{source.path} cannot be imported: {_described(error, source.path)}.",
            expected="a file that Python can import",
            remedy="correct that line, or install what it needs",
        ) from None


def _key(source: _Source) -> str:
    """Names a file's content, and that of the Python files beside it, which it may import."""
    digest = hashlib.sha256(source.content)
    digest.update(str(source.path).encode())
    for path in sorted(source.path.parent.glob("*.py")):
        if path != source.path and path.is_file():
            digest.update(path.name.encode())
            with contextlib.suppress(OSError):
                digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


@contextlib.contextmanager
def _compiled_code_kept_apart(source: _Source, key: str) -> Iterator[None]:
    """Within the block, what Numba keeps on disk (``cache=True``) is for these very files.

    Numba goes by time stamp and size of one file, so a file that was put back could meet the
    compiled code of another version.
    """
    if b"numba" not in source.content and "numba" not in sys.modules:
        yield
        return

    from shoal.numerics.compiled_code import cache_home, can_keep_in, compiled_code_in

    if not can_keep_in(cache_home()):
        yield
        return
    with compiled_code_in(cache_home() / f"code-{key}"):
        yield


# ---- Words of messages -----------------------------------------------------------------------


def _remedy_for_missing(place: str) -> str:
    if not _is_path(place):
        return "install the package that it belongs to, then resume the run"
    return f"put the recorded text back (`shoal code RUN --to {place}`), then resume the run"


def _described(error: BaseException, path: Path) -> str:
    """An error with the line of the user's file that it came from."""
    place = ""
    text = str(error)
    if isinstance(error, SyntaxError):
        place = f"line {error.lineno}: "
        text = error.msg
    for frame in traceback.extract_tb(error.__traceback__):
        if frame.filename == str(path):
            place = f"line {frame.lineno}: "
    if not text:
        return f"{place}{type(error).__name__}"
    return f"{place}{type(error).__name__}: {text.rstrip('.')}"


def _names_in(module: ModuleType) -> str:
    """What a file defines, for a message."""
    names = []
    for name, value in vars(module).items():
        function = getattr(value, "function", value)
        is_own = getattr(function, "__module__", None) == module.__name__
        if callable(value) and is_own and not name.startswith("_"):
            names.append(name)
    if not names:
        return "a name that stands in the file"
    return "one of " + ", ".join(names[:_NAMED])


def _remedy_for_unfindable(qualified_name: str) -> str:
    """What to do with a function that stands in another one or has no name."""
    name = qualified_name.rpartition(".")[2]
    if name == "<lambda>":
        return "write it with `def` in a file of its own, such as problem.py"

    # A file that is called as a module of Python would hide that.
    hides = name in sys.stdlib_module_names
    if hides or not name.isidentifier() or name.startswith("__"):
        name = "problem"
    return f"put it into a file of its own, such as {name}.py"
