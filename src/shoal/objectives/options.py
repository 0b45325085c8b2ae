"""Options of functions that users write: parameters with defaults, which a run may set."""

from __future__ import annotations

import inspect
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from importlib import import_module
from pathlib import Path
from typing import Any, cast

from shoal.errors import ShoalError

# An option's type is that of its default.
Option = bool | int | float | str
# Compiled code has numbers of 64 bits.
_LARGEST_FLOAT = sys.float_info.max
_LARGEST_INT = 2**63 - 1


class Reproducible:
    """What a decorator made of a function can be pickled and copied, as functions can.

    Pickle finds a function by its module and name, and meets there what the decorator made.
    """

    __slots__ = ()

    def __reduce__(self) -> tuple[Any, ...]:
        values = {own.name: getattr(self, own.name) for own in fields(cast(Any, self))}
        function = values["function"]
        module = getattr(function, "__module__", "")
        name = getattr(function, "__qualname__", "")
        at_top = getattr(sys.modules.get(module), name, None)
        # The script that runs has another name in other processes.
        if module == "__main__" or getattr(at_top, "function", None) is not function:
            return _made, (type(self), values)

        del values["function"]
        return _made_again, (module, name, values)


def _made(kind: type, values: Mapping[str, Any]) -> Any:
    return kind(**values)


def _made_again(module: str, name: str, values: Mapping[str, Any]) -> Any:
    """What has that name, with other options."""
    return replace(getattr(import_module(module), name), **values)


def name_of(function: Any) -> str:
    """What a function is called."""
    return getattr(function, "__name__", repr(function))


def plain_function(function: Any) -> Any:
    """The function that was written, where Numba has compiled it."""
    return getattr(function, "py_func", function)


def line_of(error: BaseException, function: Any) -> str:
    """The line of a function's own file that an error came through, as ", in line 7 of my.py".

    Empty where there is none, as of compiled code.
    """
    code = getattr(plain_function(function), "__code__", None)
    place = ""
    for frame in traceback.extract_tb(error.__traceback__):
        if code is not None and frame.filename == code.co_filename:
            place = f", in line {frame.lineno} of {Path(frame.filename).name}"
    return place


def options_of(
    function: Callable[..., Any],
    what: str,
    positional: tuple[str, ...],
    failure: type[ShoalError],
    *,
    keywords: bool = False,
) -> dict[str, Option]:
    """The defaults of all parameters behind the first ones.

    Parameters
    ----------
    function
        What a user wrote.
    what
        Names it at the start of a sentence, such as "The simulation".
    positional
        What the first parameters are, for the message.
    failure
        The class of the error.
    keywords
        Whether options may be given by their names only.

    Raises
    ------
    ShoalError
        Of that class: it is no function, it takes other parameters, or a default is of a type that
        a record cannot hold.
    """
    if not callable(function):
        raise failure(
            f"{function!r} is no function.",
            expected=f"a function of {', '.join(positional)}",
        )

    function = plain_function(function)
    parameters = list(inspect.signature(function).parameters.values())
    first = [own for own in parameters if own.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]
    named = list(first)
    if keywords:
        named += [own for own in parameters if own.kind is inspect.Parameter.KEYWORD_ONLY]
    if len(first) < len(positional) or len(named) != len(parameters):
        raise failure(
            f"{what} {name_of(function)} takes {inspect.signature(function)}.",
            expected=f"({', '.join(positional)}), then options with defaults",
        )

    options = {}
    for parameter in named[len(positional) :]:
        if not isinstance(parameter.default, Option):
            raise failure(
                f"The option {parameter.name} of {name_of(function)} has the default "
                f"{_default_text(parameter)}.",
                expected="a number, a truth value or a text",
            )
        options[parameter.name] = parameter.default
    return options


def _default_text(parameter: inspect.Parameter) -> str:
    if parameter.default is inspect.Parameter.empty:
        return "none"
    return repr(parameter.default)


def with_values(
    options: Mapping[str, Option], changes: Mapping[str, Any], owner: str, failure: type[ShoalError]
) -> dict[str, Option]:
    """The options, some with other values.

    Parameters
    ----------
    options
        By name.
    changes
        Values by name, each of the type of its default.
    owner
        Whose options they are, such as "The simulation lost-sales".
    failure
        The class of the error.

    Raises
    ------
    ShoalError
        Of that class: there is no such option, or a value is of another type.
    """
    changed = dict(options)
    for name, value in changes.items():
        if name not in options:
            raise failure(
                f"{owner} has no option {name!r}.",
                expected="one of " + (", ".join(options) or "none"),
            )
        changed[name] = _like_default(name, value, options[name], failure)
    return changed


def _like_default(name: str, value: Any, default: Option, failure: type[ShoalError]) -> Option:
    """A value of the type that the default has: compiled code knows no other."""
    kind = type(default)
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    # Neither NaN nor infinite.
    if kind is float and is_number and abs(value) <= _LARGEST_FLOAT:
        return float(value)
    if kind is int and is_number and abs(value) <= _LARGEST_INT and value == int(value):
        return int(value)
    if kind in (bool, str) and isinstance(value, kind):
        return value
    raise failure(f"{name}={value!r}.", expected=f"a value like the default, which is {default!r}")
