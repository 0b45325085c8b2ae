"""Code that users bring: how a record names it, and how it is found again on this machine.

A run records a reference, ``module:function`` or ``folder/file.py:function``, with the text and the
SHA-256 of the defining file. Nothing that a store, a backup, an upload or an export carries is ever
executed: the reference is imported from this machine, and only if the file here has the recorded
hash. The recorded text is for people (`shoal show RUN --code`).

Only the defining file is compared. A module that it imports may change unnoticed.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import linecache
import logging
import sys
import sysconfig
import traceback
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from shoal.errors import CodeChangedError, ProblemError

_log = logging.getLogger(__name__)

# Digits of a hash that a message shows.
_SHOWN = 12
# How many names of a file a message lists.
_NAMED = 8


@dataclass(frozen=True, slots=True)
class Code:
    """The file that defines something.

    Attributes
    ----------
    reference
        ``module:name``, or ``path.py:name`` with an absolute path.
    sha256
        Of the file's bytes, 64 hexadecimal digits.
    text
        What stands in the file, for people.
    """

    reference: str
    sha256: str
    text: str


def is_reference(text: str) -> bool:
    """Whether a text names code: ``module:name`` or ``file.py:name``. ``gym:NAME`` does not."""
    place, separator, name = text.rpartition(":")
    if not separator or not name.isidentifier():
        return False
    if place.endswith(".py"):
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
        The defining file.

    Raises
    ------
    ProblemError
        There is no such file, module or name, or importing it failed.
    """
    place, _, name = reference.rpartition(":")
    if place.endswith(".py"):
        path = Path(place).expanduser().resolve()
        content = _read(path)
        module = _module_of(path, content)
        reference = f"{path}:{name}"
    else:
        module = _imported(place)
        path = _file_of(module, reference)
        content = _read(path)

    if not hasattr(module, name):
        raise ProblemError(
            f"{place} defines no {name!r}.",
            expected=_names_in(module),
            remedy="correct the name after the colon",
        )
    return getattr(module, name), Code(reference, _sha256(content), _text(content))


def find_recorded(reference: str, sha256: str) -> Any:
    """Import what a record names, if the file here is still the recorded one.

    Nothing is executed before the hashes were compared.

    Raises
    ------
    CodeChangedError
        The file is missing or has changed.
    ProblemError
        It cannot be imported.
    """
    place = reference.rpartition(":")[0]
    path = Path(place)
    if not place.endswith(".py"):
        path = _file_without_import(place)

    try:
        found = _sha256(path.read_bytes())
    except OSError:
        raise CodeChangedError(
            f"{place} is not on this machine.",
            expected=f"the file that the run began with (SHA-256 {sha256[:_SHOWN]}...)",
            remedy="`shoal code RUN --to FILE` writes its recorded text; put it in that place, "
            "then resume the run",
        ) from None
    if found != sha256:
        raise CodeChangedError(
            f"{place} has changed since the run began: SHA-256 {found[:_SHOWN]}..., "
            f"recorded {sha256[:_SHOWN]}...",
            expected="the file that the run began with",
            remedy="put the recorded text back (`shoal code RUN --to FILE` writes it) and resume, "
            "or start a new run",
        )

    value, _ = find(reference)
    return value


def code_of(function: Any, what: str) -> Code:
    """The reference of a function that was defined in a file.

    Parameters
    ----------
    function
        A Python function.
    what
        What it is used for, such as "a simulation".

    Raises
    ------
    ProblemError
        It was defined in a notebook, in a terminal, in another function, or as a lambda: no other
        process could import it.
    """
    name = function.__qualname__
    source = inspect.getsourcefile(function)
    if source is None or not Path(source).is_file() or not name.isidentifier():
        raise ProblemError(
            f"{name} cannot be found again by another process.",
            expected=f"{what} that is defined in a file, at its top level",
            remedy=f"put it into a file of its own, such as {_file_name(name)}",
        )

    path = Path(source).resolve()
    content = _read(path)
    reference = f"{path}:{name}"
    module = function.__module__
    # Installed packages move with their environment, files of users do not.
    if module != "__main__" and _is_installed(path):
        reference = f"{module}:{name}"
    return Code(reference, _sha256(content), _text(content))


