"""What a run records of a function, and how the function is found again on this machine.

A record names the `FunctionProblem` at the top level of a file. A file may also make one on the
fly, ``shoal.search(shoal.FunctionProblem(f, bounds))``. Then the record names the function ``f``,
and has the bounds as numbers, and the file itself has to say, in that very call, that ``f`` is a
function to be searched: a record, which may come from anywhere, cannot choose another function to
be called.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any, TypeGuard

import numpy as np

from shoal.errors import FunctionError, ProblemError
from shoal.functions.definition import FunctionProblem
from shoal.functions.registry import BUNDLED, get_function
from shoal.objectives.options import plain_function
from shoal.objectives.registry import Metric
from shoal.problems import references
from shoal.problems.references import Code

# The kind of the problem, and the name of its one metric.
KIND = "function"
VALUE = "value"

_A_FUNCTION = "a function"


def function_metric(function: FunctionProblem) -> Metric:
    """The metric of a function: its value."""
    return Metric(VALUE, "Value", function.direction, function.unit)


# ---- The record ------------------------------------------------------------------------------


def describe_function(function: FunctionProblem) -> dict[str, Any]:
    """What a run records of a function, as JSON values.

    Raises
    ------
    ProblemError
        No other process could import it: it is defined in a notebook, as a lambda, or in another
        function.
    """
    box = function.box
    record: dict[str, Any] = {
        "kind": KIND,
        "name": function.name,
        "metric": function_metric(function).to_dict(),
        "dimensions": box.dimensions,
        "bounds": np.column_stack([box.lower, box.upper]).tolist(),
        "integers": np.flatnonzero(box.whole).tolist(),
        "constraints": _constraint_names(function),
        "vectorized": function.vectorized,
        "options": dict(function.options),
        # Whether the reference is that of a plain function, of which the file makes a problem.
        "on_the_fly": False,
        "reference": function.name,
        "sha256": None,
        "code": None,
        "versions": references.versions(),
    }
    if _is_bundled(function):
        return record

    code = _code_at_top(function)
    if code is None:
        code = _code_on_the_fly(function)
        record["on_the_fly"] = True
    return {**record, "reference": code.reference, "sha256": code.sha256, "code": code.text}


def load_function(record: Mapping[str, Any]) -> FunctionProblem:
    """The function that a record names, imported from this machine.

    Raises
    ------
    CodeChangedError
        Its file is missing, or is not the recorded one.
    ProblemError
        It cannot be imported, or is none.
    """
    reference = record.get("reference")
    sha256 = record.get("sha256")
    options = record.get("options")
    if not isinstance(reference, str) or not isinstance(options, Mapping):
        raise _damaged()

    try:
        if sha256 is None:
            return get_function(reference).with_options(**options)

        found = references.find_recorded(reference, str(sha256))
        if isinstance(found, FunctionProblem):
            return found.with_options(**options)
        return _made_again(found, record)
    except FunctionError as error:
        # A worker and a supervisor say what is wrong with a problem, whatever its kind.
        raise ProblemError(error.problem, expected=error.expected, remedy=error.remedy) from None


def as_function(found: Any, reference: str) -> FunctionProblem:
    """What was found under a reference, if it is a function to search. Raises `ProblemError`."""
    if isinstance(found, FunctionProblem):
        return found
    raise ProblemError(
        f"{reference} is a {type(found).__name__}, not a function to search.",
        expected="a shoal.FunctionProblem, or a function under @shoal.function(bounds=...)",
        remedy="write problem = shoal.FunctionProblem(f, bounds) at the file's top level, and give "
        "that name",
    )


def _damaged() -> ProblemError:
    return ProblemError(
        "The run's record of its function is damaged.",
        expected="a reference, a hash, options and bounds",
        remedy="restore a backup of the store",
    )


def _is_bundled(function: FunctionProblem) -> bool:
    """Whether a name alone finds this very function."""
    return function.name in BUNDLED and _is_same(get_function(function.name), function)


def _is_same(one: FunctionProblem, other: FunctionProblem) -> bool:
    """Whether two problems are the same but for the values of their options."""
    for field in fields(FunctionProblem):
        own = getattr(one, field.name)
        others = getattr(other, field.name)
        # Bounds, whole coordinates and constraints may be of any type: they are the same objects.
        is_plain = isinstance(own, str | int)
        is_same = own is others or (is_plain and own == others)
        if field.name != "options" and not is_same:
            return False
    return True


# ---- Where it stands -------------------------------------------------------------------------


def _code_at_top(function: FunctionProblem) -> Code | None:
    """The file that has a problem at its top level, and its name there; None: none has."""
    for module in _modules(function):
        for name, value in list(vars(sys.modules[module]).items()):
            if not isinstance(value, FunctionProblem) or not _is_same(value, function):
                continue
            code = references.code_in_module(module, name)
            if code is not None and name in _names_at_top(code.text):
                return code
    return None


def _code_on_the_fly(function: FunctionProblem) -> Code:
    """The file that makes a problem of a function of its own, and that function's name."""
    # It raises for what stands in no file.
    code = references.code_of(function.function, _A_FUNCTION)
    if _is_called_for(code, _names_of(function)):
        return code
    raise ProblemError(
        f"{function.name} cannot be found again by another process.",
        expected="a shoal.FunctionProblem at the top level of the file that defines its function",
        remedy="write problem = shoal.FunctionProblem(f, bounds) there, and search `problem`",
    )


def _modules(function: FunctionProblem) -> list[str]:
    """The modules in which a problem may have a name: first that of its function."""
    own = getattr(plain_function(function.function), "__module__", None)
    names = dict.fromkeys([own, "__main__", *references.executed_modules()])
    return [name for name in names if name in sys.modules]


def _constraint_names(function: FunctionProblem) -> list[str]:
    """What the constraints are called, for people."""
    names = []
    for constraint in _as_list(function.constraints):
        names.append(getattr(constraint, "__name__", type(constraint).__name__))
    return names


def _as_list(constraints: Any) -> list[Any]:
    if constraints is None:
        return []
    if isinstance(constraints, list | tuple):
        return list(constraints)
    return [constraints]


def _names_of(function: FunctionProblem) -> list[str]:
    """The names of the function and of its constraints, as the file has to give them."""
    plain = plain_function(function.function)
    return [getattr(plain, "__name__", ""), *_constraint_names(function)]


def _names_at_top(text: str) -> set[str]:
    """The names that a file defines whenever it is imported, not only when it is run."""
    names = set()
    for statement in ast.parse(text).body:
        targets: Sequence[ast.AST] = ()
        if isinstance(statement, ast.FunctionDef):
            names.add(statement.name)
        elif isinstance(statement, ast.Assign):
            targets = statement.targets
        elif isinstance(statement, ast.AnnAssign):
            targets = [statement.target]
        names |= {target.id for target in targets if isinstance(target, ast.Name)}
    return names


# ---- A problem that a file makes on the fly --------------------------------------------------


def _made_again(found: Any, record: Mapping[str, Any]) -> FunctionProblem:
    """The problem of a plain function, with the bounds and the rest of a record."""
    reference = str(record["reference"])
    names = record.get("constraints")
    if not callable(found) or not _are_names(names):
        return as_function(found, reference)

    code = references.code_of(found, _A_FUNCTION)
    function_name = reference.rpartition(":")[2]
    is_defined_there = code.sha256 == record["sha256"]
    if not is_defined_there or not _is_called_for(code, [function_name, *names]):
        return as_function(found, reference)

    module = sys.modules[plain_function(found).__module__]
    constraints: list[Callable[..., Any]] = [getattr(module, name) for name in names]
    try:
        return FunctionProblem(
            found,
            record["bounds"],
            integers=record["integers"],
            constraints=constraints or None,
            direction=record["metric"]["direction"],
            unit=record["metric"]["unit"],
            vectorized=bool(record["vectorized"]),
            name=str(record["name"]),
            options=record["options"],
        )
    except (KeyError, TypeError):
        raise _damaged() from None


def _are_names(value: Any) -> TypeGuard[list[str]]:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


def _is_called_for(code: Code, names: Sequence[str]) -> bool:
    """Whether a file makes a `FunctionProblem` of these functions, by their names in it."""
    defined = _names_at_top(code.text)
    if not set(names) <= defined:
        return False
    for call in _calls(code.text):
        first = call.args[0] if call.args else _argument(call, "function")
        mentioned = {node.id for node in ast.walk(call) if isinstance(node, ast.Name)}
        is_first = isinstance(first, ast.Name) and first.id == names[0]
        if is_first and set(names) <= mentioned:
            return True
    return False


def _calls(text: str) -> Iterator[ast.Call]:
    """The calls of `FunctionProblem` in a file."""
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Call):
            continue
        called = getattr(node.func, "attr", getattr(node.func, "id", None))
        if called == FunctionProblem.__name__:
            yield node


def _argument(call: ast.Call, name: str) -> ast.expr | None:
    """An argument of a call that is given by its name."""
    for keyword in call.keywords:
        if keyword.arg == name:
            return keyword.value
    return None