def versions() -> dict[str, str]:
    """What the bits of a user's code may depend on: versions of Python and of what computes."""
    import numba
    import numpy as np

    python = ".".join(str(part) for part in sys.version_info[:3])
    return {"python": python, "numpy": np.__version__, "numba": numba.__version__}


# ---- Files and modules -------------------------------------------------------------------------


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ProblemError(
            f"{path}: {error.strerror}.",
            expected="a Python file that can be read",
            remedy="check the path before the colon",
        ) from None


def _module_of(path: Path, content: bytes) -> ModuleType:
    """The module of a file. The same content in the same place is executed once in a process."""
    name = f"shoal_code_{_sha256(str(path).encode() + content)[:16]}"
    known = sys.modules.get(name)
    if known is not None:
        return known

    module = ModuleType(name)
    module.__file__ = str(path)
    # So that the file can import what lies beside it.
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))

    # Numba and pickle look a function's module up by its name.
    sys.modules[name] = module
    linecache.checkcache(str(path))
    try:
        exec(compile(content, str(path), "exec"), module.__dict__)
    except Exception as error:
        del sys.modules[name]
        raise ProblemError(
            f"{path} cannot be imported: {_described(error, path)}.",
            expected="a file that Python can import",
            remedy="mend that line",
        ) from None
    _log.info("imported %s, SHA-256 %s", path, _sha256(content))
    return module


def _imported(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except Exception as error:
        raise ProblemError(
            f"The module {name} cannot be imported: {type(error).__name__}: {error}.",
            expected="a module that is installed here, or a file as folder/file.py:name",
            remedy="install it, or correct the name",
        ) from None


def _file_of(module: ModuleType, reference: str) -> Path:
    source = inspect.getsourcefile(module)
    if source is None:
        raise ProblemError(
            f"{reference} has no Python file.", expected="code that is written in Python"
        )
    return Path(source).resolve()


def _file_without_import(name: str) -> Path:
    """The file of a module. Packages above it are imported, the module itself is not."""
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        spec = None
    if spec is None or spec.origin is None:
        raise CodeChangedError(
            f"The module {name} is not installed here.",
            expected="the package that the run began with",
            remedy="install it, then resume the run",
        )
    return Path(spec.origin)


def _is_installed(path: Path) -> bool:
    places = {Path(sysconfig.get_path(kind)).resolve() for kind in ("purelib", "platlib", "stdlib")}
    return any(place in path.parents for place in places)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _text(content: bytes) -> str:
    return content.decode("utf-8", errors="replace")


# ---- Words of messages -------------------------------------------------------------------------


def _described(error: Exception, path: Path) -> str:
    """An error with the line of the user's file that it came from."""
    place = ""
    if isinstance(error, SyntaxError):
        place = f"line {error.lineno}: "
    for frame in traceback.extract_tb(error.__traceback__):
        if frame.filename == str(path):
            place = f"line {frame.lineno}: "
    message = error.msg if isinstance(error, SyntaxError) else str(error)
    return f"{place}{type(error).__name__}: {message}"


def _names_in(module: ModuleType) -> str:
    """What a file defines, for a message."""
    names = []
    for name, value in vars(module).items():
        # What decorators make of a function keeps it as ``function``.
        function = getattr(value, "function", value)
        is_own = getattr(function, "__module__", None) == module.__name__
        if callable(value) and is_own and not name.startswith("_"):
            names.append(name)
    if not names:
        return "a function"
    return "one of " + ", ".join(names[:_NAMED])


def _file_name(name: str) -> str:
    simple = "".join(letter for letter in name if letter.isalnum() or letter == "_")
    if not simple.isidentifier():
        return "problem.py"
    return f"{simple}.py"
